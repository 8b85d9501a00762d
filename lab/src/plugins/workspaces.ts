import { ILayoutRestorer, type JupyterFrontEnd, type JupyterFrontEndPlugin } from '@jupyterlab/application';
import { IThemeManager } from '@jupyterlab/apputils';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { LabIcon } from '@jupyterlab/ui-components';

import { sidebarUrl } from '../api/page.js';
import { WorkspacesPanel } from '../view/workspaces.js';
import { ICoterie } from './tokens.js';

/** After JupyterLab's own file browser and running sessions. */
const RANK = 250;

const icon = new LabIcon({
  name: 'coterie:workspaces',
  svgstr: `<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 24 24"><path class="jp-icon3 jp-icon-selectable" fill="#616161" d="M4 5h7l2 2h7a1 1 0 0 1 1 1v4.3a6 6 0 0 0-2-.9V9H5v9h5.1a6 6 0 0 0 .2 2H4a1 1 0 0 1-1-1V6a1 1 0 0 1 1-1zm12 8a2.25 2.25 0 1 1 0 4.5 2.25 2.25 0 0 1 0-4.5zm5 1.5a1.75 1.75 0 1 1 0 3.5 1.75 1.75 0 0 1 0-3.5zM16 18.5c2.2 0 4 1.2 4 3v.5h-8v-.5c0-1.8 1.8-3 4-3zm5 .5c1.7 0 3 .9 3 2.3v.7h-2.8v-.5c0-.9-.3-1.7-.9-2.4.2-.1.5-.1.7-.1z"/></svg>`,
});

/** Lists the person's workspaces in the left bar, whatever their role here. */
export const workspaces: JupyterFrontEndPlugin<void> = {
  id: '@coterie/lab:workspaces',
  description: "The person's workspaces in the left bar.",
  autoStart: true,
  requires: [ICoterie],
  optional: [ILayoutRestorer, IThemeManager, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    coterie: ICoterie | null,
    restorer: ILayoutRestorer | null,
    themes: IThemeManager | null,
    translator: ITranslator | null,
  ): void => {
    if (!coterie?.page.serviceUrl) {
      return;
    }
    const { page } = coterie;
    const title = (translator ?? nullTranslator).load('coterie').__('Workspaces');
    const panel = new WorkspacesPanel();
    panel.title.icon = icon;
    panel.title.caption = title;
    const refresh = () => panel.setProps({ title, href: sidebarUrl(page, isDark(themes)) });
    refresh();
    themes?.themeChanged.connect(refresh);
    app.shell.add(panel, 'left', { rank: RANK });
    restorer?.add(panel, panel.id);
  },
};

/** Before a theme is loaded nobody knows; the next word comes with it. */
function isDark(themes: IThemeManager | null): boolean {
  return Boolean(themes?.theme && !themes.isLight(themes.theme));
}
