"""Files from anywhere: read exactly or refused in one sentence that repeats nothing of what stands in a row."""

from __future__ import annotations

import csv
import io

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from people import people

from anonymization.errors import Unusable
from anonymization.files import NoSuchColumn, numbers, read_table


def read(folder, content, **how):
    path = folder / "table.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_table(path, **how)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("a,b\n1,x\n,y\n", {"a": [1, None], "b": ["x", "y"]}),
        ("a;b\n1,5;x\n2;y\n", {"a": [1.5, 2], "b": ["x", "y"]}),
        ("a\tb\n1\tx, y\n", {"a": [1], "b": ["x, y"]}),
        ("a|b\n1|2\n", {"a": [1], "b": [2]}),
        ("\ufeffa,b\r\n1,2\r\n", {"a": [1], "b": [2]}),
        ("a,b\r1,2\r", {"a": [1], "b": [2]}),
        ("\n\na,b\n1,2\n", {"a": [1], "b": [2]}),
        ('"",a\n"1",x\n', {"column 1": [1], "a": ["x"]}),
        ('a,b\n"x\ny, z",2\n\n3,4\n', {"a": ["x\ny, z", "3"], "b": [2, 4]}),
        ('a,b\n"say ""hi""",2\n', {"a": ['say "hi"'], "b": [2]}),
        ("a\n1\n\n2\n", {"a": [1, None, 2]}),
        # Codes that would fall together as numbers stay text.
        ("a\n007\n7\n", {"a": ["007", "7"]}),
        (
            "a\n12345678901234567890\n12345678901234567891\n",
            {"a": ["12345678901234567890", "12345678901234567891"]},
        ),
        ("a,b\n9007199254740993,1\n,2\n", {"a": [9007199254740993, None], "b": [1, 2]}),
        ("a\n-\n.\n", {"a": ["-", "."]}),
        ("a\n2020-01-01\n", {"a": ["2020-01-01"]}),
        ("a,b\ntrue,-.5e3\nfalse,2.\n", {"a": ["true", "false"], "b": [-500, 2]}),
        # NA is no number, and it is Namibia.
        ("a,b,c\n1,NA,NA\nNA,KE,NA\n", {"a": [1, None], "b": ["NA", "KE"], "c": [None, None]}),
        ("a,b\n", {"a": [], "b": []}),
    ],
)
def test_what_stands_there_is_what_is_read(tmp_path, content, expected):
    table = read(tmp_path, content)
    assert {c: [None if pd.isna(v) else v for v in table[c]] for c in table} == expected


def test_further_words_for_missing_are_named(tmp_path):
    assert read(tmp_path, "a\nNA\nKE\n", na=["NA"])["a"].tolist() == [None, "KE"]


def test_columns_come_as_asked(tmp_path):
    assert list(read(tmp_path, "a,b,c\n1,2,3\n", columns=["c", "a", "c"])) == ["c", "a"]


SECRET = "Wanjiku"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is empty"),
        (b"\xef\xbb\xbf\n \n", "is empty"),
        (f"a,b\n{SECRET},2\n{SECRET}\n", "Row 3 of table.csv has 1 cells where the first line has 2"),
        (f"a,b\n{SECRET},2,3\n", "Row 2 of table.csv has 3 cells"),
        (f"a,b\n1,2\n{SECRET},", None),
        (f'a,b\n1,"{SECRET}\n2,3\n', "never closed"),
        (f"a,b\n{SECRET},é\n".encode("latin-1"), "not UTF-8"),
        (b"a,b\n" + b"x,y\n" * 40_000 + f"{SECRET},é\n".encode("latin-1"), "not UTF-8"),
        (f"a,b\n{SECRET},2\n".encode("utf-16"), "UTF-16"),
        (f"a,a\n{SECRET},2\n", "more than one column called a"),
        (b"PK\x03\x04 " + SECRET.encode(), "spreadsheet"),
        (b"PARE", "encrypted"),
        (b"PAR1" + SECRET.encode(), "cut off or damaged"),
    ],
)
def test_what_cannot_be_read_is_one_sentence_without_a_value(tmp_path, content, sentence):
    if sentence is None:  # an empty last cell is a cell
        assert read(tmp_path, content)["b"].isna().tolist() == [False, True]
        return
    with pytest.raises(Unusable, match=sentence) as caught:
        read(tmp_path, content)
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_column_that_is_not_there_and_a_file_that_is_not_there(tmp_path):
    with pytest.raises(NoSuchColumn, match=r"no column z, y\. It has: a, b"):
        read(tmp_path, "a,b\n1,2\n", columns=["z", "a", "y"])
    with pytest.raises(Unusable, match="no file nowhere"):
        read_table(tmp_path / "nowhere")
    with pytest.raises(Unusable, match="is a folder"):
        read_table(tmp_path)


def test_parquet_is_read_exactly_and_without_its_index(tmp_path):
    table = pd.DataFrame(
        {
            "i": pd.array([2**60 + 1, None], dtype="Int64"),
            "j": pd.array([1, None], dtype="Int64"),
            "s": ["x", None],
        },
        index=["p", "q"],
    )
    table.to_parquet(tmp_path / "t.bin")
    found = read_table(tmp_path / "t.bin", ["s", "i", "j"])
    assert found["i"].tolist() == [2**60 + 1, None]
    assert found["j"].dtype == np.float64
    assert list(found.index) == [0, 1]
    pq.write_table(pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"]), tmp_path / "twice")
    with pytest.raises(Unusable, match="more than one column called a"):
        read_table(tmp_path / "twice")
    with pytest.raises(NoSuchColumn, match="no column z"):
        read_table(tmp_path / "t.bin", ["z"])


@pytest.mark.parametrize("kept", [5, 100, 0.5, 0.99])
def test_parquet_that_is_cut_off_is_refused(tmp_path, kept):
    people(2_000).to_parquet(tmp_path / "t")
    whole = (tmp_path / "t").read_bytes()
    (tmp_path / "t").write_bytes(whole[: kept if isinstance(kept, int) else int(len(whole) * kept)])
    with pytest.raises(Unusable, match="cut off or damaged"):
        read_table(tmp_path / "t")


def test_both_formats_give_the_same_table(tmp_path):
    table = people(500)
    table.to_csv(tmp_path / "t.csv", index=False)
    table.to_parquet(tmp_path / "t.parquet")
    one, two = (read_table(tmp_path / f"t.{kind}") for kind in ("csv", "parquet"))
    pd.testing.assert_frame_equal(one.drop(columns="poor"), two.drop(columns="poor"))
    assert one["poor"].tolist() == two["poor"].astype(str).tolist()


words = st.text(
    st.characters(codec="utf-8", exclude_characters="\0\r", exclude_categories=["Cs"]), min_size=1, max_size=6
)


@given(st.lists(st.tuples(words, words), min_size=1, max_size=12), st.sampled_from(",;\t|"))
@settings(max_examples=80, deadline=None)
def test_any_text_that_was_written_is_read_again(tmp_path_factory, rows, separator):
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=separator, quoting=csv.QUOTE_ALL)
    # A text beside each, so that no column is taken for numbers.
    writer.writerows([("first", "second"), *((f"t{a}", f"t{b}") for a, b in rows)])
    table = read(tmp_path_factory.mktemp("csv"), out.getvalue())
    assert list(table.itertuples(index=False, name=None)) == [(f"t{a}", f"t{b}") for a, b in rows]


def test_numbers_are_numbers_and_nothing_else():
    assert np.isnan(numbers(pd.Series(["1", None, "2.5"]), "x")[1])
    for values in (pd.Series(["x"]), pd.Series([True]), pd.Series(pd.to_datetime(["2020-01-01"]))):
        with pytest.raises(Unusable, match="x must hold numbers"):
            numbers(values, "x")


@pytest.mark.parametrize(
    "first",
    ["3201051902660001,Siti", "Siti,siti@example.org", "0712 345 678,Budi", "3.2010519e9.0,+254712345678"],
)
def test_a_file_without_a_line_of_names_is_refused_and_its_data_not_repeated(tmp_path, first):
    file = tmp_path / "extract.csv"
    file.write_text(f"{first}\na,b\n")
    with pytest.raises(Unusable, match="Put a line with names") as caught:
        read_table(file)
    assert not any(part in caught.value.sentence for part in first.split(","))


@pytest.mark.parametrize("names", ["2019,2020", "2019-01-01,2019-02-01", "20190101,v01", "1,2", "a@b,c"])
def test_years_days_and_codes_are_names(tmp_path, names):
    file = tmp_path / "extract.csv"
    file.write_text(f"{names}\n1,2\n")
    assert list(read_table(file).columns) == names.split(",")
