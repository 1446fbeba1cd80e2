"""Which dataclass lives in which table, and what the database itself refuses."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from enclave.airlock.model import OutputRequest, Review
from enclave.audit.model import AuditEvent
from enclave.budget.model import BudgetGrant, BudgetRaise, Charge
from enclave.catalogue.model import Dataset
from enclave.extracts.model import Extract
from enclave.kernel.work import Job, Message
from enclave.projects.model import Person, Project, SignIn
from enclave.releases.model import Release
from enclave.requests.model import AccessRequest, Approval, Entitlement
from enclave.store.tables import Mapper, metadata
from enclave.workspaces.model import Workspace

_PAIRED = "({a} IS NULL) = ({b} = '')"
#: What is granted, raised or charged is something, in one currency.
_LOSS = {
    "epsilon": "epsilon > 0 OR rho > 0",
    "delta": "delta >= 0 AND delta < 1",
    "rho": "epsilon >= 0 AND rho >= 0 AND (epsilon = 0 OR rho = 0)",
}

MAPPERS: dict[type, Mapper[Any]] = {
    mapper.model: mapper
    for mapper in (
        Mapper(Person, "person", "account", unique=(("username",), ("uid",))),
        Mapper(SignIn, "sign_in", "session", index=("person_id",)),
        Mapper(Project, "project", "project", unique=(("slug",), ("gid",))),
        Mapper(Dataset, "dataset", "dataset", unique=(("slug",),)),
        Mapper(Extract, "extract", "extract", unique=(("reference",),), index=("dataset",)),
        Mapper(Release, "release", "release", unique=(("reference",),), index=("dataset", "extract")),
        Mapper(
            AccessRequest,
            "access_request",
            "access request",
            unique=(("reference",),),
            index=("requester", "state"),
            # Who decided and when stand or fall together.
            checks={"decided": _PAIRED.format(a="decided_at", b="decided_by")},
        ),
        Mapper(
            Approval,
            "approval",
            "approval",
            unique=(("request_id", "round", "approver"),),
            index=("request_id",),
        ),
        Mapper(Entitlement, "entitlement", "entitlement", index=("project", "state", "request_id")),
        Mapper(
            BudgetGrant,
            "budget_grant",
            "privacy budget",
            unique=(("dataset", "project"),),
            checks=_LOSS,
        ),
        Mapper(
            BudgetRaise,
            "budget_raise",
            "raise of a privacy budget",
            unique=(("grant_id", "number"),),
            checks=_LOSS,
        ),
        Mapper(
            Charge,
            "charge",
            "charge",
            unique=(("grant_id", "key"),),
            index=("grant_id",),
            checks=_LOSS,
        ),
        Mapper(Workspace, "workspace", "workspace", unique=(("project",),)),
        Mapper(
            OutputRequest,
            "output_request",
            "output request",
            unique=(("reference",),),
            index=("project", "state"),
        ),
        Mapper(Review, "review", "review", unique=(("output_id", "round", "checker"),), index=("output_id",)),
        Mapper(AuditEvent, "audit_event", "audit event", key="sequence", index=("subject", "actor", "event")),
        Mapper(Job, "job", "job", unique=(("key",),), index=("state",)),
        Mapper(Message, "message", "message", index=("username",)),
    )
}

#: The last number given out in each series (references, uids, gids).
COUNTERS = sa.Table(
    "counter",
    metadata,
    sa.Column("series", sa.String(40), primary_key=True),
    sa.Column("value", sa.BigInteger, nullable=False),
)

#: Rows that nobody may change once they are written, whoever they are.
APPEND_ONLY = ("audit_event", "approval", "review", "budget_grant", "budget_raise")
#: Rows that nobody may remove, with the columns that stay as they are; and when nothing may change any more.
LEDGER: dict[str, tuple[tuple[str, ...], str]] = {
    "charge": (
        (
            "id",
            "grant_id",
            "dataset",
            "extract",
            "key",
            "query",
            "epsilon",
            "delta",
            "rho",
            "accounting",
            "mechanism",
            "software",
            "charged_by",
            "charged_at",
        ),
        "OLD.state = 'answered'",
    ),
}

_SQLITE = """CREATE TRIGGER {table}_no_{verb} BEFORE {VERB} ON {table}
{when}BEGIN SELECT RAISE(ABORT, 'rows of {table} are append-only'); END"""
_PG_FUNCTION = """CREATE OR REPLACE FUNCTION enclave_append_only() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'rows of % are append-only', TG_TABLE_NAME; END $$"""
_PG = """CREATE TRIGGER {table}_no_{verb} BEFORE {VERB} ON {table}
FOR EACH {scope} {when}EXECUTE FUNCTION enclave_append_only()"""


def append_only_ddl(dialect: str) -> list[str]:
    """The statements that make the database itself refuse to change or remove what is append-only.

    The audit log, approvals, reviews, grants and raises of privacy budgets refuse UPDATE and DELETE; charges refuse
    DELETE, and UPDATE of what was spent. SQLite's INSERT OR REPLACE removes a row without asking a trigger unless the
    connection says otherwise, so there an INSERT over a row that exists is refused too; PostgreSQL refuses TRUNCATE.
    """
    lite = dialect == "sqlite"
    template = _SQLITE if lite else _PG
    statements = unprotected_ddl(dialect, (*APPEND_ONLY, *LEDGER))
    statements += [] if lite else [_PG_FUNCTION]
    for table in (*APPEND_ONLY, *LEDGER):
        conditions = {"update": _changed(table, lite=lite), "delete": ""}
        conditions |= {"insert": _exists(table)} if lite else {"truncate": ""}
        for verb, condition in conditions.items():
            when = f"WHEN ({condition}) " if condition else ""
            scope = "STATEMENT" if verb == "truncate" else "ROW"
            statements.append(
                template.format(table=table, verb=verb, VERB=verb.upper(), when=when, scope=scope)
            )
    return statements


def unprotected_ddl(dialect: str, tables: Iterable[str]) -> list[str]:
    """The statements that let a migration change rows of append-only tables; `append_only_ddl` comes after it."""
    verbs = ("update", "delete", "insert" if dialect == "sqlite" else "truncate")
    where = {} if dialect == "sqlite" else {table: f" ON {table}" for table in tables}
    return [
        f"DROP TRIGGER IF EXISTS {table}_no_{verb}{where.get(table, '')}"
        for table in tables
        for verb in verbs
    ]


def _changed(table: str, *, lite: bool) -> str:
    """When an UPDATE of this table is refused; empty means always."""
    if table not in LEDGER:
        return ""
    columns, final = LEDGER[table]
    differs = "IS NOT" if lite else "IS DISTINCT FROM"
    return " OR ".join([*(f"OLD.{c} {differs} NEW.{c}" for c in columns), *([final] if final else [])])


def _exists(table: str) -> str:
    """When an INSERT would meet a row that is there already."""
    mapped = metadata.tables[table]
    groups = [list(mapped.primary_key.columns.keys())]
    groups += [list(c.columns.keys()) for c in mapped.constraints if isinstance(c, sa.UniqueConstraint)]
    same = sorted(" AND ".join(f"{name} = NEW.{name}" for name in sorted(group)) for group in groups)
    return f"EXISTS (SELECT 1 FROM {table} WHERE {' OR '.join(same)})"  # noqa: S608 - our own tables' names
