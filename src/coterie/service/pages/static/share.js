// The share window: the combobox (WAI-ARIA combobox with a listbox popup), what its forms send, and "Copy link".
// live.js shows what others change.

function combobox(input) {
  const form = input.form;
  const hidden = { kind: form.elements.kind, name: form.elements.name, version: form.elements.version };
  const kindShown = document.getElementById('kind-shown');
  const reach = document.getElementById('add-hint');
  const popup = document.getElementById('suggestions');
  const found = document.getElementById('found');
  const hint = reach.innerHTML;
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
    hidden.kind.value = hidden.name.value = '';
    hidden.version.value = 'none';
    kindShown.textContent = '';
    reach.innerHTML = hint;
  }

  function choose(option) {
    input.value = option.dataset.name;
    hidden.kind.value = option.dataset.kind;
    hidden.name.value = option.dataset.name;
    hidden.version.value = option.dataset.version;
    kindShown.textContent = option.querySelector('.kind').textContent;
    reach.textContent = option.querySelector('.about')?.textContent ?? '';
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

  const keys = {
    ArrowDown: () => move(1),
    ArrowUp: () => move(-1),
    Enter: () => active() && (choose(active()), true),
    // In the list to its ends; in the text, where nothing is pointed at, as in any text.
    Home: () => active() && (point(options().at(0)), true),
    End: () => active() && (point(options().at(-1)), true),
    Escape: () => {
      if (popup.hidden) {
        input.value = '';
        forget();
      }
      close();
    },
  };

  input.addEventListener('keydown', (event) => {
    if (!event.isComposing && keys[event.key] && keys[event.key]() !== null) {
      event.preventDefault();
    }
  });
  input.addEventListener('input', () => {
    isAsking = true;
    // Enter must not choose what was pointed at for an earlier text.
    point(null);
    forget();
  });
  input.addEventListener('click', () => popup.hidden && !hidden.kind.value && move(1));
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
}

document.addEventListener('htmx:configRequest', ({ detail }) => {
  const { until, lasting } = detail.parameters;
  if (until && !lasting) {
    // A date-time without a zone is the reader's own.
    const end = new Date(`${until}T23:59:59`);
    detail.parameters.expires_at = Number.isNaN(end.getTime()) ? '' : end.toISOString();
  }
  if (detail.verb === 'post') {
    detail.parameters.matching = document.getElementById('matching')?.value ?? '';
    detail.parameters.shown = document.getElementById('people')?.children.length ?? '';
    detail.parameters.guests_shown = document.getElementById('guests')?.children.length ?? '';
  }
});

const who = document.getElementById('who');
// The window of a home has none.
if (who) {
  combobox(who);
}

function say(text) {
  const line = document.createElement('p');
  line.textContent = text;
  document.getElementById('notice').replaceChildren(line);
}

document.addEventListener('click', async ({ target }) => {
  const button = target.closest('[data-copies]');
  if (!button) {
    return;
  }
  const link = document.getElementById(button.dataset.copies);
  try {
    await navigator.clipboard.writeText(link.value);
    say('The link has been copied.');
  } catch {
    link.focus();
    link.select();
    say('The browser does not let this page copy. The link is selected: copy it from there.');
  }
});
