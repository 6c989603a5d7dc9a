// Requests to /cluster/foresight, and what a failure means for the screen.
Ext.define('PVE.foresight.Api', {
    singleton: true,

    base: '/cluster/foresight',

    // options: { params, method, success(data), failure(kind, html) }
    request: function (path, options) {
        Proxmox.Utils.API2Request({
            url: this.base + path,
            method: options.method ?? 'GET',
            params: options.params,
            timeout: options.timeout ?? 60000,
            waitMsgTarget: options.waitMsgTarget,
            success: (response) => options.success?.(response.result.data),
            failure: (response) =>
                options.failure?.(this.kindOf(response), response.htmlStatus || gettext('Error')),
        });
    },

    // 'permission', 'missing' (an older or newer engine, or no such entity) or 'error'.
    kindOf: function (response) {
        let status = Number(response.result?.status ?? response.status);
        if (status === 401 || status === 403) {
            return 'permission';
        }
        return status === 404 || status === 501 ? 'missing' : 'error';
    },

    can: function (privilege) {
        let caps = Ext.state.Manager.get('GuiCap');
        return !!caps?.dc?.[privilege];
    },
});
