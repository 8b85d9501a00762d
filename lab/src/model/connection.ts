import type { ILiveEvents, Probe } from '../api/live.js';
import { CLOSE_CODES } from '../generated.js';
import type { Access } from './access.js';
import { backoff } from './backoff.js';
import { asObject, parseObject } from './json.js';
import { readAcceptance, readPeople, type People } from './people.js';
import type { IDocumentNotice, IDocumentProblem, Problems } from './problems.js';

/** What the connection needs of the world. */
export interface ILiveWorld {
  open(events: ILiveEvents): void;
  probe(): Promise<Probe>;
  /** Call *next* after so many milliseconds. */
  later(next: () => void, ms: number): void;
  /** A number from 0 to 1. */
  chance(): number;
}

/** So many attempts in a row that never got a word, before the server is asked why. */
export const SILENT_ATTEMPTS = 2;

/** What a guest of a home is told when its owner stopped the server and started it anew. */
export const SESSION_OVER = "Your access has ended: it lasted until this home's server was stopped.";

/** Keeps the live channel open and what it tells up to date, until access ends. */
export class LiveConnection {
  constructor(access: Access, problems: Problems, people: People, world: ILiveWorld) {
    this._access = access;
    this._problems = problems;
    this._people = people;
    this._world = world;
  }

  /** Begin, or try again. */
  connect(): void {
    let isWelcome = false;
    let knowsProblems = false;
    this._world.open({
      said: (text) => {
        const message = parseObject(text);
        const told = readTold(message);
        const problems = readProblems(message);
        const notice = readNotice(message);
        const people = readPeople(message);
        const acceptance = readAcceptance(message);
        if (told) {
          isWelcome = true;
          this._failures = 0;
          this._access.tell(told.role, told.reasons);
        }
        if (problems || (told && !knowsProblems)) {
          // The server says before the role what stands: where it said nothing, what stood has gone.
          knowsProblems = true;
          this._problems.stand(problems ?? []);
        }
        if (notice) {
          this._problems.tell(notice);
        }
        if (people) {
          this._people.gather(people);
        }
        if (acceptance) {
          this._people.greet(acceptance);
        }
      },
      closed: (status, reason) => void this._closed(status, reason, isWelcome),
    });
  }

  private async _closed(status: number, reason: string, wasWelcome: boolean): Promise<void> {
    if (status === CLOSE_CODES.accessEnded.status) {
      this._access.end(parseMessage(reason) ?? CLOSE_CODES.accessEnded.message);
      return;
    }
    this._failures += 1;
    if (status === CLOSE_CODES.serviceUnreachable.status) {
      this._access.lose('service');
    } else if (!wasWelcome && this._failures >= SILENT_ATTEMPTS) {
      await this._ask();
    }
    if (this._access.standing.kind !== 'ended') {
      this._world.later(() => this.connect(), backoff(this._failures, this._world.chance()));
    }
  }

  private async _ask(): Promise<void> {
    const answer = await this._world.probe();
    if (answer === 'refused') {
      this._access.end(CLOSE_CODES.accessEnded.message);
    } else if (answer === 'over') {
      this._access.end(SESSION_OVER);
    } else if (answer === 'unknown') {
      this._access.lose('sign-in');
    } else if (answer === 'away' && !this._isServiceAway) {
      this._access.lose('server');
    }
  }

  private get _isServiceAway(): boolean {
    const { standing } = this._access;
    return standing.kind === 'away' && standing.who === 'service';
  }

  private readonly _access: Access;
  private readonly _problems: Problems;
  private readonly _people: People;
  private readonly _world: ILiveWorld;
  private _failures = 0;
}

/** Null for anything but `{"role": word, "reasons": [sentence, ...]}`. */
function readTold({ role, reasons }: Record<string, unknown>): { role: string; reasons: string[] } | null {
  if (typeof role !== 'string') {
    return null;
  }
  return { role, reasons: Array.isArray(reasons) ? reasons.filter((each) => typeof each === 'string') : [] };
}

/** Null for anything but `{"problems": [{"path", "word", "sentence"}, ...]}`. */
function readProblems({ problems }: Record<string, unknown>): IDocumentProblem[] | null {
  return Array.isArray(problems) ? problems.filter(isProblem) : null;
}

function isProblem(value: unknown): value is IDocumentProblem {
  return isNotice(value) && typeof asObject(value).word === 'string';
}

/** Null for anything but `{"notice": {"path", "sentence"}}`. */
function readNotice({ notice }: Record<string, unknown>): IDocumentNotice | null {
  return isNotice(notice) ? notice : null;
}

function isNotice(value: unknown): value is IDocumentNotice {
  const { path, sentence } = asObject(value);
  return typeof path === 'string' && typeof sentence === 'string';
}

/** The sentence of a close reason, or null when there is none. */
function parseMessage(reason: string): string | null {
  const { message } = parseObject(reason);
  return typeof message === 'string' && message ? message : null;
}
