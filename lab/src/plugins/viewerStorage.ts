import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import type { Setting } from '@jupyterlab/services';

import { ICoterie } from './tokens.js';

/**
 * Keeps what JupyterLab stores by itself out of a Viewer's way.
 *
 * Settings, layout and files belong to the workspace, and the server refuses to change them for a Viewer. JupyterLab
 * would show each refusal as an error, so nothing is asked. What a Viewer sets lasts as long as the page.
 */
export const viewerStorage: JupyterFrontEndPlugin<void> = {
  id: '@coterie/lab:viewer-storage',
  description: 'Stores nothing for a Viewer.',
  autoStart: true,
  requires: [ICoterie],
  activate: ({ serviceManager }: JupyterFrontEnd, coterie: ICoterie | null): void => {
    if (!coterie?.access.readsOnly) {
      return;
    }
    const { contents, settings, workspaces } = serviceManager;
    keepInPage(settings);
    workspaces.save = () => Promise.resolve();
    workspaces.remove = () => Promise.resolve();
    contents.save = (path) => contents.get(path, { content: false });
    contents.createCheckpoint = () => Promise.resolve({ id: '', last_modified: '' });
  },
};

/** Settings that are saved stay in the page: the theme changes, and the file of everybody's settings does not. */
function keepInPage(settings: Setting.IManager): void {
  const kept = new Map<string, string>();
  const fetch = settings.fetch.bind(settings);
  settings.save = (id, raw) => {
    kept.set(id, raw);
    return Promise.resolve();
  };
  settings.fetch = async (id) => {
    const plugin = await fetch(id);
    return plugin ? { ...plugin, raw: kept.get(id) ?? plugin.raw } : plugin;
  };
}
