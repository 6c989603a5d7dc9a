// Had the advice been followed: the last replay of the stored history, and a task that makes another.
Ext.define('PVE.foresight.panel.Backtest', {
    extend: 'PVE.foresight.panel.View',
    xtype: 'pveForesightBacktest',

    title: gettext('Backtest'),
    iconCls: 'fa fa-fast-backward',
    interval: 0,

    sources: { kept: { path: '/backtest', mayLack: true } },

    // How often a running task is asked after, in milliseconds.
    pollInterval: 3000,
    // After so many requests in a row without an answer it is no longer followed.
    patience: 5,

    // The task that runs, or the last one that did while this was open: { upid, since, exit }, the last
    // one undefined while it runs.
    job: null,

    initComponent: function () {
        let me = this;
        let may = PVE.foresight.Api.can('Sys.Modify');
        me.tbar = [
            {
                xtype: 'combobox',
                itemId: 'days',
                fieldLabel: gettext('Time'),
                labelWidth: 50,
                width: 180,
                editable: false,
                queryMode: 'local',
                valueField: 'days',
                displayField: 'label',
                value: 30,
                store: {
                    fields: ['days', 'label'],
                    data: [7, 14, 30, 60].map((days) => ({
                        days,
                        label: Ext.String.format(gettext('{0} days'), days),
                    })),
                },
            },
            {
                xtype: 'button',
                itemId: 'run',
                text: gettext('Run backtest'),
                iconCls: 'fa fa-play',
                disabled: !may,
                tooltip: may
                    ? gettext('Replays the stored history in a task, on several cores of the node.')
                    : gettext("Running a backtest needs the privilege 'Sys.Modify' on '/'."),
                handler: () => me.run(),
            },
            {
                xtype: 'button',
                itemId: 'log',
                text: gettext('Task log'),
                iconCls: 'fa fa-list',
                hidden: true,
                handler: () => me.showLog(),
            },
            { xtype: 'tbtext', itemId: 'elapsed', cls: 'foresight-elapsed', hidden: true },
        ];
        me.items = [
            { xtype: 'component', itemId: 'task', cls: 'foresight-stale', hidden: true },
            { xtype: 'component', itemId: 'result' },
        ];
        me.poll = new Ext.util.DelayedTask(me.askTask, me);
        me.callParent();
    },

    // Whoever comes back sees how the task is; a page that was loaded anew finds the one that runs.
    wake: function () {
        let me = this;
        let slept = !me.isAwake;
        me.callParent();
        if (slept && me.isAwake) {
            if (me.isRunning()) {
                me.askTask();
            } else {
                me.findTask();
            }
        }
    },

    sleep: function () {
        this.poll.cancel();
        this.callParent();
    },

    isRunning: function () {
        return this.job !== null && this.job.exit === undefined;
    },

    run: function () {
        let me = this;
        let button = me.down('#run').disable();
        PVE.foresight.Api.request('/backtest', {
            method: 'POST',
            params: { days: me.down('#days').getValue() },
            success: (upid) => !me.destroyed && me.follow({ upid, since: Date.now() / 1000 }),
            failure: (kind, html) => {
                if (!me.destroyed) {
                    button.enable();
                    Ext.Msg.alert(gettext('Error'), html);
                    me.findTask();
                }
            },
        });
    },

    findTask: function () {
        let me = this;
        PVE.foresight.Api.runningTasks('foresightbacktest', ([task]) => {
            if (task && !me.destroyed && !me.isRunning()) {
                me.follow({ upid: task.upid, since: task.starttime });
            }
        });
    },

    follow: function (job) {
        this.job = job;
        this.drawTask();
        this.askTask();
    },

    askTask: function () {
        let me = this;
        let job = me.job;
        if (!me.isAwake) {
            return;
        }
        PVE.foresight.Api.task(job.upid, {
            success: ({ status, exitstatus }) => {
                if (me.destroyed || job !== me.job) {
                    return;
                }
                if (status === 'running') {
                    job.unanswered = 0;
                    me.drawElapsed();
                    me.pollLater();
                } else {
                    me.ended(exitstatus ?? 'unknown');
                }
            },
            failure: (kind, html) => {
                if (me.destroyed || job !== me.job) {
                    return;
                }
                // A node that is busy with it may leave a request unanswered.
                job.unanswered = (job.unanswered ?? 0) + 1;
                if (kind === 'error' && job.unanswered < me.patience) {
                    me.pollLater();
                } else {
                    me.ended(null, html);
                }
            },
        });
    },

    pollLater: function () {
        if (this.isAwake) {
            this.poll.delay(this.pollInterval);
        }
    },

    ended: function (exit, html) {
        let me = this;
        Ext.apply(me.job, { exit, html });
        if (me.isAwake) {
            me.reload();
        }
        me.drawTask();
    },

    showLog: function () {
        Ext.create('Proxmox.window.TaskViewer', { upid: this.job.upid, autoShow: true });
    },

    // -- states ------------------------------------------------------------------------------

    blank: function ({ kept }) {
        return kept ? null : (this.taskNotice() ?? this.introduction());
    },

    introduction: () => ({
        icon: 'fa-fast-backward',
        title: gettext('What would the advice have brought?'),
        text: gettext(
            'The backtest replays the stored demand of all guests: as it was, without any migration, and with the advice followed. They are compared by the hours above the thresholds. None was run on this node yet.',
        ),
    }),

    // What there is to say of the task; null where it went well, or there is none.
    taskNotice: function () {
        let { job } = this;
        if (this.isRunning()) {
            return {
                icon: 'fa-spinner fa-pulse',
                title: gettext('Replaying the stored history...'),
                text: gettext(
                    'A task does it, whether this view is open or not. It takes the longer, the more nodes and guests there are.',
                ),
            };
        }
        if (!job || ['ok', 'warning'].includes(Proxmox.Utils.parse_task_status(job.exit ?? ''))) {
            return null;
        }
        let failed = job.exit !== null;
        return {
            icon: 'fa-exclamation-triangle critical',
            title: failed
                ? gettext('The backtest failed')
                : gettext('The task could not be followed'),
            html: failed ? PVE.foresight.Html.encode(job.exit) : job.html,
        };
    },

    drawTask: function () {
        let me = this;
        let running = me.isRunning();
        me.down('#run').setDisabled(running || !PVE.foresight.Api.can('Sys.Modify'));
        me.down('#log').setVisible(me.job !== null);
        me.drawElapsed();
        if (me.isLoaded) {
            me.drawRemark();
        } else {
            me.notice(me.taskNotice() ?? me.loadingNotice());
        }
    },

    // Not in the line that screen readers follow: it changes every few seconds.
    drawElapsed: function () {
        let field = this.down('#elapsed');
        let running = this.isRunning();
        field.setVisible(running);
        if (running) {
            let seconds = Math.max(0, Date.now() / 1000 - this.job.since);
            field.setText(
                Ext.String.format(gettext('running for {0}'), PVE.foresight.Utils.seconds(seconds)),
            );
        }
    },

    // The task's state above the result that is shown meanwhile.
    drawRemark: function () {
        let h = PVE.foresight.Html;
        let box = this.down('#task');
        let notice = this.taskNotice();
        let html = '';
        if (notice) {
            let why = this.isRunning()
                ? h.encode(gettext('What is shown is the earlier result.'))
                : notice.html;
            html = `<div role="status">${h.icon(notice.icon)} <b>${h.encode(notice.title)}</b> ${why}</div>`;
        }
        box.update(html);
        box.setVisible(!!notice);
    },

    draw: function ({ kept }) {
        this.down('#result').update(this.resultHtml(kept));
        this.drawRemark();
        this.updateLayout();
    },

    policyLabel: function (outcome) {
        let u = PVE.foresight.Utils;
        let label = u.label('policy', outcome.policy);
        return outcome.sensitivity
            ? `${label} (${u.label('sensitivity', outcome.sensitivity)})`
            : label;
    },

    resultHtml: function (reply) {
        let u = PVE.foresight.Utils;
        let h = PVE.foresight.Html;
        let number = (v) => (u.isNumber(v) ? v.toFixed(v < 10 ? 1 : 0) : '–');
        let head = [
            [gettext('Policy')],
            [gettext('Nodes above threshold'), gettext('node-hours')],
            [gettext('CPU above threshold'), gettext('core-hours')],
            [gettext('Memory above threshold'), gettext('GiB-hours')],
            [gettext('CPU not served'), gettext('core-hours')],
            [gettext('Migrations')],
            [gettext('Moved'), 'GiB'],
            [gettext('Returned within 7 days')],
        ].map(
            ([text, unit]) =>
                `<th scope="col">${h.encode(text)}${unit ? ` <span>${h.encode(unit)}</span>` : ''}</th>`,
        );
        let most = Math.max(...reply.outcomes.map((o) => o.core_hours), 1e-9);
        let rows = reply.outcomes.map((o) => {
            let cells = [
                `<span class="foresight-bar" style="width:${((o.core_hours / most) * 40).toFixed(0)}px"></span> ${number(o.core_hours)}`,
                number(o.gib_hours),
                number(o.unmet_core_hours),
                u.count(o.moves),
                number(o.gib_moved),
                u.count(o.returns_7d),
            ];
            let cls = o.policy === 'ours' ? ' class="foresight-row-ours"' : '';
            return `<tr${cls}><th scope="row">${h.encode(this.policyLabel(o))}</th><td>${number(o.node_hours)}</td>${cells.map((c) => `<td>${c}</td>`).join('')}</tr>`;
        });
        // Who may not see all guests is not told how many there are.
        let size = [
            Ext.String.format(gettext('{0} nodes'), reply.nodes),
            ...(u.isNumber(reply.guests) ? [Ext.String.format(gettext('{0} guests'), reply.guests)] : []),
        ];
        let note = Ext.String.format(
            gettext(
                '{0} hours judged, from {1} to {2}; {3}; hours between decisions: {4}.',
            ),
            reply.judged_hours,
            u.date(reply.judged_from),
            u.zonedDate(reply.judged_until),
            size.join(', '),
            reply.every_hours,
        );
        let made = Ext.String.format(
            gettext('Run {0}, for {1} days.'),
            u.zonedDate(reply.made),
            reply.days,
        );
        let warnings = (reply.warnings ?? []).map((text) => h.warning(text));
        return (
            `<div class="foresight-summary"><h2>${h.icon('fa-lightbulb-o foresight-warn')} ${h.prose(reply.summary)}</h2>` +
            `${h.dim(`${made} ${note}`)}${warnings.join('')}</div>` +
            `<table class="foresight-table foresight-policies" aria-label="${h.encode(gettext('Policies compared'))}"><thead><tr>${head.join('')}</tr></thead>` +
            `<tbody>${rows.join('')}</tbody></table>${this.daysHtml(reply)}`
        );
    },

    // Overload by day, as it was and with the advice: of what there was any.
    daysHtml: function ({ outcomes }) {
        let was = outcomes.find((o) => o.policy === 'as-it-was') ?? outcomes[0];
        let ours = outcomes.find((o) => o.policy === 'ours');
        if (!was?.days?.length || !ours?.days?.length) {
            return '';
        }
        let isAbove = (field) => [was, ours].some((o) => o.days.some((d) => d[field] > 0));
        return [
            isAbove('core_hours') &&
                this.plotHtml(
                    [was, ours],
                    'core_hours',
                    gettext('CPU above the threshold, core-hours by day'),
                    gettext('{0}: {1} core-hours as it was, {2} with the advice'),
                ),
            outcomes.some((o) => o.gib_hours > 0.5) &&
                isAbove('gib_hours') &&
                this.plotHtml(
                    [was, ours],
                    'gib_hours',
                    gettext('Memory above the threshold, GiB-hours by day'),
                    gettext('{0}: {1} GiB-hours as it was, {2} with the advice'),
                ),
        ]
            .filter((html) => html)
            .join('');
    },

    plotHtml: function ([was, ours], field, label, sentence) {
        let u = PVE.foresight.Utils;
        let h = PVE.foresight.Html;
        let rows = was.days.map((day, i) => ({
            time: day.start,
            values: [day[field], ours.days[i]?.[field] ?? 0],
            text: Ext.String.format(
                sentence,
                u.date(day.start),
                day[field].toFixed(1),
                ours.days[i] ? ours.days[i][field].toFixed(1) : '–',
            ),
        }));
        let classes = ['foresight-bar-was', 'foresight-bar-ours'];
        let keys = [gettext('As it was'), gettext('Advice followed')].map(
            (text, i) =>
                `<span><i class="foresight-key ${classes[i]}" aria-hidden="true"></i>${h.encode(text)}</span>`,
        );
        return (
            `<div class="foresight-summary"><h2>${h.encode(label)}</h2>` +
            PVE.foresight.Plot.bars(rows, classes, label) +
            `<div class="foresight-legend">${keys.join('')}</div></div>`
        );
    },
});
