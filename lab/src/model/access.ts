import { Signal, type ISignal } from '@lumino/signaling';

import { ROLES } from '../generated.js';
import { readsOnly } from './roles.js';

/** What is missing for access to be checked. */
export type Away = 'service' | 'server' | 'sign-in';

/**
 * How the page stands with the server.
 *
 * `here`: as usual. `away`: access cannot be checked now, and the page goes on by itself later; a sign-in lasts as long
 * as the server runs, and one that is made anew elsewhere counts here too. `ended`: for good.
 */
export type Standing =
  | { readonly kind: 'here' }
  | { readonly kind: 'away'; readonly who: Away }
  | { readonly kind: 'ended'; readonly message: string };

/** What the page knows of the person's access. It shows what the server said and decides nothing. */
export interface IAccess {
  readonly role: string;
  /** Why the person has the role, in the server's words; empty until the live channel has spoken. */
  readonly reasons: ReadonlyArray<string>;
  readonly standing: Standing;
  /** Whether the page is shown as a Viewer has it, whatever the person's role. It shows less and protects nothing. */
  readonly isView: boolean;
  /** Whether this page was built to read only. It keeps being so until it is loaded again. */
  readonly readsOnly: boolean;
  /** Whether the page no longer fits the role, and has to be loaded again. */
  readonly isStale: boolean;
  readonly changed: ISignal<IAccess, void>;
}

/** The page's access as the live channel reports it. */
export class Access implements IAccess {
  /** *view* is the role as whose the page is to be shown; only a Viewer's is one. */
  constructor(role: string, view = '') {
    this._role = role;
    this.isView = view === ROLES.viewer.word && !readsOnly(role);
    this.readsOnly = this.isView || readsOnly(role);
  }

  readonly isView: boolean;
  readonly readsOnly: boolean;

  get role(): string {
    return this.isView ? ROLES.viewer.word : this._role;
  }

  get reasons(): ReadonlyArray<string> {
    return this.isView ? [] : this._reasons;
  }

  get standing(): Standing {
    return this._standing;
  }

  get isStale(): boolean {
    return readsOnly(this.role) !== this.readsOnly;
  }

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** The server told the role: the page stands well with it. Nothing follows an end. */
  tell(role: string, reasons: ReadonlyArray<string>): void {
    if (this._standing.kind === 'ended') {
      return;
    }
    this._role = role;
    this._reasons = reasons;
    this._standing = { kind: 'here' };
    this._changed.emit();
  }

  /** Access cannot be checked now. Nothing follows an end. */
  lose(who: Away): void {
    if (this._standing.kind !== 'ended') {
      this._standing = { kind: 'away', who };
      this._changed.emit();
    }
  }

  /** Access has ended, for good. Only the first call counts. */
  end(message: string): void {
    if (this._standing.kind !== 'ended') {
      this._standing = { kind: 'ended', message };
      this._changed.emit();
    }
  }

  private _role: string;
  private _reasons: ReadonlyArray<string> = [];
  private _standing: Standing = { kind: 'here' };
  private readonly _changed = new Signal<this, void>(this);
}
