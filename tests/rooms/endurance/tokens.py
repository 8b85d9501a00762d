"""Tokens: what the tests have people type, so that each piece of text can be told from every other."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import Final

#: One letter for each token. Three letters of a kind stand together, so that it shows if something comes between them.
#: Of two, three and four bytes in UTF-8: documents count bytes, Python letters, JavaScript half of the last ones.
LETTERS: Final = [
    chr(number) for block in (range(0x0100, 0x0240), range(0x4E00, 0x9000), range(0x20000, 0x21000)) for number in block
]

_TOKEN: Final = re.compile(r"([\u0100-\u023f\u4e00-\u8fff\U00020000-\U00020fff])\1\1\n?")


def make() -> Iterator[str]:
    """Tokens, none of them twice. Some are lines, and people's alphabets mix."""
    blocks = (LETTERS[:320], LETTERS[320:-4096], LETTERS[-4096:])
    letters = chain.from_iterable(zip(*blocks, strict=False))
    return (3 * letter + ("\n" if number % 3 else "") for number, letter in enumerate(letters))


def bare(token: str) -> str:
    """The token without its line's end, which a difference between texts may take from a neighbour just as well."""
    return token.rstrip("\n")


def within(text: str) -> list[str]:
    """The tokens in *text*, in order."""
    return [bare(match[0]) for match in _TOKEN.finditer(text)]


def seams(text: str) -> list[int]:
    """Where in *text* something can be put without cutting a token."""
    return sorted({0, len(text), *(edge for match in _TOKEN.finditer(text) for edge in match.span())})


def spans(text: str) -> list[tuple[int, int]]:
    """From where to where each token goes."""
    return [match.span() for match in _TOKEN.finditer(text)]


@dataclass(slots=True)
class Ledger:
    """What has been put into a document, and what has become of it.

    A *holder* is what a token goes with: a cell, or an output whose text goes on.
    """

    put: dict[str, str] = field(default_factory=dict)  # the token, and who put it where
    holders: dict[str, tuple[str, ...]] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)  # tokens and holders that were deleted on purpose
    uncertain: set[str] = field(default_factory=set)  # of which nobody can know whether it arrived
    changed: dict[str, set[str]] = field(
        default_factory=dict
    )  # holders changed from outside, and what was in them then

    def add(self, token: str, what: str, *holders: str) -> None:
        self.put[bare(token)] = what
        self.holders[bare(token)] = holders

    def take(self, *things: str) -> None:
        self.taken.update(bare(thing) for thing in things)

    def doubt(self, *things: str) -> None:
        self.uncertain.update(bare(thing) for thing in things)

    def change(self, holder: str, words: Iterable[str]) -> None:
        """Another program has changed *holder*. If people took it out, it is put in anew as it is in the file."""
        self.changed.setdefault(holder, set()).update(words)

    def faults(self, text: str) -> list[str]:
        """What is wrong with *text*, which holds all that the document does."""
        found = within(text)
        faults = [f"twice: {token} ({self.put.get(token)})" for token in set(found) if found.count(token) > 1]
        faults += [f"from nowhere: {token}" for token in set(found) - set(self.put)]
        for token, what in self.put.items():
            gone = token in self.taken or any(holder in self.taken for holder in self.holders[token])
            doubtful = token in self.uncertain or any(holder in self.uncertain for holder in self.holders[token])
            if doubtful:
                continue
            if not gone and token not in found:
                faults.append(f"missing: {token} ({what})")
            elif token in self.taken and token in found and not self._was_put_in_anew(token):
                faults.append(f"back again: {token} ({what})")
        return faults

    def _was_put_in_anew(self, token: str) -> bool:
        return any(holder in self.taken and token in words for holder, words in self.changed.items())
