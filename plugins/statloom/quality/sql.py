"""SQL fragments from names and values, quoted."""


def name(*parts: str) -> str:
    """Return an identifier, quoted: ``name("raw", "x")`` is ``"raw"."x"``."""
    return ".".join('"' + part.replace('"', '""') + '"' for part in parts)


def names(columns: list[str], prefix: str = "") -> str:
    """Return a list of quoted columns, each behind ``prefix`` (a table's alias)."""
    return ", ".join(f"{prefix}.{name(column)}" if prefix else name(column) for column in columns)


def literal(value: str | int | float | bool | None) -> str:
    """Return a value as a literal of PostgreSQL."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    text = str(value)
    if "\\" in text:
        return "E'" + text.replace("\\", "\\\\").replace("'", "''") + "'"
    return "'" + text.replace("'", "''") + "'"


def literals(values: list) -> str:
    """Return values as a comma-separated list of literals."""
    return ", ".join(literal(value) for value in values)


def both(*conditions: str | None) -> str:
    """Return the conjunction of the conditions that are given, ``true`` when none is."""
    return " and ".join(f"({condition})" for condition in conditions if condition) or "true"
