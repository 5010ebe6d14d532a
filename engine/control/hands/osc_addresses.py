"""What to say of an OSC address that nothing answers to: the nearest one that something does."""

from __future__ import annotations

import difflib

from engine.borders.params import Table
from engine.control.hands.commands import COMMANDS
from engine.control.hands.song_control import REQUESTS

FORMS = "addresses are /params/NAME, /control/NAME, /command/NAME, /transport/NAME and /cue"


def nearest_address(address: str, table: Table) -> str:
    """Return a question with the most similar address, or what addresses there are."""
    known = {f"/params/{name}".replace(".", "/"): name for name in table}
    known |= {f"/command/{name}".replace(".", "/"): name for name in COMMANDS}
    known |= {f"/transport/{name}": f"transport.{name}" for name in REQUESTS}
    known |= {"/cue": "cue"}
    plain = "/" + address.strip("/").replace(".", "/")
    if close := difflib.get_close_matches(plain, known, 1, 0.75):
        return f"did you mean {close[0]!r}?"
    kind = plain.split("/")[1]
    if len(plain) > len(kind) + 2 and difflib.get_close_matches(kind, ("control",), 1, 0.7):
        return f"did you mean {'/control' + plain[1 + len(kind) :]!r}?"
    # Others leave the first part out: /picture/zoom, or send the last alone: /zoom.
    bare = {name.replace(".", "/"): full for full, name in known.items()}
    last: dict[str, str] = {}
    for full in known:
        last.setdefault(full.rsplit("/", 1)[-1], full)
    for names, text in ((bare, plain[1:]), (last, plain.rsplit("/", 1)[-1])):
        if close := difflib.get_close_matches(text, names, 1, 0.75):
            return f"did you mean {names[close[0]]!r}?"
    return FORMS
