"""Equal-loss compute multipliers C_baseline(L) / C_candidate(L) and their intervals."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from isoloss.laws import LAWS, Floats, Law, Values


@dataclass(frozen=True, eq=False)
class Arm:
    """A fitted law of one arm with the points it was fitted to.

    parameters: in the order of the law's own. covariance: of (log coefficient, exponent[, floor]).
    compute (PFLOP/s-days), loss (nats) and model (the size key that pairs arms): one a point.
    """

    law: Law
    parameters: tuple[float, ...]
    covariance: Floats
    compute: Floats
    loss: Floats
    model: tuple[str, ...]


def arm(fit: Mapping[str, Any], points: pd.DataFrame) -> Arm:
    """Build an arm from its row of the fit table and its rows (used ones) of the points table."""
    law = LAWS[str(fit["law"])]
    parameters = tuple(float(fit[name]) for name in law.parameters)
    se = [float(fit["coefficient_se"]) / float(fit["coefficient"]), float(fit["exponent_se"])]
    off = {(0, 1): "log_coefficient_exponent"}
    if "floor" in law.parameters:
        se.append(float(fit["floor_se"]))
        off |= {(0, 2): "log_coefficient_floor", (1, 2): "exponent_floor"}
    covariance = np.diag(np.square(se))
    for (i, j), name in off.items():
        covariance[i, j] = covariance[j, i] = float(fit[f"covariance_{name}"])
    if len(points) != int(fit["n_points"]):
        raise ValueError(f"a fit to {fit['n_points']} points came with {len(points)} points")
    return Arm(
        law,
        parameters,
        covariance,
        points["compute_pflop_s_days"].to_numpy(np.float64),
        points["loss"].to_numpy(np.float64),
        tuple(points["model"].astype(str)),
    )


def overlap(baseline: Arm, candidate: Arm) -> tuple[float, float] | None:
    """Lowest and highest loss that both arms observed; None where their ranges do not meet."""
    low = float(max(baseline.loss.min(), candidate.loss.min()))
    high = float(min(baseline.loss.max(), candidate.loss.max()))
    return (low, high) if low <= high else None


def loss_grid(baseline: Arm, candidate: Arm, size: int = 50) -> Floats:
    """Losses over the overlap, evenly spaced in log loss; empty where there is none."""
    ends = overlap(baseline, candidate)
    if ends is None:
        return np.empty(0)
    grid = np.geomspace(*ends, size)
    grid[[0, -1]] = ends  # geomspace may miss its ends by a rounding.
    return grid


def multiplier(
    baseline: Arm,
    candidate: Arm,
    loss: Values,
    *,
    pair_by: bool = True,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Compute multiplier at each loss, M = C_baseline(L) / C_candidate(L), one row a loss.

    The interval is exp(log M -+ t sqrt(v)), v by the delta method. Where every model has one
    point in each arm (and pair_by), errors are taken as correlated within a model: with weights
    h of the points in log C(L) and residuals r on log loss, S = r r' / (n - p) and
    v = h_b^2 S_bb + h_c^2 S_cc - 2 h_b.h_c S_bc, with n - p degrees of freedom (`paired`).
    Otherwise v = v_b + v_c and the degrees of freedom are those of Welch and Satterthwaite
    (`welch`). A loss that no compute reaches in an arm has NaN, and a reason.
    """
    if not 0 < confidence < 1:
        raise ValueError(f"confidence is {confidence:g}; expected above 0 and below 1")
    losses = np.atleast_1d(np.asarray(loss, dtype=np.float64))
    if not (np.isfinite(losses) & (losses > 0)).all():
        raise ValueError(f"losses {losses} must be finite and above 0")
    log_c = [a.law.log_inverse(losses, *a.parameters) for a in (baseline, candidate)]
    log_m = log_c[0] - log_c[1]
    order = _pairs(baseline, candidate) if pair_by else None
    if order is None:
        variance, freedom = _welch(baseline, candidate, losses)
        correlation = np.nan
    else:
        variance, freedom, correlation = _paired(baseline, candidate, losses, order)
    half = stdtrit(freedom, 0.5 + confidence / 2) * np.sqrt(variance)
    with np.errstate(over="ignore"):  # Far outside the data, infinity is the answer.
        compute, ratio, low, high = np.exp([log_c[1], log_m, log_m - half, log_m + half])
    ends = overlap(baseline, candidate)
    outside = np.ones_like(losses, dtype=bool)
    if ends is not None:
        outside = (losses < ends[0]) | (losses > ends[1])
    return pd.DataFrame(
        {
            "loss": losses,
            "candidate_compute_pflop_s_days": compute,
            "multiplier": ratio,
            "ci_low": low,
            "ci_high": high,
            "confidence": confidence,
            "interval": "delta_t",
            "degrees_of_freedom": freedom,
            "pairing": "welch" if order is None else "paired",
            "residual_correlation": correlation,
            "n_points": min(baseline.loss.size, candidate.loss.size),
            "extrapolated": outside,
            "reason": _reasons(baseline, candidate, losses, log_c),
        }
    )


def _pairs(baseline: Arm, candidate: Arm) -> list[int] | None:
    """Where the candidate has each model of the baseline; None unless they match one to one."""
    where = {model: i for i, model in enumerate(candidate.model)}
    if len(where) < len(candidate.model) or sorted(baseline.model) != sorted(candidate.model):
        return None
    return [where[model] for model in baseline.model]


def _residuals_and_weights(a: Arm, losses: Floats) -> tuple[Floats, Floats]:
    """Residuals on log loss (n) and the weights of log losses in log C(L) (losses, n)."""
    fitted = a.law.value(a.compute, *a.parameters)
    jacobian = a.law.gradient(a.compute, *a.parameters) / fitted[:, None]
    projection = np.linalg.solve(np.einsum("np,nq->pq", jacobian, jacobian), jacobian.T)
    slope = a.law.inverse_gradient(losses, *a.parameters)
    return np.log(a.loss / fitted), np.einsum("lp,pn->ln", slope, projection)


def _paired(
    baseline: Arm, candidate: Arm, losses: Floats, order: list[int]
) -> tuple[Floats, Floats, float]:
    r_b, h_b = _residuals_and_weights(baseline, losses)
    r_c, h_c = _residuals_and_weights(candidate, losses)
    r_c, h_c = r_c[order], h_c[:, order]
    freedom = r_b.size - len(baseline.parameters)
    s_bb, s_cc, s_bc = (float(np.sum(u * v)) for u, v in ((r_b, r_b), (r_c, r_c), (r_b, r_c)))
    variance = (
        np.sum(h_b * h_b, axis=1) * s_bb
        + np.sum(h_c * h_c, axis=1) * s_cc
        - 2 * np.sum(h_b * h_c, axis=1) * s_bc
    ) / freedom
    correlation = s_bc / np.sqrt(s_bb * s_cc) if s_bb > 0 and s_cc > 0 else np.nan
    return np.maximum(variance, 0), np.full(losses.shape, float(freedom)), float(correlation)


def _welch(baseline: Arm, candidate: Arm, losses: Floats) -> tuple[Floats, Floats]:
    total, spread = np.zeros(losses.shape), np.zeros(losses.shape)
    least = np.inf
    for a in (baseline, candidate):
        slope = a.law.inverse_gradient(losses, *a.parameters)
        variance = np.einsum("lp,pq,lq->l", slope, a.covariance, slope)
        freedom = a.loss.size - len(a.parameters)
        total, spread = total + variance, spread + variance**2 / freedom
        least = min(least, freedom)
    exact = spread == 0  # Points on their laws: any degrees of freedom give a width of zero.
    return total, np.where(exact, least, total**2 / np.where(exact, 1, spread))


def _reasons(baseline: Arm, candidate: Arm, losses: Floats, log_c: list[Floats]) -> list[str]:
    reasons = []
    for i, at in enumerate(losses):
        parts = []
        for name, a, reached in zip(
            ("baseline", "candidate"), (baseline, candidate), log_c, strict=True
        ):
            if np.isnan(reached[i]):
                by = dict(zip(a.law.parameters, a.parameters, strict=True))
                why = (
                    f"its exponent is {by['exponent']:.4g}"
                    if not by["exponent"] > 0
                    else f"its floor is {by['floor']:.6g}"
                )
                parts.append(f"no compute of the {name} reaches loss {at:.6g}: {why}")
        reasons.append("; ".join(parts))
    return reasons
