"""The folders of one server on this machine. HOME holds ``work``, which JupyterLab shows, and ``environment``."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from coterie.hub.packages import Deployment, lay_environment


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

        Everything belongs to the user and group *owner* afterwards, which takes root; None: nothing is given away.
        Blocks: packages and samples are copied. A start that was cut off in between leaves no half work folder.
        """
        self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not self.work.exists():
            fresh = Path(tempfile.mkdtemp(prefix=".work-", dir=self.home))
            if sample is not None and sample.is_dir():
                shutil.copytree(sample, fresh, dirs_exist_ok=True, symlinks=True)
            fresh.chmod(0o755)
            if owner is not None:
                _give_all(fresh, owner)
            fresh.rename(self.work)
        lay_environment(self.environment, Deployment.running(), owner=owner)
        # The home folder itself is given away last, and so says whether all in it was.
        if owner is not None and self.home.stat().st_uid != owner:
            _give_all(self.home, owner)


def _give_all(folder: Path, owner: int) -> None:
    # Follows no link, however deep; the folder comes after all that is in it.
    subprocess.run(["chown", "--recursive", "--no-dereference", "-P", f"{owner}:{owner}", "--", folder], check=True)


def folders_of(account: str, *, below: Path) -> Folders:
    """The folders of *account*. Two accounts never share one, and none lies outside *below*, whatever their names."""
    name = quote(account, safe="")
    return Folders(below / (name if name.strip(".") else name.replace(".", "%2E")))
