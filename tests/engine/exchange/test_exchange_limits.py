"""The request limit: never more than so many in any period, whoever asks, whoever is killed."""

import multiprocessing
import os
import signal
import struct
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from exchange_answers import Waits

from engine.errors import ExchangeUnavailable
from engine.exchange import limits
from engine.exchange.client import BybitMarketClient
from engine.exchange.limits import MARKET_LIMIT, RequestLimit, SharedRequestLimiter
from engine.sandbox.market import GeneratedMarket
from engine.sandbox.rate_limit import RateLimit
from engine.sandbox.running import FrozenClock, SandboxServer
from engine.timeframes import parse_utc

NOW = parse_utc("2025-03-01")
TEN_IN_FIVE = RequestLimit(requests=10, period_s=5.0)


def most_in_any(times, period_s):
    """The largest number of `times` in a half-open period of that length."""
    times = np.sort(times)
    return max(int(np.searchsorted(times, at + period_s) - n) for n, at in enumerate(times))


def test_the_limit_stays_below_bybits_own():
    # 600 requests in 5 s for an IP address (Bybit's documentation, rate limit rules)
    assert MARKET_LIMIT.period_s == 5.0
    assert 0.95 * 600 <= MARKET_LIMIT.requests < 600


def test_places_are_free_until_the_limit_and_then_come_free_one_by_one(tmp_path):
    waits = Waits()
    limiter = SharedRequestLimiter(tmp_path / "limit", TEN_IN_FIVE, waits.timing)
    sent = []
    for _ in range(35):
        limiter.acquire()
        sent.append(waits.now_s)
        waits.now_s += 0.1
    assert sent[9] == pytest.approx(1000.9)
    # the 11th waits until the first is five seconds old, then it goes as fast as places come free
    assert sent[10] == pytest.approx(1005.0)
    assert sent[19] == pytest.approx(1005.9)
    assert sent[20] == pytest.approx(1010.0)
    assert most_in_any(sent, 4.999) == 10


def test_limiters_of_one_file_count_together(tmp_path):
    waits = Waits()
    first, second = (SharedRequestLimiter(tmp_path / "limit", TEN_IN_FIVE, waits.timing) for _ in range(2))
    for _ in range(5):
        first.acquire()
        second.acquire()
    assert waits.slept_s == []
    first.acquire()
    assert waits.slept_s == [5.0]


def test_a_pause_holds_for_everybody_and_is_not_shortened(tmp_path):
    waits = Waits()
    limiter = SharedRequestLimiter(tmp_path / "limit", TEN_IN_FIVE, waits.timing)
    limiter.pause(3.0)
    limiter.pause(1.0)
    SharedRequestLimiter(tmp_path / "limit", TEN_IN_FIVE, waits.timing).acquire()
    assert waits.slept_s == [3.0]


def test_a_clock_that_began_anew_does_not_stop_anybody(tmp_path):
    waits = Waits(now_s=9e6)
    for _ in range(10):
        SharedRequestLimiter(tmp_path / "limit", TEN_IN_FIVE, waits.timing).acquire()
    waits.now_s = 20.0  # the machine was started again
    SharedRequestLimiter(tmp_path / "limit", TEN_IN_FIVE, waits.timing).acquire()
    assert waits.slept_s == []


@pytest.mark.parametrize(
    "content",
    [b"", b"short", bytes(range(64)), bytes(4096), struct.pack("<8sqqd80x", b"ratelim1", 10, 99, 0.0)],
    ids=["empty", "short", "another", "zeros", "out of range"],
)
def test_a_state_file_that_cannot_be_read_is_begun_anew(tmp_path, content):
    (tmp_path / "limit").write_bytes(content)
    waits = Waits()
    limiter = SharedRequestLimiter(tmp_path / "limit", TEN_IN_FIVE, waits.timing)
    for _ in range(11):
        limiter.acquire()
    assert waits.slept_s == [5.0]


def test_a_holder_that_does_not_let_go_is_reported(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "_LOCK_TIMEOUT_S", 0.05)
    path = tmp_path / "limit"
    limiter = SharedRequestLimiter(path, TEN_IN_FIVE)
    with limits.FileLock(f"{path}.lock"), pytest.raises(ExchangeUnavailable, match="has held"):
        limiter.acquire()
    limiter.acquire()


def test_threads_share_it(tmp_path):
    limit = RequestLimit(requests=20, period_s=0.3)
    limiter = SharedRequestLimiter(tmp_path / "limit", limit)
    sent = []

    def work():
        for _ in range(10):
            limiter.acquire()
            sent.append(time.monotonic())

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(sent) == 80
    # what wakes up a little late must not lie in the next period: allow the machine 50 ms
    assert most_in_any(sent, limit.period_s - 0.05) <= 20 + 8
    assert max(sent) - min(sent) >= 0.9 - 0.05


def _send(state, times):
    limiter = SharedRequestLimiter(state, RequestLimit(requests=20, period_s=0.5))
    file = os.open(times, os.O_WRONLY | os.O_CREAT)
    while True:
        limiter.acquire()
        os.write(file, struct.pack("<d", time.monotonic()))


def test_processes_share_it_and_one_that_is_killed_blocks_nobody(tmp_path):
    context = multiprocessing.get_context("spawn")
    files = [tmp_path / f"times{n}" for n in range(3)]
    workers = [context.Process(target=_send, args=(tmp_path / "limit", file), daemon=True) for file in files]
    for worker in workers:
        worker.start()

    def sent():
        return np.concatenate([np.fromfile(file) for file in files if file.exists()] or [np.zeros(0)])

    def wait_for(count):
        deadline = time.monotonic() + 30
        while len(sent()) < count and time.monotonic() < deadline:
            time.sleep(0.01)

    wait_for(30)
    os.kill(workers[0].pid, signal.SIGKILL)  # somewhere in the middle
    wait_for(len(sent()) + 30)
    for worker in workers:
        worker.kill()
        worker.join()
    seen = sent()
    assert len(seen) >= 60
    # what wakes up late lies in the next period: one for each worker
    assert most_in_any(seen, 0.45) <= 20 + 3
    assert seen.max() - seen.min() >= 0.9


def test_an_exchange_that_bans_for_one_request_too_many_never_has_to(tmp_path):
    # six times as many requests as the limit lets through in one period, from four threads
    enforced = RateLimit(requests=40, window_s=0.4, ban_s=600.0)
    with SandboxServer(GeneratedMarket(seed=7), now_ms=FrozenClock(NOW), limit=enforced) as server:
        limiter = SharedRequestLimiter(tmp_path / "limit", RequestLimit(requests=34, period_s=0.5))
        client = BybitMarketClient(server.url, limiter=limiter)
        with ThreadPoolExecutor(4) as threads:
            answers = [threads.submit(client.server_time_ms) for _ in range(240)]
        assert {answer.result() for answer in answers} == {NOW}
