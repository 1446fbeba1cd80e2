"""`python -m anonymization.lattice`: ARX's published example to the last digit, and refusals without a value."""

from __future__ import annotations

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from anonymization.commands import run
from anonymization.lattice.__main__ import main

# The first example of ARX: seven people, three hierarchies.
PEOPLE = """age,gender,zipcode
34,male,81667
45,female,81675
66,male,81925
70,female,81931
34,female,81931
70,male,81931
45,male,81931
"""
TREES = {
    "age": "34;<50;*\n45;<50;*\n66;>=50;*\n70;>=50;*\n",
    "gender": "male;*\nfemale;*\n",
    "zipcode": "".join(
        f"{z};{z[:4]}*;{z[:3]}**;{z[:2]}***;{z[:1]}****;*****\n" for z in ("81667", "81675", "81925", "81931")
    ),
}


@pytest.fixture
def example(tmp_path):
    (tmp_path / "people.csv").write_text(PEOPLE)
    trees = tmp_path / "trees"
    trees.mkdir()
    for name, text in TREES.items():
        (trees / f"{name}.csv").write_text(text)
    return tmp_path


def searched(example, capsys, *more, k="3", limit="0"):
    command = [
        str(example / "people.csv"),
        "--hierarchies",
        str(example / "trees"),
        "--k",
        k,
        "--limit",
        limit,
    ]
    assert run(main, [*command, "--json", *more]) == 0, capsys.readouterr().err
    return json.loads(capsys.readouterr().out)


def test_the_first_example_of_arx_has_its_optimum_and_its_loss(example, capsys):
    found = searched(example, capsys)
    assert found["levels"] == {"age": 2, "gender": 0, "zipcode": 3}
    assert f"{found['loss']:.10f}" == "0.5874010520"
    assert found["loss"] == pytest.approx(4 ** (1 / 3) - 1, abs=1e-15)
    assert (found["classes"], found["smallest_class"], found["suppressed_rows"]) == (2, 3, 0)
    assert found["nodes"] == 3 * 2 * 6
    assert found["nodes_k_anonymous"] == found["nodes_without_suppression"]
    assert found["losses"] == {"age": 1.0, "gender": 0.0, "zipcode": 1.0}
    assert [n["levels"]["zipcode"] for n in found["runners_up"][:2]] == [4, 5], "equal loss, more generalised"


def test_weights_spare_a_column_and_a_cut_off_is_never_mixed(example, capsys):
    assert searched(example, capsys, "--weights", "age=5")["levels"]["age"] == 1
    kept = searched(example, capsys, "--keep", "age=50")
    assert kept["levels"]["age"] == 1
    assert kept["nodes_admissible"] == 2 * 2 * 6
    assert searched(example, capsys, "--exact", "gender")["levels"]["gender"] == 0
    tied = searched(example, capsys, "--together", "age,gender")
    assert tied["levels"]["age"] == tied["levels"]["gender"]


def test_sensitive_values_and_a_limit(example, capsys):
    diverse = searched(example, capsys, "--sensitive", "gender", "--l", "2")
    assert "gender" not in diverse["columns"]
    assert diverse["sensitive"]["l"] == 2
    close = searched(example, capsys, "--sensitive", "gender", "--t", "0.2", limit="0.5")
    assert close["nodes_k_anonymous"] >= 1


def test_parquet_numbers_are_the_hierarchys_texts_and_empty_cells_are_a_value_of_their_own(example, capsys):
    path = example / "people.csv"
    table = pa.table(
        {
            "age": pa.array([34.0, 45.0, 66.0, 70.0, None, None, None]),
            "gender": ["male", "female"] * 3 + ["male"],
            "zipcode": pa.array([81667, 81675, 81925, 81931, 81931, 81931, 81931]),
        }
    )
    pq.write_table(table, path)
    found = searched(example, capsys, "--exact", "gender")
    assert found["levels"]["age"] == 2, "missing ages are joined with others at the last level only"


@pytest.mark.parametrize(
    ("column", "text", "says"),
    [
        (
            "age",
            "34;<50;*\n45;<50;*\n66;>=50;*\n",
            "1 values of age are not in its hierarchy (first in row 4, 2 rows",
        ),
        (
            "age",
            "34;<50;*\n45;*\n66;>=50;*\n70;>=50;*\n",
            "Row 2 of the hierarchy of age has 2 levels and row 1 has 3",
        ),
        (
            "gender",
            "male;*\nfemale;*\nmale;*\n",
            "Rows 1 and 3 of the hierarchy of gender are about the same value",
        ),
        (
            "age",
            "34;y;a\n45;y;b\n66;o;c\n70;o;c\n",
            "Rows 1 and 2 of the hierarchy of age have the same value at level 1",
        ),
        ("age", "", "The hierarchy of age is empty"),
        ("income", "1;*\n", "no column income"),
    ],
)
def test_a_wrong_hierarchy_is_one_sentence_without_a_value(example, capsys, column, text, says):
    (example / "trees" / f"{column}.csv").write_text(text)
    command = [str(example / "people.csv"), "--hierarchies", str(example / "trees"), "--k", "3"]
    assert run(main, command) in (1, 2)
    said = capsys.readouterr().err
    assert says in said
    assert said.count("\n") == 1
    assert not any(value in said for value in ("34", "45", "66", "70", "male", "816"))


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--k", "8"], "only 7 records"),
        (["--k", "3", "--exact", "age,zipcode"], "No generalisation"),
        (["--k", "3", "--most-nodes", "10"], "36 nodes, and at most 10"),
        (["--k", "3", "--l", "2"], "--sensitive goes with"),
        (["--k", "3", "--weights", "age=0"], "above zero"),
        (["--k", "3", "--keep", "size=3"], "columns that have a hierarchy"),
        (["--k", "3", "--together", "age,size"], "columns that have a hierarchy"),
    ],
)
def test_what_cannot_be_searched_is_one_sentence(example, capsys, more, says):
    command = [str(example / "people.csv"), "--hierarchies", str(example / "trees"), *more]
    assert run(main, command) in (1, 2)
    said = capsys.readouterr().err
    assert says in said
    assert said.count("\n") == 1
