// The API of a cluster, answered from the engine: every reply is the command line's JSON about a simulated
// cluster. Only what the engine does not know (permissions, tasks, PVE's resources) is made up.
import { execFileSync } from 'node:child_process';
import {
    createReadStream,
    existsSync,
    mkdtempSync,
    readFileSync,
    rmSync,
    statSync,
    writeFileSync,
} from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, extname, join, normalize, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const ui = join(here, '..');
const repository = join(ui, '..');

const TYPES = {
    '.html': 'text/html; charset=utf-8',
    '.js': 'text/javascript; charset=utf-8',
    '.css': 'text/css; charset=utf-8',
    '.png': 'image/png',
    '.gif': 'image/gif',
    '.svg': 'image/svg+xml',
    '.woff': 'font/woff',
    '.woff2': 'font/woff2',
    '.ttf': 'font/ttf',
};

export function binary() {
    if (process.env.FORESIGHT_BIN) {
        return process.env.FORESIGHT_BIN;
    }
    const target = resolve(repository, process.env.CARGO_TARGET_DIR ?? 'target');
    const built = ['release', 'debug'].map((kind) => join(target, kind, 'pve-foresight'));
    const found = built.filter((file) => existsSync(file));
    if (!found.length) {
        throw new Error(
            `no pve-foresight binary below ${target}: run \`cargo build\` or set FORESIGHT_BIN`,
        );
    }
    return found.sort((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs)[0];
}

// An engine with its own state directory, filled by the demo or from a scenario's file: one of
// these tests, or a story of the engine's own (`tests/scenarios`), which holds a scenario.
export class Engine {
    constructor(scenario) {
        this.bin = binary();
        this.dir = mkdtempSync(join(tmpdir(), 'foresight-ui-'));
        this.state = join(this.dir, 'state');
        this.cache = new Map();
        if (scenario) {
            const told = JSON.parse(readFileSync(join(here, scenario), 'utf8'));
            const cluster = told.scenario ?? told;
            const file = join(this.dir, 'scenario.json');
            writeFileSync(file, JSON.stringify(cluster));
            this.now = cluster.end;
            const input = this.run(['simulate', '--scenario', file]);
            this.run(['append', '--jsonl'], { input });
            this.advice = this.json(['recommend']);
        } else {
            this.advice = this.json(['demo', '--keep']);
        }
        this.now = this.advice.now;
    }

    run(args, options = {}) {
        return execFileSync(this.bin, ['--state', this.state, ...args], {
            encoding: 'utf8',
            maxBuffer: 1 << 28,
            stdio: ['pipe', 'pipe', 'pipe'],
            ...options,
        });
    }

    json(args) {
        const key = args.join(' ');
        if (!this.cache.has(key)) {
            const now = this.now ? ['--now', String(this.now)] : [];
            const text = this.run([...now, '--json', ...args]);
            this.cache.set(key, JSON.parse(text));
        }
        return structuredClone(this.cache.get(key));
    }

    // What the API asks for: the library's own choice of policies and of hours between decisions.
    backtest(days) {
        const asked = ['--days', String(days), '--policy', 'none,ours', '--every', '6'];
        return this.json(['backtest', ...asked]);
    }

    close() {
        rmSync(this.dir, { recursive: true, force: true });
    }
}

class Refusal extends Error {
    constructor(status, message) {
        super(message);
        this.status = status;
    }
}

// The replies below /cluster/foresight, and of tasks. `change(path, reply)` may alter one: hostile names, many guests.
export class Api {
    constructor(engine) {
        this.engine = engine;
        this.change = (path, reply) => reply;
        this.denied = false;
        this.stored = { knobs: {}, expert: {} };
        this.calls = [];
        this.forget();
    }

    // No backtest was run; one is `age` seconds old. `progress(task)` is how a task goes on whenever it
    // is asked after; without more it is through.
    forget() {
        this.kept = null;
        this.age = 0;
        this.tasks = [];
        this.progress = () => 'OK';
    }

    runBacktest(days) {
        if (this.tasks.some((task) => task.status === 'running')) {
            throw new Refusal(
                503,
                'another replay is running on this node; try again when it is done',
            );
        }
        const number = String(this.tasks.length + 1).padStart(8, '0');
        const upid = `UPID:pve1:${number}:00000001:6ADF0000:foresightbacktest::root@pam:`;
        const starttime = Math.floor(Date.now() / 1000);
        this.tasks.push({ upid, starttime, days, status: 'running', type: 'foresightbacktest' });
        return upid;
    }

    // Of PVE's own: the running tasks, or how one is.
    nodes(path, params) {
        if (path === '/nodes/pve1/tasks') {
            return this.tasks.filter((task) => task.type === params.typefilter);
        }
        const [, , node, , upid] = path.split('/');
        const task = this.tasks.find((task) => task.upid === upid);
        if (!task || node !== 'pve1') {
            throw new Refusal(400, 'no such task');
        }
        const exit = task.endtime ? task.exitstatus : this.progress(task);
        if (exit && !task.endtime) {
            const endtime = Math.floor(Date.now() / 1000);
            Object.assign(task, { status: 'stopped', exitstatus: exit, endtime });
            if (exit === 'OK') {
                this.keep(task.days);
            }
        }
        return task;
    }

    keep(days, age = 0) {
        this.kept = { ...this.engine.backtest(days), days, made: this.engine.now, withheld: 0 };
        this.age = age;
    }

    backtest() {
        if (!this.kept) {
            throw new Refusal(404, 'no backtest was run on this node yet');
        }
        return structuredClone({ ...this.kept, age: this.age });
    }

    settings() {
        const args = Object.entries({ ...this.stored.knobs, ...this.stored.expert }).flatMap(
            ([k, v]) => [
                '--set',
                `${k}=${k === 'protect-running-workloads' ? Boolean(Number(v)) : v}`,
            ],
        );
        return { ...this.engine.json(['settings', ...args]), digest: this.digest() };
    }

    digest() {
        return Buffer.from(JSON.stringify(this.stored)).toString('base64url').slice(-40);
    }

    put(kind, params) {
        if (params.digest && params.digest !== this.digest()) {
            throw new Refusal(
                500,
                'detected modified configuration - file changed by other user? Try again.',
            );
        }
        const { digest, delete: forget, ...values } = params;
        Object.assign(this.stored[kind], values);
        for (const key of (forget ?? '').split(',').filter((k) => k)) {
            delete this.stored[kind][key];
        }
        return null;
    }

    status() {
        return { ...this.engine.json(['status']), settings: { refused: null, warnings: [] } };
    }

    // Of nodes or guests; `metrics`: names of those asked for, usually all.
    trends(which, metrics) {
        const wanted = ({ metric }) => !metrics || metrics.includes(metric);
        return this.engine
            .json(['trend'])
            [which].map((of) => ({ ...of, metrics: of.metrics.filter(wanted) }));
    }

    detail(kind, name, params) {
        const hours = params['lookback-hours'] ?? 168;
        const trends = this.engine.json(['trend', `--${kind}`, name, '--lookback', String(hours)]);
        const history = this.engine.json([
            'history',
            `--${kind}`,
            name,
            '--hours',
            String(hours),
            '--points',
            String(params.points ?? 300),
        ]);
        const quality = this.engine.json(['quality', `--${kind}`, name]);
        const [entity] = kind === 'node' ? trends.nodes : trends.guests;
        return {
            ...entity,
            history: history.metrics,
            quality: quality.entities[0],
            now: trends.now,
        };
    }

    reply(method, path, params) {
        const { engine } = this;
        if (this.denied) {
            throw new Refusal(403, 'Permission check failed (/, Sys.Audit)');
        }
        if (path.startsWith('/nodes/')) {
            return this.nodes(path, params);
        }
        const [, first, second, third] = path.split('/');
        switch (`${method} ${first}${third ? `/${second}/X` : second ? `/${second}` : ''}`) {
            case 'GET status':
                return this.status();
            case 'GET recommendations':
                return structuredClone(engine.advice);
            case 'GET trends/nodes':
            case 'GET trends/guests':
                return this.trends(second, params.metrics?.split(','));
            case 'GET trends/nodes/X':
                return this.detail('node', third, params);
            case 'GET trends/guests/X':
                return this.detail('guest', third, params);
            case 'GET outcomes':
                return engine.json(['outcomes']);
            case 'GET backtest':
                return this.backtest();
            case 'POST backtest':
                return this.runBacktest(Number(params.days ?? 30));
            case 'GET migration-settings':
            case 'GET penalty-config':
                return this.settings();
            case 'PUT migration-settings':
                return this.put('knobs', params);
            case 'PUT penalty-config':
                return this.put('expert', params);
            case 'POST backfill':
                return 'UPID:pve1:00000001:00000001:6ADF0000:foresightbackfill::root@pam:';
            default:
                throw new Refusal(501, `Method '${method} ${path}' not implemented`);
        }
    }

    answer(method, path, params) {
        this.calls.push({ method, path, params });
        try {
            const data = this.change(path, this.reply(method, path, params));
            return { success: 1, data };
        } catch (error) {
            return {
                success: 0,
                status: error.status ?? 500,
                message: String(error.message),
                data: null,
            };
        }
    }
}

const PREFIX = /^\/api2\/(?:extjs|json)(?:\/cluster\/foresight|(?=\/nodes\/))/;

// Serves the page, the packages and the API; resolves to { url, close }.
export function serve(api) {
    const server = createServer(async (request, response) => {
        const url = new URL(request.url, 'http://localhost');
        const path = decodeURIComponent(url.pathname);
        if (PREFIX.test(path)) {
            let body = '';
            for await (const chunk of request) {
                body += chunk;
            }
            const given = [...url.searchParams, ...new URLSearchParams(body)];
            const params = Object.fromEntries(given.filter(([k]) => k !== '_dc'));
            const answer = api.answer(request.method, path.replace(PREFIX, '') || '/', params);
            response.writeHead(200, { 'content-type': 'application/json' });
            response.end(JSON.stringify(answer));
            return;
        }
        const file = normalize(join(ui, path === '/' ? 'tests/page/index.html' : path));
        if (!file.startsWith(ui) || !existsSync(file) || statSync(file).isDirectory()) {
            response.writeHead(404).end();
            return;
        }
        response.writeHead(200, {
            'content-type': TYPES[extname(file)] ?? 'application/octet-stream',
            // The packages stay as they are, so the browser need not read and compile them for every page.
            ...(path.startsWith('/node_modules/') && { 'cache-control': 'max-age=3600' }),
        });
        createReadStream(file).pipe(response);
    });
    return new Promise((resolve) => {
        server.listen(0, '127.0.0.1', () => {
            resolve({
                url: `http://127.0.0.1:${server.address().port}/`,
                close: () => new Promise((done) => server.close(done)),
            });
        });
    });
}

export const schema = JSON.parse(readFileSync(join(repository, 'share/settings.json'), 'utf8'));
