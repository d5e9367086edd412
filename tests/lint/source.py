#!/usr/bin/env python3
"""Rules of CONTRIBUTING.md that no other tool checks.

Usage: source.py [ROOT]. Long files, forbidden calls, unfinished code.
"""

import pathlib
import re
import subprocess
import sys

MAX_LINES = 400
FORBIDDEN = [
    (r"\bstd::filesystem::remove_all\b", "follows links: use RemoveTree()"),
    (r"(?<![\w.:>])(?:::)?(?:system|popen|fork|vfork)\s*\(",
     "no shell, no fork: use Process"),
    (r"\babsl::Mutex\b", "TSan cannot see it: use base/mutex.h"),
    (r"\babsl::string_view\b", "differs from std::string_view on Debian"),
    (r"\b(strcpy|strcat|sprintf|gets|strtok)\s*\(", "unsafe C function"),
    (r"#\s*if(def)?\s.*(__linux__|__APPLE__|_WIN32)",
     "systems differ by file name, not by #ifdef"),
]
UNFINISHED = re.compile(
    r"\b(TODO|FIXME|XXX|HACK)\b|for now\b|not implemented", re.I)


REASON = re.compile(r'MakeError\(\s*absl::StatusCode::\w+,\s*"([A-Z_]+)"')


def undocumented(root, names):
    """Reasons in the code that neither list of reasons has."""
    listed = "".join((root / "docs" / page).read_text()
                     for page in ("errors.md", "manifest.md"))
    out = []
    for name in names:
        if name.endswith(".cc") and not name.startswith("tests/"):
            for reason in REASON.findall((root / name).read_text()):
                if f"`{reason}`" not in listed:
                    out.append((name, reason))
    return out


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    names = subprocess.run(["git", "ls-files"], cwd=root, check=True,
                           capture_output=True, text=True).stdout.split("\n")
    bad = 0
    checked = 0

    def complain(name, line, text):
        nonlocal bad
        bad += 1
        print(f"{name}:{line}: {text}")

    for name in names:
        path = root / name
        if not name or name.startswith("tests/data/") or not path.is_file():
            continue
        suffix = path.suffix
        code = suffix in (".cc", ".h")
        if not (code or suffix in (".proto", ".py", ".sh", ".cmake")
                or name.startswith("scripts/")):
            continue
        checked += 1
        lines = path.read_text().split("\n")
        if len(lines) > MAX_LINES + 1 and not name.endswith(".txt"):
            complain(name, len(lines), f"more than {MAX_LINES} lines")
        if name == "tests/lint/source.py":
            continue
        for number, line in enumerate(lines, 1):
            if UNFINISHED.search(line):
                complain(name, number, "unfinished by its own words")
            if not code or name.startswith("tests/"):
                continue
            text = line.split("//")[0]
            if name == "daemon/base/error.cc" and "Cord" in text:
                continue  # Cord's API is made of absl::string_view.
            for pattern, why in FORBIDDEN:
                if re.search(pattern, text):
                    complain(name, number, why)
    for name, reason in undocumented(root, names):
        complain(name, 1, f"docs/errors.md does not list {reason}")
    print(f"source: {checked} files, {bad} complaints")
    return 1 if bad or not checked else 0


if __name__ == "__main__":
    sys.exit(main())
