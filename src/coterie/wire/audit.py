"""What the audit log says: the acts, and the ways on which people come."""

from __future__ import annotations

from enum import StrEnum


class AuditAct(StrEnum):
    """What somebody did."""

    CREATED = "created"
    RENAMED = "renamed"
    ARCHIVED = "archived"
    UNARCHIVED = "unarchived"
    COPIED = "copied"
    DELETED = "deleted"
    OPENED = "opened"
    STOPPED = "stopped"
    GRANTED = "granted"
    REMOVED = "removed"
    GENERAL_ACCESS_SET = "general-access-set"
    REQUESTED = "requested"
    DECLINED = "declined"
    ANONYMISED = "anonymised"


class Via(StrEnum):
    """The way on which somebody came who did it."""

    PAGE = "page"
    API = "api"
    LINK = "link"
