"""The word that was probably meant."""

from collections.abc import Iterable


def suggestion(word, known: Iterable) -> str:
    """Return ``; did you mean '…'?`` for the known word most like ``word``; empty when none is."""
    from difflib import get_close_matches

    close = get_close_matches(str(word), [str(k) for k in known], 1, 0.7)
    return f"; did you mean '{close[0]}'?" if close else ""
