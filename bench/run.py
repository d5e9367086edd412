#!/usr/bin/env python3
"""Times the script that bottled replaces beside bottled, in one run.

Usage: bench/run.py [--rounds N] [--push-rounds N] [--warm N] [--mib N]

Needs DOCKER_HOST with an engine that can be filled, root for the peak memory of
the daemon (/proc), and build/release/bin. Makes an image of about MIB megabytes
offline, out of what this machine has under /usr. Prints every figure with its
minimum, median and maximum, then the ratios of docs/performance.md. Rounds are
interleaved, so that a noisy machine disturbs all alike.

The script, as the seed's `start` does it: warm = `docker build` (all cached) and
`docker image inspect`; cold = a registry container, tag, push, and then `smolvm
pack create`, which is not timed here because it boots a VM.

"changed" is a pack after one line in what the image's last step copies has
changed, with the artifact of the cold pack in the cache.
"""

import argparse
import json
import os
import pathlib
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
BIN = ROOT / "build/release/bin"


def run(*args, **kwargs):
    return subprocess.run([str(a) for a in args], check=True,
                          capture_output=True, **kwargs)


def timed(*args, env=None):
    """Seconds of a whole process. Not with subprocess, whose own work takes
    longer than some of what is measured."""
    argv = [shutil.which(str(args[0])), *map(str, args[1:])]
    null = [(os.POSIX_SPAWN_OPEN, fd, "/dev/null", os.O_RDWR, 0)
            for fd in (1, 2)]
    begin = time.monotonic()
    pid = os.posix_spawn(argv[0], argv, env or os.environ, file_actions=null)
    _, status = os.waitpid(pid, 0)
    seconds = time.monotonic() - begin
    if status != 0:
        raise RuntimeError(f"{argv} ended with status {status}")
    return seconds


class Figures:
    def __init__(self):
        self.values = {}

    def add(self, name, value):
        self.values.setdefault(name, []).append(value)
        if len(self.values[name]) <= 5:
            print(f"{name:34} {value:10.4f}", file=sys.stderr, flush=True)

    def median(self, name):
        return statistics.median(self.values[name])

    def show(self):
        print(f"{'figure':34} {'min':>10} {'median':>10} {'max':>10}  runs")
        for name, values in self.values.items():
            print(f"{name:34} {min(values):10.4f} "
                  f"{statistics.median(values):10.4f} {max(values):10.4f}  "
                  f"{len(values)}")


def make_image(work, mib):
    """A base of one large layer of real files, and a small image FROM it.

    The returned context is the small one's, as a developer's usually is: the
    cached build is not charged with sending the large tree.
    """
    base = work / "base"
    (base / "root/bin").mkdir(parents=True)
    shutil.copy("/bin/busybox", base / "root/bin/busybox")
    (base / "root/bin/sh").symlink_to("busybox")
    tree = base / "tree"
    tree.mkdir()
    left = mib << 20
    for top in ("/usr/lib", "/usr/share", "/opt", "/usr/local"):
        for directory, _, files in os.walk(top):
            for name in files:
                path = os.path.join(directory, name)
                if os.path.islink(path) or not os.path.isfile(path):
                    continue
                size = os.path.getsize(path)
                if size > left:
                    continue
                target = tree / directory.lstrip("/")
                target.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, target / name)
                left -= size
            if left < 1 << 20:
                break
    (base / "Dockerfile").write_text(
        "FROM scratch\nCOPY root /\nCOPY tree /srv/tree\n")
    run("docker", "build", "--network", "none", "-t", "bench-base:1", base)
    shutil.rmtree(base)
    context = work / "context"
    context.mkdir()
    (context / "Dockerfile").write_text(
        "FROM bench-base:1\nENV A=b\nCMD [\"/bin/sh\"]\n"
        "COPY Dockerfile /srv/small\n")
    run("docker", "build", "--network", "none", "-t", "bench:1", context)
    return context


def push_image(work):
    """Debian's docker-registry as an image, since no hub is asked."""
    context = work / "registry"
    (context / "etc").mkdir(parents=True)
    binary = shutil.which("docker-registry")
    shutil.copy(binary, context / "registry")
    libraries = [word for line in run("ldd", binary).stdout.decode().split("\n")
                 for word in line.split() if word.startswith("/")]
    for library in libraries:
        target = context / "libs" / library.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(library, target)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (context / "config.yml").write_text(
        "version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: /data\n"
        f"http:\n  addr: 127.0.0.1:{port}\n")
    (context / "Dockerfile").write_text(
        "FROM scratch\nCOPY libs /\nCOPY registry /registry\n"
        "COPY config.yml /config.yml\n"
        'ENTRYPOINT ["/registry", "serve", "/config.yml"]\n')
    run("docker", "build", "--network", "none", "-t", "bench-registry:1",
        context)
    return port


def push_once(port):
    """Registry container, tag, push, removal: the script's way to smolvm."""
    begin = time.monotonic()
    container = run("docker", "run", "-d", "--network", "host", "--tmpfs",
                    "/data", "bench-registry:1").stdout.decode().strip()
    try:
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                time.sleep(0.02)
        name = f"127.0.0.1:{port}/bench:1"
        run("docker", "tag", "bench:1", name)
        run("docker", "push", name)
        run("docker", "rmi", name)
    finally:
        run("docker", "rm", "-f", container)
    return time.monotonic() - begin


def peak_rss_mib(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def rss_mib(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def remove_artifacts(ctl, env):
    """So that the next pack has nothing to build on."""
    listed = run(ctl, "--json", "cache", "ls", env=env).stdout.decode()
    for artifact in json.loads(listed)["artifacts"]:
        run(ctl, "cache", "rm", artifact["digest"], env=env)


def change_last_step(context, number):
    """One line of what the last step copies, and the image anew."""
    dockerfile = context / "Dockerfile"
    lines = [line for line in dockerfile.read_text().splitlines()
             if not line.startswith("#")]
    dockerfile.write_text("\n".join(lines) + f"\n# {number} {time.time()}\n")
    run("docker", "build", "--network", "none", "-t", "bench:1", context)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--warm", type=int, default=40)
    parser.add_argument("--mib", type=int, default=2400)
    parser.add_argument("--push-rounds", type=int, default=1)
    options = parser.parse_args()
    work = pathlib.Path(tempfile.mkdtemp(prefix="bottled-bench.", dir="/tmp"))
    figures = Figures()
    env = {**os.environ, "BOTTLED_STATE_DIR": str(work / "state"),
           "BOTTLED_CACHE_DIR": str(work / "cache"),
           "BOTTLED_SOCKET": str(work / "run/v1.sock")}
    ctl = BIN / "bottlectl"
    daemon = None
    try:
        context = make_image(work, options.mib)
        port = push_image(work) if options.push_rounds else None
        daemon = subprocess.Popen([BIN / "bottled"], env=env,
                                  stderr=subprocess.DEVNULL)
        while subprocess.run([ctl, "info", "--no-start"], env=env,
                             capture_output=True).returncode != 0:
            time.sleep(0.05)
        figures.add("idle RSS, MiB", rss_mib(daemon.pid))
        for i in range(options.rounds):
            figures.add("docker save >/dev/null, s",
                        timed("docker", "save", "bench:1"))
            remove_artifacts(ctl, env)
            figures.add("bottlectl pack, cold, s",
                        timed(ctl, "pack", "bench:1", env=env))
            # The cold pack's artifact is there, as it is after any work day.
            change_last_step(context, i)
            figures.add("docker save >/dev/null, s",
                        timed("docker", "save", "bench:1"))
            figures.add("bottlectl pack, changed, s",
                        timed(ctl, "pack", "bench:1", env=env))
            figures.add("docker save -o, s",
                        timed("docker", "save", "-o", work / "s.tar",
                              "bench:1"))
            os.unlink(work / "s.tar")
            if i < options.push_rounds:
                figures.add("registry, tag, push, s", push_once(port))
        figures.add("peak RSS, MiB", peak_rss_mib(daemon.pid))
        for _ in range(options.warm):
            figures.add("bottlectl pack, cached, s",
                        timed(ctl, "pack", "bench:1", env=env))
            # The floor of this measurement.
            figures.add("true, s", timed("true"))
        for _ in range(5):
            begin = time.monotonic()
            run("docker", "build", "--network", "none", "-t", "bench:1",
                context)
            run("docker", "image", "inspect", "-f", "{{.Id}}", "bench:1")
            figures.add("script, cached, s", time.monotonic() - begin)
        artifact = next((work / "cache/obj").rglob("*.smolmachine"))
        figures.add("kept layers, MiB", sum(
            path.stat().st_size for path in (work / "cache/layers").iterdir())
            / (1 << 20))
        figures.add("artifact, MiB", artifact.stat().st_size / (1 << 20))
        figures.show()
        cold = figures.median("bottlectl pack, cold, s")
        print("\nratios of medians")
        for name in ("docker save >/dev/null, s", "docker save -o, s",
                     "registry, tag, push, s"):
            if name in figures.values:
                print(f"  cold pack / {name:28} "
                      f"{cold / figures.median(name):.3f}")
        save = figures.median("docker save >/dev/null, s")
        changed = figures.median("bottlectl pack, changed, s")
        print(f"  beyond docker save, s: cold {cold - save:.2f}, "
              f"last step changed {changed - save:.2f}, "
              f"ratio {(changed - save) / (cold - save):.3f}")
        warm = figures.median("bottlectl pack, cached, s")
        print(f"  cached pack / script, cached         "
              f"{warm / figures.median('script, cached, s'):.4f}")
    finally:
        if daemon:
            daemon.terminate()
            daemon.wait(60)
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
