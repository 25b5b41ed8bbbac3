"""Whether a regular expression can take very long, told by its parsed form, and texts to look for
before it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import reduce
from operator import or_
from typing import Any

LONGEST = 2000  # characters of an expression
# Repeats that can share one text between them: with two of them, and the search for a start, a line
# takes time in proportion to the third power of its length at most.
MOST_SHARING = 2
_MANY = 16  # repeats of one thing up to this many are few
_ANY = (1 << 256) - 1
_SETS = {
    "CATEGORY_DIGIT": b"0123456789",
    "CATEGORY_SPACE": b" \t\n\r\f\v",
    "CATEGORY_WORD": b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_",
}


def unsafe(text: str) -> str | None:
    """Why a regular expression for bytes may take too long, or None.

    What is repeated must be of one width and without alternatives, so that there is one way to
    divide a text between the repeats: no exponential time. And of repeats that follow each other
    few can take the same text: no high power of its length.
    """
    if len(text) > LONGEST:
        return f"it has {len(text):,} characters, more than {LONGEST:,}"
    tree = re._parser.parse(text.encode())  # type: ignore[attr-defined]
    return next(_unsafe(tree), None)


def _unsafe(tree: Any) -> Iterator[str]:
    for code, inner in _parts(tree):
        if code.endswith("REPEAT"):
            _, most, what = inner
            low, high = what.getwidth()
            if most > 1 and low != high:
                yield "a repeat of what repeats or varies in width"
            if most > 1 and any(code == "BRANCH" for code, _ in _parts(what)):
                yield "a repeat of alternatives"
        elif code.startswith("ASSERT") and _sharing(inner[1]) > MOST_SHARING:
            yield f"more than {MOST_SHARING} repeats in a row that can take the same text"
    if _sharing(tree) > MOST_SHARING:
        yield f"more than {MOST_SHARING} repeats in a row that can take the same text"


def _parts(tree: Any) -> Iterator[tuple[str, Any]]:
    """The parts of an expression and the parts in them."""
    for code, inner in tree:
        yield str(code), inner
        for part in _inside(str(code), inner):
            yield from _parts(part)


def _inside(code: str, inner: Any) -> list[Any]:
    """The expressions directly in a part."""
    parts = inner[1] if code == "BRANCH" else inner if isinstance(inner, tuple) else (inner,)
    kind = re._parser.SubPattern  # type: ignore[attr-defined]
    return [part for part in parts if isinstance(part, kind)]


@dataclass
class _Item:
    """One character or many of a set (a bit a byte), and the items that may follow."""

    of: int
    many: bool
    then: list["_Item"] = field(default_factory=list)
    longest: int = 0


def _graph(tree: Any, before: list[_Item], items: list[_Item]) -> list[_Item]:
    """Put what an expression takes behind the items `before`; which of them may be its last.

    items: takes them all, each before those that follow it.
    """
    for part, inner in tree:
        code, last = str(part), before
        if code.endswith("REPEAT"):
            least, most, what = inner
            inside: list[_Item] = []
            before = _graph(what, before, inside if most > _MANY else items)
            if most > _MANY and inside:
                of = reduce(or_, (item.of for item in inside))
                before = _follow(_Item(of, True), last, items)
            before = before if least else [*before, *last]
        elif code == "BRANCH":
            before = [end for way in inner[1] for end in _graph(way, last, items)]
        elif code.startswith("GROUPREF"):
            before = [*_follow(_Item(_ANY, True), last, items), *last]
        elif not code.startswith("ASSERT") and (parts := _inside(code, inner)):
            for what in parts:
                before = _graph(what, before, items)
        elif of := _set(code, inner):
            before = _follow(_Item(of, False), last, items)
    return before


def _follow(item: _Item, before: list[_Item], items: list[_Item]) -> list[_Item]:
    items.append(item)
    for one in before:
        one.then.append(item)
    return [item]


def _set(code: str, inner: Any) -> int:
    """The bytes that a part of one character matches, as bits; 0 of a part of no width."""
    if code == "LITERAL":
        return int(1 << inner | 1 << ord(chr(inner).swapcase()) % 256)
    if code == "NOT_LITERAL":
        return int(_ANY ^ 1 << inner)
    if code == "ANY":
        return _ANY ^ 1 << 10
    if code != "IN":
        return 0
    of, negated = 0, False
    for part, what in inner:
        if str(part) == "NEGATE":
            negated = True
        elif str(part) == "RANGE":
            for char in range(what[0], what[1] + 1):
                of |= _set("LITERAL", char)
        elif str(part) == "CATEGORY":
            name = str(what)
            known = sum(1 << char for char in _SETS[name.replace("_NOT", "")])
            of |= _ANY ^ known if "_NOT" in name else known
        else:
            of |= _set(str(part), what)
    return _ANY ^ of if negated else of


def _sharing(tree: Any) -> int:
    """The largest number of repeats, one after another, that can share out one text.

    A repeat can take what a later one could only if all that stands between them can be part of
    what it takes itself. One at the very end takes what it can, and never gives it back.
    """
    items: list[_Item] = []
    start = _Item(0, False)
    ends = _graph(tree, [start], items)
    bound = any(code == "AT" or code.startswith("ASSERT") for code, _ in [*_parts(tree)][1:])
    free = {id(item) for item in ends if item.many and not item.then and not bound}
    for item in items:
        if not item.many or id(item) in free:
            continue
        item.longest = max(item.longest, 1)
        seen, ahead = set[int](), list(item.then)
        while ahead:
            other = ahead.pop()
            if id(other) in seen or not other.of & item.of:
                continue
            seen.add(id(other))
            if other.many and id(other) not in free:
                other.longest = max(other.longest, item.longest + 1)
            ahead += other.then
    return max((item.longest for item in items), default=0)


def words(text: str) -> tuple[str, ...]:
    """Texts without line ends, one of which is in whatever an expression matches; () if none is
    sure to be. To look for them is much faster than to look for the expression."""
    return _words(re._parser.parse(text))  # type: ignore[attr-defined]


def _words(tree: Any) -> tuple[str, ...]:
    found: list[tuple[str, ...]] = []
    run = ""
    for code, inner in [*tree, ("END", None)]:
        if str(code) == "LITERAL" and chr(inner) != "\n":
            run += chr(inner)
            continue
        found.append((run,) if run else ())
        run = ""
        if str(code) == "BRANCH":
            each = [_words(way) for way in inner[1]]
            found.append(tuple(word for way in each for word in way) if all(each) else ())
        elif str(code) == "SUBPATTERN":
            found.append(_words(inner[-1]))
    return max(found, key=lambda some: min(map(len, some), default=0))
