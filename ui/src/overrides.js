// Our places in PVE's own panels. Each override checks what it needs and stays away otherwise.
Ext.define('PVE.foresight.Places', {
    singleton: true,

    // Adds `item` behind the item called `after`, or at the end.
    insert: function (items, item, after) {
        let place = items.findIndex((i) => i.itemId === after);
        items.splice(place < 0 ? items.length : place + 1, 0, item);
    },

    // PVE.panel.Config hands its items to insertNodes once, before it looks for the tab to open. The
    // methods are wrapped, not replaced: whatever they do in another release, they still do.
    addTo: function (className, itemOf, after) {
        let methods = Ext.ClassManager.get(className)?.prototype;
        let { insertNodes, activateCard } = methods ?? {};
        if (typeof insertNodes !== 'function') {
            console.warn(`pve-foresight: ${className} is not as expected, left alone`);
            return;
        }
        methods.insertNodes = function (items) {
            try {
                let item = this.foresightAdded ? null : itemOf(this);
                this.foresightAdded = true;
                if (item) {
                    PVE.foresight.Places.insert(items, item, after);
                }
            } catch (error) {
                console.warn(`pve-foresight: ${className}:`, error);
            }
            return insertNodes.apply(this, arguments);
        };
        if (typeof activateCard === 'function') {
            methods.activateCard = function (card) {
                PVE.foresight.Places.guard(this, card, () => activateCard.call(this, card));
            };
        }
    },

    // Unsaved settings are asked about before their panel goes away. Who stays selects its menu item
    // again: PVE would then put a new panel of that name in, and take both away.
    guard: function (panel, card, go) {
        let shown = panel.getLayout().getActiveItem();
        if (shown?.itemId !== 'foresight' || !shown.confirmLeave) {
            go();
        } else if (card !== 'foresight') {
            shown.confirmLeave(go, () => panel.selectById?.('foresight'));
        }
    },

    caps: () => Ext.state.Manager.get('GuiCap') ?? {},

    entityItem: (entity) => ({
        xtype: 'pveForesightEntity',
        title: gettext('Trends'),
        iconCls: 'fa fa-line-chart',
        itemId: 'foresight',
        ...entity,
    }),

    install: function () {
        let caps = this.caps;
        this.addTo(
            'PVE.dc.Config',
            () =>
                caps().dc?.['Sys.Audit'] && {
                    xtype: 'pveForesight',
                    title: 'Foresight',
                    iconCls: 'fa fa-line-chart',
                    itemId: 'foresight',
                },
            'cluster',
        );
        // The names of our tasks in the task log and its windows.
        Proxmox.Utils.override_task_descriptions?.({
            foresightbackfill: ['', gettext('Foresight: import history')],
            foresightbacktest: ['', gettext('Foresight: backtest')],
        });
        this.addTo(
            'PVE.node.Config',
            (panel) =>
                caps().nodes?.['Sys.Audit'] &&
                this.entityItem({ node: panel.pveSelNode.data.node }),
            'summary',
        );
        for (const className of ['PVE.qemu.Config', 'PVE.lxc.Config']) {
            this.addTo(
                className,
                (panel) =>
                    caps().vms?.['VM.Audit'] &&
                    !panel.pveSelNode.data.template &&
                    this.entityItem({ vmid: panel.pveSelNode.data.vmid }),
                'summary',
            );
        }
    },
});

try {
    PVE.foresight.Places.install();
} catch (error) {
    console.warn('pve-foresight: not added to the panels:', error);
}
