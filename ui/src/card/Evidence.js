// "Why this migration?": what the decision rests on, as HTML.
Ext.define('PVE.foresight.card.Evidence', {
    singleton: true,

    // move: a recommendation; extras: { source, target (node details or null), history (of the guest) }
    html: function (move, extras) {
        let evidence = move.trend_evidence;
        return (
            `<div class="foresight-evidence">` +
            `<div class="foresight-columns">${this.nodes(move, extras)}${this.factors(evidence.decision_factors)}</div>` +
            `<div class="foresight-columns">${this.guest(move, extras.history)}${this.outcome(extras.history)}</div>` +
            `${this.note(move)}</div>`
        );
    },

    section: function (title, html) {
        return `<section><h3>${Ext.htmlEncode(title)}</h3>${html}</section>`;
    },

    nodes: function (move, extras) {
        let u = PVE.foresight.Utils;
        let row = (metric) => {
            let source = this.spark(move.source, extras.source, metric);
            let target = this.spark(move.target, extras.target, metric);
            return `<tr><th scope="row">${u.encode(u.metricLabel(metric))}</th><td>${source}</td><td>${target}</td></tr>`;
        };
        let head = (role, name, trend) =>
            `<th scope="col">${u.encode(role)} ${u.encode(name)} ${u.arrow(trend.cpu_direction)}</th>`;
        let { source_node_trend: from, target_node_trend: to } = move.trend_evidence;
        return this.section(
            gettext('Source and target'),
            `<table class="foresight-sparks" aria-label="${u.encode(gettext('Source and target'))}"><thead><tr><td></td>` +
                head(gettext('Source'), move.source, from) +
                head(gettext('Target'), move.target, to) +
                `</tr></thead><tbody>${row('cpu')}${row('memory')}` +
                this.pair(gettext('CPU trend'), u.slope(from.cpu_trend), u.slope(to.cpu_trend)) +
                this.pair(gettext('Memory trend'), u.slope(from.mem_trend), u.slope(to.mem_trend)) +
                this.pair(gettext('Stability'), this.score(from), this.score(to)) +
                this.pair(gettext('Compared with usual'), this.usual(from), this.usual(to)) +
                this.peaks(move) +
                `</tbody></table>`,
        );
    },

    pair: function (label, left, right) {
        let u = PVE.foresight.Utils;
        return `<tr><th scope="row">${u.encode(label)}</th><td>${u.encode(left)}</td><td>${u.encode(right)}</td></tr>`;
    },

    score: (trend) =>
        trend.stability_score === null || trend.stability_score === undefined
            ? '–'
            : Ext.String.format(gettext('{0} of 100'), trend.stability_score),

    usual: function (trend) {
        let sigma = trend.baseline_deviation_sigma;
        if (sigma === null || sigma === undefined) {
            return '–';
        }
        let word = trend.above_baseline ? gettext('above usual') : gettext('as usual');
        return `${word} (${sigma.toFixed(1)} σ)`;
    },

    peaks: function (move) {
        let u = PVE.foresight.Utils;
        let change = (p, name) =>
            `${u.percent(p[`${name}_before`])} → ${u.percent(p[`${name}_after`])}`;
        let { source_peaks: from, target_peaks: to } = move;
        if (!from || !to) {
            return '';
        }
        return (
            this.pair(gettext('Busy hours, CPU'), change(from, 'cpu'), change(to, 'cpu')) +
            this.pair(gettext('Busy hours, memory'), change(from, 'memory'), change(to, 'memory'))
        );
    },

    spark: function (node, detail, metric) {
        let u = PVE.foresight.Utils;
        if (!detail) {
            return '<span class="foresight-dim">–</span>';
        }
        let series = detail.history?.find((m) => m.metric === metric);
        let found = u.metric(detail, metric);
        let points = PVE.foresight.Plot.points(series?.buckets);
        let now = found ? u.percent(found.current ?? found.level) : '–';
        let label = `${node} ${u.metricLabel(metric)}: ${now}`;
        let plot = PVE.foresight.Plot.sparkline(points, {
            width: 150,
            height: 30,
            top: 1,
            threshold: found?.projection?.threshold,
            label,
        });
        return `${plot} <b>${u.encode(now)}</b>`;
    },

    factors: function (factors) {
        let u = PVE.foresight.Utils;
        let tones = { problem: 'bad', positive: 'good', concern: 'warn' };
        let rows = (factors ?? []).map((f) => {
            let icon = u.icon(
                u.factorIcons[f.type] ?? u.factorIcons.info,
                u.word(u.factorLabels, f.type),
            );
            let level = u.weightLabels[f.weight] ? f.weight : 'low';
            let tone = `${tones[f.type] ?? 'plain'} foresight-${level}`;
            let weight = u.badge(u.word(u.weightLabels, f.weight), tone);
            return `<li>${icon}<span>${u.prose(f.factor)}</span>${weight}</li>`;
        });
        return this.section(
            gettext('Decision factors'),
            `<ul class="foresight-factors">${rows.join('')}</ul>`,
        );
    },

    guest: function (move) {
        let u = PVE.foresight.Utils;
        let guest = move.trend_evidence.guest_trend;
        let facts = [
            [gettext('CPU growth'), u.slope(guest.cpu_growth_rate)],
            [gettext('Behaviour'), u.word(u.behaviourLabels, guest.behavior)],
            [gettext('Busy hours'), u.peakHours(guest.peak_hours) || gettext('no daily pattern')],
            [gettext('Memory to move'), u.quantity(move.cost?.memory, 'bytes')],
        ];
        if (move.cost?.local_disks > 0) {
            facts.push([
                gettext('Local disks to copy'),
                u.quantity(move.cost.local_disks, 'bytes'),
            ]);
        }
        if (move.window) {
            facts.push([gettext('Good time'), this.window(move.window)]);
        }
        let rows = facts.map(([k, v]) => `<dt>${u.encode(k)}</dt><dd>${u.encode(v)}</dd>`);
        return this.section(
            Ext.String.format(gettext('Guest {0}'), u.guestLabel(move)),
            `<dl class="foresight-facts">${rows.join('')}</dl>`,
        );
    },

    window: function (w) {
        let two = PVE.foresight.Utils.two;
        return `${two(w.start_hour)}:00 – ${two(w.end_hour)}:00, ${w.why}`;
    },

    outcome: function (history) {
        let u = PVE.foresight.Utils;
        let moves = history?.outcomes ?? [];
        if (!moves.length) {
            return this.section(
                gettext('Earlier migrations'),
                `<p class="foresight-dim">${u.encode(gettext('None in the stored history.'))}</p>`,
            );
        }
        return this.section(
            gettext('Earlier migrations'),
            `<ol class="foresight-timeline">${moves
                .slice(0, 5)
                .map((m) => this.move(m))
                .join('')}</ol>`,
        );
    },

    move: function (outcome) {
        let u = PVE.foresight.Utils;
        let windows = (outcome.windows ?? []).map((w) =>
            u.badge(
                `${w.window} ${u.word(u.resultLabels, w.result)}`,
                u.resultTones[w.result],
                w.reason,
            ),
        );
        return (
            `<li class="foresight-${u.resultTones[outcome.result] ?? 'plain'}">` +
            `<time>${u.encode(u.date(outcome.time))}</time> ` +
            `${u.encode(outcome.source)} → ${u.encode(outcome.target)} ${windows.join(' ')}</li>`
        );
    },

    note: function (move) {
        let u = PVE.foresight.Utils;
        let quality = move.trend_evidence.data_quality;
        let text = Ext.String.format(
            gettext('Based on {0} days of node history and {1} days of the guest: {2}.'),
            u.count(quality.node_history_days),
            u.count(quality.guest_history_days),
            quality.confidence_note,
        );
        return `<p class="foresight-dim foresight-quality">${u.icon('fa-database')} ${u.encode(text)}</p>`;
    },
});
