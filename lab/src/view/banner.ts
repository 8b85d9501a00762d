/** A line over the page that takes nothing away from it: no focus, no clicks. */
export class Banner {
  constructor() {
    this._node.className = 'coterie-Banner';
    this._node.setAttribute('role', 'status');
    this._node.hidden = true;
    document.body.append(this._node);
  }

  /** Show *text*, or nothing. */
  say(text: string | null): void {
    this._node.textContent = text ?? '';
    this._node.hidden = text === null;
  }

  private readonly _node = document.createElement('div');
}
