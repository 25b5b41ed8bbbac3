"""A study's quality table, readably, in a terminal: what `isoloss check` prints."""

from collections.abc import Iterable

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
