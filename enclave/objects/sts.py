"""Temporary credentials for one prefix of one bucket, from the store's own token service (STS AssumeRole)."""

from __future__ import annotations

import hashlib
import json
import re
from datetime import UTC, datetime
from urllib.parse import urlencode, urlsplit
from xml.etree import ElementTree as ET

import urllib3
from minio.credentials import Credentials
from minio.signer import sign_v4_sts

from enclave.kernel.errors import Invalid, Unavailable
from enclave.kernel.ids import new_id
from enclave.kernel.ports import TemporaryCredentials
from enclave.objects.client import patiently
from enclave.objects.errors import Forbidden
from enclave.settings import Settings

#: What token services grant, in seconds (AWS STS AssumeRole; SeaweedFS and MinIO keep to the same bounds).
SHORTEST, LONGEST = 900, 43_200

_SPACE = "{https://sts.amazonaws.com/doc/2011-06-15/}"
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_PREFIX = re.compile(r"(?:[A-Za-z0-9_=,.@+-]+/)+")


def policy(bucket: str, prefix: str) -> str:
    """The session policy: GET, of any version, of what lies under the prefix. Nothing else, so no listing."""
    allow = {
        "Effect": "Allow",
        "Action": ["s3:GetObject", "s3:GetObjectVersion"],
        "Resource": [f"arn:aws:s3:::{bucket}/{prefix}*"],
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [allow]}, separators=(",", ":"))


def _signed(settings: Settings, body: str) -> dict[str, str]:
    url = urlsplit(settings.objects_endpoint)
    now = datetime.now(UTC)
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "Host": url.netloc,
        "X-Amz-Date": now.strftime("%Y%m%dT%H%M%SZ"),
    }
    own = Credentials(settings.objects_access_key, settings.objects_secret_key.get_secret_value())
    digest = hashlib.sha256(body.encode()).hexdigest()
    signed = sign_v4_sts(
        method="POST",
        url=url._replace(path="/"),
        region=settings.objects_region,
        headers=headers,
        credentials=own,
        content_sha256=digest,
        date=now,
    )
    return {name: str(value) for name, value in signed.items()}


def assume(settings: Settings, bucket: str, prefix: str, seconds: int) -> TemporaryCredentials:
    """Asks the store for credentials that can GET `bucket/prefix…` and nothing else.

    The client's own `AssumeRoleProvider` is not used: it silently makes an hour of anything shorter.

    Args:
        settings: the store, and the role to narrow (`objects_reader_role`).
        bucket: one bucket.
        prefix: names joined and ended by slashes, so that "a/" never opens "ab/".
        seconds: how long they live, from 900 to 43,200.

    Raises:
        Invalid: the prefix or the duration cannot be used.
        Unavailable, Forbidden: the store does not answer, or does not let the product issue credentials.
    """
    problems = []
    if not SHORTEST <= seconds <= LONGEST:
        problems.append(
            f"Temporary credentials live from {SHORTEST} to {LONGEST} seconds. Ask for a time between."
        )
    if not _BUCKET.fullmatch(bucket) or not _PREFIX.fullmatch(prefix) or ".." in f"{bucket}/{prefix}":
        problems.append(
            "Temporary credentials need one bucket and a prefix of plain names, each followed by a slash. "
            "Correct the bucket or the prefix."
        )
    if problems:
        raise Invalid(problems)
    body = urlencode(
        {
            "Action": "AssumeRole",
            "Version": "2011-06-15",
            "RoleArn": settings.objects_reader_role,
            "RoleSessionName": f"enclave-{new_id()}",
            "DurationSeconds": str(seconds),
            "Policy": policy(bucket, prefix),
        }
    )
    what = f"temporary credentials for {bucket}/{prefix}"

    def ask() -> urllib3.BaseHTTPResponse:
        pool = urllib3.PoolManager(timeout=urllib3.Timeout(connect=5.0, read=20.0), retries=False)
        url = settings.objects_endpoint.rstrip("/") + "/"
        return pool.request("POST", url, body=body, headers=_signed(settings, body), redirect=False)

    reply = patiently(what, ask)
    if reply.status == 403:
        raise Forbidden(
            f"The object store refuses {what}. Check REGISTRY_ENCLAVE_OBJECTS_SECRET_KEY and "
            "REGISTRY_ENCLAVE_OBJECTS_READER_ROLE."
        )
    if reply.status != 200:
        raise Unavailable(f"The object store does not issue {what} (status {reply.status}). Try again.")
    found = ET.fromstring(reply.data).find(f".//{_SPACE}Credentials")  # noqa: S314 - our own store's reply
    texts = {child.tag.removeprefix(_SPACE): child.text or "" for child in found} if found is not None else {}
    if not {"AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration"} <= texts.keys():
        raise Unavailable(f"The object store's reply holds no {what}. Try again.")
    return TemporaryCredentials(
        endpoint=settings.objects_endpoint,
        bucket=bucket,
        prefix=prefix,
        access_key=texts["AccessKeyId"],
        secret_key=texts["SecretAccessKey"],
        session_token=texts["SessionToken"],
        expires_at=datetime.fromisoformat(texts["Expiration"]).astimezone(UTC),
    )
