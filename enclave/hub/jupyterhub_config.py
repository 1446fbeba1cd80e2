"""The file that JupyterHub reads; everything is in `enclave.hub.config`."""

from __future__ import annotations

from enclave.hub.config import configure
from enclave.settings import Settings

configure(get_config(), Settings())  # type: ignore[name-defined]  # noqa: F821 - JupyterHub puts it there
