"""Where the installed command `gepard` is."""

from __future__ import annotations

import os
import sysconfig

from . import _native


def name_launcher() -> None:
    """Names the installed command as the one that shuts in generated code, if there is one."""
    folder = sysconfig.get_path("scripts")
    command = os.path.join(folder, "gepard") if folder else ""
    if os.path.isfile(command):
        _native.name_launcher(command)
