// What to do, why, and how the nodes are.
Ext.define('PVE.foresight.panel.Overview', {
    extend: 'PVE.foresight.panel.View',
    xtype: 'pveForesightOverview',

    title: gettext('Overview'),
    iconCls: 'fa fa-book',

    sources: {
        status: { path: '/status' },
        advice: { path: '/recommendations' },
        nodes: { path: '/trends/nodes', optional: true },
        outcomes: { path: '/outcomes', optional: true },
    },

    items: [
        { xtype: 'component', itemId: 'summary', cls: 'foresight-summary' },
        { xtype: 'container', itemId: 'cards', layout: 'anchor', defaults: { anchor: '100%' } },
        { xtype: 'pveForesightNodes', itemId: 'nodes' },
        { xtype: 'pveForesightWeighed', itemId: 'weighed' },
    ],

    // Without a single sample the advice fails for want of data: that is no error.
    settle: function (data, failed) {
        if (data.status && !PVE.foresight.Utils.isNumber(data.status.last_sample)) {
            this.notice(this.firstHourNotice());
            return;
        }
        this.callParent([data, failed]);
    },

    draw: function ({ status, advice, nodes, outcomes }) {
        let me = this;
        me.down('#summary').update(me.summaryHtml(advice, status));
        me.down('#nodes').setNodes(advice.nodes, nodes);
        me.down('#weighed').setAdvice(advice);
        me.drawCards(advice, outcomes);
    },

    // Cards are made anew only when the advice changed: an open card must not close by itself.
    drawCards: function (advice, outcomes) {
        let me = this;
        let key = Ext.encode([advice.recommendations, outcomes?.guests]);
        if (key === me.cardsKey) {
            return;
        }
        let open = me
            .query('pveForesightCard')
            .filter((c) => c.expanded)
            .map((c) => c.move.vmid);
        me.cardsKey = key;
        let states = {};
        for (const node of advice.nodes) {
            states[node.name] = node.state;
        }
        let box = me.down('#cards');
        Ext.suspendLayouts();
        box.removeAll();
        box.add(
            advice.recommendations.map((move) => ({
                xtype: 'pveForesightCard',
                move,
                states,
                history: me.historyOf(move.vmid, outcomes),
            })),
        );
        Ext.resumeLayouts(true);
        me.query('pveForesightCard')
            .filter((card) => open.includes(card.move.vmid))
            .forEach((card) => card.down('#why').toggle(true));
    },

    historyOf: function (vmid, outcomes) {
        return outcomes
            ? {
                  guest: outcomes.guests?.find((g) => g.vmid === vmid) ?? null,
                  outcomes: (outcomes.outcomes ?? []).filter((o) => o.vmid === vmid),
              }
            : null;
    },

    summaryHtml: function (advice, status) {
        let u = PVE.foresight.Utils;
        let todo = advice.recommendations.length > 0;
        let icon = todo ? u.icon('fa-lightbulb-o foresight-warn') : u.icon('fa-check-circle good');
        let lines = [`<h2>${icon} ${u.prose(advice.summary)}</h2>`];
        let age = status.last_sample_age ?? advice.now - advice.data_until;
        let facts = [
            Ext.String.format(gettext('As of {0}'), u.date(advice.now)),
            Ext.String.format(gettext('newest sample {0} ago'), u.seconds(age)),
            Ext.String.format(gettext('looking {0} ahead'), u.hours(advice.horizon_hours)),
        ];
        if (advice.withheld) {
            facts.push(
                Ext.String.format(
                    gettext('{0} guests withheld that you may not audit'),
                    advice.withheld,
                ),
            );
        }
        lines.push(`<p class="foresight-dim">${u.encode(facts.join(' · '))}</p>`);
        lines.push(this.collectingHtml(advice));
        if (advice.crs?.text) {
            lines.push(`<p>${u.icon('fa-info-circle info-blue')} ${u.encode(advice.crs.text)}</p>`);
        }
        for (const warning of (advice.warnings ?? []).slice(0, 5)) {
            lines.push(
                `<p>${u.icon('fa-exclamation-triangle foresight-warn', gettext('Warning'))} ${u.encode(warning)}</p>`,
            );
        }
        return lines.join('');
    },

    // The first hours: nodes have samples, but no trend can be claimed yet.
    collectingHtml: function (advice) {
        let u = PVE.foresight.Utils;
        let hours = advice.nodes
            .filter((n) => n.state !== 'offline' && u.isNumber(n.history_days))
            .map((n) => n.history_days * 24);
        let least = Math.min(...hours);
        if (!hours.length || !(least < advice.trend_hours)) {
            return '';
        }
        let text = Ext.String.format(
            gettext('Collecting: {0} of {1} hours of samples until trends can be told.'),
            Math.floor(least),
            Math.round(advice.trend_hours),
        );
        return (
            `<p>${u.icon('fa-hourglass-half info-blue')} ${u.encode(text)} ` +
            `<progress class="foresight-progress" max="${advice.trend_hours}" value="${least}" aria-label="${u.encode(text)}"></progress></p>`
        );
    },
});
