import { Signal, type ISignal } from '@lumino/signaling';

/** What the server says is wrong with a document, until it is put right. */
export interface IDocumentProblem {
  /** The document's path as the contents API writes it. */
  readonly path: string;
  /** Names the problem for programs. */
  readonly word: string;
  /** Says it to people. */
  readonly sentence: string;
}

/** What the server says of a document once. */
export interface IDocumentNotice {
  readonly path: string;
  readonly sentence: string;
}

/** What the server says of documents. */
export interface IProblems {
  /** What is wrong with one document now, oldest first. */
  of(path: string): ReadonlyArray<IDocumentProblem>;
  /** Other problems stand than before. */
  readonly changed: ISignal<IProblems, void>;
  /** Something was said once. */
  readonly told: ISignal<IProblems, IDocumentNotice>;
}

/** The documents' problems as the live channel reports them. */
export class Problems implements IProblems {
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get told(): ISignal<this, IDocumentNotice> {
    return this._told;
  }

  of(path: string): ReadonlyArray<IDocumentProblem> {
    return this._standing.filter((problem) => problem.path === path);
  }

  /** These stand now, and no others. */
  stand(problems: ReadonlyArray<IDocumentProblem>): void {
    if (problems.length > 0 || this._standing.length > 0) {
      this._standing = problems;
      this._changed.emit();
    }
  }

  tell(notice: IDocumentNotice): void {
    this._told.emit(notice);
  }

  private _standing: ReadonlyArray<IDocumentProblem> = [];
  private readonly _changed = new Signal<this, void>(this);
  private readonly _told = new Signal<this, IDocumentNotice>(this);
}
