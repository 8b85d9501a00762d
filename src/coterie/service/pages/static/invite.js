// The page of an invitation. The secret is in the address's fragment: it is taken out of there, sent in the body of a
// form, and kept only while its owner signs in.

const KEPT = 'coterie-invitation';
const page = document.getElementById('invitation');
const working = document.getElementById('working');
const offer = document.getElementById('offer');

let secret = '';
let isAsking = false;

/** This tab's memory. Answers null where the browser lets no page have one. */
function remember(text) {
  try {
    const before = sessionStorage.getItem(KEPT);
    sessionStorage.removeItem(KEPT);
    if (text) {
      sessionStorage.setItem(KEPT, text);
    }
    return before;
  } catch {
    return null;
  }
}

/** The secret of the link, or of the one that a sign-in was for. Nothing of it is left behind. */
function take() {
  const [, text] = location.href.split('#');
  if (text !== undefined) {
    history.replaceState(null, '', location.pathname);
  }
  const kept = remember('');
  return text || kept || '';
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
  remember(secret);
  show('signing-in');
  // Not a step of the history: Back leads to where the link was.
  location.replace(page.dataset.signIn);
}

async function ask(url) {
  if (isAsking) {
    return;
  }
  isAsking = true;
  try {
    const answer = await fetch(url, {
      method: 'POST',
      body: new URLSearchParams({ secret }),
      headers: { 'X-CSRF-Token': page.dataset.csrf, 'HX-Request': 'true' },
      referrerPolicy: 'no-referrer',
      redirect: 'error',
      cache: 'no-store',
    });
    const goesOn = answer.headers.get('HX-Redirect');
    if (answer.status === 401) {
      signIn();
    } else if (goesOn) {
      secret = '';
      location.replace(goesOn);
    } else {
      tell(await answer.text());
    }
  } catch {
    show('no-answer');
  }
  isAsking = false;
}

/** Shows what the service answered; a proxy's error page is nothing to show. */
function tell(text) {
  const answer = new DOMParser().parseFromString(text, 'text/html');
  if (!answer.querySelector('#offer-heading, .problem')) {
    show('no-answer');
    return;
  }
  offer.replaceChildren(...answer.body.childNodes);
  window.htmx?.trigger(offer, 'htmx:load', { elt: offer });
  show('offer');
}

function look() {
  if (!secret) {
    show('no-secret');
  } else if (page.dataset.csrf) {
    show('working');
    ask(page.dataset.preview);
  } else {
    signIn();
  }
}

function begin() {
  secret = take();
  look();
}

page.addEventListener('click', ({ target }) => {
  if (target.closest('#accept')) {
    target.closest('button').setAttribute('aria-disabled', 'true');
    ask(page.dataset.accept);
  } else if (target.closest('#decline')) {
    secret = '';
    show('declined');
  } else if (target.closest('[data-again]')) {
    look();
  }
});
// Another link was opened in this window.
window.addEventListener('hashchange', () => location.hash && begin());

begin();
