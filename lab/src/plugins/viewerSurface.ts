import { ILabShell, type JupyterFrontEnd, type JupyterFrontEndPlugin } from '@jupyterlab/application';
import { IMainMenu, MainMenu } from '@jupyterlab/mainmenu';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import type { Menu } from '@lumino/widgets';

import { ROLES } from '../generated.js';
import { stillGestures } from '../view/stillness.js';
import { Welcome } from '../view/welcome.js';
import { ICoterie } from './tokens.js';

/** What a Viewer sees besides documents: no gestures that change, no empty menus, and a word where nothing is open. */
export const viewerSurface: JupyterFrontEndPlugin<void> = {
  id: '@coterie/lab:viewer-surface',
  description: 'Hides from a Viewer what would change something and is no command.',
  autoStart: true,
  requires: [ICoterie],
  optional: [ILabShell, IMainMenu, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    coterie: ICoterie | null,
    shell: ILabShell | null,
    mainMenu: IMainMenu | null,
    translator: ITranslator | null,
  ): void => {
    if (!coterie?.access.readsOnly) {
      return;
    }
    document.body.dataset.coterieRole = ROLES.viewer.word;
    stillGestures();
    if (mainMenu instanceof MainMenu) {
      void app.restored.then(() => {
        mainMenu.removeMenu(mainMenu.runMenu);
        mainMenu.removeMenu(mainMenu.kernelMenu);
        mainMenu.menus.forEach(pruneMenu);
      });
    }
    if (shell) {
      const trans = (translator ?? nullTranslator).load('coterie');
      const name = coterie.page.name;
      void app.restored.then(() => {
        if (shell.isEmpty('right')) {
          shell.collapseRight();
        }
        keepWelcome(shell, () => {
          const welcome = new Welcome({
            heading: trans.__('You are viewing %1.', name),
            advice: trans.__('Open a file on the left.'),
          });
          welcome.title.label = name;
          return welcome;
        });
      });
    }
  },
};

/** Take out the submenus in which nothing is left. */
function pruneMenu(menu: Menu): void {
  for (const item of Array.from(menu.items)) {
    if (item.submenu) {
      pruneMenu(item.submenu);
      if (!item.submenu.items.some(({ type, isVisible }) => type !== 'separator' && isVisible)) {
        menu.removeItem(item);
      }
    }
  }
}

/** Show the welcome while nothing else is in the main area. */
function keepWelcome(shell: ILabShell, create: () => Welcome): void {
  let welcome: Welcome | null = null;
  const refresh = () => {
    const isOtherOpen = Array.from(shell.widgets('main')).some((widget) => widget !== welcome);
    if (isOtherOpen) {
      welcome?.dispose();
      welcome = null;
    } else if (!welcome || welcome.isDisposed || !welcome.isAttached) {
      welcome = create();
      shell.add(welcome, 'main');
    }
  };
  refresh();
  shell.layoutModified.connect(refresh);
}
