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

    // 'permission', 'missing' (nothing stored of it), 'absent' (this version has no such view), 'error'.
    kindOf: function (response) {
        let status = Number(response.result?.status ?? response.status);
        if (status === 401 || status === 403) {
            return 'permission';
        }
        return { 404: 'missing', 501: 'absent' }[status] ?? 'error';
    },

    can: function (privilege) {
        let caps = Ext.state.Manager.get('GuiCap');
        return !!caps?.dc?.[privilege];
    },
});
