// Charts and tables of trends, of the cluster and in the panels of nodes and guests.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tab } from './browser.mjs';
import { api, calm, overview, page, show, text } from './pages.mjs';
import { Engine } from './server.mjs';

test('the trend chart has history, usual range, forecast and threshold', async () => {
    await overview();
    await tab(page, 'Trends');
    const chart = page.locator('svg.foresight-chart');
    await chart.waitFor();
    for (const part of ['line', 'range', 'baseline', 'forecast', 'interval']) {
        const path = await chart.locator(`path.foresight-${part}`).getAttribute('d');
        assert.ok(path.length > 20 && !path.includes('NaN'), part);
    }
    assert.equal(await chart.locator('line.foresight-limit').count(), 1);
    const box = await chart.boundingBox();
    await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
    assert.match(await text('.foresight-readout'), /^\d{4}-\d{2}-\d{2}/);
    await page.locator('.x-grid-row', { hasText: '103 (' }).first().click();
    await page.waitForFunction(() =>
        document.querySelector('.foresight-sentence')?.textContent.startsWith('103'),
    );
    calm();
});

test('the trends say where the cluster goes, from which data, and where a change comes from', async () => {
    await overview();
    await tab(page, 'Trends');
    await page.locator('svg.foresight-chart').waitFor();
    const told = await text('.foresight-direction');
    assert.match(told, /CPU .*1 degrading \(pve1\), 0 improving, 5 steady/);
    assert.match(told, /IO wait .*0 degrading/);
    assert.match(told, /Data: 14 days; covered 100 % of 48 h, 100 % of 14 days/);
    const first = page.locator('.x-grid-row:visible', { hasText: '%/day' }).first();
    assert.equal(await first.locator('.fa-angle-double-up.critical').count(), 1);
    const found = await text('.foresight-found');
    assert.match(found, /Reaches 80 %\s+in \d+ days \(\d+ days to \d+ days\)/);
    assert.match(found, /Busy hours\s+06–12 \(node time\), 1\.\d × mean/);
    assert.match(found, /Where the change comes from\s+103 \(shop103\)\s+\+0\.\d\d cores\/day/);
    assert.match(await text('.foresight-legend'), /Times in UTC/);
    calm();
});

test('a short lookback tells what is known without a trend', async () => {
    await show({ panel: 'PVE.node.Config', node: 'pve2' });
    await page.locator('svg.foresight-chart').waitFor();
    await page.evaluate(() => Ext.ComponentQuery.query('pveForesightEntity')[0].pickHours(24));
    await page.getByText('needed: a lookback of 2 days').waitFor();
    assert.equal(await page.locator('.foresight-sentence .fa-question-circle-o').count(), 1);
    const found = await text('.foresight-found');
    for (const known of ['Last hour', 'Usual at this hour', '7-day high', 'Samples stored']) {
        assert.ok(found.includes(known), `${known} in ${found}`);
    }
    assert.ok(!found.includes('Change per day'), found);
    calm();
});

test('longer times than 90 days can be looked at where the store is that old', async () => {
    api.change = (path, reply) => {
        if (reply?.quality && path.startsWith('/trends/nodes/')) {
            reply.quality.oldest_sample_age = 200 * 86400;
        }
        return reply;
    };
    await show({ panel: 'PVE.node.Config', node: 'pve2' });
    await page.locator('svg.foresight-chart').waitFor();
    const times = await page.evaluate(() => {
        const field = Ext.ComponentQuery.query('pveForesightEntity #hours')[0];
        return field.getStore().collect('label');
    });
    assert.deepEqual(times.slice(-3), ['90 days', '180 days', '365 days']);
    assert.equal(times[0], '1 day');
    calm();
});

test('migrations are marks in the charts of both nodes and the guest, with what they changed', async () => {
    const moved = new Engine('moved.json');
    try {
        api.engine = moved;
        await show({ panel: 'PVE.qemu.Config', vmid: '100' });
        const mark = page.locator('svg .foresight-mark title').first();
        await mark.waitFor({ state: 'attached' });
        assert.match(await mark.textContent(), /guest 100 moved from pve1 to pve2/);
        assert.match(await text('.foresight-legend'), /Migration/);
        const found = await text('.foresight-found');
        assert.match(found, /Before and after its migrations\s.*pve4 → pve1\s+\d+ % → \d+ %/s);
        await page.close();
        await show({ panel: 'PVE.node.Config', node: 'pve2' });
        await page.locator('svg .foresight-mark').first().waitFor();
        calm();
    } finally {
        moved.close();
    }
});

test('nodes and guests have their trends in their own panels', async () => {
    await show({ panel: 'PVE.node.Config', node: 'pve2' });
    await page.locator('svg.foresight-chart').waitFor();
    assert.match(await text('.foresight-sentence'), /^pve2/);
    calm();
    await page.close();
    await show({ panel: 'PVE.qemu.Config', vmid: '103' });
    await page.locator('svg.foresight-chart').waitFor();
    assert.match(await text('.foresight-sentence'), /^103 /);
    // The style sheet comes with whichever view is opened first.
    const fill = (line) => getComputedStyle(line).fill;
    assert.equal(await page.locator('svg path.foresight-line').first().evaluate(fill), 'none');
    calm();
});

test('while the trends of another guest are on their way the old ones are covered', async () => {
    await overview();
    await tab(page, 'Trends');
    await page.locator('svg.foresight-chart').waitFor();
    let answer;
    const asked = new Promise((resolve) => (answer = resolve));
    await page.route('**/trends/guests/103**', async (route) => {
        await asked;
        await route.continue();
    });
    await page.locator('.x-grid-row', { hasText: '103 (' }).first().click();
    const mask = page.locator('.x-mask-msg:visible', { hasText: 'Loading' });
    await mask.waitFor();
    assert.match(await text('.foresight-sentence'), /^pve1/);
    answer();
    await mask.waitFor({ state: 'hidden' });
    assert.match(await text('.foresight-sentence'), /^103/);
    calm();
});

test('an arrow key that passes many rows asks about the last one alone', async () => {
    await overview();
    await tab(page, 'Trends');
    await page.locator('svg.foresight-chart').waitFor();
    const list = page.locator('.x-grid:visible', { hasText: 'Top movers' });
    await list.locator('.x-grid-row').first().click();
    const of = (row) => list.locator('.x-grid-row').nth(row).locator('td').first().innerText();
    const names = [await of(0), await of(5)].map((name) => name.trim());
    const isTold = (name) =>
        page.waitForFunction(
            (name) =>
                !document.querySelector('.x-mask-msg')?.offsetParent &&
                document.querySelector('.foresight-sentence').textContent.startsWith(name),
            name,
        );
    await isTold(names[0]);
    api.calls = [];
    // All at once, however slow the machine is.
    await page.evaluate(() => {
        for (let i = 0; i < 5; i++) {
            const key = { key: 'ArrowDown', keyCode: 40, bubbles: true, cancelable: true };
            document.activeElement.dispatchEvent(new KeyboardEvent('keydown', key));
        }
    });
    await isTold(names[1]);
    const asked = api.calls.map((c) => c.path).filter((path) => /^\/trends\/\w+\//.test(path));
    assert.deepEqual(asked, [`/trends/guests/${names[1].match(/^\d+/)[0]}`]);
    calm();
});

test('a threshold beyond the chart is not in its legend', async () => {
    for (const [node, told] of [
        ['pve1', true],
        ['pve6', false],
    ]) {
        await show({ panel: 'PVE.node.Config', node });
        await page.locator('svg.foresight-chart').waitFor();
        assert.equal((await text('.foresight-legend')).includes('Threshold'), told, node);
        assert.equal(await page.locator('line.foresight-limit').count(), Number(told), node);
        calm();
        await page.close();
    }
});

test('trends are asked for no more metrics than are shown', async () => {
    await overview();
    api.calls = [];
    await tab(page, 'Trends');
    await page.locator('.foresight-direction h2').waitFor();
    const asked = (path) => api.calls.filter((c) => c.path === path).map((c) => c.params.metrics);
    assert.deepEqual(asked('/trends/guests'), ['cpu,memory']);
    assert.deepEqual(asked('/trends/nodes'), ['cpu,memory,iowait']);
    calm();
});

test('nodes without enough data are not called steady', async () => {
    api.change = (path, reply) => {
        if (path === '/trends/nodes') {
            const [metric] = reply[5].metrics.filter((m) => m.metric === 'cpu');
            metric.not_enough = { reason: '4 samples', needed: '2 days' };
        }
        return path === '/status' ? { ...reply, size: { ...reply.size, tiers: [] } } : reply;
    };
    await overview();
    await tab(page, 'Trends');
    await page.locator('.foresight-direction h2').waitFor();
    const told = await text('.foresight-direction');
    assert.match(told, /CPU .*0 improving, 4 steady, 1 without enough data \(pve6\)/);
    assert.match(told, /Memory .*6 steady$/m);
    await tab(page, 'Status');
    await page.locator('.foresight-status section').first().waitFor();
    assert.equal(await page.locator('.foresight-status table').count(), 0);
    calm();
});
