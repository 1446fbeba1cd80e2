"""What a new table tells beside those that were released before: their difference is a table too."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from anonymization.disclosure.model import DisclosureFinding, Severity


@dataclass(frozen=True, slots=True)
class ReleasedTable:
    """Counts of households that were, or are about to be, released.

    Args:
        name: what to call it in a finding.
        dimensions: names of what the cells are about, in the order of the keys.
        cells: key to count; suppressed cells are absent.
    """

    name: str
    dimensions: tuple[str, ...]
    cells: Mapping[tuple[str, ...], int]

    def over(self, dimensions: tuple[str, ...]) -> dict[tuple[str, ...], int]:
        """The same counts summed over all other dimensions, which must be among its own."""
        at = [self.dimensions.index(d) for d in dimensions]
        summed: dict[tuple[str, ...], int] = defaultdict(int)
        for key, count in self.cells.items():
            summed[tuple(key[a] for a in at)] += count
        return dict(summed)


def differences(
    new: ReleasedTable, earlier: Iterable[ReleasedTable], *, threshold: int
) -> tuple[DisclosureFinding, ...]:
    """Cells whose count differs from an earlier release by 1 to threshold-1 households.

    Subtracting such a pair describes a group that neither table would have been allowed to show. Where the
    dimensions of one table are among those of the other, the finer one is summed first. It sees releases only
    by their counts: two different groups of the same size pass.

    Args:
        new: what is about to be released.
        earlier: the ledger of what was released from the same dataset, whoever asked.
        threshold: smallest number of households that a number may describe.
    """
    found = []
    for old in earlier:
        shared = tuple(d for d in new.dimensions if d in old.dimensions)
        if set(shared) not in (set(new.dimensions), set(old.dimensions)):
            continue
        ours, theirs = new.over(shared), old.over(shared)
        for position, (key, count) in enumerate(ours.items(), start=1):
            if key in theirs and 0 < abs(count - theirs[key]) < threshold:
                words = (
                    f"Beside {old.name}, it may tell of a group below the threshold. Use the same population as "
                    "there, suppress the cell, or say in the context why the two differ."
                )
                place = f"{new.name}, cell {position} by {' and '.join(shared) or 'nothing'}"
                found.append(DisclosureFinding("differencing", place, Severity.LOOK, words))
    return tuple(found)
