"""A folder of cards: bad ones do not stop the others."""

from __future__ import annotations

import pytest
from idea_card_example import EXAMPLE

from engine.errors import ConfigurationError
from engine.idea_card.load import load_cards


def write(folder, name, card_id):
    (folder / name).write_text(EXAMPLE.replace("id: example", f"id: {card_id}"), encoding="utf-8")


def test_good_cards_load_beside_bad_ones(tmp_path):
    write(tmp_path, "b.yaml", "second")
    write(tmp_path, "a.yml", "first")
    (tmp_path / "broken.yaml").write_text("id: [", encoding="utf-8")
    (tmp_path / "empty.yaml").write_text("", encoding="utf-8")
    (tmp_path / "notes.txt").write_text("no card", encoding="utf-8")
    (tmp_path / "schema.json").write_text("{}", encoding="utf-8")
    write(tmp_path, ".hidden.yaml", "hidden")
    (tmp_path / "old").mkdir()
    write(tmp_path / "old", "c.yaml", "third")
    folder = load_cards(tmp_path)
    assert list(folder.cards) == ["first", "second"]
    assert folder.files == {"first": tmp_path / "a.yml", "second": tmp_path / "b.yaml"}
    assert list(folder.errors) == ["broken.yaml", "empty.yaml"]
    assert str(tmp_path / "broken.yaml") in str(folder.errors["broken.yaml"])


def test_two_files_with_one_id_are_both_refused(tmp_path):
    write(tmp_path, "a.yaml", "same")
    write(tmp_path, "b.yaml", "same")
    write(tmp_path, "c.yaml", "other")
    folder = load_cards(tmp_path)
    assert list(folder.cards) == ["other"]
    assert set(folder.errors) == {"a.yaml", "b.yaml"}
    [problem] = folder.errors["a.yaml"].problems
    assert (problem.key_path, problem.value, problem.line) == ("id", "same", 1)
    assert "b.yaml" in problem.problem
    assert "a.yaml" in folder.errors["b.yaml"].problems[0].problem


def test_an_empty_folder_has_no_cards(tmp_path):
    assert load_cards(tmp_path).cards == {}


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ConfigurationError, match="TRADE_CARDS"):
        load_cards(tmp_path / "nowhere")
