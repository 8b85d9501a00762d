"""What a start of a server, and of the demo with its Hub, leaves out: it takes long and is used by nothing here."""

from __future__ import annotations

import sys


def leave_out_slow_imports() -> None:
    """Have Python not find ``rfc3987_syntax``, from now on in this process. Call it before jsonschema is imported.

    It builds a grammar when it is imported, which is half of the processor time that the imports of a server or a Hub
    take, and jsonschema uses it for values of the formats ``iri`` and ``iri-reference`` alone (JSON Schema, section
    7.3.5), which no schema of Jupyter's has. Where it is not installed, jsonschema takes any text for those.
    """
    sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment]
