"""Which steps share a pass.

Steps that look at single rows are strung together; a global step ends one pass with its scan and begins the next by
carrying out what was decided.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from anonymization.steps.base import GlobalStep, Step


@dataclass(frozen=True, slots=True)
class Stage:
    """One pass over all partitions.

    Args:
        number: from 0.
        opens: the step (its number in the recipe) that is carried out first; None for none.
        local: the steps that follow, each on the partition alone.
        closes: the step whose scan ends the pass; None in the last one.
    """

    number: int
    opens: int | None
    local: tuple[int, ...]
    closes: int | None

    @property
    def name(self) -> str:
        return f"pass{self.number}"

    @property
    def acts(self) -> tuple[int, ...]:
        """The steps that change rows in this pass, in order."""
        return (*(() if self.opens is None else (self.opens,)), *self.local)

    @property
    def writes(self) -> bool:
        """Whether rows come out: a pass that only scans leaves them where they are. The last one always writes."""
        return bool(self.acts) or self.closes is None


def stages(steps: Sequence[Step | GlobalStep]) -> tuple[Stage, ...]:
    """The passes of a recipe: one more than it has global steps."""
    out: list[Stage] = []
    opens: int | None = None
    local: list[int] = []
    for number, step in enumerate(steps):
        if isinstance(step, GlobalStep):
            out.append(Stage(len(out), opens, tuple(local), number))
            opens, local = number, []
        else:
            local.append(number)
    out.append(Stage(len(out), opens, tuple(local), None))
    return tuple(out)
