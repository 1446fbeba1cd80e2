"""Who says who may be inside: the enclave itself, or in a demonstration whatever the environment names."""

from __future__ import annotations

import importlib
import os
from typing import cast

from enclave.kernel.errors import Invalid
from enclave.kernel.ports import EntitlementAuthority
from enclave.settings import Settings

_OVERRIDE = "REGISTRY_ENCLAVE_AUTHORITY"


def entitlement_authority(settings: Settings) -> EntitlementAuthority:
    """The authority that every spawn and every poll asks.

    Raises:
        Invalid: when another authority is named outside a demonstration.
    """
    named = os.environ.get(_OVERRIDE, "")
    if not named:
        from enclave.bootstrap import build  # noqa: PLC0415 - heavy, and not needed by the tests of the hub alone

        return cast("EntitlementAuthority", build(settings).workspaces)
    if not settings.demo:
        raise Invalid(
            [f"{_OVERRIDE} replaces the decision who may work on the data: only a demo may set it."]
        )
    module, _, factory = named.partition(":")
    return cast("EntitlementAuthority", getattr(importlib.import_module(module), factory)(settings))
