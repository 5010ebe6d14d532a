"""The controller profiles of this machine: the shipped ones, and the user's own over them."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from engine.borders.errors import UserError
from engine.borders.params import Table, may_come
from engine.control.hands import profile as files
from engine.control.hands.profile import Profile


class Profiles:
    """Finds the profile of a port, and writes what was learned to the user's own."""

    def __init__(
        self, shipped: Path, own: Path, table: Table, save: Callable[[Path, str], None], notify: Callable[[str], None]
    ) -> None:
        """Read both folders; UserError when a profile is wrong.

        ``table`` has the parameters that bindings may name; a line tells of a binding whose pass is away. ``save``
        writes a file whole or not at all.
        """
        self._shipped = files.load_all(shipped, table)
        self._own = {path.stem: files.load(path, table) for path in sorted(own.glob("*.toml"))}
        self._folder, self._save, self._notify = own, save, notify
        self._writing: threading.Thread | None = None
        for stem, profile in self._own.items():
            for name in profile.bindings:
                if name not in table and not may_come(name):
                    notify(f"{own / stem}.toml: {name!r} waits for its pass; {table.nearest(name)}")

    def find(self, port: str) -> Profile:
        """Return what is known of the controller on ``port``; an empty profile for an unknown one."""
        shipped = next((p for p in self._shipped if p.fits(port)), None)
        return files.merge(shipped, self._owned(port)[1], port)

    def bind(self, port: str, target: str, address: str) -> Profile:
        """Bind the control at ``address`` to a parameter, for good; return the port's profile as it is now."""
        stem, own = self._owned(port)
        own = own or Profile(self.find(port).name, (port,))
        kept = {t: a for t, a in own.bindings.items() if a != address}  # a control does one thing
        self._own[stem] = replace(own, bindings=MappingProxyType({**kept, target: address}))
        self._write(self._folder / f"{stem}.toml", files.write(self._own[stem]))
        return self.find(port)

    def close(self) -> None:
        """Wait until what was learned is on the disk."""
        if self._writing is not None:
            self._writing.join()

    def _owned(self, port: str) -> tuple[str, Profile | None]:
        """Return the file's name, without suffix, and the content of the user's own profile for a port."""
        for stem, own in self._own.items():
            if own.fits(port):
                return stem, own
        return re.sub(r"[^a-z0-9]+", "_", port.casefold()).strip("_") or "controller", None

    def _write(self, path: Path, text: str) -> None:
        """Write in a thread, so that a slow disk drops no frame."""

        def write(before: threading.Thread | None) -> None:
            if before is not None:
                before.join()
            try:
                self._save(path, text)
            except UserError as error:
                self._notify(f"{error}; learned for this show only")

        self._writing = threading.Thread(target=write, args=(self._writing,), name="profile")
        self._writing.start()
