"""Whether two arms can be what they are said to be: doubts by the name of a rule, in words."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from isoloss.fit.along import is_surface
from isoloss.fit.request import ISOFLOP
from isoloss.multiplier.settings import Gate
from isoloss.units import PFLOP_S_DAY, Floats

SIZE = re.compile(r"(?<![A-Za-z0-9.])(\d+(?:[._]\d+)?)\s*([MBT])(?![A-Za-z0-9])", re.IGNORECASE)
NUMBERED = r"[-_.@/ ]*(?:step|ckpt|checkpoint|iter)?[-_.=@/ ]*\d+$"
# Exponents of laws, by what loss falls with.
FALLS_WITH = {
    **dict.fromkeys(("exponent", "exponent_after"), "compute"),
    **{"alpha": "parameters", "beta": "tokens"},
}
UNIT = {"m": 1e6, "b": 1e9, "t": 1e12}

Fits = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Compared:
    """Used points of one metric and convention of two arms, and the rows of their fits."""

    baseline: pd.DataFrame
    candidate: pd.DataFrame
    fits: Fits
    limits: Gate

    @property
    def arms(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Baseline and candidate."""
        return self.baseline, self.candidate

    @cached_property
    def points(self) -> pd.DataFrame:
        """Points of both arms."""
        return pd.concat(self.arms, ignore_index=True)

    @property
    def names(self) -> tuple[str, str]:
        """The names of the arms."""
        return str(self.baseline["arm"].iloc[0]), str(self.candidate["arm"].iloc[0])

    @property
    def of_compute(self) -> bool:
        """Whether losses are taken to depend on compute alone."""
        law = str(self.fits[0]["law"])
        return law != ISOFLOP and not is_surface(law)

    def ends(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """The models that both arms have, of each its point of most compute, in one order."""
        first, second = (
            arm.sort_values("compute_pflop_s_days").groupby("model", sort=False).tail(1)
            for arm in self.arms
        )
        shared = [model for model in first["model"] if model in set(second["model"])]
        return first.set_index("model").loc[shared], second.set_index("model").loc[shared]


def doubts(
    baseline: pd.DataFrame, candidate: pd.DataFrame, fits: Fits, limits: Gate
) -> dict[str, str]:
    """What makes a comparison doubtful, in words by the name of a rule.

    baseline, candidate: rows of the points table, used, of one metric and convention; N and D may
    be unknown. fits: their rows of the fit table, of one law. A rule speaks once.
    """
    unknown = {"parameters": np.nan, "tokens": np.nan}
    first, second = (arm.assign(**unknown | dict(arm)) for arm in (baseline, candidate))
    compared = Compared(first, second, fits, limits)
    found = ((name, next(find(compared), "")) for name, find in FINDERS.items())
    return {name: words for name, words in found if words}


def sizes(label: str) -> list[float]:
    """The numbers of parameters that a model's label states: 1_3b has 1.3e9, d12 none."""
    return [
        float(digits.replace("_", ".")) * UNIT[unit.lower()]
        for digits, unit in SIZE.findall(str(label))
        if float(digits.replace("_", ".")) > 0
    ]


def listed(names: Sequence[str], most: int = 5) -> str:
    """Names, and how many more there are: the table has them all."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def did_you_mean(labels: Sequence[str]) -> str:
    """Labels of models that differ by case, spelling or unit alone, as a question; "" if none."""
    for i, label in enumerate(labels):
        for other in labels[:i]:
            if _plain(label) == _plain(other) or _near(sizes(label), sizes(other)):
                return f"did you mean `{other}` by `{label}`?"
    return ""


def _plain(label: str) -> str:
    return re.sub(r"[\s\-]", "", label.lower().replace("_", ".").replace("o", "0"))


def _near(first: list[float], second: list[float]) -> bool:
    return any(abs(np.log(a / b)) < 0.05 for a in first for b in second)


def _apart(ratio: Any) -> Any:
    """Ratios as factors above 1; NaN as 1."""
    with np.errstate(divide="ignore"):
        return np.nan_to_num(np.exp(np.abs(np.log(np.asarray(ratio, dtype=np.float64)))), nan=1.0)


def _outside(values: pd.Series, ends: Sequence[float]) -> Iterator[int]:
    """Where values lie outside, the one that lies farthest first."""
    beyond = np.maximum(_apart(values / ends[0]), _apart(values / ends[1]))
    wrong = ((values < ends[0]) | (values > ends[1])).to_numpy()
    yield from (int(i) for i in np.argsort(-beyond, kind="stable") if wrong[i])


def _size_label(of: Compared) -> Iterator[str]:
    for row in of.points.itertuples():
        stated = sizes(row.model)
        if not stated or not row.parameters > 0:
            continue
        ratio = min((row.parameters / size for size in stated), key=_apart)
        if _apart(ratio) > of.limits.label:
            yield (
                f"run {row.run} has {row.parameters:.3g} parameters and is called {row.model} "
                f"({ratio:.3g} x); correct `parameters` or `model` in the run sheet"
            )


def _compute(of: Compared) -> Iterator[str]:
    low, high = of.limits.compute
    for i in _outside(of.points["compute_pflop_s_days"], of.limits.compute):
        row = of.points.iloc[i]
        yield (
            f"run {row['run']} has {row['compute_pflop_s_days']:.3g} PFLOP/s-days, outside "
            f"{low:g} to {high:g}; correct the unit of its compute, parameters or tokens"
        )


def _tokens_per_parameter(of: Compared) -> Iterator[str]:
    low, high = of.limits.tokens_per_parameter
    ratio = of.points["tokens"] / of.points["parameters"]
    for i in _outside(ratio, of.limits.tokens_per_parameter):
        row = of.points.iloc[i]
        yield (
            f"run {row['run']} has {ratio.iloc[i]:.3g} tokens per parameter ({row['tokens']:.3g} "
            f"/ {row['parameters']:.3g}), outside {low:g} to {high:g}; correct the unit of its "
            "tokens or parameters"
        )


def _same_model(of: Compared) -> Iterator[str]:
    first, second = of.ends()
    for column, limit, unit in (
        ("parameters", of.limits.parameters, "parameters"),
        ("tokens", of.limits.tokens, "tokens"),
        ("compute_pflop_s_days", of.limits.compute_of_model, "PFLOP/s-days"),
    ):
        apart = _apart(first[column] / second[column])
        if apart.size and apart.max() > limit:
            at = int(apart.argmax())
            a, b = first.iloc[at], second.iloc[at]
            yield (
                f"model {first.index[at]} has {a[column]:.3g} {unit} in run {a['run']} and "
                f"{b[column]:.3g} in run {b['run']} ({apart[at]:.3g} x); correct the one that is "
                "wrong, or its unit"
            )


def _per_6nd(of: Compared) -> Iterator[str]:
    points = of.points
    per = points["compute_pflop_s_days"] * (PFLOP_S_DAY / 6) / points["parameters"]
    per = per / points["tokens"]
    if per.isna().any():
        return
    usual = float(per.median())
    for i in np.argsort(-_apart(per / usual), kind="stable"):
        if _apart(per.iloc[i] / usual) > of.limits.per_6nd:
            yield (
                f"run {points['run'].iloc[i]} has compute {per.iloc[i]:.3g} x 6 N D where "
                f"{usual:.3g} x is usual; correct its compute, parameters or tokens"
            )
    medians = [float(per[points["arm"] == name].median()) for name in of.names]
    if _apart(medians[1] / medians[0]) > of.limits.per_6nd:
        yield (
            f"compute is {medians[0]:.3g} x 6 N D in arm {of.names[0]} and {medians[1]:.3g} x in "
            f"arm {of.names[1]}; count both by one convention"
        )


def _loss(of: Compared) -> Iterator[str]:
    at = int(of.points["loss"].to_numpy().argmax())
    row = of.points.iloc[at]
    if row["loss"] > of.limits.loss:
        yield (
            f"run {row['run']} has loss {row['loss']:.4g}, above {of.limits.loss:g} nats, as a "
            "perplexity, a percentage, a sum or a run that never learnt has; give the mean loss a "
            "token in nats, or leave the run out (`exclude`)"
        )


def _at_equal_compute(of: Compared) -> Iterator[str]:
    (c, loss), (d, other) = (_sorted(arm) for arm in of.arms)
    low, high = max(c[0], d[0]), min(c[-1], d[-1])
    if low > high:
        return
    at = float(low + high) / 2
    ratio = float(np.exp(np.interp(at, c, loss) - np.interp(at, d, other)))
    if _apart(ratio) > of.limits.losses:
        bits = " (bits are 1.44 x nats)" if abs(_apart(ratio) * np.log(2) - 1) < 0.1 else ""
        yield (
            f"at {np.exp(at):.3g} PFLOP/s-days the losses of {of.names[0]} are {ratio:.3g} x "
            f"those of {of.names[1]}{bits}; give the same metric of both in nats"
        )


def _sorted(arm: pd.DataFrame) -> tuple[Floats, Floats]:
    """Logarithms of compute and mean log loss at each, by compute."""
    mean = np.log(arm["loss"]).groupby(np.log(arm["compute_pflop_s_days"])).mean()
    return mean.index.to_numpy(np.float64), mean.to_numpy(np.float64)


def _exponents(of: Compared) -> Iterator[tuple[str, str, float]]:
    """Arm, what its loss falls with, and the exponent of that."""
    for row in of.fits:
        for name, axis in FALLS_WITH.items():
            if row.get(name) == row.get(name) and row.get(name) is not None:
                yield str(row["arm"]), axis, float(row[name])


def _rises(of: Compared) -> Iterator[str]:
    for arm, axis, exponent in _exponents(of):
        if exponent <= of.limits.exponent[0]:
            yield (
                f"metric {of.points['metric'].iloc[0]} does not fall with {axis} in arm {arm} "
                f"(exponent {exponent:.3g}), as a loss does; give a loss in nats, and {axis} in "
                f"{'its' if axis == 'compute' else 'their'} own column"
            )


def _steep(of: Compared) -> Iterator[str]:
    for arm, axis, exponent in _exponents(of):
        if axis == "compute" and exponent > of.limits.exponent[1]:
            yield (
                f"the law of arm {arm} has exponent {exponent:.3g}, above "
                f"{of.limits.exponent[1]:g}; correct the columns or units of compute and loss"
            )


def _floor(of: Compared) -> Iterator[str]:
    for row, points in zip(of.fits, of.arms, strict=True):
        lowest = points["loss"].min()
        if row.get("floor", np.nan) > lowest:
            yield (
                f"the law of arm {row['arm']} has its floor at {row['floor']:.4g}, above its "
                f"measured loss {lowest:.4g}; choose a law without a floor in the study (`fit`)"
            )


def _copies(of: Compared) -> Iterator[str]:
    for arm in of.arms:
        same = arm[arm.duplicated(["compute_pflop_s_days", "loss"], keep=False)]
        runs = list(dict.fromkeys(same["run"]))
        if len(runs) > 1:
            yield (
                f"run {runs[1]} has the compute and loss of run {runs[0]} to the last digit; "
                "remove the copy from the run sheet"
            )
    first, second = of.ends()
    same = first["loss"] == second["loss"]
    if same.sum() > 1:  # one may be chance where losses have few digits
        a, b = first[same].iloc[0], second[same].iloc[0]
        yield (
            f"run {b['run']} has the loss of run {a['run']} ({a['loss']:.6g}), so {same.sum()} "
            f"models of {len(first)}, to the last digit; give each arm its own logs"
        )


def _alike(of: Compared) -> Iterator[str]:
    """Copied logs with noise on them: seeds of one recipe differ by more."""
    first, second = of.ends()
    apart = np.abs(np.log(first["loss"].to_numpy() / second["loss"].to_numpy()))
    if len(first) > 2 and 0 < apart.max() < of.limits.alike:
        yield (
            f"losses of {of.names[0]} and {of.names[1]} agree within {100 * apart.max():.1g}% at "
            f"all {len(first)} sizes, closer than two seeds do; see whether the logs are the same"
        )


def _checkpoints(of: Compared) -> Iterator[str]:
    """Runs whose names differ by a number alone, at evenly spaced tokens of one size."""
    for arm in of.arms:
        stem = arm["run"].astype(str).str.replace(NUMBERED, "", regex=True)
        for (name, _), rows in arm.groupby([stem, "parameters"], sort=False):
            tokens = np.sort(rows["tokens"].to_numpy(np.float64))
            steps = np.diff(tokens)
            if rows["run"].nunique() > 3 and steps.min() > 0 and steps.max() < 1.05 * steps.min():
                runs = rows["run"].astype(str)
                yield (
                    f"runs {runs.iloc[0]} to {runs.iloc[-1]} look like "
                    f"{len(rows)} checkpoints of one run, which share its error; call them all "
                    f"{name} in column `run`"
                )


def _weighted(of: Compared) -> Iterator[str]:
    """Errors of points know the noise within a run, and not that between runs."""
    if any(str(row.get("weighted", False)) == "True" for row in of.fits):
        yield (
            "points are weighted by the noise within their runs, which knows nothing of that "
            "between runs: the interval covers 85 to 94%; leave out `weight_by: loss_se`"
        )


def _order(of: Compared) -> Iterator[str]:
    for arm in of.arms if of.of_compute else ():
        rows = list(arm.sort_values("compute_pflop_s_days").itertuples())
        for low, high in pairwise(rows):
            if high.loss > low.loss * (1 + of.limits.rise):
                yield (
                    f"run {high.run} has more compute and a higher loss than run {low.run} "
                    f"({high.loss:.4g} above {low.loss:.4g}); check both"
                )


def _budgets(of: Compared) -> Iterator[str]:
    """Grids of sizes at each budget, and checkpoints: most of their points are off the optimum."""
    for arm in of.arms if of.of_compute else ():
        compute, size, loss = (
            np.log(arm[name].to_numpy(np.float64))
            for name in ("compute_pflop_s_days", "parameters", "loss")
        )
        apart = [np.abs(each[:, None] - each) for each in (compute, size)]
        one_budget = apart[0] < np.log(of.limits.same_compute)
        others = one_budget & (apart[1] > np.log(of.limits.other_size))
        worse = np.where(others, np.abs(loss[:, None] - loss), 0.0).max(axis=1)
        if np.mean(worse > of.limits.budget) > of.limits.budgets:
            yield (
                f"in arm {arm['arm'].iloc[0]} runs of one compute and different sizes differ in "
                f"loss by up to {100 * worse.max():.2g}%, so no law of compute alone holds; fit "
                "a surface (`fit: {law: chinchilla}`), or give the best run of each compute"
            )


def _odd(of: Compared) -> Iterator[str]:
    """The pair of runs whose ratio of losses the trend of the other pairs does not foretell."""
    first, second = of.ends()
    if len(first) < 4 or not of.of_compute:
        return
    at = np.log(first["compute_pflop_s_days"].to_numpy(np.float64))
    apart = np.log(second["loss"].to_numpy(np.float64) / first["loss"].to_numpy(np.float64))
    found = []
    for i in range(len(at)):
        others = np.arange(len(at)) != i
        line = np.polyfit(at[others], apart[others], 1)
        rest = apart[others] - np.polyval(line, at[others])
        scatter = float(np.sqrt((rest**2).sum() / (len(rest) - 2)))
        off = float(apart[i] - np.polyval(line, at[i]))
        if abs(off) > max(of.limits.odd, of.limits.odd_scatter * scatter):
            found.append((scatter, off, i))
    if found:  # without the odd pair the others scatter least
        _, off, i = min(found)
        yield (
            f"runs {first['run'].iloc[i]} and {second['run'].iloc[i]} differ in loss by "
            f"{100 * abs(off):.2g}% more than the other sizes foretell; check both"
        )


FINDERS: Mapping[str, Callable[[Compared], Iterator[str]]] = {
    "size_label": _size_label,
    "tokens_per_parameter": _tokens_per_parameter,
    "same_model": _same_model,
    "compute": _compute,
    "per_6nd": _per_6nd,
    "loss": _loss,
    "at_equal_compute": _at_equal_compute,
    "rises": _rises,
    "steep": _steep,
    "floor": _floor,
    "copies": _copies,
    "checkpoints": _checkpoints,
    "budgets": _budgets,
    "order": _order,
    "odd": _odd,
    "alike": _alike,
    "weighted": _weighted,
}
