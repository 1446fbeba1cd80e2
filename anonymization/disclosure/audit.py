"""What an attacker can work out about suppressed cells from published totals, exactly.

Each suppressed cell's smallest and largest feasible value is a linear programme (Fischetti and Salazar, 2001,
Solving the cell suppression problem on tabular data with linear constraints), solved by HiGHS through scipy.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from anonymization.errors import AnonymizationError

#: More unknown cells than this in one connected part of a table are not audited but refused.
MOST_UNKNOWNS = 400


class CannotAudit(AnonymizationError):
    """The published totals contradict each other, or the table is too large to be audited."""


@dataclass(frozen=True, slots=True)
class Equation:
    """Suppressed cells, each with its sign, that add up to a known number."""

    cells: Mapping[int, int]
    total: float


def feasible_intervals(equations: Sequence[Equation], cells: Sequence[int]) -> dict[int, tuple[float, float]]:
    """Smallest and largest value that each suppressed cell can have, given that none is negative.

    Args:
        equations: everything that is published about them.
        cells: the suppressed cells.

    Returns:
        cell to (lowest, highest); (0, infinity) for a cell about which nothing is published.

    Raises:
        CannotAudit: no values fit the equations, or too many cells hang together.
    """
    intervals = dict.fromkeys(cells, (0.0, math.inf))
    for part in _connected([e for e in equations if e.cells]):
        unknowns = sorted({cell for equation in part for cell in equation.cells})
        if len(unknowns) > MOST_UNKNOWNS:
            raise CannotAudit("Too many suppressed cells hang together to be audited. Leave the totals out.")
        for cell, interval in _solve(part, unknowns).items():
            intervals[cell] = interval
    return intervals


def _connected(equations: Sequence[Equation]) -> list[list[Equation]]:
    """Equations grouped so that different groups share no cell."""
    group_of: dict[int, int] = {}
    groups: dict[int, list[Equation]] = defaultdict(list)
    for position, equation in enumerate(equations):
        joined = {group_of[c] for c in equation.cells if c in group_of}
        groups[position].append(equation)
        for other in joined:
            groups[position].extend(groups.pop(other))
        for member in groups[position]:
            group_of.update(dict.fromkeys(member.cells, position))
    return list(groups.values())


def _solve(equations: Sequence[Equation], unknowns: Sequence[int]) -> dict[int, tuple[float, float]]:
    import numpy as np  # noqa: PLC0415 - only tables with suppressed cells need a solver
    from scipy.optimize import linprog  # noqa: PLC0415
    from scipy.sparse import lil_array  # noqa: PLC0415

    column = {cell: at for at, cell in enumerate(unknowns)}
    matrix = lil_array((len(equations), len(unknowns)))
    for row, equation in enumerate(equations):
        for cell, sign in equation.cells.items():
            matrix[row, column[cell]] = sign
    left, right = matrix.tocsr(), np.array([e.total for e in equations])

    def best(cell: int, direction: int) -> float:
        objective = np.zeros(len(unknowns))
        objective[column[cell]] = direction
        result = linprog(objective, A_eq=left, b_eq=right, bounds=(0, None), method="highs")
        if result.status == 3:  # unbounded
            return math.inf
        if result.status != 0:
            raise CannotAudit(
                "The totals do not add up, so what they give away cannot be told. Correct them."
            )
        return float(result.x[column[cell]])

    return {cell: (best(cell, 1), best(cell, -1)) for cell in unknowns}
