"""Licences by their names in the contracts."""

# Names that bodies use and the identifier that SPDX has for them.
_SPDX = {
    name.lower(): name
    for name in (
        "MIT", "CC0-1.0", "CC-BY-3.0", "CC-BY-4.0", "CC-BY-SA-3.0", "CC-BY-SA-4.0", "CC-BY-NC-4.0",
        "CC-BY-NC-SA-4.0", "ODbL-1.0", "ODC-By-1.0", "PDDL-1.0", "OGL-UK-3.0", "Apache-2.0",
    )
}  # fmt: skip


def address(name: str) -> str | None:
    """Return the page of a licence that SPDX knows, else None."""
    identifier = _SPDX.get(name.lower())
    return f"https://spdx.org/licenses/{identifier}.html" if identifier else None


def licence(name: str) -> dict:
    """Return a licence as Data Packages describe it: by name and page, or by title when SPDX does not know
    it.
    """
    page = address(name)
    return {"name": _SPDX[name.lower()], "path": page} if page else {"name": "other", "title": name}
