// Where the cluster is going: nodes, top movers among the guests, and the chart of one of them.
Ext.define('PVE.foresight.panel.Trends', {
    extend: 'PVE.foresight.panel.View',
    xtype: 'pveForesightTrends',

    title: gettext('Trends'),
    iconCls: 'fa fa-line-chart',
    fill: true,
    // Trends of all guests are much to ask for, and change slowly.
    interval: 300000,
    bodyCls: '',

    sources: {
        status: { path: '/status' },
        nodes: { path: '/trends/nodes' },
        guests: { path: '/trends/guests', optional: true },
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

    settle: function (data, failed) {
        if (data.status && !PVE.foresight.Utils.isNumber(data.status.last_sample)) {
            this.notice(this.firstHourNotice());
            return;
        }
        this.callParent([data, failed]);
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

    draw: function ({ nodes, guests }) {
        let me = this;
        me.down('#cluster').update(me.clusterHtml(nodes));
        me.down('#nodes').setRows(nodes);
        me.down('#guests').setRows(guests ?? []);
        if (me.down('#entity').node === undefined && me.down('#entity').vmid === undefined) {
            me.down('#nodes').pickFirst();
        }
    },

    // Counts by direction, for CPU and memory.
    clusterHtml: function (nodes) {
        let u = PVE.foresight.Utils;
        let line = (name) => {
            let found = nodes.map((n) => u.metric(n, name)).filter((m) => m);
            let rising = found.filter((m) => m.direction === 'sustained_increase').length;
            let falling = found.filter((m) => m.direction === 'sustained_decrease').length;
            let text = Ext.String.format(
                gettext('{0} degrading, {1} improving, {2} steady'),
                rising,
                falling,
                found.length - rising - falling,
            );
            let arrow =
                rising > falling
                    ? 'sustained_increase'
                    : falling > rising
                      ? 'sustained_decrease'
                      : 'stable';
            return `<p><b>${u.encode(u.metricLabel(name))}</b> ${u.arrow(arrow)} ${u.encode(text)}</p>`;
        };
        return `<h2>${u.encode(gettext('Direction of the cluster'))}</h2>${line('cpu')}${line('memory')}`;
    },
});
