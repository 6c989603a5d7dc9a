// Had the advice been followed: a replay of the stored history, asked for by hand since it takes a while.
Ext.define('PVE.foresight.panel.Backtest', {
    extend: 'PVE.foresight.panel.View',
    xtype: 'pveForesightBacktest',

    title: gettext('Backtest'),
    iconCls: 'fa fa-fast-backward',
    interval: 0,

    sources: { status: { path: '/status' } },

    initComponent: function () {
        let me = this;
        me.tbar = [
            {
                xtype: 'combobox',
                itemId: 'days',
                fieldLabel: gettext('Time'),
                labelWidth: 50,
                width: 180,
                editable: false,
                queryMode: 'local',
                valueField: 'days',
                displayField: 'label',
                value: 30,
                store: {
                    fields: ['days', 'label'],
                    data: [7, 14, 30, 60].map((days) => ({
                        days,
                        label: Ext.String.format(gettext('{0} days'), days),
                    })),
                },
            },
            {
                xtype: 'button',
                itemId: 'run',
                text: gettext('Run backtest'),
                iconCls: 'fa fa-play',
                handler: () => me.run(),
            },
        ];
        me.items = [{ xtype: 'component', itemId: 'result' }];
        me.callParent();
    },

    draw: function () {
        if (this.isRunning) {
            this.notice(this.runningNotice());
        } else if (!this.result) {
            this.notice({
                icon: 'fa-fast-backward',
                title: gettext('What would the advice have brought?'),
                text: gettext(
                    'The backtest replays the stored demand of all guests: as it was, without any migration, and with the advice followed. They are compared by the hours above the thresholds.',
                ),
            });
        }
    },

    runningNotice: () => ({
        icon: 'fa-spinner fa-pulse',
        title: gettext('Replaying the stored history...'),
        text: gettext('This may take a minute on large clusters.'),
    }),

    setRunning: function (running) {
        this.isRunning = running;
        this.down('#run').setDisabled(running);
    },

    run: function () {
        let me = this;
        me.setRunning(true);
        me.notice(me.runningNotice());
        PVE.foresight.Api.request('/backtest', {
            params: { days: me.down('#days').getValue() },
            timeout: 300000,
            success: (reply) => !me.destroyed && me.drawResult(reply),
            failure: (kind, html) => !me.destroyed && me.failed(kind, html),
        });
    },

    failed: function (kind, html) {
        this.setRunning(false);
        this.notice({ ...this.failureNotice({ kind, html }), retry: false });
    },

    drawResult: function (reply) {
        let me = this;
        me.result = reply;
        me.setRunning(false);
        me.showContent();
        me.down('#result').update(me.resultHtml(reply));
        me.updateLayout();
    },

    policyLabel: function (outcome) {
        let u = PVE.foresight.Utils;
        let label = u.label('policy', outcome.policy);
        return outcome.sensitivity
            ? `${label} (${u.label('sensitivity', outcome.sensitivity)})`
            : label;
    },

    resultHtml: function (reply) {
        let u = PVE.foresight.Utils;
        let h = PVE.foresight.Html;
        let number = (v) => (u.isNumber(v) ? v.toFixed(v < 10 ? 1 : 0) : '–');
        let head = [
            [gettext('Policy')],
            [gettext('Nodes above threshold'), gettext('node-hours')],
            [gettext('CPU above threshold'), gettext('core-hours')],
            [gettext('Memory above threshold'), gettext('GiB-hours')],
            [gettext('CPU not served'), gettext('core-hours')],
            [gettext('Migrations')],
            [gettext('Moved'), 'GiB'],
            [gettext('Returned within 7 days')],
        ].map(
            ([text, unit]) =>
                `<th scope="col">${h.encode(text)}${unit ? ` <span>${h.encode(unit)}</span>` : ''}</th>`,
        );
        let most = Math.max(...reply.outcomes.map((o) => o.core_hours), 1e-9);
        let rows = reply.outcomes.map((o) => {
            let cells = [
                `<span class="foresight-bar" style="width:${((o.core_hours / most) * 40).toFixed(0)}px"></span> ${number(o.core_hours)}`,
                number(o.gib_hours),
                number(o.unmet_core_hours),
                u.count(o.moves),
                number(o.gib_moved),
                u.count(o.returns_7d),
            ];
            let cls = o.policy === 'ours' ? ' class="foresight-row-ours"' : '';
            return `<tr${cls}><th scope="row">${h.encode(this.policyLabel(o))}</th><td>${number(o.node_hours)}</td>${cells.map((c) => `<td>${c}</td>`).join('')}</tr>`;
        });
        let note = Ext.String.format(
            gettext(
                '{0} hours judged, from {1} to {2}; {3} nodes, {4} guests; hours between decisions: {5}.',
            ),
            reply.judged_hours,
            u.date(reply.judged_from),
            u.zonedDate(reply.judged_until),
            reply.nodes,
            reply.guests,
            reply.every_hours,
        );
        let warnings = (reply.warnings ?? []).map((text) => h.warning(text));
        return (
            `<div class="foresight-summary"><h2>${h.icon('fa-lightbulb-o foresight-warn')} ${h.prose(reply.summary)}</h2>` +
            `${h.dim(note)}${warnings.join('')}</div>` +
            `<table class="foresight-table foresight-policies" aria-label="${h.encode(gettext('Policies compared'))}"><thead><tr>${head.join('')}</tr></thead>` +
            `<tbody>${rows.join('')}</tbody></table>${this.daysHtml(reply)}`
        );
    },

    // Overload by day: as it was and with the advice.
    daysHtml: function (reply) {
        let u = PVE.foresight.Utils;
        let h = PVE.foresight.Html;
        let was = reply.outcomes.find((o) => o.policy === 'as-it-was') ?? reply.outcomes[0];
        let ours = reply.outcomes.find((o) => o.policy === 'ours');
        if (!was?.days?.length || !ours?.days?.length) {
            return '';
        }
        let rows = was.days.map((day, i) => ({
            time: day.start,
            values: [day.core_hours, ours.days[i]?.core_hours ?? 0],
            text: Ext.String.format(
                gettext('{0}: {1} core-hours as it was, {2} with the advice'),
                u.date(day.start),
                day.core_hours.toFixed(1),
                ours.days[i] ? ours.days[i].core_hours.toFixed(1) : '–',
            ),
        }));
        let label = gettext('CPU above the threshold, core-hours by day');
        let classes = ['foresight-bar-was', 'foresight-bar-ours'];
        let keys = [gettext('As it was'), gettext('Advice followed')].map(
            (text, i) =>
                `<span><i class="foresight-key ${classes[i]}" aria-hidden="true"></i>${h.encode(text)}</span>`,
        );
        return (
            `<div class="foresight-summary"><h2>${h.encode(label)}</h2>` +
            PVE.foresight.Plot.bars(rows, classes, label) +
            `<div class="foresight-legend">${keys.join('')}</div></div>`
        );
    },
});
