"""The calls of the API: which act of the table of roles one about a workspace asks for, and whom the others are for."""

from __future__ import annotations

from typing import Final

from coterie.policy import Act

#: How the API is asked for each act. What only looks comes first, and nothing is left after the last.
CALLS: Final[dict[Act, tuple[tuple[str, str, dict[str, object] | None], ...]]] = {
    Act.VIEW: (("GET", "", None), ("GET", "/access/{oneself}", None)),
    Act.FAVOURITE: (("PUT", "/favourite", None), ("DELETE", "/favourite", None)),
    Act.MANAGE_ACCESS: (
        ("GET", "/grants", None),
        ("GET", "/access/bob", None),
        ("GET", "/audit", None),
        ("GET", "/requests", None),
        ("PUT", "/requests/bob", {"role": "viewer"}),
        ("DELETE", "/requests/bob", None),
        ("PUT", "/grants/group/astro", {"role": "viewer"}),
        ("DELETE", "/grants/group/astro", None),
        ("GET", "/invitations", None),
        ("POST", "/invitations", {}),
        ("DELETE", "/invitations/aaaaaaaaaaaaaaaa", None),
        ("DELETE", "/invitations", None),
        ("GET", "/guests", None),
        ("GET", "/guests/blocks", None),
        ("DELETE", "/guests/bob", None),
        ("DELETE", "/guests/blocks/bob", None),
        ("DELETE", "/guests/blocks", None),
        ("DELETE", "/guests", None),
        ("GET", "/hub-shares", None),
        ("PUT", "/hub-shares/user/bob", {"role": "viewer"}),
        ("DELETE", "/hub-shares/group/astro", None),
    ),
    Act.COPY: (("POST", "/copy", {"name": "Copy"}),),
    Act.OPEN: (("POST", "/open", None),),
    Act.STOP: (("POST", "/stop", None),),
    Act.RENAME: (("PATCH", "", {"name": "Renamed"}),),
    Act.ARCHIVE: (("PATCH", "", {"archived": True}),),
    Act.DELETE: (("DELETE", "", None),),
}

#: Of what the API offers below a workspace, what is not one role's or the other's: whoever may not come in asks to,
#: and the steps of a start are those of whoever opens.
FOR_ANYBODY: Final = {("POST", "/requests"), ("GET", "/progress")}

#: Calls that are about no workspace.
FOR_PEOPLE: Final = {
    ("GET", "/me"),
    ("GET", "/workspaces"),
    ("POST", "/workspaces"),
    ("GET", "/principals"),
    ("POST", "/invitations/preview"),
    ("POST", "/invitations/accept"),
}
FOR_ADMINISTRATORS: Final = {("GET", "/audit"), ("POST", "/users/{name}/anonymise")}
FOR_SERVERS: Final = {
    ("GET", "/server"),
    ("GET", "/server/decisions/{name}"),
    ("POST", "/server/decisions"),
    ("POST", "/server/names"),
    ("GET", "/server/events"),
}
FOR_EVERYBODY: Final = {("GET", "/health/live"), ("GET", "/health/ready")}

_TEMPLATES: Final = {
    "/access/{oneself}": "/access/{user}",
    "/access/bob": "/access/{user}",
    "/requests/bob": "/requests/{user}",
    "/grants/group/astro": "/grants/{kind}/{name}",
    "/invitations/aaaaaaaaaaaaaaaa": "/invitations/{invitation}",
    "/guests/bob": "/guests/{user}",
    "/guests/blocks/bob": "/guests/blocks/{user}",
    "/hub-shares/user/bob": "/hub-shares/user/{name}",
    "/hub-shares/group/astro": "/hub-shares/{kind}/{name}",
}


def template(path: str) -> str:
    """The path of the description of the API, below a workspace, that *path* of ``CALLS`` is one of."""
    return _TEMPLATES.get(path, path)


#: The act that each call about a workspace asks for, whatever stands in its body.
ACT_OF: Final = {(method, template(path)): act for act, calls in CALLS.items() for method, path, _ in calls} | {
    ("GET", "/progress"): Act.OPEN
}
