"""Random combinations of mistakes, in made-up and public ladders: no confident wrong headline.

`GATE_ATTACKS=500 pytest tests/unit/test_gate_attack.py` tries as many; a few are always tried. What
no machine sees in the points, all of one arm off by one factor below the limits, is left out.
"""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from isoloss.fit.problem import FitError
from isoloss.multiplier.verdict import verdict
from test_mistakes_gate import DAY, TRUTH, judged, ladder

ATTACKS = int(os.environ.get("GATE_ATTACKS", "12"))
FACTORS = [10.0**k for k in (-9, -6, -3, -2, -1, 1, 2, 3, 6, 9)]
FACTORS += [np.log(2), 1 / np.log(2), 1 / 3, 3, 0.5, 2, 8, 2048, 0.9, 0.95, 1.05, 1.1, 1.2, 1.5]
CLOSE = np.log(1.03)  # a number that is off by less is not wrong
WIDE = ["loss", "compute_pflop_s_days", "parameters", "tokens"]


def speedrun() -> pd.DataFrame:
    """MuonH at seven sizes against AdamW at four: the public ladder of tests/data/speedrun."""
    path = Path(__file__).parents[1] / "data/speedrun/points.csv"
    table = pd.read_csv(path).rename(columns={"bpb": "loss"})
    names = {table["arm"].iloc[0]: "base", "muonh-qwen3": "new"}
    table = table[table["arm"].isin(names)].reset_index(drop=True)
    unknown = {name: np.nan for name in ("parameters", "tokens") if name not in table}
    return table.assign(
        arm=table["arm"].map(names), metric="loss", convention="logged", loss_se=0.002, rows=1
    ).assign(**unknown, used=True, reason="")


def mistake(points: pd.DataFrame, random: np.random.Generator) -> tuple[str, pd.DataFrame]:
    """One mistake, what it is, and the points with it."""
    points = points.copy()
    run, arm = str(random.choice(points["run"])), str(random.choice(["base", "new"]))
    one = points["run"] == run
    known = bool(points[["parameters", "tokens"]].notna().to_numpy().all())
    kind = str(random.choice([*["scale"] * 5, *KINDS]))
    if kind == "scale":
        column = str(random.choice(WIDE if known else WIDE[:2]))
        factor, where = float(random.choice(FACTORS)), str(random.choice(["one", "arm", "both"]))
        if where == "arm" and 0.2 < factor < 5:
            where = "one"  # in all of one arm it is not seen
        here = {"one": one, "arm": points["arm"] == arm, "both": points["loss"] > 0}[where]
        points.loc[here, column] *= factor
        if column in ("parameters", "tokens"):
            points["compute_pflop_s_days"] = points["parameters"] * points["tokens"] * DAY
        return f"{column} x {factor:.4g} in {where}: {run} {arm}", points
    if kind == "exponential":
        points.loc[one, "loss"] = np.exp(points.loc[one, "loss"])
    elif kind == "never learnt":
        points.loc[one, "loss"] = np.log(50304)
    elif kind == "columns":
        names = ["compute_pflop_s_days", "loss"]
        points.loc[one, names] = points.loc[one, names[::-1]].to_numpy()
    elif kind in ("loss", "model"):
        two = random.choice(points.index[points["arm"] == arm], 2, replace=False)
        points.loc[two, kind] = points.loc[two[::-1], kind].to_numpy()
    elif kind == "copied":
        of = points[points["arm"] == "base"].drop_duplicates("model").set_index("model")["loss"]
        here = (points["arm"] == "new") & points["model"].isin(of.index)
        noise = np.exp(random.normal(0, random.choice([0, 1e-5, 1e-4]), here.sum()))
        points.loc[here, "loss"] = of.loc[points.loc[here, "model"]].to_numpy() * noise
    elif kind == "missing":
        points = points[~one].reset_index(drop=True)
    elif kind == "label":
        points.loc[one, "model"] = points.loc[one, "model"].str.lower() + " "
    else:
        twice = points[one].assign(run=run + "-again")
        twice["loss"] *= np.exp(random.normal(0, random.choice([0, 3e-4])))
        points = pd.concat([points, twice], ignore_index=True)
    return f"{kind}: {run} {arm}", points


KINDS = ("exponential", "never learnt", "columns", "loss", "model")
KINDS += ("copied", "missing", "label", "twice")


@pytest.mark.parametrize("seed", range(ATTACKS))
def test_no_combination_of_mistakes_gives_a_confident_wrong_headline(seed):
    random = np.random.default_rng(seed)
    points, truth = (ladder(seed), TRUTH) if seed % 3 else (speedrun(), None)
    if truth is None:
        truth = judged(points)[0]["multiplier"]
    made = []
    for _ in range(random.integers(1, 4)):
        name, points = mistake(points, random)
        made.append(name)
    try:
        row, line = judged(points)
    except FitError:
        return  # too few points: told before anything runs
    found = verdict(row)
    wrong = abs(np.log(row["multiplier"] / truth)) > CLOSE
    wrong &= not row["ci_low"] <= truth <= row["ci_high"]
    assert not wrong or not found.headline or set(found.reasons) - {"undecided"}, (made, line)
