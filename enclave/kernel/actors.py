"""Who acts: roles, what each role may do, and the person or process that is doing it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from enclave.kernel.errors import NotAllowed


class Capability(StrEnum):
    """What somebody may do, as noun:verb. Whether it may be done now is a policy's matter."""

    ACCESS_REQUEST_CREATE = "access_request:create"
    ACCESS_REQUEST_DECIDE = "access_request:decide"
    ACCESS_REQUEST_READ_ANY = "access_request:read_any"
    AIRLOCK_CHECK = "airlock:check"
    AIRLOCK_OVERSEE = "airlock:oversee"
    AIRLOCK_RECALL = "airlock:recall"
    AIRLOCK_SUBMIT = "airlock:submit"
    AUDIT_READ = "audit:read"
    BUDGET_GRANT = "budget:grant"
    BUDGET_READ = "budget:read"
    BUDGET_SPEND = "budget:spend"
    CATALOGUE_CLASSIFY = "catalogue:classify"
    CATALOGUE_READ = "catalogue:read"
    DASHBOARD_READ = "dashboard:read"
    ENTITLEMENT_REVOKE = "entitlement:revoke"
    EVIDENCE_READ = "evidence:read"
    EXTRACT_PROCESS = "extract:process"
    EXTRACT_REGISTER = "extract:register"
    KEY_MANAGE = "key:manage"
    PERSON_MANAGE = "person:manage"
    PROJECT_CLOSE = "project:close"
    SYSTEM_OPERATE = "system:operate"
    WORKSPACE_OPEN = "workspace:open"


class Role(StrEnum):
    RESEARCHER = "researcher"
    EVALUATOR = "evaluator"
    STEWARD = "steward"
    PRIVACY_OFFICER = "privacy_officer"
    OUTPUT_CHECKER = "output_checker"
    POLICYMAKER = "policymaker"
    PROGRAMME_ADMINISTRATOR = "programme_administrator"
    SYSTEM_ADMINISTRATOR = "system_administrator"
    AUDITOR = "auditor"
    SERVICE = "service"


_C = Capability
_STUDY = frozenset(
    {_C.ACCESS_REQUEST_CREATE, _C.AIRLOCK_SUBMIT, _C.CATALOGUE_READ, _C.DASHBOARD_READ, _C.WORKSPACE_OPEN}
)

#: What each role may do. The matrix in docs/reference/roles.md is made from this table.
GRANTS: dict[Role, frozenset[Capability]] = {
    Role.RESEARCHER: _STUDY,
    Role.EVALUATOR: _STUDY,
    Role.STEWARD: frozenset(
        {
            _C.ACCESS_REQUEST_DECIDE,
            _C.ACCESS_REQUEST_READ_ANY,
            _C.BUDGET_READ,
            _C.BUDGET_SPEND,
            _C.CATALOGUE_CLASSIFY,
            _C.CATALOGUE_READ,
            _C.DASHBOARD_READ,
            _C.ENTITLEMENT_REVOKE,
            _C.EVIDENCE_READ,
            _C.EXTRACT_PROCESS,
            _C.EXTRACT_REGISTER,
            _C.PROJECT_CLOSE,
        }
    ),
    Role.PRIVACY_OFFICER: frozenset(
        {
            _C.ACCESS_REQUEST_READ_ANY,
            _C.AIRLOCK_OVERSEE,
            _C.AIRLOCK_RECALL,
            _C.AUDIT_READ,
            _C.BUDGET_GRANT,
            _C.BUDGET_READ,
            _C.CATALOGUE_READ,
            _C.DASHBOARD_READ,
            _C.ENTITLEMENT_REVOKE,
            _C.EVIDENCE_READ,
            _C.KEY_MANAGE,
            _C.PROJECT_CLOSE,
        }
    ),
    Role.OUTPUT_CHECKER: frozenset({_C.AIRLOCK_CHECK, _C.CATALOGUE_READ, _C.DASHBOARD_READ}),
    Role.POLICYMAKER: frozenset({_C.CATALOGUE_READ, _C.DASHBOARD_READ}),
    Role.PROGRAMME_ADMINISTRATOR: frozenset({_C.CATALOGUE_READ, _C.DASHBOARD_READ, _C.EXTRACT_REGISTER}),
    Role.SYSTEM_ADMINISTRATOR: frozenset({_C.PERSON_MANAGE, _C.SYSTEM_OPERATE}),
    Role.AUDITOR: frozenset(
        {_C.AUDIT_READ, _C.BUDGET_READ, _C.CATALOGUE_READ, _C.DASHBOARD_READ, _C.EVIDENCE_READ}
    ),
    Role.SERVICE: frozenset({_C.SYSTEM_OPERATE, _C.EXTRACT_PROCESS, _C.BUDGET_SPEND}),
}

_SAYS: dict[Capability, str] = {
    _C.ACCESS_REQUEST_CREATE: "ask for data",
    _C.ACCESS_REQUEST_DECIDE: "decide on access requests",
    _C.ACCESS_REQUEST_READ_ANY: "read other people's access requests",
    _C.AIRLOCK_CHECK: "check outputs",
    _C.AIRLOCK_OVERSEE: "oversee how outputs are checked",
    _C.AIRLOCK_RECALL: "recall what was released",
    _C.AIRLOCK_SUBMIT: "send outputs to the airlock",
    _C.AUDIT_READ: "read the audit log",
    _C.BUDGET_GRANT: "grant privacy budget",
    _C.BUDGET_READ: "read the privacy ledger",
    _C.BUDGET_SPEND: "spend privacy budget",
    _C.CATALOGUE_CLASSIFY: "classify columns",
    _C.CATALOGUE_READ: "read the catalogue",
    _C.DASHBOARD_READ: "read the dashboards",
    _C.ENTITLEMENT_REVOKE: "revoke access",
    _C.EVIDENCE_READ: "read evidence packs",
    _C.EXTRACT_PROCESS: "process extracts",
    _C.EXTRACT_REGISTER: "register extracts",
    _C.KEY_MANAGE: "rotate and destroy pseudonym keys",
    _C.PERSON_MANAGE: "manage accounts",
    _C.PROJECT_CLOSE: "close projects",
    _C.SYSTEM_OPERATE: "operate the system",
    _C.WORKSPACE_OPEN: "open a workspace",
}


def sentence(capability: Capability) -> str:
    """The capability as the words that complete 'may …'."""
    return _SAYS[capability]


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody, or some process of ours, doing something.

    Args:
        id: the person's id, or the service's name.
        name: the username, as it stands in the audit log.
        roles: what they are here.
        organisation: whom they work for; used to compute conflicts of interest.
    """

    id: str
    name: str
    roles: frozenset[Role] = field(default_factory=frozenset)
    organisation: str = ""

    def may(self, capability: Capability) -> bool:
        return any(capability in GRANTS[role] for role in self.roles)

    def must(self, capability: Capability) -> None:
        """Raises NotAllowed, naming who could, unless one of the actor's roles grants `capability`."""
        if not self.may(capability):
            who = " or ".join(
                role.value.replace("_", " ")
                for role in Role
                if capability in GRANTS[role] and role is not Role.SERVICE
            )
            who = who or "system administrator"
            article = "an" if who[0] in "aeiou" else "a"
            raise NotAllowed(f"Your account may not {sentence(capability)}. Ask {article} {who}.")


def service(name: str) -> Actor:
    """One of our own processes."""
    return Actor(id=f"service:{name}", name=f"service:{name}", roles=frozenset({Role.SERVICE}))
