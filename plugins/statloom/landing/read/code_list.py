"""The labels that a file of microdata has for its codes."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class CodeList:
    """Codes of one column. ``labels``: code, as text → label; ``ranges``: of numbers that are values without
    a label; ``translations``: language → code → label; ``complete``: no other values are right.
    """

    labels: dict[str, str]
    ranges: tuple[tuple[float, float], ...] = ()
    translations: dict[str, dict[str, str]] = field(default_factory=dict)
    complete: bool = True


def plain(code) -> str:
    """Return a code as text: whole numbers without a decimal part, texts without blanks around."""
    if isinstance(code, float) and code.is_integer():
        return str(int(code))
    return str(code).strip()
