"""The JACK server and its end: RtMidi does not report that the server died, and still lists its ports.

A JACK client without ports gets the report instead (jack_on_shutdown, jack.h).
"""

from __future__ import annotations

import ctypes
import functools
import itertools
import os
import re
import sys
import threading
import time
from typing import Any

from engine.system.quiet import quiet_stderr

NAMES = {"win32": "libjack64.dll", "darwin": "libjack.0.dylib"}  # of JACK's library, by platform
NO_START = 0x01  # JackNoStartServer
IS_OUTPUT, AUDIO = 0x02, b"32 bit float mono audio"  # JackPortIsOutput, JACK_DEFAULT_AUDIO_TYPE
LINKED_SECONDS, LOOK_SECONDS = 0.5, 0.005  # s; in which a connection is seen, and from one look to the next
ANY = re.compile("")  # the name of any port
ANSWER_SECONDS = 1.0  # for closing a client; a server that takes longer does not answer
_SHUTDOWN_CALLBACK = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


class JackServer:
    """Watches the JACK server that runs when this object is made, if there is one."""

    def __init__(self, client: str) -> None:
        """``client`` is the name of the JACK client that watches."""
        self._dead = threading.Event()
        self._callback = _SHUTDOWN_CALLBACK(lambda _argument: self._dead.set())  # referenced here, for JACK's thread
        self._library = _library()
        self._client: int | None = None  # the address of the client
        if self._library is not None:
            with quiet_stderr():  # without a server it prints five lines, and callers try every second
                self._client = self._library.jack_client_open(client.encode(), NO_START, None)
        if self._library is not None and self._client:
            self._library.jack_on_shutdown(self._client, self._callback, None)
            self._library.jack_activate(self._client)

    @property
    def found(self) -> bool:
        """Return whether there is a server to watch."""
        return bool(self._client)

    @property
    def dead(self) -> bool:
        """Return whether the server has died."""
        return self._dead.is_set()

    def sounds(self, name: str) -> bool:
        """Return whether a client ``name`` has an audio output. JACK reads shared memory, so this cannot hang."""
        if self._library is None or not self._client:
            return False
        ports = self._library.jack_get_ports(self._client, None, AUDIO, IS_OUTPUT)
        return any(port.startswith(f"{name}:") for port in self._taken(ports))

    def linked(self, port: str, ours: re.Pattern[str] = ANY) -> bool:
        """Return whether a port whose name begins like ``ours`` is connected to ``port`` within LINKED_SECONDS.

        True where nobody can tell.
        """
        give_up = time.monotonic() + LINKED_SECONDS
        while not (linked := self._linked(port, ours)) and time.monotonic() < give_up:
            time.sleep(LOOK_SECONDS)  # a connection is seen in the period after it was made
        return linked

    def _linked(self, port: str, ours: re.Pattern[str]) -> bool:
        found = self._library.jack_port_by_name(self._client, port.encode()) if self._library and self._client else None
        if self._library is None or not found:
            return True
        others = self._library.jack_port_get_all_connections(self._client, found)
        return any(ours.match(other) for other in self._taken(others))

    def _taken(self, names: Any) -> list[str]:
        """Return the text of a list of names that JACK has made, and give the list back."""
        if not names or self._library is None:
            return []
        listed = itertools.takewhile(lambda name: name is not None, (names[index] for index in itertools.count()))
        found = [name.decode(errors="replace") for name in listed if name is not None]
        self._library.jack_free(names)
        return found

    def close(self) -> None:
        """Stop watching; a second call does nothing."""
        client, self._client = self._client, None
        if self._library is not None and client:
            self._library.jack_client_close(client)

    def closes(self) -> bool:
        """Stop watching; return whether the server answered within ANSWER_SECONDS. One that hangs does not."""
        closing = threading.Thread(target=self.close, name="jack", daemon=True)
        closing.start()
        closing.join(ANSWER_SECONDS)
        return not closing.is_alive()


@functools.cache
def _library() -> ctypes.CDLL | None:
    """Return JACK's library, or None where there is none."""
    try:
        library = ctypes.CDLL(NAMES.get(sys.platform, "libjack.so.0"))
        library.jack_client_open.restype = ctypes.c_void_p
        library.jack_client_open.argtypes = [ctypes.c_char_p, ctypes.c_int, ctypes.c_void_p]
        library.jack_on_shutdown.restype = None
        library.jack_on_shutdown.argtypes = [ctypes.c_void_p, _SHUTDOWN_CALLBACK, ctypes.c_void_p]
        library.jack_get_ports.restype = ctypes.POINTER(ctypes.c_char_p)
        library.jack_get_ports.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_ulong]
        library.jack_port_by_name.restype = ctypes.c_void_p
        library.jack_port_by_name.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
        library.jack_port_get_all_connections.restype = ctypes.POINTER(ctypes.c_char_p)
        library.jack_port_get_all_connections.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
        library.jack_free.restype, library.jack_free.argtypes = None, [ctypes.c_void_p]
        for call in (library.jack_activate, library.jack_client_close):
            call.argtypes = [ctypes.c_void_p]
        hush(library)
    except (OSError, AttributeError):
        return None
    return library


def hush(library: ctypes.CDLL) -> None:
    """Keep a JACK library from writing to stderr; its threads print twenty lines when the server dies.

    The library gets a C function without effect for its messages. A Python function would need the GIL, and JACK's
    realtime threads must not wait for it.
    """
    if os.name != "posix":
        return
    no_effect = ctypes.cast(ctypes.CDLL(None).strlen, ctypes.c_void_p)
    for set_function in (library.jack_set_error_function, library.jack_set_info_function):
        set_function.restype, set_function.argtypes = None, [ctypes.c_void_p]
        set_function(no_effect)
