// Where the cluster is going: nodes, top movers among the guests, and the chart of one of them.
Ext.define('PVE.foresight.panel.Trends', {
    extend: 'PVE.foresight.panel.View',
    xtype: 'pveForesightTrends',

    title: gettext('Trends'),
    iconCls: 'fa fa-line-chart',
    fill: true,
    needsSamples: true,
    // Trends of all guests are much to ask for, and change slowly.
    interval: 300000,
    bodyCls: '',

    sources: {
        status: { path: '/status' },
        // No more than is shown here: each metric of 10,000 guests is megabytes.
        nodes: { path: '/trends/nodes', params: { metrics: 'cpu,memory,iowait' } },
        guests: { path: '/trends/guests', params: { metrics: 'cpu,memory' }, optional: true },
        advice: { path: '/recommendations', optional: true },
    },

    initComponent: function () {
        let me = this;
        me.items = [
            {
                xtype: 'container',
                layout: 'border',
                items: [
                    {
                        xtype: 'panel',
                        region: 'west',
                        itemId: 'list',
                        width: 500,
                        minWidth: 300,
                        scrollable: 'y',
                        split: true,
                        border: false,
                        layout: { type: 'vbox', align: 'stretch' },
                        items: [
                            {
                                xtype: 'component',
                                itemId: 'cluster',
                                cls: 'foresight-summary foresight-direction',
                            },
                            {
                                xtype: 'pveForesightMovers',
                                itemId: 'nodes',
                                title: gettext('Nodes'),
                                flex: 2,
                                minHeight: 150,
                            },
                            {
                                xtype: 'pveForesightMovers',
                                itemId: 'guests',
                                title: gettext('Top movers among the guests'),
                                flex: 3,
                                minHeight: 150,
                            },
                        ],
                    },
                    {
                        xtype: 'pveForesightEntity',
                        region: 'center',
                        itemId: 'entity',
                    },
                ],
            },
        ];
        me.callParent();
        me.on('resize', (view, width) => me.fit(width));
        for (const id of ['#nodes', '#guests']) {
            me.down(id).on('pick', (entity) => me.pick(entity, id));
        }
    },

    blank: ({ nodes }) =>
        nodes?.length
            ? null
            : {
                  icon: 'fa-eye-slash',
                  title: gettext('Nothing to show'),
                  text: gettext('There is no node whose trends you may see.'),
              },

    // Where there is little room, the chart needs it more than the list.
    fit: function (width) {
        let wide = width > 1050;
        this.down('#list').setWidth(wide ? 500 : 400);
        this.query('pveForesightMovers').forEach((list) =>
            list.down('[dataIndex=stability]').setVisible(wide),
        );
    },

    pick: function (entity, from) {
        let me = this;
        me.down(from === '#nodes' ? '#guests' : '#nodes')
            .getSelectionModel()
            .deselectAll(true);
        me.down('#entity').setEntity(entity);
    },

    draw: function ({ status, nodes, guests, advice }) {
        let me = this;
        me.down('#cluster').update(me.clusterHtml(nodes, status));
        me.down('#nodes').setRows(nodes, advice?.nodes);
        me.down('#guests').setRows(guests ?? [], advice?.nodes);
        if (me.down('#entity').node === undefined && me.down('#entity').vmid === undefined) {
            me.down('#nodes').pickFirst();
        }
    },

    clusterHtml: function (nodes, { quality, size }) {
        let u = PVE.foresight.Utils;
        let h = PVE.foresight.Html;
        let lines = ['cpu', 'memory', 'iowait'].map((name) => this.directionHtml(name, nodes));
        return (
            `<h2>${h.encode(gettext('Direction of the cluster'))}</h2>${lines.join('')}` +
            (u.isNumber(quality?.total_samples) && size
                ? this.qualityHtml(quality, size.retention)
                : '')
        );
    },

    // Which nodes rise, which fall in a metric.
    directionHtml: function (name, nodes) {
        let u = PVE.foresight.Utils;
        let h = PVE.foresight.Html;
        let going = (direction) =>
            nodes.filter((n) => u.direction(u.metric(n, name)) === direction).map((n) => n.node);
        let [rising, falling, unknown] = [
            'sustained_increase',
            'sustained_decrease',
            'unknown',
        ].map(going);
        let named = (text, found) =>
            Ext.String.format(text, found.length) +
            (found.length
                ? ` (${Ext.Array.slice(found, 0, 3).join(', ')}${found.length > 3 ? '…' : ''})`
                : '');
        let steady = nodes.length - rising.length - falling.length - unknown.length;
        let text = [
            named(gettext('{0} degrading'), rising),
            named(gettext('{0} improving'), falling),
            Ext.String.format(gettext('{0} steady'), steady),
            ...(unknown.length ? [named(gettext('{0} without enough data'), unknown)] : []),
        ].join(', ');
        let most = Math.sign(rising.length - falling.length);
        let direction =
            unknown.length === nodes.length
                ? 'unknown'
                : ({ 1: 'sustained_increase', '-1': 'sustained_decrease' }[most] ?? 'stable');
        return `<p><b>${h.encode(u.label('metric', name))}</b> ${h.arrow(direction)} ${h.encode(text)}</p>`;
    },

    // How much there is to tell trends from; the tab Status has all of it.
    qualityHtml: function (quality, retention) {
        let u = PVE.foresight.Utils;
        let h = PVE.foresight.Html;
        let [fine, coarser] = u.kept(retention);
        let text = Ext.String.format(
            gettext('Data: {0}; covered {1} of {2}, {3} of {4}'),
            u.seconds(quality.oldest_sample_age),
            u.percent(quality.coverage?.[0]),
            fine,
            u.percent(quality.coverage?.[1]),
            coarser,
        );
        let tip = Ext.String.format(
            gettext('{0} samples, largest gap {1}'),
            u.count(quality.total_samples),
            u.seconds(quality.largest_gap),
        );
        return `<p class="foresight-dim"${h.tip(tip)}>${h.icon('fa-database')} ${h.encode(text)}</p>`;
    },
});
