// Foresight: trend-based migration advice in the web interface of Proxmox VE. AGPL-3.0-or-later.
//
// (No strict mode: Ext's callParent needs the caller's name.)
// Loaded after pvemanagerlib.js and before Ext.onReady creates the workspace. Whatever is not as
// expected, the interface of Proxmox VE stays as it is: our part stays away and says so in the console.
(function () {
    const lacking = ['Ext.panel.Panel', 'Proxmox.Utils', 'Proxmox.data.UpdateStore'].filter(
        (name) => typeof Ext === 'undefined' || !Ext.ClassManager.get(name),
    );
    if (lacking.length || typeof gettext !== 'function') {
        console.warn('pve-foresight: not loaded, missing', lacking.join(', ') || 'gettext');
        return;
    }
