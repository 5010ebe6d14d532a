"""GLFW without its type stubs, which know neither null pointers nor bytes. Importing it looks for the library."""

from __future__ import annotations

from typing import Any, TypeAlias

import glfw as _glfw

glfw: Any = _glfw
Handle: TypeAlias = Any  # glfw's pointer to a window
Monitor: TypeAlias = Any  # glfw's pointer to a monitor
