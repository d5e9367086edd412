"""Two daemons that start at the same moment.

BOTTLED_RACES says how often; CI does a few, scripts/soak many.
"""

import os
import signal
import socket
import subprocess
import sys

import conftest
from test_sharing import wait_for

RACES = int(os.environ.get("BOTTLED_RACES", "12"))


# What a service manager does between fork and exec.
HAND_OVER = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1")
os.execv(sys.argv[2], sys.argv[2:])
"""


def both(daemon):
    return [subprocess.Popen(
        [conftest.BIN / "bottled"], env=daemon.env,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, start_new_session=True) for _ in range(2)]


def one_serves(daemon, processes):
    """The other one ends with 75; returns the winner."""
    by_pid = {process.pid: process for process in processes}
    pid, status = os.waitpid(-1, 0)
    while pid not in by_pid:
        pid, status = os.waitpid(-1, 0)
    loser = by_pid.pop(pid)
    loser.returncode = os.waitstatus_to_exitcode(status)
    assert loser.returncode == 75
    winner, = by_pid.values()
    # It may be on its way from the lock to the socket.
    wait_for(lambda: daemon.ctl("--no-start", "info",
                                check=False).returncode == 0)
    info = daemon.json("--no-start", "info")[-1]["info"]
    assert int(info["pid"]) == winner.pid
    assert winner.poll() is None
    return winner


def test_one_of_two_serves(idle_daemon):
    for turn in range(RACES):
        winner = one_serves(idle_daemon, both(idle_daemon))
        # Each way to end leaves another socket behind, or none.
        winner.send_signal(signal.SIGKILL if turn % 2 else signal.SIGTERM)
        winner.wait(60)


def test_one_of_two_serves_an_activated_socket(idle_daemon):
    idle_daemon.socket.parent.mkdir(mode=0o700, exist_ok=True)
    for turn in range(RACES):
        # As a service manager holds it: bound once, handed to each.
        listener = socket.socket(socket.AF_UNIX)
        idle_daemon.socket.unlink(missing_ok=True)
        listener.bind(str(idle_daemon.socket))
        os.chmod(idle_daemon.socket, 0o600)
        listener.listen(16)
        processes = []
        for _ in range(2):
            processes.append(subprocess.Popen(
                [sys.executable, "-c", HAND_OVER, str(listener.fileno()),
                 conftest.BIN / "bottled"],
                env=idle_daemon.env, pass_fds=[listener.fileno()],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL, start_new_session=True))
        winner = one_serves(idle_daemon, processes)
        winner.send_signal(signal.SIGKILL if turn % 2 else signal.SIGTERM)
        winner.wait(60)
        # It was not the daemon's to remove.
        assert idle_daemon.socket.exists()
        listener.close()
