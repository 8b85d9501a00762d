import type { ILiveEvents, Probe } from '../api/live.js';
import { CLOSE_CODES } from '../generated.js';
import type { Access } from './access.js';
import { backoff } from './backoff.js';

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

/** Keeps the live channel open and the access up to date, until access ends. */
export class LiveConnection {
  constructor(access: Access, world: ILiveWorld) {
    this._access = access;
    this._world = world;
  }

  /** Begin, or try again. */
  connect(): void {
    let isWelcome = false;
    this._world.open({
      said: (text) => {
        const told = parseTold(text);
        if (told) {
          isWelcome = true;
          this._failures = 0;
          this._access.tell(told.role, told.reasons);
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
  private readonly _world: ILiveWorld;
  private _failures = 0;
}

/** Null for anything but `{"role": word, "reasons": [sentence, ...]}`. */
function parseTold(text: string): { role: string; reasons: string[] } | null {
  const value = parseObject(text);
  if (typeof value.role !== 'string') {
    return null;
  }
  const reasons = Array.isArray(value.reasons) ? value.reasons.filter((each) => typeof each === 'string') : [];
  return { role: value.role, reasons };
}

/** The sentence of a close reason, or null when there is none. */
function parseMessage(reason: string): string | null {
  const { message } = parseObject(reason);
  return typeof message === 'string' && message ? message : null;
}

function parseObject(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
