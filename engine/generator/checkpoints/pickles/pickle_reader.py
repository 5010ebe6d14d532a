"""A reader of pickles as data: every name becomes an inert record, and nothing is imported or called.

A pickle is a program for a small stack machine (PEP 3154, and CPython's Lib/pickletools.py for the opcodes). Python's
own machine imports and calls what the program names, before the caller sees anything. This one knows only the opcodes
that checkpoints use. It turns calls into `Record`s and leaves large byte strings in the file as `Blob`s. Its budget
limits every file to about a second of reading.
"""

from __future__ import annotations

import struct

from engine.generator.checkpoints.pickles.pickle_names import (
    DAMAGED,
    Blob,
    Budget,
    Dialect,
    Global,
    Record,
    admit,
    call,
    create,
    plain_key,
)
from engine.generator.checkpoints.pickles.spans import TRUNCATED, Cursor
from engine.generator.checkpoints.refusals import AGAIN, EXHAUSTS, UNTRUSTED, Refused

LARGE_BYTES, LARGE_TEXT = 4096, 65536  # bytes; a longer string stays in the file
LARGEST_MEMO = 4_000_000  # highest number of a memorized object; a file with a higher one is refused
DEEPEST = 1000  # levels of nested objects; a file with more is refused


class Unpickler:
    """Reads one pickle from a cursor, up to its STOP."""

    def __init__(self, cursor: Cursor, budget: Budget, dialect: Dialect) -> None:
        self.cursor, self.budget, self.dialect = cursor, budget, dialect
        self.stack: list[object] = []
        self.marks: list[list[object]] = []
        self.memo: dict[int, object] = {}

    def load(self) -> object:
        """Return the top object. Raises Refused for anything but plain data and inert records."""
        handlers = {code: getattr(self, name) for code, name in HANDLERS.items()}
        take, budget = self.cursor.take, self.budget
        try:
            while (code := take(1)[0]) != 0x2E:
                budget.operations -= 1
                if budget.operations < 0:
                    raise Refused(f"it takes more steps to read than any checkpoint: {EXHAUSTS}")
                handler = handlers.get(code)
                if handler is None:
                    raise Refused(self._unknown(code))
                handler()
            top = self.stack.pop()
        except (IndexError, KeyError, UnicodeDecodeError):
            raise Refused(DAMAGED) from None
        if self.stack or self.marks:
            raise Refused(DAMAGED)
        check_depth(top)
        return top

    def _unknown(self, code: int) -> str:
        """Return the reason for refusing this opcode."""
        if code in b"io\x82\x83\x84PQ":
            return f"its pickle builds objects in a way that no checkpoint does (opcode {chr(code)!r}): {UNTRUSTED}"
        if code in b"ILFSVgpdl":
            return f"its pickle is of protocol 0, which no checkpoint is: {AGAIN}"
        return DAMAGED

    # Strings and numbers

    def _number(self, form: str) -> int:
        """Return the next bytes as one number in a format of `struct`."""
        return int(struct.unpack(form, self.cursor.take(struct.calcsize(form)))[0])

    def _text(self, size: int) -> object:
        if size > LARGE_TEXT:
            return Blob(self.cursor.leave(size), "text")
        self.budget.text -= size
        if self.budget.text < 0:
            raise Refused(f"it holds more text than any checkpoint: {EXHAUSTS}")
        return self.cursor.take(size).decode("utf-8", "surrogatepass")

    def _raw(self, size: int) -> object:
        return self.cursor.take(size) if size <= LARGE_BYTES else Blob(self.cursor.leave(size))

    def _proto(self) -> None:
        if self.cursor.take(1)[0] > 5:
            raise Refused(DAMAGED)

    def _frame(self) -> None:
        if self._number("<Q") > self.cursor.span.length - self.cursor.position:
            raise Refused(TRUNCATED)

    def _none(self) -> None:
        self.stack.append(None)

    def _true(self) -> None:
        self.stack.append(True)

    def _false(self) -> None:
        self.stack.append(False)

    def _int1(self) -> None:
        self.stack.append(self.cursor.take(1)[0])

    def _int2(self) -> None:
        self.stack.append(self._number("<H"))

    def _int4(self) -> None:
        self.stack.append(self._number("<i"))

    def _long1(self) -> None:
        self.stack.append(int.from_bytes(self.cursor.take(self.cursor.take(1)[0]), "little", signed=True))

    def _float(self) -> None:
        self.stack.append(struct.unpack(">d", self.cursor.take(8))[0])

    def _text1(self) -> None:
        self.stack.append(self._text(self.cursor.take(1)[0]))

    def _text4(self) -> None:
        self.stack.append(self._text(self._number("<I")))

    def _text8(self) -> None:
        self.stack.append(self._text(self._number("<Q")))

    def _bytes1(self) -> None:
        self.stack.append(self._raw(self.cursor.take(1)[0]))

    def _bytes4(self) -> None:
        self.stack.append(self._raw(self._number("<I")))

    def _bytes8(self) -> None:
        self.stack.append(self._raw(self._number("<Q")))

    def _string1(self) -> None:  # Python 2's str
        self.stack.append(self.cursor.take(self.cursor.take(1)[0]).decode("latin-1"))

    def _string4(self) -> None:  # a longer one, such as the bytes of an array
        size = self._number("<i")
        if size < 0:
            raise Refused(DAMAGED)
        raw = self._raw(size)
        self.stack.append(raw.decode("latin-1") if isinstance(raw, bytes) else raw)

    # Containers

    def _mark(self) -> None:
        self.marks.append(self.stack)
        self.stack = []

    def _items(self) -> list[object]:
        """Return the objects that were pushed since the last mark."""
        items, self.stack = self.stack, self.marks.pop()
        return items

    def _pop(self) -> None:
        if self.stack:
            self.stack.pop()
        else:
            self._items()

    def _tuple0(self) -> None:
        self.stack.append(())

    def _tuple1(self) -> None:
        self.stack[-1] = (self.stack[-1],)

    def _tuple2(self) -> None:
        self.stack[-2:] = [(self.stack[-2], self.stack[-1])]

    def _tuple3(self) -> None:
        self.stack[-3:] = [(self.stack[-3], self.stack[-2], self.stack[-1])]

    def _tuple(self) -> None:
        items = self._items()
        self.stack.append(tuple(items))

    def _list(self) -> None:  # a set becomes a list, too: the order stays, and nothing is hashed
        self.stack.append([])

    def _frozenset(self) -> None:
        items = self._items()
        self.stack.append(items)

    def _dict(self) -> None:
        self.stack.append({})

    def _append(self) -> None:
        self._extend([self.stack.pop()])

    def _appends(self) -> None:
        self._extend(self._items())

    def _extend(self, items: list[object]) -> None:
        target = self.stack[-1]
        if not isinstance(target, list):
            raise Refused(DAMAGED)
        target.extend(items)

    def _setitem(self) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self._update([key, value])

    def _setitems(self) -> None:
        self._update(self._items())

    def _update(self, items: list[object]) -> None:
        target = self.stack[-1]
        if isinstance(target, Record):  # a dict of an unknown class is opaque, and so are its items
            return
        if not isinstance(target, dict) or len(items) % 2:
            raise Refused(DAMAGED)
        for i in range(0, len(items), 2):
            target[plain_key(items[i])] = items[i + 1]

    # Memo

    def _memoize(self) -> None:
        self.memo[len(self.memo)] = self.stack[-1]

    def _put1(self) -> None:
        self.memo[self.cursor.take(1)[0]] = self.stack[-1]

    def _put4(self) -> None:
        index = self._number("<I")
        if index > LARGEST_MEMO:
            raise Refused(f"its pickle numbers more objects than it has: {EXHAUSTS}")
        self.memo[index] = self.stack[-1]

    def _get1(self) -> None:
        self.stack.append(self.memo[self.cursor.take(1)[0]])

    def _get4(self) -> None:
        self.stack.append(self.memo[self._number("<I")])

    # Names and calls, all inert

    def _global(self) -> None:
        module, name = self.cursor.line().decode("utf-8"), self.cursor.line().decode("utf-8")
        self.stack.append(admit(module, name, self.dialect))

    def _stack_global(self) -> None:
        name, module = self.stack.pop(), self.stack.pop()
        if not isinstance(name, str) or not isinstance(module, str):
            raise Refused(DAMAGED)
        self.stack.append(admit(module, name, self.dialect))

    def _reduce(self) -> None:
        args, function = self.stack.pop(), self.stack.pop()
        if not isinstance(function, Global) or not isinstance(args, tuple):
            raise Refused(f"its pickle calls something that is no name: {UNTRUSTED}")
        self.stack.append(call(function, args, self.budget, self.dialect))

    def _newobj(self) -> None:
        args, cls = self.stack.pop(), self.stack.pop()
        self.stack.append(create(cls, args))

    def _newobj_ex(self) -> None:
        kwargs, args, cls = self.stack.pop(), self.stack.pop(), self.stack.pop()
        if not isinstance(kwargs, dict):
            raise Refused(DAMAGED)
        self.stack.append(create(cls, args))

    def _build(self) -> None:
        state, target = self.stack.pop(), self.stack[-1]
        if isinstance(target, dict):  # attributes of an OrderedDict or EasyDict, such as torch's _metadata
            return
        if not isinstance(target, Record) or target.state is not None:
            raise Refused(f"its pickle rewrites something that is no object of its own: {UNTRUSTED}")
        target.state = state

    def _persistent(self) -> None:
        if self.dialect.persistent is None:
            raise Refused(self._unknown(0x51))
        self.stack[-1] = self.dialect.persistent(self.stack[-1])


def check_depth(top: object) -> None:
    """Raise Refused when objects are nested more than DEEPEST levels deep; each object is visited once."""
    seen: set[int] = set()
    path: list[list[object]] = [[top]]
    while path:
        if not path[-1]:
            path.pop()
            continue
        value = path[-1].pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, Record):
            inside: list[object] = [value.args, value.state]
        elif isinstance(value, dict):
            inside = [*value.values()]
        elif isinstance(value, (list, tuple)):
            inside = [*value]
        else:
            continue
        path.append(inside)
        if len(path) > DEEPEST:
            raise Refused(f"its objects are nested deeper than any checkpoint's: {EXHAUSTS}")


HANDLERS = {
    0x80: "_proto", 0x95: "_frame", ord("N"): "_none", 0x88: "_true", 0x89: "_false",
    ord("K"): "_int1", ord("M"): "_int2", ord("J"): "_int4", 0x8A: "_long1", ord("G"): "_float",
    0x8C: "_text1", ord("X"): "_text4", 0x8D: "_text8", ord("U"): "_string1", ord("T"): "_string4",
    ord("C"): "_bytes1", ord("B"): "_bytes4", 0x8E: "_bytes8", 0x96: "_bytes8",
    ord("("): "_mark", ord("0"): "_pop", ord("1"): "_items", ord(")"): "_tuple0",
    0x85: "_tuple1", 0x86: "_tuple2", 0x87: "_tuple3", ord("t"): "_tuple",
    ord("]"): "_list", 0x8F: "_list", 0x91: "_frozenset", ord("}"): "_dict",
    ord("a"): "_append", ord("e"): "_appends", 0x90: "_appends", ord("s"): "_setitem",
    ord("u"): "_setitems", 0x94: "_memoize", ord("q"): "_put1", ord("r"): "_put4",
    ord("h"): "_get1", ord("j"): "_get4", ord("c"): "_global", 0x93: "_stack_global",
    ord("R"): "_reduce", 0x81: "_newobj", 0x92: "_newobj_ex", ord("b"): "_build",
    ord("Q"): "_persistent",
}  # fmt: skip
