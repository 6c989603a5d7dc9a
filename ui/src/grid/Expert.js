// All keys of the decision, for experts: filter, changed only, edit, reset of one key.
Ext.define('PVE.foresight.grid.Expert', {
    extend: 'Ext.grid.Panel',
    xtype: 'pveForesightExpert',

    height: 420,
    cls: 'foresight-block',
    enableColumnMove: false,
    emptyText: gettext('No key matches.'),
    ariaLabel: gettext('Expert mode'),

    editable: true,

    initComponent: function () {
        let me = this;
        let h = PVE.foresight.Html;
        me.editing = Ext.create('Ext.grid.plugin.CellEditing', {
            clicksToEdit: 1,
            listeners: {
                beforeedit: (editor, context) => me.editable && context.field === 'value',
                validateedit: (editor, context) => me.accept(context),
            },
        });
        me.plugins = [me.editing];
        me.viewConfig = {
            stripeRows: true,
            deferEmptyText: false,
            getRowClass: (record) => (me.isChanged(record) ? 'foresight-row-changed' : ''),
        };
        me.store = Ext.create('Ext.data.Store', {
            fields: ['key', 'value', 'saved', 'origin', 'reset', 'default', 'unit', 'term'],
            proxy: { type: 'memory' },
            listeners: { update: () => me.fireEvent('edited', me) },
        });
        me.tbar = me.toolbar();
        let shown = (v, meta, record) => h.encode(me.textOf(v, record.data));
        me.columns = [
            {
                text: gettext('Key'),
                dataIndex: 'key',
                flex: 2,
                minWidth: 250,
                renderer: (key, meta) => {
                    meta.tdAttr = h.tip(me.describe(key));
                    return `<code>${h.encode(key)}</code>`;
                },
            },
            {
                text: gettext('Value'),
                dataIndex: 'value',
                width: 100,
                align: 'right',
                tdCls: 'foresight-editable',
                getEditor: (record) => me.editorOf(record.data.key),
                renderer: shown,
            },
            {
                text: gettext('Comes from'),
                dataIndex: 'origin',
                width: 130,
                renderer: (origin, meta, record) => me.originHtml(origin, record),
            },
            {
                text: gettext('Automatic'),
                dataIndex: 'reset',
                width: 95,
                align: 'right',
                renderer: shown,
            },
            {
                text: gettext('Description'),
                itemId: 'description',
                dataIndex: 'key',
                flex: 4,
                sortable: false,
                renderer: (key, meta) => {
                    meta.tdAttr = h.tip(me.describe(key));
                    return h.encode(me.describe(key));
                },
            },
            {
                xtype: 'actioncolumn',
                width: 40,
                menuDisabled: true,
                sortable: false,
                renderer: (v, meta, record) => {
                    let label = Ext.String.format(gettext('Reset {0}'), record.data.key);
                    meta.tdAttr = `aria-label="${h.encode(label)}"`;
                    return '';
                },
                items: [
                    {
                        iconCls: 'fa fa-undo',
                        tooltip: gettext('Reset to the automatic value'),
                        altText: gettext('Reset'),
                        // ExtJS 6.2 and 7.0 have different names for it.
                        isDisabled: (...args) => me.isUntouched(args[4]),
                        isActionDisabled: (...args) => me.isUntouched(args[4]),
                        handler: (view, row, col, item, event, record) => me.resetKey(record),
                    },
                ],
            },
        ];
        me.callParent();
        // Where there is little room, the description is the key's tooltip.
        me.on('resize', (grid, width) => me.down('#description').setVisible(width > 900));
    },

    toolbar: function () {
        let me = this;
        return [
            {
                xtype: 'textfield',
                itemId: 'filter',
                emptyText: gettext('Filter'),
                ariaLabel: gettext('Filter'),
                width: 220,
                enableKeyEvents: true,
                listeners: { change: { fn: () => me.applyFilter(), buffer: 150 } },
            },
            {
                xtype: 'checkbox',
                itemId: 'changedOnly',
                boxLabel: gettext('Changed only'),
                margin: '0 0 0 10',
                listeners: { change: () => me.applyFilter() },
            },
            '->',
            {
                text: gettext('Reset all'),
                iconCls: 'fa fa-undo',
                itemId: 'resetAll',
                handler: () => me.all().each((record) => me.resetKey(record)),
            },
        ];
    },

    schemaOf: (key) => SCHEMA['penalty-config'].properties[key] ?? {},

    describe: function (key) {
        return this.schemaOf(key).description ?? '';
    },

    isBoolean: function (key) {
        return this.schemaOf(key).type === 'boolean';
    },

    textOf: function (value, { key, unit }) {
        if (this.isBoolean(key)) {
            return value ? gettext('Yes') : gettext('No');
        }
        return unit ? `${value}\u00a0${unit}` : value;
    },

    // One editor for each kind of value: left to itself, the grid has one for the whole column.
    editorOf: function (key) {
        let me = this;
        let kind = me.isBoolean(key) ? 'boolean' : 'number';
        me.editors ??= {};
        return (me.editors[kind] ??= Ext.create('Ext.grid.CellEditor', {
            editorId: `foresight-${kind}`,
            floating: true,
            field: kind === 'boolean' ? me.booleanField() : me.numberField(),
        }));
    },

    numberField: () => ({
        xtype: 'numberfield',
        allowBlank: false,
        decimalPrecision: 4,
        hideTrigger: true,
        selectOnFocus: true,
    }),

    booleanField: function () {
        return {
            xtype: 'combobox',
            editable: false,
            forceSelection: true,
            queryMode: 'local',
            store: [
                [1, gettext('Yes')],
                [0, gettext('No')],
            ],
            // There is nothing more to type after the choice.
            listeners: { select: () => this.editing.completeEdit() },
        };
    },

    isEditing: function () {
        return this.editing.editing === true;
    },

    isChanged: (record) => record.data.value !== record.data.saved || record.data.forget === true,

    isUntouched: function (record) {
        return !this.editable || (record.data.origin !== 'expert' && !this.isChanged(record));
    },

    originHtml: function (origin, record) {
        let h = PVE.foresight.Html;
        if (record.data.forget) {
            return h.badge(gettext('reset on save'), 'warn');
        }
        if (record.data.value !== record.data.saved) {
            return h.badge(gettext('not saved'), 'warn');
        }
        switch (origin) {
            case 'expert':
                return h.badge(gettext('expert'), 'info');
            case 'knob':
                return h.badge(gettext('settings above'), 'plain');
            default:
                return `<span class="foresight-dim">${h.encode(gettext('default'))}</span>`;
        }
    },

    // Only what the schema allows.
    accept: function (context) {
        let record = context.record;
        let schema = this.schemaOf(record.data.key);
        let value = Number(context.value);
        let whole = schema.type === 'integer';
        let ok =
            isFinite(value) &&
            (!whole || Number.isInteger(value)) &&
            (schema.minimum === undefined || value >= schema.minimum) &&
            (schema.maximum === undefined || value <= schema.maximum);
        if (!ok) {
            let text = Ext.String.format(
                whole
                    ? gettext('{0} must be a whole number between {1} and {2}.')
                    : gettext('{0} must be between {1} and {2}.'),
                Ext.htmlEncode(record.data.key),
                schema.minimum,
                schema.maximum,
            );
            // Not while the editor closes: losing the focus in the midst of it, it never opens well again.
            Ext.defer(() => Ext.Msg.alert(gettext('Invalid value'), text), 1);
            context.cancel = true;
            return false;
        }
        // Who only passes through the cell of a key that is to be reset leaves it so.
        if (value !== record.data.value) {
            record.set('forget', false);
        }
        return true;
    },

    resetKey: function (record) {
        if (record.data.origin === 'expert') {
            record.set({ value: record.data.reset, forget: true });
        } else if (this.isChanged(record)) {
            record.set('value', record.data.saved);
        }
    },

    applyFilter: function () {
        let me = this;
        let text = (me.down('#filter').getValue() ?? '').trim().toLowerCase();
        let changed = me.down('#changedOnly').getValue();
        me.store.clearFilter(true);
        me.store.filterBy(
            (record) =>
                (!changed || record.data.origin === 'expert' || me.isChanged(record)) &&
                (!text ||
                    record.data.key.includes(text) ||
                    record.data.term.includes(text) ||
                    me.describe(record.data.key).toLowerCase().includes(text)),
        );
    },

    setEntries: function (entries) {
        this.store.loadData(
            entries.map((entry) => {
                let e = this.isBoolean(entry.key) ? this.numeric(entry) : entry;
                return { ...e, saved: e.value, forget: false };
            }),
        );
        this.applyFilter();
    },

    // Booleans come as such or as 0 and 1, and are sent as 0 and 1.
    numeric: (entry) => ({
        ...entry,
        value: Number(entry.value),
        reset: Number(entry.reset),
        default: Number(entry.default),
    }),

    // All rows: one that the filter hides is changed all the same.
    all: function () {
        let data = this.store.getData();
        return data.getSource() ?? data;
    },

    // What to send: { set: {key: value}, forget: [key] }
    changes: function () {
        let set = {};
        let forget = [];
        this.all().each(({ data }) => {
            if (data.forget) {
                forget.push(data.key);
            } else if (data.value !== data.saved) {
                set[data.key] = data.value;
            }
        });
        return { set, forget };
    },

    // The reverse of changes().
    edit: function ({ set, forget }) {
        this.all().each((record) => {
            let key = record.data.key;
            if (forget.includes(key)) {
                this.resetKey(record);
            } else if (key in set) {
                record.set('value', set[key]);
            }
        });
    },

    isDirty: function () {
        let { set, forget } = this.changes();
        return forget.length > 0 || Object.keys(set).length > 0;
    },
});
