// What the tests of the panel's pages share: one site for a file, and for each test an API as it was and a page of its own.
import assert from 'node:assert/strict';
import { after, before, beforeEach } from 'node:test';
import { open } from './browser.mjs';
import { stage } from './stage.mjs';

export let engine, api, site, browser, page;
let close;

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

export const blank = async () => (page = await browser.context.newPage());
export const show = async (query, viewport) =>
    (page = await open(browser.context, site.url, query, viewport));
export const overview = async (query) => {
    await show(query);
    await page.locator('.foresight-card').first().waitFor();
};
export const calm = () => assert.deepEqual(page.troubles, []);
export const text = async (selector) =>
    (await page.locator(selector).first().innerText()).replaceAll('\u00a0', ' ');
