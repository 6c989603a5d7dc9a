// Numbers, times and sentences. Pure: data in, plain text out; Html.js makes markup of it.
//
// The screen draws what the API says: codes (directions, states, weights) become words, and no
// threshold of the settings is known here.
Ext.define('PVE.foresight.Utils', {
    singleton: true,

    // The word for a code. One that is not in the table is shown as it is: newer engines may know more.
    label: function (kind, code) {
        let table = PVE.foresight.Labels[kind];
        return Object.prototype.hasOwnProperty.call(table, code)
            ? table[code]
            : String(code ?? '–');
    },

    // -- numbers -----------------------------------------------------------------------------

    isNumber: (value) => typeof value === 'number' && isFinite(value),

    count: (value) => (typeof value === 'number' ? String(Math.round(value)) : '–'),

    // A confidence, rounded down: one below the minimum never reads as the minimum.
    stated: (value) => (typeof value === 'number' ? String(Math.floor(value)) : '–'),

    // "1 guest" or "5 guests".
    counted: (number, one, many) => (number === 1 ? one : Ext.String.format(many, number)),

    // So many digits, with a minus that is one; what rounds to nothing has no sign.
    fixed: function (value, digits) {
        let text = Math.abs(value).toFixed(digits);
        return value < 0 && /[1-9]/.test(text) ? `−${text}` : text;
    },

    percent: function (share, digits) {
        return this.isNumber(share) ? `${this.fixed(share * 100, digits ?? 0)}\u00a0%` : '–';
    },

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
            case 'cores':
                return Ext.String.format(gettext('{0}\u00a0cores'), this.fixed(value, 2));
            default:
                return this.fixed(value, Math.abs(value) < 10 ? 1 : 0);
        }
    },

    bytes: function (value) {
        let units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
        let step = 0;
        while (Math.abs(value) >= 1024 && step < units.length - 1) {
            value /= 1024;
            step += 1;
        }
        let digits = step > 0 && Math.abs(value) < 10 ? 1 : 0;
        return `${this.fixed(value, digits)}\u00a0${units[step]}`;
    },

    // A change with its sign; nothing is neither up nor down.
    signed: function (value, unit) {
        if (!this.isNumber(value)) {
            return '–';
        }
        let size =
            unit === 'fraction'
                ? this.percent(Math.abs(value), 1)
                : this.quantity(Math.abs(value), unit);
        let sign = value > 0 ? '+' : '−';
        return /[1-9]/.test(size) ? sign + size : size;
    },

    rate: function (value, unit) {
        return this.isNumber(value)
            ? Ext.String.format(gettext('{0}/day'), this.signed(value, unit))
            : '–';
    },

    // A slope as the evidence words it, signed and spaced as those of rate().
    slope: (text) =>
        String(text ?? '–')
            .replace(/^[+-]0\.0%/, '0.0%')
            .replace(/^-/, '−')
            .replace(/(\d)%/, '$1\u00a0%'),

    hours: function (hours) {
        if (!this.isNumber(hours)) {
            return '–';
        }
        return hours < 48
            ? this.counted(Math.max(1, Math.round(hours)), gettext('1 hour'), gettext('{0} hours'))
            : Ext.String.format(gettext('{0} days'), Math.round(hours / 24));
    },

    seconds: function (seconds) {
        if (!this.isNumber(seconds)) {
            return '–';
        }
        if (seconds < 120) {
            return this.counted(Math.round(seconds), gettext('1 second'), gettext('{0} seconds'));
        }
        if (seconds < 7200) {
            return Ext.String.format(gettext('{0} minutes'), Math.round(seconds / 60));
        }
        return this.hours(seconds / 3600);
    },

    // How long each tier of the store is kept, finest first.
    kept: function (retention) {
        return [
            Ext.String.format(gettext('{0} h'), retention.raw_hours),
            Ext.String.format(gettext('{0} days'), retention.hourly_days),
            Ext.String.format(gettext('{0} days'), retention.six_hourly_days),
        ];
    },

    // -- times -------------------------------------------------------------------------------

    two: (n) => String(n).padStart(2, '0'),

    // Moments are told in the zone of the browser, as everywhere in the web interface.
    day: function (unix) {
        let d = new Date(unix * 1000);
        return `${this.two(d.getMonth() + 1)}-${this.two(d.getDate())}`;
    },

    clock: function (unix) {
        let d = new Date(unix * 1000);
        return `${this.two(d.getHours())}:${this.two(d.getMinutes())}`;
    },

    date: function (unix) {
        return this.isNumber(unix)
            ? `${new Date(unix * 1000).getFullYear()}-${this.day(unix)} ${this.clock(unix)}`
            : '–';
    },

    // The zone of these moments: "UTC+02:00".
    zone: function (unix) {
        let east = this.isNumber(unix) ? -new Date(unix * 1000).getTimezoneOffset() : 0;
        let size = Math.abs(east);
        return east
            ? `UTC${east > 0 ? '+' : '−'}${this.two(Math.floor(size / 60))}:${this.two(size % 60)}`
            : 'UTC';
    },

    zonedDate: function (unix) {
        return this.isNumber(unix) ? `${this.date(unix)} ${this.zone(unix)}` : '–';
    },

    // Hours of the day come from the engine in the zone of the node, which may be another one.
    inNodeTime: (text) => Ext.String.format(gettext('{0} (node time)'), text),

    // Hours of the day as ranges: [22, 23, 0, 1, 5] -> "05–06, 22–02", as the engine has it.
    peakHours: function (hours) {
        let busy = (hour) => (hours ?? []).includes((hour + 24) % 24);
        let day = [...Array(24).keys()];
        if (day.every(busy)) {
            return gettext('all day');
        }
        let ranges = day
            .filter((hour) => busy(hour) && !busy(hour - 1))
            .map((from) => {
                let until = from + 1;
                while (busy(until)) {
                    until += 1;
                }
                return [from, until % 24].map(this.two).join('–');
            });
        return ranges.length ? this.inNodeTime(ranges.join(', ')) : gettext('no daily pattern');
    },

    // -- sentences ---------------------------------------------------------------------------

    metric: (entity, name) => entity?.metrics?.find((m) => m.metric === name),

    // Without enough data there is no direction to tell.
    direction: (metric) => (metric && !metric.not_enough ? metric.direction : 'unknown'),

    isTrend: (direction) =>
        direction === 'sustained_increase' || direction === 'sustained_decrease',

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
        let name = this.label('metric', metric.metric);
        if (metric.not_enough) {
            return Ext.String.format(
                gettext('{0}: not enough data, {1}; needed: {2}'),
                name,
                metric.not_enough.reason,
                metric.not_enough.needed,
            );
        }
        let what = this.isTrend(metric.direction)
            ? this.rate(metric.slope_per_day, metric.unit)
            : this.label('direction', metric.direction);
        let text = Ext.String.format(
            gettext('{0}: {1} over {2}'),
            name,
            what,
            this.hours(lookbackHours),
        );
        let crossing = metric.projection ? this.crossing(metric.projection) : '';
        return crossing ? `${text}, ${crossing}` : text;
    },

    // Metrics as findings call them.
    findingMetrics: { CPU: 'cpu', 'IO wait': 'iowait', storage: 'storage_usage' },

    findingMetric: function ({ metric }) {
        return this.findingMetrics[metric] ?? metric;
    },

    // What of a node is not as it should be: one sentence for each finding.
    findings: function (node) {
        return (node?.findings ?? [])
            .filter((f) => f.state !== 'healthy' || f.peak_hours?.length)
            .map((f) => {
                let text = Ext.String.format(
                    gettext('{0}: {1} now, 7-day high {2}, threshold {3}'),
                    this.label('metric', this.findingMetric(f)),
                    this.percent(f.current),
                    this.percent(f.high_7d),
                    this.percent(f.threshold),
                );
                let ahead = Ext.String.format(
                    gettext('busy hours pass it in {0}'),
                    this.hours(f.hours_to_threshold),
                );
                if (f.peak_hours?.length) {
                    text += Ext.String.format(
                        gettext(', above it mostly at {0}'),
                        this.peakHours(f.peak_hours),
                    );
                }
                return f.hours_to_threshold > 0 ? `${text}, ${ahead}` : text;
            })
            .concat(this.growth(node));
    },

    // Growth of guests from which it is told, as a share of their node per day.
    toldGrowth: 0.005,

    // What the guests of a node grow by, where it has no such trend of its own.
    growth: function (node) {
        let grows = (metric, direction, perDay) =>
            perDay >= this.toldGrowth && direction !== 'sustained_increase'
                ? [
                      Ext.String.format(
                          gettext('{0}: guests grow by {1}'),
                          this.label('metric', metric),
                          this.rate(perDay, 'fraction'),
                      ),
                  ]
                : [];
        return [
            ...grows('cpu', node?.cpu_direction, node?.cpu_guests_per_day),
            ...grows('memory', node?.mem_direction, node?.mem_guests_per_day),
        ];
    },

    // The states that a node's metrics are found in, by name of the metric.
    metricStates: function (node) {
        let states = {};
        for (const finding of node?.findings ?? []) {
            states[this.findingMetric(finding)] = finding.state;
        }
        return states;
    },

    // The state that tells most about all nodes: the worst of those that are known.
    worstState: (nodes) =>
        [
            'overloaded',
            'trending_toward_overload',
            'stable_but_hot',
            'healthy',
            'silent',
            'unknown',
        ].find((state) => nodes.some((n) => n.state === state)) ?? 'offline',

    withheld: function (number) {
        return this.counted(
            number,
            gettext('1 entry left out: you may not audit its guest or node'),
            gettext('{0} entries left out: you may not audit their guests or nodes'),
        );
    },

    lastOutcome: function (history) {
        return history.last_outcome
            ? Ext.String.format(
                  gettext('Last outcome: {0}'),
                  this.label('result', history.last_outcome),
              )
            : '';
    },

    guestLabel: function (guest) {
        return guest.name ? `${guest.vmid} (${guest.name})` : String(guest.vmid);
    },
});
