"""Opening a workspace: ask whether it may be, then have the hub start it."""

from __future__ import annotations

from enclave.bootstrap import Enclave
from enclave.kernel.actors import Actor
from enclave.kernel.errors import Refused


def open_session(enclave: Enclave, actor: Actor, slug: str, *, wait: bool = True) -> str:
    """Starts (or finds) this person's session and returns its address on the gateway.

    The hub asks the same question again on its own; asking here first gives a sentence at once.

    Args:
        enclave: every use case.
        actor: whose session.
        slug: the project.
        wait: return when the session is ready; otherwise as soon as the hub has begun.

    Raises:
        NotFound, NotAllowed, Refused: with what is missing.
        Unavailable: when the hub does not answer.
    """
    from enclave.hub.client import HubClient  # noqa: PLC0415 - only who opens a session needs the hub's client

    decision = enclave.workspaces.standing(actor, slug)
    if not decision.allowed:
        raise Refused(decision)
    client = HubClient(enclave.settings)
    try:
        return client.start(actor.name, slug, wait=wait).url
    finally:
        client.close()
