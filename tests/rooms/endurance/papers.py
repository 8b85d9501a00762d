"""How people write into the two kinds of documents, by the shared types that the front end uses."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from pycrdt import Array, Map, Text

from rooms.endurance import tokens
from rooms.endurance.tokens import Ledger


class Paper(Protocol):
    """One kind of document. *at* is any number: each method makes of it a place that there is."""

    kind: ClassVar[str]
    suffix: ClassVar[str]

    def blank(self, ledger: Ledger, words: list[str]) -> str:
        """The file's first content, with *words* in it."""
        ...

    def edit(self, document: Any, deed: str, at: int, word: str, ledger: Ledger, who: str) -> None:
        """Somebody's edit. What it puts and takes is in the ledger."""
        ...

    def change(self, content: str, at: int, word: str | None, ledger: Ledger, *, takes: bool) -> str:
        """A change of the file's content by another program. What it puts and takes is in the ledger."""
        ...

    def text(self, content: Any) -> str:
        """All text of a document's content, which holds each token as often as the document does."""
        ...

    def read(self, content: str) -> Any:
        """A file's content in the form that a document gives."""
        ...


@dataclass(frozen=True, slots=True)
class TextPaper:
    kind: ClassVar[str] = "text:file"
    suffix: ClassVar[str] = ".txt"

    def blank(self, ledger: Ledger, words: list[str]) -> str:
        for word in words:
            ledger.add(word, "there from the beginning")
        return "The first line.\n" + "".join(words) + "\nThe last line.\n"

    def edit(self, document: Any, deed: str, at: int, word: str, ledger: Ledger, who: str) -> None:
        source = document._ysource
        if deed == "erase":
            ledger.take(*_erase(source, at))
        else:
            _insert(source, at, word)
            ledger.add(word, who)

    def change(self, content: str, at: int, word: str | None, ledger: Ledger, *, takes: bool) -> str:
        if takes and (spans := tokens.spans(content)):
            start, end = spans[at % len(spans)]
            ledger.take(content[start:end])
            content = content[:start] + content[end:]
        if word is not None:
            seams = tokens.seams(content)
            seam = seams[at // 7 % len(seams)]
            content = content[:seam] + word + content[seam:]
            ledger.add(word, "from outside")
        return content

    def text(self, content: str) -> str:
        return content

    def read(self, content: str) -> str:
        return content


@dataclass(frozen=True, slots=True)
class NotebookPaper:
    kind: ClassVar[str] = "json:notebook"
    suffix: ClassVar[str] = ".ipynb"

    def blank(self, ledger: Ledger, words: list[str]) -> str:
        cells = [
            {
                "id": f"first-{number}",
                "cell_type": "code",
                "execution_count": None,
                "metadata": {},
                "outputs": [{"name": "stdout", "output_type": "stream", "text": word}] if number % 2 else [],
                "source": f"# {number}" if number % 2 else word,
            }
            for number, word in enumerate(words)
        ]
        for number, word in enumerate(words):
            ledger.add(word, "there from the beginning", f"first-{number}")
        return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})

    def edit(self, document: Any, deed: str, at: int, word: str, ledger: Ledger, who: str) -> None:
        cells = document.ycells
        if deed == "new cell" or not len(cells):
            id_ = f"by-{tokens.bare(word)[0]}"
            new = {"id": id_, "cell_type": "code", "metadata": {}, "source": word, "outputs": []}
            cells.insert(at % (len(cells) + 1), document.create_ycell({**new, "execution_count": None}))
            ledger.add(word, f"{who} as a new cell", id_)
            return
        index = at % len(cells)
        cell = cells[index]
        if deed in ("print", "show", "clear") and "outputs" not in cell:
            deed = "write"
        match deed:
            case "write":
                _insert(cell["source"], at // 7, word)
                ledger.add(word, who, cell["id"])
            case "erase":
                ledger.take(*_erase(cell["source"], at // 7))
            case "drop cell":
                ledger.take(cell["id"], *tokens.within(_texts(cell.to_py())))
                del cells[index]
            case "print":
                self._print(cell, word, ledger, who)
            case "show":
                data = Map({"output_type": "display_data", "metadata": {}, "data": {"text/plain": word}})
                cell["outputs"].append(data)
                ledger.add(word, f"{who} as an output", cell["id"])
            case "clear":
                ledger.take(*tokens.within(_texts(cell["outputs"].to_py())))
                cell["outputs"].clear()

    def change(self, content: str, at: int, word: str | None, ledger: Ledger, *, takes: bool) -> str:
        notebook = self.read(content)
        cells = notebook["cells"]
        if takes and cells:
            cell = cells[at % len(cells)]
            spans = tokens.spans(cell["source"])
            if at // 3 % 3 == 0:
                cells.remove(cell)
                # Stays, with all that is in it, if people have just typed in it.
                ledger.doubt(cell["id"], *tokens.within(_texts(cell)))
            elif spans:
                start, end = spans[at // 7 % len(spans)]
                ledger.take(cell["source"][start:end])
                ledger.change(cell["id"], tokens.within(_texts(cell)))
                cell["source"] = cell["source"][:start] + cell["source"][end:]
        if word is not None:
            self._put(cells, at // 5, word, ledger)
        return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"

    def text(self, content: Any) -> str:
        return "\0".join(_texts(cell) for cell in content["cells"])

    def read(self, content: str) -> Any:
        """Lines that stand one by one in a file are one text."""
        notebook = json.loads(content)
        for cell in notebook["cells"]:
            cell["source"] = "".join(cell["source"])
            for output in cell.get("outputs", []):
                if "text" in output:
                    output["text"] = "".join(output["text"])
                for type_, data in output.get("data", {}).items():
                    output["data"][type_] = "".join(data)
        return notebook

    def _print(self, cell: Any, word: str, ledger: Ledger, who: str) -> None:
        outputs: Array[Any] = cell["outputs"]
        last = outputs[-1] if len(outputs) else None
        if last is not None and last["output_type"] == "stream" and (said := tokens.within(str(last["text"]))):
            # Whoever clears the output meanwhile takes this with it; its first word is how the output is known.
            last["text"].insert(len(str(last["text"]).encode()), word)
            ledger.add(word, f"{who} going on in an output", cell["id"], said[0])
        else:
            outputs.append(Map({"output_type": "stream", "name": "stdout", "text": Text(word)}))
            ledger.add(word, f"{who} as an output", cell["id"])
        cell["execution_count"] = float(len(outputs))

    def _put(self, cells: list[dict[str, Any]], at: int, word: str, ledger: Ledger) -> None:
        cell = cells[at % len(cells)] if cells else None
        match at // 11 % 3:
            case 0 if cell is not None:
                ledger.change(cell["id"], tokens.within(_texts(cell)))
                seams = tokens.seams(cell["source"])
                seam = seams[at // 7 % len(seams)]
                cell["source"] = cell["source"][:seam] + word + cell["source"][seam:]
                ledger.add(word, "from outside into a cell", cell["id"])
            case 1 if cell is not None and "outputs" in cell:
                ledger.change(cell["id"], tokens.within(_texts(cell)))
                cell["outputs"].append({"name": "stdout", "output_type": "stream", "text": word})
                ledger.add(word, "from outside as an output", cell["id"])
            case _:
                id_ = f"outside-{tokens.bare(word)[0]}"
                new = {"id": id_, "cell_type": "markdown", "metadata": {}, "source": word}
                cells.insert(at % (len(cells) + 1), new)
                ledger.add(word, "from outside as a new cell", id_)


def plain(content: Any) -> Any:
    """A document's content without what its file does not hold by design: whether somebody trusts an output."""
    if isinstance(content, dict):
        for cell in content["cells"]:
            cell["metadata"].pop("trusted", None)
    return content


PAPERS: tuple[Paper, ...] = (TextPaper(), NotebookPaper())


def _insert(source: Any, at: int, word: str) -> None:
    text = str(source)
    seams = tokens.seams(text)
    source.insert(len(text[: seams[at % len(seams)]].encode()), word)


def _erase(source: Any, at: int) -> list[str]:
    text = str(source)
    spans = tokens.spans(text)
    if not spans:
        return []
    start, end = spans[at % len(spans)]
    first = len(text[:start].encode())
    del source[first : first + len(text[start:end].encode())]
    return [text[start:end]]


def _texts(value: Any) -> str:
    """Every text in a piece of JSON."""
    match value:
        case str():
            return value + "\0"
        case dict():
            return "".join(map(_texts, value.values()))
        case list():
            return "".join(map(_texts, value))
        case _:
            return ""
