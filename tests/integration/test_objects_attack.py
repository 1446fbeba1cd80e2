"""Ways around the S3 port of the embedded store: the other ports, the sockets, the files, the process list."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import re
import socket
import ssl
import time
from contextlib import suppress
from pathlib import Path

import boto3
import pytest
import urllib3
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError
from objectstore import Store, shared_store

from enclave.objects import weed
from enclave.objects.keys import derive

pytestmark = pytest.mark.real

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"


@pytest.fixture(scope="module")
def store() -> Store:
    return shared_store()


@pytest.fixture(scope="module")
def locked(store):
    from datetime import UTC, datetime, timedelta

    until = datetime.now(UTC) + timedelta(minutes=10)
    return store.objects.put(
        "releases", "attack/kept", b"kept" * 99, media_type="text/plain", retain_until=until
    )


def port(store: Store, part: str) -> int:
    return store.settings.objects_port + weed.PORTS[part]


def tls(store: Store, *, stolen: bool) -> ssl.SSLContext:
    """A client's TLS; `stolen` adds the certificate that only the store itself should hold."""
    folder = weed.root(store.settings) / "config" / "tls"
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(folder / "ca.crt")
    if stolen:
        context.load_cert_chain(folder / "peer.crt", folder / "peer.key")
    return context


def ask(
    store: Store, part: str, method: str, path: str, *, stolen: bool = False, scheme: str = "https", **more
):
    pool = urllib3.PoolManager(ssl_context=tls(store, stolen=stolen), retries=False, timeout=5)
    return pool.request(method, f"{scheme}://127.0.0.1:{port(store, part)}{path}", redirect=False, **more)


def token(key: bytes, claims: dict[str, object] | None = None) -> dict[str, str]:
    def b64(data: bytes) -> bytes:
        return base64.urlsafe_b64encode(data).rstrip(b"=")

    claims = {"exp": int(time.time()) + 60, **(claims or {})}
    body = b64(b'{"alg":"HS256","typ":"JWT"}') + b"." + b64(json.dumps(claims).encode())
    signature = b64(hmac.new(key, body, hashlib.sha256).digest())
    return {"Authorization": "Bearer " + (body + b"." + signature).decode()}


def key(store: Store, purpose: str) -> bytes:
    return derive(store.settings, f"object-store:{purpose}").hex().encode()


@pytest.mark.parametrize(
    ("access_key", "secret"),
    [(None, None), ("enclave-admin", "wrong"), ("", "x"), ("somebody", "demo-only-not-a-secret")],
)
def test_s3_refuses_strangers_everything(store, locked, access_key, secret):
    config = Config(signature_version=UNSIGNED) if access_key is None else Config()
    s3 = boto3.client(
        "s3",
        endpoint_url=store.settings.objects_endpoint,
        aws_access_key_id=access_key,
        aws_secret_access_key=secret,
        region_name="us-east-1",
        config=config.merge(Config(retries={"max_attempts": 1})),
    )
    at = {"Bucket": locked.bucket, "Key": locked.key}
    for attempt in (
        lambda: s3.get_object(**at),
        lambda: s3.get_object(**at, VersionId=locked.version_id),
        lambda: s3.head_object(**at),
        lambda: s3.put_object(**at, Body=b"evil"),
        lambda: s3.delete_object(**at, VersionId=locked.version_id),
        lambda: s3.list_objects_v2(Bucket=locked.bucket),
        lambda: s3.list_object_versions(Bucket=locked.bucket),
        lambda: s3.create_bucket(Bucket="of-a-stranger"),
        lambda: s3.put_bucket_policy(Bucket=locked.bucket, Policy="{}"),
        s3.list_buckets,
    ):
        with pytest.raises((ClientError, ValueError)):
            attempt()
    assert store.objects.read(locked) == b"kept" * 99


def test_the_product_itself_makes_no_bucket_by_accident_and_no_users(store):
    settings = store.settings
    ours = {
        "endpoint_url": settings.objects_endpoint,
        "aws_access_key_id": settings.objects_access_key,
        "aws_secret_access_key": settings.objects_secret_key.get_secret_value(),
        "region_name": "us-east-1",
    }
    with pytest.raises(ClientError, match="NoSuchBucket"):
        boto3.client("s3", **ours).put_object(Bucket="typing-mistake", Key="x", Body=b"x")
    iam = boto3.client("iam", **ours)
    for attempt in (
        lambda: iam.create_user(UserName="mallory"),
        lambda: iam.create_access_key(UserName="enclave"),
        lambda: iam.put_user_policy(UserName="enclave", PolicyName="p", PolicyDocument="{}"),
    ):
        with pytest.raises(ClientError):
            attempt()


@pytest.mark.parametrize("part", ["master", "filer"])
@pytest.mark.parametrize("method", ["GET", "PUT", "POST", "DELETE"])
def test_master_and_filer_answer_nobody_who_lacks_their_certificate(store, locked, part, method):
    paths = [
        "/",
        "/dir/assign",
        "/col/delete?collection=releases",
        "/vol/grow?count=1",
        "/submit",
        "/dir/lookup?fileId=1,0",
    ]
    if part == "filer":
        paths = [
            "/",
            "/buckets/releases/?recursive=true",
            f"/buckets/releases/{locked.key}",
            "/etc/iam/identity.json",
            "/.tus/x",
        ]
    for path in paths:
        with suppress(urllib3.exceptions.HTTPError):  # or the connection is closed in our face
            plain = ask(store, part, method, path, scheme="http", body=b"evil")
            assert plain.status == 400
            assert plain.data in {b"Client sent an HTTP request to an HTTPS server.\n", b""}
        with pytest.raises(urllib3.exceptions.HTTPError):
            ask(store, part, method, path, body=b"evil")
    assert store.objects.read(locked) == b"kept" * 99


def test_the_filer_refuses_a_stolen_certificate_that_comes_without_a_token(store, locked):
    for path in (
        f"/buckets/releases/{locked.key}.versions/",
        "/buckets/releases/",
        "/etc/",
        "/buckets/releases/x",
    ):
        for method in ("GET", "PUT", "POST", "DELETE"):
            reply = ask(store, "filer", method, path, stolen=True, body=b"evil")
            assert reply.status == 401, (method, path)
            forged = ask(store, "filer", method, path, stolen=True, body=b"evil", headers=token(b"guess"))
            assert forged.status == 401, (method, path)
    assert store.objects.read(locked) == b"kept" * 99


def file_ids(store: Store, ref) -> list[str]:
    """Where an object's bytes really lie, learnt with every secret of the filer."""
    path = f"/buckets/{ref.bucket}/{ref.key}.versions/v_{ref.version_id}?metadata=true"
    reply = ask(store, "filer", "GET", path, stolen=True, headers=token(key(store, "filer-read")))
    found = re.findall(r'"file_id":\s*"([^"]+)"', reply.data.decode())
    assert found, reply.data
    return found


def test_the_volume_server_refuses_bytes_and_their_deletion_to_who_has_no_token(store, locked):
    for fid in file_ids(store, locked):
        other = token(key(store, "volume-write"), {"fid": "1,00000000000000"})
        for headers in ({}, token(b"guess", {"fid": fid}), token(b"", {"fid": fid}), other):
            for method in ("GET", "HEAD", "PUT", "POST", "DELETE"):
                reply = ask(store, "volume", method, f"/{fid}", scheme="http", body=b"evil", headers=headers)
                assert reply.status == 401, (method, fid)
        right = token(key(store, "volume-read"), {"fid": fid})
        control = ask(store, "volume", "GET", f"/{fid}", scheme="http", headers=right)
        assert control.status == 200  # it is the place, and the bytes there are encrypted
        assert b"kept" not in control.data
    assert store.objects.read(locked) == b"kept" * 99


def test_an_assignment_gives_a_token_for_the_new_place_only(store, locked):
    """Even with the stolen certificate: the master's token writes the place it just invented, and no other."""
    reply = ask(store, "master", "GET", "/dir/assign?collection=releases", stolen=True)
    assigned = {"Authorization": reply.headers["Authorization"]}
    for fid in file_ids(store, locked):
        for method in ("PUT", "POST", "DELETE", "GET"):
            answer = ask(store, "volume", method, f"/{fid}", scheme="http", body=b"evil", headers=assigned)
            assert answer.status == 401, method
    assert store.objects.read(locked) == b"kept" * 99


def test_the_volume_server_tells_strangers_sizes_and_nothing_else(store, locked):
    """What stays open beside S3, as the documentation says: volume numbers, bucket names, sizes, counts."""
    open_to_all = []
    for path in (
        "/",
        "/status",
        "/healthz",
        "/metrics",
        "/ui/index.html",
        "/stats/disk",
        "/debug/pprof/",
        "/admin/x",
    ):
        reply = ask(store, "volume", "GET", path, scheme="http")
        if reply.status == 200:
            open_to_all.append(path)
            assert b"attack" not in reply.data
        else:
            assert reply.status == 401, path
    assert open_to_all == ["/status", "/healthz"]


@pytest.mark.parametrize("part", ["s3.grpc", "master.grpc", "volume.grpc", "filer.grpc"])
def test_grpc_asks_everybody_for_a_certificate_on_ports_and_sockets(store, part):
    def greeted(connection: socket.socket) -> bytes:
        connection.settimeout(5)
        try:
            connection.sendall(PREFACE)
            return connection.recv(64)
        except OSError:
            return b""

    def tcp() -> socket.socket:
        return socket.create_connection(("127.0.0.1", port(store, part)), timeout=5)

    assert greeted(tcp()) == b""
    with tcp() as raw, pytest.raises(OSError):
        tls(store, stolen=False).wrap_socket(raw, server_hostname="127.0.0.1").recv(
            64
        )  # TLS 1.3 refuses late
    stolen = tls(store, stolen=True)
    stolen.set_alpn_protocols(["h2"])
    assert greeted(stolen.wrap_socket(tcp(), server_hostname="127.0.0.1"))  # with the certificate it answers
    path = Path(f"/tmp/seaweedfs-{part.split('.')[0]}-grpc-{port(store, part)}.sock")
    if path.exists():
        with socket.socket(socket.AF_UNIX) as local:
            local.connect(str(path))
            assert greeted(local) == b""


def test_it_listens_on_loopback_and_on_the_documented_ports_only(store):
    inodes = set()
    for handle in Path(f"/proc/{store.pid}/fd").iterdir():
        if match := re.fullmatch(r"socket:\[(\d+)\]", os.readlink(handle)):
            inodes.add(match.group(1))
    listening = set()
    for table in ("tcp", "tcp6", "udp", "udp6"):
        for line in Path(f"/proc/{store.pid}/net/{table}").read_text().splitlines()[1:]:
            cells = line.split()
            if cells[9] in inodes and (cells[3] == "0A" or table.startswith("udp")):
                address, number = cells[1].split(":")
                listening.add((table, address, int(number, 16)))
    assert listening == {("tcp", "0100007F", number) for number, _ in weed.ports(store.settings)}


def test_secrets_stand_in_closed_files_and_the_environment_never_in_arguments_or_logs(store, locked):
    settings = store.settings
    secrets = [
        settings.objects_secret_key.get_secret_value().encode(),
        settings.master_key.get_secret_value().encode(),
    ]
    secrets += [
        key(store, p) for p in ("volume-write", "volume-read", "filer-write", "filer-read", "sse", "sts")
    ]
    secrets += [derive(settings, "object-store:sse"), base64.b64encode(derive(settings, "object-store:sts"))]
    arguments = Path(f"/proc/{store.pid}/cmdline").read_bytes()
    log = store.supervisor.log("objects").read_bytes()
    on_disk = b"".join(p.read_bytes() for p in store.data.rglob("*") if p.is_file())
    for secret in secrets:
        assert secret not in arguments
        assert secret not in log
        assert secret not in on_disk
    config = weed.root(settings) / "config"
    for path in [config, *config.rglob("*")]:
        assert path.stat().st_mode & 0o077 == 0, path
    assert weed.root(settings).stat().st_mode & 0o077 == 0
    environment = Path(f"/proc/{store.pid}/environ").read_bytes()
    assert settings.master_key.get_secret_value().encode() not in environment
