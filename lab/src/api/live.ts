import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';

/** What one attempt on the live channel reports. `closed` comes last, and once. */
export interface ILiveEvents {
  said(text: string): void;
  closed(status: number, reason: string): void;
}

/**
 * The server's answer to a plain request: may the person be here, may they not, does it not know who they are, or is
 * nobody there to say.
 */
export type Probe = 'welcome' | 'refused' | 'unknown' | 'away';

/** The gate's word (a code of problem documents) for somebody whose sign-in does not count, or no longer. */
const SIGN_IN_NEEDED = 'sign-in-needed';

/** Open the live channel. Every call is one attempt, which ends with exactly one `closed`. */
export function openLive(settings: ServerConnection.ISettings, events: ILiveEvents): void {
  const socket = new settings.WebSocket(URLExt.join(settings.wsUrl, 'coterie/live'));
  socket.onmessage = (event: MessageEvent) => events.said(String(event.data));
  socket.onclose = (event: CloseEvent) => events.closed(event.code, event.reason);
}

/**
 * Ask the server whether the person may still be here: what a refused WebSocket does not tell a page.
 *
 * Never rejects.
 */
export async function probeAccess(settings: ServerConnection.ISettings): Promise<Probe> {
  try {
    const response = await ServerConnection.makeRequest(
      URLExt.join(settings.baseUrl, 'api/me'),
      { cache: 'no-store', redirect: 'manual' },
      settings,
    );
    if (response.status === 403) {
      const { code } = (await response.json()) as { code?: unknown };
      return code === SIGN_IN_NEEDED ? 'unknown' : 'refused';
    }
    // The gate redirects pages only: what redirects this is the Hub, in place of a server that does not run.
    return response.ok ? 'welcome' : 'away';
  } catch {
    return 'away';
  }
}
