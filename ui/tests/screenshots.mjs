// Pictures of every tab for docs/screenshots, in both themes.
import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { launch, open, tab } from './browser.mjs';
import { Api, Engine, serve } from './server.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const out = process.argv[2] ?? join(here, '../../docs/screenshots');
mkdirSync(out, { recursive: true });

const engine = new Engine();
const site = await serve(new Api(engine));
const { context, close } = await launch();
const settled = (page) => page.waitForTimeout(400);

async function shots(theme, viewport, suffix) {
    const page = await open(context, site.url, { theme }, viewport);
    const shot = (name) => page.screenshot({ path: join(out, `${name}-${suffix}.png`) });
    await page.locator('.foresight-card').first().waitFor();
    await settled(page);
    await shot('overview');
    await page.getByRole('button', { name: 'Why this migration?' }).first().click();
    await page.locator('.foresight-spark').first().waitFor();
    await settled(page);
    await shot('why');
    await tab(page, 'Trends');
    await page.locator('svg.foresight-chart').waitFor();
    await settled(page);
    await shot('trends');
    for (const name of ['Outcomes', 'Backtest', 'Settings', 'Status']) {
        await tab(page, name);
        await settled(page);
        if (name === 'Backtest') {
            await page.getByRole('button', { name: 'Run backtest' }).click();
            await page
                .locator('.foresight-table:visible, .foresight-notice:visible')
                .first()
                .waitFor();
            await page.locator('.fa-spinner:visible').waitFor({ state: 'hidden', timeout: 120000 });
        }
        await settled(page);
        await shot(name.toLowerCase());
    }
    await page.close();
    if (page.troubles.length) {
        console.error(page.troubles.join('\n'));
        process.exitCode = 1;
    }
}

try {
    await shots('light', { width: 1280, height: 720 }, 'light');
    await shots('dark', { width: 1280, height: 720 }, 'dark');
    await shots('light', { width: 1920, height: 1080 }, 'wide');
} finally {
    await close();
    await site.close();
    engine.close();
}
