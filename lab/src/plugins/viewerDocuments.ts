import { EditorState, Prec } from '@codemirror/state';
import { EditorView } from '@codemirror/view';
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { EditorExtensionRegistry, IEditorExtensionRegistry } from '@jupyterlab/codemirror';
import type { DocumentRegistry } from '@jupyterlab/docregistry';

import { extendEveryDocument } from './everyDocument.js';
import { ICoterie } from './tokens.js';

/**
 * A Viewer's editors: they can be focused and read, and take nothing.
 *
 * A cell's own `readOnly` is left alone: it is part of the document and would change it for everybody.
 */
const READ_ONLY = [
  Prec.highest(EditorState.readOnly.of(true)),
  Prec.highest(EditorView.editable.of(false)),
  EditorView.contentAttributes.of({ tabindex: '0' }),
];

/** Makes a Viewer's documents read-only, and keeps them from asking for a kernel. */
export const viewerDocuments: JupyterFrontEndPlugin<void> = {
  id: '@coterie/lab:viewer-documents',
  description: "Makes a Viewer's documents read-only and free of kernels.",
  autoStart: true,
  requires: [ICoterie, IEditorExtensionRegistry],
  activate: (app: JupyterFrontEnd, coterie: ICoterie | null, editors: IEditorExtensionRegistry): void => {
    if (!coterie?.access.readsOnly) {
      return;
    }
    editors.addExtension({
      name: 'coterie-read-only',
      factory: () => EditorExtensionRegistry.createImmutableExtension(READ_ONLY),
    });
    extendEveryDocument(app.docRegistry, quietDocument);
  },
};

/** Comes before the document's context asks for a kernel. */
const quietDocument: DocumentRegistry.WidgetExtension = {
  createNew: (_widget, context) => {
    context.model.readOnly = true;
    // Neither a kernel nor the question which one it should be.
    context.sessionContext.initialize = () => Promise.resolve(false);
  },
};
