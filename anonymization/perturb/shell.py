"""Points in the order of their distance from an anchor: the farthest from near the anchor stand in front.

A point's distance from p is at most its distance from the anchor plus the anchor's distance from p (triangle
inequality), so a query reads from the outside in and stops as soon as nobody further in can win.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

_CHUNK = 256
_SLACK = 1e-9


class Shell:
    """Args: points: shape (n, d); free: shape (n,), who is still there; anchor: shape (d,)."""

    def __init__(self, points: Floats, free: Bools, anchor: Floats) -> None:
        left = np.flatnonzero(free)
        distance = np.sqrt(((points[left] - anchor) ** 2).sum(axis=1))
        order = np.argsort(-distance, kind="stable")
        self._anchor, self._free = anchor, free
        self._numbers = left[order]
        self._distance = distance[order] * (1 + _SLACK)
        self._points = points[self._numbers]
        self._first = 0
        self.asked = self.read = 0

    def farthest(self, point: Floats) -> int:
        """Number of the free point farthest from `point`; ties go to the lower number."""
        shift = float(np.sqrt(((point - self._anchor) ** 2).sum()))
        best, found = -1.0, -1
        at = self._first
        while at < len(self._numbers) and self._distance[at] + shift >= np.sqrt(max(best, 0.0)):
            free = self._free[self._numbers[at : at + _CHUNK]]
            if free.any():
                gap = self._points[at : at + _CHUNK] - point
                squares = np.where(free, np.einsum("ij,ij->i", gap, gap), -1.0)
                top = float(squares.max())
                if top >= best:
                    number = int(self._numbers[at : at + _CHUNK][squares == top].min())
                    found = number if top > best else min(found, number)
                    best = top
            elif at == self._first:
                self._first += _CHUNK
            at += _CHUNK
            self.read += 1
        self.asked += 1
        return found

    @property
    def worn(self) -> bool:
        """Whether queries have come to read so much that a new anchor pays."""
        return self.asked >= 64 and self.read > 8 * self.asked
