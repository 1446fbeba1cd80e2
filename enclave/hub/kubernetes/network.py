"""Who may speak to whom: nobody, and then the few that must."""

from __future__ import annotations

from typing import Any

from enclave.hub.kubernetes import names

#: Addresses for documentation (RFC 5737): nothing is reachable until a site puts its own in their place.
PLACEHOLDERS = {
    "database": ("192.0.2.10/32", 5432),
    "registry": ("192.0.2.11/32", 5432),
    "objects": ("192.0.2.12/32", 443),
    "apiserver": ("192.0.2.13/32", 443),
}


def network_policies() -> list[dict[str, Any]]:
    """Default deny for every pod of the namespace; sessions have one peer; the house has what it is given."""
    house, session = _pods(names.HOUSE), _pods(names.SESSION)
    resolver = {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}},
        "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
    }
    edge = {"namespaceSelector": {"matchLabels": {"registry-enclave/edge": "true"}}}
    outside = [_rule("to", {"ipBlock": {"cidr": cidr}}, port) for cidr, port in PLACEHOLDERS.values()]
    names_of_hosts = {
        "to": [resolver],
        "ports": [{"protocol": kind, "port": 53} for kind in ("UDP", "TCP")],
    }
    return [
        _policy("default-deny", {}, [], []),
        _policy(
            "sessions",
            {"matchLabels": names.labels(names.SESSION)},
            [_rule("from", house, names.SESSION_PORT)],
            [_rule("to", house, names.FACADE_PORT)],
        ),
        _policy(
            "house",
            {"matchLabels": names.labels(names.HOUSE)},
            [
                _rule("from", edge, names.PORTAL_TLS, names.GATEWAY_TLS),
                _rule("from", session, names.FACADE_PORT),
            ],
            [_rule("to", session, names.SESSION_PORT), names_of_hosts, *outside],
        ),
    ]


def _policy(
    name: str, chosen: dict[str, Any], ingress: list[dict[str, Any]], egress: list[dict[str, Any]]
) -> dict[str, Any]:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": names.metadata(name),
        "spec": {
            "podSelector": chosen,
            "policyTypes": ["Ingress", "Egress"],
            "ingress": ingress,
            "egress": egress,
        },
    }


def _pods(component: str) -> dict[str, Any]:
    return {"podSelector": {"matchLabels": names.labels(component)}}


def _rule(way: str, peer: dict[str, Any], *ports: int) -> dict[str, Any]:
    return {way: [peer], "ports": [{"protocol": "TCP", "port": port} for port in ports]}
