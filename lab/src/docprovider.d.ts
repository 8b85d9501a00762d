/**
 * What is used here of the stock front end's documents: `@jupyter/docprovider` 5 with y-websocket 1.5.
 *
 * The package is the page's own (`sharedPackages` in package.json). It is not installed for building, which would bring
 * half of JupyterLab for the sake of one token.
 */
declare module '@jupyter/docprovider' {
  import type { ServerConnection } from '@jupyterlab/services';
  import type { Token } from '@lumino/coreutils';
  import type { ISignal } from '@lumino/signaling';

  /** Makes what keeps a document in step with its room. */
  export interface IDocumentProviderFactory {
    create(options: IProviderOptions): IDocumentProvider;
  }

  export const IDocumentProviderFactory: Token<IDocumentProviderFactory>;

  export interface IProviderOptions {
    /** The document's shared model. */
    readonly model: { readonly disposed: ISignal<object, void> };
    readonly serverSettings?: ServerConnection.ISettings;
  }

  export interface IDocumentProvider {
    /** Null until the room's session is known, and after disposal. */
    readonly wsProvider: IReconnecting | null;
  }

  /** Opens a room's connection again whenever it closes. */
  export interface IReconnecting {
    /** False keeps it from connecting again. */
    shouldConnect: boolean;
    /** Set to 0 when a connection opens, counted up when one fails to; each doubles the wait, of 100 ms at first. */
    wsUnsuccessfulReconnects: number;
    /** The longest wait, in milliseconds. */
    maxBackoffTime: number;
    /** Connect now, if it is not connecting. */
    connect(): void;
  }
}
