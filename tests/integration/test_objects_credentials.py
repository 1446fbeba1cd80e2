"""Temporary credentials: what they open, and everything that they must not."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from minio.credentials import Credentials
from minio.signer import sign_v4_s3
from objectstore import Store, shared_store
from pydantic import SecretStr

from enclave.kernel.errors import Invalid, NotAllowed
from enclave.kernel.ports import TemporaryCredentials
from enclave.objects.keys import derive
from enclave.objects.s3 import S3Objects

pytestmark = pytest.mark.real

INSIDE = b"inside the prefix"


@pytest.fixture(scope="module")
def store() -> Store:
    return shared_store()


@pytest.fixture(scope="module")
def refs(store):
    keys = {
        "in": "p1/out-1/table.csv",
        "sibling": "p1/out-10/table.csv",
        "parent": "p1/other.csv",
        "top": "table.csv",
    }
    found = {
        n: store.objects.put("released", f"cred/{k}", INSIDE, media_type="text/csv") for n, k in keys.items()
    }
    found["bucket"] = store.objects.put("releases", f"cred/{keys['in']}", INSIDE, media_type="text/csv")
    return found


@pytest.fixture(scope="module")
def credentials(store, refs) -> TemporaryCredentials:
    return store.objects.temporary_credentials("released", "cred/p1/out-1/", 900)


def speak(credentials: TemporaryCredentials, service: str = "s3", **changed: str):
    keys = {
        "aws_access_key_id": credentials.access_key,
        "aws_secret_access_key": credentials.secret_key,
        "aws_session_token": credentials.session_token,
        **changed,
    }
    config = Config(retries={"max_attempts": 1})
    return boto3.client(
        service, endpoint_url=credentials.endpoint, region_name="us-east-1", config=config, **keys
    )


def at(ref, *, version: bool = False) -> dict[str, str]:
    return {"Bucket": ref.bucket, "Key": ref.key} | ({"VersionId": ref.version_id} if version else {})


def test_they_read_their_prefix_by_name_by_version_and_in_parts(credentials, refs):
    s3 = speak(credentials)
    assert s3.get_object(**at(refs["in"]))["Body"].read() == INSIDE
    assert s3.get_object(**at(refs["in"], version=True))["Body"].read() == INSIDE
    assert s3.get_object(**at(refs["in"]), Range="bytes=0-5")["Body"].read() == INSIDE[:6]
    assert s3.head_object(**at(refs["in"]))["ContentLength"] == len(INSIDE)


@pytest.mark.parametrize("other", ["sibling", "parent", "top", "bucket"])
def test_they_read_nothing_beside_it(credentials, refs, other):
    s3 = speak(credentials)
    for attempt in (
        lambda: s3.get_object(**at(refs[other])),
        lambda: s3.get_object(**at(refs[other], version=True)),
        lambda: s3.head_object(**at(refs[other])),
        lambda: s3.get_object_tagging(**at(refs[other])),
        lambda: s3.get_object_attributes(**at(refs[other]), ObjectAttributes=["ObjectSize"]),
        lambda: s3.copy_object(Bucket="released", Key="cred/p1/out-1/copy", CopySource=at(refs[other])),
    ):
        with pytest.raises(ClientError):
            attempt()


def get_as_it_stands(credentials: TemporaryCredentials, path: str) -> tuple[int, bytes]:
    """GET of a path that no client has tidied up, rightly signed."""
    url = urlsplit(f"{credentials.endpoint}/released/{path}")
    now, empty = datetime.now(UTC), hashlib.sha256(b"").hexdigest()
    headers = {
        "Host": url.netloc,
        "X-Amz-Date": now.strftime("%Y%m%dT%H%M%SZ"),
        "X-Amz-Content-Sha256": empty,
        "X-Amz-Security-Token": credentials.session_token,
    }
    own = Credentials(credentials.access_key, credentials.secret_key, credentials.session_token)
    signed = sign_v4_s3(
        method="GET",
        url=url,
        region="us-east-1",
        headers=headers,
        credentials=own,
        content_sha256=empty,
        date=now,
    )
    with closing(HTTPConnection(url.hostname, url.port, timeout=5)) as connection:
        connection.putrequest("GET", url.path, skip_host=True, skip_accept_encoding=True)
        for name, value in signed.items():
            connection.putheader(name, value)
        connection.endheaders()
        reply = connection.getresponse()
        return reply.status, reply.read()


@pytest.mark.parametrize(
    "path",
    [
        "cred/p1/out-1/../out-10/table.csv",
        "cred/p1/out-1/%2e%2e/out-10/table.csv",
        "cred/p1/out-1/..%2fout-10/table.csv",
        "cred/p1/out-1//../../out-10/table.csv",
        "cred/p1/out-1%2f..%2f..%2f..%2ftable.csv",
        "cred/p1/out-1/../../../../releases/cred/p1/out-1/table.csv",
    ],
)
def test_they_do_not_climb_out_of_their_prefix(credentials, refs, path):
    assert get_as_it_stands(credentials, "cred/p1/out-1/table.csv") == (200, INSIDE)
    status, body = get_as_it_stands(credentials, path)
    assert status in {301, 307, 400, 403, 404}
    assert INSIDE not in body


def test_they_cannot_list_write_delete_lock_or_administer(credentials, refs):
    s3, inside = speak(credentials), refs["in"]
    later = datetime.now(UTC) + timedelta(days=1)
    for attempt in (
        lambda: s3.list_objects_v2(Bucket="released"),
        lambda: s3.list_objects_v2(Bucket="released", Prefix="cred/p1/out-1/"),
        lambda: s3.list_objects(Bucket="released", Prefix="cred/p1/out-1/"),
        lambda: s3.list_object_versions(Bucket="released", Prefix="cred/p1/out-1/"),
        lambda: s3.list_multipart_uploads(Bucket="released"),
        lambda: s3.put_object(**at(inside), Body=b"evil"),
        lambda: s3.put_object(Bucket="released", Key="cred/p1/out-1/new", Body=b"evil"),
        lambda: s3.create_multipart_upload(Bucket="released", Key="cred/p1/out-1/new"),
        lambda: s3.copy_object(Bucket="released", Key="cred/p1/out-1/new", CopySource=at(inside)),
        lambda: s3.delete_object(**at(inside)),
        lambda: s3.delete_object(**at(inside, version=True)),
        lambda: s3.put_object_tagging(**at(inside), Tagging={"TagSet": [{"Key": "a", "Value": "b"}]}),
        lambda: s3.put_object_retention(
            **at(inside), Retention={"Mode": "COMPLIANCE", "RetainUntilDate": later}
        ),
        lambda: s3.put_object_legal_hold(**at(inside), LegalHold={"Status": "ON"}),
        lambda: s3.get_bucket_policy(Bucket="released"),
        lambda: s3.put_bucket_policy(Bucket="released", Policy="{}"),
        lambda: s3.get_bucket_versioning(Bucket="released"),
        lambda: s3.put_bucket_versioning(Bucket="released", VersioningConfiguration={"Status": "Suspended"}),
        lambda: s3.get_object_lock_configuration(Bucket="released"),
        lambda: s3.delete_bucket(Bucket="released"),
        lambda: s3.create_bucket(Bucket="another-bucket"),
    ):
        with pytest.raises(ClientError):
            attempt()
    many = {"Objects": [{"Key": inside.key, "VersionId": inside.version_id}]}
    with suppress(ClientError):
        assert not s3.delete_objects(Bucket="released", Delete=many).get("Deleted")
    assert s3.list_buckets()["Buckets"] == []
    assert s3.get_object(**at(inside))["Body"].read() == INSIDE


def test_they_cannot_be_turned_into_better_ones(store, credentials):
    sts, iam = speak(credentials, "sts"), speak(credentials, "iam")
    everything = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}'
    role = store.settings.objects_reader_role
    for attempt in (
        lambda: sts.assume_role(RoleArn=role, RoleSessionName="climb"),
        lambda: sts.assume_role(RoleArn=role, RoleSessionName="climb", Policy=everything),
        lambda: sts.assume_role(RoleArn="arn:aws:iam::000000000000:user/enclave", RoleSessionName="climb"),
        lambda: sts.get_federation_token(Name="climb", Policy=everything),
        lambda: iam.create_user(UserName="mallory"),
        iam.list_users,
        lambda: iam.create_access_key(UserName="enclave"),
    ):
        with pytest.raises(ClientError):
            attempt()


def test_strangers_get_none(store):
    stranger = S3Objects(store.settings.model_copy(update={"objects_secret_key": SecretStr("wrong")}))
    with pytest.raises(NotAllowed) as caught:
        stranger.temporary_credentials("released", "cred/", 900)
    assert "wrong" not in caught.value.sentence


def remake(token: str, key: bytes, change) -> str:
    """The token with other claims, signed again with `key`."""
    header, claims, _ = token.split(".")
    facts = json.loads(base64.urlsafe_b64decode(claims + "=="))
    change(facts)
    body = header + "." + base64.urlsafe_b64encode(json.dumps(facts).encode()).rstrip(b"=").decode()
    signature = base64.urlsafe_b64encode(hmac.new(key, body.encode(), hashlib.sha256).digest()).rstrip(b"=")
    return f"{body}.{signature.decode()}"


def test_they_are_dead_after_their_end(store, credentials, refs):
    """The store's own key signs the same token again, only older: the store then refuses it."""
    key = derive(store.settings, "object-store:sts")
    past = int(datetime.now(UTC).timestamp()) - 1

    same = remake(credentials.session_token, key, lambda claims: None)
    assert speak(credentials, aws_session_token=same).get_object(**at(refs["in"]))["Body"].read() == INSIDE
    ended = remake(credentials.session_token, key, lambda claims: claims.update(exp=past))
    with pytest.raises(ClientError):
        speak(credentials, aws_session_token=ended).get_object(**at(refs["in"]))
    claims = json.loads(base64.urlsafe_b64decode(credentials.session_token.split(".")[1] + "=="))
    assert abs(claims["exp"] - credentials.expires_at.timestamp()) <= 1
    assert timedelta(0) < credentials.expires_at - datetime.now(UTC) <= timedelta(seconds=900)


def test_their_token_cannot_be_edited_dropped_or_lent_to_another_secret(store, credentials, refs):
    def widen(claims):
        for name, value in claims.items():
            if isinstance(value, str) and "cred/p1/out-1/" in value:
                claims[name] = value.replace("cred/p1/out-1/", "")

    with_wrong_key = remake(credentials.session_token, b"guess", widen)
    unsigned = ".".join(credentials.session_token.split(".")[:2]) + "."
    for changed in (
        {"aws_session_token": with_wrong_key},
        {"aws_session_token": unsigned},
        {"aws_session_token": "x"},
        {"aws_session_token": None},
        {"aws_secret_access_key": "guess"},
        {"aws_access_key_id": store.settings.objects_access_key},
    ):
        s3 = speak(credentials, **changed)
        for ref in (refs["in"], refs["top"]):
            with pytest.raises(ClientError):
                s3.get_object(**at(ref))
    other = store.objects.temporary_credentials("released", "cred/p1/out-10/", 900)
    with pytest.raises(ClientError):
        speak(other, aws_session_token=credentials.session_token).get_object(**at(refs["in"]))


@pytest.mark.parametrize("seconds", [-1, 0, 899, 43_201])
def test_a_life_that_the_store_cannot_give_is_refused(store, seconds):
    with pytest.raises(Invalid, match="900 to 43200 seconds"):
        store.objects.temporary_credentials("released", "cred/", seconds)


@pytest.mark.parametrize(
    ("bucket", "prefix"),
    [
        ("released", ""),
        ("released", "cred"),
        ("released", "/"),
        ("released", "*/"),
        ("released", "a?/"),
        ("released", "${aws:username}/"),
        ("released", "../"),
        ("released", 'a"/'),
        ("*", "cred/"),
        ("released/", "cred/"),
        ("re*", "cred/"),
    ],
)
def test_a_prefix_that_would_open_more_is_refused(store, bucket, prefix):
    with pytest.raises(Invalid, match="Correct the bucket or the prefix"):
        store.objects.temporary_credentials(bucket, prefix, 900)


def test_they_do_not_show_their_secrets_when_printed(credentials):
    assert credentials.secret_key not in repr(credentials)
    assert credentials.session_token not in repr(credentials)
