// What every page needs: menus that close, focus that is not lost, a word when no answer comes.

const NO_ANSWER = 'The service does not answer. Try again in a moment.';

function notify(text) {
  const line = document.createElement('p');
  line.className = 'problem';
  line.textContent = text;
  document.getElementById('notice').replaceChildren(line);
}

function closeMenus(except) {
  for (const menu of document.querySelectorAll('details.menu[open]')) {
    menu.open = menu === except;
  }
}

document.addEventListener('click', (event) => closeMenus(event.target.closest('details.menu')));

// Rows move under a pointer that rests when one goes: a second click at the same place was meant for what stood there.
const AT_ONCE_MS = 600;
let before = null;
document.addEventListener('click', (event) => {
  const button = event.target.closest('button');
  const { clientX: x, clientY: y, timeStamp: at, detail } = event;
  const isAtOnce = before !== null && at - before.at < AT_ONCE_MS && Math.hypot(x - before.x, y - before.y) < 4;
  // A click by keyboard has no place, and counts for nothing here.
  if (button && (detail > 1 || (detail > 0 && isAtOnce && button !== before.button))) {
    event.preventDefault();
  }
  before = detail > 0 ? { x, y, at, button } : null;
});

/** Where a key leads from *here* in a menu, from its first entry to its last and round. */
function entryAt(key, entries, here) {
  const steps = { ArrowDown: here + 1, ArrowUp: here < 0 ? -1 : here - 1, Home: 0, End: -1 };
  return key in steps ? entries.at(steps[key] % entries.length) : undefined;
}

document.addEventListener('keydown', (event) => {
  const menu = event.target.closest?.('details.menu');
  const isOnSummary = event.target === menu?.firstElementChild;
  if (event.key === 'Escape' && menu?.open) {
    menu.open = false;
    menu.firstElementChild.focus();
  } else if (menu && (menu.open || (isOnSummary && event.key === 'ArrowDown'))) {
    menu.open = true;
    const entries = [...menu.querySelectorAll('.items a, .items button:enabled')];
    const entry = entryAt(event.key, entries, entries.indexOf(event.target));
    entry?.focus();
    if (entry) {
      event.preventDefault();
    }
  }
});

document.addEventListener('focusout', ({ target, relatedTarget }) => {
  const menu = target.closest('details.menu[open]');
  if (menu && relatedTarget && !menu.contains(relatedTarget)) {
    menu.open = false;
  }
});

// A list that comes anew keeps its sections as somebody has opened and closed them.
let sections = new Map();
document.addEventListener('htmx:beforeSwap', () => {
  sections = new Map([...document.querySelectorAll('details.section')].map(({ id, open }) => [id, open]));
});
document.addEventListener('htmx:afterSwap', () => {
  for (const section of document.querySelectorAll('details.section')) {
    section.open = sections.get(section.id) ?? section.open;
  }
});

// What was said about an act says nothing about a search after it.
document.addEventListener('htmx:beforeRequest', ({ target }) => {
  if (target.matches('[role=search]')) {
    document.getElementById('notice').replaceChildren();
  }
});

/** Shows instants in the reader's own time zone: the end of something, and the moment of something of late. */
function localise(root) {
  for (const time of root.querySelectorAll('time:is(.end, .moment):not([title])')) {
    const instant = new Date(time.dateTime);
    const isToday = time.matches('.moment') && instant.toDateString() === new Date().toDateString();
    const dateStyle = isToday ? undefined : 'medium';
    const timeStyle = time.matches('.to-the-second') ? 'medium' : 'short';
    time.title = time.textContent;
    time.textContent = instant.toLocaleString([], { dateStyle, timeStyle });
  }
}

document.addEventListener('htmx:load', ({ detail }) => localise(detail.elt));

document.addEventListener('htmx:sendError', () => notify(NO_ANSWER));

// A proxy's error page is nothing to put into ours.
document.addEventListener('htmx:beforeSwap', ({ detail }) => {
  if (detail.isError && !detail.serverResponse.includes('class="problem"')) {
    detail.serverResponse = `<p class="problem">${NO_ANSWER}</p>`;
  }
});

document.addEventListener('htmx:afterRequest', ({ detail }) => {
  // Not detail.elt: that is another one where the swap took it away.
  const { elt } = detail.requestConfig;
  const { clearsForm, reverts, thenFocus } = elt.dataset;
  if (!detail.successful) {
    // A select that was changed in vain must not show what is not so.
    if (reverts !== undefined) {
      elt.reset();
    }
    return;
  }
  if (detail.xhr.getResponseHeader('HX-Retarget')) {
    // A question came instead of the change.
    if (reverts !== undefined) {
      elt.reset();
    }
    return;
  }
  if (clearsForm) {
    clearsForm.split(' ').forEach((id) => document.getElementById(id).reset());
  }
  if (thenFocus && document.activeElement === document.body) {
    document.querySelector(thenFocus)?.focus();
  }
});

// This tab keeps the secret of an invitation for the invitation's own page. Whoever is on another one has left it.
if (!document.getElementById('invitation')) {
  try {
    sessionStorage.removeItem('coterie-invitation');
  } catch {
    // The browser lets no page have a memory.
  }
}
