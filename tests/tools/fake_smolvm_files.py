"""The files of fake_smolvm: an image's layers merged, and a sidecar of them in
the real one's shape. Needs zstd; for a registry's image skopeo."""

import hashlib
import io
import json
import os
import pathlib
import struct
import subprocess
import tarfile
import tempfile
import time
import zlib


class Failure(Exception):
    """Ends with exit status 1, as each of smolvm's own errors does."""


class Tree:
    """Paths, and the nodes that they name: (TarInfo, content)."""

    def __init__(self):
        self.nodes = {}

    def remove_below(self, path):
        for old in [name for name in self.nodes if name.startswith(path + "/")]:
            del self.nodes[old]

    def apply(self, stream):
        with tarfile.open(fileobj=stream, mode="r:*", encoding="utf-8",
                          errors="surrogateescape") as tar:
            members = [(clean(info.name), info) for info in tar]
            # All of them first: they are about the layers below.
            for path, _ in members:
                self.hide(path)
            for path, info in members:
                if path and not path.rpartition("/")[2].startswith(".wh."):
                    self.add(path, info, tar)

    def hide(self, path):
        head, _, name = path.rpartition("/")
        if name == ".wh..wh..opq":
            self.remove_below(head)
        elif name.startswith(".wh."):
            gone = f"{head}/{name[4:]}".strip("/")
            self.remove_below(gone)
            self.nodes.pop(gone, None)

    def add(self, path, info, tar):
        if info.islnk():
            node = self.nodes[clean(info.linkname)]
        else:
            node = (info, tar.extractfile(info).read() if info.isreg() else b"")
        if not info.isdir() and path in self.nodes and \
                self.nodes[path][0].isdir():
            self.remove_below(path)
        self.nodes[path] = node

    def write(self, stream):
        first = {}
        with tarfile.open(fileobj=stream, mode="w", encoding="utf-8",
                          format=tarfile.GNU_FORMAT,
                          errors="surrogateescape") as tar:
            # As GNU tar does: the root is the first entry.
            root = tarfile.TarInfo("./")
            root.type, root.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(root)
            for path in sorted(self.nodes):
                info, data = self.nodes[path]
                copy = tarfile.TarInfo(f"./{path}")
                for field in ("type", "mode", "uid", "gid", "linkname",
                              "devmajor", "devminor"):
                    setattr(copy, field, getattr(info, field))
                copy.mtime = int(info.mtime // 1)
                if id(info) in first:
                    copy.type, copy.linkname = tarfile.LNKTYPE, first[id(info)]
                elif info.isreg():
                    copy.type, copy.size = tarfile.REGTYPE, len(data)
                first.setdefault(id(info), copy.name)
                tar.addfile(copy, io.BytesIO(data) if copy.size else None)


def clean(name):
    return os.path.normpath("/" + name).strip("/")


def read_archive(path):
    """The config's bytes and the layers of what `docker save` writes."""
    try:
        with tarfile.open(path) as tar:
            def read(name):
                return tar.extractfile(tar.getmember(name)).read()

            entry = json.loads(read("manifest.json"))[0]
            return (read(entry["Config"]),
                    [read(name) for name in entry["Layers"]])
    except (OSError, KeyError, ValueError, tarfile.TarError) as error:
        raise Failure(f"agent operation failed: pull image: {error}") from error


def pull(reference):
    with tempfile.TemporaryDirectory() as directory:
        done = subprocess.run(
            ["skopeo", "copy", "--insecure-policy", "--src-tls-verify=false",
             f"docker://{reference}", f"dir:{directory}"], text=True,
            stdin=subprocess.DEVNULL, capture_output=True)
        if done.returncode:
            raise Failure("agent operation failed: pull image: crane manifest "
                          f"failed: {done.stderr.strip()}")
        base = pathlib.Path(directory)
        manifest = json.loads((base / "manifest.json").read_text())

        def read(blob):
            return (base / blob["digest"].removeprefix("sha256:")).read_bytes()

        return (read(manifest["config"]),
                [read(blob) for blob in manifest["layers"]])


def member(tar, name, data, kind=tarfile.REGTYPE):
    info = tarfile.TarInfo(name)
    info.type, info.size = kind, len(data)
    info.mode = 0o755 if kind == tarfile.DIRTYPE else 0o644
    tar.addfile(info, io.BytesIO(data))


def assets_of(agent, layer, name):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as tar:
        member(tar, "agent-rootfs.tar", agent)
        member(tar, "layers", b"", tarfile.DIRTYPE)
        member(tar, name, layer)
    return subprocess.run(["zstd", "-3", "-c", "-q"], input=out.getvalue(),
                          stdout=subprocess.PIPE, check=True).stdout


def sidecar(args, version, text, layers):
    """OUT.smolmachine without its footer, and the size of its assets."""
    tree = Tree()
    for blob in layers:
        tree.apply(io.BytesIO(blob))
    flat = io.BytesIO()
    tree.write(flat)
    layer = flat.getvalue()
    digest = hashlib.sha256(layer).hexdigest()
    agent = io.BytesIO()
    with tarfile.open(fileobj=agent, mode="w") as tar:
        member(tar, "sbin/init", b"fake")
    name = f"layers/{digest}.tar"
    assets = assets_of(agent.getvalue(), layer, name)
    config = json.loads(text)
    run = config.get("config") or {}
    platform = f"{config.get('os')}/{config.get('architecture')}"
    image, digest_of_image, size = args["image"], "packed", 0
    if os.path.exists(image):
        with open(image, "rb") as file:
            image = "local:" + hashlib.sha256(file.read()).hexdigest()
    else:
        digest_of_image = "sha256:" + hashlib.sha256(text).hexdigest()
        size = sum(map(len, layers))
    manifest = {"mode": "container", "image": image, "digest": digest_of_image,
                "platform": platform, "entrypoint": run.get("Entrypoint") or [],
                "cmd": run.get("Cmd") or [], "env": run.get("Env") or [],
                "workdir": run.get("WorkingDir"), "user": run.get("User"),
                "cpus": int(args.get("cpus", 4)),
                "mem": int(args.get("mem", 8192)), "image_size": size,
                "network": False, "gpu": False, "cuda": False,
                "host_platform": "linux/amd64",
                "created": time.strftime("%Y-%m-%dT%H:%M:%S.000000001Z",
                                         time.gmtime()),
                "smolvm_version": version,
                "assets": {"libraries": [
                    {"path": "lib/libkrun.so", "size": 7384952},
                    {"path": "lib/libkrunfw.so.5", "size": 17237688}],
                    "agent_rootfs": {"path": "agent-rootfs.tar",
                                     "size": len(agent.getvalue())},
                    "layers": [{"digest": f"sha256:{digest}", "path": name,
                                "size": len(layer)}]}}
    manifest = {key: value for key, value in manifest.items()
                if value or key not in ("entrypoint", "workdir", "user")}
    return assets + json.dumps(manifest, indent=2).encode(), len(assets)


def footer(body, assets, wrong=0):
    return struct.pack("<8sIQQQQQI8x", b"SMOLPACK", 1, 0, 0, assets, assets,
                       len(body) - assets, zlib.crc32(body) ^ wrong)
