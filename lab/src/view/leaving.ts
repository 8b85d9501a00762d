/**
 * Let the page be left without a question: what was edited is in the room, not in the page.
 *
 * JupyterLab asks where a document has changes that are not in the file yet. Its listener may come first, whatever the
 * phase, so its answer is taken back too.
 */
export function leaveUnasked(): void {
  window.addEventListener(
    'beforeunload',
    (event) => {
      event.stopImmediatePropagation();
      event.returnValue = '';
    },
    true,
  );
}

/** Load the page again, unasked. */
export function reloadPage(): void {
  leaveUnasked();
  window.location.reload();
}
