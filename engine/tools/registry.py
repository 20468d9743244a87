"""The tool registry: every operation of the system behind one door.

A tool is a `ToolSpec`: a name, what it does, what it changes, a pydantic model of its arguments and a
handler. The CLI, the demo and whoever comes later (an agent, a notebook) call `ToolRegistry.execute`, which
checks the arguments, measures the time and always answers with a `ToolResult`: never an exception, never a
value without a JSON form.
"""

from __future__ import annotations

import difflib
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from engine.errors import ConfigurationError, TradeError
from engine.redaction import Redactor
from engine.settings import TradeSettings
from engine.tools.cost import INSTANT, ToolCost
from engine.tools.file_access import FileAccess, refuse_outside
from engine.tools.plain import to_plain
from engine.tools.progress import NullProgress, Progress

log = logging.getLogger(__name__)

BAD_ARGUMENTS = "BadArguments"
UNKNOWN_TOOL = "UnknownTool"
INTERNAL_FAULT = "InternalFault"


class SideEffect(Enum):
    """What a tool changes, from nothing to money."""

    READ = "read"
    """Answers from what is there."""
    COMPUTE = "compute"
    """Works something out, and may keep it under a name of its own below the data folder; what is there stays
    as it is."""
    WRITE = "write"
    """Changes stored data, cards, files or decisions."""
    TRADE = "trade"
    """Sends, changes or cancels orders, or says what may be sent."""


class ToolInput(BaseModel):
    """Base of every tool's arguments: an unknown name is refused, values do not change afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class NoInput(ToolInput):
    """For tools without arguments."""


@dataclass(frozen=True)
class ToolContext:
    """What a handler may use: the settings, the time and somebody to tell how far it is.

    Parameters
    ----------
    settings : TradeSettings
        Where things are.
    now_ms : callable
        The clock, in UTC epoch milliseconds. A tool has no other.
    progress : Progress, optional
        Who watches.
    files : FileAccess, optional
        How far the caller's file arguments reach; inside the project if not said otherwise.
    redactor : Redactor, optional
        Takes secrets out of what is answered; by their looks only, if it was told of none.
    """

    settings: TradeSettings
    now_ms: Callable[[], int]
    progress: Progress = field(default_factory=NullProgress)
    files: FileAccess = FileAccess.INSIDE
    redactor: Redactor = field(default_factory=Redactor)


@dataclass(frozen=True)
class ToolSpec[ModelT: BaseModel]:
    """One tool.

    Parameters
    ----------
    name : str
        Category, a dot and a verb: "cards.list".
    description : str
        One or two sentences, for people and for machines.
    side_effect : SideEffect
        The most it can do.
    input_model : type of BaseModel
        Its arguments.
    handler : callable
        From arguments and context to data that `to_plain` understands; raises `TradeError` to refuse.
    cost : ToolCost, optional
        What a usual call takes.
    is_destructive : bool, optional
        Whether it can remove or replace what cannot be made again by the same call.
    """

    name: str
    description: str
    side_effect: SideEffect
    input_model: type[ModelT]
    handler: Callable[[ModelT, ToolContext], Any]
    cost: ToolCost = INSTANT
    is_destructive: bool = False

    @property
    def category(self) -> str:
        """The part of the name before the dot."""
        return self.name.partition(".")[0]

    @property
    def needs_consent(self) -> bool:
        """Whether a person is asked before it runs."""
        return self.side_effect in (SideEffect.WRITE, SideEffect.TRADE)

    def input_schema(self) -> dict[str, Any]:
        """Return the JSON schema of the arguments."""
        return self.input_model.model_json_schema()

    def summary(self) -> dict[str, Any]:
        """Return what somebody who chooses among tools has to know, as plain data."""
        return {
            "name": self.name,
            "category": self.category,
            "description": self.description,
            "side_effect": self.side_effect.value,
            "is_destructive": self.is_destructive,
            "cost": self.cost.scale.value,
            "grows_with": self.cost.grows_with,
        }


@dataclass(frozen=True)
class ToolFailure:
    """Why a tool did not do it. `kind` is the error's class name, or one of the registry's own words."""

    kind: str
    message: str
    way_out: str = ""

    @classmethod
    def of(cls, error: TradeError) -> Self:
        """Return the failure that `error` stands for."""
        return cls(type(error).__name__, error.problem, error.way_out)


@dataclass(frozen=True)
class ToolResult:
    """What became of a call: data if it went well, an error if not. Always has a JSON form."""

    tool: str
    data: Any = None
    error: ToolFailure | None = None
    elapsed_ms: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether it went well."""
        return self.error is None

    def to_plain(self) -> dict[str, Any]:
        """Return the result as plain data."""
        return {
            "tool": to_plain(self.tool),
            "ok": self.ok,
            "data": self.data,
            "error": to_plain(self.error),
            "elapsed_ms": round(self.elapsed_ms, 1),
        }


class ToolRegistry:
    """The tools by name."""

    def __init__(self) -> None:
        self._tools: dict[str, ToolSpec[Any]] = {}
        self._absent: list[ConfigurationError] = []

    def register(self, spec: ToolSpec[Any]) -> None:
        """Add a tool.

        Raises
        ------
        ConfigurationError
            If its name is not "category.verb" or is taken.
        """
        category, dot, verb = spec.name.partition(".")
        if not (category and dot and verb):
            raise ConfigurationError(
                f"{spec.name!r} is not a tool name", way_out='name it by category and verb, like "cards.list"'
            )
        if spec.name in self._tools:
            raise ConfigurationError(
                f"there are two tools called {spec.name!r}", way_out="rename one of them, or register it once"
            )
        self._tools[spec.name] = spec

    def report_absent(self, reason: ConfigurationError) -> None:
        """Note why some tools could not be registered; whoever asks for a tool that is not there is told."""
        self._absent.append(reason)

    def get(self, name: str) -> ToolSpec[Any]:
        """Return the tool called `name`.

        Raises
        ------
        ConfigurationError
            If there is none: with the reason if tools are absent, or with names that look like it.
        """
        try:
            return self._tools[name]
        except KeyError:
            for reason in self._absent:
                raise ConfigurationError(
                    f"there is no tool called {name!r}, and {reason.problem}", way_out=reason.way_out
                ) from reason
            alike = difflib.get_close_matches(name, self._tools, n=3)
            known = alike or sorted(self._tools)
            raise ConfigurationError(
                f"there is no tool called {name!r}", way_out=f"use one of {', '.join(known)}"
            ) from None

    def categories(self) -> tuple[str, ...]:
        """Return the categories there are, by name."""
        return tuple(sorted({spec.category for spec in self._tools.values()}))

    def list(self, category: str | None = None) -> tuple[ToolSpec[Any], ...]:
        """Return the tools of a category, or all, by name."""
        return tuple(
            spec for _, spec in sorted(self._tools.items()) if category is None or spec.category == category
        )

    def search(self, text: str) -> tuple[ToolSpec[Any], ...]:
        """Return the tools whose name or description has every word of `text`, in whatever case."""
        words = text.lower().split()
        return tuple(
            spec
            for spec in self.list()
            if all(word in f"{spec.name} {spec.description}".lower() for word in words)
        )

    def execute(self, name: str, arguments: Mapping[str, Any], context: ToolContext) -> ToolResult:
        """Run a tool and say what became of it.

        Parameters
        ----------
        name : str
            The tool.
        arguments : mapping
            By the names of its input model; text is converted where the model allows.
        context : ToolContext
            Settings, clock and watcher.

        Returns
        -------
        ToolResult
            With an error of kind "UnknownTool", "BadArguments", the name of the `TradeError` raised, or
            "InternalFault" for everything nobody foresaw. Only an interruption (Ctrl-C) passes through.
        """
        started = time.perf_counter()
        data, error = self._attempt(name, arguments, context)
        if error is not None:
            hide = context.redactor.text
            error = ToolFailure(error.kind, hide(error.message), hide(error.way_out))
        elapsed_ms = (time.perf_counter() - started) * 1000
        return ToolResult(name, context.redactor.plain(data), error, elapsed_ms)

    def _attempt(
        self, name: str, arguments: Mapping[str, Any], context: ToolContext
    ) -> tuple[Any, ToolFailure | None]:
        try:
            try:
                spec = self.get(name)
            except ConfigurationError as error:
                return None, ToolFailure(UNKNOWN_TOOL, error.problem, error.way_out)
            try:
                checked = spec.input_model.model_validate(dict(arguments))
            except ValidationError as error:
                return None, _argument_failure(spec, error)
            refuse_outside(checked, context.files, context.settings)
            return to_plain(spec.handler(checked, context)), None
        except TradeError as error:
            log.debug("%s refused", name, exc_info=True)
            return None, ToolFailure.of(error)
        except Exception as error:  # the promise is a result, whatever a tool does
            log.exception("%s failed in a way nobody foresaw", name)
            return None, internal_fault(error)


def internal_fault(error: Exception) -> ToolFailure:
    """Return the failure that an exception stands for which nobody foresaw."""
    return ToolFailure(
        INTERNAL_FAULT,
        f"{type(error).__name__}: {error}",
        "this is a fault of the program: TRADE_DEBUG=1 shows where it is",
    )


def _argument_failure(spec: ToolSpec[Any], error: ValidationError) -> ToolFailure:
    def line(problem: Mapping[str, Any]) -> str:
        where = ".".join(map(str, problem["loc"])) or "arguments"
        return f"{where}: {problem['msg']}"

    takes = ", ".join(
        f"{key}{'' if info.is_required() else ' (optional)'}"
        for key, info in spec.input_model.model_fields.items()
    )
    return ToolFailure(
        BAD_ARGUMENTS,
        f"{spec.name}: " + "; ".join(line(problem) for problem in error.errors()),
        f"it takes {takes}" if takes else "it takes no arguments",
    )
