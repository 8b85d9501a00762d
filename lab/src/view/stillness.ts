/** The places where dropping, dragging or double-clicking would change something. */
const PLACES = '.jp-Notebook, .jp-DirListing, .jp-FileBrowser, .jp-FileEditor';

/** Lumino's drags (cells, files) and the browser's own (files from outside). */
const DRAGS = ['lm-dragenter', 'lm-dragover', 'lm-drop', 'dragenter', 'dragover', 'drop'];

/** Keep the gestures that no command stands behind from changing anything: drops, and opening a rendered cell. */
export function stillGestures(): void {
  for (const kind of DRAGS) {
    document.addEventListener(kind, refuseDrop, true);
  }
  document.addEventListener('dblclick', refuseUnrender, true);
}

function refuseDrop(event: Event): void {
  const isFile = event instanceof DragEvent;
  if (isFile || isWithin(event.target, PLACES)) {
    event.stopImmediatePropagation();
  }
  if (isFile) {
    // Left alone, the browser would leave the page for the file.
    event.preventDefault();
    if (event.dataTransfer) {
      event.dataTransfer.dropEffect = 'none';
    }
  }
}

function refuseUnrender(event: Event): void {
  if (isWithin(event.target, '.jp-Notebook')) {
    event.stopImmediatePropagation();
  }
}

function isWithin(target: EventTarget | null, selector: string): boolean {
  return target instanceof Element && target.closest(selector) !== null;
}
