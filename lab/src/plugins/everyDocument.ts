import type { DocumentRegistry } from '@jupyterlab/docregistry';

/** Extend the widgets of every document, of whatever kind, that is opened from now on. */
export function extendEveryDocument(docRegistry: DocumentRegistry, extension: DocumentRegistry.WidgetExtension): void {
  for (const { name } of docRegistry.widgetFactories()) {
    docRegistry.addWidgetExtension(name, extension);
  }
  docRegistry.changed.connect((_, { type, change, name }) => {
    if (type === 'widgetFactory' && change === 'added' && name) {
      docRegistry.addWidgetExtension(name, extension);
    }
  });
}
