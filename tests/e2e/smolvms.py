"""Stand-ins for the daemon's --smolvm: one that fakes, one that emulates."""

import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess

import conftest
import engines

TOOLS = conftest.ROOT / "tests/tools"


class Installed:
    """Tools copied into a directory of their own, with their settings beside
    them: the daemon gives them no environment that could have those."""

    def __init__(self, workdir, tool, *beside):
        self.directory = workdir / f"{tool}.d"
        self.directory.mkdir()
        for name in (tool, *beside):
            shutil.copy(TOOLS / name, self.directory)
        self.path = self.directory / tool

    def set(self, **settings):
        # A call that begins meanwhile sees the old or the new ones.
        file = self.directory / "new"
        file.write_text(json.dumps(settings))
        file.rename(self.directory / f"{self.path.name}.json")
        return self


class Fake(Installed):
    """tests/tools/fake_smolvm says which settings there are."""

    def __init__(self, workdir, **settings):
        super().__init__(workdir, "fake_smolvm", "fake_smolvm_files.py")
        self.log = self.directory / "log"
        self.marker = f"left-by-{self.directory.parent.name}"
        self.set(**settings)

    def set(self, **settings):
        return super().set(log=str(self.log), marker=self.marker, **settings)

    def run(self, *args):
        return subprocess.run([self.path, *map(str, args)],
                              stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=100)

    def lines(self):
        if not self.log.exists():
            return []
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def calls(self):
        """Those of `pack create`, without those for its help."""
        return [line for line in self.lines()
                if line.get("argv", [])[:2] == ["pack", "create"]
                and "--help" not in line["argv"]]

    def left(self):
        """The ids of all that its calls left running."""
        out = []
        for entry in pathlib.Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    words = (entry / "cmdline").read_bytes().split(b"\0")
                except OSError:
                    continue
                if self.marker.encode() in words:
                    out.append(int(entry.name))
        return out

    def kill_left(self):
        for pid in self.left():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        engines.wait_for(lambda: not self.left(), "the end of what was left")


class Emulated(Installed):
    """tests/tools/emulated_smolvm: the real smolvm where no VM can boot."""

    def __init__(self, workdir, binary, **settings):
        super().__init__(workdir, "emulated_smolvm")
        self.kept = workdir / "emulated"
        self.set(smol=os.path.dirname(binary), keep=str(self.kept),
                 boot_machine=str(TOOLS / "boot_machine"),
                 work=os.environ.get("BOTTLED_BOOT_WORK",
                                     str(workdir / "boot")), **settings)
