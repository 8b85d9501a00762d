import type { TranslationBundle } from '@jupyterlab/translation';
import { Widget } from '@lumino/widgets';

/** What the chip shows. */
export interface IChipProps {
  readonly name: string;
  readonly role: string;
  readonly reasons: ReadonlyArray<string>;
}

/** The workspace's name and the person's role, in the top bar; why they have it in the tooltip. */
export class AccessChip extends Widget {
  constructor(trans: TranslationBundle) {
    super();
    this._trans = trans;
    this.addClass('coterie-Chip');
    this._name.className = 'coterie-Chip-name';
    this._role.className = 'coterie-Chip-role';
    this.node.tabIndex = 0;
    this.node.setAttribute('role', 'status');
    this.node.append(this._name, this._role);
  }

  setProps(props: IChipProps): void {
    const { name, role, reasons } = props;
    this._name.textContent = name;
    this._role.textContent = role;
    const lines = [this._trans.__('%1: your role here is %2.', name, role), ...reasons];
    this.node.title = lines.join('\n');
    this.node.setAttribute('aria-label', lines.join(' '));
  }

  private readonly _trans: TranslationBundle;
  private readonly _name = document.createElement('span');
  private readonly _role = document.createElement('span');
}
