"""Paging against an exchange that leaves rows out, now and then or for ever: what is kept is what it has."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import ExchangeUnavailable
from engine.exchange.event_paging import fetch_events
from engine.exchange.paging import GridSource, fetch_grid

STEP = 10


class Exchange:
    """Rows at `times`; the n-th answer lacks the rows at `lost[n]` (True: all)."""

    def __init__(self, times, lost=()):
        self.times = np.array(sorted(times), dtype=np.float64)
        self.lost = dict(lost)
        self.asked = []

    def grid(self, first_ts, last_ts, limit):
        missing = self.lost.get(len(self.asked), ())
        self.asked.append((first_ts, last_ts, limit))
        rows = self.times[(self.times >= first_ts) & (self.times <= last_ts)]
        rows = rows[~np.isin(rows, list(missing))] if missing is not True else rows[:0]
        return np.column_stack([rows, rows * 2])[max(0, len(rows) - limit) :]

    def events(self, first_ts, last_ts):
        return self.grid(first_ts, last_ts, 5)


@pytest.fixture(scope="module")
def executor():
    with ThreadPoolExecutor(1) as threads:  # one, so that the n-th answer is always the same one
        yield threads


def fetched(exchange, first, last, executor, rows_per_page=5):
    source = GridSource("rows", exchange.grid, STEP, rows_per_page, lambda page: True)
    pages = fetch_grid(source, first, last, executor)
    return [int(time) for page in pages for time in page[:, 0]]


def fetched_events(exchange, first, last):
    return [int(time) for page in fetch_events("events", exchange.events, first, last) for time in page[:, 0]]


def test_a_range_without_holes_takes_one_request_a_page(executor):
    exchange = Exchange(range(0, 1000, STEP))
    assert fetched(exchange, 0, 990, executor) == list(range(0, 1000, STEP))
    assert len(exchange.asked) == 20


def test_what_is_before_a_listing_or_after_a_delisting_costs_a_few_requests(executor):
    exchange = Exchange(range(5000, 5500, STEP))
    assert fetched(exchange, 0, 100_000, executor) == list(range(5000, 5500, STEP))
    # an empty page, what leads to the last row, ten pages, one that is empty twice, and what says it is all
    assert len(exchange.asked) <= 2 + 10 + 13 + 3


def test_a_long_halt_is_jumped_over(executor):
    times = [*range(0, 100, STEP), *range(90_000, 90_100, STEP)]
    exchange = Exchange(times)
    assert fetched(exchange, 0, 90_090, executor) == times
    assert len(exchange.asked) < 30


@pytest.mark.parametrize(
    "lost", [{0: [950]}, {0: [990]}, {0: True}, {1: True}, {3: [30], 4: [40]}, {0: True, 2: True}]
)
def test_rows_that_are_left_out_once_are_there_in_the_end(executor, lost):
    assert fetched(Exchange(range(0, 1000, STEP), lost), 0, 990, executor) == list(range(0, 1000, STEP))


def test_a_hole_that_stays_is_the_exchange_s_own(executor):
    times = [time for time in range(0, 1000, STEP) if time not in (500, 510)]
    assert fetched(Exchange(times), 0, 990, executor) == times


def test_answers_that_never_agree_are_refused(executor):
    lost = {n: [10 * n] for n in range(100)}
    with pytest.raises(ExchangeUnavailable, match="4 answers to the same question"):
        fetched(Exchange(range(0, 50, STEP), lost), 0, 40, executor)
    with pytest.raises(ExchangeUnavailable, match="do not fit together"):
        fetched_events(Exchange([10, 20, 40, 50], lost), 0, 60)


def test_an_empty_answer_that_stays_is_belied_by_the_other_question(executor):
    class Liar(Exchange):
        def grid(self, first_ts, last_ts, limit):
            return super().grid(first_ts, last_ts, limit)[: 0 if limit > 1 else None]

    exchange = Liar(range(0, 50, STEP))
    source = GridSource("rows", exchange.grid, STEP, 5, lambda page: True)
    exchange.grid(0, 0, 1)
    with pytest.raises(ExchangeUnavailable, match="do not fit together"):
        fetch_grid(source, 0, 40, executor)


@given(
    times=st.sets(st.integers(0, 60), max_size=40),
    lost=st.dictionaries(
        st.integers(0, 60), st.one_of(st.just(True), st.lists(st.integers(0, 60), max_size=3)), max_size=8
    ),
)
def test_what_is_fetched_of_a_grid_is_there_and_once(times, lost):
    """Losses at random: never a row twice or out of order, never one the exchange does not have."""
    exchange = Exchange(
        [time * STEP for time in times], {n: v if v is True else [10 * t for t in v] for n, v in lost.items()}
    )
    with ThreadPoolExecutor(1) as threads:
        try:
            got = fetched(exchange, 0, 600, threads)
        except ExchangeUnavailable:
            return
    assert got == sorted(set(got))
    assert set(got) <= {time * STEP for time in times}


def test_events_of_many_pages_overlap_by_one_and_end_with_a_second_answer():
    times = [*range(0, 400, 80), *range(400, 500, 10)]
    exchange = Exchange(times)
    assert fetched_events(exchange, 0, 495) == times
    newest = [end for _, end, _ in exchange.asked]
    assert newest[0] == 495
    assert all(end in times for end in newest[1:])


@pytest.mark.parametrize("times", [[], [7], [7, 19], [3, 4, 5, 60, 61, 62, 63, 64, 65, 66]])
def test_few_events_are_all_fetched(times):
    assert fetched_events(Exchange(times), 0, 100) == times


@pytest.mark.parametrize("nth", range(6))
@pytest.mark.parametrize("lost", [[480], [400, 410], [80], [0], [490], True])
def test_an_event_that_is_left_out_of_one_answer_is_there_in_the_end(nth, lost):
    """Pitfall 24 and its kin: a page without a row left a silent hole."""
    times = [*range(0, 400, 80), *range(400, 500, 10)]
    assert fetched_events(Exchange(times, {nth: lost}), 0, 495) == times
