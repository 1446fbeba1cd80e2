"""The parts of the partition engine, each with what would break it."""

from __future__ import annotations

import pickle
from datetime import date

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from anonymization.errors import BrokenIntent, Unusable
from anonymization.keys import KeyRing
from anonymization.partitions import leaks, measuring
from anonymization.partitions.conform import conform
from anonymization.partitions.held import held
from anonymization.partitions.intake import text_hashes, unit_hashes
from anonymization.partitions.kinds import treated_as_numbers
from anonymization.partitions.sealed import NotOurs, Seal
from anonymization.partitions.sources import CsvSource, open_file
from anonymization.partitions.stages import stages
from anonymization.partitions.store import MemoryStore, open_directory
from anonymization.partitions.survey import Survey
from anonymization.recipe import load_recipe
from anonymization.risk.report import RiskSettings, risk_report
from anonymization.schema import Field, FieldType, Schema, VariableRole
from anonymization.steps.base import Intent
from anonymization.steps.evidence import Distinct, Mean, merged
from anonymization.tables import arrow_of, frame_of, gaps_of, parquet_bytes, release_frame

KEY = bytes(range(32))


# Work files.


def test_what_is_sealed_comes_back_frame_by_frame(tmp_path):
    seal = Seal(KEY, b"run")
    starts = seal.write(tmp_path / "a.rows", [b"one", b"", b"three"])
    assert list(seal.read(tmp_path / "a.rows")) == [b"one", b"", b"three"]
    assert seal.read_one(tmp_path / "a.rows", 2, starts[2]) == b"three"
    assert (tmp_path / "a.rows").stat().st_mode & 0o777 == 0o600
    assert b"three" not in (tmp_path / "a.rows").read_bytes()


@pytest.mark.parametrize("spoil", ["flip", "cut", "swap", "rename", "other run", "other key", "longer"])
def test_a_work_file_that_is_not_what_was_written_does_not_open(tmp_path, spoil):
    path, seal = tmp_path / "a.rows", Seal(KEY, b"run")
    starts = seal.write(path, [b"first frame", b"other frame"])
    data = path.read_bytes()
    if spoil == "flip":
        path.write_bytes(data[:30] + bytes([data[30] ^ 1]) + data[31:])
    elif spoil == "cut":
        path.write_bytes(data[: starts[1]])  # at a frame's edge: only the end mark tells
    elif spoil == "swap":
        size = starts[1]
        path.write_bytes(data[size : 2 * size] + data[:size] + data[2 * size :])
    elif spoil == "rename":
        path = path.rename(tmp_path / "b.rows")
    elif spoil == "longer":
        path.write_bytes(b"\xff" * 8 + data[8:])
    seal = (
        Seal(KEY, b"else")
        if spoil == "other run"
        else Seal(bytes(32), b"run")
        if spoil == "other key"
        else seal
    )
    with pytest.raises(NotOurs, match="Delete the work directory"):
        list(seal.read(path))


def test_a_partition_is_there_only_when_it_was_told_of(tmp_path):
    store = open_directory(tmp_path / "w", Seal(KEY, b"run"))
    sink = store.sink("raw", 0)
    sink.add(pa.table({"a": [1]}))
    assert store.told("raw", 0) is None
    sink.close("done")
    assert store.told("raw", 0) == "done"
    assert next(store.tables("raw", 0)).to_pydict() == {"a": [1]}
    other = open_directory(tmp_path / "w", Seal(KEY, b"another run"))
    assert other.told("raw", 0) is None
    assert not list((tmp_path / "w").glob(".*.part"))


def test_a_directory_that_others_may_enter_or_that_holds_other_things_is_refused(tmp_path):
    (tmp_path / "open").mkdir(mode=0o755)
    (tmp_path / "open").chmod(0o755)
    with pytest.raises(Unusable, match="Others may enter"):
        open_directory(tmp_path / "open", Seal(KEY, b"r"))
    (tmp_path / "mine").mkdir(mode=0o700)
    (tmp_path / "mine" / "thesis.docx").write_text("x")
    with pytest.raises(Unusable, match="other files"):
        open_directory(tmp_path / "mine", Seal(KEY, b"r"))


# Tables there and back.


def test_a_release_is_the_same_table_after_pandas():
    table = pa.table(
        {
            "i": pa.array([1, None, 1 << 60], pa.int64()),
            "f": [0.5, None, 2.0],
            "b": [True, None, False],
            "s": ["a", None, ""],
            "d": pa.array([date(2020, 1, 1), None, None]),
            "none": pa.nulls(3, pa.string()),
        }
    )
    assert arrow_of(release_frame(table)) == table


def test_every_part_of_a_column_has_the_types_of_the_whole():
    whole = pa.table({"i": pa.array([1, None, 3, 4]), "b": [True, False, None, True]})
    gaps = gaps_of(whole)
    parts = [frame_of(whole.slice(a, 2), gaps) for a in (0, 2)]
    assert [str(p.dtypes["i"]) for p in parts] == ["float64", "float64"]
    assert [str(p.dtypes["b"]) for p in parts] == ["object", "object"]


def test_bytes_do_not_depend_on_how_rows_were_chunked():
    frame = pd.DataFrame({"a": np.arange(300_000) % 7, "t": np.arange(300_000).astype(str)})
    assert parquet_bytes(frame) == parquet_bytes(frame.copy())


# Evidence.


def test_counts_add_settings_stay_and_means_are_weighted():
    one = {"global": {"k": 5}, "cells": {"age": 3}, "mean": Mean(1.0, 3), "how": "x", "base": 10.0}
    two = {"global": {"k": 5}, "cells": {"age": 4, "sex": 1}, "mean": Mean(5.0, 1), "how": "x", "base": 10.0}
    assert merged(iter([one, two])) == {
        "k": 5,
        "cells": {"age": 7, "sex": 1},
        "mean": 2.0,
        "how": "x",
        "base": 10.0,
    }


def test_distinct_values_are_united_however_deep_they_stand():
    parts = [
        {"x": {"levels": Distinct.of(pd.Series(v)), "n": 1}, "d": Distinct.of(pd.Series(v))}
        for v in ([1, 2], [2, 3])
    ]
    assert merged(iter(parts)) == {"x": {"levels": 3, "n": 2}, "d": 3}


def test_distinct_values_are_counted_once_across_parts_and_estimated_when_many():
    values = pd.Series(np.arange(1000).repeat(3))
    parts = [Distinct.of(values[::2]), pickle.loads(pickle.dumps(Distinct.of(values[1::2])))]
    assert Distinct.union(parts) == 1000 == Distinct.of(values)
    many = pd.Series(np.arange(1_000_000))
    estimate = Distinct.of(many)
    assert abs(estimate - 1_000_000) < 30_000  # seven standard errors
    assert Distinct.union([Distinct.of(many[:600_000]), Distinct.of(many[400_000:])]) == estimate
    assert len(estimate.hashes) == 1 << 16


# Rows that cannot be used.


def test_poisoned_cells_are_set_aside_with_a_reason_that_holds_no_value():
    raw = pa.table(
        {
            "hh": pa.array([b"1", b"", b"3", b"4", b"5", b"6"]),
            "age": pa.array([b"30", b"31", b"thirty", b"NA", b"40", b"41"]),
            "note": pa.array([b"a", b"b", b"c", b"d", b"caf\xe9", b"nul\x00"]),
        }
    )
    types = {"hh": FieldType.STRING, "age": FieldType.INTEGER, "note": FieldType.STRING}
    done = conform(raw, types, household="hh")
    assert done.table.to_pydict() == {"hh": ["1", "4"], "age": [30, None], "note": ["a", "d"]}
    assert [i for i, _ in done.reasons] == [2, 4, 5, 1]
    said = " ".join(reason for _, reason in done.reasons)
    assert "age must hold a whole number" in said
    assert "belongs to no household" in said
    assert "UTF-8" in said
    assert "thirty" not in said
    assert "caf" not in said


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (FieldType.INTEGER, [b"007", b"-3", b"+4"], [b"1.0", b"1e3", b"9999999999999999999", b"--1"]),
        (FieldType.NUMBER, [b"1", b".5", b"-1.5e3"], [b"1,5", b"inf", b"0x10", b"e5", b"1e999"]),
        (FieldType.BOOLEAN, [b"true", b"No", b"1"], [b"2", b"maybe"]),
        (FieldType.DATE, [b"2024-02-29"], [b"2023-02-29", b"29/02/2024", b"2024-2-9"]),
    ],
)
def test_what_counts_as_a_value_of_a_type(kind, good, bad):
    done = conform(pa.table({"x": pa.array([*good, *bad])}), {"x": kind})
    assert done.good.tolist() == [True] * len(good) + [False] * len(bad)


def test_ragged_lines_are_counted_and_keep_their_number(tmp_path):
    lines = ["a,b"] + [f"{i},x" if i % 1000 != 7 else f"{i}" for i in range(30_000)]
    (tmp_path / "x.csv").write_text("\n".join(lines) + "\n")
    source = CsvSource(tmp_path / "x.csv")
    got = [
        (n, int(v.as_py()))
        for table, numbers in source.batches()
        for n, v in zip(numbers, table["a"], strict=True)
    ]
    assert all(n == v for n, v in got)
    assert [n for n, _ in source.set_aside] == list(range(7, 30_000, 1000))
    assert len(got) == 30_000 - 30


def test_a_quote_that_is_never_closed_is_a_sentence(tmp_path):
    (tmp_path / "x.csv").write_text('a,b\n1,"open\n' + "2,x\n" * 3_000_000)
    with pytest.raises(Unusable, match="never closed"):
        for _ in CsvSource(tmp_path / "x.csv").batches():
            pass


def test_a_file_is_told_apart_by_content_and_refused_in_a_sentence(tmp_path):
    pd.DataFrame({"a": [[1, 2]]}).to_parquet(tmp_path / "nested")
    (tmp_path / "empty.csv").write_bytes(b"")
    (tmp_path / "book.xlsx").write_bytes(b"PK\x03\x04" + b"0" * 100)
    (tmp_path / "twice.csv").write_text("a,a\n1,2\n")
    for name, sentence in [("nested", "lists or records"), ("empty.csv", "is empty"),
                           ("book.xlsx", "spreadsheet"), ("twice.csv", "same name"), ("gone.csv", "no file")]:  # fmt: skip
        with pytest.raises(Unusable, match=sentence):
            open_file(tmp_path / name)


def test_types_are_those_of_every_cell():
    survey = Survey()
    cells = {
        "n": [b"1", b"2", b"NA"],
        "f": [b"1.5", b"", b"2"],
        "id": [b"007", b"8", b"9"],
        "t": [b"1", b"x", b"2"],
    }
    survey.see(pa.table({k: pa.array(v) for k, v in cells.items()}), text=True)
    kinds = {n: c.type(comma=False) for n, c in survey.columns.items()}
    assert kinds == {
        "n": FieldType.INTEGER,
        "f": FieldType.NUMBER,
        "id": FieldType.STRING,
        "t": FieldType.STRING,
    }
    assert survey.gaps_of_text(kinds) == {"n": False, "f": False}


RECIPE = """
name: small
version: 1
dataset: small
unit: person
tier: scientific use
columns:
  hh: {role: direct, treatment: pseudonymise}
  name: {role: direct, treatment: drop}
  age: {role: quasi, treatment: [topcode, generalise]}
  born: {role: quasi, treatment: generalise}
  income: {role: sensitive, treatment: round}
  sex: {role: quasi, treatment: suppress}
steps:
  - pseudonymise: {columns: [hh], domain: household}
  - drop: {columns: [name]}
  - topcode: {columns: {age: {top: 90}}}
  - generalise: {columns: {age: {edges: [30]}, born: {age: true, edges: [30]}}}
  - round: {columns: {income: 5}}
  - suppress: {keys: [sex], k: 3}
  - shuffle: {}
risk: {keys: [sex], k: 3, household: hh}
"""


def test_the_recipe_says_which_columns_have_to_be_numbers():
    recipe = load_recipe(RECIPE)
    assert treated_as_numbers(recipe, tuple(recipe.columns)) == {"age", "income"}


def test_a_global_step_ends_one_pass_and_opens_the_next():
    passes = stages(load_recipe(RECIPE).built_steps())
    assert [(s.opens, s.local, s.closes) for s in passes] == [(None, (0, 1, 2, 3, 4), 5), (5, (6,), None)]


# A household is one household however it is written.


def test_units_that_share_a_pseudonym_share_a_hash():
    texts = pa.chunked_array([["5", " 5 ", "café", "cafe\u0301", "x\x00y"]])
    found = unit_hashes(texts)
    assert (
        found[0]
        == found[1]
        == unit_hashes(pa.chunked_array([[5]]))[0]
        == unit_hashes(pa.chunked_array([[5.0]]))[0]
    )
    assert found[2] == found[3]
    assert len(set(found.tolist())) == 3
    assert text_hashes(pa.chunked_array([["abc", None, "abcd"]]), shortest=4).tolist()[:2] == [0, 0]


# A step is held to its word.


@pytest.mark.parametrize(
    ("act", "wrong"),
    [
        (lambda t: t.assign(b=0), "changed b"),
        (lambda t: t.reset_index(drop=True), "lost the numbers"),
        (lambda t: t.iloc[:1], "changed the number of rows"),
        (lambda t: t.drop(columns="b"), "left other columns"),
        (lambda t: t.iloc[::-1], "lost the numbers"),
    ],
)
def test_a_step_that_does_something_else_is_stopped(act, wrong):
    schema = Schema(
        (Field("a", VariableRole.QUASI, FieldType.INTEGER), Field("b", VariableRole.PLAIN, FieldType.INTEGER))
    )
    intent = Intent("liar", ("a",), ("a",), (), schema, "Lies.")
    table = pd.DataFrame({"a": [1, 2], "b": [3, 4]}, index=[70, 12])
    with pytest.raises(BrokenIntent, match=wrong):
        held(lambda t: (act(t), {}), intent, table)


# Measured over partitions as in one piece.


@pytest.mark.parametrize("per_household", [False, True])
@pytest.mark.parametrize("missing", ["wildcard", "category"])
def test_merged_risk_is_the_risk_of_the_whole(per_household, missing):
    rng = np.random.default_rng(4)
    n = 700
    table = pd.DataFrame(
        {
            "hh": rng.integers(0, 260, n),
            "a": rng.integers(0, 6, n).astype(float),
            "b": rng.choice(["x", "y", None], n),
            "s": rng.choice(["p", "q", "r"], n),
            "w": rng.integers(1, 9, n).astype(float),
        }
    )
    table.loc[rng.random(n) < 0.1, "a"] = np.nan
    settings = RiskSettings(
        ("a", "b"),
        5,
        weight="w",
        household="hh",
        per_household=per_household,
        sensitive=("s",),
        missing=missing,
        closeness=True,
    )
    parts = [part for _, part in table.groupby(table["hh"] % 4)]
    measured = measuring.measure((measuring.scan(p, settings) for p in parts), settings)
    looks = [measuring.together(p, measured.risks, settings) for p in parts] if measured.shared else []
    found, whole = measuring.report_of(measured, looks), risk_report(table, settings)
    assert set(found) == set(whole)
    _close(found, whole)


def _close(found, whole):
    for key, value in whole.items():
        if isinstance(value, dict):
            _close(found[key], value)
        elif isinstance(value, float):
            assert found[key] == pytest.approx(value, rel=1e-9), key
        else:
            assert found[key] == (list(value) if isinstance(value, tuple) else value), key


# Identifiers that survive.


def survivors(shown, extract):
    left = leaks.Survivors(shown)
    for table in extract:
        left.add(leaks.sought(table, shown))
    return left.by_identifier(), left.in_text()


def test_an_identifier_of_another_partition_is_found():
    recipe = load_recipe(RECIPE)
    release = [
        pa.table({"hh": ["0123456789ABCDEFGHJK"], "sex": ["Wanjiku"]}),
        pa.table({"hh": [None], "sex": ["m"]}),
    ]
    extract = [pa.table({"hh": [1], "name": ["Otieno"]}), pa.table({"hh": [2], "name": ["  Wanjiku"]})]
    shown = leaks.merged([leaks.shown(t, recipe) for t in release])
    with pytest.raises(
        BrokenIntent, match="1 cells of the release still hold values of the direct identifier name"
    ):
        survivors(shown, extract)


def test_a_pseudonym_column_left_as_it_was_is_found():
    recipe = load_recipe(RECIPE)
    extract = pa.table({"hh": ["HH-0001", "HH-0002"], "name": ["Otieno", "Achieng"]})
    shown = leaks.shown(pa.table({"hh": ["HH-0001", "0123456789ABCDEFGHJK"]}), recipe)
    with pytest.raises(BrokenIntent, match="identifier hh"):
        survivors(shown, [extract])


def test_numbers_of_the_registry_in_released_text_are_counted():
    recipe = load_recipe(
        RECIPE.replace("sex: {role: quasi, treatment: suppress}", "sex: {role: free_text, treatment: redact_text}")
        .replace("suppress: {keys: [sex], k: 3}", "redact_text: {columns: [sex]}")
    )  # fmt: skip
    shown = leaks.shown(pa.table({"sex": ["call 0712-345 678 or 2024-05-17", "0712345678"]}), recipe)
    for phone in (pa.array(["0712 345678"]), pa.array(["٠٧١٢ 345678 "])):
        found, numbers = survivors(shown, [pa.table({"name": phone})])
        assert (found, numbers) == ({"name": 0}, 2 if phone[0].as_py().isascii() else 0)


def test_memory_store_forgets_rows_and_keeps_what_was_told():
    store = MemoryStore()
    sink = store.sink("raw", 0)
    sink.add(pa.table({"a": [1]}))
    sink.close("told")
    store.drop("raw")
    assert store.told("raw", 0) == "told"
    assert store.rows == {}


def test_keys_are_not_shown_by_what_travels_to_workers():
    ring = KeyRing(b"a secret of thirty-two bytes here")
    assert "secret" not in repr(Seal(b"secret" * 6, b"run"))
    assert "secret" not in repr(ring)
