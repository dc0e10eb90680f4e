"""The two editions of the standard that releases are written in, and the names of what they hold."""

from dataclasses import dataclass

from pysdmx.io.format import Format

STRUCTURE = "SDG"
FLOW = "DF_SDG"
CONCEPTS = "CS_SDG"


@dataclass(frozen=True)
class Edition:
    """An edition: its number (also the folder), how versions are written, pysdmx's names of its formats."""

    number: str
    version: str
    structure: Format
    figures: Format
    csv: str
    conforms_to: str

    def versioned(self, release_id: int) -> str:
        """Return the version of the structures of a release: each release may bring new codes."""
        return self.version.format(release_id)


EDITIONS = (
    Edition(
        "3.0",
        "1.{}.0",
        Format.STRUCTURE_SDMX_ML_3_0,
        Format.DATA_SDMX_ML_3_0,
        "2.0.0",
        "https://registry.sdmx.org/schemas/v3_0/",
    ),
    Edition(
        "2.1",
        "1.{}",
        Format.STRUCTURE_SDMX_ML_2_1,
        Format.DATA_SDMX_ML_2_1_STR,
        "1.0.0",
        "https://registry.sdmx.org/schemas/v2_1/",
    ),
)
