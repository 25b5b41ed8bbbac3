"""How many (query, key) pairs an attention pattern visits in one sequence: exact, closed forms."""

from isoloss.flops.architecture import Blocks, Causal, Chunks, Native, Pattern, Selected, Window


def visited_pairs(pattern: Pattern, length: int) -> int:
    """Pairs whose score is used in a sequence of `length` tokens under the causal mask.

    Causal: T (T + 1) / 2. Window w, or w selected keys: the query at t sees min(t, w). Chunks: its
    own chunk up to itself. MoBA: its own block up to
    itself and the whole of min(b, top - 1) of the b earlier blocks. NSA: the sum of its three
    branches, that is the compressed keys whose block has ended, its own selection block with
    min(b, top - 1) earlier ones, and the window.
    """
    match pattern:
        case Causal():
            return _triangle(length)
        case Window(size) | Selected(size):
            return _window(length, size)
        case Chunks(size):
            return _blocks(length, size, 1)
        case Blocks(size, top):
            return _blocks(length, size, top)
        case Native(compress_size, stride, select_size, top, window):
            ended = _steps(length - compress_size + 1, stride) + max(length - compress_size + 1, 0)
            return ended + _blocks(length, select_size, top) + _window(length, window)


def full_pairs(pattern: Pattern, length: int) -> int:
    """Pairs if no query could skip what the mask hides: each charged as the last one, T x keys."""
    return length * (visited_pairs(pattern, length) - visited_pairs(pattern, length - 1))


def gate_pairs(pattern: Pattern, length: int) -> int:
    """Scores of queries against mean keys of earlier blocks: MoBA's gate, zero for the others."""
    return _steps(length, pattern.size) if isinstance(pattern, Blocks) else 0


def full_gate_pairs(pattern: Pattern, length: int) -> int:
    """The same with every query charged for every block."""
    return length * -(-length // pattern.size) if isinstance(pattern, Blocks) else 0


def _triangle(length: int) -> int:
    return length * (length + 1) // 2


def _window(length: int, size: int) -> int:
    within = min(length, size)
    return _triangle(within) + (length - within) * size


def _blocks(length: int, size: int, top: int) -> int:
    whole, rest = divmod(length, size)
    growing = min(whole, top - 1)  # blocks with fewer than top - 1 before them see all of these
    earlier = _triangle(growing - 1) + (whole - growing) * (top - 1)
    own = whole * _triangle(size) + _triangle(rest)
    return own + size * (size * earlier + rest * growing)


def _steps(length: int, size: int) -> int:
    """The sum of t // size for t from 0 to length - 1."""
    whole, rest = divmod(max(length, 0), size)
    return size * _triangle(whole - 1) + rest * whole
