// The panel in a browser, on the engine's own replies.
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { open, tab } from './browser.mjs';
import { Engine } from './server.mjs';
import { stage } from './stage.mjs';

const HOSTILE = '<img src=x onerror="window.injected=1">';

let engine, api, site, browser, close, page;

before(async () => {
    ({ engine, api, site, browser, close } = await stage((api) => {
        // The engine answers each question once; the pages then wait for no analysis.
        for (const path of ['recommendations', 'trends/nodes', 'trends/guests', 'outcomes', 'status']) {
            api.answer('GET', `/${path}`, {});
        }
    }));
});

after(() => close?.());

beforeEach(async () => {
    await page?.close();
    Object.assign(api, { change: (path, reply) => reply, denied: false, calls: [] });
    Object.assign(api, { engine, stored: { knobs: {}, expert: {} } });
    api.forget();
});

const show = async (query, viewport) =>
    (page = await open(browser.context, site.url, query, viewport));
const overview = async (query) => {
    await show(query);
    await page.locator('.foresight-card').first().waitFor();
};
const calm = () => assert.deepEqual(page.troubles, []);
const text = async (selector) =>
    (await page.locator(selector).first().innerText()).replaceAll('\u00a0', ' ');

test('the overview shows the advice, its confidence and the nodes with arrows', async () => {
    await overview();
    const card = await text('.foresight-card');
    const [move] = engine.advice.recommendations;
    for (const wanted of [String(move.vmid), move.source, move.target, 'Confidence', 'urgency']) {
        assert.ok(card.includes(wanted), `${wanted} in ${card}`);
    }
    assert.ok(card.includes(move.decision_explanation));
    // The words of the panel's own text are those of the command line.
    const said = engine.run(['recommend']).split('\n');
    const busy = said.find((line) => line.startsWith('Busy hours: '));
    assert.ok((await text('.foresight-summary')).includes(busy), busy);
    for (const node of engine.advice.nodes) {
        assert.equal(
            await page.locator('.foresight-block .x-grid-row', { hasText: node.name }).count(),
            1,
        );
    }
    const row = page.locator('.foresight-block .x-grid-row', { hasText: 'pve1' });
    const tips = (selector) =>
        row.locator(selector).evaluateAll((all) => all.map((e) => e.dataset.qtip));
    const [cpu, memory, iowait] = await tips('.foresight-arrow');
    assert.match(cpu, /^CPU: \+[\d.]+.*over 7 days, projected to reach/);
    assert.match(memory, /^Memory: stable over 7 days/);
    assert.match(iowait, /^IO wait: stable over 7 days/);
    assert.equal(await row.locator('.fa-angle-double-up.critical').count(), 1);
    assert.match((await tips('td[data-qtip]'))[0], /^CPU: \d+.* now, 7-day high .*threshold 80/);
    assert.match((await tips('.foresight-badge'))[0], /^Stability \d+ of 100/);
    calm();
});

test('a cluster in trouble that no move helps is not called well, and is told what holds it', async () => {
    const hot = new Engine('../../tests/scenarios/everybody-hot/cluster.json');
    try {
        api.engine = hot;
        assert.deepEqual(hot.advice.recommendations, []);
        await show();
        await page.getByText('in trouble, but no node has room').waitFor();
        const heading = page.locator('.foresight-summary h2 i');
        assert.equal(await heading.getAttribute('aria-label'), 'Overloaded');
        const summary = await text('.foresight-summary');
        for (const node of hot.advice.nodes) {
            assert.match(summary, new RegExp(`${node.name} CPU: .* threshold 80 %`));
        }
        const [held] = hot.advice.skipped;
        assert.ok(summary.includes(held.blockers[0].text), summary);
        assert.match(summary, /\(4 more guests likewise\)/);
        await page.getByText('Not recommended').first().click();
        const why = page.locator('.foresight-block .x-grid-row', { hasText: String(held.vmid) });
        const told = await why.last().innerText();
        assert.equal(told.split(held.blockers[0].text.slice(0, 20)).length, 2, told);
        calm();
    } finally {
        hot.close();
    }
});

test('a card opens and says why, with sparklines of source and target', async () => {
    await overview();
    const why = page.getByRole('button', { name: 'Why this migration?' }).first();
    assert.equal(await why.getAttribute('aria-expanded'), 'false');
    await why.click();
    await page.locator('.foresight-spark path').nth(3).waitFor();
    assert.equal(await why.getAttribute('aria-expanded'), 'true');
    const evidence = await text('.foresight-evidence');
    const [move] = engine.advice.recommendations;
    for (const factor of move.trend_evidence.decision_factors) {
        assert.ok(evidence.includes(factor.factor), factor.factor);
    }
    assert.match(evidence, /Based on 14 days of node history/);
    await why.click();
    assert.ok(!(await page.locator('.foresight-evidence').first().isVisible()));
    calm();
});

test('a node far below its usual load is not called as usual', async () => {
    api.change = (path, reply) => {
        if (path === '/recommendations') {
            const { source_node_trend: from, target_node_trend: to } =
                reply.recommendations[0].trend_evidence;
            const tells = (trend, sigma, verdict) =>
                Object.assign(trend, {
                    baseline_deviation_sigma: sigma,
                    above_baseline: false,
                    below_baseline: false,
                    ...verdict,
                });
            // Whatever the numbers: what is tolerated is the engine's to know.
            tells(from, -1.2, { below_baseline: true });
            tells(to, -4.4, {});
        }
        return reply;
    };
    await overview();
    await page.getByRole('button', { name: 'Why this migration?' }).first().click();
    const row = page.locator('.foresight-sparks tr', { hasText: 'Compared with usual' }).first();
    assert.match(await row.innerText(), /below usual \(−1\.2 σ\)\s+as usual \(−4\.4 σ\)/);
    calm();
});

test('a card whose figures change stays: open, with its plots, its selection and the keyboard', async () => {
    let round = 0;
    api.change = (path, reply) => {
        if (path === '/recommendations') {
            round += 1;
            for (const move of reply.recommendations) {
                move.confidence = 70 + round;
                move.decision_explanation += ` Round ${round}.`;
                move.trend_evidence.data_quality.confidence_note = `as of round ${round}`;
            }
            const [move] = reply.recommendations;
            reply.recommendations.push({ ...move, vmid: 4711, name: 'another', order: 2 });
            if (round > 1) {
                reply.recommendations.reverse();
            }
        }
        return reply;
    };
    await overview();
    const ids = async () => {
        const cards = page.locator('.foresight-card');
        return cards.evaluateAll((all) => all.map((card) => card.id));
    };
    const before = await ids();
    const open = page.locator(`#${before[0]}`);
    await open.getByRole('button', { name: 'Why this migration?' }).click();
    await open.locator('.foresight-spark path').nth(3).waitFor();
    const command = open.locator('.foresight-command code');
    await command.click();
    const selected = () => page.evaluate(() => getSelection().toString());
    const text = await command.innerText();
    assert.equal(await selected(), text);
    await open.getByRole('button', { name: /^Migrate \d/ }).focus();
    const label = () => page.evaluate(() => document.activeElement.getAttribute('aria-label'));
    const button = await label();
    assert.match(button, /^Migrate \d/);
    api.calls = [];
    const reload = () => Ext.ComponentQuery.query('pveForesightOverview')[0].reload();
    for (const round of [2, 3]) {
        await page.evaluate(reload);
        await open.locator('p', { hasText: `Round ${round}.` }).first().waitFor();
        await open.locator('.foresight-quality', { hasText: `of round ${round}` }).waitFor();
        assert.deepEqual(await ids(), [before[1], before[0]], 'the same cards in their new order');
        assert.equal(await open.locator('.foresight-spark path').count(), 4);
        assert.equal(await page.locator('.foresight-evidence:visible').count(), 1);
        assert.equal(await label(), button);
        assert.equal(await selected(), text);
    }
    assert.deepEqual(
        api.calls.filter((c) => c.path.startsWith('/trends/nodes/')),
        [],
    );
    calm();
});

test('cards that are made anew keep the keyboard and stay open', async () => {
    let round = 0;
    const nodes = engine.advice.nodes.map((node) => node.name);
    api.change = (path, reply) => {
        if (path === '/recommendations') {
            const move = reply.recommendations.at(-1);
            move.target = nodes.filter((node) => node !== move.source)[round % 3];
            round += 1;
        }
        return reply;
    };
    await overview();
    await page.getByRole('button', { name: 'Why this migration?' }).last().click();
    await page.locator('.foresight-spark path').nth(3).waitFor();
    const label = () => page.evaluate(() => document.activeElement.getAttribute('aria-label'));
    for (const name of ['Why this migration.', 'Migrate']) {
        const button = page.getByRole('button', { name: new RegExp(`^${name} \\d`) }).last();
        await button.focus();
        const before = await label();
        assert.match(before, /^(Why this migration\?|Migrate) \d/);
        const card = await page.locator('.foresight-card').last().getAttribute('id');
        await page.evaluate(() => Ext.ComponentQuery.query('pveForesightOverview')[0].reload());
        await page.locator(`#${card}`).waitFor({ state: 'detached' });
        await page.waitForFunction(
            (label) => document.activeElement.getAttribute('aria-label') === label,
            before,
        );
        assert.equal(await page.locator('.foresight-evidence:visible').count(), 1);
    }
    calm();
});

test('a guest that moved before has the outcomes of its moves in its card', async () => {
    const moved = new Engine('moved.json');
    try {
        api.engine = moved;
        await overview();
        const [move] = moved.advice.recommendations;
        const told = moved.json(['outcomes', '--guest', String(move.vmid)]).outcomes;
        assert.deepEqual(
            told.map((o) => o.result),
            ['no_effect', 'improved'],
        );
        assert.match(await text('.foresight-card'), /Migrated 2x/);
        await page.getByRole('button', { name: 'Why this migration?' }).first().click();
        const steps = page.locator('.foresight-timeline li');
        await steps.nth(1).waitFor();
        for (const [i, o] of told.entries()) {
            const line = await steps.nth(i).innerText();
            assert.ok(line.includes(`${o.source} → ${o.target}`), line);
            assert.match(line, i ? /24h Improved/i : /5min .*1h .*24h No effect/is);
        }
        await tab(page, 'Outcomes');
        const rows = page.locator('.x-grid-row:visible', { hasText: 'shop' });
        await rows.nth(1).waitFor();
        calm();
    } finally {
        moved.close();
    }
});

test('the migrate button opens the dialog of Proxmox VE, prefilled, and starts nothing', async () => {
    await overview();
    await page
        .getByRole('button', { name: /Migrate \d+/ })
        .first()
        .click();
    const dialog = page.locator('.x-window');
    await dialog.waitFor();
    const [move] = engine.advice.recommendations;
    await page.waitForFunction(
        (target) => document.querySelector('.x-window input[name=target]')?.value === target,
        move.target,
    );
    assert.ok((await dialog.innerText()).includes(String(move.vmid)));
    assert.ok(api.calls.every((c) => c.method === 'GET'));
    calm();
});

test('a guest under HA gets the command of the HA manager, and the same dialog', async () => {
    api.change = (path, reply) => {
        if (path === '/recommendations') {
            const [move] = reply.recommendations;
            move.command = `ha-manager migrate ct:${move.vmid} ${move.target}`;
            move.type = 'lxc';
        }
        return reply;
    };
    await overview();
    assert.match(await text('.foresight-command'), /^ha-manager migrate ct:\d+ pve\d$/);
    await page
        .getByRole('button', { name: /Migrate \d+/ })
        .first()
        .click();
    await page.locator('.x-window', { hasText: /Migrate CT \d+/ }).waitFor();
    assert.ok(api.calls.every((c) => c.method === 'GET'));
    calm();
});

test('every arrow, pill and badge has its sentence, every icon a name or none', async () => {
    await overview();
    await page.getByRole('button', { name: 'Why this migration?' }).first().click();
    await page.locator('.foresight-spark path').nth(3).waitFor();
    for (const name of ['Overview', 'Trends']) {
        await tab(page, name);
        await page.locator('.foresight-arrow:visible').first().waitFor();
        const mute = await page.evaluate(() => {
            const all = (selector) => [...document.querySelectorAll(selector)];
            return [
                ...all('.foresight-arrow, .foresight-badge').filter((e) => !e.dataset.qtip),
                ...all('[class*=foresight] i.fa').filter(
                    (e) => !e.ariaLabel && e.ariaHidden !== 'true',
                ),
            ].map((e) => e.outerHTML);
        });
        assert.deepEqual(mute, [], name);
    }
    calm();
});

test('every tab can be opened', async () => {
    await overview();
    for (const name of ['Trends', 'Outcomes', 'Backtest', 'Settings', 'Status', 'Overview']) {
        await tab(page, name);
        await page.waitForFunction(() => !document.querySelector('.x-mask-loading'));
        await page.waitForTimeout(150);
    }
    calm();
});

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

test('settings are saved as the API wants them, and shown as they then are', async () => {
    await overview();
    await tab(page, 'Settings');
    const save = page.getByRole('button', { name: 'Save' });
    await page.getByText('Protect running workloads').first().waitFor();
    assert.equal(await save.getAttribute('aria-disabled'), 'true');
    const thumb = page.getByRole('slider').nth(1);
    await thumb.focus();
    await page.keyboard.press('ArrowRight');
    await page.getByText('65\u00a0%').waitFor();
    await save.click();
    await page.waitForFunction(() => document.body.innerText.includes('65\u00a0%'));
    await page.waitForTimeout(300);
    const put = api.calls.find((c) => c.method === 'PUT');
    assert.equal(put.path, '/migration-settings');
    assert.equal(put.params['trend-weight'], '65');
    assert.ok(put.params.digest);
    assert.equal(await save.getAttribute('aria-disabled'), 'true');
    calm();
});

test('expert keys: filter, edit, refuse what is out of range, save, changed only, reset', async () => {
    await overview();
    await tab(page, 'Settings');
    await page.getByText('Expert mode').first().click();
    const warning = page.getByText('These values are managed automatically');
    const place = await warning.boundingBox();
    assert.ok(place.y > 0 && place.y + place.height < 680, 'what opens comes into view');
    const row = (key) => page.locator('.x-grid-row', { hasText: key });
    await row('cpu_threshold').first().waitFor();
    await page.getByRole('textbox', { name: 'Filter' }).fill('cpu_threshold');
    await page.waitForFunction(
        () => document.querySelectorAll('.foresight-editable.x-grid-cell').length === 3,
    );
    const edit = async (value) => {
        await row('cpu_threshold').first().locator('.foresight-editable').click();
        const field = page.locator('.x-grid-editor input');
        await field.fill(value);
        await field.press('Enter');
    };
    await edit('999');
    await page.getByText('cpu_threshold must be between 30 and 100.').waitFor();
    await page.getByRole('button', { name: 'OK' }).click();
    await edit('70');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.locator('.foresight-badge', { hasText: 'expert' }).first().waitFor();
    const put = api.calls.find((c) => c.method === 'PUT');
    assert.deepEqual([put.path, put.params.cpu_threshold], ['/penalty-config', '70']);
    await page.getByRole('textbox', { name: 'Filter' }).fill('');
    await page.getByText('Changed only').click();
    await page.waitForFunction(
        () => document.querySelectorAll('.foresight-editable.x-grid-cell').length === 1,
    );
    await page.locator('.x-action-col-icon').first().click();
    await page.locator('.foresight-badge', { hasText: 'reset on save' }).waitFor();
    await page.getByRole('button', { name: 'Save' }).click();
    await page.waitForFunction(
        () => document.querySelectorAll('.foresight-editable.x-grid-cell').length === 0,
    );
    const forget = api.calls.filter((c) => c.method === 'PUT').pop();
    assert.equal(forget.params.delete, 'cpu_threshold');
    calm();
});

// Opens the expert keys; gives the row of the one that is found by `key`, and a way to edit it.
const expertRow = async (key) => {
    await show();
    await tab(page, 'Settings');
    await page.getByText('Expert mode').first().click();
    await page.getByRole('textbox', { name: 'Filter' }).fill(key);
    await page.waitForFunction(
        () => document.querySelectorAll('.foresight-editable.x-grid-cell').length === 1,
    );
    const row = page.locator('.x-grid-row', { hasText: key });
    const edit = async (value) => {
        await row.locator('.foresight-editable').click();
        const field = page.locator('.x-grid-editor input:visible');
        await field.fill(value);
        await field.press('Enter');
    };
    return { row, edit };
};
const expertChanges = () =>
    page.evaluate(() => Ext.ComponentQuery.query('pveForesightExpert')[0].changes());

test('a refused expert value can be corrected and saved, though the knobs were stored before', async () => {
    const { row, edit } = await expertRow('max_moves');
    const put = api.put;
    try {
        api.put = (kind, params) => {
            if (params.max_moves === '7') {
                throw new Error('max_moves: not today');
            }
            return put.call(api, kind, params);
        };
        await page.getByRole('slider').nth(1).focus();
        await page.keyboard.press('ArrowRight');
        await edit('7');
        const save = page.getByRole('button', { name: 'Save' });
        await save.click();
        await page.getByText('max_moves: not today').waitFor();
        await page.getByRole('button', { name: 'OK' }).click();
        assert.deepEqual(await expertChanges(), { set: { max_moves: 7 }, forget: [] });
        await edit('8');
        await save.click();
        await row.locator('.foresight-badge', { hasText: 'expert' }).waitFor();
        const sent = api.calls.filter((c) => c.method === 'PUT');
        assert.deepEqual(
            sent.map(({ params: { digest, ...values } }) => values),
            [{ 'trend-weight': '65' }, { max_moves: '7' }, { max_moves: '8' }],
        );
        calm();
    } finally {
        delete api.put;
    }
});

test('a step whose digest could not be read is told, and the next save reads it', async () => {
    const { row, edit } = await expertRow('max_moves');
    await page.getByRole('slider').nth(1).focus();
    await page.keyboard.press('ArrowRight');
    await edit('7');
    let failing = true;
    api.change = (path, reply) => {
        if (failing && reply?.effective) {
            failing = false;
            throw new Error('got timeout');
        }
        return reply;
    };
    const save = page.getByRole('button', { name: 'Save' });
    await save.click();
    await page.getByText('got timeout').waitFor();
    await page.getByRole('button', { name: 'OK' }).click();
    await save.click();
    await row.locator('.foresight-badge', { hasText: 'expert' }).waitFor();
    assert.deepEqual(api.stored, {
        knobs: { 'trend-weight': '65' },
        expert: { max_moves: '7' },
    });
    calm();
});

test('a key that is to be reset stays so when its cell is only passed through', async () => {
    api.stored.expert.max_moves = 70;
    const { row, edit } = await expertRow('max_moves');
    await row.locator('.x-action-col-icon').click();
    const reset = row.locator('.foresight-badge', { hasText: 'reset on save' });
    await reset.waitFor();
    await row.locator('.foresight-editable').click();
    await page.locator('.x-grid-editor input:visible').press('Tab');
    await page.locator('.x-grid-editor input:visible').waitFor({ state: 'hidden' });
    assert.deepEqual(await expertChanges(), { set: {}, forget: ['max_moves'] });
    assert.ok(await reset.isVisible());
    await edit('60');
    assert.deepEqual(await expertChanges(), { set: { max_moves: 60 }, forget: [] });
    calm();
});

test('keys that are yes or no, and those of whole numbers, take nothing else', async () => {
    for (const plain of [(v) => v, Number]) {
        api.stored = { knobs: {}, expert: {} };
        api.calls = [];
        api.change = (path, reply) => {
            for (const e of reply?.effective ?? []) {
                if (e.key === 'n1_reserve') {
                    Object.assign(e, { value: plain(e.value), reset: plain(e.reset) });
                }
            }
            return reply;
        };
        const { row } = await expertRow('n1_reserve');
        const told = async () => (await row.innerText()).replace(/\s+/g, ' ');
        assert.match(await told(), /^n1_reserve Yes default Yes/);
        await row.locator('.foresight-editable').click();
        await page.locator('.x-grid-editor input:visible').press('Tab');
        assert.deepEqual(await expertChanges(), { set: {}, forget: [] });
        await row.locator('.foresight-editable').click();
        const field = page.locator('.x-grid-editor input:visible');
        assert.equal(await field.inputValue(), 'Yes');
        assert.equal(await field.getAttribute('readonly'), 'readonly');
        await page.locator('.x-grid-editor .x-form-trigger:visible').click();
        await page.locator('.x-boundlist-item:visible', { hasText: 'No' }).click();
        await field.waitFor({ state: 'hidden' });
        assert.match(await told(), /^n1_reserve No not saved Yes/);
        await page.getByRole('button', { name: 'Save' }).click();
        await row.locator('.foresight-badge', { hasText: 'expert' }).waitFor();
        assert.match(await told(), /^n1_reserve No expert Yes/);
        const [put] = api.calls.filter((c) => c.method === 'PUT');
        assert.equal(put.params.n1_reserve, '0');
        // The editor of the other kind, in the same column.
        await page.evaluate(() => {
            Ext.ComponentQuery.query('pveForesightExpert #filter')[0].setValue('max_moves');
        });
        const other = page.locator('.x-grid-row', { hasText: 'max_moves' });
        await other.locator('.foresight-editable').click();
        await field.fill('2.5');
        await field.press('Enter');
        await page.getByText('max_moves must be a whole number between 1 and 1000.').waitFor();
        await page.getByRole('button', { name: 'OK' }).click();
        assert.deepEqual(await expertChanges(), { set: {}, forget: [] });
        calm();
        await page.close();
    }
});

test('what is typed while the settings are on their way is not overwritten by them', async () => {
    await show();
    await tab(page, 'Settings');
    await page.getByText('60\u00a0%').waitFor();
    await tab(page, 'Status');
    let answer;
    const asked = new Promise((resolve) => (answer = resolve));
    await page.route('**/penalty-config**', async (route) => {
        await asked;
        await route.continue();
    });
    await tab(page, 'Settings');
    const thumb = page.getByRole('slider').nth(1);
    await thumb.focus();
    await page.keyboard.press('ArrowRight');
    await page.getByText('65\u00a0%').waitFor();
    const replied = page.waitForResponse('**/penalty-config**');
    answer();
    await replied;
    await page.waitForTimeout(500);
    assert.ok(await page.getByText('65\u00a0%').isVisible());
    // What was asked for by the user is drawn all the same.
    await page.getByRole('button', { name: 'Discard changes' }).click();
    await page.getByText('60\u00a0%').waitFor();
    calm();
});

test('a percentage between the steps of the keys is shown as it is stored', async () => {
    api.stored.knobs = { 'trend-weight': 62, 'minimum-confidence': 72 };
    await show();
    await tab(page, 'Settings');
    await page.getByText('62\u00a0%').waitFor();
    await page.getByText('72\u00a0%', { exact: true }).waitFor();
    await page.getByRole('slider').nth(1).focus();
    await page.keyboard.press('ArrowRight');
    await page.getByText('67\u00a0%').waitFor();
    calm();
});

test('who may not change settings sees them, and why they are locked', async () => {
    page = await browser.context.newPage();
    page.troubles = [];
    page.on('pageerror', (e) => page.troubles.push(String(e)));
    await page.route('**/stubs.js', async (route) => {
        const response = await route.fetch();
        const body = (await response.text()).replace("'Sys.Modify': 1", "'Sys.Modify': 0");
        await route.fulfill({ response, body });
    });
    await page.goto(`${site.url}?item=foresight`);
    await tab(page, 'Settings');
    await page.getByText("Changes need the privilege 'Sys.Modify'").waitFor();
    const open = await page.locator('.foresight-knob .x-field:not(.x-item-disabled)').count();
    assert.equal(open, 0);
    await tab(page, 'Status');
    const backfill = page.getByRole('button', { name: "Import Proxmox VE's history" });
    assert.equal(await backfill.getAttribute('aria-disabled'), 'true');
    calm();
});

test('unsaved settings are asked about before they are lost', async () => {
    await overview();
    await tab(page, 'Settings');
    await page.getByRole('slider').first().waitFor();
    await page.getByRole('slider').first().focus();
    await page.keyboard.press('ArrowRight');
    await page.getByText('Aggressive', { exact: true }).last().waitFor();
    await tab(page, 'Overview');
    await page.getByText('Discard the changes?').waitFor();
    await page.getByRole('button', { name: 'No' }).click();
    assert.ok(await page.getByText('Trend weight').first().isVisible());
    const menu = page.locator('.x-treelist-item-text', { hasText: 'Summary' });
    await menu.click();
    await page.getByText('Discard the changes?').waitFor();
    await page.keyboard.press('Escape');
    await page.getByText('Discard the changes?').waitFor({ state: 'hidden' });
    assert.ok(await page.getByText('Trend weight').first().isVisible());
    const chosen = () => Ext.ComponentQuery.query('treelist')[0].getSelection().id;
    assert.equal(await page.evaluate(chosen), 'foresight');
    await menu.click();
    await page.getByText('Discard the changes?').waitFor();
    await page.getByRole('button', { name: 'Yes' }).click();
    await page.locator('.foresight-knob').first().waitFor({ state: 'detached' });
    calm();
});

test('settings that nobody could be asked about are kept for the next time', async () => {
    await overview();
    await tab(page, 'Settings');
    const thumb = page.getByRole('slider').nth(1);
    await thumb.focus();
    await page.keyboard.press('ArrowRight');
    await page.getByText('65\u00a0%').waitFor();
    await page.evaluate(() => {
        const panel = Ext.ComponentQuery.query('pveForesight')[0];
        const place = panel.up('container');
        place.remove(panel, true);
        place.add({ xtype: 'pveForesight', activeTab: 'settings' });
        place.setActiveItem(place.items.last());
    });
    await page.getByText('Changes that were not saved were kept.').waitFor();
    await page.getByText('65\u00a0%').waitFor();
    const save = page.getByRole('button', { name: 'Save' });
    assert.notEqual(await save.getAttribute('aria-disabled'), 'true');
    calm();
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

test('a calm cluster is told so', async () => {
    api.change = (path, reply) =>
        path === '/recommendations'
            ? { ...reply, recommendations: [], summary: 'Nothing to do.' }
            : reply;
    await show();
    await page.getByText('Nothing to do.').waitFor();
    assert.equal(await page.locator('.foresight-card').count(), 0);
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
    page = await browser.context.newPage();
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

test('an interface that is not as expected stays as it is', async () => {
    page = await browser.context.newPage();
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
