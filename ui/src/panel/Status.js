// Collector, store and data quality; imports the history that Proxmox VE has.
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
                text: gettext("Import Proxmox VE's history"),
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

    collectorHtml: function (status) {
        let u = PVE.foresight.Utils;
        let h = PVE.foresight.Html;
        let rows = [[gettext('Version'), status.version]];
        if (u.isNumber(status.last_sample)) {
            rows.push([gettext('Newest sample'), u.zonedDate(status.last_sample)]);
            rows.push([gettext('Age'), u.seconds(status.last_sample_age)]);
        } else {
            rows.push([gettext('Newest sample'), gettext('none yet')]);
        }
        let health = status.collector;
        if (health) {
            rows.push([gettext('Runs in the last hour'), u.count(health.runs_last_hour)]);
            rows.push([gettext('Missed in the last hour'), u.count(health.missed_last_hour)]);
        }
        return h.section(gettext('Collector'), this.healthHtml(status) + h.facts(rows));
    },

    // All is well only where nothing is told of the store or its collector.
    healthHtml: function ({ collector, warnings }) {
        let h = PVE.foresight.Html;
        if (!collector) {
            return '';
        }
        if (collector.late) {
            return h.warning(gettext('The next run is overdue.'));
        }
        return warnings?.length
            ? `<p>${h.encode(gettext('Runs.'))}</p>`
            : `<p>${h.icon('fa-check-circle good')} ${h.encode(gettext('Runs as it should.'))}</p>`;
    },

    qualityHtml: function (status) {
        let u = PVE.foresight.Utils;
        let h = PVE.foresight.Html;
        let quality = status.quality;
        if (!u.isNumber(quality?.total_samples) || !status.size) {
            return '';
        }
        let coverage = u
            .kept(status.size.retention)
            .map((time, tier) => [
                Ext.String.format(gettext('Coverage, last {0}'), time),
                u.percent(quality.coverage?.[tier]),
            ]);
        return h.section(
            gettext('Data quality'),
            h.facts([
                [gettext('Samples'), u.count(quality.total_samples)],
                [gettext('Oldest sample'), u.seconds(quality.oldest_sample_age)],
                [gettext('Usual interval'), u.seconds(quality.interval)],
                [gettext('Largest gap'), u.seconds(quality.largest_gap)],
                ...coverage,
            ]),
        );
    },

    storeHtml: function (status) {
        let u = PVE.foresight.Utils;
        let h = PVE.foresight.Html;
        let size = status.size;
        if (!size) {
            return '';
        }
        return h.section(
            gettext('Store'),
            h.facts([
                [gettext('Size'), u.bytes(size.bytes)],
                [gettext('Per node or guest'), u.quantity(size.bytes_per_entity, 'bytes')],
                [gettext('Written today'), u.bytes(size.bytes_written_today)],
                [gettext('Nodes'), u.count(size.nodes)],
                [gettext('Guests'), u.count(size.guests)],
            ]) + this.tiersHtml(size.tiers ?? []),
        );
    },

    tiersHtml: function (tiers) {
        let u = PVE.foresight.Utils;
        let h = PVE.foresight.Html;
        if (!tiers.length) {
            return '';
        }
        let head = [
            gettext('Tier'),
            gettext('Files'),
            gettext('Size'),
            gettext('Rows'),
            gettext('Oldest'),
            gettext('Newest'),
        ].map((text) => `<th scope="col">${h.encode(text)}</th>`);
        let rows = tiers.map((t) => {
            let cells = [
                u.label('tier', t.tier),
                t.files,
                u.bytes(t.bytes),
                t.rows,
                u.date(t.oldest),
                u.date(t.newest),
            ].map((cell) => `<td>${h.encode(cell)}</td>`);
            return `<tr>${cells.join('')}</tr>`;
        });
        return (
            `<table class="foresight-table" aria-label="${h.encode(gettext('Store'))}">` +
            `<thead><tr>${head.join('')}</tr></thead><tbody>${rows.join('')}</tbody></table>`
        );
    },

    warningsHtml: function (status) {
        let h = PVE.foresight.Html;
        let settings = status.settings ?? {};
        let warnings = [...(status.warnings ?? []), ...(settings.warnings ?? [])];
        if (settings.refused) {
            warnings.unshift(
                Ext.String.format(
                    gettext('Settings could not be used, defaults hold: {0}'),
                    settings.refused,
                ),
            );
        }
        return warnings.length
            ? h.section(gettext('Warnings'), warnings.map((text) => h.warning(text)).join(''))
            : '';
    },
});
