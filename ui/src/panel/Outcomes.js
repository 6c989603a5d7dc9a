// What earlier migrations brought, and how right the predictions were.
Ext.define('PVE.foresight.panel.Outcomes', {
    extend: 'PVE.foresight.panel.View',
    xtype: 'pveForesightOutcomes',

    title: gettext('Outcomes'),
    iconCls: 'fa fa-history',
    fill: true,
    bodyCls: '',

    sources: { outcomes: { path: '/outcomes' } },

    initComponent: function () {
        let me = this;
        let u = PVE.foresight.Utils;
        let h = PVE.foresight.Html;
        let shares = (v) => h.encode(u.percent(v, 1));
        let window = (name, text) => ({
            text,
            dataIndex: name,
            width: 92,
            renderer: (w) => (w ? h.verdictBadge(w) : '–'),
        });
        me.items = [
            {
                xtype: 'panel',
                border: false,
                layout: { type: 'vbox', align: 'stretch' },
                items: [
                    { xtype: 'component', itemId: 'accuracy', cls: 'foresight-tiles' },
                    {
                        xtype: 'grid',
                        itemId: 'moves',
                        flex: 1,
                        border: false,
                        title: gettext('Migrations'),
                        plugins: [{ ptype: 'bufferedrenderer', variableRowHeight: true }],
                        viewConfig: { stripeRows: true },
                        store: {
                            fields: [
                                'time',
                                'vmid',
                                'name',
                                'result',
                                'recommended',
                                'predicted',
                                'actual',
                            ],
                            sorters: [{ property: 'time', direction: 'DESC' }],
                            proxy: { type: 'memory' },
                        },
                        columns: [
                            {
                                text: gettext('Time'),
                                tooltip: Ext.String.format(
                                    gettext('Times in {0}'),
                                    u.zone(Date.now() / 1000),
                                ),
                                dataIndex: 'time',
                                width: 127,
                                renderer: (t) => h.encode(u.date(t)),
                            },
                            {
                                text: gettext('Guest'),
                                dataIndex: 'vmid',
                                flex: 2,
                                minWidth: 105,
                                renderer: (v, meta, record) => h.encode(u.guestLabel(record.data)),
                            },
                            {
                                text: gettext('Route'),
                                dataIndex: 'source',
                                width: 120,
                                renderer: (source, meta, { data }) =>
                                    h.route(h.encode(source), h.encode(data.target)),
                            },
                            {
                                text: gettext('Advised'),
                                dataIndex: 'recommended',
                                width: 75,
                                renderer: (v) =>
                                    v === true ? gettext('Yes') : v === false ? gettext('No') : '–',
                            },
                            window('w5', gettext('5 minutes')),
                            window('w1', gettext('1 hour')),
                            window('w24', gettext('24 hours')),
                            {
                                text: gettext('Predicted'),
                                dataIndex: 'predicted',
                                tooltip: gettext('Relief of the fuller node in the busiest quarter of the time'),
                                width: 95,
                                align: 'right',
                                renderer: shares,
                            },
                            {
                                text: gettext('Actual'),
                                dataIndex: 'actual',
                                tooltip: gettext('Relief of the fuller node in the busiest quarter of the time'),
                                width: 95,
                                align: 'right',
                                renderer: shares,
                            },
                            {
                                text: gettext('Summary'),
                                dataIndex: 'summary',
                                flex: 3,
                                minWidth: 170,
                                cellWrap: true,
                                renderer: (text, meta, { data }) => {
                                    meta.tdAttr = h.tip(me.reliefText(data));
                                    return h.prose(text);
                                },
                            },
                        ],
                    },
                ],
            },
        ];
        me.callParent();
        me.on('resize', (view, width) =>
            ['w5', 'predicted', 'actual'].forEach((name) =>
                me.down(`[dataIndex=${name}]`).setVisible(width > 1050),
            ),
        );
    },

    // Where there is little room, this tooltip has what two columns would.
    reliefText: function ({ predicted, actual }) {
        let u = PVE.foresight.Utils;
        return u.isNumber(actual)
            ? Ext.String.format(
                  gettext(
                      'Relief of the fuller node in the busiest quarter of the time: predicted {0}, actual {1}',
                  ),
                  u.percent(predicted, 1),
                  u.percent(actual, 1),
              )
            : '';
    },

    blank: ({ outcomes }) =>
        outcomes.outcomes.length
            ? null
            : {
                  icon: 'fa-history',
                  title: gettext('No migration seen yet'),
                  text: gettext(
                      'Every migration is judged 5 minutes, 1 hour and 24 hours after it happened, whoever started it.',
                  ),
              },

    draw: function ({ outcomes }) {
        let rows = outcomes.outcomes.map((o) => {
            let [w5, w1, w24] = o.windows ?? [];
            let judged = [w24, w1].find((w) => PVE.foresight.Utils.isNumber(w?.actual)) ?? {};
            return {
                id: `${o.vmid}-${o.time}`,
                time: o.time,
                vmid: o.vmid,
                name: o.name,
                source: o.source,
                target: o.target,
                recommended: o.advice?.recommended,
                w5,
                w1,
                w24,
                predicted: judged.predicted,
                actual: judged.actual,
                summary: o.summary,
            };
        });
        this.down('#accuracy').update(this.tilesHtml(outcomes));
        this.down('#moves').getStore().loadData(rows);
    },

    tilesHtml: function ({ accuracy, outcomes, withheld }) {
        let u = PVE.foresight.Utils;
        let h = PVE.foresight.Html;
        let counted = (result) => outcomes.filter((o) => o.result === result).length;
        let tile = (value, label, tip) =>
            `<div class="foresight-tile"${h.tip(tip)}><b>${h.encode(value)}</b><span>${h.encode(label)}</span></div>`;
        let about = (name, label) => {
            let a = accuracy?.[name];
            if (!a?.moves) {
                return tile('–', Ext.String.format(gettext('Predictions right, {0}'), label));
            }
            let tip = Ext.String.format(
                gettext('{0}: whether each helps, harms or does neither; mean error {1}, bias {2}'),
                u.counted(a.moves, gettext('1 migration'), gettext('{0} migrations')),
                u.percent(a.mean_abs_error, 1),
                u.percent(a.bias, 1),
            );
            return tile(
                u.percent(a.hit_rate),
                Ext.String.format(gettext('Predictions right, {0}'), label),
                tip,
            );
        };
        return (
            tile(u.count(outcomes.length), gettext('Migrations')) +
            tile(u.count(counted('improved')), gettext('Improved')) +
            tile(u.count(counted('no_effect')), gettext('No effect')) +
            tile(u.count(counted('worse')), gettext('Worse')) +
            about('1h', gettext('1 hour')) +
            about('24h', gettext('24 hours')) +
            (withheld ? h.dim(u.withheld(withheld)) : '')
        );
    },
});
