"""The strategies in Python that cards can name. A new one is one more line below."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from inspect import isabstract

from engine.errors import ConfigurationError
from engine.idea_card.findings import did_you_mean
from engine.idea_card.versions import is_version
from engine.strategies.base import BaseStrategy, StrategyParameters
from engine.strategies.examples.channel_breakout import ChannelBreakout
from engine.strategies.examples.trend_pullback import TrendPullback

_NAME = re.compile(r"[a-z][a-z0-9_]*")


class StrategyRegistry:
    """Strategies by name. Nothing is found by itself: what is to be there is given.

    Parameters
    ----------
    strategies : iterable of type of BaseStrategy

    Raises
    ------
    ConfigurationError
        If one does not say what it must, or two have one name.
    """

    def __init__(self, strategies: Iterable[type[BaseStrategy]]) -> None:
        self._strategies: dict[str, type[BaseStrategy]] = {}
        for strategy in strategies:
            _refuse_incomplete(strategy)
            if strategy.name in self._strategies:
                raise ConfigurationError(
                    f"there are two strategies called {strategy.name!r}", way_out="give one another name"
                )
            self._strategies[strategy.name] = strategy

    def __iter__(self) -> Iterator[type[BaseStrategy]]:
        return iter(self._strategies.values())

    @property
    def names(self) -> tuple[str, ...]:
        """The names, in the order given."""
        return tuple(self._strategies)

    def get(self, name: str) -> type[BaseStrategy]:
        """Return the strategy called `name`.

        Raises
        ------
        ConfigurationError
            If there is none; names that look like it are suggested.
        """
        try:
            return self._strategies[name]
        except KeyError:
            raise ConfigurationError(
                f"there is no strategy called {name!r}", way_out=did_you_mean(name, self._strategies)
            ) from None

    def with_more(self, *strategies: type[BaseStrategy]) -> StrategyRegistry:
        """Return a registry of these strategies and `strategies`, for a notebook or a test."""
        return StrategyRegistry((*self, *strategies))


def _refuse_incomplete(strategy: type[BaseStrategy]) -> None:
    def refuse(problem: str, way_out: str) -> None:
        raise ConfigurationError(f"the strategy {strategy.__name__} {problem}", way_out=way_out)

    name, inputs = getattr(strategy, "name", None), getattr(strategy, "inputs", None)
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        refuse(f"has no usable name: {name!r}", f'write name = "{_suggested(strategy.__name__)}" in it')
    if not is_version(getattr(strategy, "version", None)):
        refuse("has no version", 'write version = "1.0.0" in it, and raise it when its code changes')
    if not isinstance(inputs, tuple) or not all(isinstance(text, str) for text in inputs):
        refuse("does not say what it looks at", 'write inputs = ("close", "ema_fast[1]", …) in it')
    takes = getattr(strategy, "takes", None)
    if not isinstance(takes, type) or not issubclass(takes, StrategyParameters):
        refuse("takes no StrategyParameters", "give takes a subclass of StrategyParameters, or leave it out")
    if isabstract(strategy):
        refuse("has no generate_signals", "write generate_signals(self, snapshot) in it")


def _suggested(class_name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", class_name).lower()


STRATEGIES = StrategyRegistry((ChannelBreakout, TrendPullback))
"""The strategies there are."""
