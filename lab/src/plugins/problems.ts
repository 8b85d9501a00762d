import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { MainAreaWidget, Notification } from '@jupyterlab/apputils';
import type { DocumentRegistry } from '@jupyterlab/docregistry';
import { ITranslator, nullTranslator, type TranslationBundle } from '@jupyterlab/translation';
import type { Widget } from '@lumino/widgets';

import type { IAccess } from '../model/access.js';
import type { IRoom } from '../model/room.js';
import { Lines } from '../view/lines.js';
import { extendEveryDocument } from './everyDocument.js';
import { ICoterie, IRooms } from './tokens.js';

/** How long what is said once stands on the page. */
const NOTICE_MS = 12_000;

/** Says what is wrong with the documents that the person has open. */
export const problems: JupyterFrontEndPlugin<void> = {
  id: '@coterie/lab:problems',
  description: 'Says above a document what is wrong with it, until it is put right.',
  autoStart: true,
  requires: [ICoterie, IRooms],
  optional: [ITranslator],
  activate: (
    { docRegistry }: JupyterFrontEnd,
    coterie: ICoterie | null,
    rooms: IRooms,
    translator: ITranslator | null,
  ): void => {
    if (!coterie) {
      return;
    }
    const trans = (translator ?? nullTranslator).load('coterie');
    const open = new Set<DocumentRegistry.Context>();
    extendEveryDocument(docRegistry, {
      createNew: (widget, context) => {
        open.add(context);
        context.disposed.connect(() => open.delete(context));
        const room = rooms.of(context.model.sharedModel);
        if (room) {
          followEnd(room, widget, context, trans);
        }
        if (widget instanceof MainAreaWidget) {
          showLines(new Lines(widget.contentHeader), context, room, coterie, trans);
        }
      },
    });
    coterie.problems.told.connect((_, { path, sentence }) => {
      if (Array.from(open).some(({ localPath }) => localPath === path)) {
        Notification.info(`${path}: ${trans.__(sentence)}`, { autoClose: NOTICE_MS });
      }
    });
  },
};

/** Keep *lines* as the problems of *context*'s document are. */
function showLines(
  lines: Lines,
  context: DocumentRegistry.Context,
  room: IRoom | undefined,
  coterie: ICoterie,
  trans: TranslationBundle,
): void {
  const { access, problems } = coterie;
  const refresh = () => {
    const told = problems.of(context.localPath).map(({ sentence }) => trans.__(sentence));
    const own = room ? roomSentence(room, access, trans) : null;
    lines.say(own === null ? told : [own, ...told]);
  };
  refresh();
  problems.changed.connect(refresh);
  access.changed.connect(refresh);
  room?.changed.connect(refresh);
  context.pathChanged.connect(refresh);
  lines.disposed.connect(() => {
    problems.changed.disconnect(refresh);
    access.changed.disconnect(refresh);
    room?.changed.disconnect(refresh);
    context.pathChanged.disconnect(refresh);
  });
}

/** What to say of the room itself, or null. While the whole server is away, the banner says it. */
function roomSentence({ standing }: IRoom, access: IAccess, trans: TranslationBundle): string | null {
  if (standing.kind === 'ended' && standing.isReloadable) {
    return trans.__('This copy is not shared any more. Copy what you still need from it, then load the page again.');
  }
  if (standing.kind !== 'away' || access.standing.kind !== 'here') {
    return null;
  }
  return access.readsOnly
    ? trans.__('This document cannot be reached at the moment. It goes on by itself.')
    : trans.__('This document cannot be reached at the moment. What you type stays here and is sent once it can.');
}

/**
 * Leave nothing behind that looks like the document when its room has ended for good.
 *
 * The stock front end says why, and then takes the shared document apart. Its editor would stay, and save a copy of what
 * it still shows over the file. So the editor goes too, or, where there may be something in it to copy, saves no more.
 */
function followEnd(room: IRoom, widget: Widget, context: DocumentRegistry.Context, trans: TranslationBundle): void {
  context.model.sharedModel.disposed.connect(() => {
    const path = context.localPath;
    if (room.standing.kind !== 'ended' || context.isDisposed) {
      return;
    }
    if (room.standing.isReloadable) {
      context.save = () => Promise.reject(new Error(trans.__('This copy is not shared any more.')));
    } else {
      widget.dispose();
      // Which one it was about, the dialog did not say.
      Notification.info(trans.__('%1 has been closed.', path), { autoClose: NOTICE_MS });
    }
  });
}
