// Trends of one node or guest: the chart with a choice of metric and time, and what was found.
Ext.define('PVE.foresight.panel.Entity', {
    extend: 'PVE.foresight.panel.View',
    xtype: 'pveForesightEntity',

    // One of the two.
    node: undefined,
    vmid: undefined,

    metric: 'cpu',
    hours: 168,

    statics: {
        // The chart's legend: class of the key, label, whether the chart has it.
        legend: (chart) => [
            ['line', gettext('Measured'), true],
            ['range', gettext('Lowest to highest'), true],
            ['baseline', gettext('Usual range'), chart.baseline.length > 0],
            ['forecast', gettext('Expected'), chart.forecast.length > 0],
            ['interval', gettext('80\u00a0% interval'), chart.forecast.length > 0],
            ['trend', gettext('Trend carried on'), chart.trend.length > 0],
            ['limit', gettext('Threshold'), PVE.foresight.Utils.isNumber(chart.threshold)],
            ['mark', gettext('Migration'), chart.marks.some((m) => m.time >= chart.from)],
        ],
        legendHtml: function (chart) {
            let keys = this.legend(chart)
                .filter(([, , has]) => has)
                .map(
                    ([cls, label]) =>
                        `<span><i class="foresight-key foresight-key-${cls}" aria-hidden="true"></i>${Ext.htmlEncode(label)}</span>`,
                );
            return `<div class="foresight-legend">${keys.join('')}</div>`;
        },
    },

    initComponent: function () {
        let me = this;
        let spans = [
            [24, gettext('1 day')],
            [72, gettext('3 days')],
            [168, gettext('7 days')],
            [336, gettext('14 days')],
            [720, gettext('30 days')],
            [2160, gettext('90 days')],
        ];
        me.tbar = [
            {
                xtype: 'combobox',
                itemId: 'metric',
                fieldLabel: gettext('Metric'),
                labelWidth: 55,
                width: 220,
                editable: false,
                queryMode: 'local',
                valueField: 'name',
                displayField: 'label',
                store: {
                    fields: ['name', 'label'],
                    data: [{ name: me.metric, label: PVE.foresight.Utils.metricLabel(me.metric) }],
                },
                value: me.metric,
                listeners: { select: (field, record) => me.pickMetric(record.get('name')) },
            },
            {
                xtype: 'combobox',
                itemId: 'hours',
                fieldLabel: gettext('Time'),
                labelWidth: 42,
                width: 150,
                editable: false,
                queryMode: 'local',
                valueField: 'hours',
                displayField: 'label',
                store: {
                    fields: ['hours', 'label'],
                    data: spans.map(([hours, label]) => ({ hours, label })),
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

    setEntity: function (entity) {
        if (this.node === entity.node && this.vmid === entity.vmid) {
            return;
        }
        Ext.apply(this, { node: entity.node, vmid: entity.vmid });
        this.sleep();
        this.wake();
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
    },

    draw: function ({ detail }) {
        let me = this;
        let u = PVE.foresight.Utils;
        let names = (detail.metrics ?? []).map((m) => m.metric);
        if (names.length && !names.includes(me.metric)) {
            me.metric = names[0];
        }
        let field = me.down('#metric');
        field.getStore().loadData(names.map((name) => ({ name, label: u.metricLabel(name) })));
        field.setValue(me.metric);
        let metric = u.metric(detail, me.metric);
        me.down('#sentence').update(me.sentenceHtml(detail, metric));
        let chart = me.down('#chart').setData(detail, me.metric);
        me.down('#legend').update(chart.history.length ? me.self.legendHtml(chart) : '');
        me.down('#facts').update(me.factsHtml(detail, metric));
    },

    sentenceHtml: function (detail, metric) {
        let u = PVE.foresight.Utils;
        if (!metric) {
            return '';
        }
        let who = detail.node && detail.vmid === undefined ? detail.node : u.guestLabel(detail);
        return (
            `<b>${u.encode(who)}</b> ${u.arrow(metric.direction)} ` +
            `${u.encode(u.trendSentence(metric, detail.lookback_hours))} ` +
            u.stabilityPill(metric.stability, metric.direction)
        );
    },

    factsHtml: function (detail, metric) {
        let u = PVE.foresight.Utils;
        if (!metric || metric.not_enough) {
            return '';
        }
        let q = (v) => u.quantity(v, metric.unit);
        let usual = this.usual(metric);
        let [low, high] = metric.slope_ci ?? [];
        let facts = [
            [gettext('Now'), q(metric.current ?? metric.level)],
            [gettext('Usual at this hour'), usual],
            [
                gettext('Change per day'),
                `${u.rate(metric.slope_per_day, metric.unit)} (${q(low)} – ${q(high)})`,
            ],
            [gettext('Confidence'), u.percent(metric.confidence)],
            [gettext('Explained (R²)'), u.isNumber(metric.r2) ? metric.r2.toFixed(2) : '–'],
            [gettext('High of 7 days (p95)'), q(metric.p95_7d)],
            [gettext('Busy hours'), u.peakHours(metric.peak_hours) || gettext('no daily pattern')],
            [gettext('Points analysed'), u.count(metric.points)],
        ];
        if (detail.behavior) {
            facts.push([gettext('Behaviour'), u.word(u.behaviourLabels, detail.behavior)]);
        }
        if (detail.quality) {
            facts.push([gettext('Samples stored'), u.count(detail.quality.total_samples)]);
            facts.push([gettext('Largest gap'), u.seconds(detail.quality.largest_gap)]);
        }
        let rows = facts.map(
            ([k, v]) => `<div><dt>${u.encode(k)}</dt><dd>${u.encode(v)}</dd></div>`,
        );
        return `<dl class="foresight-facts foresight-facts-wide">${rows.join('')}</dl>`;
    },

    usual: function (metric) {
        let u = PVE.foresight.Utils;
        if (!metric.baseline) {
            return '–';
        }
        let { expected, spread } = metric.baseline;
        let text = `${u.quantity(expected, metric.unit)} ± ${u.quantity(spread, metric.unit)}`;
        return u.isNumber(metric.anomaly?.sigma)
            ? `${text}, ${Ext.String.format(gettext('now {0} σ'), metric.anomaly.sigma.toFixed(1))}`
            : text;
    },
});
