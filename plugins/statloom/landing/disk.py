"""What a full disk looks like to a person."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from statloom.errors import StatloomError


@contextmanager
def full_disk_named(path: Path | str) -> Iterator[None]:
    """Turn the operating system's error for a full disk, quota or file limit into a StatloomError on
    ``path``.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise
        raise StatloomError(
            f"no space is left to write {path} ({error.strerror}); free some and run again"
        ) from None
