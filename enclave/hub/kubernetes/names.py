"""Names, ports and places that the objects have in common."""

from __future__ import annotations

from typing import Any

NAMESPACE = "registry-enclave"
HOUSE, SESSION = "house", "session"

#: Where the gateway reaches a session's server, and where a session reaches its facade of the hub.
SESSION_PORT, FACADE_PORT = 8888, 8602
#: TLS of the portal and of the gateway; behind it both listen on the pod's own loopback.
PORTAL_TLS, GATEWAY_TLS = 8443, 8444

#: House and sessions have one account: what is staged is readable to nobody else, and only a process with
#: rights could give it away. Sessions are kept apart by what is mounted, not by user ids.
ACCOUNT = 10001

STATE_VOLUME, KEYS_VOLUME, PROJECTS_VOLUME = "enclave-state", "enclave-keys", "enclave-projects"
STATE_DIR, KEYS_DIR = "/var/lib/enclave", "/var/lib/enclave-keys"

HOUSE_IMAGE = "registry.example.org/registry-enclave/house:0.1.0"
SESSION_IMAGE = "registry.example.org/registry-enclave/session:0.1.0"

PART_OF = "app.kubernetes.io/part-of"
COMPONENT = "app.kubernetes.io/component"


def labels(component: str) -> dict[str, str]:
    """The labels that policies select pods by."""
    return {PART_OF: NAMESPACE, COMPONENT: component}


def metadata(name: str, component: str | None = None) -> dict[str, Any]:
    """Metadata of an object in the namespace."""
    marked = labels(component) if component else {PART_OF: NAMESPACE}
    return {"name": name, "namespace": NAMESPACE, "labels": marked}


def hardened() -> dict[str, Any]:
    """The security context of every container, of house and sessions alike: level "restricted", and read-only."""
    return {
        "allowPrivilegeEscalation": False,
        "privileged": False,
        "readOnlyRootFilesystem": True,
        "runAsNonRoot": True,
        "runAsUser": ACCOUNT,
        "runAsGroup": ACCOUNT,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def pod_security() -> dict[str, Any]:
    """The security context of every pod."""
    return {
        "runAsNonRoot": True,
        "runAsUser": ACCOUNT,
        "runAsGroup": ACCOUNT,
        "fsGroup": ACCOUNT,
        # A shared volume is not gone through file by file at every start.
        "fsGroupChangePolicy": "OnRootMismatch",
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def temporary(name: str, size: int) -> dict[str, Any]:
    """A volume in memory with a limit in bytes; it counts against the memory of who fills it."""
    return {"name": name, "emptyDir": {"medium": "Memory", "sizeLimit": str(size)}}
