"""What makes a server's folders those of a copy: which files stay behind, and which must not name the old place.

Of a source's home only ``work`` and ``environment`` are copied. Settings, histories and the journals of documents lie
beside them and stay.
"""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from urllib.parse import quote

from coterie.hub.copying import Budget, Change, Parts, Reason, Rules, Tally, copy_tree
from coterie.hub.folders import Folders, make_home
from coterie.hub.open_folders import make_fresh_folder, open_folder, opened
from coterie.hub.outputs import may_hold_outputs, without_outputs
from coterie.hub.passwords import may_hold_passwords, without_passwords
from coterie.hub.removing import remove
from coterie.policy.secret_files import secret_kind

_TEXT_MAX = 4 << 20
_NOTEBOOK_MAX = 1 << 30
_WITHOUT_PASSWORDS = Change(without_passwords, _TEXT_MAX, Reason.PASSWORDS)
_FRESH = ".copying-"

#: The files of an environment that name places, besides scripts.
_NAMING = (
    "lib/*/site-packages/*.pth",
    "lib/*/site-packages/*.egg-link",
    "lib/*/site-packages/__editable__*.py",
    "lib/*/site-packages/*.dist-info/direct_url.json",
    "share/jupyter/kernels/*/kernel.json",
)


class SourceGone(Exception):
    """The folders that were to be copied are not there, or not any more."""


def copy_folders(
    source: Folders,
    target: Folders,
    *,
    with_outputs: bool,
    budget: Budget | None = None,
    tell: Callable[[Tally], None] | None = None,
) -> Tally:
    """Give *target*, in which nothing has run yet, the files and packages of *source*. *tell* is called now and then.

    The work folder appears last and whole; whatever was left by a copy that was cut off is replaced. Raises SourceGone,
    LimitExceeded where *budget* is used up (None: there is no limit), and OSError where the target cannot be written.
    """
    tally = Tally()
    copying = _Copying(tally, budget or Budget(), (lambda: None) if tell is None else (lambda: tell(tally)))
    make_home(target.home)
    moved = _Moved(source, target)
    # Nothing should run in the target, but a server that survived its Hub might: there too, paths say nothing.
    with opened(str(target.home)) as target_home:
        for remains in target.home.glob(f"{_FRESH}*"):
            remove(remains)
        fresh_name = make_fresh_folder(_FRESH, target_home)
        try:
            with opened(fresh_name, target_home) as fresh, _opened_source(source.home) as home:
                has_environment = copying.copy(home, source.environment.name, fresh, moved.environment_rules())
                if not copying.copy(home, source.work.name, fresh, moved.work_rules(with_outputs)):
                    raise SourceGone
                if not _is_still(source.home, home):
                    raise SourceGone
                if has_environment:
                    remove(target.environment)
                    _move(target.environment.name, fresh, target_home)
                _move(target.work.name, fresh, target_home)
        finally:
            remove(target.home / fresh_name)
    return tally


@contextmanager
def _opened_source(home: Path) -> Iterator[int]:
    try:
        descriptor = open_folder(str(home))
    except FileNotFoundError as error:
        raise SourceGone from error
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@dataclass(frozen=True, slots=True)
class _Copying:
    """One copy, of several folders."""

    tally: Tally
    budget: Budget
    tell: Callable[[], None]

    def copy(self, home: int, name: str, target: int, rules: Rules) -> bool:
        """Copy the folder *name* of the open folder *home* into the open folder *target*; answers False where there is
        none. A link is none: it could lead to anybody's files."""
        try:
            source = open_folder(name, home)
        except (FileNotFoundError, NotADirectoryError):
            return False
        try:
            os.mkdir(name, 0o700, dir_fd=target)
            with opened(name, target) as copy:
                copy_tree(source, copy, rules, self.tally, self.budget, self.tell)
        finally:
            os.close(source)
        return True


def _is_still(path: Path, descriptor: int) -> bool:
    """Whether *path* is still what was opened: a workspace that is deleted takes its folder away first."""
    try:
        return os.path.samestat(path.lstat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _move(name: str, source: int, target: int) -> None:
    os.rename(name, name, src_dir_fd=source, dst_dir_fd=target)


@dataclass(frozen=True, slots=True)
class _Moved:
    """From where to where a workspace's folders go."""

    source: Folders
    target: Folders

    def work_rules(self, with_outputs: bool) -> Rules:
        def change(parts: Parts) -> Change | None:
            if not with_outputs and may_hold_outputs(parts[-1]):
                return Change(without_outputs, _NOTEBOOK_MAX, Reason.OUTPUTS)
            return _WITHOUT_PASSWORDS if may_hold_passwords(parts) else None

        return Rules(_reason, _is_left_behind, change, self._link)

    def environment_rules(self) -> Rules:
        def change(parts: Parts) -> Change | None:
            if may_hold_passwords(parts):
                return _WITHOUT_PASSWORDS
            if parts[0] == "bin":
                return Change(self._script, _TEXT_MAX)
            path = "/".join(parts)
            return Change(self._text, _TEXT_MAX) if any(fnmatchcase(path, name) for name in _NAMING) else None

        return Rules(_reason, _is_left_behind, change, self._link)

    def _pairs(self) -> Iterator[tuple[Path, Path]]:
        """Every old place with its new one. Where a link stands above the homes, programs know a place by two paths."""
        home = self.source.home
        for source in dict.fromkeys((self.source, Folders(home.parent.resolve() / home.name))):
            yield source.work, self.target.work
            yield source.environment, self.target.environment

    def _text(self, content: bytes) -> bytes:
        """*content* with the new places in place of the old ones, as paths and as parts of addresses."""
        for old, new in self._pairs():
            for written in (os.fsencode, lambda path: quote(str(path)).encode()):
                place = re.compile(re.escape(written(old)) + rb"(?![\w.-])")
                content = place.sub(written(new).replace(b"\\", rb"\\"), content)
        return content

    def _script(self, content: bytes) -> bytes:
        """A script that runs on the new environment. What runs it stands in its first lines: pip writes two where the
        path is too long for one."""
        if not content.startswith(b"#!"):
            return content
        lines = content.split(b"\n", 3)
        return b"\n".join([*(self._text(line) for line in lines[:3]), *lines[3:]])

    def _link(self, parts: Parts, target: str) -> str | None:
        """What a link in the folder *parts* leads to in the copy: the same place, if it is in the copy at all."""
        if not target.startswith("/"):
            inside = posixpath.normpath(posixpath.join("", *parts, target))
            return None if inside == ".." or inside.startswith("../") else target
        place = Path(posixpath.normpath(target))
        for old, new in self._pairs():
            if place.is_relative_to(old):
                return str(new / place.relative_to(old))
        return None


def _reason(parts: Parts) -> Reason | None:
    return None if secret_kind(parts) is None else Reason.SECRET


def _is_left_behind(name: str) -> bool:
    """Whether *name* is what Coterie, Jupyter or Python keep for themselves beside people's files."""
    if name.startswith("__editable__") and name.endswith(".pyc"):
        return True  # compiled from a file that names places; it counts as new enough for the copy's own
    return name in (".coterie", ".ipynb_checkpoints") or (name.startswith(".~") and ".coterie-" in name)
