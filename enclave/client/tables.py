"""The tables that this project was granted, as they are mounted under /data."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from enclave.client.errors import ClientError

#: How deep below /data a table may lie: /data/<project>/<extract>/<dataset>.parquet.
_DEPTH = 3


@dataclass(frozen=True, slots=True)
class Table:
    """One mounted table.

    Args:
        name: what `load` takes: the dataset, or its path under /data when that dataset is there twice.
        path: the parquet file.
        about: its manifest: dataset, tier, variables, areas, rows, sha256, expires.
    """

    name: str
    path: Path
    about: dict[str, Any]


def data_folder() -> Path:
    """Where entitled data is mounted: $ENCLAVE_DATA, else /data."""
    return Path(os.environ.get("ENCLAVE_DATA") or "/data")


def tables() -> list[Table]:
    """Every entitled table, by name.

    Raises:
        ClientError: when nothing is mounted.
    """
    root = data_folder()
    found = [path for depth in range(_DEPTH) for path in sorted(root.glob("*/" * depth + "*.parquet"))]
    if not found:
        raise ClientError(
            "No table is mounted here. Either no access request of this project has been approved yet, or "
            "its "
            "approval has ended: look at the project's page in the portal."
        )
    stems = [path.stem for path in found]
    named = [
        Table(
            name=path.stem
            if stems.count(path.stem) == 1
            else path.relative_to(root).with_suffix("").as_posix(),
            path=path,
            about=_manifest(path),
        )
        for path in found
    ]
    return sorted(named, key=lambda table: table.name)


def data() -> pd.DataFrame:
    """What this project was granted, one row per table.

    Columns: name (for `load`), dataset, tier, rows, variables (how many), areas, expires. `about` gives the
    rest.
    """
    listed = [
        {
            "name": table.name,
            "dataset": table.about.get("dataset", table.path.stem),
            "tier": table.about.get("tier", ""),
            "rows": table.about.get("rows"),
            "variables": len(table.about.get("variables") or ()),
            "areas": ", ".join(map(str, table.about.get("areas") or ())) or "all",
            "expires": table.about.get("expires", ""),
        }
        for table in tables()
    ]
    return pd.DataFrame(listed)


def about(name: str) -> dict[str, Any]:
    """The manifest of one table: dataset, tier, variables, areas, rows, sha256, expires."""
    return dict(_table(name).about)


def load(name: str) -> pd.DataFrame:
    """One entitled table, after checking that its bytes are those that the manifest names.

    Raises:
        ClientError: when there is no such table, or its bytes are not those that were approved.
    """
    table = _table(name)
    expected = str(table.about.get("sha256") or "")
    if expected and _sha256(table.path) != expected:
        raise ClientError(
            f"The file of {table.name!r} is not the one that was approved. Close the session, open it "
            "again, and "
            "tell the data steward if this comes back."
        )
    return pd.read_parquet(table.path)


def _table(name: str) -> Table:
    known = tables()
    for table in known:
        if name == table.name:
            return table
    raise ClientError(
        f"There is no table called {name!r} here. This project has: "
        f"{', '.join(table.name for table in known)}. "
        "For other data, make an access request in the portal."
    )


def _manifest(path: Path) -> dict[str, Any]:
    """The manifest of a table: `<dataset>.about.json` beside it, or its folder's `about.json`."""
    for beside in (path.with_name(f"{path.stem}.about.json"), path.with_name("about.json")):
        try:
            body = json.loads(beside.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if isinstance(body, dict) and body.get("dataset", path.stem) == path.stem:
            return body
    return {}


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
