"""The methods of synthesis by name: one table, which recipes, benches and pages read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from anonymization.errors import RecipeProblem

from .protocol import SynthesisPlan, Synthesizer


def _gaussian_copula(plan: SynthesisPlan) -> Synthesizer:
    from .sdv import GaussianCopula  # noqa: PLC0415 - an optional part, loaded late

    return GaussianCopula(plan.columns, plan.rules)


def _cart(plan: SynthesisPlan) -> Synthesizer:
    from .cart import Cart  # noqa: PLC0415 - as above

    return Cart(plan.columns, plan.min_leaf)


def _neural(plan: SynthesisPlan) -> Synthesizer:
    from .sdv import Neural  # noqa: PLC0415 - as above

    return Neural(
        plan.method,
        plan.columns,
        epochs=plan.epochs,
        seconds=plan.max_seconds,
        megabytes=plan.max_megabytes,
    )


def _mst(plan: SynthesisPlan) -> Synthesizer:
    from .private import PrivateTree  # noqa: PLC0415 - as above

    return PrivateTree(plan.columns, plan.domains, plan.epsilon, plan.delta, plan.unit_id)


#: Name to what makes an unfitted synthesizer from a plan.
METHODS: Mapping[str, Callable[[SynthesisPlan], Synthesizer]] = MappingProxyType(
    {"gaussian_copula": _gaussian_copula, "cart": _cart, "ctgan": _neural, "tvae": _neural, "mst": _mst}
)


def synthesizer(plan: SynthesisPlan) -> Synthesizer:
    """The method that the plan names.

    Raises:
        RecipeProblem: when there is no such method.
    """
    made = METHODS.get(plan.method)
    if made is None:
        raise RecipeProblem(
            [f"The method of synthesis must be one of {', '.join(METHODS)}; correct the recipe."]
        )
    return made(plan)
