"""Names of orders: the same decision the same name, another decision another one, always of Bybit's form."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import ConfigurationError
from engine.exchange.trading.order_ids import is_order_link_id, is_ours, order_link_id

HASH = "3f" * 32
CLOSE = 1_700_000_100_000

decisions = st.tuples(
    st.text("0123456789abcdef", min_size=64, max_size=64),
    st.sampled_from(["BTCUSDT", "ETHUSDT", "1000PEPEUSDT"]),
    st.integers(1_500_000_000_000, 1_900_000_000_000),
    st.from_regex(r"[A-Za-z0-9-]{1,11}", fullmatch=True),
    st.integers(0, 99),
)


@given(decisions, decisions)
def test_an_order_is_named_by_its_decision_and_nothing_else(one, other):
    assert (order_link_id(*one) == order_link_id(*other)) == (one == other)
    assert is_order_link_id(order_link_id(*one))
    assert is_ours(order_link_id(*one))


def test_a_name_is_the_same_in_every_process_and_version():
    # by hand: the first 20 characters of base32(sha256("<hash>\nBTCUSDT\n1700000100000\nentry")), lower case
    assert order_link_id(HASH, "BTCUSDT", CLOSE, "entry") == "txpd6ocobcl4xe5krdtec-entry"
    assert order_link_id(HASH, "BTCUSDT", CLOSE, "entry", 2) == "txpd6ocobcl4xe5krdtec-entry-2"


@pytest.mark.parametrize(
    ("leg", "attempt"), [("", 0), ("much-too-long", 0), ("a b", 0), ("x", 100), ("x", -1)]
)
def test_what_would_not_fit_a_name_is_refused(leg, attempt):
    with pytest.raises(ConfigurationError, match=r"leg|attempt"):
        order_link_id(HASH, "BTCUSDT", CLOSE, leg, attempt)


@pytest.mark.parametrize("name", ["", "a" * 37, "with space", "ümlaut", "semi;colon"])
def test_other_texts_are_no_names(name):
    assert not is_order_link_id(name)
    assert not is_ours(name)
