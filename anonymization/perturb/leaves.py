"""Points in leaves of a k-d tree: exact nearest and farthest neighbours while points are taken away.

A leaf holds a few hundred points and its bounding box, which shrinks as points go. A query computes the bounds of all
leaves at once and then opens only the leaves that can hold an answer (Bentley 1975; Friedman, Bentley and Finkel 1977).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

#: Bounds are widened by this, so that rounding never closes a leaf that holds an answer.
_SLACK = 1e-9


class Leaves:
    """Points that can be asked for and taken away. Ties go to the lower point number, so answers repeat.

    Args:
        points: shape (n, d), finite.
        numbers: shape (n,), the points' numbers; by default their positions.
    """

    def __init__(self, points: Floats, numbers: Ints | None = None) -> None:
        names = np.arange(len(points), dtype=np.int64) if numbers is None else numbers
        size = int(np.clip(2 * np.sqrt(len(points)), 32, 512))
        parts = _parts(points, size)
        order = np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64)
        counts = [len(part) for part in parts]
        self._points = np.ascontiguousarray(points[order], dtype=np.float64)
        self._numbers = names[order]
        self._start = [0, *np.cumsum(counts)[:-1].tolist()]
        self._count = counts
        self._low = np.array([points[part].min(axis=0) for part in parts]).reshape(
            len(parts), points.shape[1]
        )
        self._high = np.array([points[part].max(axis=0) for part in parts]).reshape(
            len(parts), points.shape[1]
        )
        self._leaf_of = dict(
            zip(self._numbers.tolist(), np.repeat(np.arange(len(parts)), counts).tolist(), strict=True)
        )
        self._empty = np.zeros(len(parts), dtype=bool)
        self.left = len(points)

    def rest(self) -> tuple[Floats, Ints]:
        """Points that are left, shape (m, d), and their numbers, in the order of the numbers."""
        spans = [np.arange(s, s + c) for s, c in zip(self._start, self._count, strict=True)]
        places = np.concatenate(spans) if spans else np.zeros(0, dtype=np.int64)
        order = places[np.argsort(self._numbers[places], kind="stable")]
        return self._points[order], self._numbers[order]

    def farthest(self, point: Floats) -> tuple[int, Floats]:
        """Number and coordinates of the point that is left farthest from `point`."""
        reach = np.maximum(point - self._low, self._high - point)
        bounds = np.einsum("ij,ij->i", reach, reach)
        bounds *= 1 + _SLACK
        bounds[self._empty] = -2.0
        best, found, place = -1.0, -1, -1
        leaf = int(bounds.argmax())
        while bounds[leaf] >= best:
            start = self._start[leaf]
            gap = self._points[start : start + self._count[leaf]] - point
            squares = np.einsum("ij,ij->i", gap, gap)
            here = int(squares.argmax())
            distance, number = float(squares[here]), int(self._numbers[start + here])
            if distance > best or (distance == best and number < found):
                best, found, place = distance, number, start + here
            bounds[leaf] = -2.0
            leaf = int(bounds.argmax())
        return found, self._points[place].copy()

    def take_nearest(self, point: Floats, k: int) -> tuple[Ints, Floats]:
        """Takes away the k points nearest to `point` (k at most `left`): their numbers and coordinates."""
        gap = np.maximum(np.maximum(self._low - point, point - self._high), 0.0)
        bounds = np.einsum("ij,ij->i", gap, gap)
        bounds *= 1 - _SLACK
        bounds[self._empty] = np.inf
        squares, places = np.zeros(0), np.zeros(0, dtype=np.int64)
        worst = np.inf
        leaf = int(bounds.argmin())
        while bounds[leaf] <= worst and bounds[leaf] < np.inf:
            start, count = self._start[leaf], self._count[leaf]
            away = self._points[start : start + count] - point
            new = np.einsum("ij,ij->i", away, away)
            near = np.flatnonzero(new <= worst)
            if len(near):
                squares = np.concatenate([squares, new[near]])
                places = np.concatenate([places, near + start])
                if len(squares) > k:
                    worst = float(np.partition(squares, k - 1)[k - 1])
                    close = squares <= worst
                    squares, places = squares[close], places[close]
                elif len(squares) == k:
                    worst = float(squares.max())
            bounds[leaf] = np.inf
            leaf = int(bounds.argmin())
        chosen = places[np.lexsort((self._numbers[places], squares))[:k]]
        numbers, points = self._numbers[chosen], self._points[chosen]
        self._take(chosen, numbers)
        return numbers, points

    def _take(self, places: Ints, numbers: Ints) -> None:
        leaves: dict[int, list[int]] = {}
        for place, number in zip(places.tolist(), numbers.tolist(), strict=True):
            leaves.setdefault(self._leaf_of[number], []).append(place)
        for leaf, gone in leaves.items():
            start, count = self._start[leaf], self._count[leaf]
            keep = np.ones(count, dtype=bool)
            keep[[place - start for place in gone]] = False
            left = count - len(gone)
            points = self._points[start : start + count][keep]
            self._points[start : start + left] = points
            self._numbers[start : start + left] = self._numbers[start : start + count][keep]
            self._count[leaf] = left
            if left:
                self._low[leaf] = points.min(axis=0)
                self._high[leaf] = points.max(axis=0)
            else:
                self._empty[leaf] = True
        self.left -= len(places)


def _parts(points: Floats, size: int) -> list[Ints]:
    """Positions in leaves of at most `size`, each leaf's in rising order: halves of the widest side."""
    todo, done = [np.arange(len(points), dtype=np.int64)], []
    while todo:
        part = todo.pop()
        if len(part) <= size:
            if len(part):
                done.append(np.sort(part))
            continue
        held = points[part]
        widest = int((held.max(axis=0) - held.min(axis=0)).argmax())
        middle = len(part) // 2
        order = np.argpartition(held[:, widest], middle)
        todo += [part[order[:middle]], part[order[middle:]]]
    return done
