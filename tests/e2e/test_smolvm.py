"""smolvm's own packer behind the daemon: `--packer smolvm`, and a zoo of programs
that misbehave in its place. The real one is in test_boot_pack.py."""

import os
import pathlib

import pytest

import engines
import images
import smolvms
import tree

# What each does, and what is said of it. Where the program is killed it need
# not be waited for.
ZOO = {
    "exit": "SMOLVM_PACK_FAILED",
    "segv": "SMOLVM_PACK_FAILED",
    "partial": "SMOLVM_PACK_FAILED",
    "no_vm": "VM_UNAVAILABLE",
    "nothing": "SMOLVM_OUTPUT_INVALID",
    "symlink": "SMOLVM_OUTPUT_INVALID",
    "fifo": "SMOLVM_OUTPUT_INVALID",
    "directory": "SMOLVM_OUTPUT_INVALID",
    "no_footer": "SIDECAR_INVALID",
    "wrong_crc": "CHECKSUM_MISMATCH",
}
# They end well, but leave processes behind, or print too much.
SUCCEEDING = ("setsid", "daemonise", "late_write", "flood")
HANGING = ("hang", "ignore_term", "own_group")


@pytest.fixture
def fake(workdir):
    it = smolvms.Fake(workdir, mode="ok")
    yield it
    it.kill_left()


@pytest.fixture
def served(idle_daemon, docker_host, fake):
    idle_daemon.env["DOCKER_HOST"] = docker_host
    return idle_daemon.start("--smolvm", fake.path)


def nothing_left(daemon, fake):
    engines.wait_for(lambda: not fake.left(), "the end of smolvm's processes")
    assert daemon.leftovers() == []
    assert not engines.descendants(daemon.process.pid)
    assert daemon.alive()


def become(fake, **settings):
    """Another release: its file is another one."""
    fake.set(mode="ok", **settings)
    os.utime(fake.path)


@pytest.mark.parametrize("make", engines.SAMPLES)
def test_its_tree_is_the_native_one(served, load, fake, make):
    it = make()
    load(it)
    events = served.json("pack", "--packer", "smolvm", it.name)
    artifact = events[-1]["artifact"]
    assert artifact["packer"].startswith("smolvm/")
    native = served.json("pack", "--packer", "native", it.name)[-1]["artifact"]
    assert native["digest"] != artifact["digest"]
    assert native["contentKey"] != artifact["contentKey"]
    assert not tree.differences(
        tree.Sidecar(native["path"]).tree(),
        tree.Sidecar(artifact["path"]).tree())
    stages = [e["event"]["stageStarted"]["stage"] for e in events
              if "stageStarted" in e.get("event", {})]
    assert stages == ["STAGE_READ", "STAGE_MERGE", "STAGE_ASSEMBLE",
                      "STAGE_PACK", "STAGE_VERIFY", "STAGE_PUBLISH"]
    # Each is its own hit.
    for packer, made in (("smolvm", artifact), ("native", native)):
        again, = served.json("pack", "--packer", packer, it.name)
        assert again["artifact"]["digest"] == made["digest"]
    assert len(fake.calls()) == 1
    nothing_left(served, fake)


def test_it_sees_nothing_of_the_users(served, load, fake, workdir):
    load(images.plain())
    served.pack("--packer", "smolvm", "--cpus", "3", "--memory", "777",
                images.plain().name)
    call, = fake.calls()
    stage = served.cache / "stage"
    argv = call["argv"]
    assert argv[2:4] == ["--image", argv[3]]
    assert pathlib.Path(argv[3]).is_relative_to(stage)
    assert argv[argv.index("--cpus") + 1] == "3"
    assert argv[argv.index("--mem") + 1] == "777"
    env = call["env"]
    for name in ("SMOLVM_DATA_DIR", "TMPDIR", "SMOLVM_PACK_STAGING",
                 "SMOLVM_CONFIG", "XDG_CACHE_HOME"):
        assert pathlib.Path(env[name]).is_relative_to(stage), name
    assert env["SMOLVM_ALLOW_HOST_LOOPBACK"] == "1"
    assert pathlib.Path(call["cwd"]).is_relative_to(stage)
    assert "BOTTLED_STATE_DIR" not in env and "DOCKER_HOST" not in env


@pytest.mark.parametrize("mode", ZOO)
def test_zoo(served, load, fake, mode):
    load(images.plain())
    fake.set(mode=mode)
    error = served.fail_reason("pack", "--packer", "smolvm",
                               images.plain().name)
    assert error["reason"] == ZOO[mode] and error["remedy"], error
    nothing_left(served, fake)
    assert served.json("cache", "ls")[-1]["artifacts"] == []
    # And it is nobody's fault for long.
    fake.set(mode="ok")
    served.pack("--packer", "smolvm", images.plain().name)


@pytest.mark.parametrize("mode", SUCCEEDING)
def test_what_it_leaves_running_ends_with_it(served, load, fake, mode):
    load(images.plain())
    fake.set(mode=mode, mib=1024)
    path = served.pack("--packer", "smolvm", images.plain().name)
    nothing_left(served, fake)
    served.ctl("cache", "verify", "--deep")
    assert os.path.exists(path)


@pytest.mark.parametrize("mode", HANGING)
def test_a_cancel_ends_all_of_it(served, load, fake, mode):
    load(images.plain())
    fake.set(mode=mode)
    client = served.spawn("--json", "pack", "--packer", "smolvm",
                          images.plain().name)
    engines.wait_for(fake.left, "its start")
    job, = served.json("jobs")[-1]["jobs"]
    served.ctl("cancel", "--force", job["id"])
    out, _ = client.communicate(timeout=60)
    assert "CANCELLED" in out
    nothing_left(served, fake)


@pytest.mark.parametrize("mode", ("hang", "ignore_term", "own_group"))
def test_a_killed_daemon_takes_it_along(served, load, fake, mode):
    load(images.plain())
    fake.set(mode=mode)
    client = served.spawn("--json", "--no-start", "pack", "--packer", "smolvm",
                          images.plain().name)
    engines.wait_for(fake.left, "its start")
    served.kill()
    client.kill()
    client.communicate()
    engines.wait_for(lambda: not fake.left(), "the end of smolvm's processes",
                     seconds=20)
    fake.set(mode="ok")
    served.start("--smolvm", fake.path)
    served.wait_idle()
    assert served.leftovers() == []
    served.pack("--packer", "smolvm", images.plain().name)


def test_archives_and_builds(served, fake, workdir):
    it = images.plain()
    file = workdir / "it.tar"
    file.write_bytes(it.archive())
    first = served.json("pack", "--packer", "smolvm", "--archive", file)
    assert not tree.differences(it.flatten(), tree.Sidecar(
        first[-1]["artifact"]["path"]).tree())
    again, = served.json("pack", "--packer", "smolvm", "--archive", file)
    assert again["artifact"]["digest"] == first[-1]["artifact"]["digest"]
    error = served.fail_reason("pack", "--packer", "push", "--archive", file,
                               code=4)
    assert error["reason"] == "PACKER_NEEDS_ENGINE"


def test_the_choice_is_told(served, fake):
    info, = served.json("info")
    assert info["info"]["packer"] == "native/2"
    assert "1.32.2" in info["info"]["packerReason"]
    become(fake, version="2.0.0")
    info, = served.json("info")
    assert info["info"]["packer"].startswith("smolvm/")


def test_an_old_one_takes_no_archives(served, load, fake):
    load(images.plain())
    become(fake, version="1.9.3", archives=False)
    error = served.fail_reason("pack", "--packer", "smolvm",
                               images.plain().name)
    assert error["reason"] == "SMOLVM_TAKES_NO_ARCHIVES"


def test_the_configured_packer(idle_daemon, docker_host, load, fake):
    load(images.plain())
    idle_daemon.env["DOCKER_HOST"] = docker_host
    daemon = idle_daemon.start("--smolvm", fake.path, "--packer", "smolvm")
    artifact = daemon.json("pack", images.plain().name)[-1]["artifact"]
    assert artifact["packer"].startswith("smolvm/")
