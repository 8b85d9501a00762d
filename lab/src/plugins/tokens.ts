import { Token } from '@lumino/coreutils';

import type { IPageFacts } from '../api/page.js';
import type { IAccess } from '../model/access.js';

/** The workspace that the page shows, and how the person stands in it. */
export interface ICoterie {
  readonly page: IPageFacts;
  readonly access: IAccess;
}

/** Null in a JupyterLab that shows no workspace: every plugin then does nothing. */
export const ICoterie = new Token<ICoterie | null>('@coterie/lab:ICoterie', 'The workspace that the page shows.');
