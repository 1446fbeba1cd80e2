"""What everything stands on: the namespace with its level of pod security, and the claims for volumes."""

from __future__ import annotations

from typing import Any

from enclave.hub.kubernetes import names


def ground() -> list[dict[str, Any]]:
    """The namespace and its claims; sizes are a start, for the site to set."""
    level = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "audit", "warn")}
    namespace = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": names.NAMESPACE, "labels": {names.PART_OF: names.NAMESPACE, **level}},
    }
    return [
        namespace,
        _claim(names.STATE_VOLUME, "ReadWriteOnce", 50),
        _claim(names.KEYS_VOLUME, "ReadWriteOnce", 1),
        # Sessions run on any node, and see folders of this one by sub-path.
        _claim(names.PROJECTS_VOLUME, "ReadWriteMany", 200),
    ]


def _claim(name: str, mode: str, gibibytes: int) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": names.metadata(name),
        "spec": {
            "accessModes": [mode],
            "resources": {"requests": {"storage": f"{gibibytes}Gi"}},
        },
    }
