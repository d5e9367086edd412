"""The test engine through OpenSSH's client and server."""

import os
import pathlib
import shlex
import shutil
import signal
import subprocess
import sys

import pytest

import conftest
import engines
import gates
import images

# A docker command whose answer stops in the middle of a stream, until nobody
# reads it any more.
STALLING = """
import os, pathlib, select, subprocess, sys
child = subprocess.Popen(["docker", "system", "dial-stdio"],
                         stdout=subprocess.PIPE)
left = 300_000
while left > 0 and (block := os.read(child.stdout.fileno(), 65536)):
    left -= len(block)
    while block:
        block = block[os.write(1, block):]
if left <= 0:
    pathlib.Path(sys.argv[1]).touch()
    gone = select.poll()
    gone.register(1, 0)
    gone.poll()
    child.kill()
"""

# What the server runs for each key; empty: what the client asks for.
FORCED = {
    "good": "",
    "stalling": "exec {python} {base}/stalling.py {base}/stalled",
    "no-engine": "DOCKER_HOST=unix:///nowhere/docker.sock docker system "
                 "dial-stdio",
    "no-docker": "PATH=/nowhere; docker system dial-stdio",
}


class Server:
    def __init__(self, base, docker_host):
        self.base, self.port = base, gates.free_port()
        self.address = f"ssh://root@127.0.0.1:{self.port}"
        self.log = base / "log"
        for name in ("host", "unknown", *FORCED):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f",
                            base / name], check=True)
        (base / "stalling.py").write_text(STALLING)
        lines = []
        for name, command in FORCED.items():
            command = command.format(python=shlex.quote(sys.executable),
                                     base=base)
            lines.append((f'command="{command}" ' if command else "") +
                         (base / f"{name}.pub").read_text())
        (base / "authorized").write_text("".join(lines))
        (base / "config").write_text(
            f"ListenAddress 127.0.0.1:{self.port}\nHostKey {base}/host\n"
            f"AuthorizedKeysFile {base}/authorized\nStrictModes no\n"
            "PasswordAuthentication no\nPidFile none\nUsePAM no\n"
            f"SetEnv DOCKER_HOST={docker_host}\n")

    def known_hosts(self, key="host"):
        kind, text = (self.base / f"{key}.pub").read_text().split()[:2]
        return f"[127.0.0.1]:{self.port} {kind} {text}\n"

    def sessions(self):
        return engines.descendants(self.process.pid)


@pytest.fixture(scope="module")
def server(engine_dir, docker_host):
    sshd = shutil.which("sshd", path="/usr/sbin:/usr/bin")
    if not sshd or os.geteuid() != 0:
        conftest.missing("sshd, as root")
    pathlib.Path("/run/sshd").mkdir(exist_ok=True)
    base = engine_dir / "s"
    base.mkdir()
    instance = Server(base, docker_host)

    def listens():
        return subprocess.run(
            ["ssh-keyscan", "-p", str(instance.port), "127.0.0.1"],
            capture_output=True).stdout

    with engines.service([sshd, "-D", "-e", "-f", base / "config"],
                         instance.log, listens) as instance.process:
        yield instance


class Client:
    """A daemon whose ssh reads a config of its own, not the user's."""

    def __init__(self, daemon, server):
        self.daemon, self.server = daemon, server
        self.base = daemon.base / "ssh"
        self.temporary = daemon.base / "tmp"
        for path in (self.base, self.temporary):
            path.mkdir()
        script = self.base / "ssh"
        script.write_text(f"#!/bin/sh\nexec /usr/bin/ssh -F {self.base}/config "
                          '"$@"\n')
        script.chmod(0o755)
        self.use("good", server.known_hosts())
        daemon.env["PATH"] = f"{self.base}:{daemon.env['PATH']}"
        daemon.env["TMPDIR"] = str(self.temporary)
        engines.start_elsewhere(daemon)
        self.env = {"DOCKER_HOST": server.address}

    def use(self, key, known_hosts):
        (self.base / "known").write_text(known_hosts)
        (self.base / "config").write_text(
            f"IdentityFile {self.server.base}/{key}\nIdentitiesOnly yes\n"
            f"UserKnownHostsFile {self.base}/known\n"
            "GlobalKnownHostsFile /dev/null\n")

    def processes(self):
        """Its ssh, whoever their parent is now."""
        mark = f"{self.base}/config".encode()
        out = []
        for pid in engines.parents():
            try:
                command = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
            except OSError:
                continue
            if mark in command.split(b"\0"):
                out.append(pid)
        return out

    def check_nothing_left(self):
        engines.wait_for(lambda: not self.processes(), "the end of ssh")
        engines.wait_for(lambda: not self.server.sessions(),
                         "the end of the other side")
        assert not engines.descendants(self.daemon.process.pid)
        assert list(self.temporary.glob("bottled-ssh-*")) == []


@pytest.fixture
def client(idle_daemon, server):
    return Client(idle_daemon, server)


@pytest.mark.parametrize("make", engines.SAMPLES)
def test_gives_the_same_bytes(client, plain_bytes, make):
    image = make()
    engines.check_same(client.daemon, image, client.env, plain_bytes(image))
    assert "Accepted publickey for root" in client.server.log.read_text()
    client.check_nothing_left()


@pytest.mark.parametrize("key, known, words", [
    ("good", None, "Host key verification failed."),
    ("good", "unknown", "REMOTE HOST IDENTIFICATION HAS CHANGED"),
    ("unknown", "host", "Permission denied (publickey"),
    ("no-engine", "host", "nowhere"),
    ("no-docker", "host", "docker: "),
], ids=["unknown-host", "changed-host", "refused-key", "no-engine",
        "no-docker"])
def test_refusals(client, load, plain_bytes, key, known, words):
    image = images.plain()
    load(image)
    client.use(key, client.server.known_hosts(known) if known else "")
    engines.check_refused(client.daemon, client.env, "ENGINE_UNREACHABLE",
                          client.server.address, "ssh: ", words)
    client.check_nothing_left()
    # The same daemon, once that is mended.
    client.use("good", client.server.known_hosts())
    engines.check_same(client.daemon, image, client.env, plain_bytes(image))


def test_nobody_listens(client):
    port = gates.free_port()
    engines.check_refused(
        client.daemon, {"DOCKER_HOST": f"ssh://root@127.0.0.1:{port}"},
        "ENGINE_UNREACHABLE", f"port {port}: Connection refused")
    client.check_nothing_left()


def test_cancel_ends_ssh(client, load, plain_bytes):
    image = images.plain()
    load(image)
    client.use("stalling", client.server.known_hosts())
    client.daemon.env.update(client.env)
    caller = client.daemon.spawn("pack", image.name)
    try:
        engines.wait_for((client.server.base / "stalled").exists,
                         "the middle of the stream")
        assert len(client.processes()) == 1
        assert client.server.sessions()
    finally:
        caller.send_signal(signal.SIGINT)
        _, errors = caller.communicate(timeout=60)
    assert caller.returncode == 130, errors
    client.check_nothing_left()
    assert client.daemon.alive() and client.daemon.leftovers() == []
    # Nothing stands in the way of the next caller.
    client.use("good", client.server.known_hosts())
    engines.check_same(client.daemon, image, client.env, plain_bytes(image))
