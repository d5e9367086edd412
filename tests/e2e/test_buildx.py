"""Builds by BuildKit, through docker's buildx plugin, on a real dockerd.

BOTTLED_BUILDX names the plugin; `scripts/test buildx` makes it, which takes
some minutes, so CI does not. Without it the tests are skipped.
"""

import json
import os
import shutil
import subprocess

import pytest

import engines

STEPS = ("FROM scratch", "COPY root /")


@pytest.fixture(scope="module")
def engine(engine_dir):
    """A dockerd with a bridge, which RUN needs, in a network of its own."""
    if not os.environ.get("BOTTLED_BUILDX"):
        pytest.skip("buildx is missing: scripts/test buildx installs it")
    host = f"unix://{engine_dir}/docker.sock"
    it = engines.Engine(DOCKER_HOST=host)
    command = ["unshare", "-n", "dockerd", "--host", host, "--data-root",
               engine_dir / "data", "--exec-root", engine_dir / "exec",
               "--pidfile", engine_dir / "pid", "--iptables=false",
               "--ip6tables=false"]
    with engines.service(command, engine_dir / "log", it.answers):
        yield it


@pytest.fixture
def env(engine, workdir):
    plugins = workdir / "docker/cli-plugins"
    plugins.mkdir(parents=True)
    (plugins / "docker-buildx").symlink_to(os.environ["BOTTLED_BUILDX"])
    return {**engine.env, "DOCKER_CONFIG": str(workdir / "docker")}


@pytest.fixture
def context(workdir):
    path = workdir / "context"
    (path / "root/bin").mkdir(parents=True)
    shutil.copy("/bin/busybox", path / "root/bin/busybox")
    (path / "root/bin/sh").symlink_to("busybox")

    def write(*lines):
        (path / "Dockerfile").write_text("\n".join((*STEPS, *lines)) + "\n")
        return path

    return write


def steps(events):
    return [e["event"]["progress"] for e in events
            if e.get("event", {}).get("progress", {}).get("unit") ==
            "UNIT_STEPS"]


def test_builds_and_packs(idle_daemon, env, context):
    daemon = engines.start_elsewhere(idle_daemon)
    path = context("RUN echo made > /made", "ENV A=b")
    first = daemon.json("pack", "--build", path, "e2e/x:1", env=env)
    seen = steps(first)
    assert seen and seen[-1]["current"] == seen[-1]["total"], seen
    # All cached: built again, not packed again.
    again = daemon.json("pack", "--build", path, "e2e/x:1", env=env)
    assert again[-1]["artifact"]["digest"] == first[-1]["artifact"]["digest"]
    assert "STAGE_READ" not in json.dumps(again)
    assert daemon.leftovers() == []


def test_failure_shows_buildkits_words_and_step(idle_daemon, env, context):
    daemon = engines.start_elsewhere(idle_daemon)
    path = context("RUN echo before; echo the-reason >&2; exit 7")
    result = daemon.ctl("--json", "pack", "--build", path, "e2e/x:1",
                        check=False, env=env)
    assert result.returncode == 5
    error = json.loads(result.stdout.splitlines()[-1])["error"]
    assert error["reason"] == "BUILD_FAILED"
    assert "[2/2] RUN echo before" in error["message"], error
    tail = "\n".join(error["logTail"])
    assert "the-reason" in tail, tail
    assert "ERROR: failed to build: failed to solve: " in tail, tail
    assert "exit code: 7" in error["message"], error
    assert daemon.leftovers() == [] and daemon.alive()


def sleeping():
    return subprocess.run(["pgrep", "-f", "sleep 98765"],
                          capture_output=True).stdout.split()


def test_cancel_leaves_no_builder(idle_daemon, env, engine, context):
    daemon = engines.start_elsewhere(idle_daemon)
    daemon.env |= env
    path = context("RUN echo it-waits; exec busybox sleep 98765")
    client = daemon.spawn("--json", "pack", "--build", path, "e2e/x:1")
    engines.wait_for(sleeping, "the build's RUN")
    job, = daemon.json("jobs")[-1]["jobs"]
    daemon.ctl("cancel", "--force", job["id"])
    out, _ = client.communicate(timeout=60)
    assert "CANCELLED" in out
    engines.wait_for(lambda: not sleeping(), "the end of RUN")
    engines.wait_for(lambda: not engines.descendants(daemon.process.pid),
                     "the end of the builder")
    tags = engine.run("image", "ls", "--format", "{{.Repository}}")
    assert b"bottled.local" not in tags
    assert daemon.leftovers() == []
