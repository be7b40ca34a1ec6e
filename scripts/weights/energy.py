"""The energy that the machine's processors have used."""

import pathlib

COUNTERS = pathlib.Path("/sys/class/powercap")


def joules():
    """Returns the joules that the counters of all processors (RAPL) show; None where they cannot be read."""
    try:
        packages = [folder for folder in COUNTERS.glob("intel-rapl:*") if folder.name.count(":") == 1]
        counts = [int((folder / "energy_uj").read_text()) for folder in packages]
    except OSError:
        return None
    return sum(counts) / 1e6 if counts else None
