import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { CommandToolbarButton } from '@jupyterlab/ui-components';

import { roleTitle } from '../model/roles.js';
import { AccessChip } from '../view/chip.js';
import { CommandIDs } from './commands.js';
import { ICoterie } from './tokens.js';

/** Right of JupyterLab's own top bar, which takes the room between. */
const RANK = 1000;

/** Puts the workspace's name, the person's role and the Share button into the top bar. */
export const topBar: JupyterFrontEndPlugin<void> = {
  id: '@coterie/lab:top-bar',
  description: "The workspace's name, the person's role and the Share button.",
  autoStart: true,
  requires: [ICoterie],
  optional: [ITranslator],
  activate: (app: JupyterFrontEnd, coterie: ICoterie | null, translator: ITranslator | null): void => {
    if (!coterie) {
      return;
    }
    const { access, page } = coterie;
    const trans = (translator ?? nullTranslator).load('coterie');
    const chip = new AccessChip(trans);
    chip.id = 'coterie-chip';
    const refresh = () =>
      chip.setProps({ name: page.name, role: trans.__(roleTitle(access.role)), reasons: access.reasons });
    refresh();
    access.changed.connect(refresh);
    const button = new CommandToolbarButton({ commands: app.commands, id: CommandIDs.share, args: { toolbar: true } });
    button.id = 'coterie-share';
    button.addClass('coterie-Share');
    app.shell.add(chip, 'top', { rank: RANK });
    app.shell.add(button, 'top', { rank: RANK + 1 });
  },
};
