import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';

import { viewerMay } from '../model/viewerCommands.js';
import { ICoterie } from './tokens.js';

/** Offers a Viewer only the commands of the list: toolbars, menus, the palette and key bindings all ask the registry. */
export const viewerCommands: JupyterFrontEndPlugin<void> = {
  id: '@coterie/lab:viewer-commands',
  description: 'Offers a Viewer only commands that read.',
  autoStart: true,
  requires: [ICoterie],
  activate: ({ commands }: JupyterFrontEnd, coterie: ICoterie | null): void => {
    if (!coterie?.access.readsOnly) {
      return;
    }
    const isEnabled = commands.isEnabled.bind(commands);
    const isVisible = commands.isVisible.bind(commands);
    const execute = commands.execute.bind(commands);
    commands.isEnabled = (id, args) => viewerMay(id) && isEnabled(id, args);
    commands.isVisible = (id, args) => viewerMay(id) && isVisible(id, args);
    // Some parts of JupyterLab carry out commands without asking whether they are enabled. They get no result.
    commands.execute = (id, args) => (viewerMay(id) ? execute(id, args) : Promise.resolve(undefined));
  },
};
