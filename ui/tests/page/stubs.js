// The few classes of the widget toolkit and of the manager that the panel uses, as small as they
// can be: same names, same shapes, none of their code.
PVE = window.PVE || {};

Ext.define('Proxmox.Utils', {
    singleton: true,
    task_desc_table: {},
    override_task_descriptions: function (extra) {
        Object.assign(this.task_desc_table, extra);
    },
    parse_task_upid: function (upid) {
        let [, node, , , start, type, id, user] = upid.split(':');
        return { node, starttime: parseInt(start, 16), type, id, user };
    },
    parse_task_status: (status) =>
        status === 'OK' ? 'ok' : status.startsWith('WARNINGS: ') ? 'warning' : 'error',
    API2Request: function (options) {
        let target = options.waitMsgTarget;
        target?.setLoading(true);
        Ext.Ajax.request({
            ...options,
            url: '/api2/extjs' + options.url,
            success: (response) => {
                target?.setLoading(false);
                response.result = Ext.decode(response.responseText);
                if (response.result.success) {
                    options.success?.(response, options);
                } else {
                    response.htmlStatus = `${Ext.htmlEncode(response.result.message)} (${response.result.status})`;
                    options.failure?.(response, options);
                }
            },
            failure: (response) => {
                target?.setLoading(false);
                response.result = {};
                response.htmlStatus = 'Connection error';
                options.failure?.(response, options);
            },
        });
    },
});

Ext.define('Proxmox.data.UpdateStore', { extend: 'Ext.data.Store', alias: 'store.update' });

Ext.define('Proxmox.window.TaskProgress', {
    extend: 'Ext.window.Window',
    alias: 'widget.proxmoxTaskProgress',
    width: 300,
    modal: true,
    bodyPadding: 5,
    title: 'Task: Foresight Backfill',
    items: { xtype: 'progressbar', value: 0.4, text: '40%' },
});

Ext.define('Proxmox.window.TaskViewer', {
    extend: 'Ext.window.Window',
    alias: 'widget.proxmoxTaskViewer',
    width: 800,
    height: 500,
    modal: true,
    initComponent: function () {
        this.title = 'Task viewer';
        this.html = Ext.htmlEncode(this.upid);
        this.callParent();
    },
});

Ext.define('PVE.window.Migrate', {
    extend: 'Ext.window.Window',
    width: 600,
    modal: true,
    layout: 'fit',
    initComponent: function () {
        let me = this;
        Ext.apply(me, {
            // Not encoded, as in the real one.
            title: `Migrate ${me.vmtype === 'qemu' ? 'VM' : 'CT'} ${me.vmid} (${me.vmname})`,
            items: {
                xtype: 'form',
                bodyPadding: 10,
                items: [
                    {
                        xtype: 'displayfield',
                        fieldLabel: 'Source node',
                        value: Ext.htmlEncode(me.nodename),
                    },
                    {
                        xtype: 'combobox',
                        name: 'target',
                        fieldLabel: 'Target node',
                        valueField: 'node',
                        displayField: 'node',
                        store: {
                            fields: ['node'],
                            autoLoad: true,
                            proxy: {
                                type: 'memory',
                                data: ['pve1', 'pve2', 'pve3', 'pve4', 'pve5', 'pve6'].map(
                                    (node) => ({ node }),
                                ),
                            },
                        },
                    },
                ],
            },
            buttons: [{ text: 'Migrate' }],
        });
        me.callParent();
    },
});

// Panels with a menu on the left, each item shown alone; items go through insertNodes once.
Ext.define('PVE.panel.Config', {
    extend: 'Ext.panel.Panel',
    alias: 'widget.pvePanelConfig',
    layout: 'card',
    border: 0,
    dockedItems: [{ xtype: 'treelist', itemId: 'menu', dock: 'left', width: 190, ui: 'nav-like' }],

    initComponent: function () {
        let me = this;
        me.savedItems = {};
        me.store = Ext.create('Ext.data.TreeStore', { root: { expanded: true } });
        me.insertNodes(me.items || []);
        delete me.items;
        me.defaults = Ext.apply(me.defaults || {}, { pveSelNode: me.pveSelNode, border: 0 });
        me.callParent();
        let menu = me.down('#menu');
        menu.setStore(me.store);
        menu.on('selectionchange', (list, node) => node && me.activateCard(node.id));
        let wanted = new URLSearchParams(location.search).get('item');
        let root = me.store.getRoot();
        menu.setSelection(root.findChild('id', wanted, true) || root.firstChild);
    },

    selectById: function (id) {
        this.down('#menu').setSelection(this.store.getRoot().findChild('id', id, true));
    },

    activateCard: function (id) {
        let me = this;
        let current = me.getLayout().getActiveItem();
        me.add(me.savedItems[id]);
        me.setActiveItem(id);
        if (current) {
            me.remove(current, true);
        }
    },

    insertNodes: function (items) {
        for (const item of items) {
            item.header = false;
            this.savedItems[item.itemId] = item;
            this.store.getRoot().appendChild({
                id: item.itemId,
                text: item.title,
                iconCls: item.iconCls,
                leaf: true,
            });
        }
    },
});

const pages = {
    'PVE.dc.Config': [
        ['summary', 'Summary', 'fa fa-book'],
        ['notes', 'Notes', 'fa fa-sticky-note-o'],
        ['cluster', 'Cluster', 'fa fa-server'],
        ['ceph', 'Ceph', 'fa fa-database'],
        ['options', 'Options', 'fa fa-gear'],
        ['storage', 'Storage', 'fa fa-database'],
        ['backup', 'Backup', 'fa fa-floppy-o'],
        ['permissions', 'Permissions', 'fa fa-unlock'],
        ['ha', 'HA', 'fa fa-heartbeat'],
        ['firewall', 'Firewall', 'fa fa-shield'],
    ],
    'PVE.node.Config': [
        ['summary', 'Summary', 'fa fa-book'],
        ['notes', 'Notes', 'fa fa-sticky-note-o'],
        ['services', 'System', 'fa fa-cogs'],
    ],
    'PVE.qemu.Config': [
        ['summary', 'Summary', 'fa fa-book'],
        ['console', 'Console', 'fa fa-terminal'],
        ['hardware', 'Hardware', 'fa fa-desktop'],
    ],
    'PVE.lxc.Config': [
        ['summary', 'Summary', 'fa fa-book'],
        ['consolejs', 'Console', 'fa fa-terminal'],
        ['resources', 'Resources', 'fa fa-cube'],
    ],
};
for (const [name, items] of Object.entries(pages)) {
    Ext.define(name, {
        extend: 'PVE.panel.Config',
        initComponent: function () {
            this.items = items.map(([itemId, title, iconCls]) => ({
                xtype: 'panel',
                itemId,
                title,
                iconCls,
                html: Ext.htmlEncode(title),
            }));
            this.callParent();
        },
    });
}

// Whether an update store may run: PVE keeps what the user may do in the state manager.
const rights = { 'Sys.Audit': 1, 'Sys.Modify': 1 };
Ext.state.Manager.setProvider(new Ext.state.Provider());
Ext.state.Manager.set('GuiCap', {
    dc: { ...rights },
    nodes: { ...rights },
    vms: { 'VM.Audit': 1, 'VM.Migrate': 1 },
});

Ext.onReady(() => {
    let query = new URLSearchParams(location.search);
    let panel = query.get('panel') || 'PVE.dc.Config';
    Ext.tip.QuickTipManager.init();
    Ext.create('Ext.container.Viewport', {
        layout: 'border',
        items: [
            {
                region: 'north',
                xtype: 'component',
                cls: 'page-head',
                html: '<b>Proxmox</b> Virtual Environment',
            },
            {
                region: 'west',
                xtype: 'treepanel',
                title: 'Server View',
                width: 220,
                margin: '0 5 0 0',
                rootVisible: true,
                root: {
                    text: 'Datacenter (demo)',
                    iconCls: 'fa fa-server',
                    expanded: true,
                    children: [1, 2, 3, 4, 5, 6].map((n) => ({
                        text: `pve${n}`,
                        iconCls: 'fa fa-building',
                        leaf: true,
                    })),
                },
            },
            {
                region: 'center',
                xclass: panel,
                pveSelNode: {
                    data: {
                        node: query.get('node') || 'pve1',
                        vmid: Number(query.get('vmid')) || undefined,
                    },
                },
            },
        ],
    });
});
