"""Connections full of nonsense, and clients that die in the middle of their
calls. Once the daemon is at rest again, nothing of them is left: descriptors as
before, memory as after the first storms, which make what is made once and
spread it over the heap."""

import json
import socket
import subprocess
import time

from soak_parts.bottled import BIN, ROOMY, Bottled, SlowJob, directory

CONNECTS = 5000
CALLS = 1000
FIRST_STORMS = 4
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
    opened = json.loads(bench.stdout.readline() or "{}")
    bench.kill()
    bench.communicate()
    return opened.get("open", 0)


def settled(daemon, fds):
    """Descriptors, once there are no more than `fds` or it takes too long."""
    end = time.monotonic() + 45
    while daemon.fd_count() > fds and time.monotonic() < end:
        time.sleep(0.1)
    return daemon.fd_count()


def run(report, rng):
    storms = FIRST_STORMS + report.size(6, 3)
    with directory() as base:
        daemon = Bottled(base).start(*ROOMY)
        job = SlowJob(daemon)
        try:
            before = daemon.fd_count()
            peak = 0.0
            sizes = [daemon.rss_mb_at_rest()]
            killed = 0
            for _ in range(storms):
                nonsense(daemon, rng, CONNECTS)
                killed += killed_calls(daemon, job, CALLS)
                after = settled(daemon, before)
                peak = max(peak, daemon.rss_mb())
                sizes.append(daemon.rss_mb_at_rest())
            answers = daemon.ctl("info").returncode
        finally:
            job.stop()
            daemon.kill()
        report.figure("connections", storms * CONNECTS)
        report.figure("calls killed", killed)
        report.at_most("calls that were none", storms * CALLS - killed, 0)
        report.figure("descriptors before", before)
        report.at_most("descriptors after", after, int(before * 1.05))
        report.figure("resident memory before", sizes[0], "MB")
        report.figure("resident memory in storms, at most", peak, "MB")
        report.figure(f"resident memory at rest after {FIRST_STORMS}",
                      sizes[FIRST_STORMS], "MB")
        report.at_most("resident memory at rest after the last", sizes[-1],
                       round(sizes[FIRST_STORMS] * 1.05, 1), "MB")
        report.none("does not answer", [] if answers == 0 else ["info fails"])
