"""Bottles: from a manifest and a Dockerfile to a machine of the real smolvm."""

import concurrent.futures
import hashlib
import ipaddress
import json
import pathlib
import signal
import stat
import subprocess
import time

import pytest

import conftest
import images
from bottles import BOTTLE, HOST_KEY, TOKEN_SHAPED, Home, prepare

CANARY = "canary-77b1d0c4-not-to-be-seen"
SCHEMA = conftest.ROOT / "docs/plan.schema.json"

@pytest.fixture
def home(workdir):
    return Home(workdir)


def warnings(plan):
    return [warning["reason"] for warning in plan.get("warnings", [])]


def check_files(plan):
    for file in plan["files"]:
        path = pathlib.Path(file["path"])
        info = path.lstat()
        assert stat.S_ISREG(info.st_mode), path
        assert stat.S_IMODE(info.st_mode) == 0o600, path
        assert hashlib.sha256(path.read_bytes()).hexdigest() == file["sha256"]


def test_from_nothing_to_a_machine(daemon, docker_host, home, smolvm, on_path):
    plan = prepare(daemon, home, "researcher", env=on_path)
    check_files(plan)
    written = json.loads(pathlib.Path(plan["plan_file"]).read_text())
    assert written == plan
    assert pathlib.Path(plan["prompt_file"]).read_bytes() == (
        b"You are careful.\r\n")

    argv = plan["smolvm_argv"]
    assert argv[0] == "smolvm"
    made = subprocess.run(argv, env={**daemon.env, **on_path},
                          capture_output=True, text=True, timeout=300)
    assert made.returncode == 0, made.stderr
    assert "warn" not in (made.stdout + made.stderr).lower()

    listed = json.loads(smolvm.run("machine", "ls", "--json").stdout)
    machine = next(m for m in listed if m["name"] == plan["machine_name"])
    endpoint = plan["addresses"]["endpoint_ip"]
    assert machine["network"] is True
    assert machine["allowed_cidrs"] == [endpoint + "/32"]
    assert machine["dns"] == endpoint
    assert machine["labels"]["bottled.slug"] == plan["slug"]
    env = [f"{k}={v}" for k, v in smolvm.record(plan["machine_name"])["env"]]
    assert env[-len(plan["guest_env"]):] == plan["guest_env"]
    assert "GREETING=hello" in env

    # A launcher's own check, on the right machine and on one that differs.
    verify = ("prepare", "--resume", plan["slug"], "--verify")
    daemon.ctl(*verify, plan["machine_name"], env=on_path)
    smolvm.run("machine", "create", "--from", plan["artifact"]["path"],
               "--name", "other", "--net")
    wrong = daemon.ctl(*verify, "other", env=on_path, check=False)
    assert wrong.returncode == 1 and "VERIFY_FAILED" in wrong.stderr


def test_plan_matches_its_schema(daemon, docker_host, home):
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads(SCHEMA.read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    validator.validate(prepare(daemon, home, "researcher"))
    # Without an artifact, and with as few gates as there can be.
    home.bottle("---\nenv: {{}}\n---\n")
    plan = prepare(daemon, home, "researcher", "--no-pack")
    validator.validate(plan)
    assert [gate["name"] for gate in plan["gates"]] == ["pipelock"]
    assert plan["smolvm_argv"] == []
    plan["surprise"] = 1
    with pytest.raises(jsonschema.ValidationError):
        validator.validate(plan)


def test_the_second_time_nothing_is_built(daemon, docker_host, home):
    first = daemon.json("prepare", "researcher", "--cwd", home.project)
    assert any("event" in line for line in first)
    again = daemon.json("prepare", "researcher", "--cwd", home.project)
    assert [list(line) for line in again] == [["plan"]]
    plan = again[0]["plan"]
    assert plan["artifact"] == first[-1]["plan"]["artifact"]
    assert plan["slug"] != first[-1]["plan"]["slug"]
    # Only looking at the context tells that it has changed.
    (home.context / "new").write_text("x")
    home.dockerfile.write_text(home.dockerfile.read_text() + "COPY new /new\n")
    changed = daemon.json("prepare", "researcher", "--cwd", home.project)
    assert changed[-1]["plan"]["artifact"]["digest"] != (
        plan["artifact"]["digest"])


def test_a_build_that_fails_reserves_nothing_for_long(daemon, docker_host,
                                                      home):
    home.dockerfile.write_text("FROM scratch\nCOPY absent /x\n")
    error = daemon.fail_reason("prepare", "researcher", "--cwd", home.project)
    assert error["reason"] == "BUILD_FAILED"


def test_resume_keeps_identity_and_addresses(idle_daemon, docker_host, home):
    daemon = idle_daemon.start()
    plan = prepare(daemon, home, "researcher")
    again = prepare(daemon, home, "--resume", plan["slug"])
    assert again["revision"] == plan["revision"] == 1
    daemon.stop()
    daemon.start()
    again = prepare(daemon, home, "--resume", plan["slug"])
    for part in ("slug", "revision", "addresses", "started_at", "artifact"):
        assert again[part] == plan[part], part
    assert "MANIFEST_CHANGED" not in warnings(again)

    home.bottle(BOTTLE.replace("RUST_LOG: info", "RUST_LOG: debug"))
    changed = prepare(daemon, home, "--resume", plan["slug"])
    assert changed["slug"] == plan["slug"]
    assert changed["revision"] == 2
    assert changed["addresses"] == plan["addresses"]
    assert "MANIFEST_CHANGED" in warnings(changed)
    assert "RUST_LOG=debug" in changed["guest_env"]
    check_files(changed)


def test_a_reported_conflict_moves_the_bottle_once(daemon, docker_host, home):
    plan = prepare(daemon, home, "researcher")
    subnet = plan["addresses"]["subnet"]
    for _ in range(2):
        daemon.ctl("bottles", "conflict", plan["slug"], subnet)
        shown = daemon.json("bottles", "show", plan["slug"])[-1]
        moved = shown.get("plan") or shown["bottle"]["plan"]
        assert moved["addresses"]["subnet"] != subnet
        assert moved["revision"] == 2
        check_files(moved)


def test_a_foreign_network_takes_the_slot(daemon, docker, home):
    plan = prepare(daemon, home, "researcher")
    name = "foreign-" + plan["slug"]
    docker("network", "create", "--subnet", plan["addresses"]["subnet"], name)
    try:
        moved = prepare(daemon, home, "--resume", plan["slug"])
        assert moved["addresses"]["subnet"] != plan["addresses"]["subnet"]
        assert moved["revision"] == 2
        assert "ADDRESSES_MOVED" in warnings(moved)
    finally:
        docker("network", "rm", name)


def test_docker_takes_the_plans_network(daemon, docker, home, load):
    it = images.plain()
    it.name = f"e2e/{home.home.name.lower()}-net:1"
    it.layers.append(images.Layer().file(
        "busybox", pathlib.Path("/bin/busybox").read_bytes(),
        mode=0o755).done())
    load(it)
    for _ in range(20):
        plan = prepare(daemon, home, "researcher", "--no-pack")
        addresses = plan["addresses"]
        assert addresses["docker_checked"]
        docker("network", "create", "--subnet", addresses["subnet"],
               "--gateway", addresses["gateway"], plan["names"]["network"])
        try:
            # The bottle's own network is no conflict.
            same = prepare(daemon, home, "--resume", plan["slug"], "--no-pack")
            assert same["addresses"] == addresses
            shown = docker(
                "run", "--rm", "--network", plan["names"]["network"], "--ip",
                addresses["bundle_ip"], "--user", "0", "--entrypoint",
                "/busybox", it.name, "ip", "-4", "addr", "show", "eth0")
            assert f" {addresses['bundle_ip']}/28 ".encode() in shown
        finally:
            docker("network", "rm", plan["names"]["network"])


def test_many_at_once_are_all_different(daemon, docker_host, home):
    count = 1000

    def one(_):
        return prepare(daemon, home, "researcher", "--no-pack")

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        plans = list(pool.map(one, range(count)))
    assert len({plan["slug"] for plan in plans}) == count
    assert len({p["addresses"]["loopback_ip"] for p in plans}) == count
    nets = sorted(ipaddress.ip_network(p["addresses"]["subnet"])
                  for p in plans)
    for low, high in zip(nets, nets[1:]):
        assert not low.overlaps(high)
    assert len(daemon.json("bottles", "ls")[-1]["bottles"]) == count


def test_plan_shows_and_keeps_nothing(daemon, docker_host, home):
    out = daemon.ctl("plan", "researcher", "--cwd", home.project,
                     "--explain").stdout
    assert "api.example.com" in out and "acme/app.git" in out
    assert "RUST_LOG" in out and str(home.home) in out
    assert daemon.json("bottles", "ls")[-1]["bottles"] == []
    assert list((daemon.state / "bottles").glob("*")) == []


def test_works_without_docker(idle_daemon, home):
    daemon = idle_daemon
    daemon.env["DOCKER_HOST"] = "unix:///nonexistent/docker.sock"
    daemon.start()
    plan = prepare(daemon, home, "researcher", "--no-pack")
    check_files(plan)
    assert plan["addresses"]["docker_checked"] is False
    assert "DOCKER_NOT_CHECKED" in warnings(plan)
    # A source that is no good reserves nothing.
    error = daemon.fail_reason("prepare", "researcher", "--cwd", home.project,
                               "--image", "absent:1", code=5)
    assert error["reason"] == "ENGINE_UNREACHABLE"
    assert len(daemon.json("bottles", "ls")[-1]["bottles"]) == 1


def test_remove_gives_everything_back(daemon, docker_host, home):
    plan = prepare(daemon, home, "researcher", "--no-pack")
    daemon.ctl("bottles", "rm", plan["slug"])
    assert daemon.json("bottles", "ls")[-1]["bottles"] == []
    assert list((daemon.state / "bottles").glob("*")) == []
    error = daemon.fail_reason("bottles", "show", plan["slug"], code=3)
    assert error["reason"] == "BOTTLE_NOT_FOUND"


def test_no_secret_is_written_down(daemon, docker_host, home, workdir):
    env = {"API_TOKEN": CANARY, "SECRET": CANARY}
    lines = daemon.ctl("--json", "prepare", "researcher", "--cwd",
                       home.project, "--build", home.context, "--build-arg",
                       "SECRET", env=env)
    text = lines.stdout + lines.stderr
    assert "SECRET_LIKE_ENV" in text
    daemon.stop()
    for path in [*daemon.state.rglob("*"), *daemon.cache.rglob("*"),
                 workdir / "daemon.log"]:
        if path.is_file():
            content = path.read_bytes()
            assert CANARY.encode() not in content, path
            assert TOKEN_SHAPED.encode() not in content, path
    assert CANARY not in text and TOKEN_SHAPED not in text
    daemon.start()


@pytest.mark.parametrize("bottle, reason", [
    ("---\nenv: &a {{}}\n---\n", "MANIFEST_YAML_ANCHOR"),
    ("---\nenv: !!map {{}}\n---\n", "MANIFEST_YAML_TAG"),
    ("---\nenv: {{}}\nenv: {{}}\n---\n", "MANIFEST_DUPLICATE_KEY"),
    ("---\nenvv: {{}}\n---\n", "MANIFEST_UNKNOWN_KEY"),
    ("---\nenv: {{HTTPS_PROXY: x}}\n---\n", "MANIFEST_RESERVED_ENV"),
    ("---\nextends: dev\n---\n", "MANIFEST_EXTENDS_CYCLE"),
    ("---\nextends: ../x\n---\n", "MANIFEST_BAD_NAME"),
    ("---\ngit-gate: {{repos: {{a: {{url: 'ssh://git@h.example/$(id)', "
     "host_key: {key}, key: {{provider: static, path: /k}}}}}}}}\n---\n",
     "MANIFEST_BAD_URL"),
    ("---\nenv: {{A: '" + "x" * (1 << 20) + "'}}\n---\n",
     "MANIFEST_LINE_TOO_LONG"),
])
def test_hostile_bottles(daemon, home, bottle, reason):
    home.bottle(bottle)
    error = daemon.fail_reason("plan", "researcher", "--cwd", home.project,
                               code=4)
    assert error["reason"] == reason, error
    assert daemon.alive()


def test_a_repository_may_not_ship_bottles(daemon, home):
    (home.project / ".bot-bottle/bottles").mkdir(parents=True)
    error = daemon.fail_reason("plan", "researcher", "--cwd", home.project,
                               code=4)
    assert error["reason"] == "MANIFEST_REPO_BOTTLES"


def test_a_file_that_others_may_write_is_refused(daemon, home):
    (home.home / ".bot-bottle/bottles/dev.md").chmod(0o666)
    error = daemon.fail_reason("plan", "researcher", "--cwd", home.project,
                               code=4)
    assert error["reason"] == "MANIFEST_UNSAFE_FILE"


def test_events_tell_of_bottles(daemon, docker_host, home):
    watcher = daemon.spawn("--json", "events")
    time.sleep(0.5)
    plan = prepare(daemon, home, "researcher", "--no-pack")
    daemon.ctl("bottles", "rm", plan["slug"])
    seen = []
    while len(seen) < 2:
        event = json.loads(watcher.stdout.readline())["event"]
        if event.get("id") == plan["slug"]:
            seen.append(event["kind"])
    assert seen == ["KIND_BOTTLE", "KIND_BOTTLE_REMOVED"]
    watcher.send_signal(signal.SIGINT)
    assert watcher.wait(10) == 0


def test_events_end_with_the_daemon(idle_daemon, docker_host):
    daemon = idle_daemon.start()
    watcher = daemon.spawn("events")
    time.sleep(0.5)
    begin = time.monotonic()
    daemon.stop()
    assert time.monotonic() - begin < 10
    assert watcher.wait(10) == 7
