"""What stays in the cache: pins, leases, collection."""

import os
import subprocess
import time

import grpc
import pytest

import images
import test_foreign


def some(daemon, load, count):
    """Artifacts of different contents, the oldest first."""
    out = []
    for index in range(count):
        it = images.plain()
        it.layers.append(images.Layer().file(
            "filler", os.urandom(1 << 20) + bytes([index])).done())
        it.name = f"e2e/cached{index}:{os.getpid()}"
        load(it)
        out.append(daemon.json("pack", it.name)[-1]["artifact"])
        time.sleep(0.01)
    return out


def digests(daemon):
    return {a["digest"] for a in daemon.json("cache", "ls")[-1]["artifacts"]}


def start(daemon, docker_host, *flags):
    daemon.env["DOCKER_HOST"] = docker_host
    return daemon.start("--cache-min-age-minutes", "0",
                        "--cache-min-free-bytes", "1", *flags)


def collect(daemon, *flags):
    answer, = daemon.json("cache", "gc", *flags)
    return answer["collection"]


def verdicts(collection):
    return {v["digest"]: v for v in collection.get("verdicts", [])}


def test_the_cap_is_kept_and_a_dry_run_tells_the_truth(idle_daemon, docker_host,
                                                       load):
    daemon = start(idle_daemon, docker_host, "--cache-max-bytes", "5000000")
    made = some(daemon, load, 5)
    daemon.pack(made[0]["references"][0])  # the oldest, but just used
    dry = collect(daemon, "--dry-run")
    assert digests(daemon) == {a["digest"] for a in made}
    gone = {d for d, v in verdicts(dry).items() if v.get("remove")}
    assert gone and made[1]["digest"] in gone
    assert {v["reason"] for v in verdicts(dry).values() if v.get("remove")} == {
        "OVER_CAP"}
    wet = collect(daemon)
    assert {d for d, v in verdicts(wet).items() if v.get("remove")} == gone
    left = digests(daemon)
    assert left == {a["digest"] for a in made} - gone
    for artifact in made:
        assert os.path.exists(artifact["path"]) == (artifact["digest"] in left)
    assert collect(daemon).get("removedCount", 0) == 0
    # Gone is a miss with its own reason, and made again.
    again = next(a for a in made if a["digest"] in gone)
    assert daemon.pack(again["references"][0]) == again["path"]


def test_pins_hold(idle_daemon, docker_host, load):
    daemon = start(idle_daemon, docker_host, "--cache-max-bytes", "1")
    one, other = some(daemon, load, 2)
    assert daemon.ctl("cache", "pin", one["digest"], "--note",
                      "for the demo").stdout.strip() == one["digest"]
    error = daemon.fail_reason("cache", "rm", one["digest"])
    assert error["reason"] == "ARTIFACT_HELD"
    assert "pinned: for the demo" in error["message"] and error["remedy"]
    assert verdicts(collect(daemon))[one["digest"]]["reason"] == "HELD"
    assert digests(daemon) == {one["digest"]}
    assert "for the demo" in daemon.ctl("cache", "show", one["digest"]).stdout
    daemon.stop()
    start(daemon, docker_host, "--cache-max-bytes", "1")
    assert verdicts(collect(daemon))[one["digest"]]["reason"] == "HELD"
    daemon.ctl("cache", "unpin", one["digest"])
    assert collect(daemon)["removedCount"] == 1
    assert digests(daemon) == set()
    assert not os.path.exists(other["path"])


def test_force_takes_it_from_its_holders(idle_daemon, docker_host, load):
    daemon = start(idle_daemon, docker_host)
    one, = some(daemon, load, 1)
    daemon.ctl("cache", "pin", one["digest"])
    daemon.ctl("cache", "rm", "--force", one["digest"])
    assert digests(daemon) == set()


def call(daemon, method, **fields):
    """A call by a foreign client."""
    with grpc.insecure_channel(f"unix:{daemon.socket}") as channel:
        return test_foreign.Reflected(channel)(method, **fields)


def test_leases(idle_daemon, docker_host, load):
    daemon = start(idle_daemon, docker_host, "--cache-max-bytes", "1")
    one, other = some(daemon, load, 2)
    with subprocess.Popen(["sleep", "600"]) as process:
        leased = call(daemon, "Pack", image={"reference": one["references"][0]},
                      lease={"holder": "smolvm box", "pid": process.pid})
        assert leased.artifact.digest == one["digest"] and leased.lease.id
        short = call(daemon, "AcquireLease", digest=other["digest"],
                     spec={"holder": "me", "ttl_seconds": 600}).lease
        error = daemon.fail_reason("cache", "rm", one["digest"])
        assert f"smolvm box (process {process.pid})" in error["message"]
        assert collect(daemon).get("removedCount", 0) == 0
        call(daemon, "ReleaseLease", lease_id=short.id)
        assert collect(daemon)["removedCount"] == 1
        assert digests(daemon) == {one["digest"]}
        daemon.kill()
        start(daemon, docker_host, "--cache-max-bytes", "1")
        assert collect(daemon).get("removedCount", 0) == 0
        process.kill()
    assert collect(daemon)["removedCount"] == 1
    assert digests(daemon) == set()


def test_bad_leases(idle_daemon, docker_host, load):
    daemon = start(idle_daemon, docker_host)
    one, = some(daemon, load, 1)
    for spec in ({"holder": "x"}, {"ttl_seconds": 5}, {
            "holder": "x", "ttl_seconds": 0}, {
                "holder": "x", "ttl_seconds": 10**12}, {
                    "holder": "x", "pid": 2**40}, {
                        "holder": "x" * 5000, "pid": 1}):
        with pytest.raises(grpc.RpcError) as caught:
            call(daemon, "AcquireLease", digest=one["digest"], spec=spec)
        assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT, spec
    with pytest.raises(grpc.RpcError) as caught:
        call(daemon, "ReleaseLease", lease_id="none")
    assert caught.value.code() == grpc.StatusCode.NOT_FOUND


def test_limits_are_shown(idle_daemon, docker_host):
    daemon = start(idle_daemon, docker_host)
    collection = collect(daemon, "--dry-run")
    assert int(collection["maxBytes"]) > 1 << 20
    assert int(collection["minFreeBytes"]) == 1
