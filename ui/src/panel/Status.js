// Collector, store and data quality; takes over the history that Proxmox VE has.
Ext.define('PVE.foresight.panel.Status', {
    extend: 'PVE.foresight.panel.View',
    xtype: 'pveForesightStatus',

    title: gettext('Status'),
    iconCls: 'fa fa-heartbeat',

    sources: { status: { path: '/status' } },

    initComponent: function () {
        let me = this;
        me.tbar = [
            {
                text: gettext('Reload'),
                iconCls: 'fa fa-refresh',
                handler: () => me.reload(),
            },
            {
                itemId: 'backfill',
                text: gettext("Take over Proxmox VE's history"),
                iconCls: 'fa fa-download',
                disabled: !PVE.foresight.Api.can('Sys.Modify'),
                tooltip: gettext(
                    'Reads the RRD files of nodes and guests once. Samples that are there already stay as they are.',
                ),
                handler: () => me.backfill(),
            },
        ];
        me.items = [{ xtype: 'component', itemId: 'facts', cls: 'foresight-status' }];
        me.callParent();
    },

    backfill: function () {
        let me = this;
        PVE.foresight.Api.request('/backfill', {
            method: 'POST',
            waitMsgTarget: me,
            failure: (kind, html) => Ext.Msg.alert(gettext('Error'), html),
            success: (upid) =>
                Ext.create('Proxmox.window.TaskProgress', {
                    upid,
                    autoShow: true,
                    taskDone: () => !me.destroyed && me.reload(),
                }),
        });
    },

    draw: function ({ status }) {
        this.down('#facts').update(
            this.warningsHtml(status) +
                '<div class="foresight-columns">' +
                this.collectorHtml(status) +
                this.qualityHtml(status) +
                this.storeHtml(status) +
                '</div>',
        );
        this.updateLayout();
    },

    section: function (title, html) {
        return `<section><h2>${Ext.htmlEncode(title)}</h2>${html}</section>`;
    },

    facts: function (rows) {
        let u = PVE.foresight.Utils;
        let html = rows.map(([k, v]) => `<dt>${u.encode(k)}</dt><dd>${u.encode(v)}</dd>`);
        return `<dl class="foresight-facts">${html.join('')}</dl>`;
    },

    collectorHtml: function (status) {
        let u = PVE.foresight.Utils;
        let rows = [[gettext('Version'), status.version]];
        if (!u.isNumber(status.last_sample)) {
            rows.push([gettext('Newest sample'), gettext('none yet')]);
        } else {
            rows.push([gettext('Newest sample'), u.date(status.last_sample)]);
            rows.push([gettext('Age'), u.seconds(status.last_sample_age)]);
        }
        let health = status.collector;
        if (health) {
            rows.push([gettext('Runs in the last hour'), u.count(health.runs_last_hour)]);
            rows.push([gettext('Missed in the last hour'), u.count(health.missed_last_hour)]);
        }
        return this.section(gettext('Collector'), this.healthHtml(status) + this.facts(rows));
    },

    healthHtml: function (status) {
        let u = PVE.foresight.Utils;
        let told = (icon, text) =>
            `<p class="foresight-health">${u.icon(icon)} ${u.encode(text)}</p>`;
        if (!status.collector) {
            return '';
        }
        return status.collector.late
            ? told('fa-exclamation-triangle foresight-warn', gettext('The next run is overdue.'))
            : told('fa-check-circle good', gettext('Runs as it should.'));
    },

    qualityHtml: function (status) {
        let u = PVE.foresight.Utils;
        let quality = status.quality;
        if (!u.isNumber(quality?.total_samples)) {
            return '';
        }
        let share = (i) => u.percent(quality.coverage?.[i]);
        return this.section(
            gettext('Data quality'),
            this.facts([
                [gettext('Samples'), u.count(quality.total_samples)],
                [gettext('Oldest sample'), u.seconds(quality.oldest_sample_age)],
                [gettext('Usual interval'), u.seconds(quality.interval)],
                [gettext('Largest gap'), u.seconds(quality.largest_gap)],
                [gettext('Coverage, last 48 hours'), share(0)],
                [gettext('Coverage, 14 days'), share(1)],
                [gettext('Coverage, 90 days'), share(2)],
            ]),
        );
    },

    tierLabels: {
        raw: () => gettext('Samples'),
        hourly: () => gettext('Hourly'),
        'six-hourly': () => gettext('Six-hourly'),
    },

    storeHtml: function (status) {
        let u = PVE.foresight.Utils;
        let size = status.size;
        if (!size) {
            return '';
        }
        let tiers = (size.tiers ?? []).map((t) => {
            let cells = [
                u.word(this.tierLabels, t.tier),
                t.files,
                u.bytes(t.bytes),
                t.rows,
                u.date(t.oldest),
                u.date(t.newest),
            ];
            return `<tr>${cells.map((c) => `<td>${u.encode(c)}</td>`).join('')}</tr>`;
        });
        let head = [
            gettext('Tier'),
            gettext('Files'),
            gettext('Size'),
            gettext('Rows'),
            gettext('Oldest'),
            gettext('Newest'),
        ];
        return this.section(
            gettext('Store'),
            this.facts([
                [gettext('Size'), u.bytes(size.bytes)],
                [gettext('Per node or guest'), u.quantity(size.bytes_per_entity, 'bytes')],
                [gettext('Written today'), u.bytes(size.bytes_written_today)],
                [gettext('Nodes'), u.count(size.nodes)],
                [gettext('Guests'), u.count(size.guests)],
            ]) +
                `<table class="foresight-table" aria-label="${u.encode(gettext('Store'))}"><thead><tr>${head.map((h) => `<th scope="col">${u.encode(h)}</th>`).join('')}</tr></thead><tbody>${tiers.join('')}</tbody></table>`,
        );
    },

    warningsHtml: function (status) {
        let u = PVE.foresight.Utils;
        let settings = status.settings ?? {};
        let warnings = (status.warnings ?? []).concat(settings.warnings ?? []);
        if (settings.refused) {
            warnings.unshift(
                Ext.String.format(
                    gettext('Settings could not be used, defaults hold: {0}'),
                    settings.refused,
                ),
            );
        }
        if (!warnings.length) {
            return '';
        }
        let rows = warnings.map(
            (w) =>
                `<p>${u.icon('fa-exclamation-triangle foresight-warn', gettext('Warning'))} ${u.encode(w)}</p>`,
        );
        return this.section(gettext('Warnings'), rows.join(''));
    },
});
