"""The canary, once a day by itself: what it found stands in the audit log, and an open exit wakes people."""

from __future__ import annotations

from datetime import timedelta

from enclave.audit.model import AuditEvent
from enclave.bootstrap import Enclave
from enclave.jobs.worker import WORKER
from enclave.kernel.actors import Role
from enclave.kernel.errors import Unavailable
from enclave.kernel.events import Event
from enclave.log import logger
from enclave.projects.model import Person

#: A little less than a day, so that a daily restart does not skip one.
EVERY = timedelta(hours=23)
_TOLD = (Role.SYSTEM_ADMINISTRATOR, Role.PRIVACY_OFFICER)


def canary(enclave: Enclave) -> None:
    """Tries every known way out of a session when nobody has for a day; does nothing where no session can be held."""
    now = enclave.kit.clock.now()
    with enclave.kit.read() as uow:
        ran = uow.find(AuditEvent, event=Event.CANARY_RUN.value)
    if ran and ran[-1].at > now - EVERY:
        return
    from enclave.hub.verify import verify  # noqa: PLC0415 - the hub's parts, for who needs them

    try:
        exits = verify(enclave.settings)
    except Unavailable as error:
        logger().warning("canary_could_not_run", reason=error.sentence)
        return
    opened = [e.name for e in exits if not e.closed]
    with enclave.kit.write() as uow:
        facts: dict[str, object] = {"closed": len(exits) - len(opened), "open": opened}
        uow.audit(Event.CANARY_RUN, WORKER, "house:sessions", facts)
        for person in uow.find(Person, active=True) if opened else ():
            if set(_TOLD) & set(person.roles):
                words = (
                    f"{len(opened)} ways out of a session are open on this machine. Start no session, run "
                    "`enclave canary`, and mend what it names."
                )
                uow.notify(person.username, words, "/audit")
        uow.commit()
    say = logger().error if opened else logger().info
    say("canary_ran", count=len(exits), open=len(opened))
