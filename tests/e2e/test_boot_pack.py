"""smolvm's own packer, the real one, in an emulated machine: from an archive, and
through a real registry that a real dockerd pushed to."""

import dataclasses
import json

import images
import registry
import smolvms
import tree
from registry import bridged, registry_archive  # noqa: F401


def image():
    it = images.plain()
    low = images.Layer().dir("b", uid=7).file("b/gone", b"gone")
    low.file("b/setuid", b"s", mode=0o4755).file("b/kept", b"kept")
    low.file("b/owner", b"o", uid=3_000_000_000, gid=2_500_000_000)
    low.symlink("b/link", "../etc/passwd")
    it.layers += [low.done(), images.Layer().whiteout("b/gone").done()]
    it.name = "e2e/boot-pack:1"
    return it


def start(daemon, engine, emulated):
    daemon.env |= engine.env
    return daemon.start("--smolvm", emulated.path, "--registry-image",
                        registry.REGISTRY_IMAGE, "--registry-grace-seconds",
                        "0")


def check(daemon, engine, it, packer, *arguments, explained=None, env=None):
    """Its tree is the image's, but for what is explained, and nothing is left."""
    events = daemon.json("pack", "--packer", packer, *arguments, timeout=1200,
                         env=env)
    artifact = events[-1]["artifact"]
    assert artifact["packer"].startswith(packer + "/")
    want = it.flatten()
    for path, change in (explained or {}).items():
        want[path] = dataclasses.replace(want[path], **change)
    assert not tree.differences(want, tree.Sidecar(artifact["path"]).tree())
    daemon.ctl("cache", "verify", "--deep")
    assert daemon.leftovers() == []
    assert engine.run("ps", "-aq") == b""
    assert b"bottled/" not in engine.run("image", "ls", "--format",
                                         "{{.Repository}}")
    return artifact


def test_both_routes(idle_daemon, bridged, smolvm, workdir):  # noqa: F811
    it = image()
    bridged.load(it)
    daemon = start(idle_daemon, bridged,
                   smolvms.Emulated(workdir, smolvm.binary))
    archive = check(daemon, bridged, it, "smolvm", it.name)
    # From the build on, as the seed does it.
    context = workdir / "context"
    context.mkdir()
    (context / "Dockerfile").write_text(f"FROM {it.name}\nLABEL built=1\n")
    # smolvm's own merge: the upper layer has only the whiteout in this
    # directory, not the directory, and smolvm takes it for root's.
    pushed = check(daemon, bridged, it, "push", "--build", context,
                   "e2e/boot-built:1", explained={b"b": {"uid": 0}},
                   env={"DOCKER_CONFIG": "/nonexistent"})
    native = daemon.json("pack", "--packer", "native", it.name)[-1]["artifact"]
    assert len({a["digest"] for a in (archive, pushed, native)}) == 3
    assert not tree.differences(tree.Sidecar(native["path"]).tree(),
                                tree.Sidecar(archive["path"]).tree())
    # The real one says of the machine what the embedded packer says.
    for made in (archive, pushed):
        theirs, ours = (json.loads(tree.Sidecar(a["path"]).manifest_text)
                        for a in (made, native))
        for key in ("env", "cmd", "entrypoint", "workdir", "user", "platform"):
            assert theirs.get(key) == ours.get(key), key


def test_where_no_vm_boots(idle_daemon, bridged, smolvm):  # noqa: F811
    """This machine's own smolvm: there is no KVM that it could use."""
    it = images.plain()
    bridged.load(it)
    idle_daemon.env |= bridged.env
    for name in ("SMOLVM_LIB_DIR", "SMOLVM_AGENT_ROOTFS_TAR"):
        idle_daemon.env[name] = smolvm.env[name]
    daemon = idle_daemon.start("--smolvm", smolvm.binary)
    error = daemon.fail_reason("pack", "--packer", "smolvm", it.name, code=5)
    assert error["reason"] == "VM_UNAVAILABLE", error
    assert "virtual machine" in error["message"] and error["remedy"], error
    assert daemon.leftovers() == []
