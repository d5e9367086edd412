"""What bottlectl doctor tells."""

import json


def test_doctor(daemon, docker_host, on_path):
    result = daemon.ctl("--json", "doctor", env=on_path, check=False)
    found = json.loads(result.stdout.splitlines()[0])["findings"]
    levels = {finding["check"]: finding["level"] for finding in found}
    assert levels["engine"] == levels["smolvm"] == levels["daemon"] == "LEVEL_OK"
    assert {"kvm", "disk", "socket"} <= set(levels)
    plain = daemon.ctl("doctor", env={"PATH": "/nonexistent"}, check=False)
    assert "SMOLVM_NOT_FOUND" in plain.stdout


def test_doctor_without_an_engine(idle_daemon):
    daemon = idle_daemon
    daemon.env["DOCKER_HOST"] = "unix:///nonexistent/docker.sock"
    daemon.start()
    result = daemon.ctl("doctor", check=False)
    assert result.returncode == 1
    assert "ENGINE_UNREACHABLE" in result.stdout
