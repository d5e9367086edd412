"""Builds with the caller's own docker command line, then packs."""

import json
import os
import pathlib
import shutil
import signal
import sqlite3
import subprocess
import time

import pytest

import conftest
import tree

CANARY = "canary-5f3a9c1e-not-to-be-seen"


@pytest.fixture
def context(workdir):
    """A build context of busybox alone."""
    path = workdir / "context"
    (path / "root/bin").mkdir(parents=True)
    shutil.copy("/bin/busybox", path / "root/bin/busybox")
    for applet in ("sh", "sleep", "echo", "cat", "test"):
        (path / "root/bin" / applet).symlink_to("busybox")

    def write(*lines):
        (path / "Dockerfile").write_text(
            "\n".join(("FROM scratch", "COPY root /", *lines)) + "\n")
        return path

    write()
    return write


def build_env():
    """RUN needs no network here, and no user's configuration."""
    return {"DOCKER_CONFIG": "/nonexistent"}


def name_of(workdir):
    return f"e2e/b{workdir.name[3:].replace('_', '0')}:1"


def test_build_then_pack(daemon, docker, context, workdir):
    name = name_of(workdir)
    path = context("ENV A=b", 'CMD ["/bin/sh"]', "COPY Dockerfile /made")
    events = daemon.json("pack", "--build", path, name, env=build_env())
    artifact = events[-1]["artifact"]
    packed = tree.Sidecar(artifact["path"])
    assert b"made" in packed.tree()
    assert json.loads(packed.manifest_text)["env"] == [
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "A=b"]
    stages = [e["event"]["stageStarted"]["stage"] for e in events
              if "stageStarted" in e.get("event", {})]
    assert stages[:3] == ["STAGE_BUILD", "STAGE_IDENTIFY", "STAGE_READ"]
    progress = [e["event"]["progress"] for e in events
                if e.get("event", {}).get("progress", {}).get("unit") ==
                "UNIT_STEPS"]
    assert progress[-1]["current"] == progress[-1]["total"] == "5"
    # The name is kept, the job's own tag is not.
    tags = docker("image", "ls", "--format", "{{.Repository}}:{{.Tag}}")
    assert name in tags.decode().split()
    assert "bottled.local/build" not in tags.decode()

    # Nothing changed: it is built again, all cached, and not packed again.
    again = daemon.json("pack", "--build", path, name, env=build_env())
    assert again[-1]["artifact"]["digest"] == artifact["digest"]
    assert not [e for e in again if e.get("event", {}).get(
        "stageStarted", {}).get("stage") == "STAGE_READ"]
    # And it is the image's artifact, however one asks.
    assert daemon.pack(name) == artifact["path"]
    docker("rmi", name)


def test_default_name(daemon, docker, context, workdir):
    name = name_of(workdir)
    daemon.pack("--build", context(), env={**build_env(),
                                           "CLAUDE_BOTTLE_IMAGE": name})
    assert docker("image", "inspect", name)
    docker("rmi", name)


def test_failure_shows_the_builders_words(daemon, docker, context, workdir):
    path = context("RUN echo before; echo the-reason >&2; exit 7")
    result = daemon.ctl("--json", "pack", "--build", path, name_of(workdir),
                        check=False, env=build_env())
    assert result.returncode == 5
    error = json.loads(result.stdout.splitlines()[-1])["error"]
    assert error["reason"] == "BUILD_FAILED"
    assert "RUN echo before" in error["message"]
    assert any("the-reason" in line for line in error["logTail"])
    assert daemon.leftovers() == []


def test_arguments_and_stages(daemon, docker, context, workdir):
    name = name_of(workdir)
    path = context("ARG WORD", 'ENV WORD="$WORD"', "FROM scratch",
                   "COPY root /")
    file = workdir / "Other"
    shutil.copy(path / "Dockerfile", file)
    text = file.read_text().replace("FROM scratch\nCOPY root /\nARG",
                                    "FROM scratch AS first\nCOPY root /\nARG")
    file.write_text(text)
    artifact = daemon.pack("--build", path, "-f", file, "--target", "first",
                           "--build-arg", "WORD=hello=there", name,
                           env=build_env())
    env = json.loads(tree.Sidecar(artifact).manifest_text)["env"]
    assert "WORD=hello=there" in env
    docker("rmi", name)


def test_canary(daemon, docker, context, workdir):
    """The value of an argument is in no event, log, row or command line."""
    name = name_of(workdir)
    path = context("ARG TOKEN", 'RUN echo "it is $TOKEN"; sleep 2')
    seen = []
    process = subprocess.Popen(
        [conftest.BIN / "bottlectl", "--json", "pack", "--build", path,
         "--no-cache", "--build-arg", "TOKEN", name],
        env={**daemon.env, **build_env(), "TOKEN": CANARY},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while process.poll() is None:
        for entry in pathlib.Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    seen.append((entry / "cmdline").read_bytes())
                except OSError:
                    pass
        time.sleep(0.05)
    out, err = process.communicate()
    assert process.returncode == 0, err
    assert not [line for line in seen if CANARY.encode() in line]
    # The build printed it, so its output was looked at.
    assert "it is ***" in out
    assert CANARY not in out + err + daemon.log_text()
    daemon.stop()
    for file in daemon.state.rglob("*"):
        if file.is_file():
            assert CANARY.encode() not in file.read_bytes(), file
    with sqlite3.connect(daemon.state / "bottled.db") as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    docker("rmi", name)


def test_cancel_leaves_no_builder(daemon, docker, context, workdir):
    path = context("RUN echo begun; sleep 300")
    client = daemon.spawn("--json", "pack", "--build", path, name_of(workdir))
    for line in client.stdout:
        if "begun" in line or "sleep 300" in line:
            break
    time.sleep(1)
    client.send_signal(signal.SIGINT)
    client.communicate(timeout=30)
    assert client.returncode == 130
    end = time.monotonic() + 15
    while time.monotonic() < end:
        running = subprocess.run(["pgrep", "-f", "sleep 300"],
                                 capture_output=True, text=True).stdout.split()
        if not running:
            break
        time.sleep(0.1)
    assert not running
    tags = docker("image", "ls", "--format", "{{.Repository}}").decode()
    assert "bottled.local/build" not in tags
    assert daemon.leftovers() == []


def running(text):
    return subprocess.run(["pgrep", "-f", text], capture_output=True,
                          text=True).stdout.split()


def test_a_killed_daemon_takes_its_builder_along(idle_daemon, docker,
                                                 docker_host, context, workdir):
    path = context("RUN echo begun; sleep 301")
    idle_daemon.env["DOCKER_HOST"] = docker_host
    idle_daemon.start()
    client = idle_daemon.spawn("--json", "--no-start", "pack", "--build", path,
                               name_of(workdir))
    for line in client.stdout:
        if "begun" in line or "sleep 301" in line:
            break
    time.sleep(1)
    assert running("sleep 301")
    idle_daemon.kill()
    client.kill()
    client.communicate()
    end = time.monotonic() + 20
    names = ("sleep 301", f"docker build.*{path}", f"supervise.*{path}")
    while any(map(running, names)) and time.monotonic() < end:
        time.sleep(0.1)
    assert [running(name) for name in names] == [[], [], []]


def build_tags(docker):
    return docker("image", "ls", "--format", "{{.Repository}}:{{.Tag}}",
                  "bottled.local/build").decode().split()


def test_a_killed_daemon_removes_its_tag_later(idle_daemon, docker, docker_host,
                                               context, workdir):
    docker("tag", os.environ["BOTTLED_TEST_IMAGE"],
           "bottled.local/build:somebody-elses")
    path = context()
    (path / "root/large").write_bytes(os.urandom(64 << 20))
    idle_daemon.env["DOCKER_HOST"] = docker_host
    idle_daemon.start()
    client = idle_daemon.spawn("--json", "--no-start", "pack", "--build", path,
                               name_of(workdir))
    for line in client.stdout:
        if '"STAGE_READ"' in line:
            break
    idle_daemon.kill()
    client.kill()
    client.communicate()
    tags = set(build_tags(docker))
    assert len(tags) == 2
    idle_daemon.start()
    end = time.monotonic() + 30
    # The job goes on, with a tag of its next run.
    while len(tags) > 1 and time.monotonic() < end:
        time.sleep(0.1)
        tags = set(build_tags(docker))
    idle_daemon.wait_idle()
    tags = set(build_tags(docker))
    assert tags == {"bottled.local/build:somebody-elses"}
    docker("rmi", *tags)


@pytest.mark.parametrize("arguments", [
    ("--build", "/does/not/exist"), ("--build", "/etc/passwd")])
def test_bad_contexts(daemon, arguments):
    error = daemon.fail_reason("pack", *arguments, "e2e/x:1", code=5)
    assert error["reason"] == "BUILD_FAILED"


def test_usage(daemon):
    for arguments in (("--build", ".", "--archive", "x"),
                      ("x:1", "--build-arg", "A=b"), ("x:1", "-f", "y")):
        assert daemon.ctl("pack", *arguments, check=False).returncode == 2


def test_without_docker(daemon, context, workdir):
    result = daemon.ctl("--json", "pack", "--build", context(),
                        name_of(workdir), check=False,
                        env={"PATH": str(workdir)})
    error = json.loads(result.stdout.splitlines()[-1])["error"]
    assert error["reason"] == "BUILDER_NOT_FOUND" and error["remedy"]
    assert os.path.exists(daemon.socket)
