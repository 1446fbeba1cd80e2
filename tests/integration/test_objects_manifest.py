"""A published release, re-read byte by byte from the real store."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from objectstore import Store, free_ports, shared_store

from enclave.kernel.errors import Unavailable
from enclave.objects import client
from enclave.objects.s3 import S3Objects
from enclave.releases.manifest import Manifest, ManifestFile, ProblemKind, load, publish, verify

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def store() -> Store:
    return shared_store()


def release(store: Store, name: str) -> Manifest:
    files = {"table.parquet": b"rows" * 1000, "dictionary.json": b"{}", "evidence.json": b'{"k":3}'}
    refs = {n: store.objects.put("releases", f"{name}/{n}", d, media_type="x/y") for n, d in files.items()}
    return Manifest(
        release=name,
        files=tuple(ManifestFile(n, ref) for n, ref in refs.items()),
        recipe_name="scientific-use",
        recipe_version="3",
        recipe_digest="a" * 64,
        policies=("release@1:ab12", "access@2:cd34"),
        evidence=refs["evidence.json"].sha256,
        created_at=datetime.now(UTC),
    )


def test_an_untouched_release_has_no_problems(store):
    manifest = release(store, "fine")
    ref = publish(store.objects, manifest, "releases", "fine/manifest.json")
    assert ref.sha256 == manifest.sha256
    assert load(store.objects, ref) == manifest
    assert verify(store.objects, ref) == []


def test_a_changed_and_a_missing_file_are_named_and_only_they(store):
    manifest = release(store, "hurt")
    files = {file.name: file.ref for file in manifest.files}
    evil = store.objects.put("releases", "hurt/table.parquet", b"rowz" * 1000, media_type="x/y")
    changed = replace(
        files["table.parquet"], version_id=evil.version_id
    )  # same key, size and name, other bytes
    manifest = replace(
        manifest,
        files=tuple(ManifestFile(n, changed if n == "table.parquet" else ref) for n, ref in files.items()),
    )
    ref = publish(store.objects, manifest, "releases", "hurt/manifest.json")
    store.objects.delete(files["dictionary.json"])
    problems = {problem.name: problem for problem in verify(store.objects, ref)}
    assert {name: problem.kind for name, problem in problems.items()} == {
        "dictionary.json": ProblemKind.MISSING,
        "table.parquet": ProblemKind.CHANGED,
    }
    assert "releases/hurt/table.parquet" in problems["table.parquet"].sentence
    assert "row" not in problems["table.parquet"].sentence


def test_a_changed_manifest_is_named_itself(store):
    manifest = release(store, "forged")
    ref = publish(store.objects, manifest, "releases", "forged/manifest.json")
    forged = publish(store.objects, replace(manifest, recipe_version="4"), "releases", "forged/manifest.json")
    (problem,) = verify(store.objects, replace(ref, version_id=forged.version_id))
    assert (problem.name, problem.kind) == ("manifest", ProblemKind.CHANGED)
    not_one = store.objects.put("releases", "forged/other", b"{}", media_type="x/y")
    assert verify(store.objects, not_one)[0].kind is ProblemKind.UNREADABLE
    assert verify(store.objects, replace(ref, key="forged/nowhere"))[0].kind is ProblemKind.MISSING


def test_a_store_that_is_away_is_not_taken_for_a_broken_release(store, monkeypatch):
    monkeypatch.setattr(client, "PAUSES", ())
    ref = publish(store.objects, release(store, "away"), "releases", "away/manifest.json")
    away = S3Objects(store.settings.model_copy(update={"objects_port": free_ports()}))
    with pytest.raises(Unavailable):
        verify(away, ref)
