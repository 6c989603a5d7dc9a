// Requests to /cluster/foresight, and what a failure means for the screen.
Ext.define('PVE.foresight.Api', {
    singleton: true,

    base: '/cluster/foresight',

    // options: { params, method, success(data), failure(kind, html) }
    request: function (path, options) {
        this.send(this.base + path, options);
    },

    // How a task is: { status, exitstatus }. Its node is the one that runs it.
    task: function (upid, options) {
        let { node } = Proxmox.Utils.parse_task_upid(upid);
        this.send(`/nodes/${node}/tasks/${encodeURIComponent(upid)}/status`, options);
    },

    // The running tasks of a type on the node that answers us, as far as the user may see them.
    runningTasks: function (typefilter, success) {
        this.send(`/nodes/${Proxmox.NodeName}/tasks`, {
            params: { source: 'active', typefilter },
            success: (tasks) => success(tasks.filter((task) => !task.endtime)),
        });
    },

    send: function (url, options) {
        Proxmox.Utils.API2Request({
            url,
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
        // 401 is a session that has ended: whoever logs in again may see what he saw.
        return { 403: 'permission', 404: 'missing', 501: 'absent' }[status] ?? 'error';
    },

    can: function (privilege) {
        let caps = Ext.state.Manager.get('GuiCap');
        return !!caps?.dc?.[privilege];
    },
});
