"""The macros of a study: their names, their digits, and what may not be quoted."""

import json
import re

import numpy as np
import pandas as pd
import pytest
from isoloss import tables
from isoloss.paper import numbers
from isoloss.paper.numbers import camel

CONVENTIONS = ["6n_with_head", "matmul_causal"]


@pytest.fixture
def made_of(stage_schema):
    """A multiplier of 1.155 with its interval, of two laws over four points each."""

    def table(name, **columns):
        schema = stage_schema(name)["properties"]
        rows = len(next(iter(columns.values())))
        empty = {"string": "", "number": np.nan, "integer": 0, "boolean": False}
        blank = {key: [empty[rule["type"]]] * rows for key, rule in schema.items()}
        return tables.check(pd.DataFrame(blank | columns), stage_schema(name), name)

    known = {"metric": ["loss"] * 2, "convention": ["6n_with_head"] * 2}
    law = known | {"law": ["power"] * 2, "headline_law": [True] * 2, "status": ["converged"] * 2}
    return {
        "multiplier": table(
            "multiplier",
            candidate=["new"] * 2,
            baseline=["base"] * 2,
            metric=["loss"] * 2,
            convention=CONVENTIONS,
            counted_in=CONVENTIONS,
            law=["power"] * 2,
            loss=[2.1, 2.1],
            multiplier=[1.15456, 0.8],
            ci_low=[1.13398, 0.79],
            ci_high=[1.17555, 1.31],
            confidence=[0.95, 0.95],
            pairing=["paired"] * 2,
            n_runs=[4, 4],
            headline=[True, False],
            headline_law=[True] * 2,
            kind=["reported"] * 2,
            status=["converged"] * 2,
        ),
        "fit": table(
            "fit",
            arm=["base", "new"],
            **law,
            coefficient=[2.30873, 2.2874],
            coefficient_se=[0.0068, 0.0052],
            exponent=[0.05347, 0.05251],
            exponent_se=[0.0016, 0.0012],
        ),
        "points": table(
            "points",
            run=["a", "b"],
            arm=["base", "new"],
            **known,
            compute_pflop_s_days=[1.69877, 1.7],
            loss=[2.2, 2.1],
            used=[True, True],
        ),
    }


def by_name(made_of, study="kimi-linear"):
    return {each.name: each for each in numbers.numbers(study, made_of, CONVENTIONS)}


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("moba-8k", "MobaEightK"),
        ("loss_10k_12k", "LossOneZeroKOneTwoK"),
        ("MLA", "MLA"),
        ("2.1", "TwoOne"),
    ],
)
def test_a_macro_is_named_by_letters_alone(text, name):
    assert camel(text) == name


def test_the_digits_are_those_that_the_error_bears(made_of):
    found = by_name(made_of)
    assert found["KimiLinearMultiplierWithInterval"].text == "1.155 (1.134 to 1.176)"
    assert found["KimiLinearMultiplier"].value == 1.15456
    saving = found["KimiLinearSavingWithInterval"].text
    assert saving == r"13.4\% (11.8\% to 14.9\%)"  # 1 - 1/M, not M - 1
    assert found["KimiLinearBaseExponentPlusMinus"].text == r"\ensuremath{0.0535 \pm 0.0016}"
    assert found["KimiLinearNewCoefficient"].text == "2.2874"
    assert found["KimiLinearRuns"].text == "4"
    assert found["KimiLinearConvention"].text == "6N with head"


def test_another_convention_has_its_name(made_of):
    found = by_name(made_of)
    assert found["KimiLinearMatmulCausalMultiplier"].text.startswith("0.80")
    assert found["KimiLinearMatmulCausalSavingLow"].text == r"$-$27\%"


def test_a_number_that_may_not_be_a_headline_prints_why(made_of):
    made_of["multiplier"].loc[0, "doubts"] = "size_label: run a has 4e+08 parameters"
    found = by_name(made_of)
    for quantity in ("Multiplier", "MultiplierLow", "MultiplierWithInterval", "Saving"):
        each = found[f"KimiLinear{quantity}"]
        assert each.text.startswith(r"\textbf{[not to be quoted: run a has 4e+08")
        assert each.refused
    assert not found["KimiLinearMatmulCausalMultiplier"].refused


@pytest.mark.parametrize("ends", [(0.0, np.inf), (np.nan, np.nan)])
def test_a_number_without_an_interval_is_not_quoted(made_of, tmp_path, ends):
    made_of["multiplier"].loc[0, ["ci_low", "ci_high"]] = ends
    found = by_name(made_of)
    for quantity in ("Multiplier", "SavingInterval"):
        assert "not to be quoted: no estimate" in found[f"KimiLinear{quantity}"].text
    numbers.write(found.values(), tmp_path / "n.tex", tmp_path / "n.json")
    assert (
        json.loads((tmp_path / "n.json").read_text())["KimiLinearMultiplierHigh"]["value"] is None
    )


def test_two_numbers_of_one_name_are_an_error(made_of):
    made_of["points"]["arm"] = ["new-1", "new_1"]
    with pytest.raises(ValueError, match=r"\\KimiLinearNewOnePoints would be both"):
        by_name(made_of)


def test_the_files_hold_every_number(made_of, tmp_path):
    quoted = numbers.numbers("kimi-linear", made_of, CONVENTIONS)
    tex, for_programs = tmp_path / "n.tex", tmp_path / "n.json"
    numbers.write(quoted, tex, for_programs)
    macros = re.findall(r"^\\newcommand\{\\([A-Za-z]+)\}\{.*\} % .+$", tex.read_text(), re.M)
    known = json.loads(for_programs.read_text())
    assert macros == list(known) == [each.name for each in quoted]
    assert known["KimiLinearMultiplier"]["value"] == 1.15456
