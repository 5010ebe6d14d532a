"""Runs a command in a network of its own, whose only way out is an HTTP proxy. Needs root on Linux.

usage: ``python -m tests.builders.only_by_proxy SOCKET COMMAND…``: in the new network, where a relay leads from
127.0.0.1:3128 to the proxy's socket. A socket in the file system is reached from any network.
"""

from __future__ import annotations

import fcntl
import os
import socket
import struct
import subprocess
import sys
import threading
from pathlib import Path

PORT = 3128
WORDS = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")


class Proxy:
    """An HTTP proxy on a socket of the file system that opens tunnels (CONNECT), and notes where to."""

    def __init__(self, path: Path) -> None:
        self.hosts: list[str] = []
        self.bytes = 0
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(path))
        self._listening.listen(64)
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            client, _ = self._listening.accept()
            threading.Thread(target=self._tunnel, args=(client,), daemon=True).start()

    def _tunnel(self, client: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head and (data := client.recv(4096)):
            head += data
        method, where, *_ = head.decode("latin-1").split()
        host, _, port = where.rpartition(":")
        self.hosts.append(host)
        try:
            if method != "CONNECT":
                raise OSError("tunnels only")
            server = socket.create_connection((host, int(port)), timeout=30)
        except OSError:
            client.sendall(b"HTTP/1.1 502 Bad Gateway\r\n\r\n")
            client.close()
            return
        server.settimeout(None)
        client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        threading.Thread(target=copy, args=(client, server), daemon=True).start()
        self.bytes += copy(server, client)

    def close(self) -> None:
        """Take no more."""
        self._listening.close()


def copy(source: socket.socket, target: socket.socket) -> int:
    """Copy until the source ends; return the number of bytes."""
    count = 0
    try:
        while data := source.recv(1 << 16):
            target.sendall(data)
            count += len(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass
    return count


def relay(path: str) -> None:
    """Lead what comes to the port to the proxy's socket."""
    listening = socket.create_server(("127.0.0.1", PORT), backlog=64)

    def serve() -> None:
        while True:
            client, _ = listening.accept()
            proxy = socket.socket(socket.AF_UNIX)
            proxy.connect(path)
            for pair in ((client, proxy), (proxy, client)):
                threading.Thread(target=copy, args=pair, daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()


def loopback() -> None:
    """Bring 127.0.0.1 up: in a new network it is down (SIOCSIFFLAGS of netdevice(7), IFF_UP and IFF_RUNNING)."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, 0x8914, struct.pack("16sH14x", b"lo", 0x41))


if __name__ == "__main__":
    loopback()
    relay(sys.argv[1])
    variables = os.environ | dict.fromkeys(WORDS, f"http://127.0.0.1:{PORT}")
    sys.exit(subprocess.call(sys.argv[2:], env=variables))
