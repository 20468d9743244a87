"""Files that are no YAML, or YAML that means something else than it seems to."""

from __future__ import annotations

import pytest
from idea_card_example import EXAMPLE

from engine.errors import CardError
from engine.idea_card.load import card_from_text, load_card

CASES = {
    "empty": ("", None, "is empty"),
    "comments only": ("# nothing\n\n", None, "is empty"),
    "null": ("null", None, "is empty"),
    "open bracket": ("id: x\nsymbols: [A, B\nversion: 1", 3, "is not YAML"),
    "open quote": ('id: "x\nversion: 1\n', 3, "is not YAML"),
    "tab": ("account:\n\tleverage: 3\n", 2, "is not YAML"),
    "offset without quotes": ("a: [close, '>', high[1]]\n", 1, "is not YAML"),
    "two documents": ("id: a\n---\nid: b\n", 2, "a second begins"),
    "an object": ("id: !!python/object/apply:os.getcwd []\n", 1, "is not YAML"),
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
