"""The identifiers of an extract as keyed digests: the airlock knows the registry's own values without the list."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from anonymization.disclosure.own_values import Digests, digests
from enclave.catalogue.model import ColumnRole, Dataset

#: Values of a column that repeat more than this are names of places and offices, which outputs may well carry.
_DISTINCT = 0.5


def identifier_digests(table: pa.Table, dataset: Dataset, key: bytes) -> bytes:
    """Digests of all values of the columns with direct identifiers, as `from_bytes` reads them.

    Args:
        table: an extract, with the columns of the data dictionary.
        key: of the dataset.
    """
    found = [np.empty(0, dtype=np.uint64)]
    for column in dataset.columns:
        if column.role is not ColumnRole.DIRECT or column.name not in table.column_names:
            continue
        values = table[column.name].drop_null()
        distinct = values.unique()
        if len(distinct) > _DISTINCT * len(values):
            found.append(digests(distinct.to_pylist(), key))
    return np.unique(np.concatenate(found)).astype(">u8").tobytes()


def from_bytes(data: bytes) -> Digests:
    """Sorted digests, as `anonymization.disclosure.own_values.OwnValues` takes them."""
    return np.frombuffer(data, dtype=">u8").astype(np.uint64)
