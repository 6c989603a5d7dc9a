#!/usr/bin/env python3
"""Level shifts by the recipe of the method study that docs/trend-score.md names, beside ours on the same series.

    cargo run --release --example trend-score -- steps 1 400 > steps.jsonl
    python3 -m venv /tmp/reference
    /tmp/reference/bin/pip install numpy
    /tmp/reference/bin/python tests/reference/method_study.py steps.jsonl
    /tmp/reference/bin/python tests/reference/method_study.py ../shared/trend-cases   # is the recipe well understood?

Written from the recipe's text, for hourly series of a week: bins, hour profile, two greedy paths, long-run variance,
choice by BIC, small steps dropped. The study's bars come from guests that we do not have; this tells how hard our draws are.
"""
import json
import math
import pathlib
import sys

import numpy as np

NEAR = 4 * 3600  # a step is found within four hours


def clipped(r):
    """Residuals within three robust deviations."""
    middle = np.median(r)
    scale = 1.4826 * np.median(np.abs(r - middle)) or 1.2533 * np.mean(np.abs(r - middle))
    return np.clip(r, middle - 3 * scale, middle + 3 * scale)


def profile(t, y, hour):
    """Effect of each hour of the day, or None."""
    groups = [np.where(hour == h)[0] for h in range(24)]
    filled = [h for h in range(24) if len(groups[h])]
    if t[-1] - t[0] < 1.9 or len(t) < 32 or len(filled) < 22:
        return None
    kept = y.copy()
    for _ in range(3):
        within_t, within_y = t.copy(), kept.copy()
        for h in filled:
            within_t[groups[h]] -= t[groups[h]].mean()
            within_y[groups[h]] -= kept[groups[h]].mean()
        slope = (within_t @ within_y) / max(within_t @ within_t, 1e-12)
        effects = np.zeros(24)
        for h in filled:
            effects[h] = (kept[groups[h]] - slope * t[groups[h]]).mean()
        fit = effects[hour] + slope * t
        kept = fit + clipped(y - fit)
    n, p = len(t), len(filled)
    line = np.column_stack([np.ones(n), t])
    rest = kept - line @ np.linalg.lstsq(line, kept, rcond=None)[0]
    rss0, rss1 = rest @ rest, ((kept - fit) ** 2).sum()
    if rss0 <= 0 or rss1 <= 0:
        return None
    strength = 1 - (rss1 / (n - p - 1)) / (rss0 / (n - 2))
    f = ((rss0 - rss1) / (p - 1)) / (rss1 / (n - p - 1))
    return effects - effects[filled].mean() if strength > 0.12 and f > 2.2 else None


def long_run(r, terms, profile_terms):
    """Variance inflation of the residual: ARMA(1,1) form, corrected for the bias of fitting."""
    n = len(r)
    g = [(r[k:] @ r[:n - k]) / (n - k) * n / max(n - profile_terms, 1) for k in range(7)]
    whole = g[0]
    for _ in range(3):
        add = min(terms * whole / n, 0.8 * g[0])
        first = g[0] + add
        G = [first] + [min(v + add, 0.995 * first) for v in g[1:]]
        phi = 0.0
        if G[1] > 0.05 * first:
            phi = sum(G[k + 1] * G[k] for k in range(1, 6)) / sum(v * v for v in G[1:6])
        whole = min(first + 2 * max(G[1], 0) / (1 - min(max(phi, 0), 0.97)), first * n / 2.5)
    return max(whole / first, 1)


def shifts(t, x, profile_terms):
    """Times of the level shifts in days."""
    n, span = len(t), t[-1] - t[0]
    smooth = np.array([np.median(x[max(0, i - 4):i + 5]) for i in range(n)])
    x = smooth + clipped(x - smooth)
    terms, columns = [], []
    for i in range(1, n):
        at = (t[i - 1] + t[i]) / 2
        if at - t[0] >= 0.25 and t[-1] - at >= 0.25:
            terms.append((at, True))
            columns.append((t >= at).astype(float))
            if t[i] <= t[-1] - 0.2 * span:
                terms.append((t[i], False))
                columns.append(np.maximum(t - t[i], 0))
    Z, times = np.array(columns).T, np.array([at for at, _ in terms])
    lengths, models = (Z * Z).sum(0), []
    for sloped in (False, True):
        basis = np.linalg.qr(np.column_stack([np.ones(n), t] if sloped else [np.ones(n)]))[0]
        rest, chosen, allowed = x - basis @ (basis.T @ x), [], np.ones(len(terms), bool)
        models.append((sloped, [], rest))
        for _ in range(4):
            free = lengths - ((basis.T @ Z) ** 2).sum(0)
            gains = np.where(allowed & (free > 1e-6 * lengths), (Z.T @ rest) ** 2 / np.maximum(free, 1e-12), -1)
            best = int(np.argmax(gains))
            if gains[best] <= 0:
                break
            new = Z[:, best] - basis @ (basis.T @ Z[:, best])
            new /= np.linalg.norm(new)
            basis, rest = np.column_stack([basis, new]), rest - new * (new @ rest)
            allowed &= np.abs(times - times[best]) >= 0.25
            chosen = chosen + [best]
            models.append((sloped, chosen, rest))
    richest = min(models, key=lambda m: m[2] @ m[2])
    effective = n / long_run(richest[2], 1 + richest[0] + len(richest[1]), profile_terms)

    def score(model):
        sloped, chosen, rest = model
        fit = effective * math.log((rest @ rest + n * 0.15 ** 2) / n)
        return fit + (math.log(effective) if sloped else 0) + len(chosen) * max(3 * math.log(effective), 11)

    sloped, kept, _ = min(models, key=score)
    kept = list(kept)
    while True:
        first = [np.ones(n), t] if sloped else [np.ones(n)]
        A = np.column_stack(first + [Z[:, j] for j in kept])
        beta = np.linalg.lstsq(A, x, rcond=None)[0]
        least = max(3, 2 * (x - A @ beta).std())
        small = [(abs(b), j) for b, j in zip(beta[len(first):], kept) if terms[j][1] and abs(b) < least]
        if not small:
            return [times[j] for j in kept if terms[j][1]]
        kept.remove(min(small)[1])


def answer(series):
    """Unix times of the level shifts of a line of `trend --series`."""
    now = series["now"]
    data = np.array(sorted(s for s in series["samples"] if s[0] <= now + 60 and 0 <= s[1] <= 105))
    keys, place = np.unique(data[:, 0] // 3600, return_inverse=True)
    counts = np.bincount(place)
    y = np.bincount(place, data[:, 1]) / counts
    t = (np.bincount(place, data[:, 0]) / counts - now) / 86400
    hour = keys.astype(int) % 24
    known, window = t >= -14, t >= -series["lookback_hours"] / 24
    effects = profile(t[known], y[known], hour[known])
    x, share = y[window].copy(), 0.0
    if effects is not None:
        x -= effects[hour[window]]
        share = 24 * window.sum() / known.sum()
    return [at * 86400 + now for at in shifts(t[window], x, share)]


def found(told, truth):
    """Of each true step, whether it was told."""
    return [any(abs(at - step) <= NEAR for at in told) for step in truth]


def labelled(folder):
    """Labelled series in percent on the hourly grid, with the times of their steps."""
    pairs = zip(open(folder / "series.jsonl"), open(folder / "truth.jsonl"))
    for series, truth in ((json.loads(a), json.loads(b)) for a, b in pairs):
        if truth.get("change_points") and series["unit"] == "percent" and series["lookback_hours"] <= 336:
            yield series, truth["change_points"]


source = pathlib.Path(sys.argv[1])
if source.is_dir():
    recipe = [f for series, truth in labelled(source) for f in found(answer(series), truth)]
    print(f"{len(recipe)} steps: found by the recipe {np.mean(recipe):.3f}")
else:
    lines = [json.loads(line) for line in open(source)]
    recipe = np.array([f for line in lines for f in found(answer(line["series"]), line["truth"])])
    ours = np.array([f for line in lines for f in found(line["told"], line["truth"])])
    print(f"{len(recipe)} steps: found by the recipe {recipe.mean():.3f}, by us {ours.mean():.3f}, by both {(recipe & ours).mean():.3f}")
