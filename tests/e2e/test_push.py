"""`--packer push`: a real registry, a real dockerd, a real registry client; only
smolvm itself is a fake here (the real one is in test_boot_pack.py)."""

import os
import signal
import threading

import pytest

import engines
import images
import registry
import smolvms
import tree
from registry import (bridged, desktop, registry_archive,  # noqa: F401
                      unforwarded, unreachable)

PROBED = ("127.0.0.1", "localhost", "host.docker.internal")


@pytest.fixture
def fake(workdir):
    it = smolvms.Fake(workdir, mode="ok")
    yield it
    it.kill_left()


def start(daemon, engine, fake, *flags, image=registry.REGISTRY_IMAGE, grace=0):
    daemon.env |= engine.env
    return daemon.start("--smolvm", fake.path, "--registry-image", image,
                        "--registry-grace-seconds", str(grace), *flags)


def containers(engine):
    return engine.run("ps", "-a", "--format",
                      "{{.Names}}").decode().split()


def tags(engine):
    out = engine.run("image", "ls", "--format",
                     "{{.Repository}}:{{.Tag}}").decode().split()
    return [tag for tag in out if "bottled/" in tag]


def nothing_left(daemon, engine, fake):
    engines.wait_for(lambda: not containers(engine), "the registry's end")
    engines.wait_for(lambda: not tags(engine), "the tag's end")
    engines.wait_for(lambda: not fake.left(), "the end of smolvm's processes")
    assert daemon.leftovers() == []
    assert daemon.alive()


def lines(events):
    return [e["event"]["log"]["text"] for e in events
            if "log" in e.get("event", {})]


@pytest.mark.parametrize("make", engines.SAMPLES)
def test_the_whole_route(idle_daemon, bridged, fake, make):  # noqa: F811
    daemon = start(idle_daemon, bridged, fake)
    it = make()
    bridged.load(it)
    events = daemon.json("pack", "--packer", "push", it.name)
    artifact = events[-1]["artifact"]
    assert artifact["packer"].startswith("push/")
    assert not tree.differences(it.flatten(), tree.Sidecar(
        artifact["path"]).tree())
    stages = [e["event"]["stageStarted"]["stage"] for e in events
              if "stageStarted" in e.get("event", {})]
    assert stages == ["STAGE_PUSH", "STAGE_PACK", "STAGE_VERIFY",
                      "STAGE_PUBLISH"]
    told = "\n".join(lines(events))
    assert "packer push: it was asked for" in told
    assert "127.0.0.1" in told and "manifest unknown" in told
    kinds = [note["kind"] for note in artifact.get("notes", [])]
    assert ("MERGED_BY_SMOLVM" in kinds) == (len(it.layers) > 1)
    call, = fake.calls()
    image = call["argv"][3]
    assert image.startswith("127.0.0.1:") and "@sha256:" in image
    nothing_left(daemon, bridged, fake)
    hit, = daemon.json("pack", "--packer", "push", it.name)
    assert hit["artifact"]["digest"] == artifact["digest"]
    assert len(fake.calls()) == 1


def test_builds_are_pushed_too(idle_daemon, bridged, fake,  # noqa: F811
                               workdir):
    daemon = start(idle_daemon, bridged, fake)
    context = workdir / "context"
    context.mkdir()
    (context / "Dockerfile").write_text("FROM scratch\nCOPY Dockerfile /made\n")
    path = daemon.pack("--packer", "push", "--build", context, "e2e/pushed:1",
                       env={"DOCKER_CONFIG": "/nonexistent"})
    assert b"made" in tree.Sidecar(path).tree()
    nothing_left(daemon, bridged, fake)


def test_jobs_that_overlap_share_a_registry(idle_daemon, bridged,  # noqa: F811
                                            fake):
    daemon = start(idle_daemon, bridged, fake, "--max-running-jobs", "4",
                   grace=3600)
    samples = [make() for make in engines.SAMPLES]
    for it in samples:
        bridged.load(it)
    clients = [daemon.spawn("--json", "pack", "--packer", "push", it.name)
               for it in samples]
    for client in clients:
        client.communicate(timeout=120)
        assert client.returncode == 0
    assert len(containers(bridged)) == 1
    daemon.stop()
    assert containers(bridged) == []


def test_a_missing_registry_image(idle_daemon, bridged, fake):  # noqa: F811
    bridged.load(images.plain())
    daemon = start(idle_daemon, bridged, fake, image="127.0.0.1:1/no/such:2")
    error = daemon.fail_reason("pack", "--packer", "push", images.plain().name,
                               code=5)
    assert error["reason"] == "REGISTRY_IMAGE_MISSING", error
    assert "127.0.0.1:1" in error["message"] and error["remedy"]
    nothing_left(daemon, bridged, fake)


def test_docker_desktop(idle_daemon, desktop, fake):  # noqa: F811
    daemon = start(idle_daemon, desktop, fake)
    desktop.load(images.whiteouts())
    path = daemon.pack("--packer", "push", images.whiteouts().name)
    assert not tree.differences(images.whiteouts().flatten(),
                                tree.Sidecar(path).tree())
    finding, = [f for f in daemon.json("doctor", check=False)[-1]["findings"]
                if f["check"] == "push"]
    route, _, measured = finding["message"].partition("measured: ")
    assert "the engine pushes to 127.0.0.1:" in route, finding
    assert "manifest unknown" in measured, finding
    assert measured.index("host.docker.internal") < measured.index(
        "server gave HTTP response to HTTPS client"), finding
    nothing_left(daemon, desktop, fake)


def test_an_engine_that_this_host_does_not_reach(idle_daemon,
                                                 unforwarded,  # noqa: F811
                                                 fake):
    daemon = start(idle_daemon, unforwarded, fake)
    unforwarded.load(images.plain())
    error = daemon.fail_reason("pack", "--packer", "push", images.plain().name,
                               code=5)
    assert error["reason"] == "REGISTRY_UNREACHABLE", error
    assert "manifest unknown" in error["message"], error
    nothing_left(daemon, unforwarded, fake)


def test_no_address_works(idle_daemon, unreachable, fake):  # noqa: F811
    daemon = start(idle_daemon, unreachable, fake)
    unreachable.load(images.plain())
    error = daemon.fail_reason("pack", "--packer", "push", images.plain().name,
                               code=5)
    assert error["reason"] == "NO_PUSH_ADDRESS", error
    for host in PROBED:
        assert f"{host}:" in error["message"], error
    nothing_left(daemon, unreachable, fake)


# Where the daemon is killed: a word of its events, or of what smolvm does.
STEPS = {
    "registry": '"STAGE_PUSH"',
    "push": "a registry runs",
    "pack": '"STAGE_PACK"',
}


@pytest.mark.parametrize("step", STEPS)
def test_killed_at_each_step(idle_daemon, bridged, fake, step):  # noqa: F811
    fake.set(mode="slow", seconds=30)
    daemon = start(idle_daemon, bridged, fake)
    bridged.load(images.whiteouts())
    client = daemon.spawn("--json", "--no-start", "pack", "--packer", "push",
                          images.whiteouts().name)
    for line in client.stdout:
        if STEPS[step] in line:
            break
    if step == "pack":
        engines.wait_for(fake.calls, "smolvm's start")
    daemon.kill()
    client.kill()
    client.communicate()
    engines.wait_for(lambda: not fake.left(), "the end of smolvm's processes",
                     seconds=20)
    somebodys = registry.serve(bridged, registry.free_port())
    fake.set(mode="ok")
    start(daemon, bridged, fake)
    # The job goes on, which is not what is looked at here.
    for job in daemon.json("jobs")[-1]["jobs"]:
        daemon.ctl("cancel", "--force", job["id"])
    engines.wait_for(lambda: len(containers(bridged)) == 1, "the reaping")
    bridged.run("kill", somebodys)
    nothing_left(daemon, bridged, fake)
    daemon.pack("--packer", "push", images.whiteouts().name)
    nothing_left(daemon, bridged, fake)


def test_a_registry_that_is_taken_away(idle_daemon, bridged,  # noqa: F811
                                       fake):
    """In the middle of it: tried again with a new one."""
    daemon = start(idle_daemon, bridged, fake, grace=3600)
    bridged.load(images.plain())
    bridged.load(images.hardlinks())
    daemon.pack("--packer", "push", images.plain().name)
    name, = containers(bridged)
    bridged.run("kill", name)
    daemon.pack("--packer", "push", images.hardlinks().name)
    assert containers(bridged) != [name]
    daemon.stop()


def test_a_cancel_while_it_is_pushed(idle_daemon, bridged, fake):  # noqa: F811
    daemon = start(idle_daemon, bridged, fake)
    it = images.plain()
    it.layers.append(images.Layer().file("large", os.urandom(48 << 20)).done())
    it.name = "e2e/large-push:1"
    bridged.load(it)
    client = daemon.spawn("--json", "pack", "--packer", "push", it.name)
    for line in client.stdout:
        if "a registry runs" in line:
            break
    client.send_signal(signal.SIGINT)
    client.communicate(timeout=60)
    nothing_left(daemon, bridged, fake)


def test_sixteen_callers_of_four_contents(idle_daemon, bridged,  # noqa: F811
                                          fake, workdir):
    """As many runs as distinct keys, whatever the way they are asked for."""
    daemon = start(idle_daemon, bridged, fake, "--max-running-jobs", "4")
    samples = [make() for make in engines.SAMPLES]
    requests = []
    for index, it in enumerate(samples):
        bridged.load(it)
        archive = workdir / f"{index}.tar"
        archive.write_bytes(it.archive())
        context = workdir / f"context{index}"
        context.mkdir()
        (context / "Dockerfile").write_text(f"FROM {it.name}\n")
        requests += [(it.name,), ("--archive", archive),
                     ("--build", context, f"e2e/mixed:{index}"),
                     ("--packer", "push", it.name)]
    results = [None] * len(requests)

    def ask(at):
        out = daemon.json("pack", *requests[at],
                          env={"DOCKER_CONFIG": "/nonexistent"})
        results[at] = out[-1]["artifact"]

    threads = [threading.Thread(target=ask, args=(at,))
               for at in range(len(requests))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    keys = {artifact["contentKey"] for artifact in results}
    # Each content natively, and once more through the registry.
    assert len(keys) == 2 * len(samples)
    listed = daemon.json("cache", "ls")[-1]["artifacts"]
    assert len(listed) == len(keys)
    for at in range(0, len(results), 4):
        native = {artifact["digest"] for artifact in results[at:at + 3]}
        assert len(native) == 1
    published = [job for job in daemon.json("jobs", "--all")[-1]["jobs"]
                 if job["stage"] == "STAGE_PUBLISH"]
    assert len(published) == len(keys), published
    nothing_left(daemon, bridged, fake)
