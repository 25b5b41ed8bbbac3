"""Processor seconds for the specifications of one comparison, beside a yardstick of plain numpy.

Two arms of six sizes, two conventions, four selections of points and none of a law; least squares
on log loss and on loss, whose intervals are closed forms, and with --huber the estimator whose
intervals are refits.
"""

import argparse
import time

import numpy as np
import pandas as pd
from isoloss.fit.settings import Fitting
from isoloss.multiplier.choices import Data, choices
from isoloss.multiplier.settings import Comparison, Varied


def points(shift: float) -> pd.DataFrame:
    """Final losses of both arms."""
    random, rows = np.random.default_rng(0), []
    for arm, better in (("base", 1.0), ("new", 1.2)):
        for i, e in enumerate(random.normal(0, 2e-3, 6)):
            loss = 2.4 * (better * 3**i) ** -0.05 * np.exp(e) + shift
            for convention in ("one", "two"):
                at = 3.0**i * (1 + (convention == "two") * (arm == "base"))
                rows.append((f"{arm}{i}", arm, f"m{i}", "loss", convention, at, loss))
    columns = ["run", "arm", "model", "metric", "convention", "compute_pflop_s_days", "loss"]
    nan = dict.fromkeys(["loss_se", "parameters", "tokens"], np.nan)
    return pd.DataFrame(rows, columns=columns).assign(used=True, **nan)


def main() -> None:
    """Print the numbers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--huber", action="store_true")
    methods = ["huber_log"] if parser.parse_args().huber else ["least_squares"]
    selections = {f"selection {i}": points(1e-3 * i) for i in range(4)}
    fit = Fitting("power", "least_squares_log", "none", "wild", 1000)
    places = [0.1, 0.25, 0.4, 0.6, 0.75, 0.9]
    varied = Varied([], [], [], methods, ["direct"], places, [1.0, 0.5], "model", ["model", "none"])
    data = Data(selections, "base", fit, Comparison([], "model", 0.95, 41, 0.25), varied)
    start = time.process_time()
    table = choices(data)
    spent = time.process_time() - start
    start = time.process_time()
    for seed in range(100):
        np.linalg.svd(np.random.default_rng(seed).normal(size=(100, 100)))
    yardstick = time.process_time() - start
    print(f"{len(table)} specifications, {table['used'].sum()} fitted: {spent:.2f} s of processor")
    print(f"{1e3 * spent / len(table):.2f} ms each; yardstick {yardstick:.2f} s")


if __name__ == "__main__":
    main()
