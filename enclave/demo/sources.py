"""Where an extract comes from: the registry's database for the ministry's households, files for the real data."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow.parquet as pq

from enclave.catalogue.model import Dataset
from enclave.demo.country import AS_OF
from enclave.demo.real_data import SHOWS, real_data, real_dataset
from enclave.extracts.reading import write_extract
from enclave.kernel.errors import NotFound
from enclave.settings import Settings
from enclave.store.registry import read_households

#: How extracts that are taken here say where they came from; what a person sends says something else.
REGISTRY, PUBLISHED = "The registry's database, by its reader", "Published research data, as they are"


def write_source(settings: Settings, dataset: Dataset, path: Path) -> tuple[date, str]:
    """Writes the rows of a dataset to `path`; the day that they show, and in words where they came from.

    Raises:
        NotFound: when no source is known for the dataset; register a file instead.
    """
    if dataset.slug == "ibr-households":
        as_of = min(AS_OF, datetime.now(UTC).date())
        write_extract(read_households(settings.registry, as_of=as_of), path, dataset)
        return as_of, REGISTRY
    if dataset.slug == real_dataset(settings).slug:
        _, table = real_data(settings)
        pq.write_table(table, path)
        return SHOWS[dataset.slug], PUBLISHED
    raise NotFound(f"No source is set up for {dataset.slug}. Register a file: enclave extract register FILE.")
