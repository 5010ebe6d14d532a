"""The controller profiles of this machine: the shipped ones, and the user's own over them."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from engine.borders.errors import Trouble, UserError
from engine.borders.params import Table, may_come
from engine.control.hands import profile as files
from engine.control.hands.kinds import agrees
from engine.control.hands.learn import Binding
from engine.control.hands.profile import Profile
from engine.system.files import read_text
from engine.system.last_good import last_good


class Profiles:
    """Finds the profile of a port, and writes what was learned to that of this very port.

    A profile of the user's own with ``port`` is that of one controller. Another one goes by a part of the name, so
    that two of a make share it; what it binds belongs to one of them.
    """

    def __init__(
        self, shipped: Path, own: Path, table: Table, save: Callable[[Path, str], None], notify: Callable[[str], None]
    ) -> None:
        """Read both folders; UserError when a profile is wrong.

        ``table`` has the parameters that bindings may name; a line tells of a binding whose pass is away. ``save``
        writes a file whole or not at all.
        """
        self._shipped = files.load_all(shipped, table)
        self._folder, self._save, self._notify = own, save, notify
        self._own = {path.stem: self._load(path, table) for path in last_good.files(own, files.FILES)}
        self._holders: dict[str, str] = {}  # the port that has the bindings of a profile without port, by file
        self._writing: threading.Thread | None = None
        for stem, profile in self._own.items():
            for name in profile.bindings:
                if name not in table and not may_come(name):
                    notify(f"{own / stem}.toml: {name!r} waits for its pass; {table.nearest(name)}")

    def _load(self, path: Path, table: Table) -> Profile:
        """Read one of the user's own; where it is broken and the show came back, it is as it was before."""
        before = last_good.before(path)
        try:
            text = read_text(path, files.WHAT)
            found = files.parse(text, path, table)
        except UserError as error:
            if before is None:
                raise
            self._notify(Trouble(f"{error}; the last good one is in force"))
            return files.parse(before, path, table)
        last_good.good(path, text)
        return found

    def find(self, port: str) -> Profile:
        """Return what is known of the controller on ``port``; an empty profile for an unknown one."""
        return files.merge((self._made(port), self._alike(port), self._learned(port)), port)

    def bind(self, learned: Binding) -> Profile:
        """Bind a control to a parameter, for good; return the profile of its port as it is now.

        A control does one thing, and a parameter is learned once.
        """
        known = self.find(learned.port)
        kinds = {learned.address: self._kind(known, learned)}
        kinds |= {touch: "touch" for touch in learned.touches if touch not in known.addresses()}
        for stem, own in list(self._own.items()):
            if own.port and own.port != learned.port and learned.target in own.bindings:
                others = {target: address for target, address in own.bindings.items() if target != learned.target}
                self._put(stem, replace(own, bindings=MappingProxyType(others)))
        own = self._learned(learned.port) or Profile(known.name, (), learned.port)
        kept = {t: a for t, a in own.bindings.items() if a != learned.address}
        bindings = {**kept, learned.target: learned.address}
        self._put(self._stem(learned.port), _with(own, kinds, bindings))
        return self.find(learned.port)

    def tell(self, port: str, kinds: Mapping[str, str]) -> Profile:
        """Keep the kinds that controls of a port have turned out to have; return its profile as it is now."""
        own = self._learned(port) or Profile(self.find(port).name, (), port)
        self._put(self._stem(port), _with(own, kinds, own.bindings))
        return self.find(port)

    def close(self) -> None:
        """Wait until what was learned is on the disk."""
        if self._writing is not None:
            self._writing.join()

    def _made(self, port: str) -> Profile | None:
        """Return the shipped profile whose part of the name is the longest: mk2 and not its elder brother."""
        return max((p for p in self._shipped if p.fits(port)), key=lambda p: p.closeness(port), default=None)

    def _alike(self, port: str) -> Profile | None:
        """Return the user's own profile for controllers of this name; its bindings belong to the first of them."""
        for stem, own in self._own.items():
            if own.port or not own.fits(port):
                continue
            holder = self._holders.setdefault(stem, port)
            if port in own.match and holder != port:
                holder = self._holders[stem] = port
            if holder == port or not own.bindings:
                return own
            self._notify(f"MIDI: {port} is like {holder}; what {stem}.toml binds belongs to {holder}")
            return replace(own, bindings=files.NOTHING)
        return None

    def _learned(self, port: str) -> Profile | None:
        return next((own for own in self._own.values() if own.port == port), None)

    @staticmethod
    def _kind(known: Profile, learned: Binding) -> str:
        """Return the kind to keep: a declared one, unless the gesture contradicts it."""
        declared = known.declared(learned.address)
        if declared is not None and (not learned.sure or agrees(declared, learned.kind)):
            return declared
        return learned.kind

    def _stem(self, port: str) -> str:
        """Return the file of a port, without suffix: no other port has it, and no profile that a hand has written."""
        name = re.sub(r"[^a-z0-9]+", "_", port.casefold()).strip("_") or "controller"
        for stem, own in self._own.items():
            if own.port == port:
                return stem
        stem, count = name, 1
        while stem in self._own:
            count += 1
            stem = f"{name}_{count}"
        return stem

    def _put(self, stem: str, own: Profile) -> None:
        self._own[stem] = own
        self._write(self._folder / f"{stem}.toml", files.write(own))

    def _write(self, path: Path, text: str) -> None:
        """Write in a thread, so that a slow disk drops no frame."""

        def write(before: threading.Thread | None) -> None:
            if before is not None:
                before.join()
            try:
                self._save(path, text)
                last_good.good(path, text)
            except UserError as error:
                self._notify(f"{error}; learned for this show only")

        self._writing = threading.Thread(target=write, args=(self._writing,), name="profile")
        self._writing.start()


def _with(own: Profile, kinds: Mapping[str, str], bindings: Mapping[str, str]) -> Profile:
    return replace(own, kinds=MappingProxyType({**own.kinds, **kinds}), bindings=MappingProxyType(dict(bindings)))
