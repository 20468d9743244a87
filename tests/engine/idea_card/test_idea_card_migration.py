"""Cards of older versions of the language: used where nothing changed for them, else brought forward."""

from __future__ import annotations

import pytest
import yaml
from idea_card_example import EXAMPLE, plain_example

from engine.errors import CardError
from engine.idea_card.features import RESERVED_NAMES
from engine.idea_card.load import card_from_text, load_card, space_from_text
from engine.idea_card.migration import migrate, migrate_file, write_migrated
from engine.idea_card.schema_version import CURRENT_VERSION

# A card of version 1, in which `hour` and `funding_rate` are features like any other.
OLD = (
    EXAMPLE.replace("  atr: {ind", "  hour: {ind", 1)
    .replace("  bands: {ind", "  # the bands\n  funding_rate:   {ind", 1)
    .replace("feature: atr", "feature: 'hour'")
    .replace('[close@htf, ">", bands.upper]', '[close@htf, ">", "funding_rate.upper[2]"]  # broken out')
    .replace('{"*": [0.5, ema_fast]}', "{'*': [0.5, hour]}")
)


def test_a_file_without_the_key_is_of_version_1_and_used_where_nothing_changed_for_it():
    newer = f"schema_version: {CURRENT_VERSION}\n{EXAMPLE}"
    assert card_from_text(EXAMPLE, "here") == card_from_text(newer, "here")
    assert card_from_text(EXAMPLE, "here").system_hash() == card_from_text(newer, "here").system_hash()
    assert card_from_text(f"schema_version: 1\n{EXAMPLE}", "here") == card_from_text(EXAMPLE, "here")


def test_an_old_card_is_refused_with_every_step_and_the_command():
    with pytest.raises(CardError) as caught:
        card_from_text(OLD, "old.yaml")
    hour, funding = caught.value.problems
    assert (hour.key_path, hour.line) == ("features.hour", 16)
    assert (funding.key_path, funding.line) == ("features.funding_rate", 18)
    for problem, new in ((hour, "hour_feature"), (funding, "funding_rate_feature")):
        assert "since version 2" in problem.problem
        assert f"call the feature {new}, here and where it is used" in problem.way_out
        assert "trade cards migrate old.yaml --write" in problem.way_out


RESERVED_IN_1 = {"open", "high", "low", "close", "volume", "hl2", "hlc3", "ohlc4", "ts_open", "is_filled"} | {
    f"mark_{price}" for price in ("open", "high", "low", "close")
}


@pytest.mark.parametrize("word", sorted(RESERVED_NAMES - RESERVED_IN_1))
def test_every_word_the_language_took_since_has_a_way_for_old_cards(word):
    text = EXAMPLE.replace("  bands: {", f"  {word}: {{").replace("bands.upper", f"{word}.upper")
    with pytest.raises(CardError, match="trade cards migrate"):
        card_from_text(text, "old.yaml")
    assert f"{word}_feature" in card_from_text(migrate(text, "old.yaml").after, "new.yaml").features


def test_a_card_that_says_it_is_new_is_told_only_that_the_name_is_taken():
    with pytest.raises(CardError) as caught:
        card_from_text(f"schema_version: 2\n{OLD}", "new.yaml")
    assert "migrate" not in str(caught.value)
    assert "features.hour" in str(caught.value)


def test_only_the_words_that_change_are_changed():
    migration = migrate(OLD, "old.yaml")
    renamed = (
        OLD.replace("  hour: {", "  hour_feature: {")
        .replace("  funding_rate:   {", "  funding_rate_feature:   {")
        .replace("feature: 'hour'", "feature: 'hour_feature'")
        .replace("funding_rate.upper[2]", "funding_rate_feature.upper[2]")
        .replace("{'*': [0.5, hour]}", "{'*': [0.5, hour_feature]}")
    )
    assert migration.after == f"schema_version: 2\n{renamed}"
    assert (migration.from_version, migration.to_version) == (1, 2)
    assert [change.key_path for change in migration.changes] == ["features.hour", "features.funding_rate"]
    card = card_from_text(migration.after, "new.yaml")
    # the same card, but for the names
    old_names = yaml.safe_load(
        OLD.replace("hour", "hour_feature").replace("funding_rate", "funding_rate_feature")
    )
    assert card == card_from_text(yaml.safe_dump(old_names), "by hand")
    assert migrate(migration.after, "new.yaml").diff() == ""


def test_the_difference_is_shown_as_a_diff():
    lines = migrate(OLD, "old.yaml").diff().splitlines()
    assert lines[0] == "--- old.yaml"
    assert "+schema_version: 2" in lines
    assert "-  # the bands" not in lines
    assert sum(line.startswith("-") for line in lines) == 1 + 5
    assert sum(line.startswith("+") for line in lines) == 1 + 5 + 1


def test_a_parameter_and_a_strategy_of_the_name_of_a_feature_are_something_else():
    text = EXAMPLE.replace("  atr: {ind", "  hour: {ind", 1).replace(
        "feature: atr", "feature: {param: level}"
    )
    text = text.replace("cooldown_bars: 2", "cooldown_bars: {param: hour}").replace(
        '{"*": [0.5, ema_fast]}', '{"*": [{param: hour}, ema_fast]}'
    )
    text += "parameters:\n  hour: {default: 2, values: [2, 3]}\n"
    text += "  level: {default: hour, values: [hour, ema_fast]}\n"
    after = migrate(text, "old.yaml").after
    space = space_from_text(after, "new.yaml")
    assert space.defaults == {"hour": 2, "level": "hour_feature"}
    assert space.card.risk_model.stop_loss.feature == "hour_feature"
    rules = EXAMPLE.index("signal_rules:"), EXAMPLE.index("position_policy:")
    python = "signal_rules: {strategy: {name: hour, version: 1.0.0, params: {of: hour}}}\n"
    text = EXAMPLE[: rules[0]].replace("  atr: {ind", "  hour: {ind", 1) + python + EXAMPLE[rules[1] :]
    migration = migrate(text.replace("feature: atr", "feature: hour"), "old.yaml")
    assert python in migration.after
    assert "the strategy in Python" in migration.changes[0].way_out


def test_a_new_name_that_is_taken_is_not_taken_twice():
    text = OLD.replace("ema_fast", "hour_feature")
    after = migrate(text, "old.yaml").after
    assert "  hour_feature_2: {indicator: atr" in after
    assert set(card_from_text(after, "new.yaml").features) == {
        "hour_feature",
        "hour_feature_2",
        "funding_rate_feature",
    }


def test_line_endings_braces_and_an_older_number_stay_in_form():
    dos = OLD.replace("\n", "\r\n")
    assert migrate(dos, "old.yaml").after == migrate(OLD, "old.yaml").after.replace("\n", "\r\n")
    braces = yaml.safe_dump(plain_example(), default_flow_style=True, width=10_000)
    after = migrate(braces, "old.yaml").after
    assert after.startswith("{schema_version: 2, account: ")
    assert card_from_text(after, "new.yaml") == card_from_text(EXAMPLE, "here")
    assert migrate(f"schema_version:   1  # old\n{EXAMPLE}", "old.yaml").after.startswith(
        "schema_version:   2  # old\n"
    )


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("3", "newer than what this program reads, which is 2"),
        ("0", "is no version"),
        ("two", "is no version"),
        ("'2'", "is no version"),
        ("2.0", "is no version"),
        ("true", "is no version"),
        ("null", "is no version"),
        ("{param: x}", "is no version"),
    ],
)
def test_a_version_that_is_none_is_refused_alone(said, told):
    text = f"# mine\nschema_version: {said}\n{OLD}"
    for read in (card_from_text, migrate):
        with pytest.raises(CardError, match=told) as caught:
            read(text, "old.yaml")
        [problem] = caught.value.problems
        assert problem.line == 2


def test_what_is_no_card_is_not_migrated():
    for text in ("- a\n- b\n", "", "a: [", "just words"):
        with pytest.raises(CardError):
            migrate(text, "old.yaml")


def test_a_file_is_written_whole_and_keeps_its_permissions(tmp_path):
    path = tmp_path / "old.yaml"
    path.write_text(OLD)
    path.chmod(0o640)
    migration = migrate_file(path)
    assert path.read_text() == OLD
    write_migrated(migration, path)
    assert load_card(path).features["hour_feature"].indicator == "atr"
    assert path.stat().st_mode & 0o777 == 0o640
    assert [file.name for file in tmp_path.iterdir()] == ["old.yaml"]
    with pytest.raises(CardError, match="has changed meanwhile"):
        write_migrated(migration, path)
