"""Several synthetic tables of one release: loading them, and one answer from all of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from enclave.client.errors import ClientError

if TYPE_CHECKING:
    from evaluation import Combined

MANIFEST = "synthesis.json"
_SCHEMA = "registry-enclave/syntheses@1"


def syntheses(folder: str | Path) -> list[pd.DataFrame]:
    """The m tables of a synthetic release, in order; each carries what the release says of itself in `attrs`.

    Args:
        folder: where the release's files were saved, `synthesis.json` among them.

    Raises:
        ClientError: a file is missing, or is not the one that the release names.
    """
    about, tables = _loaded(folder)
    if about.get("related"):
        raise ClientError(
            "This release holds related tables, each once. Load them with client.related(folder)."
        )
    return tables


def related(folder: str | Path) -> dict[str, pd.DataFrame]:
    """The related tables of a synthetic release (households, persons, enrolments, payments) by name.

    Raises:
        ClientError: as `syntheses`; the release holds no related tables.
    """
    about, tables = _loaded(folder)
    names = [str(part["name"]) for part in about.get("related", ())]
    if len(names) != len(tables):
        raise ClientError("This release holds draws of one table. Load them with client.syntheses(folder).")
    return dict(zip(names, tables, strict=True))


def _loaded(folder: str | Path) -> tuple[dict[str, Any], list[pd.DataFrame]]:
    root = Path(folder)
    try:
        about: dict[str, Any] = json.loads((root / MANIFEST).read_text(encoding="utf-8"))
        named = [(str(t["file"]), str(t["sha256"])) for t in about["tables"]]
    except (OSError, ValueError, KeyError, TypeError):
        raise ClientError(
            f"There is no {MANIFEST} of a synthetic release in this folder. Save all files of the release there."
        ) from None
    if about.get("schema") != _SCHEMA:
        raise ClientError(
            f"This {MANIFEST} is of another version than this client reads; update one of the two."
        )
    tables = []
    for name, digest in named:
        path = root / Path(name).name
        if not path.is_file():
            raise ClientError(f"The release names {path.name}, which is not here; save it beside {MANIFEST}.")
        if hashlib.sha256(path.read_bytes()).hexdigest() != digest:
            raise ClientError(f"{path.name} is not the file that the release names; save it again.")
        table = pd.read_csv(path)
        table.attrs["synthesis"] = {k: about[k] for k in ("dataset", "method", "m", "kind", "loss", "says")}
        tables.append(table)
    return about, tables


def combined(
    tables: Sequence[pd.DataFrame], estimate: Callable[[pd.DataFrame], tuple[float, float]]
) -> Combined:
    """One estimate with an error that counts the synthesis.

    Args:
        tables: as `syntheses` gives them, two or more.
        estimate: of one table, (estimate, variance), as if it were real; the variance is the squared standard error.

    Raises:
        ClientError: for fewer than two tables, whose difference would be unknown.
    """
    from evaluation import combine  # noqa: PLC0415 - loads scipy

    if len(tables) < 2:
        raise ClientError(
            "An error that counts the synthesis needs two tables or more. Of one table, errors are lower bounds."
        )
    kind = {str(t.attrs.get("synthesis", {}).get("kind", "fully")) for t in tables}
    found = [estimate(table) for table in tables]
    return combine(
        [q for q, _ in found], [u for _, u in found], kind="partially" if kind == {"partially"} else "fully"
    )
