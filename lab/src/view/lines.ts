import { Widget, type BoxPanel } from '@lumino/widgets';

/**
 * Lines above a document: what is wrong with it, for as long as it is.
 *
 * They take room from the document and nothing else: no focus, no clicks.
 */
export class Lines extends Widget {
  constructor(header: BoxPanel) {
    super();
    this.addClass('coterie-Lines');
    this._list.setAttribute('role', 'status');
    this.node.append(this._list);
    this.hide();
    header.addWidget(this);
  }

  /** Show *sentences*, one a line; none hides the lines. */
  say(sentences: ReadonlyArray<string>): void {
    const said = Array.from(this._list.children, (line) => line.textContent);
    if (said.length === sentences.length && said.every((sentence, position) => sentence === sentences[position])) {
      return;
    }
    this._list.replaceChildren(
      ...sentences.map((sentence) => {
        const line = document.createElement('p');
        line.textContent = sentence;
        return line;
      }),
    );
    this.setHidden(sentences.length === 0);
    this._fit();
  }

  protected override onResize(): void {
    this._fit();
  }

  protected override onAfterShow(): void {
    this._fit();
  }

  /** Lumino's boxes ask for a height; text has one only once its width is known. */
  private _fit(): void {
    const height = `${this._list.offsetHeight}px`;
    if (this.isVisible && this.node.style.minHeight !== height) {
      this.node.style.minHeight = height;
      this.parent?.fit();
    }
  }

  private readonly _list = document.createElement('div');
}
