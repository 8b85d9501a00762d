"""Adding to what the operator already wrote into jupyterhub_config.py, instead of replacing it.

traitlets keeps ``c.X.y.append(...)`` on a value that nobody set as a list of changes; these calls see through that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from traitlets.config import Config
from traitlets.config.loader import LazyConfigValue


def value_of(section: Config, name: str, otherwise: Any) -> Any:
    """What the operator set as *name*, *otherwise* where nothing was set."""
    if name not in section:
        return otherwise
    value = section[name]
    return value.get_value(otherwise) if isinstance(value, LazyConfigValue) else value


def add_to_list(section: Config, name: str, items: Sequence[Any]) -> None:
    """Puts *items* behind the operator's own."""
    section[name] = [*value_of(section, name, []), *items]


def add_to_dict(section: Config, name: str, items: Mapping[str, Any]) -> None:
    """Adds *items*; where the operator set a key, theirs stays."""
    section[name] = {**items, **value_of(section, name, {})}


def set_unless_set(section: Config, name: str, value: Any) -> None:
    """Sets *name* where the operator said nothing."""
    if name not in section:
        section[name] = value
