"""A modern dockerd, with both of its image stores, for real.

BOTTLED_DOCKERD29 names it; `scripts/test engine29` makes it, which takes some
minutes, so CI does not: CI has recorded answers of both stores (tests/data).
"""

import json
import os
import pathlib

import pytest

import engines
import images
import tree

STORES = {"overlay2": ["--feature", "containerd-snapshotter=false"],
          "containerd": ["--feature", "containerd-snapshotter=true"]}


@pytest.fixture(scope="module", params=STORES)
def engine(request, engine_dir):
    program = os.environ.get("BOTTLED_DOCKERD29")
    if not program:
        pytest.skip("no modern dockerd: scripts/test engine29 makes one")
    base = engine_dir / request.param
    base.mkdir()
    it = engines.Engine(DOCKER_HOST=f"unix://{base}/s")
    it.base, it.store = base, request.param
    with engines.service(
            ["unshare", "-n", program, "--host", it.env["DOCKER_HOST"],
             "--ip6tables=false", *engines.dockerd_flags(base),
             *STORES[request.param]], base / "log", it.answers):
        yield it


@pytest.mark.parametrize("make", engines.SAMPLES)
def test_it_gives_the_same_bytes(idle_daemon, plain_bytes, engine, make):
    image = make()
    engine.load(image)
    engines.check_same(engines.start_elsewhere(idle_daemon), image, engine.env,
                       plain_bytes(image))


def test_what_it_says_of_itself(idle_daemon, engine):
    daemon = engines.start_elsewhere(idle_daemon)
    doctor = daemon.json("doctor", check=False, env=engine.env)[-1]
    finding, = [f for f in doctor["findings"] if f["check"] == "engine"]
    assert finding["level"] == "LEVEL_OK", finding
    # The newest that this release speaks.
    assert "API 1.49" in finding["message"], finding


def test_a_build_by_its_own_buildkit(idle_daemon, engine, workdir):
    plugin = os.environ.get("BOTTLED_BUILDX")
    if not plugin:
        pytest.skip("buildx is missing: scripts/test engine29 installs it")
    plugins = workdir / "docker/cli-plugins"
    plugins.mkdir(parents=True)
    (plugins / "docker-buildx").symlink_to(plugin)
    context = workdir / "context"
    context.mkdir()
    (context / "Dockerfile").write_text(
        "FROM scratch\nCOPY Dockerfile /made\nENV A=b\n")
    daemon = engines.start_elsewhere(idle_daemon)
    env = {**engine.env, "DOCKER_CONFIG": str(workdir / "docker")}
    first = daemon.pack("--build", context, "e2e/built:1", env=env)
    assert b"made" in tree.Sidecar(first).tree()
    assert daemon.pack("--build", context, "e2e/built:1", env=env) == first


def test_an_image_that_lost_a_layer(idle_daemon, engine):
    """The store has lost a blob: the image cannot be saved, its file system is
    still there."""
    if engine.store != "containerd":
        pytest.skip("graph drivers keep no blobs")
    it = images.whiteouts()
    it.name = "e2e/lost:1"
    engine.load(it)
    # Unpacked, as it is when somebody has run it.
    engine.run("create", "--name", "unpacks-it", it.name, "none")
    blobs = list(pathlib.Path(engine.base).rglob("blobs/sha256/*"))
    assert blobs, "where are they?"
    layers = [b for b in blobs if b.stat().st_size >= 1024
              and b.read_bytes()[257:262] == b"ustar"]
    assert layers
    for blob in layers:
        blob.unlink()
    daemon = engines.start_elsewhere(idle_daemon)
    events = daemon.json("pack", it.name, env=engine.env)
    artifact = events[-1]["artifact"]
    assert artifact["packer"] == "native/2 export"
    assert "UNVERIFIED" in [note["kind"] for note in artifact["notes"]]
    want = {path: node for path, node in it.flatten().items()
            if not path.startswith((b"etc", b"dev", b"proc", b"sys"))}
    have = {path: node for path, node in
            tree.Sidecar(artifact["path"]).tree().items()
            if not path.startswith((b"etc", b"dev", b"proc", b"sys",
                                    b".dockerenv"))}
    assert not tree.differences(want, have)
    names = engine.run("ps", "-a", "--format", "{{.Names}}").decode().split()
    assert names == ["unpacks-it"]
    engine.run("rm", "unpacks-it")
    assert json.dumps(events).count("cannot be verified") == 1
