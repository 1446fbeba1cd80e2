"""A registry behind an SQLAlchemy URL: filling the demo's, and reading research extracts from any.

Reading never changes the registry. No error here carries a value of a row, an address or a password.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

import pyarrow as pa
import sqlalchemy as sa

from enclave.kernel.errors import Conflict, Invalid, Unavailable
from enclave.store import registry_schema as r

#: The registry's tables for some households, by name (see `registry_schema.SCHEMAS`).
Batch = Mapping[str, pa.Table]
_S, _I, _F, _B, _D = pa.string(), pa.int64(), pa.float64(), pa.bool_(), pa.date32()

#: One row for each household: the extract's columns, in order.
HOUSEHOLDS: pa.Schema = pa.schema(
    [
        ("household_id", _S),
        ("head_person_id", _S),
        ("head_given_name", _S),
        ("head_surname", _S),
        ("head_national_id", _S),
        ("phone_number", _S),
        ("email", _S),
        ("address_line_1", _S),
        ("locality", _S),
        ("latitude", _F),
        ("longitude", _F),
        ("country", _S),
        ("region_code", _S),
        ("sub_region_code", _S),
        ("urban_rural", _I),
        ("registration_date", _D),
        ("group_size", _I),
        ("children", _I),
        ("head_sex", _S),
        ("head_birth_date", _D),
        ("head_marital_status", _S),
        ("head_education_level", _I),
        ("head_employment_status", _I),
        ("has_disabled_member", _B),
        ("housing_wall", _I),
        ("housing_roof", _I),
        ("housing_water", _I),
        ("poverty_score", _F),
        ("cutoff_applied", _F),
        ("eligible", _B),
        ("welfare_aggregate", _F),
        ("enrolled_cct", _B),
        ("enrolled_pension", _B),
        ("enrolled_school_meals", _B),
        ("benefit_total_12m", _F),
        ("payments_12m", _I),
        ("compliance_rate", _F),
        ("note_language", _S),
        ("case_note", _S),
    ]
)


class Batches(Protocol):
    """A registry's contents, which can be had from any household on."""

    @property
    def seed(self) -> int: ...

    @property
    def households(self) -> int: ...

    def since(self, start: int) -> Iterator[Batch]:
        """The tables of the households from number `start` on, in order."""
        ...


@contextmanager
def _open(url: str, *, reading: bool) -> Iterator[sa.Engine]:
    """An engine that shows no parameters; when reading SQLite, one that cannot change the file."""
    try:
        address = sa.make_url(url)
    except sa.exc.ArgumentError:
        problem = (
            "The registry's address is not a database URL (sqlite:///path, postgresql+psycopg://host/name)."
        )
        raise Invalid([problem]) from None
    sqlite = address.get_backend_name() == "sqlite" and address.database
    if sqlite and reading:
        path = quote(str(Path(str(address.database)).resolve()))
        address = address.set(database=f"file:{path}").update_query_dict({"mode": "ro", "uri": "true"})
    elif sqlite:
        Path(str(address.database)).parent.mkdir(parents=True, exist_ok=True)
    engine = None
    try:
        engine = sa.create_engine(address, hide_parameters=True)
        yield engine
    except (sa.exc.SQLAlchemyError, ImportError):
        raise Unavailable(
            "The registry's database does not answer as it should. Check that it runs, that its address is "
            "right and that the account may use its tables; then try again."
        ) from None
    finally:
        if engine is not None:
            engine.dispose()


def write_registry(url: str, batches: Batches, progress: Callable[[int], None] | None = None) -> int:
    """Fills a registry, batch by batch, each in one transaction with the mark of how far it has come.

    A second call with the same seed and number does nothing; an interrupted one goes on where it stopped; a
    larger number adds the difference. Two at once cannot double a row: only one moves the mark.

    Args:
        url: SQLAlchemy URL; tables are made if there are none.
        batches: what shall be there in the end; a registry holds one seed's.
        progress: told the number of households there are, after each batch.

    Returns:
        How many households were added.

    Raises:
        Conflict: the database holds another registry, or somebody else is filling it.
        Unavailable: the database does not answer.
    """
    with _open(url, reading=False) as engine:
        start = written = _begin(engine, batches.seed, batches.households)
        for batch in batches.since(written):
            count = batch["households"].num_rows
            with engine.begin() as connection:
                _claim(connection, written, written + count)
                for name in r.SCHEMAS:
                    rows = batch[name].to_pylist()
                    if rows:
                        connection.execute(sa.insert(r.METADATA.tables[name]), rows)
            written += count
            if progress is not None:
                progress(written)
        if written > start and engine.dialect.name == "postgresql":
            with engine.begin() as connection:  # a new table without statistics is read many times slower
                connection.execute(sa.DDL("ANALYZE"))  # type: ignore[no-untyped-call]
        return written - start


def _begin(engine: sa.Engine, seed: int, households: int) -> int:
    """Makes the tables and the mark, the mark first; returns how many households are there."""
    load = r.registry_load
    there = set(sa.inspect(engine).get_table_names())
    if load.name not in there and there & set(r.SCHEMAS):
        raise Conflict(
            "This database already holds a registry that is not the demo's. Give an empty database."
        )
    r.LOAD.create_all(engine)
    with engine.begin() as connection:
        mark = connection.execute(sa.select(load.c.seed, load.c.households, load.c.written)).one_or_none()
        if mark is None:
            connection.execute(
                sa.insert(load), {"id": 1, "seed": seed, "households": households, "written": 0}
            )
        elif mark.seed != seed or mark.written > households:
            raise Conflict(
                "This database already holds another demo ministry (other seed, or more households). "
                "Give an empty database, or ask for the same seed and at least as many households."
            )
        else:
            connection.execute(sa.update(load).values(households=max(households, mark.written)))
    r.METADATA.create_all(engine)
    return 0 if mark is None else int(mark.written)


def _claim(connection: sa.Connection, written: int, after: int) -> None:
    load = r.registry_load
    moved = connection.execute(sa.update(load).where(load.c.written == written).values(written=after))
    if moved.rowcount != 1:
        raise Conflict("Another process is filling this registry. Wait until it is done.")


def read_households(url: str, *, as_of: date, batch: int = 5000) -> Iterator[pa.RecordBatch]:
    """The registry as it stood on `as_of`, joined with programmes and payments, one row for each household.

    The database streams; memory does not grow with the registry. One statement, so one consistent picture.

    Args:
        url: SQLAlchemy URL of the registry.
        as_of: last day that counts; ages, enrolments and the twelve months of payments are those of this day.
        batch: rows at a time.

    Yields:
        Record batches with the schema HOUSEHOLDS, ordered by household_id.

    Raises:
        Invalid: the database holds no registry, or an unfinished one.
        Unavailable: the database does not answer.
    """
    with _open(url, reading=True) as engine, engine.connect() as connection:
        options: dict[str, Any] = {"stream_results": True, "yield_per": batch}
        if connection.dialect.name == "postgresql":
            connection = connection.execution_options(postgresql_readonly=True)  # noqa: PLW2901
        _ready(connection)
        result = connection.execution_options(**options).execute(_statement(as_of))
        for rows in result.partitions(batch):
            yield _record_batch(rows)


def _ready(connection: sa.Connection) -> None:
    there = set(sa.inspect(connection).get_table_names())
    if missing := sorted(set(r.SCHEMAS) - there):
        raise Invalid([f"The registry's database has no table {missing[0]}. Load it first."])
    if r.registry_load.name in there:
        mark = connection.execute(sa.select(r.registry_load)).one_or_none()
        if mark is None or mark.written < mark.households:
            raise Invalid(
                ["The registry is only partly loaded. Let the load finish, or start it again; it goes on."]
            )


def _record_batch(rows: Iterable[Any]) -> pa.RecordBatch:
    arrays = []
    for field, values in zip(HOUSEHOLDS, zip(*rows, strict=True), strict=True):
        cells: Iterable[Any] = values
        if field.type == _B:
            cells = (None if v is None else bool(v) for v in values)
        elif field.type == _F and field.name not in {"latitude", "longitude"}:
            cells = (None if v is None else round(v, 4) for v in values)
        arrays.append(pa.array(cells, type=field.type))
    return pa.RecordBatch.from_arrays(arrays, schema=HOUSEHOLDS)


def _latest(key: sa.Column[Any], day: sa.Column[Any], as_of: date) -> sa.ScalarSelect[Any]:
    """Key of the household's newest row of a table, on `as_of`."""
    table = key.table.alias()
    return (
        sa.select(table.c[key.name])
        .where(table.c.household_id == r.households.c.household_id, table.c[day.name] <= as_of)
        .order_by(table.c[day.name].desc(), table.c[key.name].desc())
        .limit(1)
        .correlate(r.households)
        .scalar_subquery()
    )


def _statement(as_of: date) -> sa.Select[Any]:
    h, a, n, e, pay, ev = (
        r.households,
        r.assessments,
        r.case_notes,
        r.enrolments,
        r.payments,
        r.compliance_events,
    )
    head, member = r.persons.alias("head"), r.persons.alias("member")
    year_ago = _years_before(as_of, 1)

    members = sa.select(sa.func.count()).where(member.c.household_id == h.c.household_id).correlate(h)
    children = members.where(member.c.birth_date > _years_before(as_of, 18), member.c.birth_date <= as_of)
    disabled = sa.exists().where(member.c.household_id == h.c.household_id, member.c.is_disabled).correlate(h)

    def enrolled(programme: str) -> sa.ColumnElement[bool]:
        return (
            sa.exists()
            .where(
                e.c.household_id == h.c.household_id,
                e.c.programme_identifier == programme,
                e.c.enrollment_date <= as_of,
                e.c.exit_date.is_(None) | (e.c.exit_date > as_of),
            )
            .correlate(h)
        )

    paid = (
        e.c.household_id == h.c.household_id,
        pay.c.payment_status == 1,
        pay.c.benefit_date > year_ago,
        pay.c.benefit_date <= as_of,
    )
    money = sa.select(sa.func.coalesce(sa.func.sum(pay.c.benefit_value), 0.0)).join_from(e, pay).where(*paid)
    times = sa.select(sa.func.count(pay.c.payment_id)).join_from(e, pay).where(*paid)
    kept = (
        sa.select(sa.func.avg(sa.case((ev.c.status == "complied", 1.0), else_=0.0)))
        .join_from(member, ev, ev.c.person_id == member.c.person_id)
        .where(
            member.c.household_id == h.c.household_id,
            ev.c.status.in_(["complied", "not_complied"]),
            ev.c.period > year_ago,
            ev.c.period <= as_of,
        )
    )
    from_head = {
        "head_given_name": head.c.given_name,
        "head_surname": head.c.surname,
        "head_national_id": head.c.national_id,
        "phone_number": head.c.phone_number,
        "email": head.c.email,
        "head_sex": head.c.sex,
        "head_birth_date": head.c.birth_date,
        "head_marital_status": head.c.marital_status,
        "head_education_level": head.c.education_level,
        "head_employment_status": head.c.employment_status,
    }
    computed: dict[str, sa.ColumnElement[Any]] = {
        "children": children.scalar_subquery(),
        "has_disabled_member": disabled,
        "enrolled_cct": enrolled("CCT"),
        "enrolled_pension": enrolled("PENSION"),
        "enrolled_school_meals": enrolled("MEALS"),
        "benefit_total_12m": money.correlate(h).scalar_subquery(),
        "payments_12m": times.correlate(h).scalar_subquery(),
        "compliance_rate": kept.correlate(h).scalar_subquery(),
    }
    columns = {**{c.name: c for t in (n, a, h) for c in t.columns}, **from_head, **computed}
    return (
        sa.select(*(columns[name].label(name) for name in HOUSEHOLDS.names))
        .select_from(h)
        .outerjoin(head, head.c.person_id == h.c.head_person_id)
        .outerjoin(a, a.c.assessment_id == _latest(a.c.assessment_id, a.c.assessment_date, as_of))
        .outerjoin(n, n.c.note_id == _latest(n.c.note_id, n.c.note_date, as_of))
        .where(h.c.registration_date <= as_of)
        .order_by(h.c.household_id)
    )


def _years_before(day: date, years: int) -> date:
    try:
        return day.replace(year=day.year - years)
    except ValueError:  # 29 February
        return day.replace(year=day.year - years, day=28)
