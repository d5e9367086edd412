"""Real engines of the tests' own, and what is asked of all of them."""

import contextlib
import os
import pathlib
import select
import signal
import subprocess
import time

import images
import tree

SAMPLES = [images.plain, images.whiteouts, images.hardlinks, images.special]

EXIT_ENGINE = 5


def wait_for(condition, what, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.05)
    raise AssertionError(f"{what}: did not happen in time")


def parents():
    """The parent of each process."""
    out = {}
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text()
            except OSError:
                continue
            out[int(entry.name)] = int(stat.rpartition(")")[2].split()[1])
    return out


def descendants(pid):
    parent_of = parents()
    found, left = [], [pid]
    while left:
        above = left.pop()
        below = [child for child, parent in parent_of.items()
                 if parent == above]
        found += below
        left += below
    return found


def open_processes(pids):
    """pidfds: a process id can mean another process a moment later."""
    out = []
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            out.append(os.pidfd_open(pid))
    return out


def unmount_below(directory):
    points = [line.split()[1]
              for line in pathlib.Path("/proc/mounts").read_text().splitlines()]
    # The longest first: mounts are stacked.
    for point in sorted(points, reverse=True):
        if point.startswith(f"{directory}/"):
            subprocess.run(["umount", "-l", point], check=False)


@contextlib.contextmanager
def service(command, log, ready, env=None):
    """A program that is up; afterwards neither it nor what it started runs."""
    with open(log, "wb") as file:
        process = subprocess.Popen(
            [str(part) for part in command], env=env, stdin=subprocess.DEVNULL,
            stdout=file, stderr=file, start_new_session=True)

    def up():
        assert process.poll() is None, log.read_text(errors="replace")[-4000:]
        return ready()

    try:
        try:
            wait_for(up, command[0])
        except AssertionError as error:
            raise AssertionError(
                f"{error}\n{log.read_text(errors='replace')[-4000:]}") from None
        yield process
    finally:
        family = open_processes(descendants(process.pid))
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for pidfd in family:
            if not select.select([pidfd], [], [], 5)[0]:
                signal.pidfd_send_signal(pidfd, signal.SIGKILL)
            os.close(pidfd)
        unmount_below(log.parent)


def dockerd_flags(base):
    return ["--data-root", base / "data", "--exec-root", base / "exec",
            "--pidfile", base / "pid", "--bridge", "none", "--iptables=false"]


class Engine:
    """What a client sets in its environment, and docker's own CLI with that."""

    def __init__(self, **env):
        self.env = env

    def run(self, *args, data=None):
        done = subprocess.run(
            ["docker", *map(str, args)], input=data, capture_output=True,
            env={"PATH": os.environ["PATH"], "HOME": "/nonexistent",
                 **self.env})
        assert done.returncode == 0, done.stderr
        return done.stdout

    def answers(self):
        try:
            self.run("version")
        except AssertionError:
            return False
        return True

    def load(self, image):
        self.run("load", data=image.archive())


def start_elsewhere(daemon):
    """Without an engine of its own, so that only the client's can be used."""
    daemon.env.pop("DOCKER_HOST", None)
    return daemon.start()


def check_same(daemon, image, env, expected, *flags, name=None):
    """Packs it from the engine that env names; expected are the bytes."""
    artifact = daemon.json("pack", name or image.name, *flags,
                           env=env)[-1]["artifact"]
    path = pathlib.Path(artifact["path"])
    assert not tree.differences(image.flatten(), tree.Sidecar(path).tree())
    # Not in the assertion: nobody wants to see their difference.
    same = path.read_bytes() == expected
    assert same, f"{artifact['digest']} is another artifact"
    return artifact


def check_refused(daemon, env, reason, *words):
    """An error of the engine that says those words, and a daemon that lives."""
    error = daemon.fail_reason("pack", images.plain().name, code=EXIT_ENGINE,
                               env=env)
    assert error["reason"] == reason and error["remedy"], error
    for word in words:
        assert word in error["message"], error
    assert daemon.alive() and daemon.leftovers() == []
    assert daemon.json("cache", "ls")[-1]["artifacts"] == []
