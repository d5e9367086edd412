"""The main job: an image becomes an artifact that is the image."""

import io
import json
import os
import struct

import images
import tree


def test_image_equals_engine_and_oracle(daemon, docker, load, small_image):
    """Packed from a real dockerd, compared with two independent views."""
    load(small_image)
    path = daemon.pack(small_image.name)
    sidecar = tree.Sidecar(path)
    packed = sidecar.tree()
    assert not tree.differences(small_image.flatten(), packed)

    container = docker("create", "--network", "none", small_image.name,
                       "/x").decode().strip()
    try:
        exported = tree.tree_of(io.BytesIO(docker("export", container)))
    finally:
        docker("rm", container)
    for path_in_image, target in small_image.rewritten.items():
        exported[path_in_image].target = target
    for both in (exported, packed):
        for name in tree.ENGINE_PATHS:
            both.pop(name, None)
    # export gives the time of the copy for directories that the engine made.
    assert not tree.differences(exported, packed)

    for secret in small_image.deleted:
        assert not sidecar.raw_contains(secret)
    assert daemon.leftovers() == []


def test_archive_equals_oracle(daemon, archive, small_image):
    path = daemon.pack("--archive", archive(small_image))
    assert not tree.differences(small_image.flatten(),
                                tree.Sidecar(path).tree())


def test_links_above_the_root_are_rewritten(daemon, archive, smolvm):
    image = images.escapes()
    result = daemon.json("pack", "--archive", archive(image))[-1]["artifact"]
    assert not tree.differences(image.flatten(),
                                tree.Sidecar(result["path"]).tree())
    kinds = {note["kind"]: int(note["count"]) for note in result["notes"]}
    assert kinds["SYMLINK_REWRITTEN"] == 5
    assert smolvm.create("m", result["path"]) == []


def overrides(root):
    """What smolvm extracted, with the owners that it keeps in attributes."""
    out = {}
    for directory, dirs, files in os.walk(os.fsencode(root)):
        for name in dirs + files:
            path = os.path.join(directory, name)
            info = os.lstat(path)
            relative = os.path.relpath(path, os.fsencode(root))
            entry = {"stat": info, "target": None, "owner": None}
            if os.path.islink(path):
                entry["target"] = os.readlink(path)
            else:
                try:
                    text = os.getxattr(
                        path, b"user.containers.override_stat").decode()
                    uid, gid, mode = text.split(":")[:3]
                    entry["owner"] = (int(uid), int(gid), int(mode, 8) & 0o7777)
                except OSError:
                    pass
            out[relative] = entry
    return out


def test_smolvm_takes_it(daemon, load, small_image, smolvm):
    """The real smolvm creates a machine without a warning; its record and its
    tree are the image's."""
    load(small_image)
    path = daemon.pack(small_image.name)
    assert smolvm.create("m", path) == []

    record = smolvm.record("m")
    config = small_image.config
    assert record["entrypoint"] == (config.get("Entrypoint") or [])
    assert record["cmd"] == (config.get("Cmd") or [])
    assert [f"{k}={v}" for k, v in record["env"]] == (config.get("Env") or [])
    assert (record.get("workdir") or "") == config.get("WorkingDir", "")
    assert (record.get("user") or "") == config.get("User", "")

    order = next(smolvm.state.rglob("layer-order"))
    extracted = overrides(order.parent / order.read_text().strip())
    want = small_image.flatten()
    # smolvm makes no device nodes and no fifos; the artifact's notes say so.
    lost = {p for p, n in want.items() if n.kind in ("char", "block", "fifo")}
    assert set(extracted) == set(want) - lost
    inodes = {}
    for name, node in want.items():
        if name in lost:
            continue
        have = extracted[name]
        if node.kind == "symlink":
            assert have["target"] == node.target, name
            continue
        assert have["owner"] == (node.uid, node.gid, node.mode), name
        if node.kind == "file":
            assert have["stat"].st_size == node.size, name
            assert int(have["stat"].st_mtime) == max(node.mtime, 1), name
            inodes.setdefault(have["stat"].st_ino, set()).add(name)
    groups = {n.group for n in want.values() if n.group and n.kind == "file"}
    assert {tuple(sorted(g)) for g in inodes.values() if len(g) > 1} == groups


def test_manifest_members(daemon, load):
    """The fields that smolvm and other readers rely on."""
    image = images.plain()
    load(image)
    artifact = daemon.json("pack", image.name)[-1]["artifact"]
    sidecar = tree.Sidecar(artifact["path"])
    manifest = json.loads(sidecar.manifest_text)
    assert manifest["mode"] == "container"
    assert manifest["platform"] == manifest["host_platform"] == "linux/amd64"
    assert manifest["smolvm_version"].startswith("1.32.2+bottled.")
    digest = artifact["configDigest"]
    assert manifest["image"] == "local:" + digest.removeprefix("sha256:")
    assert manifest["digest"] == digest
    layer, = manifest["assets"]["layers"]
    names = dict(sidecar.members())
    assert names[layer["path"]] == layer["size"]
    assert layer["path"] == f"layers/{layer['digest'][7:]}.tar"
    with open(artifact["path"], "rb") as file:
        file.seek(-64, 2)
        assert struct.unpack("<I", file.read(12)[8:])[0] == 1
    assert os.stat(artifact["path"]).st_mode & 0o7777 == 0o400


def test_second_pack_is_a_hit(daemon, load):
    image = images.plain()
    load(image)
    path = daemon.pack(image.name)
    before = os.stat(path)
    jobs = len(daemon.json("jobs", "--all")[-1]["jobs"])
    assert daemon.pack(image.name) == path
    assert len(daemon.json("jobs", "--all")[-1]["jobs"]) == jobs
    after = os.stat(path)
    assert (before.st_ino, before.st_ctime_ns) == (after.st_ino,
                                                   after.st_ctime_ns)


def test_pack_options_make_another_artifact(daemon, load):
    image = images.plain()
    load(image)
    first = daemon.pack(image.name)
    second = daemon.pack(image.name, "--cpus", "2", "--memory", "1024")
    assert first != second
    manifest = json.loads(tree.Sidecar(second).manifest_text)
    assert (manifest["cpus"], manifest["mem"]) == (2, 1024)


def test_archive_from_stdin(daemon, archive):
    image = images.hardlinks()
    with open(archive(image), "rb") as file:
        path = daemon.pack("--archive", "-", stdin=file)
    assert not tree.differences(image.flatten(), tree.Sidecar(path).tree())


def test_unchanged_archive_is_not_read_again(daemon, archive):
    file = archive(images.plain())
    path = daemon.pack("--archive", file)
    jobs = len(daemon.json("jobs", "--all")[-1]["jobs"])
    assert daemon.pack("--archive", file) == path
    assert len(daemon.json("jobs", "--all")[-1]["jobs"]) == jobs
    # A touched file is read and checked again, and found to be the same.
    os.utime(file)
    assert daemon.pack("--archive", file) == path
    assert len(daemon.json("jobs", "--all")[-1]["jobs"]) == jobs + 1


def test_a_changed_top_layer_costs_only_itself(daemon, docker, load):
    """The layers below are taken over from the artifact of the last pack, and
    the bytes are those of a pack from nothing."""
    base = images.Layer().dir("srv").file("srv/data", os.urandom(3 << 20))
    made = []
    for i in range(2):
        top = images.Layer().dir("etc").file("etc/motd", b"motd %d" % i)
        image = images.Image(f"e2e/changed:{i}",
                             [base.done(), top.done()])
        load(image)
        events = daemon.json("pack", image.name)
        lines = [event["event"]["log"]["text"] for event in events
                 if "log" in event.get("event", {})]
        made.append((image.name, events[-1]["artifact"]["digest"], lines))
    assert not any("earlier pack" in line for line in made[0][2])
    assert any("1 of 2 layers" in line for line in made[1][2]), made[1][2]
    forced = daemon.json("pack", "--force", made[1][0])[-1]["artifact"]
    assert forced["digest"] == made[1][1]
    assert daemon.leftovers() == []
    docker("rmi", made[0][0], made[1][0])
