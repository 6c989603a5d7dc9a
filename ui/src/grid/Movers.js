// Nodes or guests with their trends, those that change most on top.
Ext.define('PVE.foresight.grid.Movers', {
    extend: 'Ext.grid.Panel',
    xtype: 'pveForesightMovers',

    border: false,
    enableColumnMove: false,
    emptyText: gettext('No trends yet.'),
    viewConfig: { deferEmptyText: false },
    plugins: ['bufferedrenderer'],

    initComponent: function () {
        let me = this;
        let u = PVE.foresight.Utils;
        let h = PVE.foresight.Html;
        me.store = Ext.create('Ext.data.Store', {
            fields: ['id', 'label', 'cpu', 'memory', 'change', 'stability'],
            // By what no column shows, so that no column's head claims the order.
            sorters: [{ property: 'change', direction: 'DESC' }, { property: 'id' }],
            proxy: { type: 'memory' },
        });
        let trend = (name) => ({
            text: u.label('metric', name),
            dataIndex: name,
            width: 118,
            align: 'right',
            renderer: (value, meta, record) => me.renderTrend(name, record),
        });
        me.columns = [
            {
                text: gettext('Name'),
                dataIndex: 'label',
                flex: 1,
                renderer: (label, meta, { data }) => `${me.iconOf(data.vmid)} ${h.encode(label)}`,
            },
            trend('cpu'),
            trend('memory'),
            {
                text: gettext('Stability'),
                dataIndex: 'stability',
                width: 90,
                renderer: (score, meta, record) =>
                    h.stabilityPill(score, u.direction(u.metric(record.data.trends, 'cpu'))),
            },
        ];
        me.callParent();
        me.on('selectionchange', (model, [record]) => {
            if (record) {
                me.fireEvent('pick', me.entityOf(record));
            }
        });
    },

    // Trends do not say what kind a guest is; the store of the tree on the left does.
    iconOf: function (vmid) {
        let h = PVE.foresight.Html;
        let isContainer = PVE.data?.ResourceStore?.getById?.(`lxc/${vmid}`);
        return vmid === undefined ? h.nodeIcon() : h.guestIcon(isContainer ? 'lxc' : 'qemu');
    },

    entityOf: ({ data: { vmid, trends, states } }) =>
        vmid === undefined ? { node: trends.node, states } : { vmid, states },

    renderTrend: function (name, record) {
        let u = PVE.foresight.Utils;
        let h = PVE.foresight.Html;
        let { trends, states } = record.data;
        let metric = u.metric(trends, name);
        if (!metric) {
            return '–';
        }
        let text = u.isTrend(metric.direction)
            ? u.rate(metric.slope_per_day, metric.unit)
            : u.quantity(metric.current ?? metric.level, metric.unit);
        return `${h.encode(text)} ${h.metricArrow(metric, trends, states[name])}`;
    },

    // How much it changes per day: only what the API claims to be a trend counts.
    changeOf: function (trends) {
        let u = PVE.foresight.Utils;
        let of = (name) => {
            let metric = u.metric(trends, name);
            return u.isTrend(metric?.direction) ? Math.abs(metric.slope_per_day) : 0;
        };
        return Math.max(of('cpu'), of('memory'));
    },

    // list: trends; advised: what the advice says of the nodes, if that is known.
    setRows: function (list, advised) {
        let u = PVE.foresight.Utils;
        let selected = this.getSelection()[0]?.getId();
        this.store.loadData(
            list.map((trends) => ({
                id: trends.vmid === undefined ? `node/${trends.node}` : `guest/${trends.vmid}`,
                vmid: trends.vmid,
                label: trends.vmid === undefined ? trends.node : u.guestLabel(trends),
                cpu: u.metric(trends, 'cpu')?.slope_per_day ?? 0,
                memory: u.metric(trends, 'memory')?.slope_per_day ?? 0,
                change: this.changeOf(trends),
                stability: trends.stability_score ?? u.metric(trends, 'cpu')?.stability,
                trends,
                states: u.metricStates(advised?.find((n) => n.name === trends.node)),
            })),
        );
        let again = selected && this.store.getById(selected);
        if (again) {
            this.getSelectionModel().select(again, false, true);
        }
    },

    pickFirst: function () {
        let first = this.store.getAt(0);
        if (first) {
            this.getSelectionModel().select(first);
        }
    },
});
