"""Sealed files: what comes out is what went in, or nothing at all."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from enclave.kernel.errors import NotFound
from enclave.objects.errors import Tampered
from enclave.objects.sealed import dataset_key, seal, unseal, unseal_bytes
from enclave.settings import Settings

KEY = bytes(range(32))
CHUNK = 64
HEADER, TAG = 12, 16

quick = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
contents = st.one_of(
    st.binary(max_size=4 * CHUNK),
    st.sampled_from([0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 3 * CHUNK]).map(lambda n: b"r" * n),
)


def sealed(tmp_path, data: bytes, context: str = "extract-1") -> tuple[bytes, str]:
    to = tmp_path / "sealed"
    wrapped = seal(data, to, key=KEY, context=context, chunk=CHUNK)
    return to.read_bytes(), wrapped


def opened(file: bytes, wrapped: str, *, key: bytes = KEY, context: str = "extract-1") -> bytes:
    return unseal_bytes(file, key=key, wrapped=wrapped, context=context)


@quick
@given(data=contents)
def test_what_was_sealed_opens_to_the_same_bytes(tmp_path, data):
    file, wrapped = sealed(tmp_path, data)
    assert opened(file, wrapped) == data
    (tmp_path / "in").write_bytes(data)
    again = seal(tmp_path / "in", tmp_path / "s2", key=KEY, context="extract-1", chunk=CHUNK)
    out = unseal(tmp_path / "s2", tmp_path / "out", key=KEY, wrapped=again, context="extract-1")
    assert out.read_bytes() == data
    assert (tmp_path / "s2").stat().st_mode & 0o077 == 0
    assert out.stat().st_mode & 0o077 == 0


@quick
@given(data=contents, draw=st.data())
def test_one_changed_byte_anywhere_is_noticed(tmp_path, data, draw):
    file, wrapped = sealed(tmp_path, data)
    at = draw.draw(st.integers(0, len(file) - 1))
    by = draw.draw(st.integers(1, 255))
    changed = file[:at] + bytes([file[at] ^ by]) + file[at + 1 :]
    with pytest.raises(Tampered):
        opened(changed, wrapped)


@quick
@given(data=contents, draw=st.data())
def test_a_file_that_was_cut_short_anywhere_is_noticed(tmp_path, data, draw):
    file, wrapped = sealed(tmp_path, data)
    for end in (draw.draw(st.integers(0, len(file) - 1)), HEADER, max(HEADER, len(file) - CHUNK - TAG)):
        if end < len(file):
            with pytest.raises(Tampered):
                opened(file[:end], wrapped)


@quick
@given(
    data=st.binary(min_size=CHUNK + 1, max_size=5 * CHUNK), extra=st.binary(min_size=1, max_size=2 * CHUNK)
)
def test_chunks_that_were_added_dropped_doubled_or_swapped_are_noticed(tmp_path, data, extra):
    file, wrapped = sealed(tmp_path, data)
    step = CHUNK + TAG
    head, chunks = file[:HEADER], [file[i : i + step] for i in range(HEADER, len(file), step)]
    for changed in (
        [*chunks, extra],
        [*chunks, chunks[-1]],
        chunks[:-1],
        chunks[1:],
        [chunks[0], *chunks],
        chunks[::-1],
    ):
        with pytest.raises(Tampered):
            opened(head + b"".join(changed), wrapped)


@quick
@given(data=contents)
def test_another_key_another_context_or_another_files_key_opens_nothing(tmp_path, data):
    file, wrapped = sealed(tmp_path, data)
    _, other = sealed(tmp_path, data)
    for attempt in (
        lambda: opened(file, wrapped, key=KEY[::-1]),
        lambda: opened(file, wrapped, context="extract-2"),
        lambda: opened(file, other),
        lambda: opened(file, "not base64!"),
        lambda: opened(file, wrapped[:-4]),
    ):
        with pytest.raises(Tampered):
            attempt()


def test_the_same_bytes_sealed_twice_share_nothing_but_their_header(tmp_path):
    data = b"the same household " * 40
    (first, one), (second, two) = sealed(tmp_path, data), sealed(tmp_path, data)
    assert one != two
    assert first[:HEADER] == second[:HEADER]
    assert first[HEADER:] != second[HEADER:]
    assert b"household" not in first


def test_a_file_whose_key_was_destroyed_is_gone_for_good(tmp_path):
    file, _ = sealed(tmp_path, b"rows")
    with pytest.raises(NotFound, match="destroyed"):
        opened(file, "")


def test_a_failed_opening_leaves_no_file_behind_and_spares_the_one_before(tmp_path):
    data = b"r" * (5 * CHUNK)
    file, wrapped = sealed(tmp_path, data)
    target = tmp_path / "out" / "file"
    with pytest.raises(Tampered) as caught:
        unseal(file[:-1], target, key=KEY, wrapped=wrapped, context="extract-1")
    assert "Chunk 5" in caught.value.sentence
    assert list(target.parent.iterdir()) == []
    target.write_bytes(b"before")
    with pytest.raises(Tampered):
        unseal(file[:-1], target, key=KEY, wrapped=wrapped, context="extract-1")
    assert target.read_bytes() == b"before"


@quick
@given(junk=st.binary(max_size=200))
def test_junk_is_not_a_sealed_file(tmp_path, junk):
    _, wrapped = sealed(tmp_path, b"rows")
    with pytest.raises(Tampered):
        opened(junk, wrapped)


def test_datasets_have_keys_of_their_own_that_depend_on_the_master_key():
    here = Settings(_env_file=None, demo=True)
    there = here.model_copy(update={"master_key": SecretStr("another")})
    keys = {dataset_key(here, "a"), dataset_key(here, "b"), dataset_key(there, "a")}
    assert len(keys) == 3
    assert all(len(key) == 32 for key in keys)
    assert dataset_key(here, "a") == dataset_key(here, "a")
