import type { ServerConnection } from '@jupyterlab/services';

/** What happens to the connections of one document, one after the other. */
export interface IRoomEvents {
  /** The connection brought its first message. */
  heard(): void;
  /** The connection ended, or never came about. */
  closed(status: number, reason: string): void;
}

/**
 * Settings whose WebSockets tell *events*.
 *
 * Each tells of its end before whoever opened it hears of it.
 */
export function watchRoom(settings: ServerConnection.ISettings, events: IRoomEvents): ServerConnection.ISettings {
  class RoomSocket extends settings.WebSocket {
    constructor(url: string | URL, protocols?: string | string[]) {
      super(url, protocols);
      this.addEventListener('message', () => events.heard(), { once: true });
      this.addEventListener('close', ({ code, reason }) => events.closed(code, reason));
    }
  }
  return { ...settings, WebSocket: RoomSocket };
}
