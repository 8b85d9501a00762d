// Keeps the share window up to date with what others change, and leaves alone what somebody is doing in it.

const NO_ANSWER = 'The service does not answer. Try again in a moment.';
const LISTS = ['people', 'links', 'guests', 'blocked'];
const line = document.getElementById('live');
const listed = (list) => document.getElementById(list.getAttribute('aria-labelledby'));
const shown = (id) => document.getElementById(id)?.children.length || 1;

let stream = null;
// How many changes of one's own are on their way: what they answer is newer than anything asked for before.
let underway = 0;
let isRefreshing = false;
let isStale = false;
// Whether somebody chose Refresh and waits for a word.
let isAsked = false;

/** Shows last days of grants in the reader's own time zone. */
function localise(root) {
  for (const input of root.querySelectorAll('input[data-end]')) {
    const end = new Date(input.dataset.end);
    const day = new Date(end.getTime() - end.getTimezoneOffset() * 60_000);
    input.defaultValue = day.toISOString().slice(0, 10);
  }
}

/** Puts a row that came behind *last*. */
function add(list, row, last) {
  const added = document.importNode(row, true);
  list.insertBefore(added, last ? last.nextSibling : list.firstChild);
  window.htmx.process(added);
  window.htmx.trigger(added, 'htmx:load', { elt: added });
  return added;
}

/** Takes *after* in the place of *before*, with what somebody is about to do there. */
function take(before, after, heading) {
  const isOpen = before.querySelector('details')?.open;
  const typed = before.querySelector('input[type=date]');
  const focused = before.contains(document.activeElement) ? document.activeElement.id : '';
  before.remove();
  if (isOpen) {
    after.querySelector('details')?.setAttribute('open', '');
  }
  const until = after.querySelector('input[type=date]');
  if (typed && until && typed.value !== typed.defaultValue) {
    until.value = typed.value;
  }
  if (focused) {
    (document.getElementById(focused) ?? heading).focus();
  }
}

/** Takes over how long ago something was, and how long it still works: this clock may have stood still meanwhile. */
function takeTime(before, row) {
  const [time, left] = [before, row].map((each) => each.querySelector('[data-remaining]'));
  if (time && left) {
    time.dataset.remaining = left.dataset.remaining;
  }
  const ago = [...row.querySelectorAll('time[title]:not([class])')];
  for (const [number, each] of [...before.querySelectorAll('time[title]:not([class])')].entries()) {
    each.textContent = ago[number]?.textContent ?? each.textContent;
  }
}

const nameOf = (row) => row.querySelector('.name')?.textContent;

/** Brings *list* up to date row by row, so that nobody loses what they are about to do. Answers whose rows changed. */
function merge(list, fresh) {
  if (!list || !fresh) {
    return [];
  }
  const changed = [];
  const left = new Map([...list.children].map((row) => [row.id, row]));
  let last = null;
  for (const row of [...fresh.children]) {
    const before = left.get(row.id);
    left.delete(row.id);
    if (before && before.dataset.state === row.dataset.state) {
      takeTime(before, row);
      last = before;
    } else {
      last = add(list, row, last);
      changed.push(nameOf(row));
      if (before) {
        take(before, last, listed(list));
      }
    }
  }
  for (const row of left.values()) {
    changed.push(nameOf(row));
    const hadFocus = row.contains(document.activeElement);
    row.remove();
    if (hadFocus) {
      listed(list).focus();
    }
  }
  return changed.filter(Boolean);
}

/** Shows what is about a list only while there is something in it. */
function showParts(fresh) {
  for (const part of document.querySelectorAll('[data-shown]')) {
    const hadFocus = part.contains(document.activeElement);
    part.hidden = fresh.getElementById(part.id)?.hidden ?? part.hidden;
    if (part.hidden && hadFocus) {
      document.getElementById('invitations-heading').focus();
    }
  }
}

/** Replaces an element unless it says the same. Answers whether it did. */
function replace(id, fresh, state) {
  const before = document.getElementById(id);
  const next = fresh.getElementById(id);
  if (!before || !next || state(before) === state(next)) {
    return false;
  }
  window.htmx.swap(before, next.outerHTML, { swapStyle: 'outerHTML' });
  return true;
}

/** Says *text* to whoever chose Refresh. */
function reply(text) {
  if (isAsked && !isStale) {
    isAsked = false;
    const said = document.createElement('p');
    said.className = text === NO_ANSWER ? 'problem' : '';
    said.textContent = text;
    document.getElementById('notice').replaceChildren(said);
  }
}

async function refresh() {
  if (underway > 0 || isRefreshing) {
    isStale = true;
    return;
  }
  isRefreshing = true;
  isStale = false;
  const url = new URL(line.dataset.state, location.href);
  url.searchParams.set('shown', shown('people'));
  url.searchParams.set('guests_shown', shown('guests'));
  url.searchParams.set('matching', document.getElementById('matching')?.value ?? '');
  try {
    const answer = await fetch(url, { headers: { 'HX-Request': 'true' } });
    if ([401, 403, 404].includes(answer.status)) {
      location.reload();
    } else if (answer.ok && underway === 0) {
      show(new DOMParser().parseFromString(await answer.text(), 'text/html'));
      reply('Up to date.');
    } else {
      reply(NO_ANSWER);
    }
  } catch {
    // The stream begins again when the service is back, and asks again.
    reply(NO_ANSWER);
  }
  isRefreshing = false;
  if (isStale && underway === 0) {
    refresh();
  }
}

function show(fresh) {
  const changed = LISTS.flatMap((id) => merge(document.getElementById(id), fresh.getElementById(id)));
  showParts(fresh);
  const chosen = (part) => part.querySelector('option[selected]')?.value;
  const asking = (part) => [...part.querySelectorAll('.name')].map((name) => name.id).join();
  if (replace('general-access', fresh, chosen)) {
    changed.push('general access');
  }
  if (replace('requests', fresh, asking)) {
    changed.push('requests');
  }
  if (changed.length > 0) {
    const named = changed.slice(0, 3).join(', ');
    line.textContent = `Changed meanwhile: ${named}${changed.length > 3 ? ' and more' : ''}.`;
  }
  document.dispatchEvent(new Event('coterie:merged'));
}

function follow() {
  if (stream !== null || document.hidden) {
    return;
  }
  stream = new EventSource(line.dataset.events);
  stream.addEventListener('changed', refresh);
  stream.addEventListener('ended', () => location.reload());
  // Something may have happened before it was open.
  stream.addEventListener('open', refresh);
  stream.addEventListener('error', () => {
    if (stream?.readyState === EventSource.CLOSED) {
      stream = null;
      setTimeout(() => (follow(), refresh()), 10_000);
    }
  });
}

document.addEventListener('htmx:load', ({ detail }) => localise(detail.elt));
document.addEventListener('visibilitychange', () => {
  if (document.hidden) {
    // A browser has few connections to one service, and somebody may have many windows.
    stream?.close();
    stream = null;
  } else {
    follow();
  }
});
document.addEventListener('htmx:beforeRequest', ({ detail }) => {
  underway += detail.requestConfig.verb === 'post' ? 1 : 0;
});
document.addEventListener('htmx:afterRequest', ({ detail }) => {
  if (detail.requestConfig.verb === 'post') {
    underway -= 1;
    if (isStale && underway === 0) {
      refresh();
    }
  }
});
document.addEventListener('submit', (event) => {
  if (event.target.id === 'refresh') {
    event.preventDefault();
    isAsked = true;
    refresh();
    if (document.getElementById('hub-shares')) {
      window.htmx.trigger('#hub-shares', 'refresh');
    }
  }
});
// A link has run out by the countdown.
document.addEventListener('coterie:over', refresh);

follow();
