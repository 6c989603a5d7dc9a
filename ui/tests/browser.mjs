// Headless Chromium on the page, with everything that goes wrong in it collected.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

export async function launch() {
    const profile = mkdtempSync(join(tmpdir(), 'foresight-chromium-'));
    const context = await chromium.launchPersistentContext(profile, {
        executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
        headless: true,
        viewport: { width: 1280, height: 720 },
        timezoneId: 'UTC',
        args: [
            '--no-sandbox',
            '--disable-gpu',
            '--disable-quic',
            '--no-first-run',
            '--disable-background-networking',
            '--disable-component-update',
            '--disable-sync',
        ],
    });
    context.setDefaultTimeout(60000);
    const close = async () => {
        await context.close();
        rmSync(profile, { recursive: true, force: true });
    };
    return { context, close };
}

// A page at `query`; `page.troubles` holds console errors, exceptions and dialogs.
export async function open(context, url, query = {}, viewport) {
    const page = await context.newPage();
    page.troubles = [];
    page.on('console', (m) => process.env.SHOW && console.log(m.type(), m.text()));
    page.on('console', (m) => m.type() === 'error' && page.troubles.push(m.text()));
    page.on('pageerror', (e) => page.troubles.push(String(e)));
    page.on('dialog', (d) => {
        page.troubles.push(`dialog: ${d.message()}`);
        d.dismiss();
    });
    if (viewport) {
        await page.setViewportSize(viewport);
    }
    await page.goto(`${url}?${new URLSearchParams({ item: 'foresight', ...query })}`);
    return page;
}

export const tab = (page, title) => page.locator('.x-tab', { hasText: title }).first().click();
