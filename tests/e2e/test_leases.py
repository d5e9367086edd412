"""Leases of streams and of programs, and `cache hold`."""

import json
import os
import signal
import subprocess
import time

import grpc
import pytest

import images
import test_foreign

# Everything that nobody holds is collected.
NARROW = ("--cache-max-bytes", "1", "--cache-min-free-bytes", "1",
          "--cache-min-age-minutes", "0")


def start(daemon):
    return daemon.start(*NARROW)


def make(daemon, archive):
    return daemon.json("pack", "--archive", archive(images.plain()))[-1][
        "artifact"]


def leases(daemon):
    answer, = daemon.json("cache", "leases")
    return answer["leases"]


def removed(daemon):
    answer, = daemon.json("cache", "gc")
    return answer["collection"].get("removedCount", 0)


def wait_until(condition):
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def held(daemon, artifact):
    """A client that holds it by a stream, and the lease."""
    client = daemon.spawn("--json", "cache", "hold", artifact["digest"],
                          "--holder", "the test")
    line = json.loads(client.stdout.readline())["held"]
    assert line["artifact"]["path"] == artifact["path"]
    return client, line["lease"]


def finish(client):
    """Its exit code, and the last object of its output."""
    out, _ = client.communicate(timeout=60)
    return client.returncode, json.loads(out.splitlines()[-1]) if out else None


def test_a_program_holds_while_it_runs(idle_daemon, archive):
    daemon = start(idle_daemon)
    artifact = make(daemon, archive)
    out = daemon.ctl("cache", "hold", artifact["digest"], "--", "ls", "-d",
                     "{}").stdout
    assert out == artifact["path"] + "\n"
    failed = daemon.ctl("cache", "hold", artifact["digest"], "--", "sh", "-c",
                        "exit 23", check=False)
    assert failed.returncode == 23
    client = daemon.spawn("cache", "hold", artifact["digest"], "--", "sleep",
                          "600")
    wait_until(lambda: leases(daemon))
    lease, = leases(daemon)
    # It has become the program.
    assert int(lease["pid"]) == client.pid and lease["holder"] == "sleep"
    assert removed(daemon) == 0
    daemon.kill()
    start(daemon)
    assert removed(daemon) == 0
    client.kill()
    client.communicate()
    assert leases(daemon) == []
    assert removed(daemon) == 1


def test_a_program_that_is_not_there(idle_daemon, archive):
    daemon = start(idle_daemon)
    artifact = make(daemon, archive)
    error = daemon.fail_reason("cache", "hold", artifact["digest"], "--",
                               "no-such-program", code=1)
    assert error["reason"] == "PROGRAM_NOT_FOUND"
    # It is found, and cannot run.
    script = daemon.base / "script"
    script.write_bytes(b"\x7fELF nonsense")
    script.chmod(0o755)
    daemon.fail_reason("cache", "hold", artifact["digest"], "--", str(script))
    assert leases(daemon) == []


def test_a_stream_holds_until_it_is_interrupted(idle_daemon, archive):
    daemon = start(idle_daemon)
    artifact = make(daemon, archive)
    client, lease = held(daemon, artifact)
    assert lease["stream"] and lease["holder"] == "the test"
    assert [one["id"] for one in leases(daemon)] == [lease["id"]]
    assert "the test" in daemon.ctl("cache", "leases").stdout
    error = daemon.fail_reason("cache", "rm", artifact["digest"])
    assert error["reason"] == "ARTIFACT_HELD"
    assert "leased by the test while connected" in error["message"]
    assert removed(daemon) == 0
    client.send_signal(signal.SIGINT)
    assert finish(client)[0] == 0
    # It said so, so there is no grace.
    assert leases(daemon) == []
    assert removed(daemon) == 1


def test_the_holder_hears_of_a_removal(idle_daemon, archive):
    daemon = start(idle_daemon)
    artifact = make(daemon, archive)
    client, _ = held(daemon, artifact)
    with open(artifact["path"], "rb") as open_file:
        result = daemon.ctl("cache", "rm", "--force", artifact["digest"])
        assert "leased by the test" in result.stderr
        assert len(open_file.read()) == int(artifact["sizeBytes"])
    code, last = finish(client)
    assert code == 1 and last["error"]["reason"] == "LEASE_LOST"
    assert "REMOVED" in last["error"]["message"]


def test_the_holder_hears_of_damage(idle_daemon, archive):
    daemon = start(idle_daemon)
    artifact = make(daemon, archive)
    client, _ = held(daemon, artifact)
    os.chmod(artifact["path"], 0o600)
    with open(artifact["path"], "r+b") as file:
        file.write(b"damage")
    assert daemon.ctl("cache", "verify", check=False).returncode != 0
    code, last = finish(client)
    assert code == 1 and "QUARANTINED" in last["error"]["message"]


def test_the_holder_hears_of_a_release(idle_daemon, archive):
    daemon = start(idle_daemon)
    client, lease = held(daemon, make(daemon, archive))
    assert daemon.ctl("cache", "release",
                      lease["id"]).stdout == lease["id"] + "\n"
    code, last = finish(client)
    assert code == 1 and "RELEASED" in last["error"]["message"]


def test_the_holder_survives_the_daemon(idle_daemon, archive):
    daemon = start(idle_daemon)
    artifact = make(daemon, archive)
    client, lease = held(daemon, artifact)
    for end in (daemon.kill, daemon.stop):
        end()
        start(daemon)
        # Before it can have come back.
        assert removed(daemon) == 0
        assert [one["id"] for one in leases(daemon)] == [lease["id"]]
    assert client.poll() is None
    client.send_signal(signal.SIGINT)
    assert finish(client)[0] == 0


def test_a_killed_holder_has_a_grace(idle_daemon, archive):
    daemon = start(idle_daemon)
    artifact = make(daemon, archive)
    client, lease = held(daemon, artifact)
    client.kill()
    client.communicate()
    assert removed(daemon) == 0
    with grpc.insecure_channel(f"unix:{daemon.socket}") as channel:
        call = test_foreign.Reflected(channel)
        stream = call("HoldLease", lease_id=lease["id"])
        first = next(stream)
        assert first.held.lease.id == lease["id"]
        assert first.held.artifact.path == artifact["path"]
        assert next(stream).WhichOneof("what") == "still_held"
        stream.cancel()


def test_pack_and_hold_in_one_step(idle_daemon, archive):
    daemon = start(idle_daemon)
    file = archive(images.plain())
    daemon.pack("--archive", file)
    with grpc.insecure_channel(f"unix:{daemon.socket}") as channel:
        call = test_foreign.Reflected(channel)
        answer = call("Pack", archive={"path": str(file)},
                      lease={"holder": "me", "stream": True})
        assert answer.lease.stream
        stream = call("HoldLease", lease_id=answer.lease.id)
        assert next(stream).held.artifact.digest == answer.artifact.digest
        assert removed(daemon) == 0
        assert call("ListLeases").leases[0].holder == "me"
        stream.cancel()


def test_bad_holds(daemon, archive):
    digest = make(daemon, archive)["digest"]
    with grpc.insecure_channel(f"unix:{daemon.socket}") as channel:
        call = test_foreign.Reflected(channel)
        for fields, code in (
                ({}, grpc.StatusCode.INVALID_ARGUMENT),
                ({"digest": digest}, grpc.StatusCode.INVALID_ARGUMENT),
                ({"digest": "0" * 64, "holder": "x"},
                 grpc.StatusCode.NOT_FOUND),
                ({"lease_id": "none"}, grpc.StatusCode.NOT_FOUND)):
            with pytest.raises(grpc.RpcError) as caught:
                next(call("HoldLease", **fields))
            assert caught.value.code() == code, fields
    for words in (["--for", "25h"], ["--for", "5"], ["--for", "1h", "--pid",
                                                     "1"],
                  ["--for", "1h", "--", "true"], ["--pid", "0"]):
        result = daemon.ctl("cache", "hold", digest, *words, check=False)
        expected = 0 if words == ["--for", "5"] else 2
        assert result.returncode == expected, (words, result)


def test_hold_for_a_time_and_for_a_process(idle_daemon, archive):
    daemon = start(idle_daemon)
    artifact = make(daemon, archive)
    with subprocess.Popen(["sleep", "600"]) as process:
        ids = [daemon.ctl("cache", "hold", artifact["digest"], *how).stdout
               .strip() for how in (["--for", "8h"], ["--pid", process.pid])]
        assert {lease["id"] for lease in leases(daemon)} == set(ids)
        daemon.ctl("cache", "release", ids[0])
        assert removed(daemon) == 0
        process.kill()
    assert removed(daemon) == 1
    assert daemon.fail_reason("cache", "release", ids[1], code=3)[
        "reason"] == "LEASE_NOT_FOUND"
