"""A daemon whose disk runs full: of bytes, of inodes, read-only, forbidden.

On small file systems of its own (tmpfs), which only root may mount.
"""

import contextlib
import hashlib
import os
import pathlib
import random
import sqlite3
import subprocess
import time

import pytest

import conftest
import images

MB = 1_000_000
# What may be said when there is no room.
NO_ROOM = {"DISK_FULL", "NO_SPACE"}


@contextlib.contextmanager
def mounted(path, options):
    path.mkdir(parents=True)
    result = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"mode=0700,{options}", "tmpfs", path],
        capture_output=True, text=True)
    if result.returncode != 0:
        conftest.missing("the right to mount a tmpfs")
    try:
        yield path
    finally:
        subprocess.run(["umount", "-l", path], check=True)


@contextlib.contextmanager
def living(workdir, state, cache):
    """A daemon, not started, with these directories."""
    daemon = conftest.Daemon(workdir)
    daemon.state, daemon.cache = state, cache
    daemon.env["BOTTLED_STATE_DIR"] = str(state)
    daemon.env["BOTTLED_CACHE_DIR"] = str(cache)
    try:
        yield daemon
    finally:
        if daemon.process:
            daemon.stop()


def write_archive(path, seed, size):
    """An image archive whose artifact is at least `size`."""
    it = images.plain()
    it.name = f"e2e/full:{seed}"
    it.layers.append(images.Layer().file(
        "filler", random.Random(seed).randbytes(size)).done())
    path.write_bytes(it.archive())
    return path


def fill(disk, percent):
    """Takes space until so much of the disk is used."""
    with open(disk / "filler", "ab", buffering=0) as out:
        while True:
            info = os.statvfs(disk)
            free = info.f_bavail * info.f_frsize
            left = free - info.f_blocks * info.f_frsize * (100 - percent) // 100
            if left < 4096:
                return
            try:
                out.write(bytes(min(left, 1 << 20)))
            except OSError:
                return


def take_inodes(disk):
    directory = disk / "inodes"
    directory.mkdir(exist_ok=True)
    for number in range(1 << 20):
        try:
            (directory / str(number)).touch()
        except OSError:
            return


def digest(path):
    return hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()


class Served:
    """An artifact that must be served whatever happens."""

    def __init__(self, daemon, archive):
        self.daemon, self.archive = daemon, archive
        self.path = daemon.pack("--archive", archive)
        self.digest = digest(self.path)
        assert self.digest in self.path
        daemon.ctl("cache", "pin", self.digest)

    def check(self):
        assert self.daemon.pack("--archive", self.archive) == self.path
        assert digest(self.path) == self.digest


def has_room(daemon):
    return not daemon.json("info")[-1]["info"]["disk"].get("full", False)


def wait_for_room(daemon):
    end = time.monotonic() + 30
    while not has_room(daemon):
        assert time.monotonic() < end, daemon.log_text()[-4000:]
        time.sleep(0.1)


def check_database(daemon):
    """While no daemon runs."""
    with contextlib.closing(sqlite3.connect(daemon.state / "bottled.db")) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert db.execute("PRAGMA foreign_key_check").fetchall() == []


def pack_or_no_room(daemon, archive):
    """True when there was room."""
    result = daemon.ctl("--json", "pack", "--archive", archive, check=False)
    if result.returncode == 0:
        return True
    error = conftest.json.loads(result.stdout.splitlines()[-1])["error"]
    assert error["reason"] in NO_ROOM and error["remedy"], error
    assert result.returncode == 6
    return False


def collect_or_no_room(daemon):
    result = daemon.ctl("--json", "cache", "gc", check=False)
    if result.returncode != 0:
        error = conftest.json.loads(result.stdout.splitlines()[-1])["error"]
        assert error["reason"] == "NO_SPACE" and error["remedy"], error


FLAGS = ("--cache-min-free-bytes", "1000000", "--cache-min-age-minutes", "0")


def test_serves_and_recovers_at_every_percent(workdir):
    """Whatever it does while the disk is full: hits are served, errors are
    typed, and it goes on by itself once there is room."""
    rounds = int(os.environ.get("BOTTLED_FULL_DISK_ROUNDS", "44"))
    seed = int(os.environ.get("BOTTLED_SEED", time.time_ns() % 10**6))
    print(f"BOTTLED_SEED={seed} BOTTLED_FULL_DISK_ROUNDS={rounds}")
    choose = random.Random(seed)
    packed, refused = 0, 0
    with mounted(workdir / "disk", "size=48m") as disk, living(
            workdir, disk / "state", disk / "cache") as daemon:
        daemon.start(*FLAGS)
        served = Served(daemon, write_archive(workdir / "served.tar", 0, MB))
        other = workdir / "other.tar"
        for number in range(rounds):
            percent = 90 + number % 11
            write_archive(other, number + 1, choose.randrange(1, 4) * MB)
            fill(disk, percent)
            for what in choose.sample(
                    ["pack", "gc", "restart", "kill", "crowd"], 2):
                if what == "pack":
                    if pack_or_no_room(daemon, other):
                        packed += 1
                    else:
                        refused += 1
                elif what == "gc":
                    collect_or_no_room(daemon)
                elif what == "crowd":
                    # Somebody takes what the reserve gave back.
                    fill(disk, 100)
                else:
                    daemon.kill() if what == "kill" else daemon.stop()
                    daemon.start(*FLAGS)
                served.check()
            (disk / "filler").unlink()
            wait_for_room(daemon)
            daemon.pack("--archive", other)
            assert daemon.leftovers() == []
        daemon.ctl("cache", "verify")
        daemon.stop()
        check_database(daemon)
    print(f"{packed} packed, {refused} refused")
    assert refused > 0


def test_a_job_that_meets_the_end_of_the_disk(workdir):
    """It was admitted, and somebody else took the room."""
    with mounted(workdir / "disk", "size=48m") as disk, living(
            workdir, disk / "state", disk / "cache") as daemon:
        daemon.start(*FLAGS)
        served = Served(daemon, write_archive(workdir / "served.tar", 0, MB))
        data = write_archive(workdir / "other.tar", 1, 8 * MB).read_bytes()
        client = subprocess.Popen(
            [conftest.BIN / "bottlectl", "--json", "pack", "--archive", "-"],
            env=daemon.env, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        client.stdin.write(data[:MB])
        client.stdin.flush()
        end = time.monotonic() + 30
        while not list((daemon.cache / "stage").iterdir()):
            assert time.monotonic() < end
            time.sleep(0.01)
        fill(disk, 100)
        with contextlib.suppress(BrokenPipeError):
            client.stdin.write(data[MB:])
        with contextlib.suppress(BrokenPipeError):
            client.stdin.close()
        lines = client.stdout.read().splitlines()
        client.stdout.close()
        assert client.wait(60) == 6, (lines, daemon.log_text())
        error = conftest.json.loads(lines[-1])["error"]
        assert error["reason"] in NO_ROOM and error["remedy"], error
        served.check()
        assert daemon.leftovers() == []
        (disk / "filler").unlink()
        wait_for_room(daemon)
        daemon.pack("--archive", workdir / "other.tar")


def test_numbers_and_doctor(workdir):
    with mounted(workdir / "disk", "size=48m") as disk, living(
            workdir, disk / "state", disk / "cache") as daemon:
        daemon.start(*FLAGS)
        served = Served(daemon, write_archive(workdir / "served.tar", 0, MB))
        other = write_archive(workdir / "other.tar", 1, 3 * MB)
        info = daemon.json("info")[-1]["info"]["disk"]
        assert int(info["minFreeBytes"]) == 1_000_000
        assert int(info["reserveBytes"]) == 48 * (1 << 20) // 16
        fill(disk, 95)
        error = daemon.fail_reason("pack", "--archive", other, code=6)
        assert error["reason"] == "DISK_FULL"
        for word in ("may need", "the disk has", "kept free", "reserved"):
            assert word in error["message"], error
        fill(disk, 100)
        # Notes of uses and leases fill the reserve in the end.
        end = time.monotonic() + 60
        while has_room(daemon):
            assert time.monotonic() < end
            fill(disk, 100)
            served.check()
            daemon.ctl("cache", "pin", served.digest, "--note",
                       str(time.time()), check=False)
        assert "FULL" in daemon.ctl("info").stdout
        findings = daemon.ctl("--json", "doctor", check=False).stdout
        assert '"DISK_FULL"' in findings
        served.check()
        error = daemon.fail_reason("pack", "--archive", other, code=6)
        assert error["reason"] == "DISK_FULL"
        (disk / "filler").unlink()
        wait_for_room(daemon)
        daemon.pack("--archive", other)
        assert "FULL" not in daemon.ctl("info").stdout


def test_no_inodes(workdir):
    with mounted(workdir / "disk", "size=48m,nr_inodes=400") as disk, living(
            workdir, disk / "state", disk / "cache") as daemon:
        daemon.start(*FLAGS)
        served = Served(daemon, write_archive(workdir / "served.tar", 0, MB))
        other = write_archive(workdir / "other.tar", 1, MB)
        take_inodes(disk)
        assert not pack_or_no_room(daemon, other)
        served.check()
        daemon.stop()
        take_inodes(disk)
        daemon.start(*FLAGS)
        served.check()
        assert not pack_or_no_room(daemon, other)
        daemon.kill()
        take_inodes(disk)
        daemon.start(*FLAGS)
        served.check()
        conftest.shutil.rmtree(disk / "inodes")
        wait_for_room(daemon)
        daemon.pack("--archive", other)
        assert daemon.leftovers() == []
        daemon.stop()
        check_database(daemon)


def test_a_cache_that_becomes_read_only(workdir):
    with mounted(workdir / "disk", "size=48m") as disk, living(
            workdir, workdir / "state", disk / "cache") as daemon:
        daemon.start(*FLAGS)
        served = Served(daemon, write_archive(workdir / "served.tar", 0, MB))
        other = write_archive(workdir / "other.tar", 1, MB)
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        error = daemon.fail_reason("pack", "--archive", other)
        assert error["reason"] == "IO_ERROR" and "Read-only" in error["message"]
        assert "read-only" in error["remedy"]
        served.check()
        daemon.ctl("cache", "unpin", served.digest)
        error = daemon.fail_reason("cache", "rm", served.digest)
        assert error["reason"] == "IO_ERROR" and error["remedy"]
        subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
        daemon.pack("--archive", other)
        daemon.pack("--archive", served.archive)
        daemon.ctl("cache", "verify")


def test_directories_that_are_closed(workdir):
    """As a user whom modes stop."""
    os.chmod(workdir, 0o755)
    home = workdir / "home"
    home.mkdir()
    if os.geteuid() == 0:
        os.chown(home, 65534, 65534)
        if subprocess.run([conftest.BIN / "bottled", "--version"], user=65534,
                          capture_output=True).returncode != 0:
            pytest.skip("another user cannot run the binaries")
    # What runs, runs as that user.
    who = {"user": 65534, "group": 65534, "extra_groups": []} if (
        os.geteuid() == 0) else {}
    with living(workdir, home / "state", home / "cache") as daemon:
        daemon.socket = home / "run" / "v1.sock"
        daemon.env["BOTTLED_SOCKET"] = str(daemon.socket)
        daemon.env["HOME"] = str(home)
        run = daemon.ctl
        daemon.ctl = lambda *args, **kwargs: run(*args, **who, **kwargs)
        with open(workdir / "daemon.log", "ab") as log:
            daemon.process = subprocess.Popen(
                [conftest.BIN / "bottled", *FLAGS], env=daemon.env,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True, **who)
        daemon.wait_ready()
        served = Served(daemon, write_archive(workdir / "served.tar", 0, MB))
        for seed, name in ((1, "stage"), (2, "obj")):
            # Of each its own: what fails again and again is not tried again.
            other = write_archive(workdir / f"{name}.tar", seed, MB)
            os.chmod(daemon.cache / name, 0o500)
            error = daemon.fail_reason("pack", "--archive", other)
            assert error["reason"] == "PERMISSION_DENIED", error
            assert error["remedy"]
            served.check()
            os.chmod(daemon.cache / name, 0o700)
            daemon.pack("--archive", other)
        assert daemon.leftovers() == []
