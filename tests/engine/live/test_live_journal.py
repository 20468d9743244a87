from decimal import Decimal
from enum import Enum

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import ConfigurationError, DataError
from engine.exchange.trading.orders import OrderKind, OrderRequest, OrderSide
from engine.live.journal import Journal, JournalEntry, JournalKind, read_journal, tail_journal
from engine.redaction import Redactor


class Colour(Enum):
    RED = "red"


def entry(ts_ms, kind=JournalKind.DECISION, card_id="card", **data):
    return JournalEntry(ts_ms, kind, card_id, "BTCUSDT", data)


def write(path, *entries):
    with Journal(path) as journal:
        for each in entries:
            journal.append(each)


def test_what_is_written_is_read_in_its_order(tmp_path):
    path = tmp_path / "new" / "journal.jsonl"
    request = OrderRequest("BTCUSDT", OrderSide.BUY, OrderKind.MARKET, Decimal("0.010"), "link")
    write(
        path, entry(1, size=Decimal("0.10"), colour=Colour.RED), entry(2, JournalKind.ORDER, request=request)
    )
    first, second = read_journal(path).entries
    assert first == entry(1, size="0.10", colour="red")
    assert second.data["request"]["size"] == "0.010"
    assert second.data["request"]["side"] == "Buy"
    assert path.stat().st_mode & 0o077 == 0


def test_no_file_is_an_empty_journal(tmp_path):
    assert read_journal(tmp_path / "none.jsonl").entries == ()
    assert tail_journal(tmp_path / "none.jsonl", 3).entries == ()


def test_a_later_reading_goes_on_where_the_first_ended(tmp_path):
    path = tmp_path / "journal.jsonl"
    write(path, entry(1))
    first = read_journal(path)
    write(path, entry(2))
    second = read_journal(path, first.next_offset)
    assert [each.ts_ms for each in second.entries] == [2]
    assert read_journal(path, second.next_offset).entries == ()
    assert [each.ts_ms for each in read_journal(path, 10_000_000).entries] == [1, 2]


def test_a_torn_line_is_left_alone_then_ended_and_counted(tmp_path):
    path = tmp_path / "journal.jsonl"
    write(path, entry(1))
    whole = path.stat().st_size
    with path.open("ab") as file:
        file.write(b'{"ts_ms":2,"kind":"fi')
    torn = read_journal(path)
    assert (len(torn.entries), torn.next_offset, torn.unreadable_lines) == (1, whole, 0)
    assert tail_journal(path, 5).next_offset == whole
    write(path, entry(3))
    mended = read_journal(path)
    assert [each.ts_ms for each in mended.entries] == [1, 3]
    assert mended.unreadable_lines == 1
    assert [each.ts_ms for each in tail_journal(path, 2).entries] == [1, 3]


def test_two_writers_share_a_file(tmp_path):
    path = tmp_path / "journal.jsonl"
    with Journal(path) as one, Journal(path) as other:
        for ts_ms in range(20):
            (one, other)[ts_ms % 2].append(entry(ts_ms))
    assert [each.ts_ms for each in read_journal(path).entries] == list(range(20))


def test_the_tail_can_be_of_one_kind_or_card(tmp_path):
    path = tmp_path / "journal.jsonl"
    write(
        path,
        entry(1, JournalKind.FILL),
        entry(2, card_id="other"),
        entry(3, JournalKind.FILL, card_id="other"),
        entry(4),
    )
    assert [e.ts_ms for e in tail_journal(path, 9, kinds={JournalKind.FILL}).entries] == [1, 3]
    assert [e.ts_ms for e in tail_journal(path, 9, card_id="other").entries] == [2, 3]
    assert [e.ts_ms for e in tail_journal(path, 1, card_id="other").entries] == [3]


@settings(max_examples=25, deadline=None)
@given(lengths=st.lists(st.integers(0, 90_000), min_size=1, max_size=6), count=st.integers(1, 7))
def test_the_tail_is_the_end_of_the_whole(tmp_path_factory, lengths, count):
    path = tmp_path_factory.mktemp("journal") / "journal.jsonl"
    write(path, *(entry(number, note="x" * length) for number, length in enumerate(lengths)))
    whole = read_journal(path)
    tail = tail_journal(path, count)
    assert tail.entries == whole.entries[-count:]
    assert tail.next_offset == whole.next_offset


def test_no_secret_and_no_impossible_number_is_written(tmp_path):
    path = tmp_path / "journal.jsonl"
    with Journal(path, Redactor(["planted-secret"])) as journal:
        journal.append(entry(1, answer="refused planted-secret", api_key="0123456789", ratio=float("nan")))
    assert "planted-secret" not in path.read_text()
    assert read_journal(path).entries[0].data == {"answer": "refused ***", "api_key": "***", "ratio": "nan"}


def test_a_journal_that_cannot_be_written_says_so(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="cannot be written"):
        Journal(tmp_path / "file" / "journal.jsonl")
    journal = Journal(tmp_path / "journal.jsonl")
    journal.close()
    journal.close()
    with pytest.raises(DataError, match="closed"):
        journal.append(entry(1))
