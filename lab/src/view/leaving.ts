/** Load the page again without being asked whether to leave it: what was edited is in the room, not in the page. */
export function reloadPage(): void {
  window.addEventListener('beforeunload', (event) => event.stopImmediatePropagation(), true);
  window.location.reload();
}
