"""File trees as tars describe them, for comparing a packed image with the
image.

A tree is a dict from path (bytes, no leading or trailing slash) to Node. Hard
link groups are compared through `group`: the sorted paths of one inode.
"""

import dataclasses
import hashlib
import io
import struct
import subprocess
import tarfile
import zlib

KINDS = {
    tarfile.REGTYPE: "file",
    tarfile.AREGTYPE: "file",
    tarfile.GNUTYPE_SPARSE: "file",
    tarfile.DIRTYPE: "dir",
    tarfile.SYMTYPE: "symlink",
    tarfile.CHRTYPE: "char",
    tarfile.BLKTYPE: "block",
    tarfile.FIFOTYPE: "fifo",
}


@dataclasses.dataclass
class Node:
    kind: str
    mode: int
    uid: int
    gid: int
    mtime: int
    target: bytes = b""
    size: int = 0
    sha256: str = ""
    device: tuple = (0, 0)
    group: tuple = ()


def _name(text):
    raw = text.encode("utf-8", "surrogateescape")
    while raw.startswith(b"./"):
        raw = raw[2:]
    return raw.strip(b"/")


def read_tar(stream):
    """The members of a tar in order, as (path, tarfile.TarInfo, sha256)."""
    with tarfile.open(fileobj=stream, mode="r|", encoding="utf-8",
                      errors="surrogateescape") as tar:
        for info in tar:
            sha = ""
            if info.isreg():
                hasher = hashlib.sha256()
                data = tar.extractfile(info)
                while block := data.read(1 << 20):
                    hasher.update(block)
                sha = hasher.hexdigest()
            yield _name(info.name), info, sha


def tree_of(stream):
    """The tree that extracting one flat tar gives."""
    nodes = {}
    groups = {}  # path -> leader
    for path, info, sha in read_tar(stream):
        if path in (b"", b"."):
            continue
        if info.islnk():
            target = _name(info.linkname)
            leader = groups[target]
            groups[path] = leader
            nodes[path] = nodes[target]
            continue
        nodes[path] = Node(
            kind=KINDS[info.type], mode=info.mode & 0o7777, uid=info.uid,
            gid=info.gid, mtime=int(info.mtime // 1),
            target=info.linkname.encode("utf-8", "surrogateescape")
            if info.issym() else b"",
            size=info.size if info.isreg() else 0, sha256=sha,
            device=(info.devmajor, info.devminor)
            if info.ischr() or info.isblk() else (0, 0))
        groups[path] = path
    members = {}
    for path, leader in groups.items():
        members.setdefault(leader, []).append(path)
    out = {}
    for path, node in nodes.items():
        group = tuple(sorted(members[groups[path]]))
        out[path] = dataclasses.replace(
            node, group=group if len(group) > 1 else ())
    return out


class Sidecar:
    """An independent, strict reader of `.smolmachine` files."""

    def __init__(self, path):
        self.path = path
        with open(path, "rb") as file:
            file.seek(0, 2)
            self.size = file.tell()
            file.seek(-64, 2)
            footer = file.read(64)
            (magic, version, stub, assets_off, assets, manifest_off, manifest,
             crc) = struct.unpack("<8sIQQQQQI", footer[:56])
            assert magic == b"SMOLPACK" and version == 1, footer
            assert stub == 0 and assets_off == 0 and manifest_off == assets
            assert assets + manifest + 64 == self.size
            assert footer[56:] == bytes(8)
            file.seek(0)
            have = 0
            left = assets + manifest
            while left:
                block = file.read(min(left, 1 << 20))
                have = zlib.crc32(block, have)
                left -= len(block)
            assert have == crc, "CRC-32"
            file.seek(assets)
            self.manifest_text = file.read(manifest)
        self.assets_size = assets

    def assets(self):
        """A process whose stdout is the decompressed asset tar."""
        return subprocess.Popen(
            ["sh", "-c", 'head -c "$1" "$2" | zstd -dcq --long=27', "sh",
             str(self.assets_size), self.path], stdout=subprocess.PIPE)

    def members(self):
        """Names and sizes in the asset tar."""
        process = self.assets()
        with tarfile.open(fileobj=process.stdout, mode="r|") as tar:
            out = [(info.name, info.size) for info in tar]
        process.stdout.read()
        assert process.wait() == 0
        return out

    def tree(self):
        """The flattened image."""
        process = self.assets()
        with tarfile.open(fileobj=process.stdout, mode="r|") as tar:
            for info in tar:
                if info.name.startswith("layers/") and info.isreg():
                    return tree_of(tar.extractfile(info))
        raise AssertionError("no layer")

    def raw_contains(self, needle):
        """True when the decompressed assets hold these bytes anywhere."""
        process = self.assets()
        tail = b""
        found = False
        while block := process.stdout.read(1 << 20):
            found = found or needle in tail + block
            tail = (tail + block)[-len(needle):]
        process.wait()
        return found


# What an engine adds to every container that it creates.
ENGINE_PATHS = {b".dockerenv", b"dev/console", b"dev/pts", b"dev/shm",
                b"etc/hostname", b"etc/hosts", b"etc/mtab",
                b"etc/resolv.conf", b"proc", b"sys", b"dev", b"etc"}


def differences(want, have):
    """Readable differences between two trees; empty when they are equal.
    Times of directories are in no artifact, and smolvm would not keep them."""
    out = []
    for path in sorted(set(want) | set(have)):
        a, b = want.get(path), have.get(path)
        if a is None or b is None:
            out.append(f"{path!r}: {'only in image' if b is None else 'extra'}")
            continue
        if a.kind == b.kind == "dir":
            a = dataclasses.replace(a, mtime=0)
            b = dataclasses.replace(b, mtime=0)
        if a != b:
            out.append(f"{path!r}: image {a}\n    packed {b}")
    return out


def open_bytes(data):
    return io.BytesIO(data)
