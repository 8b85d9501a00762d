import { Signal, type ISignal } from '@lumino/signaling';

import { asObject } from './json.js';

/** Somebody who is here now, as the server verified it. */
export interface IPersonHere {
  /** What others see of the person; two may be called the same. */
  readonly name: string;
  /** The name in the Hub, by which people are told apart. */
  readonly username: string;
  readonly initials: string;
  /** A colour as CSS writes it. */
  readonly color: string;
  /** The role as the API writes it. */
  readonly role: string;
  readonly isYou: boolean;
  /** The paths of the documents that the person has open, the one they were last active in first; each once. */
  readonly documents: ReadonlyArray<string>;
}

/** Somebody who accepted an invitation, and the role they have now. */
export interface IAcceptance {
  readonly name: string;
  readonly role: string;
}

/** Who is here, and who is new. */
export interface IPeople {
  /** Everybody who is here, oneself first and then by name; null until the server has said it. */
  readonly here: ReadonlyArray<IPersonHere> | null;
  readonly changed: ISignal<IPeople, void>;
  /** Somebody accepted an invitation. Only those who manage access are told. */
  readonly accepted: ISignal<IPeople, IAcceptance>;
}

/** The people as the live channel reports them. */
export class People implements IPeople {
  get here(): ReadonlyArray<IPersonHere> | null {
    return this._here;
  }

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get accepted(): ISignal<this, IAcceptance> {
    return this._accepted;
  }

  /** These are here now, and nobody else. */
  gather(people: ReadonlyArray<IPersonHere>): void {
    this._here = Array.from(people).sort(
      (one, other) =>
        Number(other.isYou) - Number(one.isYou) ||
        one.name.localeCompare(other.name) ||
        one.username.localeCompare(other.username),
    );
    this._changed.emit();
  }

  greet(acceptance: IAcceptance): void {
    this._accepted.emit(acceptance);
  }

  private _here: ReadonlyArray<IPersonHere> | null = null;
  private readonly _changed = new Signal<this, void>(this);
  private readonly _accepted = new Signal<this, IAcceptance>(this);
}

/**
 * Null for anything but `{"people": [{"name", "username", "initials", "color", "role", "is_you", "documents": [path,
 * ...]}, ...]}`.
 *
 * Whoever cannot be read is left out.
 */
export function readPeople({ people }: Record<string, unknown>): IPersonHere[] | null {
  return Array.isArray(people) ? people.map(readPerson).filter((person) => person !== null) : null;
}

function readPerson(value: unknown): IPersonHere | null {
  const { name, username, initials, color, role, is_you: isYou, documents } = asObject(value);
  if (
    typeof name !== 'string' ||
    typeof username !== 'string' ||
    typeof initials !== 'string' ||
    typeof color !== 'string' ||
    typeof role !== 'string' ||
    typeof isYou !== 'boolean' ||
    !Array.isArray(documents)
  ) {
    return null;
  }
  const paths = documents.filter((path): path is string => typeof path === 'string' && path !== '');
  return { name, username, initials, color, role, isYou, documents: Array.from(new Set(paths)) };
}

/** Null for anything but `{"accepted": {"name", "role"}}`. */
export function readAcceptance({ accepted }: Record<string, unknown>): IAcceptance | null {
  const { name, role } = asObject(accepted);
  return typeof name === 'string' && typeof role === 'string' ? { name, role } : null;
}
