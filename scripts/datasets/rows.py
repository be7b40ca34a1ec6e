"""What the generators share: JSON lines, and rows dealt out to the splits."""

import json
import pathlib
import sys

# Where the folders of the datasets are: the repository's, unless the command names another.
DATASETS = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parents[2] / "datasets"

SIZES = {"train": 40, "val": 40, "test": 60}


def write(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    print(f"{path}: {len(rows)} rows")


def deal(folder, by_kind, random):
    """Gives each split its share of every kind, so that no split lacks one, and writes the files."""
    total = sum(SIZES.values())
    order = []
    for rows in by_kind.values():
        random.shuffle(rows)
        # Where a row of a kind stands in the whole, from 0 to 1: kinds are spread evenly.
        order += [((place + random.random()) / len(rows), row) for place, row in enumerate(rows)]
    order = [row for _, row in sorted(order, key=lambda pair: pair[0])]
    assert len(order) >= total, f"{len(order)} rows, {total} are needed"
    start = 0
    for split, size in SIZES.items():
        rows = order[start : start + size]
        start += size
        random.shuffle(rows)
        write(folder / f"{split}.jsonl", [{"id": f"{split}-{n:03}", **row} for n, row in enumerate(rows, 1)])
