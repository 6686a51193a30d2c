"""Compile the kernels of the analysis when a wheel or an editable installation is made.

Without a compiler the build goes on, says so, and the program works in numpy alone. The library is
reached through ctypes, so that one wheel serves every Python of a platform.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SOURCES = tuple(
    Path("annotator", "analysis", f"{name}.c")
    for name in (
        "kernels",
        "surface_kernels",
        "vote_kernels",
        "stitch_kernels",
        "tree_kernels",
        "beside_kernels",
        "brush_kernels",
        "metric_kernels",
        "grow_kernels",
        "section_kernels",
        "livewire_kernels",
        "outline_kernels",
    )
)
# No -march: a wheel must run on every processor of its platform.
FLAGS = ("-std=c11", "-O3", "-Wall", "-Wextra", "-fvisibility=hidden", "-fno-math-errno")


class KernelHook(BuildHookInterface):  # type: ignore[type-arg]
    """Puts the compiled library beside its sources, and into the wheel."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile, and give the wheel the tag of this platform where that worked."""
        del version
        library = compile_kernels(Path(self.root))
        if library is None:
            return
        build_data["artifacts"].append(library.relative_to(self.root).as_posix())
        build_data["pure_python"] = False
        platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["tag"] = f"py3-none-{platform}"


def compile_kernels(root: Path) -> Path | None:
    """Return the library made from the sources below ``root``; None where it cannot be made."""
    sources = [root / source for source in SOURCES]
    library = sources[0].with_name(library_name())
    compiler = find_compiler()
    if compiler is None:
        note("no C compiler was found")
        library.unlink(missing_ok=True)
        return None
    shared = ("-dynamiclib",) if sys.platform == "darwin" else ("-shared", "-fPIC")
    # Beside it first: a program that runs now keeps the library that it has loaded.
    made = library.with_suffix(f".{os.getpid()}.tmp")
    done = subprocess.run(
        [*compiler, *FLAGS, *shared, "-o", str(made), *map(str, sources), "-lm"],
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        note(f"{compiler[0]} failed:\n{done.stderr}")
        made.unlink(missing_ok=True)
        library.unlink(missing_ok=True)
        return None
    made.replace(library)
    return library


def find_compiler() -> list[str] | None:
    """Return the command that compiles C: what CC names, or the first that is there."""
    named = os.environ.get("CC", "").split()
    for command in (named, ["cc"], ["gcc"], ["clang"]):
        if command and shutil.which(command[0]):
            return command
    return None


def library_name() -> str:
    """Return the file name that `annotator.analysis.kernels` looks for."""
    endings = {"win32": ".dll", "darwin": ".dylib"}
    return "_kernels" + endings.get(sys.platform, ".so")


def note(reason: str) -> None:
    """Tell that the kernels are left out."""
    sys.stderr.write(f"The kernels were not compiled ({reason}); numpy does their work, slower.\n")


if __name__ == "__main__":
    sys.exit(compile_kernels(Path(__file__).parent) is None)
