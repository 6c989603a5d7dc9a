// One recommended migration.
Ext.define('PVE.foresight.card.Card', {
    extend: 'Ext.container.Container',
    xtype: 'pveForesightCard',

    cls: 'foresight-card',

    // move: a recommendation; history: what outcomes say about its guest, or null;
    // states: state of the nodes by name.
    move: null,
    history: null,
    states: {},

    initComponent: function () {
        let me = this;
        let ids = { why: `${me.getId()}-why` };
        // Several cards have the same buttons: those who hear them need to know whose they are.
        let named = (text) =>
            Ext.htmlEncode(`${text} ${PVE.foresight.Utils.guestLabel(me.move)}`);
        me.items = [
            { xtype: 'component', html: me.headHtml() },
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
                        flex: 1,
                        cls: 'foresight-command',
                        html: `<code data-qtip="${Ext.htmlEncode(gettext('Command for a shell on the source node'))}">${Ext.htmlEncode(me.move.command)}</code>`,
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
    },

    headHtml: function () {
        let u = PVE.foresight.Utils;
        let move = this.move;
        let evidence = move.trend_evidence;
        let node = (name, trend) =>
            `<b>${u.encode(name)}</b>${u.arrow(trend.cpu_direction, this.states[name], `${name} ${gettext('CPU')}: ${u.slope(trend.cpu_trend)}`)}`;
        let concerns = (move.concerns ?? []).map(
            (text) =>
                `<p>${u.icon('fa-info-circle info-blue', gettext('Note'))} ${u.prose(text)}</p>`,
        );
        return (
            `<div class="foresight-card-head">` +
            `<span class="foresight-order">${u.encode(move.order)}</span>` +
            `<span class="foresight-card-guest">${u.guestIcon(move.type)} <b>${u.encode(u.guestLabel(move))}</b></span>` +
            `<span class="foresight-card-route">${u.icon('fa-building')} ${node(move.source, evidence.source_node_trend)}` +
            ` ${u.icon('fa-angle-right', gettext('to'))} ${u.icon('fa-building')} ${node(move.target, evidence.target_node_trend)}</span>` +
            `<span class="foresight-card-badges">${u.urgencyBadge(move.urgency)}${u.confidenceBadge(move)}${u.outcomeBadge(this.guestHistory())}</span>` +
            `</div><p class="foresight-explanation">${u.prose(move.decision_explanation)}</p>${concerns.join('')}`
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
        let details = me.details ?? {};
        me.down('#evidence').update(
            PVE.foresight.card.Evidence.html(me.move, {
                source: details[me.move.source],
                target: details[me.move.target],
                history: me.history,
            }),
        );
        me.updateLayout();
    },

    // The histories behind the sparklines are loaded when somebody asks for them.
    loadNodes: function () {
        let me = this;
        if (me.details) {
            return;
        }
        me.details = {};
        for (const node of [me.move.source, me.move.target]) {
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
