// Small pieces of HTML: icons, arrows, badges, lists. Pure; every value is encoded here.
Ext.define('PVE.foresight.Html', {
    singleton: true,

    encode: (value) => Ext.htmlEncode(String(value ?? '')),

    // A sentence of the engine: no line breaks between a number and its sign.
    prose: function (text) {
        return this.encode(String(text ?? '').replace(/(\d) %/g, '$1\u00a0%'));
    },

    // The attribute of a tooltip, whose lines are those of the text. It is read as HTML: what is
    // not ours is encoded for that, and once more for the attribute.
    tip: function (text) {
        let lines = this.encode(text).replaceAll('\n', '<br>');
        return text ? ` data-qtip="${this.encode(lines)}"` : '';
    },

    // An icon that screen readers can read; a decorative one has no label.
    icon: function (cls, label) {
        let says = label ? `role="img" aria-label="${this.encode(label)}"` : 'aria-hidden="true"';
        return `<i class="fa fa-fw ${cls}" ${says}></i>`;
    },

    nodeIcon: function () {
        return this.icon('fa-building');
    },

    guestIcon: function (type) {
        return type === 'lxc'
            ? this.icon('fa-cube', gettext('Container'))
            : this.icon('fa-desktop', gettext('Virtual machine'));
    },

    route: function (from, to) {
        return `${from} ${this.icon('fa-angle-right', gettext('to'))} ${to}`;
    },

    // -- paragraphs and lists ----------------------------------------------------------------

    warning: function (text) {
        return `<p>${this.icon('fa-exclamation-triangle foresight-warn', gettext('Warning'))} ${this.prose(text)}</p>`;
    },

    note: function (text) {
        return `<p>${this.icon('fa-info-circle info-blue', gettext('Note'))} ${this.prose(text)}</p>`;
    },

    dim: function (text) {
        return `<p class="foresight-dim">${this.prose(text)}</p>`;
    },

    section: function (title, html) {
        return `<section><h3>${this.encode(title)}</h3>${html}</section>`;
    },

    // Pairs of label and value.
    facts: function (rows, cls) {
        let html = rows.map(
            ([label, value]) =>
                `<div><dt>${this.encode(label)}</dt><dd>${this.encode(value)}</dd></div>`,
        );
        return `<dl class="foresight-facts ${cls ?? ''}">${html.join('')}</dl>`;
    },

    // -- badges ------------------------------------------------------------------------------

    badge: function (text, tone, tip) {
        return `<span class="foresight-badge foresight-${tone || 'plain'}"${this.tip(tip)}>${this.encode(text)}</span>`;
    },

    // "Stable", "Volatile" or "Trending", with the score as the tooltip.
    stabilityPill: function (score, direction) {
        let u = PVE.foresight.Utils;
        if (!u.isNumber(score) || direction === 'unknown') {
            return this.badge(gettext('Unknown'), 'plain', gettext('Not enough data'));
        }
        let tip = Ext.String.format(gettext('Stability {0} of 100'), Math.round(score));
        if (u.isTrend(direction)) {
            return this.badge(gettext('Trending'), 'warn', tip);
        }
        return direction === 'volatile'
            ? this.badge(gettext('Volatile'), 'bad', tip)
            : this.badge(gettext('Stable'), 'good', tip);
    },

    urgencyBadge: function (urgency, tip) {
        let tone = { high: 'bad', medium: 'warn' }[urgency] ?? 'plain';
        return this.badge(PVE.foresight.Utils.label('urgency', urgency), tone, tip);
    },

    // What the confidence of a move rests on, a line for each part.
    confidenceParts: function (move) {
        let u = PVE.foresight.Utils;
        let parts = move.confidence_parts?.parts ?? [];
        return parts.map((p) => `${u.percent(p.value)} ${p.name}: ${p.why}`).join('\n');
    },

    confidenceBadge: function (move) {
        let u = PVE.foresight.Utils;
        let text = Ext.String.format(gettext('Confidence {0}\u00a0%'), u.stated(move.confidence));
        return this.badge(text, 'info', this.confidenceParts(move));
    },

    resultTones: { improved: 'good', worse: 'bad', no_effect: 'warn' },

    // "Migrated 3x, 2 successful", in the colour of the last outcome.
    outcomeBadge: function (history) {
        let u = PVE.foresight.Utils;
        if (!history?.previous_migrations) {
            return '';
        }
        let times = history.previous_migrations;
        let text = u.isNumber(history.improved)
            ? Ext.String.format(gettext('Migrated {0}x, {1} successful'), times, history.improved)
            : Ext.String.format(gettext('Migrated {0}x'), times);
        return this.badge(text, this.resultTones[history.last_outcome], u.lastOutcome(history));
    },

    // The verdict on a migration after a while; `time` is said where no column says it.
    verdictBadge: function (verdict, time) {
        let word = PVE.foresight.Utils.label('result', verdict.result);
        let text = time ? `${time} ${word}` : word;
        return this.badge(text, this.resultTones[verdict.result], verdict.reason);
    },

    factorTones: { problem: 'bad', positive: 'good', concern: 'warn' },

    // The weight of a decision factor: the heavier, the fuller.
    weightBadge: function (factor) {
        let word = PVE.foresight.Utils.label('weight', factor.weight);
        let level = ['high', 'medium'].includes(factor.weight) ? factor.weight : 'low';
        return this.badge(
            word,
            `${this.factorTones[factor.type] ?? 'plain'} foresight-${level}`,
            Ext.String.format(gettext('Weight in the decision: {0}'), word),
        );
    },

    // -- icons of codes ----------------------------------------------------------------------

    stateIcons: {
        healthy: 'fa-check-circle good',
        stable_but_hot: 'fa-thermometer-three-quarters foresight-warn',
        trending_toward_overload: 'fa-line-chart foresight-warn',
        overloaded: 'fa-exclamation-circle critical',
        offline: 'fa-power-off faded',
        silent: 'fa-question-circle foresight-warn',
        unknown: 'fa-question-circle-o faded',
    },

    stateIcon: function (state) {
        let cls = this.stateIcons[state] ?? this.stateIcons.unknown;
        return this.icon(cls, PVE.foresight.Utils.label('state', state));
    },

    factorIcons: {
        problem: 'fa-exclamation-triangle critical',
        positive: 'fa-check good',
        concern: 'fa-minus-circle foresight-warn',
        info: 'fa-info-circle info-blue',
    },

    factorIcon: function (type) {
        let cls = this.factorIcons[type] ?? this.factorIcons.info;
        return this.icon(cls, PVE.foresight.Utils.label('factor', type));
    },

    // The four levels of the arrow: up and near its limit, up, flat, down; and the odd ones.
    arrowIcon: function (direction, state) {
        switch (direction) {
            case 'sustained_increase':
                return state === 'overloaded' || state === 'trending_toward_overload'
                    ? 'fa-angle-double-up critical foresight-arrow-strong'
                    : 'fa-long-arrow-up foresight-warn';
            case 'sustained_decrease':
                return 'fa-long-arrow-down good';
            case 'cyclical':
                return 'fa-clock-o foresight-dim';
            case 'volatile':
                return 'fa-random foresight-warn';
            case 'unknown':
                return 'fa-question-circle-o foresight-dim';
            default:
                return 'fa-long-arrow-right foresight-dim';
        }
    },

    // An arrow that says what it means, to the mouse and to screen readers.
    arrow: function (direction, state, sentence) {
        let says = sentence || PVE.foresight.Utils.label('direction', direction);
        return `<span class="foresight-arrow"${this.tip(says)}>${this.icon(this.arrowIcon(direction, state), says)}</span>`;
    },

    // The arrow of a metric of `trends`.
    metricArrow: function (metric, trends, state) {
        let u = PVE.foresight.Utils;
        let sentence = u.trendSentence(metric, trends.lookback_hours);
        return this.arrow(u.direction(metric), state, sentence);
    },
});
