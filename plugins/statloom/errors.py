"""The errors that Statloom raises for people to read."""


class StatloomError(Exception):
    """A problem that a person can act on. Its text is one message, understood without a traceback."""


class ContractError(StatloomError):
    """A contract is not valid. The text names file, line and field."""


class DeliveryError(StatloomError):
    """A delivery cannot be taken in.

    Its text names source, file, row and column where they are known, then the reason:
    ``census_2011_toilet: toilet.csv, row 17, column total: 'n.a.' is not an integer``.
    Rows are counted as a person counts them in the file: the header line is row 1.
    """

    def __init__(
        self,
        reason: str,
        *,
        source: str | None = None,
        file: str | None = None,
        row: int | None = None,
        column: str | None = None,
    ) -> None:
        self.reason, self.source, self.file, self.row, self.column = reason, source, file, row, column
        where = [
            text
            for text in (
                file,
                f"row {row}" if row is not None else None,
                f"column {column}" if column is not None else None,
            )
            if text
        ]
        head = f"{source}: " if source else ""
        super().__init__(f"{head}{', '.join(where)}{': ' if where else ''}{reason}")


class GateError(StatloomError):
    """A gate did not pass. The text names the failed expectations with their row counts."""
