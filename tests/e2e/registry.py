"""A registry's image made offline, and engines that run and reach one.

  from registry import bridged, registry_archive  # noqa: F401

gives a test file that fixture. The fixtures' engines have REGISTRY_IMAGE.
"""

import contextlib
import ctypes
import http.client
import json
import os
import pathlib
import re
import secrets
import shutil
import socket
import subprocess
import threading

import pytest

import conftest
import engines
import images

REGISTRY_IMAGE = "bottled-registry:2"
PROGRAM = "/usr/bin/docker-registry"
# What the name is in Docker Desktop.
HOST_NAME, HOST_ADDRESS = "host.docker.internal", "192.168.65.254"
CLONE_NEWNET = 0x40000000

CONFIG = b"""version: 0.1
log: {level: info}
storage:
  filesystem: {rootdirectory: /var/lib/registry}
  delete: {enabled: true}
http: {addr: ":5000"}
"""

# Its own network, and a hosts file that nobody else sees. The second address is
# no loopback address, wherever it is.
DESKTOP = """
set -e
mount --bind "$1/hosts" /etc/hosts
ip link set lo up
ip address add "$2/32" dev lo
ip link add bridge0 type bridge
ip address add 172.17.0.1/16 dev bridge0
ip link set bridge0 up
shift 2
exec dockerd --bridge bridge0 "$@"
"""


def image():
    """Debian's docker-registry where the official image has its own."""
    if not os.path.exists(PROGRAM):
        conftest.missing(f"{PROGRAM} (Debian's docker-registry)")
    layer = images.Layer()
    files = {"bin/registry": pathlib.Path(PROGRAM),
             "etc/docker/registry/config.yml": CONFIG,
             "etc/passwd": b"root:x:0:0:root:/:/bin/false\n"}
    linked = subprocess.run(["ldd", PROGRAM], capture_output=True, text=True)
    for path in re.findall(r"(/\S+) \(0x", linked.stdout):
        files[path.strip("/")] = pathlib.Path(path)
    for name in sorted({str(parent) for name in files
                        for parent in pathlib.Path(name).parents
                        if parent.name} | {"tmp", "var", "var/lib",
                                           "var/lib/registry"}):
        layer.dir(name, mode=0o1777 if name == "tmp" else 0o755)
    for name, content in files.items():
        data = content if isinstance(content, bytes) else content.read_bytes()
        layer.file(name, data, mode=0o755)
    return images.Image(REGISTRY_IMAGE, [layer.done()], {
        "Env": ["PATH=/bin"], "Entrypoint": ["registry"],
        "Cmd": ["serve", "/etc/docker/registry/config.yml"],
        "ExposedPorts": {"5000/tcp": {}},
        "Volumes": {"/var/lib/registry": {}}})


def call(engine, path, headers=()):
    """The engine's answer to a GET: status and JSON."""
    connection = http.client.HTTPConnection("localhost", timeout=60)
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.settimeout(60)
    with contextlib.closing(connection):
        connection.sock.connect(engine.env["DOCKER_HOST"].removeprefix(
            "unix://"))
        connection.request("GET", path, headers=dict(headers))
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read() or b"null")


def probe(engine, address, name="probe"):
    """What the engine says of a registry at that address."""
    return call(engine, f"/v1.41/distribution/{address}/{name}:x/json",
                {"X-Registry-Auth": "e30="})


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def serve(engine, port, *flags):
    """A registry published as the daemon publishes its own; its name."""
    return engine.run("run", "-d", "--rm", "-p", f"127.0.0.1:{port}:5000",
                      "--tmpfs", "/var/lib/registry", *flags,
                      REGISTRY_IMAGE).decode().strip()


def answers(port):
    """Whether a registry answers at this host's 127.0.0.1:port."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    with contextlib.closing(connection):
        try:
            connection.request("GET", "/v2/")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False


def enter_network(pid):
    """Moves the calling thread alone."""
    libc = ctypes.CDLL(None, use_errno=True)
    with open(f"/proc/{pid}/ns/net", "rb") as file:
        if libc.setns(file.fileno(), CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")


def relay(one, other):
    def copy(source, target):
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                target.sendall(data)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_WR)

    back = threading.Thread(target=copy, args=(other, one), daemon=True)
    back.start()
    copy(one, other)
    back.join()
    one.close()
    other.close()


class Forwarder:
    """What Docker Desktop does beside its engine: a port that a container
    publishes on the loopback of the engine's network is there on this host's
    loopback too, and under HOST_ADDRESS for the engine. From this host only when
    `forwards`."""

    def __init__(self, engine, pid, forwards):
        self.engine = engine
        self.pid = pid
        self.forwards = forwards
        self.ports = {}
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.watch, daemon=True)
        self.thread.start()

    def published(self):
        _, containers = call(self.engine, "/v1.41/containers/json")
        return {port["PublicPort"] for container in containers
                for port in container["Ports"] if port.get("PublicPort")}

    def watch(self):
        while not self.over.wait(0.2):
            try:
                wanted = self.published()
            except (OSError, http.client.HTTPException, ValueError):
                continue
            for port in wanted - self.ports.keys():
                self.ports[port] = self.open(port)
            for port in self.ports.keys() - wanted:
                self.close(self.ports.pop(port))

    def open(self, port):
        listeners = []
        if self.forwards:
            with contextlib.suppress(OSError):
                listeners.append(socket.create_server(("127.0.0.1", port)))
        ready = threading.Event()

        def inside():
            enter_network(self.pid)
            with contextlib.suppress(OSError):
                listeners.append(socket.create_server((HOST_ADDRESS, port)))
            ready.set()

        thread = threading.Thread(target=inside, daemon=True)
        thread.start()
        thread.join()
        for listener in listeners:
            threading.Thread(target=self.accept, args=(listener, port),
                             daemon=True).start()
        return listeners

    def accept(self, listener, port):
        enter_network(self.pid)
        with contextlib.suppress(OSError):
            while True:
                near, _ = listener.accept()
                try:
                    far = socket.create_connection(("127.0.0.1", port))
                except OSError:
                    near.close()
                    continue
                threading.Thread(target=relay, args=(near, far),
                                 daemon=True).start()

    @staticmethod
    def close(listeners):
        for listener in listeners:
            # Wakes who waits in accept(); close() alone does not.
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()

    def stop(self):
        self.over.set()
        self.thread.join()
        for listeners in self.ports.values():
            self.close(listeners)


@contextlib.contextmanager
def bridge():
    """A bridge on this host with an address of its own."""
    def ip(*words):
        return subprocess.run(["ip", *words], check=True, capture_output=True,
                              text=True).stdout

    taken = ip("-o", "route") + ip("-o", "address")
    subnet = next(net for net in (f"10.{a}.{b}" for a in range(213, 250)
                                  for b in secrets.token_bytes(4))
                  if f"{net}." not in taken)
    name = f"bt{secrets.token_hex(4)}"
    ip("link", "add", name, "type", "bridge")
    try:
        ip("address", "add", f"{subnet}.1/24", "dev", name)
        ip("link", "set", name, "up")
        yield name
    finally:
        ip("link", "delete", name)


def flags(base):
    """dockerd's, without those of engines.py that say that it has no bridge."""
    words = engines.dockerd_flags(base)
    at = words.index("--bridge")
    # This host's switch stays as it is: the proxy needs no forwarding.
    return [*words[:at], *words[at + 2:], "--ip-forward=false",
            "--ip-masq=false", "--host", f"unix://{base}/s"]


def needs():
    for name in ("dockerd", "ip", "unshare"):
        if not shutil.which(name):
            conftest.missing(name)
    if os.geteuid() != 0:
        conftest.missing("root, to make networks")


@contextlib.contextmanager
def plain_engine(base, archive):
    """A dockerd in this host's network, whose ports are this host's."""
    needs()
    base.mkdir()
    engine = engines.Engine(DOCKER_HOST=f"unix://{base}/s")
    with bridge() as name, engines.service(
            ["dockerd", "--bridge", name, *flags(base)], base / "log",
            engine.answers):
        engine.run("load", "-i", archive)
        yield engine


@contextlib.contextmanager
def desktop_engine(base, archive, forwards=True, publishes=True):
    """A dockerd in a network of its own, as in Docker Desktop's VM.

    not forwards: its ports are not on this host. not publishes: nothing answers
    at a published port, though it accepts.
    """
    needs()
    base.mkdir()
    (base / "hosts").write_text(f"127.0.0.1 localhost\n"
                                f"{HOST_ADDRESS} {HOST_NAME}\n")
    engine = engines.Engine(DOCKER_HOST=f"unix://{base}/s")
    command = ["unshare", "--net", "--mount", "--propagation", "private", "sh",
               "-c", DESKTOP, "sh", base, HOST_ADDRESS, *flags(base),
               f"--userland-proxy={str(publishes).lower()}"]
    with engines.service(command, base / "log", engine.answers) as process:
        engine.run("load", "-i", archive)
        # unshare and sh became dockerd.
        forwarder = Forwarder(engine, process.pid, forwards)
        try:
            yield engine
        finally:
            forwarder.stop()


@pytest.fixture(scope="session")
def registry_archive():
    """The path of the image, as `docker load` takes it."""
    with conftest.short_dir() as base:
        path = base / "registry.tar"
        path.write_bytes(image().archive())
        yield path


@pytest.fixture(scope="module")
def bridged(engine_dir, registry_archive):
    with plain_engine(engine_dir / "b", registry_archive) as engine:
        yield engine


@pytest.fixture(scope="module")
def desktop(engine_dir, registry_archive):
    with desktop_engine(engine_dir / "d", registry_archive) as engine:
        yield engine


@pytest.fixture(scope="module")
def unforwarded(engine_dir, registry_archive):
    """The engine reaches its registry, this host does not."""
    with desktop_engine(engine_dir / "u", registry_archive,
                        forwards=False) as engine:
        yield engine


@pytest.fixture(scope="module")
def unreachable(engine_dir, registry_archive):
    """Nobody reaches a registry: all that dockerd does is to listen."""
    with desktop_engine(engine_dir / "n", registry_archive, forwards=False,
                        publishes=False) as engine:
        yield engine
