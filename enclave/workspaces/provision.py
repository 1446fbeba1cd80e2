"""Making a project's own cut of a release: its variables, its areas, its own pseudonyms, and nothing else."""

from __future__ import annotations

import io
import secrets
from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np
import pandas as pd

from anonymization.keys import Custody, normalise
from enclave.catalogue.model import ColumnRole, Dataset
from enclave.custody.service import project_scope
from enclave.kernel.actors import Actor, Capability
from enclave.kernel.errors import IllegalMove, NotFound
from enclave.kernel.events import Event
from enclave.kernel.kit import Kit
from enclave.releases.manifest import MEDIA_TYPE, manifest_bytes
from enclave.releases.model import Release, ReleaseState
from enclave.releases.service import BUCKET
from enclave.requests.model import ENTITLEMENT_MACHINE, Entitlement, EntitlementState, EntitlementVerb
from enclave.workspaces.staging import about


@dataclass(frozen=True, slots=True)
class Provisioning:
    """The use case behind the job "provision".

    Args:
        keys: the custody of the projects' pseudonym keys.
        lock_days: for how long a cut cannot be deleted.
    """

    kit: Kit
    keys: Custody
    lock_days: int

    def provision(self, actor: Actor, entitlement_id: str) -> Entitlement:
        """Makes, stores and records the cut. Doing it again when it is done changes nothing."""
        actor.must(Capability.EXTRACT_PROCESS)
        with self.kit.read() as uow:
            entitlement = uow.get(Entitlement, entitlement_id)
            if entitlement.state is not EntitlementState.GRANTED:
                return entitlement
            release = uow.get(Release, entitlement.release)
            if release.state is not ReleaseState.PUBLISHED:
                raise IllegalMove(
                    "The release behind this entitlement is no longer in use, so no cut is made of it."
                )
            dataset = uow.first(Dataset, slug=entitlement.dataset)
        if dataset is None:
            raise NotFound("The dataset of this entitlement is no longer in the catalogue.")
        source = next(ref for ref in release.files if ref.key.endswith(".parquet"))
        # Nullable types: a whole number beside a blank stays a whole number, and "30" stays "30".
        table = pd.read_parquet(io.BytesIO(self.kit.objects.read(source)), dtype_backend="numpy_nullable")
        cut = self.cut(table, dataset, entitlement)
        if cut.empty:
            raise IllegalMove(
                "No row of the release lies in the areas that were granted: nothing to work on."
            )
        entitlement = replace(entitlement, rows=len(cut))
        now = self.kit.clock.now()
        until = now + timedelta(days=self.lock_days)
        prefix = f"projects/{entitlement.project}/{entitlement.id}"
        buffer = io.BytesIO()
        cut.to_parquet(buffer, index=False)
        put = self.kit.objects.put
        data = put(
            BUCKET,
            f"{prefix}/{dataset.slug}.parquet",
            buffer.getvalue(),
            media_type="application/vnd.apache.parquet",
            retain_until=until,
        )
        note = put(
            BUCKET,
            f"{prefix}/{dataset.slug}.about.json",
            about(entitlement, data.sha256, list(cut.columns)),
            media_type="application/json",
            retain_until=until,
        )
        manifest = put(
            BUCKET,
            f"{prefix}/manifest.json",
            manifest_bytes(
                release=release.id,
                files=(data, note),
                recipe=release.recipe,
                policies=release.cites,
                evidence=release.files[-1].sha256,
                created_at=now,
            ),
            media_type=MEDIA_TYPE,
            retain_until=until,
        )
        with self.kit.write() as uow:
            state = ENTITLEMENT_MACHINE.move(entitlement.state, EntitlementVerb.PROVISION)
            entitlement = uow.put(replace(entitlement, state=state, files=(data, note), manifest=manifest))
            facts = {
                "project": entitlement.project,
                "rows": entitlement.rows,
                "manifest": manifest.sha256,
                "key_version": self.keys.open(project_scope(entitlement.project)).version,
            }
            uow.audit(Event.ENTITLEMENT_PROVISION, actor, f"entitlement:{entitlement.id}", facts)
            for person in entitlement.people:
                words = f"The data of project {entitlement.project} are ready. You can open the workspace."
                uow.notify(person, words, f"/projects/{entitlement.project}")
            uow.commit()
        return entitlement

    def cut(self, table: pd.DataFrame, dataset: Dataset, entitlement: Entitlement) -> pd.DataFrame:
        """The entitled rows and columns, re-keyed and shuffled.

        Rows whose area was suppressed belong to no area and are left out when areas are named. Row order carries
        no information: it is drawn anew from the system's randomness for each cut.
        """
        if entitlement.areas:
            table = table[table[dataset.area].map(normalise, na_action="ignore").isin(entitlement.areas)]
        columns = [c for c in table.columns if c in set(entitlement.variables)]
        table = table[columns]
        # One domain for a kind of id: tokens of one household agree across a project's tables, and nowhere else.
        tokens = {str(c): str(c) for c in columns if _is_token(dataset, str(c))}
        scope = project_scope(entitlement.project)
        table = self.keys.open(scope).rekey(table, tokens, scope)
        order = np.random.default_rng(secrets.randbits(128)).permutation(len(table))
        return table.iloc[order].reset_index(drop=True)


def _is_token(dataset: Dataset, column: str) -> bool:
    described = dataset.column(column)
    return described is not None and described.role is ColumnRole.DIRECT
