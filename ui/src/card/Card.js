// One recommended migration.
Ext.define('PVE.foresight.card.Card', {
    extend: 'Ext.container.Container',
    xtype: 'pveForesightCard',

    cls: 'foresight-card',

    // move: a recommendation; source, target: what the advice says of its nodes;
    // history: what outcomes say about its guest, or null.
    move: null,
    source: undefined,
    target: undefined,
    history: null,

    initComponent: function () {
        let me = this;
        let h = PVE.foresight.Html;
        let ids = { why: `${me.getId()}-why` };
        // Several cards have the same buttons: those who hear them need to know whose they are.
        let named = (text) => h.encode(`${text} ${PVE.foresight.Utils.guestLabel(me.move)}`);
        me.items = [
            { xtype: 'component', itemId: 'head' },
            {
                xtype: 'container',
                layout: { type: 'hbox', align: 'middle' },
                cls: 'foresight-card-actions',
                items: [
                    {
                        xtype: 'button',
                        itemId: 'why',
                        ui: 'default-toolbar',
                        text: gettext('Why this migration?'),
                        ariaLabel: named(gettext('Why this migration?')),
                        iconCls: 'fa fa-caret-right',
                        enableToggle: true,
                        ariaAttributes: { 'aria-expanded': 'false', 'aria-controls': ids.why },
                        toggleHandler: (button, pressed) => me.setExpanded(pressed),
                    },
                    {
                        xtype: 'component',
                        itemId: 'command',
                        flex: 1,
                        cls: 'foresight-command',
                    },
                    {
                        xtype: 'button',
                        itemId: 'migrate',
                        text: gettext('Migrate'),
                        ariaLabel: named(gettext('Migrate')),
                        iconCls: 'fa fa-paper-plane-o',
                        tooltip: gettext(
                            "Opens Proxmox VE's own dialog. Nothing starts by itself.",
                        ),
                        hidden: !PVE.foresight.window.Migrate.isPossible(),
                        disabled: !PVE.foresight.window.Migrate.mayMigrate(),
                        handler: () => PVE.foresight.window.Migrate.open(me.move),
                    },
                ],
            },
            { xtype: 'component', itemId: 'evidence', id: ids.why, hidden: true },
        ];
        me.callParent();
        me.drawMove();
    },

    // Whether it is about this move, whatever is said of it by now.
    isOf: function (move) {
        return ['vmid', 'type', 'name', 'source', 'target'].every(
            (field) => this.move[field] === move[field],
        );
    },

    // What is said of the same move now: { move, source, target, history }.
    setMove: function (told) {
        let me = this;
        Ext.apply(me, told);
        me.drawMove();
        if (me.expanded) {
            me.drawEvidence();
        }
    },

    drawMove: function () {
        let h = PVE.foresight.Html;
        let tip = h.tip(gettext('Command for a shell on the source node'));
        this.drawPart('head', this.headHtml());
        this.drawPart('command', `<code${tip}>${h.encode(this.move.command)}</code>`);
    },

    // Only what is different is drawn anew: somebody may have selected the rest. Says whether it was.
    drawPart: function (part, html) {
        let me = this;
        me.drawn ??= {};
        if (me.drawn[part] !== html) {
            me.drawn[part] = html;
            me.down(`#${part}`).update(html);
            return true;
        }
        return false;
    },

    headHtml: function () {
        let u = PVE.foresight.Utils;
        let h = PVE.foresight.Html;
        let move = this.move;
        let { source_node_trend: from, target_node_trend: to } = move.trend_evidence;
        let node = (name, trend, state) =>
            `${h.nodeIcon()} <b>${h.encode(name)}</b>${PVE.foresight.card.Evidence.nodeArrow(name, trend, state)}`;
        let route = h.route(
            node(move.source, from, this.source),
            node(move.target, to, this.target),
        );
        let urgency = h.urgencyBadge(move.urgency, u.findings(this.source).join('\n'));
        return (
            `<div class="foresight-card-head">` +
            `<span class="foresight-order">${h.encode(move.order)}</span>` +
            `<span class="foresight-card-guest">${h.guestIcon(move.type)} <b>${h.encode(u.guestLabel(move))}</b></span>` +
            `<span class="foresight-card-route">${route}</span>` +
            `<span class="foresight-card-badges">${urgency}${h.confidenceBadge(move)}${h.outcomeBadge(this.guestHistory())}</span>` +
            `</div><p class="foresight-explanation">${h.prose(move.decision_explanation)}</p>` +
            (move.concerns ?? []).map((text) => h.note(text)).join('')
        );
    },

    guestHistory: function () {
        return this.history?.guest ?? this.move.trend_evidence.guest_trend;
    },

    setExpanded: function (expanded) {
        let me = this;
        let button = me.down('#why');
        button.setIconCls(expanded ? 'fa fa-caret-down' : 'fa fa-caret-right');
        button.getEl()?.dom.setAttribute('aria-expanded', String(expanded));
        me.down('#evidence').setVisible(expanded);
        me.expanded = expanded;
        if (expanded) {
            me.drawEvidence();
            me.loadNodes();
        }
    },

    drawEvidence: function () {
        let me = this;
        if (me.drawPart('evidence', PVE.foresight.card.Evidence.html(me))) {
            me.updateLayout();
        }
    },

    // The histories behind the sparklines are loaded when somebody asks for them.
    loadNodes: function () {
        let me = this;
        me.details ??= {};
        for (const node of [me.move.source, me.move.target].filter((n) => !me.details[n])) {
            PVE.foresight.Api.request(`/trends/nodes/${encodeURIComponent(node)}`, {
                params: { points: 75 },
                success: (detail) => {
                    if (!me.destroyed) {
                        me.details[node] = detail;
                        me.drawEvidence();
                    }
                },
            });
        }
    },
});
