"""Records that could not be read, collected within bounded memory."""

from isoloss.logs.records import Bad, LogError

MAX_RECORDS = 100_000
HEAD = 200  # Bytes kept of a broken record.


class Quarantine:
    """The broken records of one file, in the order in which they were found."""

    def __init__(self) -> None:
        self.records: list[Bad] = []

    def add(self, offset: int, reason: str, head: bytes) -> None:
        """Set a record aside; LogError where there are more than any log is worth."""
        if len(self.records) >= MAX_RECORDS:
            first = self.records[0]
            raise LogError(
                f"more than {MAX_RECORDS:,} broken records, the first at {first.offset} "
                f"({first.reason}): the file is damaged throughout, or of another format"
            )
        self.records.append(Bad(offset, reason, bytes(head[:HEAD])))
