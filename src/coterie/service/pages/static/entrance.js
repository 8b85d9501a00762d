// Follows the start of a server and goes there once it runs.

const form = document.getElementById('open');
const button = form.querySelector('button');
const heading = document.getElementById('start-heading');
const message = document.getElementById('message');
const progress = document.getElementById('progress');
const panel = form.closest('section');
const steps = document.getElementById('steps');
let stream = null;

function say(state, text) {
  panel.dataset.state = state;
  message.textContent = text;
}

function end() {
  stream?.close();
  stream = null;
}

function fail(text) {
  end();
  heading.textContent = 'Not opened';
  button.textContent = 'Try again';
  button.setAttribute('aria-disabled', 'false');
  progress.value = 0;
  say('failed', text);
}

function enter(url) {
  end();
  progress.value = 100;
  say('ready', 'JupyterLab is ready.');
  const target = new URL(url, location.href);
  const view = new URLSearchParams(location.search).get('view');
  if (view) {
    // How JupyterLab is to show itself: "viewer" as a Viewer has it.
    target.searchParams.set('coterie-view', view);
  }
  // Not a step of the history: Back leads to where the person came from.
  location.replace(target);
}

function show(step) {
  progress.value = step.progress;
  say('opening', step.message);
  if (steps.lastElementChild?.textContent !== step.message) {
    const item = document.createElement('li');
    item.dir = 'auto';
    item.textContent = step.message;
    steps.append(item);
  }
  if (step.failed) {
    fail(step.message);
  } else if (step.ready && step.url) {
    enter(step.url);
  }
}

function follow(url) {
  stream = new EventSource(url);
  stream.onmessage = (event) => show(JSON.parse(event.data));
  stream.onerror = () => {
    if (stream?.readyState === EventSource.CLOSED) {
      fail('The progress of the start cannot be followed.');
    } else {
      say('opening', 'The connection was lost. Trying again…');
    }
  };
}

document.addEventListener('htmx:beforeRequest', (event) => {
  if (event.detail.elt !== form) {
    return;
  }
  if (stream !== null) {
    event.preventDefault();
  } else {
    document.getElementById('notice').replaceChildren();
    heading.textContent = 'Opening';
    button.textContent = 'Open';
    button.setAttribute('aria-disabled', 'true');
    progress.removeAttribute('value');
    steps.replaceChildren();
    say('opening', 'Asking for the server…');
  }
});

document.addEventListener('htmx:afterRequest', ({ detail }) => {
  if (detail.elt !== form) {
    return;
  }
  const opened = document.getElementById('opened');
  if (!detail.successful) {
    fail('It was not opened.');
  } else if (opened.dataset.url) {
    enter(opened.dataset.url);
  } else {
    follow(opened.dataset.progressUrl);
  }
});
