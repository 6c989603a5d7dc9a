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
        let h = PVE.foresight.Html;
        me.store = Ext.create('Ext.data.Store', {
            fields: [
                'vmid',
                'name',
                'node',
                'target',
                'confidence',
                'confidence_parts',
                'reason',
                'further',
            ],
            proxy: { type: 'memory' },
        });
        me.columns = [
            {
                text: gettext('Guest'),
                dataIndex: 'vmid',
                width: 160,
                renderer: (vmid, meta, record) => h.encode(u.guestLabel(record.data)),
            },
            { text: gettext('Node'), dataIndex: 'node', width: 90, renderer: h.encode },
            { text: gettext('Target'), dataIndex: 'target', width: 90, renderer: h.encode },
            {
                text: gettext('Confidence'),
                dataIndex: 'confidence',
                width: 95,
                align: 'right',
                renderer: (value, meta, record) => {
                    if (!u.isNumber(value)) {
                        return '';
                    }
                    meta.tdAttr = h.tip(h.confidenceParts(record.data));
                    return `${u.stated(value)}\u00a0%`;
                },
            },
            {
                text: gettext('Why not'),
                dataIndex: 'reason',
                flex: 1,
                minWidth: 200,
                renderer: (reason, meta, record) => {
                    meta.tdAttr = h.tip([reason, ...(record.data.further ?? [])].join('\n'));
                    return h.prose(reason);
                },
            },
        ];
        me.callParent();
    },

    setAdvice: function (advice) {
        let u = PVE.foresight.Utils;
        // Obstacles that the reason does not name, such as those of nodes that would be second best.
        let further = ({ reason, blockers }) =>
            (blockers ?? []).map((b) => b.text).filter((text) => text && !reason.includes(text));
        let considered = (advice.considered ?? []).map((c) => ({
            vmid: c.vmid,
            name: c.name,
            node: c.source,
            target: c.target,
            confidence: c.confidence,
            confidence_parts: c.confidence_parts,
            reason: c.reason,
        }));
        let skipped = (advice.skipped ?? []).map((s) => ({
            vmid: s.vmid,
            name: s.name,
            node: s.node,
            target: '',
            reason: s.reason,
            further: further(s),
        }));
        this.setTitle(
            Ext.String.format(
                gettext('Not recommended: {0}, {1}'),
                u.counted(
                    considered.length,
                    gettext('1 move weighed'),
                    gettext('{0} moves weighed'),
                ),
                u.counted(
                    skipped.length,
                    gettext('1 guest no candidate'),
                    gettext('{0} guests no candidates'),
                ),
            ),
        );
        // Guests that were no candidates have neither.
        for (const name of ['target', 'confidence']) {
            this.down(`[dataIndex=${name}]`).setVisible(considered.length > 0);
        }
        this.store.loadData(considered.concat(skipped));
    },
});
