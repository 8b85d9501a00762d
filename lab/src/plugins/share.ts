import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { IMainMenu } from '@jupyterlab/mainmenu';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { shareIcon } from '@jupyterlab/ui-components';
import { Menu } from '@lumino/widgets';

import { CommandIDs } from './commands.js';
import { ICoterie } from './tokens.js';

/** Where in the share window the invitations are. */
const INVITATIONS = '#invitations';

/** Between JupyterLab's Settings (999) and Help (1000). */
const MENU_RANK = 999.5;

/** Opens the share window. It is a window of its own, so that nothing on this page can drive or cover it. */
export const share: JupyterFrontEndPlugin<void> = {
  id: '@coterie/lab:share',
  description: 'The commands that open the share window, and the menu for the one at its invitations.',
  autoStart: true,
  requires: [ICoterie],
  optional: [IMainMenu, ICommandPalette, ITranslator],
  activate: (
    { commands }: JupyterFrontEnd,
    coterie: ICoterie | null,
    mainMenu: IMainMenu | null,
    palette: ICommandPalette | null,
    translator: ITranslator | null,
  ): void => {
    if (!coterie) {
      return;
    }
    const trans = (translator ?? nullTranslator).load('coterie');
    const { isHome, shareUrl } = coterie.page;
    const [title, caption] = isHome
      ? [trans.__('Share Home…'), trans.__('See and change who can use this home')]
      : [trans.__('Share Workspace…'), trans.__('See and change who can use this workspace')];
    commands.addCommand(CommandIDs.share, {
      label: (args) => (args.toolbar ? trans.__('Share') : title),
      caption,
      icon: shareIcon,
      isVisible: () => shareUrl !== '',
      execute: () => openBeside(shareUrl),
      describedBy: { args: { type: 'object', properties: { toolbar: { type: 'boolean' } } } },
    });
    commands.addCommand(CommandIDs.userSharing, {
      label: trans.__('Open user sharing menu'),
      caption: trans.__('Invite people by a link, and see who accepted'),
      isVisible: () => shareUrl !== '',
      execute: () => openBeside(shareUrl + INVITATIONS),
      describedBy: { args: { type: 'object', properties: {} } },
    });
    const category = isHome ? trans.__('Home') : trans.__('Workspace');
    for (const command of [CommandIDs.share, CommandIDs.userSharing]) {
      palette?.addItem({ command, category });
    }
    mainMenu?.fileMenu.addGroup([{ command: CommandIDs.share }], 30);
    if (mainMenu && shareUrl) {
      const menu = new Menu({ commands });
      menu.id = 'coterie-user-sharing';
      menu.title.label = trans.__('User sharing');
      menu.addItem({ command: CommandIDs.userSharing });
      mainMenu.addMenu(menu, true, { rank: MENU_RANK });
    }
  },
};

function openBeside(address: string): void {
  window.open(address, '_blank', 'noopener');
}
