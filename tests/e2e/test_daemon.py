"""The daemon as a process: one per state directory, one user, signals,
activation, starting by clients."""

import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import time

import pytest

import conftest
import engines
import images


def test_second_daemon_exits_75_and_names_the_holder(daemon):
    result = subprocess.run([conftest.BIN / "bottled"], env=daemon.env,
                            capture_output=True, text=True, timeout=30)
    assert result.returncode == 75
    assert str(daemon.process.pid) in result.stderr
    # The first one still serves.
    assert daemon.ctl("info").returncode == 0


def test_another_user_is_closed_unread(daemon):
    """Even when every permission is taken away, the peer's uid counts."""
    if os.geteuid() != 0:
        pytest.skip("changing the uid needs root")
    os.chmod(daemon.base, 0o755)
    os.chmod(daemon.socket.parent, 0o755)
    os.chmod(daemon.socket, 0o666)
    script = ("import socket,sys\n"
              "s=socket.socket(socket.AF_UNIX)\n"
              "s.settimeout(10)\n"
              "s.connect(sys.argv[1])\n"
              "try:\n"
              "    s.sendall(b'PRI * HTTP/2.0\\r\\n\\r\\nSM\\r\\n\\r\\n')\n"
              "    data = s.recv(1)\n"
              "except (BrokenPipeError, ConnectionResetError):\n"
              "    data = b''\n"
              "sys.exit(len(data))\n")
    result = subprocess.run(["/usr/bin/python3", "-c", script, daemon.socket],
                            user=65534, group=65534, extra_groups=[],
                            timeout=30)
    assert result.returncode == 0
    assert daemon.ctl("info").returncode == 0


def test_permissions(daemon):
    assert daemon.socket.stat().st_mode & 0o777 == 0o600
    for path in (daemon.socket.parent, daemon.state, daemon.cache):
        assert path.stat().st_mode & 0o777 == 0o700
    assert (daemon.state / "bottled.db").stat().st_mode & 0o077 == 0


def test_sigterm_ends_cleanly(daemon):
    daemon.process.send_signal(signal.SIGTERM)
    assert daemon.process.wait(30) == 0
    assert not daemon.socket.exists()
    daemon.start()


def is_running(pid):
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.split(") ")[1][0] != "Z"


def test_clients_start_one_daemon(idle_daemon):
    """Twenty at once, none is there before."""
    clients = [idle_daemon.spawn("--json", "info") for _ in range(20)]
    pids = set()
    for client in clients:
        out, err = client.communicate(timeout=60)
        assert client.returncode == 0, err
        pids.add(json.loads(out.splitlines()[-1])["info"]["pid"])
    assert len(pids) == 1
    idle_daemon.ctl("daemon", "stop")
    # The lock is free; the process is about to go, or a zombie that its parent
    # has not collected yet.
    pid = pids.pop()
    end = time.monotonic() + 10
    while is_running(pid) and time.monotonic() < end:
        time.sleep(0.02)
    assert not is_running(pid)


def test_no_start_is_honoured(idle_daemon):
    result = idle_daemon.ctl("info", "--no-start", check=False)
    assert result.returncode == 7
    assert not idle_daemon.socket.exists()


def test_systemd_socket_activation(idle_daemon):
    """The daemon serves the socket that systemd's own tool opened."""
    tool = shutil.which("systemd-socket-activate")
    if not tool:
        conftest.missing("systemd-socket-activate")
    idle_daemon.socket.parent.mkdir(mode=0o700)
    log = open(idle_daemon.base / "daemon.log", "ab")
    env = [f"-E{key}={value}" for key, value in idle_daemon.env.items()]
    idle_daemon.process = subprocess.Popen(
        [tool, "-l", idle_daemon.socket, *env, conftest.BIN / "bottled"],
        stdout=log, stderr=log)
    end = time.monotonic() + 20
    while not idle_daemon.socket.exists() and time.monotonic() < end:
        time.sleep(0.02)
    inode = idle_daemon.socket.stat().st_ino
    assert idle_daemon.ctl("info", "--no-start").returncode == 0
    idle_daemon.stop()
    # It is systemd's socket: it stays.
    assert idle_daemon.socket.stat().st_ino == inode


def test_units_are_valid(workdir):
    tool = shutil.which("systemd-analyze")
    if not tool:
        conftest.missing("systemd-analyze")
    build = conftest.BIN.parent
    text = (build / "systemd/bottled.service").read_text()
    installed = [line.split("=", 1)[1] for line in text.splitlines()
                 if line.startswith("ExecStart=")][0]
    service = workdir / "bottled.service"
    service.write_text(text.replace(installed, str(conftest.BIN / "bottled")))
    shutil.copy(build / "systemd/bottled.socket", workdir)
    result = subprocess.run(
        [tool, "verify", "--user", service, workdir / "bottled.socket"],
        env={**os.environ, "XDG_RUNTIME_DIR": str(workdir)},
        capture_output=True, text=True)
    # Unknown keys are only printed.
    assert result.returncode == 0 and not result.stderr.strip(), result


def test_launchd_agent_is_well_formed():
    import plistlib
    path = conftest.BIN.parent / "launchd/dev.bottled.plist"
    agent = plistlib.loads(path.read_bytes())
    assert agent["ProgramArguments"][0].endswith("/bottled")
    assert "Listener" in agent["Sockets"]


def test_hostile_bytes_on_the_socket(daemon):
    for data in (b"", b"GET / HTTP/1.1\r\n\r\n", os.urandom(4096),
                 b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + os.urandom(512)):
        for _ in range(20):
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(str(daemon.socket))
                try:
                    client.sendall(data)
                except OSError:
                    pass
    assert daemon.alive()
    assert daemon.ctl("info").returncode == 0


def test_connections_are_given_back(daemon):
    """More connections, one after the other, than may be open at once."""
    before = len(os.listdir(f"/proc/{daemon.process.pid}/fd"))
    for _ in range(400):
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(daemon.socket))
    assert daemon.ctl("info").returncode == 0
    end = time.monotonic() + 20
    while time.monotonic() < end:
        now = len(os.listdir(f"/proc/{daemon.process.pid}/fd"))
        if now <= before + 10:
            return
        time.sleep(0.1)
    raise AssertionError(f"{now} descriptors are open, {before} were")


@pytest.mark.parametrize("keep_mtime", [True, False])
def test_damaged_artifact_is_quarantined(daemon, archive, keep_mtime):
    """Bit rot leaves the times alone; a write changes them."""
    file = archive(images.plain())
    path = pathlib.Path(daemon.pack("--archive", file))
    times = (path.stat().st_atime_ns, path.stat().st_mtime_ns)
    os.chmod(path, 0o600)
    with open(path, "r+b") as artifact:
        artifact.seek(100)
        byte = artifact.read(1)
        artifact.seek(100)
        artifact.write(bytes([byte[0] ^ 1]))
    if keep_mtime:
        os.utime(path, ns=times)
    result = daemon.ctl("--json", "cache", "verify", check=False)
    assert result.returncode != 0
    verification, = next(
        o["verifications"] for o in map(json.loads, result.stdout.splitlines())
        if "verifications" in o)
    assert not verification.get("ok") and verification["quarantined"]
    assert not path.exists()
    again = daemon.pack("--archive", file)
    assert os.path.exists(again)


def test_reproducible_over_state_dirs_and_sources(workdir, docker, load,
                                                  docker_host):
    """Two daemons, the engine's own stream and its archive: one artifact."""
    image = images.hardlinks()
    load(image)
    saved = workdir / "saved.tar"
    saved.write_bytes(docker("save", image.name))
    made = workdir / "made.tar"
    made.write_bytes(image.archive())
    digests = set()
    for i, source in enumerate(([image.name], ["--archive", saved],
                                ["--archive", made])):
        base = workdir / str(i)
        base.mkdir()
        instance = conftest.Daemon(base, docker_host).start()
        try:
            artifact = instance.json("pack", *source)[-1]["artifact"]
            digests.add(artifact["digest"])
        finally:
            instance.stop()
    assert len(digests) == 1


def test_info_counts_watchers(daemon):
    def watchers():
        return daemon.json("info")[-1]["info"]["watcherCount"]

    assert watchers() == 0
    client = daemon.spawn("pack", "--archive", "-", stdin=subprocess.PIPE)
    engines.wait_for(lambda: watchers() == 1, "a watcher")
    assert re.search(r"^Watchers: +1, at most 10000$",
                     daemon.ctl("info").stdout, re.M)
    client.kill()
    client.communicate()
    engines.wait_for(lambda: watchers() == 0, "no watcher")


def test_memory_of_an_idle_daemon(daemon):
    daemon.ctl("info")
    status = pathlib.Path(f"/proc/{daemon.process.pid}/status").read_text()
    rss = int(status.split("VmRSS:")[1].split()[0])
    print(f"idle RSS {rss} kB")
    assert rss < 60 * 1024
