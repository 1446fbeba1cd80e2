"""Proof that what is stored is what was released: every object read again, every digest compared."""

from __future__ import annotations

from enclave.kernel.errors import EnclaveError
from enclave.kernel.kit import Kit
from enclave.releases.manifest import Manifest, verify
from enclave.releases.model import Release
from enclave.requests.model import Entitlement


def verify_objects(kit: Kit) -> tuple[list[str], int]:
    """One sentence for each object that is missing or not what its manifest says, and how many there are."""
    with kit.read() as uow:
        manifests = [r.manifest for r in uow.find(Release)]
        manifests += [e.manifest for e in uow.find(Entitlement) if e.manifest is not None]
    faults: list[str] = []
    count = 0
    for manifest in manifests:
        count += 1
        faults += [problem.sentence for problem in verify(kit.objects, manifest)]
        try:
            count += len(Manifest.from_bytes(kit.objects.read(manifest)).files)
        except EnclaveError:
            continue
    return faults, count
