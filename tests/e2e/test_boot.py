"""Machines made from artifacts boot in the real smolvm, emulated."""

import json
import os
import shlex
import shutil
import subprocess

import bottles
import conftest
import images

# Prints one line per path, so that the test can compare what a program in the
# machine sees with what the image holds.
LOOK = """
id -u; pwd; echo "X=$X"
for f in PATHS; do
  if [ -h "$f" ]; then echo "$f link $(readlink "$f")"
  elif [ -e "$f" ]; then
    echo "$f $(stat -c '%F %a %u %g %i' "$f") $(test -f "$f" && sha256sum <"$f" || true)"
  else echo "$f absent"; fi
done
"""


def image():
    it = images.plain()
    low = images.Layer().dir("b", uid=7).file("b/gone", b"gone")
    low.file("b/setuid", b"s", mode=0o4755)
    low.file("b/owner", b"o", uid=3_000_000_000, gid=2_500_000_000)
    low.file("b/first", b"shared").link("b/second", "b/first")
    low.link("b/third", "b/first").symlink("b/link", "../etc/passwd")
    low.symlink("b/root", "/")
    top = images.Layer().whiteout("b/gone").whiteout("b/first")
    it.layers += [low.done(), top.done()]
    it.name = "e2e/boots:1"
    return it


def boot(workdir, smolvm, command, *artifacts):
    """What was printed for each artifact, as lists of lines."""
    work = os.environ.get("BOTTLED_BOOT_WORK", str(workdir / "boot"))
    result = subprocess.run(
        [conftest.ROOT / "tests/tools/boot_machine", "-w", work, "-o",
         workdir / "out", "-c", command, *artifacts],
        env={**os.environ, "SMOL": os.path.dirname(smolvm.binary)},
        capture_output=True, text=True, timeout=1000)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "warn" not in result.stdout.lower(), result.stdout
    parts = result.stdout.split("== ")[1:]
    return [part.splitlines()[1:] for part in parts]


def planned(daemon, docker_host, workdir, on_path):
    """A bottle's artifact with its command beside it, and the plan."""
    home = bottles.Home(workdir)
    home.dockerfile.write_text(
        "FROM scratch\nCOPY busybox /bin/busybox\nCOPY busybox /bin/sh\n"
        'ENV GREETING=hello X=planned\nCMD ["/bin/sh"]\n')
    plan = bottles.prepare(daemon, home, "researcher", env=on_path)
    artifact = workdir / "planned.smolmachine"
    shutil.copy(plan["artifact"]["path"], artifact)
    # The emulated machine has little memory.
    argv = plan["smolvm_argv"][1:] + ["--cpus", "1", "--mem", "512"]
    (workdir / "planned.smolmachine.argv").write_bytes(
        b"".join(word.encode() + b"\0" for word in argv))
    return artifact, plan


def test_machines_boot(daemon, load, docker_host, workdir, smolvm, on_path):
    it = image()
    load(it)
    artifact = workdir / "boots.smolmachine"
    shutil.copy(daemon.pack(it.name), artifact)
    paths = ["b/gone", "b/setuid", "b/owner", "b/first", "b/second", "b/third",
             "b/link", "b/root", "srv/data", "b"]
    command = LOOK.replace("PATHS", " ".join(shlex.quote("/" + p)
                                             for p in paths)) + "env"
    prepared, plan = planned(daemon, docker_host, workdir, on_path)
    plain, bottle = boot(workdir, smolvm, command, artifact, prepared)
    check_tree(plain, it.flatten())
    check_plan(bottle, plan)


def check_plan(lines, plan):
    """The machine is what its plan says, and its programs see the plan's env."""
    listed = json.loads("\n".join(lines[lines.index("["):lines.index("]") + 1]))
    machine, = listed
    endpoint = plan["addresses"]["endpoint_ip"]
    assert machine["name"] == plan["machine_name"]
    assert machine["network"] is True
    assert machine["allowed_cidrs"] == [endpoint + "/32"]
    assert machine["dns"] == endpoint
    assert machine["labels"] == plan["verify"]["labels"]
    assert "X=planned" in lines
    assert "GREETING=hello" in lines
    for variable in plan["guest_env"]:
        assert variable in lines


def check_tree(lines, want):
    begin = lines.index("1000")
    assert lines[begin + 1] == "/srv"
    assert lines[begin + 2] == "X=a b=c"
    seen = {}
    for line in lines[begin + 3:]:
        if line.startswith("/"):
            name, _, rest = line.partition(" ")
            seen[name.strip("/")] = rest
    assert seen["b/gone"] == "absent" and seen["b/first"] == "absent"
    assert seen["b/link"] == "link ../etc/passwd"
    assert seen["b/root"] == "link .."
    for name in ("b/setuid", "b/owner", "b/second", "b/third", "srv/data", "b"):
        node = want[name.encode()]
        words = seen[name].split()
        kind = "directory" if node.kind == "dir" else "regular"
        assert words[0] == kind, seen[name]
        # "regular file" has one word more than "directory".
        mode, uid, gid = words[1:4] if kind == "directory" else words[2:5]
        assert (int(mode, 8), int(uid), int(gid)) == (node.mode, node.uid,
                                                      node.gid), seen[name]
    second, third = seen["b/second"].split(), seen["b/third"].split()
    assert second[5] == third[5]  # one inode
    assert second[6] == want[b"b/second"].sha256
