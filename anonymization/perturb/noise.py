"""Noise on numbers: additive, correlated, multiplicative.

Sources: Brand (2002), Microdata protection through noise addition, in Domingo-Ferrer (ed.), Inference Control in
Statistical Databases; Kim (1986), A method for limiting disclosure in microdata based on random noise and
transformation; Kim and Winkler (2003) for multiplicative noise. Noise inflates variances and bends ratios (poverty
severity most of all), so each function says what it keeps.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def additive(values: Floats, share: float, normals: Floats, spread: Floats) -> Floats:
    """X + share * s * e, each variable by itself: keeps means; variances grow by the factor 1 + share^2.

    Args:
        values: shape (n, d); a missing value stays missing.
        share: standard deviation of the noise over that of the variable.
        normals: shape (n, d), standard normal draws.
        spread: shape (d,), the variables' standard deviations.
    """
    return np.asarray(values + share * spread * normals, dtype=np.float64)


def correlated(values: Floats, share: float, normals: Floats, covariance: Floats, centre: Floats) -> Floats:
    """Noise with share^2 times the variables' own covariance, then shrunk about the means (Kim 1986).

    Keeps means, variances and correlations in expectation: m + (x - m + e) / sqrt(1 + share^2). A missing value stays
    missing.

    Args:
        values, normals: shape (n, d); share: as `additive`.
        covariance, centre: shape (d, d) and (d,), of the complete records.
    """
    eigenvalues, vectors = np.linalg.eigh(covariance)
    root = (vectors * np.sqrt(np.maximum(eigenvalues, 0.0))) @ vectors.T
    noise = share * (normals @ root)
    return np.asarray(centre + (values - centre + noise) / np.sqrt(1 + share**2), dtype=np.float64)


def multiplicative(values: Floats, share: float, normals: Floats) -> Floats:
    """X * exp(s e - s^2 / 2), s^2 = ln(1 + share^2): keeps means, signs and zeros; E x^2 grows by 1 + share^2.

    Args:
        values, normals: shape (n, d).
        share: standard deviation of the factor, whose mean is 1.
    """
    s = np.sqrt(np.log1p(share**2))
    return np.asarray(values * np.exp(s * normals - s * s / 2), dtype=np.float64)
