"""The committed files of deploy/kubernetes: valid, as hard as promised, and what the policy says."""

from __future__ import annotations

import asyncio
import copy
from dataclasses import replace
from pathlib import Path

import kubernetes_validate
import pytest
import yaml
from kubernetes_walls import HOUSE, SESSION, denied_by_default, holes, lets, pods

from enclave.hub.kubernetes.chart import EGRESS_RULES
from enclave.hub.kubernetes.files import files, strictest, tiers
from enclave.hub.kubernetes.session import mounts, pod, spawner_settings
from enclave.kernel.errors import Invalid
from policies import PolicyBook

FOLDER = Path(__file__).parents[3] / "deploy" / "kubernetes"
SCHEMA = "1.34"
BOOK = PolicyBook.packaged()
TIERS = tiers(BOOK)


def objects(*names):
    return [one for name in names for one in yaml.safe_load_all((FOLDER / name).read_text())]


MANIFESTS = sorted(
    str(path.relative_to(FOLDER))
    for folder in ("manifests", "canary")
    for path in (FOLDER / folder).glob("*.yaml")
)
EVERYTHING = objects(*MANIFESTS)
POLICIES = [one for one in EVERYTHING if one["kind"] == "NetworkPolicy"]


def test_the_committed_files_are_what_the_policy_and_the_code_make():
    made = files(BOOK)
    assert {path for path in made if path != "values.yaml"} == set(MANIFESTS)
    for path, text in made.items():
        assert (FOLDER / path).read_text() == text, (
            f"{path} is old: python -m enclave.hub.kubernetes deploy/kubernetes"
        )


@pytest.mark.parametrize("one", EVERYTHING, ids=lambda one: f"{one['kind']}-{one['metadata']['name']}")
def test_every_object_is_valid_to_the_letter(one):
    kubernetes_validate.validate(one, SCHEMA, strict=True)


@pytest.mark.parametrize(
    "break_it",
    [
        lambda spec: spec.update(automountServiceAcountToken=False),
        lambda spec: spec.update(activeDeadlineSeconds="soon"),
        lambda spec: spec["containers"][0]["securityContext"].update(readOnlyRootFileSystem=True),
        lambda spec: spec["containers"][0].pop("name"),
    ],
)
def test_the_validator_sees_a_mistake(break_it):
    made = copy.deepcopy(objects("canary/secure.yaml")[0])
    break_it(made["spec"])
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(made, SCHEMA, strict=True)


def test_no_object_has_a_hole():
    assert len(pods(EVERYTHING)) == 1 + len(TIERS)
    assert holes(EVERYTHING, POLICIES) == []


_CONTEXT = {
    "allowPrivilegeEscalation": True,
    "privileged": True,
    "readOnlyRootFilesystem": False,
    "runAsNonRoot": False,
    "runAsUser": 0,
    "capabilities": {"drop": ["ALL"], "add": ["NET_RAW"]},
}
SABOTAGE = {
    **{
        f"context {key}": lambda s, k=key, v=value: s["containers"][0]["securityContext"].update({k: v})
        for key, value in _CONTEXT.items()
    },
    **{f"no {key}": lambda s, k=key: s["containers"][0]["securityContext"].pop(k) for key in _CONTEXT},
    **{
        f"no limit of {key}": lambda s, k=key: s["containers"][0]["resources"]["limits"].pop(k)
        for key in ("memory", "cpu", "ephemeral-storage")
    },
    **{
        key: lambda s, k=key: s.update({k: True})
        for key in ("hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace", "enableServiceLinks")
    },
    "token": lambda s: s.update(automountServiceAccountToken=True),
    "token by default": lambda s: s.pop("automountServiceAccountToken"),
    "no seccomp": lambda s: s["securityContext"].update(seccompProfile={"type": "Unconfined"}),
    "hostPath": lambda s: s["volumes"].append({"name": "host", "hostPath": {"path": "/"}}),
    "a secret mounted": lambda s: s["volumes"].append(
        {"name": "keys", "secret": {"secretName": "enclave-secrets"}}
    ),
    "endless folder": lambda s: s["volumes"].append({"name": "scratch", "emptyDir": {}}),
    "resolver": lambda s: s.update(dnsPolicy="ClusterFirst"),
    "for ever": lambda s: s.pop("activeDeadlineSeconds"),
    "again": lambda s: s.update(restartPolicy="Always"),
    "data writable": lambda s: s["containers"][0]["volumeMounts"][0].pop("readOnly"),
    "all projects": lambda s: s["containers"][0]["volumeMounts"][0].pop("subPath"),
    "a secret inside": lambda s: s["containers"][0]["env"].append({"name": "X_SECRET", "value": "x"}),
    "an init container": lambda s: s.update(
        initContainers=[{"name": "iptables", "image": "x", "securityContext": {"privileged": True}}]
    ),
}


@pytest.mark.parametrize("name", SABOTAGE)
def test_a_hole_is_seen(name):
    made = copy.deepcopy(objects("canary/secure.yaml")[0])
    assert holes([made], POLICIES) == []
    SABOTAGE[name](made["spec"])
    assert holes([made], POLICIES)


def test_a_session_without_its_policies_is_seen():
    session = objects("canary/secure.yaml")
    assert holes(session, [])
    assert holes(session, [p for p in POLICIES if p["metadata"]["name"] == "default-deny"])
    assert not denied_by_default([], SESSION)


#: The house's other doors, another session, and what every cluster has around it.
PEERS = {
    "house": {"labels": HOUSE},
    "another session": {"labels": SESSION},
    "a pod without labels": {"labels": {}},
    "the resolver": {
        "labels": {"k8s-app": "kube-dns"},
        "namespace": {"kubernetes.io/metadata.name": "kube-system"},
    },
    "the edge": {"labels": {}, "namespace": {"registry-enclave/edge": "true"}},
    "a house elsewhere": {"labels": HOUSE, "namespace": {"kubernetes.io/metadata.name": "elsewhere"}},
    "metadata": {"ip": "169.254.169.254"},
    "the resolver's address": {"ip": "10.96.0.10"},
    "the API server": {"ip": "192.0.2.13"},
    "the database": {"ip": "192.0.2.10"},
    "the node": {"ip": "10.0.0.1"},
    "the world": {"ip": "203.0.113.7"},
    "the world by IPv6": {"ip": "2001:db8::1"},
}
PORTS = (22, 53, 80, 443, 5432, 6443, 8000, 8001, 8081, 8443, 8444, 8600, 8601, 8602, 8888, 10250)


def reached(labels, way, policies=POLICIES):
    return {
        (name, protocol, port)
        for name, peer in PEERS.items()
        for protocol in ("TCP", "UDP", "SCTP")
        for port in PORTS
        if lets(policies, labels, way, peer, port, protocol)
    }


def test_a_session_reaches_the_facade_and_is_reached_by_the_gateway_and_nothing_else():
    assert reached(SESSION, "egress") == {("house", "TCP", 8602)}
    assert reached(SESSION, "ingress") == {("house", "TCP", 8888)}


def test_the_house_lets_sessions_in_at_one_port_and_the_edge_at_two():
    assert reached(HOUSE, "ingress") == {
        ("another session", "TCP", 8602),
        ("the edge", "TCP", 8443),
        ("the edge", "TCP", 8444),
    }
    assert ("the world", "TCP", 443) not in reached(HOUSE, "egress")


@pytest.mark.parametrize(
    "rule",
    [
        {"to": [{"ipBlock": {"cidr": "0.0.0.0/0"}}]},
        {"ports": [{"protocol": "UDP", "port": 53}]},
        {"to": [{"podSelector": {}}], "ports": [{"port": 8888}]},
        {},
    ],
)
def test_one_more_rule_opens_a_way_and_is_seen(rule):
    opened = copy.deepcopy(POLICIES)
    next(p for p in opened if p["metadata"]["name"] == "sessions")["spec"]["egress"].append(rule)
    assert reached(SESSION, "egress", opened) > {("house", "TCP", 8602)}


@pytest.mark.parametrize("tier", TIERS, ids=lambda one: one.tier)
def test_kubespawner_makes_the_same_pod(tier, monkeypatch):
    made = spawned("targeting", tier.limits, monkeypatch)
    kubernetes_validate.validate(made, SCHEMA, strict=True)
    assert holes([made], POLICIES) == []
    ours = pod("x", "targeting", tier.limits, ["x"])["spec"]
    spec = made["spec"]
    for key in set(ours) - {"containers"}:
        assert spec[key] == ours[key], key
    mine, theirs = ours["containers"][0], spec["containers"][0]
    for key in ("image", "securityContext", "volumeMounts", "workingDir"):
        assert theirs[key] == mine[key], key
    for kind in ("limits", "requests"):
        assert int(theirs["resources"][kind]["memory"]) == tier.limits.memory
        assert float(theirs["resources"][kind]["cpu"]) == tier.limits.cpu_percent / 100
        assert theirs["resources"][kind]["ephemeral-storage"] == mine["resources"][kind]["ephemeral-storage"]
    assert spec["activeDeadlineSeconds"] == tier.limits.max_seconds
    assert theirs["args" if "args" in theirs else "command"][-1].endswith("/session/pod.py")


def spawned(project, limits, monkeypatch):
    """The pod that KubeSpawner would ask the cluster for; nothing is asked."""
    from kubernetes_asyncio.client import ApiClient
    from kubespawner import KubeSpawner, spawner
    from traitlets.config import Config

    monkeypatch.setattr(spawner, "load_config", lambda *_, **__: None)
    monkeypatch.setattr(spawner, "shared_client", lambda *_, **__: None)
    config = Config({"KubeSpawner": spawner_settings(project, limits)})
    one = KubeSpawner(config=config, _mock=True)
    one.get_env = dict
    made = asyncio.run(one.get_pod_manifest())
    return ApiClient.sanitize_for_serialization(ApiClient.__new__(ApiClient), made)


def test_numbers_come_from_the_policy():
    rules = {
        r.id: r
        for v in BOOK.document("workspaces").versions[-1:]
        for r in v.rules
        if r.kind == "session_limits"
    }
    assert {one.tier for one in TIERS} == set(rules)
    for tier in TIERS:
        spec = objects(f"canary/{tier.tier}.yaml")[0]["spec"]
        assert spec["activeDeadlineSeconds"] == rules[tier.tier].max_seconds
        assert spec["containers"][0]["resources"]["limits"]["memory"] == str(rules[tier.tier].memory_bytes)
        less = replace(tier.limits, memory=2**30, max_seconds=60, tmp=2**20, cpu_percent=50)
        small = pod("x", "x", less, ["x"])["spec"]
        assert small["containers"][0]["resources"]["limits"]["memory"] == str(2**30)
        assert small["containers"][0]["resources"]["limits"]["cpu"] == "500m"
        assert small["activeDeadlineSeconds"] == 60
        assert {v["emptyDir"]["sizeLimit"] for v in small["volumes"] if v["name"] in {"tmp", "shm"}} == {
            str(2**20)
        }


def test_folders_in_memory_fit_into_the_memory():
    for tier in TIERS:
        sizes = [
            int(v["emptyDir"]["sizeLimit"])
            for v in pod("x", "x", tier.limits, ["x"])["spec"]["volumes"]
            if "emptyDir" in v
        ]
        assert sum(sizes) < tier.limits.memory


@pytest.mark.parametrize("slug", ["", "..", "a/b", "../x", ".", "a b", "ä", "a\0"])
def test_a_project_that_is_no_slug_is_no_path(slug):
    with pytest.raises(Invalid, match="slug"):
        mounts(slug)


def test_the_charts_own_ways_out_are_shut():
    (values,) = objects("values.yaml")
    policy = values["singleuser"]["networkPolicy"]
    assert len(EGRESS_RULES) == 6
    assert policy["egressAllowRules"] == dict.fromkeys(EGRESS_RULES, False)
    assert policy["egress"] == []
    assert policy["enabled"] is False  # its own policy would add the chart's proxy; ours holds
    assert values["singleuser"]["cloudMetadata"]["blockWithIptables"] is False
    spawner = values["hub"]["config"]["KubeSpawner"]
    assert spawner["mem_limit"] == strictest(TIERS).memory
    assert spawner["automount_service_account_token"] is False


def test_secrets_are_named_and_never_written_down():
    text = "".join((FOLDER / name).read_text() for name in [*MANIFESTS, "values.yaml"])
    assert "kind: Secret" not in text
    assert "postgresql" not in text
    house = next(spec for name, _, spec in pods(EVERYTHING) if name == "house")
    for container in house["containers"]:
        named = {
            one["name"] for one in container.get("env", []) if "secretKeyRef" in one.get("valueFrom", {})
        }
        assert ("REGISTRY_ENCLAVE_MASTER_KEY" in named) is (container["name"] != "edge")


def test_one_container_alone_may_ask_the_cluster():
    house = next(spec for name, _, spec in pods(EVERYTHING) if name == "house")
    holders = [c["name"] for c in house["containers"] if any(m["name"] == "token" for m in c["volumeMounts"])]
    assert holders == ["hub"]
    (role,) = [one for one in EVERYTHING if one["kind"] == "Role"]
    assert {resource for rule in role["rules"] for resource in rule["resources"]} == {"pods", "events"}
    assert not [one for one in EVERYTHING if one["kind"].startswith("ClusterRole")]
