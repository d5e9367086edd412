"""The same image from another engine is the same artifact: podman's, and a
dockerd that an unprivileged user runs."""

import os
import pathlib
import shutil
import subprocess

import pytest

import conftest
import engines

# As /etc/subuid has it, but for the number: some owners in the images are
# above what users are usually given.
SUBORDINATE = "nobody:100000:4000000000\n"

ROOTLESS = """
set -e
mount --bind "$1/subid" /etc/subuid
mount --bind "$1/subid" /etc/subgid
base=$1
shift
exec setpriv --reuid=nobody --regid=nogroup --clear-groups \\
    env -i PATH="$PATH" HOME="$base" XDG_RUNTIME_DIR="$base/run" \\
    rootlesskit --net=host --copy-up=/etc --copy-up=/run --propagation=rslave \\
    --state-dir="$base/kit" sh -c '
        rm -f /run/docker /run/containerd /run/xtables.lock
        exec dockerd --rootless "$@"' sh "$@"
"""


@pytest.fixture(scope="module")
def podman(engine_dir):
    """Debian's podman behind its docker-compatible API, with storage of its
    own. Returns (DOCKER_HOST, run)."""
    binary = shutil.which("podman")
    if not binary or os.geteuid() != 0:
        conftest.missing("podman, and root to run it")
    base = engine_dir / "p"
    base.mkdir()
    socket = base / "s"
    flags = [binary, "--root", base / "root", "--runroot", base / "run",
             "--tmpdir", base / "tmp", "--storage-driver", "vfs",
             "--cgroup-manager", "cgroupfs", "--events-backend", "none"]

    def run(*args):
        done = subprocess.run([str(part) for part in (*flags, *args)],
                              capture_output=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    with engines.service([*flags, "system", "service", "--time", "0",
                          f"unix://{socket}"], base / "log", socket.exists):
        yield f"unix://{socket}", run


@pytest.mark.parametrize("make", engines.SAMPLES)
def test_podman_gives_the_same_bytes(idle_daemon, plain_bytes, podman, workdir,
                                     make):
    image = make()
    host, run = podman
    file = workdir / "image.tar"
    file.write_bytes(image.archive())
    run("load", "-i", file)
    name = f"localhost/{image.name}"
    daemon = engines.start_elsewhere(idle_daemon)
    first = engines.check_same(daemon, image, {"DOCKER_HOST": host},
                               plain_bytes(image), name=name)

    # And from podman's own archive of it, without an engine.
    saved = workdir / "saved.tar"
    run("save", "-o", saved, name)
    again = daemon.json("pack", "--archive", saved)[-1]["artifact"]
    assert again["digest"] == first["digest"]


def user_namespaces_are_forbidden():
    """The kernel's words, if it gives an unprivileged user none."""
    done = subprocess.run(
        ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups",
         "unshare", "--user", "--mount", "true"], capture_output=True,
        text=True)
    return done.stderr.strip() if done.returncode else ""


@pytest.fixture(scope="module")
def rootless(engine_dir):
    """A dockerd of the user nobody, who is root in a user namespace only."""
    for name in ("rootlesskit", "newuidmap", "setpriv", "dockerd"):
        if not shutil.which(name):
            conftest.missing(name)
    if os.geteuid() != 0:
        conftest.missing("root, to become another user")
    if words := user_namespaces_are_forbidden():
        pytest.skip(f"the kernel forbids user namespaces: {words}")
    base = engine_dir / "r"
    (base / "run").mkdir(parents=True)
    (base / "subid").write_text(SUBORDINATE)
    # Its user has to reach it, and needs no more than that of what is above.
    engine_dir.chmod(0o711)
    for path in (base, base / "run"):
        shutil.chown(path, "nobody", "nogroup")
    engine = engines.Engine(DOCKER_HOST=f"unix://{base}/s")
    # A mount namespace of its own: nobody else sees that /etc/subuid.
    command = ["unshare", "--mount", "--propagation", "private", "sh", "-c",
               ROOTLESS, "sh", base, "--host", engine.env["DOCKER_HOST"],
               "--storage-driver", "vfs", *engines.dockerd_flags(base)]
    with engines.service(command, base / "log", engine.answers):
        yield engine


@pytest.mark.parametrize("make", engines.SAMPLES)
def test_rootless_dockerd_gives_the_same_bytes(idle_daemon, plain_bytes,
                                               rootless, make):
    image = make()
    rootless.load(image)
    engines.check_same(engines.start_elsewhere(idle_daemon), image,
                       rootless.env, plain_bytes(image))


def test_rootless_is_what_it_says(rootless):
    options = rootless.run("info", "-f", "{{.SecurityOptions}}").decode()
    assert "rootless" in options
    socket = pathlib.Path(rootless.env["DOCKER_HOST"].removeprefix("unix://"))
    assert socket.stat().st_uid != 0
