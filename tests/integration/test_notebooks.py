"""Every notebook runs, on what a researcher may have been granted, and its table can leave."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest
from askings import DoorService, a_server, an_asking_house, running
from causaldata import gov_transfers

from anonymization.disclosure import check_file
from enclave.hub.questions.door import Door
from policies import Outcome, PolicyBook

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
PROGRESA = ROOT.parent / "shared" / "data" / "progresa.parquet"
SUBSET = [
    *("household_id", "region_code", "welfare_aggregate", "poverty_score", "cutoff_applied"),
    *("eligible", "enrolled_cct", "benefit_total_12m", "group_size"),
]


def households(n: int = 3000) -> pd.DataFrame:
    """A protected extract in the shape of ibr-households: tokens, a top-coded size, a few blanked cells."""
    rng = np.random.default_rng(20261122)
    welfare = np.exp(8.45 + rng.normal(0, 0.5, n)).round(2)
    score = np.clip(46 + 20 * (np.log(welfare) - 8.45) + rng.normal(0, 6, n), 0, 100).round(2)
    region = rng.choice(["R01", "R02", "R03", "R04"], n, p=[0.5, 0.3, 0.197, 0.003])
    cutoff = np.where(region == "R01", 42.0, 40.0)
    enrolled = rng.random(n) < np.where(score <= cutoff, 0.8, 0.08)
    return pd.DataFrame(
        {
            "household_id": [hashlib.sha256(f"{i}".encode()).hexdigest()[:26] for i in range(n)],
            "region_code": pd.Series(region).mask(rng.random(n) < 0.002),
            "urban_rural": rng.integers(1, 3, n),
            "group_size": pd.Series(np.minimum(rng.poisson(3.5, n) + 1, 8), dtype="Int64").mask(
                rng.random(n) < 0.02
            ),
            "head_sex": rng.choice(["female", "male"], n),
            "poverty_score": score,
            "cutoff_applied": cutoff,
            "eligible": score <= cutoff,
            "welfare_aggregate": pd.Series(welfare).mask(rng.random(n) < 0.004),
            "enrolled_cct": enrolled,
            "enrolled_pension": rng.random(n) < 0.2,
            "enrolled_school_meals": rng.random(n) < 0.3,
            "benefit_total_12m": np.where(enrolled, 6000.0, 0.0),
        }
    )


def progresa() -> pd.DataFrame:
    """The real panel where it is present; else one of its shape."""
    if PROGRESA.exists():
        return pd.read_parquet(PROGRESA)
    rng = np.random.default_rng(3)
    village = np.repeat(np.arange(120), 30)
    poor = (rng.random(len(village)) < 0.6).astype(float)
    treated = (village % 3 > 0).astype(float)
    return pd.DataFrame(
        {
            "hogid": np.arange(len(village)),
            "year": 1998,
            "villid": village.astype(str),
            "entidad": village % 7,
            "pov_HH": poor,
            "D": treated,
            "D_HH": poor * treated,
            "yycali": rng.normal(700, 120, len(village)),
        }
    )


def grant(folder: Path, dataset: str, df: pd.DataFrame) -> None:
    """Mounts a table as a session finds it."""
    folder.mkdir(parents=True)
    path = folder / f"{dataset}.parquet"
    df.to_parquet(path, index=False)
    body = {
        "dataset": dataset,
        "tier": "scientific_use",
        "variables": list(df.columns),
        "areas": [],
        "rows": len(df),
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "expires": "2027-06-30",
    }
    (folder / "about.json").write_text(json.dumps(body))


def run(notebook: Path, tmp_path: Path, **parameters: object) -> subprocess.CompletedProcess[str]:
    """Executes the code cells, in order, in a process of its own; `parameters` replace those of the tagged cell."""
    cells = [c for c in nbformat.read(notebook, as_version=4).cells if c.cell_type == "code"]
    sources = []
    for cell in cells:
        sources.append(cell.source)
        if "parameters" in cell.metadata.get("tags", []):
            sources.append("\n".join(f"{name} = {value!r}" for name, value in parameters.items()))
    script = tmp_path / "cells.json"
    script.write_text(json.dumps(sources))
    runner = (
        "import json, sys, warnings; warnings.simplefilter('ignore'); scope = {'__name__': '__main__'}\n"
        "for number, source in enumerate(json.load(open(sys.argv[1]))):\n"
        "    exec(compile(source, f'cell {number}', 'exec'), scope)\n"
    )
    (tmp_path / "workspace").mkdir(exist_ok=True)
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "ENCLAVE_DATA": str(tmp_path / "data"),
        "ENCLAVE_WORKSPACE": str(tmp_path / "workspace"),
        "ENCLAVE_QUESTIONS": str(tmp_path / "questions.sock"),
    }
    return subprocess.run(
        [sys.executable, "-c", runner, str(script)],
        cwd=tmp_path / "workspace",
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def named(name: str) -> Path:
    return ROOT / "notebooks" / f"{name}.ipynb"


def test_the_notebooks_are_there_and_hold_no_outputs():
    assert [n.stem for n in NOTEBOOKS] == [
        "00-welcome",
        "01-know-your-data",
        "02-measure-targeting",
        "03-send-an-output",
        "04-ask-a-private-question",
    ]
    for notebook in NOTEBOOKS:
        content = nbformat.read(notebook, as_version=4)
        nbformat.validate(content)
        for cell in content.cells:
            assert not cell.get("outputs")
            assert cell.get("execution_count") is None
            assert not cell.get("attachments")


@pytest.mark.parametrize("columns", [None, SUBSET], ids=["everything", "a-subset"])
def test_a_researcher_runs_them_all_on_a_protected_extract(tmp_path, columns):
    df = households()
    grant(tmp_path / "data" / "extract-1", "ibr-households", df if columns is None else df[columns])

    for notebook in NOTEBOOKS:
        done = run(notebook, tmp_path)
        assert done.returncode == 0, f"{notebook.name}\n{done.stderr}"

    table = pd.read_csv(
        tmp_path / "workspace" / "outputs" / "targeting-by-region-ibr-households.csv"
    ).set_index("region")
    assert set(table.index) == {"R01", "R02", "R03", "R04", "not shown"}
    small = table.loc[["R04", "not shown"]]
    assert small[["exclusion_error", "inclusion_error", "leakage", "coverage_se"]].isna().all(axis=None)
    large = table.loc[["R01", "R02", "R03"]]
    assert large.notna().all(axis=None)
    assert large["exclusion_error"].between(0.2, 0.8).all()
    assert (large["exclusion_error_se"] > 0).all()
    shown = df["region_code"].isin(large.index) & df["welfare_aggregate"].notna()
    assert large["households"].sum() == shown.sum(), "a household whose size was blanked is still counted"


def test_the_regional_table_is_the_estimate_of_its_region(tmp_path):
    df = households()
    grant(tmp_path / "data" / "extract-1", "ibr-households", df)

    done = run(named("02-measure-targeting"), tmp_path, POVERTY_LINE=3000.0)

    assert done.returncode == 0, done.stderr
    table = pd.read_csv(
        tmp_path / "workspace" / "outputs" / "targeting-by-region-ibr-households.csv"
    ).set_index("region")
    part = df[(df["region_code"] == "R02") & df["welfare_aggregate"].notna()]
    poor = part[part["welfare_aggregate"] < 3000]
    size = poor["group_size"].astype(float).fillna(df.loc[df["region_code"] == "R02", "group_size"].median())
    missed = np.average(~poor["enrolled_cct"], weights=size)
    assert table.loc["R02", "exclusion_error"] == pytest.approx(missed, abs=0.001)
    assert table.loc["R02", "poor_missed"] == (~poor["enrolled_cct"]).sum()


def test_what_leaves_holds_no_token_and_no_row(tmp_path):
    df = households()
    grant(tmp_path / "data" / "extract-1", "ibr-households", df)

    run(named("02-measure-targeting"), tmp_path)

    files = sorted((tmp_path / "workspace" / "outputs").iterdir())
    assert [f.suffix for f in files] == [".csv", ".json"]
    text = "".join(f.read_text() for f in files)
    assert not any(token in text for token in df["household_id"])
    described = json.loads(files[1].read_text())
    assert described["counts"] == ["households", "poor", "poor_missed", "others", "others_reached"]
    assert described["dimensions"] == ["region"]


@pytest.mark.parametrize("dataset", ["ibr-households", "progresa"])
def test_what_the_notebook_writes_passes_the_airlocks_checks(tmp_path, dataset):
    grant(
        tmp_path / "data" / "extract-1", dataset, households() if dataset == "ibr-households" else progresa()
    )

    run(named("02-measure-targeting"), tmp_path, DATASET=dataset)

    file = tmp_path / "workspace" / "outputs" / f"targeting-by-region-{dataset}.csv"
    description = file.with_suffix(".sdc.json").read_bytes()
    report = check_file(file.name, file.read_bytes(), description, threshold=10, scan=lambda _: [])
    decision = PolicyBook.packaged().decide("output-file", report.facts, date(2026, 11, 22))
    assert decision.outcome is not Outcome.DENY, decision.refusals
    assert not [f for f in report.findings if f.severity == "stop"]


def test_a_private_question_is_quoted_asked_saved_and_leaves_with_its_receipt(tmp_path):
    house, project = an_asking_house(tmp_path)
    work = house.staging.work_dir(project)
    (tmp_path / "workspace").symlink_to(work)
    server = a_server(house.querying, tmp_path / "s")
    door = DoorService(Door("rosa", project, tmp_path / "s", "a token", tmp_path / "questions.sock"))

    with running(server, door):
        done = run(named("04-ask-a-private-question"), tmp_path)
        again = run(named("04-ask-a-private-question"), tmp_path)
        listed = run(named("03-send-an-output"), tmp_path)

    assert (done.returncode, again.returncode, listed.returncode) == (0, 0, 0), done.stderr
    assert "Spent: {'epsilon': 0.5" in done.stdout
    assert house.budgets.balance("households", project).left == 0.5
    output = house.airlock.create(
        house.actor("rosa"), project=project, title="Households by region", files=("private-answer.csv",),
        context="Households by region, with noise, for the report.", controls="Differential privacy.",
    )  # fmt: skip
    assert house.airlock.submit(house.actor("rosa"), output.id).state == "released"


def test_outside_a_workspace_the_private_question_says_where_it_is_asked(tmp_path):
    done = run(named("04-ask-a-private-question"), tmp_path)
    assert done.returncode == 0, done.stderr
    assert "from inside a workspace" in done.stdout
    assert not (tmp_path / "workspace" / "outputs").exists()


@pytest.mark.parametrize("dataset", ["progresa", "panes"])
def test_it_measures_real_programmes_too(tmp_path, dataset):
    df = progresa() if dataset == "progresa" else gov_transfers.load_pandas().data
    grant(tmp_path / "data" / "extract-1", dataset, df)

    for name, parameters in (
        ("01-know-your-data", {}),
        ("02-measure-targeting", {"DATASET": dataset}),
        ("03-send-an-output", {}),
    ):
        done = run(named(name), tmp_path, **parameters)
        assert done.returncode == 0, f"{name}\n{done.stderr}"

    table = pd.read_csv(tmp_path / "workspace" / "outputs" / f"targeting-by-region-{dataset}.csv")
    assert len(table) == (7 if dataset == "progresa" else 1)
    if dataset == "progresa":
        assert table["exclusion_error"].between(0.1, 0.9).all()
        assert table["inclusion_error"].isna().all(), (
            "nobody who was not poor was paid: not for a small cell to say"
        )


def test_a_household_total_is_divided_by_its_size(tmp_path):
    df = households().dropna(subset=["group_size"])
    total = df.assign(welfare_aggregate=df["welfare_aggregate"] * df["group_size"])
    grant(tmp_path / "data" / "extract-1", "ibr-households", df)
    grant(tmp_path / "again" / "data" / "extract-1", "ibr-households", total)

    run(named("02-measure-targeting"), tmp_path)
    run(named("02-measure-targeting"), tmp_path / "again", WELFARE_PER="household")

    file = Path("workspace") / "outputs" / "targeting-by-region-ibr-households.csv"
    assert (tmp_path / file).read_text() == (tmp_path / "again" / file).read_text()
