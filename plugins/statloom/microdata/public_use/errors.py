"""What stops a public-use file from being made."""

from statloom.errors import StatloomError


class PublicUseError(StatloomError):
    """A public-use file cannot be made as its contract declares it. The text names source and variable."""
