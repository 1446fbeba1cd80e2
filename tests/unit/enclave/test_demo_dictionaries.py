"""Dictionaries load, hold together, and a bad one says where it is bad; the real data fits its dictionary."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml

from enclave.catalogue.dictionary import load_dictionary
from enclave.catalogue.model import ColumnRole, ColumnType, Unit
from enclave.demo.country import REGIONS
from enclave.demo.real_data import dictionary, progresa_file, real_data, real_dataset
from enclave.extracts.cells import arrow_schema
from enclave.extracts.reading import read_extract, write_extract
from enclave.kernel.errors import Invalid
from enclave.settings import Settings
from enclave.store.registry import HOUSEHOLDS

FOLDER = Path(load_dictionary.__code__.co_filename).parents[1] / "demo" / "dictionaries"
GOOD = {
    "slug": "small", "title": "Small", "description": "Small.", "unit": "household", "unit_id": "a", "area": "b", "steward": "s",
    "recipe": "r", "source": "Here.", "described_on": "2026-09-30",
    "columns": [
        {"name": "a", "role": "direct", "type": "string", "description": "A.", "unique": True},
        {"name": "b", "role": "quasi", "type": "integer", "description": "B.", "values": {1: "One", 2: "Two"}, "lower": 0, "upper": 3},
    ],
}  # fmt: skip


def written(folder: Path, document: object) -> Path:
    path = folder / "small.yaml"
    path.write_text(document if isinstance(document, str) else yaml.safe_dump(document), encoding="utf-8")
    return path


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.yaml")), ids=lambda p: p.stem)
def test_a_packaged_dictionary_is_whole(path):
    dataset = load_dictionary(path)

    assert dataset.slug == path.stem
    assert dataset.steward == "steward"
    unit = dataset.column(dataset.unit_id)
    assert unit is not None
    assert unit.role is ColumnRole.DIRECT
    for column in dataset.columns:
        assert column.description.endswith(".")
        if column.type in {ColumnType.INTEGER, ColumnType.NUMBER}:
            assert column.lower is not None, f"{column.name} has no public bounds"
            assert column.upper is not None
            codes = [float(code) for code in column.values]
            assert not codes or column.lower <= min(codes) <= max(codes) <= column.upper
    assert load_dictionary(path).id != dataset.id


def test_the_household_dictionary_is_the_extracts_contract():
    dataset = dictionary("ibr-households")

    assert arrow_schema(dataset) == HOUSEHOLDS
    assert (dataset.unit, dataset.unit_id, dataset.area) == (Unit.HOUSEHOLD, "household_id", "region_code")
    region, country = dataset.column("region_code"), dataset.column("country")
    assert list(region.values) == [r.code for r in REGIONS]
    assert list(country.values) == [r.country for r in REGIONS]
    direct = {c.name for c in dataset.columns if c.role is ColumnRole.DIRECT}
    assert direct == {
        "household_id", "head_person_id", "head_given_name", "head_surname", "head_national_id", "phone_number", "email",
        "address_line_1", "locality", "latitude", "longitude",
    }  # fmt: skip
    assert [c.name for c in dataset.columns if c.role is ColumnRole.FREE_TEXT] == ["case_note"]


def test_codes_written_as_numbers_are_codes(tmp_path):
    assert load_dictionary(written(tmp_path, GOOD)).columns[1].values == {"1": "One", "2": "Two"}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        *(
            (
                {"columns": [GOOD["columns"][0], {**GOOD["columns"][1], "name": name}], "area": ""},
                "another name",
            )
            for name in ("value", "n", "withheld", "bin", "programme", "first")
        ),
        ({"slug": "Not A Slug"}, "lower case letters"),
        ({"unit": "village"}, "at unit: "),
        ({"unit_id": "z"}, "unit_id must be one of the columns"),
        ({"area": "z"}, "area must be one of the columns"),
        ({"owner": "me"}, "at owner: extra inputs are not permitted"),
        ({"described_on": "yesterday"}, "at described_on: "),
        ({"columns": []}, "at columns: "),
        ({"columns": [GOOD["columns"][0]] * 2}, "column a is described twice"),
        ({"columns": [{**GOOD["columns"][0], "role": "secret"}]}, "at columns.1.role: "),
        ({"columns": [{**GOOD["columns"][0], "lower": 1, "upper": 2}]}, "only numbers have bounds"),
        ({"columns": [{**GOOD["columns"][1], "lower": 4}]}, "lower must be less than upper"),
        ({"columns": [{**GOOD["columns"][1], "upper": None}]}, "both lower and upper"),
        ({"columns": [{**GOOD["columns"][1], "values": {False: "No"}}]}, "put codes in quotes"),
        (
            {"columns": [{**GOOD["columns"][1], "values": {"x": "X"}}]},
            "the codes of a number must be numbers",
        ),
        ({"columns": [{**GOOD["columns"][0], "type": "date", "values": {"x": "X"}}]}, "have a code list"),
    ],
)
def test_a_bad_dictionary_says_where_and_what(tmp_path, change, says):
    with pytest.raises(Invalid) as caught:
        load_dictionary(written(tmp_path, {**GOOD, **change}))

    assert any(says in problem for problem in caught.value.problems), caught.value.problems
    assert all(
        p.startswith("The data dictionary small.yaml") and p.endswith(".") for p in caught.value.problems
    )


@pytest.mark.parametrize("document", ["", "- just\n- a list\n", "a: [unclosed", "\x00"])
def test_a_document_that_is_no_dictionary_gets_a_sentence(tmp_path, document):
    with pytest.raises(Invalid, match=r"The data dictionary small\.yaml"):
        load_dictionary(written(tmp_path, document))
    with pytest.raises(Invalid, match="cannot be read"):
        load_dictionary(tmp_path / "absent.yaml")


def test_the_real_data_is_progresa_where_it_is_and_fits_its_dictionary(tmp_path):
    here = Settings(demo=True)
    dataset, table = real_data(here)
    file = progresa_file(here)

    assert dataset.slug == real_dataset(here).slug
    if file is None:
        assert (dataset.slug, table.num_rows) == ("panes", 1948)
    else:
        assert (dataset.slug, table.num_rows) == ("progresa", 36_353)
        assert table == pq.read_table(file), "loaded as it is"
        assert read_extract(file, dataset).rows == 36_353
    assert write_extract(table.to_batches(), tmp_path / "real.parquet", dataset).rows == table.num_rows


def test_without_progresa_the_real_data_is_panes_and_fits_its_dictionary(tmp_path):
    elsewhere = Settings(demo=True, real_data_dir=tmp_path)

    dataset, table = real_data(elsewhere)

    assert (dataset.slug, table.num_rows, dataset.area) == ("panes", 1948, "")
    assert table["household_id"].to_pylist()[:2] == ["1", "2"]
    written = write_extract(table.to_batches(), tmp_path / "panes.parquet", dataset)
    assert read_extract(tmp_path / "panes.parquet", dataset).sha256 == written.sha256
