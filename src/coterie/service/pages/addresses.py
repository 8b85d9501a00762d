"""Where browsers find the service and the Hub."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote, urlencode, urlsplit


@dataclass(frozen=True, slots=True)
class Addresses:
    """The two addresses that pages link to, as browsers reach them. Both end with a slash."""

    service_url: str
    hub_url: str

    @property
    def base_path(self) -> str:
        """The path that every page and static file lies below; begins and ends with a slash."""
        return urlsplit(self.service_url).path

    def path(self, *parts: str, **query: str) -> str:
        """The path of a page. Each part is quoted whole: a slash in a part is no separator."""
        path = self.base_path + "/".join(quote(part, safe="~") for part in parts)
        return f"{path}?{urlencode(query)}" if query else path

    def link(self, workspace_id: str) -> str:
        """A workspace's own link, to hand to others."""
        return self.service_url + f"w/{quote(workspace_id, safe='~')}"

    def hub(self, page: str) -> str:
        """The address of one of the Hub's pages."""
        return f"{self.hub_url}hub/{page}"
