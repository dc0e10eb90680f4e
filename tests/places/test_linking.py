import pandas as pd

from statloom.places.linking import link


def frame(*pairs):
    return pd.DataFrame(pairs, columns=["name", "parent"])


def linked(left, right, **options):
    links, unlinked = link(left, right, **options)
    pairs = {
        left["name"][a]: (right["name"][b], method)
        for a, b, method in zip(links["left"], links["right"], links["method"], strict=True)
    }
    return pairs, dict(zip(left["name"][unlinked["left"]], unlinked["reason"], strict=True))


def test_names_are_linked_within_their_parent_only():
    left = frame(("Kalika", "a"), ("Kalika ", "b"))
    right = frame(("Kalika", "b"), ("Malika", "a"), ("Rolpa", "a"))
    pairs, lost = linked(left, right)
    assert pairs == {"Kalika ": ("Kalika", "folded"), "Kalika": ("Malika", "fuzzy")}
    assert lost == {}


def test_kinds_tell_namesakes_apart():
    left = frame(("Bagmati Municipality", "a"), ("Bagmati Rural Municipality", "a"))
    right = frame(("Bagmati Gaunpalika", "a"), ("Bagmati Nagarpalika", "a"))
    pairs, lost = linked(left, right)
    assert pairs == {
        "Bagmati Municipality": ("Bagmati Nagarpalika", "core_and_kind"),
        "Bagmati Rural Municipality": ("Bagmati Gaunpalika", "core_and_kind"),
    }
    assert lost == {}


def test_namesakes_that_cannot_be_told_apart_are_not_linked():
    pairs, lost = linked(
        frame(("Joginiya-1", "a"), ("Joginiya-2", "a")), frame(("Joginiya", "a"), ("Joginiya", "a"))
    )
    assert pairs == {}
    assert set(lost) == {"Joginiya-1", "Joginiya-2"}
    assert "left over on the other side: Joginiya, Joginiya" in lost["Joginiya-1"]


def test_the_last_pair_is_linked_whatever_its_names_when_both_lists_are_complete():
    left = frame(("Lamidanda", "a"), ("Diktel", "a"))
    right = frame(("Rawa Besi", "a"), ("Diktel", "a"))
    assert linked(left, right)[0] == {"Diktel": ("Diktel", "folded")}
    assert linked(left, right, complete=True)[0]["Lamidanda"] == ("Rawa Besi", "elimination")


def test_each_place_is_linked_once():
    pairs, lost = linked(frame(("Panchkanya", "a"), ("Panchakanya", "a")), frame(("Panchakanya", "a")))
    assert pairs == {"Panchakanya": ("Panchakanya", "folded")}
    assert list(lost) == ["Panchkanya"]
