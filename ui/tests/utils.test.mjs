import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { load } from './load.mjs';

const { Utils, Html, Plot, Theme, Overview, Weighed, Status } = load(
    'Labels.js',
    'Utils.js',
    'Html.js',
    'Plot.js',
    'Theme.js',
    'panel/Overview.js',
    'grid/Weighed.js',
    'panel/Status.js',
);
const plain = (text) => text.replaceAll('\u00a0', ' ');

const rising = {
    metric: 'cpu',
    unit: 'fraction',
    direction: 'sustained_increase',
    slope_per_day: 0.021,
    not_enough: null,
    projection: { threshold: 0.8, level: { answer: 'in', hours: 120 }, peak: { answer: 'never' } },
};

test('a trend is told as in the plan', () => {
    assert.equal(
        plain(Utils.trendSentence(rising, 168)),
        'CPU: +2.1 %/day over 7 days, projected to reach 80 % in 5 days',
    );
});

test('what has too little data has no direction', () => {
    assert.equal(Utils.direction(rising), 'sustained_increase');
    const few = { reason: '4 points', needed: '6 points' };
    assert.equal(Utils.direction({ ...rising, not_enough: few }), 'unknown');
    assert.equal(Utils.direction(undefined), 'unknown');
});

test('trends without a crossing, with one behind, and with too little data have their own words', () => {
    const told = (change) => plain(Utils.trendSentence({ ...rising, ...change }, 24));
    assert.equal(told({ direction: 'stable', projection: null }), 'CPU: stable over 24 hours');
    assert.equal(
        told({ projection: { threshold: 0.8, level: { answer: 'already' }, peak: {} } }),
        'CPU: +2.1 %/day over 24 hours, already above 80 %',
    );
    assert.match(
        told({ not_enough: { reason: '4 points', needed: '6 points' } }),
        /not enough data, 4 points/,
    );
    assert.equal(
        told({
            projection: {
                threshold: 0.8,
                level: { answer: 'never' },
                peak: { answer: 'in', hours: 15 },
            },
        }),
        'CPU: +2.1 %/day over 24 hours, busy hours reach 80 % in 15 hours',
    );
});

test('arrows have four levels and each says what it means', () => {
    const arrow = (direction, state) => Html.arrow(direction, state);
    assert.match(arrow('sustained_increase', 'overloaded'), /double-up critical/);
    assert.match(arrow('sustained_increase', 'healthy'), /arrow-up foresight-warn/);
    assert.match(arrow('stable'), /arrow-right foresight-dim/);
    assert.match(arrow('sustained_decrease'), /arrow-down good/);
    for (const direction of ['sustained_increase', 'cyclical', 'volatile', 'unknown', 'new-word']) {
        assert.match(arrow(direction), /role="img" aria-label="[^"]+"/);
    }
});

test('numbers: unknown is a dash, never 0 or NaN', () => {
    for (const unknown of [null, undefined, NaN, Infinity, 'x']) {
        assert.equal(Utils.percent(unknown), '–');
        assert.equal(Utils.quantity(unknown, 'bytes_per_second'), '–');
        assert.equal(Utils.date(unknown), '–');
        assert.equal(Utils.hours(unknown), '–');
    }
    assert.equal(plain(Utils.rate(-0.0001, 'fraction')), '0.0 %/day');
    assert.equal(plain(Utils.rate(-0.02, 'fraction')), '−2.0 %/day');
    assert.equal(Utils.rate(null, 'bytes'), '–');
    assert.equal(plain(Utils.quantity(1536, 'bytes_per_second')), '1.5 KiB/s');
    assert.equal(plain(Utils.quantity(0.004, 'fraction')), '0.4 %');
    assert.equal(plain(Utils.percent(-0.04, 1)), '−4.0 %');
    assert.equal(plain(Utils.quantity(-0.25, 'cores')), '−0.25 cores');
    assert.deepEqual(
        [-2.94, -0.04, 0, 1.25].map((v) => Utils.fixed(v, 1)),
        ['−2.9', '0.0', '0.0', '1.3'],
    );
});

test('one is one, not one of many', () => {
    assert.equal(Utils.withheld(1), '1 entry left out: you may not audit its guest or node');
    assert.match(Utils.withheld(2), /^2 entries left out/);
    assert.deepEqual(
        [1, 2, 120].map((s) => Utils.seconds(s)),
        ['1 second', '2 seconds', '2 minutes'],
    );
    assert.deepEqual(
        [1, 47, 48].map((h) => Utils.hours(h)),
        ['1 hour', '47 hours', '2 days'],
    );
});

test('moments say in which zone they are', () => {
    const told = (zone) => {
        process.env.TZ = zone;
        return Utils.zonedDate(1792681200);
    };
    try {
        assert.equal(told('UTC'), '2026-10-22 15:00 UTC');
        assert.equal(told('Europe/Vienna'), '2026-10-22 17:00 UTC+02:00');
        assert.equal(told('America/St_Johns'), '2026-10-22 12:30 UTC−02:30');
    } finally {
        process.env.TZ = 'UTC';
    }
});

test('all nodes have the worst state that one is known to have', () => {
    const worst = (...states) => Utils.worstState(states.map((state) => ({ state })));
    assert.equal(worst('healthy', 'overloaded', 'stable_but_hot'), 'overloaded');
    assert.equal(worst('offline', 'unknown', 'healthy'), 'healthy');
    assert.equal(worst('offline', 'unknown'), 'unknown');
    assert.equal(worst('offline', 'silent', 'unknown'), 'silent');
    assert.equal(worst('offline'), 'offline');
    assert.equal(worst(), 'offline');
});

test('a code that is not known is shown as it is, even one that objects have', () => {
    assert.equal(Utils.label('state', 'overloaded'), 'Overloaded');
    assert.equal(Utils.label('state', 'constructor'), 'constructor');
    assert.equal(Utils.label('state', null), '–');
});

test('everything that people read goes through gettext', () => {
    const src = new URL('../src/', import.meta.url);
    const shown =
        /\b(text|title|html|tooltip|boxLabel|fieldLabel|emptyText|ariaLabel)\s*:\s*['"`][^'"`<]*[A-Za-z]{2}/;
    for (const file of readFileSync(new URL('../files', src), 'utf8').trim().split('\n')) {
        const lines = readFileSync(new URL(file, src), 'utf8').split('\n');
        // The product's name is nobody's to translate.
        const bare = lines.filter((l) => shown.test(l) && !l.includes("title: 'Foresight'"));
        assert.deepEqual(bare, [], file);
    }
});

test('shares are spaced alike, and never part from their sign', () => {
    assert.equal(Utils.slope('+3.3%/day'), '+3.3\u00a0%/day');
    assert.equal(Utils.slope('-0.0%/day'), '0.0\u00a0%/day');
    assert.equal(Utils.slope(null), '–');
    assert.equal(Html.prose('18 % CPU & 5 %'), '18\u00a0% CPU &amp; 5\u00a0%');
});

test('hours of the day become ranges', () => {
    assert.equal(Utils.peakHours([9, 10, 11, 14]), '09–12, 14–15 (node time)');
    assert.equal(Utils.peakHours([]), 'no daily pattern');
    // The same examples as of the engine's rule.
    assert.equal(Utils.peakHours([22, 23, 0, 1, 5]), '05–06, 22–02 (node time)');
    assert.equal(Utils.peakHours([9, 10, 11, 23]), '09–12, 23–00 (node time)');
    assert.equal(Utils.peakHours([...Array(24).keys()]), 'all day');
});

test('values are encoded wherever they enter markup', () => {
    const hostile = '<img src=x onerror=alert(1)>"\'&';
    const pieces = [
        Html.badge(hostile, 'info', hostile),
        Html.arrow('stable', null, hostile),
        Html.icon('fa-x', hostile),
        Plot.sparkline(
            [
                { start: 0, seconds: 0, avg: 1 },
                { start: 1, seconds: 0, avg: 2 },
            ],
            { width: 10, height: 10, label: hostile },
        ),
        Plot.marks(
            { from: 0, until: 9, height: 50, marks: [{ time: 1, text: hostile }] },
            {
                margin: { top: 0, bottom: 0 },
                x: () => 0,
            },
        ),
    ];
    for (const piece of pieces) {
        assert.ok(!piece.includes('<img'), piece);
    }
});

test('outcome badges count, and take the colour of the last outcome', () => {
    assert.equal(Html.outcomeBadge(null), '');
    const badge = Html.outcomeBadge({
        previous_migrations: 3,
        improved: 2,
        last_outcome: 'improved',
    });
    assert.match(badge, /foresight-good.*Migrated 3x, 2 successful/);
    assert.match(
        Html.outcomeBadge({ previous_migrations: 1, improved: 0, last_outcome: 'worse' }),
        /foresight-bad/,
    );
});

test('a gap in the samples breaks the line', () => {
    const x = (v) => v;
    const samples = [0, 10, 20, 30, 100].map((start) => ({ start, seconds: 0, avg: 1 }));
    assert.equal(
        Plot.line(Plot.points(samples), x, x, Plot.begins(samples)),
        'M0.0 1.0L10.0 1.0L20.0 1.0L30.0 1.0M100.0 1.0',
    );
});

test('hours before the samples of every quarter of one are no gaps', () => {
    const hours = Array.from({ length: 120 }, (_, i) => ({ start: i * 3600, seconds: 3600 }));
    const samples = Array.from({ length: 192 }, (_, i) => ({ start: 432_000 + i * 900, seconds: 0 }));
    const begins = (buckets) => Plot.begins(buckets).filter((is) => is).length;
    assert.equal(begins([...hours, ...samples]), 1);
    assert.equal(begins([...hours.slice(0, 50), ...hours.slice(60), ...samples]), 2);
});

test('the range is painted only where something was measured', () => {
    const painted = (isKnown) => {
        const bucket = (i) => ({ start: i * 3600, seconds: 3600, min: 0, max: 1, avg: 0.5 });
        const history = Array.from({ length: 50 }, (_, i) => bucket(i)).filter((_, i) =>
            isKnown(i),
        );
        const size = { width: 400, height: 200, from: 0, until: 180_000, now: 180_000 };
        const none = { baseline: [], forecast: [], marks: [], label: '' };
        const svg = Plot.chart({ ...size, ...none, unit: 'fraction', history });
        return svg.match(/foresight-range" d="([^"]*)"/)[1].split('M').length - 1;
    };
    assert.equal(
        painted(() => true),
        1,
    );
    assert.equal(
        painted((i) => i < 20 || i >= 30),
        2,
        'as the line breaks',
    );
    assert.equal(
        painted((i) => i < 20 || i === 30 || i >= 40),
        2,
        'a single value has no area',
    );
});

test('a chart of nothing, of one sample and of zeros has no NaN', () => {
    const bucket = (start, v) => ({ start, seconds: 0, min: v, max: v, avg: v });
    for (const history of [[], [bucket(5, 0)], [bucket(5, 0), bucket(65, 0)]]) {
        const chart = {
            width: 400,
            height: 200,
            from: 0,
            until: 100,
            now: 50,
            unit: 'fraction',
            history,
        };
        const svg = Plot.chart({ ...chart, baseline: [], forecast: [], marks: [], label: '' });
        assert.ok(!svg.includes('NaN') && !svg.includes('undefined'), svg);
    }
});

test('bars of nothing, of zeros and of ninety days have no NaN; hostile words are encoded', () => {
    for (const values of [[], [[0, 0]], Array.from({ length: 90 }, (_, i) => [i, 1])]) {
        const rows = values.map((v, i) => ({ time: i * 86400, values: v, text: '<img>' }));
        const svg = Plot.bars(rows, ['a', 'b'], '<img>');
        assert.ok(!/NaN|undefined|Infinity|<img/.test(svg), svg);
        assert.equal(svg.split('class="b"').length - 1, rows.length);
    }
});

test('axis steps are round and few', () => {
    assert.deepEqual(
        Plot.ticks(0, 1, 5).map((v) => v.toFixed(1)),
        ['0.0', '0.2', '0.4', '0.6', '0.8', '1.0'],
    );
    assert.ok(Plot.ticks(0, 0.037, 4).length <= 5);
});

test('the time axis has few labels, however long the time is', () => {
    for (const days of [1, 7, 30, 90, 180, 365, 730]) {
        const labels = Plot.timeTicks(1_790_000_000 - days * 86400, 1_790_000_000, 10);
        assert.ok(labels.length > 1 && labels.length <= 11, `${days} days: ${labels.length}`);
    }
});

test('a theme is dark when its panels are', () => {
    assert.equal(Theme.isDark(''), false);
    assert.equal(Theme.isDark('#ffffff'), false);
    assert.equal(Theme.isDark('#262626'), true);
    assert.equal(Theme.isDark('hsl(0deg, 0%, 15%)'), true);
});

test('a node whose storage alone is full is no node in trouble', () => {
    const storage = { metric: 'storage', state: 'overloaded', current: 0.97, threshold: 0.9 };
    const node = { name: 'pve1', state: 'overloaded', findings: [storage] };
    const told = (in_trouble) =>
        Overview.troubleHtml({ recommendations: [], nodes: [{ ...node, in_trouble }] });
    assert.equal(told(false), '');
    assert.match(told(true), /<b>pve1<\/b>/);
});

test('who stays is told with the reason of the engine, further obstacles in the tooltip', () => {
    const reason = 'pve2 has too little memory; no other node can take it';
    const blockers = [
        { code: 'memory', text: 'pve2 has too little memory' },
        { code: 'storage', text: 'pve3 has no storage local-zfs' },
    ];
    const guest = { vmid: 101, name: 'web', node: 'pve1', reason, blockers };
    const held = Overview.heldOn('pve1', { skipped: [guest] });
    assert.deepEqual(held, [`${Utils.guestLabel(guest)}: ${reason}`]);
    let rows;
    Weighed.setAdvice.call(
        {
            setTitle: () => {},
            down: () => ({ setVisible: () => {} }),
            store: { loadData: (all) => (rows = all) },
        },
        { skipped: [guest] },
    );
    assert.equal(rows[0].reason, reason);
    assert.deepEqual(rows[0].further, ['pve3 has no storage local-zfs']);
});

test('a node that is above its threshold at the same hours each day, and guests that grow, are told', () => {
    const cpu = { metric: 'CPU', state: 'overloaded', current: 0.1, high_7d: 0.9, threshold: 0.8 };
    const node = (perDay, direction) => ({
        findings: [{ ...cpu, peak_hours: [2, 3, 4] }],
        cpu_direction: direction,
        cpu_guests_per_day: perDay,
    });
    const [hours, grows] = Utils.findings(node(0.022, 'stable'));
    assert.match(hours, /threshold 80.%, above it mostly at 02–05/);
    assert.match(grows, /^CPU: guests grow by \+2\.2.%\/day$/);
    assert.equal(Utils.findings(node(0.022, 'sustained_increase')).length, 1);
    assert.equal(Utils.findings(node(0.001, 'stable')).length, 1);
});

test('what the confidence of a rejected move rests on is told as that of a recommended one', () => {
    const parts = [{ name: 'history', value: 0.4, why: '2 days known' }];
    const move = { vmid: 101, source: 'pve1', confidence: 40, confidence_parts: { parts } };
    let rows;
    Weighed.setAdvice.call(
        {
            setTitle: () => {},
            down: () => ({ setVisible: () => {} }),
            store: { loadData: (all) => (rows = all) },
        },
        { considered: [move] },
    );
    assert.match(Html.confidenceParts(rows[0]), /40.%.* history: 2 days known/);
});

test('a collector with something to be told of does not run as it should', () => {
    const told = (late, warnings) => Status.healthHtml({ collector: { late }, warnings });
    assert.match(told(false, []), /Runs as it should\./);
    assert.match(told(false, ['30 of 60 runs of the last hour are missing']), />Runs\.</);
    assert.match(told(true, ['the collector is late']), /overdue/);
    assert.equal(Status.healthHtml({ collector: null, warnings: [] }), '');
});

test('the growth of guests is told from the same on as in sentences', () => {
    const source = readFileSync(new URL('../../src/evidence/sentence.rs', import.meta.url), 'utf8');
    const [, told] = source.match(/const TOLD_GROWTH: f64 = ([\d.]+);/);
    assert.equal(Utils.toldGrowth, Number(told));
});

test('metrics are called as in findings', () => {
    const outlook = readFileSync(new URL('../../src/outlook/mod.rs', import.meta.url), 'utf8');
    const label = (pattern) => outlook.match(pattern)[1];
    const names = {
        cpu: label(/Self::Cpu => "([^"]+)"/),
        iowait: label(/const IO_WAIT: &str = "([^"]+)";/),
        storage_usage: label(/const STORAGE: &str = "([^"]+)";/),
        memory: label(/Self::Memory => "([^"]+)"/),
    };
    for (const [metric, name] of Object.entries(names)) {
        assert.equal(Utils.findingMetric({ metric: name }), metric);
    }
});
