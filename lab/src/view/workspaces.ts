import { Widget } from '@lumino/widgets';

/** What the panel shows. */
export interface IWorkspacesProps {
  /** The name of the frame for those who do not see it. */
  readonly title: string;
  readonly href: string;
}

/**
 * The person's workspaces, as the service shows them in a frame.
 *
 * The frame is another origin's: neither can it touch this page nor this page the frame. It is loaded when it is first
 * looked at.
 */
export class WorkspacesPanel extends Widget {
  constructor() {
    super();
    this.id = 'coterie-workspaces';
    this.addClass('coterie-Workspaces');
    this._frame.referrerPolicy = 'no-referrer';
    this.node.append(this._frame);
  }

  setProps({ title, href }: IWorkspacesProps): void {
    this._frame.title = title;
    this._href = href;
    if (this.isVisible) {
      this._load();
    }
  }

  protected override onAfterShow(): void {
    this._load();
  }

  private _load(): void {
    if (this._frame.getAttribute('src') !== this._href) {
      this._frame.src = this._href;
    }
  }

  private readonly _frame = document.createElement('iframe');
  private _href = '';
}
