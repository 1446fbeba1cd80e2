"""The spawner of pods, with KubeSpawner's calls to a cluster replaced and everything else as it is."""

from __future__ import annotations

import asyncio
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from kubespawner import KubeSpawner, spawner
from traitlets.config import Config

from enclave.hub.facade import HELD
from enclave.hub.kubernetes.carriage import Carriage
from enclave.hub.kubernetes.spawner import ClusterSpawner
from enclave.hub.paths import HubPaths
from enclave.kernel.errors import NotAllowed
from enclave.kernel.ports import Admission, Limits, Mount

POD = "127.0.0.2"


class Authority:
    def __init__(self, admission):
        self.admission, self.admitted, self.recorded = admission, True, []

    def admit(self, user, project):
        if not self.admitted:
            raise NotAllowed("Your access has ended.")
        return self.admission

    def still_admitted(self, user, project):
        return self.admitted

    def record(self, event, user, project, facts):
        self.recorded.append((event, user, project, facts["reason"]))


class Gateway:
    async def opened(self, *_):
        pass

    async def idle_seconds(self, *_):
        return 0.0


@pytest.fixture
def house(tmp_path, monkeypatch):
    short = Path("/tmp") / f"s{tmp_path.stat().st_ino}"
    short.mkdir()
    cluster = SimpleNamespace(pods={}, asked=[])

    async def start(self):
        cluster.pods[self.name] = await self.get_pod_manifest()
        return f"http://{POD}:8888"

    async def stop(self, now=False):
        cluster.asked.append(("stop", now))
        cluster.pods.pop(self.name, None)

    async def poll(self):
        return None if self.name in cluster.pods else 1

    for name, call in (("start", start), ("stop", stop), ("poll", poll)):
        monkeypatch.setattr(KubeSpawner, name, call)
    monkeypatch.setattr(spawner, "load_config", lambda *_, **__: None)
    monkeypatch.setattr(spawner, "shared_client", lambda *_, **__: None)
    server = SimpleNamespace(base_url="/user/alice/targeting/", connect_url="")
    monkeypatch.setattr(ClusterSpawner, "server", server, raising=False)
    monkeypatch.setattr(ClusterSpawner, "name", "targeting", raising=False)
    root = tmp_path / "projects"
    mounts = (
        Mount(root / "data" / "targeting", "/data"),
        Mount(root / "work" / "targeting", "/workspace", writable=True),
    )
    limits = Limits(memory=3 * 2**30, max_seconds=1234)
    admission = Admission("alice", "targeting", 1, 1, mounts, datetime.now(UTC) + timedelta(hours=1), limits)
    authority = Authority(admission)
    for name, value in {
        "settings": SimpleNamespace(state_dir=tmp_path),
        "paths": HubPaths(state=short, run=short),
        "authority": authority,
        "gateway": Gateway(),
        "questions_token": "t",
        "carriage": Carriage("127.0.0.1", 0, 8888),
    }.items():
        monkeypatch.setattr(ClusterSpawner, name, value, raising=False)
    yield SimpleNamespace(cluster=cluster, authority=authority, run=short, root=root, server=server)
    shutil.rmtree(short)


def made():
    one = ClusterSpawner(config=Config(), _mock=True)
    one.api_token = "the-real-token"
    one.user.name = one.user.escaped_name = "alice"
    one.hub = SimpleNamespace(api_url="http://hub", public_host="", base_url="/hub/")
    return one


def sockets(house):
    return sorted(path.suffix for path in house.run.iterdir())


def test_an_admitted_person_gets_the_pod_of_their_admission_and_no_token(house):
    async def run():
        one = made()
        url = await one.start()
        assert url.startswith("http+unix://")
        assert house.server.connect_url == url
        pod = house.cluster.pods["targeting"]
        text = str(pod)
        assert "the-real-token" not in text
        assert HELD in text
        assert pod.spec.active_deadline_seconds == 1234
        assert int(pod.spec.containers[0].resources.limits["memory"]) == 3 * 2**30
        assert {m.sub_path for m in pod.spec.containers[0].volume_mounts if m.sub_path} == {
            "data/targeting",
            "work/targeting",
        }
        assert sockets(house) == [".ask", ".in", ".out"]
        assert await one.poll() is None
        await one.stop()
        assert not house.cluster.pods
        assert sockets(house) == []
        await one.carriage.close()

    asyncio.run(run())


def test_nobody_gets_a_pod_without_leave(house):
    house.authority.admitted = False

    async def run():
        with pytest.raises(Exception, match="ended"):
            await made().start()

    asyncio.run(run())
    assert not house.cluster.pods
    assert sockets(house) == []


def test_a_revoked_leave_takes_the_pod_and_its_sockets_at_the_next_poll(house):
    async def run():
        one = made()
        await one.start()
        house.authority.admitted = False
        assert await one.poll() == 0
        assert not house.cluster.pods
        assert sockets(house) == []
        assert house.authority.recorded[-1][1:] == ("alice", "targeting", "revoked")
        await one.carriage.close()

    asyncio.run(run())


def test_a_pod_that_outlived_its_hub_is_taken_away(house):
    house.cluster.pods["targeting"] = "left over"

    async def run():
        assert await made().poll() == 0

    asyncio.run(run())
    assert not house.cluster.pods


def test_a_mount_that_is_not_the_projects_own_is_refused(house):
    other = Mount(house.root / "data" / "another", "/data")
    house.authority.admission = Admission(
        "alice",
        "targeting",
        1,
        1,
        (other, *house.authority.admission.mounts[1:]),
        house.authority.admission.expires_at,
        house.authority.admission.limits,
    )

    async def run():
        with pytest.raises(Exception, match="volume"):
            await made().start()

    asyncio.run(run())
    assert not house.cluster.pods


def test_a_start_that_fails_leaves_nothing(house, monkeypatch):
    async def fails(self):
        raise TimeoutError

    monkeypatch.setattr(KubeSpawner, "start", fails)

    async def run():
        one = made()
        with pytest.raises(TimeoutError):
            await one.start()
        assert sockets(house) == []
        assert ("stop", True) in house.cluster.asked
        await one.carriage.close()

    asyncio.run(run())
