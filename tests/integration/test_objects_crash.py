"""What survives: SIGKILL in the middle of writing, bytes changed on the disk, a lost master key."""

from __future__ import annotations

import os
import random
import threading

import pytest
from objectstore import object_store, service
from pydantic import SecretStr

from enclave.cli.supervisor import Supervisor
from enclave.kernel.errors import EnclaveError, Unavailable
from enclave.kernel.ports import ObjectRef
from enclave.objects import client
from enclave.objects.errors import Tampered
from enclave.objects.s3 import S3Objects

pytestmark = pytest.mark.real

OBJECTS, KILLS = 30, 2
SIZES = (10, 5_000, 300_000, 5 * 2**20)


def test_nothing_acknowledged_is_lost_or_changed_by_a_kill_at_any_instant(tmp_path):
    kept: list[tuple[bytes, ObjectRef]] = []
    tried: set[bytes] = set()
    done = threading.Event()
    with object_store(tmp_path) as store:

        def write() -> None:
            while len(kept) < OBJECTS:
                data = os.urandom(random.choice(SIZES))
                tried.add(data)
                try:
                    ref = store.objects.put("outputs", f"crash/{len(kept)}", data, media_type="x/y")
                except (Unavailable, Tampered):
                    continue  # not acknowledged: whoever wanted it does it again
                kept.append((data, ref))
            done.set()

        writer = threading.Thread(target=write, daemon=True)
        writer.start()
        for kill in range(1, KILLS + 1):
            while len(kept) < kill * OBJECTS // (KILLS + 1):
                done.wait(0.001)
            before = store.pid
            store.supervisor.kill("objects")
            assert store.supervisor.wait_ready("objects", 60)
            assert store.pid != before
        assert done.wait(120)

        for data, ref in kept:
            assert store.objects.read(ref) == data
        rows = store.objects.list("outputs", "crash/")
        given = {(ref.key, ref.version_id) for _, ref in kept}
        assert given <= {(row.key, row.version_id) for row in rows}
        assert len({row.version_id for row in rows}) == len(rows)
        # A kill may leave versions that nobody was told of. They are whole all the same.
        for row in rows:
            if (row.key, row.version_id) not in given:
                reply = store.objects._client.get_object(row.bucket, row.key, version_id=row.version_id)
                assert reply.data in tried
                reply.close()


def test_changed_disks_and_other_master_keys_give_errors_and_never_other_bytes(tmp_path, monkeypatch):
    monkeypatch.setattr(client, "PAUSES", (0.1,))
    with object_store(tmp_path) as store:
        settings, data = store.settings, store.data
        stored = [os.urandom(size) for size in SIZES]
        refs = [store.objects.put("outputs", f"disk/{len(d)}", d, media_type="x/y") for d in stored]

    thief = settings.model_copy(update={"master_key": SecretStr("another-master-key")})
    supervisor = Supervisor([service(thief)], tmp_path)
    supervisor.start()
    try:
        for ref in refs:
            with pytest.raises(EnclaveError):
                S3Objects(thief).read(ref)
    finally:
        supervisor.stop()

    largest = max(data.glob("outputs_*.dat"), key=lambda path: path.stat().st_size)
    content = bytearray(largest.read_bytes())
    content[len(content) // 2] ^= 0x01
    largest.write_bytes(content)
    with object_store(tmp_path, objects_port=settings.objects_port) as store:
        changed = []
        for right, ref in zip(stored, refs, strict=True):
            try:
                assert store.objects.read(ref) == right
            except Tampered as error:
                changed.append((ref.key, error.sentence))
        ((key, sentence),) = changed  # one bit, one object
        assert key in sentence
