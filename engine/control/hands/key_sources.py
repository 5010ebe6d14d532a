"""What a route can call a key: ``key.NAME`` by the windows' names, and its ``.toggle``."""

from __future__ import annotations

import difflib

PREFIX = "key."
TOGGLE = ".toggle"
# The names of glfw's keys, which stand for places on an American keyboard; and the question mark, which is typed.
NAMES = frozenset(
    (
        *"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        *(f"F{number}" for number in range(1, 26)),
        *(f"KP_{number}" for number in range(10)),
        "SPACE", "APOSTROPHE", "COMMA", "MINUS", "PERIOD", "SLASH", "SEMICOLON", "EQUAL", "LEFT_BRACKET",
        "BACKSLASH", "RIGHT_BRACKET", "GRAVE_ACCENT", "WORLD_1", "WORLD_2", "ESCAPE", "ENTER", "TAB",
        "BACKSPACE", "INSERT", "DELETE", "RIGHT", "LEFT", "DOWN", "UP", "PAGE_UP", "PAGE_DOWN", "HOME", "END",
        "CAPS_LOCK", "SCROLL_LOCK", "NUM_LOCK", "PRINT_SCREEN", "PAUSE", "KP_DECIMAL", "KP_DIVIDE",
        "KP_MULTIPLY", "KP_SUBTRACT", "KP_ADD", "KP_ENTER", "KP_EQUAL", "LEFT_SHIFT", "LEFT_CONTROL",
        "LEFT_ALT", "LEFT_SUPER", "RIGHT_SHIFT", "RIGHT_CONTROL", "RIGHT_ALT", "RIGHT_SUPER", "MENU",
        "QUESTION",
    )
)  # fmt: skip


def is_key_source(source: str) -> bool:
    """Return whether ``source`` is a key that there is."""
    return source.removeprefix(PREFIX).removesuffix(TOGGLE) in NAMES


def nearest_key(source: str) -> str:
    """Return a question with the key that is most like ``source``, or what forms there are."""
    name, dot, ending = source[len(PREFIX) :].partition(".")
    plain = name.upper().replace("-", "_").replace(" ", "_")
    found = [plain] if plain in NAMES else difflib.get_close_matches(plain, sorted(NAMES), 1, 0.6)
    if not found or (ending and not difflib.get_close_matches(ending.casefold(), ["toggle"], 1, 0.6)):
        return "known are key.A, key.7, key.F5, key.SPACE and the like, with .toggle or without"
    return f"did you mean {PREFIX + found[0] + (TOGGLE if dot else '')!r}?"
