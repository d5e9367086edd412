#!/usr/bin/env python3
"""Checks that every #include follows the arrows of ARCHITECTURE.md.

Usage: layers.py [ROOT]. Prints each include that points up or sideways and
exits with 1. The allowed arrows are those that the CMakeLists.txt of each layer
declares with bottled_layer(); on top of that, some libraries belong to one
layer alone.
"""

import pathlib
import re
import sys

# Header prefix -> the layers that may include it.
OWNED = {
    "grpcpp/": {"rpc"},
    "grpc/": {"rpc"},
    "bottled/v1/": {"rpc", "client"},
    "google/protobuf/": {"rpc", "client"},
    "sqlite3.h": {"store"},
    "curl/": {"engine"},
    "archive.h": {"image", "pack"},
    "archive_entry.h": {"image", "pack"},
    "zstd.h": {"image", "pack"},
    "yaml-cpp/": {"app", "bottle"},
    "CLI/": {"app", "client"},
    "nghttp2/": {"client"},
}
CLIENT_MAY = {"client", "endpoint", "platform", "base"}
INCLUDE = re.compile(r'^\s*#\s*include\s+[<"]([^">]+)[">]', re.M)
LAYER = re.compile(r"bottled_layer\((\w+)((?:\s|\S)*?)\)", re.M)


def declared_arrows(root):
    direct = {}
    for path in sorted((root / "daemon").glob("*/CMakeLists.txt")):
        match = LAYER.search(path.read_text())
        words = match.group(2).split()
        deps = []
        if "DEPENDS" in words:
            for word in words[words.index("DEPENDS") + 1:]:
                if word == "PACKAGES":
                    break
                deps.append(word)
        direct[match.group(1)] = deps
    closed = {}

    def close(layer, path):
        if layer in path:
            sys.exit(f"the layers form a cycle: {' -> '.join(path + [layer])}")
        if layer not in closed:
            reach = {layer}
            for dep in direct[layer]:
                reach |= close(dep, path + [layer])
            closed[layer] = reach
        return closed[layer]

    for layer in direct:
        close(layer, [])
    return closed


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    arrows = declared_arrows(root)
    arrows["client"] = CLIENT_MAY
    bad = 0
    files = [p for d in ("daemon", "client") for p in (root / d).rglob("*")
             if p.suffix in (".h", ".cc")]
    for path in sorted(files):
        parts = path.relative_to(root).parts
        layer = parts[1] if parts[0] == "daemon" else "client"
        if len(parts) == 2 and parts[0] == "daemon":
            layer = "app"  # main.cc
        for name in INCLUDE.findall(path.read_text()):
            target = name.split("/")[0]
            why = None
            if target in arrows and target not in arrows[layer]:
                why = f"{layer} may not see {target}"
            for prefix, owners in OWNED.items():
                if name.startswith(prefix) and layer not in owners:
                    why = f"{prefix} belongs to {', '.join(sorted(owners))}"
            if why:
                print(f"{path.relative_to(root)}: #include \"{name}\": {why}")
                bad += 1
    print(f"layers: {len(files)} files, {bad} wrong includes")
    return 1 if bad or not files else 0


if __name__ == "__main__":
    sys.exit(main())
