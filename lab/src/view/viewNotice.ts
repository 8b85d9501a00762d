import { Widget } from '@lumino/widgets';

/** What the line says. */
export interface IViewNoticeProps {
  readonly text: string;
  readonly leave: string;
  readonly onLeave: () => void;
}

/** A line above the whole page: that it is shown as somebody else would see it, and the way out. */
export class ViewNotice extends Widget {
  constructor({ text, leave, onLeave }: IViewNoticeProps) {
    super();
    this.id = 'coterie-view';
    this.addClass('coterie-ViewNotice');
    const line = document.createElement('p');
    line.setAttribute('role', 'status');
    line.textContent = text;
    const button = document.createElement('button');
    button.type = 'button';
    button.textContent = leave;
    button.addEventListener('click', onLeave);
    this.node.append(line, button);
  }
}
