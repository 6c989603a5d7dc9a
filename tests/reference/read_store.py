#!/usr/bin/env python3
"""Reads a metrics store by docs/store-format.md alone, with nothing but the standard library.

    read_store.py DIR      prints, as JSON lines, every row of every segment

It is slow and simple on purpose: it checks that the format page says enough.
"""

import json
import math
import struct
import sys
import zlib
from pathlib import Path

MISSING = 0xFFFF
STATISTICS = ["avg", "p95", "max", "min", "count"]
GROUPS = ["nodes", "guests", "storages"]
STATUS = ["unknown", "running", "stopped", "paused"]


class Cursor:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, n):
        if self.at + n > len(self.data):
            raise ValueError("beyond the end")
        self.at += n
        return self.data[self.at - n : self.at]

    def fixed(self, form):
        return struct.unpack("<" + form, self.take(struct.calcsize("<" + form)))[0]

    def varint(self):
        value = shift = 0
        while True:
            byte = self.fixed("B")
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    def signed(self):
        raw = self.varint()
        return (raw >> 1) ^ -(raw & 1)

    def text(self):
        return self.take(self.varint()).decode()

    def amount(self, unit):
        raw = self.varint()
        return None if raw == 0 else (raw - 1) * unit


def read_header(data):
    if data[:8] != b"\xf5PVEFS\r\n":
        raise ValueError("no segment")
    version, length = struct.unpack_from("<HI", data, 8)
    if version != 1:
        raise ValueError(f"version {version}")
    body, crc = data[14 : 14 + length], struct.unpack_from("<I", data, 14 + length)[0]
    if zlib.crc32(data[: 14 + length]) != crc:
        raise ValueError("header checksum")
    c = Cursor(body)
    header = {"tier": c.fixed("B"), "start": c.fixed("q"), "groups": {}, "len": 18 + length}
    for _ in range(c.fixed("B")):
        group = c.fixed("B")
        statistics = [c.fixed("B") for _ in range(c.fixed("B"))]
        metrics = []
        for _ in range(c.fixed("B")):
            metrics.append((c.text(), c.fixed("B"), c.fixed("d"), c.fixed("d")))
        header["groups"][group] = (statistics, metrics)
    return header


def value(code, kind, unit, steps):
    return unit * math.expm1(code / steps) if kind == 1 else unit * code


def read_entry(group, c):
    flags = c.fixed("B") if group < 2 else 0
    if group == 0:
        return {"present": bool(flags & 1), "online": bool(flags & 2), "name": c.text(),
                "maxcpu": c.amount(0.001), "maxmem": c.amount(1), "maxswap": c.amount(1)}
    if group == 1:
        entry = {"present": bool(flags & 1), "template": bool(flags & 2),
                 "kind": "lxc" if flags & 4 else "qemu", "status": STATUS[flags >> 3 & 3],
                 "vmid": c.varint(), "node": c.varint(), "since": c.signed()}
        entry["created"] = c.signed() if flags & 32 else None
        entry.update(maxcpu=c.amount(0.001), maxmem=c.amount(1), name=c.text())
        return entry
    return {"node": c.varint(), "id": c.text()}


def read_roster(payload):
    c, roster = Cursor(payload), [[], [], []]
    for group in range(3):
        for _ in range(c.varint()):
            roster[group].append(read_entry(group, Cursor(c.take(c.varint()))))
    return roster


def change_roster(before, payload):
    c, roster = Cursor(payload), [list(group) for group in before]
    for group in range(3):
        for _ in range(c.varint()):
            place = c.varint()
            entry = read_entry(group, Cursor(c.take(c.varint())))
            roster[group][place : place + 1] = [entry]
    return roster


def read_column(c, n, earlier):
    head = c.fixed("B")
    width, side = head & 31, head >> 5 & 3
    if width == 16:
        return [c.fixed("H") for _ in range(n)]
    base = earlier[c.fixed("B")] if head & 128 else [c.fixed("H")] * n
    if width == 0:
        return list(base)
    exceptions = c.varint()
    bits = int.from_bytes(c.take((n * width + 7) // 8), "little")
    whole = [c.fixed("H") for _ in range(exceptions)]
    escape, codes = (1 << width) - 1, []
    for i in range(n):
        field = bits >> (i * width) & escape
        if field == escape:
            codes.append(whole.pop(0))
            continue
        if side == 0:
            step = (field >> 1) ^ -(field & 1)
        else:
            step = field if side == 1 else -field
        codes.append((base[i] + step) & 0xFFFF)
    return codes


def read_block(data, n, statistics, metrics):
    c = Cursor(data)
    bitmap = c.take((len(metrics) + 7) // 8)
    columns, out = [], {}
    for m, (name, kind, unit, steps) in enumerate(metrics):
        if not bitmap[m // 8] >> (m % 8) & 1:
            continue
        for s in statistics:
            codes = read_column(c, n, columns)
            columns.append(codes)
            name_of = STATISTICS[s]
            out[name, name_of] = [
                None if x == MISSING else x if name_of == "count" else value(x, kind, unit, steps)
                for x in codes
            ]
    return out


def read_row(meta, blocks, time, header, roster):
    c = Cursor(meta)
    row = {"tier": header["tier"], "time": time, "ticks": c.varint(), "expected": c.varint()}
    row["moves"] = []
    for _ in range(c.varint()):
        after, guest, from_, to = c.varint(), c.varint(), c.varint(), c.varint()
        row["moves"].append([time + after, roster[1][guest]["vmid"],
                             roster[0][from_]["name"], roster[0][to]["name"]])
    at = 0
    for group in range(3):
        places, entries = c.varint(), []
        for first in range(0, places, 256):
            length, crc = c.varint(), c.fixed("I")
            block, at = blocks[at : at + length], at + length
            if zlib.crc32(block) != crc:
                raise ValueError("block checksum")
            n = min(256, places - first)
            columns = read_block(block, n, *header["groups"][group])
            for i in range(n):
                entry = dict(roster[group][first + i])
                if group:
                    entry["node"] = roster[0][entry["node"]]["name"]
                values = {}
                for (metric, statistic), column in columns.items():
                    if column[i] is not None:
                        values.setdefault(metric, {})[statistic] = column[i]
                entries.append(entry | {"values": values})
        row[GROUPS[group]] = entries
    return row


def read_segment(data):
    header = read_header(data)
    at, roster, number = header["len"], None, None
    while at + 36 <= len(data):
        head = data[at : at + 36]
        magic, kind, meta_len, blocks_len, time, wanted, meta_crc, crc = struct.unpack(
            "<4sIIIqIII", head)
        if magic != b"\xf5PF\n" or zlib.crc32(head[:32]) != crc:
            raise ValueError(f"no frame at {at}")
        end = at + 36 + meta_len + blocks_len
        if end > len(data):
            return
        meta = data[at + 36 : at + 36 + meta_len]
        if zlib.crc32(meta) != meta_crc:
            raise ValueError(f"checksum at {at}")
        if kind == 1:
            roster, number = read_roster(meta), wanted
        elif kind == 2:
            if number is None or wanted != number + 1:
                raise ValueError(f"lost roster at {at}")
            roster, number = change_roster(roster, meta), wanted
        elif kind == 3:
            if wanted != number:
                raise ValueError(f"lost roster at {at}")
            yield read_row(meta, data[at + 36 + meta_len : end], time, header, roster)
        at = end


def main():
    for folder in ("raw", "hour", "six"):
        for path in sorted((Path(sys.argv[1]) / folder).glob("*.seg")):
            rows = {row["time"]: row for row in read_segment(path.read_bytes())}
            for time in sorted(rows):
                print(json.dumps(rows[time]))


if __name__ == "__main__":
    main()
