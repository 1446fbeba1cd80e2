"""What every use case is handed: a way to open a unit of work, the policies, the time, the object store."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar

from enclave.kernel.actors import Actor
from enclave.kernel.clock import Clock
from enclave.kernel.errors import Refused
from enclave.kernel.events import Event
from enclave.kernel.ports import Objects
from policies import Decision, PolicyBook

T = TypeVar("T")


class UnitOfWork(Protocol):
    """One transaction. Leaving the block without `commit` undoes everything."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def get(self, kind: type[T], id_: str) -> T:
        """The one with this id; raises NotFound."""
        ...

    def first(self, kind: type[T], /, **where: object) -> T | None:
        """The oldest that matches, or None."""
        ...

    def find(self, kind: type[T], /, **where: object) -> list[T]:
        """All whose columns equal `where` (a list or tuple means 'one of'), oldest first."""
        ...

    def pick(self, kind: type[T], fields: Sequence[str], /, **where: object) -> list[tuple[Any, ...]]:
        """Some scalar columns of all that match, oldest first: a ledger is added up without reading its answers."""
        ...

    def last(self, kind: type[T], /) -> T | None:
        """The newest, or None."""
        ...

    def add(self, model: object) -> None:
        """A new row; raises Conflict where it exists already."""
        ...

    def put(self, model: T) -> T:
        """Writes a changed row back, one version on; raises Conflict when somebody else wrote first."""
        ...

    def number(self, series: str) -> int:
        """The next number of a series that never repeats and never has a hole after commit."""
        ...

    def audit(
        self,
        event: Event,
        actor: Actor,
        subject: str,
        facts: Mapping[str, object] | None = None,
        cites: Sequence[str] = (),
    ) -> None:
        """Appends to the audit log in this same transaction."""
        ...

    def later(self, job: str, payload: Mapping[str, object], *, key: str) -> None:
        """Queues a job that exists exactly when this transaction commits; `key` makes it unique."""
        ...

    def notify(self, username: str, sentence: str, link: str = "") -> None:
        """Leaves a message for a person, in this same transaction."""
        ...

    def commit(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Kit:
    """The ports that use cases work through.

    Args:
        write: opens a read-write unit of work.
        read: opens a read-only one; the database refuses a write in it.
    """

    write: Callable[[], UnitOfWork]
    read: Callable[[], UnitOfWork]
    policies: PolicyBook
    clock: Clock
    objects: Objects

    def decide(self, policy: str, facts: Mapping[str, object], on: date | None = None) -> Decision:
        """The policy's decision, without acting on it."""
        return self.policies.decide(policy, facts, on or self.clock.today())

    def require(self, policy: str, facts: Mapping[str, object]) -> Decision:
        """The policy's decision; raises Refused unless it allows."""
        decision = self.decide(policy, facts)
        if not decision.allowed:
            raise Refused(decision)
        return decision
