// Datacenter -> Foresight.
Ext.define('PVE.foresight.panel.Main', {
    extend: 'Ext.tab.Panel',
    xtype: 'pveForesight',

    border: false,
    plain: true,
    deferredRender: true,

    items: [
        { xtype: 'pveForesightOverview', itemId: 'overview' },
        { xtype: 'pveForesightTrends', itemId: 'trends' },
        { xtype: 'pveForesightOutcomes', itemId: 'outcomes' },
        { xtype: 'pveForesightBacktest', itemId: 'backtest' },
        { xtype: 'pveForesightSettings', itemId: 'settings' },
        { xtype: 'pveForesightStatus', itemId: 'status' },
    ],

    initComponent: function () {
        this.callParent();
        this.on('beforetabchange', this.guard, this);
    },

    guard: function (panel, next, last) {
        let me = this;
        if (me.leaving || !last?.isDirty?.()) {
            return true;
        }
        let leave = () => {
            me.leaving = true;
            me.setActiveTab(next);
            me.leaving = false;
        };
        last.confirmLeave(leave, () => last.tab?.focus());
        return false;
    },

    // For whoever takes this panel away (overrides.js).
    confirmLeave: function (leave, stay) {
        this.down('pveForesightSettings').confirmLeave(leave, stay);
    },
});
