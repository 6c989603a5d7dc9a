// The five settings and the expert keys: shown, edited, refused, saved.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tab } from './browser.mjs';
import { api, blank, calm, overview, page, show, site } from './pages.mjs';

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
    await blank();
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
