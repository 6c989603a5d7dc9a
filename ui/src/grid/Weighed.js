// Moves that were weighed and rejected, and guests that were no candidates, each with the reason.
Ext.define('PVE.foresight.grid.Weighed', {
    extend: 'Ext.grid.Panel',
    xtype: 'pveForesightWeighed',

    title: gettext('Not recommended'),
    cls: 'foresight-block',
    height: 300,
    collapsible: true,
    collapsed: true,
    titleCollapse: true,
    animCollapse: false,
    emptyText: gettext('Nothing else was looked at.'),
    viewConfig: { stripeRows: true, deferEmptyText: false },
    plugins: ['bufferedrenderer'],

    initComponent: function () {
        let me = this;
        let u = PVE.foresight.Utils;
        me.store = Ext.create('Ext.data.Store', {
            fields: ['vmid', 'name', 'node', 'target', 'confidence', 'reason'],
            proxy: { type: 'memory' },
        });
        me.columns = [
            {
                text: gettext('Guest'),
                dataIndex: 'vmid',
                width: 160,
                renderer: (vmid, meta, record) => u.encode(u.guestLabel(record.data)),
            },
            { text: gettext('Node'), dataIndex: 'node', width: 90, renderer: u.encode },
            { text: gettext('Target'), dataIndex: 'target', width: 90, renderer: u.encode },
            {
                text: gettext('Confidence'),
                dataIndex: 'confidence',
                width: 95,
                align: 'right',
                renderer: (value) => (u.isNumber(value) ? `${u.count(value)}\u00a0%` : ''),
            },
            {
                text: gettext('Why not'),
                dataIndex: 'reason',
                flex: 1,
                minWidth: 200,
                renderer: (reason, meta) => {
                    meta.tdAttr = `data-qtip="${u.encode(u.encode(reason))}"`;
                    return u.prose(reason);
                },
            },
        ];
        me.callParent();
    },

    setAdvice: function (advice) {
        let considered = (advice.considered ?? []).map((c) => ({
            vmid: c.vmid,
            name: c.name,
            node: c.source,
            target: c.target,
            confidence: c.confidence,
            reason: c.reason,
        }));
        let skipped = (advice.skipped ?? []).map((s) => {
            let obstacles = (s.blockers ?? []).map((b) => b.text).filter((text) => text);
            let reason = obstacles.length ? `${s.reason}: ${obstacles.join('; ')}` : s.reason;
            return { vmid: s.vmid, name: s.name, node: s.node, target: '', reason };
        });
        this.setTitle(
            Ext.String.format(
                gettext('Not recommended: {0} moves weighed, {1} guests not candidates'),
                considered.length,
                skipped.length,
            ),
        );
        // Guests that were no candidates have neither.
        for (const name of ['target', 'confidence']) {
            this.down(`[dataIndex=${name}]`).setVisible(considered.length > 0);
        }
        this.store.loadData(considered.concat(skipped));
    },
});
