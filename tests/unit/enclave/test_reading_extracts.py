"""Bad files get one sentence each, load nothing, and leak nothing."""

from __future__ import annotations

import csv
import datetime as dt
import io
import re
import traceback
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from enclave.catalogue.model import Column, ColumnRole, ColumnType, Dataset, Unit
from enclave.extracts.cells import arrow_schema
from enclave.extracts.reading import ExtractTable, read_extract, write_extract
from enclave.kernel.errors import Invalid

T = ColumnType
COLUMNS = (
    Column("household_id", ColumnRole.DIRECT, T.STRING, "Number.", unique=True),
    Column("region", ColumnRole.QUASI, T.STRING, "Region.", values={"R01": "One", "R02": "Two"}),
    Column("size", ColumnRole.QUASI, T.INTEGER, "Persons.", lower=1, upper=20),
    Column("welfare", ColumnRole.SENSITIVE, T.NUMBER, "LCU.", lower=0, upper=1e5),
    Column("eligible", ColumnRole.PLAIN, T.BOOLEAN, "Whether."),
    Column("born", ColumnRole.QUASI, T.DATE, "Birth date."),
    Column("kind", ColumnRole.PLAIN, T.INTEGER, "Kind.", values={"1": "One", "2": "Two"}),
    Column("note", ColumnRole.FREE_TEXT, T.STRING, "Note."),
    Column("wave", ColumnRole.PLAIN, T.STRING, "Wave.", required=False),
)
DATASET = Dataset(
    id="d", slug="test-households", title="Test", description="Test.", unit=Unit.HOUSEHOLD, unit_id="household_id",
    area="region", steward="steward", recipe="test", source="Generated.", columns=COLUMNS, described_on=date(2026, 9, 30),
)  # fmt: skip
HEADER = [c.name for c in COLUMNS[:-1]]
CANARY = "Zyxwanjiru"


def good(n: int = 5) -> list[list[str]]:
    return [
        [f"H{i:05d}", "R01" if i % 2 else "R02", str(i + 1), f"{1000 + i}.5", ("true", "no", "1")[i % 3],
         f"19{70 + i % 30}-02-1{i % 10}", str(1 + i % 2), f'says "{i}", twice\nand more']
        for i in range(n)
    ]  # fmt: skip


def as_csv(rows: list[list[str]], header: list[str] = HEADER) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([header, *rows])
    return out.getvalue()


def put(folder: Path, content: str | bytes, name: str = "extract.csv") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def refused(path: Path, dataset: Dataset = DATASET) -> str:
    """The one sentence; fails if there are more, or if anything of the file is in it or its traceback."""
    with pytest.raises(Invalid) as caught:
        read_extract(path, dataset)
    assert len(caught.value.problems) == 1
    sentence = caught.value.problems[0]
    assert sentence.endswith(".")
    assert sentence.count(". ") == 0
    assert CANARY not in "".join(traceback.format_exception(caught.value)) + repr(caught.value)
    return sentence


def attempt(path: Path) -> tuple[ExtractTable | None, str]:
    """What was read, or everything that the refusal says."""
    try:
        return read_extract(path, DATASET), ""
    except Invalid as problem:
        return None, "".join(traceback.format_exception(problem)) + repr(problem) + repr(problem.problems)


def frame(n: int = 5) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "household_id": [f"H{i:05d}" for i in range(n)],
            "region": "R01",
            "size": np.arange(1, n + 1),
            "welfare": np.arange(n) + 0.5,
            "eligible": True,
            "born": [date(1990, 1, 1)] * n,
            "kind": 1,
            "note": "quiet",
        }
    )


def as_parquet(folder: Path, table: pd.DataFrame | pa.Table, name: str = "extract.parquet") -> Path:
    table = table if isinstance(table, pa.Table) else pa.Table.from_pandas(table, preserve_index=False)
    pq.write_table(table, folder / name)
    return folder / name


def test_a_good_csv_is_read_by_the_dictionary(tmp_path):
    got = read_extract(put(tmp_path, as_csv(good(45_000))), DATASET)

    assert got.rows == 45_000
    assert got.table.schema == arrow_schema(DATASET)
    first = got.table.slice(0, 2).to_pylist()
    assert first[0] == {
        "household_id": "H00000", "region": "R02", "size": 1, "welfare": 1000.5, "eligible": True,
        "born": date(1970, 2, 10), "kind": 1, "note": 'says "0", twice\nand more', "wave": None,
    }  # fmt: skip
    assert first[1]["eligible"] is False


def test_the_digest_is_of_the_file_as_it_came(tmp_path):
    import hashlib

    for path in (put(tmp_path, as_csv(good())), as_parquet(tmp_path, frame())):
        assert read_extract(path, DATASET).sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_empty_cells_are_missing_and_a_byte_order_mark_is_forgiven(tmp_path):
    rows = [["H1", "", "", "", "", "", "", ""], *good(1)]

    got = read_extract(put(tmp_path, "\ufeff" + as_csv(rows).replace("\n", "\r\n") + "\r\n"), DATASET)

    assert list(got.table.slice(0, 1).to_pylist()[0].values()) == ["H1"] + [None] * 8


@pytest.mark.parametrize(
    ("column", "cell"),
    [
        ("size", CANARY), ("size", "1.5"), ("size", "1e3"), ("size", " 1"), ("size", "9" * 30), ("size", "٣"), ("size", "nan"),
        ("welfare", CANARY), ("welfare", "inf"), ("welfare", "1,5"), ("welfare", "1e999"), ("welfare", "NaN"), ("welfare", "0x10"),
        ("eligible", CANARY), ("eligible", "2"), ("eligible", "T"),
        ("born", CANARY), ("born", "30.09.1990"), ("born", "1990-02-30"), ("born", "1990-2-3"), ("born", "19900203"), ("born", "1990-01-01T00:00"),
    ],
)  # fmt: skip
def test_a_cell_of_the_wrong_type_is_named_by_column_and_row(tmp_path, column, cell):
    rows = good(20_010)
    rows[20_003][HEADER.index(column)] = cell

    sentence = refused(put(tmp_path, as_csv(rows)))

    assert sentence.startswith(f"Column {column} must hold ")
    assert "data row 20004 " in sentence
    assert cell not in re.sub(r"\d{4,}|YYYY", "", sentence) or len(cell) < 3


def test_a_code_that_is_not_on_the_list_does_not_pass(tmp_path):
    for column, cell in (("region", CANARY), ("kind", "3")):
        rows = good()
        rows[2][HEADER.index(column)] = cell
        assert refused(put(tmp_path, as_csv(rows))).startswith(
            f"Column {column} has a code list, and data row 3 "
        )


def test_a_missing_column_is_named_and_an_unknown_one_only_counted(tmp_path):
    rows = good()
    lacking = as_csv([r[:3] + r[4:] for r in rows], [h for h in HEADER if h != "welfare"])
    more = as_csv([[*r, "x"] for r in rows], [*HEADER, CANARY])
    twice = as_csv([[*r, r[0]] for r in rows], [*HEADER, "household_id"])

    assert "(welfare)" in refused(put(tmp_path, lacking))
    assert "(number 9 from the left)" in refused(put(tmp_path, more))
    assert "two columns of the same name" in refused(put(tmp_path, twice))


def test_a_file_without_its_header_shows_nobody(tmp_path):
    rows = good()
    rows[0][7] = CANARY

    assert "The file lacks 8 columns" in refused(put(tmp_path, as_csv(rows[1:], rows[0])))


def test_a_repeated_or_missing_key_is_refused(tmp_path):
    rows = good(30)
    rows[28][0] = rows[3][0]
    assert "household_id must be different in every row, but data row 29 " in refused(
        put(tmp_path, as_csv(rows))
    )

    rows[28][0] = ""
    assert "data row 29 has none" in refused(put(tmp_path, as_csv(rows)))


def test_every_way_in_which_a_csv_can_be_broken_has_its_sentence(tmp_path):
    text = as_csv(good())
    wide = as_csv([*good(), [*good()[0], CANARY]])
    bare = as_csv(good()).replace('says "', "says ").replace('"says', "says")
    cases = {
        "is empty": "",
        "a header but no rows": as_csv([]),
        "not UTF-8": text.replace("says", "sáys").encode("latin-1"),
        "NUL bytes": text.replace("and", "a\x00nd"),
        "cells where the header has 8": wide,
        "last line is not ended": text + "H00009,R01,1,1,no,1990-01-01,1,x",
        "quotation mark": text[: text.rindex('"')],
        "holds parquet": b"PAR1" + text.encode(),
        "spreadsheet": b"PK\x03\x04" + text.encode(),
        "empty line before data row 3": text.replace("H00002", "\nH00002"),
        "an empty line at the top": "\n" + text,
        "quotation mark ": text.replace("H00003,", f'"{CANARY}"x,'),
        "131,072": text.replace("H00004,", CANARY * 20_000 + ","),
    }
    for says, content in cases.items():
        assert says.strip() in refused(put(tmp_path, content)), says
    assert refused(put(tmp_path, bare))
    assert "not UTF-8" in refused(put(tmp_path, text.encode("utf-16")))
    assert "end in .csv or .parquet" in refused(put(tmp_path, text, f"{CANARY}.xlsx"))
    assert "cannot be read" in refused(tmp_path / f"{CANARY}.csv")
    (tmp_path / "folder.csv").mkdir()
    assert "cannot be read" in refused(tmp_path / "folder.csv")


def test_a_csv_cut_anywhere_is_refused_unless_it_is_cut_between_rows(tmp_path):
    text = as_csv(good(3)).encode()
    ends = {len(as_csv(good(n)).encode()) for n in (1, 2, 3)}
    for end in range(len(text)):
        path = put(tmp_path, text[:end])
        if end in ends:
            assert read_extract(path, DATASET).rows in {1, 2, 3}
        else:
            refused(path)


def test_a_parquet_cut_anywhere_is_refused(tmp_path):
    whole = as_parquet(tmp_path, frame(50)).read_bytes()
    for end in [*range(0, len(whole), 97), len(whole) - 1, len(whole) - 4]:
        refused(put(tmp_path, whole[:end], "cut.parquet"))
    refused(put(tmp_path, whole[:100] + whole[300:], "cut.parquet"))
    assert "does not hold parquet" in refused(put(tmp_path, as_csv(good()), "cut.parquet"))
    assert "a header but no rows" in refused(
        as_parquet(tmp_path, frame(3).iloc[:0].astype(frame(3).dtypes), "no.parquet")
    )


def test_what_pandas_does_to_whole_numbers_dates_and_categories_is_taken_back(tmp_path):
    table = frame()
    table["size"] = [1.0, np.nan, 3.0, 4.0, 5.0]
    table["born"] = pd.to_datetime(table["born"])
    table["region"] = pd.Categorical(table["region"])
    table["welfare"] = np.array([1, 2, 3, 4, 5], dtype=np.int8)
    table["eligible"] = [True, None, False, True, True]
    table["note"] = None

    got = read_extract(as_parquet(tmp_path, table), DATASET).table

    assert got.schema == arrow_schema(DATASET)
    assert got["size"].to_pylist() == [1, None, 3, 4, 5]
    assert got["born"].to_pylist() == [date(1990, 1, 1)] * 5
    assert got["eligible"].to_pylist() == [True, None, False, True, True]


@pytest.mark.parametrize(
    ("column", "values", "row"),
    [
        ("size", [1, 2, 3.5, 4, 5], 3),
        ("size", [1, 2, 3, 1e300, 5], 4),
        ("size", [None, "a", "b", "c", "d"], 2),
        ("size", [True] * 5, 1),
        ("welfare", [1.0, np.inf, 2.0, 3.0, 4.0], 2),
        ("welfare", ["1"] * 5, 1),
        ("eligible", [1, 0, 1, 0, 1], 1),
        ("born", ["1990-01-01"] * 5, 1),
        ("born", [dt.datetime(1990, 1, 1)] * 4 + [dt.datetime(1990, 1, 1, 12)], 5),
        ("household_id", [1, 2, 3, 4, 5], 1),
        ("note", [b"x"] * 5, 1),
        ("note", [["x"]] * 5, 1),
    ],
)
def test_a_parquet_column_of_the_wrong_type_is_named_by_column_and_row(tmp_path, column, values, row):
    table = frame()
    table[column] = pd.Series(values, dtype=object if values[0] is None else None)

    sentence = refused(as_parquet(tmp_path, table))

    assert sentence.startswith(f"Column {column} must hold ")
    assert f"data row {row} " in sentence


def test_text_in_parquet_that_is_no_text_is_refused(tmp_path):
    table = pa.Table.from_pandas(frame(), preserve_index=False)
    at = table.schema.get_field_index("note")
    nul = table.set_column(at, "note", pa.array([f"{CANARY}\x00"] * 5))
    bytes_ = pa.array([b"\xff\xfe" + CANARY.encode()] * 5)
    not_utf8 = table.set_column(at, "note", pa.Array.from_buffers(pa.string(), 5, bytes_.buffers()))
    twice = pa.table([*table.columns, table["size"]], names=[*table.column_names, "size"])

    assert "NUL characters" in refused(as_parquet(tmp_path, nul))
    assert refused(as_parquet(tmp_path, not_utf8))
    assert "same name" in refused(as_parquet(tmp_path, twice))


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_whatever_is_done_to_a_file_it_is_read_as_it_was_or_refused_without_a_word_of_it(tmp_path, data):
    """Every cell is a canary of its own; the file is damaged at random places."""
    rows = [[f"{CANARY}{i}k", "R01", "7", "1.5", "no", "1990-01-01", "1", f"{CANARY}{i}n"] for i in range(4)]
    content = as_csv(rows).encode()
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(content)))
        until = data.draw(st.integers(at, min(at + 9, len(content))))
        junk = data.draw(
            st.sampled_from(
                [b"", b'"', b",", b"\n", b"\x00", b"\xff", b";", b"\r", CANARY.encode(), b'""', b"\xc3"]
            )
        )
        content = content[:at] + junk + content[until:]
    path = put(tmp_path, content)
    got, told = attempt(path)
    assert CANARY not in told
    if got is not None:
        assert got.table.schema == arrow_schema(DATASET)
        assert set(got.table["region"].to_pylist()) <= {"R01", "R02", None}
        assert None not in got.table["household_id"].to_pylist()


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=40), st.integers(0, 10**6), st.integers(0, 60))
def test_a_damaged_parquet_is_refused_or_still_holds_to_the_dictionary(tmp_path, junk, at, cut):
    table = frame().assign(note=CANARY)
    content = as_parquet(tmp_path, table).read_bytes()
    at %= len(content)
    path = put(tmp_path, content[:at] + junk + content[at + cut :], "damaged.parquet")
    got, told = attempt(path)
    assert CANARY not in told
    if got is not None:
        assert got.table.schema == arrow_schema(DATASET)
        got.table.validate(full=True)


def test_what_is_written_is_what_is_read(tmp_path):
    table = read_extract(put(tmp_path, as_csv(good(700))), DATASET).table
    path = tmp_path / "out.parquet"

    written = write_extract(iter(table.to_batches(max_chunksize=64)), path, DATASET)

    got = read_extract(path, DATASET)
    assert (written.rows, written.sha256) == (700, got.sha256)
    assert got.table == table
    assert path.stat().st_mode & 0o077 == 0


def test_a_refused_write_leaves_what_was_there_and_nothing_else(tmp_path):
    path = put(tmp_path, "earlier", "out.parquet")
    fine = pa.RecordBatch.from_pandas(frame(), preserve_index=False)
    extra = pa.RecordBatch.from_pandas(frame().assign(**{CANARY: 1}), preserve_index=False)
    wrong = pa.RecordBatch.from_pandas(frame().assign(size=CANARY), preserve_index=False)

    def breaks():
        yield fine
        raise RuntimeError("the registry went away")

    for batches, says in (
        ([fine, fine], "data row 6 repeats"),
        ([fine, extra], "does not describe"),
        ([fine, wrong], "data row 6 holds"),
        ([fine.slice(0, 0)], "no rows"),
        ([], "no rows"),
    ):
        with pytest.raises(Invalid) as caught:
            write_extract(batches, path, DATASET)
        assert says in str(caught.value)
        assert CANARY not in "".join(traceback.format_exception(caught.value))
    with pytest.raises(RuntimeError):
        write_extract(breaks(), path, DATASET)
    assert [p.name for p in tmp_path.iterdir()] == ["out.parquet"]
    assert path.read_text() == "earlier"


def test_rows_of_one_household_may_repeat_where_the_dictionary_allows_it(tmp_path):
    people = replace(DATASET, columns=tuple(replace(c, unique=False) for c in COLUMNS), unit=Unit.PERSON)

    assert read_extract(put(tmp_path, as_csv(good() + good())), people).rows == 10
    rows = good()
    rows[4][0] = ""
    assert "data row 5 has none" in refused(put(tmp_path, as_csv(rows)), people)
