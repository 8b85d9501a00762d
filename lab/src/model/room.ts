import { Signal, type ISignal } from '@lumino/signaling';

import { ROOM_ENDED } from '../generated.js';
import { backoff } from './backoff.js';
import { parseObject } from './json.js';

/**
 * How the page stands with the room of one of its documents.
 *
 * `here`: as usual, short breaks included. `away`: it cannot be reached, and is tried again. `ended`: for good; it may
 * be loaded anew with the page if it `isReloadable`.
 */
export type RoomStanding =
  { readonly kind: 'here' } | { readonly kind: 'away' } | { readonly kind: 'ended'; readonly isReloadable: boolean };

/** How the page stands with the room of one of its documents. */
export interface IRoom {
  readonly standing: RoomStanding;
  readonly changed: ISignal<IRoom, void>;
}

/** What a room needs of the world. */
export interface IRoomWorld {
  /** Milliseconds since some moment. */
  now(): number;
  /** A number from 0 to 1. */
  chance(): number;
}

/** A connection that lasts so long worked, whatever ends it. */
export const WORKED_MS = 5000;

/** The longest wait before a room is tried again. */
export const LONGEST_WAIT_MS = 5000;

/** So many attempts in a row that did not work, before the person is told. */
export const FAILED_ATTEMPTS = 4;

/** Follows the connections to one document's room, and says when there may be another one. */
export class Room implements IRoom {
  constructor(world: IRoomWorld) {
    this._world = world;
  }

  get standing(): RoomStanding {
    return this._standing;
  }

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** The room has let the connection in: it said its first word. */
  heard(): void {
    this._heardAt = this._world.now();
    this._stand({ kind: 'here' });
  }

  /** The connection has ended. Answers how long to wait before the next, in milliseconds; null for ever. */
  closed(status: number, reason: string): number | null {
    if (status === ROOM_ENDED) {
      this._stand({ kind: 'ended', isReloadable: parseObject(reason).reloadable === true });
      return null;
    }
    const hasWorked = this._heardAt !== null && this._world.now() - this._heardAt >= WORKED_MS;
    this._heardAt = null;
    this._failures = hasWorked ? 0 : this._failures + 1;
    if (this._failures >= FAILED_ATTEMPTS) {
      this._stand({ kind: 'away' });
    }
    return backoff(this._failures, this._world.chance(), LONGEST_WAIT_MS);
  }

  /** The server, which was away, is back: what failed before says nothing any more. */
  forgive(): void {
    this._failures = 0;
    if (this._standing.kind === 'away') {
      this._stand({ kind: 'here' });
    }
  }

  private _stand(standing: RoomStanding): void {
    const before = this._standing.kind;
    this._standing = standing;
    if (standing.kind !== before) {
      this._changed.emit();
    }
  }

  private readonly _world: IRoomWorld;
  private _standing: RoomStanding = { kind: 'here' };
  private _heardAt: number | null = null;
  private _failures = 0;
  private readonly _changed = new Signal<this, void>(this);
}
