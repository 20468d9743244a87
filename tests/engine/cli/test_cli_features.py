"""`trade features` and `trade docs`: pictures on stored candles, room of stored features, the reference."""

from __future__ import annotations

import pytest


def test_every_structure_is_drawn_on_stored_candles(synced, tmp_path):
    result = synced("features", "draw", "-t", "1h", "--out", str(tmp_path / "pictures"))
    assert result.exit_code == 0
    files = sorted(file.name for file in (tmp_path / "pictures").iterdir())
    assert len(files) == 12
    assert "BTCUSDT_1h_support_resistance.png" in files
    assert str(tmp_path / "pictures" / "BTCUSDT_1h_swing.png") in result.stdout


def test_any_indicator_is_drawn_with_its_own_parameters_and_source(synced, tmp_path):
    answer = synced.json(
        "features", "draw", "roc", "-p", "length=4", "--source", "open_interest", "-t", "15m",
        "--out", str(tmp_path),
    )  # fmt: skip
    assert answer["data"]["files"] == [str(tmp_path / "BTCUSDT_15m_roc.png")]
    assert (tmp_path / "BTCUSDT_15m_roc.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("emma",), 1, "did you mean ema"),
        (("ema", "-p", "lenght=9"), 1, "lenght is not a parameter of ema; length is missing"),
        (("ema", "-p", "length=9", "--source", "clos"), 1, "did you mean close"),
        (("swing", "--source", "close"), 1, "leave it out"),
        (("ema", "-p", "length"), 2, "length=14"),
        (("swing", "-t", "7m"), 1, "is not a timeframe"),
        (("swing", "-s", "NOSUCHUSDT"), 1, "NOSUCHUSDT"),
        (("swing", "--bars", "3"), 2, "bars"),
    ],
)
def test_what_cannot_be_drawn_is_refused_with_the_way_out(synced, tmp_path, arguments, code, said):
    result = synced("features", "draw", *arguments, "--out", str(tmp_path / "none"))
    assert result.exit_code == code
    assert said in result.stderr
    assert not (tmp_path / "none").exists()


def test_there_is_nothing_to_prune_before_anything_is_stored(trade):
    assert trade.json("features", "prune", "--yes")["data"] == {
        "removed_files": 0,
        "removed_bytes": 0,
        "kept_files": 0,
        "kept_bytes": 0,
    }


def test_the_reference_is_written_where_the_cards_are(trade, cards):
    first = trade("docs", TRADE_CARDS=str(cards))
    assert (first.exit_code, first.stdout.split()[0]) == (0, "Written")
    assert "#### `vwap_swing`" in (cards / "REFERENCE.md").read_text()
    assert trade("docs", TRADE_CARDS=str(cards)).stdout.startswith("In step")
    assert trade("cards", "list", TRADE_CARDS=str(cards)).exit_code == 0
