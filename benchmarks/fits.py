"""Speed of the fits, beside the usual way with scipy in the same run.

The usual way is Hoffmann et al.'s (2022): L-BFGS from a grid of 4,500 starts with the analytic
gradient, and one BFGS a resample, with scipy's own numerical gradient and with the analytic one. By
default a sample of the starts and resamples is timed and scaled up; --all runs every one. Points:
svg_extracted_data.csv (--points) without its five highest losses, or, without it, as many simulated
ones.
"""

import argparse
import itertools
import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from isoloss.fit.covariance import solved
from isoloss.fit.fitted import state
from isoloss.fit.fitting import fit, problem
from isoloss.fit.laws.chinchilla import value as chinchilla
from isoloss.fit.registry import LAWS
from isoloss.fit.resampling import resample
from isoloss.fit.surface import fit_surface
from scipy.optimize import minimize

BESIDE = Path(__file__).parents[2] / "shared/data/chinchilla/svg_extracted_data.csv"
POINTS = Path(os.environ.get("ISOLOSS_CHINCHILLA", BESIDE))
DELTA = 1e-3
# Hoffmann et al. 2022, appendix D.3: a, b, e, alpha, beta.
GRID = list(
    itertools.product(
        np.arange(0, 30, 5.0),
        np.arange(0, 30, 5.0),
        np.arange(-1, 1.5, 0.5),
        np.arange(0, 2.5, 0.5),
        np.arange(0, 2.5, 0.5),
    )
)


def surface_points(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Parameters, tokens and losses of 240 runs."""
    if path.is_file():
        table = pd.read_csv(path).sort_values("loss").iloc[:-5]
        n = table["Model Size"].to_numpy()
        return n, table["Training FLOP"].to_numpy() / (6 * n), table["loss"].to_numpy()
    random = np.random.default_rng(0)
    n, d = np.exp(random.uniform(18, 23.5, 240)), np.exp(random.uniform(20, 25, 240))
    noise = np.exp(random.normal(0, 7e-3, 240))
    return n, d, chinchilla(n, d, 1.82, 480, 0.347, 2100, 0.367) * noise


def huber(
    theta: np.ndarray, logs: np.ndarray, log_loss: np.ndarray, weights: np.ndarray
) -> tuple[float, np.ndarray]:
    """The objective of Hoffmann et al. in (a, b, e, alpha, beta), and its gradient."""
    a, b, e, alpha, beta = theta
    terms = np.stack([a - alpha * logs[0], b - beta * logs[1], np.full(log_loss.size, e)])
    top = terms.max(axis=0)
    powers = np.exp(terms - top)
    total = powers.sum(axis=0)
    share = powers / total
    r = log_loss - top - np.log(total)
    near = np.minimum(np.abs(r), DELTA)
    slope = -weights * np.clip(r, -DELTA, DELTA)
    by = [share[0], share[1], share[2], -share[0] * logs[0], -share[1] * logs[1]]
    return float(np.sum(weights * near * (np.abs(r) - near / 2))), np.array(
        [np.sum(slope * each) for each in by]
    )


def seconds(action: Callable[[], object], repeats: int = 3) -> float:
    """The fastest of a few runs."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        action()
        times.append(time.perf_counter() - start)
    return min(times)


def usual_fit(points: tuple[np.ndarray, ...], starts: int) -> tuple[float, float]:
    """Seconds for all 4,500 starts, and the lowest objective found."""
    n, d, loss = points
    logs, one = np.log(np.stack([n, d])), np.ones(loss.size)
    chosen = GRID[:: max(1, len(GRID) // starts)]
    begin = time.perf_counter()
    lowest = min(
        minimize(huber, x, (logs, np.log(loss), one), method="L-BFGS-B", jac=True).fun
        for x in chosen
    )
    return (time.perf_counter() - begin) * len(GRID) / len(chosen), lowest


def usual_bootstrap(
    points: tuple[np.ndarray, ...], resamples: int, done: int, analytic: bool
) -> float:
    """Seconds for one BFGS a resample, from the optimum of the points."""
    n, d, loss = points
    logs, best = np.log(np.stack([n, d])), fit_surface(n, d, loss)
    start = [np.log(best.a), np.log(best.b), np.log(best.floor), best.alpha, best.beta]
    random = np.random.default_rng(0)
    begin = time.perf_counter()
    for _ in range(done):
        weights = np.bincount(random.integers(0, loss.size, loss.size), minlength=loss.size)
        arguments = logs, np.log(loss), weights
        if analytic:
            minimize(huber, start, arguments, method="BFGS", jac=True)
        else:
            minimize(lambda *x: huber(*x)[0], start, arguments, method="BFGS")
    return (time.perf_counter() - begin) * resamples / done


def pair_bootstrap(resamples: int) -> None:
    """Resample both arms of a power-law pair of five sizes, jointly."""
    compute = np.geomspace(1.7, 15, 5)
    for stretch in (1.0, 1.16):
        loss = 2.3 * (compute * stretch) ** -0.053 * np.exp(1e-3 * np.sin(np.arange(5)))
        draws = resample(solved(problem(compute, loss)), list("abcde"), "case", resamples)
        LAWS["power"].natural(draws.phi)


def measure(path: Path, starts: int, resamples: int, done: int, pairs: int) -> pd.DataFrame:
    """One row a task: seconds here, seconds the usual way, and the ratio."""
    points = surface_points(path)
    size = points[2].size
    ours = seconds(lambda: fit_surface(*points))
    theirs, lowest = usual_fit(points, starts)
    best = fit_surface(*points).objective
    if best > lowest * (1 + 1e-9):
        raise RuntimeError(f"scipy found a lower minimum: {lowest!r} against {best!r}")
    rows = [("surface: one fit", ours, theirs)]
    stated = state(LAWS["chinchilla"], points[:2], points[2], "huber_log")
    ours = seconds(lambda: resample(solved(stated), np.arange(size), "case", resamples))
    for gradient in ("numerical", "analytic"):
        theirs = usual_bootstrap(points, resamples, done, gradient == "analytic")
        rows.append((f"surface: {resamples} resamples, {gradient} gradient", ours, theirs))
    ours = seconds(lambda: pair_bootstrap(pairs))
    rows.append((f"power-law pair: {pairs} resamples", ours, np.nan))
    c = np.geomspace(1, 50, 8)
    for law in ("power", "power_floor"):
        loss = LAWS["power_floor"].value(c, 1.1, 0.15, 1.4) * np.exp(1e-3 * np.sin(np.arange(8)))
        rows.append((f"{law}: one fit", seconds(lambda y=loss, w=law: fit(c, y, w)), np.nan))
    table = pd.DataFrame(rows, columns=["task", "seconds", "usual_seconds"])
    return table.assign(ratio=table["usual_seconds"] / table["seconds"])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--points", type=Path, default=POINTS)
    parser.add_argument("--all", action="store_true", help="time every start and resample")
    parser.add_argument("--table", type=Path)
    options = parser.parse_args()
    starts, done = (len(GRID), 4000) if options.all else (90, 40)
    results = measure(options.points, starts, 4000, done, 10_000)
    if options.table:
        options.table.parent.mkdir(parents=True, exist_ok=True)
        results.to_csv(options.table, index=False, float_format="%.4g")
    print(results.to_string(index=False, float_format=lambda x: f"{x:.4g}"))


if __name__ == "__main__":
    main()
