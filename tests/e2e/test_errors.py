"""Bad input: a typed error with a remedy, the right exit code, nothing left,
and a daemon that lives."""

import hashlib
import io
import json
import os
import subprocess
import tarfile

import pytest

import images

EXIT_NOT_FOUND = 3
EXIT_INVALID = 4
EXIT_ENGINE = 5
EXIT_SPACE = 6


def check(daemon, error, reason):
    assert error["reason"] == reason, error
    assert error["message"] and error["remedy"], error
    assert daemon.alive()
    assert daemon.leftovers() == []
    assert daemon.json("cache", "ls")[-1]["artifacts"] == []


def test_engine_down(daemon):
    error = daemon.fail_reason("pack", "any:1", "--engine",
                               "unix:///tmp/no-such-engine.sock",
                               code=EXIT_ENGINE)
    check(daemon, error, "ENGINE_UNREACHABLE")
    assert "/tmp/no-such-engine.sock" in error["message"]


def test_image_missing(daemon, docker_host):
    error = daemon.fail_reason("pack", "no/such-image:1", code=EXIT_NOT_FOUND)
    check(daemon, error, "IMAGE_NOT_FOUND")


@pytest.mark.parametrize("reference", ["UPPER/case:1", "a b", ":tag", "-x"])
def test_bad_reference(daemon, docker_host, reference):
    error = daemon.fail_reason("pack", "--", reference, code=EXIT_INVALID)
    check(daemon, error, "BAD_REFERENCE")


def test_wrong_architecture_from_engine(daemon, load):
    image = images.plain()
    image.name = "e2e/arm:1"
    image.architecture = "arm64"
    load(image)
    error = daemon.fail_reason("pack", image.name, code=EXIT_INVALID)
    check(daemon, error, "ARCHITECTURE_MISMATCH")


def test_wrong_architecture_in_archive(daemon, archive):
    image = images.plain()
    image.architecture = "arm64"
    error = daemon.fail_reason("pack", "--archive", archive(image),
                               code=EXIT_INVALID)
    check(daemon, error, "ARCHITECTURE_MISMATCH")


def small_archive():
    layer = images.Layer().dir("a").file("a/f", b"content" * 200).done()
    return images.Image("e2e/tiny:1", [layer]).archive()


def test_archive_cut_anywhere(daemon, workdir):
    """Every 97th byte, every byte of the first and last two kilobytes."""
    data = small_archive()
    end = len(data)
    # Python pads to 10240; two zero blocks after the last member are the end.
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        last = tar.getmembers()[-1]
        end = last.offset_data + (last.size + 511) // 512 * 512 + 1024
    cuts = sorted({*range(0, end, 97), *range(end - 600, end, 7), end - 1})
    path = workdir / "cut.tar"
    for cut in cuts:
        path.write_bytes(data[:cut])
        error = daemon.fail_reason("pack", "--archive", path)
        assert error["reason"] in (
            "ARCHIVE_TRUNCATED", "ARCHIVE_INVALID", "ARCHIVE_NO_IMAGE",
            "ARCHIVE_INCOMPLETE"), (cut, error)
        assert error["remedy"], error
    assert daemon.alive() and daemon.leftovers() == []
    path.write_bytes(data[:end])
    daemon.pack("--archive", path)


def test_bad_digest(daemon, workdir):
    data = bytearray(small_archive())
    at = bytes(data).index(b"content")
    data[at] ^= 1
    path = workdir / "bad.tar"
    path.write_bytes(data)
    error = daemon.fail_reason("pack", "--archive", path, code=EXIT_INVALID)
    check(daemon, error, "DIGEST_MISMATCH")


def raw_layer(name, kind=tarfile.REGTYPE, link=""):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        info = tarfile.TarInfo(name)
        info.type = kind
        info.linkname = link
        tar.addfile(info)
    return out.getvalue()


@pytest.mark.parametrize("layer", [
    raw_layer("../escape"), raw_layer("a/../../escape"),
    raw_layer("x" * 300), raw_layer("hl", tarfile.LNKTYPE, "../../etc/passwd"),
    raw_layer("hl", tarfile.LNKTYPE, "missing"),
], ids=["dotdot", "inner-dotdot", "long-name", "link-dotdot", "link-missing"])
def test_hostile_names(daemon, archive, layer):
    error = daemon.fail_reason(
        "pack", "--archive", archive(images.Image("e2e/bad:1", [layer])),
        code=EXIT_INVALID)
    check(daemon, error, "LAYER_INVALID")


@pytest.mark.parametrize("content", [b"", b"not a tar at all" * 100,
                                     b"\x7fELF" + bytes(4096)])
def test_not_an_archive(daemon, workdir, content):
    path = workdir / "x.tar"
    path.write_bytes(content)
    error = daemon.fail_reason("pack", "--archive", path)
    assert error["reason"].startswith("ARCHIVE_"), error
    assert daemon.alive()


def test_missing_archive(daemon, workdir):
    error = daemon.fail_reason("pack", "--archive", workdir / "none.tar",
                               code=EXIT_NOT_FOUND)
    check(daemon, error, "ARCHIVE_NOT_FOUND")


def test_directory_as_archive(daemon, workdir):
    error = daemon.fail_reason("pack", "--archive", workdir)
    check(daemon, error, "ARCHIVE_NOT_A_FILE")


def test_tar_bomb(idle_daemon, workdir):
    """A gzip layer of zeros that unpacks to more than the budget."""
    import gzip
    layer = images.Layer().file("zeros", bytes(64 << 20)).done()
    packed = gzip.compress(layer)
    config = json.dumps({
        "architecture": "amd64", "os": "linux", "config": {},
        "rootfs": {"type": "layers", "diff_ids": [
            "sha256:" + hashlib.sha256(layer).hexdigest()]}}).encode()
    name = hashlib.sha256(config).hexdigest() + ".json"
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for member, data in (("l/layer.tar", packed), (name, config), (
                "manifest.json", json.dumps([{
                    "Config": name, "RepoTags": [],
                    "Layers": ["l/layer.tar"]}]).encode())):
            info = tarfile.TarInfo(member)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    path = workdir / "bomb.tar"
    path.write_bytes(out.getvalue())
    assert path.stat().st_size < 1 << 20
    idle_daemon.start("--max-image-bytes", str(16 << 20))
    error = idle_daemon.fail_reason("pack", "--archive", path, code=EXIT_SPACE)
    check(idle_daemon, error, "IMAGE_TOO_LARGE")


def test_full_disk(idle_daemon, workdir, archive):
    """The cache on a tmpfs that is too small."""
    if os.geteuid() != 0:
        pytest.skip("mounting a tmpfs needs root")
    image = images.Image("e2e/incompressible:1", [
        images.Layer().file("random", os.urandom(24 << 20)).done()])
    file = archive(image)
    cache = workdir / "cache"
    cache.mkdir(mode=0o700)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m,mode=0700",
                    "tmpfs", cache], check=True)
    try:
        idle_daemon.start()
        error = idle_daemon.fail_reason("pack", "--archive", file,
                                        code=EXIT_SPACE)
        check(idle_daemon, error, "DISK_FULL")
        # It serves what fits afterwards.
        small = images.Image("e2e/fits:1", [
            images.Layer().file("f", b"x").done()])
        idle_daemon.pack("--archive", archive(small, "small.tar"))
        idle_daemon.stop()
    finally:
        subprocess.run(["umount", "-l", cache], check=True)


def test_usage_errors(daemon):
    for arguments in ([], ["nonsense"], ["pack"], ["pack", "a", "b"],
                      ["cache"], ["cache", "rm"], ["pack", "--cpus", "x", "a"]):
        result = daemon.ctl(*arguments, check=False)
        assert result.returncode == 2, (arguments, result)
        assert result.stdout == "", arguments
        assert result.stderr, arguments


def test_unknown_job_and_artifact(daemon):
    assert daemon.fail_reason("watch", "no-such-job", code=EXIT_NOT_FOUND)[
        "reason"] == "JOB_NOT_FOUND"
    assert daemon.fail_reason("cache", "show", "ab" * 32,
                              code=EXIT_NOT_FOUND)[
        "reason"] == "ARTIFACT_NOT_FOUND"
