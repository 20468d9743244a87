"""Files that are no YAML, or YAML that means something else than it seems to."""

from __future__ import annotations

import pytest
from idea_card_example import EXAMPLE

from engine.errors import CardError
from engine.idea_card.load import card_from_text, load_card
from engine.idea_card.yaml_source import parse_yaml

CASES = {
    "empty": ("", None, "is empty"),
    "comments only": ("# nothing\n\n", None, "is empty"),
    "null": ("null", None, "is empty"),
    "open bracket": ("id: x\nsymbols: [A, B\nversion: 1", 3, "is not YAML"),
    "open quote": ('id: "x\nversion: 1\n', 3, "is not YAML"),
    "tab": ("account:\n\tleverage: 3\n", 2, "is not YAML"),
    "offset without quotes": ("a: [close, '>', high[1]]\n", 1, "is not YAML"),
    "two documents": ("id: a\n---\nid: b\n", 2, "a second begins"),
    "an object": (
        "id: !!python/object/apply:os.getcwd []\n",
        1,
        "YAML tag (!!python/object/apply:os.getcwd)",
    ),
    "a tag of their own": ("a: 1\nid: !mine x\n", 2, "YAML tag (!mine)"),
    "text by a tag": ("id: !!str 3\n", 1, "YAML tag (!!str)"),
    "an operator without quotes": ("a: [close, >, high]\n", 1, "is not YAML"),
    "an alias": ("a: &x 1\nb: *x\n", 2, "alias"),
    "an alias of itself": ("a: &x [*x]\n", 1, "alias"),
    "a merge": ("a: {<<: {b: 1}}\n", 1, "merge"),
    "a list as a key": ("? [a]\n: 1\n", 1, "is not YAML"),
    "bottomless": ("a: " + "[" * 5000, 1, "levels deep"),
    "a control character": ("id: \x07\n", None, "is not YAML"),
}


@pytest.mark.parametrize(("text", "line", "words"), CASES.values(), ids=CASES.keys())
def test_what_is_not_yaml_is_refused_with_its_line(text, line, words):
    with pytest.raises(CardError) as refused:
        card_from_text(text, "some.yaml")
    [problem] = refused.value.problems
    assert words in problem.problem
    assert problem.line == line
    assert str(refused.value).startswith("some.yaml")


@pytest.mark.parametrize(
    ("text", "line", "told"),
    [
        ("account:\n\tleverage: 3\n", 2, "indent with spaces"),
        ("a:\n- [close, >, high]\n", 2, 'put operators in quotes: ">"'),
        ('id: "x\na:\n- [close, ">", high]\n', 3, "a quote that is never closed"),
        ("a: [close, '>', high[1]]\n", 1, "put names with brackets in quotes: 'close[1]'"),
        ("account:\n  a: 1\n  leverage 3\n  b: 2\n", 3, "a key needs a colon"),
        ("a:\n  b: 1\n    c: 2\n", 3, "how far this line is indented"),
        ("a: @close\n", 1, "put the text in quotes"),
        ("id: a\n---\nid: b\n", 2, "a file of its own"),
        ("? [a]\n: 1\n", 1, "a key is one word"),
        ("id: \x00\n", None, "saved as UTF-8"),
    ],
)
def test_what_is_not_yaml_comes_with_advice_that_fits(text, line, told):
    with pytest.raises(CardError) as refused:
        card_from_text(text, "some.yaml")
    [problem] = refused.value.problems
    assert told in problem.way_out
    assert problem.line == line


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("1e5", 100_000.0),
        ("-1.5E-3", -0.0015),
        ("10_000", 10_000),
        ("+7", 7),
        (".5", 0.5),
        ("3.", 3.0),
        ("True", True),
        ("~", None),
        ("", None),
        ("0", 0),
        # numbers to the base of 8, 16 and 60, dates and flags in YAML 1.1; text to everybody else
        ("010", "010"),
        ("0x1F", "0x1F"),
        ("1:30", "1:30"),
        ("1:30.5", "1:30.5"),
        ("2024-01-01", "2024-01-01"),
        ("yes", "yes"),
        ("no", "no"),
        ("on", "on"),
        ("off", "off"),
        ("=", "="),
        ("15m", "15m"),
        (".", "."),
        ("-", [None]),
    ],
)
def test_words_mean_what_they_seem_to(written, read):
    value = parse_yaml(f"key:\n  {written}\n", "here").data["key"]
    assert value == read
    assert type(value) is type(read)


def test_a_key_may_be_a_word_that_was_a_flag_once():
    assert parse_yaml("on: 1\nno: 2\n", "here").data == {"on": 1, "no": 2}
    with pytest.raises(CardError, match="on: is not a key of this block"):
        card_from_text(f"on: x\n{EXAMPLE}", "here")


@pytest.mark.parametrize(
    ("written", "other", "told"),
    [
        ("allow_flip: true", "allow_flip: yes", "write true or false"),
        ("cooldown_bars: 2", "cooldown_bars: 010", "write 10, without quotes"),
        ("starting_equity_usdt: 10000", "starting_equity_usdt: 10,000", "write 10000"),
        ("starting_equity_usdt: 10000", "starting_equity_usdt: '1e4'", "write 10000, without quotes"),
        ("risk_pct: 1.0", "risk_pct: 1.5 %", "write 1.5"),
        ("leverage: 3", "leverage: .nan", "and is nan"),
        ("version: 1.2.3", "version: 2024-01-01", "three numbers with dots"),
    ],
)
def test_values_as_people_write_them_get_the_right_advice(written, other, told):
    assert EXAMPLE.count(written) == 1
    with pytest.raises(CardError, match=told):
        card_from_text(EXAMPLE.replace(written, other), "here")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("schema_versoin: 2", "schema_version"),
        ("paramters: {}", "parameters"),
        ("symbol: [BTCUSDT]", "symbols"),
    ],
)
def test_a_misspelt_key_of_the_file_gets_a_suggestion(written, meant):
    with pytest.raises(CardError, match=f"is not a key of this block[\\s\\S]*did you mean {meant}\\?"):
        card_from_text(f"{written}\n{EXAMPLE}", "here")


def test_a_file_that_is_far_too_large_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "card.yaml"
    path.write_text("a: [" + "1," * 300_000 + "1]")
    with pytest.raises(CardError, match="more than 500,000 letters"):
        load_card(path)


def test_a_key_that_is_there_twice_is_refused():
    text = EXAMPLE.replace("  leverage: 3\n", "  leverage: 3\n  leverage: 30\n") + "id: other\n"
    with pytest.raises(CardError) as refused:
        card_from_text(text, "some.yaml")
    lines = text.splitlines()
    twice = {problem.key_path: problem for problem in refused.value.problems}
    assert set(twice) == {"account.leverage", "id"}
    assert lines[twice["account.leverage"].line - 1] == "  leverage: 30"
    assert f"line {lines.index('  leverage: 3') + 1}" in twice["account.leverage"].way_out


def test_a_key_twice_inside_braces_is_refused():
    text = EXAMPLE.replace("params: {length: 9}", "params: {length: 9, length: 10}")
    with pytest.raises(CardError, match=r"features\.ema_fast\.params\.length: is there twice"):
        card_from_text(text, "some.yaml")


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(CardError, match=r"no_such\.yaml is not a usable IdeaCard:\n.*cannot be read"):
        load_card(tmp_path / "no_such.yaml")


def test_a_folder_is_no_card(tmp_path):
    with pytest.raises(CardError, match="cannot be read"):
        load_card(tmp_path)


def test_a_file_that_is_no_text_is_refused(tmp_path):
    path = tmp_path / "card.yaml"
    path.write_bytes(b"id: \xff\xfe\n")
    with pytest.raises(CardError, match="not text in UTF-8"):
        load_card(path)


def test_comments_and_other_letters_are_welcome(tmp_path):
    path = tmp_path / "card.yaml"
    path.write_text(
        "# für später\n" + EXAMPLE.replace("Buy what rises.", "Kaufe, was steigt – 上"), encoding="utf-8"
    )
    assert load_card(path).description == "Kaufe, was steigt – 上"
