"""The unit of work over the database: one transaction, with its audit events, jobs and messages inside it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import Any, Self, TypeVar, cast

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from enclave.audit.model import GENESIS, AuditEvent, digest_of
from enclave.kernel.actors import Actor
from enclave.kernel.clock import Clock
from enclave.kernel.errors import Conflict, NotFound, Unavailable
from enclave.kernel.events import Event
from enclave.kernel.ids import new_id
from enclave.kernel.work import Job, Message
from enclave.store.engine import one_writer, read_only
from enclave.store.schema import COUNTERS, MAPPERS
from enclave.store.tables import Mapper

T = TypeVar("T")
_NO_ANSWER = "The database does not answer. Nothing was changed; try again."


class SqlUnitOfWork:
    """Implements `enclave.kernel.kit.UnitOfWork`.

    Args:
        engine: from `enclave.store.engine.connect`.
        reading: opens a transaction in which the database refuses every write.
    """

    def __init__(self, engine: sa.Engine, clock: Clock, *, reading: bool = False) -> None:
        self._engine, self._clock, self._reading = engine, clock, reading
        self._connection: sa.Connection | None = None

    def __enter__(self) -> Self:
        connection: sa.Connection | None = None
        try:
            connection = self._engine.connect().execution_options(enclave_read_only=self._reading)
            connection.begin()
            if self._reading:
                read_only(connection)
        except (DBAPIError, sa.exc.TimeoutError) as error:
            if connection is not None:
                connection.close()
            raise Unavailable(_NO_ANSWER) from error
        self._connection = connection
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        connection, self._connection = self._connection, None
        try:
            if connection is not None:
                if connection.in_transaction():
                    connection.rollback()
                connection.close()
        except DBAPIError as broken:  # the connection is lost, and with it the transaction
            raise Unavailable(_NO_ANSWER) from (error or broken)
        if isinstance(error, DBAPIError) and error.connection_invalidated:
            raise Unavailable(_NO_ANSWER) from error

    @property
    def connection(self) -> sa.Connection:
        if self._connection is None:
            raise RuntimeError("A unit of work was used outside its block.")
        return self._connection

    def get(self, kind: type[T], id_: str) -> T:
        mapper = _mapper(kind)
        row = (
            self.connection.execute(sa.select(mapper.table).where(mapper.table.c[mapper.key] == id_))
            .mappings()
            .first()
        )
        if row is None:
            raise NotFound(f"There is no such {mapper.words}.")
        return mapper.to_model(cast("Mapping[str, Any]", row))

    def first(self, kind: type[T], /, **where: object) -> T | None:
        found = self.find(kind, **where)
        return found[0] if found else None

    def find(self, kind: type[T], /, **where: object) -> list[T]:
        mapper = _mapper(kind)
        query = sa.select(mapper.table).order_by(mapper.table.c[mapper.key])
        for name, value in where.items():
            column = mapper.table.c[name]
            query = query.where(column.in_(value) if isinstance(value, (list, tuple)) else column == value)
        return [
            mapper.to_model(cast("Mapping[str, Any]", r)) for r in self.connection.execute(query).mappings()
        ]

    def pick(self, kind: type[T], fields: Sequence[str], /, **where: object) -> list[tuple[Any, ...]]:
        mapper = _mapper(kind)
        query = sa.select(*(mapper.table.c[f] for f in fields)).order_by(mapper.table.c[mapper.key])
        for name, value in where.items():
            query = query.where(mapper.table.c[name] == value)
        return [tuple(row) for row in self.connection.execute(query)]

    def last(self, kind: type[T], /) -> T | None:
        mapper = _mapper(kind)
        query = sa.select(mapper.table).order_by(mapper.table.c[mapper.key].desc()).limit(1)
        row = self.connection.execute(query).mappings().first()
        return None if row is None else mapper.to_model(cast("Mapping[str, Any]", row))

    def add(self, model: object) -> None:
        mapper = _mapper(type(model))
        try:
            self.connection.execute(mapper.table.insert().values(**mapper.to_row(model)))
        except IntegrityError as error:
            raise Conflict(f"There is such {_a(mapper.words)} already.") from error

    def put(self, model: T) -> T:
        mapper = _mapper(type(model))
        table = mapper.table
        version = cast("int", getattr(model, "version"))  # noqa: B009
        newer = dataclasses.replace(model, version=version + 1)  # type: ignore[type-var]
        row = mapper.to_row(newer)
        condition = (table.c[mapper.key] == row[mapper.key]) & (table.c.version == version)
        try:
            result = self.connection.execute(table.update().where(condition).values(**row))
        except IntegrityError as error:
            raise Conflict(f"This change would break a rule of the {mapper.words}'s table.") from error
        if result.rowcount != 1:
            raise Conflict(
                f"Somebody else changed this {mapper.words} first. Read it again and repeat your change."
            )
        return newer

    def number(self, series: str) -> int:
        one_writer(self.connection, f"counter:{series}")
        row = self.connection.execute(sa.select(COUNTERS.c.value).where(COUNTERS.c.series == series)).scalar()
        if row is None:
            self.connection.execute(COUNTERS.insert().values(series=series, value=1))
            return 1
        self.connection.execute(COUNTERS.update().where(COUNTERS.c.series == series).values(value=row + 1))
        return int(row) + 1

    def audit(
        self,
        event: Event,
        actor: Actor,
        subject: str,
        facts: Mapping[str, object] | None = None,
        cites: Sequence[str] = (),
    ) -> None:
        one_writer(self.connection, "audit")
        table = MAPPERS[AuditEvent].table
        last = self.connection.execute(
            sa.select(table.c.sequence, table.c.digest).order_by(table.c.sequence.desc()).limit(1)
        ).first()
        number, previous = (int(last.sequence), str(last.digest)) if last else (0, GENESIS)
        draft = AuditEvent(
            number + 1,
            self._clock.now(),
            actor.name,
            event.value,
            subject,
            dict(facts or {}),
            tuple(cites),
            previous,
        )
        self.add(dataclasses.replace(draft, digest=digest_of(draft)))

    def later(self, job: str, payload: Mapping[str, object], *, key: str) -> None:
        if self.first(Job, key=key) is None:
            now = self._clock.now()
            self.add(Job(new_id(), job, key, dict(payload), "queued", 0, now, now))

    def notify(self, username: str, sentence: str, link: str = "") -> None:
        self.add(Message(new_id(), username, sentence, link, self._clock.now()))

    def commit(self) -> None:
        try:
            self.connection.commit()
        except OperationalError as error:
            raise Unavailable(
                "The database did not take the change. Nothing was changed; try again."
            ) from error

    def lease(self, kinds: Sequence[str], until: datetime, most: int) -> Job | None:
        """Takes the oldest job that is free, for this worker alone until `until`.

        Args:
            most: a job that was taken as often and never marked kills its workers; it is failed, not taken again.
        """
        one_writer(self.connection, "jobs")
        mapper, now = _mapper(Job), self._clock.now()
        table = mapper.table
        free = (table.c.leased_until.is_(None)) | (table.c.leased_until < now)
        query = (
            sa.select(table)
            .where(table.c.state == "queued", table.c.run_after <= now, free, table.c.kind.in_(list(kinds)))
            .order_by(table.c.run_after, table.c.id)
        )
        for row in self.connection.execute(query).mappings().all():
            job = mapper.to_model(cast("Mapping[str, Any]", row))
            if job.attempts < most:
                return self.put(dataclasses.replace(job, leased_until=until, attempts=job.attempts + 1))
            self.put(dataclasses.replace(job, state="failed", leased_until=None, error=_DEADLY.format(most)))
        return None


_DEADLY = (
    "The worker ended {} times while doing this and it is not tried again. The worker's log may say why "
    "(memory, disk); mend that and order it again."
)


def _mapper(kind: type[T]) -> Mapper[T]:
    return MAPPERS[kind]


def _a(words: str) -> str:
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"
