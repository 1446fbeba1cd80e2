"""Accounts: opening them, and everything that happens to one afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date

import pyotp

from enclave.kernel.actors import Actor, Capability, Role
from enclave.kernel.errors import IllegalMove, Invalid, NotAllowed, NotFound
from enclave.kernel.events import Event
from enclave.kernel.ids import new_id
from enclave.kernel.kit import UnitOfWork
from enclave.projects.model import Person, Project
from enclave.projects.signing_in import UNKNOWN, USERNAME, SigningIn, end_sessions, hashed, repeating

#: Sessions run as users from here up, far from the system's own.
FIRST_UID = 61_000


@dataclass(frozen=True, slots=True)
class People(SigningIn):
    """Use cases about accounts; every change is one person's, of somebody's account, and written down."""

    def create(
        self,
        actor: Actor,
        *,
        username: str,
        name: str,
        email: str,
        organisation: str,
        roles: tuple[Role, ...],
        password: str,
        agreement_signed_on: date | None = None,
        training_valid_until: date | None = None,
        with_totp: bool = False,
    ) -> Person:
        """A new account. Raises Invalid for a bad username or a password under 12 characters, Conflict if it exists."""
        if actor.id != "service:setup":
            actor.must(Capability.PERSON_MANAGE)
        problems = []
        if not USERNAME.fullmatch(username) or username == UNKNOWN:
            problems.append(
                "A username has 2 to 31 lower-case letters, digits or hyphens and starts with a letter; "
                f'"{UNKNOWN}" is nobody\'s.'
            )
        problems += [*_wrong_with_password(password), *_wrong_with_roles(roles)]
        if problems:
            raise Invalid(problems)
        secret_hash = hashed(password)
        with self.kit.write() as uow:
            person = Person(
                id=new_id(),
                username=username,
                name=name,
                email=email,
                organisation=organisation,
                roles=roles,
                uid=FIRST_UID + uow.number("uid"),
                password_hash=secret_hash,
                totp_secret=pyotp.random_base32() if with_totp else "",
                agreement_signed_on=agreement_signed_on,
                training_valid_until=training_valid_until,
                active=True,
                created_at=self.kit.clock.now(),
            )
            uow.add(person)
            uow.audit(Event.PERSON_CREATE, actor, f"person:{username}", {"roles": [r.value for r in roles]})
            uow.commit()
        return person

    def everybody(self, actor: Actor) -> list[Person]:
        """All accounts, by username."""
        actor.must(Capability.PERSON_MANAGE)
        with self.kit.read() as uow:
            return sorted(uow.find(Person), key=lambda p: p.username)

    def counted(self, mail: str) -> tuple[int, int]:
        """How many accounts have an address that ends in `mail`, and how many have another."""
        with self.kit.read() as uow:
            found = [person.email.endswith(mail) for person in uow.find(Person)]
        return sum(found), len(found) - sum(found)

    def disable(self, actor: Actor, username: str) -> Person:
        """Shuts an account; whatever it is signed in with ends at once, sealed sessions within a minute."""

        def change(person: Person) -> Person:
            if person.id == actor.id:
                raise NotAllowed("Nobody disables their own account. Ask another system administrator.")
            if not person.active:
                raise IllegalMove("This account is disabled already.")
            return replace(person, active=False)

        return self._change(actor, username, "disable", change, sign_out=True)

    def enable(self, actor: Actor, username: str) -> Person:
        """Opens a disabled account again; nothing that it was signed in with comes back."""

        def change(person: Person) -> Person:
            if person.active:
                raise IllegalMove("This account is not disabled.")
            return replace(person, active=True)

        return self._change(actor, username, "enable", change, sign_out=True)

    def change_roles(self, actor: Actor, username: str, roles: Iterable[Role]) -> Person:
        """Other roles, from the next click on. Raises Invalid for none and for the service role."""
        wanted = tuple(dict.fromkeys(roles))

        def change(person: Person) -> Person:
            if person.id == actor.id:
                raise NotAllowed("Nobody changes their own roles. Ask another system administrator.")
            if problems := _wrong_with_roles(wanted):
                raise Invalid(problems)
            return replace(person, roles=wanted)

        facts = {"roles": [r.value for r in wanted]}
        return self._change(actor, username, "roles", change, facts, tell="Your roles were changed.")

    def reset_password(self, actor: Actor, username: str, password: str) -> Person:
        """Another password; ends every session and any waiting after wrong tries. Raises Invalid when too short."""
        actor.must(Capability.PERSON_MANAGE)
        if problems := _wrong_with_password(password):
            raise Invalid(problems)
        new = hashed(password)

        def change(person: Person) -> Person:
            return replace(person, password_hash=new, failures=0, locked_until=None)

        tell = "Your password was reset by a system administrator. If you did not ask for it, say so at once."
        return self._change(actor, username, "password", change, sign_out=True, tell=tell)

    def reset_second_factor(self, actor: Actor, username: str) -> Person:
        """Another secret for one-time codes, also where there was none; ends every session. Show it once."""
        secret = pyotp.random_base32()

        def change(person: Person) -> Person:
            return replace(person, totp_secret=secret, totp_used=0)

        tell = "Your second factor was reset by a system administrator. If you did not ask for it, say so at once."
        return self._change(actor, username, "second_factor", change, sign_out=True, tell=tell)

    def renew_training(self, actor: Actor, username: str, valid_until: date) -> Person:
        """The last day for which the training counts. Raises Invalid for a day that has passed."""

        def change(person: Person) -> Person:
            if valid_until < self.kit.clock.today():
                raise Invalid(["This training has run out. Give the day until which a new one is valid."])
            return replace(person, training_valid_until=valid_until)

        return self._change(actor, username, "training", change, {"valid_until": valid_until.isoformat()})

    def record_agreement(self, actor: Actor, username: str, signed_on: date) -> Person:
        """The day on which the person signed the agreement. Raises Invalid for a day to come."""

        def change(person: Person) -> Person:
            if signed_on > self.kit.clock.today():
                raise Invalid(["An agreement is recorded once it is signed. Give a day that is not to come."])
            return replace(person, agreement_signed_on=signed_on)

        return self._change(actor, username, "agreement", change, {"signed_on": signed_on.isoformat()})

    def unlock(self, actor: Actor, username: str) -> Person:
        """Ends the wait after wrong tries."""

        def change(person: Person) -> Person:
            return replace(person, failures=0, locked_until=None)

        return self._change(actor, username, "unlock", change)

    def sign_out_everywhere(self, actor: Actor, username: str) -> Person:
        """Ends everything that the person is signed in with."""
        return self._change(actor, username, "sign_out", lambda person: person, sign_out=True)

    def _change(
        self,
        actor: Actor,
        username: str,
        what: str,
        change: Callable[[Person], Person],
        facts: Mapping[str, object] | None = None,
        *,
        sign_out: bool = False,
        tell: str = "",
    ) -> Person:
        """One change of one account, in one transaction. `facts` go into the log: never a secret."""
        actor.must(Capability.PERSON_MANAGE)

        def changed() -> Person:
            with self.kit.write() as uow:
                # Two administrators who disable each other must not both succeed.
                if not uow.get(Person, actor.id).active:
                    raise NotAllowed("Your account is disabled. Ask another system administrator.")
                before = uow.first(Person, username=username)
                if before is None:
                    raise NotFound("There is no such account. See `enclave person list`.")
                person, now = uow.put(change(before)), self.kit.clock.now()
                ended = {"sessions_ended": end_sessions(uow, person, now)} if sign_out else {}
                if what in {"disable", "roles"}:
                    _look_at_workspaces(uow, person)
                if tell:
                    uow.notify(username, tell)
                about = {"what": what, **(facts or {}), **ended}
                uow.audit(Event.PERSON_CHANGE, actor, f"person:{username}", about)
                uow.commit()
            return person

        return repeating(changed)


def _look_at_workspaces(uow: UnitOfWork, person: Person) -> None:
    """Has the worker stop what may not run on; the hub's own poll would find it a little later."""
    for project in uow.find(Project):
        if person.username in project.members:
            payload = {"user": person.username, "project": project.slug}
            uow.later("stop_session", payload, key=f"stop:{person.id}:{person.version}:{project.slug}")


def _wrong_with_password(password: str) -> list[str]:
    # NIST SP 800-63B asks for 8; people who read a registry get 12
    return ["A password has at least 12 characters."] if len(password) < 12 else []


def _wrong_with_roles(roles: tuple[Role, ...]) -> list[str]:
    if Role.SERVICE in roles:
        return ["The service role belongs to the product's own processes."]
    return [] if roles else ["An account has at least one role; to shut it, disable it."]
