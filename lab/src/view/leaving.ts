/** Says in the page's address as which role it is to be shown; the server reads it. */
const VIEW_PARAMETER = 'coterie-view';

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

/** Load the page again, as it is for the person themselves. */
export function leaveView(): void {
  const address = new URL(window.location.href);
  address.searchParams.delete(VIEW_PARAMETER);
  window.history.replaceState(null, '', address);
  reloadPage();
}
