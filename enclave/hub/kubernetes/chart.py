"""Values of the chart zero-to-jupyterhub, for a cluster whose hub is run by it: the same session, the same walls."""

from __future__ import annotations

from typing import Any

from enclave.hub.kubernetes import names
from enclave.hub.kubernetes.session import spawner_settings
from enclave.kernel.ports import Limits

#: Every way out that the chart can open for sessions; all of them stay shut.
EGRESS_RULES = (
    "cloudMetadataServer",
    "dnsPortsCloudMetadataServer",
    "dnsPortsKubeSystemNamespace",
    "dnsPortsPrivateIPs",
    "nonPrivateIPs",
    "privateIPs",
)


def chart_values(limits: Limits) -> dict[str, Any]:
    """The values; `limits` are those of the strictest tier, because a values file knows one size only."""
    name, _, tag = names.HOUSE_IMAGE.rpartition(":")
    session_name, _, session_tag = names.SESSION_IMAGE.rpartition(":")
    spawner = spawner_settings("project", limits)
    # These differ between projects: only a spawner that asks who may come in can set them.
    for own in ("volume_mounts", "image"):
        del spawner[own]
    shut = {"enabled": False, "egress": [], "egressAllowRules": dict.fromkeys(EGRESS_RULES, False)}
    return {
        "hub": {
            "image": {"name": name, "tag": tag},
            "existingSecret": "enclave-secrets",
            "allowNamedServers": True,
            "config": {"KubeSpawner": spawner},
        },
        "singleuser": {
            "image": {"name": session_name, "tag": session_tag},
            # Off, because the chart's policy always lets sessions reach its proxy, and policies only ever add.
            # What holds instead is manifests/network.yaml.
            "networkPolicy": shut,
            # Its init container is privileged; default deny covers the address.
            "cloudMetadata": {"blockWithIptables": False},
            "storage": {"type": "none"},
            "allowPrivilegeEscalation": False,
            "uid": names.ACCOUNT,
            "fsGid": names.ACCOUNT,
        },
        # The hub ends sessions by what the gateway has seen; a session can feign activity to the culler.
        "cull": {"enabled": False},
        "prePuller": {"hook": {"enabled": False}, "continuous": {"enabled": False}},
        "scheduling": {"userScheduler": {"enabled": False}, "userPlaceholder": {"enabled": False}},
    }
