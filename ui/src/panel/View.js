// Base of all views: loads its sources, shows one of the states (loading, error, no permission,
// nothing yet, content) and keeps itself fresh only while somebody can see it.
//
// A view declares `sources: { name: { path, params, optional, mayLack } }` and implements `draw(data)`,
// where data holds the replies by name; an optional source that fails is null, and so is one that may
// lack and is not found. `blank(data)` may return a notice { icon, title, text } for "nothing to show".
// A refresh that fails leaves what is shown, and says above it how old that is.
Ext.define('PVE.foresight.panel.View', {
    extend: 'Ext.panel.Panel',
    xtype: 'pveForesightView',

    border: false,
    scrollable: 'y',
    bodyCls: 'foresight-view',
    layout: 'anchor',
    defaults: { anchor: '100%' },

    // A view that fills its place instead of scrolling.
    fill: false,

    sources: {},
    interval: 60000,

    // Whether there is nothing to draw before the first sample; needs the source `status`.
    needsSamples: false,

    initComponent: function () {
        let me = this;
        PVE.foresight.Theme.install();
        let content = {
            xtype: 'container',
            itemId: 'content',
            hidden: true,
            layout: 'anchor',
            defaults: { anchor: '100%' },
            items: me.items ?? [],
        };
        if (me.fill) {
            me.layout = { type: 'vbox', align: 'stretch' };
            me.scrollable = false;
            Ext.apply(content, { layout: 'fit', defaults: {}, flex: 1 });
        }
        me.items = [
            { xtype: 'component', itemId: 'notice', cls: 'foresight-notice', hidden: true },
            { xtype: 'component', itemId: 'stale', cls: 'foresight-stale', hidden: true },
            content,
        ];
        me.callParent();
        me.task = new Ext.util.DelayedTask(me.reload, me);
        me.on({
            scope: me,
            activate: me.wake,
            show: me.wake,
            deactivate: me.sleep,
            hide: me.sleep,
        });
        me.onVisibility = () => (document.hidden ? me.sleep() : me.wake());
        document.addEventListener('visibilitychange', me.onVisibility);
        me.on('afterrender', me.wake, me, { single: true });
        me.on('beforedestroy', () => {
            me.sleep();
            document.removeEventListener('visibilitychange', me.onVisibility);
        });
    },

    wake: function () {
        if (this.rendered && this.isVisible(true) && !document.hidden && !this.isAwake) {
            this.isAwake = true;
            this.reload();
            this.query('pveForesightView').forEach((inner) => inner.wake());
        }
    },

    sleep: function () {
        this.isAwake = false;
        this.task.cancel();
        this.query('pveForesightView').forEach((inner) => inner.sleep());
    },

    getSources: function () {
        return this.sources;
    },

    // What is on its way is of no use any more.
    dropReplies: function () {
        this.round = (this.round ?? 0) + 1;
    },

    // Loads all sources; the answer of an earlier round that comes late is dropped.
    reload: function () {
        let me = this;
        let sources = me.getSources();
        let asked = Ext.encode(sources);
        let names = Object.keys(sources);
        me.dropReplies();
        let { round } = me;
        let data = {};
        let waiting = names.length;
        let failed = null;
        if (!me.isLoaded) {
            me.notice(me.loadingNotice());
        }
        let done = () => {
            waiting -= 1;
            if (waiting > 0 || me.destroyed || round !== me.round) {
                return;
            }
            me.settle(data, failed, asked);
            if (me.isAwake && me.interval) {
                me.task.delay(me.interval);
            }
        };
        for (const name of names) {
            let source = sources[name];
            PVE.foresight.Api.request(source.path, {
                params: source.params,
                success: (reply) => {
                    data[name] = reply;
                    done();
                },
                failure: (kind, html) => {
                    data[name] = null;
                    if (!source.optional && !(source.mayLack && kind === 'missing')) {
                        failed = { kind, html };
                    }
                    done();
                },
            });
        }
    },

    // `asked`: the sources as they were asked for.
    settle: function (data, failed, asked) {
        let me = this;
        me.setLoading(false);
        // Without a single sample other sources fail for want of data: that is no error.
        if (
            me.needsSamples &&
            data.status &&
            !PVE.foresight.Utils.isNumber(data.status.last_sample)
        ) {
            me.notice(me.firstHourNotice());
            return;
        }
        if (failed) {
            // Who may no longer see it is told so, not shown it.
            if (me.isLoaded && asked === me.shown.asked && failed.kind !== 'permission') {
                me.drawStale(failed);
            } else {
                me.notice(me.failureNotice(failed));
            }
            return;
        }
        let blank = me.blank(data);
        if (blank) {
            me.notice(blank);
            return;
        }
        me.isLoaded = true;
        me.shown = { asked, since: Date.now() };
        me.replies = data;
        me.showContent();
        me.draw(data);
    },

    // Heads of grids that were rendered while hidden left themselves out of the tab order; views
    // within could not wake.
    showContent: function () {
        let content = this.down('#content');
        this.down('#notice').hide();
        this.down('#stale').hide();
        content.show();
        content.query('headercontainer').forEach((head) => head.activateFocusableContainer?.(true));
        this.query('pveForesightView').forEach((inner) => inner.wake());
    },

    // What is shown could not be refreshed.
    drawStale: function ({ html }) {
        let me = this;
        let h = PVE.foresight.Html;
        let box = me.down('#stale');
        let text = Ext.String.format(
            gettext('What is shown is {0} old. The last attempt to refresh it failed: {1}'),
            PVE.foresight.Utils.seconds((Date.now() - me.shown.since) / 1000),
            html,
        );
        let icon = h.icon('fa-exclamation-triangle foresight-warn', gettext('Warning'));
        let hadFocus = box.getEl()?.contains(document.activeElement);
        box.update(`<div role="status">${icon} ${text} ${me.retryHtml()}</div>`);
        box.show();
        me.retryIn(box, hadFocus);
    },

    retryHtml: () =>
        `<button type="button" class="foresight-link" data-action="retry">${PVE.foresight.Html.encode(gettext('Try again'))}</button>`,

    retryIn: function (box, focus) {
        let button = box.getEl()?.down('[data-action=retry]');
        button?.on('click', () => this.reload());
        if (focus) {
            button?.dom.focus();
        }
    },

    // Draws the replies.
    draw: Ext.emptyFn,

    blank: () => null,

    // What the view needs, and where: told to those who lack it.
    privilege: () => ['Sys.Audit', '/'],

    loadingNotice: () => ({ icon: 'fa-spinner fa-pulse', title: gettext('Loading...'), text: '' }),

    failureNotice: function ({ kind, html }) {
        if (kind === 'permission') {
            return {
                icon: 'fa-lock',
                title: gettext('Permission denied'),
                text: Ext.String.format(
                    gettext("This view needs the privilege '{0}' on '{1}'."),
                    ...this.privilege(),
                ),
            };
        }
        if (kind === 'missing') {
            return {
                icon: 'fa-hourglass-start',
                title: gettext('Nothing stored yet'),
                html,
                retry: true,
            };
        }
        if (kind === 'absent') {
            return {
                icon: 'fa-puzzle-piece',
                title: gettext('Not available'),
                text: gettext('The installed version of pve-foresight does not offer this view.'),
            };
        }
        return {
            icon: 'fa-exclamation-triangle critical',
            title: gettext('Could not load'),
            html,
            retry: true,
        };
    },

    // No sample yet: what happens next, and how to have trends at once.
    firstHourNotice: function () {
        return {
            icon: 'fa-hourglass-start',
            title: gettext('Collecting the first samples'),
            text: gettext(
                'The collector writes one sample per minute, and trends need many of them; the history that Proxmox VE already has can be imported at once on the tab Status.',
            ),
        };
    },

    // notice: { icon, title, text (plain) or html (already encoded), retry }
    notice: function (notice) {
        let me = this;
        let h = PVE.foresight.Html;
        let box = me.down('#notice');
        let retry = notice.retry ? me.retryHtml() : '';
        box.update(
            `<div role="status">${h.icon(`${notice.icon} foresight-notice-icon`)}` +
                `<h2>${h.encode(notice.title)}</h2><p>${notice.html ?? h.encode(notice.text)}</p>${retry}</div>`,
        );
        me.isLoaded = false;
        me.down('#content').hide();
        me.down('#stale').hide();
        me.query('pveForesightView').forEach((inner) => inner.sleep());
        box.show();
        me.retryIn(box);
    },
});
