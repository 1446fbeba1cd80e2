"""Work on the workers of an existing Dask cluster: `scheduler` is its address, tcp://… or, over a network, tls://….

Every worker must have this package and see the work directory under the same path. The pseudonym keys travel to the
workers with the work, so a cluster on more than one machine needs Dask's TLS.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from anonymization.errors import Unusable
from anonymization.partitions.executors import TRIES, Done, Work, WorkersDied


@dataclass(slots=True)
class Dask:
    """Args: scheduler: its address; patience: seconds to wait for it."""

    scheduler: str
    patience: float = 30.0
    alone: bool = False
    _client: Any = None

    def run(self, work: Work, parts: Sequence[int], done: Done) -> None:
        from distributed import KilledWorker, as_completed  # noqa: PLC0415 - an optional extra, loaded late

        client = self._connected()
        futures = client.map(work, parts, pure=False, retries=TRIES, batch_size=1)
        try:
            for future in as_completed(futures, loop=client.loop):
                done(future.result())
        except KilledWorker:
            raise WorkersDied from None
        finally:
            client.cancel(futures)

    def _connected(self) -> Any:
        if self._client is None:
            try:
                from distributed import Client  # noqa: PLC0415
            except ModuleNotFoundError:
                raise Unusable(
                    "Dask is not installed here. Install the extra: pip install 'registry-enclave[cluster]'."
                ) from None
            try:
                self._client = Client(self.scheduler, timeout=self.patience, set_as_default=False)
            except (OSError, TimeoutError, ValueError):
                raise Unusable(
                    f"No Dask scheduler answers at {self.scheduler}. Correct the address."
                ) from None
        return self._client

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None
