import pytest

from engine.errors import CardError, ConfigurationError
from engine.live.risk.files import default_limits, risk_manager
from engine.live.risk.limits import LIVE_LIMITS, RiskLimits, load_risk_limits, risk_limits_from_text
from engine.live.risk.limits_text import limits_as_yaml
from engine.settings import TradeSettings

CHANGED = """
orders: {max_notional_usdt: 500}
exposure:
  groups:
    layer_ones: {symbols: [ADAUSDT, SOLUSDT], max_notional_usdt: 400.5}
trading_hours:
  - {start: "08:00", end: "20:00", weekdays: [mon, tue]}
"""


@pytest.mark.parametrize("text", ["", "# nothing but\n   # comments\n"])
def test_what_a_file_leaves_out_has_its_default(tmp_path, text):
    path = tmp_path / "risk.yaml"
    assert load_risk_limits(path) == RiskLimits()
    path.write_text(text)
    assert load_risk_limits(path) == RiskLimits()
    path.write_text("orders: {max_per_minute: 3}\n")
    assert load_risk_limits(path).orders.max_per_minute == 3
    assert load_risk_limits(path).positions == RiskLimits().positions


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("orders: {max_notional: 5}", "did you mean max_notional_usdt"),
        ("orders: {max_notional_usdt: 0}", "orders.max_notional_usdt"),
        ("orders: {max_notional_usdt: .inf}", "orders.max_notional_usdt"),
        ("orders: {max_per_minute: 2.5}", "whole number"),
        ("losses: {max_daily_pct: 101}", "losses.max_daily_pct"),
        ("losses: {max_daily_pct: true}", "losses.max_daily_pct"),
        ("positions: {max_leverage: 0.5}", "positions.max_leverage"),
        ("exposure: {groups: {a: {symbols: [X], max_notional_usdt: 1}}}", "exposure.groups.a.symbols"),
        ("exposure: {groups: {a: {symbols: [X, X], max_notional_usdt: 1}}}", "is there twice"),
        ('trading_hours: [{start: "25:00", end: "20:00"}]', "time of day"),
        ('trading_hours: [{start: "08:00", end: "20:00", close_outside: true}]', "a matter of cards"),
        ("orders: [", "line 1"),
        ("[]", "block of keys"),
        ("orders: {max_per_minute: 1}\norders: {max_per_minute: 2}", "is there twice"),
    ],
)
def test_what_cannot_be_a_limit_is_refused_by_its_name(tmp_path, text, problem):
    path = tmp_path / "risk.yaml"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match="does not say the limits") as refused:
        load_risk_limits(path)
    assert problem in str(refused.value)
    assert str(path) in str(refused.value)
    assert not isinstance(refused.value, CardError)


@pytest.mark.parametrize("limits", [RiskLimits(), LIVE_LIMITS, risk_limits_from_text(CHANGED, "risk.yaml")])
def test_limits_written_are_limits_read(limits):
    text = limits_as_yaml(limits)
    assert risk_limits_from_text(text, "risk.yaml") == limits
    assert max(map(len, text.splitlines())) < 130
    keys = [line for line in text.splitlines() if line.strip() and not line.strip().startswith("#")]
    assert len(keys) < text.count("#")


def test_real_money_is_small_unless_it_is_written_down(tmp_path):
    def settings(exchange):
        return TradeSettings.from_environment({"TRADE_DATA": str(tmp_path), "TRADE_EXCHANGE": exchange})

    assert default_limits(settings("sandbox")) == default_limits(settings("demo")) == RiskLimits()
    assert risk_manager(settings("bybit")).limits == LIVE_LIMITS
    (tmp_path / "bybit").mkdir()
    (tmp_path / "bybit" / "risk.yaml").write_text("orders: {max_per_minute: 3}\nexposure: {groups: {}}\n")
    limits = risk_manager(settings("bybit")).limits
    assert (limits.orders.max_per_minute, limits.orders.max_notional_usdt) == (3, 1_000)
    assert (limits.exposure.max_total_usdt, limits.exposure.groups) == (5_000, {})
