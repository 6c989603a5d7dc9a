// The trend chart of one metric: follows its size, tells the value below the mouse.
Ext.define('PVE.foresight.panel.Chart', {
    extend: 'Ext.Component',
    xtype: 'pveForesightChart',

    cls: 'foresight-chart-box',
    height: 300,

    // detail: reply about a node or guest with history; metric: its name. Returns what is drawn.
    setData: function (detail, metric) {
        this.model = this.modelOf(detail, metric);
        this.redraw();
        return this.model;
    },

    onResize: function () {
        this.callParent(arguments);
        this.redraw();
    },

    afterRender: function () {
        this.callParent();
        this.mon(this.el, { scope: this, mousemove: this.onMove, mouseleave: this.onLeave });
        this.redraw();
    },

    modelOf: function (detail, name) {
        let u = PVE.foresight.Utils;
        let series = detail.history?.find((m) => m.metric === name);
        let metric = u.metric(detail, name);
        let history = series?.buckets ?? [];
        let plot = metric?.plot;
        let now = detail.now;
        let last = plot?.forecast?.length ? plot.forecast[plot.forecast.length - 1].time : now;
        return {
            from: history.length ? history[0].start : now - 3600,
            until: Math.max(last, now),
            now,
            unit: series?.unit ?? metric?.unit,
            threshold: metric?.projection?.threshold,
            label: metric
                ? u.trendSentence(metric, detail.lookback_hours)
                : u.label('metric', name),
            history,
            baseline: (plot?.baseline ?? []).map((p) => [p.time, p.low, p.high]),
            forecast: (plot?.forecast ?? []).map((p) => [p.time, p.expected, p.low, p.high]),
            trend: this.trendOf(metric, now, Math.max(last, now)),
            marks: this.marksOf(detail),
        };
    },

    // The claimed trend, carried on from the level of now.
    trendOf: function (metric, now, until) {
        let { Utils, Plot } = PVE.foresight;
        return Utils.isTrend(metric?.direction) && until > now
            ? [
                  [now, metric.level],
                  [until, metric.level + (metric.slope_per_day * (until - now)) / Plot.DAY],
              ]
            : [];
    },

    marksOf: function (detail) {
        let u = PVE.foresight.Utils;
        return (detail.migrations ?? []).map((m) => ({
            time: m.time,
            text: Ext.String.format(
                gettext('{0}: guest {1} moved from {2} to {3}'),
                u.date(m.time),
                m.vmid,
                m.from,
                m.to,
            ),
        }));
    },

    redraw: function () {
        let me = this;
        if (!me.rendered || !me.model) {
            return;
        }
        let chart = { ...me.model, width: me.getWidth(), height: me.getHeight() };
        if (chart.width < 120) {
            return;
        }
        me.chart = chart;
        me.frame = PVE.foresight.Plot.frame(chart);
        me.update(
            chart.history.length
                ? PVE.foresight.Plot.chart(chart) + '<div class="foresight-readout"></div>'
                : `<p class="foresight-empty">${Ext.htmlEncode(gettext('No samples of this metric in this time.'))}</p>`,
        );
    },

    // Row of a list of [time, ...] nearest to a time.
    nearest: (rows, time) =>
        rows.reduce(
            (best, row) =>
                !best || Math.abs(row[0] - time) < Math.abs(best[0] - time) ? row : best,
            null,
        ),

    onMove: function (event) {
        let me = this;
        let readout = me.el.dom.querySelector('.foresight-readout');
        let cursor = me.el.dom.querySelector('.foresight-cursor');
        if (!me.chart || !readout || !cursor) {
            return;
        }
        let u = PVE.foresight.Utils;
        let time = me.frame.time(event.getX() - me.el.getX());
        let ahead = time > me.chart.now && me.chart.forecast.length;
        let rows = ahead
            ? me.chart.forecast
            : me.chart.history.map((b) => [PVE.foresight.Plot.middle(b), b.avg, b.min, b.max]);
        let row = me.nearest(rows, time);
        if (!row) {
            return;
        }
        let [t, value, low, high] = row;
        let q = (v) => u.quantity(v, me.chart.unit);
        let text = ahead
            ? gettext('{0}: expected {1} ({2} – {3})')
            : gettext('{0}: {1} ({2} – {3})');
        readout.textContent = Ext.String.format(text, u.date(t), q(value), q(low), q(high));
        let x = me.frame.x(t).toFixed(1);
        cursor.innerHTML =
            `<line x1="${x}" x2="${x}" y1="${me.frame.margin.top}" y2="${me.chart.height - me.frame.margin.bottom}"/>` +
            `<circle cx="${x}" cy="${me.frame.y(value).toFixed(1)}" r="3"/>`;
    },

    onLeave: function () {
        let cursor = this.el.dom.querySelector('.foresight-cursor');
        let readout = this.el.dom.querySelector('.foresight-readout');
        if (cursor && readout) {
            cursor.innerHTML = '';
            readout.textContent = '';
        }
    },
});
