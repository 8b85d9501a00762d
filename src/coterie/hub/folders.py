"""The folders of one server on this machine. HOME holds ``work``, which JupyterLab shows, and ``environment``."""

from __future__ import annotations

import logging
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from coterie.hub.copying import Budget, Rules, Tally, copy_tree
from coterie.hub.open_folders import make_fresh_folder, opened, owner_of
from coterie.hub.packages import Deployment, lay_environment

log = logging.getLogger(__name__)

#: A sample is the operator's: all of it is copied, as it is.
_AS_IT_IS = Rules(
    reason=lambda _parts: None,
    is_ours=lambda _name: False,
    change=lambda _parts: None,
    link=lambda _parts, target: target,
)


@dataclass(frozen=True, slots=True)
class Folders:
    """Where a server's files are."""

    home: Path

    @property
    def work(self) -> Path:
        """What people see in JupyterLab."""
        return self.home / "work"

    @property
    def environment(self) -> Path:
        """The kernels' packages."""
        return self.home / "environment"

    def prepare(self, *, sample: Path | None = None, owner: int | None = None) -> None:
        """Makes what is missing. A work folder that is made now starts with what is in the folder *sample*.

        What it makes belongs to the user and group *owner*, which takes root; where one of the home and the two folders
        in it does not, everything in the home is given to it. None: nothing is given away. Blocks: packages and samples
        are copied. A start that was cut off in between leaves no half work folder.
        """
        make_home(self.home)
        # What is in the home may be an Editor's since an earlier start, and what they left running may be in it still.
        with opened(str(self.home)) as home:
            if owner_of(self.work.name, home) is None:
                _begin(home, self.work.name, sample, owner)
            lay_environment(self.environment.name, home, Deployment.running(), owner=owner)
            # The home folder itself is given away last, and so says whether all in it was; but for what was copied into
            # it later.
            owners = [os.fstat(home).st_uid, *(owner_of(path.name, home) for path in (self.work, self.environment))]
            if owner is not None and any(one != owner for one in owners):
                _give_all(home, owner)


def _begin(home: int, name: str, sample: Path | None, owner: int | None) -> None:
    """Makes the folder *name* of the open folder *home*, with what is in *sample*."""
    fresh_name = make_fresh_folder(".work-", home)
    with opened(fresh_name, home) as fresh:
        if sample is not None and sample.is_dir():
            with opened(str(sample.resolve())) as original:
                tally = Tally()
                copy_tree(original, fresh, _AS_IT_IS, tally, Budget(), lambda: None)
            for reason, number in tally.left_out.items():
                log.warning("Not copied of the sample %s: %s", sample, reason.of(number))
        os.fchmod(fresh, 0o755)
        if owner is not None:
            _give_all(fresh, owner)
    os.rename(fresh_name, name, src_dir_fd=home, dst_dir_fd=home)


def make_home(home: Path) -> None:
    """*home*, and the folder that all are in, for the Hub's own user alone. Those that are there stay as they are."""
    home.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    home.mkdir(mode=0o700, exist_ok=True)


def _give_all(folder: int, owner: int) -> None:
    # Follows no link, however deep; the folder comes after all that is in it. It is named by its descriptor, since its
    # path may lead elsewhere by now.
    place = f"/proc/self/fd/{folder}/."
    command = ["chown", "--recursive", "--no-dereference", "-P", f"{owner}:{owner}", "--", place]
    subprocess.run(command, pass_fds=(folder,), check=True)


def folders_of(account: str, *, below: Path) -> Folders:
    """The folders of *account*. Two accounts never share one, and none lies outside *below*, whatever their names."""
    name = quote(account, safe="")
    return Folders(below / (name if name.strip(".") else name.replace(".", "%2E")))
