import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';

import { openLive, probeAccess } from '../api/live.js';
import { readPage } from '../api/page.js';
import { Access } from '../model/access.js';
import { LiveConnection } from '../model/connection.js';
import { People } from '../model/people.js';
import { Problems } from '../model/problems.js';
import { ICoterie } from './tokens.js';

/** Reads the page's facts and follows the live channel. */
export const access: JupyterFrontEndPlugin<ICoterie | null> = {
  id: '@coterie/lab:access',
  description:
    'Follows what the person may do in the workspace, who else is there, and what is wrong with its documents.',
  autoStart: true,
  provides: ICoterie,
  activate: (app: JupyterFrontEnd): ICoterie | null => {
    const page = readPage();
    if (!page) {
      return null;
    }
    const access = new Access(page.role, page.view);
    const problems = new Problems();
    const people = new People();
    const settings = app.serviceManager.serverSettings;
    const lastsUntil = page.isHome && !page.isOwnHome ? page.session : null;
    new LiveConnection(access, problems, people, {
      open: (events) => openLive(settings, events),
      probe: () => probeAccess(settings, lastsUntil),
      later: (next, ms) => void setTimeout(next, ms),
      chance: Math.random,
    }).connect();
    return { page, access, problems, people };
  },
};
