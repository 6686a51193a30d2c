"""The graph of a torch.export archive: looked over, so that reading it can only calculate.

PyTorch turns names in the graph into program text and evaluates the expressions of its sizes.
Every text must therefore be a plain name, an operator that is known, or an expression of known
functions.
"""

from __future__ import annotations

import ast
import json
import re
from typing import TYPE_CHECKING, Any

from annotator.domain.errors import AnnotatorError

if TYPE_CHECKING:
    from collections.abc import Iterator

_NAME = re.compile(r"[A-Za-z0-9_.+-]*")
_WORDS = re.compile(r"[A-Za-z0-9_.,:; /+-]*")
_OPERATOR = re.compile(
    r"torch\.ops\.(aten|prims|quantized)\.(?!from_file|save|_print)\w+(\.\w+)?"
    r"|_operator\.(add|sub|mul|truediv|floordiv|mod|neg|pow|getitem|eq|ne|lt|le|gt|ge|and_|or_|not_)"
    r"|torch\.sym_(max|min|int|float|not|ite)|math\.(ceil|floor|sqrt|trunc)"
)
# fmt: off
_FUNCTIONS = frozenset({
    "Abs", "Add", "And", "CeilDiv", "CeilToInt", "CleanDiv", "Eq", "Equality", "Float",
    "FloatPow", "FloatTrueDiv", "FloorDiv", "FloorToInt", "Ge", "GreaterThan", "Gt",
    "Identity", "IntTrueDiv", "Integer", "IsNonOverlappingAndDenseIndicator", "LShift", "Le",
    "LessThan", "Lt", "Max", "Min", "Mod", "ModularIndexing", "Mul", "Ne", "Not", "Or", "Pow",
    "PowByNatural", "PythonMod", "RShift", "Rational", "RoundDecimal", "RoundToInt",
    "StrictGreaterThan", "StrictLessThan", "Symbol", "ToFloat", "TruncToFloat", "TruncToInt",
    "Unequality", "Where",
})
# fmt: on
_SYMBOL = re.compile(r"[a-z]+\d+")
_SYNTAX = (
    ast.Expression,
    ast.Call,
    ast.Constant,
    ast.keyword,
    ast.Name,
    ast.Load,
    ast.UnaryOp,
    ast.USub,
    ast.BinOp,
    ast.Add,
    ast.Sub,
    ast.Mult,
    ast.Div,
    ast.FloorDiv,
    ast.Mod,
    ast.Tuple,
)
_CONTAINERS = {None, "builtins.tuple", "builtins.list", "builtins.dict"}
_REMARKS = {"stack_trace", "nn_module_stack", "source_fn_stack", "torch_fn", "from_node", "custom"}


def without_remarks(graph: dict[str, Any]) -> dict[str, Any]:
    """Return a graph without what it says of how it came about, and without its guards.

    Guards are programs in Python that only check what is given; windows are checked before.
    """
    cleaned: dict[str, Any] = _without(graph)
    return {**cleaned, "guards_code": []}


def _without(value: Any) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, dict):
        return {key: _without(one) for key, one in value.items() if key not in _REMARKS}
    return [_without(one) for one in value] if isinstance(value, list) else value


def check_graph(graph: dict[str, Any], name: str) -> None:
    """Raise AnnotatorError where a text of a graph is no plain name or known operator."""
    for key, text in _texts("", graph):
        problem = _problem(key, text)
        if problem:
            raise AnnotatorError(
                f"{name} is refused: its graph {problem}: {text[:80]!r}. A network only "
                "calculates with PyTorch's own operators"
            )


def _texts(key: str, value: Any) -> Iterator[tuple[str, str]]:  # noqa: ANN401 - JSON
    """Yield every text with the key that it stands under; keys too, under an empty one."""
    if isinstance(value, str):
        yield key, value
    elif isinstance(value, dict):
        for inner, one in value.items():
            yield "", inner
            yield from _texts(inner, one)
    elif isinstance(value, list):
        for one in value:
            yield from _texts(key, one)


def _problem(key: str, text: str) -> str:
    if key == "expr_str":
        return "" if _is_plain_expression(text) else "has a size that is no plain expression"
    if key == "target" and "." in text:
        return "" if _OPERATOR.fullmatch(text) else "calls what is no operator of PyTorch's"
    if key in ("in_spec", "out_spec"):
        return "" if _is_plain_spec(text) else "gives out what is no list of images"
    allowed = _WORDS if key == "as_string" else _NAME
    return "" if allowed.fullmatch(text) else "has a name that could be a program"


def _is_plain_expression(text: str) -> bool:
    try:
        nodes = list(ast.walk(ast.parse(text, mode="eval")))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return len(text) < 10_000 and all(
        isinstance(node, _SYNTAX) and _is_plain_node(node) for node in nodes
    )


def _is_plain_node(node: ast.AST) -> bool:
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and node.func.id in _FUNCTIONS
    if isinstance(node, ast.Name):
        return node.id in _FUNCTIONS or _SYMBOL.fullmatch(node.id) is not None
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return _SYMBOL.fullmatch(node.value) is not None or node.value.replace(".", "").isdecimal()
    return True


def _is_plain_spec(text: str) -> bool:
    try:
        _, spec = json.loads(text)
    except (ValueError, TypeError, RecursionError):
        return False
    return _is_plain_container(spec)


def _is_plain_container(spec: Any) -> bool:  # noqa: ANN401 - JSON
    return (
        isinstance(spec, dict)
        and spec.get("type") in _CONTAINERS
        and _NAME.fullmatch(re.sub(r'[][", ]', "", str(spec.get("context")))) is not None
        and isinstance(spec.get("children_spec"), list)
        and all(_is_plain_container(one) for one in spec["children_spec"])
    )


def input_shape(graph: dict[str, Any], name: str) -> tuple[int | None, ...]:
    """Return ``(n, channel, …)`` that a graph takes in, None where any size will do."""
    try:
        module = graph["graph_module"]
        specs = module["signature"]["input_specs"]
        taken = [
            one["user_input"]["arg"]["as_tensor"]["name"] for one in specs if "user_input" in one
        ]
        sizes = [module["graph"]["tensor_values"][one]["sizes"] for one in taken]
        if len(sizes) == 1:
            return tuple(side.get("as_int") for side in sizes[0])
    except (KeyError, TypeError, AttributeError) as error:
        raise AnnotatorError(f"{name} is refused: its graph does not say what it takes") from error
    raise AnnotatorError(f"{name} takes in {len(sizes)} arrays; one image is what can be given")
