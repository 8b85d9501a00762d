"""Somebody who looks at a page of a workspace, and what script on it can try with their cookies."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from playwright.async_api import Browser, BrowserContext, Page

from browser.person import Person
from revocation.holding import Place
from support.demo import Demo

#: What script tries. Each answers with a word how it went, "nothing" where nothing happened in time.
_TRIES = """
const patiently = (begin) => new Promise((resolve) => { begin(resolve); setTimeout(resolve, 60000, 'nothing'); });
window.tries = {
  fetch: (url, options = {}) => fetch(url, { credentials: 'include', ...options }).then(
    (answer) => (answer.type === 'opaque' ? 'opaque' : String(answer.status)), () => 'blocked'),
  socket: (url) => patiently((resolve) => {
    const socket = new WebSocket(url);
    socket.onopen = () => { socket.close(); resolve('open'); };
    socket.onerror = () => resolve('closed');
  }),
  stream: (url) => patiently((resolve) => {
    const stream = new EventSource(url, { withCredentials: true });
    stream.onopen = () => { stream.close(); resolve('open'); };
    stream.onerror = () => { stream.close(); resolve('closed'); };
  }),
  tag: ([name, attribute], url, more = {}) => patiently((resolve) => {
    const tag = Object.assign(document.createElement(name), { [attribute]: url, ...more });
    tag.onload = () => resolve('loaded');
    tag.onerror = () => resolve('failed');
    document.body.append(tag);
  }),
  form: (url, enctype, fields) => patiently((resolve) => {
    const frame = Object.assign(document.createElement('iframe'), { name: `f${Math.random()}` });
    document.body.append(frame);
    const form = Object.assign(document.createElement('form'), { method: 'post', action: url, enctype });
    form.target = frame.name;
    for (const [name, value] of Object.entries(fields)) {
      form.append(Object.assign(document.createElement('input'), { name, value }));
    }
    document.body.append(form);
    frame.onload = () => resolve('sent');
    form.submit();
  }),
};
"""


@asynccontextmanager
async def somebody(browser: Browser, demo: Demo, who: str, *places: Place) -> AsyncIterator[Person]:
    """*who* in a browser of their own, signed in at the Hub, at the service and at the servers of *places*."""
    person = await Person.arrive(browser, who, demo.hub_url, demo.service_url)
    for place in places:
        await person.page.goto(f"{place.url}lab", wait_until="commit")
        await person.page.goto("about:blank")
    yield person
    await person.context.close()


async def page_on(context: BrowserContext, url: str, markup: str = "") -> Page:
    """A page at *url* with *markup*, in the place of what the server has there, as script in a notebook can do. The
    answer is a real one: browsers keep pages of an unknown network from asking this machine for anything."""
    page = await context.new_page()
    await page.goto(url)
    await page.set_content(markup)
    return page


async def attempt(page: Page, kind: str, *arguments: Any) -> str:
    """How a try of this *kind* went on *page*."""
    await page.evaluate(f"() => {{ if (!window.tries) {{ {_TRIES} }} }}")
    return str(await page.evaluate("([kind, args]) => window.tries[kind](...args)", [kind, list(arguments)]))


def trap_address(place: Place) -> str:
    """Where an Editor of *place* has the page that others are to look at."""
    return f"{place.url}trap.html"
