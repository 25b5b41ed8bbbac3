"""Final losses on iso-FLOP grids of two arms, from a known surface; rerun after a change here.

L = E + A / N^alpha + B / D^beta. The candidate has N times 1.3 at the same cost, so that its loss
at compute C is the baseline's at 1.3 C: the multiplier is 1.3 at every loss.
"""

from pathlib import Path

import numpy as np

E, A, ALPHA, B, BETA, GAIN = 1.8, 480.0, 0.35, 2100.0, 0.37, 1.3
BUDGETS = (1e18, 1e19, 1e20, 1e21)  # FLOPs
SPREAD = (1 / 5, 1 / 2.5, 1 / 1.4, 1.3, 2.5, 5)  # sizes, as factors of the best one
NOISE = 3e-4  # of log loss

if __name__ == "__main__":
    random = np.random.default_rng(1)
    balance = (ALPHA * A / (BETA * B)) ** (1 / (ALPHA + BETA))
    rows = ["run,arm,model,parameters,tokens,loss"]
    for arm, gain in (("dense", 1.0), ("sparse", GAIN)):
        for budget, flops in enumerate(BUDGETS, start=1):
            best = balance * (flops / 6) ** (BETA / (ALPHA + BETA))
            for size, factor in enumerate(SPREAD, start=1):
                n = float(f"{best * factor:.3g}")
                d = float(f"{flops / (6 * n):.4g}")
                loss = E + A / (gain * n) ** ALPHA + B / d**BETA
                loss *= np.exp(NOISE * random.normal())
                model = f"c{budget}-n{size}"
                rows.append(f"{arm}-{model},{arm},{model},{n:.0f},{d:.0f},{loss:.4f}")
    target = Path(__file__).parent / "data/surface/points.csv"
    target.write_text("\n".join(rows) + "\n", encoding="utf-8")
