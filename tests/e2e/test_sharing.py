"""One job for many callers; a caller leaves alone, the last one stops it."""

import json
import os
import signal
import time

import images


class SlowFile:
    """An archive that arrives as fast as the test wants: a FIFO is not taken as
    an archive, so the bytes go through `--archive -`."""

    def __init__(self, daemon, data):
        self.read, self.write = os.pipe()
        self.data = data
        import subprocess
        import conftest
        self.client = subprocess.Popen(
            [conftest.BIN / "bottlectl", "--json", "pack", "--archive", "-"],
            env=daemon.env, stdin=self.read, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, start_new_session=True)
        os.close(self.read)

    def send(self, count):
        os.write(self.write, self.data[:count])
        self.data = self.data[count:]

    def close(self):
        os.close(self.write)


def wait_for(condition, seconds=20):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError("did not happen in time")


def big_image(name, mib=96):
    return images.Image(name, [images.Layer().file(
        "random", os.urandom(mib << 20)).done()])


def active(daemon):
    return daemon.json("jobs")[-1]["jobs"]


def test_hundred_clients_one_run(daemon, load):
    image = big_image("e2e/shared:1")
    load(image)
    clients = [daemon.spawn("pack", image.name) for _ in range(100)]
    paths = set()
    for client in clients:
        out, err = client.communicate(timeout=300)
        assert client.returncode == 0, err
        paths.add(out)
    assert len(paths) == 1
    jobs = daemon.json("jobs", "--all")[-1]["jobs"]
    assert len(jobs) == 1, jobs
    assert daemon.leftovers() == []


def test_one_leaves_the_others_stay(daemon, load):
    image = big_image("e2e/leave:1")
    load(image)
    clients = [daemon.spawn("pack", image.name) for _ in range(3)]
    job = wait_for(lambda: [j for j in active(daemon)
                            if j["interestCount"] == 3])[0]
    clients[0].send_signal(signal.SIGINT)
    clients[0].communicate(timeout=30)
    assert clients[0].returncode == 130
    # A killed one counts as gone too.
    clients[1].kill()
    clients[1].communicate()
    out, err = clients[2].communicate(timeout=120)
    assert clients[2].returncode == 0, err
    jobs = daemon.json("jobs", "--all")[-1]["jobs"]
    assert [j["id"] for j in jobs] == [job["id"]]


def test_last_one_stops_the_work(daemon):
    data = big_image("e2e/stop:1", 8).archive()
    slow = SlowFile(daemon, data)
    slow.send(1 << 16)
    wait_for(lambda: [j for j in active(daemon)
                      if j["state"] == "JOB_STATE_RUNNING"])
    begin = time.monotonic()
    slow.client.send_signal(signal.SIGINT)
    out, _ = slow.client.communicate(timeout=30)
    assert slow.client.returncode == 130
    assert json.loads(out.splitlines()[-1])["error"]["reason"] == "CANCELLED"
    wait_for(lambda: not active(daemon))
    print(f"stopped after {time.monotonic() - begin:.3f} s")
    job, = daemon.json("jobs", "--all")[-1]["jobs"]
    assert job["state"] == "JOB_STATE_CANCELLED"
    assert daemon.leftovers() == []
    slow.close()


def test_engine_stream_is_closed_on_cancel(daemon, load):
    """The engine sees the connection go while it still prepares the stream."""
    image = big_image("e2e/closed:1", 256)
    load(image)
    client = daemon.spawn("pack", image.name)
    wait_for(lambda: [j for j in active(daemon)
                      if j["state"] == "JOB_STATE_RUNNING"])
    begin = time.monotonic()
    client.send_signal(signal.SIGINT)
    client.communicate(timeout=30)
    assert client.returncode == 130
    wait_for(lambda: not active(daemon))
    print(f"stopped after {time.monotonic() - begin:.3f} s")
    assert daemon.leftovers() == []
    # Nothing stands in the way of the next caller.
    daemon.pack(image.name)


def test_cancel_command(daemon):
    data = big_image("e2e/cancel:1", 8).archive()
    slow = SlowFile(daemon, data)
    slow.send(1 << 16)
    job = wait_for(lambda: active(daemon))[0]
    daemon.ctl("cancel", job["id"])
    slow.client.communicate(timeout=30)
    assert slow.client.returncode != 0
    slow.close()


def test_watch_replays(daemon, load):
    image = images.plain()
    image.name = "e2e/watched:1"
    image.config["Env"].append("ONLY=here")
    load(image)
    events = [o["event"] for o in daemon.json("pack", image.name)
              if "event" in o]
    again = [o["event"] for o in daemon.json("watch", events[0]["jobId"])
             if "event" in o]
    assert [e for e in again if "finished" in e] == again[-1:]
    stages = [e["stageStarted"]["stage"] for e in again if "stageStarted" in e]
    assert stages == ["STAGE_READ", "STAGE_MERGE", "STAGE_ASSEMBLE",
                      "STAGE_PUBLISH"]
    seqs = [int(e["seq"]) for e in again]
    assert seqs == sorted(seqs)


def test_detached_job_goes_on(daemon, load):
    image = big_image("e2e/detached:1", 32)
    load(image)
    job = daemon.ctl("pack", "--detach", image.name).stdout.strip()
    result = daemon.json("watch", job)[-1]
    assert result["artifact"]["path"]
