"""What the next runs would tell, by a study's own scatter or by what is usual: `isoloss plan`."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from isoloss.multiplier.power import MOST_SIZES, SEED_NOISE, Design, Errors, ladder, needed, plan
from isoloss.multiplier.saving import saving

# Of a ladder that nothing is known of: Kimi Linear's (arXiv:2510.26692, figure 5) has an exponent
# of 0.054, a scatter of 0.2% and a correlation of 0.998; eight optimisers of marin-community's
# speedrun have correlations of 0.993 and above. 0.9 is on the safe side.
SCATTER, CORRELATION, EXPONENT, LOSS, SPAN = 0.002, 0.9, 0.053, 2.1, 16.0
SIZES = (3, 4, 5, 8, 12)
SEEDS = (1, 2)


@dataclass(frozen=True)
class Known:
    """What a plan starts from.

    loss: nats, at which arms are compared. span: largest compute over smallest. source: where all
    this comes from, by name. design: of the study there is, if any, with its own multiplier, and
    `now` its own interval, as a ratio of its ends. unpaired: sizes of one arm alone, and their
    computes.
    """

    errors: Errors
    loss: float
    span: float
    source: Mapping[str, str]
    design: Design | None = None
    multiplier: float = np.nan
    now: float = np.nan
    unpaired: tuple[tuple[str, float], ...] = ()


def usual(
    scatter: float | None = None,
    correlation: float | None = None,
    seed_noise: float | None = None,
    exponent: float | None = None,
    loss: float | None = None,
    span: float | None = None,
) -> Known:
    """What is given, and defaults for what is not. seed_noise: nats; scatter: of log loss."""
    at = LOSS if loss is None else loss
    if not (np.isfinite(at) and at > 0):
        raise ValueError(f"loss is {at:g}; expected a number above 0")
    given = {
        "scatter": (scatter, SCATTER, "usual of ladders of one recipe"),
        "correlation": (correlation, CORRELATION, "below that of public ladders (0.99)"),
        "seed_noise": (seed_noise, SEED_NOISE, "median of 56 groups of public 124M runs, nats"),
        "exponent": (exponent, EXPONENT, "Kimi Linear, arXiv:2510.26692"),
        "span": (span, SPAN, "a ladder from 1 to 16 x the compute"),
    }
    value = {name: default if x is None else x for name, (x, default, _) in given.items()}
    source = {
        name: f"default: {words}" if x is None else "given" for name, (x, _, words) in given.items()
    }
    if not (np.isfinite(value["span"]) and value["span"] > 1):
        raise ValueError(f"span is {value['span']:g}; expected a factor above 1")
    errors = Errors(
        (value["scatter"], value["scatter"]),
        value["correlation"],
        value["seed_noise"] / at,
        (value["exponent"], value["exponent"]),
    )
    return Known(errors, at, value["span"], source)


def of_study(
    multipliers: pd.DataFrame,
    fits: pd.DataFrame,
    points: pd.DataFrame,
    metric: str | None = None,
    candidate: str | None = None,
) -> Known:
    """What a study's tables say of its headline, or of that of a metric or candidate.

    Raises ValueError where there is none, or where its law is not the power law of compute.
    """
    rows = multipliers[multipliers["headline"]]
    for column, name in (("metric", metric), ("candidate", candidate)):
        if name is not None:
            known = ", ".join(dict.fromkeys(rows[column]))
            rows = rows[rows[column] == name]
            if rows.empty:
                raise ValueError(f"no headline of {column} `{name}`; there is {known}")
    row = rows.iloc[0]
    if row["law"] != "power":
        raise ValueError(
            f"the headline law is {row['law']}, and a plan takes the power law; give --scatter, "
            "--correlation and --exponent in place of the study"
        )
    same = ["metric", "convention", "law", "method"]
    fitted = fits[(fits[same] == row[same]).all(axis=1)].set_index("arm")
    pair = fitted.loc[[row["baseline"], row["candidate"]]]
    scatter = pair["rms_log_residual"] * np.sqrt(pair["n_points"] / pair["degrees_of_freedom"])
    correlation = row["residual_correlation"]
    correlation = 0.0 if np.isnan(correlation) else float(np.clip(correlation, -0.9999, 0.9999))
    loss = float(row["loss"])
    seeds = float(row["pure_error_sd"])
    seeds = seeds / (loss if row["method"] == "least_squares" else 1.0)
    mine = points[(points[["metric", "convention"]] == row[["metric", "convention"]]).all(axis=1)]
    mine = mine[mine["used"] & mine["arm"].isin(pair.index)]
    computes = mine.groupby(["arm", "model"])["compute_pflop_s_days"].agg(["mean", "size"])
    arms = [computes.loc[name] for name in pair.index]
    both = arms[0].join(arms[1], how="inner", suffixes=("_0", "_1"))
    each = pd.concat(arms)
    alone = each[~each.index.isin(both.index)]["mean"]
    both = both.sort_values("mean_0")
    count = int(each["size"].min())
    m = float(row["multiplier"])
    at = float(row["candidate_compute_pflop_s_days"]) * m
    own = both["mean_0"]
    design = None
    if len(own) > 2:
        paired = row["pairing"] != "welch"
        design = Design(tuple(own.tolist()), count, at, paired, tuple(both["mean_1"].tolist()))
    all_of = f"residuals of {row['metric']}, {row['convention']}, {len(own)} sizes"
    return Known(
        Errors(
            (float(scatter.iloc[0]), float(scatter.iloc[1])),
            correlation,
            SEED_NOISE / loss if np.isnan(seeds) else seeds,
            (float(pair["exponent"].iloc[0]), float(pair["exponent"].iloc[1])),
        ),
        loss,
        float(own.max() / own.min()) if len(own) > 1 else SPAN,
        {
            "scatter": all_of,
            "correlation": all_of,
            "exponent": all_of,
            "seed_noise": "repeats of the study"
            if not np.isnan(seeds)
            else "default: median of 56 groups of public 124M runs, nats",
            "span": "the sizes that both arms have",
        },
        design,
        m,
        float(np.sqrt(row["ci_high"] / row["ci_low"])),
        tuple((str(name), float(x)) for name, x in alone.items()),
    )


def report(
    known: Known,
    multipliers: Sequence[float] = (1.05, 1.16),
    sizes: Sequence[int] = SIZES,
    seeds: Sequence[int] = SEEDS,
    power: float = 0.8,
    confidence: float = 0.95,
) -> dict[str, Any]:
    """What a plan says, for programs; `lines` says it in words."""
    for name, value in (("power", power), ("confidence", confidence)):
        if not 0 < value < 1:
            raise ValueError(f"{name} is {value:g}; expected above 0 and below 1")
    for value in multipliers:
        if not (np.isfinite(value) and value > 0 and value != 1):
            raise ValueError(f"multiplier is {value:g}; expected a number above 0, and not 1")
    independent = replace(known.errors, correlation=0.0)
    ways = ((True, known.errors), (False, independent))
    return {
        "scatter": list(known.errors.scatter),
        "correlation": known.errors.correlation,
        "seed_noise_nats": known.errors.seed_noise * known.loss,
        "exponent": list(known.errors.exponent),
        "loss": known.loss,
        "span": known.span,
        "confidence": confidence,
        "power": power,
        "source": dict(known.source),
        "needed": [
            {
                "multiplier": multiplier,
                "saving": saving(multiplier),
                "paired": paired,
                "seeds": count,
                "sizes": needed(
                    multiplier, errors, known.span, power, confidence, seeds=count, paired=paired
                ),
            }
            for multiplier in multipliers
            for paired, errors in ways
            for count in seeds
        ],
        "designs": [
            {
                "sizes": n,
                "seeds": count,
                "paired": paired,
                "tells": [
                    asdict(
                        plan(
                            Design(ladder(n, known.span), count, None, paired),
                            errors,
                            m,
                            confidence,
                        )
                    )
                    for m in multipliers
                ],
            }
            for paired, errors in ways
            for count in seeds
            for n in sizes
        ],
        "multiplier": known.multiplier,
        "now": known.now,
        "next": list(_next(known, multipliers, confidence)),
    }


def _next(
    known: Known, multipliers: Sequence[float], confidence: float
) -> Iterator[dict[str, Any]]:
    """The study as it is, and with one more size, seed, or the partners that it lacks."""
    design = known.design
    if design is None or design.candidate is None:
        return
    arms = design.computes, design.candidate
    further = [c[-1] * (c[-1] / c[0]) ** (1 / (len(c) - 1)) for c in arms]
    ways = {
        "as it is": design,
        "one more size": _with(design, [further[0]], [further[1]]),
        "one more seed of every run": replace(design, seeds=design.seeds + 1),
    }
    if known.unpaired:
        names = ", ".join(name for name, _ in known.unpaired)
        added = [x for _, x in known.unpaired]
        del ways["as it is"]  # no formula; the study has an interval of its own
        ways[f"with the missing partner of {names}"] = _with(design, added, added)
    for what, way in ways.items():
        yield {
            "what": what,
            "sizes": len(way.computes),
            "seeds": way.seeds,
            "tells": [
                asdict(plan(way, known.errors, m, confidence))
                for m in (known.multiplier, *multipliers)
            ],
        }


def _with(design: Design, computes: Sequence[float], candidate: Sequence[float]) -> Design:
    """A design with further sizes."""
    assert design.candidate is not None
    both = (*design.computes, *computes), (*design.candidate, *candidate)
    return replace(design, computes=both[0], candidate=both[1])


def lines(made: Mapping[str, Any]) -> list[str]:
    """A plan in words."""
    scatter = " and ".join(f"{100 * s:.3g}%" for s in dict.fromkeys(made["scatter"]))
    exponent = " and ".join(f"{b:.3g}" for b in dict.fromkeys(made["exponent"]))
    percent = f"{100 * made['confidence']:g}%"
    said = [
        f"Scatter {scatter} of the loss ({made['source']['scatter']})",
        f"Correlation {made['correlation']:.4g} ({made['source']['correlation']})",
        f"Seed noise {made['seed_noise_nats']:.2g} nats ({made['source']['seed_noise']})",
        f"Exponent {exponent} ({made['source']['exponent']})",
        f"Computes over a factor {made['span']:.3g} ({made['source']['span']})",
        "",
        f"Sizes that tell a multiplier from 1 in {100 * made['power']:g}% of studies:",
    ]
    for way in made["needed"]:
        enough = f"more than {MOST_SIZES}" if way["sizes"] is None else way["sizes"]
        said.append(
            f"  {way['multiplier']:g}x ({100 * way['saving']:.0f}% saved), {_way(way)}: {enough}"
        )
    said += ["", f"The {percent} interval in the middle of such studies, and how many tell:"]
    said += [f"  {way['sizes']:2} sizes, {_way(way)}: {_told(way)}" for way in made["designs"]]
    if made["next"]:
        said += ["", f"This study, {_around(made['multiplier'], made['now'])}; by its own scatter:"]
    said += [f"  {way['what']}: {_told(way)}" for way in made["next"]]
    return said


def _way(way: Mapping[str, Any]) -> str:
    seeds = "1 seed" if way["seeds"] == 1 else f"{way['seeds']} seeds"
    return f"{'paired' if way['paired'] else 'independent arms'}, {seeds}"


def _around(multiplier: float, ratio: float) -> str:
    return f"{multiplier:.3g}x ({multiplier / ratio:.3f} to {multiplier * ratio:.3f})"


def _told(way: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{_around(each['multiplier'], each['ratio'])} {100 * each['power']:.0f}%"
        for each in way["tells"]
    )
