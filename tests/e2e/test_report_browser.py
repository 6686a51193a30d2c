"""The agreement report in a real browser: pictures, tables, no errors, no network, a PDF."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from tests.e2e.command_line import must

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.e2e

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")

_PROBE = """
<script>
const told = {errors: [], requests: []};
window.addEventListener("error", event => told.errors.push(String(event.message)), true);
window.addEventListener(
  "securitypolicyviolation", event => told.errors.push(event.violatedDirective));
const digest = text => {
  let sum = 0;
  for (let place = 0; place < text.length; place++)
    sum = (sum * 31 + text.charCodeAt(place)) % 4294967291;
  return sum;
};
window.addEventListener("load", () => {
  told.pictures = [...document.images].map(
    image => [image.complete, image.naturalWidth, image.naturalHeight, image.clientWidth,
              digest(image.currentSrc)]);
  told.alts = [...document.images].map(image => image.alt.length);
  told.tables = [...document.querySelectorAll("table")].map(
    table => [table.querySelectorAll("thead th[scope=col]").length,
              Math.max(...[...table.rows].map(row => row.cells.length)), table.rows.length]);
  told.requests = performance.getEntriesByType("resource").map(entry => entry.name.slice(0, 30));
  told.overflow = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  told.broken = [...document.querySelectorAll("a[href^='#']")].filter(
    link => !document.querySelector(link.getAttribute("href"))).length;
  told.ink = getComputedStyle(document.documentElement).color;
  told.back = getComputedStyle(document.documentElement).backgroundColor;
  const mark = document.createElement("pre");
  mark.id = "told";
  mark.textContent = JSON.stringify(told);
  document.body.append(mark);
});
</script>
"""


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report on a small simulated project."""
    place = tmp_path_factory.mktemp("browser")
    must("simulate", place / "made", "--cases", 4)
    must("fuse", place / "made", "--method", "majority")
    must("report", place / "made", "--out", place / "report.html")
    return place / "report.html"


def browse(page: Path, profile: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    """Run the browser without a window and without a network; return what it printed."""
    assert CHROMIUM is not None
    return subprocess.run(
        [
            CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
            "--hide-scrollbars", "--host-resolver-rules=MAP * ~NOTFOUND",
            f"--user-data-dir={profile}", "--enable-logging=stderr", "--v=0",
            "--virtual-time-budget=5000", *flags, page.as_uri(),
        ],
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    )  # fmt: skip


def probed(report: Path, tmp_path: Path, *flags: str) -> dict[str, Any]:
    """Return what the page says of itself once it is loaded."""
    page = tmp_path / "probed.html"
    text = report.read_text(encoding="utf-8")
    allowed = text.replace("default-src 'none'", "default-src 'none'; script-src 'unsafe-inline'")
    assert allowed != text
    page.write_text(allowed.replace("<style>", f"{_PROBE}<style>", 1), encoding="utf-8")
    done = browse(page, tmp_path / "profile", "--dump-dom", *flags)
    assert "CONSOLE" not in done.stderr, done.stderr
    told: dict[str, Any] = json.loads(done.stdout.split('<pre id="told">')[1].split("</pre>")[0])
    return told


@needs_browser
@pytest.mark.parametrize("width", [1280, 1920, 600])
def test_pictures_tables_and_no_requests(report: Path, tmp_path: Path, width: int) -> None:
    told = probed(report, tmp_path, f"--window-size={width},900")
    assert told["errors"] == []
    assert [name for name in told["requests"] if not str(name).startswith("data:")] == []
    assert told["broken"] == 0
    assert told["overflow"] == 0, "the page scrolls sideways"
    assert len(told["pictures"]) == 6
    for is_complete, wide, high, shown, _ in told["pictures"]:
        assert is_complete
        assert wide > 400
        assert high > 100
        assert 200 < shown <= width
    assert min(told["alts"]) > 40
    assert len(told["tables"]) >= 8
    for n_heads, n_cells, n_rows in told["tables"]:
        assert n_heads == n_cells
        assert n_rows >= 2


@needs_browser
def test_dark_and_light(report: Path, tmp_path: Path) -> None:
    light = probed(report, tmp_path, "--blink-settings=preferredColorScheme=1")
    dark = probed(report, tmp_path, "--blink-settings=preferredColorScheme=0")
    assert (light["back"], light["ink"]) == ("rgb(255, 255, 255)", "rgb(29, 35, 41)")
    assert (dark["back"], dark["ink"]) == ("rgb(20, 25, 30)", "rgb(232, 236, 239)")
    drawn = [[entry[-1] for entry in told["pictures"]] for told in (light, dark)]
    assert all(one != other for one, other in zip(*drawn, strict=True)), "pictures follow too"


@needs_browser
def test_picture_of_the_page(report: Path, tmp_path: Path) -> None:
    shot = tmp_path / "page.png"
    browse(
        report, tmp_path / "profile", "--window-size=1280,3000", f"--screenshot={shot}",
        "--blink-settings=preferredColorScheme=1",
    )  # fmt: skip
    with Image.open(shot) as image:
        assert image.size == (1280, 3000)
        pixels = np.asarray(image.convert("L"))
    assert (pixels == 255).mean() > 0.6, "paper"
    assert (pixels < 80).mean() > 0.005, "ink"


@needs_browser
def test_prints_to_pdf(report: Path, tmp_path: Path) -> None:
    pdf = tmp_path / "report.pdf"
    browse(report, tmp_path / "profile", "--no-pdf-header-footer", f"--print-to-pdf={pdf}")
    content = pdf.read_bytes()
    assert content.startswith(b"%PDF-")
    assert 3 <= content.count(b"/Type /Page\n") + content.count(b"/Type /Page ") <= 30
    assert b"/MediaBox [0 0 594" in content or b"/MediaBox [0 0 595" in content, "A4"
