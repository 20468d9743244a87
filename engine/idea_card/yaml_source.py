"""A card's YAML file: plain data, and the line each key stands on.

Stricter than `yaml.safe_load`, which takes the last of two equal keys without a word. Anchors and aliases
are refused: a card says every value where it counts, and no file can expand without bound.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, override

import yaml

from engine.errors import CardError, CardProblem
from engine.idea_card.frozen import to_plain
from engine.idea_card.placeholders import PARAMETERS, placeholders

_DEEPEST = 40
_MOST_LETTERS = 500_000


@dataclass(frozen=True)
class LocatedProblem(CardProblem):
    """A problem with the line of the file it is on, where there is one."""

    line: int | None = None

    @override
    def __str__(self) -> str:
        place = "" if self.line is None else f"line {self.line}, "
        return place + super().__str__()


@dataclass(frozen=True)
class YamlSource:
    """What a file says. `lines` gives the line (from 1) of each key path, as in `risk_model.stop_loss`."""

    name: str
    data: Any
    lines: dict[str, int]

    def line_of(self, key_path: str) -> int | None:
        """Return the line of a key, or of the nearest block around it that is in the file."""
        while key_path and key_path not in self.lines:
            key_path = key_path[: max(key_path.rfind("."), key_path.rfind("["), 0)]
        return self.lines.get(key_path)

    def error(self, problems: Sequence[CardProblem]) -> CardError:
        """Return the error that tells all `problems` of this file, with their lines, in their order.

        A problem of a value that a parameter stands for names the parameter, and where it is declared.
        """
        bound = {key_path(p.where): str(p.named) for p in placeholders(self.data)}
        located = []
        for p in problems:
            problem, way_out = p.problem, p.way_out
            for path, name in bound.items():
                declared = f"{PARAMETERS}.{name}"
                if within(p.key_path, path) and declared in self.lines:
                    problem = f"{problem}, with parameter {name}"
                    way_out = f"{way_out}; {name} is declared on line {self.lines[declared]}"
            line, value = self.line_of(p.key_path), to_plain(p.value)
            located.append(LocatedProblem(p.key_path, problem, way_out, value, line))
        return CardError(self.name, sorted(located, key=line_of))


def line_of(problem: CardProblem) -> int:
    """Return the line a problem is on; 0 where it is on none."""
    return (problem.line if isinstance(problem, LocatedProblem) else None) or 0


def key_path(where: Sequence[str | int]) -> str:
    """Return a place as text: ("symbols", 1) is `symbols[1]`, ("account", "leverage") `account.leverage`."""
    path = ""
    for step in where:
        path += f"[{step}]" if isinstance(step, int) else f".{step}" if path else step
    return path


def within(inner: str, outer: str) -> bool:
    """Whether a key path is another one or leads inside it: `a.b[1]` is within `a.b`."""
    return inner == outer or inner.startswith((f"{outer}.", f"{outer}["))


def read_yaml(path: Path) -> YamlSource:
    """Read the file at `path`.

    Raises
    ------
    CardError
        If there is no such file, it is not text, not YAML, empty, or has a key twice.
    """
    return parse_yaml(read_text(path), str(path))


def read_text(path: Path) -> str:
    """Return the text of the file at `path`, line endings as they are.

    Raises
    ------
    CardError
        If there is no such file, it is not text, or it is far too large to be a card.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            text = file.read(_MOST_LETTERS + 1)
    except OSError as error:
        problem = CardProblem("", f"cannot be read: {error.strerror}", "check the path and its permissions")
        raise CardError(str(path), [problem]) from None
    except UnicodeDecodeError:
        problem = CardProblem("", "is not text in UTF-8", "a card is a YAML text file: save it as UTF-8")
        raise CardError(str(path), [problem]) from None
    if len(text) > _MOST_LETTERS:
        way_out = "a card is a few thousand letters: check that this file is one"
        raise CardError(str(path), [CardProblem("", f"has more than {_MOST_LETTERS:,} letters", way_out)])
    return text


def parse_yaml(text: str, name: str) -> YamlSource:
    """Read a card's text; `name` stands for the file in messages. Raises as `read_yaml` does."""
    try:
        loader = _CardLoader(text)
        root = loader.get_single_node()
        data = None if root is None else loader.construct_document(root)
    except _Refused as refused:
        raise CardError(name, [refused.problem]) from None
    except yaml.YAMLError as error:
        raise CardError(name, [_not_yaml(error)]) from None
    if root is None or data is None:
        problem = LocatedProblem("", "is empty", "copy one of the cards in idea_cards/ and change it")
        raise CardError(name, [problem])
    lines: dict[str, int] = {}
    repeated: list[CardProblem] = []
    for where, line in _places(root, ()):
        path = key_path(where)
        if path in lines:
            way_out = f"keep one; the first is on line {lines[path]}"
            repeated.append(LocatedProblem(path, "is there twice", way_out, line=line))
        lines.setdefault(path, line)
    if repeated:
        raise CardError(name, repeated)
    return YamlSource(name, data, lines)


@dataclass(frozen=True)
class Scalar:
    """One word of a file: a key, or a value that is no block. `text[start:end]` is how it is written."""

    where: tuple[str | int, ...]
    is_key: bool
    start: int
    end: int


def scalars_of(text: str, name: str) -> list[Scalar]:
    """Return every scalar of a card's text, in the order they are written. Raises as `parse_yaml` does."""
    parse_yaml(text, name)
    return list(_scalars(_CardLoader(text).get_single_node(), ()))


def spans_of(text: str, name: str) -> dict[tuple[str | int, ...], tuple[int, int]]:
    """Return where the value of every key path stands: `text[start:end]`. Raises as `parse_yaml` does."""
    parse_yaml(text, name)
    return dict(_spans(_CardLoader(text).get_single_node(), ()))


def _spans(
    node: yaml.Node | None, where: tuple[str | int, ...]
) -> Iterator[tuple[tuple[str | int, ...], tuple[int, int]]]:
    if node is None:
        return
    yield where, (node.start_mark.index, node.end_mark.index)
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield from _spans(value, (*where, str(key.value)))
    elif isinstance(node, yaml.SequenceNode):
        for position, item in enumerate(node.value):
            yield from _spans(item, (*where, position))


def _scalars(node: yaml.Node | None, where: tuple[str | int, ...]) -> Iterator[Scalar]:
    if isinstance(node, yaml.ScalarNode):
        yield Scalar(where, False, node.start_mark.index, node.end_mark.index)
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            inner = (*where, str(key.value))
            yield Scalar(inner, True, key.start_mark.index, key.end_mark.index)
            yield from _scalars(value, inner)
    elif isinstance(node, yaml.SequenceNode):
        for position, item in enumerate(node.value):
            yield from _scalars(item, (*where, position))


def _places(node: yaml.Node, where: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], int]]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            inner = (*where, str(key.value))
            yield inner, key.start_mark.line + 1
            yield from _places(value, inner)
    elif isinstance(node, yaml.SequenceNode):
        for position, item in enumerate(node.value):
            inner = (*where, position)
            yield inner, item.start_mark.line + 1
            yield from _places(item, inner)


def _not_yaml(error: yaml.YAMLError) -> LocatedProblem:
    mark = getattr(error, "problem_mark", None)
    reason = getattr(error, "problem", None) or getattr(error, "reason", None) or "it cannot be read"
    if reason == "could not find expected ':'":
        # found out where the key ends; what lacks the colon is where it began
        mark = getattr(error, "context_mark", None) or mark
    way_out = next((advice for words, advice in _ADVICE if words in reason), _ANY_ADVICE)
    if reason == "but found another document":
        reason = "a card is one document, and here a second begins"
    column = "" if mark is None else f" (column {mark.column + 1})"
    return LocatedProblem(
        "", f"is not YAML: {reason}{column}", way_out, line=None if mark is None else mark.line + 1
    )


_ANY_ADVICE = (
    "look for a missing colon, bracket or quote, and for tabs; indent with spaces, and put names with "
    "brackets in quotes: 'close[1]'"
)
_OPEN_QUOTE = "where it is in quotes, look further up for a quote that is never closed"
_ADVICE = (
    ("'\\t'", "indent with spaces: YAML takes no tabs there"),
    ("character '>'", f'put operators in quotes: ">"; {_OPEN_QUOTE}'),
    ("indentation indicators", f'put operators in quotes: ">"; {_OPEN_QUOTE}'),
    ("but got '['", "put names with brackets in quotes: 'close[1]'; else look for a comma that is missing"),
    (
        "mapping values are not allowed",
        "look at how far this line is indented; put text with a colon in quotes",
    ),
    ("expected ':'", "a key needs a colon and a space after it: leverage: 3"),
    ("cannot start any token", f"put the text in quotes; {_OPEN_QUOTE}"),
    ("another document", "keep each card in a file of its own"),
    ("unhashable key", "a key is one word: look for brackets or braces around it"),
    ("special characters", "remove the character: a card is text, saved as UTF-8"),
)


class _Refused(Exception):
    """Carries a problem out of PyYAML's call stack."""

    def __init__(self, mark: Any, problem: str, way_out: str) -> None:
        self.problem = LocatedProblem("", problem, way_out, line=mark.line + 1)
        super().__init__(problem)


def _short_tag(tag: str) -> str:
    standard = "tag:yaml.org,2002:"
    return f"!!{tag.removeprefix(standard)}" if tag.startswith(standard) else tag


class _CardLoader(yaml.SafeLoader):
    """`yaml.SafeLoader` without aliases, merge keys, tags and bottomless nesting.

    Words mean what editors take them for, which is YAML 1.2: yes, no, on and off are text, 1e5 is a number.
    What YAML 1.1 would count in eights or sixties (010, 1:30), and what it would take for a date, is
    text as well: nothing is a number in disguise.
    """

    yaml_implicit_resolvers: Any = {}  # noqa: RUF012  a name of PyYAML's, which fills it below
    _depth = 0

    @override
    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise _Refused(self._mark(), "uses a YAML alias (*name)", "write the value out where it is used")
        if (tag := getattr(self.peek_event(), "tag", None)) is not None:  # type: ignore[no-untyped-call]
            raise _Refused(
                self._mark(), f"uses a YAML tag ({_short_tag(tag)})", "write the value without it; quote text"
            )
        self._depth += 1
        if self._depth > _DEEPEST:
            raise _Refused(self._mark(), f"nests more than {_DEEPEST} levels deep", "flatten the condition")
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def _mark(self) -> Any:
        return self.peek_event().start_mark  # type: ignore[no-untyped-call]

    @override
    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        for key, _ in node.value:
            if key.tag == "tag:yaml.org,2002:merge":
                raise _Refused(key.start_mark, "uses a YAML merge key (<<)", "write the keys out")


def _resolve(word: str, pattern: str, first_letters: str) -> None:
    tag = f"tag:yaml.org,2002:{word}"
    # an empty value is null, and has no first letter
    firsts = [*first_letters, *([""] if word == "null" else [])]
    _CardLoader.add_implicit_resolver(tag, re.compile(f"^(?:{pattern})$"), firsts)


_resolve("null", r"~|null|Null|NULL|", "~nN")
_resolve("bool", r"true|True|TRUE|false|False|FALSE", "tTfF")
_resolve("int", r"[-+]?(?:0|[1-9][0-9_]*)", "-+0123456789")
_resolve(
    "float",
    r"[-+]?(?:[0-9][0-9_]*\.[0-9_]*|\.[0-9][0-9_]*)(?:[eE][-+]?[0-9]+)?|[-+]?[0-9][0-9_]*[eE][-+]?[0-9]+"
    r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
    "-+.0123456789",
)
_resolve("merge", "<<", "<")
