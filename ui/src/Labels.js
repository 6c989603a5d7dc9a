// The words for the API's codes: one table per kind of code, looked up by Utils.label().
Ext.define('PVE.foresight.Labels', {
    singleton: true,

    metric: {
        cpu: gettext('CPU'),
        memory: gettext('Memory'),
        iowait: gettext('IO wait'),
        load_avg: gettext('Load average'),
        guest_count: gettext('Running guests'),
        storage_usage: gettext('Storage'),
        swap: gettext('Swap'),
        net_in_bps: gettext('Network in'),
        net_out_bps: gettext('Network out'),
        disk_read_bps: gettext('Disk read'),
        disk_write_bps: gettext('Disk write'),
        memory_available: gettext('Memory available'),
        memory_host: gettext('Memory on host'),
        arc: gettext('ZFS cache'),
        psi_cpu_some: gettext('CPU pressure (some)'),
        psi_cpu_full: gettext('CPU pressure (full)'),
        psi_io_some: gettext('IO pressure (some)'),
        psi_io_full: gettext('IO pressure (full)'),
        psi_memory_some: gettext('Memory pressure (some)'),
        psi_memory_full: gettext('Memory pressure (full)'),
    },

    direction: {
        sustained_increase: gettext('rising'),
        sustained_decrease: gettext('falling'),
        stable: gettext('stable'),
        volatile: gettext('volatile'),
        cyclical: gettext('regular rhythm'),
        unknown: gettext('not enough data'),
    },

    state: {
        healthy: gettext('Healthy'),
        stable_but_hot: gettext('Hot'),
        trending_toward_overload: gettext('Heading for overload'),
        overloaded: gettext('Overloaded'),
        offline: gettext('Offline'),
        silent: gettext('Does not report'),
        unknown: gettext('Not enough data'),
    },

    urgency: {
        high: gettext('High urgency'),
        medium: gettext('Medium urgency'),
        low: gettext('Low urgency'),
        none: gettext('Not urgent'),
    },

    weight: {
        high: gettext('high'),
        medium: gettext('medium'),
        low: gettext('low'),
    },

    factor: {
        problem: gettext('Problem'),
        positive: gettext('In favour'),
        concern: gettext('Concern'),
        info: gettext('Note'),
    },

    behaviour: {
        growing: gettext('growing'),
        bursty: gettext('bursty'),
        cyclical: gettext('follows a daily or weekly rhythm'),
        stable: gettext('stable'),
        idle: gettext('idle'),
    },

    result: {
        pending: gettext('pending'),
        improved: gettext('improved'),
        no_effect: gettext('no effect'),
        worse: gettext('worse'),
        interrupted: gettext('interrupted'),
        unknown: gettext('unknown'),
    },

    policy: {
        'as-it-was': gettext('As it was'),
        none: gettext('Without any migration'),
        snapshot: gettext('By the load of the moment'),
        'pve-crs': gettext("Proxmox VE's own balancer (CRS)"),
        relief: gettext('Relief of the fullest node'),
        ours: gettext('Advice followed'),
    },

    tier: {
        raw: gettext('Samples'),
        hourly: gettext('Hourly'),
        'six-hourly': gettext('Six-hourly'),
    },

    knob: {
        'migration-sensitivity': gettext('Migration sensitivity'),
        'trend-weight': gettext('Trend weight'),
        'analysis-lookback': gettext('Analysis lookback'),
        'minimum-confidence': gettext('Minimum confidence'),
        'protect-running-workloads': gettext('Protect running workloads'),
    },

    knobHelp: {
        'migration-sensitivity': gettext(
            'Conservative: only for sustained, clear problems. Balanced: when trends show growing problems. Aggressive: early, to keep the balance.',
        ),
        'trend-weight': gettext(
            'How much history and trends count against the present, the mean of the last hour. 0\u00a0%: the present alone. 100\u00a0%: history and trends alone.',
        ),
        'analysis-lookback': gettext(
            'How far back trends are judged, and how far ahead trouble is looked for. What load may come is taken from the hours of the last two weeks, whatever this is.',
        ),
        'minimum-confidence': gettext(
            'How sure a recommendation must be. What is less sure is listed, but not recommended.',
        ),
        'protect-running-workloads': gettext(
            'Do not recommend to move a guest during the busy hours of its day.',
        ),
    },

    sensitivity: {
        conservative: gettext('Conservative'),
        balanced: gettext('Balanced'),
        aggressive: gettext('Aggressive'),
    },
});
