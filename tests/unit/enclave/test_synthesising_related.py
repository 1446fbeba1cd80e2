"""Related tables through the job: extracts of one day, one release with linked files, nothing of anybody's keys."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from houses import TODAY, a_house
from synthkit import Sealer

from enclave import client
from enclave.catalogue.model import Column, ColumnRole, ColumnType, Dataset, Unit
from enclave.extracts import synthesising as module
from enclave.extracts.orders import Orders
from enclave.extracts.recipes import RelatedPart, SynthesisRecipe
from enclave.extracts.service import Extracts
from enclave.extracts.synthesising import Synthesising
from enclave.kernel.errors import Invalid, NotFound

R, T = ColumnRole, ColumnType
HOMES = Dataset(
    "d2", "homes", "Homes", "Households of a test.", Unit.HOUSEHOLD, "hh", "", "stefan", "none", "made up",
    (
        Column("hh", R.DIRECT, T.STRING, "Number.", unique=True),
        Column("head", R.DIRECT, T.STRING, "Name."),
        Column("region", R.QUASI, T.STRING, "Region.", values={"N": "North", "S": "South"}),
        Column("score", R.SENSITIVE, T.NUMBER, "Score.", lower=0, upper=100),
    ),
    TODAY,
)  # fmt: skip
PLACES = Dataset(
    "d3", "places", "Places in programmes", "Enrolments of a test.", Unit.PERSON, "hh", "", "stefan", "none", "made up",
    (
        Column("hh", R.DIRECT, T.STRING, "Household."),
        Column("programme", R.PLAIN, T.STRING, "Programme.", values={"cash": "Cash", "food": "Food"}),
        Column("months", R.QUASI, T.INTEGER, "Months.", lower=1, upper=60),
    ),
    TODAY,
)  # fmt: skip
RECIPE = SynthesisRecipe(
    name="related", method="related", tables=1, min_leaf=20,
    related=(RelatedPart("household", "homes"), RelatedPart("enrolment", "places", "household", "hh", 3)),
    programmes=("enrolment", "programme"),
)  # fmt: skip


@pytest.fixture
def house(tmp_path, tmp_path_factory, monkeypatch):
    folder = tmp_path_factory.mktemp("light")
    (folder / "sdmetrics.py").write_text("raise ImportError('left out')\n")
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setattr(module, "recipe_of", lambda *_: RECIPE)
    house = a_house(tmp_path)
    house.extracts = Extracts(house.kit, Sealer(), tmp_path / "scratch")
    house.synthesising = Synthesising(house.kit, house.extracts, house.releases, house.budgets)
    house.orders = Orders(house.kit)
    for dataset in (HOMES, PLACES):
        house.catalogue.describe(house.actor("stefan"), dataset)
    return house


def sent(house, slug, table, as_of=TODAY):
    path = house.root / f"{slug}.parquet"
    table.to_parquet(path)
    return house.extracts.register(
        house.actor("stefan"), dataset=slug, path=path, as_of=as_of, source="a test's file"
    )


def registry(n=500):
    rng = np.random.default_rng(1)
    score = rng.uniform(0, 100, n).round(1)
    hh = [f"REAL{i}" for i in range(n)]
    homes = pd.DataFrame({"hh": hh, "head": hh, "region": rng.choice(["N", "S"], n), "score": score})
    poor = np.flatnonzero(score < 60)
    places = pd.DataFrame(
        {
            "hh": homes["hh"].to_numpy()[poor],
            "programme": np.where(homes["region"].to_numpy()[poor] == "N", "cash", "food"),
            "months": rng.integers(1, 24, len(poor)),
        }
    )
    return homes, places


def test_one_release_holds_linked_tables_and_says_how_they_hang_together(house, tmp_path):
    homes, places = registry()
    extract = sent(house, "homes", homes)
    stefan = house.actor("stefan")
    with pytest.raises(NotFound, match="no extract of places that shows"):
        house.synthesising.plan(stefan, extract.id)
    sent(house, "places", places, TODAY - timedelta(days=1))
    with pytest.raises(NotFound, match="no extract of places that shows"):
        house.synthesising.plan(stefan, extract.id)
    sent(house, "places", places)
    todo = house.synthesising.plan(stefan, extract.id)
    assert todo.columns == ("household.region", "household.score", "enrolment.programme", "enrolment.months")
    assert todo.rows == len(homes) + len(places)
    made = house.synthesising.synthesise(stefan, extract.id)
    assert house.synthesising.synthesise(stefan, extract.id, since=extract.registered_at).id == made.id
    got = {ref.key.rsplit("/", 1)[-1]: house.objects.read(ref) for ref in made.files}
    assert list(got) == [
        "homes-synthetic-household.csv", "homes-synthetic-enrolment.csv", "synthesis.json", "evidence.json",
    ]  # fmt: skip
    assert not any(b"REAL" in data for data in got.values())
    evidence = json.loads(got["evidence.json"])
    assert evidence["across"]["references"] == {"enrolment": 0}
    assert set(evidence["across"]["coverage"]) == {"cash", "food"}
    folder = tmp_path / "saved"
    folder.mkdir()
    for name, data in got.items():
        (folder / name).write_bytes(data)
    tables = client.related(folder)
    assert set(tables["enrolment"]["hh"]) <= set(tables["household"]["hh"])
    both = tables["enrolment"].merge(tables["household"], on="hh")
    assert (both["programme"].eq("cash") == both["region"].eq("N")).mean() > 0.9
    with pytest.raises(client.ClientError, match=r"client\.related"):
        client.syntheses(folder)
    assert pd.read_csv(io.BytesIO(got["homes-synthetic-household.csv"])).columns.tolist() == [
        "hh",
        "region",
        "score",
    ]


def test_related_tables_are_two_or_more_and_each_once():
    with pytest.raises(Invalid, match="two or more"):
        replace(RECIPE, related=RECIPE.related[:1])
    with pytest.raises(Invalid, match="two or more"):
        replace(RECIPE, tables=5)
    with pytest.raises(Invalid, match="two or more"):
        replace(RECIPE, method="cart")
