"""What the recogniser tells of a fruit, by name."""

from __future__ import annotations

KINDS = ("apple", "pear", "orange", "lemon", "banana", "strawberry",
         "grapes", "cherry", "peach", "melon", "kiwi")  # fmt: skip
ATTRIBUTES = ("ripeness", "colour", "size", "turn", "tilt", "slice", "stem", "light")
