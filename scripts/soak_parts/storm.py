"""Connections full of nonsense, and clients that die in the middle of their
calls. The last storm must leave no more behind than the one three before it:
the first ones fill the allocator's pools, of which each thread has its own, and
small storms take longer to."""

import socket
import subprocess
import time

from soak_parts.bottled import BIN, ROOMY, Bottled, SlowJob, directory

# After those that fill the pools.
STORMS = 3
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def nonsense(daemon, rng, count):
    for number in range(count):
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(daemon.socket))
            try:
                kind = number % 3
                if kind == 0:
                    client.sendall(rng.randbytes(rng.randrange(1, 512)))
                elif kind == 1:
                    client.sendall(PREFACE[:rng.randrange(len(PREFACE))])
                else:
                    client.sendall(PREFACE + rng.randbytes(64))
            except (BrokenPipeError, ConnectionResetError):
                pass  # A connection too many is closed.


def killed_calls(daemon, job, count):
    bench = subprocess.Popen(
        [BIN / "watch_bench", daemon.socket, job.id, str(count), "20"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    bench.stdout.readline()
    bench.kill()
    bench.communicate()


def settled(daemon, fds):
    """Descriptors, once there are no more than `fds` or it takes too long."""
    end = time.monotonic() + 45
    while daemon.fd_count() > fds and time.monotonic() < end:
        time.sleep(0.1)
    return daemon.fd_count()


def run(report, rng):
    connects = report.size(5000, 1000)
    calls = report.size(1000, 500)
    fill = report.size(3, 5)
    storms = fill + STORMS
    with directory() as base:
        daemon = Bottled(base).start(*ROOMY)
        job = SlowJob(daemon)
        try:
            before = daemon.fd_count()
            sizes = []
            for _ in range(storms):
                nonsense(daemon, rng, connects)
                killed_calls(daemon, job, calls)
                after = settled(daemon, before)
                time.sleep(1)
                sizes.append(daemon.rss_mb())
            answers = daemon.ctl("info").returncode
        finally:
            job.stop()
            daemon.kill()
        report.figure("connections", storms * connects)
        report.figure("calls killed", storms * calls)
        report.figure("descriptors before", before)
        report.at_most("descriptors after", after, int(before * 1.05))
        report.figure("resident memory after the first", sizes[0], "MB")
        report.figure(f"resident memory after {fill}", sizes[fill - 1], "MB")
        report.at_most("resident memory after the last", sizes[-1],
                       round(sizes[fill - 1] * 1.05, 1), "MB")
        report.none("does not answer", [] if answers == 0 else ["info fails"])
