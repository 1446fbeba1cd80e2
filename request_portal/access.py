"""Who may use each route. Every route declares it here; a test fails for one that does not.

Use cases check capabilities again, whoever calls them. The door in front of a route is there so that a page
that only reads cannot be forgotten, and so that a test can knock on all of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.routing import RouteContext

from enclave.bootstrap import Enclave
from enclave.kernel.actors import Actor, Capability
from request_portal.auth.sessions import Viewer, find_viewer


class Door(StrEnum):
    """Who is let in without any capability."""

    PUBLIC = "public"
    SIGNED_IN = "signed_in"


class SignInNeeded(Exception):
    """Nobody is signed in, and this route is not public."""


@dataclass(frozen=True, slots=True)
class Guard:
    """The door of one route: public, signed in, or the capabilities of which one is enough."""

    access: Door | tuple[Capability, ...]

    def __call__(self, request: Request) -> None:
        """Raises SignInNeeded for strangers and NotAllowed for people without the capability."""
        viewer = find_viewer(request.app.state.enclave, request)
        request.state.viewer = viewer
        if self.access is Door.PUBLIC:
            return
        if viewer is None:
            raise SignInNeeded
        if isinstance(self.access, tuple) and not any(viewer.actor.may(c) for c in self.access):
            viewer.actor.must(self.access[0])

    @property
    def words(self) -> str:
        """The access, as `portal routes` prints it."""
        return (
            self.access.value if isinstance(self.access, Door) else " or ".join(c.value for c in self.access)
        )


def public() -> Any:
    """Everybody, account or not."""
    return Depends(Guard(Door.PUBLIC))


def signed_in() -> Any:
    """Everybody with an account."""
    return Depends(Guard(Door.SIGNED_IN))


def may(*capabilities: Capability) -> Any:
    """Whoever has one of these capabilities."""
    return Depends(Guard(capabilities))


def guard_of(route: RouteContext) -> Guard | None:
    """The door of a route, or None when it declares none (or more than one, which is as bad)."""
    found = [d.dependency for d in route.dependencies if isinstance(d.dependency, Guard)]
    return found[0] if len(found) == 1 else None


def _parts(request: Request) -> Enclave:
    enclave: Enclave = request.app.state.enclave
    return enclave


def _viewer(request: Request) -> Viewer:
    viewer: Viewer | None = getattr(request.state, "viewer", None)
    if viewer is None:
        raise SignInNeeded
    return viewer


def _actor(request: Request) -> Actor:
    return _viewer(request).actor


def _maybe(request: Request) -> Viewer | None:
    return getattr(request.state, "viewer", None)


#: What endpoints ask for by type.
Parts = Annotated[Enclave, Depends(_parts)]
Who = Annotated[Viewer, Depends(_viewer)]
Me = Annotated[Actor, Depends(_actor)]
MaybeWho = Annotated[Viewer | None, Depends(_maybe)]
