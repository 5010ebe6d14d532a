"""What an old Python does: it hands over to one that uv finds or brings, or says what is missing.

This file alone must run under Python 3.3 and later: no newer syntax, and newer annotations as text.
"""

import os
import shutil
import subprocess
import sys

FITTING = ">=3.11,<3.15"  # the Pythons that all pinned wheels are for, as uv writes it
HANDED_OVER = "LATENTVJ_BY_UV"  # set for the Python that uv starts: it does not hand over again


def start(program: str, arguments: "list[str]") -> int:
    """Run ``program``, a file, again under a fitting Python and return its exit code; 2 where uv is not here."""
    version = "{}.{}".format(*sys.version_info)
    uv = None if os.environ.get(HANDED_OVER) else shutil.which("uv")
    if uv is None:
        sys.stderr.write(
            f"latentvj needs Python 3.11 to 3.14; this is {version}. Install one, or uv, which brings one "
            "(docs.astral.sh/uv), and start again\n"
        )
        return 2
    sys.stderr.write(f"this is Python {version}: uv looks for one that fits, and fetches it where there is none\n")
    command = [uv, "run", "--no-project", "--quiet", "--python", FITTING, program, *arguments]
    return subprocess.call(command, env=dict(os.environ, **{HANDED_OVER: version}))
