"""The life of a workspace after it is open: suspended, resumed, and destroyed with a certificate."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, timedelta

from enclave.kernel.actors import Actor, Capability
from enclave.kernel.errors import Conflict, IllegalMove, Invalid, NotAllowed, NotFound
from enclave.kernel.events import Event
from enclave.kernel.kit import Kit, UnitOfWork
from enclave.kernel.ports import ObjectRef
from enclave.kernel.signing import HouseSigner, canonical
from enclave.projects.model import Project, ProjectState
from enclave.requests.model import Entitlement
from enclave.workspaces.model import WORKSPACE_MACHINE, Workspace, WorkspaceState, WorkspaceVerb
from enclave.workspaces.staging import Staging

#: Where certificates are kept.
CERTIFICATES = "releases"


@dataclass(frozen=True, slots=True)
class Usage:
    """What a project takes up on this machine.

    Args:
        files, work_bytes: in its shared folder, links not followed.
        data_bytes: entitled data that stand ready for its sessions.
    """

    project: str
    state: str
    files: int
    work_bytes: int
    data_bytes: int


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """Use cases about the life of workspaces.

    Args:
        signer: signs certificates.
        key_destroyed: whether a project's pseudonym key is destroyed.
        lock_days: for how long a certificate cannot be deleted.
    """

    kit: Kit
    staging: Staging
    signer: HouseSigner
    key_destroyed: Callable[[str], bool]
    lock_days: int

    def suspend(self, actor: Actor, slug: str, reason: str) -> Workspace:
        """Ends every session of a project and opens none until it is resumed; files and access stay as they are."""
        actor.must(Capability.ENTITLEMENT_REVOKE)
        _say_why(reason)
        with self.kit.write() as uow:
            project, workspace = _found(uow, slug)
            state = WORKSPACE_MACHINE.move(workspace.state, WorkspaceVerb.SUSPEND)
            workspace = uow.put(replace(workspace, state=state))
            uow.audit(Event.WORKSPACE_SUSPEND, actor, f"workspace:{slug}", {"reason": reason})
            moment = self.kit.clock.now().isoformat()
            for person in project.members:
                payload = {"user": person, "project": slug}
                uow.later("stop_session", payload, key=f"suspend:{slug}:{person}:{moment}")
                words = f"The workspace of {slug} is suspended. {reason}"
                uow.notify(person, words, f"/projects/{slug}")
            uow.commit()
        return workspace

    def resume(self, actor: Actor, slug: str) -> Workspace:
        """Sessions may open again, for whoever still has access."""
        actor.must(Capability.ENTITLEMENT_REVOKE)
        with self.kit.write() as uow:
            project, workspace = _found(uow, slug)
            state = WORKSPACE_MACHINE.move(workspace.state, WorkspaceVerb.RESUME)
            workspace = uow.put(replace(workspace, state=state))
            uow.audit(Event.WORKSPACE_RESUME, actor, f"workspace:{slug}")
            for person in project.members:
                uow.notify(person, f"The workspace of {slug} is open again.", f"/projects/{slug}")
            uow.commit()
        return workspace

    def usage(self, actor: Actor) -> list[Usage]:
        """What every project takes up, the largest first; for those who run the machine or decide on access."""
        if not actor.may(Capability.SYSTEM_OPERATE):
            actor.must(Capability.ACCESS_REQUEST_READ_ANY)
        with self.kit.read() as uow:
            states = {w.project: w.state.value for w in uow.find(Workspace)}
        found = []
        for slug, state in states.items():
            files, size = _size(self.staging.work_dir(slug))
            found.append(Usage(slug, state, files, size, _size(self.staging.data_dir(slug))[1]))
        return sorted(found, key=lambda u: -(u.work_bytes + u.data_bytes))

    def destroy(self, actor: Actor, slug: str) -> dict[str, object]:
        """Destroys what a closed project has on this machine and in the store, and says so in a signed certificate.

        Doing it again after a crash goes on; after it is done it gives the certificate that was given then.

        Raises:
            IllegalMove: the project is still active. Conflict: its pseudonym key is not destroyed yet.
        """
        actor.must(Capability.PROJECT_CLOSE)
        with self.kit.read() as uow:
            project, workspace = _found(uow, slug)
            grants = uow.find(Entitlement, project=slug)
        if workspace.state is WorkspaceState.DESTROYED:
            raise IllegalMove(
                f"The workspace of {slug} is destroyed already; its certificate was given then."
            )
        if project.state is not ProjectState.CLOSED:
            raise IllegalMove(
                f"The project {slug} is still active. Close it first: enclave project close {slug}."
            )
        if not self.key_destroyed(slug):
            raise Conflict(
                "The worker has not destroyed the project's pseudonym key yet. Try again in a minute."
            )
        files, size = _size(self.staging.work_dir(slug))
        shutil.rmtree(self.staging.work_dir(slug), ignore_errors=True)
        shutil.rmtree(self.staging.data_dir(slug), ignore_errors=True)
        if self.staging.work_dir(slug).exists() or self.staging.data_dir(slug).exists():
            raise Conflict("Files of the workspace could not be removed. End its sessions and try again.")
        refs = [ref for e in grants for ref in (*e.files, *([e.manifest] if e.manifest is not None else []))]
        deleted, kept = self._delete(refs)
        at = self.kit.clock.now()
        certificate = self.signer.signed(
            {
                "schema": "registry-enclave/destruction/1",
                "project": slug,
                "destroyed_at": at.astimezone(UTC).isoformat(timespec="seconds"),
                "ordered_by": actor.name,
                "workspace": {"files": files, "bytes": size},
                "objects_deleted": [_told(r) for r in deleted],
                "objects_kept_under_lock": [_told(r) for r in kept],
                "pseudonym_key": "destroyed",
                "signed_with": self.signer.public_key,
            }
        )
        stored = self.kit.objects.put(
            CERTIFICATES,
            f"certificates/{slug}.json",
            canonical(certificate),
            media_type="application/json",
            retain_until=at + timedelta(days=self.lock_days),
        )
        with self.kit.write() as uow:
            _, workspace = _found(uow, slug)
            if workspace.state is not WorkspaceState.CLOSED:
                workspace = replace(
                    workspace, state=WORKSPACE_MACHINE.move(workspace.state, WorkspaceVerb.CLOSE)
                )
            state = WORKSPACE_MACHINE.move(workspace.state, WorkspaceVerb.DESTROY)
            uow.put(replace(workspace, state=state))
            facts: dict[str, object] = {"certificate": stored.sha256, "kept": len(kept)}
            uow.audit(Event.WORKSPACE_DESTROY, actor, f"workspace:{slug}", facts)
            uow.commit()
        return certificate

    def _delete(self, refs: list[ObjectRef]) -> tuple[list[ObjectRef], list[ObjectRef]]:
        """What could be deleted, and what the store keeps until its retention ends."""
        deleted, kept = [], []
        for ref in refs:
            try:
                self.kit.objects.delete(ref)
                deleted.append(ref)
            except NotAllowed:
                kept.append(ref)
        return deleted, kept


def _found(uow: UnitOfWork, slug: str) -> tuple[Project, Workspace]:
    project, workspace = uow.first(Project, slug=slug), uow.first(Workspace, project=slug)
    if project is None or workspace is None:
        raise NotFound("There is no workspace of that project: nobody has opened one.")
    return project, workspace


def _told(ref: ObjectRef) -> dict[str, str]:
    return {"bucket": ref.bucket, "key": ref.key, "version": ref.version_id, "sha256": ref.sha256}


def _size(folder: os.PathLike[str]) -> tuple[int, int]:
    """Number and bytes of the files below a folder that its people may change meanwhile; links are not followed."""
    files = size = 0
    for _, _, names, handle in os.fwalk(folder, follow_symlinks=False):
        for name in names:
            try:
                about = os.stat(name, dir_fd=handle, follow_symlinks=False)
            except OSError:
                continue
            if stat.S_ISREG(about.st_mode):
                files, size = files + 1, size + about.st_size
    return files, size


def _say_why(reason: str) -> None:
    if len(reason.strip()) < 10:
        raise Invalid(["Say in a sentence why; its members read it."], {"reason": "Say why"})
