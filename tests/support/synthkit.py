"""A house with an extract of made-up households and its microdata, on disk, so that other processes see it too."""

from __future__ import annotations

import hashlib
import io
import os
import pickle
import shutil
import signal
from collections.abc import Callable, Iterator, MutableMapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from houses import TODAY, House, _template, _wired

from enclave.catalogue.dictionary import load_dictionary
from enclave.catalogue.model import ColumnType
from enclave.extracts.orders import Orders
from enclave.extracts.service import Extracts
from enclave.extracts.synthesising import Synthesising
from enclave.kernel.tiers import Tier
from enclave.releases.service import Product

DICTIONARY = Path(__file__).parents[2] / "enclave/demo/dictionaries/ibr-households.yaml"
SLUG = "ibr-households"
RELEASED = (
    "household_id", "region_code", "group_size", "head_sex", "poverty_score", "eligible", "welfare_aggregate",
    "enrolled_cct", "enrolled_pension", "enrolled_school_meals",
)  # fmt: skip


class DiskBlobs(MutableMapping[tuple[str, str, str], bytes]):
    """The memory store's blobs, each a file."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir(parents=True, exist_ok=True)

    def _path(self, key: tuple[str, str, str]) -> Path:
        return self.root / hashlib.sha256("\0".join(key).encode()).hexdigest()

    def __setitem__(self, key: tuple[str, str, str], data: bytes) -> None:
        part = self._path(key).with_suffix(f".{os.getpid()}")
        part.write_bytes(pickle.dumps((key, data)))
        part.rename(self._path(key))

    def __getitem__(self, key: tuple[str, str, str]) -> bytes:
        try:
            return pickle.loads(self._path(key).read_bytes())[1]
        except OSError:
            raise KeyError(key) from None

    def __delitem__(self, key: tuple[str, str, str]) -> None:
        self._path(key).unlink()

    def __iter__(self) -> Iterator[tuple[str, str, str]]:
        return iter([pickle.loads(p.read_bytes())[0] for p in self.root.iterdir() if not p.suffix])

    def __len__(self) -> int:
        return sum(1 for _ in self)


class Sealer:
    """Hides nothing; sealing is tried elsewhere."""

    def seal(self, source: Path, to: Path, *, dataset: str, context: str) -> str:
        shutil.copyfile(source, to)
        return "key"

    def unseal(self, source: Path, to: Path, *, dataset: str, wrapped: str, context: str) -> Path:
        shutil.copyfile(source, to)
        return to


def opened(root: Path, minutes: float = 0) -> House:
    """The house on this disk, with connections of its own, and a clock that is so many minutes on."""
    house = _wired(root, f"sqlite:///{root / 'enclave.sqlite'}")
    house.clock.move(minutes=minutes)
    house.objects.blobs = DiskBlobs(root / "objects")
    house.extracts = Extracts(house.kit, Sealer(), root / "scratch")
    house.synthesising = Synthesising(house.kit, house.extracts, house.releases, house.budgets)
    house.orders = Orders(house.kit)
    return house


def households(n: int = 500, seed: int = 5) -> pd.DataFrame:
    """A table in every type of the dictionary; enrolment follows the score."""
    rng, columns = np.random.default_rng(seed), {}
    score = np.clip(rng.normal(50, 15, n), 0, 100).round(1)
    for c in load_dictionary(DICTIONARY).columns:
        codes = list(c.values)
        if codes:
            drawn = rng.choice(codes, n)
            columns[c.name] = drawn.astype(int) if c.type is ColumnType.INTEGER else drawn
        elif c.type is ColumnType.BOOLEAN:
            columns[c.name] = rng.random(n) < np.where(score < 45, 0.7, 0.1)
        elif c.type is ColumnType.DATE:
            columns[c.name] = pd.Timestamp("2000-01-01") + pd.to_timedelta(rng.integers(0, 5000, n), unit="D")
        elif c.type is ColumnType.STRING:
            columns[c.name] = [f"{c.name}{i}" for i in range(n)]
        elif c.type is ColumnType.INTEGER:
            columns[c.name] = rng.integers(int(c.lower), int(c.upper) + 1, n)
        else:
            columns[c.name] = (rng.random(n) * (c.upper - c.lower) + c.lower).round(2)
    welfare = np.exp(rng.normal(7.5, 0.3, n) + score / 100).round(2)
    return pd.DataFrame(
        {**columns, "poverty_score": score, "eligible": score <= 45, "welfare_aggregate": welfare}
    )


def a_house(root: Path, n: int = 500) -> tuple[House, str]:
    """The house, and the id of its extract, which is processed."""
    (root / "enclave.sqlite").write_bytes(_template())
    house = opened(root)
    stefan, table = house.actor("stefan"), households(n)
    house.catalogue.describe(stefan, load_dictionary(DICTIONARY))
    table.to_parquet(root / "sent.parquet")
    extract = house.extracts.register(
        stefan, dataset=SLUG, path=root / "sent.parquet", as_of=TODAY, source="a test's file"
    )
    buffer = io.BytesIO()
    table[list(RELEASED)].to_parquet(buffer, index=False)
    house.releases.publish(
        stefan,
        Product(
            dataset=SLUG, extract=extract.id, tier=Tier.SCIENTIFIC_USE, title="Households",
            files=[(f"{SLUG}.parquet", buffer.getvalue(), "application/vnd.apache.parquet")], columns=RELEASED, rows=n,
            evidence={"schema": "test"}, summary={}, recipe="test@1:0",
        ),
    )  # fmt: skip
    return house, extract.id


def in_a_process(work: Callable[[], Any]) -> int:
    """Does it in a fork; how that ended: 0, or minus the signal."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
            os._exit(0)
        except BaseException:  # noqa: BLE001 - the fork must not go on as the test
            import traceback

            traceback.print_exc()
            os._exit(1)
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status)


def kill_me(*_: Any, **__: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)
