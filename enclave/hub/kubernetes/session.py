"""A session's pod: the sandbox of bubblewrap, said in Kubernetes' words."""

from __future__ import annotations

from typing import Any

from enclave.hub.kubernetes import names
from enclave.hub.sandbox import HOME, RUNTIME, SESSION
from enclave.kernel.errors import Invalid
from enclave.kernel.ports import Limits

#: Bytes of the researcher's home, as in bubblewrap's sandbox: settings and caches, no data.
_HOME_BYTES = 64 * 2**20
#: A fake address: names resolve nowhere, and the cluster's resolver is not named inside.
_NO_RESOLVER = {"nameservers": ["127.0.0.1"], "searches": [], "options": [{"name": "attempts", "value": "1"}]}
_SERVER = [f"{RUNTIME}/bin/python", "-I", f"{SESSION}/pod.py"]


def volumes(limits: Limits) -> list[dict[str, Any]]:
    """The volumes of a session: the projects' claim, and four folders in memory."""
    return [
        {"name": "projects", "persistentVolumeClaim": {"claimName": names.PROJECTS_VOLUME}},
        names.temporary("tmp", limits.tmp),
        names.temporary("shm", limits.tmp),
        names.temporary("home", _HOME_BYTES),
        names.temporary("doors", 2**20),
    ]


def mounts(project: str) -> list[dict[str, Any]]:
    """Where they stand inside: the project's data read-only, its shared folder, nothing of another project.

    Raises:
        Invalid: when `project` is no slug; it becomes a path on a volume.
    """
    if not project or not project.replace("-", "").isalnum() or not project.isascii():
        raise Invalid(["A project's slug has letters, digits and hyphens only."])
    return [
        {"name": "projects", "mountPath": "/data", "subPath": f"data/{project}", "readOnly": True},
        {"name": "projects", "mountPath": "/workspace", "subPath": f"work/{project}"},
        {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - the session's own
        {"name": "shm", "mountPath": "/dev/shm"},  # noqa: S108
        {"name": "home", "mountPath": HOME},
        {"name": "doors", "mountPath": "/run/enclave"},
    ]


def pod_config(limits: Limits) -> dict[str, Any]:
    """What the pod has besides its containers, volumes and account."""
    return {
        "enableServiceLinks": False,
        "hostname": "enclave",
        "hostNetwork": False,
        "hostPID": False,
        "hostIPC": False,
        "shareProcessNamespace": False,
        "dnsPolicy": "None",
        "dnsConfig": _NO_RESOLVER,
        "restartPolicy": "Never",
        # The kubelet ends it at the policy's longest time, also when the hub is gone.
        "activeDeadlineSeconds": limits.max_seconds,
        "terminationGracePeriodSeconds": 0,
    }


def resources(limits: Limits) -> dict[str, dict[str, str]]:
    """Requests and limits alike, so that a node is never promised twice (quality of service "Guaranteed")."""
    sizes = {
        "cpu": f"{10 * limits.cpu_percent}m",
        "memory": str(limits.memory),
        # The root is read-only and everything else is in memory or on a claim: this is the log.
        "ephemeral-storage": str(_HOME_BYTES),
    }
    return {"requests": dict(sizes), "limits": dict(sizes)}


def spawner_settings(project: str, limits: Limits) -> dict[str, Any]:
    """The same as settings (traits) of KubeSpawner 7."""
    sizes = resources(limits)["limits"]
    storage = {"ephemeral-storage": sizes["ephemeral-storage"]}
    return {
        "namespace": names.NAMESPACE,
        "image": names.SESSION_IMAGE,
        "image_pull_policy": "IfNotPresent",
        "cmd": list(_SERVER),
        "ip": "0.0.0.0",  # noqa: S104 - of the pod; the policy lets the gateway in and nobody else
        "port": names.SESSION_PORT,
        "uid": names.ACCOUNT,
        "gid": names.ACCOUNT,
        "fs_gid": names.ACCOUNT,
        "privileged": False,
        "allow_privilege_escalation": False,
        "automount_service_account_token": False,
        "service_account": "session",
        "pod_security_context": names.pod_security(),
        "container_security_context": names.hardened(),
        "extra_labels": names.labels(names.SESSION),
        "mem_limit": limits.memory,
        "mem_guarantee": limits.memory,
        "cpu_limit": limits.cpu_percent / 100,
        "cpu_guarantee": limits.cpu_percent / 100,
        "extra_resource_limits": dict(storage),
        "extra_resource_guarantees": dict(storage),
        "volumes": volumes(limits),
        "volume_mounts": mounts(project),
        "working_dir": "/workspace",
        "extra_pod_config": pod_config(limits),
        "delete_grace_period": 0,
    }


def pod(name: str, project: str, limits: Limits, command: list[str]) -> dict[str, Any]:
    """A session's pod written out, with another command: what runs the canary at install.

    Args:
        name: of the pod.
        project: whose data and shared folder it sees.
        limits: of the tier.
        command: what runs in it.
    """
    container = {
        "name": "notebook",
        "image": names.SESSION_IMAGE,
        "imagePullPolicy": "IfNotPresent",
        "command": command,
        "workingDir": "/workspace",
        "securityContext": names.hardened(),
        "resources": resources(limits),
        "volumeMounts": mounts(project),
        "env": [{"name": "HOME", "value": HOME}, {"name": "TMPDIR", "value": "/tmp"}],  # noqa: S108
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": names.metadata(name, names.SESSION),
        "spec": {
            "serviceAccountName": "session",
            "automountServiceAccountToken": False,
            "securityContext": names.pod_security(),
            **pod_config(limits),
            "containers": [container],
            "volumes": volumes(limits),
        },
    }
