"""Stage tables of made-up studies of any size, as the figures read them: no fit is made."""

import numpy as np
import pandas as pd
from isoloss.flops import CONVENTIONS
from isoloss.paper.figures.breakdown import chosen
from isoloss.units import PFLOP_S_DAY

WORDS = "sparse attention with a gated linear recurrence and a rather long description of it all"
SIZES = np.array([1.0, 2.0, 4.0, 8.0, 16.0])
COMPUTE = 0.1 * SIZES**2
SHAPE = {"floor": 1.5, "a": 400.0, "alpha": 0.34, "b": 410.0, "beta": 0.28}


def label(kind, number, letters):
    """A label of just so many letters, different for every number."""
    return f"{kind}{number} {WORDS}"[:letters].rstrip().ljust(letters, "x")


class Made:
    """Words and tables for so many arms, conventions and metrics, with labels of so many letters.

    Tables are made when they are first asked for, and the words say which rows count.
    """

    def __init__(self, arms, conventions, metrics, letters=12, unit="nats"):
        names = [f"m{i}" for i in range(metrics)]
        self.words = {
            "title": "A made-up study",
            "arms": {f"a{i}": label("A", i, letters) for i in range(arms)},
            "metrics": {name: label("M", i, letters) for i, name in enumerate(names)},
            "units": dict.fromkeys(names, unit),
            "conventions": list(CONVENTIONS)[:conventions],
        }
        self.found = {}

    def __getitem__(self, name):
        if name not in self.found:
            self.found[name] = getattr(self, f"_{name}")()
        return self.found[name]

    def rows(self, *parts):
        """Every combination of arms, metrics, conventions and so on, as a table."""
        every = {
            "arm": list(self.words["arms"]),
            "candidate": list(self.words["arms"])[1:],
            "metric": list(self.words["metrics"]),
            "convention": self.words["conventions"],
            "model": [f"{size:g}B" for size in SIZES],
        }
        index = pd.MultiIndex.from_product([every[part] for part in parts], names=parts)
        return index.to_frame(index=False)

    def number(self, table, column):
        """Where each row's value stands among those of its column."""
        order = {name: i for i, name in enumerate(dict.fromkeys(table[column]))}
        return table[column].map(order).to_numpy(dtype=float)

    def law(self, table):
        """Coefficient and exponent of each row's arm and metric."""
        arm = table["arm"].str[1:].astype(float)
        metric = table["metric"].str[1:].astype(float)
        return 2.3 - 0.02 * arm + 0.05 * metric, 0.052 + 0.001 * (arm % 3)

    def noise(self, size, spread):
        return np.random.default_rng(size).normal(0, spread, size)

    def _points(self):
        table = self.rows("arm", "metric", "convention", "model")
        coefficient, exponent = self.law(table)
        compute = COMPUTE[self.number(table, "model").astype(int)]
        compute = compute * (1 + 0.1 * self.number(table, "convention"))
        loss = coefficient * compute**-exponent * np.exp(self.noise(len(table), 0.004))
        size = SIZES[self.number(table, "model").astype(int)]
        return table.assign(
            run=table["arm"] + "-" + table["model"],
            compute_pflop_s_days=compute,
            loss=loss,
            loss_se=0.004,
            used=True,
            reason="",
            parameters=1e8 * size,
            tokens=compute * PFLOP_S_DAY / (6e8 * size),
        )

    def _fit(self):
        table = self.rows("arm", "metric", "convention")
        coefficient, exponent = self.law(table)
        return table.assign(
            law="power",
            method="least_squares_log",
            coefficient=coefficient,
            exponent=exponent,
            floor=np.nan,
            headline_law=True,
        )

    def _draws(self):
        fit = self["fit"]
        fit = fit[fit["convention"] == self.words["conventions"][0]]
        table = fit.loc[fit.index.repeat(8)].reset_index(drop=True)
        factor = np.exp(self.noise(len(table), 0.004))
        table["coefficient"] *= factor
        return table.assign(draw=np.tile(np.arange(8), len(fit)), converged=True)

    def _flops(self):
        table = self.rows("arm", "convention", "model")
        return table.assign(
            run=table["arm"] + "-" + table["model"],
            flop_per_token=6e8 * SIZES[self.number(table, "model").astype(int)],
            conversion=np.nan,
        )

    def _curves(self):
        points = self["points"]
        points = points[points["convention"] == self.words["conventions"][0]]
        table = points.loc[points.index.repeat(30)].reset_index(drop=True)
        share = np.tile(np.geomspace(0.02, 1, 30), len(points))
        tokens = table["tokens"] * share
        value = table["loss"] * (1 + 0.4 * (1 - share) ** 4)
        return [
            table.assign(
                tokens=tokens,
                step=tokens / 1e6,
                compute_pflop_s_days=np.nan,
                value=value,
                kept=True,
                reasons="",
            )
        ]

    def _quality(self):
        table = self.rows("arm", "model")
        values = 30 * len(self.words["metrics"])
        return table.assign(
            run=table["arm"] + "-" + table["model"],
            verdict="ok",
            used=True,
            reason="",
            findings="",
            details="",
            values=values,
            kept=values,
            flagged=0,
            quarantined=0,
            error="",
            notes="",
        )

    def _multiplier(self):
        pairs = self.rows("candidate", "metric", "convention")
        parts = []
        for kind, losses in (("reported", [2.2]), ("grid", np.linspace(2.0, 2.4, 11))):
            for loss in losses:
                parts.append(pairs.assign(kind=kind, loss=loss))
        table = pd.concat(parts, ignore_index=True)
        candidate = table["candidate"].str[1:].astype(float)
        m = 1.05 + 0.05 * candidate + 0.04 * self.number(table, "convention")
        m *= 1 + 0.2 * (table["loss"] - 2.2)
        width = 1.06 + 0.01 * self.number(table, "metric")
        compute = (2.3 / table["loss"]) ** (1 / 0.052)
        return table.assign(
            baseline="a0",
            counted_in=table["convention"],
            law="power",
            method="least_squares_log",
            status="converged",
            headline_law=True,
            headline=(table["kind"] == "reported")
            & (table["convention"] == self.words["conventions"][0]),
            multiplier=m,
            ci_low=m / width,
            ci_high=m * width,
            confidence=0.95,
            interval="delta_t",
            pairing="paired",
            n_points=5,
            extrapolated=(table["loss"] < 2.05) | (table["loss"] > 2.35),
            candidate_compute_pflop_s_days=compute,
            doubts="",
        )

    def _gain(self):
        pairs = self.rows("candidate", "metric")
        computes = np.geomspace(0.1, 250, 12)
        table = pairs.loc[pairs.index.repeat(12)].reset_index(drop=True)
        compute = np.tile(computes, len(pairs))
        m = 1.05 + 0.05 * table["candidate"].str[1:].astype(float)
        return table.assign(
            convention=self.words["conventions"][0],
            counted_in=self.words["conventions"][0],
            baseline="a0",
            compute_pflop_s_days=compute,
            multiplier=m,
            ci_low=m / 1.1,
            ci_high=m * 1.1,
            predicted_low=m / 1.2,
            predicted_high=m * 1.2,
            confidence=0.95,
            interval="delta_t",
            extrapolated=compute > 26,
        )

    def _residuals(self):
        points = self["points"]
        residual = self.noise(len(points), 0.004)
        return points.assign(
            law="power",
            method="least_squares_log",
            headline_law=True,
            log_residual=residual,
            log_residual_without=1.8 * residual,
        )

    def _holdout(self):
        parts = []
        table = self.rows("arm", "metric", "convention")
        for law in ("power", "power_floor"):
            for reach in (1.5, 2.2, 4.0):
                error = self.noise(len(table), 0.01) * reach
                parts.append(
                    table.assign(law=law, method="least_squares_log", reach=reach, log_error=error)
                )
        return pd.concat(parts, ignore_index=True)

    def _surface(self):
        return self.rows("arm", "metric", "convention").assign(**SHAPE)

    def _isoflop(self):
        table = self.rows("arm", "metric", "convention")
        parts = []
        for budget in (0.1, 1.6, 25.6):
            best = 4e8 * budget**0.5
            parts.append(
                table.assign(
                    law="isoflop",
                    method="parabola",
                    compute_pflop_s_days=budget,
                    lowest_compute_pflop_s_days=budget / 3,
                    highest_compute_pflop_s_days=budget * 3,
                    smallest_parameters=1e7,
                    largest_parameters=1e11,
                    optimal_parameters=best,
                    optimal_loss=2.3 * budget**-0.052,
                    log_parameters_se=0.1,
                    parameters_coefficient=4e8,
                    parameters_exponent=0.5,
                )
            )
        return pd.concat(parts, ignore_index=True)

    def _breakdown(self):
        parts = []
        table = self.rows("arm", "model").assign(convention=chosen(self.words["conventions"]))
        size = SIZES[self.number(table, "model").astype(int)]
        for number, part in enumerate(("projections", "feed_forward", "head", "scores")):
            flop = 1e9 * size * (1 + number)
            parts.append(table.assign(component=part, flop_per_token=flop))
        return pd.concat(parts, ignore_index=True)

    def _overtaking(self):
        table = self.rows("candidate", "convention", "model")
        lengths = np.geomspace(1024, 2**20, 21).round().astype(int)
        size = SIZES[self.number(table, "model").astype(int)]
        step = 0.1 * self.number(table, "convention")
        parts = [
            table.assign(
                sequence_length=length,
                of_study=length == lengths[4],
                baseline="a0",
                baseline_flop_per_token=size,
                cost_ratio=(1 + step) / (1 + length / 2e5) + 0.01 * size,
            )
            for length in lengths
        ]
        return pd.concat(parts, ignore_index=True)

    def _choices(self):
        base = self.rows("candidate", "metric", "convention")
        parts = []
        for number, (law, left_out) in enumerate(
            (law, out) for law in ("power", "power_floor") for out in ("none", "1B", "2B")
        ):
            parts.append(base.assign(law=law, left_out=left_out, shift=0.01 * number))
        table = pd.concat(parts, ignore_index=True)
        m = 1.05 + 0.04 * self.number(table, "convention") + table["shift"]
        return table.assign(
            baseline="a0",
            method="least_squares_log",
            points="last",
            reference="loss 2.2",
            pair_by="model",
            multiplier=m,
            ci_low=m / 1.1,
            ci_high=m * 1.1,
            confidence=0.95,
            n_points=5,
            headline=(table["law"] == "power") & (table["left_out"] == "none"),
            used=True,
        )

    def _moves(self):
        parts = [
            self.rows("candidate", "metric").assign(choice=choice, share=share)
            for choice, share in (("convention", 0.9), ("law", 0.08), ("left_out", 0.02))
        ]
        return pd.concat(parts, ignore_index=True)

    def _comparisons(self):
        return self.rows("candidate", "metric").assign(specifications=12, used=6)
