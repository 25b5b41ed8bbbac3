"""A study's quality table, readably, in a terminal: a line a run, the worst first.

python -m isoloss.check results/quality/<study>.csv [results/page/<study>.html]
"""

import csv
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from isoloss.cleaning.advice import Row, balance, cells, counts, findings, flags, state, worst_first

LEFT = ("Verdict", "Run", "Format", "From")  # columns set left


def report(rows: Iterable[Row]) -> list[str]:
    """The lines: a heading, a line a run, and below it what was found and what to do."""
    rows = worst_first(rows)
    table = [{"Verdict": state(row)} | cells(row) for row in rows]
    shown = [name for name in table[0] if any(line[name] for line in table)]
    widths = {name: max(len(name), *(len(line[name]) for line in table)) for name in shown}
    lines = [f"{counts(rows)}; {balance(rows)}", "", _line({name: name for name in shown}, widths)]
    for row, line in zip(rows, table, strict=True):
        lines.append(_line(line, widths))
        if state(row) == "excluded":
            lines.append(f"    {row['reason']}")
        for name, words, what in findings(row):
            lines += [f"    {name}: {words}", f"        to do: {what}"]
        if flagged := flags(row):
            lines.append("    flagged: " + ", ".join(f"{name} {n:,}" for name, n in flagged))
    return lines


def _line(line: dict[str, str], widths: dict[str, int]) -> str:
    parts = [
        line[name].ljust(width) if name in LEFT else line[name].rjust(width)
        for name, width in widths.items()
    ]
    return "  ".join(parts).rstrip()


def main(arguments: Sequence[str]) -> int:
    """Print the report of a quality table, and where its page is."""
    if not 1 <= len(arguments) <= 2:
        print(__doc__, file=sys.stderr)
        return 2
    with Path(arguments[0]).open(encoding="utf-8", newline="") as table:
        print("\n".join(report(csv.DictReader(table))))
    for page in arguments[1:]:
        print(f"\nThe page with every curve: {page}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
