"""A seeded test set of dirty references to the places of Nepal, with the truth for each.

Names are spoilt as people and programs spoil them. A reference is called resolvable when its truth is the one
nearest name, by edit distance, among all places that it could mean.
"""

import numpy as np
import pandas as pd
from rapidfuzz import process
from rapidfuzz.distance import OSA

from statloom.places.normalise import normalise
from statloom.places.registry import KIND_NUMBERS, Registry, day_number

TODAY, CENSUS_DAY = "2021-11-11", "2011-06-22"
LEVELS = (("province", TODAY), ("district", TODAY), ("local_unit", TODAY), ("vdc", CENSUS_DAY))
ROUNDS = {"province": 40, "district": 50, "local_unit": 9, "vdc": 2}
VARIANTS = [
    ("w", "v"),
    ("v", "w"),
    ("v", "b"),
    ("sh", "s"),
    ("s", "sh"),
    ("ee", "i"),
    ("i", "ee"),
    ("oo", "u"),
    ("u", "oo"),
    ("aa", "a"),
    ("a", "aa"),
    ("chh", "ch"),
    ("ch", "chh"),
    ("th", "t"),
    ("bh", "b"),
    ("dh", "d"),
    ("kh", "k"),
    ("gh", "g"),
    ("ph", "f"),
    ("ksh", "x"),
    ("j", "z"),
    ("y", "i"),
    ("ai", "ei"),
]
KINDS = {
    "province": ["Province", "Pradesh", "प्रदेश"],
    "district": ["District", "Dist.", "Jilla", "जिल्ला"],
    "local_unit": [
        "Rural Municipality",
        "Gaunpalika",
        "Gaupalika",
        "Municipality",
        "Nagarpalika",
        "N.P.",
        "गाउँपालिका",
        "नगरपालिका",
    ],
    "vdc": ["VDC", "V.D.C.", "Village Development Committee", "गा.वि.स."],
}
_FOREIGN = """
Afghanistan Albania Algeria Andorra Angola Argentina Armenia Australia Austria Azerbaijan Bahamas
Bahrain Bangladesh Barbados Belarus Belgium Belize Benin Bhutan Bolivia Botswana Brazil Brunei
Bulgaria Burundi Cambodia Cameroon Canada Chad Chile China Colombia Comoros Congo Croatia Cuba
Cyprus Denmark Djibouti Dominica Ecuador Egypt Eritrea Estonia Eswatini Ethiopia Fiji Finland France
Gabon Gambia Georgia Germany Ghana Greece Grenada Guatemala Guinea Guyana Haiti Honduras Hungary
Iceland India Indonesia Iran Iraq Ireland Israel Italy Jamaica Japan Jordan Kazakhstan Kenya
Kiribati Kuwait Kyrgyzstan Laos Latvia Lebanon Lesotho Liberia Libya Lithuania Luxembourg Madagascar
Malawi Malaysia Maldives Mali Malta Mauritania Mauritius Mexico Moldova Monaco Mongolia Montenegro
Morocco Mozambique Myanmar Namibia Nauru Netherlands Nicaragua Niger Nigeria Norway Oman Pakistan
Palau Panama Paraguay Peru Philippines Poland Portugal Qatar Romania Russia Rwanda Samoa Senegal
Serbia Seychelles Singapore Slovakia Slovenia Somalia Spain Sudan Suriname Sweden Switzerland Syria
Tajikistan Tanzania Thailand Togo Tonga Tunisia Turkey Tuvalu Uganda Ukraine Uruguay Uzbekistan
Vanuatu Venezuela Vietnam Yemen Zambia Zimbabwe Gorakhpur Lucknow Varanasi Darjeeling Sikkim Patna
Muzaffarpur Darbhanga Madhubani Sitamarhi Supaul Araria Kishanganj Purnia Katihar Bhagalpur Gaya
Nalanda Saran Siwan Gopalganj Champaran Bahraich Shravasti Balrampur Siddharthnagar Maharajganj
Kushinagar Deoria Basti Pilibhit Lakhimpur Pithoragarh Champawat Almora Nainital Dehradun Haridwar
Kalimpong Jalpaiguri Siliguri Dhaka Chittagong Khulna Rajshahi Sylhet Rangpur Thimphu Paro Punakha
Lhasa Shigatse Karachi Lahore Peshawar Quetta Colombo Kandy Jaffna Galle Manila Cebu Davao Yangon
Mandalay Hanoi Hue Bangkok Nairobi Lagos Kano Accra Kumasi Kampala Dodoma Lusaka Harare London Leeds
Bristol York Paris Lyon Berlin Bremen Madrid Lisbon Oslo Bergen Vienna Graz Warsaw Krakow Kyiv Lviv
Ankara Izmir Tehran Tabriz Herat Kabul Kandahar Balkh Ghazni Oregon Texas Nevada Utah Ohio Iowa
Bihar Assam Punjab Kerala Gujarat Odisha Goa Manipur Tripura Mizoram Nagaland Haryana Rajasthan
Jharkhand
"""
FOREIGN = _FOREIGN.split()
WORDS = [
    "Total",
    "Grand Total",
    "National",
    "All districts",
    "Unknown",
    "Not stated",
    "Other",
    "Others",
    "n/a",
    "None",
    "-",
    "Terai",
    "Mountain",
    "Hill",
    "Urban",
    "Rural",
    "Eastern Region",
    "Western Region",
    "Central",
    "Kathmandu Valley",
    "Kathmandu and Lalitpur",
    "Outside Nepal",
    "Abroad",
    "Institutional",
    "Male",
    "Female",
    "2011",
    "Ward 5",
    "Mid-Western",
    "कुल",
    "जम्मा",
    "अन्य",
]


def build(registry: Registry, seed: int = 20261122) -> pd.DataFrame:
    """Return the test set.

    Columns: ``level, date, name, parent`` (the reference; '' for no parent), ``kind`` of noise, ``truth``
    (place id, '' when it names no place of that level and date), ``resolvable``. The same seed gives the same
    rows.
    """
    rng = np.random.default_rng(seed)
    parts = []
    for level, date in LEVELS:
        places = registry.places
        day = day_number(date)
        here = (places["place_level"] == level) & (places["begins"] <= day) & (day < places["ends"])
        members = places[here & ~places["place_name"].str.startswith("Unnamed")]
        others = places[~here]
        good = _references(registry, members, level, rng)
        wrong = _no_places(registry, members, others, level, rng)
        both = pd.concat([good, wrong], ignore_index=True).assign(level=level, date=date)
        parts.append(judged(registry, both, members, others))
    rows = pd.concat(parts, ignore_index=True)
    return rows.drop_duplicates(["level", "name", "parent", "truth"]).sample(
        frac=1, random_state=seed, ignore_index=True
    )


def _references(registry, members, level, rng) -> pd.DataFrame:
    names = registry.places.set_index("place_id")["place_name"]
    columns = [members[c] for c in ("place_id", "place_name", "place_name_ne", "parent_id", "place_type")]
    rows = []
    for round_number in range(ROUNDS[level]):
        for place_id, name, name_ne, parent_id, kind in zip(*columns, strict=True):
            noise = NOISES[int(rng.integers(len(NOISES)))]
            spoilt = noise(
                name, rng, level=level, name_ne=name_ne, kind=kind, parent=names.get(parent_id, "")
            )
            with_parent = level in ("local_unit", "vdc") and (round_number % 3 != 2)
            parent = names.get(parent_id, "") if with_parent else ""
            if parent and rng.random() < 0.15:
                parent = _typo(parent, rng)
            rows.append((spoilt, parent, noise.__name__.strip("_"), place_id))
    return pd.DataFrame(rows, columns=["name", "parent", "kind", "truth"])


def _no_places(registry, members, others, level, rng) -> pd.DataFrame:
    """Names of other levels, of places that are gone, of other countries, and words."""
    known = set(registry.names.loc[registry.names["position"].isin(members["position"]), "key"])
    names = registry.places.set_index("place_id")["place_name"]
    parents = members["parent_id"].map(names).to_numpy()
    forms = normalise(others["place_name"].reset_index(drop=True))
    foreign = others[
        ~forms["key"].isin(known).to_numpy() & ~others["place_name"].str.startswith("Unnamed").to_numpy()
    ]
    foreign = foreign.sample(min(len(foreign), 1500), random_state=int(rng.integers(2**31)))
    rows = []
    use_parent = level in ("local_unit", "vdc")
    district = foreign["parent_id"].map(names)
    for name, parent in zip(foreign["place_name"], district, strict=True):
        given = parent if use_parent and parent in set(parents) else ""
        rows.append((name, given, "other level or gone"))
        rows.append((_typo(name, rng), given, "other level or gone, typo"))
    for name in [*FOREIGN, *WORDS]:
        kind = "other country" if name in FOREIGN else "word"
        given = str(rng.choice(parents)) if use_parent and rng.random() < 0.6 else ""
        rows.append((name, given, kind))
        if kind == "other country":
            rows.append((_typo(name, rng), given, f"{kind}, typo"))
            rows.append((f"{name} {rng.choice(KINDS[level])}", given, f"{kind}, kind of unit"))
    frame = pd.DataFrame(rows, columns=["name", "parent", "kind"]).assign(truth="")
    return frame[~normalise(frame["name"])["key"].isin(known).to_numpy()]


REWRITTEN = ("nepali", "transliterated", "swapped", "kind_of_unit", "wrong_kind")


def judged(registry, rows, members, others, rewritten=REWRITTEN) -> pd.DataFrame:
    """Say which references are resolvable; leave out those that cannot be judged.

    ``rewritten``: the kinds of noise that leave the name the same, written in another way.

    These are misspelt names of no place that are as near to a place as to what they were made of, and spoilt
    names that have become another place's.
    """
    names = registry.names
    inside = names[names["position"].isin(members["position"])]
    outside = names[names["position"].isin(others["position"])]
    district = (
        registry.places["parent_id"].map(registry.places.set_index("place_id")["place_name"]).to_numpy()
    )
    forms = normalise(rows["name"])
    latin = [text.replace(" ", "") for text in forms["core"]]
    position_of = dict(zip(registry.places["place_id"], registry.places["position"], strict=True))
    truth = rows["truth"].map(position_of).fillna(-1).astype(int).to_numpy()
    near, rival, away = np.full(len(rows), 99), np.full(len(rows), 99), np.full(len(rows), 99)
    cores = inside["core"].str.replace(" ", "").tolist()
    position = inside["position"].to_numpy()
    others_cores = outside["core"].str.replace(" ", "").unique().tolist()
    step = 500
    for start in range(0, len(rows), step):
        part = slice(start, start + step)
        distance = process.cdist(latin[part], cores, scorer=OSA.distance, dtype=np.int32)
        own = position[None, :] == truth[part][:, None]
        near[part] = np.where(own, distance, 99).min(axis=1)
        given = rows["parent"].to_numpy()[part]
        scoped = (given[:, None] == "") | (district[position][None, :] == district[truth[part]][:, None])
        rival[part] = np.where(~own & scoped, distance, 99).min(axis=1)
        away[part] = process.cdist(latin[part], others_cores, scorer=OSA.distance, dtype=np.int32).min(axis=1)
    forms_match = (
        forms["key"].isin(set(inside["key"])).to_numpy()
        | forms["tokens"].isin(set(inside["tokens"])).to_numpy()
    )
    has_truth = truth >= 0
    length = np.array([len(text) for text in latin])
    by_edits = (near < rival) & (near <= away) & (near <= np.where(length >= 9, 2, 1)) & (length >= 5)
    rewritten = rows["kind"].isin(rewritten).to_numpy()
    unique = ~_shared(registry, rows, members)
    resolvable = has_truth & unique & (by_edits | (rewritten & forms_match) | (near == 0) & (rival > 0))
    another = has_truth & _names_another(registry, rows, forms, inside, truth)
    misspelt = rows["kind"].str.endswith("typo").to_numpy()
    dropped = (~has_truth & misspelt & (rival <= 1)) | another
    return rows.assign(resolvable=resolvable)[~dropped]


def _names_another(registry, rows, forms, inside, truth) -> np.ndarray:
    """Say which spoilt names have become the proper name of another place that they could mean."""
    level_parent = registry.places["parent_id"].to_numpy()
    kinds = registry.names.loc[inside.index, "kind_number"].to_numpy()
    proper = pd.DataFrame(
        {
            "core": inside["core"].to_numpy(),
            "kind": kinds,
            "position": inside["position"].to_numpy(),
            "parent": level_parent[inside["position"]],
        }
    )
    given = pd.DataFrame(
        {
            "row": np.arange(len(rows)),
            "core": forms["core"].to_numpy(),
            "said": forms["kind"].map(KIND_NUMBERS).fillna(0).to_numpy(int),
            "truth": truth,
            "within": np.where(rows["parent"] == "", "", level_parent[truth]),
        }
    )
    pairs = given.merge(proper, on="core")
    pairs = pairs[(pairs["within"] == "") | (pairs["within"] == pairs["parent"])]
    pairs["own"] = pairs["position"] == pairs["truth"]
    pairs["fits"] = (pairs["said"] == 0) | (pairs["said"] == pairs["kind"])
    best = pairs[pairs["fits"]]
    others, own = set(best.loc[~best["own"], "row"]), set(best.loc[best["own"], "row"])
    return np.isin(given["row"], list(others - own))


def _shared(registry, rows, members) -> np.ndarray:
    """Say whether the truth has a namesake (by key) among all that the reference could mean."""
    names = registry.names
    inside = names[names["position"].isin(members["position"])][["position", "key"]].drop_duplicates()
    inside = inside.assign(parent=registry.places["parent_id"].to_numpy()[inside["position"]])
    everywhere = inside.groupby("key")["position"].transform("nunique") > 1
    within = inside.groupby(["parent", "key"])["position"].transform("nunique") > 1
    ids = registry.places["place_id"].to_numpy()[inside["position"]]
    shared_everywhere, shared_within = set(ids[everywhere]), set(ids[within])
    return np.where(
        rows["parent"] == "", rows["truth"].isin(shared_everywhere), rows["truth"].isin(shared_within)
    )


# Ways to spoil a name.


def _clean(name, rng, **_):
    return name


def _case_and_marks(name, rng, **_):
    changes = (
        str.upper,
        str.lower,
        lambda n: n.replace(" ", "-"),
        lambda n: f"  {n}\u00a0",
        lambda n: n + ".",
    )
    return changes[int(rng.integers(len(changes)))](name)


def _invisible(name, rng, **_):
    at = int(rng.integers(1, len(name) + 1))
    return name[:at] + "\u200b" + name[at:]


def _kind_of_unit(name, rng, *, level, kind, **_):
    own = {"local_unit": kind.title(), "vdc": "VDC" if "village" in kind else "Municipality"}
    return f"{name} {own.get(level) or KINDS[level][0]}"


def _wrong_kind(name, rng, *, level, **_):
    return f"{name} {rng.choice(KINDS[level])}"


def _transliterated(name, rng, **_):
    text = name.lower()
    fitting = [pair for pair in VARIANTS if pair[0] in text]
    for _number in range(min(2, len(fitting))):
        old, new = fitting[int(rng.integers(len(fitting)))]
        text = text.replace(old, new, 1)
    return text.title()


def _nepali(name, rng, *, name_ne, **_):
    return name_ne or name


def _swapped(name, rng, **_):
    words = name.split()
    return " ".join(reversed(words)) if len(words) > 1 else name


def _missing_word(name, rng, **_):
    words = name.split()
    if len(words) < 2:
        return name
    del words[int(rng.integers(len(words)))]
    return " ".join(words)


def _with_parent(name, rng, *, parent, **_):
    return f"{name}, {parent}" if parent and parent != "Nepal" else name


def _typo(name, rng, **_):
    at = int(rng.integers(len(name)))
    letter = "abcdefghijklmnopqrstuvwxyz"[int(rng.integers(26))]
    way = int(rng.integers(4))
    if way == 0:
        return name[:at] + letter + name[at:]
    if way == 1 and len(name) > 3:
        return name[:at] + name[at + 1 :]
    if way == 2 and at + 1 < len(name):
        return name[:at] + name[at + 1] + name[at] + name[at + 2 :]
    return name[:at] + letter + name[at + 1 :]


def _two_typos(name, rng, **_):
    return _typo(_typo(name, rng), rng)


def _typo_and_kind(name, rng, *, level, kind, **_):
    return _kind_of_unit(_typo(name, rng), rng, level=level, kind=kind)


NOISES = (
    _clean,
    _case_and_marks,
    _invisible,
    _kind_of_unit,
    _wrong_kind,
    _transliterated,
    _nepali,
    _swapped,
    _missing_word,
    _with_parent,
    _typo,
    _typo,
    _two_typos,
    _typo_and_kind,
)
