// The page of an invitation. The secret is in the address's fragment: it is taken out of there and sent in the body of a
// form. This tab keeps it for a time while its owner signs in and has not decided, so that the page can be loaded anew.

const KEPT = 'coterie-invitation';
// As long as a sign-in may take (ms).
const KEPT_FOR = 600_000;
const page = document.getElementById('invitation');
const working = document.getElementById('working');
const offer = document.getElementById('offer');

let secret = '';
// The secret whose offer is shown: the only one that can be accepted.
let offered = '';
// The request that is on its way. What answers an earlier one is shown to nobody.
let asking = null;
let forgetting;

/** Has this tab keep nothing. */
function forget() {
  clearTimeout(forgetting);
  try {
    sessionStorage.removeItem(KEPT);
  } catch {
    // The browser lets no page have a memory.
  }
}

/** Has this tab keep the secret from now on, where the browser lets it. */
function keep() {
  forget();
  try {
    sessionStorage.setItem(KEPT, JSON.stringify({ text: secret, until: Date.now() + KEPT_FOR }));
    forgetting = setTimeout(forget, KEPT_FOR);
  } catch {
    // It is lost when the page is loaded anew, which then asks for the link.
  }
}

/** What this tab keeps, or nothing where that is too old. */
function recall() {
  try {
    const { text, until } = JSON.parse(sessionStorage.getItem(KEPT));
    const left = until - Date.now();
    // A clock that was set back prolongs nothing.
    if (left > 0 && left <= KEPT_FOR) {
      clearTimeout(forgetting);
      forgetting = setTimeout(forget, left);
      return text;
    }
  } catch {
    // There is none.
  }
  forget();
  return '';
}

/** Shows one part of the page, and none for "working". */
function show(id) {
  working.textContent = id === 'working' ? 'Looking at the invitation…' : '';
  for (const part of page.querySelectorAll(':scope > section')) {
    part.hidden = part.id !== id;
  }
  document.querySelector(`#${id} h2`)?.focus();
}

function signIn() {
  keep();
  show('signing-in');
  // Not a step of the history: Back leads to where the link was.
  location.replace(page.dataset.signIn);
}

/** Sends the secret *sent*, and shows what comes back unless something else was asked meanwhile. */
async function ask(url, sent) {
  const mine = new AbortController();
  asking?.abort();
  asking = mine;
  offered = '';
  let answer = null;
  let text = '';
  try {
    answer = await fetch(url, {
      method: 'POST',
      body: new URLSearchParams({ secret: sent }),
      headers: { 'X-CSRF-Token': page.dataset.csrf, 'HX-Request': 'true' },
      referrerPolicy: 'no-referrer',
      redirect: 'error',
      cache: 'no-store',
      signal: mine.signal,
    });
    text = await answer.text();
  } catch {
    answer = null;
  }
  if (mine === asking) {
    asking = null;
    tell(answer, text, sent);
  }
}

/** Shows what the service said of the secret *sent*; null where it said nothing. */
function tell(answer, text, sent) {
  const goesOn = answer?.headers.get('HX-Redirect');
  const said = new DOMParser().parseFromString(text, 'text/html');
  const problem = said.querySelector('.problem');
  if (answer?.status === 401) {
    signIn();
  } else if (goesOn) {
    forget();
    secret = '';
    location.replace(goesOn);
  } else if (said.querySelector('#offer-heading')) {
    fill(said);
    offered = sent;
  } else if (problem && said.querySelector('h2')) {
    if (!said.querySelector('[data-again]')) {
      forget();
    }
    fill(said);
  } else if (problem) {
    // Not about the invitation. Somebody who signed in again meanwhile has a page that is too old.
    document.getElementById('why-not-now').textContent = problem.textContent;
    document.querySelector('#not-now [data-again]').dataset.again = answer.status === 403 ? 'reload' : '';
    show('not-now');
  } else {
    // A proxy's error page is nothing to show.
    show('no-answer');
  }
}

function fill(said) {
  offer.replaceChildren(...said.body.childNodes);
  window.htmx?.trigger(offer, 'htmx:load', { elt: offer });
  show('offer');
}

function look() {
  if (!secret) {
    show('no-secret');
  } else if (page.dataset.csrf) {
    show('working');
    ask(page.dataset.preview, secret);
  } else {
    signIn();
  }
}

/** Begins with the secret of the link, or with the one that was kept. The address keeps none. */
function begin() {
  const [, text] = location.href.split('#');
  if (text !== undefined) {
    history.replaceState(null, '', location.pathname);
  }
  secret = text || recall();
  if (text) {
    keep();
  }
  look();
}

page.addEventListener('click', ({ target }) => {
  const again = target.closest('[data-again]');
  if (offered && target.closest('#accept')) {
    for (const button of offer.querySelectorAll('button')) {
      button.setAttribute('aria-disabled', 'true');
    }
    ask(page.dataset.accept, offered);
  } else if (offered && target.closest('#decline')) {
    forget();
    secret = offered = '';
    show('declined');
  } else if (again?.dataset.again === 'reload') {
    location.reload();
  } else if (again) {
    look();
  }
});
// Another link was opened in this window.
window.addEventListener('hashchange', () => location.hash && begin());

begin();
