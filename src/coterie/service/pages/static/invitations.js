// Invitations in the share window: how long links still work, and whether the link that was just made does.

const UNITS = [
  [86400, 'd'],
  [3600, 'h'],
  [60, 'min'],
  [1, 's'],
];

/** *seconds* as their two largest units, in the words of the service. */
function forHowLong(seconds) {
  const parts = [];
  let left = seconds;
  for (const [length, unit] of UNITS) {
    parts.push([Math.floor(left / length), unit]);
    left %= length;
  }
  const first = parts.findIndex(([count]) => count > 0);
  return parts
    .slice(first < 0 ? -1 : first, first < 0 ? undefined : first + 2)
    .map(([count, unit]) => `${count} ${unit}`)
    .join(' ');
}

// What the service said of each, and when that was by a clock that nobody sets.
const told = new WeakMap();

function countDown() {
  let isOver = false;
  for (const time of document.querySelectorAll('[data-remaining]')) {
    const { remaining } = time.dataset;
    if (told.get(time)?.remaining !== remaining) {
      told.set(time, { remaining, at: performance.now(), isOver: false });
    }
    const known = told.get(time);
    const left = Math.floor(Number(remaining) - (performance.now() - known.at) / 1000);
    time.textContent = forHowLong(Math.max(0, left));
    // The service counts whole seconds down, and still has a part of the last one.
    isOver ||= left < -1 && !known.isOver;
    known.isOver ||= left < -1;
  }
  if (isOver) {
    document.dispatchEvent(new Event('coterie:over'));
  }
}

/** Says of the link that was just made when it works no longer. */
function checkMade() {
  const made = document.querySelector('#made .made');
  const works = [...document.querySelectorAll('#links > li')].some(
    (row) => row.dataset.invitation === made?.dataset.invitation,
  );
  if (made) {
    made.querySelector('.over').hidden = works;
    made.querySelector('button').disabled = !works;
  }
}

document.addEventListener('htmx:afterSettle', ({ detail }) => {
  checkMade();
  if (detail.elt.closest('#made')) {
    const link = document.getElementById('invite-link');
    link?.focus();
    link?.select();
  }
});
document.addEventListener('coterie:merged', () => (checkMade(), countDown()));
document.addEventListener('htmx:load', countDown);
setInterval(countDown, 1000);
countDown();
