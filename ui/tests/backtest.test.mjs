// The backtest's tab: a task that is started, found, followed and told of, and the result that is kept.
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { open, tab } from './browser.mjs';
import { stage } from './stage.mjs';

let api, site, browser, close, page;

before(async () => {
    ({ api, site, browser, close } = await stage());
});

after(() => close?.());

beforeEach(async () => {
    await page?.close();
    Object.assign(api, { change: (path, reply) => reply, calls: [] });
    api.forget();
});

const calm = () => assert.deepEqual(page.troubles, []);
const polls = () => api.calls.filter((c) => /\/tasks\/.*\/status$/.test(c.path)).length;
const button = (name) => page.getByRole('button', { name });
const isDisabled = (name) => button(name).getAttribute('aria-disabled');
const result = () => page.locator('.foresight-row-ours');

// The tab, with a task asked after so often that no test has to wait.
async function show(query = {}) {
    page = await open(browser.context, site.url, query);
    await page.locator('.x-tab').first().waitFor();
    await page.evaluate(() => {
        PVE.foresight.panel.Backtest.prototype.pollInterval = 50;
    });
    await tab(page, 'Backtest');
}

const nobodyYet = () => page.getByText('None was run on this node yet.').waitFor();

test('a backtest is a task, started by keyboard, followed to its end and shown', async () => {
    let rounds = 0;
    api.progress = () => (++rounds > 3 ? 'OK' : null);
    await show();
    await nobodyYet();
    assert.equal(await button('Task log').count(), 0);
    await button('Run backtest').focus();
    await page.keyboard.press('Enter');
    await page.getByText('Replaying the stored history').waitFor();
    await page.getByText(/^running for \d+ seconds?$/).waitFor();
    assert.equal(await isDisabled('Run backtest'), 'true');
    await result().waitFor();
    const [{ params }] = api.calls.filter((c) => c.method === 'POST');
    assert.equal(params.days, '30');
    assert.equal(rounds, 4);
    assert.match(
        await page.locator('.foresight-summary:visible').first().innerText(),
        /Run .* UTC, for 30 days/,
    );
    assert.notEqual(await isDisabled('Run backtest'), 'true');
    assert.equal(await page.getByText('running for').isVisible(), false);
    // The keyboard has not fallen out of the view.
    assert.ok(await page.evaluate(() => !!document.activeElement.closest('.x-toolbar')));
    const before = polls();
    await page.waitForTimeout(400);
    assert.equal(polls(), before, 'a task that has ended is not asked after');
    calm();
});

test('what is kept is shown at once, and stays while another one runs', async () => {
    api.keep(14, 3 * 86400);
    api.progress = () => null;
    await show();
    await result().waitFor();
    const told = page.locator('.foresight-summary:visible').first();
    assert.match(await told.innerText(), /Run .* UTC, for 14 days/);
    await button('Run backtest').click();
    const remark = page.locator('.foresight-stale:visible');
    await remark.getByText('Replaying the stored history').waitFor();
    assert.match(await remark.innerText(), /What is shown is the earlier result/);
    assert.ok(await result().isVisible());
    api.progress = () => 'WARNINGS: 1';
    await remark.waitFor({ state: 'hidden' });
    assert.match(await told.innerText(), /, for 14 days/);
    api.progress = () => 'OK';
    await button('Run backtest').click();
    await page.getByText(/Run .* UTC, for 30 days/).waitFor();
    calm();
});

test('a task that fails says so with its status, and its log can be read', async () => {
    const why = '36 hours are stored; a replay needs 48 <b>';
    api.progress = () => why;
    await show();
    await nobodyYet();
    await button('Run backtest').click();
    await page.getByText('The backtest failed').waitFor();
    assert.ok((await page.locator('.foresight-notice:visible').innerText()).includes(why));
    assert.notEqual(await isDisabled('Run backtest'), 'true');
    await button('Task log').click();
    await page.locator('.x-window', { hasText: api.tasks[0].upid }).waitFor();
    await page.keyboard.press('Escape');
    api.keep(7);
    await tab(page, 'Status');
    await tab(page, 'Backtest');
    await result().waitFor();
    const remark = page.locator('.foresight-stale:visible');
    assert.ok((await remark.innerText()).includes(why));
    calm();
});

test('a task is not asked after while nobody looks, and is followed again', async () => {
    api.progress = () => null;
    await show();
    await nobodyYet();
    await button('Run backtest').click();
    await page.getByText('Replaying the stored history').waitFor();
    const rests = async () => {
        await page.waitForTimeout(100); // what was on its way
        const before = polls();
        await page.waitForTimeout(400);
        assert.equal(polls(), before);
    };
    const goesOn = async () => {
        const before = polls();
        for (let i = 0; i < 200 && polls() < before + 2; i++) {
            await page.waitForTimeout(20);
        }
        assert.ok(polls() >= before + 2);
    };
    await goesOn();
    await tab(page, 'Overview');
    await rests();
    await tab(page, 'Backtest');
    await page.getByText('Replaying the stored history').waitFor();
    assert.equal(await isDisabled('Run backtest'), 'true');
    await goesOn();
    await page.evaluate(() => Ext.ComponentQuery.query('pveForesight')[0].destroy());
    await rests();
    calm();
});

test('a task that runs already is found, and no second one is started', async () => {
    api.progress = () => null;
    const first = api.runBacktest(7);
    await show();
    await page.getByText('Replaying the stored history').waitFor();
    assert.equal(await isDisabled('Run backtest'), 'true');
    api.progress = () => 'OK';
    await page.getByText(/Run .* UTC, for 7 days/).waitFor();
    // Started by somebody else while this is open.
    api.progress = () => null;
    api.runBacktest(14);
    await button('Run backtest').click();
    const box = page.locator('.x-window', { hasText: 'another replay is running on this node' });
    await box.waitFor();
    await box.getByText('OK', { exact: true }).click();
    await page.locator('.foresight-stale').getByText('Replaying the stored history').waitFor();
    api.progress = () => 'OK';
    await page.getByText(/Run .* UTC, for 14 days/).waitFor();
    assert.equal(api.tasks.length, 2);
    assert.equal(first, api.tasks[0].upid);
    calm();
});

test('a request that is lost ends nothing', async () => {
    api.progress = () => (polls() > 6 ? 'OK' : null);
    api.change = (path, reply) => {
        if (path.endsWith('/status') && path.startsWith('/nodes/') && polls() % 3 !== 0) {
            throw new Error('connection error');
        }
        return reply;
    };
    await show();
    await nobodyYet();
    await button('Run backtest').click();
    await page.getByText(/Run .* UTC, for 30 days/).waitFor();
    calm();
});

test('a task whose status cannot be read is told of, and can be looked at later', async () => {
    api.progress = () => null;
    api.change = (path, reply) => {
        if (path.endsWith('/status') && path.startsWith('/nodes/')) {
            throw new Error('node is not online <b>');
        }
        return reply;
    };
    await show();
    await nobodyYet();
    await button('Run backtest').click();
    await page.getByText('The task could not be followed').waitFor();
    assert.ok(
        (await page.locator('.foresight-notice:visible').innerText()).includes(
            'node is not online <b>',
        ),
    );
    await page.waitForTimeout(200);
    assert.equal(polls(), 5, 'asked some times in a row');
    api.change = (path, reply) => reply;
    await tab(page, 'Overview');
    await tab(page, 'Backtest');
    await page.getByText('Replaying the stored history').waitFor();
    calm();
});

test('who may not start one sees the result, and why the button is of no use', async () => {
    api.keep(30);
    await browser.context.route('**/stubs.js', async (route) => {
        const response = await route.fetch();
        const body = (await response.text()).replace("'Sys.Modify': 1", '');
        await route.fulfill({ response, body });
    });
    try {
        await show();
    } finally {
        await browser.context.unroute('**/stubs.js');
    }
    await result().waitFor();
    assert.equal(await isDisabled('Run backtest'), 'true');
    assert.match(
        await button('Run backtest').getAttribute('data-qtip'),
        /needs the privilege 'Sys.Modify' on '\/'/,
    );
    calm();
});

test('who may not see all guests is not told how many there are', async () => {
    api.keep(30);
    for (const [told, words] of [
        [true, /judged, .*; 6 nodes, \d+ guests; hours/],
        [false, /judged, .*; 6 nodes; hours/],
    ]) {
        api.change = (path, reply) => {
            if (path !== '/backtest' || told) {
                return reply;
            }
            const { guests, ...rest } = reply;
            return rest;
        };
        await page?.close();
        await show();
        await result().waitFor();
        assert.match(await page.locator('.foresight-summary:visible').first().innerText(), words);
        calm();
    }
});

test('a result that cannot be read is told of, and another one replaces it', async () => {
    const damaged = '/var/lib/pve-foresight/backtest.json is damaged; another backtest replaces it';
    api.change = (path, reply) => {
        if (path === '/backtest' && reply?.outcomes && !api.tasks.length) {
            throw new Error(damaged);
        }
        return reply;
    };
    api.keep(30);
    await show();
    await page.getByText('Could not load').waitFor();
    assert.ok((await page.locator('.foresight-notice:visible').innerText()).includes(damaged));
    await button('Run backtest').click();
    await result().waitFor();
    calm();
});

// The reply with other days than it has, and other overload: of each a value that is above the threshold, or 0.
const daysOf = (count, { core_hours, gib_hours }) => (path, reply) => {
    if (path === '/backtest' && reply?.outcomes) {
        for (const outcome of reply.outcomes) {
            const [day] = outcome.days;
            const start = (i) => day.start + i * 86400;
            outcome.days = Array.from({ length: count }, (_, i) => ({
                ...day,
                start: start(i),
                core_hours,
                gib_hours,
            }));
            Object.assign(outcome, { core_hours, gib_hours });
        }
    }
    return reply;
};

test('the days of a year can all be seen, with the keyboard too', async () => {
    api.keep(30);
    api.change = daysOf(365, { core_hours: 2, gib_hours: 0 });
    await show();
    const box = page.getByRole('region', { name: /CPU above the threshold/ });
    await box.waitFor();
    const [inner, outer] = await box.evaluate((e) => [e.scrollWidth, e.clientWidth]);
    assert.ok(inner > 3650 && outer < 1280, `${inner} in ${outer}`);
    await box.focus();
    await page.keyboard.press('End');
    await page.keyboard.press('ArrowRight');
    await page.waitForFunction(() => document.querySelector('.foresight-scroll').scrollLeft > 0);
    calm();
});

test('memory above the threshold has its days, and a plot of nothing is left out', async () => {
    for (const [above, plots] of [
        [{ core_hours: 2, gib_hours: 0.4 }, [/^CPU above the threshold, core-hours by day$/]],
        [{ core_hours: 0, gib_hours: 3 }, [/^Memory above the threshold, GiB-hours by day$/]],
        [{ core_hours: 2, gib_hours: 3 }, [/^CPU above/, /^Memory above/]],
        [{ core_hours: 0, gib_hours: 0 }, []],
    ]) {
        api.keep(30);
        api.change = daysOf(14, above);
        await show();
        await result().waitFor();
        const heads = await page.locator('.foresight-summary:has(svg) h2').allInnerTexts();
        assert.equal(heads.length, plots.length, heads.join());
        plots.forEach((plot, i) => assert.match(heads[i], plot));
        const tips = await page.locator('svg.foresight-bars title').allTextContents();
        assert.equal(tips.length, 14 * plots.length);
        if (above.core_hours === 0 && plots.length) {
            assert.match(tips[0], /: 3\.0 GiB-hours as it was, 3\.0 with the advice$/);
        }
        calm();
        await page.close();
    }
});

test('in the dark theme what is said of the task can be read', async () => {
    api.keep(30);
    api.progress = () => null;
    await show({ theme: 'dark' });
    await result().waitFor();
    await button('Run backtest').click();
    const remark = page.locator('.foresight-stale:visible');
    await remark.getByText('Replaying the stored history').waitFor();
    const light = (color) =>
        color
            .match(/\d+/g)
            .slice(0, 3)
            .reduce((sum, n) => sum + Number(n), 0) / 3;
    const color = (locator) => locator.evaluate((e) => getComputedStyle(e).color);
    assert.ok(light(await color(remark)) > 150);
    assert.ok(light(await color(page.getByText(/^running for/))) > 150);
    calm();
});
