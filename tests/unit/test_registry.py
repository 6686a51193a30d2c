from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from annotator import registry as registry_module
from annotator.api import Plugin, ScanResult
from annotator.domain.errors import UnknownNameError
from annotator.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.unit


class _Reader:
    name = "fake"

    def scan(self, paths: object, progress: object) -> ScanResult:
        return ScanResult()


def _method(name: str) -> Callable[[], Any]:
    return lambda: SimpleNamespace(
        name=name, title=name, version="1", parameters=None, fuse=lambda *_: None
    )


def _entry_points(monkeypatch: pytest.MonkeyPatch, **loaders: Callable[[], object]) -> None:
    entries = [
        SimpleNamespace(name=name, value=name, load=loader) for name, loader in loaders.items()
    ]
    monkeypatch.setattr(registry_module, "entry_points", lambda group: entries)


def _raise() -> object:
    raise ImportError("no module named 'torch'")


def test_unknown_name_suggests_the_one_that_was_meant() -> None:
    registry = Registry()
    registry.register(Plugin(name="p", fusion_methods=(_method("staple"), _method("majority"))))
    with pytest.raises(UnknownNameError, match="did you mean 'staple'") as caught:
        registry.fusion_method("stapel")
    assert "Available: majority, staple" in str(caught.value)


def test_methods_come_by_name() -> None:
    registry = Registry()
    registry.register(Plugin(name="p", fusion_methods=(_method("staple"), _method("majority"))))
    assert [method.name for method in registry.fusion_methods()] == ["majority", "staple"]
    assert registry.models() == ()
    assert registry.mask_writers() == ()


def test_registering_returns_its_undo() -> None:
    registry = Registry()
    undo = registry.register(Plugin(name="p", readers=(_Reader,)))
    assert [reader.name for reader in registry.readers()] == ["fake"]
    undo()
    assert registry.readers() == ()


def test_nothing_is_loaded_before_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[str] = []

    def load() -> Plugin:
        loaded.append("plugin")
        return Plugin(name="p", readers=(_Reader,), models=(lambda: loaded.append("model"),))  # type: ignore[arg-type,return-value]

    _entry_points(monkeypatch, p=load)
    registry = Registry.load()
    assert loaded == []
    registry.readers()
    assert loaded == ["plugin"]
    registry.readers()
    assert loaded == ["plugin"]


def test_broken_plugins_are_listed_and_the_rest_works(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails() -> NoReturn:
        raise RuntimeError("no licence file")

    good = Plugin(
        name="good",
        fusion_methods=(_method("mean"), fails, _method("mean"), lambda: SimpleNamespace(name="x")),
    )
    _entry_points(monkeypatch, torchy=_raise, wrong=lambda: "text", good=lambda: good)
    registry = Registry.load()
    assert [method.name for method in registry.fusion_methods()] == ["mean"]
    broken = dict(registry.broken())
    assert broken["torchy"] == "ImportError: no module named 'torch'"
    assert "gives a str" in broken["wrong"]
    assert "no licence file" in broken["good: fusion method 2"]
    assert "already taken by good" in broken["good: fusion method 3"]
    assert "lacks title, version, parameters, fuse" in broken["good: fusion method 4"]


def test_builtin_names_cannot_be_taken_over(monkeypatch: pytest.MonkeyPatch) -> None:
    _entry_points(
        monkeypatch,
        added=lambda: Plugin(name="added", fusion_methods=(_method("staple"),)),
        builtins=lambda: Plugin(name="builtins", fusion_methods=(_method("staple"),)),
    )
    registry = Registry.load()
    assert registry.broken() == (
        ("added: fusion method 1", "the name 'staple' is already taken by builtins"),
    )
