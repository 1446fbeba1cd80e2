"""`python -m anonymization.lattice FILE --hierarchies DIR --k 5 --limit 0.05`: the best generalisation of one file.

Every node of the lattice is visited; nothing is written. DIR holds one `;`-separated CSV for each column to generalise,
named after it, one row a value, from the exact value to the coarsest (ARX's layout).
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from anonymization.commands import Misused, as_json, names, run, share, whole
from anonymization.lattice.criteria import Criteria
from anonymization.lattice.metrics import NAMES, Metric
from anonymization.lattice.reading import coded, read_hierarchies
from anonymization.lattice.search import NODES, Node, Solution, Use, search


def main(arguments: Sequence[str]) -> None:
    """Reads the arguments, searches, prints."""
    asked = _parser().parse_args(arguments)
    if (asked.l > 1 or asked.t < 1) != bool(asked.sensitive):
        raise Misused("--sensitive goes with --l or --t, and they with it.")
    rows = read_hierarchies(Path(asked.hierarchies))
    rows.pop(asked.sensitive, None)  # it is not generalised
    weights = {name: value[0] for name, value in _by_name(asked.weights, "--weights", rows).items()}
    if any(w <= 0 for w in weights.values()):
        raise Misused("--weights are numbers above zero.")
    use = Use(_by_name(asked.keep, "--keep", rows), asked.together, asked.exact)
    strange = {n for n in (*asked.exact, *(n for g in asked.together for n in g)) if n not in rows}
    if strange:
        raise Misused("--exact and --together name columns that have a hierarchy.")
    codes, counts, hierarchies, sensitive = coded(Path(asked.file), rows, asked.sensitive)
    found = search(
        codes,
        counts,
        hierarchies,
        Criteria(asked.k, asked.l, asked.t, asked.distance),
        limit=asked.limit,
        metric=Metric(asked.metric, weights, asked.balance),
        sensitive=sensitive,
        use=use,
        runners_up=asked.runners_up,
        most_nodes=asked.most_nodes,
    )
    result = {
        "rows": found.records,
        "columns": [h.name for h in hierarchies],
        "heights": {h.name: h.height - 1 for h in hierarchies},
        "k": asked.k,
        "limit": asked.limit,
        "sensitive": {"column": asked.sensitive, "l": asked.l, "t": asked.t, "distance": asked.distance}
        if asked.sensitive
        else None,
        "metric": asked.metric,
        "weights": {h.name: weights.get(h.name, 1.0) for h in hierarchies},
        "nodes": found.nodes,
        "nodes_admissible": found.admissible,
        "nodes_k_anonymous": found.anonymous,
        "nodes_without_suppression": found.whole,
        **told(found.optimum),
        "runners_up": [told(node) for node in found.runners_up],
    }
    sys.stdout.write(as_json(result) + "\n" if asked.json else _lines(found))


def told(node: Node) -> dict[str, object]:
    """One node in the words of the output."""
    out = asdict(node)
    out["suppressed_rows"] = out.pop("suppressed")
    out["smallest_class"] = out.pop("smallest")
    return out


def _by_name(
    given: Sequence[str], option: str, rows: dict[str, list[list[str]]]
) -> dict[str, tuple[float, ...]]:
    """`col=1,2` for each, or several with a comma between them; numbers only."""
    out: dict[str, tuple[float, ...]] = {}
    name = ""
    for part in (p.strip() for text in given for p in text.split(",")):
        before, _, value = part.rpartition("=")
        name = before.strip() or name
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if name not in rows or not math.isfinite(number):
            raise Misused(f"{option} is col=number for columns that have a hierarchy.")
        out[name] = (*out.get(name, ()), number)
    return out


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m anonymization.lattice", description=__doc__)
    parser.add_argument("file", help="a CSV or parquet file")
    parser.add_argument(
        "--hierarchies", required=True, help="a folder of hierarchies, one CSV for each column"
    )
    parser.add_argument("--k", type=whole(2), required=True, help="how many records must look alike")
    parser.add_argument("--limit", type=share, default=0.0, help="the share of rows that may be suppressed")
    parser.add_argument("--sensitive", default="", help="a column for --l and --t")
    parser.add_argument("--l", type=whole(1), default=1, help="distinct sensitive values in each class")
    parser.add_argument("--t", type=share, default=1.0, help="largest distance of a class from the table")
    parser.add_argument("--distance", choices=["equal", "ordered"], default="equal", help="how --t measures")
    parser.add_argument("--metric", choices=NAMES, default="loss", help="what is made smallest")
    parser.add_argument(
        "--weights", action="append", default=[], help="col=2,other=1: heavier columns are spared"
    )
    parser.add_argument(
        "--balance", type=share, default=0.5, help="of loss: 0 favours suppression, 1 generalising"
    )
    parser.add_argument(
        "--keep", action="append", default=[], help="col=150: a cut-off that no value may span"
    )
    parser.add_argument("--together", type=names, action="append", default=[], help="a,b: kept at one level")
    parser.add_argument("--exact", type=names, default=[], help="a,b: columns that stay exact")
    parser.add_argument("--runners-up", type=whole(0), default=5, help="how many of the next best to tell")
    parser.add_argument("--most-nodes", type=whole(1), default=NODES, help="larger lattices are refused")
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser


def _lines(found: Solution) -> str:
    best = found.optimum
    levels = "".join(f"  {name}: level {level}\n" for name, level in best.levels.items())
    return (
        f"{found.nodes} nodes, {found.anonymous} of them meet the criteria. Loss {best.loss:.10f}, "
        f"{best.suppressed} of {found.records} rows suppressed, {best.classes} classes, "
        f"smallest class {best.smallest}.\n{levels}"
    )


if __name__ == "__main__":
    sys.exit(run(main))
