// PVE's own migrate dialog, prefilled. The user's own rights decide; nothing is started from here.
//
// The dialog serves HA guests as well: the API hands their migration to the HA manager.
Ext.define('PVE.foresight.window.Migrate', {
    singleton: true,

    isPossible: () => !!Ext.ClassManager.get('PVE.window.Migrate'),

    mayMigrate: function () {
        let caps = Ext.state.Manager.get('GuiCap');
        return !!caps?.vms?.['VM.Migrate'];
    },

    // The guest may have moved since the advice was given: the dialog must name where it is now.
    nodeOf: function (move) {
        let record = PVE.data?.ResourceStore?.findRecord?.(
            'vmid',
            move.vmid,
            0,
            false,
            false,
            true,
        );
        return record?.data?.node ?? move.source;
    },

    // move: { vmid, name, type, source, target }
    open: function (move) {
        let node = this.nodeOf(move);
        if (node === move.target) {
            Ext.Msg.alert(
                gettext('Migrate'),
                Ext.String.format(
                    gettext('{0} is on node {1} already.'),
                    Ext.htmlEncode(PVE.foresight.Utils.guestLabel(move)),
                    Ext.htmlEncode(move.target),
                ),
            );
            return null;
        }
        let dialog = Ext.create('PVE.window.Migrate', {
            vmtype: move.type,
            nodename: node,
            vmid: move.vmid,
            // The dialog puts the name into its title as it is.
            vmname: move.name ? Ext.htmlEncode(move.name) : undefined,
            autoShow: true,
        });
        this.prefill(dialog, move.target);
        return dialog;
    },

    // The node selector loads its list first; a value set before that would be dropped.
    prefill: function (dialog, target) {
        let field = dialog.down('[name=target]');
        if (!field) {
            console.warn('pve-foresight: the migrate dialog has no target field');
            return;
        }
        let set = () => !field.destroyed && field.setValue(target);
        let store = field.getStore?.();
        if (store && store.isLoading?.()) {
            store.on('load', set, null, { single: true });
        } else if (store && !store.getCount() && store.load) {
            store.load({ callback: set });
        } else {
            set();
        }
    },
});
