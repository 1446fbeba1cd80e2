"""Describing datasets and reading the catalogue."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from enclave.catalogue.model import ColumnRole, Dataset
from enclave.kernel.actors import Actor, Capability
from enclave.kernel.errors import NotFound
from enclave.kernel.events import Event
from enclave.kernel.kit import Kit


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Use cases about datasets."""

    kit: Kit

    def describe(self, actor: Actor, dataset: Dataset) -> Dataset:
        """Adds a dataset, or a new version of its data dictionary; the same one again changes nothing."""
        actor.must(Capability.CATALOGUE_CLASSIFY)
        with self.kit.write() as uow:
            known = uow.first(Dataset, slug=dataset.slug)
            if known is not None and replace(dataset, id=known.id, version=known.version) == known:
                return known
            if known is None:
                uow.add(dataset)
                saved = dataset
            else:
                saved = uow.put(replace(dataset, id=known.id, version=known.version))
            roles = {role.value: sum(c.role is role for c in dataset.columns) for role in ColumnRole}
            uow.audit(Event.DATASET_DESCRIBE, actor, f"dataset:{dataset.slug}", {"columns": roles})
            uow.commit()
        return saved

    def classified(self, actor: Actor, dataset: str, facts: Mapping[str, object]) -> None:
        """Writes down that somebody answers for what a dataset's columns are: counts and a digest, no names."""
        actor.must(Capability.CATALOGUE_CLASSIFY)
        with self.kit.write() as uow:
            uow.audit(Event.DATASET_CLASSIFY, actor, f"dataset:{dataset}", facts)
            uow.commit()

    def datasets(self) -> list[Dataset]:
        """Everything in the catalogue. Names and meanings of columns are public; rows never are."""
        with self.kit.read() as uow:
            return uow.find(Dataset)

    def dataset(self, slug: str) -> Dataset:
        with self.kit.read() as uow:
            found = uow.first(Dataset, slug=slug)
        if found is None:
            raise NotFound("There is no such dataset. The catalogue lists the ones that there are.")
        return found
