// Pictures of every tab for docs/screenshots, in both themes: node tests/screenshots.mjs [FOLDER]
import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { launch, open, tab } from './browser.mjs';
import { Api, Engine, serve } from './server.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const out = process.argv[2] ?? join(here, '../../docs/screenshots');
mkdirSync(out, { recursive: true });

const engine = new Engine();
const moved = new Engine('moved.json');
const api = new Api(engine);
const site = await serve(api);
const { context, close } = await launch();

// What to do before each picture, in this order.
const STEPS = {
    overview: (page) => page.locator('.foresight-card').first().waitFor(),
    why: async (page) => {
        await page.getByRole('button', { name: 'Why this migration?' }).first().click();
        await page.locator('.foresight-spark path').nth(3).waitFor();
    },
    experience: async (page) => {
        await page.getByRole('button', { name: 'Why this migration?' }).first().click();
        const timeline = page.locator('.foresight-timeline').first();
        await timeline.waitFor();
        await timeline.scrollIntoViewIfNeeded();
    },
    trends: async (page) => {
        await tab(page, 'Trends');
        await page.locator('svg.foresight-chart').waitFor();
    },
    outcomes: async (page) => {
        await tab(page, 'Outcomes');
        await page.locator('.foresight-tile:visible, .foresight-notice:visible').first().waitFor();
    },
    backtest: async (page) => {
        api.keep(30, 3 * 3600);
        await tab(page, 'Backtest');
        await page.locator('.foresight-row-ours').waitFor();
    },
    settings: async (page) => {
        await tab(page, 'Settings');
        await page.getByText('Trend weight').first().waitFor();
    },
    status: async (page) => {
        await tab(page, 'Status');
        await page.locator('.foresight-status section').first().waitFor();
    },
};

// What is shown of the cluster whose guest moved before.
const MOVED = ['experience', 'outcomes'];
const DEMO = Object.keys(STEPS).filter((name) => !MOVED.includes(name));

async function shots(theme, suffix, viewport, names) {
    const page = await open(context, site.url, { theme }, viewport);
    for (const name of names) {
        await STEPS[name](page);
        await page.mouse.move(0, 0);
        await page.waitForTimeout(500);
        await page.screenshot({ path: join(out, `${name}-${suffix}.png`) });
    }
    await page.close();
    if (page.troubles.length) {
        console.error(page.troubles.join('\n'));
        process.exitCode = 1;
    }
}

const small = { width: 1280, height: 720 };
const wide = { width: 1920, height: 1080 };
try {
    await shots('light', 'light', small, DEMO);
    await shots('dark', 'dark', small, DEMO);
    await shots('light', 'wide', wide, ['overview', 'why', 'trends']);
    api.engine = moved;
    await shots('light', 'light', small, MOVED);
    await shots('dark', 'dark', small, MOVED);
} finally {
    await close();
    await site.close();
    engine.close();
    moved.close();
}
