// What a view shows when a refresh fails, and when the cluster cannot be seen.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { open, tab } from './browser.mjs';
import { stage } from './stage.mjs';

let engine, api, site, browser, close, page;

before(async () => {
    ({ engine, api, site, browser, close } = await stage());
});

after(() => close?.());

beforeEach(async () => {
    await page?.close();
    Object.assign(api, { change: (path, reply) => reply, calls: [] });
});

const calm = () => assert.deepEqual(page.troubles, []);
const told = async (selector) =>
    (await page.locator(`${selector}:visible`).first().innerText()).replaceAll('\u00a0', ' ');
const stale = () => page.locator('.foresight-stale:visible');
const notice = () => page.locator('.foresight-notice:visible');
const fails = (path, message) => (asked, reply) => {
    if (asked === path) {
        throw new Error(message);
    }
    return reply;
};

async function show(query = {}) {
    page = await open(browser.context, site.url, query);
    await page.locator('.foresight-card, svg.foresight-chart').first().waitFor();
}

// Asks anew, as the timer does, when what is shown is three minutes old.
const refresh = (view) =>
    page.evaluate((xtype) => {
        const [found] = Ext.ComponentQuery.query(`${xtype}{isVisible(true)}`);
        if (found.shown) {
            found.shown.since -= 180000;
        }
        found.reload();
    }, view);

// A copy of the cluster's file system in which `members` is all that is known.
function tree(name, members) {
    const dir = join(engine.dir, name);
    mkdirSync(join(dir, 'nodes'), { recursive: true });
    if (members) {
        writeFileSync(join(dir, '.members'), JSON.stringify(members));
        writeFileSync(join(dir, '.vmlist'), JSON.stringify({ version: 1, ids: {} }));
    }
    return dir;
}

test('a refresh that fails leaves what is shown, with its age and the reason above it', async () => {
    await show();
    const before = await told('.foresight-card');
    api.change = fails('/recommendations', 'store is locked <b>');
    await refresh('pveForesightOverview');
    await stale().waitFor();
    assert.match(
        await told('.foresight-stale'),
        /What is shown is 3 minutes old\. The last attempt to refresh it failed: store is locked <b>/,
    );
    assert.equal(await told('.foresight-card'), before);
    assert.equal(await notice().count(), 0);
    // Once more: it gets older, and the keyboard stays on the button.
    const again = page.getByRole('button', { name: 'Try again' });
    await again.focus();
    await refresh('pveForesightOverview');
    await page.getByText('What is shown is 6 minutes old').waitFor();
    assert.equal(await page.evaluate(() => document.activeElement.dataset.action), 'retry');
    api.change = (path, reply) => reply;
    await page.keyboard.press('Enter');
    await stale().waitFor({ state: 'hidden' });
    assert.ok(await page.locator('.foresight-card').first().isVisible());
    calm();
});

test('who may no longer see it is told so', async () => {
    await show();
    api.denied = true;
    await refresh('pveForesightOverview');
    await notice().waitFor();
    api.denied = false;
    assert.equal(await page.locator('.foresight-card:visible').count(), 0);
    assert.equal(await stale().count(), 0);
    calm();
});

test('a session that has ended is no lack of a privilege: what is shown stays', async () => {
    await show();
    api.change = (path, reply) => {
        if (path === '/recommendations') {
            throw Object.assign(new Error('permission denied - invalid PVE ticket'), { status: 401 });
        }
        return reply;
    };
    await refresh('pveForesightOverview');
    await stale().waitFor();
    assert.match(await told('.foresight-stale'), /refresh it failed: .*invalid PVE ticket/);
    assert.ok(await page.locator('.foresight-card').first().isVisible());
    api.change = (path, reply) => reply;
    await page.getByRole('button', { name: 'Try again' }).click();
    await stale().waitFor({ state: 'hidden' });
    calm();
});

test('a view within another one wakes when that has something to show again', async () => {
    await show();
    await tab(page, 'Trends');
    await page.locator('svg.foresight-chart').waitFor();
    const isAwake = () => Ext.ComponentQuery.query('pveForesightEntity')[0].isAwake;
    api.change = (path, reply) => {
        if (path === '/trends/nodes') {
            throw Object.assign(new Error('Permission check failed'), { status: 403 });
        }
        return reply;
    };
    await refresh('pveForesightTrends');
    await notice().waitFor();
    assert.equal(await page.evaluate(isAwake), false);
    await tab(page, 'Overview');
    await tab(page, 'Trends');
    await notice().waitFor();
    api.change = (path, reply) => reply;
    api.calls = [];
    await refresh('pveForesightTrends');
    await page.locator('svg.foresight-chart:visible').waitFor();
    await page.waitForFunction(isAwake);
    assert.ok(api.calls.some((c) => c.path.startsWith('/trends/nodes/')));
    calm();
});

test('in every tab a refresh that fails hides nothing', async () => {
    await show();
    const views = {
        Trends: ['/trends/nodes', '.foresight-direction h2', 'pveForesightTrends'],
        Outcomes: ['/outcomes', '.foresight-tile', 'pveForesightOutcomes'],
        Settings: ['/penalty-config', '.foresight-knob', 'pveForesightSettings'],
        Status: ['/status', '.foresight-status section', 'pveForesightStatus'],
    };
    for (const [name, [path, content, view]] of Object.entries(views)) {
        await tab(page, name);
        await page.locator(`${content}:visible`).first().waitFor();
        const height = (await page.locator(`${content}:visible`).first().boundingBox()).y;
        api.change = fails(path, 'connection lost');
        await refresh(view);
        await stale().first().waitFor();
        const box = await page.locator(`${content}:visible`).first().boundingBox();
        assert.ok(box.y > height, `${name}: the line stands above what is shown`);
        assert.equal(await notice().count(), 0, name);
        api.change = (asked, reply) => reply;
        await refresh(view);
        await stale().first().waitFor({ state: 'hidden' });
    }
    calm();
});

test('a first load that fails takes the whole view, and so does that of something else', async () => {
    api.change = fails('/trends/guests/103', 'connection lost');
    await show();
    await tab(page, 'Trends');
    await page.locator('svg.foresight-chart').waitFor();
    await page.locator('.x-grid-row', { hasText: '103 (' }).first().click();
    await page.getByText('Could not load').waitFor();
    assert.equal(await page.locator('svg.foresight-chart:visible').count(), 0);
    assert.equal(await stale().count(), 0);
    api.change = (path, reply) => reply;
    await page.getByRole('button', { name: 'Try again' }).click();
    await page.locator('svg.foresight-chart:visible').waitFor();
    assert.match(await told('.foresight-sentence'), /^103/);
    // The same guest, but another time.
    api.change = fails('/trends/guests/103', 'connection lost');
    await page.evaluate(() => Ext.ComponentQuery.query('pveForesightEntity')[0].pickHours(24));
    await page.getByText('Could not load').waitFor();
    calm();
});

test('what is being typed into the settings survives a refresh that fails', async () => {
    await show();
    await tab(page, 'Settings');
    await page.locator('.foresight-knob:visible').first().waitFor();
    await page.evaluate(() =>
        Ext.ComponentQuery.query('pveForesightKnob[name=trend-weight]')[0].edit(35),
    );
    api.change = fails('/penalty-config', 'connection lost');
    await refresh('pveForesightSettings');
    await stale().waitFor();
    await page.getByText('35\u00a0%').first().waitFor();
    const save = page.getByRole('button', { name: 'Save' });
    assert.notEqual(await save.getAttribute('aria-disabled'), 'true');
    calm();
});

test('a cluster file system that is not there is told of in the words of the engine', async () => {
    const dir = tree('unmounted');
    let words;
    try {
        engine.run(['recommend', '--inventory', dir]);
    } catch (error) {
        words = error.stderr.replace(/^error: /, '').trim();
    }
    assert.match(words, /no cluster here: .* \(is pve-cluster running\?\)/);
    api.change = fails('/recommendations', words);
    page = await open(browser.context, site.url);
    await page.getByText('Could not load').waitFor();
    assert.ok((await told('.foresight-notice')).includes(words));
    await tab(page, 'Status');
    await page.locator('.foresight-status section').first().waitFor();
    calm();
});

test('a node without quorum sees the others offline, and nobody calls them well', async () => {
    const names = engine.advice.nodes.map((node) => node.name);
    const nodelist = Object.fromEntries(
        names.map((name, i) => [name, { id: i + 1, online: Number(i === 0), ip: `192.0.2.${i}` }]),
    );
    const cluster = { name: 'c', version: 1, nodes: names.length, quorate: 0 };
    const members = { nodename: names[0], version: 1, cluster, nodelist };
    const advice = engine.json(['recommend', '--inventory', tree('alone', members)]);
    assert.equal(advice.nodes.filter((node) => node.state === 'offline').length, names.length - 1);
    api.change = (path, reply) => (path === '/recommendations' ? advice : reply);
    page = await open(browser.context, site.url);
    await page.getByText(advice.summary.slice(0, 60)).waitFor();
    const rows = page.locator('.foresight-block .x-grid-row', { hasText: /pve\d/ });
    const states = await rows.evaluateAll((all) =>
        all.map((row) => row.querySelector('i[aria-label]').getAttribute('aria-label')),
    );
    assert.deepEqual(
        states.slice(1, names.length),
        names.slice(1).map(() => 'Offline'),
    );
    for (const warning of advice.warnings) {
        assert.ok((await told('.foresight-summary')).includes(warning), warning);
    }
    calm();
});
