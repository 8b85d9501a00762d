import { ILayoutRestorer, type JupyterFrontEnd, type JupyterFrontEndPlugin } from '@jupyterlab/application';
import { showErrorMessage } from '@jupyterlab/apputils';
import { ITranslator, nullTranslator, type TranslationBundle } from '@jupyterlab/translation';
import { usersIcon } from '@jupyterlab/ui-components';
import type { Title, Widget } from '@lumino/widgets';

import { managesAccess, roleTitle } from '../model/roles.js';
import { PeoplePanel } from '../view/people.js';
import { ICoterie } from './tokens.js';

/** After the person's workspaces. */
const RANK = 260;

/** A tab has room for two digits. */
const MOST_IN_TAB = 99;

/** Shows who is here now, and in which documents. */
export const people: JupyterFrontEndPlugin<void> = {
  id: '@coterie/lab:people',
  description: 'Who is here now, in the left bar, and which documents they are in.',
  autoStart: true,
  requires: [ICoterie],
  optional: [ILayoutRestorer, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    coterie: ICoterie | null,
    restorer: ILayoutRestorer | null,
    translator: ITranslator | null,
  ): void => {
    if (!coterie) {
      return;
    }
    const { access, people } = coterie;
    const trans = (translator ?? nullTranslator).load('coterie');
    const panel = new PeoplePanel(trans, {
      iconOf: (path) => app.docRegistry.getFileTypesForPath(path)[0]?.icon,
      goTo: (path) => void goTo(app, path, trans),
    });
    panel.title.icon = usersIcon;
    const refresh = () => {
      const here = access.standing.kind === 'here' ? people.here : null;
      panel.setProps({
        people: here?.map((person) => ({ ...person, role: trans.__(roleTitle(person.role)) })) ?? null,
        alone: managesAccess(access.role)
          ? trans.__('Nobody else is here. Invite somebody with User sharing.')
          : trans.__('Nobody else is here.'),
      });
      count(panel.title, here?.filter(({ isYou }) => !isYou).length ?? 0, trans);
    };
    refresh();
    people.changed.connect(refresh);
    access.changed.connect(refresh);
    app.shell.add(panel, 'left', { rank: RANK });
    restorer?.add(panel, panel.id);
  },
};

/** Show on the tab how many *others* are here. */
function count(title: Title<Widget>, others: number, trans: TranslationBundle): void {
  const caption = trans.__('People here');
  title.caption = others === 0 ? caption : trans._n('%2: one other', '%2: %1 others', others, caption);
  const dataset = { ...title.dataset };
  if (others === 0) {
    delete dataset['coterie-others'];
  } else {
    dataset['coterie-others'] = others > MOST_IN_TAB ? `${MOST_IN_TAB}+` : String(others);
  }
  title.dataset = dataset;
}

/** Show the document at *path*, wherever it is open already. */
async function goTo({ commands }: JupyterFrontEnd, path: string, trans: TranslationBundle): Promise<void> {
  try {
    await commands.execute('docmanager:open', { path });
  } catch (error) {
    await showErrorMessage(trans.__('%1 cannot be opened', path), error as Error);
  }
}
