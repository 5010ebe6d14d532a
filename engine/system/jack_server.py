"""Whether a JACK server lives: RtMidi never says that it died, and goes on listing the ports it had.

A client without ports, which is told (jack_on_shutdown, jack.h). Nothing else is asked of JACK's library.
"""

from __future__ import annotations

import ctypes
import functools
import itertools
import os
import sys
import threading
from typing import Any

from engine.system.quiet import quiet_stderr

NAMES = {"win32": "libjack64.dll", "darwin": "libjack.0.dylib"}
NO_START = 0x01  # JackNoStartServer
IS_OUTPUT, AUDIO = 0x02, b"32 bit float mono audio"  # JackPortIsOutput, JACK_DEFAULT_AUDIO_TYPE
ANSWER_SECONDS = 1.0  # a server that takes longer to let a client go has stopped answering
_TOLD = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


class JackServer:
    """Watches the server that runs when this is made, if one does."""

    def __init__(self, client: str) -> None:
        """``client`` is the name it watches by."""
        self._dead = threading.Event()
        self._told = _TOLD(lambda _argument: self._dead.set())  # kept here: JACK's thread calls it
        self._library = _library()
        self._client: Any = None
        if self._library is not None:
            with quiet_stderr():  # it says in five lines that there is none, and is asked again every second
                self._client = self._library.jack_client_open(client.encode(), NO_START, None)
        if self._client:
            self._library.jack_on_shutdown(self._client, self._told, None)
            self._library.jack_activate(self._client)

    @property
    def found(self) -> bool:
        """Return whether there was one to watch."""
        return bool(self._client)

    @property
    def dead(self) -> bool:
        """Return whether it has died since."""
        return self._dead.is_set()

    def sounds(self, name: str) -> bool:
        """Return whether a client of this name has an audio output; read from shared memory, so nothing can hang."""
        ports = self._library.jack_get_ports(self._client, None, AUDIO, IS_OUTPUT) if self._client else None
        if not ports:
            return False
        listed = itertools.takewhile(lambda port: port is not None, (ports[index] for index in itertools.count()))
        found = any(port.startswith(f"{name}:".encode()) for port in listed if port is not None)
        self._library.jack_free(ports)
        return found

    def close(self) -> None:
        """Stop watching; a second call does nothing."""
        client, self._client = self._client, None
        if client:
            self._library.jack_client_close(client)

    def closes(self) -> bool:
        """Stop watching as well; return whether the server answered, which one that hangs never does."""
        asking = threading.Thread(target=self.close, name="jack", daemon=True)
        asking.start()
        asking.join(ANSWER_SECONDS)
        return not asking.is_alive()


@functools.cache
def _library() -> Any:
    """Return JACK's library, or None."""
    try:
        library = ctypes.CDLL(NAMES.get(sys.platform, "libjack.so.0"))
        library.jack_client_open.restype = ctypes.c_void_p
        library.jack_client_open.argtypes = [ctypes.c_char_p, ctypes.c_int, ctypes.c_void_p]
        library.jack_on_shutdown.restype = None
        library.jack_on_shutdown.argtypes = [ctypes.c_void_p, _TOLD, ctypes.c_void_p]
        library.jack_get_ports.restype = ctypes.POINTER(ctypes.c_char_p)
        library.jack_get_ports.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_ulong]
        library.jack_free.restype, library.jack_free.argtypes = None, [ctypes.c_void_p]
        for call in (library.jack_activate, library.jack_client_close):
            call.argtypes = [ctypes.c_void_p]
        hush(library)
    except (OSError, AttributeError):
        return None
    return library


def hush(library: Any) -> None:
    """Keep a JACK library from writing to stderr: twenty lines when its server dies, from threads of its own.

    It calls a C function instead that has no effect, for one of Python's would let its realtime threads wait.
    """
    if os.name != "posix":
        return
    nothing = ctypes.cast(ctypes.CDLL(None).strlen, ctypes.c_void_p)
    for choose in (library.jack_set_error_function, library.jack_set_info_function):
        choose.restype, choose.argtypes = None, [ctypes.c_void_p]
        choose(nothing)
