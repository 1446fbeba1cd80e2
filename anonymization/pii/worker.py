"""A process that redacts one chunk: JSON in on standard input, JSON out on standard output, nothing on disk.

A plain child process rather than multiprocessing: no fork of a threaded server, and no re-import of whoever
called.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter

from anonymization.errors import AnonymizationError
from anonymization.pii.chunk import Job, redact_chunk
from anonymization.pii.knowledge import Knowledge
from anonymization.pii.linked import Linked


class Worker:
    """A started chunk; `result` waits for it, `stop` ends it."""

    def __init__(self, job: Job) -> None:
        path = os.pathsep.join(p for p in sys.path if p)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "anonymization.pii.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
        )
        # The child reads all of its input before it writes, so this cannot deadlock.
        if self._process.stdin:
            self._process.stdin.write(_to_json(job))
            self._process.stdin.close()

    def result(self) -> tuple[list[str | None], Counter[str]]:
        """As `redact_chunk`; raises AnonymizationError when the process did not finish."""
        data = b""
        if self._process.stdout:
            data = self._process.stdout.read()
            self._process.stdout.close()
        if self._process.wait() != 0:
            raise AnonymizationError(
                "A process that redacts text stopped before it was done (often for lack of memory). "
                "Nothing was released; run the recipe again, with one process if it repeats."
            )
        done = json.loads(data)
        return done["texts"], Counter(done["counts"])

    def stop(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()


def _to_json(job: Job) -> bytes:
    return json.dumps(
        {
            "texts": list(job.texts),
            "columns": dict(job.linked.columns),
            "values": {k: list(v) for k, v in job.linked.values.items()},
            "countries": list(job.countries),
            "profile": job.profile,
            "keep_words": list(job.keep_words),
            "knowledge": job.knowledge.to_json(),
            "languages": list(job.languages),
            "replace": job.replace,
            "key": job.key.hex(),
            "models": job.models,
        }
    ).encode()


def main() -> None:
    data = json.load(sys.stdin)
    linked, knowledge = Linked(data["columns"], data["values"]), Knowledge.from_json(data["knowledge"])
    job = Job(
        data["texts"],
        linked,
        data["countries"],
        data["profile"],
        data["keep_words"],
        knowledge,
        data["languages"],
        data["replace"],
        bytes.fromhex(data["key"]),
        data["models"],
    )
    texts, counts = redact_chunk(job)
    json.dump({"texts": texts, "counts": dict(counts)}, sys.stdout)


if __name__ == "__main__":
    main()
