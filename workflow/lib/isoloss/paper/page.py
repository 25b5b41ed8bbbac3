"""The data-quality page of a study: one HTML file that needs no other."""

import base64
import re
from collections.abc import Iterable
from html import escape

from isoloss.cleaning.advice import Row, balance, cells, counts, findings, flags, state, worst_first

STYLE = """
body { font: 14px/1.45 system-ui, sans-serif; color: #222; max-width: 1180px; margin: 2em auto;
  padding: 0 1em; }
h1 { font-size: 1.4em; margin-bottom: 0; }
h2 { font-size: 1.1em; margin-top: 2em; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th { text-align: left; font-size: 12px; color: #555; border-bottom: 1px solid #999;
  padding: 4px 6px; vertical-align: bottom; }
td { padding: 4px 6px; border-top: 1px solid #ddd; white-space: nowrap; }
td.number, th.number { text-align: right; }
tr.more td { border-top: 0; padding: 0 6px 6px 2em; white-space: normal; color: #444; }
.state { color: white; border-radius: 3px; padding: 1px 7px; font-size: 12px; }
.unusable { background: #B22222; }
.look { background: #B8670B; }
.ok { background: #2E7D32; }
.excluded { background: #888; }
.flags, .notes { color: #777; font-size: 12px; }
.do { color: #003A5C; }
img { width: 100%; }
"""
WORDS = ("Run", "Format", "From")  # columns set left
LEGEND = (
    ("unusable", "kept out of the fits"),
    ("look", "used, but something was found"),
    ("ok", "used, nothing was found"),
    ("excluded", "left out by the study, with its reason"),
)


def page(title: str, rows: Iterable[Row], picture: bytes) -> str:
    """HTML from the quality table (a mapping a row) and the SVG of its curves."""
    rows = worst_first(rows)
    headings = [name for name in cells(rows[0]) if any(cells(row)[name] for row in rows)]
    head = "".join(f"<th{_side(name)}>{name}</th>" for name in headings)
    legend = " &ensp; ".join(f"{_badge(name)} {meaning}" for name, meaning in LEGEND)
    image = base64.b64encode(picture).decode()
    return f"""<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<title>Data quality: {escape(title)}</title>
<style>{STYLE}</style>
<h1>Data quality: {escape(title)}</h1>
<p>{counts(rows)}. {balance(rows)}. <a href="#curves">Every curve</a></p>
<p>{legend}</p>
<table>
<tr><th>Verdict</th>{head}</tr>
{"".join(_run(row, headings) for row in rows)}</table>
<h2 id="curves">Every curve</h2>
<p>In the order of the table, from 1% of the run on or from the first flagged value. Lines are the
kept values, signs the flagged ones; those without a finite value, and those far above the others,
are at the upper edge.</p>
<img alt="The curves of all runs with their flagged values" src="data:image/svg+xml;base64,{image}">
</html>
"""


def _run(row: Row, headings: list[str]) -> str:
    numbers = cells(row)
    line = "".join(f"<td{_side(name)}>{escape(numbers[name])}</td>" for name in headings)
    more = [
        f"<b>{escape(name)}</b>: {_code(words)}. <span class=do>To do: {_code(what)}.</span>"
        for name, words, what in findings(row)
    ]
    if state(row) == "excluded":
        more.insert(0, f"<b>{escape(str(row['reason']))}</b>")
    if flagged := flags(row):
        listed = ", ".join(f"{name} {count:,}" for name, count in flagged)
        more.append(f"<span class=flags>flagged: {listed}</span>")
    if row["notes"]:
        more.append(f"<span class=notes>reader: {escape(str(row['notes']))}</span>")
    below = f"<tr class=more><td colspan={len(headings) + 1}>{'<br>'.join(more)}</td></tr>\n"
    return f"<tr><td>{_badge(state(row))}</td>{line}</tr>\n{below if more else ''}"


def _code(words: str) -> str:
    return re.sub("`([^`]+)`", r"<code>\1</code>", escape(words))


def _badge(name: str) -> str:
    return f'<span class="state {name}">{name}</span>'


def _side(name: str) -> str:
    return "" if name in WORDS else " class=number"
