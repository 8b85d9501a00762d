import { Token } from '@lumino/coreutils';

import type { IPageFacts } from '../api/page.js';
import type { IAccess } from '../model/access.js';
import type { IProblems } from '../model/problems.js';
import type { IRoom } from '../model/room.js';

/** The workspace that the page shows, how the person stands in it, and what is wrong with its documents. */
export interface ICoterie {
  readonly page: IPageFacts;
  readonly access: IAccess;
  readonly problems: IProblems;
}

/** Null in a JupyterLab that shows no workspace: every plugin then does nothing. */
export const ICoterie = new Token<ICoterie | null>('@coterie/lab:ICoterie', 'The workspace that the page shows.');

/** The rooms of the page's documents. */
export interface IRooms {
  /** The room of the document with this shared model; undefined for one that is in none. */
  of(sharedModel: object): IRoom | undefined;
}

export const IRooms = new Token<IRooms>('@coterie/lab:IRooms', "The rooms of the page's documents.");
