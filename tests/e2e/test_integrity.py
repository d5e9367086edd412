"""Damage that is found, mended and told; and why something was made again."""

import json
import os
import pathlib
import shutil
import time

import conftest
import images


def image(token="hunter2", data=b"one", cmd=("sh",)):
    return images.Image("e2e/integrity:1", [
        images.Layer().file("base", b"base").done(),
        images.Layer().file("data", data).done(),
    ], config={"Env": [f"TOKEN={token}"], "Cmd": list(cmd)})


def flip(path):
    """One bit, as a failing disk would: nothing else tells of it."""
    times = (path.stat().st_atime_ns, path.stat().st_mtime_ns)
    os.chmod(path, 0o600)
    with open(path, "r+b") as file:
        file.seek(100)
        byte = file.read(1)
        file.seek(100)
        file.write(bytes([byte[0] ^ 1]))
    os.utime(path, ns=times)
    os.chmod(path, 0o400)


def last_job(daemon):
    return daemon.json("jobs", "--all")[-1]["jobs"][0]


def test_every_changed_input_is_named_and_no_secret_shows(daemon, archive):
    file = archive(image())
    daemon.pack("--archive", file)
    miss = last_job(daemon)["miss"]
    assert miss["reason"] == "NEVER_BUILT" and not miss["changes"]
    archive(image("swordfish", b"two", ("sh", "-c")))
    lines = daemon.json("pack", "--archive", file, "--cpus", "2")
    told = [line["event"]["log"]["text"] for line in lines
            if "log" in line.get("event", {})]
    assert any("INPUT_CHANGED" in text for text in told), told
    job = last_job(daemon)
    changes = {c["name"]: c for c in job["miss"]["changes"]}
    assert set(changes) == {"cmd", "env.TOKEN", "layer 2", "options.cpus"}
    assert changes["options.cpus"]["before"] == "4"
    assert changes["options.cpus"]["after"] == "2"
    assert changes["layer 2"]["before"].startswith("sha256:")
    for text in (json.dumps(job), "".join(told), daemon.log_text(),
                 daemon.ctl("jobs", "--all").stdout):
        assert "hunter2" not in text and "swordfish" not in text
    assert "INPUT_CHANGED" in daemon.ctl("jobs", "--all").stdout
    # The same after a restart, from its row.
    daemon.stop()
    daemon.start()
    assert last_job(daemon)["miss"] == job["miss"]


def test_what_became_of_it_is_told(daemon, archive):
    file = archive(image())
    artifact = daemon.json("pack", "--archive", file)[-1]["artifact"]
    daemon.ctl("cache", "rm", artifact["digest"])
    daemon.pack("--archive", file)
    miss = last_job(daemon)["miss"]
    assert miss["reason"] == "REMOVED" and miss["at"]
    os.unlink(artifact["path"])
    daemon.pack("--archive", file)
    assert last_job(daemon)["miss"]["reason"] == "MISSING"
    daemon.pack("--archive", file, "--force")
    assert last_job(daemon)["miss"]["reason"] == "FORCED"
    # Damaged twice within a day is no accident.
    for times in (1, 2):
        flip(pathlib.Path(artifact["path"]))
        assert daemon.ctl("cache", "verify", check=False).returncode == 1
        daemon.pack("--archive", file)
        miss = last_job(daemon)["miss"]
        assert miss["reason"] == "QUARANTINED"
        assert miss["rule"]
        assert miss["recentQuarantines"] == times
    assert "suspect" in miss["message"]


def test_after_a_crash_damage_is_found_by_itself(idle_daemon, archive):
    daemon = idle_daemon
    daemon.start()
    path = pathlib.Path(daemon.pack("--archive", archive(image())))
    assert "lastScrub" not in daemon.json("info")[-1]["info"]
    daemon.kill()
    flip(path)
    daemon.start()
    end = time.monotonic() + 60
    while path.exists() and time.monotonic() < end:
        time.sleep(0.05)
    assert not path.exists(), daemon.log_text()
    while "lastScrub" not in (info := daemon.json("info")[-1]["info"]):
        time.sleep(0.05)
    assert info["lastScrub"]["damagedCount"] == "1"
    assert info["quarantine"]["fileCount"] == "2"
    assert "Last scrub" in daemon.ctl("info").stdout
    assert daemon.json("cache", "ls")[-1]["artifacts"] == []


def test_repair_takes_in_what_has_no_row(daemon, archive, workdir):
    """Many files without a row, which a start only reports."""
    mine = daemon.json("pack", "--archive", archive(image()))[-1]["artifact"]
    lost = []
    other_base = workdir / "other"
    other_base.mkdir()
    other = conftest.Daemon(other_base, None).start()
    try:
        for i in range(8):
            file = archive(image(data=bytes([i]) * 1000), f"{i}.tar")
            lost.append(other.json("pack", "--archive", file)[-1]["artifact"])
    finally:
        other.stop()
    for artifact in lost:
        source = pathlib.Path(artifact["path"])
        target = daemon.cache / "obj" / source.parent.name
        target.mkdir(mode=0o700, exist_ok=True)
        for name in (source, source.with_suffix(".json")):
            shutil.copy2(name, target / name.name)
    flip(daemon.cache / "obj" / pathlib.Path(lost[0]["path"]).parent.name /
         pathlib.Path(lost[0]["path"]).name)
    answer = daemon.json("cache", "verify", "--repair")[-1]
    done = {r["subject"]: r["kind"] for r in answer["repairs"]}
    assert done.pop(lost[0]["digest"]) == "QUARANTINED"
    assert done == {a["digest"]: "ADOPTED" for a in lost[1:]}
    assert int(answer["quarantine"]["fileCount"]) == 2
    listed = daemon.json("cache", "ls")[-1]["artifacts"]
    assert {a["digest"] for a in listed} == {
        a["digest"] for a in lost[1:] + [mine]}
    # Their keys are served again: an archive that was never seen here is read,
    # and found to be there.
    assert daemon.json("pack", "--archive", workdir / "3.tar")[-1][
        "artifact"]["digest"] == lost[3]["digest"]
    again = daemon.ctl("cache", "verify", "--all", "--repair").stdout
    assert "nothing to repair" in again
    error = daemon.fail_reason("cache", "verify", mine["digest"], "--repair",
                               code=2)
    assert error["reason"] == "USAGE"


def test_a_damaged_index_comes_back_from_its_copy(idle_daemon, archive):
    daemon = idle_daemon
    daemon.start()
    artifact = daemon.json("pack", "--archive", archive(image()))[-1][
        "artifact"]
    daemon.ctl("cache", "pin", artifact["digest"], "--note", "mine")
    # A copy is made at start when there is none of today.
    shutil.rmtree(daemon.state / "backup")
    daemon.stop()
    daemon.start()
    end = time.monotonic() + 60
    while not list((daemon.state / "backup").glob("bottled-*.db")):
        assert time.monotonic() < end, daemon.log_text()
        time.sleep(0.05)
    daemon.stop()
    (daemon.state / "bottled.db").write_bytes(b"x" * 20000)
    daemon.start()
    shown = daemon.json("cache", "show", artifact["digest"])[-1]
    assert shown["holders"] == ["pinned: mine"]
    assert list(daemon.state.glob("bottled.db.corrupt-*"))
