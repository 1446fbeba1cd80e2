"""The manifest's form: canonical, so that its digest means one thing."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enclave.kernel.errors import Invalid
from enclave.kernel.ports import ObjectRef
from enclave.releases.manifest import SCHEMA, Manifest, ManifestFile

quick = settings(max_examples=40, deadline=None)
words = st.text(min_size=1, max_size=20)
digests = st.text("0123456789abcdef", min_size=64, max_size=64)
refs = st.builds(ObjectRef, words, words, words, digests, st.integers(0, 2**40), words)
moments = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))
manifests = st.builds(
    Manifest,
    release=words,
    files=st.lists(st.builds(ManifestFile, words, refs), max_size=5, unique_by=lambda f: f.name).map(tuple),
    recipe_name=words,
    recipe_version=words,
    recipe_digest=digests,
    policies=st.lists(words, max_size=3).map(tuple),
    evidence=digests,
    created_at=moments,
)


@quick
@given(manifests)
def test_a_manifest_comes_back_from_its_bytes(manifest):
    assert Manifest.from_bytes(manifest.to_bytes()) == manifest
    assert json.loads(manifest.to_bytes())["schema"] == SCHEMA


@quick
@given(manifests, st.randoms())
def test_the_order_of_the_files_and_the_time_zone_change_nothing(manifest, random):
    files = list(manifest.files)
    random.shuffle(files)
    facts = {name: getattr(manifest, name) for name in manifest.__slots__}
    elsewhere = manifest.created_at.astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert (
        Manifest(**facts | {"files": tuple(files), "created_at": elsewhere}).to_bytes() == manifest.to_bytes()
    )


@quick
@given(manifests)
def test_other_spellings_of_the_same_facts_are_refused(manifest):
    facts = json.loads(manifest.to_bytes())
    backwards = dict(reversed(facts.items()))
    for other in (json.dumps(facts).encode(), json.dumps(backwards).encode(), manifest.to_bytes() + b"\n"):
        with pytest.raises(Invalid):
            Manifest.from_bytes(other)
    with pytest.raises(Invalid):
        Manifest.from_bytes(json.dumps({**facts, "more": 1}, sort_keys=True, separators=(",", ":")).encode())


@pytest.mark.parametrize(
    "junk", [b"", b"{}", b"[]", b"null", b"\xff", b'{"schema":"other","files":[]}', b"1" * 5000]
)
def test_junk_is_not_a_manifest(junk):
    with pytest.raises(Invalid, match="not a manifest"):
        Manifest.from_bytes(junk)


def test_two_files_of_one_name_are_refused():
    ref = ObjectRef("releases", "k", "v", "0" * 64, 1)
    facts = {"release": "r", "recipe_name": "n", "recipe_version": "1", "recipe_digest": "d", "policies": ()}
    twice = (ManifestFile("a", ref), ManifestFile("a", ref))
    with pytest.raises(Invalid, match="name of its own"):
        Manifest(**facts, files=twice, evidence="e", created_at=datetime.now(UTC))
