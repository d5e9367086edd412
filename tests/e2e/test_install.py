"""What `cmake --install` leaves, used as a user would: the client finds the
daemon beside it, and the user's own systemd starts it on demand."""

import json
import os
import pathlib
import subprocess
import time

import pytest

import conftest

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def prefix(tmp_path_factory):
    """A fresh install of the build under test."""
    target = tmp_path_factory.mktemp("prefix")
    done = subprocess.run(
        ["cmake", "--install", conftest.BIN.parent, "--prefix", target],
        capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return target


def test_installed_files(prefix):
    have = {str(path.relative_to(prefix)) for path in prefix.rglob("*")
            if path.is_file()}
    assert {"bin/bottled", "bin/bottlectl", "lib/systemd/user/bottled.service",
            "lib/systemd/user/bottled.socket"} <= have
    # Nothing of the tests or of the build's own libraries.
    assert not [name for name in have if "test" in name or name.endswith(".a")]


def test_installed_client_starts_its_daemon(prefix, idle_daemon):
    env = {key: value for key, value in idle_daemon.env.items()
           if key != "BOTTLED_DAEMON"}
    ctl = prefix / "bin/bottlectl"

    def run(*args):
        return subprocess.run([ctl, *args], env=env, capture_output=True,
                              text=True, timeout=60, check=True).stdout

    try:
        info = json.loads(run("--json", "info"))["info"]
        # The one beside the client, not one on PATH.
        assert os.readlink(f"/proc/{info['pid']}/exe") == str(
            (prefix / "bin/bottled").resolve())
    finally:
        run("daemon", "stop")


# Runs inside of new PID, mount and cgroup namespaces: a user manager with the
# installed units. $1 = installed unit directory, $2 = bottled, $3 = bottlectl,
# $4 = scratch.
MANAGER = r"""
set -euo pipefail
units=$1 daemon=$2 ctl=$3 scratch=$4
mount -t tmpfs tmpfs /run
mkdir -p /run/systemd/system /run/user/0
mount -t cgroup2 none /sys/fs/cgroup
export HOME=$scratch/home XDG_RUNTIME_DIR=/run/user/0
export XDG_CONFIG_HOME=$HOME/.config
unset BOTTLED_SOCKET BOTTLED_STATE_DIR BOTTLED_CACHE_DIR NOTIFY_SOCKET
chmod 700 /run/user/0
mkdir -p "$XDG_CONFIG_HOME/systemd/user"
for unit in bottled.service bottled.socket; do
  sed "s,^ExecStart=.*,ExecStart=$daemon," "$units/$unit" \
    >"$XDG_CONFIG_HOME/systemd/user/$unit"
done
/lib/systemd/systemd --user >"$scratch/manager.log" 2>&1 &
for _ in $(seq 100); do
  systemctl --user is-system-running >/dev/null 2>&1 && break
  sleep 0.1
done
state() { systemctl --user show -P "$1" bottled.service; }

systemctl --user start bottled.socket
echo "before $(state ActiveState)"
stat -c 'socket %a' /run/user/0/bottled/v1.sock
"$ctl" info --no-start >/dev/null
echo "asked $(state ActiveState) $(state Type) $(state Result)"
first=$(state MainPID)
kill -9 "$first"
for _ in $(seq 100); do
  [ "$(state NRestarts)" = 1 ] && [ "$(state ActiveState)" = active ] && break
  sleep 0.1
done
"$ctl" info --no-start >/dev/null
echo "killed $(state NRestarts) $(state ActiveState)"
systemctl --user stop bottled.service
echo "stopped $(state ActiveState) $(state Result)"
"$ctl" info --no-start >/dev/null
echo "again $(state ActiveState)"
systemctl --user stop bottled.socket bottled.service
test ! -e /run/user/0/bottled/v1.sock && echo "removed"
"""


def test_user_manager_activates_it(prefix, workdir):
    """A real `systemd --user`: started by the first connection, ready by
    sd_notify, restarted after a kill, stopped cleanly, started again."""
    if os.geteuid() != 0 or not os.path.exists("/lib/systemd/systemd"):
        conftest.missing("systemd, and root for its namespaces")
    unified = next((line.split()[1] for line in open("/proc/mounts")
                    if line.split()[2] == "cgroup2"), None)
    if not unified:
        conftest.missing("a cgroup v2 hierarchy")
    group = pathlib.Path(unified) / f"bottled-test-{os.getpid()}"
    group.mkdir()
    (workdir / "home").mkdir()
    try:
        done = subprocess.run(
            ["bash", "-c",
             'echo $$ >"$1/cgroup.procs"; shift; exec unshare -fpmC '
             '--mount-proc --kill-child bash -c "$@"', "bash", group, MANAGER,
             "manager", prefix / "lib/systemd/user", prefix / "bin/bottled",
             prefix / "bin/bottlectl", workdir],
            capture_output=True, text=True, timeout=120,
            env={"PATH": os.environ["PATH"]})
        log = workdir / "manager.log"
        text = log.read_text(errors="replace") if log.exists() else ""
        assert done.returncode == 0, done.stdout + done.stderr + text
        assert done.stdout.splitlines() == [
            "before inactive", "socket 600", "asked active notify success",
            "killed 1 active", "stopped inactive success", "again active",
            "removed"]
    finally:
        for _ in range(50):
            try:
                for child in sorted(group.rglob("*/"), reverse=True):
                    if child.is_dir():
                        child.rmdir()
                group.rmdir()
                break
            except OSError:
                time.sleep(0.1)
