"""Fixtures: a daemon of its own for each test, a real dockerd, the real smolvm.

Environment: BOTTLED_BIN (directory of the two binaries), BOTTLED_TEST_DOCKER_HOST,
BOTTLED_SMOLVM. Under CI a missing real part is a failure, elsewhere a skip.
"""

import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import pytest

sys.path.insert(0, os.path.dirname(__file__))

import images  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("BOTTLED_BIN", ROOT / "build/release/bin"))


def missing(what):
    if os.environ.get("CI"):
        pytest.fail(f"{what} is missing, and CI needs it")
    pytest.skip(f"{what} is missing")


class Daemon:
    """A private bottled with its clients."""

    def __init__(self, base, docker_host=None):
        self.base = pathlib.Path(base)
        self.state = self.base / "state"
        self.cache = self.base / "cache"
        self.socket = self.base / "run" / "v1.sock"
        self.env = {
            "PATH": os.environ["PATH"], "HOME": str(self.base),
            "BOTTLED_STATE_DIR": str(self.state),
            "BOTTLED_CACHE_DIR": str(self.cache),
            "BOTTLED_SOCKET": str(self.socket),
            "BOTTLED_DAEMON": str(BIN / "bottled"),
        }
        for name in ("TSAN_OPTIONS", "ASAN_OPTIONS", "UBSAN_OPTIONS"):
            if name in os.environ:
                self.env[name] = os.environ[name]
        if docker_host:
            self.env["DOCKER_HOST"] = docker_host
        self.process = None
        # Machines that run tests may be fuller than those of users.
        config = self.base / ".config" / "bottled"
        config.mkdir(parents=True, exist_ok=True)
        (config / "config.yaml").write_text("cache-min-free-bytes: 1000000\n")

    def start(self, *flags, wait=True):
        self.log = open(self.base / "daemon.log", "ab")
        self.process = subprocess.Popen(
            [BIN / "bottled", *flags], env=self.env, stdin=subprocess.DEVNULL,
            stdout=self.log, stderr=self.log, start_new_session=True)
        if wait:
            self.wait_ready()
        return self

    def wait_ready(self, seconds=30):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise AssertionError(self.log_text())
            if self.ctl("info", "--no-start", check=False).returncode == 0:
                return
            time.sleep(0.02)
        raise AssertionError("not ready\n" + self.log_text())

    def log_text(self):
        return (self.base / "daemon.log").read_text(errors="replace")

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                assert self.process.wait(60) == 0, self.log_text()
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise
        self.process = None

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process = None

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def ctl(self, *args, check=True, env=None, **kwargs):
        kwargs.setdefault("timeout", 300)
        result = subprocess.run(
            [BIN / "bottlectl", *map(str, args)], env={**self.env, **(env or {})},
            stdin=kwargs.pop("stdin", subprocess.DEVNULL),
            capture_output=True, text=True, **kwargs)
        if check and result.returncode != 0:
            raise AssertionError(f"bottlectl {args}: {result.returncode}\n"
                                 f"{result.stdout}\n{result.stderr}\n"
                                 + self.log_text()[-4000:])
        return result

    def spawn(self, *args, **kwargs):
        """A client in the background, in a group of its own."""
        kwargs.setdefault("stdin", subprocess.DEVNULL)
        return subprocess.Popen(
            [BIN / "bottlectl", *map(str, args)], env=self.env,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            start_new_session=True, **kwargs)

    def pack(self, *args, **kwargs):
        """The artifact's path."""
        out = self.ctl("pack", *args, **kwargs).stdout
        assert out.endswith("\n") and out.count("\n") == 1, out
        return out.strip()

    def json(self, *args, **kwargs):
        """The JSON objects that a command prints."""
        out = self.ctl("--json", *args, **kwargs).stdout
        return [json.loads(line) for line in out.splitlines()]

    def wait_idle(self, seconds=120):
        """Until no job is open: jobs of before a kill go on after it."""
        end = time.monotonic() + seconds
        while jobs := self.json("jobs")[-1]["jobs"]:
            assert time.monotonic() < end, jobs
            time.sleep(0.05)

    def leftovers(self):
        """Files that a finished job must not leave. The trash is emptied by
        a thread of its own."""
        end = time.monotonic() + 10
        while True:
            out = []
            for name in ("stage", "trash"):
                if (self.cache / name).exists():
                    out += [str(p) for p in (self.cache / name).rglob("*")]
            if not any("/trash/" in path for path in out) or (
                    time.monotonic() > end):
                return out
            time.sleep(0.02)

    def fail_reason(self, *args, code=None, env=None):
        """Runs a command that must fail; returns its error object."""
        result = self.ctl("--json", *args, check=False, env=env)
        assert result.returncode != 0, result.stdout
        if code is not None:
            assert result.returncode == code, (result.returncode,
                                               result.stdout, result.stderr)
        last = json.loads(result.stdout.splitlines()[-1])
        return last["error"]


@contextlib.contextmanager
def short_dir():
    # Short, because a socket's path has at most 107 bytes.
    path = tempfile.mkdtemp(prefix="bt-", dir="/tmp")
    try:
        yield pathlib.Path(path)
    finally:
        shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def workdir():
    with short_dir() as path:
        yield path


@pytest.fixture(scope="module")
def engine_dir():
    """Of an engine that the tests of a file share."""
    with short_dir() as path:
        yield path


@pytest.fixture(scope="session")
def docker_host():
    host = os.environ.get("BOTTLED_TEST_DOCKER_HOST")
    if not host:
        missing("a dockerd (BOTTLED_TEST_DOCKER_HOST)")
    return host


@pytest.fixture(scope="session")
def docker(docker_host):
    """Runs docker commands on the test engine."""

    def run(*args, data=None, check=True):
        return subprocess.run(
            ["docker", "-H", docker_host, *args], input=data, check=check,
            capture_output=True).stdout

    return run


@pytest.fixture(scope="session")
def load(docker):
    """Loads an image into the engine, once a session."""
    loaded = {}

    def do(image):
        if image.name not in loaded:
            docker("load", data=image.archive())
            loaded[image.name] = docker(
                "image", "inspect", "-f", "{{.Id}}",
                image.name).decode().strip()
        return loaded[image.name]

    return do


@pytest.fixture(scope="session")
def plain_bytes(docker_host, load):
    """What the test engine's image becomes, made by a daemon whose cache no
    test shares."""
    made = {}

    def do(image):
        if image.name not in made:
            load(image)
            with short_dir() as base:
                instance = Daemon(base, docker_host).start()
                try:
                    made[image.name] = pathlib.Path(
                        instance.pack(image.name)).read_bytes()
                finally:
                    instance.stop()
        return made[image.name]

    return do


@pytest.fixture
def daemon(workdir):
    instance = Daemon(workdir,
                      os.environ.get("BOTTLED_TEST_DOCKER_HOST")).start()
    yield instance
    instance.stop()


@pytest.fixture
def idle_daemon(workdir):
    """Not started yet."""
    instance = Daemon(workdir, os.environ.get("BOTTLED_TEST_DOCKER_HOST"))
    yield instance
    if instance.process:
        instance.stop()


class Smolvm:
    """The real smolvm with a private state directory."""

    def __init__(self, binary, state):
        self.binary = pathlib.Path(binary)
        self.state = pathlib.Path(state)
        lib = self.binary.parent
        self.env = {"PATH": os.environ["PATH"], "HOME": str(state),
                    "SMOLVM_LIB_DIR": str(lib), "NO_COLOR": "1",
                    "SMOLVM_AGENT_ROOTFS_TAR": str(lib /
                                                   "agent-rootfs.tar.zst")}

    def run(self, *args, check=True):
        result = subprocess.run(
            [self.binary, "--state-dir", self.state, *map(str, args)],
            env=self.env, capture_output=True, text=True, timeout=300,
            stdin=subprocess.DEVNULL)
        if check and result.returncode != 0:
            raise AssertionError(f"{args}\n{result.stdout}\n{result.stderr}")
        return result

    def create(self, name, path):
        """Creates a machine; returns everything that looks like a warning."""
        result = self.run("machine", "create", "--from", path, "--name", name)
        return [line for line in (result.stdout + result.stderr).splitlines()
                if "warn" in line.lower()]

    def record(self, name):
        """The machine's row in smolvm's own database."""
        import sqlite3
        path = next(self.state.rglob("smolvm.db"))
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as db:
            row = db.execute("SELECT data FROM vms WHERE name = ?",
                             (name,)).fetchone()
        return json.loads(row[0])


@pytest.fixture
def smolvm(workdir):
    binary = os.environ.get("BOTTLED_SMOLVM")
    if not binary or not os.path.exists(binary):
        missing("smolvm (BOTTLED_SMOLVM)")
    state = workdir / "smolvm"
    state.mkdir()
    return Smolvm(binary, state)


@pytest.fixture
def on_path(workdir, smolvm):
    """A PATH whose smolvm is the real one, with a state of its own."""
    directory = workdir / "bin"
    directory.mkdir()
    script = directory / "smolvm"
    exports = "".join(f"export {name}='{value}'\n"
                      for name, value in smolvm.env.items() if name != "PATH")
    script.write_text(f"#!/bin/sh\n{exports}"
                      f"exec '{smolvm.binary}' --state-dir '{smolvm.state}' "
                      '"$@"\n')
    script.chmod(0o755)
    return {"PATH": f"{directory}:{os.environ['PATH']}"}


@pytest.fixture
def archive(workdir):
    """Writes an image's archive to a file."""

    def do(image, name="image.tar"):
        path = workdir / name
        path.write_bytes(image.archive())
        return path

    return do


SMALL_IMAGES = list(images.SMALL)


@pytest.fixture(params=SMALL_IMAGES)
def small_image(request):
    return images.SMALL[request.param]()
