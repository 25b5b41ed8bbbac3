import re

import numpy as np
import pandas as pd
import pytest
from isoloss.paper import table
from isoloss.paper.latex import saved

WORDS = {
    "arms": {"base": "Old & tried", "new": "New_1 100%"},
    "metrics": {"loss": "Loss at 0K–2K"},
    "conventions": ["6n_with_head", "matmul_causal"],
}
FIT = pd.DataFrame(
    {
        "arm": ["base", "new"],
        "metric": "loss",
        "convention": "6n_with_head",
        "coefficient": [2.30851234, 2.2874],
        "coefficient_se": [0.0081, 0.0],
        "exponent": [0.0535, 0.0525],
        "exponent_se": [0.00123, float("nan")],
        "n_points": [5, 5],
        "floor": float("nan"),
        "floor_se": float("nan"),
        "exponent_after": float("nan"),
        "law": "power",
        "headline_law": True,
        "status": "converged",
    }
)
MULTIPLIER = pd.DataFrame(
    {
        "candidate": "new",
        "baseline": "base",
        "metric": "loss",
        "convention": "6n_with_head",
        "counted_in": "6n_with_head",
        "status": "converged",
        "kind": ["reported", "reported", "grid"],
        "loss": [2.1, 1.5, 2.2],
        "multiplier": [1.1547, 1.3, 9.0],
        "ci_low": [1.134, 1.1, 8],
        "ci_high": [1.176, 1.5, 10],
        "ci_low_simultaneous": [1.121, 0.7, 0.05],
        "ci_high_simultaneous": [1.189, 1.7, 20],
        "simultaneous": [1, 1, 1],
        "confidence": 0.95,
        "extrapolated": [False, True, False],
        "pairing": "paired",
        "headline_law": True,
        "doubts": "",
    }
)
RUNS = pd.DataFrame(
    {
        "run": ["base_1"],
        "values": [20845],
        "flagged": [0],
        "last_tokens": [1.5e9],
        "used": [True],
        "reason": [""],
    }
)
FLOPS = pd.DataFrame(
    {
        "run": "base_1",
        "convention": ["6n_with_head", "matmul_causal"],
        "training_tokens": 1.5e9,
        "compute_pflop_s_days": [1.234567, 9.0],
    }
)
STATED = pd.DataFrame(
    {"run": "base_1", "quantity": ["parameters", "training_tokens"], "ratio": [1.0, 0.8765]}
)


@pytest.fixture
def written(tmp_path):
    """A function that makes and writes a table; returns its CSV and its LaTeX."""

    def write(name, **made_of):
        content = table.TABLES[name](made_of, WORDS)
        table.write(content, tmp_path / "t.csv", tmp_path / "t.tex")
        return pd.read_csv(tmp_path / "t.csv"), (tmp_path / "t.tex").read_text(encoding="utf-8")

    return write


def test_latex_is_booktabs_with_as_many_cells_as_columns(written):
    for name, made_of in (
        ("fits", {"fit": FIT}),
        ("multipliers", {"multiplier": MULTIPLIER}),
        ("runs", {"quality": RUNS, "flops": FLOPS, "consistency": STATED}),
    ):
        _, tex = written(name, **made_of)
        assert r"\usepackage{booktabs}" in tex
        for rule in (r"\toprule", r"\midrule", r"\bottomrule", r"\caption{", r"\begin{table}"):
            assert tex.count(rule) == 1, (name, rule)
        columns = re.search(r"\\begin\{tabular\}\{([lrc]+)\}", tex)[1]
        body = tex[tex.index(r"\toprule") : tex.index(r"\bottomrule")]
        rows = [line for line in body.splitlines() if line.endswith(r"\\")]
        for line in rows:
            assert len(re.findall(r"(?<!\\)&", line)) == len(columns) - 1, line
        assert tex.count("{") == tex.count("}")


def test_the_csv_has_the_numbers_in_full_and_the_names_of_the_study(written):
    numbers, _ = written("fits", fit=FIT)
    assert list(numbers["arm"]) == ["base", "new"]
    assert numbers["coefficient"][0] == 2.30851234


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@A1", "\t=1", "\n=1", "＝1"])
def test_no_text_of_the_csv_is_a_formula_and_numbers_stay(written, name):
    numbers, _ = written(
        "runs",
        quality=RUNS.assign(run=name, first=-1.5),
        flops=FLOPS.assign(run=name),
        consistency=STATED.assign(run=name),
    )
    assert list(numbers["run"]) == [f"'{name}"]
    assert list(numbers["first"]) == [-1.5]


def test_labels_are_escaped_for_latex(written):
    _, tex = written("fits", fit=FIT)
    assert r"Old \& tried" in tex
    assert r"New\_1 100\%" in tex
    assert "Loss at 0K--2K" in tex


def test_numbers_stand_with_their_errors_and_conventions_by_name(written):
    _, tex = written("fits", fit=FIT)
    assert r"$2.3085 \pm 0.0081$" in tex
    assert r"$0.0535 \pm 0.0012$" in tex
    assert "6N with head" in tex


def test_reported_multipliers_stand_with_interval_and_mark(written):
    numbers, tex = written("multipliers", multiplier=MULTIPLIER)
    assert list(numbers["loss"]) == [2.1, 1.5]
    assert r"\textbf{1.155} & [1.134, 1.176]" in tex
    assert "1.5$^{*}$" in tex
    assert "Outside the losses" in tex
    assert r"95\% intervals" in tex
    assert r"over Old \& tried" in tex


def test_only_what_is_better_beyond_its_interval_is_bold(written):
    def bold(**changed):
        return written("multipliers", multiplier=MULTIPLIER.assign(**changed))[1].count("textbf")

    assert bold() == 2
    words = "Bold: the candidate needs less"
    assert words in written("multipliers", multiplier=MULTIPLIER)[1]
    assert bold(ci_low=0.99) == 0
    assert words not in written("multipliers", multiplier=MULTIPLIER.assign(ci_low=0.99))[1]
    assert bold(doubts="undecided: not told from 1 among 16 comparisons") == 0
    assert bold(doubts="loss: run a has loss 40; give nats") == 0
    assert bold(multiplier=0.8, ci_low=0.7, ci_high=0.9) == 0


def test_without_an_extrapolated_number_the_caption_has_no_star(written):
    _, tex = written("multipliers", multiplier=MULTIPLIER.assign(extrapolated=False))
    assert "*" not in tex


def test_a_number_that_is_no_headline_is_marked_and_the_caption_says_why(written):
    doubtful = ["loss: run a_1 has loss 40; give nats", "", ""]
    _, tex = written("multipliers", multiplier=MULTIPLIER.assign(doubts=doubtful))
    assert tex.count(r"$^{\ddagger}$") == 2
    assert r"Not to be believed: run a\_1 has loss 40; give nats." in tex
    _, clean = written("multipliers", multiplier=MULTIPLIER)
    assert "ddagger" not in clean


def test_laws_that_the_points_do_not_tell_are_marked_be_there_one_law_or_several(written):
    told = "The points do not tell this law's parameters."
    for name, sound in (("fits", FIT), ("multipliers", MULTIPLIER)):
        _, clean = written(name, **{name.removesuffix("s"): sound})
        assert "dagger" not in clean
        one = sound.assign(status=["converged"] + ["new at_bound"] * (len(sound) - 1))
        several = one.assign(headline_law=False, law="power", method="huber_log")
        for made, where in ((one, r"New\_1 100\%$^{\dagger}$"), (several, r"power$^{\dagger}$")):
            _, tex = written(name, **{name.removesuffix("s"): made})
            assert where in tex
            assert told in tex


def test_digits_follow_the_interval(written):
    narrow = MULTIPLIER.assign(multiplier=1.25194, ci_low=1.24618, ci_high=1.25742)
    _, tex = written("multipliers", multiplier=narrow)
    assert r"\textbf{1.252} & [1.246, 1.257]" in tex
    _, tex = written("multipliers", multiplier=narrow.assign(ci_low=0.87, ci_high=1.9))
    assert "1.25 & [0.87, 1.90]" in tex


def test_runs_stand_with_their_compute_under_the_headline_convention(written):
    numbers, tex = written("runs", quality=RUNS, flops=FLOPS, consistency=STATED)
    assert len(numbers) == 1
    assert numbers["compute_pflop_s_days"][0] == 1.234567
    assert r"20,845 & 0 & 1.5 & 1.235 & 0.876 & 1.000 \\" in tex


def test_a_run_whose_log_has_no_tokens_has_an_empty_cell(written):
    made_of = {"quality": RUNS.assign(last_tokens=float("nan")), "flops": FLOPS}
    _, tex = written("runs", **made_of, consistency=STATED)
    assert "nan" not in tex.lower()


def test_a_run_that_is_left_out_is_marked_and_the_caption_says_why(written):
    out = pd.concat([RUNS, RUNS.assign(run="base_2")], ignore_index=True)
    out = out.assign(used=[False, True], reason=["excluded: 5% of the data lost", ""])
    numbers, tex = written("runs", quality=out, flops=FLOPS, consistency=STATED)
    assert numbers["reason"][0] == "excluded: 5% of the data lost"
    assert r"base\_1$^{\dagger}$ & 20,845" in tex
    assert r"Left out of the fits. base\_1: excluded: 5\% of the data lost." in tex


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (2.30851234, 0.0081, r"$2.3085 \pm 0.0081$"),
        (2.30851234, 0.81, r"$2.31 \pm 0.81$"),
        (230.851, 12.3, r"$231 \pm 12$"),
        (0.0535, 0.00123, r"$0.0535 \pm 0.0012$"),
        (0.0535, 0.0, "$0.0535$"),
        (0.0535, float("nan"), "$0.0535$"),
        (1.0, float("inf"), "$1$"),
    ],
)
def test_an_error_has_two_digits_and_its_value_the_same_places(value, error, text):
    assert table.plus_minus(value, error) == text


@pytest.mark.parametrize(
    ("text", "latex"),
    [
        ("a_b", r"a\_b"),
        ("50% & more", r"50\% \& more"),
        ("$x^2$ #1 {y}", r"\$x\textasciicircum{}2\$ \#1 \{y\}"),
        ("~\\", r"\textasciitilde{}\textbackslash{}"),
        ("0K–2K", "0K--2K"),
        ("plain µ", "plain µ"),
    ],
)
def test_text_is_escaped_for_latex(text, latex):
    assert table.escape(text) == latex


def test_a_broken_law_stands_with_its_break_and_its_second_exponent(written):
    """As a C^-b alone it would be another law."""
    broken = FIT.assign(law="broken", exponent_after=0.0812, break_compute_pflop_s_days=5.25)
    _, tex = written("fits", fit=broken)
    assert "5.25" in tex
    assert "0.0812" in tex
    assert r"(1 + (C/d)^{1/s})^{-(b_2 - b)\,s}" in tex
    assert "exponent $b_2$ beyond the break $d$" in tex


def test_the_compute_of_a_surface_is_not_called_logged(written):
    """A surface knows 6 N D alone, whatever compute the points have."""
    _, tex = written("multipliers", multiplier=MULTIPLIER.assign(counted_in="6nd"))
    assert "6 N D" in tex


def test_intervals_for_all_comparisons_at_once_have_a_column_where_there_are_several(written):
    _, one = written("multipliers", multiplier=MULTIPLIER)
    assert "with pointwise 95" in one
    assert "ll at once" not in one
    _, tex = written("multipliers", multiplier=MULTIPLIER.assign(simultaneous=4))
    assert "[1.134, 1.176] & [1.121, 1.189]" in tex
    assert "All at once: intervals that hold for the 4 comparisons" in tex


def test_the_table_of_claims_has_what_is_published_and_not_what_the_run_sheet_states():
    claims = pd.DataFrame(
        {
            "claim": ["new below base, loss_1", "new loss at 2.1", "base-1"],
            "kind": ["orderings", "multipliers", "stated"],
            "quantity": ["loss_ratio", "multiplier", "parameters"],
            "published": ["< 1", "1.16", "1000"],
            "ours": [0.99331, 1.1546, 1000.0],
            "saving": [np.nan, 0.1339, np.nan],
            "ci_low": [0.9922, 1.134, 990.0],
            "ci_high": [0.9945, 1.176, 1010.0],
            "verdict": ["consistent", "reproduced", "differs"],
        }
    )
    text = table.TABLES["claims"]({"claims": claims}, WORDS).text
    assert text.to_numpy().tolist() == [
        [
            r"new below base, loss\_1",
            "loss ratio",
            "< 1",
            "0.9933",
            "[0.9922, 0.9945]",
            "",
            "consistent",
        ],
        [
            "new loss at 2.1",
            "multiplier",
            "1.16",
            "1.155",
            "[1.134, 1.176]",
            r"13\% [12, 15]",
            "reproduced",
        ],
    ]
    without = table.TABLES["claims"]({"claims": claims.assign(saving=np.nan)}, WORDS)
    assert "Saving" not in without.text


@pytest.mark.parametrize(
    ("row", "text"),
    [
        ((1.16, 1.1, 1.25), r"14\% [9, 20]"),
        ((1.0, 0.5, 2.0), r"0\% [$-$100, 50]"),
        ((1.2, 0.0, np.inf), r"17\%"),
        ((1.2, 1e-9, 2.0), r"17\% [$-1e+11$, 50]"),
        ((np.nan, 1.0, 2.0), ""),
    ],
)
def test_a_saving_stands_with_its_interval(row, text):
    assert saved(*row) == text
