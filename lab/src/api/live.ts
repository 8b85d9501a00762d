import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';

/** What one attempt on the live channel reports. `closed` comes last, and once. */
export interface ILiveEvents {
  said(text: string): void;
  closed(status: number, reason: string): void;
}

/**
 * The server's answer to a plain request: may the person be here, may they not, may they not because their session is
 * over, does it not know who they are, or is nobody there to say.
 */
export type Probe = 'welcome' | 'refused' | 'over' | 'unknown' | 'away';

/** The gate's word (a code of problem documents) for somebody whose sign-in does not count, or no longer. */
const SIGN_IN_NEEDED = 'sign-in-needed';

/** Names a session in a request; the answer says in it whether that session is over. */
const SESSION_HEADER = 'X-Coterie-Session';

/** Open the live channel. Every call is one attempt, which ends with exactly one `closed`. */
export function openLive(settings: ServerConnection.ISettings, events: ILiveEvents): void {
  const socket = new settings.WebSocket(URLExt.join(settings.wsUrl, 'coterie/live'));
  socket.onmessage = (event: MessageEvent) => events.said(String(event.data));
  socket.onclose = (event: CloseEvent) => events.closed(event.code, event.reason);
}

/**
 * Ask the server whether the person may still be here: what a refused WebSocket does not tell a page.
 *
 * *session* is the one that the person's access ends with; null where it goes on in the next. Never rejects.
 */
export async function probeAccess(settings: ServerConnection.ISettings, session: string | null): Promise<Probe> {
  const headers: Record<string, string> = session === null ? {} : { [SESSION_HEADER]: session };
  try {
    const response = await ServerConnection.makeRequest(
      URLExt.join(settings.baseUrl, 'api/me'),
      { cache: 'no-store', redirect: 'manual', headers },
      settings,
    );
    if (response.status === 403) {
      if (response.headers.get(SESSION_HEADER) === 'over') {
        return 'over';
      }
      const { code } = (await response.json()) as { code?: unknown };
      return code === SIGN_IN_NEEDED ? 'unknown' : 'refused';
    }
    // The gate redirects pages only: what redirects this is the Hub, in place of a server that does not run.
    return response.ok ? 'welcome' : 'away';
  } catch {
    return 'away';
  }
}
