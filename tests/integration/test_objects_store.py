"""The object store as the product uses it, against the real server; boto3 looks over its shoulder."""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.request import Request, urlopen

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from objectstore import Store, free_ports, shared_store

from enclave.kernel.errors import Invalid, NotAllowed, NotFound, Unavailable
from enclave.kernel.ports import ObjectRef
from enclave.objects import client
from enclave.objects.errors import Locked, Missing, Tampered
from enclave.objects.s3 import BUCKETS, S3Objects

pytestmark = pytest.mark.real

MARKER = b"PLANTED-MARKER-THAT-MUST-NOT-BE-ON-DISK"


@pytest.fixture(scope="module")
def store() -> Store:
    return shared_store()


@pytest.fixture(scope="module")
def s3(store: Store):
    settings = store.settings
    return boto3.client(
        "s3",
        endpoint_url=settings.objects_endpoint,
        aws_access_key_id=settings.objects_access_key,
        aws_secret_access_key=settings.objects_secret_key.get_secret_value(),
        region_name=settings.objects_region,
        config=Config(retries={"max_attempts": 1}),
    )


def soon(seconds: int = 600) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


def on_disk(store: Store, words: bytes) -> bool:
    return any(words in path.read_bytes() for path in store.data.rglob("*") if path.is_file())


# 4 MiB is the server's chunk, 16 MiB our part.
@pytest.mark.parametrize("size", [0, 1, 4 * 2**20, 5 * 2**20 + 1, 16 * 2**20, 17 * 2**20 + 3])
def test_what_was_put_comes_back_from_bytes_and_from_files(store, tmp_path, size):
    data = os.urandom(size)
    path = tmp_path / "source"
    path.write_bytes(data)
    for source in (data, path):
        ref = store.objects.put("outputs", f"sizes/{size}", source, media_type="text/plain")
        assert (ref.size, ref.sha256) == (size, hashlib.sha256(data).hexdigest())
        assert store.objects.read(ref) == data
        assert store.objects.fetch(ref, tmp_path / "deep" / "er" / "copy").read_bytes() == data
    assert [p.name for p in (tmp_path / "deep" / "er").iterdir()] == ["copy"]


def test_plain_boto3_sees_the_same_bytes_media_type_and_encryption(store, s3):
    ref = store.objects.put("releases", "boto/table.parquet", b"rows", media_type="application/x-parquet")
    reply = s3.get_object(Bucket=ref.bucket, Key=ref.key, VersionId=ref.version_id)
    assert reply["Body"].read() == b"rows"
    assert reply["ContentType"] == "application/x-parquet"
    assert reply["ServerSideEncryption"] == "AES256"


def test_nothing_that_is_stored_can_be_read_on_the_disk(store, s3):
    s3.put_object(Bucket="outputs", Key="rest/control", Body=MARKER[::-1])
    assert on_disk(store, MARKER[::-1])  # without asking for encryption it would be there to read
    small = store.objects.put("outputs", "rest/small", MARKER * 3, media_type="text/plain")
    large = store.objects.put("outputs", "rest/large", MARKER * 200_000, media_type="text/plain")
    assert not on_disk(store, MARKER)
    assert store.objects.read(small) == MARKER * 3
    assert store.objects.read(large) == MARKER * 200_000


def test_every_bucket_keeps_versions_and_can_lock(store, s3):
    names = {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]}
    assert set(BUCKETS) <= names
    for bucket in BUCKETS:
        assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
        assert s3.get_object_lock_configuration(Bucket=bucket)["ObjectLockConfiguration"]["ObjectLockEnabled"]


def test_a_version_stays_what_it_was_when_its_key_is_written_again_or_hidden(store, s3):
    first = store.objects.put("outputs", "again/file", b"first", media_type="text/plain")
    second = store.objects.put("outputs", "again/file", b"second", media_type="text/plain")
    s3.delete_object(Bucket="outputs", Key="again/file")  # hides the key behind a delete marker
    assert store.objects.read(first) == b"first"
    assert store.objects.read(second) == b"second"
    assert store.objects.exists(first)


def test_deleting_removes_one_version_and_only_that_one(store):
    first = store.objects.put("outputs", "one/file", b"first", media_type="text/plain")
    second = store.objects.put("outputs", "one/file", b"second", media_type="text/plain")
    store.objects.delete(second)
    assert (store.objects.exists(first), store.objects.exists(second)) == (True, False)
    with pytest.raises(NotFound):
        store.objects.read(second)
    store.objects.delete(second)  # a worker may repeat itself
    assert store.objects.read(first) == b"first"


def test_a_locked_version_cannot_be_deleted_shortened_or_emptied_out_by_the_administrator(store, s3):
    until = soon()
    ref = store.objects.put("releases", "lock/file", b"kept", media_type="text/plain", retain_until=until)
    where = {"Bucket": ref.bucket, "Key": ref.key, "VersionId": ref.version_id}
    with pytest.raises(Locked, match="locked against deletion"):
        store.objects.delete(ref)
    attacks = [
        lambda: s3.delete_object(**where),
        lambda: s3.delete_object(**where, BypassGovernanceRetention=True),
        lambda: s3.put_object_retention(
            **where, Retention={"Mode": "COMPLIANCE", "RetainUntilDate": soon(1)}
        ),
        lambda: s3.put_object_retention(
            **where,
            Retention={"Mode": "GOVERNANCE", "RetainUntilDate": soon()},
            BypassGovernanceRetention=True,
        ),
        lambda: s3.put_bucket_versioning(Bucket=ref.bucket, VersioningConfiguration={"Status": "Suspended"}),
        lambda: s3.delete_bucket(Bucket=ref.bucket),
    ]
    for attack in attacks:
        with pytest.raises(ClientError):
            attack()
    many = s3.delete_objects(
        Bucket=ref.bucket, Delete={"Objects": [{"Key": ref.key, "VersionId": ref.version_id}]}
    )
    assert many.get("Errors")
    assert not many.get("Deleted")
    held = s3.get_object_retention(**where)["Retention"]
    assert (held["Mode"], held["RetainUntilDate"]) == ("COMPLIANCE", until.replace(microsecond=0))
    assert store.objects.read(ref) == b"kept"


def test_a_retention_can_be_made_longer(store, s3):
    ref = store.objects.put(
        "releases", "lock/longer", b"kept", media_type="text/plain", retain_until=soon(60)
    )
    later = soon(900).replace(microsecond=0)
    where = {"Bucket": ref.bucket, "Key": ref.key, "VersionId": ref.version_id}
    s3.put_object_retention(**where, Retention={"Mode": "COMPLIANCE", "RetainUntilDate": later})
    assert s3.get_object_retention(**where)["Retention"]["RetainUntilDate"] == later


def test_a_listing_names_every_version_once(store, s3):
    refs = [store.objects.put("outputs", "listing/a", b"%d" % i, media_type="text/plain") for i in range(3)]
    refs.append(store.objects.put("outputs", "listing/b/c", b"x", media_type="text/plain"))
    store.objects.put("outputs", "listings/not-mine", b"x", media_type="text/plain")
    rows = store.objects.list("outputs", "listing/")
    assert [row.key for row in rows] == ["listing/a"] * 3 + ["listing/b/c"]
    assert {row.version_id for row in rows} == {ref.version_id for ref in refs}
    assert [row.latest for row in rows] == [True, False, False, True]
    assert rows[0].version_id == refs[2].version_id
    raw = s3.list_object_versions(Bucket="outputs", Prefix="listing/")["Versions"]
    assert len(raw) == 4
    s3.delete_object(Bucket="outputs", Key="listing/a")
    rows = store.objects.list("outputs", "listing/a")
    assert [row.deleted for row in rows].count(True) == 1
    assert len(rows) == 4


def test_writers_of_one_key_at_once_each_keep_their_own_version(store):
    def write(i: int) -> tuple[bytes, ObjectRef]:
        data = b"writer %d" % i
        return data, store.objects.put("outputs", "race/file", data, media_type="text/plain")

    with ThreadPoolExecutor(8) as pool:
        written = list(pool.map(write, range(16)))
    assert len({ref.version_id for _, ref in written}) == 16
    assert all(store.objects.read(ref) == data for data, ref in written)
    assert len(store.objects.list("outputs", "race/")) == 16


def test_names_in_every_script_and_with_signs_survive(store):
    for key in ("सूची/بيانات/данные.csv", "a b/%20?#&=+.txt", "dir", "dir/file", "dir/file/deeper"):
        ref = store.objects.put("outputs", f"names/{key}", key.encode(), media_type="text/plain")
        assert store.objects.read(ref) == key.encode()
        assert key in {row.key.removeprefix("names/") for row in store.objects.list("outputs", "names/")}


@pytest.mark.parametrize("key", ["", "/a", "a/", "a//b", "../a", "a/../b", "./a", "a" * 901])
def test_a_key_that_could_mean_two_things_is_refused(store, key):
    with pytest.raises(Invalid, match="Choose another key"):
        store.objects.put("outputs", key, b"x", media_type="text/plain")


@pytest.mark.parametrize("until", [datetime(2020, 1, 1, tzinfo=UTC), datetime(2099, 1, 1)])
def test_a_retention_in_the_past_or_of_no_time_zone_is_refused(store, until):
    with pytest.raises(Invalid, match="future"):
        store.objects.put("releases", "past", b"x", media_type="text/plain", retain_until=until)


def test_bytes_other_than_the_recorded_ones_are_never_handed_out(store, tmp_path):
    ref = store.objects.put("outputs", "swap/file", b"the true bytes", media_type="text/plain")
    other = store.objects.put("outputs", "swap/file", b"the evil bytes", media_type="text/plain")
    longer = store.objects.put("outputs", "swap/file", b"the true bytes and more", media_type="text/plain")
    for swapped in (other, longer):
        forged = replace(ref, version_id=swapped.version_id)
        for attempt in (
            lambda forged=forged: store.objects.read(forged),
            lambda forged=forged: store.objects.check(forged),
            lambda forged=forged: store.objects.fetch(forged, tmp_path / "out" / "file"),
        ):
            with pytest.raises(Tampered) as caught:
                attempt()
            assert "outputs/swap/file" in caught.value.sentence
            assert "bytes" not in caught.value.sentence
    assert list((tmp_path / "out").iterdir()) == []


def test_what_was_never_there_is_said_to_be_missing(store, tmp_path):
    ref = store.objects.put("outputs", "there", b"x", media_type="text/plain")
    for absent in (
        replace(ref, key="nowhere"),
        replace(ref, version_id="0" * 32),
        replace(ref, bucket="no-bucket"),
    ):
        assert not store.objects.exists(absent)
        with pytest.raises(Missing):
            store.objects.read(absent)
    with pytest.raises(Missing):
        store.objects.list("no-bucket")


def test_a_store_that_does_not_answer_is_unavailable_after_bounded_patience(store, monkeypatch):
    tried: list[float] = []
    monkeypatch.setattr(client.time, "sleep", tried.append)
    elsewhere = S3Objects(store.settings.model_copy(update={"objects_port": free_ports()}))
    with pytest.raises(Unavailable, match="try again"):
        elsewhere.put("outputs", "x", b"never stored", media_type="text/plain")
    assert tuple(tried) == client.PAUSES


def test_a_wrong_secret_and_a_wrong_name_are_refused_without_being_repeated(store):
    from pydantic import SecretStr

    wrong = [{"objects_secret_key": SecretStr("wrong-secret")}, {"objects_access_key": "somebody-else"}]
    for update in wrong:
        stranger = S3Objects(store.settings.model_copy(update=update))
        with pytest.raises(NotAllowed) as caught:
            stranger.put("outputs", "x", b"never stored", media_type="text/plain")
        assert "REGISTRY_ENCLAVE_OBJECTS_SECRET_KEY" in caught.value.sentence
        assert "wrong-secret" not in caught.value.sentence


def test_a_body_that_is_damaged_on_its_way_is_not_acknowledged(store, monkeypatch):
    """The server takes a body that does not match its signed digest; reading back does not."""
    real = store.objects._client._put_object

    def damaged(bucket, key, data, headers, query_params=None):
        return real(bucket, key, data[:-1] + b"!", headers, query_params)

    monkeypatch.setattr(store.objects._client, "_put_object", damaged)
    with pytest.raises(Tampered):
        store.objects.put(
            "releases", "damaged", b"the true bytes", media_type="text/plain", retain_until=soon()
        )
    assert store.objects.list("releases", "damaged") == ()


def test_the_server_says_that_it_is_ready_without_saying_what_it_holds(store):
    with urlopen(Request(f"{store.settings.objects_endpoint}/healthz"), timeout=5) as reply:
        assert reply.read() == b""
