// The overview: states of the nodes, and advice as cards.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tab } from './browser.mjs';
import { api, calm, engine, overview, page, show, text } from './pages.mjs';
import { Engine } from './server.mjs';

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
