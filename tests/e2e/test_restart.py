"""What becomes of jobs when the daemon is killed and starts again."""

import json
import os

import images
import tree


def large(archive):
    """A file that takes long enough to read to be killed in it."""
    it = images.Image("e2e/restart:1", [
        images.Layer().file("a", os.urandom(96 << 20)).done()])
    return it, archive(it)


def wait_for_stage(client, stage="STAGE_READ"):
    """Reads a client's events up to the first of this stage."""
    for line in client.stdout:
        if f'"{stage}"' in line:
            return
    raise AssertionError("no " + stage + client.stderr.read())


def ended(client):
    """Code, the last object and the text on stderr of a client."""
    out, err = client.communicate(timeout=120)
    return client.returncode, json.loads(out.splitlines()[-1]), err


def job_of(daemon):
    job, = daemon.json("jobs", "--all")[-1]["jobs"]
    return job


def test_the_same_client_gets_the_artifact(idle_daemon, archive):
    it, file = large(archive)
    idle_daemon.start()
    client = idle_daemon.spawn("--json", "--no-start", "pack", "--archive",
                               file)
    wait_for_stage(client)
    before = job_of(idle_daemon)
    idle_daemon.kill()
    idle_daemon.start()
    code, last, err = ended(client)
    assert code == 0, (last, err)
    assert "connected to the daemon again; the job goes on" in err
    assert not tree.differences(it.flatten(),
                                tree.Sidecar(last["artifact"]["path"]).tree())
    after = job_of(idle_daemon)
    assert after["id"] == before["id"]
    assert after["createdAt"] == before["createdAt"]
    assert (before["attempt"], after["attempt"]) == (1, 2)
    assert "succeeded (attempt 2)" in idle_daemon.ctl("jobs", "--all").stdout
    assert idle_daemon.leftovers() == []


def test_the_client_starts_the_next_daemon(idle_daemon, archive):
    _, file = large(archive)
    idle_daemon.start()
    client = idle_daemon.spawn("pack", "--archive", file)
    for line in client.stderr:
        if "read" in line:
            break
    idle_daemon.kill()
    out, err = client.communicate(timeout=120)
    assert client.returncode == 0, err
    assert "the daemon restarted; attempt 2" in err
    assert os.path.exists(out.strip())
    idle_daemon.ctl("daemon", "stop")


def test_a_detached_job_goes_on(idle_daemon, archive):
    _, file = large(archive)
    idle_daemon.start()
    job = idle_daemon.ctl("pack", "--detach", "--archive", file).stdout.strip()
    watcher = idle_daemon.spawn("--json", "--no-start", "watch", job)
    wait_for_stage(watcher)
    idle_daemon.kill()
    watcher.kill()
    watcher.communicate()
    idle_daemon.start()
    path = idle_daemon.ctl("watch", job).stdout.strip()
    assert path == idle_daemon.pack("--archive", file)


def test_an_upload_is_interrupted(idle_daemon, archive):
    _, file = large(archive)
    idle_daemon.start()
    read, write = os.pipe()
    client = idle_daemon.spawn("--json", "--no-start", "pack", "--archive", "-",
                               stdin=read)
    os.close(read)
    with open(write, "wb") as pipe:
        pipe.write(file.read_bytes()[:1 << 20])
        pipe.flush()
        wait_for_stage(client)
        idle_daemon.kill()
        idle_daemon.start()
        code, last, _ = ended(client)
    assert code == 1
    assert last["error"]["reason"] == "INTERRUPTED"


def test_what_kills_the_daemon_twice_is_given_up(idle_daemon, archive):
    _, file = large(archive)
    idle_daemon.start()
    client = idle_daemon.spawn("--json", "--no-start", "pack", "--archive",
                               file)
    for _ in range(2):
        wait_for_stage(client)
        idle_daemon.kill()
        idle_daemon.start()
    code, last, _ = ended(client)
    assert code == 1
    assert last["error"]["reason"] == "POISON"
    assert "ended 2 times" in last["error"]["message"]
    assert job_of(idle_daemon)["state"] == "JOB_STATE_FAILED"

    # Nobody else runs it either, and no job is made for the answer.
    error = idle_daemon.fail_reason("pack", "--archive", file, code=1)
    assert error["reason"] == "POISON" and "--force" in error["remedy"]
    assert job_of(idle_daemon)["id"]
    path = idle_daemon.pack("--force", "--archive", file)
    assert path == idle_daemon.pack("--archive", file)
    idle_daemon.ctl("cache", "rm", json.loads(
        idle_daemon.ctl("--json", "cache", "ls").stdout)["artifacts"][0][
            "digest"])
    assert idle_daemon.pack("--archive", file) == path
