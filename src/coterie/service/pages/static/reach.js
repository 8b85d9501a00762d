// Asks the home's own server what guests will be able to reach, and shows what it finds as it comes. Names of files are
// text here and never anything else.

const KINDS = {
  key: 'Private keys',
  credential: 'Credentials',
  environment: 'Environment files',
  history: 'Histories of commands',
  'token in a notebook': 'Tokens in notebooks',
};
const panel = document.getElementById('reach');
const progress = document.getElementById('reach-progress');
const result = document.getElementById('reach-result');
const found = document.getElementById('reach-found');
const again = document.getElementById('reach-again');
const open = document.getElementById('reach-open');

let asking = null;
let count = 0;

const files = (number) => `${number.toLocaleString('en')} file${number === 1 ? '' : 's'}`;

/** The list of what is of *kind*, made where there is none. */
function listOf(kind) {
  const title = KINDS[kind] ?? kind;
  const before = [...found.children].find((group) => group.dataset.kind === title);
  if (before) {
    return before.querySelector('ul');
  }
  const [group, heading, list] = ['div', 'h3', 'ul'].map((tag) => document.createElement(tag));
  group.dataset.kind = title;
  heading.textContent = title;
  group.append(heading, list);
  found.append(group);
  return list;
}

function add({ path, kind }) {
  const item = document.createElement('li');
  const name = document.createElement('bdi');
  name.textContent = path;
  item.append(name);
  listOf(String(kind)).append(item);
  count += 1;
}

/** Says how it ended. *needsOpening* offers to open the server, where that is what is missing. */
function end(text, { needsOpening = false } = {}) {
  progress.textContent = '';
  result.textContent = text;
  again.hidden = false;
  open.hidden = !needsOpening;
}

function conclude(line) {
  const places = `${count} well-known place${count === 1 ? '' : 's'} of secrets`;
  const whole = count === 0 ? 'No well-known place of secrets is among them.' : `${places} among them:`;
  const part = `Not all was looked at: there may be more. So far ${count === 0 ? 'no well-known place of secrets' : places}.`;
  end(`${files(line.files)}. ${line.is_complete ? whole : part}`);
}

/** The lines of *body*, each as the value that it is. */
async function* linesOf(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const { value, done } = await reader.read();
    const lines = (rest + (value ?? '')).split('\n');
    rest = done ? '' : lines.pop();
    yield* lines.filter(Boolean).map((line) => JSON.parse(line));
    if (done) {
      return;
    }
  }
}

async function follow(answer) {
  for await (const line of linesOf(answer.body)) {
    line.found.forEach(add);
    progress.textContent = `${files(line.files)} so far…`;
    if (line.is_over) {
      conclude(line);
      return;
    }
  }
  end('Your server stopped looking before the end. Look again.');
}

async function look() {
  asking?.abort();
  asking = new AbortController();
  const { signal } = asking;
  count = 0;
  found.replaceChildren();
  result.textContent = '';
  progress.textContent = 'Looking…';
  again.hidden = open.hidden = true;
  try {
    const answer = await fetch(panel.dataset.reach, {
      credentials: 'include',
      cache: 'no-store',
      redirect: 'error',
      referrerPolicy: 'no-referrer',
      signal,
    });
    if (answer.ok) {
      await follow(answer);
    } else if (answer.status === 403) {
      end('Open your server once in this browser, then look again.', { needsOpening: true });
    } else {
      end('Your server could not look. Try again in a moment.');
    }
  } catch {
    if (!signal.aborted) {
      end('Your server does not answer. Open it in this browser, then look again.', { needsOpening: true });
    }
  }
}

if (panel.dataset.reach) {
  again.addEventListener('click', look);
  panel.addEventListener('toggle', () => panel.open && asking === null && look());
  window.addEventListener('pagehide', () => asking?.abort());
  if (panel.open) {
    look();
  }
}
