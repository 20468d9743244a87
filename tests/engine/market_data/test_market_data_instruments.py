import json

import pytest
from market_data_frames import RULES, START, rules, store_in_memory

from engine.errors import DataError, DataNotFound
from engine.market_data.instruments import InstrumentRules, RiskTier
from engine.timeframes import DAY_MS


@pytest.fixture
def store():
    with store_in_memory() as opened:
        yield opened


def test_rules_come_back_as_they_were_given(store):
    assert store.save_instrument(RULES) is True
    assert store.read_instrument("BTCUSDT") == RULES


def test_rules_survive_json():
    assert InstrumentRules.from_plain(json.loads(json.dumps(RULES.to_plain()))) == RULES


def test_unchanged_rules_make_no_new_snapshot(store):
    store.save_instrument(RULES)
    assert store.save_instrument(rules(START + DAY_MS)) is False
    assert store.read_instrument("BTCUSDT").as_of_ms == START


def test_the_snapshot_in_force_is_read(store):
    for day, tick in ((0, 0.1), (10, 0.5), (20, 0.1)):
        assert store.save_instrument(rules(START + day * DAY_MS, tick_size=tick)) is True

    def tick_at(day):
        return store.read_instrument("BTCUSDT", START + day * DAY_MS).tick_size

    assert [tick_at(day) for day in (0, 9, 10, 19, 20, 99)] == [0.1, 0.1, 0.5, 0.5, 0.1, 0.1]
    # before the first snapshot nothing is known: the earliest stands in
    assert store.read_instrument("BTCUSDT", START - DAY_MS).as_of_ms == START
    assert store.read_instrument("BTCUSDT").as_of_ms == START + 20 * DAY_MS


def test_a_changed_tier_is_a_new_snapshot_with_its_own_ladder(store):
    steeper = (RiskTier(1, 1_000_000.0, 0.01, 0.02, 50.0, 0.0),)
    store.save_instrument(RULES)
    store.save_instrument(rules(START + DAY_MS, tiers=steeper))
    assert store.read_instrument("BTCUSDT").tiers == steeper
    assert store.read_instrument("BTCUSDT", START).tiers == RULES.tiers


def test_other_rules_for_the_same_moment_replace_the_first(store):
    store.save_instrument(RULES)
    corrected = rules(START, tick_size=0.5, tiers=RULES.tiers[:1])
    assert store.save_instrument(corrected) is True
    assert store.read_instrument("BTCUSDT") == corrected


def test_tiers_are_ordered_by_their_limit_beyond_nine_of_them(store):
    ladder = tuple(
        RiskTier(n, n * 1e6, 0.005 * n, 0.01 * n, 100.0 / n, 1000.0 * (n - 1)) for n in range(1, 13)
    )
    store.save_instrument(rules(START, tiers=ladder))
    assert store.read_instrument("BTCUSDT").tiers == ladder


def test_rules_that_are_not_stored_say_what_to_sync(store):
    store.save_instrument(RULES)
    with pytest.raises(DataNotFound, match="ETHUSDT") as caught:
        store.read_instrument("ETHUSDT")
    assert "sync ETHUSDT" in caught.value.way_out


def test_the_fingerprint_is_of_the_rules_and_not_of_their_date():
    assert rules(START + 1).fingerprint() == RULES.fingerprint()
    assert rules(START, tick_size=0.2).fingerprint() != RULES.fingerprint()


@pytest.mark.parametrize(
    "changes", [{"tiers": ()}, {"tiers": RULES.tiers[::-1]}, {"tick_size": 0.0}, {"qty_step": float("nan")}]
)
def test_rules_that_cannot_be_are_refused(changes):
    with pytest.raises(DataError, match="BTCUSDT"):
        rules(START, **changes)
