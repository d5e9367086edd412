"""Starts with many artifacts: how long until the first hit."""

import hashlib
import os
import sqlite3
import time

from soak_parts.bottled import ROOMY, Bottled, archive, directory

FOOTER = b"SMOLPACK" + b"\x01" * 56
STARTS = 5


def fill(daemon, count):
    """Rows like the one that is there, and files to them."""
    with sqlite3.connect(daemon.state / "bottled.db") as db:
        db.execute("PRAGMA foreign_keys=OFF")
        db.row_factory = sqlite3.Row
        like = dict(db.execute("SELECT * FROM artifact").fetchone())
        rows, keys = [], []
        for number in range(count):
            content = number.to_bytes(8, "big") + FOOTER
            name = hashlib.sha256(content).hexdigest()
            directory_ = daemon.cache / "obj" / name[:2]
            directory_.mkdir(mode=0o700, exist_ok=True)
            path = directory_ / f"{name}.smolmachine"
            path.write_bytes(content)
            path.chmod(0o400)
            (directory_ / f"{name}.json").write_bytes(b"{}")
            info = os.stat(path)
            rows.append({**like, "digest": name, "content_key": name,
                         "size_bytes": len(content), "device": info.st_dev,
                         "inode": info.st_ino, "mtime_ns": info.st_mtime_ns})
            keys.append((name, "{}", name))
        db.executemany(
            "INSERT INTO content_key(key, inputs, artifact) VALUES(?, ?, ?)",
            keys)
        db.executemany(
            f"INSERT INTO artifact({', '.join(like)}) "
            f"VALUES({', '.join(':' + column for column in like)})", rows)
    db.close()


def measure(report, count, limit):
    with directory() as base:
        daemon = Bottled(base).start(*ROOMY)
        file = archive(base / "a.tar", b"content")
        daemon.pack(file)
        daemon.stop()
        fill(daemon, count)
        times = {"": [], " after kill -9": []}
        wrong = []
        for number in range(2 * STARTS):
            begin = time.monotonic()
            daemon.start(*ROOMY)
            daemon.pack(file)
            crash = number % 2 == 0
            times[" after kill -9" if number and not crash else ""].append(
                (time.monotonic() - begin) * 1000)
            if number == 0:
                have = int(daemon.json("info")["info"]["artifactCount"])
                if have != count + 1:
                    wrong.append(f"{have} artifacts")
            if crash:
                daemon.kill()
            else:
                daemon.stop()
        report.none(f"{count} artifacts: lost", wrong)
        for how, values in times.items():
            report.timing(f"{count} artifacts: first hit{how}, slowest",
                          max(values), limit)


def run(report, _rng):
    measure(report, report.size(10_000, 2000), 200)
    if report.full:
        measure(report, 100_000, 1000)
