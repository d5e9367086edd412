"""Warming: artifacts that are there before somebody asks."""

import contextlib
import os
import shutil
import socket
import threading

import pytest

import engines
import images
import tree

# The test machine may be busy with other things.
FLAGS = ("--warm-max-stalled", "0", "--cache-min-free-bytes", "1")


@pytest.fixture
def start(idle_daemon, docker_host):
    def do(host=None):
        idle_daemon.env["DOCKER_HOST"] = host or docker_host
        idle_daemon.env["DOCKER_CONFIG"] = "/nonexistent"
        return idle_daemon.start(*FLAGS)
    return do


@pytest.fixture
def name(workdir):
    return f"e2e/w{workdir.name[3:].replace('_', '0').lower()}:1"


def image(name, text):
    it = images.plain()
    it.layers.append(images.Layer().file("version", text.encode()).done())
    it.name = name
    return it


def targets(daemon):
    return daemon.json("warm", "ls")[-1]["targets"]


def wait_ready(daemon, other_than=""):
    """The only target, once it has led to another artifact."""
    def ready():
        target, = targets(daemon)
        return (target if target["state"] == "WARM_STATE_READY"
                and target["artifact"] != other_than else None)
    return engines.wait_for(ready, "a warm target that is ready")


def packed_at_once(daemon, *args):
    """What pack answers without a job."""
    lines = daemon.json("pack", *args)
    assert len(lines) == 1, lines
    return lines[0]["artifact"]


def jobs(daemon):
    return daemon.json("jobs", "--all")[-1]["jobs"]


class Cutter:
    """A proxy in front of an engine's socket that can be cut."""

    def __init__(self, path, target):
        self.path, self.target = str(path), target
        self.listener, self.pairs = None, []

    def up(self):
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen()
        threading.Thread(target=self.accept, args=(self.listener,),
                         daemon=True).start()

    def accept(self, listener):
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(self.target)
                self.pairs += [client, server]
                for source, sink in ((client, server), (server, client)):
                    threading.Thread(target=self.copy, args=(source, sink),
                                     daemon=True).start()

    @staticmethod
    def copy(source, sink):
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)

    def cut(self):
        os.unlink(self.path)
        for end in [self.listener, *self.pairs]:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        self.pairs = []


def test_an_image_that_is_replaced_is_warm_again(start, docker, name):
    daemon = start()
    docker("load", data=image(name, "one").archive())
    warmed, = daemon.json("warm", "--keep", name)[-1]["warmed"]
    assert warmed["target"]["kind"] == "image"
    first = wait_ready(daemon)
    assert packed_at_once(daemon, name)["digest"] == first["artifact"]

    docker("load", data=image(name, "two").archive())
    second = wait_ready(daemon, first["artifact"])
    assert packed_at_once(daemon, name)["digest"] == second["artifact"]

    # A builder tags what it has built. A flat image of the same name, too.
    docker("build", "-q", "-t", name, "-", data=(
        f"FROM {name}\nLABEL built=yes\nCMD [\"/bin/three\"]\n").encode())
    third = wait_ready(daemon, second["artifact"])
    assert packed_at_once(daemon, name)["digest"] == third["artifact"]
    exported = images.Layer().file("version", b"four").done()
    docker("import", "-", name, data=exported)
    fourth = wait_ready(daemon, third["artifact"])
    assert packed_at_once(daemon, name)["digest"] == fourth["artifact"]
    assert int(fourth["warmedCount"]) == 4 and int(fourth["unusedCount"]) <= 1
    # Nobody but warming has made anything.
    assert len(jobs(daemon)) == 4


def test_a_cut_connection_and_a_restart_miss_nothing(start, docker,
                                                     docker_host, workdir,
                                                     name):
    assert docker_host.startswith("unix://")
    proxy = Cutter(workdir / "p.sock", docker_host[len("unix://"):])
    proxy.up()
    daemon = start(f"unix://{proxy.path}")
    docker("load", data=image(name, "one").archive())
    daemon.ctl("warm", "add", name)
    first = wait_ready(daemon)

    proxy.cut()
    docker("load", data=image(name, "two").archive())
    engines.wait_for(
        lambda: targets(daemon)[0]["state"] == "WARM_STATE_FAILED",
        "a failure that is shown")
    assert targets(daemon)[0]["failure"]["reason"] == "ENGINE_UNREACHABLE"
    proxy.up()
    second = wait_ready(daemon, first["artifact"])
    assert packed_at_once(daemon, name)["digest"] == second["artifact"]

    daemon.stop()
    docker("load", data=image(name, "three").archive())
    start(f"unix://{proxy.path}")
    third = wait_ready(daemon, second["artifact"])
    assert packed_at_once(daemon, name)["digest"] == third["artifact"]
    assert third["id"] == first["id"]
    proxy.cut()


def test_a_build_follows_its_files(start, docker, workdir, name):
    context = workdir / "context"
    (context / "root/bin").mkdir(parents=True)
    (context / "out").mkdir()
    shutil.copy("/bin/busybox", context / "root/bin/sh")
    (context / "Dockerfile").write_text("FROM scratch\nCOPY root /\n")
    (context / ".dockerignore").write_text("out\n")
    daemon = start()
    daemon.ctl("warm", "--keep", "--build", context, name)
    first = wait_ready(daemon)
    assert first["name"] == str(context) and not first.get("blind")
    before = len(jobs(daemon))

    (context / "root/new").write_text("a change")
    second = wait_ready(daemon, first["artifact"])
    artifact = packed_at_once(daemon, name)
    assert artifact["digest"] == second["artifact"]
    assert tree.Sidecar(artifact["path"]).tree()[b"new"]
    assert len(jobs(daemon)) == before + 1

    # What goes into no image causes no build; the next change shows that the
    # one before was over.
    (context / "out/log").write_text("noise")
    (context / "root/new").write_text("another change")
    wait_ready(daemon, second["artifact"])
    assert len(jobs(daemon)) == before + 2
    docker("rmi", "-f", name, check=False)


def test_a_target_that_nobody_uses_is_paused(start, docker, name):
    daemon = start()
    docker("load", data=image(name, "0").archive())
    daemon.ctl("warm", "add", name)
    last = wait_ready(daemon)
    for version in ("1", "2"):
        docker("load", data=image(name, version).archive())
        last = wait_ready(daemon, last["artifact"])
    docker("load", data=image(name, "3").archive())
    engines.wait_for(
        lambda: targets(daemon)[0]["state"] == "WARM_STATE_PAUSED", "a pause")
    assert "nobody asked" in daemon.ctl("warm", "ls").stdout
    assert daemon.ctl("warm", "resume", name).stdout.strip() == last["id"]
    wait_ready(daemon, last["artifact"])
    assert daemon.ctl("warm", "rm", last["id"]).stdout.strip() == last["id"]
    assert targets(daemon) == []


def test_what_cannot_be_warmed_says_so(start, workdir):
    daemon = start()
    error = daemon.fail_reason("warm", "e2e/none:1", code=3)
    assert error["reason"] == "IMAGE_NOT_FOUND"
    error = daemon.fail_reason("warm", "--keep", "--build", workdir,
                               "--build-arg", "TOKEN=secret", code=4)
    assert error["reason"] == "BAD_WARM_TARGET" and error["remedy"]
    assert daemon.fail_reason("warm", "rm", "x", code=3)["reason"] == (
        "WARM_TARGET_NOT_FOUND")
    assert daemon.ctl("warm", check=False).returncode == 2
    assert "warm" in daemon.json("info")[-1]["info"]["features"]
    assert "resume" in daemon.ctl("warm", "--help").stdout
