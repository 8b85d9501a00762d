"""Notebooks as files, of the sizes that are measured."""

from __future__ import annotations

import base64
import json
import random
from pathlib import Path
from typing import Any


def write_many_cells(path: Path, cells: int) -> None:
    """Code cells of a few lines, each third with a printed line below."""
    _write(path, [_cell(number, _printed(number) if number % 3 == 0 else []) for number in range(cells)])


def write_large_outputs(path: Path, outputs: int, bytes_each: int) -> None:
    """One picture of *bytes_each*, as long as it stands in the file, below each cell."""
    _write(path, [_cell(number, [_picture(number, bytes_each)]) for number in range(outputs)])


def _write(path: Path, cells: list[dict[str, Any]]) -> None:
    content = {
        "cells": cells,
        "metadata": {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    path.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def _cell(number: int, outputs: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "cell_type": "code",
        "execution_count": number,
        "id": f"cell-{number}",
        "metadata": {},
        "outputs": outputs,
        "source": [f"value = {number}\n", "for step in range(10):\n", "    value += step\n", "print(value)"],
    }


def _printed(number: int) -> list[dict[str, Any]]:
    return [{"name": "stdout", "output_type": "stream", "text": [f"{number + 45}\n"]}]


def _picture(number: int, size: int) -> dict[str, Any]:
    noise = random.Random(number).randbytes(size * 3 // 4)
    return {"data": {"image/png": base64.b64encode(noise).decode()}, "metadata": {}, "output_type": "display_data"}
