"""One text that a regular expression matches, as short as the expression allows: an address for every route."""

from __future__ import annotations

import re
import re._constants as kinds
import re._parser as parser
from typing import Any

_PREFERRED = "x1-./_ "


def sample(pattern: str) -> str:
    """A text that *pattern* matches whole. Raises AssertionError for what is beyond this little reader."""
    text = _sequence(parser.parse(pattern))
    assert re.fullmatch(pattern, text), (pattern, text)
    return text


def _sequence(items: Any) -> str:
    return "".join(_one(kind, value) for kind, value in items)


def _one(kind: Any, value: Any) -> str:
    match kind:
        case kinds.LITERAL:
            return chr(value)
        case kinds.ANY:
            return "x"
        case kinds.AT:
            return ""
        case kinds.NOT_LITERAL:
            return next(text for text in _PREFERRED if ord(text) != value)
        case kinds.IN:
            return next(text for text in _PREFERRED if _is_in(value, text))
        case kinds.MAX_REPEAT | kinds.MIN_REPEAT:
            least, most, items = value
            # Something rather than nothing where a whole part of an address may be left out or filled.
            count = max(least, 1) if most == kinds.MAXREPEAT else least
            return _sequence(items) * count
        case kinds.SUBPATTERN:
            return _sequence(value[3])
        case kinds.BRANCH:
            return _sequence(value[1][0])
    raise AssertionError(f"no sample for {kind}")


def _is_in(members: Any, text: str) -> bool:
    found, negated = False, False
    for kind, value in members:
        match kind:
            case kinds.NEGATE:
                negated = True
            case kinds.LITERAL:
                found |= value == ord(text)
            case kinds.RANGE:
                found |= value[0] <= ord(text) <= value[1]
            case kinds.CATEGORY:
                found |= re.fullmatch(r"\w", text) is not None
    return found != negated
