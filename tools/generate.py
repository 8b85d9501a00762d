"""Write what the lab extension shares with the Python code: roles and close codes.

python tools/generate.py            writes lab/src/generated.ts
python tools/generate.py --check    changes nothing; exit status 1 when the file is stale
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "src"))

from coterie.policy.roles import Role  # noqa: E402
from coterie.wire.close_codes import CLOSE_CODES, ROOM_ENDED  # noqa: E402

TARGET = ROOT / "lab" / "src" / "generated.ts"

HEADER = """\
// Written by tools/generate.py from coterie.policy.roles and coterie.wire.close_codes. Do not edit.
"""


def key(word: str) -> str:
    """A word of the wire as a TypeScript key: ``access-ended`` is ``accessEnded``."""
    first, *rest = word.split("-")
    return first + "".join(part.capitalize() for part in rest)


def quote(text: str) -> str:
    """*text* as the string literal that prettier would leave alone."""
    inner = json.dumps(text, ensure_ascii=False)[1:-1].replace('\\"', '"')
    single, double = inner.count("'"), inner.count('"')
    if single > double:
        return '"' + inner.replace('"', '\\"') + '"'
    return "'" + inner.replace("'", "\\'") + "'"


def generated() -> str:
    """The whole of lab/src/generated.ts, as prettier would lay it out."""
    lines = [HEADER, "/** The roles, weakest first. */", "export const ROLES = {"]
    lines += [
        f"  {key(role.word)}: {{ word: {quote(role.word)}, order: {role.value}, title: {quote(role.title)} }},"
        for role in sorted(Role)
    ]
    lines += [
        "} as const;",
        "",
        "export type RoleWord = (typeof ROLES)[keyof typeof ROLES]['word'];",
        "",
        "/** Why a WebSocket of a workspace's server was closed. */",
        "export const CLOSE_CODES = {",
    ]
    for code in CLOSE_CODES:
        lines += [
            f"  {key(code.word)}: {{",
            f"    status: {code.status},",
            f"    word: {quote(code.word)},",
            f"    message: {quote(code.message)},",
            "  },",
        ]
    lines += [
        "} as const;",
        "",
        "/** The status with which a room drops a document for good. */",
        f"export const ROOM_ENDED = {ROOM_ENDED};",
        "",
    ]
    return "\n".join(lines)


def main() -> int:
    """Exit status: 0 when the file is as it should be, 1 when --check found it stale."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="only say whether the file is stale")
    arguments = parser.parse_args()
    text = generated()
    if not arguments.check:
        TARGET.write_text(text, encoding="utf-8")
        return 0
    if TARGET.is_file() and TARGET.read_text(encoding="utf-8") == text:
        return 0
    print(f"{TARGET.relative_to(ROOT)} is stale: run python tools/generate.py", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
