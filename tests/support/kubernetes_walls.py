"""What must hold of every object, said apart from the code that makes them: holes, and who reaches whom."""

from __future__ import annotations

import ipaddress
from typing import Any

SESSION = {"app.kubernetes.io/part-of": "registry-enclave", "app.kubernetes.io/component": "session"}
HOUSE = SESSION | {"app.kubernetes.io/component": "house"}

_OPEN_VOLUMES = {"persistentVolumeClaim", "emptyDir", "configMap", "secret", "projected"}
_SESSION_VOLUMES = {"persistentVolumeClaim", "emptyDir"}
_CONTAINER = {
    "allowPrivilegeEscalation": False,
    "privileged": False,
    "readOnlyRootFilesystem": True,
    "runAsNonRoot": True,
    "capabilities": {"drop": ["ALL"]},
}


def pods(objects: list[dict[str, Any]]) -> list[tuple[str, dict[str, str], dict[str, Any]]]:
    """Every pod and every template of one: name, labels, spec."""
    found = []
    for one in objects:
        if one["kind"] == "Pod":
            found.append((one["metadata"]["name"], one["metadata"]["labels"], one["spec"]))
        elif "template" in one.get("spec", {}):
            template = one["spec"]["template"]
            found.append((one["metadata"]["name"], template["metadata"]["labels"], template["spec"]))
    return found


def holes(objects: list[dict[str, Any]], policies: list[dict[str, Any]]) -> list[str]:
    """Everything that is not as hard as it must be, one sentence each."""
    said = []
    for name, labels, spec in pods(objects):
        session = labels.get("app.kubernetes.io/component") == "session"
        said += [f"{name}: {hole}" for hole in _of_pod(spec, session)]
        if not denied_by_default(policies, labels):
            said.append(f"{name}: no policy denies both ways")
        if session and not _own_policy(policies, labels):
            said.append(f"{name}: no policy of its own")
    for one in objects:
        if one["kind"] == "ServiceAccount" and one.get("automountServiceAccountToken") is not False:
            said.append(f"{one['metadata']['name']}: hands out its token")
        if one["kind"] == "Secret":
            said.append(f"{one['metadata']['name']}: a secret in a file")
    return said


def _of_pod(spec: dict[str, Any], session: bool) -> list[str]:
    said = [f"shares the host's {key}" for key in ("hostNetwork", "hostPID", "hostIPC") if spec.get(key)]
    if spec.get("automountServiceAccountToken") is not False:
        said.append("mounts a service account token")
    if spec.get("enableServiceLinks") is not False:
        said.append("is told every service's address")
    if spec.get("shareProcessNamespace"):
        said.append("shares its processes")
    if spec.get("securityContext", {}).get("seccompProfile", {}).get("type") not in {
        "RuntimeDefault",
        "Localhost",
    }:
        said.append("has no filter on system calls")
    for volume in spec.get("volumes", []):
        kinds = set(volume) - {"name"}
        allowed = _SESSION_VOLUMES if session else _OPEN_VOLUMES
        said += [f"volume {volume['name']} is a {kind}" for kind in sorted(kinds - allowed)]
        if "emptyDir" in volume and not volume["emptyDir"].get("sizeLimit"):
            said.append(f"volume {volume['name']} has no limit")
    for container in [*spec.get("initContainers", []), *spec["containers"]]:
        said += _of_container(container, session)
    if session:
        if spec.get("dnsPolicy") != "None":
            said.append("is told the cluster's resolver")
        if not spec.get("activeDeadlineSeconds"):
            said.append("lives for ever")
        if spec.get("restartPolicy") != "Never":
            said.append("rises again")
    return said


def _of_container(container: dict[str, Any], session: bool) -> list[str]:
    context, name = container.get("securityContext", {}), container["name"]
    said = [
        f"{name} has {key} {context.get(key)}"
        for key, value in _CONTAINER.items()
        if context.get(key) != value
    ]
    if not context.get("runAsUser"):
        said.append(f"{name} may be root")
    limits = container.get("resources", {}).get("limits", {})
    said += [
        f"{name} has no limit of {key}" for key in ("memory", "cpu", "ephemeral-storage") if key not in limits
    ]
    for variable in container.get("env", []):
        secret = any(
            word in variable["name"]
            for word in ("SECRET", "PASSWORD", "MASTER_KEY", "DATABASE_URL", "REGISTRY_URL")
        )
        if secret and "value" in variable:
            said.append(f"{name} has a secret in {variable['name']}")
        if session and "valueFrom" in variable:
            said.append(f"{name} reads {variable['name']} from the cluster")
    if session:
        for mount in container.get("volumeMounts", []):
            if mount["mountPath"].startswith("/data") and mount.get("readOnly") is not True:
                said.append(f"{name} can write to {mount['mountPath']}")
            if mount["name"] == "projects" and not mount.get("subPath"):
                said.append(f"{name} sees every project")
        if container.get("envFrom"):
            said.append(f"{name} has an environment of the cluster's")
    return said


def _matches(selector: dict[str, Any], labels: dict[str, str]) -> bool:
    assert set(selector) <= {"matchLabels"}, selector
    return all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items())


def _chosen(policies: list[dict[str, Any]], labels: dict[str, str]) -> list[dict[str, Any]]:
    return [policy["spec"] for policy in policies if _matches(policy["spec"]["podSelector"], labels)]


def denied_by_default(policies: list[dict[str, Any]], labels: dict[str, str]) -> bool:
    return any(set(spec["policyTypes"]) == {"Ingress", "Egress"} for spec in _chosen(policies, labels))


def _own_policy(policies: list[dict[str, Any]], labels: dict[str, str]) -> bool:
    return any(spec["podSelector"] and spec["egress"] for spec in _chosen(policies, labels))


def lets(
    policies: list[dict[str, Any]],
    labels: dict[str, str],
    way: str,
    peer: dict[str, Any],
    port: int,
    protocol: str = "TCP",
) -> bool:
    """Whether the policies let a pod with `labels` speak to (`egress`) or be reached by (`ingress`) `peer`.

    After the API's own words: policies add up; a pod that no policy of this way selects is open; no `ports` or no
    peers in a rule mean all. `peer` is {"labels", "namespace"} of a pod or {"ip"} of an address; `namespace` holds
    the labels of the peer's namespace, None for the policies' own.
    """
    chosen = [spec for spec in _chosen(policies, labels) if way.capitalize() in spec["policyTypes"]]
    if not chosen:
        return True
    side = "to" if way == "egress" else "from"
    for rule in (rule for spec in chosen for rule in spec.get(way) or []):
        ports = rule.get("ports")
        if ports and not any(
            (one.get("protocol", "TCP"), one.get("port", port)) == (protocol, port) for one in ports
        ):
            continue
        peers = rule.get(side)
        if not peers or any(_is_peer(one, peer) for one in peers):
            return True
    return False


def _is_peer(said: dict[str, Any], peer: dict[str, Any]) -> bool:
    if "ipBlock" in said:
        block = said["ipBlock"]
        address = peer.get("ip")
        inside = address and ipaddress.ip_address(address) in ipaddress.ip_network(block["cidr"])
        return bool(inside) and not any(
            ipaddress.ip_address(address) in ipaddress.ip_network(hole) for hole in block.get("except", [])
        )
    if "labels" not in peer:
        return False
    namespace = peer.get("namespace")
    if "namespaceSelector" in said:
        if not _matches(said["namespaceSelector"], namespace or {}):
            return False
    elif namespace is not None:
        return False
    return _matches(said.get("podSelector", {}), peer["labels"])
