"""A second seeded test set of dirty references, spoilt in other ways than the one thresholds were set on.

What the keyboard, the scanner, the form and the writer's haste do to names: neighbouring keys, joined and
doubled letters, letters that look alike, short forms of the kind of unit, Nepali suffixes, codes and parents
behind the name. What names no place of the level: provinces, zones and towns, districts of India and
Bangladesh, and words made of Nepali syllables. Nothing is left out because it is hard: only what is the very
name of a place of the level, or a made-up word within one edit of one, does not count as a name of no place.
"""

import numpy as np
import pandas as pd
from rapidfuzz import process
from rapidfuzz.distance import OSA

from benchmarks import places_noise
from benchmarks.places_noise import LEVELS
from statloom.places.normalise import normalise
from statloom.places.registry import Registry, day_number

ROUNDS = {"province": 30, "district": 40, "local_unit": 7, "vdc": 2}
_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
KEYS = {
    letter: "".join(
        row[at]
        for other, row in enumerate(_ROWS)
        for at in range(len(row))
        if (other, at) != (number, column) and abs(other - number) <= 1 and abs(at - column) <= 1
    )
    for number, line in enumerate(_ROWS)
    for column, letter in enumerate(line)
}
LOOK_ALIKE = (
    ("l", "1"),
    ("i", "l"),
    ("o", "0"),
    ("rn", "m"),
    ("m", "rn"),
    ("d", "cl"),
    ("h", "b"),
    ("u", "v"),
)
SHORT_KINDS = {
    "local_unit": ("N.P.", "Na. Pa.", "Na.Pa.", "Ga.Pa.", "Ga. Pa.", "RM", "R.M.", "Mun.", "गा.पा.", "न.पा."),
    "vdc": ("VDC", "Ga.Bi.Sa.", "GaBiSa", "V.D.C", "गाविस"),
    "district": ("Dist.", "Distt.", "Jilla", "District"),
    "province": ("Province", "Pradesh", "Prov."),
}
NEPALI_KINDS = {
    "local_unit": ("नगरपालिका", "गाउँपालिका", " नगरपालिका", " गाउँपालिका"),
    "vdc": (" गा.वि.स.", " गाविस"),
    "district": (" जिल्ला",),
    "province": (" प्रदेश",),
}
_ZONES = """
Mechi Sagarmatha Janakpur Narayani Gandaki Dhaulagiri Rapti Bheri Seti Mahakali Purwanchal
Madhyamanchal
"""
ZONES = _ZONES.split()
_DISTRICTS_ABROAD = """
Agra Aligarh Ambedkar Amethi Amroha Auraiya Ayodhya Azamgarh Baghpat Bahraich Ballia Balrampur Banda
Barabanki Bareilly Basti Bhadohi Bijnor Budaun Bulandshahr Chandauli Chitrakoot Deoria Etah Etawah
Farrukhabad Fatehpur Firozabad Ghaziabad Ghazipur Gonda Gorakhpur Hamirpur Hapur Hardoi Hathras Jalaun
Jaunpur Jhansi Kannauj Kanpur Kasganj Kaushambi Kushinagar Lalitpur Lucknow Maharajganj Mahoba Mainpuri
Mathura Mau Meerut Mirzapur Moradabad Muzaffarnagar Pilibhit Pratapgarh Prayagraj Rae Rampur Saharanpur
Sambhal Shahjahanpur Shamli Shravasti Siddharthnagar Sitapur Sonbhadra Sultanpur Unnao Varanasi Araria
Arwal Aurangabad Banka Begusarai Bhagalpur Bhojpur Buxar Darbhanga Gaya Gopalganj Jamui Jehanabad Kaimur
Katihar Khagaria Kishanganj Lakhisarai Madhepura Madhubani Munger Muzaffarpur Nalanda Nawada Patna Purnia
Rohtas Saharsa Samastipur Saran Sheikhpura Sheohar Sitamarhi Siwan Supaul Vaishali Almora Bageshwar
Chamoli Champawat Dehradun Haridwar Nainital Pauri Pithoragarh Rudraprayag Tehri Uttarkashi Alipurduar
Bankura Birbhum Darjeeling Hooghly Howrah Jalpaiguri Jhargram Kalimpong Kolkata Malda Murshidabad Nadia
Purulia Bagerhat Bandarban Barguna Barisal Bhola Bogra Brahmanbaria Chandpur Chittagong Chuadanga Comilla
Dhaka Dinajpur Faridpur Feni Gaibandha Gazipur Habiganj Jamalpur Jessore Jhalokati Jhenaidah Joypurhat
Khagrachhari Khulna Kishoreganj Kurigram Kushtia Lakshmipur Lalmonirhat Madaripur Magura Manikganj
Meherpur Moulvibazar Munshiganj Mymensingh Naogaon Narail Narayanganj Narsingdi Natore Netrokona
Nilphamari Noakhali Pabna Panchagarh Patuakhali Pirojpur Rajbari Rajshahi Rangamati Rangpur Satkhira
Shariatpur Sherpur Sirajganj Sunamganj Sylhet Tangail Thakurgaon
"""
DISTRICTS_ABROAD = _DISTRICTS_ABROAD.split()
_SYLLABLES = "ba bi chha da dha ga gha hi ja jhi ka khu la lu ma mo na pa pha ra ri sa shi ta thu ya wa"
SYLLABLES = _SYLLABLES.split()


def build(registry: Registry, seed: int = 41) -> pd.DataFrame:
    """Return the test set, with the columns of ``places_noise.build``. The same seed gives the same rows."""
    rng = np.random.default_rng(seed)
    places, parts = registry.places, []
    for level, date in LEVELS:
        day = day_number(date)
        here = (places["place_level"] == level) & (places["begins"] <= day) & (day < places["ends"])
        members = places[here & ~places["place_name"].str.startswith("Unnamed")]
        good = _references(registry, members, level, rng)
        good = places_noise.judged(registry, good, members, places[~here], rewritten=REWRITTEN)
        wrong = _no_places(registry, members, level, rng).assign(resolvable=False)
        parts.append(pd.concat([good, wrong], ignore_index=True).assign(level=level, date=date))
    rows = pd.concat(parts, ignore_index=True).drop_duplicates(["level", "name", "parent", "truth"])
    return rows.sample(frac=1, random_state=seed, ignore_index=True)


def _references(registry, members, level, rng) -> pd.DataFrame:
    names = registry.places.set_index("place_id")["place_name"]
    columns = [members[c] for c in ("place_id", "place_name", "place_name_ne", "parent_id")]
    rows = []
    for number in range(ROUNDS[level]):
        for place_id, name, name_ne, parent_id in zip(*columns, strict=True):
            spoil = NOISES[int(rng.integers(len(NOISES)))]
            parent = names.get(parent_id, "")
            spoilt = spoil(name, rng, level=level, name_ne=name_ne, parent=parent, place_id=place_id)
            given = parent if level in ("local_unit", "vdc") and number % 3 != 2 else ""
            if given and rng.random() < 0.15:
                given = _neighbouring_key(given, rng)
            rows.append((spoilt, given, spoil.__name__.strip("_"), place_id))
    return pd.DataFrame(rows, columns=["name", "parent", "kind", "truth"])


def _no_places(registry, members, level, rng) -> pd.DataFrame:
    places = registry.places
    names = places.set_index("place_id")["place_name"]
    parents = members["parent_id"].map(names).to_numpy()
    elsewhere = places[places["place_level"] != level]
    above = elsewhere[elsewhere["place_level"].isin(["province", "district"])]["place_name"].unique()
    towns = elsewhere[elsewhere["place_type"].str.contains("city|^municipality")]["place_name"].unique()
    made_up = [
        "".join(rng.choice(SYLLABLES, int(rng.integers(2, 5)))).title() + str(rng.choice(["", "pur", "gaun"]))
        for _ in range(400)
    ]
    lists = {
        "name of a level above": above,
        "zone": ZONES,
        "town": towns,
        "district abroad": DISTRICTS_ABROAD,
        "made up": made_up,
    }
    rows = []
    for kind, listed in lists.items():
        for name in listed:
            given = str(rng.choice(parents)) if level in ("local_unit", "vdc") and rng.random() < 0.6 else ""
            rows.append((name, given, kind))
            rows.append((f"{name} {rng.choice(SHORT_KINDS[level])}", given, f"{kind}, kind of unit"))
    frame = pd.DataFrame(rows, columns=["name", "parent", "kind"]).assign(truth="")
    known = registry.names[registry.names["position"].isin(members["position"])]
    forms = normalise(frame["name"])
    left = forms["core"].str.replace(" ", "").tolist()
    nearest = np.full(len(frame), 99)
    right = known["core"].str.replace(" ", "").unique().tolist()
    for start in range(0, len(frame), 500):
        part = slice(start, start + 500)
        nearest[part] = process.cdist(left[part], right, scorer=OSA.distance, dtype=np.int32).min(axis=1)
    is_name = forms["key"].isin(known["key"]).to_numpy()
    made = frame["kind"].str.startswith("made up").to_numpy()
    # A made-up word within one edit of a place is a misspelling of it for all that anybody can know.
    return frame[~is_name & ~(made & (nearest <= 1))]


# Ways to spoil a name.


def _at(name: str, wanted, rng) -> int | None:
    fitting = [at for at, letter in enumerate(name) if wanted(letter)]
    return fitting[int(rng.integers(len(fitting)))] if fitting else None


def _neighbouring_key(name, rng, **_):
    at = _at(name, lambda letter: letter.lower() in KEYS, rng)
    return name if at is None else name[:at] + str(rng.choice(list(KEYS[name[at].lower()]))) + name[at + 1 :]


def _doubled_letter(name, rng, **_):
    at = _at(name, str.isalpha, rng)
    return name if at is None else name[:at] + name[at] + name[at:]


def _joined(name, rng, **_):
    return name.replace(" ", "")


def _torn(name, rng, **_):
    at = int(rng.integers(2, max(3, len(name) - 1)))
    return name[:at] + " " + name[at:]


def _scanned(name, rng, **_):
    text = name.lower()
    fitting = [pair for pair in LOOK_ALIKE if pair[0] in text]
    if not fitting:
        return name
    old, new = fitting[int(rng.integers(len(fitting)))]
    return text.replace(old, new, 1).title()


def _short_kind(name, rng, *, level, **_):
    return f"{name} {rng.choice(SHORT_KINDS[level])}"


def _short_kind_first(name, rng, *, level, **_):
    return f"{rng.choice(SHORT_KINDS[level])} {name}"


def _nepali_kind(name, rng, *, level, name_ne, **_):
    return f"{name_ne or name}{rng.choice(NEPALI_KINDS[level])}"


def _code_behind(name, rng, *, place_id, **_):
    return f"{name} ({place_id.rpartition(':')[2]})"


def _parent_behind(name, rng, *, parent, **_):
    return f"{name} ({parent})" if parent and parent != "Nepal" else name


def _cut_off(name, rng, **_):
    return name[:10]


def _no_vowel(name, rng, **_):
    at = _at(name[1:], lambda letter: letter in "aeiou", rng)
    return name if at is None else name[: at + 1] + name[at + 2 :]


def _small_and_padded(name, rng, **_):
    return f"\t{name.lower()} ,"


NOISES = (
    _neighbouring_key,
    _neighbouring_key,
    _doubled_letter,
    _joined,
    _torn,
    _scanned,
    _short_kind,
    _short_kind_first,
    _nepali_kind,
    _code_behind,
    _parent_behind,
    _cut_off,
    _no_vowel,
    _small_and_padded,
)
# What of these is the same name written in another way, whatever the number of letters that changed.
REWRITTEN = (
    "joined",
    "torn",
    "short_kind",
    "short_kind_first",
    "nepali_kind",
    "small_and_padded",
    "doubled_letter",
)
