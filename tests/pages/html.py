"""Reads the HTML of a page as a browser would, as far as the tests look at it."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

_VOID = frozenset({"br", "circle", "hr", "img", "input", "link", "meta", "path"})


@dataclass
class Element:
    """One element with its attributes and children. An attribute without a value is ``""``."""

    tag: str
    attributes: dict[str, str]
    parent: Element | None = None
    children: list[Element | str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The text inside, with blanks collapsed."""
        parts = (child if isinstance(child, str) else child.text for child in self.children)
        return " ".join("".join(parts).split())

    def all(self, *tags: str) -> list[Element]:
        """Every element inside, in document order; those called one of *tags* where some are given."""
        found: list[Element] = []
        for child in self.children:
            if isinstance(child, Element):
                if not tags or child.tag in tags:
                    found.append(child)
                found.extend(child.all(*tags))
        return found

    def one(self, tag: str, **attributes: str) -> Element:
        """The only element inside that is a *tag* and has these attributes."""
        found = [element for element in self.all(tag) if attributes.items() <= element.attributes.items()]
        assert len(found) == 1, f"{len(found)} of {tag} {attributes}"
        return found[0]

    def is_inside(self, tag: str) -> bool:
        """Whether some element around this one is a *tag*."""
        return self.parent is not None and (self.parent.tag == tag or self.parent.is_inside(tag))


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = self._here = Element("document", {})

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(set(names)) == len(names), f"an attribute twice in {tag} {attrs}"
        element = Element(tag, {name: value or "" for name, value in attrs}, self._here)
        self._here.children.append(element)
        if tag not in _VOID:
            self._here = element

    def handle_endtag(self, tag: str) -> None:
        if tag not in _VOID:
            assert self._here.tag == tag, f"<{self._here.tag}> ended by </{tag}>"
            assert self._here.parent is not None
            self._here = self._here.parent

    def handle_data(self, data: str) -> None:
        self._here.children.append(data)


def read(text: str) -> Element:
    """The document in *text*. Fails the test where elements do not nest or an attribute comes twice."""
    reader = _Reader()
    reader.feed(text)
    reader.close()
    assert reader.root is reader._here, f"<{reader._here.tag}> is never ended"
    return reader.root
