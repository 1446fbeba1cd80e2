"""A state machine as a table: where it starts, and which verb moves which state where."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

from enclave.kernel.errors import IllegalMove

S = TypeVar("S", bound=StrEnum)
V = TypeVar("V", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class Machine(Generic[S, V]):
    """A table of moves.

    Args:
        name: what the machine is about, in the field's words ("access request").
        start: the state in which every new thing begins.
        moves: (state, verb) to the next state; whatever is absent is illegal.
    """

    name: str
    start: S
    moves: Mapping[tuple[S, V], S]

    def move(self, state: S, verb: V) -> S:
        """The state that `verb` leads to.

        Raises:
            IllegalMove: when the table has no such move; says which verbs are open.
        """
        try:
            return self.moves[state, verb]
        except KeyError:
            open_verbs = sorted(v.value for s, v in self.moves if s is state)
            can = (
                f"From here it can only: {', '.join(open_verbs)}."
                if open_verbs
                else "This is its final state."
            )
            words = f"Cannot {verb.value} this {self.name} while it is {state.value}. {can}"
            raise IllegalMove(words.replace("_", " ")) from None

    def can(self, state: S, verb: V) -> bool:
        return (state, verb) in self.moves

    def mermaid(self) -> str:
        """The table as a Mermaid state diagram, for the docs."""
        lines = ["stateDiagram-v2", f"    [*] --> {self.start.value}"]
        lines += [f"    {s.value} --> {t.value}: {v.value}" for (s, v), t in self.moves.items()]
        leaving = {s for s, _ in self.moves}
        final = sorted({t for t in self.moves.values() if t not in leaving}, key=lambda t: t.value)
        lines += [f"    {t.value} --> [*]" for t in final]
        return "\n".join(lines)
