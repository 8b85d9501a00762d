"""With which problems a call may answer, as the description of the API says it: every status, and the codes it stands
for there. What no call is described with are its own defects (500), and addresses and methods that do not exist."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, Final

from coterie.service.problems import MEDIA_TYPE, PROBLEMS
from coterie.wire.problems import Problem, ProblemCode

_SCHEMAS = "#/components/schemas/"

#: Of every call that is held to limits.
LIMITS: Final = (
    ProblemCode.REQUEST_TOO_SLOW,
    ProblemCode.CONTENT_TOO_LARGE,
    ProblemCode.TOO_MANY_REQUESTS,
    ProblemCode.ANSWER_TOO_SLOW,
)
#: Of every call that people make: one that only looks may come from a page of another origin, too.
PERSON: Final = (
    *LIMITS,
    ProblemCode.SIGN_IN_NEEDED,
    ProblemCode.NOT_A_PERSON,
    ProblemCode.FORGED_REQUEST,
    ProblemCode.INVALID_INPUT,
    ProblemCode.HUB_UNAVAILABLE,
    ProblemCode.STORE_UNAVAILABLE,
)
#: Of every call of theirs that changes something.
CHANGE: Final = (*PERSON, ProblemCode.CONFLICT)
#: Of every call of theirs about one workspace or home.
WORKSPACE: Final = (*PERSON, ProblemCode.WORKSPACE_NOT_FOUND, ProblemCode.ROLE_TOO_WEAK, ProblemCode.NOT_FOUND)
#: Of every call of theirs that changes something in one.
CHANGE_IN_WORKSPACE: Final = (*WORKSPACE, ProblemCode.CONFLICT)
#: Of every call that a server makes about itself.
SERVER: Final = (
    *LIMITS,
    ProblemCode.NOT_A_PERSON,
    ProblemCode.WORKSPACE_NOT_FOUND,
    ProblemCode.NOT_FOUND,
    ProblemCode.INVALID_INPUT,
    ProblemCode.HUB_UNAVAILABLE,
    ProblemCode.STORE_UNAVAILABLE,
)


def refusals(*codes: ProblemCode) -> dict[int | str, dict[str, Any]]:
    """The answers with these problems, by their statuses, as routes take them. The schema that they refer to is that of
    ``schemas()``."""
    by_status: dict[int, list[ProblemCode]] = defaultdict(list)
    for code in dict.fromkeys(codes):
        by_status[PROBLEMS[code][0]].append(code)
    return {
        status: {
            "description": ", ".join(f"`{code.value}`: {PROBLEMS[code][1]}" for code in codes_of_status),
            "content": {MEDIA_TYPE: {"schema": {"$ref": f"{_SCHEMAS}{Problem.__name__}"}}},
        }
        for status, codes_of_status in sorted(by_status.items())
    }


def schemas() -> dict[str, Any]:
    """What a problem document is, by the names under which a description of an API keeps such things."""
    problem = Problem.model_json_schema(ref_template=f"{_SCHEMAS}{{model}}")
    return {**problem.pop("$defs"), Problem.__name__: problem}
