"""Configurations of MONAI bundles, read as data: references and simple sums, never a program.

In a bundle a text that begins with ``$`` is a Python expression, which MONAI evaluates. Here only
numbers, texts, lists, references (``@name``) and ``+ - * / // %`` between them are understood.
"""

from __future__ import annotations

import ast
import json
import operator
import re
from typing import TYPE_CHECKING, Any

from annotator.domain.errors import AnnotatorError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_REFERENCE = re.compile(r"@([A-Za-z_][\w#:]*)")
_HELD = "_reference_"
_MOST_BYTES = 1 << 20
_LONGEST = 64
_LARGEST = 1e9
_MOST_FOLLOWED = 10_000
"""References to lists of references would fill the memory."""
_OPERATORS: dict[type[ast.AST], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}


class NotPlainError(AnnotatorError):
    """A part of a configuration that would have to be run to be known."""


def read_config(path: Path) -> dict[str, Any]:
    """Return the object in a JSON or YAML file; raises AnnotatorError in words."""
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise AnnotatorError(f"{path.name} is refused: such a file is never larger than 1 MB")
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise AnnotatorError(f"{path} cannot be read: {error}") from error
    try:
        found = json.loads(text) if path.suffix == ".json" else _yaml(text)
    except (ValueError, RecursionError) as error:
        raise AnnotatorError(f"{path.name} cannot be understood: {error}") from error
    if not isinstance(found, dict):
        raise AnnotatorError(f"{path.name} holds a {type(found).__name__}; an object is needed")
    return found


def _yaml(text: str) -> Any:  # noqa: ANN401 - whatever the file holds
    try:
        import yaml
    except ImportError as error:
        raise AnnotatorError("a bundle in YAML needs PyYAML: pip install pyyaml") from error
    if re.search(r"(^|[\s\[{,])[&*]\w", text):
        # An alias of an alias of an alias fills the memory; no configuration needs one.
        raise AnnotatorError("YAML anchors are refused; write values out")
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from error


class Config:
    """A configuration whose values can be asked for by name.

    Parameters
    ----------
    root : dict
        As the file holds it.
    """

    def __init__(self, root: dict[str, Any]) -> None:
        self._root = root
        self._n_followed = 0

    def get(self, name: str) -> Any:  # noqa: ANN401 - plain values
        """Return a value, its references followed; None where there is none.

        Raises NotPlainError where it would have to be run.
        """
        return self.plain(self._root.get(name))

    def raw(self, name: str) -> Any:  # noqa: ANN401 - plain values
        """Return a value as the file holds it."""
        return self._root.get(name)

    def plain(self, value: Any, asked: tuple[str, ...] = ()) -> Any:  # noqa: ANN401
        """Return a value with its references followed and its sums done."""
        if isinstance(value, dict):
            return {str(key): self.plain(one, asked) for key, one in value.items()}
        if isinstance(value, list):
            return [self.plain(one, asked) for one in value]
        if isinstance(value, str) and value.startswith("%"):
            raise NotPlainError(f"{_shown(value)} asks for another file")
        if isinstance(value, str) and value.startswith("$"):
            return self._calculated(value, asked)
        if isinstance(value, str) and (found := _REFERENCE.fullmatch(value)):
            return self._referred(found[1], asked)
        return value

    def _referred(self, name: str, asked: tuple[str, ...]) -> Any:  # noqa: ANN401
        if name in asked or len(asked) > _LONGEST:
            raise NotPlainError(f"@{name} refers to itself")
        self._n_followed += 1
        if self._n_followed > _MOST_FOLLOWED:
            raise NotPlainError("references refer to references without an end")
        found: Any = self._root
        for part in re.split(r"#|::", name):
            if isinstance(found, list) and part.isdecimal() and int(part) < len(found):
                found = found[int(part)]
            elif isinstance(found, dict) and part in found:
                found = found[part]
            else:
                raise NotPlainError(f"@{name} refers to nothing")
        return self.plain(found, (*asked, name))

    def _calculated(self, text: str, asked: tuple[str, ...]) -> Any:  # noqa: ANN401
        names: list[str] = []

        def hold(found: re.Match[str]) -> str:
            names.append(found[1])
            return f"{_HELD}{len(names) - 1}"

        try:
            tree = ast.parse(_REFERENCE.sub(hold, text[1:]).strip(), mode="eval")
            values = {
                f"{_HELD}{number}": self._referred(name, asked) for number, name in enumerate(names)
            }
            return _value(tree.body, values)
        except NotPlainError as error:
            raise NotPlainError(
                f"{_shown(text)} is a program, which is not run ({error})"
            ) from error
        except SyntaxError as error:
            raise NotPlainError(f"{_shown(text)} is a program, which is not run") from error
        except (ValueError, TypeError, ArithmeticError, RecursionError) as error:
            raise NotPlainError(f"{_shown(text)} cannot be calculated") from error


def _shown(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:57]}…")


def _value(node: ast.AST, names: dict[str, Any]) -> Any:  # noqa: ANN401
    match node:
        case ast.Constant(value=bool() | int() | float() | str() | None as value):
            return value
        case ast.Name(id=name) if name in names:
            return names[name]
        case ast.List(elts=parts) | ast.Tuple(elts=parts) if len(parts) <= _LONGEST:
            return [_value(part, names) for part in parts]
        case ast.UnaryOp(op=ast.USub(), operand=part):
            return -_value(part, names)
        case ast.BinOp(left=left, op=kind, right=right) if type(kind) in _OPERATORS:
            return _combined(type(kind), _value(left, names), _value(right, names))
    raise NotPlainError(f"{type(node).__name__} is no simple value")


def _combined(kind: type[ast.AST], left: Any, right: Any) -> Any:  # noqa: ANN401
    are_numbers = all(isinstance(one, int | float) for one in (left, right))
    are_lists = kind is ast.Add and all(isinstance(one, list) for one in (left, right))
    repeats = kind is ast.Mult and isinstance(left, list) and isinstance(right, int)
    if repeats and len(left) * max(0, right) > _LONGEST:
        raise NotPlainError("a list grows too long")
    if not (are_numbers or are_lists or repeats):
        raise NotPlainError("only numbers and lists are put together")
    found = _OPERATORS[kind](left, right)
    if isinstance(found, int | float) and abs(found) > _LARGEST:
        raise NotPlainError("a number grows too large")
    return found
