// What the tests of the panel share: the engine, its API on a site, and a browser.
import { launch } from './browser.mjs';
import { Api, Engine, serve } from './server.mjs';

// `prepare` gets the API before the site is up. Resolves to { engine, api, site, browser, close }.
export async function stage(prepare = () => {}) {
    const engine = new Engine();
    const api = new Api(engine);
    let site, browser;
    const close = async () => {
        await browser?.close();
        await site?.close();
        engine.close();
    };
    try {
        prepare(api);
        site = await serve(api);
        browser = await launch();
    } catch (error) {
        await close();
        throw error;
    }
    return { engine, api, site, browser, close };
}
