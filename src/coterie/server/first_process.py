"""A server that is the first process of its process namespace, as in a container without an init.

The kernel treats that one as it treats the machine's: it gets no signal that it has no handler for, and inherits every
process whose parent has ended, which stay as zombies until it asks how they ended. An init in front of the server would
do that, but stands with the container's environment in /proc/1/environ, where code in a kernel finds the server's
token. So this process hides itself first, and does it.
"""

from __future__ import annotations

import os
import signal

_FIRST = 1
#: What whoever runs the container says to its first process.
_PASSED_ON = frozenset({signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2})


def stand_aside_if_first() -> None:
    """Return in the process that is to be the server: this one, or where this is the first process a child of it.

    The first process then stays, hands on signals, and ends as the child does, and with it all that is left in the
    container. Call ``hide_process`` before: the child is hidden as this process is.
    """
    if os.getpid() != _FIRST:
        return
    awaited = _PASSED_ON | {signal.SIGCHLD}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, awaited)
    server = os.fork()
    if server == 0:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return
    while True:
        received = signal.sigwait(awaited)
        if received == signal.SIGCHLD:
            _reap(server)
        else:
            os.kill(server, received)


def _reap(server: int) -> None:
    """Take note of every child that has ended, and end where *server* is one of them."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        if pid == server:
            code = os.waitstatus_to_exitcode(status)
            os._exit(code if code >= 0 else 128 - code)  # as shells say it
