// Keeps the sidebar up to date while somebody can see it, and lets nothing jump that has not changed.

const EVERY_MS = 15000;

let isSeen = true;
let last = '';

/** A page that is signed out looks whether it still is: the sign-in happens in another window. */
async function leaveSignedOut() {
  const answer = await fetch(location.href).catch(() => null);
  if (answer?.ok && (await answer.text()).includes('id="workspaces"')) {
    location.reload();
  }
}

function refresh() {
  if (!isSeen || document.visibilityState !== 'visible' || document.querySelector('details.menu[open]')) {
    return;
  }
  const field = document.getElementById('q');
  if (field) {
    window.htmx.trigger(field, 'refresh');
  } else {
    leaveSignedOut();
  }
}

// A frame that is put away stays "visible" as long as its window is.
new IntersectionObserver(([entry]) => {
  const comesBack = entry.isIntersecting && !isSeen;
  isSeen = entry.isIntersecting;
  if (comesBack) {
    refresh();
  }
}).observe(document.body);
document.addEventListener('visibilitychange', refresh);
setInterval(refresh, EVERY_MS);

document.addEventListener('htmx:beforeSwap', ({ detail }) => {
  if (!detail.isError) {
    document.getElementById('notice').replaceChildren();
    detail.shouldSwap = detail.serverResponse !== last;
    last = detail.serverResponse;
  }
});
