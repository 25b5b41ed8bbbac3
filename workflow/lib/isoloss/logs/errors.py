"""What the readers of logs raise."""


class LogError(ValueError):
    """A log that cannot be read as asked; the message names file, place, value and mend."""
