// "Why this migration?": what the decision rests on, as HTML.
Ext.define('PVE.foresight.card.Evidence', {
    singleton: true,

    // card: { move (a recommendation), source, target (what the advice says of the nodes),
    //         details (of nodes, by name, as far as loaded), history (of the guest, or null) }
    html: function (card) {
        let evidence = card.move.trend_evidence;
        return (
            `<div class="foresight-evidence">` +
            `<div class="foresight-columns">${this.nodes(card)}${this.factors(evidence.decision_factors)}</div>` +
            `<div class="foresight-columns">${this.guest(card.move)}${this.outcomes(card.history)}</div>` +
            `${this.quality(evidence.data_quality)}</div>`
        );
    },

    // The arrow beside a node: the direction of its CPU.
    nodeArrow: function (name, trend, node) {
        let u = PVE.foresight.Utils;
        let text = `${name} ${u.label('metric', 'cpu')}: ${u.slope(trend.cpu_trend)}`;
        return PVE.foresight.Html.arrow(trend.cpu_direction, u.metricStates(node).cpu, text);
    },

    nodes: function (card) {
        let u = PVE.foresight.Utils;
        let h = PVE.foresight.Html;
        let { move, details } = card;
        let sparks = (metric) => {
            let spark = (node) => this.spark(node, details?.[node], metric);
            return this.row(u.label('metric', metric), spark(move.source), spark(move.target));
        };
        let head = (role, name, trend, node) =>
            `<th scope="col">${h.encode(role)} ${h.encode(name)} ${this.nodeArrow(name, trend, node)}</th>`;
        let { source_node_trend: from, target_node_trend: to } = move.trend_evidence;
        return h.section(
            gettext('Source and target'),
            `<table class="foresight-sparks" aria-label="${h.encode(gettext('Source and target'))}"><thead><tr><td></td>` +
                head(gettext('Source'), move.source, from, card.source) +
                head(gettext('Target'), move.target, to, card.target) +
                `</tr></thead><tbody>${sparks('cpu')}${sparks('memory')}` +
                this.pair(gettext('CPU trend'), u.slope(from.cpu_trend), u.slope(to.cpu_trend)) +
                this.pair(gettext('Memory trend'), u.slope(from.mem_trend), u.slope(to.mem_trend)) +
                this.pair(gettext('Stability'), this.score(from), this.score(to)) +
                this.pair(gettext('Compared with usual'), this.usual(from), this.usual(to)) +
                this.peaks(move) +
                `</tbody></table>`,
        );
    },

    row: (label, left, right) =>
        `<tr><th scope="row">${PVE.foresight.Html.encode(label)}</th><td>${left}</td><td>${right}</td></tr>`,

    pair: function (label, left, right) {
        let h = PVE.foresight.Html;
        return this.row(label, h.encode(left), h.encode(right));
    },

    score: ({ stability_score: score }) =>
        PVE.foresight.Utils.isNumber(score) ? Ext.String.format(gettext('{0} of 100'), score) : '–',

    usual: function ({ baseline_deviation_sigma: sigma, above_baseline, below_baseline }) {
        let u = PVE.foresight.Utils;
        if (!u.isNumber(sigma)) {
            return '–';
        }
        let word = above_baseline
            ? gettext('above usual')
            : below_baseline
              ? gettext('below usual')
              : gettext('as usual');
        return `${word} (${u.fixed(sigma, 1)} σ)`;
    },

    peaks: function ({ source_peaks: from, target_peaks: to }) {
        let u = PVE.foresight.Utils;
        let change = (p, name) =>
            `${u.percent(p[`${name}_before`])} → ${u.percent(p[`${name}_after`])}`;
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
        let now = found ? u.percent(found.current ?? found.level) : '–';
        let plot = PVE.foresight.Plot.sparkline(series?.buckets ?? [], {
            width: 150,
            height: 30,
            top: 1,
            threshold: found?.projection?.threshold,
            label: `${node} ${u.label('metric', metric)}: ${now}`,
        });
        return `${plot} <b>${PVE.foresight.Html.encode(now)}</b>`;
    },

    factors: function (factors) {
        let h = PVE.foresight.Html;
        let rows = (factors ?? []).map(
            (f) =>
                `<li>${h.factorIcon(f.type)}<span>${h.prose(f.factor)}</span>${h.weightBadge(f)}</li>`,
        );
        return h.section(
            gettext('Decision factors'),
            `<ul class="foresight-factors">${rows.join('')}</ul>`,
        );
    },

    guest: function (move) {
        let u = PVE.foresight.Utils;
        let h = PVE.foresight.Html;
        let guest = move.trend_evidence.guest_trend;
        let facts = [
            [gettext('CPU growth'), u.slope(guest.cpu_growth_rate)],
            [gettext('Memory growth'), u.slope(guest.mem_growth_rate)],
            [gettext('Behaviour'), u.label('behaviour', guest.behavior)],
            [gettext('Busy hours'), u.peakHours(guest.peak_hours)],
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
        return h.section(
            Ext.String.format(gettext('Guest {0}'), u.guestLabel(move)),
            h.facts(facts),
        );
    },

    // When to move: a moment as all others, and whose hours it avoids.
    window: function ({ start, end, why }) {
        let u = PVE.foresight.Utils;
        let until = u.day(start) === u.day(end) ? u.clock(end) : u.date(end);
        return `${u.date(start)} – ${until}, ${u.inNodeTime(why)}`;
    },

    // The timeline of the guest's earlier migrations, newest first.
    outcomes: function (history) {
        let h = PVE.foresight.Html;
        let moves = (history?.outcomes ?? []).slice(0, 5).map((m) => this.outcome(m));
        return h.section(
            gettext('Earlier migrations'),
            moves.length
                ? `<ol class="foresight-timeline">${moves.join('')}</ol>`
                : h.dim(gettext('None in the stored history.')),
        );
    },

    outcome: function (outcome) {
        let h = PVE.foresight.Html;
        let windows = (outcome.windows ?? []).map((w) => h.verdictBadge(w, w.window));
        return (
            `<li class="foresight-${h.resultTones[outcome.result] ?? 'plain'}">` +
            `<time>${h.encode(PVE.foresight.Utils.date(outcome.time))}</time> ` +
            `${h.encode(outcome.source)} → ${h.encode(outcome.target)} ${windows.join(' ')}</li>`
        );
    },

    quality: function (quality) {
        let u = PVE.foresight.Utils;
        let h = PVE.foresight.Html;
        let text = Ext.String.format(
            gettext('Based on {0} of node history and {1} of the guest: {2}.'),
            u.hours(quality.node_history_days * 24),
            u.hours(quality.guest_history_days * 24),
            quality.confidence_note,
        );
        return `<p class="foresight-dim foresight-quality">${h.icon('fa-database')} ${h.encode(text)}</p>`;
    },
});
