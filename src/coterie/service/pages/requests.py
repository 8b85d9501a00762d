"""What page routes read from a request: how it asks, and forms, turned into bodies of the wire."""

from __future__ import annotations

from typing import Annotated, TypeVar

from fastapi import Form
from pydantic import BaseModel, ValidationError
from starlette.requests import Request

from coterie.actions.errors import Refused
from coterie.wire.problems import ProblemCode

Body = TypeVar("Body", bound=BaseModel)

#: A field of a form. One that was not sent is empty, and refused with the same sentence as one left empty.
Field = Annotated[str, Form()]

#: No number that a form asks for is longer.
_DIGITS_MAX = 9


def count_shown(text: str, otherwise: int) -> int:
    """How many rows a form says that its window shows; *otherwise* where it does not say a plausible number."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else otherwise


def wants_fragment(request: Request) -> bool:
    """Whether htmx asks, and puts the answer into the page that is there; otherwise the browser wants a whole page."""
    return request.headers.get("HX-Request") == "true"


def read(body: type[Body], **fields: str | bool | int) -> Body:
    """*fields* as a *body*. Raises Refused with a sentence for whoever filled in the form."""
    try:
        return body.model_validate(fields)
    except ValidationError as error:
        raise Refused(ProblemCode.INVALID_INPUT, _sentence(error)) from error


def number(text: str, least: int, most: int, sentence: str) -> int:
    """The whole number from *least*, at least 0, to *most* that a field holds. Raises Refused with *sentence* for
    anything else."""
    plain = text.strip()
    is_one = plain.isascii() and plain.isdigit() and len(plain) <= _DIGITS_MAX
    if not is_one or not least <= int(plain) <= most:
        raise Refused(ProblemCode.INVALID_INPUT, sentence)
    return int(plain)


def _sentence(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    field = str(first["loc"][-1]).replace("_", " ") if first["loc"] else "form"
    match first["type"]:
        case "string_too_short":
            return f"The {field} is missing."
        case "string_too_long":
            return f"The {field} is too long: at most {first['ctx']['max_length']} characters."
        case "value_error":
            return str(first["ctx"]["error"])
        case _:
            return f"The {field} is not one that can be chosen."
