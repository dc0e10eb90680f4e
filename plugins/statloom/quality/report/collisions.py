"""Codes that mean one place in one scheme and another in the next, and codes that mean no single place."""

import pandas as pd

from statloom.places import Registry
from statloom.places.registry import plain_codes

# What leaves a place the same place under another id. A code that means a district in one scheme and the same
# district of another edition in the next is no collision.
SAME_PLACE = ("continued", "renamed", "recoded", "moved")
COLUMNS = [
    "source_id",
    "place_scheme",
    "place_level",
    "place_code",
    "place_id",
    "place_name",
    "other_place_id",
    "other_place_name",
    "other_schemes",
]


def colliding(references: pd.DataFrame, registry: Registry) -> pd.DataFrame:
    """Return the references whose code means another place of the same level in another scheme.

    ``references``: ``source_id, place_scheme, place_level, place_code, place_id`` (None: not resolved). One
    row a reference and other place, columns ``COLUMNS``; ``other_schemes`` is a text. Codes are compared
    without leading zeros, since these are what spreadsheets lose.
    """
    key = COLUMNS[1:4]
    used = references[references["place_code"] != ""].drop_duplicates(COLUMNS[:4])
    if used.empty:
        return pd.DataFrame(columns=COLUMNS, dtype="object")
    # Sources of one body share their codes: each is compared once.
    distinct = used[[*key, "place_id"]].drop_duplicates(ignore_index=True)
    distinct = distinct.assign(plain=plain_codes(distinct["place_code"]))
    codes = registry.seeds["place_code"]
    others = codes[["place_scheme", "place_level", "place_id"]].assign(plain=plain_codes(codes["place_code"]))
    others = others.rename(columns={"place_scheme": "other_scheme", "place_id": "other_place_id"})
    met = distinct.merge(others, on=["place_level", "plain"])
    met = met[met["other_scheme"] != met["place_scheme"]]
    lasting = _lasting(registry)
    here, there = met["place_id"].map(lasting), met["other_place_id"].map(lasting)
    met = met.assign(there=there)[here.isna() | (here != there)]
    # Two editions' ids of one place are one other place.
    met = met.sort_values(["other_scheme", "other_place_id"], kind="stable")
    met["first"] = met.groupby([*key, "place_id", "there"], dropna=False, sort=False).ngroup()
    schemes = met.drop_duplicates(["first", "other_scheme"]).groupby("first")["other_scheme"].agg(", ".join)
    met = met.drop_duplicates("first", keep="last").assign(other_schemes=lambda t: t["first"].map(schemes))
    names = registry.places.set_index("place_id")["place_name"]
    met["place_name"] = met["place_id"].map(names)
    met["other_place_name"] = met["other_place_id"].map(names)
    met = used[["source_id", *key, "place_id"]].merge(met, on=[*key, "place_id"])
    met = met.sort_values(["source_id", "place_level", "place_code", "other_place_id"], kind="stable")
    met = met[COLUMNS].astype("object")
    return met.where(met.notna(), None).reset_index(drop=True)


def _lasting(registry: Registry) -> pd.Series:
    """Return for each place id the newest id of the same place."""
    changes = registry.seeds["place_change"]
    same = changes[
        changes["change_type"].isin(SAME_PLACE)
        & (changes["from_place_id"] != "")
        & (changes["to_place_id"] != "")
        & (changes["from_place_id"] != changes["to_place_id"])
    ]
    next_id = same.drop_duplicates("from_place_id").set_index("from_place_id")["to_place_id"]
    ids = registry.places["place_id"]
    lasting = pd.Series(ids.to_numpy(), index=ids)
    for _ in range(len(registry.seeds["place_vintage"]) + 1):
        lasting = lasting.map(next_id).fillna(lasting)
    return lasting


def rejected(references: pd.DataFrame, codes: pd.DataFrame) -> pd.DataFrame:
    """Return the references whose code is one of ``codes`` (the seed ``place_rejected``), with its reasons.

    Columns: those of ``references``, ``listed_name``, ``reason``. A code may have several rows.
    """
    used = references[references["place_code"] != ""]
    if used.empty or codes.empty:
        return pd.DataFrame(columns=[*references.columns, "listed_name", "reason"], dtype="object")
    listed = codes.assign(plain=plain_codes(codes["place_code"]))[
        ["place_scheme", "place_level", "plain", "place_code_name", "reason"]
    ].rename(columns={"place_code_name": "listed_name"})
    met = used.assign(plain=plain_codes(used["place_code"])).merge(
        listed, on=["place_scheme", "place_level", "plain"]
    )
    return met.drop(columns="plain").drop_duplicates(ignore_index=True)
