"""The real public data that the demo loads beside the invented ministry: PROGRESA where it is, else PANES.

PROGRESA's original terms are not stated, so the file is read where it lies and never copied into the project.
"""

from __future__ import annotations

from datetime import date
from importlib.resources import as_file, files
from pathlib import Path

import pyarrow as pa

from enclave.catalogue.dictionary import load_dictionary
from enclave.catalogue.model import Dataset
from enclave.kernel.errors import NotFound
from enclave.settings import Settings

_FILE = "progresa.parquet"
#: The day that each dataset's last rows show: the panel's last wave, the survey's interviews.
SHOWS = {"progresa": date(1999, 11, 30), "panes": date(2007, 3, 31)}
#: The folder that holds this checkout's `enclave` package.
_PROJECT = Path(__file__).resolve().parents[2]


def dictionary(slug: str) -> Dataset:
    """A dataset that the demo describes: ibr-households, progresa or panes."""
    with as_file(files("enclave.demo") / "dictionaries" / f"{slug}.yaml") as path:
        return load_dictionary(path)


def progresa_file(settings: Settings) -> Path | None:
    """Where PROGRESA is on this machine: in `real_data_dir`, else in `shared/data` beside the project."""
    folders = (
        [settings.real_data_dir]
        if settings.real_data_dir is not None
        else [root.parent / "shared" / "data" for root in (_PROJECT, Path.cwd())]
    )
    return next((folder / _FILE for folder in folders if (folder / _FILE).is_file()), None)


def real_dataset(settings: Settings) -> Dataset:
    """The dictionary of the real dataset that this machine has; reads no rows."""
    return dictionary("panes" if progresa_file(settings) is None else "progresa")


def real_data(settings: Settings) -> tuple[Dataset, pa.Table]:
    """The real dataset, loaded as it is: its dictionary and its rows.

    Raises:
        NotFound: when there is neither PROGRESA's file nor the package causaldata.
    """
    dataset, file = real_dataset(settings), progresa_file(settings)
    return dataset, _panes() if file is None else _progresa(file)


def _progresa(file: Path) -> pa.Table:
    import pyarrow.parquet as pq  # noqa: PLC0415 - only where it is used

    return pq.read_table(file)


def _panes() -> pa.Table:
    """PANES with one column more: the number of the row, as the household's."""
    try:
        from causaldata import gov_transfers  # noqa: PLC0415 - an optional extra
    except ImportError:
        raise NotFound(
            "There is no real data here. Set REGISTRY_ENCLAVE_REAL_DATA_DIR to a folder with "
            "progresa.parquet, or install the extra `demo` (package causaldata)."
        ) from None
    table = pa.Table.from_pandas(gov_transfers.load_pandas().data, preserve_index=False)
    numbers = pa.array([str(number) for number in range(1, table.num_rows + 1)])
    return table.add_column(0, "household_id", numbers)
