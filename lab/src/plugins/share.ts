import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { IMainMenu } from '@jupyterlab/mainmenu';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { shareIcon } from '@jupyterlab/ui-components';

import { CommandIDs } from './commands.js';
import { ICoterie } from './tokens.js';

/** Opens the share window. It is a window of its own, so that nothing on this page can drive or cover it. */
export const share: JupyterFrontEndPlugin<void> = {
  id: '@coterie/lab:share',
  description: 'The command that opens the share window.',
  autoStart: true,
  requires: [ICoterie],
  optional: [IMainMenu, ICommandPalette, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    coterie: ICoterie | null,
    mainMenu: IMainMenu | null,
    palette: ICommandPalette | null,
    translator: ITranslator | null,
  ): void => {
    if (!coterie) {
      return;
    }
    const trans = (translator ?? nullTranslator).load('coterie');
    const { shareUrl } = coterie.page;
    app.commands.addCommand(CommandIDs.share, {
      label: (args) => (args.toolbar ? trans.__('Share') : trans.__('Share Workspace…')),
      caption: trans.__('See and change who can use this workspace'),
      icon: shareIcon,
      isVisible: () => shareUrl !== '',
      execute: () => {
        window.open(shareUrl, '_blank', 'noopener');
      },
      describedBy: { args: { type: 'object', properties: { toolbar: { type: 'boolean' } } } },
    });
    mainMenu?.fileMenu.addGroup([{ command: CommandIDs.share }], 30);
    palette?.addItem({ command: CommandIDs.share, category: trans.__('Workspace') });
  },
};
