"""How wide a window round a cut-off.

Source: Imbens and Kalyanaraman, "Optimal Bandwidth Choice for the Regression Discontinuity Estimator" (2012).
"""

from __future__ import annotations

import numpy as np

from evaluation.columns import FloatArray

#: C_K of the triangular ("edge") kernel at a boundary, from that paper.
EDGE_KERNEL = 3.4375


def imbens_kalyanaraman(y: FloatArray, x: FloatArray) -> float:
    """The bandwidth that minimises the asymptotic mean squared error of the jump at x = 0.

    h = C_K [ (s2_below + s2_above) / (f ((m2_above - m2_below)^2 + r_below + r_above)) ]^(1/5) N^(-1/5)

    with f the density and s2 the outcome's variance at the cut-off (pilot window 1.84 S N^(-1/5)), m2 the
    second derivatives from local quadratic fits, and r a term that keeps h finite when the curvatures agree.

    Args:
        y: outcome, shape (rows,).
        x: running variable minus the cut-off, shape (rows,), with values on both sides.

    Returns:
        h > 0 in the units of x, at most the largest distance to the cut-off.
    """
    n, reach = len(x), float(np.abs(x).max())
    pilot = 1.84 * float(x.std(ddof=1)) * n ** (-1 / 5)
    near = [(x < 0) & (x >= -pilot), (x >= 0) & (x <= pilot)]
    if min(int(side.sum()) for side in near) < 2:
        return reach
    density = sum(int(side.sum()) for side in near) / (2 * n * pilot)
    noise = [float(y[side].var(ddof=1)) for side in near]
    cubic = np.column_stack([np.ones(n), x >= 0, x / reach, (x / reach) ** 2, (x / reach) ** 3])
    third = 6 * float(np.linalg.lstsq(cubic, y, rcond=None)[0][4]) / reach**3
    curves, regular = [], 0.0
    for side, variance in zip((x < 0, x >= 0), noise, strict=True):
        wide = reach
        if third != 0:
            wide = 3.56 * (variance / (density * third**2)) ** (1 / 7) * int(side.sum()) ** (-1 / 7)
        window = side & (np.abs(x) <= wide)
        if len(np.unique(x[window])) < 3:
            window, wide = side, reach
        scaled = x[window] / wide if wide > 0 else x[window]
        quadratic = np.column_stack([np.ones(len(scaled)), scaled, scaled**2])
        curves.append(2 * float(np.linalg.lstsq(quadratic, y[window], rcond=None)[0][2]) / wide**2)
        regular += 2160 * variance / (int(window.sum()) * wide**4)
    spread = density * ((curves[1] - curves[0]) ** 2 + regular)
    if sum(noise) <= 0 or spread <= 0:
        return reach
    return float(min(EDGE_KERNEL * (sum(noise) / spread) ** (1 / 5) * n ** (-1 / 5), reach))
