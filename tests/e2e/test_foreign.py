"""Clients that share no code with us."""

import json
import os
import shutil
import subprocess

import grpc
import pytest
from google.protobuf import descriptor_pool, json_format, message_factory
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase)

import conftest
import images


class Reflected:
    """Calls methods that only reflection has told of."""

    def __init__(self, channel):
        self.channel = channel
        pool = descriptor_pool.DescriptorPool(
            ProtoReflectionDescriptorDatabase(channel))
        self.service = pool.FindServiceByName("bottled.v1.Bottled")
        self.failure = message_factory.GetMessageClass(
            pool.FindMessageTypeByName("bottled.v1.Failure"))

    def __call__(self, name, **fields):
        method = self.service.methods_by_name[name]
        request = message_factory.GetMessageClass(method.input_type)
        response = message_factory.GetMessageClass(method.output_type)
        kind = (self.channel.unary_stream if method.server_streaming
                else self.channel.unary_unary)
        stub = kind(f"/bottled.v1.Bottled/{name}",
                    request_serializer=request.SerializeToString,
                    response_deserializer=response.FromString)
        return stub(json_format.ParseDict(fields, request()))


def test_python_through_reflection(daemon, archive):
    with grpc.insecure_channel(f"unix:{daemon.socket}") as channel:
        call = Reflected(channel)
        answer = call("Pack", archive={"path": str(archive(images.plain()))})
        events = [e.event for e in call("WatchJob", job_id=answer.job.id)]
        assert [e.WhichOneof("event") for e in events].count("finished") == 1
        artifact = events[-1].finished.artifact
        assert os.path.exists(artifact.path)
        assert call("ListArtifacts").artifacts[0].digest == artifact.digest


def test_a_repeated_request_is_one(daemon, archive):
    """Also by a later daemon, and though `force` asks for a new artifact."""
    fields = {"archive": {"path": str(archive(images.plain()))},
              "force": True, "request_id": "4e1b7c9e-one"}
    with grpc.insecure_channel(f"unix:{daemon.socket}") as channel:
        call = Reflected(channel)
        assert "pack.repeat" in call("GetInfo").features
        first = call("Pack", **fields)
        for _ in call("WatchJob", job_id=first.job.id):
            pass
        artifact = call("Pack", **fields).artifact
        assert os.path.exists(artifact.path)
    daemon.kill()
    daemon.start()
    with grpc.insecure_channel(f"unix:{daemon.socket}") as channel:
        call = Reflected(channel)
        assert call("Pack", **fields).artifact.digest == artifact.digest
        assert len(call("ListJobs", include_finished=True).jobs) == 1


def test_python_error_trailer(daemon):
    with grpc.insecure_channel(f"unix:{daemon.socket}") as channel:
        call = Reflected(channel)
        with pytest.raises(grpc.RpcError) as error:
            call("GetJob", job_id="none")
        assert error.value.code() == grpc.StatusCode.NOT_FOUND
        trailers = dict(error.value.trailing_metadata())
        failure = call.failure.FromString(trailers["bottled-error-bin"])
        assert failure.reason == "JOB_NOT_FOUND" and failure.remedy


def test_health(daemon):
    with grpc.insecure_channel(f"unix:{daemon.socket}") as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        for service in ("", "bottled.v1.Bottled"):
            answer = stub.Check(health_pb2.HealthCheckRequest(service=service))
            assert answer.status == health_pb2.HealthCheckResponse.SERVING


NODE = """
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');
const [socket, archive, protos] = process.argv.slice(2);
const pkg = grpc.loadPackageDefinition(loader.loadSync(
    'bottled/v1/bottled.proto', {includeDirs: [protos], longs: String}));
const client = new pkg.bottled.v1.Bottled(
    'unix:' + socket, grpc.credentials.createInsecure());
client.Pack({archive: {path: archive}}, (error, answer) => {
  if (error) throw error;
  const watch = client.WatchJob({jobId: answer.job.id});
  let last = null;
  watch.on('data', (m) => { last = m.event; });
  watch.on('error', (e) => { throw e; });
  watch.on('end', () => {
    console.log(JSON.stringify(last));
    client.close();
  });
});
"""


def test_node(daemon, archive, workdir):
    modules = os.environ.get("BOTTLED_NODE_MODULES")
    if not shutil.which("node") or not modules:
        conftest.missing("node with @grpc/grpc-js (BOTTLED_NODE_MODULES)")
    script = workdir / "client.js"
    script.write_text(NODE)
    result = subprocess.run(
        ["node", script, daemon.socket, archive(images.plain()),
         conftest.ROOT / "proto"],
        env={**os.environ, "NODE_PATH": modules}, capture_output=True,
        text=True, timeout=60)
    assert result.returncode == 0, result.stderr
    last = json.loads(result.stdout)
    assert os.path.exists(last["finished"]["artifact"]["path"])


def test_grpcurl(daemon, archive):
    tool = os.environ.get("BOTTLED_GRPCURL")
    if not tool or not os.path.exists(tool):
        conftest.missing("grpcurl (BOTTLED_GRPCURL)")

    def call(method, **fields):
        return subprocess.run(
            [tool, "-plaintext", "-unix", "-d", json.dumps(fields),
             str(daemon.socket), f"bottled.v1.Bottled/{method}"],
            capture_output=True, text=True, check=True, timeout=60).stdout

    listed = subprocess.run([tool, "-plaintext", "-unix", str(daemon.socket),
                             "list"], capture_output=True, text=True,
                            check=True).stdout
    assert "bottled.v1.Bottled" in listed and "grpc.health.v1.Health" in listed
    job = json.loads(call("Pack", archive={
        "path": str(archive(images.plain()))}))["job"]["id"]
    assert '"finished"' in call("WatchJob", jobId=job)
