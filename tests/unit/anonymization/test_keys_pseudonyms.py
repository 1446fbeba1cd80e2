"""Pseudonyms: the same inside a scope, unrelated across scopes, and never a value."""

from __future__ import annotations

import hashlib
import hmac

import numpy as np
import pandas as pd
import pytest

from anonymization.errors import AnonymizationError, Unusable
from anonymization.keys import TOKEN_LENGTH, KeyRing

RING = KeyRing(b"a master key of the tests, 32 by")


def test_a_token_is_hmac_sha256_under_the_sub_key_to_100_bits():
    digest = hmac.new(RING.sub_key("release", "household"), b"H1", hashlib.sha256).digest()
    number = int.from_bytes(digest[:13], "big") >> 4
    alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
    expected = "".join(alphabet[(number >> (5 * i)) & 31] for i in reversed(range(TOKEN_LENGTH)))
    assert RING.token("release", "household", "H1") == expected


def test_an_integer_its_float_and_its_text_are_one_value():
    tokens = {RING.token("s", "d", v) for v in (5, 5.0, "5", np.int32(5), " 5 ")}
    assert len(tokens) == 1
    assert RING.token("s", "d", "05") not in tokens


def test_composed_and_decomposed_letters_are_one_value():
    assert RING.token("s", "d", "Jos\u00e9") == RING.token("s", "d", "Jose\u0301")


def test_missing_stays_missing_and_blank_is_missing():
    out = RING.tokens("s", "d", pd.Series(["a", None, np.nan, "  ", "", pd.NA], dtype=object))
    assert out.notna().tolist() == [True, False, False, False, False, False]


def test_an_index_with_repeated_labels_gives_nobody_anothers_token():
    series = pd.Series(["a", "b", "c"], index=[0, 0, 1])
    assert RING.tokens("s", "d", series).tolist() == [RING.token("s", "d", v) for v in "abc"]


def test_scopes_domains_versions_and_masters_share_no_token():
    ids = pd.Series([f"H{i}" for i in range(2_000)])
    rings = [("p1", "household", RING), ("p2", "household", RING), ("p1", "person", RING)]
    rings += [
        ("p1", "household", KeyRing(RING.master, version=2)),
        ("p1", "household", KeyRing(b"another master key")),
    ]
    seen: set[str] = set()
    for scope, domain, ring in rings:
        tokens = set(ring.tokens(scope, domain, ids))
        assert len(tokens) == len(ids)
        assert not tokens & seen
        seen |= tokens


def test_a_boundary_between_scope_and_domain_cannot_be_moved():
    assert RING.sub_key("ab", "c") != RING.sub_key("a", "bc")


def test_one_household_is_one_token_in_two_tables_of_a_project_and_none_of_another():
    base = KeyRing(RING.master)
    release = pd.DataFrame({"hh": base.tokens("dataset:x", "household", pd.Series(["H1", "H2", None]))})
    other = pd.DataFrame({"of": base.tokens("dataset:x", "household", pd.Series(["H2", "H2", "H1"]))})
    one = base.rekey(release, {"hh": "household"}, "project:1")
    two = base.rekey(other, {"of": "household"}, "project:1")
    assert one["hh"][1] == two["of"][0] == two["of"][1]
    assert one["hh"][0] == two["of"][2]
    assert pd.isna(one["hh"][2])
    elsewhere = base.rekey(release, {"hh": "household"}, "project:2")
    assert not set(one["hh"].dropna()) & set(elsewhere["hh"].dropna())
    assert release["hh"][0] == base.token("dataset:x", "household", "H1")


def test_clear_identifiers_are_never_rekeyed_as_if_they_were_tokens():
    with pytest.raises(Unusable) as error:
        RING.rekey(pd.DataFrame({"hh": ["H000123456"]}), {"hh": "household"}, "project:1")
    assert "H000123456" not in str(error.value)


def test_the_master_key_is_in_no_repr_and_must_be_long_enough():
    assert "master key" not in repr(RING)
    with pytest.raises(AnonymizationError, match="16 bytes"):
        KeyRing(b"short")


def test_values_that_pandas_takes_for_one_are_two():
    ring = KeyRing(b"a master key of enough bytes")
    for one, other in (("a\0b", "a\0c"), ("\0", ""), (True, 1), ("1\0", 1)):
        first, second = ring.tokens("scope", "domain", pd.Series([one, other], dtype=object))
        assert first != second
