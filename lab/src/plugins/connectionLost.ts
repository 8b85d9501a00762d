import {
  ConnectionLost,
  IConnectionLost,
  type JupyterFrontEnd,
  type JupyterFrontEndPlugin,
} from '@jupyterlab/application';

import { ICoterie } from './tokens.js';

/** In a workspace the banner says when the server is away; no dialog stands in the way of what can still be read. */
export const connectionLost: JupyterFrontEndPlugin<IConnectionLost> = {
  id: '@coterie/lab:connection-lost',
  description: 'Keeps JupyterLab from asking about a lost connection.',
  autoStart: true,
  requires: [ICoterie],
  provides: IConnectionLost,
  activate: (_app: JupyterFrontEnd, coterie: ICoterie | null): IConnectionLost =>
    coterie ? () => Promise.resolve() : ConnectionLost,
};
