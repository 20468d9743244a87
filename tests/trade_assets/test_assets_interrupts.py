"""An interrupt during a run is noted, whoever handles it."""

from __future__ import annotations

import signal
from concurrent.futures import ThreadPoolExecutor

import pytest

from trade_assets.interrupts import noting_interrupts


@pytest.fixture
def swallowed():
    """Whoever runs meanwhile takes the signal and does nothing about it, as Dagster between two steps."""
    before = signal.signal(signal.SIGINT, lambda *_: None)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("swallowed")
def test_an_interrupt_that_somebody_swallowed_is_noted():
    with noting_interrupts() as was_interrupted:
        assert not was_interrupted()
        signal.raise_signal(signal.SIGINT)
        assert was_interrupted()
    with noting_interrupts() as was_interrupted:
        assert not was_interrupted()


@pytest.mark.usefixtures("swallowed")
def test_other_signals_are_none():
    before = signal.signal(signal.SIGUSR1, lambda *_: None)
    with noting_interrupts() as was_interrupted:
        signal.raise_signal(signal.SIGUSR1)
        assert not was_interrupted()
    signal.signal(signal.SIGUSR1, before)


def test_other_threads_are_sent_none():
    def looked() -> bool:
        with noting_interrupts() as was_interrupted:
            return was_interrupted()

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(looked).result() is False
