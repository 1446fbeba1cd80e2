"""Versions of the product that break a promise of differential privacy, each by the smallest change that does it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from anonymization.dp import aggregate, mechanisms, noise, queries, thresholds
from anonymization.dp.accountant import Loss

# Calibration


def noise_for_one_person(patch):
    """Noise that hides one row, sold as noise that hides a household."""
    honest = noise.laplace
    patch.setattr(noise, "laplace", lambda l1, epsilon: honest(1, epsilon))


def noise_halved(patch):
    honest = noise.laplace

    def weak(l1, epsilon):
        return replace(honest(l1, epsilon), measurement=honest(l1, 2 * epsilon).measurement)

    patch.setattr(noise, "laplace", weak)


def noise_far_too_small(patch, times):
    """Every draw of every mechanism at so many times the loss that is claimed for it."""
    laplace, gaussian, quantile, finding = noise.laplace, noise.gaussian, noise.quantile, thresholds.laplace

    def weak(made, dear):
        return replace(made, measurement=dear.measurement)

    def choosing(candidates, alpha, rows, *, epsilon=0.0, rho=0.0):
        dear = quantile(candidates, alpha, rows, epsilon=times * epsilon, rho=times**2 * rho)
        return weak(quantile(candidates, alpha, rows, epsilon=epsilon, rho=rho), dear)

    def keys(many, epsilon, delta):
        return weak(finding(many, epsilon, delta), finding(many, epsilon, min(delta * 64, 0.9)))

    patch.setattr(
        noise, "laplace", lambda l1, epsilon: weak(laplace(l1, epsilon), laplace(l1, times * epsilon))
    )
    patch.setattr(noise, "gaussian", lambda l2, rho: weak(gaussian(l2, rho), gaussian(l2, times**2 * rho)))
    patch.setattr(noise, "quantile", choosing)
    patch.setattr(thresholds, "laplace", keys)


def gaussian_noise_halved(patch):
    honest = noise.gaussian

    def weak(l2_squared, rho):
        return replace(honest(l2_squared, rho), measurement=honest(l2_squared, 4 * rho).measurement)

    patch.setattr(noise, "gaussian", weak)


def overlap_forgotten(patch):
    """A household in three programmes changes three cells; the noise is for one."""
    honest_l, honest_g = noise.laplace, noise.gaussian
    patch.setattr(noise, "laplace", lambda l1, epsilon: honest_l(-(-l1 // 3), epsilon))
    patch.setattr(noise, "gaussian", lambda l2, rho: honest_g(-(-l2 // 3), rho))


def claim_understated(patch):
    honest = mechanisms.cost

    def half(query, **limits):
        lost = honest(query, **limits)
        return Loss(lost.epsilon / 2, lost.delta / 2, lost.rho / 2)

    patch.setattr(mechanisms, "cost", half)


# Contributions


def values_not_clamped(patch):
    def ticks(self, values):
        return np.rint((values - self.middle) / self.tick).astype(np.int64)

    patch.setattr(aggregate.Grain, "ticks", ticks)


def bounds_from_the_data(patch):
    honest = mechanisms.answer

    def answer(query, df, **limits):
        seen = df[query.column].astype(float)
        return honest(replace(query, lower=float(seen.min()), upper=float(seen.max()) + 1), df, **limits)

    patch.setattr(mechanisms, "answer", answer)


def candidates_from_the_data(patch):
    """A quantile among the values that there are: what is chosen is some household's own value."""
    honest = mechanisms.answer

    def answer(query, df, **limits):
        made = honest(query, df, **limits)
        values = np.sort(df[query.column].astype(float).to_numpy())
        near = values[np.minimum(np.searchsorted(values, made.frame["value"].fillna(0)), len(values) - 1)]
        return replace(made, frame=made.frame.assign(value=near))

    patch.setattr(mechanisms, "answer", answer)


def weights_forgotten(patch):
    """Each row of a household counts whole; the noise is for a household that counts one."""
    patch.setattr(
        aggregate, "_weights", lambda query, unit, present: np.full(len(unit), queries.WEIGHT, dtype=np.int64)
    )


def a_household_in_both_parts_of_a_ratio(patch):
    """The denominator counts who is in the numerator once more, for the same price."""
    honest = mechanisms.exact

    def exact(query, df, *found):
        made = honest(query, df, *found)
        sides = made.counts.reshape(-1, 2).copy()
        sides[:, 1] += sides[:, 0]
        return replace(made, counts=sides.ravel())

    patch.setattr(mechanisms, "exact", exact)


def rows_not_truncated(patch):
    """Every row of a household counts, however many there are; the noise is for `max_rows`."""
    honest = aggregate._one_household_at_a_time

    def all_of_them(query, *rows):
        return honest(replace(query, max_rows=1_000), *rows)

    patch.setattr(aggregate, "_one_household_at_a_time", all_of_them)


# Draws


def floating_point_noise(patch):
    """The textbook Laplace in floating point: its lowest bits say what it was added to (Mironov 2012)."""
    honest, rng = mechanisms.answer, np.random.default_rng()

    def answer(query, df, **limits):
        made = honest(query, df, **limits)
        noisy = mechanisms.exact(query, df).counts + rng.laplace(0.0, made.frame["noise_scale"])
        return replace(made, frame=made.frame.assign(value=np.maximum(noisy, 0), value_raw=noisy))

    patch.setattr(mechanisms, "answer", answer)


def generator_reseeded(patch):
    """The same seed for each request: the noise is a constant."""

    def add(self, values):
        drawn = np.random.default_rng(1).laplace(0, self.scale, len(values))
        return [int(v) + int(n) for v, n in zip(values, np.rint(drawn), strict=True)]

    patch.setattr(noise.Noise, "add", add)


def one_draw_for_all_cells(patch):
    """Cells share their noise: what two of them differ by is exact."""
    honest = noise.Noise.add

    def add(self, values):
        (drawn,) = honest(self, [0])
        return [int(v) + drawn for v in values]

    patch.setattr(noise.Noise, "add", add)


def no_noise(patch):
    patch.setattr(noise.Noise, "add", lambda self, values: [int(v) for v in values])


def an_error_when_nothing_matches(patch):
    honest = mechanisms.exact

    def exact(query, df, *found):
        made = honest(query, df, *found)
        if not made.counts.any():
            raise KeyError("no rows")
        return made

    patch.setattr(mechanisms, "exact", exact)


# Keys that are found


def every_key_named(patch):
    """Keys found in the data without a threshold: a household alone in its key is listed."""

    def find(self, households):
        return dict(sorted((key, int(n)) for key, n in households.items() if n > 0))

    patch.setattr(thresholds.KeyNoise, "find", find)


def threshold_without_noise(patch):
    """Above the threshold or not is decided on the exact number; only what is shown has noise."""

    def find(self, households):
        drawn = noise.laplace(1, 1.0)
        above = {key: n for key, n in households.items() if n >= self.threshold}
        return {key: drawn.add([n])[0] for key, n in sorted(above.items())}

    patch.setattr(thresholds.KeyNoise, "find", find)
