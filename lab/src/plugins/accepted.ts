import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { Notification } from '@jupyterlab/apputils';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { roleTitle } from '../model/roles.js';
import { CommandIDs } from './commands.js';
import { ICoterie } from './tokens.js';

/** How long the notice stands on the page. */
const NOTICE_MS = 12_000;

/** JupyterLab cuts off a notice that is longer than 140 characters; what somebody is now comes after the name. */
const LONGEST_NAME = 60;

/** Says when somebody accepted an invitation, and leads to where that can be undone. */
export const accepted: JupyterFrontEndPlugin<void> = {
  id: '@coterie/lab:accepted',
  description: 'Says when somebody accepted an invitation.',
  autoStart: true,
  requires: [ICoterie],
  optional: [ITranslator],
  activate: ({ commands }: JupyterFrontEnd, coterie: ICoterie | null, translator: ITranslator | null): void => {
    if (!coterie) {
      return;
    }
    const { page, people } = coterie;
    const trans = (translator ?? nullTranslator).load('coterie');
    people.accepted.connect((_, { name, role }) => {
      const who = name.length > LONGEST_NAME ? `${name.slice(0, LONGEST_NAME)}…` : name;
      const what = trans.__(roleTitle(role));
      // Only a home's owner invites to it; to a workspace somebody else may have.
      const sentence = page.isHome
        ? trans.__('%1 accepted your invitation and is now %2.', who, what)
        : trans.__('%1 accepted an invitation and is now %2.', who, what);
      Notification.info(sentence, {
        autoClose: NOTICE_MS,
        actions: [
          {
            label: trans.__('User sharing'),
            caption: trans.__('See who accepted your invitations'),
            callback: () => void commands.execute(CommandIDs.userSharing),
          },
        ],
      });
    });
  },
};
