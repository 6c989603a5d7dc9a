// Words, numbers and badges. Pure: data in, text or HTML out; every value is encoded here.
//
// The screen draws what the API says. Codes (directions, states, weights) become labels; no
// threshold is known here.
Ext.define('PVE.foresight.Utils', {
    singleton: true,

    encode: (value) => Ext.htmlEncode(String(value ?? '')),

    // A sentence of the engine: no line breaks between a number and its sign.
    prose: (text) => Ext.htmlEncode(String(text ?? '').replace(/(\d) %/g, '$1\u00a0%')),

    // -- numbers -----------------------------------------------------------------------------

    isNumber: (value) => typeof value === 'number' && isFinite(value),

    percent: function (share, digits) {
        return this.isNumber(share) ? `${(share * 100).toFixed(digits ?? 0)}\u00a0%` : '–';
    },

    perDay: function (share) {
        if (!this.isNumber(share)) {
            return '–';
        }
        let points = (share * 100).toFixed(1);
        let sign = share > 0 && points !== '0.0' ? '+' : '';
        return Ext.String.format(gettext('{0}\u00a0%/day'), sign + points.replace('-0.0', '0.0'));
    },

    // A slope as the evidence words it, spaced as all shares here; nothing is neither up nor down.
    slope: (text) =>
        String(text ?? '–')
            .replace(/^[+-]0\.0%/, '0.0%')
            .replace(/(\d)%/, '$1\u00a0%'),

    // A value in the unit that the API names.
    quantity: function (value, unit) {
        if (!this.isNumber(value)) {
            return '–';
        }
        switch (unit) {
            case 'fraction':
                return this.percent(value, value !== 0 && Math.abs(value) < 0.095 ? 1 : 0);
            case 'bytes':
                return this.bytes(value);
            case 'bytes_per_second':
                return `${this.bytes(value)}/s`;
            default:
                return Math.abs(value) < 10 ? value.toFixed(1) : value.toFixed(0);
        }
    },

    rate: function (value, unit) {
        if (unit === 'fraction') {
            return this.perDay(value);
        }
        let sign = value > 0 ? '+' : value < 0 ? '−' : '';
        return Ext.String.format(gettext('{0}/day'), sign + this.quantity(Math.abs(value), unit));
    },

    bytes: function (value) {
        let units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
        let step = 0;
        while (Math.abs(value) >= 1024 && step < units.length - 1) {
            value /= 1024;
            step += 1;
        }
        return `${value.toFixed(step > 0 && Math.abs(value) < 10 ? 1 : 0)}\u00a0${units[step]}`;
    },

    count: (value) => (typeof value === 'number' ? String(Math.round(value)) : '–'),

    hours: function (hours) {
        if (!this.isNumber(hours)) {
            return '–';
        }
        if (hours < 48) {
            let whole = Math.max(1, Math.round(hours));
            return whole === 1 ? gettext('1 hour') : Ext.String.format(gettext('{0} hours'), whole);
        }
        return Ext.String.format(gettext('{0} days'), Math.round(hours / 24));
    },

    seconds: function (seconds) {
        if (!this.isNumber(seconds)) {
            return '–';
        }
        if (seconds < 120) {
            return Ext.String.format(gettext('{0} seconds'), Math.round(seconds));
        }
        if (seconds < 7200) {
            return Ext.String.format(gettext('{0} minutes'), Math.round(seconds / 60));
        }
        return this.hours(seconds / 3600);
    },

    two: (n) => String(n).padStart(2, '0'),

    date: function (unix) {
        if (!this.isNumber(unix)) {
            return '–';
        }
        let d = new Date(unix * 1000);
        let day = `${d.getFullYear()}-${this.two(d.getMonth() + 1)}-${this.two(d.getDate())}`;
        return `${day} ${this.two(d.getHours())}:${this.two(d.getMinutes())}`;
    },

    // -- codes to labels ---------------------------------------------------------------------

    metricLabels: {
        cpu: () => gettext('CPU'),
        memory: () => gettext('Memory'),
        iowait: () => gettext('IO wait'),
        load_avg: () => gettext('Load average'),
        guest_count: () => gettext('Running guests'),
        storage_usage: () => gettext('Storage'),
        swap: () => gettext('Swap'),
        net_in_bps: () => gettext('Network in'),
        net_out_bps: () => gettext('Network out'),
        disk_read_bps: () => gettext('Disk read'),
        disk_write_bps: () => gettext('Disk write'),
        memory_available: () => gettext('Memory available'),
        memory_host: () => gettext('Memory on host'),
        arc: () => gettext('ZFS cache'),
        psi_cpu_some: () => gettext('CPU pressure (some)'),
        psi_cpu_full: () => gettext('CPU pressure (full)'),
        psi_io_some: () => gettext('IO pressure (some)'),
        psi_io_full: () => gettext('IO pressure (full)'),
        psi_memory_some: () => gettext('Memory pressure (some)'),
        psi_memory_full: () => gettext('Memory pressure (full)'),
    },

    // A code that is not in the table is shown as it is: newer engines may know more.
    word: (table, code) => (Ext.isFunction(table[code]) ? table[code]() : String(code ?? '–')),

    metricLabel: function (name) {
        return this.word(this.metricLabels, name);
    },

    directionLabels: {
        sustained_increase: () => gettext('rising'),
        sustained_decrease: () => gettext('falling'),
        stable: () => gettext('stable'),
        volatile: () => gettext('volatile'),
        cyclical: () => gettext('regular rhythm'),
        unknown: () => gettext('not enough data'),
    },

    stateLabels: {
        healthy: () => gettext('Healthy'),
        stable_but_hot: () => gettext('Hot, not rising'),
        trending_toward_overload: () => gettext('Heading for overload'),
        overloaded: () => gettext('Overloaded'),
        offline: () => gettext('Offline'),
        unknown: () => gettext('Not enough data'),
    },

    stateIcons: {
        healthy: 'fa-check-circle good',
        stable_but_hot: 'fa-thermometer-three-quarters foresight-warn',
        trending_toward_overload: 'fa-line-chart foresight-warn',
        overloaded: 'fa-exclamation-circle critical',
        offline: 'fa-power-off faded',
        unknown: 'fa-question-circle-o faded',
    },

    urgencyLabels: {
        high: () => gettext('High urgency'),
        medium: () => gettext('Medium urgency'),
        low: () => gettext('Low urgency'),
        none: () => gettext('Not urgent'),
    },

    weightLabels: {
        high: () => gettext('high'),
        medium: () => gettext('medium'),
        low: () => gettext('low'),
    },

    factorLabels: {
        problem: () => gettext('Problem'),
        positive: () => gettext('In favour'),
        concern: () => gettext('Concern'),
        info: () => gettext('Note'),
    },

    factorIcons: {
        problem: 'fa-exclamation-triangle critical',
        positive: 'fa-check good',
        concern: 'fa-minus-circle foresight-warn',
        info: 'fa-info-circle info-blue',
    },

    behaviourLabels: {
        growing: () => gettext('growing'),
        bursty: () => gettext('bursty'),
        cyclical: () => gettext('follows a daily or weekly rhythm'),
        stable: () => gettext('stable'),
        idle: () => gettext('idle'),
    },

    resultLabels: {
        pending: () => gettext('pending'),
        improved: () => gettext('improved'),
        no_effect: () => gettext('no effect'),
        worse: () => gettext('worse'),
        interrupted: () => gettext('interrupted'),
        unknown: () => gettext('unknown'),
    },

    resultTones: { improved: 'good', worse: 'bad', no_effect: 'warn' },

    // -- pieces of HTML ----------------------------------------------------------------------

    // An icon that screen readers can read; a decorative one has no label.
    icon: function (cls, label) {
        let says = label ? `role="img" aria-label="${this.encode(label)}"` : 'aria-hidden="true"';
        return `<i class="fa fa-fw ${cls}" ${says}></i>`;
    },

    // Lines of the tip are lines of the tooltip.
    badge: function (text, tone, tip) {
        let lines = this.encode(tip).replaceAll('\n', '<br>');
        let title = tip ? ` data-qtip="${this.encode(lines)}"` : '';
        return `<span class="foresight-badge foresight-${tone || 'plain'}"${title}>${this.encode(text)}</span>`;
    },

    stateIcon: function (state) {
        let cls = this.stateIcons[state] ?? this.stateIcons.unknown;
        return this.icon(cls, this.word(this.stateLabels, state));
    },

    // The four levels of the arrow: up and near its limit, up, flat, down; and the odd ones.
    arrowIcon: function (direction, state) {
        switch (direction) {
            case 'sustained_increase':
                return state === 'overloaded' || state === 'trending_toward_overload'
                    ? 'fa-angle-double-up critical foresight-arrow-strong'
                    : 'fa-long-arrow-up foresight-warn';
            case 'sustained_decrease':
                return 'fa-long-arrow-down good';
            case 'cyclical':
                return 'fa-clock-o foresight-dim';
            case 'volatile':
                return 'fa-random foresight-warn';
            case 'unknown':
                return 'fa-question-circle-o foresight-dim';
            default:
                return 'fa-long-arrow-right foresight-dim';
        }
    },

    arrow: function (direction, state, tip) {
        let says = tip || this.word(this.directionLabels, direction);
        let qtip = tip ? ` data-qtip="${this.encode(this.encode(tip))}"` : '';
        return `<span class="foresight-arrow"${qtip}>${this.icon(this.arrowIcon(direction, state), says)}</span>`;
    },

    crossing: function (projection) {
        let limit = this.percent(projection?.threshold);
        let level = projection?.level?.answer;
        let peak = projection?.peak?.answer;
        if (level === 'already') {
            return Ext.String.format(gettext('already above {0}'), limit);
        }
        let busy =
            peak === 'in'
                ? Ext.String.format(
                      gettext('busy hours reach {0} in {1}'),
                      limit,
                      this.hours(projection.peak.hours),
                  )
                : peak === 'already'
                  ? Ext.String.format(gettext('busy hours are above {0}'), limit)
                  : '';
        if (level === 'in') {
            let text = Ext.String.format(
                gettext('projected to reach {0} in {1}'),
                limit,
                this.hours(projection.level.hours),
            );
            return busy ? `${text}, ${busy}` : text;
        }
        return busy;
    },

    // "CPU: +2.1 %/day over 7 days, projected to reach 80 % in 5 days"
    trendSentence: function (metric, lookbackHours) {
        let name = this.metricLabel(metric.metric);
        if (metric.not_enough) {
            return Ext.String.format(
                gettext('{0}: not enough data, {1}; needed: {2}'),
                name,
                metric.not_enough.reason,
                metric.not_enough.needed,
            );
        }
        let moving =
            metric.direction === 'sustained_increase' || metric.direction === 'sustained_decrease';
        let what = moving
            ? this.rate(metric.slope_per_day, metric.unit)
            : this.word(this.directionLabels, metric.direction);
        let text = Ext.String.format(
            gettext('{0}: {1} over {2}'),
            name,
            what,
            this.hours(lookbackHours),
        );
        let crossing = metric.projection ? this.crossing(metric.projection) : '';
        return crossing ? `${text}, ${crossing}` : text;
    },

    // "Stable", "Volatile" or "Trending", with the score as the tooltip.
    stabilityPill: function (score, direction) {
        if (!this.isNumber(score) || direction === 'unknown') {
            return this.badge(gettext('Unknown'), 'plain');
        }
        let trending = direction === 'sustained_increase' || direction === 'sustained_decrease';
        let tip = Ext.String.format(gettext('Stability {0} of 100'), Math.round(score));
        if (trending) {
            return this.badge(gettext('Trending'), 'warn', tip);
        }
        return direction === 'volatile'
            ? this.badge(gettext('Volatile'), 'bad', tip)
            : this.badge(gettext('Stable'), 'good', tip);
    },

    urgencyBadge: function (urgency) {
        let tone = { high: 'bad', medium: 'warn' }[urgency] ?? 'plain';
        return this.badge(this.word(this.urgencyLabels, urgency), tone);
    },

    confidenceBadge: function (recommendation) {
        let parts = recommendation.confidence_parts?.parts ?? [];
        let tip = parts.map((p) => `${this.percent(p.value)} ${p.name}: ${p.why}`).join('\n');
        let text = Ext.String.format(
            gettext('Confidence {0}\u00a0%'),
            this.count(recommendation.confidence),
        );
        return this.badge(text, 'info', tip);
    },

    // "Migrated 3x, 2 successful", in the colour of the last outcome.
    outcomeBadge: function (history) {
        if (!history?.previous_migrations) {
            return '';
        }
        let times = history.previous_migrations;
        let text = this.isNumber(history.improved)
            ? Ext.String.format(gettext('Migrated {0}x, {1} successful'), times, history.improved)
            : Ext.String.format(gettext('Migrated {0}x'), times);
        let tone = this.resultTones[history.last_outcome] ?? 'plain';
        return this.badge(text, tone, this.lastOutcome(history));
    },

    lastOutcome: function (history) {
        return history.last_outcome
            ? Ext.String.format(
                  gettext('Last outcome: {0}'),
                  this.word(this.resultLabels, history.last_outcome),
              )
            : '';
    },

    guestLabel: function (guest) {
        return guest.name ? `${guest.vmid} (${guest.name})` : String(guest.vmid);
    },

    guestIcon: function (type) {
        return type === 'lxc'
            ? this.icon('fa-cube', gettext('Container'))
            : this.icon('fa-desktop', gettext('Virtual machine'));
    },

    metric: (entity, name) => entity?.metrics?.find((m) => m.metric === name),

    // Hours of the day as ranges: [9, 10, 11, 14] -> "9-12, 14-15".
    peakHours: function (hours) {
        let ranges = [];
        for (const hour of [...(hours ?? [])].sort((a, b) => a - b)) {
            let last = ranges[ranges.length - 1];
            if (last && last[1] === hour) {
                last[1] = hour + 1;
            } else {
                ranges.push([hour, hour + 1]);
            }
        }
        return ranges.map(([from, until]) => `${from}–${until}`).join(', ');
    },
});
