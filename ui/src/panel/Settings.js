// Five settings in front, the rest for those who want it.
Ext.define('PVE.foresight.panel.Settings', {
    extend: 'PVE.foresight.panel.View',
    xtype: 'pveForesightSettings',

    title: gettext('Settings'),
    iconCls: 'fa fa-gear',
    interval: 0,

    sources: {
        knobs: { path: '/migration-settings' },
        expert: { path: '/penalty-config' },
    },

    initComponent: function () {
        let me = this;
        let schema = SCHEMA['migration-settings'];
        let knob = (name) => ({
            xtype: 'pveForesightKnob',
            name,
            schema: schema.properties[name],
            unit: schema.details[name].unit,
            disabled: !me.mayEdit(),
            listeners: { edited: () => me.edited() },
        });
        let section = (title, itemId, collapsed, items) => ({
            xtype: 'panel',
            itemId,
            title,
            cls: 'foresight-block',
            collapsible: collapsed !== undefined,
            collapsed: collapsed ?? false,
            titleCollapse: true,
            animCollapse: false,
            bodyPadding: 10,
            layout: 'anchor',
            defaults: { anchor: '100%' },
            items,
            // It opens downwards, mostly below the edge of the view.
            listeners: {
                expand: (panel) =>
                    me.setScrollY(me.getScrollY() + panel.getEl().getOffsetsTo(me.body)[1]),
            },
        });
        let front = ['migration-sensitivity', 'trend-weight', 'analysis-lookback'];
        let rest = schema.order.filter((name) => !front.includes(name));
        me.items = [
            { xtype: 'component', itemId: 'warnings', cls: 'foresight-summary', hidden: true },
            section(gettext('When to recommend a migration'), 'main', undefined, front.map(knob)),
            section(gettext('Advanced'), 'advanced', false, rest.map(knob)),
            section(gettext('Expert mode'), 'expertBox', true, [
                {
                    xtype: 'component',
                    cls: 'foresight-hint pmx-hint',
                    html: PVE.foresight.Html.warning(
                        gettext(
                            'These values are managed automatically by the settings above. Manual changes override the automatic mapping.',
                        ),
                    ),
                },
                {
                    xtype: 'pveForesightExpert',
                    itemId: 'expert',
                    editable: me.mayEdit(),
                    listeners: { edited: () => me.edited() },
                },
            ]),
        ];
        me.bbar = [
            '->',
            {
                itemId: 'revert',
                text: gettext('Discard changes'),
                disabled: true,
                handler: () => me.reload(),
            },
            { itemId: 'save', text: gettext('Save'), disabled: true, handler: () => me.save() },
        ];
        me.callParent();
        // The expert grid scrolls by itself: its head and its last row must fit into the view.
        me.on('resize', (view, width, height) =>
            me.down('#expert').setHeight(Ext.Number.constrain(height - 120, 220, 600)),
        );
        me.onUnload = (event) => {
            if (me.isDirty()) {
                event.preventDefault();
                event.returnValue = '';
            }
        };
        window.addEventListener('beforeunload', me.onUnload);
        me.on('beforedestroy', () => {
            window.removeEventListener('beforeunload', me.onUnload);
            me.self.draft = me.isDirty() && !me.isDiscarded ? me.takeDraft() : null;
        });
    },

    // Where the tree on the left takes the panel away, nobody can be asked: what was not saved is
    // kept until the panel is opened again.
    statics: { draft: null },

    takeDraft: function () {
        let knobs = this.query('pveForesightKnob').filter((k) => k.isDirty());
        return {
            knobs: knobs.map((k) => [k.name, k.getValue()]),
            expert: this.down('#expert').changes(),
        };
    },

    putDraft: function (draft) {
        let me = this;
        for (const [name, value] of draft.knobs) {
            me.down(`pveForesightKnob[name=${name}]`).edit(value);
        }
        me.down('#expert').edit(draft.expert);
    },

    mayEdit: () => PVE.foresight.Api.can('Sys.Modify'),

    // What somebody typed is not thrown away by coming back to the tab.
    wake: function () {
        let me = this;
        let round = me.round;
        if (!me.isLoaded || !me.isDirty()) {
            me.callParent();
        }
        if (me.round !== round) {
            me.unasked = me.round;
        }
    },

    // Nor by the reply to that, where it arrives when the typing has begun.
    settle: function (data, failed, asked) {
        let me = this;
        if (me.unasked === me.round && (me.isDirty() || me.down('#expert').isEditing())) {
            return;
        }
        me.callParent([data, failed, asked]);
    },

    draw: function ({ knobs, expert }) {
        let me = this;
        me.isDiscarded = false;
        let draft = me.self.draft;
        me.self.draft = null;
        me.putReplies(knobs, expert, draft);
        me.drawWarnings(expert, [
            ...(draft ? [gettext('Changes that were not saved were kept.')] : []),
            ...(me.mayEdit() ? [] : [gettext("Changes need the privilege 'Sys.Modify' on '/'.")]),
        ]);
        me.edited();
    },

    // What holds, and on top of it what is not saved.
    putReplies: function (knobs, expert, draft) {
        let me = this;
        me.drawing = true;
        me.digest = expert.digest ?? knobs.digest;
        me.isOutdated = false;
        me.query('pveForesightKnob').forEach((k) => k.setValue(knobs.settings[k.name]));
        me.down('#expert').setEntries(expert.effective);
        if (draft) {
            me.putDraft(draft);
        }
        me.drawing = false;
    },

    drawWarnings: function (reply, notes) {
        let texts = notes.concat(reply.warnings ?? []);
        if (reply.refused) {
            texts.unshift(
                Ext.String.format(
                    gettext(
                        'The settings file could not be used, defaults hold, and it cannot be changed from here: {0}',
                    ),
                    reply.refused,
                ),
            );
        }
        let box = this.down('#warnings');
        box.setVisible(texts.length > 0);
        box.update(texts.map((text) => PVE.foresight.Html.warning(text)).join(''));
        this.isRefused = !!reply.refused;
    },

    isDirty: function () {
        return (
            this.isLoaded === true &&
            (this.query('pveForesightKnob').some((k) => k.isDirty()) ||
                this.down('#expert').isDirty())
        );
    },

    edited: function () {
        let me = this;
        if (me.drawing || !me.isLoaded) {
            return;
        }
        let dirty = me.isDirty();
        me.down('#save').setDisabled(!dirty || !me.mayEdit() || me.isRefused);
        me.down('#revert').setDisabled(!dirty);
    },

    // Knobs first, then expert values: both live in one file, so the second needs a fresh digest.
    save: function () {
        let me = this;
        let knobs = {};
        me.query('pveForesightKnob')
            .filter((k) => k.isDirty())
            .forEach((k) => (knobs[k.name] = k.getValue()));
        let { set, forget } = me.down('#expert').changes();
        let expert = { ...set };
        if (forget.length) {
            expert.delete = forget.join(',');
        }
        let steps = [];
        if (Object.keys(knobs).length) {
            steps.push(['/migration-settings', knobs]);
        }
        if (Object.keys(expert).length) {
            steps.push(['/penalty-config', expert]);
        }
        me.putNext(steps);
    },

    put: function (steps) {
        let me = this;
        let [path, params] = steps[0];
        PVE.foresight.Api.request(path, {
            method: 'PUT',
            params: me.digest ? { ...params, digest: me.digest } : params,
            waitMsgTarget: me,
            failure: (kind, html) => Ext.Msg.alert(gettext('Error'), html),
            success: () => {
                me.isOutdated = true;
                me.putNext(steps.slice(1));
            },
        });
    },

    // What a step stored is taken over before the next one: that may be refused, and what is then
    // corrected and saved again must neither repeat the knobs nor come with their old digest.
    putNext: function (steps) {
        let me = this;
        if (!steps.length) {
            me.reload();
            return;
        }
        if (!me.isOutdated) {
            me.put(steps);
            return;
        }
        PVE.foresight.Api.request('/penalty-config', {
            failure: (kind, html) => Ext.Msg.alert(gettext('Error'), html),
            success: (reply) => {
                me.putReplies(reply, reply, me.takeDraft());
                me.edited();
                me.put(steps);
            },
        });
    },

    // Calls `leave` at once, or when the user agrees to lose what was changed; else `stay`.
    confirmLeave: function (leave, stay) {
        if (!this.isDirty()) {
            leave();
            return;
        }
        Ext.Msg.confirm(
            gettext('Unsaved changes'),
            gettext('The settings were changed but not saved. Discard the changes?'),
            (answer) => {
                if (answer === 'yes') {
                    this.isDiscarded = true;
                    this.reload();
                    leave();
                } else if (stay) {
                    stay();
                }
            },
        );
    },
});
