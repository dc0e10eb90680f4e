"""The error of a tabulation."""

from statloom.errors import StatloomError


class TabulationError(StatloomError):
    """Cells cannot be made. The text says what is wrong, and of how many units."""
