// The panel as a whole: its tabs, whoever looks at it and from where.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tab } from './browser.mjs';
import { api, blank, calm, overview, page, show, site, text } from './pages.mjs';
import { Engine } from './server.mjs';

const HOSTILE = '<img src=x onerror="window.injected=1">';

test('every tab can be opened', async () => {
    await overview();
    for (const name of ['Trends', 'Outcomes', 'Backtest', 'Settings', 'Status', 'Overview']) {
        await tab(page, name);
        await page.waitForFunction(() => !document.querySelector('.x-mask-loading'));
        await page.waitForTimeout(150);
    }
    calm();
});

test('the outcomes have their accuracy, the backtest its comparison and its days', async () => {
    const moved = new Engine('moved.json');
    try {
        api.engine = moved;
        api.change = (path, reply) => (path === '/outcomes' ? { ...reply, withheld: 3 } : reply);
        await show();
        await tab(page, 'Outcomes');
        await page.locator('.foresight-tile').first().waitFor();
        const tiles = (await text('.foresight-tiles')).replace(/\s+/g, ' ');
        assert.match(tiles, /2 Migrations 1 Improved 1 No effect 0 Worse/);
        assert.match(tiles, /100 % Predictions right, 1 hour 50 % Predictions right, 24 hours/);
        assert.match(tiles, /3 entries left out: you may not audit their guests or nodes/);
        await tab(page, 'Backtest');
        await page.getByRole('button', { name: 'Run backtest' }).click();
        await page.locator('.foresight-row-ours').waitFor();
        const { outcomes, summary } = moved.backtest(30);
        assert.ok((await text('.foresight-summary:visible h2')).includes(summary));
        const rows = page.locator('.foresight-policies tbody tr');
        assert.equal(await rows.count(), outcomes.length);
        const days = page.locator('svg.foresight-bars g');
        assert.equal(await days.count(), outcomes[0].days.length);
        calm();
    } finally {
        moved.close();
    }
});

test('hostile names stay text in every view', async () => {
    const poison = (value) => {
        if (Array.isArray(value)) {
            return value.map(poison);
        }
        if (value && typeof value === 'object') {
            const texts = [
                'name',
                'reason',
                'decision_explanation',
                'factor',
                'command',
                'summary',
                'why',
                'text',
                'label',
            ];
            return Object.fromEntries(
                Object.entries(value).map(([k, v]) => [
                    k,
                    texts.includes(k) && typeof v === 'string' ? v + HOSTILE : poison(v),
                ]),
            );
        }
        return value;
    };
    api.change = (path, reply) => {
        const told = poison(reply);
        if (told?.warnings) {
            told.warnings.push(HOSTILE);
        }
        return told;
    };
    await overview();
    await page.getByRole('button', { name: 'Why this migration?' }).first().click();
    await page.locator('.foresight-evidence').waitFor();
    await page.getByText('Not recommended').first().click();
    for (const name of ['Trends', 'Outcomes', 'Settings', 'Status', 'Overview']) {
        await tab(page, name);
        await page.waitForTimeout(250);
    }
    await page.locator('.foresight-badge').first().hover();
    await page.waitForTimeout(600);
    await page
        .getByRole('button', { name: /Migrate \d+/ })
        .first()
        .click();
    await page.locator('.x-window', { hasText: HOSTILE }).waitFor();
    assert.equal(await page.locator('img[src=x]').count(), 0);
    assert.equal(await page.evaluate(() => window.injected), undefined);
    calm();
});

test('no permission, an error and the first hour have their own pages', async () => {
    api.denied = true;
    await show();
    await page.getByText('Permission denied').waitFor();
    api.denied = false;
    api.change = (path, reply) => {
        if (path === '/recommendations') {
            throw new Error('store is locked <b>');
        }
        return reply;
    };
    await page.reload();
    await page.getByText('Could not load').waitFor();
    assert.ok((await text('.foresight-notice')).includes('store is locked <b>'));
    api.change = (path, reply) => (path === '/status' ? { ...reply, last_sample: null } : reply);
    await page.getByRole('button', { name: 'Try again' }).click();
    await page.getByText('Collecting the first samples').waitFor();
    api.change = (path, reply) => reply;
    calm();
});

test('the first hours say how much there is and how much is needed', async () => {
    api.change = (path, reply) => {
        if (path === '/recommendations') {
            reply.trend_hours = 46;
            reply.nodes.forEach((n) => (n.history_days = 0.52));
        }
        return reply;
    };
    await overview();
    assert.match(await text('.foresight-summary'), /Collecting: 12 of 46 hours/);
    calm();
});

test('backfill starts a task and shows its progress', async () => {
    await overview();
    await tab(page, 'Status');
    await page.getByRole('button', { name: "Import Proxmox VE's history" }).click();
    await page.locator('.x-window', { hasText: 'Task' }).waitFor();
    assert.ok(api.calls.some((c) => c.method === 'POST' && c.path === '/backfill'));
    calm();
});

test('nothing is asked while nobody looks', async () => {
    await blank();
    page.troubles = [];
    page.on('pageerror', (e) => page.troubles.push(String(e)));
    // The first round's timer counts, too: the interval is short from the beginning.
    await page.route('**/pve-foresight.js', async (route) => {
        const response = await route.fetch();
        const body = (await response.text()).replace('interval: 60000', 'interval: 200');
        await route.fulfill({ response, body });
    });
    await page.goto(`${site.url}?item=foresight`);
    await page.locator('.foresight-card').first().waitFor();
    await page.evaluate(() => {
        window.asked = [];
        Ext.Ajax.on('beforerequest', (ajax, { url }) => window.asked.push(url));
    });
    const goesOn = async () => {
        const before = await page.evaluate(() => window.asked.length);
        await page.waitForFunction((n) => window.asked.length > n + 8, before);
    };
    // Counted in the page, at once: what is asked after that is asked by a timer. `leave` goes while
    // replies are on their way.
    const rests = async (leave) => {
        const before = await page.evaluate(`(() => {
            Ext.ComponentQuery.query('pveForesightOverview')[0].reload();
            (${leave})();
            return window.asked.length;
        })()`);
        await page.waitForTimeout(1500);
        assert.deepEqual(await page.evaluate((n) => window.asked.slice(n), before), []);
    };
    const hide = (hidden) => {
        Object.defineProperty(document, 'hidden', { configurable: true, get: () => hidden });
        document.dispatchEvent(new Event('visibilitychange'));
    };
    await goesOn();
    await rests(() => Ext.ComponentQuery.query('pveForesight')[0].setActiveTab(4));
    await tab(page, 'Overview');
    await goesOn();
    await rests(`() => (${hide})(true)`);
    await page.evaluate(hide, false);
    await goesOn();
    calm();
});

test('the panel can be used with the keyboard alone', async () => {
    await overview();
    await page.locator('.x-tab').first().focus();
    for (let i = 0; i < 12; i++) {
        const name = await page.evaluate(() => document.activeElement.textContent.trim());
        if (name.startsWith('Why this migration?')) {
            break;
        }
        await page.keyboard.press('Tab');
    }
    await page.keyboard.press('Enter');
    await page.locator('.foresight-evidence').waitFor();
    calm();
});

test('the tab stands behind the summary in every panel, and its tasks have names', async () => {
    for (const query of [
        { panel: 'PVE.node.Config', node: 'pve2' },
        { panel: 'PVE.qemu.Config', vmid: '103' },
        { panel: 'PVE.lxc.Config', vmid: '605' },
    ]) {
        await show(query);
        await page.locator('svg.foresight-chart').waitFor();
        const items = await page.locator('.x-treelist-item-text').allInnerTexts();
        assert.deepEqual(items.slice(0, 2), ['Summary', 'Trends'], query.panel);
        calm();
        await page.close();
    }
    await overview();
    const tasks = await page.evaluate(() => Proxmox.Utils.task_desc_table);
    assert.deepEqual(tasks.foresightbackfill, ['', 'Foresight: import history']);
    assert.deepEqual(tasks.foresightbacktest, ['', 'Foresight: backtest']);
});

test('who may not see a node or guest is told which privilege is needed where', async () => {
    api.denied = true;
    await show({ panel: 'PVE.node.Config', node: 'pve2' });
    await page.getByText("This view needs the privilege 'Sys.Audit' on '/nodes/pve2'.").waitFor();
    await page.close();
    await show({ panel: 'PVE.qemu.Config', vmid: '103' });
    await page.getByText("This view needs the privilege 'VM.Audit' on '/vms/103'.").waitFor();
    calm();
});

test('an interface that is not as expected stays as it is', async () => {
    await blank();
    const told = [];
    page.on('console', (m) => told.push(m.text()));
    page.on('pageerror', (e) => told.push(`error: ${e}`));
    await page.route('**/stubs.js', async (route) => {
        const response = await route.fetch();
        const body = (await response.text())
            .replaceAll('insertNodes', 'putNodes')
            .replace("'PVE.lxc.Config': [", "'PVE.lxc.Other': [");
        await route.fulfill({ response, body });
    });
    await page.goto(`${site.url}?item=foresight`);
    await page.locator('.x-treelist-item-text', { hasText: 'Summary' }).waitFor();
    assert.equal(await page.locator('.x-treelist-item-text', { hasText: 'Foresight' }).count(), 0);
    assert.ok(told.some((t) => t.includes('PVE.dc.Config is not as expected')));
    assert.ok(!told.some((t) => t.startsWith('error')), told.join('\n'));
});

test('no column is cut off in the little room that the workspace leaves at 1280x720', async () => {
    const moved = new Engine('moved.json');
    try {
        api.engine = moved;
        await show({}, { width: 1205, height: 500 });
        const tabs = {
            Overview: '.foresight-card',
            Trends: '.foresight-chart',
            Outcomes: '.foresight-tile',
        };
        for (const [title, selector] of Object.entries({ ...tabs, Settings: '.foresight-knob' })) {
            await tab(page, title);
            await page.locator(`${selector}:visible`).first().waitFor();
            await page.evaluate(() =>
                Ext.ComponentQuery.query('panel[collapsed=true]').forEach((p) => p.expand()),
            );
            const wide = await page.evaluate(() =>
                Ext.ComponentQuery.query('pveForesight grid')
                    .filter((grid) => grid.isVisible(true))
                    .map((grid) => [
                        grid.getColumns().reduce((sum, c) => sum + c.getWidth(), 0),
                        grid.getWidth(),
                    ]),
            );
            assert.ok(wide.length > 0, title);
            for (const [columns, grid] of wide) {
                assert.ok(columns <= grid, `${title}: columns ${columns}, grid ${grid}`);
            }
            const cut = await page.evaluate(() =>
                Ext.ComponentQuery.query('pveForesight toolbar')
                    .filter((bar) => bar.isVisible(true) && !bar.vertical)
                    .flatMap((bar) => bar.query('field, button').map((item) => [bar, item]))
                    .filter(
                        ([bar, item]) =>
                            item.el.getRight() > bar.el.getRight() ||
                            (item.isXType('combobox') && item.inputEl.getWidth() < 40),
                    )
                    .map(([, item]) => item.itemId),
            );
            assert.deepEqual(cut, [], title);
        }
        calm();
    } finally {
        moved.close();
    }
});

test('the dark theme is seen and taken up', async () => {
    await overview({ theme: 'dark' });
    assert.ok(
        await page.evaluate(() => document.documentElement.classList.contains('foresight-dark')),
    );
    calm();
});
