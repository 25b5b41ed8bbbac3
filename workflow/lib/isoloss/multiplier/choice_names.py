"""What is varied in a table of specifications, by column and in words."""

OF = ["candidate", "metric"]  # one comparison
NAMES = {
    "convention": "the FLOP convention",
    "law": "the law",
    "method": "the estimator",
    "points": "the selection of points",
    "reference": "the place of comparison",
    "left_out": "the size left out",
    "pair_by": "the pairing",
}
CHOICES = list(NAMES)
