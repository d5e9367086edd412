"""Real programs with the gates' rendered files: git daemon, gitleaks, mitmdump.

Environment: BOTTLED_TEST_BIN_DIR (of bottle_test), BOTTLED_GITLEAKS and
BOTTLED_MITMDUMP (the two programs; else from PATH).
"""

import http.client
import http.server
import os
import pathlib
import re
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time

import conftest

# Logs how it was called, then does locally what it was asked to do elsewhere.
FAKE_SSH = """#!/bin/sh
printf '%s\\n' "$*" >>"$FAKE_SSH_LOG"
while [ $# -gt 1 ]; do shift; done
exec env -i PATH="$PATH" sh -c "$1"
"""


def program(variable, name):
    path = os.environ.get(variable) or shutil.which(name)
    if not path or not os.access(path, os.X_OK):
        conftest.missing(f"{name} ({variable})")
    return path


def render(out):
    """Lets the renderers' own test write what it rendered."""
    bin_dir = pathlib.Path(os.environ.get("BOTTLED_TEST_BIN_DIR", conftest.BIN))
    if not (bin_dir / "bottle_test").exists():
        conftest.missing(f"{bin_dir}/bottle_test")
    subprocess.run(
        [bin_dir / "bottle_test", "--gtest_filter=GateFiles.*"], check=True,
        env={**os.environ, "BOTTLED_GATES_OUT": str(out)}, capture_output=True)
    assert (out / "compose.yaml").exists()


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def wait_port(port, process, log):
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            assert process.poll() is None, log.read_text()
            time.sleep(0.05)
    raise AssertionError("nobody listens\n" + log.read_text())


def stop(process):
    """Ends it and its children, which share its group."""
    try:
        os.killpg(process.pid, signal.SIGTERM)
    except ProcessLookupError:
        pass
    process.wait(30)


class GitGate:
    """The git gate of a bottle with the repository `app`, and its guest."""

    def __init__(self, base):
        self.base = base
        self.upstream = base / "upstream/app.git"
        self.config = base / "gates/git-gate"
        self.port = free_port()
        self.log = base / "gate.log"
        self.ssh_log = base / "ssh.log"
        self.process = None
        bin_dir = base / "bin"
        bin_dir.mkdir()
        (bin_dir / "ssh").write_text(FAKE_SSH)
        (bin_dir / "ssh").chmod(0o755)
        self.gitleaks = bin_dir / "gitleaks"
        self.gitleaks.symlink_to(program("BOTTLED_GITLEAKS", "gitleaks"))
        render(base / "gates")
        subprocess.run(["git", "init", "-q", "--bare", "-b", "main",
                        self.upstream], check=True)
        # What is another place outside of the container.
        self.key = base / "key"
        self.key.touch(0o600)
        self.rewrite("upstreams.tsv", ("/srv/app.git", str(self.upstream)),
                     ("/run/bottled/git-gate/keys/app", str(self.key)),
                     ("/run/bottled/git-gate/keys/gone", str(self.key)),
                     ("/etc/bottled/git-gate", str(self.config)))
        self.rewrite("gitconfig", ("172.16.192.18:9418",
                                   f"127.0.0.1:{self.port}"))
        self.env = {
            "PATH": f"{bin_dir}:{os.environ['PATH']}", "HOME": str(base),
            "FAKE_SSH_LOG": str(self.ssh_log),
            "BOTTLED_GIT_GATE_CONFIG": str(self.config),
            "BOTTLED_GIT_GATE_DATA": str(base / "data"),
            "BOTTLED_GIT_GATE_LISTEN": "127.0.0.1",
            "BOTTLED_GIT_GATE_PORT": str(self.port),
        }
        self.guest_env = {
            "PATH": os.environ["PATH"], "HOME": str(base),
            "GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0",
            "GIT_CONFIG_GLOBAL": str(self.config / "gitconfig"),
            # It has no ssh: all of its git goes through the gate.
            "GIT_SSH_COMMAND": "/bin/false",
        }
        self.work = base / "work"

    def rewrite(self, name, *pairs):
        path = self.config / name
        text = path.read_text()
        for old, new in pairs:
            assert old in text, (old, text)
            text = text.replace(old, new)
        path.write_text(text)

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                ["dash", self.config / "entrypoint.sh"], env=self.env,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True)
        wait_port(self.port, self.process, self.log)
        return self

    def stop(self):
        if self.process:
            stop(self.process)

    def refuses_to_start(self):
        result = subprocess.run(
            ["dash", self.config / "entrypoint.sh"], env=self.env,
            capture_output=True, text=True, timeout=30)
        assert result.returncode == 1, result
        return result.stderr

    def guest(self, *args, fails=False, cwd=None):
        result = subprocess.run(
            ["git", *map(str, args)], env=self.guest_env, text=True,
            cwd=cwd or self.work, capture_output=True, timeout=120)
        text = result.stdout + result.stderr
        assert (result.returncode != 0) == fails, text + self.log.read_text()
        return text

    def clone(self, url="ssh://git@up.test:2222/srv/app.git"):
        return self.guest("clone", "-q", url, self.work, cwd=self.base)

    def commit(self, name, content, *flags):
        path = self.work / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        self.guest("add", "-A")
        self.guest("commit", "-q", "-m", name, *flags)
        return self.guest("rev-parse", "HEAD").strip()

    @staticmethod
    def refs(repo):
        out = subprocess.run(["git", "-C", repo, "for-each-ref", "--format",
                              "%(refname) %(objectname)"], check=True,
                             capture_output=True, text=True).stdout
        return dict(line.split() for line in out.splitlines())

    def upstream_refs(self):
        return self.refs(self.upstream)

    def mirror_refs(self):
        return self.refs(self.base / "data/repos/app.git")


# Names below .test are this machine; which ones were asked for is the log of
# what was about to be dialled.
RESOLVER = """
import os, socket
real = socket.getaddrinfo
def getaddrinfo(host, *args, **kwargs):
    name = host.decode() if isinstance(host, bytes) else host
    if isinstance(name, str) and name.endswith(".test"):
        with open(os.environ["DIALLED"], "a") as file:
            file.write(name + "\\n")
        host = "127.0.0.1"
    return real(host, *args, **kwargs)
socket.getaddrinfo = getaddrinfo
"""


class Upstream:
    """An HTTP server that remembers what it was asked."""

    def __init__(self, certificate=None):
        seen = self.seen = []

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                length = int(self.headers.get("Content-Length", 0))
                self.rfile.read(length)
                seen.append((self.path, self.headers.get("Authorization")))
                self.send_response(200)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"ok")

            do_POST = do_GET

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0),
                                                      Handler)
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self.server.socket = context.wrap_socket(self.server.socket,
                                                     server_side=True)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever,
                         daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


def make_certificate(path, names):
    """A self-signed certificate and its key in one file."""
    key = path.with_suffix(".key")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days",
         "2", "-subj", "/CN=upstream", "-keyout", key, "-out", path, "-addext",
         "subjectAltName=" + ",".join("DNS:" + name for name in names)],
        check=True, capture_output=True)
    path.write_bytes(path.read_bytes() + key.read_bytes())


class Egress:
    """mitmdump with the rendered add-on between a client and two servers."""

    def __init__(self, base):
        self.base = base
        self.dialled = base / "dialled"
        self.log = base / "mitm.log"
        self.dir = base / "gates/egress"
        self.port = free_port()
        self.mitmdump = program("BOTTLED_MITMDUMP", "mitmdump")
        render(base / "gates")
        (base / "resolver.py").write_text(RESOLVER)
        certificate = base / "upstream.pem"
        make_certificate(certificate, ["allowed.test", "open.test",
                                       "*.wild.test", "missing.test"])
        self.tls = Upstream(certificate)
        self.plain = Upstream()
        self.process = None

    def start(self, *flags, env=None, wait=True):
        self.dialled.write_text("")
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [self.mitmdump, "--set", f"confdir={self.base}/conf",
                 "--listen-host", "127.0.0.1", "-p", str(self.port), "-s",
                 self.dir / "addon.py", "-s", self.base / "resolver.py",
                 "--set", "ssl_verify_upstream_trusted_ca="
                 f"{self.base}/upstream.pem", *flags],
                env={"PATH": os.environ["PATH"], "HOME": str(self.base),
                     "DIALLED": str(self.dialled), **(env or {})},
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True)
        if wait:
            wait_port(self.port, self.process, self.log)
        return self

    def stop(self):
        self.tls.stop()
        self.plain.stop()
        if self.process:
            stop(self.process)

    def connect(self, target):
        """A socket and the proxy's answer to CONNECT."""
        sock = socket.create_connection(("127.0.0.1", self.port), 30)
        sock.sendall(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n"
                     .encode())
        head = b""
        while b"\r\n\r\n" not in head:
            part = sock.recv(1)
            if not part:
                break
            head += part
        return sock, int(re.match(rb"HTTP/1.\d (\d+)", head).group(1))

    def https(self, host, path, headers=None, sni=None):
        """The status and body; a refused CONNECT is ("CONNECT", status)."""
        sock, status = self.connect(f"{host}:{self.tls.port}")
        if status != 200:
            sock.close()
            return "CONNECT", status
        context = ssl.create_default_context(
            cafile=self.base / "conf/mitmproxy-ca-cert.pem")
        context.check_hostname = sni is None
        with context.wrap_socket(sock, server_hostname=sni or host) as tls:
            return self.ask(tls, path, {"Host": host, **(headers or {})})

    def http(self, host, path="/"):
        with socket.create_connection(("127.0.0.1", self.port), 30) as sock:
            name = f"{host}:{self.plain.port}"
            return self.ask(sock, f"http://{name}{path}", {"Host": name})

    @staticmethod
    def ask(sock, path, headers):
        lines = [f"GET {path} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        sock.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        response = http.client.HTTPResponse(sock)
        response.begin()
        return response.status, response.read().decode()
