"""What releases say of figures that are rounded or perturbed, once, in English and Nepali."""

from statloom.exports.model import Text

NO_SHARE = "no share: the denominator is shown as 0"
_ROWS = {
    "random_rounding": "rounded to base {base} to protect respondents",
    "controlled_rounding": "rounded to base {base} to protect respondents",
    "cell_key": "small random noise added to protect respondents",
}
_SAID = {
    "random_rounding": Text(
        "To protect respondents, every count is rounded at random to a neighbouring multiple of {base}; "
        "totals are rounded on their own and may differ from the sum of their parts.",
        "उत्तरदाताको गोपनीयता जोगाउन हरेक गणनालाई {base} को नजिकको गुणनफलमा यादृच्छिक रूपमा पूर्णाङ्कित गरिएको छ; "
        "जम्मा छुट्टै पूर्णाङ्कित हुने भएकाले भागहरूको योगभन्दा फरक हुन सक्छ।",
    ),
    "controlled_rounding": Text(
        "To protect respondents, every count is rounded to a multiple of {base}, so that all sums of the "
        "table still hold.",
        "उत्तरदाताको गोपनीयता जोगाउन हरेक गणनालाई {base} को गुणनफलमा पूर्णाङ्कित गरिएको छ, "
        "तालिकाका सबै जोड मिल्ने गरी।",
    ),
    "cell_key": Text(
        "To protect respondents, a small random noise is added to every count (cell-key method); totals may "
        "differ from the sum of their parts.",
        "उत्तरदाताको गोपनीयता जोगाउन हरेक गणनामा सानो यादृच्छिक फरक थपिएको छ (सेल-की विधि); जम्मा भागहरूको योगभन्दा "
        "फरक हुन सक्छ।",
    ),
}


def row(method: str, base: int | None) -> str:
    """Return what the comment of a figure says."""
    return _ROWS[method].format(base=base)


def dataset(method: str, base: int | None) -> Text:
    """Return the sentence for a dataset's description."""
    said = _SAID[method]
    return Text(said.en.format(base=base), said.ne.format(base=base))


def mark(method: str, base: int | None) -> str:
    """Return the machine-readable mark: the method, and the base of a rounding (``random_rounding:5``)."""
    return f"{method}:{base}" if base else method
