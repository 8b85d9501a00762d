import { Token } from '@lumino/coreutils';

import type { IPageFacts } from '../api/page.js';
import type { IAccess } from '../model/access.js';
import type { IPeople } from '../model/people.js';
import type { IProblems } from '../model/problems.js';
import type { IRoom } from '../model/room.js';

/** The workspace or home that the page shows, how the person stands in it, who is here, and what is wrong with documents. */
export interface ICoterie {
  readonly page: IPageFacts;
  readonly access: IAccess;
  readonly problems: IProblems;
  readonly people: IPeople;
}

/** Null in a JupyterLab that shows no workspace: every plugin then does nothing. */
export const ICoterie = new Token<ICoterie | null>('@coterie/lab:ICoterie', 'The workspace that the page shows.');

/** The rooms of the page's documents. */
export interface IRooms {
  /** The room of the document with this shared model; undefined for one that is in none. */
  of(sharedModel: object): IRoom | undefined;
}

export const IRooms = new Token<IRooms>('@coterie/lab:IRooms', "The rooms of the page's documents.");
