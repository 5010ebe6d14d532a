"""The set-up itself, on this machine, with wheels from a folder: minutes, so LATENTVJ_LONG=1 runs it, as root.

LATENTVJ_WHEELS names a folder with a wheel of everything that is locked, and of uv (`pip download -d FOLDER -r …`).
Each test plays in a clone whose path has a space and an umlaut, in a network of its own that leads nowhere.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.builders.only_by_proxy import Proxy

ROOT = Path(__file__).parents[3]
WHEELS = os.environ.get("LATENTVJ_WHEELS", "")
ROOTLIKE = sys.platform == "linux" and os.geteuid() == 0 and shutil.which("unshare") is not None
pytestmark = [
    pytest.mark.skipif("LATENTVJ_LONG" not in os.environ, reason="minutes: LATENTVJ_LONG=1 runs it"),
    pytest.mark.skipif(not ROOTLIKE, reason="wants a network of its own: root on Linux"),
    pytest.mark.skipif(not WHEELS, reason="LATENTVJ_WHEELS names a folder of wheels"),
    pytest.mark.alone,
]
STILL = ["image", "-o", "still.png", "--seed", "1", "--resolution", "32"]
APART = ["unshare", "-n"]


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A checkout in which nothing is installed; its path has a space and an umlaut."""
    folder = tmp_path / "für die Bühne"
    subprocess.run(["git", "clone", "-q", "--no-hardlinks", ROOT, folder], check=True)
    changes = subprocess.run(["git", "diff", "HEAD"], cwd=ROOT, capture_output=True, check=True).stdout
    if changes:
        subprocess.run(["git", "apply"], cwd=folder, input=changes, check=True)
    return folder


def variables(home: Path, by: str) -> dict[str, str]:
    """A user without settings of pip's or uv's, but that wheels are in a folder."""
    own = {name: text for name, text in os.environ.items() if not name.startswith(("PIP_", "UV_"))}
    found = {"uv": {"UV_FIND_LINKS": WHEELS, "UV_OFFLINE": "1"}, "pip": {"PIP_FIND_LINKS": WHEELS, "PIP_NO_INDEX": "1"}}
    own |= {"HOME": str(home), "XDG_CONFIG_DIRS": str(home), "PIP_CONFIG_FILE": os.devnull, **found[by]}
    own.pop("XDG_DATA_HOME", None)
    if by == "uv":
        own["PATH"] = f"{unpacked_uv(home.parent)}{os.pathsep}{own['PATH']}"
    return own


def unpacked_uv(folder: Path) -> Path:
    """Return the folder with the program uv, of its wheel."""
    if not (folder / "uv").is_dir():
        quiet = [sys.executable, "-m", "pip", "install", "-q", "--no-index", "--find-links", WHEELS]
        subprocess.run([*quiet, "--target", folder / "uv", "uv"], check=True)
    return folder / "uv/bin"


def start(clone: Path, home: Path, by: str, *, until: tuple[str, int] | None = None) -> tuple[int, str]:
    """Run the start; `until` a line has a word, when the whole group gets a signal. Return its code and its words."""
    home.mkdir(exist_ok=True)
    command = [*APART, sys.executable, str(clone / "tools/start.py"), *STILL]
    process = subprocess.Popen(command, cwd=home, env=variables(home, by), stderr=subprocess.PIPE, text=True,
                               stdout=subprocess.DEVNULL, start_new_session=True)  # fmt: skip
    said = []
    with process:
        assert process.stderr is not None
        for line in process.stderr:
            said.append(line)
            if until is not None and until[0] in line:
                os.killpg(process.pid, until[1])
                until = None
    assert until is None, "".join(said)
    return process.returncode, "".join(said)


POINTS = ["making .venv", "torch comes from", "installing the pinned packages", "installing the command vj",
          "trying the packages"]  # fmt: skip


@pytest.mark.parametrize(
    ("point", "how"),
    [*((point, signal.SIGINT) for point in POINTS), *((point, signal.SIGKILL) for point in POINTS[1:3])],
)
def test_a_set_up_that_is_stopped_goes_on_at_the_next_start(clone, tmp_path, point, how):
    code, said = start(clone, tmp_path / "home", "uv", until=(point, how))
    assert code != 0
    assert "Traceback" not in said
    code, said = start(clone, tmp_path / "home", "uv")
    assert code == 0, said
    assert (tmp_path / "home/still.png").stat().st_size > 1000
    code, said = start(clone, tmp_path / "home", "uv")
    assert (code, "ready" in said) == (0, False)


@pytest.mark.parametrize("by", ["uv", "pip"])
def test_without_a_network_the_folder_is_enough(clone, tmp_path, by):
    code, said = start(clone, tmp_path / "home", by)
    assert code == 0, said
    assert f"installing with {by}" in said
    assert (tmp_path / "home/still.png").stat().st_size > 1000


def test_a_checkout_that_cannot_be_written_to_plays_from_the_users_folder(clone, tmp_path, monkeypatch):
    mount = f'mount --bind "{clone}" "{clone}" && mount -o remount,bind,ro "{clone}" && exec "$@"'
    monkeypatch.setattr(sys.modules[__name__], "APART", ["unshare", "-n", "-m", "sh", "-c", mount, "sh"])
    code, said = start(clone, tmp_path / "home", "uv")
    assert code == 0, said
    assert "cannot be written to" in said
    assert (tmp_path / "home/still.png").stat().st_size > 1000
    assert not (clone / ".venv").exists()
    command = next((tmp_path / "home/.local/share/latentvj").glob("checkout-*/.venv/bin/vj"))
    done = subprocess.run([command, "presets"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, "tidal" in done.stdout) == (0, True)
    code, said = start(clone, tmp_path / "home", "uv")
    assert (code, "ready" in said) == (0, False)


@pytest.mark.parametrize("by", ["uv", "pip"])
def test_the_only_way_out_is_a_proxy(clone, tmp_path, by, monkeypatch):
    """torch alone comes from the folder: its index is not the point here."""
    torch = tmp_path / "torch"
    torch.mkdir()
    for wheel in Path(WHEELS).glob("torch-*"):
        (torch / wheel.name).symlink_to(wheel)
    path = tmp_path / "socket"
    proxy = Proxy(path)
    module = sys.modules[__name__]
    program = str(ROOT / "tests/builders/only_by_proxy.py")
    monkeypatch.setattr(module, "APART", ["unshare", "-n", sys.executable, program, str(path)])
    settings = {"uv": {"UV_FIND_LINKS": str(torch)}, "pip": {"PIP_FIND_LINKS": str(torch)}}[by]
    if cert := os.environ.get("SSL_CERT_FILE"):
        settings |= {"SSL_CERT_FILE": cert, "PIP_CERT": cert}
    asked = variables

    def by_proxy(home: Path, by: str) -> dict[str, str]:
        own = asked(home, "pip")  # without a uv: it comes through the proxy, too
        return {name: text for name, text in own.items() if not name.startswith(("UV_", "PIP_F", "PIP_N"))} | settings

    monkeypatch.setattr(module, "variables", by_proxy)
    code, said = start(clone, tmp_path / "home", by)
    proxy.close()
    assert code == 0, said
    assert (tmp_path / "home/still.png").stat().st_size > 1000
    assert "pypi.org" in proxy.hosts
    assert proxy.bytes > 20e6
