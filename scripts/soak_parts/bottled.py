"""A private daemon and its clients."""

import contextlib
import hashlib
import io
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tarfile
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("BOTTLED_BIN", ROOT / "build/release/bin"))

# Nothing is collected for want of room.
ROOMY = ("--cache-max-bytes", str(1 << 45), "--cache-min-free-bytes", "1")
# Everything that nobody holds is collected.
NARROW = ("--cache-max-bytes", "1", "--cache-min-free-bytes", "1",
          "--cache-min-age-minutes", "0")

# The daemon is at rest, and has given back what it does not use, when it took
# less than 20 ms of processor time a second for so many: see
# daemon/app/idle_release.h.
REST = 7


def sha256(path):
    return "sha256:" + hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()


def archive(path, content):
    """A `docker save` archive of one layer with one file."""
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as tar:
        info = tarfile.TarInfo("content")
        info.size = len(content)
        tar.addfile(info, io.BytesIO(content))
    layer = layer.getvalue()
    config = json.dumps({
        "architecture": {"x86_64": "amd64", "aarch64": "arm64"}.get(
            os.uname().machine, os.uname().machine),
        "os": "linux", "config": {},
        "rootfs": {"type": "layers", "diff_ids": [
            "sha256:" + hashlib.sha256(layer).hexdigest()]}}).encode()
    manifest = json.dumps([{"Config": "config.json", "RepoTags": ["soak:1"],
                            "Layers": ["layer.tar"]}]).encode()
    with tarfile.open(path, mode="w") as tar:
        for name, data in (("config.json", config), ("layer.tar", layer),
                           ("manifest.json", manifest)):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


@contextlib.contextmanager
def directory():
    # Short, because a socket's path has at most 107 bytes.
    path = tempfile.mkdtemp(prefix="bs-", dir="/tmp")
    try:
        yield pathlib.Path(path)
    finally:
        shutil.rmtree(path, ignore_errors=True)


class Bottled:
    def __init__(self, base):
        self.base = pathlib.Path(base)
        self.state = self.base / "state"
        self.cache = self.base / "cache"
        self.socket = self.base / "run" / "v1.sock"
        self.env = {"PATH": os.environ["PATH"], "HOME": str(self.base),
                    "BOTTLED_STATE_DIR": str(self.state),
                    "BOTTLED_CACHE_DIR": str(self.cache),
                    "BOTTLED_SOCKET": str(self.socket),
                    # Nobody may start one beside ours.
                    "BOTTLED_DAEMON": "/bin/false"}
        self.process = None

    def start(self, *flags, wait=True):
        with open(self.base / "daemon.log", "ab") as log:
            self.process = subprocess.Popen(
                [BIN / "bottled", *flags], env=self.env,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True)
        if wait:
            self.wait_ready()
        return self

    def wait_ready(self, seconds=120):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise RuntimeError("the daemon ended\n" + self.log_text())
            with socket.socket(socket.AF_UNIX) as probe:
                if probe.connect_ex(str(self.socket)) == 0:
                    return
            time.sleep(0.001)
        raise RuntimeError("the daemon does not listen\n" + self.log_text())

    def log_text(self):
        return (self.base / "daemon.log").read_text(errors="replace")[-4000:]

    def kill(self):
        self.process.kill()
        self.process.wait()
        # The next one must not be taken for ready.
        self.socket.unlink(missing_ok=True)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)

    def ctl(self, *args, **kwargs):
        return subprocess.run(
            [BIN / "bottlectl", "--json", "--no-start", *map(str, args)],
            env=self.env, stdin=subprocess.DEVNULL, capture_output=True,
            text=True, timeout=300, **kwargs)

    def json(self, *args):
        """The last object that a command prints, which must succeed."""
        result = self.ctl(*args)
        if result.returncode != 0:
            raise RuntimeError(f"bottlectl {args}: {result.stdout}"
                               f"{result.stderr}\n{self.log_text()}")
        return json.loads(result.stdout.splitlines()[-1])

    def spawn(self, *args, **kwargs):
        kwargs.setdefault("stdin", subprocess.DEVNULL)
        return subprocess.Popen(
            [BIN / "bottlectl", "--json", "--no-start", *map(str, args)],
            env=self.env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            **kwargs)

    def pack(self, file):
        return self.json("pack", "--archive", file)["artifact"]

    def leases(self):
        return {lease["id"] for lease in self.json("cache", "leases")["leases"]}

    def status(self, name, file="status"):
        """A number of /proc/PID/status or the like, in kB for sizes."""
        text = pathlib.Path(f"/proc/{self.process.pid}/{file}").read_text()
        return next(int(line.split()[1]) for line in text.splitlines()
                    if line.startswith(name + ":"))

    def rss_mb(self):
        return self.status("VmRSS") / 1024

    def processor_seconds(self):
        text = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text()
        # After the name, which may have blanks, the third field is the first.
        fields = text.rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def rss_mb_at_rest(self):
        """Waits for that."""
        end = time.monotonic() + 120
        quiet = 0
        used = self.processor_seconds()
        while quiet < REST:
            if time.monotonic() > end:
                raise RuntimeError("the daemon does not come to rest")
            time.sleep(1)
            before, used = used, self.processor_seconds()
            quiet = quiet + 1 if used - before < 0.02 else 0
        # proc(5) calls VmRSS of /proc/PID/status inaccurate.
        return self.status("Rss", "smaps_rollup") / 1024

    def fd_count(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))


class SlowJob:
    """A job that reads an archive which never ends, a little at a time."""

    def __init__(self, daemon):
        # A real beginning, of a layer that is never finished.
        header = tarfile.TarInfo("layer.tar")
        header.size = 1 << 32
        self.client = daemon.spawn("pack", "--archive", "-",
                                   stdin=subprocess.PIPE)
        self.client.stdin.write(header.tobuf() + bytes(1 << 16))
        self.client.stdin.flush()
        end = time.monotonic() + 60
        while time.monotonic() < end:
            for job in daemon.json("jobs")["jobs"]:
                if job["state"] == "JOB_STATE_RUNNING":
                    self.id = job["id"]
                    return
            time.sleep(0.05)
        raise RuntimeError("the job does not run\n" + daemon.log_text())

    def feed(self):
        """Makes some progress."""
        self.client.stdin.write(bytes(1 << 14))
        self.client.stdin.flush()

    def stop(self):
        self.client.kill()
        self.client.communicate()
