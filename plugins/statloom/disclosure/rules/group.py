"""Group disclosure: what is known of a group is known of everyone in it, when all stand in one category."""


def all_in_one(*, numerator: str, denominator: str, is_count: str) -> str:
    """Return SQL that is true for a share in which all of a group stand in the category, else false.

    All arguments are SQL expressions over one row. An empty group tells about nobody.
    """
    return f"coalesce({is_count} and ({denominator}) > 0 and ({numerator}) = ({denominator}), false)"
