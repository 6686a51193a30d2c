"""Colours of both themes from one table, and the style sheet made of them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal

from qtpy.QtGui import QColor, QFont, QGuiApplication, QPalette

from annotator.bundled import resource

if TYPE_CHECKING:
    from qtpy.QtWidgets import QApplication

ThemeName = Literal["dark", "light"]
BASE_FONT_PX = 13


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """Named colours, ``#rrggbb``; every colour on screen except image data comes from here."""

    window: str
    panel: str
    raised: str
    field: str
    hover: str
    border: str
    field_border: str
    text: str
    muted: str
    disabled: str
    accent: str
    accent_hover: str
    on_accent: str
    link: str
    focus: str
    selection: str
    on_selection: str
    good: str
    good_fill: str
    caution: str
    caution_fill: str
    bad: str
    bad_fill: str
    info: str
    info_fill: str


TOKENS: dict[ThemeName, Tokens] = {
    "dark": Tokens(
        window="#14171c",
        panel="#1b1f26",
        raised="#262c35",
        field="#12151a",
        hover="#303845",
        border="#353d49",
        field_border="#727e8e",
        text="#e9edf2",
        muted="#adb7c4",
        disabled="#7d8794",
        accent="#2a69cf",
        accent_hover="#2f6fd6",
        on_accent="#ffffff",
        link="#86baff",
        focus="#7fb6ff",
        selection="#26406b",
        on_selection="#f4f8ff",
        good="#7fd79a",
        good_fill="#173323",
        caution="#f3c65f",
        caution_fill="#3a2f12",
        bad="#ff9c94",
        bad_fill="#43201f",
        info="#8fc4ff",
        info_fill="#1a2f4c",
    ),
    "light": Tokens(
        window="#eef1f5",
        panel="#f9fafc",
        raised="#ffffff",
        field="#ffffff",
        hover="#e2e8f0",
        border="#cbd3dd",
        field_border="#788494",
        text="#1a212b",
        muted="#4a5665",
        disabled="#6f7a88",
        accent="#1f5fc4",
        accent_hover="#1a52ab",
        on_accent="#ffffff",
        link="#1a52ab",
        focus="#1f5fc4",
        selection="#d3e3fb",
        on_selection="#10233f",
        good="#17603a",
        good_fill="#d9f2e2",
        caution="#6e4a00",
        caution_fill="#fdeec6",
        bad="#a3211a",
        bad_fill="#fde1de",
        info="#174b96",
        info_fill="#dce9fb",
    ),
}

TEXT_PAIRS: tuple[tuple[str, str], ...] = (
    *((front, back) for front in ("text", "muted") for back in ("window", "panel", "raised")),
    ("text", "field"),
    ("muted", "field"),
    ("text", "hover"),
    ("on_accent", "accent"),
    ("on_accent", "accent_hover"),
    ("link", "panel"),
    ("link", "raised"),
    ("on_selection", "selection"),
    *(
        (tone, back)
        for tone in ("good", "caution", "bad", "info")
        for back in (f"{tone}_fill", "panel", "raised")
    ),
)
"""(front, back) pairs that carry text; a test holds them to WCAG AA, 4.5 to 1."""

SHAPE_PAIRS: tuple[tuple[str, str], ...] = (
    ("field_border", "panel"),
    ("field_border", "field"),
    ("focus", "panel"),
    ("focus", "raised"),
    ("focus", "window"),
)
"""Pairs that carry a control's outline; held to 3 to 1."""


def contrast(front: str, back: str) -> float:
    """Return the WCAG contrast ratio of two ``#rrggbb`` colours, 1 to 21."""
    bright, dim = sorted((_luminance(front), _luminance(back)), reverse=True)
    return (bright + 0.05) / (dim + 0.05)


def _luminance(color: str) -> float:
    parts = (int(color[start : start + 2], 16) / 255 for start in (1, 3, 5))
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def style_sheet(name: ThemeName, scale: float) -> str:
    """Return the style sheet of a theme; ``scale`` multiplies every font size."""
    text = resource("styles/theme.qss").read_text(encoding="utf-8")
    values = asdict(TOKENS[name])
    for size, factor in (("small", 0.9), ("base", 1.0), ("large", 1.2), ("title", 1.65)):
        values[f"font_{size}"] = f"{round(BASE_FONT_PX * scale * factor)}px"
    values["glyphs"] = f"{resource('icons/qss').as_posix()}/{name}"
    # longest names first: @field must not eat the beginning of @field_border
    for key in sorted(values, key=len, reverse=True):
        text = text.replace(f"@{key}", str(values[key]))
    return text


def palette(name: ThemeName) -> QPalette:
    """Return the palette of a theme, for what the style sheet does not reach."""
    tokens = TOKENS[name]
    roles = QPalette.ColorRole
    made = QPalette()
    for role, color in (
        (roles.Window, tokens.panel),
        (roles.WindowText, tokens.text),
        (roles.Base, tokens.field),
        (roles.AlternateBase, tokens.panel),
        (roles.ToolTipBase, tokens.raised),
        (roles.ToolTipText, tokens.text),
        (roles.PlaceholderText, tokens.muted),
        (roles.Text, tokens.text),
        (roles.Button, tokens.raised),
        (roles.ButtonText, tokens.text),
        (roles.BrightText, tokens.bad),
        (roles.Link, tokens.link),
        (roles.Highlight, tokens.selection),
        (roles.HighlightedText, tokens.on_selection),
        (roles.Mid, tokens.border),
        (roles.Dark, tokens.border),
        (roles.Light, tokens.hover),
        (roles.Accent, tokens.accent),
    ):
        made.setColor(role, QColor(color))
    for role in (roles.WindowText, roles.Text, roles.ButtonText):
        made.setColor(QPalette.ColorGroup.Disabled, role, QColor(tokens.disabled))
    return made


def wear_colors(app: QApplication, name: ThemeName, scale: float) -> None:
    """Give the application style, palette and font of a theme."""
    app.setStyle("Fusion")
    app.setPalette(palette(name))
    font = QFont(app.font())
    font.setPixelSize(round(BASE_FONT_PX * scale))
    app.setFont(font)


def wear_sheet(app: QApplication, name: ThemeName, scale: float) -> None:
    """Give the application the style sheet of a theme.

    Best after a window is built and before it shows: Qt applies a sheet again to each widget, and
    all within it, whenever it is put into another one.
    """
    app.setStyleSheet(style_sheet(name, scale))


def apply(app: QApplication, name: ThemeName, scale: float) -> None:
    """Dress the whole application; may be called again at any time."""
    wear_colors(app, name, scale)
    wear_sheet(app, name, scale)


def shown_tokens() -> Tokens:
    """Return the tokens of the theme that the application wears.

    A widget's own palette does not tell: the style sheet may have made its window transparent.
    """
    window = QGuiApplication.palette().color(QPalette.ColorRole.Window).name()
    return TOKENS["dark" if _luminance(window) < 0.2 else "light"]
