"""The page for somebody who may not be here: the same whether the workspace is there or not."""

from __future__ import annotations

import base64
import hashlib
import html

#: As the service's own pages look, which this one cannot take its style from: it belongs to another origin.
_STYLE = """
:root { color-scheme: light dark; }
body { margin: 0; background: #f6f7f9; color: #1f2430; font: 13px/1.5 system-ui, sans-serif; }
main { max-width: 608px; margin: 0 auto; padding: 68px 16px 48px; }
h1 { margin: 0 0 16px; font-size: 20px; font-weight: 600; line-height: 1.3; }
p { margin: 0 0 16px; }
a {
  display: inline-block; padding: 4px 12px; border: 1px solid #8a93a3; border-radius: 4px;
  background: #fff; color: inherit; line-height: 22px; text-decoration: none;
}
a:focus-visible { outline: 2px solid #1f62ae; outline-offset: 2px; }
@media (prefers-color-scheme: dark) {
  body { background: #14171c; color: #e4e8ee; }
  a { border-color: #6f7a8a; background: #1b1f26; }
  a:focus-visible { outline-color: #94c5f8; }
}
"""
_DIGEST = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

#: What the page may load: its own style.
CONTENT_SECURITY_POLICY = f"default-src 'none'; style-src 'sha256-{_DIGEST}'; base-uri 'none'; frame-ancestors 'none'"


def no_access_page(detail: str, workspaces_url: str) -> str:
    """The page that says *detail* and leads to *workspaces_url*."""
    link = html.escape(workspaces_url, quote=True)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>No such workspace · Coterie</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{_STYLE}</style></head><body><main><h1>No such workspace</h1><p>{html.escape(detail)}</p>"
        f'<p><a href="{link}">Go to your workspaces</a></p></main></body></html>'
    )
