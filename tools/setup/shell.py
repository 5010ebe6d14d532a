"""The line that puts the command vj on the PATH, in the shell that started the set-up. Standard library only."""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Mapping
from pathlib import Path

FILES = {"bash": "~/.bashrc", "zsh": "~/.zshrc", "fish": "", "tcsh": "~/.tcshrc", "csh": "~/.cshrc"}


def advice(folder: Path, env: Mapping[str, str], system: str = os.name) -> str:
    """Return what to run so that vj, which lies in ``folder``, is found; empty where it is found already."""
    found = shutil.which("vj", path=env.get("PATH", ""))
    if found is not None and Path(found).parent.resolve() == folder.resolve():
        return ""
    shell = name_of(env, system)
    file = FILES.get(shell, "")
    lasting = f" (and in {file} for every one to come)" if file else ""
    return f"to have the command vj in this shell{lasting}:\n  {line(folder, shell)}"


def name_of(env: Mapping[str, str], system: str = os.name) -> str:
    """Return the name of the shell: what a login gets, on Windows the one that has a prompt of its own."""
    if system == "nt":
        return "cmd" if "PROMPT" in env else "powershell"
    return Path(env.get("SHELL") or "sh").name


def line(folder: Path, shell: str) -> str:
    """Return the line that puts ``folder`` on the PATH of a shell."""
    if shell == "cmd":
        return f'set "PATH={folder};%PATH%"'
    if shell == "powershell":
        quoted = str(folder).replace("'", "''")
        return f"$env:Path = '{quoted};' + $env:Path"
    place = shlex.quote(str(folder))
    if shell == "fish":
        return f"fish_add_path {place}"
    if shell in ("csh", "tcsh"):
        return f"set path = ({place} $path)"
    return f'export PATH={place}:"$PATH"'
