"""PRAM: a category may be exchanged for another, by known probabilities.

Source: Gouweleeuw, Kooiman, Willenborg and De Wolf (1998), Post randomisation for statistical disclosure control:
theory and implementation, Journal of Official Statistics 14(4), with its two-stage invariant matrix (section 4).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def retention_matrix(counts: Ints, stay: float) -> Floats:
    """Markov matrix: a category stays with probability `stay`, else it becomes another in proportion to its count.

    Args:
        counts: shape (m,), how often each category occurs, all above zero.
        stay: in (0, 1].

    Returns:
        Shape (m, m), rows sum to 1.
    """
    m = len(counts)
    if m == 1:
        return np.ones((1, 1))
    others = np.tile(counts.astype(np.float64), (m, 1))
    np.fill_diagonal(others, 0.0)
    matrix = (1 - stay) * others / others.sum(axis=1, keepdims=True)
    np.fill_diagonal(matrix, stay)
    return np.asarray(matrix, dtype=np.float64)


def invariant_matrix(matrix: Floats, counts: Ints) -> Floats:
    """R = P Q with Q_lk = P_kl t_k / sum_j P_jl t_j: expected counts after R are those before (t R = t).

    Args:
        matrix: P, shape (m, m), a Markov matrix.
        counts: t, shape (m,), all above zero.

    Returns:
        R, shape (m, m). Its diagonal may be below that of P, because a value passes two stages.
    """
    joint = matrix * counts[:, None]
    return np.asarray(matrix @ (joint / joint.sum(axis=0)).T, dtype=np.float64)


def invariant_with_diagonal(counts: Ints, stay: float) -> Floats:
    """The invariant matrix of `retention_matrix` whose smallest diagonal entry is `stay` (found by bisection).

    Where the categories are so unequal or so few that no member of the family goes that low, the nearest one that does
    not go below.
    """
    low, high = 1e-9, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        if float(np.diag(invariant_matrix(retention_matrix(counts, middle), counts)).min()) < stay:
            low = middle
        else:
            high = middle
    return invariant_matrix(retention_matrix(counts, high), counts)


def exchange(codes: Ints, matrix: Floats, uniforms: Floats) -> Ints:
    """New categories.

    Args:
        codes: shape (n,), 0..m-1, or -1 for missing, which stays missing.
        matrix: shape (m, m), rows sum to 1.
        uniforms: shape (n,), one draw from (0, 1) for each.
    """
    out = codes.copy()
    for code in range(len(matrix)):
        here = np.flatnonzero(codes == code)
        steps = np.cumsum(matrix[code])
        out[here] = np.minimum(
            np.searchsorted(steps / steps[-1], uniforms[here], side="right"), len(matrix) - 1
        )
    return out
