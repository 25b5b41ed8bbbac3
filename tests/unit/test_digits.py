"""How many digits of a multiplier are printed."""

import pytest
from isoloss.multiplier.digits import shown

NAN = float("nan")


@pytest.mark.parametrize(
    ("numbers", "text"),
    [
        ((1.2519, 1.2462, 1.2574), "1.252 1.246 1.257"),
        ((1.1549, 1.1341, 1.1762), "1.155 1.134 1.176"),
        ((0.968, 0.868, 1.051), "0.97 0.87 1.05"),
        ((2.5, 1.1, 14.2), "2.50 1.10 14.20"),  # never fewer than two places
        ((0.5, 0.0123, 4.0), "0.500 0.012 4.000"),  # the lower end is no 0
        ((1.25, 1.25, 1.25), "1.25 1.25 1.25"),
        ((1.25, 1.249999999, 1.250000001), "1.250000 1.250000 1.250000"),
        ((1.3, NAN, NAN), "1.30 nan nan"),
        ((1.3, 1.1, float("inf")), "1.30 1.10 inf"),
        ((1.3, 0.0, 2.0), "1.30 0.00 2.00"),
        ((1.2, 1e-300, 1e300), "1.2 1e-300 1e+300"),
        ((25300.0, 18200.0, 35100.0), "2.53e+04 1.82e+04 3.51e+04"),
    ],
)
def test_an_interval_has_two_digits_and_its_value_the_same_places(numbers, text):
    assert " ".join(shown(*numbers)) == text
