// Trends of one node or guest: the chart with a choice of metric and time, and what was found.
Ext.define('PVE.foresight.panel.Entity', {
    extend: 'PVE.foresight.panel.View',
    xtype: 'pveForesightEntity',

    // One of the two.
    node: undefined,
    vmid: undefined,

    // States of its node's metrics by name, where they are known.
    states: {},

    metric: 'cpu',
    hours: 168,

    // How long another one must stay chosen before it is asked about, in milliseconds: an arrow key
    // that is held down passes hundreds of rows.
    settleTime: 250,

    statics: {
        // The chart's legend: class of the key, label, whether the chart has it.
        legend: (chart) => [
            ['line', gettext('Measured'), true],
            ['range', gettext('Lowest to highest'), true],
            ['baseline', gettext('Usual range'), chart.baseline.length > 0],
            ['forecast', gettext('Expected'), chart.forecast.length > 0],
            ['interval', gettext('80\u00a0% interval'), chart.forecast.length > 0],
            ['trend', gettext('Trend carried on'), chart.trend.length > 0],
            ['limit', gettext('Threshold'), PVE.foresight.Plot.hasLimit(chart)],
            ['mark', gettext('Migration'), chart.marks.some((m) => m.time >= chart.from)],
        ],
        legendHtml: function (chart) {
            let keys = this.legend(chart)
                .filter(([, , has]) => has)
                .map(
                    ([cls, label]) =>
                        `<span><i class="foresight-key foresight-key-${cls}" aria-hidden="true"></i>${Ext.htmlEncode(label)}</span>`,
                );
            let zone = Ext.String.format(
                gettext('Times in {0}'),
                PVE.foresight.Utils.zone(chart.now),
            );
            return `<div class="foresight-legend">${keys.join('')}<span>${Ext.htmlEncode(zone)}</span></div>`;
        },
    },

    initComponent: function () {
        let me = this;
        me.tbar = [
            {
                xtype: 'combobox',
                itemId: 'metric',
                fieldLabel: gettext('Metric'),
                labelWidth: 55,
                flex: 22,
                maxWidth: 220,
                editable: false,
                queryMode: 'local',
                valueField: 'name',
                displayField: 'label',
                store: {
                    fields: ['name', 'label'],
                    data: [
                        { name: me.metric, label: PVE.foresight.Utils.label('metric', me.metric) },
                    ],
                },
                value: me.metric,
                listeners: { select: (field, record) => me.pickMetric(record.get('name')) },
            },
            {
                xtype: 'combobox',
                itemId: 'hours',
                fieldLabel: gettext('Time'),
                labelWidth: 42,
                flex: 15,
                maxWidth: 150,
                editable: false,
                queryMode: 'local',
                valueField: 'hours',
                displayField: 'label',
                store: {
                    fields: ['hours', 'label'],
                    data: me.spans(),
                },
                value: me.hours,
                listeners: { select: (field, record) => me.pickHours(record.get('hours')) },
            },
        ].concat(me.tbar ?? []);
        me.items = [
            { xtype: 'component', itemId: 'sentence', cls: 'foresight-sentence' },
            { xtype: 'pveForesightChart', itemId: 'chart' },
            { xtype: 'component', itemId: 'legend' },
            { xtype: 'component', itemId: 'facts', cls: 'foresight-found' },
        ];
        me.callParent();
        me.on('resize', (view, width, height) =>
            me.down('#chart').setHeight(Ext.Number.constrain(Math.round(height * 0.48), 200, 520)),
        );
    },

    // Times to look at; those beyond 90 days where the store is that old.
    spans: function (age) {
        let days = [1, 3, 7, 14, 30, 90];
        let longer = [180, 365, 730].filter((_, i) => age > [90, 180, 365][i] * 86400);
        return [...days, ...longer].map((n) => ({
            hours: n * 24,
            label: PVE.foresight.Utils.counted(n, gettext('1 day'), gettext('{0} days')),
        }));
    },

    wake: function () {
        if (this.node !== undefined || this.vmid !== undefined) {
            this.callParent();
        }
    },

    getSources: function () {
        let me = this;
        let path =
            me.vmid === undefined
                ? `/trends/nodes/${encodeURIComponent(me.node)}`
                : `/trends/guests/${encodeURIComponent(me.vmid)}`;
        return { detail: { path, params: { 'lookback-hours': me.hours, points: 400 } } };
    },

    privilege: function () {
        return this.vmid === undefined
            ? ['Sys.Audit', `/nodes/${this.node}`]
            : ['VM.Audit', `/vms/${this.vmid}`];
    },

    setEntity: function (entity) {
        let me = this;
        if (me.node === entity.node && me.vmid === entity.vmid) {
            return;
        }
        Ext.apply(me, { node: entity.node, vmid: entity.vmid, states: entity.states ?? {} });
        if (me.isAwake) {
            me.dropReplies();
            me.task.delay(me.settleTime);
            me.awaitReply();
        } else {
            me.wake();
        }
    },

    // What is on the screen is no answer to what was asked for last.
    awaitReply: function () {
        if (!this.isAwake) {
            return;
        }
        if (this.isLoaded) {
            this.setLoading(true, true);
        } else {
            this.notice(this.loadingNotice());
        }
    },

    pickMetric: function (name) {
        this.metric = name;
        if (this.replies) {
            this.draw(this.replies);
        }
    },

    pickHours: function (hours) {
        this.hours = hours;
        this.reload();
        this.awaitReply();
    },

    draw: function ({ detail }) {
        let me = this;
        let u = PVE.foresight.Utils;
        let names = (detail.metrics ?? []).map((m) => m.metric);
        if (names.length && !names.includes(me.metric)) {
            me.metric = names[0];
        }
        let field = me.down('#metric');
        field.getStore().loadData(names.map((name) => ({ name, label: u.label('metric', name) })));
        field.setValue(me.metric);
        let hours = me.down('#hours');
        hours.getStore().loadData(me.spans(detail.quality?.oldest_sample_age));
        hours.setValue(me.hours);
        let metric = u.metric(detail, me.metric);
        me.down('#sentence').update(metric ? me.sentenceHtml(detail, metric) : '');
        let chart = me.down('#chart').setData(detail, me.metric);
        me.down('#legend').update(chart.history.length ? me.self.legendHtml(chart) : '');
        me.down('#facts').update(metric ? me.factsHtml(detail, metric) : '');
    },

    sentenceHtml: function (detail, metric) {
        let u = PVE.foresight.Utils;
        let h = PVE.foresight.Html;
        let who = detail.vmid === undefined ? detail.node : u.guestLabel(detail);
        let arrow = h.metricArrow(metric, detail, this.states[metric.metric]);
        return (
            `<b>${h.encode(who)}</b> ${arrow} ` +
            `${h.encode(u.trendSentence(metric, detail.lookback_hours))} ` +
            h.stabilityPill(metric.stability, metric.direction)
        );
    },

    factsHtml: function (detail, metric) {
        return (
            PVE.foresight.Html.facts(
                [
                    ...this.levelFacts(metric),
                    ...(metric.not_enough ? [] : this.trendFacts(metric)),
                    ...this.dataFacts(detail, metric),
                ],
                'foresight-facts-wide',
            ) +
            this.growthHtml(detail, metric) +
            this.effectsHtml(detail, metric)
        );
    },

    // What needs no trend: a short time is enough.
    levelFacts: function (metric) {
        let u = PVE.foresight.Utils;
        let q = (v) => u.quantity(v, metric.unit);
        let busy = u.peakHours(metric.peak_hours);
        let factor = u.isNumber(metric.peak_multiplier)
            ? `, ${Ext.String.format(gettext('{0} × mean'), metric.peak_multiplier.toFixed(1))}`
            : '';
        return [
            [gettext('Last hour'), q(metric.current ?? metric.level)],
            [gettext('Usual at this hour'), this.usual(metric)],
            [gettext('7-day high (p95)'), q(metric.p95_7d)],
            [gettext('Busy hours'), busy + factor],
        ];
    },

    trendFacts: function (metric) {
        let u = PVE.foresight.Utils;
        let { unit } = metric;
        let [low, high] = metric.slope_ci ?? [];
        let facts = [
            [
                gettext('Change per day'),
                Ext.String.format(
                    gettext('{0} ({1} to {2})'),
                    u.signed(metric.slope_per_day, unit),
                    u.signed(low, unit),
                    u.signed(high, unit),
                ),
            ],
            [gettext('Confidence'), u.percent(metric.confidence)],
            [gettext('Explained (R²)'), u.isNumber(metric.r2) ? metric.r2.toFixed(2) : '–'],
        ];
        let limit = u.percent(metric.projection?.threshold);
        for (const [name, label] of [
            ['level', gettext('Reaches {0}')],
            ['peak', gettext('Busy hours reach {0}')],
        ]) {
            let crossing = metric.projection?.[name];
            if (crossing?.answer === 'in') {
                facts.push([Ext.String.format(label, limit), this.span(crossing)]);
            }
        }
        return facts;
    },

    // When a threshold is crossed, and between when it may be.
    span: function ({ hours, earliest, latest }) {
        let u = PVE.foresight.Utils;
        let [from, until] = [u.hours(earliest), u.hours(latest)];
        return from === until
            ? Ext.String.format(gettext('in {0}'), u.hours(hours))
            : Ext.String.format(gettext('in {0} ({1} to {2})'), u.hours(hours), from, until);
    },

    dataFacts: function (detail, metric) {
        let u = PVE.foresight.Utils;
        let facts = [[gettext('Points analysed'), u.count(metric.points)]];
        if (detail.behavior) {
            facts.push([gettext('Behaviour'), u.label('behaviour', detail.behavior)]);
        }
        if (detail.quality) {
            facts.push([gettext('Samples stored'), u.count(detail.quality.total_samples)]);
            facts.push([gettext('Largest gap'), u.seconds(detail.quality.largest_gap)]);
        }
        return facts;
    },

    usual: function (metric) {
        let u = PVE.foresight.Utils;
        if (!metric.baseline) {
            return '–';
        }
        let { expected, spread } = metric.baseline;
        let text = `${u.quantity(expected, metric.unit)} ± ${u.quantity(spread, metric.unit)}`;
        return u.isNumber(metric.anomaly?.sigma)
            ? `${text}, ${Ext.String.format(gettext('now {0} σ'), u.fixed(metric.anomaly.sigma, 1))}`
            : text;
    },

    // Which guests the change of a node comes from.
    growthHtml: function (detail, metric) {
        let u = PVE.foresight.Utils;
        let h = PVE.foresight.Html;
        let growth = (detail.growth ?? []).find((g) => g.metric === metric.metric);
        if (!growth) {
            return '';
        }
        let rows = [
            ...growth.guests.slice(0, 5).map((g) => [u.guestLabel(g), g.slope_per_day]),
            [gettext('Guests that came or went'), growth.moves],
            [gettext('The rest'), growth.rest],
        ].map(([label, slope]) => [label, u.rate(slope, growth.unit)]);
        return h.section(gettext('Where the change comes from'), h.facts(rows));
    },

    // What a guest used before and after it moved.
    effectsHtml: function (detail, metric) {
        let u = PVE.foresight.Utils;
        let h = PVE.foresight.Html;
        let rows = (detail.effects ?? [])
            .filter((effect) => effect[metric.metric])
            .map((effect) => {
                let move = (detail.migrations ?? []).find((m) => m.time === effect.time);
                let { before, after } = effect[metric.metric];
                let q = (v) => u.quantity(v, metric.unit);
                return [
                    `${u.date(effect.time)} ${move ? `${move.from} → ${move.to}` : ''}`,
                    `${q(before)} → ${q(after)}`,
                ];
            });
        return rows.length
            ? h.section(gettext('Before and after its migrations'), h.facts(rows))
            : '';
    },
});
