"""What a loss promises, as points of its (epsilon, delta) curve that an audit can try."""

from __future__ import annotations

from anonymization.dp.accountant import Loss

from .bounds import Claim

#: Deltas at which a loss in rho is tried: its curve is one promise for each delta, and ten thousand runs see no
#: event that is rarer than about the last of these.
DELTAS = (0.1, 0.03, 0.01, 0.003, 0.001)


def claims(loss: Loss) -> tuple[Claim, ...]:
    """The points to try: one for (epsilon, delta), and one for each of `DELTAS` for a loss in rho.

    The conversion is OpenDP's own (its tight one), so that the auditor holds the mechanism to the very numbers
    that the ledger converts to.
    """
    if not loss.rho:
        return (Claim(loss.epsilon, loss.delta),)
    from anonymization.dp.noise import epsilon_of_rho  # noqa: PLC0415 - opendp is loaded late

    return tuple(Claim(epsilon_of_rho(loss.rho, d), d + loss.delta) for d in DELTAS)
