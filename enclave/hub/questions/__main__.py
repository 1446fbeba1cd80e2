"""`python -m enclave.hub.questions`: answers private questions until SIGTERM."""

from __future__ import annotations

import asyncio
import os
import signal

import structlog

from enclave.bootstrap import build
from enclave.hub.paths import hub_paths
from enclave.hub.questions.door import QUESTIONS_TOKEN
from enclave.hub.questions.server import QuestionServer
from enclave.kernel.derived import derived_secret
from enclave.log import configure
from enclave.settings import Settings

_log = structlog.get_logger(__name__)


async def serve(settings: Settings) -> None:
    """Serves until SIGTERM or SIGINT."""
    token = derived_secret(settings.master_key.get_secret_value(), QUESTIONS_TOKEN)
    server = QuestionServer(build(settings).querying, token, hub_paths(settings).questions_socket)
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    await server.start()
    _log.info("private questions are answered")
    await stopped.wait()
    await server.stop()


def main() -> None:
    settings = Settings()
    configure(settings.log_level)
    os.umask(0o077)
    asyncio.run(serve(settings))


if __name__ == "__main__":
    main()
