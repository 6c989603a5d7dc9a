#!/usr/bin/env python3
"""Reads a metrics store by docs/store-format.md alone, with nothing but the standard library.

    read_store.py DIR      prints, as JSON lines, every row of every segment; says on standard
                           error what is damaged

It is slow and simple on purpose: it checks that the format page says enough.
"""

import functools
import json
import math
import struct
import sys
import zlib
from datetime import datetime, timezone
from pathlib import Path

MISSING = 0xFFFF
STATISTICS = ["avg", "p95", "max", "min", "count"]
GROUPS = ["nodes", "guests", "storages"]
STATUS = ["unknown", "running", "stopped", "paused"]
TIERS = [("raw", "%Y-%m-%dT%H"), ("hour", "%Y-%m-%d"), ("six", "%Y-%m-%d")]
FRAME = b"\xf5PF\n"
ROSTER, CHANGE, ROW = 1, 2, 3


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
            if value >> 64:
                raise ValueError("number too large")
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
    c = Cursor(data)
    if c.take(8) != b"\xf5PVEFS\r\n":
        raise ValueError("no segment")
    version, length = c.fixed("H"), c.fixed("I")
    body = c.take(length) if length <= 16384 else b""
    if zlib.crc32(data[: c.at]) != c.fixed("I"):
        raise ValueError("header checksum")
    if version != 1:
        raise ValueError(f"version {version}")
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
        entry["missed"] = [0, 0] if flags & 1 else [c.varint(), c.varint()]
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
            if place > len(roster[group]):
                raise ValueError("no such place")
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
            name_of = STATISTICS[s] if s < len(STATISTICS) else s
            out[name, name_of] = [
                None if x == MISSING else x if name_of == "count" else value(x, kind, unit, steps)
                for x in codes
            ]
    return out


def read_row(meta, blocks, time, header, roster):
    """A row; entries of a damaged block have no values."""
    length, step = [(3600, 1), (86400, 3600), (7 * 86400, 6 * 3600)][header["tier"]]
    within = range(header["start"], header["start"] + length)
    if time not in within or time % step:
        raise ValueError("not of the time of its file")
    c = Cursor(meta)
    row = {"tier": header["tier"], "time": time, "ticks": c.varint(), "expected": c.varint()}
    row["moves"] = []
    for _ in range(c.varint()):
        after, guest, from_, to = c.varint(), c.varint(), c.varint(), c.varint()
        if time + after not in within:
            raise ValueError("a move of another time than its file")
        row["moves"].append([time + after, roster[1][guest]["vmid"],
                             roster[0][from_]["name"], roster[0][to]["name"]])
    at, row["damaged"] = 0, False
    for group in range(3):
        places, entries = c.varint(), []
        for first in range(0, places, 256):
            length, crc = c.varint(), c.fixed("I")
            block, at = blocks[at : at + length], at + length
            n = min(256, places - first)
            columns = {}
            try:
                if zlib.crc32(block) != crc:
                    raise ValueError("block checksum")
                columns = read_block(block, n, *header["groups"][group])
            except (ValueError, IndexError):
                row["damaged"] = True
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


def read_head(data, at):
    """Kind, length of meta part and of what follows, time, number, checksum of a whole frame."""
    head = data[at : at + 36]
    if len(head) < 36 or head[:4] != FRAME or zlib.crc32(head[:32]) != int.from_bytes(head[32:], "little"):
        return None
    fields = struct.unpack("<IIIqII", head[4:32])
    return fields if at + 36 + fields[1] + fields[2] <= len(data) else None


def rebuild(meta, spare):
    """The meta part of a roster of which one piece is damaged, by its spare part."""
    size = max(64, -(-len(meta) // 16))
    pieces = [meta[i : i + size] for i in range(0, len(meta), size)]
    end = 4 * len(pieces) + size
    if len(spare) != end + 36 or zlib.crc32(spare[:end]) != int.from_bytes(spare[end : end + 4], "little"):
        return meta
    right = struct.unpack(f"<{len(pieces)}I", spare[: 4 * len(pieces)])
    wrong = [i for i, piece in enumerate(pieces) if zlib.crc32(piece) != right[i]]
    if len(wrong) != 1:
        return meta
    others = [piece for i, piece in enumerate(pieces) if i != wrong[0]] + [spare[4 * len(pieces) : end]]
    numbers = (int.from_bytes(piece, "little") for piece in others)
    whole = functools.reduce(lambda a, b: a ^ b, numbers).to_bytes(size, "little")
    pieces[wrong[0]] = whole[: len(pieces[wrong[0]])]
    return b"".join(pieces)


def headless(data, at, end):
    """The roster or change that the bytes from `at` to `end` are, by the copy of its head."""
    if end - at < 36 + 32:
        return None
    head = struct.unpack("<IIIqII", data[end - 32 : end - 4])
    right = int.from_bytes(data[end - 4 : end], "little")
    fits = zlib.crc32(FRAME + data[end - 32 : end - 4]) == right
    return head if fits and head[0] in (ROSTER, CHANGE) and 36 + head[1] + head[2] == end - at else None


def read_frames(data, at):
    """Frames with their meta part; None where that is damaged, or where bytes are no frame."""
    while at < len(data):
        head = read_head(data, at)
        if head:
            end = at + 36 + head[1] + head[2]
        else:
            end = data.find(FRAME, at + 1)
            while end >= 0 and not read_head(data, end):
                end = data.find(FRAME, end + 1)
            if end < 0:
                return
            head = headless(data, at, end)
        if not head:
            yield at, None, None, b""
        else:
            kind, meta_len, _, _, _, crc = head
            meta, rest = data[at + 36 : at + 36 + meta_len], data[at + 36 + meta_len : end]
            if zlib.crc32(meta) != crc and kind in (ROSTER, CHANGE):
                meta = rebuild(meta, rest)
            yield at, head, meta if zlib.crc32(meta) == crc else None, rest
        at = end


def read_segment(path, tier):
    data = path.read_bytes()
    header = read_header(data)
    start = datetime.strptime(path.stem, TIERS[tier][1]).replace(tzinfo=timezone.utc)
    if (header["tier"], header["start"]) != (tier, start.timestamp()):
        raise ValueError("not where it belongs")
    roster = number = None
    for at, head, meta, rest in read_frames(data, header["len"]):
        try:
            if meta is None:
                raise ValueError("damaged")
            kind, _, _, time, wanted, _ = head
            if kind == ROSTER:
                roster, number = read_roster(meta), wanted
            elif kind == CHANGE:
                if number is None or wanted != number + 1:
                    raise ValueError("lost roster")
                roster, number = change_roster(roster, meta), wanted
            elif kind == ROW:
                if wanted != number:
                    raise ValueError("lost roster")
                yield read_row(meta, rest, time, header, roster)
        except (ValueError, IndexError) as e:
            print(f"{path} at {at}: {e}", file=sys.stderr)


def main():
    for tier, (folder, _) in enumerate(TIERS):
        for path in sorted((Path(sys.argv[1]) / folder).glob("*.seg")):
            rows = {}
            try:
                rows = {row["time"]: row for row in read_segment(path, tier)}
            except ValueError as e:
                print(f"{path}: {e}", file=sys.stderr)
            for time in sorted(rows):
                print(json.dumps(rows[time]))


if __name__ == "__main__":
    main()
