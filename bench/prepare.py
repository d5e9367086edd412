#!/usr/bin/env python3
"""Times plans: Resolve as a call, and `bottlectl prepare` beside the script.

Usage: bench/prepare.py [--resolves N] [--warm N]

Needs DOCKER_HOST with an engine that can be filled, and build/release/bin. The
script's warm path is what the seed's `start` does when nothing has changed:
`docker build` (all cached) and `docker image inspect`. Rounds are interleaved.
Calls are timed by rpc_bench, while the daemon's engine is one that does not
exist: Resolve for new bottles and for one that is resumed, in turn.

A machine that just removed many files makes new ones slowly for some minutes
(ext4 avoids inodes that were freed lately), so let it rest first.
"""

import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(__file__))

from run import BIN, Figures, run, timed  # noqa: E402

BOTTLE = """---
extends: base
env: {{ RUST_LOG: info }}
agent_provider: {{ template: claude, dockerfile: "{dockerfile}" }}
git-gate:
  user: {{ name: Dev, email: dev@example.com }}
  repos:
    app:
      url: ssh://git@github.com/acme/app.git
      host_key: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl
      key: {{ provider: static, path: ~/.ssh/id_acme }}
egress:
  routes:
    - host: api.anthropic.com
      auth: {{ scheme: Bearer, token_ref: CLAUDE_CODE_OAUTH_TOKEN }}
    - host: github.com
      path_allowlist: [/acme/]
supervise: true
---
"""


def make_home(work):
    context = work / "context"
    context.mkdir()
    shutil.copy("/bin/busybox", context / "busybox")
    (context / "Dockerfile").write_text(
        "FROM scratch\nCOPY busybox /bin/busybox\nCMD [\"/bin/busybox\"]\n")
    for kind in ("bottles", "agents"):
        (work / ".bot-bottle" / kind).mkdir(parents=True, mode=0o755)
    os.chmod(work / ".bot-bottle", 0o755)
    for name, text in (
            ("bottles/base.md", "---\nenv: { A: b }\n---\n"),
            ("bottles/dev.md",
             BOTTLE.format(dockerfile=context / "Dockerfile")),
            ("agents/researcher.md", "---\nbottle: dev\n---\nBe careful.\n")):
        path = work / ".bot-bottle" / name
        path.write_text(text)
        path.chmod(0o644)
    return context


def start(work, docker_host):
    env = {"PATH": os.environ["PATH"], "HOME": str(work),
           "BOTTLED_STATE_DIR": str(work / "state"),
           "BOTTLED_CACHE_DIR": str(work / "cache"),
           "BOTTLED_SOCKET": str(work / "run/v1.sock"),
           "BOTTLED_DAEMON": str(BIN / "bottled"),
           "DOCKER_HOST": docker_host, "DOCKER_CONFIG": "/nonexistent"}
    run(BIN / "bottlectl", "daemon", "start", env=env)
    return env


def time_calls(work, count):
    """What rpc_bench prints."""
    env = start(work, "unix:///nonexistent/docker.sock")
    try:
        return run(BIN / "rpc_bench", work / "run/v1.sock", work, count,
                   env=env).stdout.decode()
    finally:
        run(BIN / "bottlectl", "daemon", "stop", env=env)


def time_warm(work, context, count, figures):
    env = start(work, os.environ["DOCKER_HOST"])
    try:
        run(BIN / "bottlectl", "prepare", "researcher", env=env)
        build = ["docker", "build", "-q", "-t", "bench-prepare:1", context]
        run(*build, env=env)
        for _ in range(count):
            figures.add("script: build + inspect, ms", 1000 * (
                timed(*build, env=env) +
                timed("docker", "image", "inspect", "bench-prepare:1",
                      env=env)))
            figures.add("bottlectl prepare, ms", 1000 * timed(
                BIN / "bottlectl", "prepare", "researcher", env=env))
    finally:
        run(BIN / "bottlectl", "daemon", "stop", env=env)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--resolves", type=int, default=300)
    parser.add_argument("--warm", type=int, default=30)
    options = parser.parse_args()
    figures = Figures()
    with tempfile.TemporaryDirectory(prefix="bb-", dir="/tmp") as name:
        work = pathlib.Path(name)
        context = make_home(work)
        calls = time_calls(work, options.resolves)
        time_warm(work, context, options.warm, figures)
    print(f"{'call':18} {'min ms':>8} {'median':>8} {'95th':>8}\n{calls}")
    figures.show()
    print("prepare / script: {:.3f}".format(
        figures.median("bottlectl prepare, ms") /
        figures.median("script: build + inspect, ms")))


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError as error:
        sys.exit(f"{error}\n{(error.stderr or b'').decode()}")
