"""The process that copies a workspace's folders: ``python -m coterie.hub.copy_worker``.

Reads a CopyJob from its standard input and writes Steps, one a line, the last of them with an end. A process of its
own, because what it reads was written by others: it may be slow, take memory, or be stopped at any moment, and the Hub
does not notice.
"""

from __future__ import annotations

import errno
import sys
import time
from pathlib import Path

from coterie.hub.copied_folders import SourceGone, copy_folders
from coterie.hub.copy_job import CopyJob, CopyLimits, Step
from coterie.hub.copying import Budget, Limit, LimitExceeded, Tally
from coterie.hub.folders import Folders

_TELL_EVERY = 1.0
_FULL = {errno.ENOSPC: "There is no room left on the disk.", errno.EDQUOT: "The disk quota is used up."}


def main() -> None:
    """Does the job that stands on the standard input."""
    job = CopyJob.model_validate_json(sys.stdin.buffer.read())
    _say(_copy(job))


def _copy(job: CopyJob) -> Step:
    told_at = time.monotonic()

    def tell(tally: Tally) -> None:
        nonlocal told_at
        if time.monotonic() - told_at >= _TELL_EVERY:
            told_at = time.monotonic()
            _say(Step(sentence=f"Copying files: {_amount(tally)}"))

    source, target = Folders(Path(job.source)), Folders(Path(job.target))
    budget = Budget(entries=job.limits.files, size=job.limits.gigabytes * 1e9, seconds=job.limits.hours * 3600)
    try:
        tally = copy_folders(source, target, with_outputs=job.with_outputs, budget=budget, tell=tell)
    except SourceGone:
        return Step(
            end="failed", sentence="The workspace that this is a copy of has no files any more. Delete this copy."
        )
    except LimitExceeded as error:
        return Step(end="failed", sentence=_too_much(error.limit, job.limits))
    except OSError as error:
        print(f"A copy failed: {error}", file=sys.stderr)
        why = _FULL.get(error.errno or 0, "The disk cannot be read or written.")
        return Step(end="failed", sentence=f"The files could not be copied. {why} Tell the operator, then try again.")
    return Step(end="done", sentence=_summary(tally))


def _too_much(limit: Limit, limits: CopyLimits) -> str:
    amounts = {
        Limit.ENTRIES: f"more than {limits.files:,} files and folders",
        Limit.SIZE: f"more than {limits.gigabytes:g} GB of files and packages",
        Limit.TIME: f"more than can be copied in {limits.hours:g} hours",
    }
    return (
        f"The workspace that this is a copy of has {amounts[limit]}, which is too much to copy. Remove what is not "
        "needed there and open this copy again, or ask the operator."
    )


def _summary(tally: Tally) -> str:
    left_out = ", ".join(reason.of(number) for reason, number in sorted(tally.left_out.items()))
    return f"Copied {_amount(tally)}" + (f"; left out: {left_out}" if left_out else "")


def _amount(tally: Tally) -> str:
    return f"{tally.files:,} {'file' if tally.files == 1 else 'files'}, {tally.bytes / 1e6:,.1f} MB"


def _say(step: Step) -> None:
    print(step.model_dump_json(), flush=True)


if __name__ == "__main__":
    main()
