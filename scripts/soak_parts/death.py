"""The end of leases of streams: their holders are killed or frozen, stay, or
lose their daemon. None may end early, and none late."""

import json
import signal
import time

from soak_parts.bottled import NARROW, Bottled, archive, directory

GRACE = 10
# Until the daemon notices that a client is frozen.
KEEPALIVE = 30
REATTACH = 60
# Polling, and a busy machine.
SLACK = 5


def hold(daemon, digest, count):
    """Holders by the ids of their leases."""
    processes = [daemon.spawn("cache", "hold", digest) for _ in range(count)]
    return {json.loads(process.stdout.readline())["held"]["lease"]["id"]: process
            for process in processes}


def ends(daemon, ids, limit):
    """Seconds until each of the leases is gone; infinity beyond the limit."""
    begin = time.monotonic()
    left = {}
    while len(left) < len(ids) and time.monotonic() - begin < limit:
        asked = time.monotonic() - begin
        for lease in ids - daemon.leases() - left.keys():
            left[lease] = asked
        time.sleep(0.2)
    return [left.get(lease, float("inf")) for lease in ids]


def judge(report, what, seconds, early, late):
    report.none(f"{what}: ended early",
                [f"{s:.1f} s" for s in seconds if s < early])
    report.none(f"{what}: not ended in time",
                [f"{s:.1f} s" for s in seconds if s > late])
    report.figure(f"{what}: last end", max(seconds), "s")


def run(report, _rng):
    count = report.size(200, 10)
    with directory() as base:
        daemon = Bottled(base).start("--max-connections", "1000", *NARROW)
        file = archive(base / "a.tar", b"content")
        digest = daemon.pack(file)["digest"]
        stay = hold(daemon, digest, count)
        killed = hold(daemon, digest, count)
        frozen = hold(daemon, digest, count)
        processes = [*stay.values(), *killed.values(), *frozen.values()]
        try:
            for process in frozen.values():
                process.send_signal(signal.SIGSTOP)
            for process in killed.values():
                process.kill()
            judge(report, "killed", ends(daemon, killed.keys(),
                                         GRACE + SLACK), GRACE - 0.5,
                  GRACE + SLACK)
            judge(report, "frozen",
                  ends(daemon, frozen.keys(), KEEPALIVE + SLACK), 0,
                  KEEPALIVE + SLACK)
            report.none("staying: ended", list(stay.keys() - daemon.leases()))
            gone = dict(list(stay.items())[:count // 2])
            daemon.kill()
            for lease, process in gone.items():
                process.kill()
                del stay[lease]
            daemon.start("--max-connections", "1000", *NARROW)
            daemon.json("cache", "gc")
            report.none("restarted: ended at once",
                        list((stay.keys() | gone.keys()) - daemon.leases()))
            if report.full:
                judge(report, "restarted and gone",
                      ends(daemon, gone.keys(), REATTACH + SLACK),
                      REATTACH - SLACK, REATTACH + SLACK)
            else:
                time.sleep(GRACE + 1)
            daemon.json("cache", "gc")
            report.none("restarted and staying: ended",
                        list(stay.keys() - daemon.leases()))
        finally:
            for process in processes:
                process.kill()
                process.communicate()
            daemon.kill()
