"""The files of `deploy/kubernetes`, from the objects and from the policy in force."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import yaml

from enclave.hub.kubernetes.chart import chart_values
from enclave.hub.kubernetes.ground import ground
from enclave.hub.kubernetes.house import house
from enclave.hub.kubernetes.network import network_policies
from enclave.hub.kubernetes.session import pod
from enclave.hub.sandbox import RUNTIME, SESSION
from enclave.kernel.ports import Limits
from policies import PolicyBook

_HEAD = """\
# Written by `python -m enclave.hub.kubernetes deploy/kubernetes`; a test holds it equal. A site's own values belong
# into an overlay (see README.md), the sizes of sessions into the policy "workspaces".
"""


@dataclass(frozen=True, slots=True)
class Tiered:
    """What one session of a tier may use.

    Args:
        tier: the rule of the policy "workspaces".
        limits: its numbers.
    """

    tier: str
    limits: Limits


def tiers(book: PolicyBook) -> tuple[Tiered, ...]:
    """Every tier with its limits, by the newest version of the policy "workspaces"."""
    newest = max(book.document("workspaces").versions, key=lambda version: version.effective)
    made = []
    for rule in newest.rules:
        if rule.kind == "session_limits":
            limits = Limits(
                memory=rule.memory_bytes,
                message=rule.message_bytes,
                session_out=rule.session_out_bytes,
                idle_seconds=rule.idle_seconds,
                max_seconds=rule.max_seconds,
            )
            made.append(Tiered(rule.id, limits))
    return tuple(made)


def strictest(known: tuple[Tiered, ...]) -> Limits:
    """The smallest of every number."""
    return Limits(
        memory=min(one.limits.memory for one in known),
        message=min(one.limits.message for one in known),
        session_out=min(one.limits.session_out for one in known),
        idle_seconds=min(one.limits.idle_seconds for one in known),
        max_seconds=min(one.limits.max_seconds for one in known),
    )


def files(book: PolicyBook) -> dict[str, str]:
    """Every file by its path below `deploy/kubernetes`."""
    known = tiers(book)
    canary = [f"{RUNTIME}/bin/python", "-I", f"{SESSION}/canary.py"]
    made = {
        "manifests/ground.yaml": ground(),
        "manifests/network.yaml": network_policies(),
        "manifests/house.yaml": house(),
        "values.yaml": [chart_values(strictest(known))],
    }
    for one in known:
        made[f"canary/{one.tier}.yaml"] = [pod(f"canary-{one.tier}", "canary", one.limits, canary)]
    return {path: _HEAD + _written(objects) for path, objects in made.items()}


class _Plain(yaml.SafeDumper):
    """Writes everything out: no anchors, which a reader would have to resolve."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        return True


def _written(objects: list[dict[str, Any]]) -> str:
    return yaml.dump_all(objects, Dumper=_Plain, sort_keys=False, width=110)
