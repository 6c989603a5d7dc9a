// A field for one of the five settings, made from its schema, with its explanation below.
Ext.define('PVE.foresight.form.Knob', {
    extend: 'Ext.container.Container',
    xtype: 'pveForesightKnob',

    cls: 'foresight-knob',
    layout: 'anchor',

    // name: of the setting; schema: its property; unit: sign of its unit.
    name: undefined,
    schema: undefined,
    unit: '',

    initComponent: function () {
        let me = this;
        let u = PVE.foresight.Utils;
        let label = u.label('knob', me.name);
        me.field = Ext.create({
            ...me.fieldConfig(),
            itemId: 'field',
            fieldLabel: label,
            labelWidth: 190,
            ariaHelp: u.label('knobHelp', me.name),
            listeners: { change: () => me.changed() },
        });
        me.items = [
            {
                xtype: 'container',
                layout: { type: 'hbox', align: 'middle' },
                items: [
                    me.field,
                    { xtype: 'component', itemId: 'says', cls: 'foresight-knob-value' },
                ],
            },
            {
                xtype: 'component',
                cls: 'foresight-knob-scale',
                html: me.scaleHtml(),
                hidden: !me.isSlider(),
            },
            {
                xtype: 'component',
                cls: 'foresight-help',
                html: PVE.foresight.Html.encode(u.label('knobHelp', me.name)),
            },
        ];
        me.callParent();
    },

    fieldConfig: function () {
        let schema = this.schema;
        if (schema.type === 'boolean') {
            return { xtype: 'checkbox', width: 230 };
        }
        if (schema.type === 'string') {
            return {
                xtype: 'sliderfield',
                width: 460,
                minValue: 0,
                maxValue: schema.enum.length - 1,
                increment: 1,
                useTips: false,
            };
        }
        if (schema.enum) {
            return {
                xtype: 'combobox',
                width: 340,
                editable: false,
                queryMode: 'local',
                valueField: 'value',
                displayField: 'label',
                store: {
                    fields: ['value', 'label'],
                    data: schema.enum.map((value) => ({ value, label: this.wordOf(value) })),
                },
            };
        }
        return {
            xtype: 'sliderfield',
            width: 460,
            minValue: schema.minimum,
            maxValue: schema.maximum,
            // Any whole number may be stored, and is shown as it is.
            increment: 1,
            keyIncrement: 5,
            useTips: false,
        };
    },

    wordOf: function (value) {
        let u = PVE.foresight.Utils;
        if (this.schema.type === 'string') {
            return u.label('sensitivity', value);
        }
        if (this.unit === 'days') {
            return value === 1 ? gettext('1 day') : Ext.String.format(gettext('{0} days'), value);
        }
        return this.unit ? `${value}\u00a0${this.unit}` : String(value);
    },

    isSlider: function () {
        return this.field.isXType('sliderfield');
    },

    // Words below the ends of a slider, or below all its stops.
    scaleHtml: function () {
        let schema = this.schema;
        let stops = schema.type === 'string' ? schema.enum : [schema.minimum, schema.maximum];
        let word = (stop) =>
            `<span>${Ext.htmlEncode(stop === undefined ? '' : this.wordOf(stop))}</span>`;
        return this.isSlider() ? stops.map(word).join('') : '';
    },

    // The value that is saved.
    setValue: function (value) {
        this.edit(value);
        this.original = this.getValue();
        this.changed();
    },

    // Values are in the API's words; booleans may come as 0 and 1.
    edit: function (value) {
        let me = this;
        if (me.schema.type === 'string') {
            me.field.setValue(Math.max(0, me.schema.enum.indexOf(value)), false);
        } else if (me.schema.type === 'boolean') {
            me.field.setValue(value === true || value === 1 || value === '1');
        } else {
            me.field.setValue(Number(value), false);
        }
    },

    getValue: function () {
        let value = this.field.getValue();
        if (this.schema.type === 'string') {
            return this.schema.enum[value];
        }
        return this.schema.type === 'boolean' ? (value ? 1 : 0) : value;
    },

    isDirty: function () {
        return this.original !== undefined && this.getValue() !== this.original;
    },

    changed: function () {
        let me = this;
        if (me.isSlider()) {
            let word = me.wordOf(me.getValue());
            me.down('#says').update(Ext.htmlEncode(word));
            me.field
                .getEl()
                ?.dom.querySelector('[role=slider]')
                ?.setAttribute('aria-valuetext', word);
        }
        me.fireEvent('edited', me);
    },
});
