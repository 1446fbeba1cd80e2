"""Figures that may leave: pixels only, with the number of households behind each mark."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from enclave.client.counting import THRESHOLD, warn_small
from enclave.client.errors import ClientError
from enclave.client.outputs import SCHEMA, check_words, outputs_folder, write_whole

#: Dots per inch, enough for print and few enough for the airlock's limit.
_DPI = 150


def figure(
    drawn: Any,
    name: str,
    *,
    counts: Iterable[int],
    title: str,
    context: str,
    threshold: int = THRESHOLD,
) -> Path:
    """Writes a matplotlib figure as a png without metadata, and its description, into the outputs folder.

    Draw it from a table that could leave itself (`tabulate`), never one mark for one household.

    Args:
        drawn: a matplotlib figure, or an axes of it.
        name: file name without ending.
        counts: distinct households behind each mark (bar, point, segment), one number for each.
        title, context: for the checkers; they return figures without them.
        threshold: below it a mark is warned about; the airlock's policy decides.

    Returns:
        The png's path.

    Raises:
        ClientError: when it is no figure, or the counts are no counts.
    """
    check_words(name, title, context)
    behind = _counts(counts)
    whole = drawn if hasattr(drawn, "savefig") else getattr(drawn, "figure", None)
    if whole is None or not hasattr(whole, "savefig"):
        raise ClientError("Give a matplotlib figure, for example the fig of fig, ax = plt.subplots().")
    warn_small(pd.DataFrame({"counts": [count < threshold for count in behind]}), threshold)
    picture = io.BytesIO()
    # Nothing about the software, the time or the author: the airlock refuses an image that carries texts.
    whole.savefig(picture, format="png", dpi=_DPI, bbox_inches="tight", metadata={"Software": None})
    described = {
        "schema": SCHEMA,
        "kind": "figure",
        "unit": "household",
        "counts": behind,
        "title": title.strip(),
        "context": context.strip(),
    }
    folder = outputs_folder()
    text = json.dumps(described, indent=2, ensure_ascii=False) + "\n"
    write_whole(folder / f"{name}.sdc.json", text.encode())
    return write_whole(folder / f"{name}.png", picture.getvalue())


def _counts(counts: Iterable[int]) -> list[int]:
    given = list(counts)
    whole = [
        c for c in given if isinstance(c, int | float | np.integer | np.floating) and not isinstance(c, bool)
    ]
    if not given or len(whole) < len(given) or any(not (c >= 0 and c % 1 == 0) for c in whole):
        raise ClientError("Give counts= as one whole number of households for each mark of the figure.")
    return [int(c) for c in whole]
