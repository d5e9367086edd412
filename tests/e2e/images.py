"""Images made offline, layer by layer, for the end-to-end tests.

Each builder returns an Image: layer tars bottom first and a config. `archive()`
writes it as `docker load` takes it; `flatten()` says what the merged tree must
be, by its own simple rules: this is the oracle beside the engine's own view.
"""

import dataclasses
import hashlib
import io
import json
import tarfile

import tree

MTIME = 1_700_000_000


class Layer:
    """Collects entries of one layer."""

    def __init__(self):
        self.buffer = io.BytesIO()
        self.tar = tarfile.open(fileobj=self.buffer, mode="w",
                                format=tarfile.GNU_FORMAT,
                                errors="surrogateescape")
        self.added = {}

    def _add(self, name, kind, data=b"", **fields):
        if isinstance(name, bytes):
            name = name.decode("utf-8", "surrogateescape")
        info = tarfile.TarInfo(name)
        info.type = kind
        info.mtime = fields.pop("mtime", MTIME)
        info.mode = fields.pop("mode", 0o644)
        for key, value in fields.items():
            setattr(info, key, value)
        info.size = len(data) if kind == tarfile.REGTYPE else 0
        self.added[name] = info
        self.tar.addfile(info, io.BytesIO(data) if info.size else None)
        return self

    def file(self, name, data=b"", **fields):
        return self._add(name, tarfile.REGTYPE, data, **fields)

    def dir(self, name, **fields):
        return self._add(name, tarfile.DIRTYPE, mode=fields.pop("mode", 0o755),
                         **fields)

    def symlink(self, name, target, **fields):
        return self._add(name, tarfile.SYMTYPE, linkname=target, mode=0o777,
                         **fields)

    def link(self, name, target, **fields):
        """As real tars have it: the header repeats the target's metadata, which
        engines apply to the shared inode."""
        first = self.added[target]
        same = {"mode": first.mode, "uid": first.uid, "gid": first.gid,
                "mtime": first.mtime}
        return self._add(name, tarfile.LNKTYPE, linkname=target,
                         **{**same, **fields})

    def char(self, name, major, minor, **fields):
        return self._add(name, tarfile.CHRTYPE, devmajor=major, devminor=minor,
                         **fields)

    def block(self, name, major, minor, **fields):
        return self._add(name, tarfile.BLKTYPE, devmajor=major, devminor=minor,
                         **fields)

    def fifo(self, name, **fields):
        return self._add(name, tarfile.FIFOTYPE, **fields)

    def whiteout(self, name):
        head, _, tail = name.rpartition("/")
        return self.file(f"{head}/.wh.{tail}" if head else f".wh.{tail}")

    def opaque(self, name):
        return self.file(f"{name}/.wh..wh..opq")

    def done(self):
        self.tar.close()
        return self.buffer.getvalue()


@dataclasses.dataclass
class Image:
    name: str
    layers: list
    config: dict = dataclasses.field(default_factory=dict)
    # Byte strings of deleted files: none may be in the artifact.
    deleted: tuple = ()
    # Links that smolvm would refuse, as they must be packed.
    rewritten: dict = dataclasses.field(default_factory=dict)
    architecture: str = "amd64"

    def config_blob(self):
        return json.dumps({
            "architecture": self.architecture, "os": "linux",
            "created": "2026-01-02T03:04:05.678Z", "config": self.config,
            "rootfs": {"type": "layers", "diff_ids": [
                "sha256:" + hashlib.sha256(layer).hexdigest()
                for layer in self.layers]},
            "history": [{"created": "2026-01-02T03:04:05.678Z",
                         "created_by": f"layer {i}"}
                        for i in range(len(self.layers))],
        }).encode()

    def archive(self):
        blob = self.config_blob()
        config_name = hashlib.sha256(blob).hexdigest() + ".json"
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w") as tar:
            names = []

            def add(name, data):
                info = tarfile.TarInfo(name)
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))

            for i, layer in enumerate(self.layers):
                name = f"{i:03}-{hashlib.sha256(layer).hexdigest()}/layer.tar"
                add(name, layer)
                names.append(name)
            add(config_name, blob)
            add("manifest.json", json.dumps([{
                "Config": config_name, "RepoTags": [self.name],
                "Layers": names}]).encode())
        return out.getvalue()

    def flatten(self):
        """The merged tree: each path maps to an inode object."""
        inodes = {}
        for layer in self.layers:
            members = list(tree.read_tar(io.BytesIO(layer)))
            for path, _, _ in members:
                head, _, name = path.rpartition(b"/")
                if name == b".wh..wh..opq":
                    for old in [p for p in inodes
                                if p.startswith(head + b"/")]:
                        del inodes[old]
                elif name.startswith(b".wh."):
                    gone = (head + b"/" if head else b"") + name[4:]
                    for old in [p for p in inodes if p == gone
                                or p.startswith(gone + b"/")]:
                        del inodes[old]
            for path, info, sha in members:
                if path.rpartition(b"/")[2].startswith(b".wh.") or not path:
                    continue
                if not info.isdir() and path in inodes and \
                        inodes[path].kind == "dir":
                    for old in [p for p in inodes
                                if p.startswith(path + b"/")]:
                        del inodes[old]
                if info.islnk():
                    inodes[path] = inodes[tree._name(info.linkname)]
                    continue
                node = next(iter(tree.tree_of(_single(info, sha)).values()))
                node.sha256 = sha
                node.size = info.size if info.isreg() else 0
                inodes[path] = node
        groups = {}
        for path, node in inodes.items():
            groups.setdefault(id(node), []).append(path)
        out = {}
        for path, node in inodes.items():
            group = tuple(sorted(groups[id(node)]))
            out[path] = dataclasses.replace(
                node, group=group if len(group) > 1 else (),
                target=self.rewritten.get(path, node.target))
        return out


def _single(info, _sha):
    """A tar with the header of one member, content left out."""
    copy = tarfile.TarInfo(info.name)
    for field in ("type", "mode", "uid", "gid", "mtime", "linkname",
                  "devmajor", "devminor"):
        setattr(copy, field, getattr(info, field))
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT,
                      errors="surrogateescape") as tar:
        tar.addfile(copy)
    out.seek(0)
    return out


def busybox_layer():
    """A root file system that boots: Debian's busybox-static and a user."""
    layer = Layer()
    for name in ("bin", "etc", "home", "home/agent", "root", "tmp", "var",
                 "usr", "usr/bin"):
        layer.dir(name, mode=0o1777 if name == "tmp" else 0o755,
                  uid=1000 if name == "home/agent" else 0,
                  gid=1000 if name == "home/agent" else 0)
    with open("/bin/busybox", "rb") as file:
        layer.file("bin/busybox", file.read(), mode=0o755)
    for applet in ("sh", "id", "pwd", "env", "cat", "ls", "stat", "find",
                   "sha256sum", "echo", "test", "sleep", "true", "readlink"):
        layer.link(f"bin/{applet}", "bin/busybox")
    layer.file("etc/passwd", b"root:x:0:0:root:/root:/bin/sh\n"
               b"agent:x:1000:1000:agent:/home/agent:/bin/sh\n")
    layer.file("etc/group", b"root:x:0:\nagent:x:1000:\n")
    return layer.done()


def plain():
    return Image("e2e/plain:1", [busybox_layer(), Layer().dir("srv").file(
        "srv/data", b"hello\n", uid=1000, gid=1000, mode=0o640).done()],
        {"Env": ["PATH=/bin:/usr/bin", "X=a b=c"], "Cmd": ["sh"],
         "Entrypoint": ["/bin/busybox"], "WorkingDir": "/srv",
         "User": "agent"})


def whiteouts():
    secret = b"deleted-content-" + b"0123456789abcdef" * 8
    low = Layer().dir("d").file("d/gone", secret).file("d/stays", b"stays")
    low.dir("op").dir("op/sub").file("op/low1", secret + b"1")
    low.file("op/sub/low2", secret + b"2")
    low.dir("tree").dir("tree/deep").file("tree/deep/leaf", secret + b"3")
    low.file("f2d", b"file becomes dir").dir("d2f").file("d2f/in", secret)
    low.symlink("l2d", "d").symlink("l2f", "d").file("f2l", b"becomes link")
    low.dir("d2l").file("d2l/in", secret + b"4").file("again", secret)
    mid = Layer().whiteout("d/gone").whiteout("tree").whiteout("again")
    mid.dir("op", mode=0o700, uid=7).opaque("op").file("op/new", b"new")
    top = Layer().dir("f2d").file("f2d/x", b"x").file("d2f", b"now a file")
    top.dir("l2d").file("l2d/y", b"y").file("l2f", b"now a file")
    top.symlink("f2l", "d").symlink("d2l", "d").file("again", b"back")
    return Image("e2e/whiteouts:1",
                 [busybox_layer(), low.done(), mid.done(), top.done()],
                 {"Cmd": ["/bin/sh"]}, deleted=(secret,))


def hardlinks():
    old = b"old shared content " + b"qwertyuiopasdfgh" * 8
    low = Layer().dir("hl").file("hl/a", old, uid=3_000_000_000)
    low.link("hl/b", "hl/a").link("hl/c", "hl/a").file("hl/solo", b"solo")
    # The first name goes: the content must move to the next one.
    mid = Layer().whiteout("hl/a")
    # Cut and rejoined with other content.
    top = Layer().file("hl/a", b"new").link("hl/d", "hl/a")
    top.file("hl/solo", b"solo2").link("hl/solo-b", "hl/solo")
    return Image("e2e/hardlinks:1",
                 [busybox_layer(), low.done(), mid.done(), top.done()], {})


def names():
    layer = Layer().dir("n")
    for name in (b"n/" + b"x" * 255, b"n/space and 'quote\"",
                 b"n/new\nline", b"n/tab\t", b"n/back\\slash", b"n/-dash",
                 b"n/caf\xc3\xa9", b"n/colon:semi;", b"n/ctrl\x01\x7f",
                 b"n/.wh", b"n/star*?[", b"n/raw\xff\xfe"):
        layer.file(name, name)
    long_dir = "n/" + "/".join(["d" * 100] * 6)
    parts = long_dir.split("/")
    for i in range(2, len(parts) + 1):
        layer.dir("/".join(parts[:i]))
    layer.file(long_dir + "/leaf", b"deep").symlink("n/long", "t" * 200 + "/" + "t" * 100)
    layer.symlink("n/rel", "../etc/passwd").symlink("n/abs", "/etc/passwd")
    layer.symlink("n/dangling", "nowhere").symlink("n/dot", ".")
    layer.symlink("n/root", "/")
    layer.file("agent-rootfs.tar", b"not smolvm's").file("storage.ext4", b"x")
    layer.file("layer-order", b"y")
    return Image("e2e/names:1", [busybox_layer(), layer.done()], {},
                 rewritten={b"n/root": b".."})


def escapes():
    """Links above the root. Engines refuse to load them, archives hold them."""
    layer = Layer().dir("n").symlink("n/up", "../../../etc/passwd")
    layer.symlink("top", "../x").symlink("abs", "/../etc/passwd")
    layer.symlink("slash", "//").symlink("n/dot", "/.")
    return Image("e2e/escapes:1", [busybox_layer(), layer.done()], {},
                 rewritten={b"n/up": b"../etc/passwd", b"top": b"x",
                            b"abs": b"/etc/passwd", b"slash": b".",
                            b"n/dot": b".."})


def special():
    layer = Layer().dir("s", mode=0o1777, uid=3_000_000_000, gid=2_500_000_000)
    layer.file("s/big-owner", b"x", uid=3_000_000_000, gid=2_500_000_000)
    layer.file("s/setuid", b"x", mode=0o4755).file("s/setgid", b"x",
                                                   mode=0o2755)
    layer.file("s/sticky", b"x", mode=0o1644).file("s/none", b"x", mode=0)
    layer.file("s/old", b"x", mtime=1).file("s/future", b"x",
                                            mtime=4_102_444_800)
    layer.char("s/null", 1, 3, mode=0o666).block("s/loop", 7, 0, mode=0o660)
    layer.fifo("s/fifo", mode=0o600).file("s/empty")
    return Image("e2e/special:1", [busybox_layer(), layer.done()],
                 {"User": "1000:1000"})


def many_files(count=30_000):
    layer = Layer().dir("many")
    for i in range(count):
        if i % 500 == 0:
            layer.dir(f"many/{i // 500:03}")
        layer.file(f"many/{i // 500:03}/{i:05}", b"%d\n" % i)
    top = Layer().file("many/000/00001", b"changed")
    top.whiteout("many/001").whiteout("many/002/01000")
    return Image("e2e/many:1", [busybox_layer(), layer.done(), top.done()])


def many_layers(count=119):
    layers = [busybox_layer()]
    for i in range(count):
        layer = Layer().dir("l").file(f"l/{i:03}", b"%d" % i)
        layer.file("l/last", b"%d" % i)
        if i % 10 == 9:
            layer.whiteout(f"l/{i - 5:03}")
        layers.append(layer.done())
    return Image("e2e/layers:1", layers)


SMALL = {image.__name__: image for image in (
    plain, whiteouts, hardlinks, names, special, many_files, many_layers)}
