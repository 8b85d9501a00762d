import type { TranslationBundle } from '@jupyterlab/translation';
import { fileIcon, type LabIcon } from '@jupyterlab/ui-components';
import { Widget } from '@lumino/widgets';

/** Somebody in the list. */
export interface IPersonProps {
  readonly name: string;
  /** Tells people apart who are called the same. */
  readonly username: string;
  readonly initials: string;
  /** A colour as CSS writes it; anything else counts for nothing. */
  readonly color: string;
  readonly role: string;
  readonly isYou: boolean;
  /** Paths, the one of interest first. */
  readonly documents: ReadonlyArray<string>;
}

/** What the panel shows. */
export interface IPeopleProps {
  /** In the order of the list; null when nobody knows who is here. */
  readonly people: ReadonlyArray<IPersonProps> | null;
  /** What to say while nobody else is here. */
  readonly alone: string;
}

/** What the panel asks of the page. */
export interface IPeopleActions {
  /** The icon of the document at this path; the one of a file if there is none. */
  iconOf(path: string): LabIcon | undefined;
  goTo(path: string): void;
}

/** So many documents of one person are shown unasked. */
const FEW_DOCUMENTS = 4;

/** How long the number of people has to stand before it is read aloud. */
const CALM_MS = 2000;

/**
 * Who is here, and where: a list that changes in place, so that neither focus nor what is pointed at jumps.
 *
 * Read aloud by itself is only how many others there are, once that has stood for a while.
 */
export class PeoplePanel extends Widget {
  constructor(trans: TranslationBundle, actions: IPeopleActions) {
    super();
    this._trans = trans;
    this._actions = actions;
    this.id = 'coterie-people';
    this.addClass('coterie-People');
    const heading = create('h2', 'coterie-People-heading', trans.__('People here'));
    this._list.setAttribute('aria-label', trans.__('People here'));
    this._list.tabIndex = -1;
    this._spoken.setAttribute('role', 'status');
    this.node.append(heading, this._count, this._list, this._alone, this._spoken);
  }

  setProps({ people, alone }: IPeopleProps): void {
    const others = people?.filter((person) => !person.isYou).length ?? 0;
    const isAlone = people !== null && others === 0;
    if (people === null) {
      this._count.textContent = this._trans.__('Who is here cannot be seen at the moment.');
    } else {
      this._count.textContent = isAlone ? '' : this._trans._n('One other is here.', '%1 others are here.', others);
    }
    this._count.hidden = isAlone;
    this._alone.textContent = isAlone ? alone : '';
    this._alone.hidden = !isAlone;
    this._list.hidden = people === null;
    this._show(people ?? []);
    this._speakLater((isAlone ? this._alone : this._count).textContent);
  }

  override dispose(): void {
    clearTimeout(this._calming);
    super.dispose();
  }

  private _show(people: ReadonlyArray<IPersonProps>): void {
    const keyed = new Map(people.map((person) => [person.username, person]));
    keepFocus(this._list, () => {
      arrange(this._list, this._rows, Array.from(keyed.keys()), () => new PersonRow(this._trans, this._actions));
      for (const [key, person] of keyed) {
        this._rows.get(key)?.setProps(person);
      }
    });
  }

  private _speakLater(sentence: string): void {
    if (sentence !== this._unspoken) {
      this._unspoken = sentence;
      clearTimeout(this._calming);
      this._calming = setTimeout(() => {
        this._spoken.textContent = sentence;
      }, CALM_MS);
    }
  }

  private readonly _trans: TranslationBundle;
  private readonly _actions: IPeopleActions;
  private readonly _count = create('p', 'coterie-People-count');
  private readonly _list = create('ul', 'coterie-People-list');
  private readonly _alone = create('p', 'coterie-People-alone');
  private readonly _spoken = create('p', 'coterie-People-spoken');
  private readonly _rows = new Map<string, PersonRow>();
  private _unspoken = '';
  private _calming: ReturnType<typeof setTimeout> | undefined;
}

/** One person, and below them their documents. */
class PersonRow {
  constructor(trans: TranslationBundle, actions: IPeopleActions) {
    this._trans = trans;
    this._actions = actions;
    this._initials.setAttribute('aria-hidden', 'true');
    this._more.type = 'button';
    this._more.addEventListener('click', () => {
      this._showsAll = !this._showsAll;
      this._showDocuments();
    });
    const line = create('div', 'coterie-Person-line');
    line.append(this._initials, this._name, this._you, this._role);
    this.node.append(line, this._documents, this._more);
  }

  readonly node = create('li', 'coterie-Person');

  setProps({ name, username, initials, color, role, isYou, documents }: IPersonProps): void {
    this._initials.textContent = initials;
    this._initials.style.setProperty('--coterie-person-color', color);
    this._name.textContent = name;
    this._name.title = name === username ? name : `${name} (${username})`;
    this._you.textContent = isYou ? this._trans.__('(you)') : '';
    this._role.textContent = role;
    this._documents.setAttribute('aria-label', this._trans.__('Documents of %1', name));
    this._paths = documents;
    this._showDocuments();
  }

  private _showDocuments(): void {
    const paths = this._showsAll ? this._paths : this._paths.slice(0, FEW_DOCUMENTS);
    this._documents.hidden = paths.length === 0;
    arrange(this._documents, this._links, paths, (path) => new DocumentLink(this._trans, this._actions, path));
    const rest = this._paths.length - FEW_DOCUMENTS;
    this._more.hidden = rest <= 0;
    this._more.setAttribute('aria-expanded', String(this._showsAll));
    if (rest > 0) {
      this._more.textContent = this._showsAll
        ? this._trans.__('Show fewer')
        : this._trans._n('Show one more', 'Show %1 more', rest);
    } else {
      this._more.textContent = '';
    }
  }

  private readonly _trans: TranslationBundle;
  private readonly _actions: IPeopleActions;
  private readonly _initials = create('span', 'coterie-Initials');
  private readonly _name = create('span', 'coterie-Person-name');
  private readonly _you = create('span', 'coterie-Person-you');
  private readonly _role = create('span', 'coterie-Person-role');
  private readonly _documents = create('ul', 'coterie-Person-documents');
  private readonly _more = create('button', 'coterie-Person-more');
  private readonly _links = new Map<string, DocumentLink>();
  private _paths: ReadonlyArray<string> = [];
  private _showsAll = false;
}

/** Leads to one document. */
class DocumentLink {
  constructor(trans: TranslationBundle, actions: IPeopleActions, path: string) {
    const slash = path.lastIndexOf('/');
    const button = create('button', 'coterie-Person-document');
    button.type = 'button';
    button.title = trans.__('Go to %1', path);
    button.addEventListener('click', () => actions.goTo(path));
    const icon = actions.iconOf(path) ?? fileIcon;
    button.append(
      icon.element({ tag: 'span', className: 'coterie-Person-documentIcon', elementSize: 'normal' }),
      create('span', 'coterie-Person-documentName', path.slice(slash + 1)),
    );
    if (slash > 0) {
      button.append(' ', create('span', 'coterie-Person-documentFolder', path.slice(0, slash)));
    }
    this.node.append(button);
  }

  readonly node = create('li', '');
}

interface IRow {
  readonly node: HTMLElement;
}

/** Have *list* show the rows of *keys* in their order; *rows* keeps those that are shown. What stays is not moved without need. */
function arrange<T extends IRow>(
  list: HTMLElement,
  rows: Map<string, T>,
  keys: ReadonlyArray<string>,
  make: (key: string) => T,
): void {
  const wanted = new Set(keys);
  for (const [key, row] of rows) {
    if (!wanted.has(key)) {
      row.node.remove();
      rows.delete(key);
    }
  }
  keys.forEach((key, position) => {
    const row = rows.get(key) ?? make(key);
    rows.set(key, row);
    const there = list.children.item(position);
    if (there !== row.node) {
      list.insertBefore(row.node, there);
    }
  });
}

/** Change what is in *place*. Focus stays where it was, or goes to *place* where that has gone. */
function keepFocus(place: HTMLElement, change: () => void): void {
  const focused = document.activeElement;
  const isWithin = focused instanceof HTMLElement && focused !== place && place.contains(focused);
  change();
  if (isWithin && document.activeElement !== focused) {
    (place.contains(focused) ? focused : place).focus({ preventScroll: true });
  }
}

function create<K extends keyof HTMLElementTagNameMap>(tag: K, className: string, text = ''): HTMLElementTagNameMap[K] {
  const node = document.createElement(tag);
  node.className = className;
  node.textContent = text;
  return node;
}
