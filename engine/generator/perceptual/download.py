"""VGG16's weights, fetched once from PyTorch's own server when they are asked for by name."""

from __future__ import annotations

import hashlib
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from engine.borders.errors import UserError
from engine.generator.checkpoints import cache
from engine.system.part_file import PartFile

URL = "https://download.pytorch.org/models/vgg16-397923af.pth"
BYTES = 553_433_881
SHA256 = "397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0"
LICENCE = "weights of Simonyan & Zisserman (Oxford), CC BY 4.0: free at paid shows with this credit"
CHUNK = 1 << 20  # bytes read at once
PATIENCE = 60  # s that the server may be silent


def vgg16(tell: Callable[[str], None]) -> Path:
    """Return the file, from the cache or from the network; ``tell`` gets lines about its size and licence.

    Raises UserError where it cannot be fetched, or is not what it should be; nothing half stays behind.
    """
    path = cache.folder() / "vgg16-397923af.pth"
    if path.is_file() and path.stat().st_size == BYTES:
        return path
    tell(f"fetching {URL} ({BYTES / 2**20:.0f} MB) to {path}; {LICENCE}")
    path.parent.mkdir(parents=True, exist_ok=True)
    part = PartFile(path)
    try:
        digest, done = hashlib.sha256(), 0
        with urllib.request.urlopen(URL, timeout=PATIENCE) as source, part.part.open("wb") as file:
            while data := source.read(CHUNK):
                digest.update(data)
                file.write(data)
                done += len(data)
                if done // (50 * CHUNK) != (done - len(data)) // (50 * CHUNK):
                    tell(f"{done / 2**20:.0f} of {BYTES / 2**20:.0f} MB")
        if done != BYTES or digest.hexdigest() != SHA256:
            raise UserError(f"{URL}: what came is not VGG16 ({done} bytes, another checksum): try again")
        part.keep()
    except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
        raise UserError(f"{URL}: cannot be fetched ({error}): go online, or name the file with --vgg") from error
    except OSError as error:
        raise UserError(f"{path}: cannot write it: {error.strerror or error}") from error
    finally:
        part.discard()
    return path
