"""SDMX 3.0 and 2.1: the structure of the SDG data structure definition, and figures as SDMX-CSV and SDMX-ML.

Structures and the frame of each message are written by ``pysdmx``; the lines of figures by DuckDB, which is
fast and writes every text as it is (``pysdmx`` would turn an apostrophe into a quotation mark).
"""

from statloom.exports.sdmx.editions import EDITIONS, Edition
from statloom.exports.sdmx.figures import Figures
from statloom.exports.sdmx.structure import Area
from statloom.exports.sdmx.writer import CSV_MEDIA_TYPE, ML_MEDIA_TYPE, Writer

__all__ = ["CSV_MEDIA_TYPE", "EDITIONS", "ML_MEDIA_TYPE", "Area", "Edition", "Figures", "Writer"]
