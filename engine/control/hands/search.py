"""A preset found by typing: a slash, some letters of its name, Enter."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from engine.borders.controls import Searched

BEGIN = "/"
LONGEST = 40  # characters; what is typed has no more


class Search:
    """Takes typed characters and keys from the slash on; Enter takes the name that is marked, Escape leaves."""

    def __init__(self, names: Callable[[], Sequence[str]], go: Callable[[str], None]) -> None:
        """``names`` returns what can be found, ``go`` gets the name that was chosen."""
        self._names, self._go = names, go
        self.state: Searched | None = None

    def take(self, name: str, action: str) -> None:
        """Take an edge of a key, or a character that was typed."""
        if self.state is None:
            if (name, action) == (BEGIN, "type"):
                self._find("")
            return
        text, found, at = self.state
        if action == "type" and name.isprintable() and len(text) < LONGEST:
            self._find(text + name)
        elif action != "press":
            return
        elif name == "BACKSPACE":
            self._find(text[:-1])
        elif name in ("UP", "DOWN", "TAB") and found:
            self.state = Searched(text, found, (at + (-1 if name == "UP" else 1)) % len(found))
        elif name in ("ENTER", "KP_ENTER", "ESCAPE"):
            self.state = None
            if name != "ESCAPE" and text:
                self._go(found[at] if found else text)

    def _find(self, text: str) -> None:
        self.state = Searched(text, ranked(text, self._names()), 0)


def ranked(text: str, names: Sequence[str]) -> tuple[str, ...]:
    """Return the names that fit: those that begin with ``text``, then that hold it, then that hold its letters."""
    wanted = text.strip().casefold()

    def rank(name: str) -> int:
        low = name.casefold()
        if low == wanted:
            return 0
        if low.startswith(wanted):
            return 1
        if wanted in low:
            return 2
        letters = iter(low)
        return 3 if all(letter in letters for letter in wanted) else 4

    fits = [(rank(name), at, name) for at, name in enumerate(names)]
    return tuple(name for worth, _, name in sorted(fits) if worth < 4)
