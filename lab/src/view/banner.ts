/** What the banner says, and perhaps where to go; what it leads to opens beside the page. */
export interface INotice {
  readonly text: string;
  readonly link?: { readonly label: string; readonly href: string } | undefined;
}

/** A line over the page that takes nothing away from it: no focus, and no clicks but those on its link. */
export class Banner {
  constructor() {
    this._node.className = 'coterie-Banner';
    this._node.setAttribute('role', 'status');
    this._node.hidden = true;
    document.body.append(this._node);
  }

  /** Show *notice*, or nothing. */
  say(notice: INotice | null): void {
    this._node.hidden = notice === null;
    this._node.replaceChildren(...(notice ? [notice.text, ...linkTo(notice)] : []));
  }

  private readonly _node = document.createElement('div');
}

function linkTo({ link }: INotice): Array<Node | string> {
  if (!link) {
    return [];
  }
  const anchor = document.createElement('a');
  anchor.href = link.href;
  anchor.target = '_blank';
  anchor.rel = 'noopener';
  anchor.textContent = link.label;
  return [' ', anchor];
}
