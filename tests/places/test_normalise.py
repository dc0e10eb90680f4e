import pandas as pd
import pytest

from statloom.places.normalise import LONGEST_NAME, clean_codes, normalise


@pytest.mark.parametrize(
    "spellings",
    [
        ["Taplejung", "TAPLEJUNG", " taplejung ", "ताप्लेजुङ", "Tāplejung", "Taple-jung"],
        ["Aathrai Tribeni", "Athrai Triveni", "आठराई त्रिवेणी", "Aathraitribeni"],
        ["Kavrepalanchok", "Kabhrepalanchok", "Kavrepalanchowk", "काभ्रेपलाञ्चोक"],
        ["Tehrathum", "Terhathum", "तेर्हथुम"],
        ["Makwanpur", "Makawanpur", "मकवानपुर"],
        ["Sankhuwasabha", "Sankhuvasabha", "संखुवासभा"],
        ["Chhaya Ksetra", "Chaya Kshetra"],
    ],
)
def test_spellings_of_one_name_sound_alike(spellings):
    assert normalise(spellings)["key"].nunique() == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [("Karnali", "Kailali"), ("Rukum", "Rolpa"), ("Bara", "Parsa"), ("Dang", "Doti"), ("Salyan", "Syangja")],
)
def test_different_names_sound_different(one, other):
    assert normalise([one, other])["key"].nunique() == 2


@pytest.mark.parametrize(
    ("name", "core", "kind"),
    [
        ("Kalika Rural Municipality", "kalika", "rural_municipality"),
        ("Kalika Gaunpalika", "kalika", "rural_municipality"),
        ("कालिका गाउँपालिका", "कालिका", "rural_municipality"),
        ("Kalika Municipality", "kalika", "municipality"),
        ("कालिका नगरपालिका", "कालिका", "municipality"),
        ("Banepa N.P.", "banepa", "municipality"),
        ("Biratnagar Sub-Metropolitan City", "biratnagar", "sub_metropolitan_city"),
        ("Kathmandu Mahanagarpalika", "kathmandu", "metropolitan_city"),
        ("Ankhop V.D.C.", "ankhop", "village_development_committee"),
        ("Ankhop VDC", "ankhop", "village_development_committee"),
        ("Kailali District", "kailali", "district"),
        ("कैलाली जिल्ला", "कैलाली", "district"),
        ("Province No. 1", "1", "province"),
        ("प्रदेश नं. १", "1", "province"),
        ("VDC", "vdc", ""),
        ("Municipality", "municipality", ""),
    ],
)
def test_words_for_the_kind_of_unit_are_taken_off(name, core, kind):
    form = normalise([name]).iloc[0]
    assert (form["core"], form["kind"]) == (core, kind)


def test_words_in_another_order_have_the_same_tokens():
    forms = normalise(["Rukum East", "East Rukum"])
    assert forms["tokens"].nunique() == 1
    assert forms["key"].nunique() == 2


def test_invisible_characters_and_blanks_do_not_count():
    forms = normalise(["Kathmandu", "\u200bKath\u00admandu\u00a0", "\ufeffKathmandu"])
    assert forms["folded"].unique().tolist() == ["kathmandu"]


def test_letters_of_several_scripts_are_noticed():
    forms = normalise(["Kathmandu", "\u041aathmandu", "काठमाडौं", "Kath माडौं", "Kathmandu 2"])
    assert forms["mixed"].tolist() == [False, True, False, True, False]


def test_what_is_too_long_to_be_a_name_has_no_forms():
    forms = normalise(["k" * LONGEST_NAME, "k" * (LONGEST_NAME + 1), "k" * 10_000_000])
    assert forms["folded"].str.len().tolist() == [LONGEST_NAME, 0, 0]


def test_missing_names_and_no_names_at_all():
    names = pd.Series(["Ilam", None, float("nan"), ""], index=[7, 3, 5, 1])
    forms = normalise(names)
    assert forms.index.tolist() == [7, 3, 5, 1]
    assert forms["core"].tolist() == ["ilam", "", "", ""]
    assert len(normalise([])) == 0


@pytest.mark.parametrize(
    ("given", "cleaned"),
    [
        ("01", "01"),
        ("1.0", "1"),
        (" 10105 ", "10105"),
        ("१०१०५", "10105"),
        ("'07", "07"),
        ("524\u00a01 01  3 001", "524 1 01 3 001"),
        ("nan", ""),
        (None, ""),
        ("\u200b12", "12"),
        ("1.5", "1.5"),
    ],
)
def test_codes_lose_what_spreadsheets_add(given, cleaned):
    assert clean_codes(pd.Series([given], dtype="object")).tolist() == [cleaned]


def test_codes_stored_as_floats():
    assert clean_codes(pd.Series([1.0, None, 10105.0])).tolist() == ["1", "", "10105"]


def test_cleaned_codes_keep_their_index():
    assert clean_codes(pd.Series(["1", "2"], index=[9, 4])).loc[9] == "1"
