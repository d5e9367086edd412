"""The tests' own tools do what the tests think that they do."""

import json
import socket
import subprocess

import pytest

import engines
import images
import registry
import smolvms
import tree
from registry import (bridged, desktop, registry_archive,  # noqa: F401
                      unforwarded, unreachable)

REFUSED = "http: server gave HTTP response to HTTPS client"


@pytest.mark.parametrize("make", [images.plain, images.whiteouts,
                                  images.hardlinks, images.special])
def test_fake_smolvm_packs_an_archive(workdir, archive, make):
    image = make()
    fake = smolvms.Fake(workdir)
    done = fake.run("pack", "create", "--image", archive(image), "-o",
                    workdir / "out", "--cpus", "2", "--mem", "1024")
    assert done.returncode == 0, done.stderr
    packed = tree.Sidecar(workdir / "out.smolmachine")
    assert not tree.differences(image.flatten(), packed.tree())
    manifest = json.loads(packed.manifest_text)
    assert (manifest["cpus"], manifest["mem"]) == (2, 1024)
    assert manifest.get("user") == image.config.get("User")
    call, = fake.calls()
    assert call["argv"][:2] == ["pack", "create"]


@pytest.mark.parametrize("mode", ["own_group", "setsid", "daemonise",
                                  "ignore_term"])
def test_what_a_fake_smolvm_leaves_is_found(workdir, archive, mode):
    fake = smolvms.Fake(workdir, mode=mode)
    process = subprocess.Popen(
        [fake.path, "pack", "create", "--image", archive(images.plain()), "-o",
         workdir / "out"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    expected = 2 if mode == "own_group" else 1
    try:
        engines.wait_for(lambda: len(fake.left()) == expected, mode)
        if mode == "ignore_term":
            process.terminate()
            engines.wait_for(lambda: "signal" in fake.lines()[-1], "ignored")
    finally:
        fake.kill_left()
        process.wait(60)


def serve(engine):
    """A registry on a port that this test chose; its address."""
    port = registry.free_port()
    registry.serve(engine, port)
    return port


def test_registry_serves_a_push(bridged, workdir):
    port = serve(bridged)
    engines.wait_for(lambda: registry.answers(port), "the registry's answer")
    image = images.plain()
    bridged.load(image)
    name = f"127.0.0.1:{port}/r4nd0m/x:1"
    bridged.run("tag", image.name, name)
    bridged.run("push", name)
    seen = json.loads(subprocess.run(
        ["skopeo", "inspect", "--tls-verify=false", f"docker://{name}"],
        check=True, capture_output=True).stdout)
    assert len(seen["Layers"]) == len(image.layers)

    # What smolvm would make of it.
    fake = smolvms.Fake(workdir)
    done = fake.run("pack", "create", "--image",
                    f"127.0.0.1:{port}/r4nd0m/x@{seen['Digest']}", "-o",
                    workdir / "out")
    assert done.returncode == 0, done.stderr
    packed = tree.Sidecar(workdir / "out.smolmachine")
    assert not tree.differences(image.flatten(), packed.tree())


def test_desktop_reaches_its_own_loopback_alone(desktop):
    port = serve(desktop)
    engines.wait_for(lambda: registry.answers(port), "the forwarded port")
    status, answer = registry.probe(desktop, f"127.0.0.1:{port}")
    assert status == 404 and "manifest unknown" in answer["message"]
    status, answer = registry.probe(desktop,
                                    f"{registry.HOST_NAME}:{port}")
    assert status == 500 and REFUSED in answer["message"]

    # This host's own ports are not the engine's.
    with socket.create_server(("127.0.0.1", 0)) as listener:
        other = listener.getsockname()[1]
        status, answer = registry.probe(desktop, f"127.0.0.1:{other}")
    assert status == 500 and "connection refused" in answer["message"]

    image = images.plain()
    desktop.load(image)
    name = f"127.0.0.1:{port}/r4nd0m/x:1"
    desktop.run("tag", image.name, name)
    desktop.run("push", name)
    subprocess.run(["skopeo", "inspect", "--tls-verify=false",
                    f"docker://{name}"], check=True, capture_output=True)


def test_forwarded_port_goes_with_its_container(desktop):
    port = registry.free_port()
    name = registry.serve(desktop, port)
    engines.wait_for(lambda: registry.answers(port), "the forwarded port")
    desktop.run("stop", "-t", "0", name)
    engines.wait_for(lambda: not registry.answers(port), "its end")


def test_unforwarded_is_the_engines_alone(unforwarded):
    port = serve(unforwarded)
    engines.wait_for(lambda: registry.probe(
        unforwarded, f"127.0.0.1:{port}")[0] == 404, "the engine's answer")
    assert not registry.answers(port)


def test_unreachable_is_nobodys(unreachable):
    port = serve(unreachable)
    assert not registry.answers(port)
    status, answer = registry.probe(unreachable,
                                    f"{registry.HOST_NAME}:{port}")
    assert status == 500, answer


def test_emulated_smolvm_answers_as_the_real_one(workdir, smolvm):
    emulated = smolvms.Emulated(workdir, smolvm.binary)
    version = subprocess.run([emulated.path, "--version"], check=True,
                             capture_output=True, text=True, env={})
    assert version.stdout == "smolvm 1.32.2\n"
    said = subprocess.run([emulated.path, "pack", "create", "--help"],
                          check=True, capture_output=True, text=True, env={})
    assert "docker save" in said.stdout and "-o, --output" in said.stdout
