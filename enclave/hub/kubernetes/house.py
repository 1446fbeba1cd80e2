"""The house in one pod: portal, gateway, hub, questions and worker beside each other, as on one machine.

They speak over sockets in a folder in memory and over the pod's own loopback, so neither the hub's API nor the
gateway's control has an address that another pod could call. TLS ends in the same pod, in a container that passes
bytes on and reads none.
"""

from __future__ import annotations

from typing import Any

from enclave.hub.kubernetes import names

_SECRETS = {
    "REGISTRY_ENCLAVE_MASTER_KEY": "master-key",
    "REGISTRY_ENCLAVE_DATABASE_URL": "database-url",
    "REGISTRY_ENCLAVE_REGISTRY_URL": "registry-url",
    "REGISTRY_ENCLAVE_OBJECTS_SECRET_KEY": "objects-secret-key",
}
_SETTINGS = {
    "REGISTRY_ENCLAVE_PUBLIC_URL": "https://enclave.example.org",
    "REGISTRY_ENCLAVE_GATEWAY_URL": "https://workspaces.example.org",
    "REGISTRY_ENCLAVE_OBJECTS_URL": "https://objects.example.org",
    "REGISTRY_ENCLAVE_OBJECTS_ACCESS_KEY": "enclave-admin",
    "REGISTRY_ENCLAVE_COOKIE_SECURE": "true",
    "REGISTRY_ENCLAVE_STATE_DIR": names.STATE_DIR,
    "REGISTRY_ENCLAVE_KEYS_DIR": names.KEYS_DIR,
    "REGISTRY_ENCLAVE_SESSION_RUNTIME": "/opt/enclave/runtime",
    "XDG_RUNTIME_DIR": "/run/enclave",
    "HOME": "/tmp",  # noqa: S108 - the container's own
}
_COMMANDS = {
    "portal": ["enclave", "portal", "serve"],
    "gateway": ["python", "-m", "enclave.hub.gateway"],
    "questions": ["python", "-m", "enclave.hub.questions"],
    "hub": ["python", "-m", "enclave.hub"],
    "worker": ["enclave", "worker"],
}
#: Bytes of memory and thousandths of a core. The worker computes on whole extracts; the others pass things on.
_SIZES = {
    "portal": (2**30, 1000),
    "gateway": (2**29, 1000),
    "questions": (2 * 2**30, 1000),
    "hub": (2**30, 1000),
    "worker": (8 * 2**30, 2000),
    "edge": (2**27, 500),
}
_TOKEN = "/var/run/secrets/kubernetes.io/serviceaccount"  # noqa: S105 - a folder

_EDGE = f"""\
pid /tmp/edge.pid;
error_log stderr warn;
load_module /usr/lib/nginx/modules/ngx_stream_module.so;
events {{ worker_connections 1024; }}
stream {{
  ssl_certificate /tls/tls.crt;
  ssl_certificate_key /tls/tls.key;
  ssl_protocols TLSv1.2 TLSv1.3;
  server {{ listen {names.PORTAL_TLS} ssl; proxy_pass 127.0.0.1:8600; }}
  server {{ listen {names.GATEWAY_TLS} ssl; proxy_pass 127.0.0.1:8601; proxy_timeout 1h; }}
}}
"""


def house() -> list[dict[str, Any]]:
    """Accounts, rights, settings, the one pod of the house and its address."""
    role = [
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch", "create", "delete"]},
        {"apiGroups": [""], "resources": ["events"], "verbs": ["get", "list", "watch"]},
    ]
    return [
        *(_account(name) for name in ("house", "session")),
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "Role",
            "metadata": names.metadata("hub"),
            "rules": role,
        },
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": names.metadata("hub"),
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "hub"},
            "subjects": [{"kind": "ServiceAccount", "name": "house", "namespace": names.NAMESPACE}],
        },
        _settings("enclave-settings", _SETTINGS),
        _settings("enclave-edge", {"nginx.conf": _EDGE}),
        _service(),
        _pod_of_the_house(),
    ]


def _pod_of_the_house() -> dict[str, Any]:
    pod = {
        "serviceAccountName": "house",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "hostNetwork": False,
        "hostPID": False,
        "hostIPC": False,
        "securityContext": names.pod_security(),
        "terminationGracePeriodSeconds": 60,
        "initContainers": [_container("database", ["enclave", "db", "upgrade"], "portal")],
        "containers": [*(_container(name, command) for name, command in _COMMANDS.items()), _edge()],
        "volumes": [
            *(
                {"name": claim, "persistentVolumeClaim": {"claimName": claim}}
                for claim in (names.STATE_VOLUME, names.KEYS_VOLUME, names.PROJECTS_VOLUME)
            ),
            names.temporary("sockets", 2**24),
            {"name": "tmp", "emptyDir": {"sizeLimit": str(8 * 2**30)}},
            {"name": "edge", "configMap": {"name": "enclave-edge"}},
            {"name": "tls", "secret": {"secretName": "enclave-tls"}},
            {"name": "token", "projected": {"sources": _token_sources()}},
        ],
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": names.metadata("house", names.HOUSE),
        "spec": {
            # One, on purpose: the hub keeps its sessions in memory, and there is one writer of the audit chain.
            "replicas": 1,
            "serviceName": "house",
            "selector": {"matchLabels": names.labels(names.HOUSE)},
            "template": {"metadata": {"labels": names.labels(names.HOUSE)}, "spec": pod},
        },
    }


def _container(name: str, command: list[str], sized_as: str | None = None) -> dict[str, Any]:
    mounts: list[dict[str, Any]] = [
        {"name": names.STATE_VOLUME, "mountPath": names.STATE_DIR},
        {"name": names.PROJECTS_VOLUME, "mountPath": f"{names.STATE_DIR}/projects"},
        {"name": names.KEYS_VOLUME, "mountPath": names.KEYS_DIR},
        {"name": "sockets", "mountPath": "/run/enclave"},
        {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108
    ]
    env: list[dict[str, Any]] = [
        {"name": variable, "valueFrom": {"secretKeyRef": {"name": "enclave-secrets", "key": key}}}
        for variable, key in _SECRETS.items()
    ]
    if name == "hub":
        # The only container that may ask the cluster for anything: pods of sessions.
        mounts.append({"name": "token", "mountPath": _TOKEN, "readOnly": True})
        env.append({"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}})
    made = _plain(name, command, sized_as or name)
    return made | {
        "env": env,
        "envFrom": [{"configMapRef": {"name": "enclave-settings"}}],
        "volumeMounts": mounts,
    }


def _edge() -> dict[str, Any]:
    return _plain("edge", ["nginx", "-c", "/etc/edge/nginx.conf", "-g", "daemon off;"], "edge") | {
        "ports": [
            {"name": "portal", "containerPort": names.PORTAL_TLS},
            {"name": "gateway", "containerPort": names.GATEWAY_TLS},
        ],
        "readinessProbe": {"tcpSocket": {"port": names.PORTAL_TLS}},
        "volumeMounts": [
            {"name": "edge", "mountPath": "/etc/edge", "readOnly": True},
            {"name": "tls", "mountPath": "/tls", "readOnly": True},
            {"name": "tmp", "mountPath": "/tmp", "subPath": "edge"},  # noqa: S108
        ],
    }


def _plain(name: str, command: list[str], sized_as: str) -> dict[str, Any]:
    memory, cpu = _SIZES[sized_as]
    return {
        "name": name,
        "image": names.HOUSE_IMAGE,
        "imagePullPolicy": "IfNotPresent",
        "command": command,
        "securityContext": names.hardened(),
        "resources": {
            "requests": {"memory": str(memory // 2), "cpu": f"{cpu // 4}m"},
            "limits": {"memory": str(memory), "cpu": f"{cpu}m", "ephemeral-storage": str(8 * 2**30)},
        },
    }


def _token_sources() -> list[dict[str, Any]]:
    return [
        {"serviceAccountToken": {"path": "token", "expirationSeconds": 3600}},
        {
            "configMap": {
                "name": "kube-root-ca.crt",
                "items": [{"key": "ca.crt", "path": "ca.crt"}],
            }
        },
        {
            "downwardAPI": {
                "items": [{"path": "namespace", "fieldRef": {"fieldPath": "metadata.namespace"}}],
            }
        },
    ]


def _account(name: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": names.metadata(name),
        "automountServiceAccountToken": False,
    }


def _settings(name: str, data: dict[str, str]) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": names.metadata(name), "data": dict(data)}


def _service() -> dict[str, Any]:
    ports = [("portal", 443, names.PORTAL_TLS), ("workspaces", 444, names.GATEWAY_TLS)]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": names.metadata("house", names.HOUSE),
        "spec": {
            "type": "ClusterIP",
            "selector": names.labels(names.HOUSE),
            "ports": [{"name": name, "port": port, "targetPort": to} for name, port, to in ports],
        },
    }
