"""Uniques: of those that are alone in the file, how many are alone in the population as well."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import gammaln

from anonymization.risk.classes import Classes, Floats, Ints
from anonymization.risk.tally import Tally


@dataclass(frozen=True, slots=True)
class PopulationUniques:
    """Estimated numbers of persons who are alone with their key in the population.

    Args:
        in_file: records of the file that are (the sum of f_k / F_k over sample uniques); the figure that matters.
        in_population: all persons of the population who are, by Pitman's model; None where it cannot be fitted
            (fewer than two records, or a file in which all keys are alone or all are the same).
    """

    in_file: float
    in_population: float | None


def population_uniques(found: Tally, classes: Classes) -> PopulationUniques:
    """Estimates from the sample and its weights.

    `in_file`: under the negative binomial model of Benedetti and Franconi (1998), P(F = 1 | f = 1) = p = 1/F_k, so
    the records expected to be population uniques are the sum of 1/F_k over sample uniques (a record whose weight
    says that it stands for itself alone counts 1). `in_population`: Pitman's sampling model (Hoshino 2001, Applying
    Pitman's sampling formula to microdata disclosure risk assessment; recommended below sampling fractions of 10 %
    by Dankar et al. 2012), fitted to the class sizes by maximum likelihood and read at N = the sum of weights.

    Args:
        found: distinct keys. classes: their f_k and F_k.
    """
    alone = classes.fk == 1
    in_file = float((found.count[alone] / np.maximum(classes.Fk[alone], 1.0)).sum())
    own = np.rint(found.count).astype(np.int64)
    return PopulationUniques(in_file, pitman_uniques(own, float(found.weight.sum())))


def pitman_uniques(sizes: Ints, population: float) -> float | None:
    """Hoshino's estimate of the number of population uniques, from the sample's class sizes.

    Args:
        sizes: records in each class of the sample, shape (classes,).
        population: how many persons there are; no fewer than the sample.

    Returns:
        None where the model cannot be fitted: fewer than two records or classes, or no class with two.
    """
    n, classes = int(sizes.sum()), len(sizes)
    if population <= n:
        return float((sizes == 1).sum())
    if classes < 2 or classes == n:
        return None
    values, times = np.unique(sizes, return_counts=True)

    def loss(place: Floats) -> float:
        theta, alpha = np.exp(place[0]), 1 / (1 + np.exp(-place[1]))
        ratio = theta / alpha
        new = (classes - 1) * np.log(alpha) + gammaln(ratio + classes) - gammaln(ratio + 1)
        drawn = gammaln(theta + n) - gammaln(theta + 1)
        again = (times * (gammaln(values - alpha) - gammaln(1 - alpha))).sum()
        return float(drawn - new - again)

    starts = [(np.log(classes), 0.0), (np.log(classes), -4.0), (0.0, 1.0)]
    fits = [minimize(loss, start, method="L-BFGS-B", bounds=[(-20, 30), (-12, 12)]) for start in starts]
    best = min(fits, key=lambda fit: float(fit.fun)).x
    theta, alpha = float(np.exp(best[0])), float(1 / (1 + np.exp(-best[1])))
    # The expectation of the classes of size one among N draws, exactly.
    log = (
        np.log(population)
        + gammaln(theta + 1)
        - gammaln(theta + alpha)
        + gammaln(theta + alpha + population - 1)
        - gammaln(theta + population)
    )
    return float(min(np.exp(log), population))


def log_linear_risk(found: Tally, classes: Classes) -> tuple[float, float]:
    """Skinner and Holmes' (1998) model-based global risk, with the independence log-linear model.

    A key's expected sample count is lambda_k = n prod_j n_j(k_j)/n (main effects only: for sparse keys this tends to
    overstate risk, Skinner and Shlomo 2008), F_k - f_k given f_k is Poisson with mu_k = lambda_k (1 - pi) / pi,
    pi = n/N. Keys with a missing value are left out: they have no cell.

    Returns:
        (expected number of sample uniques that are population uniques, sum of exp(-mu);
        expected number of correct matches on sample uniques, sum of (1 - exp(-mu)) / mu).
    """
    n, total = float(found.count.sum()), float(found.weight.sum())
    alone = (classes.fk == 1) & (found.codes >= 0).all(axis=1)
    if n == 0 or not alone.any():
        return 0.0, 0.0
    log = np.full(int(alone.sum()), np.log(n))
    for j in range(found.codes.shape[1]):
        known = found.codes[:, j] >= 0
        margin = np.bincount(found.codes[known, j], weights=found.count[known])
        log += np.log(margin[found.codes[alone, j]] / found.count[known].sum())
    mu = np.exp(log) * max(total / n - 1, 0.0)
    small = mu < 1e-8
    match = np.where(small, 1 - mu / 2, -np.expm1(-mu) / np.where(small, 1.0, mu))
    return float(np.exp(-mu).sum()), float(match.sum())
