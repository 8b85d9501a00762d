// The share window: the combobox (WAI-ARIA combobox with a listbox popup) and "Copy link".

const input = document.getElementById('who');
const form = input.form;
const kind = document.getElementById('kind');
const chosen = document.getElementById('chosen');
const kindShown = document.getElementById('kind-shown');
const popup = document.getElementById('suggestions');
const found = document.getElementById('found');
const notice = document.getElementById('notice');

// Whether suggestions that arrive are still of use.
let isAsking = false;

const options = () => [...popup.querySelectorAll('[role=option]')];
const active = () => popup.querySelector('[aria-selected=true]');

function point(option) {
  active()?.setAttribute('aria-selected', 'false');
  if (option) {
    option.setAttribute('aria-selected', 'true');
    option.scrollIntoView({ block: 'nearest' });
    input.setAttribute('aria-activedescendant', option.id);
  } else {
    input.removeAttribute('aria-activedescendant');
  }
}

function close() {
  isAsking = false;
  point(null);
  popup.hidden = true;
  input.setAttribute('aria-expanded', 'false');
}

function forget() {
  kind.value = '';
  chosen.value = '';
  kindShown.textContent = '';
}

function choose(option) {
  input.value = option.dataset.name;
  kind.value = option.dataset.kind;
  chosen.value = option.dataset.name;
  kindShown.textContent = option.querySelector('.kind').textContent;
  close();
  input.focus();
}

function move(by) {
  const all = options();
  if (popup.hidden) {
    isAsking = true;
    window.htmx.trigger(input, 'suggest');
  } else if (all.length > 0) {
    const from = active() ? all.indexOf(active()) : by > 0 ? -1 : 0;
    point(all[(from + by + all.length) % all.length]);
  }
}

input.addEventListener('keydown', (event) => {
  if (event.isComposing) {
    return;
  }
  if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
    event.preventDefault();
    move(event.key === 'ArrowDown' ? 1 : -1);
  } else if (event.key === 'Enter' && active()) {
    event.preventDefault();
    choose(active());
  } else if (event.key === 'Escape') {
    event.preventDefault();
    if (popup.hidden) {
      input.value = '';
      forget();
    }
    close();
  }
});

input.addEventListener('input', () => {
  isAsking = true;
  // Enter must not choose what was pointed at for an earlier text.
  point(null);
  forget();
});
input.addEventListener('click', () => popup.hidden && !kind.value && move(1));
input.addEventListener('blur', close);

// The pointer must not take the focus from the field, or the list would close under it.
popup.addEventListener('mousedown', (event) => event.preventDefault());
popup.addEventListener('click', (event) => {
  const option = event.target.closest('[role=option]');
  if (option) {
    choose(option);
  }
});

popup.addEventListener('htmx:afterSwap', () => {
  // Whoever was pointed at while these came stays so.
  point(document.getElementById(input.getAttribute('aria-activedescendant') ?? ''));
  const count = options().length;
  found.textContent = count === 0 ? popup.textContent.trim() : count === 1 ? '1 suggestion' : `${count} suggestions`;
  if (isAsking) {
    popup.hidden = false;
    input.setAttribute('aria-expanded', String(count > 0));
  }
});

form.addEventListener('reset', forget);
form.addEventListener('submit', close);

document.getElementById('copy-link').addEventListener('click', async () => {
  const link = document.getElementById('link');
  const said = document.createElement('p');
  try {
    await navigator.clipboard.writeText(link.value);
    said.textContent = 'The link has been copied.';
  } catch {
    link.focus();
    link.select();
    said.textContent = 'The browser does not let this page copy. The link is selected: copy it from there.';
  }
  notice.replaceChildren(said);
});
