// What to do, why, and how the nodes are.
Ext.define('PVE.foresight.panel.Overview', {
    extend: 'PVE.foresight.panel.View',
    xtype: 'pveForesightOverview',

    title: gettext('Overview'),
    iconCls: 'fa fa-book',
    needsSamples: true,

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

    draw: function ({ status, advice, nodes, outcomes }) {
        let me = this;
        me.down('#summary').update(me.summaryHtml(advice, status));
        me.down('#nodes').setNodes(advice.nodes, nodes);
        me.down('#weighed').setAdvice(advice);
        me.drawCards(advice, outcomes);
    },

    // A card stays as long as its move is advised, and takes up new figures: an open one must not
    // close by itself, nor a command lose its selection, nor the keyboard fall out of a card.
    drawCards: function (advice, outcomes) {
        let me = this;
        let box = me.down('#cards');
        let nodes = Object.fromEntries(advice.nodes.map((n) => [n.name, n]));
        let old = [...box.items.items];
        let open = old.filter((card) => card.expanded).map((card) => card.move.vmid);
        let focused = box.query('button').find((button) => button.hasFocus);
        let { vmid } = focused?.up('pveForesightCard').move ?? {};
        let made = [];
        Ext.suspendLayouts();
        let cards = advice.recommendations.map((move) => {
            let told = {
                move,
                source: nodes[move.source],
                target: nodes[move.target],
                history: me.historyOf(move.vmid, outcomes),
            };
            let card = old.find((c) => c.isOf(move));
            if (card) {
                Ext.Array.remove(old, card);
                card.setMove(told);
                return card;
            }
            // Of the same guest's other move one node is known already.
            let { details } = old.find((c) => c.move.vmid === move.vmid) ?? {};
            card = Ext.widget({ xtype: 'pveForesightCard', ...told, details: { ...details } });
            made.push(card);
            return card;
        });
        old.forEach((card) => box.remove(card));
        cards.forEach((card, i) => {
            if (box.items.getAt(i) !== card) {
                box.insert(i, card);
            }
        });
        Ext.resumeLayouts(true);
        made.filter((card) => open.includes(card.move.vmid)).forEach((card) =>
            card.down('#why').toggle(true),
        );
        // The page is asked: what a card lost on its way to another place, the toolkit has not heard of yet.
        if (focused && focused.getEl()?.dom !== document.activeElement) {
            let card = cards.find((c) => c.move.vmid === vmid);
            card?.down(`#${focused.itemId}`).focus();
        }
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
        let h = PVE.foresight.Html;
        let icon = advice.recommendations.length
            ? h.icon('fa-lightbulb-o foresight-warn')
            : h.stateIcon(u.worstState(advice.nodes));
        let age = status.last_sample_age ?? advice.now - advice.data_until;
        let facts = [
            Ext.String.format(gettext('As of {0}'), u.zonedDate(advice.now)),
            Ext.String.format(gettext('newest sample {0} ago'), u.seconds(age)),
            Ext.String.format(gettext('looking {0} ahead'), u.hours(advice.horizon_hours)),
        ];
        if (advice.withheld) {
            facts.push(u.withheld(advice.withheld));
        }
        return [
            `<h2>${icon} ${h.prose(advice.summary)}</h2>`,
            h.dim(facts.join(' · ')),
            this.collectingHtml(advice),
            this.troubleHtml(advice),
            advice.crs?.text ? h.note(advice.crs.text) : '',
            ...(advice.warnings ?? []).slice(0, 5).map((text) => h.warning(text)),
            advice.recommendations.length ? h.dim(this.busyHours(advice)) : '',
        ].join('');
    },

    // What the sentences and figures of the cards mean by it.
    busyHours: ({ horizon_hours: hours }) =>
        Ext.String.format(
            gettext(
                'Busy hours: what 95 % of these {0} hours are expected to stay at or below, by the present and up to two weeks of hours.',
            ),
            Math.round(hours),
        ),

    // The first hours: nodes have samples, but no trend can be claimed yet.
    collectingHtml: function (advice) {
        let u = PVE.foresight.Utils;
        let h = PVE.foresight.Html;
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
            `<p>${h.icon('fa-hourglass-half info-blue')} ${h.encode(text)} ` +
            `<progress class="foresight-progress" max="${advice.trend_hours}" value="${least}" aria-label="${h.encode(text)}"></progress></p>`
        );
    },

    // Where no move is recommended although nodes need one: what is wrong, and what holds the guests.
    troubleHtml: function (advice) {
        let u = PVE.foresight.Utils;
        let h = PVE.foresight.Html;
        let troubled = advice.nodes.filter((n) => n.in_trouble);
        if (advice.recommendations.length) {
            return '';
        }
        return troubled
            .map((node) => {
                let found = u.findings(node).join('; ');
                let held = this.heldOn(node.name, advice).map(
                    (text) => `<li>${h.prose(text)}</li>`,
                );
                return (
                    `<p>${h.stateIcon(node.state)} <b>${h.encode(node.name)}</b> ${h.encode(found)}</p>` +
                    (held.length ? `<ul class="foresight-held">${held.join('')}</ul>` : '')
                );
            })
            .join('');
    },

    // What keeps the guests of a node there: the most frequent obstacles, one guest as the example.
    heldOn: function (node, advice) {
        let u = PVE.foresight.Utils;
        let groups = new Map();
        let add = (kind, text) => groups.set(kind, [...(groups.get(kind) ?? []), text]);
        for (const move of advice.considered ?? []) {
            if (move.source === node) {
                add('', `${u.guestLabel(move)} → ${move.target}: ${move.reason}`);
            }
        }
        for (const guest of advice.skipped ?? []) {
            if (guest.node === node) {
                let text = `${u.guestLabel(guest)}: ${guest.reason}`;
                add(guest.blockers?.[0]?.code ?? guest.reason, text);
            }
        }
        return [...groups.values()]
            .sort((a, b) => b.length - a.length)
            .slice(0, 3)
            .map(([example, ...others]) => {
                let alike = u.counted(
                    others.length,
                    gettext('1 more guest likewise'),
                    gettext('{0} more guests likewise'),
                );
                return others.length ? `${example} (${alike})` : example;
            });
    },
});
