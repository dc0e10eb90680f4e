"""Names of places brought to a form in which spellings of one name are equal.

Three forms, each weaker than the one before:

- ``folded``: compatibility form (NFKC), small letters, no accents on Latin letters, digits as 0-9, no
  punctuation, no invisible characters, single spaces.
- ``core``: folded, without the words that only say what kind of unit it is ("Rural Municipality", "VDC",
  "नगरपालिका").
- ``key``: how the core sounds, in Latin letters whatever script it came in: transliteration variants of
  Indic names (w/v/b, ee/i, oo/u, aa/a, chh/ch, sh/s, th/t ...) fall together. Vowels ``a`` after the first
  letter are mostly left out, because the inherent vowel of Indic scripts is written or left out at will.

- ``tokens``: the key of the core's words in alphabetical order.

``kind`` is what the removed words said, one of ``KINDS``; ``LEVELS_OF_KIND`` says on which levels such a unit
may stand. ``mixed`` is true for a core in letters of more than one script, which may be a forgery of a name.
"""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

# No name of a place is longer; what is longer is no name, and is not worth the work on ten megabytes.
LONGEST_NAME = 200
LONGEST_CODE = 64

KINDS = {
    "rural_municipality": (
        "rural municipality|gaun palika|gaunpalika|gaupalika|gau palika|gapa|ga pa|rm|r m|"
        "गाउँपालिका|गाउंपालिका|गाउपालिका|गाँउपालिका|गाउँ पालिका|गापा|गा पा"
    ),
    "sub_metropolitan_city": (
        "sub metropolitan city|sub metropolitan municipality|sub metropolitan|upa mahanagarpalika|"
        "upa mahanagar palika|upamahanagarpalika|उपमहानगरपालिका|उप महानगरपालिका|उ म न पा|उमनपा"
    ),
    "metropolitan_city": (
        "metropolitan city|metropolitan municipality|metropolitan|mahanagarpalika|mahanagar palika|"
        "महानगरपालिका|म न पा|मनपा"
    ),
    "municipality": (
        "urban municipality|municipality|nagarpalika|nagar palika|napa|na pa|n p|np|munic|mun|"
        "नगरपालिका|नगर पालिका|न पा|नपा"
    ),
    "village_development_committee": (
        "village development committee|vdc|v d c|gabisa|ga bi sa|gavisa|ga vi sa|"
        "गाउँ विकास समिति|गा वि स|गाविस"
    ),
    "district": "district|dist|jilla|zilla|jilha|जिल्ला",
    "province": "province|pradesh|prades|pradesha|प्रदेश",
}

# Such words are also written together with the name, without a blank.
JOINED = {
    "rural_municipality": "ruralmunicipality|gaunpalika|gaupalika|गाउँपालिका|गाउंपालिका|गाउपालिका|गाँउपालिका",
    "sub_metropolitan_city": "upamahanagarpalika|उपमहानगरपालिका",
    "metropolitan_city": "mahanagarpalika|महानगरपालिका",
    "municipality": "municipality|nagarpalika|नगरपालिका",
}

# Words that tell no place from another.
_GENERIC = "national park wildlife hunting watershed conservation reserve protected development area trust"
GENERIC = frozenset(_GENERIC.split())

# The levels on which a unit of a kind may stand. A 2011 list has municipalities among its VDCs.
LEVELS_OF_KIND = {
    "rural_municipality": {"local_unit"},
    "sub_metropolitan_city": {"local_unit", "vdc"},
    "metropolitan_city": {"local_unit", "vdc"},
    "municipality": {"local_unit", "vdc"},
    "village_development_committee": {"vdc"},
    "district": {"district"},
    "province": {"province"},
}

_OTHER_SCRIPTS = r"[^\p{Latin}\p{Devanagari}\p{Common}\p{Inherited}]"
_DEVANAGARI_DIGITS = "०१२३४५६७८९"
# Consonants carry the inherent vowel; a sign or virama after it, marked "~", takes it away again.
_SOUNDS_OF_LETTERS = (
    "अ=a आ=a इ=i ई=i उ=u ऊ=u ऋ=ri ए=e ऐ=ai ओ=o औ=au "
    "ा=~a ि=~i ी=~i ु=~u ू=~u ृ=~ri े=~e ै=~ai ो=~o ौ=~au ्=~ ं=n ँ=n ः= ़= "
    "क=ka ख=kha ग=ga घ=gha ङ=nga च=cha छ=cha ज=ja झ=jha ञ=na ट=ta ठ=tha ड=da ढ=dha ण=na "
    "त=ta थ=tha द=da ध=dha न=na प=pa फ=pha ब=ba भ=bha म=ma य=ya र=ra ल=la ळ=la व=wa "
    "श=sha ष=sha स=sa ह=ha"
)
_LATIN = str.maketrans(dict(pair.split("=") for pair in _SOUNDS_OF_LETTERS.split(" ")))

# Applied in this order to Latin letters without spaces; what is marked as a pattern is a regular expression.
# RE2 has no look-around, hence the captured neighbours.
_SOUNDS = (
    ("pattern", "ch+", "c"),
    ("letters", "ph", "p"),
    ("letters", "f", "p"),
    ("pattern", "sh+", "s"),
    ("letters", "x", "ks"),
    ("letters", "ck", "k"),
    ("letters", "z", "j"),
    ("pattern", "ow([bcdghjklmnprst]|$)", r"o\1"),
    ("pattern", "[wv]", "b"),
    ("pattern", "([bcdgjklmnprst])h+", r"\1"),
    ("pattern", "([aeiou])h([bcdgjklmnprst]|$)", r"\1\2"),
    ("letters", "ee", "i"),
    ("letters", "ii", "i"),
    ("letters", "oo", "u"),
    ("letters", "uu", "u"),
    ("letters", "ai", "e"),
    ("letters", "ay", "e"),
    ("letters", "au", "o"),
    ("letters", "ou", "o"),
    ("letters", "y", "i"),
    ("pattern", "m([bcdgjkpst])", r"n\1"),
    ("letters", "ngg", "ng"),
)
_REPEATED = "bcdeghijklmnoprstu"


def normalise(names) -> pd.DataFrame:
    """Return the forms of each name.

    ``names``: a sequence of strings; missing values count as ''. The result has the same length and, for a
    Series, the same index, with text columns ``folded, core, key, tokens, kind`` and the boolean ``mixed``.
    ``kind`` is '' when no word named one; all forms are '' for a text longer than ``LONGEST_NAME``
    characters, which is no name.
    """
    names = names if isinstance(names, pd.Series) else pd.Series(list(names), dtype="object")
    codes, distinct = pd.factorize(names, use_na_sentinel=True)
    texts = pa.array(["" if value is None else str(value) for value in distinct] + [""], pa.string())
    return forms(texts).iloc[codes].set_axis(names.index)  # code -1 (missing) takes the last row: empty


def clean_codes(codes: pd.Series) -> pd.Series:
    """Return codes as text without what spreadsheets add: blanks, '.0' of floats, digits of other scripts.

    Missing values and 'nan' become ''. Leading zeros are kept as found.
    """
    index = codes.index
    if pd.api.types.is_float_dtype(codes.dtype):
        whole = (codes % 1 == 0) & (codes.abs() < 2**53)
        codes = codes.astype("object").where(~whole, codes.where(whole, 0).astype("int64").astype(str))
    texts = pa.array(
        ["" if gone else _short(str(value)) for value, gone in zip(codes, codes.isna(), strict=True)],
        pa.string(),
    )
    texts = pc.utf8_normalize(texts, "NFKC")
    texts = _western_digits(texts)
    texts = pc.replace_substring_regex(texts, r"[\p{Cf}\p{Cc}]", "")
    texts = pc.utf8_trim_whitespace(pc.replace_substring_regex(texts, r"\s+", " "))
    texts = pc.utf8_ltrim(texts, "'")
    texts = pc.replace_substring_regex(texts, r"^([0-9]+)\.0*$", r"\1")
    texts = pc.replace_substring_regex(texts, r"(?i)^(nan|none|null|<na>)$", "")
    return texts.to_pandas().astype("str").set_axis(index)


def _short(code: str) -> str:
    """Return a code that is worth the work; what is longer is cut, with a mark that no code has."""
    return code if len(code) <= LONGEST_CODE else code[:LONGEST_CODE] + "\ufffd"


def forms(texts: pa.Array) -> pd.DataFrame:
    """Return the forms of each text, as ``normalise`` does, without looking for texts that are the same."""
    texts = pc.if_else(pc.greater(pc.utf8_length(texts), LONGEST_NAME), "", texts)
    folded = _fold(texts)
    core, kind = _strip_kinds(folded)
    key = _sound(core)
    columns = {"folded": folded, "core": core, "key": key, "tokens": _in_order(core, key), "kind": kind}
    frame = pd.DataFrame({name: column.to_pandas().astype("str") for name, column in columns.items()})
    return frame.assign(mixed=_mixed(core))


def _mixed(core: pa.Array) -> np.ndarray:
    mixed = np.zeros(len(core), dtype=bool)
    foreign = pc.invert(pc.string_is_ascii(core))
    scripts = [
        pc.match_substring_regex(pc.filter(core, foreign), pattern).to_numpy(zero_copy_only=False)
        for pattern in (r"\p{Latin}", r"\p{Devanagari}", _OTHER_SCRIPTS)
    ]
    mixed[foreign.to_numpy(zero_copy_only=False)] = np.sum(scripts, axis=0) > 1
    return mixed


def _in_order(core: pa.Array, key: pa.Array) -> pa.Array:
    several = pc.match_substring(core, " ")
    words = [" ".join(sorted(text.split(" "))) for text in pc.filter(core, several).to_pylist()]
    return pc.replace_with_mask(key, several, _sound(pa.array(words, pa.string())))


def _only(texts: pa.Array, chosen: pa.Array, change) -> pa.Array:
    """Return ``texts`` with those that are ``chosen`` replaced by what ``change`` makes of them."""
    if not pc.any(chosen).as_py():
        return texts
    return pc.replace_with_mask(texts, chosen, change(pc.filter(texts, chosen)))


def _fold(texts: pa.Array) -> pa.Array:
    texts = _only(texts, pc.invert(pc.string_is_ascii(texts)), _fold_letters)
    texts = pc.utf8_lower(texts)
    texts = pc.replace_substring_regex(texts, r"[’'`ʼ]", "")
    texts = _only(
        texts,
        pc.invert(pc.match_substring_regex(texts, "^(?:[a-z0-9]+ )*[a-z0-9]+$")),
        lambda some: pc.replace_substring_regex(some, r"[^\p{L}\p{M}\p{N}]+", " "),
    )
    return pc.utf8_trim_whitespace(texts)


def _fold_letters(texts: pa.Array) -> pa.Array:
    texts = pc.utf8_lower(pc.utf8_normalize(texts, "NFKD"))
    # Combining marks of Latin letters go; those of Devanagari are vowels and stay.
    texts = pc.replace_substring_regex(texts, r"[\x{0300}-\x{036f}\p{Cf}]", "")
    return _western_digits(pc.utf8_normalize(texts, "NFKC"))


def _western_digits(texts: pa.Array) -> pa.Array:
    for digit, devanagari in enumerate(_DEVANAGARI_DIGITS):
        texts = pc.replace_substring(texts, devanagari, str(digit))
    return texts


_ANY_KIND = f"(?:^| )(?:{'|'.join(KINDS.values())})(?: |$)|(?:{'|'.join(JOINED.values())})$"
_NUMBER = r"^(?:no|number|nr|num|नं|नम्बर) ?([0-9]+)$"


def _strip_kinds(folded: pa.Array) -> tuple[pa.Array, pa.Array]:
    """Return cores, and the kinds that were taken off."""
    kind = pa.array([""] * len(folded), pa.string())
    chosen = pc.match_substring_regex(folded, _ANY_KIND)
    if not pc.any(chosen).as_py():
        return folded, kind
    some = pc.filter(folded, chosen)
    some_kind = pa.array([""] * len(some), pa.string())
    for name, words in KINDS.items():
        patterns = [rf"^(.+?) (?:{words})$", rf"^(?:{words}) (.+)$"]
        if name in JOINED:
            patterns.append(rf"^(.*[^ ]{{2}})(?:{JOINED[name]})$")
        for pattern in patterns:
            found = pc.and_(pc.match_substring_regex(some, pattern), pc.equal(some_kind, ""))
            some = pc.if_else(found, pc.replace_substring_regex(some, pattern, r"\1"), some)
            some_kind = pc.if_else(found, name, some_kind)
    some = pc.replace_substring_regex(some, _NUMBER, r"\1")
    return pc.replace_with_mask(folded, chosen, some), pc.replace_with_mask(kind, chosen, some_kind)


def _sound(core: pa.Array) -> pa.Array:
    key = _only(core, pc.match_substring_regex(core, r"\p{Devanagari}"), in_latin)
    key = pc.replace_substring(key, " ", "")
    for kind, pattern, replacement in _SOUNDS:
        replace = pc.replace_substring if kind == "letters" else pc.replace_substring_regex
        key = replace(key, pattern, replacement)
    twice = "|".join(letter * 2 for letter in _REPEATED)
    key = _only(key, pc.match_substring_regex(key, twice), _without_repeats)
    # Beside e and o an a is no inherent vowel.
    key = _only(key, pc.match_substring_regex(key, "[eo]a|a[eo]"), _with_capital_a)
    first, rest = pc.utf8_slice_codeunits(key, 0, 1), pc.utf8_slice_codeunits(key, 1)
    return pc.utf8_lower(pc.binary_join_element_wise(first, pc.replace_substring(rest, "a", ""), ""))


def _with_capital_a(keys: pa.Array) -> pa.Array:
    return pc.replace_substring_regex(pc.replace_substring_regex(keys, "([eo])a", r"\1A"), "a([eo])", r"A\1")


def in_latin(texts: pa.Array) -> pa.Array:
    """Return texts with Devanagari letters written in Latin ones, the inherent vowel included."""
    latin = pa.array([text.translate(_LATIN) for text in texts.to_pylist()], pa.string())
    return pc.replace_substring(pc.replace_substring(latin, "a~", ""), "~", "")


def _without_repeats(keys: pa.Array) -> pa.Array:
    for letter in _REPEATED:
        keys = pc.replace_substring_regex(keys, letter + letter + "+", letter)
    return keys
