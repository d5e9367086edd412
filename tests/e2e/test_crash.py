"""kill -9 of the daemon at every stage, then a restart."""

import os
import random
import time

import images
import tree

STAGES = ("STAGE_READ", "STAGE_MERGE", "STAGE_ASSEMBLE", "STAGE_PUBLISH")


def image():
    return images.Image("e2e/crash:1", [
        images.Layer().file("a", os.urandom(24 << 20)).file("b", b"b").done(),
        images.Layer().whiteout("b").file("c", os.urandom(8 << 20)).done()])


def check_after_restart(daemon, file, want):
    """Nothing false is left, and the next pack succeeds."""
    daemon.start()
    daemon.wait_idle()
    assert daemon.leftovers() == []
    listed = daemon.json("cache", "ls")[-1]["artifacts"]
    objects = [p for p in (daemon.cache / "obj").rglob("*.smolmachine")]
    assert {a["path"] for a in listed} == {str(p) for p in objects}
    for verification in daemon.json("cache", "verify", "--deep")[-1][
            "verifications"]:
        assert verification["ok"], verification
    # The daemon may have died of it too often.
    path = daemon.pack("--force", "--archive", file)
    assert not tree.differences(want, tree.Sidecar(path).tree())


def test_kill_at_every_stage(idle_daemon, archive):
    it = image()
    file = archive(it)
    want = it.flatten()
    for stage in STAGES:
        idle_daemon.start()
        # It must not start a daemon of its own when this one is gone.
        client = idle_daemon.spawn("--json", "--no-start", "pack", "--force",
                                   "--archive", file)
        # Killed as soon as the client hears of the stage.
        for line in client.stdout:
            if f'"{stage}"' in line:
                break
        idle_daemon.kill()
        client.kill()
        client.communicate()
        check_after_restart(idle_daemon, file, want)
        idle_daemon.stop()


def test_kill_at_random_times(idle_daemon, archive):
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")
    rng = random.Random(seed)
    it = image()
    file = archive(it)
    want = it.flatten()
    for _ in range(12):
        idle_daemon.start()
        client = idle_daemon.spawn("--no-start", "pack", "--force", "--archive",
                                   file)
        time.sleep(rng.uniform(0, 0.6))
        idle_daemon.kill()
        client.kill()
        client.communicate()
    check_after_restart(idle_daemon, file, want)


def test_acknowledged_artifact_survives_kill(idle_daemon, archive):
    file = archive(images.plain())
    for _ in range(10):
        idle_daemon.start()
        path = idle_daemon.pack("--force", "--archive", file)
        idle_daemon.kill()
        idle_daemon.start()
        artifact, = idle_daemon.json("cache", "ls")[-1]["artifacts"]
        assert artifact["path"] == path
        assert idle_daemon.json("cache", "verify")[-1]["verifications"][0]["ok"]
        idle_daemon.stop()


def test_client_restarts_what_the_crash_took(idle_daemon, archive):
    """Without a daemon, bottlectl starts one."""
    file = archive(images.plain())
    path = idle_daemon.pack("--archive", file)
    assert os.path.exists(path)
    assert idle_daemon.ctl("daemon", "stop").returncode == 0
    assert not idle_daemon.socket.exists()
