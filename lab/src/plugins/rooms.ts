import { IDocumentProviderFactory, type IDocumentProvider } from '@jupyter/docprovider';
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';

import { watchRoom } from '../api/rooms.js';
import { Room } from '../model/room.js';
import { ICoterie, IRooms } from './tokens.js';

/** So many failures that the longest wait is the one that counts. */
const MANY_FAILURES = 16;

/** A document that is open: the room, and what keeps the document in step with it. */
interface IOpenDocument {
  readonly room: Room;
  readonly provider: IDocumentProvider;
}

/**
 * Keeps the stock front end from asking for rooms more often than does any good.
 *
 * By itself it asks every tenth of a second, for ever, where a server takes connections only to end them, and behind its
 * own dialog when it was told that a room has ended.
 */
export const rooms: JupyterFrontEndPlugin<IRooms> = {
  id: '@coterie/lab:rooms',
  description: "Follows the rooms of the page's documents, and paces how they are connected to again.",
  autoStart: true,
  requires: [ICoterie],
  optional: [IDocumentProviderFactory],
  provides: IRooms,
  activate: (
    { serviceManager }: JupyterFrontEnd,
    coterie: ICoterie | null,
    factory: IDocumentProviderFactory | null,
  ): IRooms => {
    const open = new Map<object, IOpenDocument>();
    if (coterie && factory) {
      const create = factory.create.bind(factory);
      factory.create = (options) => {
        const { model, serverSettings = serviceManager.serverSettings } = options;
        const room = new Room({ now: () => performance.now(), chance: Math.random });
        const watched = watchRoom(serverSettings, {
          heard: () => room.heard(),
          closed: (status, reason) => pace(provider, room.closed(status, reason)),
        });
        const provider = create({ ...options, serverSettings: watched });
        open.set(model, { room, provider });
        model.disposed.connect(() => open.delete(model));
        return provider;
      };
      returnWith(coterie, () => open.values());
    }
    return { of: (sharedModel) => open.get(sharedModel)?.room };
  },
};

/** Have *provider* connect again after *wait* milliseconds, or never. It reads this when it hears of the close. */
function pace({ wsProvider }: IDocumentProvider, wait: number | null): void {
  if (wsProvider && wait === null) {
    wsProvider.shouldConnect = false;
  } else if (wsProvider && wait !== null) {
    wsProvider.wsUnsuccessfulReconnects = MANY_FAILURES;
    wsProvider.maxBackoffTime = wait;
  }
}

/** As soon as the live channel is back, the rooms are too. */
function returnWith({ access }: ICoterie, open: () => Iterable<IOpenDocument>): void {
  let wasAway = false;
  access.changed.connect(() => {
    const { kind } = access.standing;
    if (wasAway && kind === 'here') {
      for (const { room, provider } of open()) {
        if (room.standing.kind !== 'ended') {
          room.forgive();
          provider.wsProvider?.connect();
        }
      }
    }
    wasAway = kind === 'away';
  });
}
