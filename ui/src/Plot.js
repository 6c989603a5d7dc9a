// Plots as SVG text: sparklines and the trend chart. Pure: numbers in, markup out.
//
// Colours come from the style sheet's classes, so both themes and printing work.
Ext.define('PVE.foresight.Plot', {
    singleton: true,

    HOUR: 3600,
    DAY: 86400,

    // Points as a path; the line begins anew where `begins` says so, by index.
    line: function (points, x, y, begins) {
        let path = points.map(([t, v], i) => {
            let pen = !i || begins?.[i] ? 'M' : 'L';
            return `${pen}${x(t).toFixed(1)} ${y(v).toFixed(1)}`;
        });
        return path.join('');
    },

    // A band between a lower and an upper line: rows of [time, low, high].
    band: function (rows, x, y) {
        if (rows.length < 2) {
            return '';
        }
        let up = rows.map(([t, , high]) => `${x(t).toFixed(1)} ${y(high).toFixed(1)}`);
        let down = rows.map(([t, low]) => `${x(t).toFixed(1)} ${y(low).toFixed(1)}`).reverse();
        return `M${up.concat(down).join('L')}Z`;
    },

    // Rows parted where `begins` says so, by index.
    pieces: function (rows, begins) {
        let pieces = [];
        rows.forEach((row, i) => {
            if (!i || begins[i]) {
                pieces.push([]);
            }
            pieces[pieces.length - 1].push(row);
        });
        return pieces;
    },

    // At which buckets a line begins anew, by index: nothing is known for three times the usual distance of two of
    // them, and of what they last, since old ones last longer than late ones.
    begins: function (buckets) {
        let steps = buckets.map((b, i) => (i ? this.middle(b) - this.middle(buckets[i - 1]) : 0));
        let sorted = steps.slice(1).sort((a, b) => a - b);
        let usual = sorted[sorted.length >> 1] || this.HOUR;
        let longest = (i) => Math.max(usual, buckets[i].seconds, buckets[i - 1].seconds);
        return steps.map((step, i) => !i || step > 3 * longest(i));
    },

    middle: (bucket) => bucket.start + bucket.seconds / 2,

    // History buckets as [time, value].
    points: function (buckets) {
        return buckets.map((b) => [this.middle(b), b.avg]);
    },

    // A line without axes, `label` for those who cannot see it. `top` is the value at its upper edge.
    sparkline: function (buckets, options) {
        let { width, height, label, threshold } = options;
        let points = this.points(buckets);
        let encoded = Ext.htmlEncode(label ?? '');
        let frame = `class="foresight-spark" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="${encoded}"`;
        if (points.length < 2) {
            return `<svg ${frame}><title>${encoded}</title></svg>`;
        }
        let times = points.map((p) => p[0]);
        let top = options.top ?? Math.max(...points.map((p) => p[1]), 1e-9) * 1.1;
        let [from, until] = [times[0], times[times.length - 1]];
        let x = (t) => 1 + ((t - from) / Math.max(until - from, 1)) * (width - 4);
        let y = (v) => height - 2 - (Math.min(Math.max(v, 0), top) / top) * (height - 4);
        let limit =
            threshold === undefined || threshold === null || threshold > top
                ? ''
                : `<line class="foresight-limit" x1="0" x2="${width}" y1="${y(threshold).toFixed(1)}" y2="${y(threshold).toFixed(1)}"/>`;
        let [t, v] = points[points.length - 1];
        return (
            `<svg ${frame}><title>${encoded}</title>${limit}` +
            `<path class="foresight-line" d="${this.line(points, x, y, this.begins(buckets))}"/>` +
            `<circle class="foresight-dot" cx="${x(t).toFixed(1)}" cy="${y(v).toFixed(1)}" r="2"/></svg>`
        );
    },

    // Round steps for an axis: at most `most` of them between low and high.
    ticks: function (low, high, most) {
        let raw = (high - low) / Math.max(most, 1) || 1;
        let power = Math.pow(10, Math.floor(Math.log10(raw)));
        let step = [1, 2, 2.5, 5, 10].map((s) => s * power).find((s) => s >= raw * 0.999);
        let ticks = [];
        for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++) {
            ticks.push(i * step);
        }
        return ticks;
    },

    // Local midnights, or hours where the span is short.
    timeTicks: function (from, until, most) {
        let steps = [3600, 7200, 10800, 21600, 43200];
        let days = [1, 2, 3, 5, 7, 14, 30, 61, 91, 183];
        let span = until - from;
        let step = steps.find((s) => span / s <= most);
        let at = new Date(from * 1000);
        let ticks = [];
        if (step) {
            at.setMinutes(0, 0, 0);
            at.setHours(Math.ceil(at.getHours() / (step / 3600)) * (step / 3600));
            for (let t = at.getTime() / 1000; t <= until; t += step) {
                ticks.push(t);
            }
            return ticks.filter((t) => t >= from);
        }
        let every = days.find((d) => span / (d * this.DAY) <= most) ?? 365;
        at.setHours(24, 0, 0, 0);
        while (at.getTime() / 1000 <= until) {
            ticks.push(at.getTime() / 1000);
            at.setDate(at.getDate() + every);
        }
        return ticks;
    },

    // The hour, at midnight the day.
    timeLabel: function (time) {
        let clock = PVE.foresight.Utils.clock(time);
        return clock === '00:00' ? PVE.foresight.Utils.day(time) : clock;
    },

    // Bars side by side for each row { time, values, text (its tooltip) }, in the order of `classes`.
    // Where they have no room they scroll, also for the keyboard.
    bars: function (rows, classes, label) {
        let [left, above, height] = [46, 8, 120];
        let step = Math.max(10, Math.min(56, Math.floor(760 / rows.length)));
        let right = left + rows.length * step;
        let top = Math.max(...rows.flatMap((r) => r.values), 1e-9);
        let y = (v) => above + height * (1 - v / top);
        let thick = (step * 0.8) / classes.length;
        let bar = (v, cls, x) =>
            `<rect class="${cls}" x="${x.toFixed(1)}" y="${y(v).toFixed(1)}" width="${thick.toFixed(1)}" height="${((v / top) * height).toFixed(1)}"/>`;
        let grid = this.ticks(0, top, 3).map(
            (v) =>
                `<line class="foresight-grid" x1="${left}" x2="${right}" y1="${y(v).toFixed(1)}" y2="${y(v).toFixed(1)}"/>` +
                `<text class="foresight-tick" x="${left - 6}" y="${y(v).toFixed(1)}" dy="0.32em" text-anchor="end">${Number(v.toPrecision(3))}</text>`,
        );
        let every = Math.ceil(44 / step);
        let columns = rows.map(({ time, values, text }, i) => {
            let x = left + i * step;
            let name =
                i % every
                    ? ''
                    : `<text class="foresight-tick" x="${x + step / 2}" y="${above + height + 16}" text-anchor="middle">${PVE.foresight.Utils.day(time)}</text>`;
            let parts = values.map((v, k) => bar(v, classes[k], x + step * 0.1 + k * thick));
            return `<g><title>${Ext.htmlEncode(text)}</title><rect class="foresight-hit" x="${x}" y="${above}" width="${step}" height="${height}"/>${parts.join('')}${name}</g>`;
        });
        let named = `aria-label="${Ext.htmlEncode(label)}"`;
        return (
            `<div class="foresight-scroll" tabindex="0" role="region" ${named}>` +
            `<svg class="foresight-bars" width="${right + 2}" height="${above + height + 22}" role="img" ${named}>${grid.join('')}${columns.join('')}</svg></div>`
        );
    },

    // Scales of a chart, also used to find the value below the mouse.
    frame: function (chart) {
        let margin = { left: 58, right: 12, top: 12, bottom: 24 };
        let values = [];
        for (const row of chart.history) {
            values.push(row.max ?? row.avg);
        }
        for (const row of chart.forecast) {
            values.push(row[3]);
        }
        for (const row of chart.baseline) {
            values.push(row[2]);
        }
        let limit = chart.threshold;
        let top = Math.max(...values, 0);
        if (limit !== undefined && limit !== null && top > limit * 0.5) {
            top = Math.max(top, limit * 1.04);
        }
        top = top > 0 ? top * 1.06 : 1;
        if (chart.unit === 'fraction') {
            top = Math.max(0.02, top <= 1.1 ? Math.min(top, 1) : top);
        }
        let from = chart.from;
        let until = chart.until;
        let inner = {
            width: chart.width - margin.left - margin.right,
            height: chart.height - margin.top - margin.bottom,
        };
        return {
            margin,
            inner,
            top,
            x: (t) => margin.left + ((t - from) / Math.max(until - from, 1)) * inner.width,
            y: (v) => margin.top + inner.height * (1 - Math.min(Math.max(v, 0), top) / top),
            time: (px) => from + ((px - margin.left) / Math.max(inner.width, 1)) * (until - from),
        };
    },

    // Whether the threshold is within the chart.
    hasLimit: function (chart) {
        return (
            PVE.foresight.Utils.isNumber(chart.threshold) &&
            chart.threshold <= this.frame(chart).top
        );
    },

    axes: function (chart, f) {
        let format = (v) => Ext.htmlEncode(PVE.foresight.Utils.quantity(v, chart.unit));
        let right = chart.width - f.margin.right;
        let bottom = chart.height - f.margin.bottom;
        let rows = this.ticks(0, f.top, Math.max(2, Math.floor(f.inner.height / 42))).map((v) => {
            let y = f.y(v).toFixed(1);
            return (
                `<line class="foresight-grid" x1="${f.margin.left}" x2="${right}" y1="${y}" y2="${y}"/>` +
                `<text class="foresight-tick" x="${f.margin.left - 6}" y="${y}" dy="0.32em" text-anchor="end">${format(v)}</text>`
            );
        });
        let most = Math.max(2, Math.floor(f.inner.width / 70));
        let columns = this.timeTicks(chart.from, chart.until, most).map((t) => {
            let x = f.x(t).toFixed(1);
            return (
                `<line class="foresight-grid" x1="${x}" x2="${x}" y1="${f.margin.top}" y2="${bottom}"/>` +
                `<text class="foresight-tick" x="${x}" y="${bottom + 15}" text-anchor="middle">${this.timeLabel(t)}</text>`
            );
        });
        return rows.concat(columns).join('');
    },

    // Migrations as marks on the time axis; the text is their tooltip.
    marks: function (chart, f) {
        let bottom = chart.height - f.margin.bottom;
        return chart.marks
            .filter((m) => m.time >= chart.from && m.time <= chart.until)
            .map((m) => {
                let x = f.x(m.time).toFixed(1);
                return (
                    `<g class="foresight-mark"><title>${Ext.htmlEncode(m.text)}</title>` +
                    `<line x1="${x}" x2="${x}" y1="${f.margin.top}" y2="${bottom}"/>` +
                    `<path d="M${x} ${f.margin.top + 9}l-5 -9h10Z"/></g>`
                );
            })
            .join('');
    },

    // The chart: history with its range, the baseline's band, the forecast with its interval, the
    // threshold, the moment of the analysis and migrations.
    //
    // chart: { width, height, from, until, now, unit, threshold, label,
    //          history: [bucket], baseline: [[t, low, high]], forecast: [[t, value, low, high]],
    //          trend: [[t, value]], marks: [{ time, text }] }
    chart: function (chart) {
        let f = this.frame(chart);
        let points = this.points(chart.history);
        let begins = this.begins(chart.history);
        // Nothing was measured in a gap: the range has none there, as the line.
        let range = this.pieces(
            chart.history.map((b) => [this.middle(b), b.min, b.max]),
            begins,
        );
        let fore = chart.forecast.map(([t, , low, high]) => [t, low, high]);
        let label = Ext.htmlEncode(chart.label ?? '');
        let parts = [
            `<svg class="foresight-chart" width="${chart.width}" height="${chart.height}" viewBox="0 0 ${chart.width} ${chart.height}" role="img" aria-label="${label}">`,
            this.axes(chart, f),
            `<path class="foresight-baseline" d="${this.band(chart.baseline, f.x, f.y)}"/>`,
            `<path class="foresight-range" d="${range.map((rows) => this.band(rows, f.x, f.y)).join('')}"/>`,
            `<path class="foresight-interval" d="${this.band(fore, f.x, f.y)}"/>`,
            `<path class="foresight-line" d="${this.line(points, f.x, f.y, begins)}"/>`,
            `<path class="foresight-forecast" d="${this.line(
                chart.forecast.map(([t, v]) => [t, v]),
                f.x,
                f.y,
            )}"/>`,
            `<path class="foresight-trend" d="${this.line(chart.trend ?? [], f.x, f.y)}"/>`,
        ];
        if (this.hasLimit(chart)) {
            let y = f.y(chart.threshold).toFixed(1);
            parts.push(
                `<line class="foresight-limit" x1="${f.margin.left}" x2="${chart.width - f.margin.right}" y1="${y}" y2="${y}"/>`,
            );
        }
        if (chart.now > chart.from && chart.now < chart.until) {
            let x = f.x(chart.now).toFixed(1);
            parts.push(
                `<line class="foresight-now" x1="${x}" x2="${x}" y1="${f.margin.top}" y2="${chart.height - f.margin.bottom}"/>`,
            );
        }
        parts.push(this.marks(chart, f), '<g class="foresight-cursor"></g></svg>');
        return parts.join('');
    },
});
