"""Images are imported by readers, and what is left out is told with its reason."""

from __future__ import annotations

import os
import socket
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from annotator import registry as registry_module
from annotator.api import (
    Plugin,
    ScanResult,
    no_progress,
)
from annotator.domain.errors import AnnotatorError
from annotator.jobs.importing import A_TRACING, NOT_AN_IMAGE, import_paths, list_files
from annotator.registry import Registry
from tests.unit.job_case import TextReader, files_in
from tests.unit.project_builder import make_session

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from annotator.api import Progress
    from annotator.session.session import Session

pytestmark = pytest.mark.unit


class BrokenReader:
    name = "broken"

    def scan(self, paths: Sequence[Path], progress: Progress) -> ScanResult:
        raise ZeroDivisionError("oops")


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    with make_session(tmp_path) as opened:
        yield opened


@pytest.fixture
def registry() -> Registry:
    registry = Registry()
    registry.register(Plugin(name="test", readers=(TextReader,)))
    return registry


def test_a_mixed_directory_is_imported_and_says_what_it_left_out(
    session: Session, registry: Registry, tmp_path: Path
) -> None:
    source = files_in(
        tmp_path / "mixed",
        a__num="1",
        b__num="x",
        c__num="",
        d__num="666",
        e__txt="hello",
        f__num="2",
        g__swc="1 1 0 0 0 1 -1",
    )
    files_in(source / "deep", g__num="3")
    files_in(source / ".hidden", h__num="4")
    report = import_paths(session.store, registry, [source], no_progress, actor="system")
    assert [case.title for case in report.cases] == ["a", "f", "g"]
    reasons = {Path(entry.path).name: entry.reason for entry in report.skipped}
    assert reasons == {
        "b.num": "'x' is not a number",
        "c.num": "the file is empty",
        "d.num": "RuntimeError: a bug",
        "e.txt": NOT_AN_IMAGE,
        "g.swc": A_TRACING,
    }
    assert session.store.verify() == ()


def test_what_is_no_regular_file_is_left_out_and_never_opened(
    session: Session, registry: Registry, tmp_path: Path
) -> None:
    source = files_in(tmp_path / "s", a__num="1")
    os.mkfifo(source / "pipe.num")
    (source / "zero.num").symlink_to("/dev/zero")
    (source / "lost.num").symlink_to(source / "nowhere")
    (source / "link.num").symlink_to(source / "a.num")
    with closing(socket.socket(socket.AF_UNIX)) as listener:
        listener.bind(str(source / "s.num"))
        files, skipped = list_files([source, source / "pipe.num"])
    assert [path.name for path in files] == ["a.num", "link.num"]
    assert {(Path(entry.path).name, entry.reason) for entry in skipped} == {
        ("pipe.num", "a named pipe, not a file"),
        ("s.num", "a socket, not a file"),
        ("zero.num", "a device, not a file"),
        ("lost.num", "a link that leads nowhere: no such file or directory"),
    }
    report = import_paths(
        session.store, registry, [source / "pipe.num"], no_progress, actor="system"
    )
    assert (report.cases, len(report.skipped)) == ((), 1)


def test_the_same_image_twice_is_one_case_and_told(
    session: Session, registry: Registry, tmp_path: Path
) -> None:
    source = files_in(tmp_path / "s", a__num="1", b__num="1", c__num="2")
    for _ in range(2):
        report = import_paths(session.store, registry, [source], no_progress, actor="system")
        assert [case.title for case in report.cases] == ["a", "c"]
        (skipped,) = report.skipped
        assert Path(skipped.path).name == "b.num"
        assert skipped.reason == f"the same image as {source / 'a.num'}, the case 'a'"


def test_importing_again_makes_no_second_case(
    session: Session, registry: Registry, tmp_path: Path
) -> None:
    source = files_in(tmp_path / "s", a__num="1")
    first = import_paths(session.store, registry, [source], no_progress, actor="system")
    again = import_paths(session.store, registry, [source / "a.num"], no_progress, actor="system")
    assert again.cases == first.cases
    assert (len(first.new_case_ids), len(again.new_case_ids)) == (1, 0)


def test_a_path_that_is_not_there_is_named(session: Session, registry: Registry) -> None:
    with pytest.raises(AnnotatorError, match=r"no file or directory '/nowhere/x\.dcm'"):
        import_paths(session.store, registry, ["/nowhere/x.dcm"], no_progress, actor="system")
    with pytest.raises(AnnotatorError, match="nothing to import"):
        import_paths(session.store, registry, [], no_progress, actor="system")


def test_a_reader_that_breaks_does_not_stop_the_others(session: Session, tmp_path: Path) -> None:
    registry = Registry()
    registry.register(Plugin(name="test", readers=(BrokenReader, TextReader)))
    source = files_in(tmp_path / "s", a__num="1", b__txt="")
    report = import_paths(session.store, registry, [source], no_progress, actor="system")
    assert [case.title for case in report.cases] == ["a"]
    (skipped,) = report.skipped
    assert "the reader 'broken' failed: ZeroDivisionError: oops" in skipped.reason


class HalfReader:
    name = "half"


def test_a_reader_that_could_not_be_loaded_is_named(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only readers are told of: other things that a plugin brings would not have read the file."""

    class Entry(NamedTuple):
        name: str
        value: str = "somewhere"

        def load(self) -> Plugin:
            raise ImportError("no module named 'pydicom'")

    monkeypatch.setattr(registry_module, "entry_points", lambda **_: [Entry("dicom-plus")])
    registry = Registry.load()
    registry.register(Plugin(name="two", readers=(HalfReader,), mask_writers=(HalfReader,)))  # type: ignore[arg-type]
    source = files_in(tmp_path / "s", b__dcm="")
    report = import_paths(session.store, registry, [source], no_progress, actor="system")
    (skipped,) = report.skipped
    assert skipped.reason == (
        f"{NOT_AN_IMAGE}; the plugin 'dicom-plus' could not be asked: ImportError: no module "
        "named 'pydicom'; the plugin 'two: reader 1' could not be asked: HalfReader lacks scan"
    )


def test_a_project_that_cannot_be_written_stops_the_import_in_words(
    session: Session, registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(session.store, "add_series", full)
    source = files_in(tmp_path / "s", a__num="1")
    with pytest.raises(AnnotatorError, match=r"cannot keep a in the project .*no space left"):
        import_paths(session.store, registry, [source], no_progress, actor="system")
