"""The whole lattice of generalisations, every node exactly: no heuristic, no pruning that could miss the optimum.

Records are counted once over their distinct combinations; each node is added up from a node one level finer in one
column (roll-up: LeFevre, DeWitt and Ramakrishnan 2005), depth first, so that at most one table for each column is held.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import floor, prod

import numpy as np

from anonymization.errors import Unusable
from anonymization.lattice.cells import Cells, Counts
from anonymization.lattice.criteria import Criteria, Judged, Sensitive, judge
from anonymization.lattice.hierarchy import Hierarchy
from anonymization.lattice.metrics import Measure, Metric
from anonymization.risk.classes import Ints

#: Nodes that a search may visit unless it is told otherwise.
NODES = 250_000


@dataclass(frozen=True, slots=True)
class Use:
    """What the table is for, and so may not be lost.

    Args:
        cutoffs: of columns: a level that mixes both sides of one is not chosen.
        together: columns that stand at the same level, as a score and the flag that follows from it.
        exact: columns that stay as they are.
    """

    cutoffs: Mapping[str, Sequence[float]] = field(default_factory=dict)
    together: Sequence[Sequence[str]] = ()
    exact: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Node:
    """One solution: levels by column, its loss (and each column's), suppressed records, classes that stay."""

    levels: dict[str, int]
    loss: float
    losses: dict[str, float]
    suppressed: int
    classes: int
    smallest: int


@dataclass(frozen=True, slots=True)
class Solution:
    """What was found.

    Args:
        optimum: the node of least loss that meets the criteria within the limit; of equal ones the least generalised.
        runners_up: the next best, best first.
        nodes: nodes of the lattice; admissible: those that keep what the use needs, all of which were visited.
        anonymous: admissible nodes that meet the criteria within the limit; whole: those that suppress nothing.
        records: records searched over.
    """

    optimum: Node
    runners_up: tuple[Node, ...]
    nodes: int
    admissible: int
    anonymous: int
    whole: int
    records: int


def search(
    codes: Ints,
    counts: Counts,
    hierarchies: Sequence[Hierarchy],
    criteria: Criteria,
    *,
    limit: float,
    metric: Metric | None = None,
    sensitive: Sensitive | None = None,
    use: Use | None = None,
    runners_up: int = 5,
    most_nodes: int = NODES,
) -> Solution:
    """The optimum of the lattice.

    Args:
        codes: distinct combinations of leaves (as the hierarchies number them), shape (c, columns); with a
            sensitive column a further one for its values.
        counts: records of each, shape (c,).
        hierarchies: of the columns, in order.
        criteria: what every class that is not suppressed must meet.
        limit: the highest share of records that may be suppressed.
        metric: what is made smallest.
        sensitive: when the criteria speak of one.
        use: which nodes may be chosen.
        runners_up: how many of the next best are told.
        most_nodes: larger lattices are refused.

    Raises:
        Unusable: no node meets the criteria within the limit, the lattice is too large, or no level of a column
            keeps a cut-off.
    """
    use = use or Use()
    n = int(counts.sum())
    nodes = prod(h.height for h in hierarchies)
    levels = [_levels(h, use) for h in hierarchies]
    visited = prod(len(choice) for choice in levels)
    if visited > most_nodes:
        raise Unusable(
            f"The lattice has {visited:,} nodes, and at most {most_nodes:,} are searched. "
            "Leave out levels or columns, or hold columns at one level."
        )
    if n < criteria.k:
        raise Unusable(f"There are only {n} records, fewer than the {criteria.k} that have to look alike.")
    held = [np.bincount(codes[:, j], weights=counts, minlength=h.leaves) for j, h in enumerate(hierarchies)]
    measure = Measure(metric or Metric(), hierarchies, [h.astype(np.float64) for h in held], n)
    shape = tuple(h.leaves for h in hierarchies)
    if sensitive is not None:
        shape = (*shape, len(sensitive.overall))
    start = Cells.of(np.asfortranarray(codes), counts, shape)
    most = floor(limit * n + 1e-9)
    groups = [[i for i, h in enumerate(hierarchies) if h.name in names] for names in use.together]
    best: list[tuple[tuple[float, int, tuple[int, ...]], Node]] = []
    admissible = anonymous = whole = 0
    fewest = n
    for at, cells in _walk(start, hierarchies, levels):
        if any(len({at[i] for i in g}) > 1 for g in groups):
            continue
        admissible += 1
        judged = judge(cells, criteria, sensitive)
        gone = judged.suppressed
        fewest = min(fewest, gone)
        if gone > most or gone == n:
            continue
        anonymous += 1
        whole += gone == 0
        loss, losses = measure.of(at, judged)
        rank = (float(f"{loss:.12e}"), sum(at), at)
        if len(best) <= runners_up or rank < best[-1][0]:
            best.append((rank, _node(hierarchies, at, (loss, losses), judged)))
            best = sorted(best, key=lambda entry: entry[0])[: runners_up + 1]
    if not best:
        raise Unusable(
            f"No generalisation in these hierarchies meets the criteria within the limit: {fewest} of {n} records "
            "would be suppressed at best. Raise the limit, add coarser levels, or ask for less."
        )
    return Solution(best[0][1], tuple(node for _, node in best[1:]), nodes, admissible, anonymous, whole, n)


def _levels(hierarchy: Hierarchy, use: Use) -> list[int]:
    """The levels that keep what the use needs.

    Raises:
        Unusable: there are none.
    """
    cutoffs = use.cutoffs.get(hierarchy.name, ())
    last = 1 if hierarchy.name in use.exact else hierarchy.height
    return [level for level in range(last) if all(hierarchy.keeps(level, c) for c in cutoffs)]


def _walk(
    start: Cells, hierarchies: Sequence[Hierarchy], levels: Sequence[Sequence[int]]
) -> Iterator[tuple[tuple[int, ...], Cells]]:
    """All nodes and their counts, finer levels of each column first."""

    def deeper(column: int, at: tuple[int, ...], cells: Cells) -> Iterator[tuple[tuple[int, ...], Cells]]:
        if column == len(hierarchies):
            yield at, cells
            return
        now = 0
        for level in levels[column]:
            if level > now:
                cells = cells.coarser(column, hierarchies[column].steps(now, level))
                now = level
            yield from deeper(column + 1, (*at, level), cells)

    yield from deeper(0, (), start)


def _node(
    hierarchies: Sequence[Hierarchy],
    at: tuple[int, ...],
    loss: tuple[float, tuple[float, ...]],
    judged: Judged,
) -> Node:
    names = [h.name for h in hierarchies]
    return Node(
        dict(zip(names, at, strict=True)),
        loss[0],
        dict(zip(names, loss[1], strict=True)) if loss[1] else {},
        judged.suppressed,
        judged.classes,
        judged.smallest,
    )
