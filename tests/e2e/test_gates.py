"""The gates' files with the programs that read them."""

import os
import pathlib
import secrets
import shutil
import string
import subprocess

import pytest

import conftest
import gates


@pytest.fixture
def tree(workdir):
    gates.render(workdir / "gates")
    return workdir / "gates"


@pytest.fixture
def gate(workdir):
    instance = gates.GitGate(workdir)
    yield instance
    instance.stop()


@pytest.fixture
def app(gate):
    """The gate with an upstream that has one commit, cloned by the guest."""
    seed = gate.base / "seed"
    for args in (["init", "-q", "-b", "main", seed],
                 ["-C", seed, "-c", "user.name=S", "-c", "user.email=s@s",
                  "commit", "-q", "--allow-empty", "-m", "first"],
                 ["-C", seed, "push", "-q", gate.upstream, "main"]):
        subprocess.run(["git", *args], check=True)
    gate.start().clone()
    return gate


def fake_secret():
    """Made here, so that no scanner finds it in this file."""
    letters = string.ascii_letters + string.digits
    return "ghp" + "_" + "".join(secrets.choice(letters) for _ in range(36))


def test_scripts_are_clean(tree):
    scripts = [tree / "git-gate" / name
               for name in ("entrypoint.sh", "access-hook", "pre-receive")]
    for script in scripts:
        subprocess.run(["dash", "-n", script], check=True)
    if not shutil.which("shellcheck"):
        conftest.missing("shellcheck")
    result = subprocess.run(["shellcheck", "-s", "sh", *scripts],
                            capture_output=True, text=True)
    assert result.returncode == 0, result.stdout


def test_compose_file(tree):
    command = ["docker", "compose"]
    if subprocess.run([*command, "version"], capture_output=True).returncode:
        command = ["docker-compose"]
        if not shutil.which(command[0]):
            conftest.missing("docker compose or docker-compose")

    def config(name, **env):
        return subprocess.run(
            [*command, "-f", tree / name, "config"], capture_output=True,
            text=True, env={"PATH": os.environ["PATH"], "HOME": str(tree),
                            **env})

    tokens = {"HOST_TOKEN": "s3cret$x", "HOST_OTHER": "other"}
    bridge = config("compose.yaml", **tokens)
    assert bridge.returncode == 0, bridge.stderr
    assert "s3cret" in bridge.stdout and "published" not in bridge.stdout
    assert "s3cret" not in (tree / "compose.yaml").read_text()
    assert "172.16.192.16/28" in bridge.stdout
    loopback = config("compose-loopback.yaml", **tokens)
    assert loopback.returncode == 0, loopback.stderr
    assert "127.80.0.2" in loopback.stdout
    # A secret that the launcher does not have.
    absent = config("compose.yaml", HOST_TOKEN="x")
    assert absent.returncode != 0
    assert "EGRESS_TOKEN_1" in absent.stderr or "HOST_OTHER" in absent.stderr


def test_clean_push_reaches_the_upstream(app):
    assert app.guest("config", "user.name").strip() == 'Dev "D" \\'
    one = app.commit("a.txt", "hello\n")
    app.guest("push", "-q", "origin", "main")
    app.guest("push", "-q", "origin", "main:topic")
    app.guest("tag", "-a", "-m", "v1", "v1")
    app.guest("push", "-q", "origin", "v1")
    refs = app.upstream_refs()
    assert refs["refs/heads/main"] == refs["refs/heads/topic"] == one
    assert "refs/tags/v1" in refs
    # Several at once: a forced update, a deletion, a new one.
    two = app.commit("a.txt", "other\n", "--amend")
    app.guest("push", "-q", "--atomic", "origin", "+main", ":topic",
              "main:refs/heads/new/deep")
    refs = app.upstream_refs()
    assert refs["refs/heads/main"] == refs["refs/heads/new/deep"] == two
    assert "refs/heads/topic" not in refs
    assert app.mirror_refs() == refs
    for line in app.ssh_log.read_text().splitlines():
        assert line.startswith(
            f"-F /dev/null -i {app.key} -o IdentitiesOnly=yes "
            "-o BatchMode=yes -o StrictHostKeyChecking=yes "
            f"-o UserKnownHostsFile={app.config}/known_hosts/app "), line
        assert "-p 2222 git@up.test git-" in line


def test_fetch_follows_the_upstream(app):
    seed = app.base / "seed"

    def push(*refs):
        subprocess.run(["git", "-C", seed, "push", "-q", app.upstream, *refs],
                       check=True)

    push("main:old")
    app.guest("fetch", "-q", "--prune")
    assert "origin/old" in app.guest("branch", "-r")
    push(":old", "main:new")
    app.guest("fetch", "-q", "--prune")
    branches = app.guest("branch", "-r")
    assert "origin/new" in branches and "origin/old" not in branches
    # A push starts from what the upstream has, too.
    subprocess.run(["git", "-C", seed, "-c", "user.name=S", "-c",
                    "user.email=s@s", "commit", "-q", "--allow-empty", "-m",
                    "second"], check=True)
    push("main")
    app.commit("b.txt", "b\n")
    assert "fetch first" in app.guest("push", "origin", "main", fails=True)


def test_empty_upstream_and_scp_spelling(gate):
    gate.start().clone()
    head = gate.commit("a.txt", "a\n")
    gate.guest("push", "-q", "origin", "HEAD:trunk")
    assert gate.upstream_refs() == {"refs/heads/trunk": head}
    # The other repository has port 22, so people write it so; it is not there.
    text = gate.guest("ls-remote", "git@up.test:srv/gone.git", fails=True)
    assert "the upstream cannot be reached" in text


def test_parallel_fetches(app):
    clients = [subprocess.Popen(
        ["git", "ls-remote", "origin"], cwd=app.work, env=app.guest_env,
        stdout=subprocess.DEVNULL) for _ in range(8)]
    assert [client.wait(120) for client in clients] == [0] * 8


def leak(app):
    app.commit("config.py", f'token = "{fake_secret()}"\n')


def leak_and_remove(app):
    leak(app)
    app.commit("config.py", "token = None\n")


def leak_allowed_by_itself(app):
    secret = fake_secret()
    (app.work / ".gitleaks.toml").write_text(
        '[allowlist]\npaths = [".*"]\n')
    (app.work / ".gitleaksignore").write_text("config.py\n")
    app.commit("config.py", f'token = "{secret}"  # gitleaks:allow\n')


def leak_in_merge(app):
    app.guest("checkout", "-q", "-b", "side")
    app.commit("side.txt", "side\n")
    app.guest("checkout", "-q", "main")
    app.commit("main.txt", "main\n")
    app.guest("merge", "-q", "--no-commit", "side")
    leak(app)


def leak_behind_replacement(app):
    """The mirror has a ref that would show a clean commit in its place."""
    clean = app.commit("clean.txt", "clean\n")
    leak(app)
    dirty = app.guest("rev-parse", "HEAD").strip()
    app.guest("push", "-q", "origin", f"{clean}:refs/replace/{dirty}")


@pytest.mark.parametrize("target", ["main", "fresh"])
@pytest.mark.parametrize("how", [
    leak, leak_and_remove, leak_allowed_by_itself, leak_in_merge,
    leak_behind_replacement])
def test_secret_is_refused(app, how, target):
    how(app)
    before = app.upstream_refs()
    text = app.guest("push", "origin", f"HEAD:refs/heads/{target}", fails=True)
    assert "gitleaks found a secret" in text, text
    assert "config.py" in text and "REDACTED" in text
    assert "ghp" + "_" not in text + app.log.read_text()
    assert app.upstream_refs() == before
    assert app.mirror_refs() == before


def test_only_commits_pass(app):
    (app.work / "x").write_text(fake_secret())
    blob = app.guest("hash-object", "-w", "x").strip()
    text = app.guest("push", "origin", f"{blob}:refs/tags/b", fails=True)
    assert "is not a commit" in text
    tree = app.guest("rev-parse", "HEAD^{tree}").strip()
    text = app.guest("push", "origin", f"{tree}:refs/tags/t", fails=True)
    assert "is not a commit" in text
    assert list(app.upstream_refs()) == ["refs/heads/main"]


def test_upstream_refuses(app):
    hook = app.upstream / "hooks/pre-receive"
    hook.write_text("#!/bin/sh\necho 'protected branch' >&2\nexit 1\n")
    hook.chmod(0o755)
    before = app.upstream_refs()
    app.commit("a.txt", "a\n")
    text = app.guest("push", "origin", "main", fails=True)
    assert "protected branch" in text
    assert "the upstream did not take it" in text
    assert app.upstream_refs() == app.mirror_refs() == before


def test_upstream_gone(app):
    app.commit("a.txt", "a\n")
    app.upstream.rename(app.base / "elsewhere")
    for args in (["fetch", "origin"], ["push", "origin", "main"],
                 ["ls-remote", "origin"]):
        assert "the upstream cannot be reached" in app.guest(*args, fails=True)


@pytest.mark.parametrize("replacement, words", [
    (None, "gitleaks failed (127)"), ("exit 1", "gitleaks failed (1)"),
    ("kill -9 $$", "gitleaks failed (137)"),
    # It exits with 0 when it could not read everything.
    ("echo 'ERR stderr is not empty' >&2", "gitleaks failed (0)")])
def test_without_a_working_gitleaks(app, replacement, words):
    app.gitleaks.unlink()
    if replacement:
        app.gitleaks.write_text(f"#!/bin/sh\n{replacement}\n")
        app.gitleaks.chmod(0o755)
    elif shutil.which("gitleaks"):
        pytest.skip("another gitleaks is on the PATH")
    before = app.upstream_refs()
    app.commit("a.txt", "a\n")
    assert words in app.guest("push", "origin", "main", fails=True)
    assert app.upstream_refs() == before
    # A deletion has nothing to scan.
    app.guest("fetch", "-q")


def test_git_dies_while_gitleaks_reads(app):
    # git puts this directory in front of the PATH of its hooks.
    core = pathlib.Path(subprocess.run(
        ["git", "--exec-path"], capture_output=True, text=True,
        check=True).stdout.strip())
    copy = app.base / "core"
    copy.mkdir()
    for file in core.iterdir():
        (copy / file.name).symlink_to(file)
    dying = copy / "git"
    dying.unlink()
    app.stop()
    app.env["GIT_EXEC_PATH"] = str(copy)
    dying.symlink_to(core / "git")
    app.start()
    app.commit("a.txt", "a\n")
    before = app.upstream_refs()
    for death in ("kill -9 $$", "exit 3", "echo 'warning: odd' >&2"):
        dying.unlink()
        dying.write_text('#!/bin/sh\ncase "$*" in "-C . log "*) '
                         f'{death};; esac\nexec {core}/git "$@"\n')
        dying.chmod(0o755)
        text = app.guest("push", "origin", "main", fails=True)
        assert "gitleaks failed (0)" in text
        assert app.upstream_refs() == before
    dying.unlink()
    dying.symlink_to(core / "git")
    app.guest("push", "-q", "origin", "main")


def test_octopus_is_refused(app):
    for branch in ("x", "y"):
        app.guest("checkout", "-q", "-b", branch, "origin/main")
        app.commit(branch, branch)
    app.guest("checkout", "-q", "main")
    app.commit("m", "m")
    app.guest("merge", "-q", "x", "y")
    text = app.guest("push", "origin", "main", fails=True)
    assert "more than two" in text


def test_nothing_else_is_served(app):
    url = f"git://127.0.0.1:{app.port}"
    for path in ("/other.git", "/app", "/../app.git", str(app.upstream),
                 "/app.git/hooks"):
        app.guest("ls-remote", url + path, fails=True)
    app.guest("archive", f"--remote={url}/app.git", "main", fails=True)


@pytest.mark.parametrize("line, words", [
    ("", "empty"),
    ("a\tssh://g@h/p\t/k\n", "without four fields"),
    ("a\tssh://g@h/p\t{key}\t{known}\tmore\n", "without four fields"),
    ("../a\tssh://g@h/p\t{key}\t{known}\n", "bad name"),
    ("a\text::sh -c id\t{key}\t{known}\n", "is not ssh"),
    ("a\tssh://g@h/p\t/k$(id)\t{known}\n", "bad path"),
    ("a\tssh://g@h/p\t{key}\t/k -o X=y\n", "bad path"),
    ("a\tssh://g@h/p\t/nowhere/key\t{known}\n", "cannot be read"),
    ("a\tssh://g@h/p\t{key}\t/nowhere/known", "are missing")])
def test_bad_upstreams(gate, line, words):
    (gate.config / "upstreams.tsv").write_text(line.format(
        key=gate.key, known=gate.config / "known_hosts/app"))
    assert words in gate.refuses_to_start()


def test_real_sshd(app):
    """The rendered host keys and options against OpenSSH's server."""
    sshd = shutil.which("sshd", path="/usr/sbin:/usr/bin")
    if not sshd or os.geteuid() != 0:
        conftest.missing("sshd, as root")
    pathlib.Path("/run/sshd").mkdir(exist_ok=True)
    app.stop()
    base, port = app.base, gates.free_port()
    for name in ("key", "host", "wrong"):
        (base / name).unlink(missing_ok=True)
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f",
                        base / name], check=True)
    shutil.copy(base / "key.pub", base / "authorized")
    (base / "sshd_config").write_text(
        f"ListenAddress 127.0.0.1:{port}\nHostKey {base}/host\n"
        f"AuthorizedKeysFile {base}/authorized\nStrictModes no\n"
        f"PasswordAuthentication no\nPidFile none\nUsePAM no\n")
    log = base / "sshd.log"
    with open(log, "wb") as file:
        server = subprocess.Popen([sshd, "-D", "-e", "-f",
                                   base / "sshd_config"], stderr=file,
                                  start_new_session=True)
    try:
        gates.wait_port(port, server, log)
        (base / "bin/ssh").unlink()
        app.rewrite("upstreams.tsv", ("git@up.test:2222",
                                      f"root@127.0.0.1:{port}"))
        known = app.config / "known_hosts/app"
        assert known.read_text().startswith("[up.test]:2222 ssh-ed25519 ")
        app.start()
        for key, fails in (("wrong", True), ("host", False)):
            kind, text = (base / f"{key}.pub").read_text().split()[:2]
            known.write_text(f"[127.0.0.1]:{port} {kind} {text}\n")
            app.guest("fetch", "origin", fails=fails)
        head = app.commit("a.txt", "a\n")
        app.guest("push", "-q", "origin", "main")
        assert app.upstream_refs()["refs/heads/main"] == head
    finally:
        gates.stop(server)
