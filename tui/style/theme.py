"""The themes: dark, light, high contrast, colour-blind safe. Colour means one thing each, and widgets name the meaning, never the colour.

`error` broken or destroys · `warning` waits, changes or names the culprit · `success` fine or read-only · `primary` a place to go ·
`$quiet` what can be skipped on the first reading · `$plane` the slightly lighter ground of title rows and the prompt.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from textual.theme import Theme

if TYPE_CHECKING:
    from engine.core.types import Risk

RISK_STYLE: dict[Risk, str] = {"read": "$good", "mutate": "$wait", "destructive": "$bad", "forbidden": "$bad"}

DARK = Theme(
    name="k8sagent-dark",
    primary="#7aa2f7",
    secondary="#7dcfff",
    accent="#7dcfff",
    warning="#e6b450",
    error="#f0716f",
    success="#8fc98b",
    foreground="#c8d0e0",
    background="#10141c",
    surface="#141a24",
    panel="#161d28",
    dark=True,
    variables={
        "quiet": "#7a879f",
        "plane": "#18202d",
        "code": "#1b2432",
        "line": "#232d3d",
        "cursor-row": "#22304a",
        "good": "#8fc98b",
        "bad": "#f0716f",
        "wait": "#e6b450",
        "place": "#7aa2f7",
        "you": "#7dcfff",
        "strong": "#eef2fa",
        "on-badge": "#10141c",
        "border": "#7aa2f7",
        "input-selection-background": "#7aa2f7 35%",
        "block-cursor-background": "#7aa2f7",
        "block-cursor-foreground": "#10141c",
        "scrollbar": "#2a3548",
        "scrollbar-background": "#10141c",
        "scrollbar-hover": "#3a4a64",
        "scrollbar-active": "#7aa2f7",
        "scrollbar-corner-color": "#10141c",
        "link-color": "#7aa2f7",
        "link-style": "none",
        "link-background-hover": "#7aa2f7 25%",
        "link-color-hover": "#eef2fa",
        "link-style-hover": "underline",
    },
)

LIGHT = Theme(
    name="k8sagent-light",
    primary="#2a5bd7",
    secondary="#00728f",
    accent="#00728f",
    warning="#8a5a00",
    error="#c0262d",
    success="#2b7a2f",
    foreground="#1d2430",
    background="#fbfbf8",
    surface="#f4f4ef",
    panel="#eeeee8",
    dark=False,
    variables={
        "quiet": "#616b7a",
        "plane": "#ecece5",
        "code": "#eeeee8",
        "line": "#d5d5cc",
        "cursor-row": "#d9e3f8",
        "good": "#2b7a2f",
        "bad": "#c0262d",
        "wait": "#8a5a00",
        "place": "#2a5bd7",
        "you": "#00728f",
        "strong": "#05080d",
        "on-badge": "#ffffff",
        "border": "#2a5bd7",
        "input-selection-background": "#2a5bd7 25%",
        "block-cursor-background": "#2a5bd7",
        "block-cursor-foreground": "#ffffff",
        "scrollbar": "#cfcfc6",
        "scrollbar-background": "#fbfbf8",
        "scrollbar-hover": "#b5b5aa",
        "scrollbar-active": "#2a5bd7",
        "scrollbar-corner-color": "#fbfbf8",
        "link-color": "#2a5bd7",
        "link-style": "none",
        "link-background-hover": "#2a5bd7 20%",
        "link-color-hover": "#05080d",
        "link-style-hover": "underline",
    },
)

CONTRAST = Theme(
    name="k8sagent-contrast",
    primary="#6fb7ff",
    secondary="#6fe7ff",
    accent="#6fe7ff",
    warning="#ffd75f",
    error="#ff8a5c",
    success="#5fd7ff",
    foreground="#ffffff",
    background="#000000",
    surface="#000000",
    panel="#121212",
    dark=True,
    variables={
        "quiet": "#c6c6c6",
        "plane": "#1c1c1c",
        "code": "#1c1c1c",
        "line": "#8a8a8a",
        "cursor-row": "#005faf",
        "good": "#5fd7ff",
        "bad": "#ff8a5c",
        "wait": "#ffd75f",
        "place": "#6fb7ff",
        "you": "#6fe7ff",
        "strong": "#ffffff",
        "on-badge": "#000000",
        "border": "#ffffff",
        "input-selection-background": "#005faf",
        "block-cursor-background": "#ffffff",
        "block-cursor-foreground": "#000000",
        "scrollbar": "#8a8a8a",
        "scrollbar-background": "#000000",
        "scrollbar-hover": "#c6c6c6",
        "scrollbar-active": "#ffffff",
        "scrollbar-corner-color": "#000000",
        "link-color": "#6fb7ff",
        "link-style": "underline",
        "link-background-hover": "#005faf",
        "link-color-hover": "#ffffff",
        "link-style-hover": "bold underline",
    },
)

COLORBLIND = Theme(
    name="k8sagent-colorblind",
    primary="#b7a6f0",
    secondary="#9ad7f2",
    accent="#9ad7f2",
    warning="#f5e56b",
    error="#ff9f40",
    success="#5ab4f5",
    foreground="#d6dbe6",
    background="#0f1218",
    surface="#141820",
    panel="#161b24",
    dark=True,
    variables={
        **DARK.variables,
        "quiet": "#8b95a8",
        "cursor-row": "#2b3350",
        "good": "#5ab4f5",
        "bad": "#ff9f40",
        "wait": "#f5e56b",
        "place": "#b7a6f0",
        "you": "#9ad7f2",
        "on-badge": "#0f1218",
        "border": "#b7a6f0",
        "input-selection-background": "#b7a6f0 35%",
        "block-cursor-background": "#b7a6f0",
        "block-cursor-foreground": "#0f1218",
        "scrollbar-background": "#0f1218",
        "scrollbar-active": "#b7a6f0",
        "scrollbar-corner-color": "#0f1218",
        "link-color": "#b7a6f0",
        "link-background-hover": "#b7a6f0 25%",
    },
)

THEMES: dict[str, Theme] = {"dark": DARK, "light": LIGHT, "contrast": CONTRAST, "colorblind": COLORBLIND}
FEW = {"plane": "#262626", "code": "#303030", "line": "#444444"}
"""In 256 colours the dark planes would be black on black; these are grey there."""


def for_few_colours(theme: Theme) -> Theme:
    """A theme as a terminal of 256 colours shows it best."""
    if not theme.dark or theme is CONTRAST:
        return theme
    return dataclasses.replace(theme, surface="#1c1c1c", panel="#262626", variables={**theme.variables, **FEW})
