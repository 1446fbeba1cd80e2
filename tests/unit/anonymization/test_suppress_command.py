"""`python -m anonymization.suppress`: what it writes is read again, and nothing but blanks differs from the file."""

from __future__ import annotations

import csv
import json

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from anonymization.commands import run
from anonymization.suppress.__main__ import main

ROWS = [
    [f"{i:04d}", "north" if i % 3 else "sou;th", str(i % 7), "2.50", "NA" if i % 5 else "", f'"quoted" {i}', i // 4]
    for i in range(60)
]  # fmt: skip
NAMES = ["id", "place", "size", "money", "note", "text", "hh"]


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "in.csv"
    with path.open("w", newline="") as stream:
        csv.writer(stream, delimiter=";").writerows([NAMES, *ROWS])
    return path


def cells(path):
    with path.open(newline="") as stream:
        return list(csv.reader(stream, delimiter=";"))


@pytest.mark.parametrize("missing", ["wildcard", "category"])
@pytest.mark.parametrize("extra", [[], ["--household", "hh"], ["--strata", "place"]])
def test_only_keys_are_blanked_and_every_other_cell_keeps_its_text(source, tmp_path, capsys, missing, extra):
    out = tmp_path / "out.csv"
    keys = "size" if extra[:1] == ["--strata"] else "place,size"
    command = [str(source), "--keys", keys, "--k", "4", "--out", str(out), "--missing", missing, "--json"]
    assert run(main, [*command, *extra]) == 0
    found = json.loads(capsys.readouterr().out)
    before, after = cells(source), cells(out)
    assert len(after) == len(before)
    blanked = dict.fromkeys(keys.split(","), 0)
    for one, other in zip(before, after, strict=True):
        for name, x, y in zip(NAMES, one, other, strict=True):
            if x != y:
                assert y == ""
                blanked[name] += 1
    assert blanked == found["cells"]
    assert found["verified"]["smallest_class"] >= 4
    if extra[:1] == ["--household"]:
        table = pd.read_csv(out, sep=";")
        assert (table.groupby("hh")["size"].agg(lambda s: s.isna().nunique()) == 1).all()


def test_parquet_keeps_its_types_and_a_csv_can_become_parquet(source, tmp_path, capsys):
    typed = tmp_path / "in.parquet"
    table = pa.table(
        {
            "size": pa.array([i % 9 for i in range(40)], pa.int16()),
            "place": pa.array(["a", "b"] * 20).dictionary_encode(),
            "day": pa.array([18_000 + i for i in range(40)], pa.date32()),
            "list": pa.array([[i] for i in range(40)]),
        }
    )
    pq.write_table(table, typed)
    out = tmp_path / "out.parquet"
    assert run(main, [str(typed), "--keys", "size,place", "--k", "5", "--out", str(out)]) == 0
    done = pq.read_table(out)
    assert done.schema.field("size").type == pa.int16()
    assert done.column("day").equals(table.column("day"))
    assert done.column("list").equals(table.column("list"))
    assert done.column("size").null_count + done.column("place").null_count > 0
    assert run(main, [str(source), "--keys", "place,size", "--k", "4", "--out", str(out)]) == 0
    assert pq.read_table(out).schema.field("size").type in (pa.int64(), pa.float64())
    capsys.readouterr()


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["--keys", "place", "--k", "900"], 1, "only 60 records"),
        (["--keys", "nobody", "--k", "3"], 2, "no column nobody"),
        (["--keys", "place", "--k", "3", "--importance", "size=2"], 2, "names each key"),
        (["--keys", "place", "--k", "3", "--importance", "place=lots"], 2, "--importance is"),
        (["--keys", "place", "--k", "3", "--share", "0"], 1, "above 0"),
        (["--keys", "place", "--k", "3", "--household", "place"], 1, "names the household"),
        (["--keys", "size", "--k", "30", "--strata", "place"], 1, "1 strata have fewer"),
    ],
)
def test_what_cannot_be_done_is_one_sentence_and_writes_nothing(
    source, tmp_path, capsys, arguments, code, says
):
    out = tmp_path / "out.csv"
    assert run(main, [str(source), *arguments, "--out", str(out)]) == code
    said = capsys.readouterr().err
    assert says in said
    assert said.count("\n") == 1
    assert list(tmp_path.iterdir()) == [source]


def test_the_file_itself_and_other_kinds_of_file_are_not_written(source, tmp_path, capsys):
    before = source.read_bytes()
    for out, says in ((source, "would be lost"), (tmp_path / "out.xlsx", "must end in")):
        assert run(main, [str(source), "--keys", "place", "--k", "3", "--out", str(out)]) == 2
        assert says in capsys.readouterr().err
    assert source.read_bytes() == before


def test_a_written_file_that_is_not_k_anonymous_is_removed(source, tmp_path, capsys, monkeypatch):
    from anonymization.suppress import __main__ as command

    monkeypatch.setattr(
        command, "write_blanked", lambda source, out, gone: out.write_bytes(source.read_bytes())
    )
    out = tmp_path / "out.csv"
    assert run(main, [str(source), "--keys", "place,size", "--k", "4", "--out", str(out)]) == 1
    assert "removed" in capsys.readouterr().err
    assert not out.exists()


def test_a_class_that_gives_its_spare_records_and_then_the_rest_is_blanked_and_no_other(tmp_path, capsys):
    # As a category the lone d needs four others: b gives its two spare ones, and then all five that it has left.
    values = [*"bbbbaaaaabccccc", "d", "b", "b"]
    source, out = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text("\n".join(["key,row", *(f"{v},{i}" for i, v in enumerate(values))]) + "\n")
    command = [str(source), "--keys", "key", "--k", "5", "--out", str(out), "--missing", "category", "--json"]
    assert run(main, command) == 0
    assert json.loads(capsys.readouterr().out)["verified"]["smallest_class"] >= 5
    after = pd.read_csv(out)["key"].fillna("blank").value_counts()
    assert after.min() >= 5
    assert after["blank"] == 8


def test_a_share_that_the_classes_meet_to_the_last_digit_is_met(tmp_path, capsys):
    # Fifteen fifths add up to a little more than three in floating point.
    source = tmp_path / "in.csv"
    source.write_text("a,b\n" + "".join(f"{'xyz'[i % 3]},v{i}\n" for i in range(15)))
    command = [str(source), "--keys", "a,b", "--k", "5", "--share", "0.2", "--missing", "category"]
    assert run(main, [*command, "--importance", "a,b", "--out", str(tmp_path / "out.csv"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["cells"] == {"a": 0, "b": 15}
