"""kill -9 at random times under load, again and again.

Four clients pack, remove, collect, lease and release, each its own archives.
What was acknowledged must be there after the restart: an artifact that nobody
removed and no collection took, or that is leased. What is listed must have its
bytes. In half of the lives everything that nobody holds is collected.
"""

import dataclasses
import json
import pathlib
import threading
import time

from soak_parts.bottled import (NARROW, ROOMY, Bottled, archive, directory,
                                sha256)
from soak_parts.report import percentile

WORKERS = 4
ARCHIVES_EACH = 6
DEEP_EVERY = 50
MAX_KB = 64
# Of a life, in seconds after its first answer; or after its start.
LIFE = 0.15
STARTING = 0.06


@dataclasses.dataclass
class Kept:
    """What a client knows of one archive's artifact."""
    file: pathlib.Path
    digest: str = ""
    # True, False or None: nobody knows.
    present: bool | None = False
    lease: str = ""
    # It may have one that we have not heard of.
    maybe_leased: bool = False


class Worker(threading.Thread):
    def __init__(self, daemon, owned, rng, narrow, violations):
        super().__init__()
        self.daemon_under_test = daemon
        self.owned = owned
        self.rng = rng
        self.narrow = narrow
        self.violations = violations
        self.killed = threading.Event()
        self.client = None
        self.done = 0

    def leave(self):
        """What waits for the daemon does not wait for the next one."""
        if self.client:
            self.client.kill()

    def ask(self, *args):
        """The last object of a command, or None; and its error's reason."""
        self.client = self.daemon_under_test.spawn(*args)
        out, _ = self.client.communicate()
        last = json.loads(out.splitlines()[-1] if out else "{}")
        if self.client.returncode == 0:
            self.done += 1
            return last, ""
        reason = last.get("error", {}).get("reason", "")
        expected = reason in ("ARTIFACT_NOT_FOUND", "ARTIFACT_HELD",
                              "LEASE_NOT_FOUND", "POISON")
        # The kill comes first, and is noted then.
        if not expected and not self.killed.wait(0.2):
            self.violations.append(f"{args}: {out}")
        return None, reason

    def pack(self, it):
        if it.present is False:
            it.present = None
        answer, reason = self.ask("pack", "--archive", it.file)
        if reason == "POISON":
            answer, _ = self.ask("pack", "--force", "--archive", it.file)
        if answer is None:
            return
        artifact = answer["artifact"]
        it.digest, it.present = artifact["digest"], True
        try:
            if sha256(artifact["path"]) != it.digest:
                self.violations.append(f"{artifact['path']} has other bytes")
        except FileNotFoundError:
            if not self.narrow or it.lease:
                self.violations.append(f"{artifact['path']} is not there")

    def lease(self, it):
        it.maybe_leased = True
        answer, reason = self.ask("cache", "hold", it.digest, "--for", "8h")
        if answer is not None:
            it.lease = answer["lease"]["id"]
            it.present = True
        elif reason == "ARTIFACT_NOT_FOUND":
            self.gone(it)

    def release(self, it):
        lease, it.lease = it.lease, ""
        answer, reason = self.ask("cache", "release", lease)
        if reason == "LEASE_NOT_FOUND":
            self.violations.append(f"the lease {lease} was lost")
        if answer is None:
            it.maybe_leased = True

    def remove(self, it):
        present, it.present = it.present, None
        answer, reason = self.ask("cache", "rm", it.digest)
        if answer is not None:
            it.present = False
            it.maybe_leased = False
        elif reason == "ARTIFACT_HELD":
            it.present = True
            if not it.maybe_leased:
                self.violations.append(f"{it.digest} is held by nobody known")
        elif reason == "ARTIFACT_NOT_FOUND":
            it.present = present
            self.gone(it)

    def gone(self, it):
        if it.present and not self.narrow:
            self.violations.append(f"{it.digest} is gone")
        it.present = False
        it.maybe_leased = False

    def step(self):
        it = self.rng.choice(self.owned)
        what = self.rng.random()
        if what < 0.1:
            self.ask("cache", "gc")
        elif it.lease:
            if what < 0.5:
                self.release(it)
            else:
                self.pack(it)
        elif what < 0.5 or not it.present:
            self.pack(it)
        elif what < 0.75:
            self.lease(it)
        else:
            self.remove(it)

    def run(self):
        while not self.killed.is_set():
            self.step()


def check(daemon, owned, violations):
    """What the clients know against what the daemon says."""
    listed = {a["digest"]: a["path"]
              for a in daemon.json("cache", "ls")["artifacts"]}
    for digest, path in listed.items():
        if sha256(path) != digest:
            violations.append(f"{path} has other bytes")
    for it in owned:
        if it.present and it.digest not in listed:
            violations.append(f"{it.file.name}, {it.digest} was lost")
        if it.present is None and it.digest:
            it.present = it.digest in listed
    leases = daemon.leases()
    for it in owned:
        if it.lease and it.lease not in leases:
            violations.append(f"the lease {it.lease} was lost")


def life(daemon, owned, rng, narrow, violations):
    """One; returns what was done, and the time to the first hit."""
    # While it starts, sometimes.
    if rng.random() < 0.2:
        daemon.start(*(NARROW if narrow else ROOMY), wait=False)
        time.sleep(rng.uniform(0, STARTING))
        daemon.kill()
    anchor = owned[0]
    begin = time.monotonic()
    daemon.start(*(NARROW if narrow else ROOMY))
    daemon.pack(anchor.file)
    first = time.monotonic() - begin
    check(daemon, owned, violations)
    mine = owned[1:]
    workers = [Worker(daemon, mine[i::WORKERS], rng, narrow, violations)
               for i in range(WORKERS)]
    for worker in workers:
        worker.start()
    time.sleep(rng.uniform(0, LIFE))
    for worker in workers:
        worker.killed.set()
    daemon.kill()
    for worker in workers:
        worker.leave()
        worker.join()
    for it in mine:
        # A collection may have taken it after we heard of it.
        if narrow and it.present and not it.lease:
            it.present = None
    return sum(worker.done for worker in workers), first


def settle(daemon, violations):
    """Nothing is left to do, and everything is whole."""
    end = time.monotonic() + 60
    while daemon.json("jobs")["jobs"]:
        if time.monotonic() > end:
            violations.append(f"stuck: {daemon.json('jobs')}")
            break
        time.sleep(0.1)
    for verification in daemon.json("cache", "verify", "--deep")[
            "verifications"]:
        if not verification["ok"]:
            violations.append(str(verification))


def run(report, rng):
    count = report.size(1000, 100)
    violations = []
    firsts = []
    done = 0
    with directory() as base:
        daemon = Bottled(base)
        owned = [Kept(archive(base / f"{i}.tar",
                              rng.randbytes(rng.randrange(1, MAX_KB << 10))))
                 for i in range(1 + WORKERS * ARCHIVES_EACH)]
        daemon.start()
        # The first stays: it is asked for at every start.
        anchor = owned[0]
        anchor.digest, anchor.present = daemon.pack(anchor.file)["digest"], True
        daemon.json("cache", "pin", anchor.digest)
        daemon.kill()
        for number in range(count):
            did, first = life(daemon, owned, rng, rng.random() < 0.5,
                              violations)
            done += did
            firsts.append(first * 1000)
            if number % DEEP_EVERY == DEEP_EVERY - 1:
                daemon.start(*ROOMY)
                settle(daemon, violations)
                daemon.kill()
            if violations:
                print(daemon.log_text())
                break
        report.figure("lives", len(firsts))
        report.figure("acknowledged operations", done)
        report.none("lost, corrupt, stuck or refused", violations)
        report.figure("start to first hit, median",
                      percentile(firsts, 0.5), "ms")
        report.timing("start to first hit, p99", percentile(firsts, 0.99),
                      1000)
