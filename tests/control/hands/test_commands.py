"""Keys and commands, and what the documents say of them."""

from __future__ import annotations

from engine.control.hands.commands import COMMANDS, KEYS, legend
from engine.control.hands.kinds import KINDS
from tests.builders.show import ROOT

SHOWN = {
    "BACKSPACE": "Backspace", "SPACE": "Space", "PERIOD": ".", "COMMA": ",", "RIGHT": "right", "LEFT": "left",
    "PAGE_DOWN": "Page Down", "PAGE_UP": "Page Up", "RIGHT_BRACKET": "]", "LEFT_BRACKET": "[", "DOWN": "down",
    "UP": "up", "DELETE": "Delete", "QUESTION": "?", "ENTER": "Enter",
}  # fmt: skip


def table() -> list[str]:
    """Return the documents' table of keys, as it must be."""
    keys = {name: [SHOWN.get(key, key) for key, does in KEYS.items() if does == name] for name in COMMANDS}
    return [
        f"| {', '.join(f'**{key}**' for key in keys[name])} | `{name}` | {text} |" for name, text in COMMANDS.items()
    ]


def test_every_key_asks_for_a_command_that_there_is() -> None:
    assert set(KEYS.values()) <= set(COMMANDS)


def test_the_documents_list_every_command_with_its_keys() -> None:
    lines = (ROOT / "docs/commands.md").read_text(encoding="utf-8").splitlines()
    missing = [row for row in table() if row not in lines]
    assert missing == []


def test_the_legend_has_every_key() -> None:
    shown = {key for keys, _ in legend() for key in keys.split(", ")}
    named = {SHOWN.get(key, key) for key in KEYS if not (key[0] == "F" and key[1:] in "23456789" and key != "F")}
    assert named <= shown
    assert {"/", "F2 to F9", "F", "Esc"} <= shown


def test_every_kind_of_control_is_documented() -> None:
    lines = (ROOT / "docs/commands.md").read_text(encoding="utf-8").splitlines()
    for kind, meaning in KINDS.items():
        assert f"| `{kind}` | {meaning} |" in lines
