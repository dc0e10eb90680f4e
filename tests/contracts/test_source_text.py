"""YAML that could harm, or mean something else than its writer thinks."""

import pytest

from statloom.contracts.source_text import MAXIMUM_BYTES, parse, parse_text
from statloom.errors import ContractError


def test_plain_words_are_text_and_numbers_are_numbers():
    data = parse_text(
        "{a: NO, b: 01, c: 2011-06-22, d: 12, e: 1.5, f: true, g: ~, h: yes, i: 0x1F, j: 1_000, k: '7'}", "f"
    ).data
    assert data == {
        "a": "NO",
        "b": "01",
        "c": "2011-06-22",
        "d": 12,
        "e": 1.5,
        "f": True,
        "g": None,
        "h": "yes",
        "i": "0x1F",
        "j": "1_000",
        "k": "7",
    }


def test_every_value_knows_its_line():
    document = parse_text("a:\n  b: 1\n  c:\n    - x\n    - y: 2\n", "f")
    assert document.line(("a", "b")) == 2
    assert document.line(("a", "c", 1, "y")) == 5
    assert document.line(("a", "nothing")) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: !!python/object/apply:os.system [ls]", "f, line 1: tags are not allowed"),
        ("a: 1\nb: !thing 2", "f, line 2: tags are not allowed"),
        ("a: 1\nb: 2\na: 3", "f, line 3, a: given twice"),
        ("a: {x: 1,\n x: 2}", "f, line 2, a.x: given twice"),
        ("a: &x [*x]", "nested too deeply"),
        ("[" * 100_000, "nested too deeply"),
        ("a: [1", "f, line 2: did not find"),
        ("- 1", "a contract is a mapping"),
        ("", "f: empty"),
        ("a: \x00", "control characters"),
        ("{[1]: 2}", "a key must be a word"),
    ],
)
def test_refuses(text, message):
    with pytest.raises(ContractError) as caught:
        parse_text(text, "f")
    assert message in str(caught.value)


def test_aliases_are_followed_but_not_without_bound():
    assert parse_text("a: &x {k: 1}\nb: *x", "f").data["b"] == {"k": 1}
    bomb = "a: &a [1,1,1,1,1,1,1,1,1,1]\n" + "".join(
        f"{n}: &{n} [{','.join([f'*{m}'] * 10)}]\n" for m, n in zip("abcdef", "bcdefg", strict=True)
    )
    with pytest.raises(ContractError, match="more than 100,000 values"):
        parse_text(bomb, "f")


def test_refuses_what_is_too_large_or_not_utf8(tmp_path):
    large, latin = tmp_path / "large.yml", tmp_path / "latin.yml"
    large.write_text("a: " + "x" * MAXIMUM_BYTES)
    latin.write_bytes("a: é".encode("latin-1"))
    with pytest.raises(ContractError, match="larger than"):
        parse(large, "large.yml")
    with pytest.raises(ContractError, match=r"latin.yml: not UTF-8"):
        parse(latin, "latin.yml")
