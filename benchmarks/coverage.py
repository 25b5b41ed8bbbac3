"""How often each interval of the compute multiplier holds the truth, measured on simulated ladders.

Writes a table, one row a scenario, place and interval; and a figure with --figure. Scenarios:

right law    the fitted law made the points; 3 to 12 sizes, errors independent or correlated (0.95)
             between the arms, normal or heavy-tailed (Student's t with 3 degrees of freedom)
other sizes  the arms have different sizes and cannot be paired
clusters     four points a run that share the error of the run
wrong law    a power law fitted to points with a floor, or with a break: no interval can help
LAYOUTS      arms that share some of their sizes, errors of a size correlated by -0.5 to 0.998; with
             them, the interval of the shared sizes alone and that of independent arms
SCATTER      scatter that grows or falls with size, in both arms; with it, the plain delta method
SEEDS        sizes that were run several times, one error shared by the runs of a size
ROBUST       Huber fits of power laws; surfaces L(N, D), by least squares and Huber

Places: the middle and the lower end of the common range of losses, and (for the first four) beyond
it, at four times the largest compute.
"""

import argparse
import itertools
import zlib
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from isoloss.fit.fitted import state
from isoloss.fit.problem import refit, solve
from isoloss.fit.registry import LAWS
from isoloss.fit.resampling import resample
from isoloss.multiplier.equal_loss import Arm, influence, log_interval
from isoloss.multiplier.influence import Influence, size_means
from isoloss.multiplier.intervals import Interval, delta
from isoloss.multiplier.mixture import paired_interval
from isoloss.units import PFLOP_S_DAY

TABLE = Path(__file__).parent / "results" / "coverage.csv"
TRUTH = {
    "power": (2.3, 0.053),
    "power_floor": (1.1, 0.15, 1.4),
    "broken": (2.3, 0.03, 0.08, 4.0, 0.3),
    "chinchilla": (1.8, 480.0, 0.35, 2100.0, 0.37),
}
SIGMA = 2e-3  # Of log loss: the scatter about the published fits of Kimi Linear.
PLACES = ("middle", "end", "beyond")
DRAWS = 400
Pair = tuple[Arm, Arm]


@dataclass(frozen=True)
class Layout:
    """Which sizes of a ladder baseline and candidate have, how often, and how noisy they are.

    scatter: the candidate's over the baseline's. growth: scatter at the largest size over that at
    the smallest. seeds: runs of each size, where not one. mistyped: sizes whose label differs in
    the candidate. compute_error: of the computes that the fit is given, in both arms.
    """

    baseline: tuple[int, ...]
    candidate: tuple[int, ...]
    scatter: float = 1.0
    growth: float = 1.0
    seeds: tuple[tuple[int, ...], ...] = ()
    mistyped: tuple[int, ...] = ()
    compute_error: float = 0.0

    @property
    def common(self) -> tuple[int, ...]:
        """Sizes that both arms have."""
        both = set(self.baseline) & set(self.candidate) - set(self.mistyped)
        return tuple(sorted(both))

    @property
    def complete(self) -> bool:
        return self.common == self.baseline == self.candidate


def layouts() -> Mapping[str, Layout]:
    every = {n: tuple(range(n)) for n in (4, 5, 7, 8, 12)}
    equal = {
        "5 and 4, second largest missing": Layout(every[5], (0, 1, 2, 4)),
        "5 and 4, largest missing": Layout(every[5], every[4]),
        "7 and 4, every other": Layout((0, 2, 4, 6), every[7]),
        "7 and 4, four smallest": Layout(every[4], every[7]),
        "7 and 7, six shared": Layout((0, 1, 2, 3, 4, 5, 7), (0, 1, 3, 4, 5, 6, 7)),
        "12 and 6, every other": Layout((0, 2, 4, 6, 8, 10), every[12]),
        "12 and 10, two missing": Layout(every[12], (0, 1, 2, 4, 5, 6, 7, 9, 10, 11)),
        "4 and 3, second largest missing": Layout(every[4], (0, 1, 3)),
        "5 and 3, every other": Layout((0, 2, 4), every[5]),
        "5 and 5, one model mistyped": Layout(every[5], every[5], mistyped=(2,)),
        "5 and 5, compute known to 2%": Layout(every[5], every[5], compute_error=0.02),
    }
    unequal = {
        f"{name}; candidate's scatter x {scatter:g}": replace(equal[name], scatter=scatter)
        for name in (
            "5 and 4, second largest missing",
            "7 and 4, every other",
            "7 and 7, six shared",
        )
        for scatter in (0.5, 2.0, 3.0)
    }
    return equal | unequal


LAYOUTS = layouts()


def growing() -> Mapping[str, Layout]:
    """Scatter that changes with size: complete pairs, and two arms that share some sizes."""
    ratios = {4: (1.0, 3.0), 5: (1.0, 3.0, 9.0, 1 / 3), 8: (1.0, 3.0, 9.0, 1 / 3), 12: (1.0, 3.0)}
    found = {
        f"{n} sizes, scatter x {growth:.2g}": Layout((*range(n),), (*range(n),), growth=growth)
        for n, several in ratios.items()
        for growth in several
    }
    partly = ("5 and 4, second largest missing", "7 and 4, every other")
    return found | {f"{name}; scatter x 3": replace(LAYOUTS[name], growth=3.0) for name in partly}


def repeated() -> Mapping[str, Layout]:
    """Five sizes, some of them run several times."""
    once, falling, five = (1,) * 5, (5, 4, 3, 2, 1), tuple(range(5))
    seeds = {
        "three of the second size of one arm": (once, (1, 3, 1, 1, 1)),
        "three of the largest size of one arm": (once, (1, 1, 1, 1, 3)),
        "three of the largest size of both": ((1, 1, 1, 1, 3),) * 2,
        "three of every size of one arm": (once, (3,) * 5),
        "five of the smallest to one of the largest": (falling, falling),
        "the same in one arm": (once, falling),
    }
    return {name: Layout(five, five, seeds=each) for name, each in seeds.items()}


SCATTER, SEEDS = growing(), repeated()
LADDERS = {**LAYOUTS, **SCATTER, **SEEDS}


@dataclass(frozen=True)
class Robust:
    """A law of N and D at these points, or a ladder of compute, fitted by a method."""

    method: str
    nd: tuple[np.ndarray, np.ndarray] | None = None

    @property
    def fitted(self) -> str:
        return "power" if self.nd is None else "chinchilla"


def robust() -> Mapping[str, Robust]:
    n, d = (1e8, 2e9), (2e9, 6e10)  # Ranges of parameters and tokens.
    pairs = np.array(list(itertools.product(np.geomspace(*n, 5), np.geomspace(*d, 4))))
    places = np.random.default_rng(40).random((2, 40))
    grid = pairs[:, 0], pairs[:, 1]
    scattered = tuple(
        low * (high / low) ** u for (low, high), u in zip((n, d), places, strict=True)
    )
    return {
        "Huber": Robust("huber_log"),
        "surface, 5 x 4": Robust("least_squares_log", grid),
        "surface, 40 scattered": Robust("least_squares_log", (scattered[0], scattered[1])),
        "Huber surface, 5 x 4": Robust("huber_log", grid),
    }


ROBUST = robust()
GROUPS: Mapping[str, Mapping[str, object]] = {
    "layouts": LAYOUTS,
    "scatter": SCATTER,
    "seeds": SEEDS,
    "robust": ROBUST,
}
CORRELATIONS = (-0.5, 0.0, 0.5, 0.9, 0.998)
SEVERAL = (0.0, 0.9)  # of SCATTER and SEEDS


@dataclass(frozen=True)
class Scenario:
    """What is simulated; advantage is the true multiplier, the same at every loss."""

    kind: str
    truth: str
    fitted: str
    sizes: int
    correlation: float
    tails: str
    advantage: float


def scenarios() -> Iterator[Scenario]:
    errors = list(itertools.product((0.0, 0.95), ("normal", "heavy")))
    errors_of_surfaces = [(0.0, "normal"), (0.9, "normal")]
    for sizes, (correlation, tails) in itertools.product((3, 4, 5, 6, 8, 12), errors):
        for advantage in (1.0, 1.3):
            yield Scenario("right law", "power", "power", sizes, correlation, tails, advantage)
            if correlation == 0:
                yield Scenario("other sizes", "power", "power", sizes, 0.0, tails, advantage)
        if sizes >= 4:
            yield Scenario("clusters", "power", "power", sizes, correlation, tails, 1.3)
        if sizes >= 6:  # A floor is not identifiable with fewer.
            law = "power_floor"
            yield Scenario("right law", law, law, sizes, correlation, tails, 1.3)
    for sizes, truth in itertools.product((5, 12), ("power_floor", "broken")):
        for correlation, tails in errors:
            yield Scenario("wrong law", truth, "power", sizes, correlation, tails, 1.3)
    for group, correlations in ((LAYOUTS, CORRELATIONS), (SCATTER | SEEDS, SEVERAL)):
        for (kind, layout), correlation in itertools.product(group.items(), correlations):
            sizes = max(len(layout.baseline), len(layout.candidate))
            yield Scenario(kind, "power", "power", sizes, correlation, "normal", 1.3)
    for kind, each in ROBUST.items():
        law = each.fitted
        for sizes in (5, 12) if each.nd is None else (each.nd[0].size,):
            for correlation, tails in errors if each.nd is None else errors_of_surfaces:
                yield Scenario(kind, law, law, sizes, correlation, tails, 1.3)


def simulate(scenario: Scenario, count: int) -> tuple[np.ndarray, list[Pair]]:
    """Losses at the places, and `count` simulated studies: the fits of both arms."""
    random = np.random.default_rng(zlib.crc32(repr(scenario).encode()))
    truth = LAWS[scenario.truth]
    theta, rho = TRUTH[scenario.truth], scenario.correlation
    apart = scenario.kind == "other sizes"
    each = 4 if scenario.kind == "clusters" else 1
    shared = noise(random, scenario.tails, (count, scenario.sizes))
    arms = []
    for arm, stretch in enumerate((1.0, 1.05)):
        sizes = scenario.sizes + (arm if apart else 0)
        error = np.sqrt(1 - rho) * noise(random, scenario.tails, (count, sizes))
        if rho:
            error = error + np.sqrt(rho) * shared
        compute = stretch * np.geomspace(1, 16, sizes)
        if each > 1:
            compute = np.repeat(compute, each) * np.tile(np.linspace(0.7, 1, each), sizes)
            error = np.repeat(error, each, axis=1)
            error = error + 0.2 * noise(random, scenario.tails, error.shape)
        exact = truth.value(compute * (scenario.advantage if arm else 1.0), *theta)
        model = tuple(f"{arm if apart else ''}{i // each}" for i in range(compute.size))
        arms.append(fits(scenario.fitted, (compute,), exact, SIGMA * error, model))
    return truth.value(np.array([4.0, 16.0, 64.0]), *theta), list(zip(*arms, strict=True))


def fits(
    law: str,
    axes: tuple[np.ndarray, ...],
    exact: np.ndarray,
    error: np.ndarray,
    model: tuple[str, ...],
    method: str = "least_squares_log",
    runs: tuple[str, ...] | None = None,
) -> list[Arm]:
    """The fit to each row of errors of log loss."""
    loss = exact * np.exp(error)
    stated = state(LAWS[law], axes, exact, method)
    found = refit(stated, loss, stated.weights[None, :], solve(stated).phi[0])
    nd = axes if len(axes) > 1 else ()
    compute = 6 * axes[0] * axes[1] / PFLOP_S_DAY if nd else axes[0]
    weights = np.ones(compute.size)
    runs = model if runs is None else runs
    return [
        Arm(LAWS[law], method, tuple(p), compute, y, model, runs, weights, nd=nd)
        for p, y in zip(LAWS[law].natural(found.phi), loss, strict=True)
    ]


def simulate_robust(scenario: Scenario, count: int) -> tuple[np.ndarray, list[Pair]]:
    """Losses at the middle and the end of the range of the baseline's compute; studies."""
    random = np.random.default_rng(zlib.crc32(repr(scenario).encode()))
    case, theta, rho = ROBUST[scenario.kind], TRUTH[scenario.truth], scenario.correlation
    axes = case.nd or (np.geomspace(1, 16, scenario.sizes),)
    shared, *own = (noise(random, scenario.tails, (count, scenario.sizes)) for _ in range(3))
    law, arms = LAWS[scenario.truth], []
    for stretch, better, error in zip((1.0, 1.05), (1.0, scenario.advantage), own, strict=True):
        held = (*axes[:-1], stretch * axes[-1])
        exact = law.value(*(axis * better ** (1 / len(axes)) for axis in held), *theta)
        total = SIGMA * (np.sqrt(rho) * shared + np.sqrt(1 - rho) * error)
        model = tuple(map(str, range(scenario.sizes)))
        arms.append(fits(scenario.fitted, held, exact, total, model, case.method))
    compute = arms[0][0].compute
    places = np.array([np.sqrt(compute.min() * compute.max()), compute.max()])
    line, of = law.optimal or (law, lambda *same: same)
    return line.value(places, *of(*theta)), list(zip(*arms, strict=True))


def simulate_layout(scenario: Scenario, count: int) -> tuple[np.ndarray, list[Pair], list[Pair]]:
    """Losses at the middle and the end of the common range; studies; their shared sizes alone."""
    random = np.random.default_rng(zlib.crc32(repr(scenario).encode()))
    layout, theta, rho = LADDERS[scenario.kind], TRUTH["power"], scenario.correlation
    ladder = np.geomspace(1, 16, 1 + max(layout.baseline + layout.candidate))
    scale = SIGMA * layout.growth ** np.linspace(-0.5, 0.5, ladder.size)
    first, own = random.normal(size=(2, count, ladder.size))
    second = layout.scatter * (rho * first + np.sqrt(1 - rho**2) * own)
    errors, runs = (first, second), layout.seeds or ((1,) * ladder.size,) * 2
    if layout.seeds:  # What arms share is of the size, the rest of the run.
        first = np.sqrt(rho) * first
        errors = tuple(
            np.repeat(first, m, axis=1) + np.sqrt(1 - rho) * random.normal(size=(count, sum(m)))
            for m in runs
        )
    pairs: list[list[Pair]] = []
    stretched = 1 + layout.compute_error * random.normal(size=(2, ladder.size))
    for held in ((layout.baseline, layout.candidate), (layout.common, layout.common)):
        arms = []
        for arm, (kept, better) in enumerate(zip(held, (1.0, scenario.advantage), strict=True)):
            sizes = np.repeat(np.arange(ladder.size), runs[arm])
            chosen = np.isin(sizes, kept)
            sizes = sizes[chosen]
            labels = tuple(f"{i}{'x' * (arm * (i in layout.mistyped))}" for i in sizes)
            compute = (1.0, 1.05)[arm] * ladder[sizes]
            exact = LAWS["power"].value(compute * better, *theta)
            error = scale[sizes] * errors[arm][:, chosen]
            axis = compute * stretched[arm, sizes]
            names = tuple(map(str, range(sizes.size)))
            arms.append(fits("power", (axis,), exact, error, labels, runs=names))
        pairs.append(list(zip(*arms, strict=True)))
    end = ladder[min(layout.baseline[-1], layout.candidate[-1])]
    return LAWS["power"].value(np.array([np.sqrt(end), end]), *theta), pairs[0], pairs[1]


def noise(random: np.random.Generator, tails: str, shape: tuple[int, ...]) -> np.ndarray:
    """Errors of unit variance."""
    if tails == "normal":
        return random.normal(size=shape)
    return random.standard_t(3, shape) / np.sqrt(3)


def with_draws(arm: Arm, kind: str) -> Arm:
    draws = resample(arm.fit.solution, arm.model, kind, DRAWS)
    return replace(arm, draws=arm.law.natural(draws.phi), drawn=kind)


def ungrouped(arm: Arm) -> Arm:
    """The same points as if each were a run and a model of its own."""
    labels = tuple(f"{model}-{i}" for i, model in enumerate(arm.model))
    return replace(arm, model=labels, run=labels)


def measure(scenario: Scenario, count: int, resampled: int) -> pd.DataFrame:
    """Coverage and median width (of log M) of every interval at every place.

    `delta_t` is that of one scatter for all sizes: the default is as wide at least.
    """
    if scenario.kind in LADDERS:
        return measure_layout(scenario, count)
    if scenario.kind in ROBUST:
        return measure_robust(scenario, count)
    places, studies = simulate(scenario, count)
    clustered = scenario.kind == "clusters"
    kinds = ("case", "wild") if clustered else ("case", "residual", "wild")
    bounds: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {}
    default = log_interval(studies[0], places)[1].method

    def add(name: str, pair: Pair, interval: str) -> None:
        found = log_interval(pair, places, interval=interval)[1].interval
        bounds.setdefault(name, []).append((found.low, found.high))

    with np.errstate(all="ignore"):
        for first, second in studies:
            add("jackknife_t", (first, second), "jackknife_t")
            if clustered:
                first, second = ungrouped(first), ungrouped(second)
            paired = scenario.kind != "other sizes"
            found = plain(influences((first, second), places), paired=paired)
            bounds.setdefault("delta_t", []).append((found.low, found.high))
        for (first, second), kind in itertools.product(studies[:resampled], kinds):
            pair = with_draws(first, kind), with_draws(second, kind)
            add(f"percentile_{kind}", pair, "percentile")
    return counted(scenario, default, bounds)


def measure_layout(scenario: Scenario, count: int) -> pd.DataFrame:
    """The same for ladders: the default beside what else could be done.

    Where sizes lack a partner, the interval of the shared sizes alone and that of independent arms;
    elsewhere the plain delta method on the means of sizes.
    """
    places, studies, shared = simulate_layout(scenario, count)
    fitted = [influences(pair, places) for pair in studies]
    found = {"default": [paired_interval(*pair, 0.95).interval for pair in fitted]}
    if LADDERS[scenario.kind].complete:
        found["plain"] = [plain(pair) for pair in fitted]
    else:
        found["shared_sizes"] = [plain(influences(pair, places)) for pair in shared]
        found["welch"] = [plain(pair, paired=False) for pair in fitted]
    bounds = {name: [(each.low, each.high) for each in all_] for name, all_ in found.items()}
    return counted(scenario, "default", bounds)


def influences(pair: Pair, places: np.ndarray) -> tuple[Influence, Influence]:
    """What the default has for the arms, sizes labelled by model."""
    first, second = (influence(arm, places, arm.model) for arm in pair)
    assert first is not None
    assert second is not None
    return first, second


def plain(pair: tuple[Influence, Influence], *, paired: bool = True) -> Interval:
    """The delta method on the means of sizes, with one scatter for all of them."""
    a, b = (size_means(each)[0] for each in pair)
    return delta(a.estimate - b.estimate, a, b, 0.95, paired=paired)


def measure_robust(scenario: Scenario, count: int) -> pd.DataFrame:
    """The same for Huber fits and surfaces, `delta_t` as in `measure`."""
    places, studies = simulate_robust(scenario, count)
    default = log_interval(studies[0], places)[1].method
    if default == "delta_t":
        found = [plain(influences(pair, places)) for pair in studies]
    else:
        found = [log_interval(pair, places)[1].interval for pair in studies]
    return counted(scenario, default, {default: [(each.low, each.high) for each in found]})


def counted(
    scenario: Scenario, default: str, bounds: Mapping[str, list[tuple[np.ndarray, np.ndarray]]]
) -> pd.DataFrame:
    """How often the bounds (low, high), each at every place, hold the truth, and how wide."""
    rows, truth = [], np.log(scenario.advantage)
    for name, pairs in bounds.items():
        low, high = np.moveaxis(np.array(pairs), 1, 0)
        for i, place in enumerate(PLACES[: low.shape[1]]):
            coverage = np.mean((low[:, i] <= truth) & (truth <= high[:, i]))
            rows.append(
                asdict(scenario)
                | {
                    "place": place,
                    "interval": name,
                    "default": name == default,
                    "simulations": len(pairs),
                    "coverage": coverage,
                    "simulation_error": np.sqrt(coverage * (1 - coverage) / len(pairs)),
                    "median_log_width": np.median(high[:, i] - low[:, i]),
                }
            )
    return pd.DataFrame(rows)


def coverage_table(
    count: int, resampled: int, chosen: list[Scenario] | None = None, jobs: int = 1
) -> pd.DataFrame:
    one = partial(frame, count=count, resampled=resampled)
    if jobs == 1:
        return pd.concat(map(one, chosen or scenarios()), ignore_index=True)
    with ProcessPoolExecutor(jobs) as pool:
        return pd.concat(pool.map(one, chosen or list(scenarios())), ignore_index=True)


def frame(scenario: Scenario, count: int, resampled: int) -> pd.DataFrame:
    # With three sizes the coverage comes near the limits; it has to be known more exactly.
    # Resamples of a law with a floor take a hundred times as long as others.
    studies = 5 * count if scenario.sizes == 3 else count
    few = resampled if scenario.fitted == "power" else max(resampled // 5, 1)
    return measure(scenario, studies, few)


def summary(results: pd.DataFrame) -> str:
    """Lowest and highest coverage in percent of each interval, as a Markdown table.

    Over errors, tails, advantages, and the middle and the end of the common range; for the wrong
    law the middle, the end and beyond, in this order. The default is in bold.
    """
    results = results[~results["kind"].isin([*LADDERS, *ROBUST])]
    names = list(dict.fromkeys(results["interval"]))
    rule = "|".join("---" for _ in range(len(names) + 3))
    lines = [f"| scenario | law | sizes | {' | '.join(names)} |", f"|{rule}|"]
    order = {kind: i for i, kind in enumerate(dict.fromkeys(results["kind"]))}
    keys = ["kind", "truth", "sizes"]
    for (kind, truth, sizes), group in sorted(
        results.groupby(keys), key=lambda each: (order[each[0][0]], *each[0][1:])
    ):
        cells = []
        for name in names:
            here = group[group["interval"] == name]
            parts = [here[here["place"] == place]["coverage"] for place in PLACES]
            if kind != "wrong law":
                parts = [pd.concat(parts[:2])]
            cell = ", ".join(f"{100 * p.min():.0f} to {100 * p.max():.0f}" for p in parts if len(p))
            cells.append(f"**{cell}**" if here["default"].any() else cell)
        law = truth if kind != "wrong law" else f"power for {truth}"
        lines.append(f"| {kind} | {law} | {sizes} | {' | '.join(cells)} |")
    return "\n".join(lines)


def layout_summary(results: pd.DataFrame, group: Mapping[str, Layout]) -> str:
    """Coverage in percent, middle/end, by correlation; and widths, as a Markdown table.

    Beside the default its alternatives, lowest to highest: `plain` or `shared_sizes`, and `welch`.
    Widths are the medians of the default over those of the first alternative.
    """
    results = results[results["kind"].isin(group)]
    correlations = sorted(results["correlation"].unique())
    head = " | ".join(f"{rho:g}" for rho in correlations)
    lines = [
        f"| sizes | {head} | error | alternative | independent | width |",
        "|".join(["", *["---"] * (len(correlations) + 5), ""]),
    ]
    for kind in group:
        rows = results[results["kind"] == kind]
        if rows.empty:
            continue
        rows = rows.set_index(["interval", "correlation", "place"]).sort_index()
        cover = 100 * rows["coverage"]
        cells = [
            "/".join(f"{cover['default', rho, place]:.1f}" for place in PLACES[:2])
            for rho in correlations
        ]
        error = f"{100 * rows['simulation_error']['default'].max():.1f}"
        others = [
            f"{cover[name].min():.1f} to {cover[name].max():.1f}" if name in cover else ""
            for name in (alternative(kind), "welch")
        ]
        width = rows["median_log_width"]
        ratio = width["default"] / width[alternative(kind)]
        span = f"{ratio.min():.2f} to {ratio.max():.2f}"
        lines.append(f"| {' | '.join([kind, *cells, error, *others, span])} |")
    return "\n".join(lines)


def alternative(kind: str) -> str:
    """What the default of a ladder is measured against."""
    return "plain" if LADDERS[kind].complete else "shared_sizes"


def robust_summary(results: pd.DataFrame) -> str:
    """Coverage in percent, middle/end, with its largest simulation error, as a Markdown table."""
    lines = [
        "| fit | sizes | correlation | tails | interval | simulations | coverage | error "
        "| half width |",
        "|".join(["", *["---"] * 9, ""]),
    ]
    keys = ["kind", "sizes", "correlation", "tails"]
    chosen = results[results["kind"].isin(ROBUST)]
    for (kind, sizes, correlation, tails), rows in chosen.groupby(keys, sort=False):
        cover = "/".join(f"{100 * each:.1f}" for each in rows["coverage"])
        error = f"{100 * rows['simulation_error'].max():.1f}"
        width = "/".join(f"{each / 2:.4f}" for each in rows["median_log_width"])
        name = rows["interval"].iloc[0]
        count = rows["simulations"].iloc[0]
        cells = [kind, sizes, f"{correlation:g}", tails, name, count, cover, error, width]
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines)


def figure(results: pd.DataFrame, path: Path) -> None:
    """Coverage against the number of sizes: a panel a kind of scenario, a line an interval."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    kinds = list(dict.fromkeys(results["kind"]))
    shown = results[results["place"] != "beyond"]
    drawing, axes = plt.subplots(2, len(kinds), figsize=(3 * len(kinds), 5), squeeze=False)
    for column, kind in enumerate(kinds):
        for name, group in shown[shown["kind"] == kind].groupby("interval"):
            by = group.groupby("sizes")
            cover, width = by["coverage"], by["median_log_width"].median()
            line = axes[0, column].plot(cover.median(), marker="o", label=name)[0]
            color = line.get_color()
            axes[0, column].fill_between(
                width.index, cover.min(), cover.max(), color=color, alpha=0.15, lw=0
            )
            axes[1, column].plot(width, marker="o", color=color)
        axes[0, column].axhspan(0.93, 0.99, color="0.9", zorder=0)
        axes[0, column].set(title=kind, ylim=(0.5, 1.0))
        axes[1, column].set(xlabel="sizes", yscale="log")
    axes[0, 0].set_ylabel("coverage (median, range)")
    axes[1, 0].set_ylabel("median width of log multiplier")
    axes[0, 0].legend(fontsize="x-small", loc="lower right")
    drawing.tight_layout()
    drawing.savefig(path, metadata={"CreationDate": None} if path.suffix == ".pdf" else None)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--simulations", type=int, default=2000)
    parser.add_argument("--resampled", type=int, default=60, help="of them also resampled")
    parser.add_argument("--table", type=Path, default=TABLE)
    parser.add_argument("--figure", type=Path)
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--only", choices=GROUPS, help="measure these only; keep the rest")
    options = parser.parse_args()
    only = GROUPS.get(options.only)
    chosen = [each for each in scenarios() if only is None or each.kind in only]
    results = coverage_table(options.simulations, options.resampled, chosen, options.jobs)
    if only is not None and options.table.exists():
        kept = pd.read_csv(options.table)
        results = pd.concat([kept[~kept["kind"].isin(only)], results], ignore_index=True)
    options.table.parent.mkdir(parents=True, exist_ok=True)
    results.to_csv(options.table, index=False, float_format="%.4g")
    if options.figure:
        figure(results, options.figure)
    ladders = [layout_summary(results, group) for group in (LAYOUTS, SCATTER, SEEDS)]
    print(summary(results), *ladders, robust_summary(results), sep="\n\n")


if __name__ == "__main__":
    main()
