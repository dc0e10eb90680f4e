"""Which columns name places, and in which scheme: the one that knows most of their codes."""

import pandas as pd
import pyarrow.compute as pc

from statloom import settings
from statloom.landing.sniff.guess import PLACE, Guess


def place_of(columns: list[Guess], texts: dict, period: dict, microdata: bool, checks: list[str]) -> dict:
    """Give columns that the registry knows a place role; return the scheme, date and level that fit best."""
    seeds = settings.load().dbt_project / "seeds" / "places"
    codes = pd.read_csv(seeds / "place_code.csv", dtype=str, keep_default_na=False)
    names = pd.read_csv(seeds / "place_name.csv", dtype=str, keep_default_na=False)
    schemes = pd.read_csv(seeds / "place_scheme.csv", dtype=str, keep_default_na=False)
    level_column = next((c for c in columns if c.role == "place_level"), None)
    loose = ("measure", "dimension", "ignored")
    candidates = [c for c in columns if c.role in loose and PLACE.search(c.name)]
    given = {c.name: set(pc.unique(texts[c.header]).to_pylist()) for c in candidates}
    _mark_names(candidates, given, names)
    levels = sorted((level_column.values or {}).values()) if level_column else None
    fits = _fits(candidates, given, codes, levels)
    if not fits:
        return _without_codes(columns, given, codes, names, level_column, checks)
    named = next((c for c in columns if c.role == "place_name"), None)
    support = _support(fits)
    scored = [
        (
            share
            + _agreement(fit, named, texts, codes, names)
            + 0.1 * _in_use(schemes, fit[1], period)
            + (support[fit[1]] if microdata else 0),
            share,
            fit,
        )
        for share, fit in fits
    ]
    # Of two schemes that know as much, the smaller one fits better: it has fewer codes that are not there.
    total, share, (column, scheme, level, _) = max(scored, key=lambda s: (s[0], -s[2][3]))
    rivals = sorted({f[1] for t, _, f in scored if t >= total - 0.15 and f[1] != scheme and f[0] is column})
    checks.append(
        f"place: {share:.0%} of the codes in {column.name} are in scheme {scheme}"
        + (f"; {', '.join(rivals)} would fit as well: compare some names" if rivals else "")
    )
    others = _others(fits, scheme, column) if microdata else []
    for fit in [(column, scheme, level, 0), *others]:
        fit[0].role, fit[0].type, fit[0].categories = "place_code", "text", None
        fit[0].why = f"its values are codes of {scheme}"
        fit[0].level = fit[2] if microdata else None
    place = {"scheme": scheme, "date": _date(schemes, scheme, period, checks)}
    if microdata:
        place["code"] = next(
            iter(codes.loc[(codes.place_scheme == scheme) & (codes.place_level == "country"), "place_code"]),
            "NP",
        )
    elif level_column is None:
        place["level"] = level
        checks.append(f"place: level {level} for every row")
    return place


def _mark_names(candidates: list[Guess], given: dict, names: pd.DataFrame) -> None:
    known = set(names["place_name"].str.strip().str.lower())
    for column in candidates:
        words = {text.lower() for text in given[column.name]}
        if column.type == "text" and words and len(words & known) / len(words) >= 0.6:
            column.role, column.categories = "place_name", None
            column.why = "most of its values are names of places"
            return


def _fits(candidates: list[Guess], given: dict, codes: pd.DataFrame, levels: list[str] | None) -> list:
    """Return (share of the codes that are known, (column, scheme, level, codes in the scheme)), from 0.5."""
    fits = []
    for column in candidates:
        if column.role == "place_name" or column.type not in ("text", "integer"):
            continue
        for scheme, of_scheme in codes.groupby("place_scheme"):
            if levels:
                groups = [(None, of_scheme[of_scheme["place_level"].isin(levels)])]
            else:
                groups = of_scheme.groupby("place_level")
            for level, known in groups:
                share = len(given[column.name] & set(known["place_code"])) / max(len(given[column.name]), 1)
                if share >= 0.5:
                    fits.append((share, (column, scheme, level, len(known))))
    return fits


def _agreement(fit: tuple, named: Guess | None, texts: dict, codes, names) -> float:
    """Return the share of rows whose name is one of the place that their code means."""
    column, scheme, level, _ = fit
    if named is None or len(texts[named.header]) != len(texts[column.header]):
        return 0.0
    rows = pd.DataFrame(
        {
            "place_code": texts[column.header].to_pylist(),
            "name": [text.lower() for text in texts[named.header].to_pylist()],
        }
    ).drop_duplicates()
    of_scheme = codes[codes["place_scheme"] == scheme]
    if level:
        of_scheme = of_scheme[of_scheme["place_level"] == level]
    known = of_scheme.merge(names, on="place_id")
    pairs = set(zip(known["place_code"], known["place_name"].str.lower(), strict=True))
    return sum(pair in pairs for pair in zip(rows["place_code"], rows["name"], strict=True)) / len(rows)


def _support(fits: list) -> dict[str, float]:
    """Return scheme → sum over columns of the best share of codes that it knows."""
    best: dict[tuple[str, str], float] = {}
    for share, (column, scheme, _, _) in fits:
        best[scheme, column.name] = max(share, best.get((scheme, column.name), 0.0))
    support: dict[str, float] = {}
    for (scheme, _), share in best.items():
        support[scheme] = support.get(scheme, 0.0) + share
    return support


def _others(fits: list, scheme: str, column: Guess) -> list:
    """Return, of each other column that has codes of ``scheme``, the level that fits best."""
    best: dict[str, tuple[float, tuple]] = {}
    for share, fit in fits:
        other = fit[0]
        if fit[1] == scheme and other is not column and share >= 0.8:
            before = best.get(other.name)
            # A column is called as its level; of two that know all codes the smaller one fits.
            rank = share + (fit[2] == other.name) - fit[3] / 1e6
            if before is None or rank > before[0]:
                best[other.name] = (rank, fit)
    return [fit for _, fit in best.values()]


def _in_use(schemes: pd.DataFrame, scheme: str, period: dict) -> bool:
    row = schemes.set_index("place_scheme").loc[scheme]
    day = f"{period['value']}-01-01" if "value" in period else None
    return day is not None and row["valid_from"] <= day and (not row["valid_to"] or day < row["valid_to"])


def _date(schemes: pd.DataFrame, scheme: str, period: dict, checks: list[str]) -> str:
    """Return a day on which the scheme was in use: the period's first when it was, else the scheme's last."""
    row = schemes.set_index("place_scheme").loc[scheme]
    if _in_use(schemes, scheme, period):
        return f"{period['value']}-01-01"
    if row["valid_to"]:
        last = pd.Timestamp(row["valid_to"]) - pd.Timedelta(days=1)
    else:
        last = pd.Timestamp(row["valid_from"])
    checks.append(f"place: the boundaries are taken to be those of {last.date()}")
    return str(last.date())


def _without_codes(columns, given, codes, names, level_column, checks: list[str]) -> dict:
    scheme = codes["place_scheme"].iloc[0] if len(codes) else "UNKNOWN"
    named = next((c for c in columns if c.role == "place_name"), None)
    place = {"scheme": scheme}
    if named is not None:
        hits = names[names["place_name"].str.lower().isin({text.lower() for text in given[named.name]})]
        levels = hits["place_id"].str.split(":").str[1]
        vintages = hits["place_id"].str.split(":").str[0].mode()
        fitting = codes.loc[codes["place_vintage"].isin(vintages), "place_scheme"]
        place["scheme"] = fitting.iloc[0] if len(fitting) else scheme
        if level_column is None:
            place["level"] = levels.mode().iloc[0]
        checks.append(f"place: only names say where a row is; scheme {place['scheme']} is a guess")
        return place
    checks.append("place: no column says where a row is; every row is taken for the nation's")
    return place | {"code": "NP"} | ({"level": "country"} if level_column is None else {})
