"""A dockerd behind TLS that knows its clients by their certificates."""

import os
import shutil
import subprocess

import pytest

import conftest
import engines
import gates
import images

OPENSSL_CONFIG = """
[req]
distinguished_name = dn
[dn]
[ca]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
[server]
basicConstraints = critical, CA:FALSE
extendedKeyUsage = serverAuth
subjectAltName = IP:127.0.0.1
[client]
basicConstraints = critical, CA:FALSE
extendedKeyUsage = clientAuth
"""


class Authority:
    """A certificate authority and what it signed."""

    def __init__(self, base, name):
        self.base = base
        self.config = base / "openssl.cnf"
        base.mkdir()
        self.config.write_text(OPENSSL_CONFIG)
        self.make("ca", name, "ca")

    def make(self, file, name, kind):
        signer = [] if kind == "ca" else [
            "-CA", self.base / "ca.pem", "-CAkey", self.base / "ca-key.pem"]
        subprocess.run(
            ["openssl", "req", "-x509", "-config", self.config, "-newkey", "ec",
             "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
             "-subj", f"/CN={name}", "-extensions", kind, *signer, "-keyout",
             self.base / f"{file}-key.pem", "-out", self.base / f"{file}.pem"],
            check=True, capture_output=True)

    def directory(self, path, certificate=None):
        """As DOCKER_CERT_PATH has it."""
        path.mkdir()
        shutil.copy(self.base / "ca.pem", path / "ca.pem")
        if certificate:
            signer, name = certificate
            shutil.copy(signer.base / f"{name}.pem", path / "cert.pem")
            shutil.copy(signer.base / f"{name}-key.pem", path / "key.pem")
        return path


@pytest.fixture(scope="module")
def ours(engine_dir):
    if not shutil.which("openssl"):
        conftest.missing("openssl")
    authority = Authority(engine_dir / "ours", "ours")
    authority.make("server", "engine", "server")
    authority.make("client", "client", "client")
    return authority


@pytest.fixture(scope="module")
def foreign(engine_dir):
    authority = Authority(engine_dir / "foreign", "foreign")
    authority.make("client", "client", "client")
    return authority


@pytest.fixture(scope="module")
def dockerd(engine_dir, ours):
    if not shutil.which("dockerd") or os.geteuid() != 0:
        conftest.missing("dockerd, and root to run it")
    base = engine_dir / "d"
    base.mkdir()
    engine = engines.Engine(
        DOCKER_HOST=f"tcp://127.0.0.1:{gates.free_port()}",
        DOCKER_TLS_VERIFY="1",
        DOCKER_CERT_PATH=str(ours.directory(base / "c", (ours, "client"))))
    command = ["dockerd", "--host", engine.env["DOCKER_HOST"], "--tlsverify",
               "--tlscacert", ours.base / "ca.pem",
               "--tlscert", ours.base / "server.pem",
               "--tlskey", ours.base / "server-key.pem",
               *engines.dockerd_flags(base)]
    with engines.service(command, base / "log", engine.answers):
        yield engine


@pytest.mark.parametrize("make", engines.SAMPLES)
def test_gives_the_same_bytes(idle_daemon, plain_bytes, dockerd, make):
    image = make()
    dockerd.load(image)
    engines.check_same(engines.start_elsewhere(idle_daemon), image,
                       dockerd.env, plain_bytes(image))


def test_a_context_brings_its_certificates(idle_daemon, workdir, plain_bytes,
                                           dockerd):
    image = images.plain()
    dockerd.load(image)
    config = {"DOCKER_CONFIG": str(workdir / "config")}
    directory = dockerd.env["DOCKER_CERT_PATH"]
    engines.Engine(**config).run(
        "context", "create", "far", "--docker",
        f"host={dockerd.env['DOCKER_HOST']},ca={directory}/ca.pem,"
        f"cert={directory}/cert.pem,key={directory}/key.pem")
    engines.check_same(engines.start_elsewhere(idle_daemon), image, config,
                       plain_bytes(image), "--context", "far")


def test_unverified_only_when_asked_for(idle_daemon, workdir, plain_bytes,
                                        dockerd, ours, foreign):
    image = images.plain()
    dockerd.load(image)
    daemon = engines.start_elsewhere(idle_daemon)
    env = {"DOCKER_HOST": dockerd.env["DOCKER_HOST"],
           "DOCKER_CERT_PATH": str(foreign.directory(workdir / "c",
                                                     (ours, "client")))}
    for verify in ({"DOCKER_TLS_VERIFY": "1"},
                   {"DOCKER_TLS_VERIFY": "1", "DOCKER_TLS": "1"}):
        engines.check_refused(daemon, {**env, **verify}, "ENGINE_UNREACHABLE",
                              "certificate")
    engines.check_same(daemon, image, {**env, "DOCKER_TLS": "1"},
                       plain_bytes(image))


def test_a_server_of_another_name(idle_daemon, dockerd):
    daemon = engines.start_elsewhere(idle_daemon)
    host = dockerd.env["DOCKER_HOST"].replace("127.0.0.1", "localhost")
    engines.check_refused(daemon, {**dockerd.env, "DOCKER_HOST": host},
                          "ENGINE_UNREACHABLE", host, "certificate")


@pytest.mark.parametrize("signer", [None, "foreign"])
def test_a_client_that_the_server_does_not_know(idle_daemon, workdir, dockerd,
                                                ours, signer, request):
    """With TLS 1.3 it is told so after its handshake is over."""
    certificate = signer and (request.getfixturevalue(signer), "client")
    directory = ours.directory(workdir / "c", certificate)
    daemon = engines.start_elsewhere(idle_daemon)
    # No more words: the server may hang up before libcurl reads why.
    engines.check_refused(
        daemon, {**dockerd.env, "DOCKER_CERT_PATH": str(directory)},
        "ENGINE_UNREACHABLE", dockerd.env["DOCKER_HOST"])
    # The same daemon, once the certificate is there.
    for file in ("cert.pem", "key.pem"):
        shutil.copy(f"{dockerd.env['DOCKER_CERT_PATH']}/{file}", directory)
    image = images.plain()
    dockerd.load(image)
    daemon.pack(image.name, env={**dockerd.env,
                                 "DOCKER_CERT_PATH": str(directory)})


def test_a_certificate_without_its_key(idle_daemon, workdir, dockerd, ours):
    directory = ours.directory(workdir / "c", (ours, "client"))
    (directory / "key.pem").unlink()
    engines.check_refused(
        engines.start_elsewhere(idle_daemon),
        {**dockerd.env, "DOCKER_CERT_PATH": str(directory)},
        "ENGINE_UNREACHABLE", f"no key.pem beside it in {directory}")


def test_a_directory_that_is_not_there(idle_daemon, workdir, dockerd):
    engines.check_refused(
        engines.start_elsewhere(idle_daemon),
        {**dockerd.env, "DOCKER_CERT_PATH": str(workdir / "gone")},
        "ENGINE_UNREACHABLE", f"there is no {workdir / 'gone'}")


def test_without_tls(idle_daemon, dockerd):
    engines.check_refused(
        engines.start_elsewhere(idle_daemon),
        {"DOCKER_HOST": dockerd.env["DOCKER_HOST"]}, "ENGINE_ERROR",
        "Client sent an HTTP request to an HTTPS server")
