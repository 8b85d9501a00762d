// Keeps the share window up to date with what others change, and leaves alone what somebody is doing in it.

const access = document.getElementById('access');
const heading = document.getElementById('people-heading');
const people = () => document.getElementById('people');

let stream = null;
// How many changes of one's own are on their way: what they answer is newer than anything asked for before.
let underway = 0;
let isRefreshing = false;
let isStale = false;

/** Shows ends of grants in the reader's own time zone. */
function localise(root) {
  for (const time of root.querySelectorAll('time.end:not([title])')) {
    time.title = time.textContent;
    time.textContent = new Date(time.dateTime).toLocaleString([], { dateStyle: 'medium', timeStyle: 'short' });
  }
  for (const input of root.querySelectorAll('input[data-end]')) {
    const end = new Date(input.dataset.end);
    const day = new Date(end.getTime() - end.getTimezoneOffset() * 60_000);
    input.defaultValue = day.toISOString().slice(0, 10);
  }
}

/** Puts a row that came behind *last*. */
function add(row, last) {
  const added = document.importNode(row, true);
  people().insertBefore(added, last ? last.nextSibling : people().firstChild);
  window.htmx.process(added);
  localise(added);
  return added;
}

/** Takes *after* in the place of *before*, with what somebody is about to do there. */
function take(before, after) {
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

const nameOf = (row) => row.querySelector('.name')?.textContent;

/** Brings the list up to date row by row, so that nobody loses what they are about to do. Answers whose rows changed. */
function merge(fresh) {
  const changed = [];
  const left = new Map([...people().children].map((row) => [row.id, row]));
  let last = null;
  for (const row of [...fresh.children]) {
    const before = left.get(row.id);
    left.delete(row.id);
    if (before && before.dataset.state === row.dataset.state) {
      last = before;
    } else {
      last = add(row, last);
      changed.push(nameOf(row));
      if (before) {
        take(before, last);
      }
    }
  }
  for (const row of left.values()) {
    changed.push(nameOf(row));
    const hadFocus = row.contains(document.activeElement);
    row.remove();
    if (hadFocus) {
      heading.focus();
    }
  }
  return changed.filter(Boolean);
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

async function refresh() {
  if (underway > 0 || isRefreshing) {
    isStale = true;
    return;
  }
  isRefreshing = true;
  isStale = false;
  const url = new URL(access.dataset.state, location.href);
  url.searchParams.set('shown', people().children.length || 1);
  url.searchParams.set('matching', document.getElementById('matching')?.value ?? '');
  try {
    const answer = await fetch(url, { headers: { 'HX-Request': 'true' } });
    if ([401, 403, 404].includes(answer.status)) {
      location.reload();
    } else if (answer.ok && underway === 0) {
      show(new DOMParser().parseFromString(await answer.text(), 'text/html'));
    }
  } catch {
    // The stream begins again when the service is back, and asks again.
  }
  isRefreshing = false;
  if (isStale && underway === 0) {
    refresh();
  }
}

function show(fresh) {
  const changed = merge(fresh.getElementById('people'));
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
    document.getElementById('live').textContent = `Changed meanwhile: ${named}${changed.length > 3 ? ' and more' : ''}.`;
  }
}

function follow() {
  if (stream !== null || document.hidden) {
    return;
  }
  stream = new EventSource(access.dataset.events);
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

follow();
