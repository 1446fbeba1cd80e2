"""A name or number of the registry itself does not leave, though no list of names would know it; and it is kept nowhere."""

from __future__ import annotations

import dataclasses
import json
import shutil
from datetime import date
from pathlib import Path

import pandas as pd
import pytest
from houses import a_house, a_project

from anonymization.disclosure import check_file
from enclave.airlock.taking import CheckResult
from enclave.extracts.service import Extracts

CONTEXT = "Counts of households by region, for the report on who is reached and who is missed."
SPEC = {"schema": "registry-enclave/output/1", "kind": "table", "unit": "household", "counts": ["n"]}
NAME = "Wanjiru Qzzyx Otieno"


class Sealer:
    """Hides nothing: what is tried here is what the airlock knows."""

    def seal(self, source: Path, to: Path, *, dataset: str, context: str) -> str:
        shutil.copyfile(source, to)
        return "key"

    def unseal(self, source: Path, to: Path, *, dataset: str, wrapped: str, context: str) -> Path:
        shutil.copyfile(source, to)
        return to


def without_names(name, data, sidecar, threshold, earlier=(), own=None):
    """The real checks but for Presidio: what is found here, the registry's own values found."""
    report = check_file(
        name, data, sidecar, threshold=threshold, scan=own or (lambda _text: []), earlier=earlier
    )
    return CheckResult(report.media_type, report.facts, tuple(f.to_dict() for f in report.findings))


@pytest.fixture
def house(tmp_path):
    house = a_house(tmp_path)
    key = b"of the dataset households, only "
    house.extracts = Extracts(house.kit, Sealer(), tmp_path / "scratch", lambda _dataset: key)
    house.airlock = dataclasses.replace(
        house.airlock, check=without_names, values_key=house.extracts.values_key
    )
    return house


def an_extract(house, names):
    file = house.root / "x.parquet"
    ids = [f"H{i}" for i in range(len(names))]
    regions = ["R01" if i % 2 else "R02" for i in range(len(names))]
    rows = {"household_id": ids, "head_name": names, "region_code": regions}
    pd.DataFrame({**rows, "welfare": [1.0] * len(names)}).to_parquet(file)
    return house.extracts.register(
        house.actor("stefan"), dataset="households", path=file, as_of=date(2026, 6, 1), source="a test's file"
    )


def draft(house, project, content, name="t"):
    folder = house.outputs(project)
    (folder / f"{name}.csv").write_text(content)
    (folder / f"{name}.sdc.json").write_text(json.dumps(SPEC))
    return house.airlock.create(
        house.actor("rosa"),
        project=project,
        title="A table",
        context=CONTEXT,
        controls="None.",
        files=(f"{name}.csv",),
    )


def test_a_name_of_the_registry_is_found_by_line_and_the_file_stays(house):
    an_extract(house, [NAME, "Another Person"])
    project = a_project(house)
    house.workspaces.admit("rosa", project)

    [file] = draft(house, project, "group,n\nnorth,40\notieno wanjiru qzzyx,35\n").files

    assert [(f["rule"], f["place"]) for f in file.findings] == [("identifier", "t.csv, line 3")]
    assert not file.passed
    assert "qzzyx" not in json.dumps([dict(f) for f in file.findings]).lower()
    [clean] = draft(house, project, "group,n\nnorth,40\nsouth,35\n", "clean").files
    assert clean.passed


def test_the_store_holds_digests_under_a_key_and_they_go_with_the_extract(house):
    extract = an_extract(house, [NAME, "Another Person"])
    held = house.objects.read(extract.digests)

    assert len(held) == 16
    assert b"wanjiru" not in held.lower()
    house.extracts.destroy(house.actor("stefan"), extract.id)
    assert not [key for (_, key, _) in house.objects.blobs if key.endswith(".digests")]


def test_what_repeats_is_a_place_and_may_be_written(house):
    an_extract(house, ["Santa Rosa"] * 6 + [NAME])
    project = a_project(house)
    house.workspaces.admit("rosa", project)

    assert draft(house, project, "group,n\nSanta Rosa,40\n").files[0].passed


def test_without_a_key_nothing_is_kept(house, tmp_path):
    plain = dataclasses.replace(house.extracts, values_key=None)
    file = house.root / "y.parquet"
    rows = {"household_id": ["H1"], "head_name": [NAME], "region_code": ["R01"], "welfare": [1.0]}
    pd.DataFrame(rows).to_parquet(file)
    taken = plain.register(
        house.actor("stefan"), dataset="households", path=file, as_of=date(2026, 6, 1), source="a test's file"
    )

    assert taken.digests is None
