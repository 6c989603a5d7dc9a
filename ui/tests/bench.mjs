// How long the overview takes to draw for a large cluster; prints the figures, judges nothing.
import { launch, open } from './browser.mjs';
import { Api, Engine, serve } from './server.mjs';

const GUESTS = Number(process.argv[2] ?? 2000);
const NODES = 32;
const RUNS = 5;

const engine = new Engine();
const api = new Api(engine);

// The demo's replies, repeated under other names until there are enough of them.
const times = (list, count, change) =>
    Array.from({ length: count }, (_, i) => change(structuredClone(list[i % list.length]), i));
api.change = (path, reply) => {
    if (path === '/recommendations') {
        reply.recommendations = times(reply.recommendations, 12, (r, i) => ({
            ...r,
            order: i + 1,
            vmid: 5000 + i,
        }));
        reply.skipped = times(reply.skipped, GUESTS, (s, i) => ({ ...s, vmid: 1000 + i }));
        reply.nodes = times(reply.nodes, NODES, (n, i) => ({ ...n, name: `node${i + 1}` }));
    }
    if (path === '/trends/nodes') {
        return times(reply, NODES, (n, i) => ({ ...n, node: `node${i + 1}` }));
    }
    if (path === '/trends/guests') {
        return times(reply, GUESTS, (g, i) => ({ ...g, vmid: 1000 + i, name: `guest${i}` }));
    }
    return reply;
};

const site = await serve(api);
const { context, close } = await launch();
const median = (list) => list.sort((a, b) => a - b)[list.length >> 1].toFixed(0);

try {
    const page = await open(context, site.url);
    await page.locator('.foresight-card').first().waitFor();
    const overview = await page.evaluate((runs) => {
        const view = Ext.ComponentQuery.query('pveForesightOverview')[0];
        return Array.from({ length: runs }, () => {
            view.cardsKey = null;
            const from = performance.now();
            view.draw(view.replies);
            view.getHeight();
            return performance.now() - from;
        });
    }, RUNS);
    await page.locator('.x-tab', { hasText: 'Trends' }).click();
    await page.locator('.foresight-direction h2').waitFor();
    const trends = await page.evaluate((runs) => {
        const view = Ext.ComponentQuery.query('pveForesightTrends')[0];
        return Array.from({ length: runs }, () => {
            const from = performance.now();
            view.draw(view.replies);
            view.getHeight();
            return performance.now() - from;
        });
    }, RUNS);
    console.log(`${NODES} nodes, ${GUESTS} guests, 12 cards; median of ${RUNS}:`);
    console.log(`overview drawn in ${median(overview)} ms, trends in ${median(trends)} ms`);
    console.log(page.troubles.join('\n'));
} finally {
    await close();
    await site.close();
    engine.close();
}
