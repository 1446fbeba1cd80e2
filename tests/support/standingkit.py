"""The demo ministry's households as extracts of several days, in a house without servers."""

from __future__ import annotations

import shutil
from datetime import date
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path
from tempfile import mkdtemp

import pandas as pd
from houses import House

from enclave.catalogue.dictionary import load_dictionary
from enclave.catalogue.model import Dataset
from enclave.demo.ministry import generate
from enclave.extracts.aggregating import Aggregating
from enclave.extracts.model import Extract
from enclave.extracts.reading import write_extract
from enclave.extracts.service import Extracts
from enclave.store.registry import read_households, write_registry

IBR = "ibr-households"
HOUSEHOLDS = 6_000
DAYS = (date(2025, 9, 30), date(2025, 12, 31), date(2026, 3, 31), date(2026, 5, 31))


class Sealer:
    """Hides nothing: what is tested here is what leaves, not what stays."""

    def seal(self, source: Path, to: Path, *, dataset: str, context: str) -> str:
        del dataset, context
        shutil.copyfile(source, to)
        return "key"

    def unseal(self, source: Path, to: Path, *, dataset: str, wrapped: str, context: str) -> Path:
        del dataset, wrapped, context
        shutil.copyfile(source, to)
        return to


@cache
def dictionary() -> Dataset:
    with as_file(files("enclave.demo") / "dictionaries" / f"{IBR}.yaml") as path:
        return load_dictionary(path)


@cache
def extract_file(day: date) -> Path:
    """The demo registry as it stood on that day, as a file that an extract is registered from."""
    place = _registry()
    path = place / f"{day}.parquet"
    url = f"sqlite:///{place / 'registry.sqlite'}"
    write_extract(read_households(url, as_of=day), path, dictionary())
    return path


@cache
def _registry() -> Path:
    place = Path(mkdtemp(prefix="standing-"))
    write_registry(f"sqlite:///{place / 'registry.sqlite'}", generate(HOUSEHOLDS, 7), lambda _: None)
    return place


def households(day: date) -> pd.DataFrame:
    return pd.read_parquet(extract_file(day))


def furnish(house: House, root: Path, *, epsilon: float = 10.0, lists: Path | None = None) -> Aggregating:
    """Describes the dataset, grants its own budget, and gives the use case that draws its standing tables."""
    house.extracts = Extracts(house.kit, Sealer(), root / "scratch")
    house.catalogue.describe(house.actor("stefan"), dictionary())
    if epsilon:
        house.budgets.grant(house.actor("priya"), dataset=IBR, project="", epsilon=epsilon)
    return Aggregating(house.kit, house.extracts, house.releases, house.budgets, lists)


def extract_of(house: House, day: date) -> Extract:
    return house.extracts.register(
        house.actor("stefan"), dataset=IBR, path=extract_file(day), as_of=day, source="the demo registry"
    )
