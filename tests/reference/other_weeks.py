#!/usr/bin/env python3
"""Cuts guests of other weeks from the 92-day recording, for the third table of docs/backtest.md.

    other_weeks.py RECORDING.csv.gz DIRECTORY

RECORDING has the columns of docs/simulation.md and `cf`, of which the rows with AVERAGE are taken. A guest of a cut is 31 days of a recorded one, from
one of a few days on; it is left out where less than four fifths of its half hours were recorded. Writes a108.csv, b108.csv, c109.csv, d77.csv and e59.csv,
named after the number of guests; the same ones each time.
"""

import csv
import gzip
import pathlib
import random
import sys

DAY = 86_400
DAYS = 31
LEAST_ROWS = 0.8 * DAYS * 48


def recorded(path):
    """Columns, and the rows of each guest with their times."""
    with gzip.open(path, "rt", newline="") as file:
        rows = csv.reader(file)
        header = next(rows)
        mean, guest, time = (header.index(name) for name in ("cf", "vm", "t"))
        guests = {}
        for row in rows:
            if row[mean] == "AVERAGE":
                guests.setdefault(int(row[guest]), []).append((int(float(row[time])), row))
    return header, guests


def write(path, header, guests, parts):
    """Writes the guests `parts`, each recorded from a day on, and renumbers them."""
    kept = [name for name in header if name != "cf"]
    number = 99
    with open(path, "w", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(kept)
        for guest, day in parts:
            start, end = day * DAY, (day + DAYS) * DAY
            rows = [(time - start, row) for time, row in guests[guest] if start <= time < end]
            if len(rows) < LEAST_ROWS:
                continue
            number += 1
            for time, row in rows:
                told = dict(zip(header, row)) | {"vm": number, "t": time}
                out.writerow(told[name] for name in kept)
    print(f"{path}: {number - 99} guests")


def main():
    recording, directory = sys.argv[1], pathlib.Path(sys.argv[2])
    header, guests = recorded(recording)
    draw = random.Random(5)

    def shuffled(days):
        parts = [(guest, day) for guest in sorted(guests) for day in days]
        draw.shuffle(parts)
        return parts

    directory.mkdir(parents=True, exist_ok=True)
    # The draw goes on from cut to cut, so its order is part of what a cut is.
    shuffled((0, 30, 61))
    parts = shuffled((15, 45, 61))
    write(directory / "a108.csv", header, guests, parts[:110])
    draw.shuffle(parts)
    write(directory / "b108.csv", header, guests, parts[:110])
    draw.shuffle(parts)
    draw.shuffle(parts)
    write(directory / "e59.csv", header, guests, parts[:60])
    parts = shuffled((7, 22, 38, 53))
    write(directory / "c109.csv", header, guests, parts[110:220])
    write(directory / "d77.csv", header, guests, parts[200:280])


if __name__ == "__main__":
    main()
