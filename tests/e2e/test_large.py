"""Sizes at which a buffer that grows with the image would show."""

import hashlib
import io
import pathlib
import subprocess
import tarfile

import conftest
import tree

SIZE = 3 << 30
# Cheap to make and far larger than any buffer: 1 MiB that does not compress, then
# 7 MiB of zeros, over and over.
NOISE = b"".join(hashlib.sha256(b"%d" % i).digest() for i in range(1 << 15))


class Content(io.RawIOBase):
    """SIZE bytes, made while they are read."""

    def __init__(self):
        self.at = 0

    def readable(self):
        return True

    def block(self, index):
        return NOISE if index % 8 == 0 else bytes(len(NOISE))

    def readinto(self, buffer):
        if self.at >= SIZE:
            return 0
        index, offset = divmod(self.at, len(NOISE))
        count = min(len(buffer), SIZE - self.at, len(NOISE) - offset)
        buffer[:count] = self.block(index)[offset:offset + count]
        self.at += count
        return count


def peak_rss_mib(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) // 1024


def test_one_file_of_3_gb(daemon, docker, docker_host):
    """A single file of 3 GB through the real engine: right to the byte, and
    the daemon stays within the memory that it promises."""
    load = subprocess.Popen(
        ["docker", "-H", docker_host, "import", "-c", 'CMD ["/x"]', "-",
         "e2e/large:1"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    with tarfile.open(fileobj=load.stdin, mode="w|",
                      format=tarfile.GNU_FORMAT) as tar:
        info = tarfile.TarInfo("big")
        info.size = SIZE
        info.mtime = 1_700_000_000
        tar.addfile(info, Content())
        info = tarfile.TarInfo("small")
        info.size = 5
        tar.addfile(info, io.BytesIO(b"after"))
    load.stdin.close()
    assert load.wait(600) == 0
    try:
        path = daemon.pack("e2e/large:1", timeout=900)
    finally:
        docker("rmi", "e2e/large:1")

    want = hashlib.sha256()
    for index in range(SIZE // len(NOISE)):
        want.update(Content().block(index))
    packed = tree.Sidecar(path).tree()
    assert set(packed) == {b"big", b"small"}
    assert packed[b"big"].size == SIZE
    assert packed[b"big"].sha256 == want.hexdigest()
    assert packed[b"small"].size == 5
    if "asan" not in str(conftest.BIN) and "tsan" not in str(conftest.BIN):
        assert peak_rss_mib(daemon.process.pid) < 256
    assert daemon.leftovers() == []
