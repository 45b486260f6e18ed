// The seeds' browser snippets as pages in a real browser: served by the daemon's own origin, by one
// that is allowed, and by a foreign one.
//
// Environment: SLIMCP, the program to start; default target/release/slimcp.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

// Playwright lives outside the repository's tree, where `import` does not look.
const require = createRequire(new URL('../../target/contracts/browser/', import.meta.url));
const { chromium } = require('playwright-core');

const PATIENCE = 20_000;
const here = new URL('.', import.meta.url);
const read = (name) => readFileSync(new URL(name, here), 'utf8');
const program = process.env.SLIMCP ?? new URL('../../target/release/slimcp', here).pathname;
let failed = 0;

// ---- the daemon ----

/** Starts it on a port of its choice, or on `port`, and waits until it listens. */
async function start(config, port = 0) {
    const folder = mkdtempSync(join(tmpdir(), 'slimcp-contracts-'));
    const file = join(folder, 'slimcp.toml');
    writeFileSync(file, config);
    const child = spawn(program, ['-c', file, '--listen', `127.0.0.1:${port}`], {
        env: { PATH: process.env.PATH },
        stdio: ['ignore', 'ignore', 'pipe'],
    });
    const log = [];
    for await (const line of createInterface({ input: child.stderr })) {
        log.push(line);
        const base = line.match(/listening on (http:\/\/[^/ ]+)/)?.[1];
        if (base) {
            child.stderr.resume();
            return { base, folder, end: () => end(child, folder) };
        }
    }
    throw new Error(`it does not start: ${log.join('; ')}`);
}

async function end(child, folder) {
    if (child.exitCode === null) {
        child.kill();
        await once(child, 'exit');
    }
    rmSync(folder, { recursive: true, force: true });
}

const token = (secret, role) => {
    const digest = createHash('sha256').update(secret).digest('hex');
    return `[[token]]\nname = '${secret}'\nrole = '${role}'\nsha256 = '${digest}'\n`;
};

/** A tool that runs a script. */
const tool = (name, script, argument) =>
    `[[tool]]\nname = '${name}'\ndescription = 'A test.'\n` +
    `command = ['sh', '-c', '''${script}''', 'sh', '{${argument}}']\n` +
    `[tool.arguments]\n${argument} = { type = 'string', default = '' }\n`;

const TOOLS =
    tool('list_projects', 'echo garage', 'text') +
    tool('get_client', 'echo "client $1"', 'email') +
    tool('long', 'echo 1; while [ ! -e "$1" ]; do sleep 0.02; done; echo 2', 'text') +
    tool('touch', 'touch "$1"; echo touched', 'text');

// ---- pages ----

/** A snippet for this server, with whole addresses where it is not the page's own. */
function snippet(name, base, isOwn) {
    const text = read(`seeds/${name}`).replaceAll('http://localhost:3000', base);
    return isOwn ? text : text.replace(/(["'])(\/(?:mcp\/)?sse)/g, `$1${base}$2`);
}

/** A page with its snippets in it, as one script: no event falls between two of them. */
function content(name, base, isOwn, use) {
    const text = read(`pages/${name}`).replace('USE', use);
    const inline = (_, name) => `<script>\n${snippet(name, base, isOwn)}</script>`;
    const whole = text.replace(/<script src="([^"]+)"><\/script>/g, inline);
    return whole.replaceAll(/<\/script>\s*<script>/g, '');
}

const HTML = 'text/html; charset=utf-8';

/** Serves pages from another origin; where the server is, is known later. */
async function site() {
    const site = { base: '' };
    const server = http.createServer((request, response) => {
        const name = request.url.slice(1);
        const isPage = name.endsWith('.html');
        response.writeHead(isPage ? 200 : 404, { 'Content-Type': HTML });
        response.end(isPage ? content(name, site.base, false, '') : '');
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    site.origin = `http://127.0.0.1:${server.address().port}`;
    site.close = () => server.close();
    return site;
}

/** Opens a page of an origin, of the server's own one unless another is given. */
async function open(browser, server, name, { origin = server.base, use = '' } = {}) {
    const context = await browser.newContext();
    const page = await context.newPage();
    page.setDefaultTimeout(PATIENCE);
    const said = [];
    const waiting = new Set();
    const tell = (text) => {
        said.push(text);
        for (const look of waiting) look();
    };
    page.on('console', async (message) => {
        const values = await Promise.all(
            message.args().map((value) => value.jsonValue().catch(() => String(value))),
        );
        const show = (value) => (typeof value === 'string' ? value : JSON.stringify(value));
        tell(values.length ? values.map(show).join(' ') : message.text());
    });
    page.on('pageerror', (error) => tell(`pageerror ${error}`));
    if (origin === server.base) {
        // The server does not serve other people's pages; the browser is told that it does.
        const body = content(name, server.base, true, use);
        const answer = { body, contentType: HTML };
        await page.route(`${origin}/${name}`, (route) => route.fulfill(answer));
    }
    await page.goto(`${origin}/${name}`);
    const hears = (part) => new Promise((resolve, reject) => {
        const look = () => {
            const found = said.find((line) => line.includes(part));
            if (found === undefined) return;
            clearTimeout(timer);
            waiting.delete(look);
            resolve(found);
        };
        const timer = setTimeout(() => {
            reject(new Error(`the page does not say ${part}: ${said.join(' | ')}`));
        }, PATIENCE);
        waiting.add(look);
        look();
    });
    return { page, said, hears, close: () => context.close() };
}

/** Runs a snippet with `await` at its top in an open page, with words replaced. */
async function run(view, server, name, replaced = {}, isOwn = true) {
    let text = snippet(name, server.base, isOwn);
    for (const [from, to] of Object.entries(replaced)) {
        assert(text.includes(from), `${name} has no ${from}`);
        text = text.replaceAll(from, to);
    }
    const done = `done ${name} ${view.said.length}`;
    // An error is an event of the window then, which `open` writes down.
    const script = `${text}\n;console.log(${JSON.stringify(done)});`;
    await view.page.addScriptTag({ content: script, type: 'module' });
    return () => view.hears(done);
}

/** The object that follows a word in what a page says. */
const object = (line) => JSON.parse(line.slice(line.indexOf('{')));

async function post(server, path, body, secret) {
    const headers = { 'Content-Type': 'application/json' };
    if (secret) headers.Authorization = `Bearer ${secret}`;
    const options = { method: 'POST', headers, body: JSON.stringify(body) };
    const response = await fetch(server.base + path, options);
    return { status: response.status, body: await response.json() };
}

async function broadcast(server, message, secret) {
    const answer = await post(server, '/mcp/sse/broadcast', { message }, secret);
    assert.equal(answer.status, 200, JSON.stringify(answer));
    assert(answer.body.queued >= 1, JSON.stringify(answer));
}

// ---- checks ----

const allowed = await site();
const foreign = await site();
const browser = await chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: [
        '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
        '--disable-background-networking', '--disable-component-update', '--disable-sync',
    ],
});
const origins = `origins = ['${allowed.origin}']\n`;
const tokens = token('your-token', 'team') + token('master-token', 'master');
const configs = {
    seed_2: `${origins}${tokens}${TOOLS}`,
    seed_3: `${origins}${TOOLS}`,
    seed_4: `${origins}timeouts.heartbeat = '1s'\n[compat]\nsse_plain = true\n${TOOLS}`,
};

/** A check with a server of its own, for the configuration of the seed it is named after. */
async function check(name, body) {
    let server;
    try {
        server = await start(configs[`seed_${name[1]}`]);
        for (const other of [allowed, foreign]) other.base = server.base;
        await body(server);
        console.log(`ok ${name}`);
    } catch (error) {
        failed += 1;
        console.log(`not ok ${name}: ${String(error.message ?? error).replaceAll('\n', ' ')}`);
    }
    await server?.end();
    for (const context of browser.contexts()) await context.close();
}

for (const [where, origin] of [['own'], ['allowed', allowed.origin]]) {
    const isOwn = origin === undefined;

    await check(`s2_05_browser_${where}_origin`, async (server) => {
        const view = await open(browser, server, 'seed_2.html', { origin });
        const welcome = object(await view.hears('Welcome:'));
        const id = { 'your-connection-id': welcome.result.connectionId };
        await (await run(view, server, 'seed_2_send.mjs', id, isOwn))();
        assert(object(`{${(await view.hears('Response:')).split('{').slice(1).join('{')}`).tools);
        assert(!view.said.some((line) => line.includes('SSE Error')), view.said.join(' | '));
    });

    await check(`s2_10_browser_${where}_origin`, async (server) => {
        const view = await open(browser, server, 'seed_2.html', { origin });
        await view.hears('Welcome:');
        await (await run(view, server, 'seed_2_broadcast.mjs', {}, isOwn))();
        await view.hears('Server maintenance in 5 minutes');
    });

    await check(`s3_05_browser_${where}_origin`, async (server) => {
        const view = await open(browser, server, 'seed_3.html', { origin });
        await view.hears('Connected with ID:');
        // The snippet asks at once, before it knows its connection. Again, now that it does.
        await view.page.evaluate(() => sendMCPRequest('tools/list'));
        const list = object(await view.hears('"tools"'));
        assert.equal(String(list.id).length, 13);
        const send = () => sendMCPRequest(
            'tools/call', { name: 'get_client', arguments: { email: 'test@example.com' } },
        );
        assert.equal((await view.page.evaluate(send)).status, 'accepted');
        await view.hears('client test@example.com');
    });

    await check(`s4_01_browser_${where}_origin`, async (server) => {
        const view = await open(browser, server, 'seed_4.html', { origin });
        await view.hears('Connected to MCP server');
        await view.hears('Connection established');
        await view.hears('Heartbeat received');
        await broadcast(server, { jsonrpc: '2.0', id: 1, result: { content: [] } });
        await view.hears('Data: {"jsonrpc":"2.0"');
        await broadcast(server, { type: 'error', message: 'Error details here' });
        await view.hears('Error: Error details here');
    });
}

await check('s2_02_browser_foreign_origin_is_blocked', async (server) => {
    const view = await open(browser, server, 'seed_2.html', { origin: foreign.origin });
    await view.page.waitForFunction(() => eventSource.readyState === EventSource.CLOSED);
    assert(!view.said.some((line) => line.includes('Welcome')), view.said.join(' | '));
    await run(view, server, 'seed_2_send.mjs', {}, false);
    await view.hears('pageerror');
    assert(!view.said.some((line) => line.startsWith('done')), view.said.join(' | '));
});

await check('s3_07_browser_foreign_origin_can_do_nothing', async (server) => {
    const view = await open(browser, server, 'seed_3.html', { origin: foreign.origin });
    await view.page.waitForFunction(() => eventSource.readyState === EventSource.CLOSED);
    const marker = join(server.folder, 'marker');
    // As simple as a request can be, so that the browser asks nobody before it sends it.
    const simple = ([url, text]) => fetch(url, {
        method: 'POST',
        headers: { 'Content-Type': 'text/plain' },
        body: JSON.stringify({
            jsonrpc: '2.0', id: 1, method: 'tools/call',
            params: { name: 'touch', arguments: { text } },
        }),
    }).then(() => 'answered', () => 'blocked');
    for (const path of ['/mcp', '/mcp/tools/touch']) {
        const said = await view.page.evaluate(simple, [server.base + path, marker]);
        assert.equal(said, 'blocked');
    }
    // Had one of them been run, it would be over by now: calls of a tool are answered in turn.
    const answer = await post(server, '/mcp/tools/list_projects', {});
    assert.equal(answer.status, 200);
    assert.throws(() => readFileSync(marker), /ENOENT/);
});

await check('s4_01_browser_foreign_origin_is_blocked', async (server) => {
    const view = await open(browser, server, 'seed_4.html', { origin: foreign.origin });
    await view.hears('SSE Error');
    assert(!view.said.some((line) => line.includes('Connected')), view.said.join(' | '));
});

await check('s2_07_browser_dashboard', async (server) => {
    const view = await open(browser, server, 'seed_2_dashboard.html');
    await view.page.waitForFunction(() => document.title === 'connected');
    // The snippet asks every 30 seconds; the page asks the same once by hand.
    const ask = () => sendMCPCommand('tools/call', { name: 'list_projects', arguments: {} });
    await view.page.evaluate(ask);
    await view.page.waitForFunction(() => {
        return document.getElementById('projects').textContent.includes('garage');
    });
});

await check('s2_07_browser_progress', async (server) => {
    const view = await open(browser, server, 'seed_2_progress.html');
    const welcome = object(await view.hears('Welcome:'));
    const gate = join(server.folder, 'gate');
    const body = {
        connectionId: welcome.result.connectionId,
        message: { method: 'tools/call', params: { name: 'long', arguments: { text: gate } } },
    };
    assert.equal((await post(server, '/mcp/sse/send', body, 'your-token')).status, 202);
    await view.page.waitForFunction(() => document.getElementById('bar').value > 0);
    writeFileSync(gate, '');
});

await check('s2_16_browser_replays_after_a_restart_of_the_connection', async (server) => {
    const view = await open(browser, server, 'seed_2.html');
    const welcome = object(await view.hears('Welcome:'));
    await view.page.context().setOffline(true);
    const send = (text) => post(server, '/mcp/sse/send', {
        connectionId: welcome.result.connectionId,
        message: { method: 'tools/list', id: text },
    }, 'your-token');
    assert.equal((await send('while away')).status, 202);
    await view.page.context().setOffline(false);
    assert.equal((await send('when back')).status, 202);
    await view.page.waitForFunction(() => eventSource.readyState === EventSource.OPEN);
    await view.hears('Response:');
});

await check('s2_16_browser_reconnects_by_itself', async (server) => {
    const view = await open(browser, server, 'seed_2.html');
    await view.hears('Welcome:');
    const port = new URL(server.base).port;
    await server.end();
    await view.hears('SSE Error');
    const again = await start(configs.seed_2, port);
    try {
        await view.page.waitForFunction(() => eventSource.readyState === EventSource.OPEN);
        const message = { type: 'mcp-notification', result: { again: true } };
        await broadcast(again, message, 'master-token');
        await view.hears('"again":true');
    } finally {
        await again.end();
    }
});

for (const use of ['seed_4_monitoring.js', 'seed_4_logging.js', 'seed_4_stale.js']) {
    await check(`s4_03_browser_${use.replace('.js', '')}`, async (server) => {
        const view = await open(browser, server, 'seed_4_uses.html', { use });
        await view.hears('handled connection');
        await view.hears('handled heartbeat');
        const seen = {
            'seed_4_monitoring.js': () => document.title === 'heartbeat',
            'seed_4_logging.js': () => document.getElementById('logs').children.length > 1,
            'seed_4_stale.js': () => eventSource.readyState === EventSource.OPEN,
        };
        await view.page.waitForFunction(seen[use]);
        assert(!view.said.some((line) => line.includes('pageerror')), view.said.join(' | '));
    });
}

await check('s4_06_browser_reconnects_after_the_close_message', async (server) => {
    const view = await open(browser, server, 'seed_4_reconnect.html');
    await view.hears('heard {"type":"connection"');
    const port = new URL(server.base).port;
    await server.end();
    await view.hears('heard {"type":"close","code":0}');
    const again = await start(configs.seed_4, port);
    try {
        await broadcastWhenHeard(again, { type: 'raw', content: 'again' });
        await view.hears('"content":"again"');
    } finally {
        await again.end();
    }
});

/** Broadcasts as soon as somebody is there to hear it. */
async function broadcastWhenHeard(server, message) {
    const deadline = Date.now() + PATIENCE;
    for (;;) {
        const answer = await post(server, '/mcp/sse/broadcast', { message });
        if (answer.body.queued > 0) return;
        assert(Date.now() < deadline, 'nobody came back');
    }
}

// ---- the page that the server brings; tests/browser looks at the whole of it ----

/** Opens it and connects through one of its doors. */
async function connect(server, path, door, secret) {
    const page = await (await browser.newContext()).newPage();
    page.setDefaultTimeout(PATIENCE);
    await page.goto(server.base + path);
    // It has tried by itself how far it comes with nothing.
    await page.locator('#settings:visible, #show-settings:visible').first().waitFor();
    const isShown = await page.locator('#settings').isVisible();
    if (!isShown) await page.locator('#show-settings').click();
    assert.equal(new URL(await page.locator('#server-url').inputValue()).origin, server.base);
    if (secret) await page.locator('#token').fill(secret);
    await page.locator('#door').selectOption(door);
    await page.locator('#settings [type=submit]').click();
    await page.locator('#status[data-state=connected]').waitFor();
    return page;
}

/** Calls a tool and waits for what it says, there and in the list of events. */
async function callInPage(page, tool, expected, event) {
    await page.locator('#tool-list button', { hasText: tool }).first().click();
    await page.locator('#tool').getByRole('button', { name: 'Call', exact: true }).click();
    await page.locator('#tool .result', { hasText: expected }).waitFor();
    await heardInPage(page, event);
}

/** Waits for a text in the list of events, which stands beside the rest or behind a tab. */
async function heardInPage(page, text) {
    const tab = page.locator('#tab-events');
    if (await tab.isVisible()) await tab.click();
    await page.locator('#log', { hasText: text }).waitFor();
}

await check('s2_15_browser_page', async (server) => {
    const page = await connect(server, '/demo-sse.html', 'hyphenated', 'your-token');
    await callInPage(page, 'list_projects', 'garage', 'tool-result');
});

await check('s3_08_browser_page', async (server) => {
    const page = await connect(server, '/mcp_sse_example.html', 'underscored');
    await callInPage(page, 'get_client', 'client', 'mcp_response');
    await page.locator('#disconnect').click();
    await page.locator('#status[data-state=closed]').waitFor();
});

await check('s4_12_browser_page', async (server) => {
    const page = await connect(server, '/sse-demo.html', 'plain');
    await broadcast(server, { type: 'note', text: 'everybody' });
    await heardInPage(page, 'everybody');
    assert(Number(await page.locator('#messages').innerText()) > 0);
    assert.match(await page.locator('#since').innerText(), /\d/);
    await page.locator('#disconnect').click();
    await page.locator('#status[data-state=closed]').waitFor();
});

for (const other of [allowed, foreign]) other.close();
await browser.close();
process.exit(failed === 0 ? 0 : 1);
