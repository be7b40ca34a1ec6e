"""The command `gepard`."""

from __future__ import annotations

import signal
import sys

from . import _native


def main() -> None:
    """Runs the command line and ends the process with its exit code."""
    # The command line handles Ctrl-C itself; Python would only note it.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    sys.exit(_native.main(sys.argv))


if __name__ == "__main__":
    main()
