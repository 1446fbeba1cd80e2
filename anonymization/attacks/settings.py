"""How hard to attack: numbers of attacks and what an attacker is taken to know, all parameters."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from anonymization.errors import RecipeProblem


@dataclass(frozen=True, slots=True)
class AttackSettings:
    """What bounds the work and fixes the attackers.

    Args:
        attacks: how many units are attacked, or guesses are set out to be made, in each attack and on each side, over
            all runs.
        folds: in how many parts microdata are split, each held out once. The more, the nearer a run comes to the
            release in size, and the more runs of the recipe it takes.
        draws: how many predicates an attacker who singles out may draw up for each guess, to find one that isolates.
        columns: how many columns such a predicate combines.
        tolerance: how near a guessed number must come to count as known, relative to the true one.
        confidence: of every interval.
        most_units: from a larger table so many units are drawn at random first. In a sample a household has fewer
            that look like it, so this errs towards more risk, not less.
        fewest_units: a table with fewer is not attacked: nothing could be told from it.
    """

    attacks: int = 2_000
    folds: int = 4
    draws: int = 5
    columns: int = 4
    tolerance: float = 0.05
    confidence: float = 0.95
    most_units: int = 20_000
    fewest_units: int = 100

    def __post_init__(self) -> None:
        said = []
        if min(self.attacks, self.draws, self.columns) < 1:
            said.append("The numbers of attacks, draws and columns must each be one or more.")
        if not 2 <= self.folds <= 20:
            said.append("The folds of which one is held out must be 2 to 20.")
        if not 0 <= self.tolerance < 1:
            said.append("The tolerance of a guessed number must be at least 0 and below 1.")
        if not 0.5 <= self.confidence < 1:
            said.append("The confidence of the intervals must be at least one half and below 1.")
        if self.most_units < self.fewest_units or self.fewest_units < 4:
            said.append("The fewest units to attack must be 4 or more, and the most at least as many.")
        if said:
            raise RecipeProblem(said)

    def to_dict(self) -> dict[str, object]:
        return asdict(self)
