"""The same image from another engine is the same artifact."""

import os
import shutil
import subprocess
import time

import pytest

import conftest
import images
import tree


@pytest.fixture
def podman(workdir):
    """Debian's podman behind its docker-compatible API, with storage of its
    own. Returns (DOCKER_HOST, run)."""
    binary = shutil.which("podman")
    if not binary or os.geteuid() != 0:
        conftest.missing("podman, and root to run it")
    socket = workdir / "p.sock"
    flags = [binary, "--root", workdir / "proot", "--runroot", workdir / "prun",
             "--tmpdir", workdir / "ptmp", "--storage-driver", "vfs",
             "--cgroup-manager", "cgroupfs", "--events-backend", "none"]
    flags = [str(flag) for flag in flags]

    def run(*args, data=None):
        done = subprocess.run([*flags, *map(str, args)], input=data,
                              capture_output=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    service = subprocess.Popen(
        [*flags, "system", "service", "--time", "0", f"unix://{socket}"],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE)
    end = time.monotonic() + 30
    while not socket.exists():
        assert service.poll() is None, service.stderr.read()
        assert time.monotonic() < end, "podman's service did not start"
        time.sleep(0.05)
    yield f"unix://{socket}", run
    service.terminate()
    service.wait(30)
    # vfs mounts its own directory on itself.
    for _ in range(3):
        for line in open("/proc/mounts").read().splitlines():
            point = line.split()[1]
            if point.startswith(str(workdir)):
                subprocess.run(["umount", "-l", point], check=False)


@pytest.mark.parametrize("make", [images.plain, images.whiteouts,
                                  images.hardlinks, images.special])
def test_podman_gives_the_same_bytes(idle_daemon, docker_host, docker, load,
                                     podman, workdir, make):
    image = make()
    host, run = podman
    file = workdir / "image.tar"
    file.write_bytes(image.archive())
    run("load", "-i", file)
    load(image)
    daemon = idle_daemon.start()
    name = f"localhost/{image.name}"
    other = daemon.json("pack", name, env={"DOCKER_HOST": host})[-1]["artifact"]
    assert not tree.differences(image.flatten(),
                                tree.Sidecar(other["path"]).tree())
    first = daemon.json("pack", image.name,
                        env={"DOCKER_HOST": docker_host})[-1]["artifact"]
    assert first["digest"] == other["digest"]

    # And from podman's own archive of it, without an engine.
    saved = workdir / "saved.tar"
    run("save", "-o", saved, name)
    again = daemon.json("pack", "--archive", saved)[-1]["artifact"]
    assert again["digest"] == first["digest"]
