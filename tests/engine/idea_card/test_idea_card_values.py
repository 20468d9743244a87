"""What a loaded card gives, and that nothing can change it."""

from __future__ import annotations

import copy
import pickle

import pytest
from idea_card_example import EXAMPLE, REMOVED, changed, everything, plain_example
from pydantic import ValidationError

from engine.errors import ConfigurationError
from engine.idea_card.card import IdeaCard
from engine.idea_card.entry_order import AtrMultipleOffset, LimitEntry, MarketEntry
from engine.idea_card.features import FeatureSpec
from engine.idea_card.load import card_from_plain, card_from_text
from engine.idea_card.risk_model import RiskModel
from engine.idea_card.sizing import RiskBasedSizing
from engine.idea_card.stops import AtrMultipleStop
from engine.idea_card.targets import AtrMultipleRung, RrRatioRung, RrRatioTarget
from engine.idea_card.timeframe_config import TFConfig
from engine.timeframes import Timeframe


@pytest.fixture
def card() -> IdeaCard:
    return card_from_text(EXAMPLE, "here")


def test_values_are_as_written(card):
    assert (card.id, card.version, card.symbols) == ("example", "1.2.3", ("BTCUSDT", "1000PEPEUSDT"))
    assert card.account.fee_model.taker_bps == 5.5
    assert card.account.leverage == 3.0
    assert card.features["bands"] == FeatureSpec(
        indicator="bbands", params={"length": 20, "std": 2.5}, source="hlc3", tf="htf"
    )
    assert card.features["atr"].source is None
    assert card.risk_model.stop_loss == AtrMultipleStop(type="atr_multiple", value=1.5, feature="atr")
    assert card.risk_model.take_profit == RrRatioTarget(type="rr_ratio", value=2.0)
    assert card.risk_model.sizing == RiskBasedSizing(model="risk_based", risk_pct=1.0)
    assert card.position_policy.directions == ("long", "short")
    assert card.promotion.max_liquidations == 0


def test_a_whole_parameter_is_an_integer_however_it_is_spelled():
    card = card_from_text(EXAMPLE.replace("length: 9", "length: 9.0"), "here")
    assert card.features["ema_fast"].params == {"length": 9}
    assert isinstance(card.features["ema_fast"].params["length"], int)


def test_the_regime_is_mark_2025_where_nothing_is_said():
    data = changed(("account", "liquidation_regime"), REMOVED)
    assert card_from_plain(data, "here").account.liquidation_regime == "mark_2025"


def test_timeframes_by_role(card):
    assert card.timeframes.roles() == {"exec": Timeframe.M15, "mtf": Timeframe.H1, "htf": Timeframe.H4}
    assert list(card.timeframes.roles()) == ["exec", "mtf", "htf"]
    assert card.timeframes.timeframe("mtf") is Timeframe.H1


def test_the_detail_timeframe_is_no_role_of_rules_and_features():
    timeframes = TFConfig(exec=Timeframe.M15, htf=Timeframe.H4, detail=Timeframe.M1)
    assert timeframes.roles() == {"exec": Timeframe.M15, "htf": Timeframe.H4}
    assert list(timeframes.all_timeframes().items()) == [
        ("detail", Timeframe.M1),
        ("exec", Timeframe.M15),
        ("htf", Timeframe.H4),
    ]
    with pytest.raises(ConfigurationError, match="no timeframe 'detail'"):
        timeframes.timeframe("detail")


def test_without_detail_all_timeframes_are_the_roles(card):
    assert card.timeframes.all_timeframes() == card.timeframes.roles()


def test_the_features_of_the_orders_stand_once_in_a_fixed_order():
    card = card_from_plain(everything(), "here")
    # stop, targets, offset, sizing: the offset and the size look at the same feature
    assert card.level_features == ("bands.lower", "bands.upper", "ema_fast", "atr")


def test_a_card_whose_orders_look_at_no_feature_has_no_level_features(card):
    assert card.level_features == ("atr",)
    data = changed(("risk_model", "stop_loss"), {"type": "percent", "value": 1})
    assert card_from_plain(data, "here").level_features == ()


def test_what_is_left_out_means_what_a_card_meant_before():
    card = card_from_text(EXAMPLE, "here")
    assert card.entry_order == MarketEntry(type="market")
    assert (card.account.half_spread_bps, card.account.impact_bps) == (0.0, 0.0)
    assert card.account.max_participation_pct is None
    assert card.position_policy.scale_in is None
    assert card.position_policy.trading_session is None
    assert card.risk_model.time_stop is None
    assert card.risk_model.max_effective_leverage is None


def test_blocks_are_as_written():
    card = card_from_plain(everything(), "here")
    assert card.entry_order == LimitEntry(
        type="limit",
        offset=AtrMultipleOffset(type="atr_multiple", value=0.5, feature="atr"),
        time_in_force="post_only",
        expiry_bars=4,
        reprice="on_signal",
    )
    ladder = card.risk_model.take_profit
    assert [type(target) for target in ladder] == [RrRatioRung, RrRatioRung, AtrMultipleRung]
    assert [target.portion_pct for target in ladder] == [30.0, 30.0, 25.0]
    assert card.position_policy.trading_session.weekdays == ("mon", "tue", "fri")


def test_a_role_the_card_does_not_have_is_named():
    timeframes = TFConfig(exec=Timeframe.M15, htf=Timeframe.H4)
    assert timeframes.roles() == {"exec": Timeframe.M15, "htf": Timeframe.H4}
    with pytest.raises(ConfigurationError, match="no timeframe 'mtf'"):
        timeframes.timeframe("mtf")


def test_a_week_is_a_multiple_of_a_day():
    assert TFConfig(exec=Timeframe.D1, htf=Timeframe.W1).timeframe("htf") is Timeframe.W1


def test_parts_check_themselves_wherever_they_are_made():
    with pytest.raises(ValidationError, match="needs a stop_loss"):
        RiskModel(stop_loss=None, take_profit=None, sizing=RiskBasedSizing(model="risk_based", risk_pct=1.0))
    with pytest.raises(ValidationError, match="must be larger than exec"):
        TFConfig(exec=Timeframe.H1, htf=Timeframe.M15)


def test_nothing_in_a_card_can_be_changed(card):
    with pytest.raises(ValidationError):
        card.id = "other"
    with pytest.raises(ValidationError):
        card.account.leverage = 100.0
    for change in (
        lambda: card.features.pop("atr"),
        lambda: card.features.update({}),
        lambda: card.features["atr"].params.__setitem__("length", 1),
        lambda: card.signal_rules.entry_long.__setitem__("all", []),
        lambda: card.signal_rules.entry_long["all"].append(1),
        lambda: card.signal_rules.entry_long["all"][0].__setitem__(0, "open"),
    ):
        with pytest.raises((TypeError, AttributeError)):
            change()


def test_a_card_does_not_hold_on_to_the_data_it_was_made_of():
    data = plain_example()
    card = card_from_plain(data, "here")
    data["features"]["atr"]["params"]["length"] = 99
    data["signal_rules"]["entry_long"]["all"].clear()
    assert card == card_from_text(EXAMPLE, "here")


def test_a_card_can_be_copied_pickled_and_used_as_a_key(card):
    assert pickle.loads(pickle.dumps(card)) == card
    assert copy.deepcopy(card) == card
    assert {card: 1}[card_from_text(EXAMPLE, "here")] == 1
