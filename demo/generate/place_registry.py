"""Make the place registry's seeds from the published lists of Nepal.

    python demo/generate/place_registry.py FOLDER [--out FOLDER]

FOLDER holds ``places/`` and ``census_2011/`` of the published figures. The seeds are committed: this is run again only
when a list or a rule here changes. Every code of every list ends in ``place_code.csv`` or, with the reason, in
``place_rejected.csv``.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from statloom import settings
from statloom.places.linking import link

# What is left of a VDC in another unit below this share of its area is an artefact of laying two published boundary
# sets over each other (docs/decisions/places_crosswalk_slivers.md).
SLIVER = 0.05
RESTRUCTURED = "2017-03-10"
BEGINS = "2001-01-01"
COMMON = "CodeforNepal/nepalmap_app (2019-09-02), MIT"
COMMON_2021 = "CodeforNepal/nepalmap2021 (2023-06-20), MIT"

# The name list numbers Kavrepalanchok last of these seven; the units listed under the codes and the population
# published for them number it first.
DISTRICT_OF_CODE_2017 = {
    "30": "Kavrepalanchowk",
    "31": "Kailali",
    "32": "Kalikot",
    "33": "Kanchanpur",
    "34": "Kapilbastu",
    "35": "Kaski",
    "36": "Kathmandu",
}
# official name, Nepali, former name, date of the provincial assembly's decision
PROVINCES = {
    "1": ("Koshi", "कोशी", "2023-03-01"),
    "2": ("Madhesh", "मधेश", "2022-01-17"),
    "3": ("Bagmati", "बागमती", "2020-01-12"),
    "4": ("Gandaki", "गण्डकी", "2018-07-06"),
    "5": ("Lumbini", "लुम्बिनी", "2020-10-06"),
    "6": ("Karnali", "कर्णाली", "2018-02-25"),
    "7": ("Sudurpashchim", "सुदूरपश्चिम", "2018-09-28"),
}
DISTRICT_ALIASES = {
    "Tehrathum": ("Terhathum", "Therathum", "Terathum"),
    "Kapilbastu": ("Kapilvastu",),
    "Tanahu": ("Tanahun", "Tanahaun"),
    "Kavrepalanchok": ("Kavre", "Kabhrepalanchok", "Kavrepalanchowk", "Kabhre", "Kavre Palanchok", "Kavrepalanchwok"),
    "Dhanusa": ("Dhanusha",),
    "Chitwan": ("Chitawan",),
    "Makwanpur": ("Makawanpur",),
    "Sindhupalchok": ("Sindhupalchowk",),
    "Darchula": ("Darchaula",),
    "Ilam": ("Illam",),
    "Udayapur": ("Udaypur",),
    "Dadeldhura": ("Dandeldhura", "Dadheldhura"),
    "Parbat": ("Parvat", "Parwat"),
    "Nawalparasi": ("Nawalparashi",),
    "Arghakhanchi": ("Argakhanchi",),
    "Rukum West": ("Western Rukum", "Rukum Paschim", "Rukum_W", "Rukum (West)"),
    "Rukum East": ("Eastern Rukum", "Rukum Purba", "Rukum_E", "Rukum (East)"),
    "Nawalparasi West": (
        "Parasi",
        "Nawalparasi Bardaghat Susta West",
        "Nawalparasi (Bardaghat Susta West)",
        "Nawalparasi_W",
        "Nawalparasi (West)",
    ),
    "Nawalparasi East": (
        "Nawalpur",
        "Nawalparasi Bardaghat Susta East",
        "Nawalparasi (Bardaghat Susta East)",
        "Nawalparasi_E",
        "Nawalparasi (East)",
    ),
}
# Codes of the census bureau's list whose names differ from the census tables' beyond what likeness can tell.
VDC_EQUIVALENTS = {
    "5054": ("1379", "Sinhadevisombare is Singhadevi: the only unit left on either side of Morang"),
    "12049": ("629", "Sisneri is Sisneri Mahadevsthan"),
    "15106": (None, "Saraswor is Sarswar"),
}


def main() -> None:
    """Read the lists, write the seeds, print what was counted."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, default=settings.load().dbt_project / "seeds" / "places")
    arguments = parser.parse_args()
    seeds = build(arguments.folder)
    arguments.out.mkdir(parents=True, exist_ok=True)
    for name, frame in seeds.items():
        frame.to_csv(arguments.out / f"{name}.csv", index=False, lineterminator="\n")
        print(f"{name}: {len(frame):,} rows")
