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

// The list moves up under the pointer when a row goes: the second click of a double click is for nobody.
document.addEventListener('click', (event) => event.detail > 1 && event.target.closest('button') && event.preventDefault());

document.addEventListener('keydown', (event) => {
  const menu = event.target.closest?.('details.menu[open]');
  if (event.key === 'Escape' && menu) {
    menu.open = false;
    menu.querySelector('summary').focus();
  }
});

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
    return;
  }
  if (clearsForm) {
    document.getElementById(clearsForm).reset();
  }
  if (thenFocus && document.activeElement === document.body) {
    document.querySelector(thenFocus)?.focus();
  }
});
