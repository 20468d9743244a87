"""The strategies in Python that cards can name: ours, and those of packages that are installed.

A package outside `engine` brings its own by an entry point, named as the strategy is, in its pyproject.toml:

    [project.entry-points."trade.strategies"]
    momentum = "my_package.momentum:Momentum"

It is imported when a card names it or somebody asks for the list, and not before.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from inspect import isabstract

from engine.errors import ConfigurationError
from engine.idea_card.findings import did_you_mean
from engine.idea_card.versions import is_version
from engine.strategies.base import BaseStrategy, StrategyParameters
from engine.strategies.examples.channel_breakout import ChannelBreakout
from engine.strategies.examples.trend_pullback import TrendPullback

ENTRY_POINT_GROUP = "trade.strategies"

_NAME = re.compile(r"[a-z][a-z0-9_]*")


class StrategyRegistry:
    """Strategies by name.

    Parameters
    ----------
    strategies : iterable of type of BaseStrategy
    group : str, optional
        Entry point group of the installed packages that bring more; without one, what is given is all.

    Raises
    ------
    ConfigurationError
        If one of `strategies` does not say what it must, or two have one name.
    """

    def __init__(self, strategies: Iterable[type[BaseStrategy]], *, group: str | None = None) -> None:
        self._group = group
        self._strategies: dict[str, type[BaseStrategy]] = {}
        for strategy in strategies:
            _refuse_incomplete(strategy)
            if strategy.name in self._strategies:
                raise ConfigurationError(
                    f"there are two strategies called {strategy.name!r}", way_out="give one another name"
                )
            self._strategies[strategy.name] = strategy

    def __iter__(self) -> Iterator[type[BaseStrategy]]:
        for name in self.names:
            if name not in self.unusable:
                yield self.get(name)

    @property
    def names(self) -> tuple[str, ...]:
        """The names: those given, in their order, then those of installed packages by name."""
        return (*self._strategies, *sorted(set(self._installed) - set(self._strategies)))

    @cached_property
    def unusable(self) -> Mapping[str, ConfigurationError]:
        """Why strategies of installed packages cannot be used, by name."""
        reasons = {}
        for name in sorted(self._installed):
            try:
                self.get(name)
            except ConfigurationError as error:
                reasons[name] = error
        return reasons

    def get(self, name: str) -> type[BaseStrategy]:
        """Return the strategy called `name`; one of an installed package is imported now.

        Raises
        ------
        ConfigurationError
            If there is none (names that look like it are suggested), two packages bring one of that name, or
            the package that brings it cannot be imported or brings something else.
        """
        brought = self._installed.get(name, ())
        if not brought and name in self._strategies:
            return self._strategies[name]
        if not brought:
            raise ConfigurationError(
                f"there is no strategy called {name!r}", way_out=did_you_mean(name, self.names)
            )
        if len(brought) > 1 or name in self._strategies:
            owners = [*(["TRADE"] if name in self._strategies else []), *map(_owner, brought)]
            raise ConfigurationError(
                f"there is more than one strategy called {name!r}: of {' and '.join(owners)}",
                way_out="give one another name, or uninstall the package you do not mean",
            )
        return _loaded(brought[0])

    def with_more(self, *strategies: type[BaseStrategy]) -> StrategyRegistry:
        """Return a registry of these strategies and `strategies`, for a notebook or a test."""
        return StrategyRegistry((*self._strategies.values(), *strategies), group=self._group)

    @cached_property
    def _installed(self) -> Mapping[str, tuple[EntryPoint, ...]]:
        found: dict[str, tuple[EntryPoint, ...]] = {}
        for entry in entry_points(group=self._group) if self._group is not None else ():
            found[entry.name] = (*found.get(entry.name, ()), entry)
        return found


def _loaded(entry: EntryPoint) -> type[BaseStrategy]:
    where = f"the strategy {entry.name!r} of {_owner(entry)} ({entry.value})"
    try:
        strategy = entry.load()
    except (ImportError, AttributeError, SyntaxError) as error:
        raise ConfigurationError(
            f"{where} cannot be loaded: {type(error).__name__}: {error}",
            way_out="mend that package and install it again, or uninstall it",
        ) from error
    if not isinstance(strategy, type) or not issubclass(strategy, BaseStrategy):
        raise ConfigurationError(
            f"{where} is no strategy", way_out="name a class derived from engine.strategies.base.BaseStrategy"
        )
    _refuse_incomplete(strategy)
    if strategy.name != entry.name:
        raise ConfigurationError(
            f"{where} calls itself {strategy.name!r}",
            way_out=f"name the entry point {strategy.name}: cards know a strategy by one name",
        )
    return strategy


def _owner(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist is not None else "an unknown package"


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
    tags = getattr(strategy, "tags", None)
    if not isinstance(tags, tuple) or not all(isinstance(tag, str) and _NAME.fullmatch(tag) for tag in tags):
        refuse(f"has no usable tags: {tags!r}", 'write tags = ("up", "late", …): small letters, digits and _')
    elif len(set(tags)) < len(tags):
        refuse(f"names a tag twice: {tags!r}", "name each once")
    takes = getattr(strategy, "takes", None)
    if not isinstance(takes, type) or not issubclass(takes, StrategyParameters):
        refuse("takes no StrategyParameters", "give takes a subclass of StrategyParameters, or leave it out")
    if isabstract(strategy):
        refuse("has no generate_signals", "write generate_signals(self, snapshot) in it")


def _suggested(class_name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", class_name).lower()


STRATEGIES = StrategyRegistry((ChannelBreakout, TrendPullback), group=ENTRY_POINT_GROUP)
"""The strategies there are: ours, and those of installed packages."""
