"""The egress gate's add-on in a real mitmdump."""

import json
import socket
import threading

import pytest

import gates

TOKEN = "canary-4be1-egress"


@pytest.fixture
def idle(workdir):
    instance = gates.Egress(workdir)
    yield instance
    instance.stop()


@pytest.fixture(scope="module")
def egress(tmp_path_factory):
    instance = gates.Egress(tmp_path_factory.mktemp("egress"))
    instance.start(env={"EGRESS_TOKEN_0": TOKEN})
    yield instance
    instance.stop()
    # Refusals are explained in the log, secrets are not in it.
    log = instance.log.read_text()
    assert "EGRESS_TOKEN_1 is not set" in log
    assert "refused 'other.test'" in log
    assert TOKEN not in log


@pytest.fixture(autouse=True)
def forget(request):
    if "egress" in request.fixturenames:
        instance = request.getfixturevalue("egress")
        instance.tls.seen.clear()
        instance.plain.seen.clear()
        instance.dialled.write_text("")


@pytest.mark.parametrize("path", [
    "/acme", "/acme/", "/acme/repo?x=/../..", "/acme/a/../b", "/acme//a/./b",
    "/acme/%61", "/v1/x%20y/z", "/acme/..a/...", "/acme/a%2fb"])
def test_listed_paths_get_the_credentials(egress, path):
    # Whatever the guest itself says is replaced.
    answer = egress.https("allowed.test", path,
                          {"Authorization": "Bearer guests-own"})
    assert answer == (200, "ok")
    assert egress.tls.seen == [(path, "Bearer " + TOKEN)]


@pytest.mark.parametrize("path", [
    "/", "/acmeevil", "/acm", "/ACME/x", "/other", "/acme/../other",
    "/acme/%2e%2e/other", "/acme/%2E./other", "/acme/.%2e/other",
    "/acme/%252e%252e/other", "/acme/%25252e%25252e/other",
    "/acme/..%2fother", "/acme/%2e%2e%2fother", "/acme/..;/other",
    "/acme/..;x=y/other", "/acme/..\\other", "/acme/..%5cother",
    "/acme\\..\\other", "/%61cme/x", "/other/../acme/x", "/other/%2e%2e/acme", "//acme/../x",
    "/../acme", "/acme/../../acme", "/acme%00/x", "/acme/%0d%0aX",
    "/?/acme", "/other#/acme", "/v1/x%2520y/..", "/v1/x", "*",
    "/acme/%25252525252525252e"])
def test_other_paths_are_refused(egress, path):
    status, body = egress.https("allowed.test", path)
    assert status == 403 and body.startswith("bottled egress: "), body
    assert TOKEN not in body
    assert egress.tls.seen == []


def test_other_hosts_are_refused_before_a_dial(egress):
    for host in ("other.test", "evilallowed.test", "allowed.test.other.test",
                 "sub.allowed.test", "sub.open.test", "wild.tests",
                 "notwild.test"):
        assert egress.https(host, "/acme") == ("CONNECT", 403), host
        assert egress.http(host, "/acme")[0] == 403
    # By address, and what mitmproxy would take for DNS.
    for target in ("127.0.0.1:443", "[::1]:443", "open.test:53",
                   "open.test:5353"):
        sock, status = egress.connect(target)
        sock.close()
        assert status == 403, target
    assert egress.dialled.read_text() == ""


def test_routes_without_credentials(egress):
    own = {"Authorization": "Bearer guests-own"}
    assert egress.https("open.test", "/any", own) == (200, "ok")
    assert egress.https("OPEN.test", "/any") == (200, "ok")
    assert egress.https("a.wild.test", "/") == (200, "ok")
    assert egress.tls.seen == [("/any", "Bearer guests-own"), ("/any", None),
                               ("/", None)]
    assert egress.http("open.test", "/plain") == (200, "ok")
    # As in pipelock: *.x is x, too.
    assert egress.http("wild.test", "/x") == (200, "ok")
    assert [path for path, _ in egress.plain.seen] == ["/plain", "/x"]


def test_no_credentials_in_clear_text(egress):
    status, body = egress.http("allowed.test", "/acme")
    assert status == 403 and "https only" in body
    assert egress.plain.seen == []


def test_missing_credentials(egress):
    status, body = egress.https("missing.test", "/")
    assert status == 403 and "no credentials" in body
    assert egress.tls.seen == []


def test_two_names_in_one_request(egress):
    for headers in ({"Host": "other.test"}, {"Host": "allowed.test@other.test"},
                    {"Host": "other.test:443"}):
        status, body = egress.https("allowed.test", "/acme", headers)
        assert status == 403 and "two hosts" in body, body
    status, body = egress.https("open.test", "/", sni="allowed.test")
    assert status == 403 and "two hosts" in body
    # A whole URL inside of the tunnel.
    status, _ = egress.https("open.test",
                             f"https://other.test:{egress.tls.port}/")
    assert status != 200
    assert egress.tls.seen == [] and "other.test" not in (
        egress.dialled.read_text())


def test_tunnels_carry_nothing_but_http(egress):
    """Raw bytes after CONNECT to an allowed host do not pass."""
    got = []
    server = socket.create_server(("127.0.0.1", 0))

    def serve():
        try:
            peer, _ = server.accept()
            peer.settimeout(5)
            got.append(peer.recv(100))
        except OSError:
            pass

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    for data in (b"\x00\x01raw" * 10, b"SSH-2.0-x\r\n", b"EHLO x\r\n\r\n"):
        sock, status = egress.connect(
            f"open.test:{server.getsockname()[1]}")
        assert status == 200
        sock.sendall(data)
        sock.settimeout(5)
        try:
            while sock.recv(1000):
                pass
        except OSError:
            pass
        sock.close()
    server.close()
    thread.join(20)
    assert got in ([], [b""])


@pytest.mark.parametrize("routes", [
    None, "{", '{"routes": [{"host": "a.test", "path_allowlist": [], "x": 1}]}',
    '{"routes": [{"host": "a.test", "path_allowlist": ["/../x"]}]}'])
def test_broken_routes(idle, routes):
    (idle.dir / "routes.yaml").unlink()
    if routes is not None:
        (idle.dir / "routes.yaml").write_text(routes)
    idle.start(wait=False)
    assert idle.process.wait(60) != 0
    assert "no routes, everything is refused" in idle.log.read_text()


@pytest.mark.parametrize("flag", [
    "ignore_hosts=open.test", "allow_hosts=open.test", "tcp_hosts=open.test"])
def test_options_that_go_around_the_routes(idle, flag):
    idle.start("--set", flag, wait=False)
    assert idle.process.wait(60) != 0
    assert "goes around the routes" in idle.log.read_text()


def test_unusable_credentials(idle):
    """A variable that would end the header, and one for large bodies."""
    routes = json.loads((idle.dir / "routes.yaml").read_text())
    assert routes["routes"][0]["token_env"] == "EGRESS_TOKEN_0"
    idle.start("--set", "stream_large_bodies=1", env={
        "EGRESS_TOKEN_0": "a\r\nX-Injected: b", "EGRESS_TOKEN_1": "fine"})
    assert idle.https("allowed.test", "/acme")[0] == 403
    assert idle.https("missing.test", "/") == (200, "ok")
    assert idle.tls.seen == [("/", "Bearer fine")]
    assert "X-Injected" not in idle.log.read_text()
