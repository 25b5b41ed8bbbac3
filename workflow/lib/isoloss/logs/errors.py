"""What the readers of logs raise, and the form of what a person is told."""

_START, _END = 1000, 400  # characters of a long message that are told


def in_one_line(message: str) -> str:
    """A message in one line, without its middle where it is long.

    What a terminal would obey (names of files and cells may hold it) is spelt: `\\n`, `\\x1b`.
    """
    plain = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in message)
    return plain if len(plain) <= _START + _END else f"{plain[:_START]} ... {plain[-_END:]}"


class LogError(ValueError):
    """A log that cannot be read as asked; the message names file, place, value and mend."""

    def __init__(self, message: object) -> None:
        super().__init__(in_one_line(str(message)))
