"""Who may check what: nobody their own, nobody their project's, nobody their organisation's."""

from __future__ import annotations

from enclave.airlock.model import OutputRequest
from enclave.kernel.actors import Actor, Capability
from enclave.kernel.errors import NotFound
from enclave.kernel.kit import Kit, UnitOfWork
from enclave.projects.model import Person, Project
from enclave.requests.entitlements import live
from enclave.requests.facts import same_house


def is_member(uow: UnitOfWork, actor: Actor, slug: str) -> bool:
    project = uow.first(Project, slug=slug)
    return project is not None and actor.name in project.members


def must_be_inside(uow: UnitOfWork, kit: Kit, actor: Actor, slug: str) -> Project:
    """The project, for a member whose access is live; raises NotFound for everybody else."""
    project, person = uow.first(Project, slug=slug), uow.first(Person, username=actor.name)
    if project is None or person is None or actor.name not in project.members:
        raise NotFound("There is no such project among yours.")
    if not live(uow, project, person, kit.clock.today()):
        raise NotFound(
            "Your access to this project has ended, so nothing can be sent out of it. Ask for a renewal."
        )
    return project


def reviewer_facts(uow: UnitOfWork, output: OutputRequest, actor: Actor) -> dict[str, object]:
    """Facts for the policy "output-review". An organisation that is not known is a fact that is missing."""
    project = uow.first(Project, slug=output.project)
    members = [
        uow.first(Person, username=name) for name in (project.members if project else (output.author,))
    ]
    theirs = {same_house(person.organisation) for person in members if person is not None}
    own = same_house(actor.organisation)
    return {
        "reviewer_is_author": actor.name == output.author,
        "reviewer_is_member": is_member(uow, actor, output.project),
        "reviewer_same_organisation": None if not own or "" in theirs else own in theirs,
    }


def may_check(uow: UnitOfWork, kit: Kit, output: OutputRequest, actor: Actor) -> bool:
    """Whether this person, as they are now, may check this output."""
    return (
        actor.may(Capability.AIRLOCK_CHECK)
        and kit.decide("output-review", reviewer_facts(uow, output, actor)).allowed
    )


def pool(uow: UnitOfWork, kit: Kit, output: OutputRequest) -> list[Person]:
    """Everybody who may check it."""
    return [p for p in uow.find(Person, active=True) if may_check(uow, kit, output, p.actor())]
