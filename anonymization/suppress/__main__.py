"""`python -m anonymization.suppress FILE --keys a,b,c --k 5 --out OUT`: local suppression of one file.

The file that was written is read again and must be k-anonymous under the reading that was named; otherwise it is
removed and nothing is claimed.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd

from anonymization.commands import Misused, as_json, names, run, share, whole
from anonymization.errors import BrokenIntent
from anonymization.files import read_table
from anonymization.keys import KeyRing
from anonymization.risk.classes import Missing, key_codes, sizes_of_codes
from anonymization.risk.units import profile_codes
from anonymization.schema import Schema
from anonymization.steps.base import Context
from anonymization.steps.evidence import merged
from anonymization.steps.suppress import Suppress
from anonymization.suppress.writing import kind_of, write_blanked


def main(arguments: Sequence[str]) -> None:
    """Reads the arguments, suppresses, writes, verifies, prints."""
    asked = _parser().parse_args(arguments)
    step = Suppress(
        tuple(asked.keys),
        asked.k,
        _importance(asked.importance, asked.keys),
        asked.share,
        asked.household,
        asked.strata,
        asked.missing,
        not asked.fewest,
    )
    source, out = Path(asked.file), Path(asked.out)
    kind_of(out)
    if out.exists() and source.exists() and out.samefile(source):
        raise Misused("OUT is the file itself, which would be lost. Name another file.")
    table = read_table(source, [*asked.keys, *(n for n in (asked.household, asked.strata) if n)])
    step.plan(Schema.infer(table, {}))
    # Nothing drawn with this key leaves: it only puts households in an order.
    context = Context(KeyRing(b"order of households"), "suppress", datetime.now(tz=UTC).date())
    done, evidence = step.apply(table, context)
    gone = {key: (done[key].isna() & table[key].notna()).to_numpy() for key in step.keys}
    write_blanked(source, out, gone)
    found = verified(out, step)
    result = {
        "rows": len(table),
        "verified": {"file": out.name, "missing": step.missing, "smallest_class": found},
        **merged([evidence]),
    }
    sys.stdout.write(as_json(result) + "\n" if asked.json else _lines(result))


def verified(path: Path, step: Suppress) -> int:
    """The smallest class of the written file, by the reading of the step.

    Raises:
        BrokenIntent: it is below k; the file has been removed.
    """
    wanted = [*step.keys, *(n for n in (step.unit, step.strata) if n)]
    table = read_table(path, wanted)
    if not len(table):
        return 0
    columns = [*step.keys, *([step.strata] if step.strata else [])]
    codes = profile_codes(table, columns, step.unit)[0] if step.unit else key_codes(table, columns)
    smallest = len(codes)
    groups = codes[:, -1] if step.strata else np.zeros(len(codes), dtype=np.int64)
    for _, inside in pd.Series(np.arange(len(codes))).groupby(groups):
        own = codes[inside.to_numpy()][:, : len(step.keys)]
        smallest = min(smallest, int(_sizes(own, step.missing).min()))
    if smallest < step.k:
        path.unlink()
        raise BrokenIntent(
            f"{path.name} was not k-anonymous when it was read again, so it was removed. This is a defect; report it."
        )
    return smallest


def _sizes(codes: np.ndarray, missing: Missing) -> np.ndarray:
    return sizes_of_codes(codes, np.ones(len(codes)), missing=missing).fk


def _importance(text: str, keys: Sequence[str]) -> dict[str, float]:
    """`a=2,b=1`, or `a,b,c` with the most important first: a cell of each then costs twice one of the next.

    Raises:
        Misused: something else, or a name that is no key.
    """
    if not text:
        return {}
    parts = [p.strip() for p in text.split(",")]
    wrong = Misused("--importance is a=2,b=1 (numbers above zero) or a,b,c (most important first).")
    if any("=" in p for p in parts) and not all("=" in p for p in parts):
        raise wrong
    try:
        found = {n.strip(): float(v) for n, v in (p.rsplit("=", 1) for p in parts if "=" in p)}
    except ValueError:
        raise wrong from None
    found = found or {n: 2.0 ** (len(parts) - i) for i, n in enumerate(parts)}
    if set(found) - set(keys) or len(found) < len(parts):
        raise Misused("--importance names each key at most once and nothing else.")
    return found


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m anonymization.suppress", description=__doc__)
    parser.add_argument("file", help="a CSV or parquet file")
    parser.add_argument("--keys", type=names, required=True, help="the key variables: a,b,c")
    parser.add_argument("--k", type=whole(2), required=True, help="how many records must look alike")
    parser.add_argument("--out", required=True, help="the file to write; .parquet or .csv")
    parser.add_argument("--importance", default="", help="a=2,b=1, or a,b,c with the most important first")
    parser.add_argument("--strata", default="", help="a column inside whose groups k must hold")
    parser.add_argument("--household", default="", help="a column: whole households are counted and treated")
    parser.add_argument("--share", type=share, default=1.0, help="highest mean of 1/class size")
    reading = "an empty cell stands for any value, or is a value of its own"
    parser.add_argument("--missing", choices=["wildcard", "category"], default="wildcard", help=reading)
    fewest = "fewest cells: a record below k may stay whole when the blanks of others cover it"
    parser.add_argument("--fewest", action="store_true", help=fewest)
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser


def _lines(result: dict[str, object]) -> str:
    cells = result["cells"]
    shown = "".join(f"  {key}: {n}\n" for key, n in cells.items()) if isinstance(cells, dict) else ""
    return (
        f"{result['cells_total']} cells blanked in {result['records_touched']} of {result['records']} "
        f"{result['counted']}; {result['claim']}; smallest class {result['smallest_class']}.\n{shown}"
    )


if __name__ == "__main__":
    sys.exit(run(main))
