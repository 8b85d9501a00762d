"""What Alice brings along: a notebook, and the package that it needs."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

PACKAGE = "wingplot"

#: Draws bars into a PNG with nothing but the standard library.
_MODULE = r"""
import struct
import zlib


class Plot:
    def __init__(self, lengths):
        self.lengths = lengths

    def _repr_png_(self):
        rows = [b"\0" + (b"\x1f" * 2 * length).ljust(240, b"\xff") for length in self.lengths]
        pixels = b"".join(row * 12 for row in rows)
        header = struct.pack(">IIBBBBB", 240, 12 * len(rows), 8, 0, 0, 0, 0)
        chunks = (b"IHDR", header), (b"IDAT", zlib.compress(pixels)), (b"IEND", b"")
        packed = (struct.pack(">I", len(d)) + t + d + struct.pack(">I", zlib.crc32(t + d)) for t, d in chunks)
        return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


def bars(*lengths):
    return Plot(lengths)
"""


def make_wheel(folder: Path) -> None:
    """The package, as pip finds it in *folder*. The deployment does not have it."""
    info = f"{PACKAGE}-1.0.dist-info"
    with zipfile.ZipFile(folder / f"{PACKAGE}-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{PACKAGE}.py", _MODULE)
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {PACKAGE}\nVersion: 1.0\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")


def make_notebook(path: Path, wheels: Path) -> None:
    """A notebook that installs the package from *wheels* and draws a plot with it."""
    cells = [
        _cell("markdown", "title", "# Seabirds"),
        _cell("code", "install", f"%pip install --quiet --no-index --find-links '{wheels}' {PACKAGE}"),
        _cell("code", "plot", f"import {PACKAGE}\n\n{PACKAGE}.bars(41, 62, 103)"),
    ]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = {"nbformat": 4, "nbformat_minor": 5, "metadata": {"kernelspec": kernel}, "cells": cells}
    path.write_text(json.dumps(notebook))


def _cell(kind: str, name: str, source: str) -> dict[str, Any]:
    cell: dict[str, Any] = {"cell_type": kind, "id": name, "metadata": {}, "source": source}
    return cell | ({"execution_count": None, "outputs": []} if kind == "code" else {})
