import { leaveUnasked } from './leaving.js';

/** What the overlay says, and where it leads. */
export interface IOverlayProps {
  readonly title: string;
  readonly message: string;
  readonly link: { readonly label: string; readonly href: string };
}

/**
 * Put one sentence in place of the whole page, for good.
 *
 * Everything else leaves the document, now and whenever it comes later: what was open can be neither seen, read aloud
 * nor focused, and a dialog that comes up afterwards is gone before it is seen. Nothing on the page connects any more.
 */
export function replacePage(props: IOverlayProps): void {
  leaveUnasked();
  forbidConnections();
  keepEventsFromDialogs();
  const overlay = createOverlay(props);
  const clear = () => {
    const others = Array.from(document.body.childNodes).filter((node) => node !== overlay && !isStyle(node));
    others.forEach((node) => node.remove());
    if (others.length > 0) {
      overlay.querySelector('a')?.focus();
    }
  };
  document.body.append(overlay);
  clear();
  new MutationObserver(clear).observe(document.body, { childList: true });
  document.title = props.title;
}

/** JupyterLab keeps the style sheets of its theme in the body. */
function isStyle(node: Node): boolean {
  return node instanceof HTMLStyleElement || (node instanceof HTMLLinkElement && node.rel === 'stylesheet');
}

function createOverlay({ title, message, link }: IOverlayProps): HTMLElement {
  const overlay = document.createElement('div');
  overlay.className = 'coterie-Overlay';
  overlay.setAttribute('role', 'alertdialog');
  overlay.setAttribute('aria-modal', 'true');
  overlay.setAttribute('aria-labelledby', 'coterie-overlay-title');
  overlay.setAttribute('aria-describedby', 'coterie-overlay-message');
  const box = document.createElement('div');
  box.className = 'coterie-Overlay-box';
  const heading = document.createElement('h1');
  heading.id = 'coterie-overlay-title';
  heading.textContent = title;
  const sentence = document.createElement('p');
  sentence.id = 'coterie-overlay-message';
  sentence.textContent = message;
  const anchor = document.createElement('a');
  anchor.href = link.href;
  anchor.textContent = link.label;
  box.append(heading, sentence, anchor);
  overlay.append(box);
  return overlay;
}

/** Many parts of JupyterLab keep asking the server for ever. A policy can be added to a page at any time, and not removed. */
function forbidConnections(): void {
  const policy = document.createElement('meta');
  policy.httpEquiv = 'Content-Security-Policy';
  policy.content = "connect-src 'none'";
  document.head.append(policy);
}

/** JupyterLab's dialogs hold focus and keys by listeners on the document, which outlive their nodes. The window is asked first. */
function keepEventsFromDialogs(): void {
  for (const kind of ['focus', 'keydown', 'mousedown', 'contextmenu']) {
    window.addEventListener(kind, (event) => event.stopImmediatePropagation(), true);
  }
}
