"""The sizes of an ISF file's buffers: arithmetic over $WIDTH, $HEIGHT and the inputs.

A recursive descent over numbers, names, + - * / % ^ ** and the functions below. Nothing else is understood, so a file
can ask for nothing but a number.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Container, Mapping
from typing import TypeAlias

MAX_LENGTH = 512  # characters of an expression
Expression: TypeAlias = Callable[[Mapping[str, float]], float]  # of the values by name, without $

_TOKEN = re.compile(r"\s*(?:(\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+)|\$?([A-Za-z_]\w*)|(\*\*|[-+*/%^(),]))")
_CONSTANTS = {"pi": math.pi, "e": math.e, "tau": math.tau}
_FUNCTIONS: Mapping[str, tuple[int, Callable[..., float]]] = {  # the number of arguments; -1: one or more
    "floor": (1, math.floor),
    "ceil": (1, math.ceil),
    "round": (1, lambda x: math.floor(x + 0.5)),
    "trunc": (1, math.trunc),
    "abs": (1, abs),
    "sqrt": (1, math.sqrt),
    "exp": (1, math.exp),
    "log": (1, math.log10),
    "ln": (1, math.log),
    "log2": (1, math.log2),
    "sin": (1, math.sin),
    "cos": (1, math.cos),
    "tan": (1, math.tan),
    "pow": (2, math.pow),
    "mod": (2, lambda x, y: x - y * math.floor(x / y)),
    "min": (-1, min),
    "max": (-1, max),
}


def parse(text: str, names: Container[str]) -> Expression:
    """Return what the expression computes; ValueError says what is wrong. ``names`` may stand in it, with a $."""
    if len(text) > MAX_LENGTH:
        raise ValueError(f"is longer than {MAX_LENGTH} characters")
    parser = _Parser(_tokens(text), names)
    try:
        found = parser.sum()
    except RecursionError:
        raise ValueError("is nested too deeply") from None
    if parser.here:
        raise ValueError(f"nothing goes on with {parser.here!r}")
    return found


def _tokens(text: str) -> list[str]:
    tokens, at = [], 0
    while at < len(text.rstrip()):
        match = _TOKEN.match(text, at)
        if match is None:
            raise ValueError(f"does not understand {text[at:].strip()[:12]!r}")
        tokens.append(match[0].strip())
        at = match.end()
    return tokens


class _Parser:
    """Reads tokens from left to right; each method returns the function of what it has read."""

    def __init__(self, tokens: list[str], names: Container[str]) -> None:
        self._tokens, self._names, self._at = tokens, names, 0

    @property
    def here(self) -> str:
        """The next token, "" at the end."""
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _take(self, *tokens: str) -> str:
        """Return the next token and go past it if it is one of ``tokens``, else ""."""
        token = self.here
        if token not in tokens:
            return ""
        self._at += 1
        return token

    def sum(self) -> Expression:
        """Return terms, added or subtracted."""
        total = self._product()
        while sign := self._take("+", "-"):
            total = _joined(sign, total, self._product())
        return total

    def _product(self) -> Expression:
        total = self._signed()
        while sign := self._take("*", "/", "%"):
            total = _joined(sign, total, self._signed())
        return total

    def _signed(self) -> Expression:
        if self._take("+"):
            return self._signed()
        if self._take("-"):
            inner = self._signed()
            return lambda values: -inner(values)
        return self._power()

    def _power(self) -> Expression:
        base = self._atom()
        if self._take("^", "**"):
            return _joined("**", base, self._signed())
        return base

    def _atom(self) -> Expression:
        token = self.here
        if self._take("("):
            inner = self.sum()
            if not self._take(")"):
                raise ValueError("a bracket is not closed")
            return inner
        if not token or token in "+-*/%^),":
            raise ValueError(f"{token!r} stands where a number should" if token else "ends too early")
        self._at += 1
        if token[0].isdigit() or token[0] == ".":
            number = float(token)
            return lambda values: number
        return self._name(token)

    def _name(self, token: str) -> Expression:
        name = token.removeprefix("$")
        if self.here == "(" and not token.startswith("$"):
            return self._call(name.lower())
        if name in self._names:
            return lambda values: values[name]
        if name.lower() in _CONSTANTS and not token.startswith("$"):
            constant = _CONSTANTS[name.lower()]
            self._at += 2 if self._tokens[self._at : self._at + 2] == ["(", ")"] else 0
            return lambda values: constant
        raise ValueError(f"there is no input {name!r}")

    def _call(self, name: str) -> Expression:
        if name in _CONSTANTS and self._tokens[self._at : self._at + 2] == ["(", ")"]:
            self._at += 2
            constant = _CONSTANTS[name]
            return lambda values: constant
        if name not in _FUNCTIONS:
            raise ValueError(f"there is no function {name!r}; there are {', '.join(_FUNCTIONS)}")
        self._take("(")
        arguments = [self.sum()]
        while self._take(","):
            arguments.append(self.sum())
        if not self._take(")"):
            raise ValueError("a bracket is not closed")
        wanted, function = _FUNCTIONS[name]
        if wanted not in (-1, len(arguments)):
            raise ValueError(f"{name} takes {wanted} numbers, not {len(arguments)}")
        if len(arguments) == 1 and wanted == -1:
            return arguments[0]
        return lambda values: float(function(*(each(values) for each in arguments)))


def _joined(sign: str, left: Expression, right: Expression) -> Expression:
    match sign:
        case "+":
            return lambda values: left(values) + right(values)
        case "-":
            return lambda values: left(values) - right(values)
        case "*":
            return lambda values: left(values) * right(values)
        case "/":
            return lambda values: left(values) / right(values)
        case "%":
            return lambda values: math.fmod(left(values), right(values))
        case _:
            return lambda values: math.pow(left(values), right(values))


def pixels(expression: Expression | None, values: Mapping[str, float], usual: int, most: int) -> int:
    """Return a side of a buffer in whole pixels, 1 to ``most``; ``usual`` where it comes to no number."""
    if expression is None:
        return usual
    try:
        found = expression(values)
        return min(max(int(found), 1), most)
    except (ValueError, ZeroDivisionError, OverflowError, TypeError):  # TypeError: a complex root
        return usual
