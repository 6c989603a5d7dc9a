// The nodes: load with arrows, tooltips and stability.
Ext.define('PVE.foresight.grid.Nodes', {
    extend: 'Ext.grid.Panel',
    xtype: 'pveForesightNodes',

    title: gettext('Nodes'),
    cls: 'foresight-block',
    emptyText: gettext('No node that you may see.'),
    viewConfig: { trackOver: true, stripeRows: true, deferEmptyText: false },
    enableColumnMove: false,

    initComponent: function () {
        let me = this;
        let u = PVE.foresight.Utils;
        let h = PVE.foresight.Html;
        me.store = Ext.create('Ext.data.Store', {
            fields: ['name', 'state', 'maintenance', 'guests', 'cpu', 'memory', 'iowait', 'storage', 'stability', 'peak'],
            sorters: [{ property: 'name', direction: 'ASC' }],
            proxy: { type: 'memory' },
        });
        let load = (name, dataIndex, width) => ({
            text: u.label('metric', name),
            dataIndex,
            minWidth: width,
            tooltip: gettext('Mean of the last hour'),
            flex: 1,
            align: 'right',
            renderer: (value, meta, record) => me.renderLoad(name, value, record),
        });
        // The flexes are the least widths in proportion: where these bite, the last column is cut off.
        me.columns = [
            {
                text: gettext('Node'),
                dataIndex: 'name',
                flex: 1.3,
                minWidth: 110,
                renderer: (name) => `${h.nodeIcon()} ${h.encode(name)}`,
            },
            {
                text: gettext('State'),
                dataIndex: 'state',
                flex: 1.8,
                minWidth: 150,
                renderer: (state, meta, record) => {
                    meta.tdAttr = h.tip(record.data.found);
                    let text = u.label('state', state);
                    let { peak } = record.data;
                    if (peak && ['overloaded', 'stable_but_hot'].includes(state)) {
                        text = `${text} (${peak})`;
                    }
                    if (record.data.maintenance) {
                        text = Ext.String.format(gettext('{0}, in maintenance'), text);
                    }
                    return `${h.stateIcon(state)} ${h.encode(text)}`;
                },
            },
            { text: gettext('Guests'), dataIndex: 'guests', width: 75, align: 'right' },
            load('cpu', 'cpu', 85),
            load('memory', 'memory', 85),
            load('iowait', 'iowait', 85),
            load('storage_usage', 'storage', 85),
            {
                text: gettext('CPU, 7-day high'),
                tooltip: gettext(
                    '95th percentile of the hourly means of the last 7 days, with the guests that the node has now',
                ),
                dataIndex: 'high',
                flex: 1,
                minWidth: 130,
                align: 'right',
                renderer: (value) => h.encode(u.percent(value)),
            },
            {
                text: gettext('Stability'),
                dataIndex: 'stability',
                width: 90,
                renderer: (score, meta, record) =>
                    h.stabilityPill(score, u.direction(u.metric(record.data.trends, 'cpu'))),
            },
        ];
        me.callParent();
        me.on('resize', (grid, width) => me.down('[dataIndex=high]').setVisible(width > 900));
    },

    renderLoad: function (name, value, record) {
        let h = PVE.foresight.Html;
        let { trends, states } = record.data;
        let text = h.encode(PVE.foresight.Utils.quantity(value, 'fraction'));
        let metric = PVE.foresight.Utils.metric(trends, name);
        return metric ? `${text} ${h.metricArrow(metric, trends, states[name])}` : text;
    },

    // Advice says how the nodes are, trends where they go.
    setNodes: function (nodes, trends) {
        let u = PVE.foresight.Utils;
        let rows = nodes.map((node) => {
            let found = trends?.find((t) => t.node === node.name);
            let cpu = (node.findings ?? []).find((f) => u.findingMetric(f) === 'cpu');
            let storage = u.metric(found, 'storage_usage');
            return {
                name: node.name,
                state: node.state,
                maintenance: node.maintenance,
                peak: cpu?.peak_hours?.length ? u.peakHours(cpu.peak_hours) : '',
                guests: node.guests,
                cpu: node.cpu?.current,
                memory: node.memory?.current,
                iowait: node.iowait?.current,
                storage: storage?.current ?? storage?.level,
                high: node.cpu?.high_7d,
                stability: node.stability_score,
                trends: found,
                states: u.metricStates(node),
                found: u.findings(node).join('\n'),
            };
        });
        this.store.loadData(rows);
    },
});
