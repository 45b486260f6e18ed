// The console in a real browser, against the real program. Each check has a page of its own, in
// which any error, dialog or breach of the content policy is a failure of that check.
//
// Environment: SLIMCP (the program), CHECKS (words; checks whose name holds one of them run).
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { startFront } from './front.mjs';

const here = new URL('./', import.meta.url);
const target = new URL('../../target/', here);
const require = createRequire(new URL('browser/', target));
const { chromium, devices } = require('playwright-core');
const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

const program = process.env.SLIMCP ?? fileURLToPath(new URL('release/slimcp', target));
const pictures = fileURLToPath(new URL('browser/', target));
const wanted = (process.env.CHECKS ?? '').split(' ').filter(Boolean);
const PATIENCE = 15_000;
const SECRET = 'slimcp_Zm9yIHRoZSBicm93c2VyIHN1aXRl';
const DOORS = ['streamable', 'stateless', 'sse', 'underscored', 'hyphenated', 'plain', 'rest'];
const ARGUMENTS = [
    '--headless',
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
];

// ---- the server ----

async function freePort() {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address();
    server.close();
    return port;
}

class Daemon {
    async start(port) {
        this.port = port ?? (await freePort());
        this.url = `http://127.0.0.1:${this.port}/`;
        const config = fileURLToPath(new URL('slimcp.toml', here));
        const parameters = ['serve', '-c', config, '--listen', `127.0.0.1:${this.port}`];
        this.child = spawn(program, parameters, { stdio: ['ignore', 'ignore', 'pipe'] });
        for await (const line of createInterface({ input: this.child.stderr })) {
            if (line.includes('listening on')) break;
        }
        this.child.stderr.resume();
        assert.equal(this.child.exitCode, null, 'the daemon has ended');
        return this;
    }

    async stop() {
        if (this.child.exitCode !== null) return;
        const ended = once(this.child, 'exit');
        this.child.kill('SIGTERM');
        await ended;
    }

    async health() {
        return (await fetch(new URL('health', this.url))).json();
    }
}

// ---- the page ----

/** A console in a browser window of its own. */
class Console {
    faults = [];

    static async open(url = site, { expects = [], before, ...options } = {}) {
        const self = new Console();
        const viewport = { width: 1360, height: 860 };
        self.context = await browser.newContext({ viewport, ...options });
        self.context.setDefaultTimeout(PATIENCE);
        self.page = await self.context.newPage();
        self.page.on('pageerror', error => self.faults.push(error.stack));
        self.page.on('dialog', dialog => self.faults.push(`a dialog: ${dialog.message()}`));
        self.page.on('console', message => {
            const isExpected = expects.some(word => message.text().includes(word));
            if (message.type() === 'error' && !isExpected) self.faults.push(message.text());
        });
        opened.push(self);
        await before?.(self);
        await self.page.goto(url);
        return self;
    }

    find(selector, options) {
        return this.page.locator(selector, options);
    }

    connected() {
        return this.find('#status[data-state=connected]').waitFor();
    }

    /** Connects through a door. */
    async connect(door) {
        await this.connected();
        if (!(await this.find('#settings').isVisible())) await this.find('#show-settings').click();
        await this.find('#door').selectOption(door);
        await this.find('#settings [type=submit]').click();
        await this.connected();
        await this.find('#tool-list .name', { hasText: 'add' }).waitFor();
    }

    /** Shows a tool. */
    async choose(name) {
        await this.find('#tool-list button')
            .filter({ has: this.find('.name', { hasText: new RegExp(`^${name}$`) }) })
            .click();
    }

    /** The input of an argument. */
    field(name) {
        const code = this.find('code', { hasText: new RegExp(`^${name}$`) });
        return this.find('#tool .field', { has: code }).locator('input, textarea, select');
    }

    async fill(values) {
        for (const [name, value] of Object.entries(values)) {
            const field = this.field(name);
            const isChoice = (await field.evaluate(element => element.tagName)) === 'SELECT';
            if (isChoice) await field.selectOption({ label: value });
            else await field.fill(value);
        }
    }

    async press() {
        await this.find('#tool').getByRole('button', { name: 'Call', exact: true }).click();
    }

    /** Calls a tool with plain arguments and returns what is shown of the result. */
    async call(name, values = {}) {
        await this.choose(name);
        await this.fill(values);
        await this.press();
        return this.result();
    }

    async result() {
        await this.find('#tool .result header').waitFor();
        return this.find('#tool .result').innerText();
    }

    /** Everything that is read in the log. */
    log() {
        return this.find('#log').innerText();
    }

    until(what, condition) {
        return this.page
            .waitForFunction(condition, undefined, { timeout: PATIENCE })
            .catch(() => assert.fail(`waited in vain: ${what}`));
    }

    picture(name) {
        return this.page.screenshot({ path: `${pictures}${name}.png` });
    }

    async close() {
        const hacked = await this.page.evaluate('window.hacked').catch(() => undefined);
        await this.context.close();
        assert.equal(hacked, undefined, 'markup was executed');
        assert.deepEqual(this.faults, []);
    }
}

/** Answers requests for `path` (its end) with `answer(request)`, unless that is nothing. */
function intercept(console, path, answer) {
    return console.page.route(
        url => url.pathname.endsWith(path),
        async route => {
            const response = await answer(route.request(), route);
            if (!response) return route.fallback();
            const { status = 200, type = 'application/json', body } = response;
            const text = typeof body === 'string' ? body : JSON.stringify(body);
            return route.fulfill({ status, contentType: type, body: text });
        },
    );
}

/** The JSON-RPC message in a request. */
const message = request => (request.method() === 'POST' ? request.postDataJSON() : undefined);

/** Whether the page can be moved sideways. */
const isTooWide = ({ page }) =>
    page.evaluate(
        () => document.scrollingElement.scrollWidth > document.scrollingElement.clientWidth,
    );

/** What WCAG AA misses on the page. */
async function violations({ page }) {
    await page.evaluate(axe);
    const found = await page.evaluate(() =>
        window.axe.run(document, {
            runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice'],
        }),
    );
    return found.violations.map(({ id, nodes }) => `${id}: ${nodes[0].html.slice(0, 120)}`);
}

async function disconnects(console) {
    await console.find('#disconnect').click();
    await console.find('#status[data-state=closed]').waitFor();
}

// ---- checks ----

const checks = {
    async opens_and_connects_by_itself() {
        const console = await Console.open();
        await console.connected();
        await console.find('#tool-list li').nth(7).waitFor();
        assert.equal(await console.page.title(), 'Browser <b>suite</b> · slimcp console');
        await console.until('a sign of life', () =>
            /ago$/.test(document.querySelector('#beat').innerText),
        );
        assert.match(await console.find('#session').innerText(), /^.{6}…$/);
    },

    async asks_nobody_else() {
        const hosts = new Set();
        const console = await Console.open(site, {
            before: ({ page }) =>
                page.on('request', request => hosts.add(new URL(request.url()).host)),
        });
        await console.connected();
        hosts.delete('');
        assert.deepEqual([...hosts], [new URL(site).host]);
    },

    async disconnects_and_leaves_nothing() {
        const before = await daemon.health();
        const console = await Console.open();
        await console.connected();
        await disconnects(console);
        const { sessions } = await daemon.health();
        assert(sessions <= before.sessions, `${sessions} sessions`);
    },

    ...Object.fromEntries(
        DOORS.map(door => [
            `calls_a_tool_through_${door}`,
            async () => {
                // REST answers the failing tool with 500, which the browser itself reports.
                const console = await Console.open(site, { expects: ['500'] });
                await console.connect(door);
                assert.match(await console.call('add', { a: '2.5', b: '-4' }), /sum: -1.5/);
                assert.match(
                    await console.call('fail'),
                    /reports an error[^]*the cellar is flooded/,
                );
                await disconnects(console);
            },
        ]),
    ),

    ...Object.fromEntries(
        DOORS.filter(door => door !== 'plain' && door !== 'rest').map(door => [
            `shows_progress_through_${door}`,
            async () => {
                const console = await Console.open();
                await console.connect(door);
                await console.choose('count');
                await console.press();
                await console.until('progress', () =>
                    /line \d/.test(document.querySelector('#tool .said')?.innerText),
                );
                assert.match(await console.result(), /line 20/);
            },
        ]),
    ),

    ...Object.fromEntries(
        DOORS.map(door => [
            `cancels_through_${door}`,
            async () => {
                const console = await Console.open();
                await console.connect(door);
                await console.choose('count');
                await console.fill({ to: '600' });
                await console.press();
                await console.find('#tool').getByRole('button', { name: 'Cancel' }).click();
                assert.match(await console.result(), /Cancelled/);
                const deadline = Date.now() + PATIENCE;
                while ((await daemon.health()).calls > 0)
                    assert(Date.now() < deadline, 'the call goes on');
            },
        ]),
    ),

    async sends_arguments_of_every_type() {
        const console = await Console.open();
        await console.connected();
        const values = { text: 'Grüße <b>', count: '7', on: 'true', mode: 'fast' };
        const shown = await console.call('show', values);
        assert.match(shown, /text=Grüße <b>\ncount=7\non=true\nmode=fast/);
        assert.doesNotMatch(shown, /far=/);
    },

    async says_what_is_wrong_before_it_sends_anything() {
        const console = await Console.open();
        let calls = 0;
        console.page.on(
            'request',
            request => (calls += message(request)?.method === 'tools/call' ? 1 : 0),
        );
        await console.connected();
        await console.choose('show');
        await console.fill({ count: '10', far: 'ABC' });
        await console.press();
        const said = console.find('#tool .problem:visible');
        assert.deepEqual(await said.allInnerTexts(), [
            'A value is needed.',
            'At most 9.',
            'This has to match ^(?:[a-z]+)$',
        ]);
        assert.equal(await console.field('text').getAttribute('aria-invalid'), 'true');
        assert(await console.field('text').evaluate(field => field === document.activeElement));
        await console.fill({ text: 'x', count: '9', far: 'abc' });
        assert.equal(await said.count(), 0);
        assert.equal(calls, 0);
        await console.press();
        assert.match(await console.result(), /far=abc/);
    },

    async takes_arguments_as_json() {
        const console = await Console.open();
        await console.connected();
        await console.choose('show');
        await console.fill({ text: 'kept', count: '3' });
        const toggle = console.find('#tool').getByRole('button', { name: 'Edit as JSON' });
        await toggle.click();
        const raw = console.find('#tool').getByLabel('Arguments as JSON');
        assert.deepEqual(JSON.parse(await raw.inputValue()), {
            text: 'kept',
            count: 3,
            mode: 'slow',
        });
        await raw.fill('[1]');
        await console.press();
        await console.find('#tool .problem', { hasText: 'JSON object' }).waitFor();
        await raw.fill('{"text": "new", "count": 4}');
        await console.press();
        assert.match(await console.result(), /text=new\ncount=4/);
        await toggle.click();
        assert.equal(await console.field('text').inputValue(), 'new');
    },

    async leaves_the_last_word_to_the_server() {
        const console = await Console.open();
        await console.connected();
        await console.choose('show');
        await console.find('#tool').getByRole('button', { name: 'Edit as JSON' }).click();
        await console.find('#tool').getByLabel('Arguments as JSON').fill('{"count": 99}');
        await console.press();
        assert.match(await console.result(), /reports an error/);
    },

    async shows_a_picture() {
        const console = await Console.open();
        await console.connected();
        await console.call('picture');
        await console.until(
            'the picture',
            () => document.querySelector('#tool .result img')?.naturalWidth === 2,
        );
    },

    async shows_every_kind_of_content() {
        const content = [
            { type: 'audio', mimeType: 'audio/wav', data: 'UklGRiQAAABXQVZFZm10IBAAAAABAAEA' },
            { type: 'resource_link', uri: 'https://example.org/a', name: 'A link' },
            { type: 'resource_link', uri: 'javascript:window.hacked=1', name: 'No link' },
            { type: 'resource', resource: { uri: 'file:///a', text: 'inside' } },
            { type: 'image', mimeType: 'text/html', data: 'PGI+' },
            { type: 'text', text: '{"deep":[1,{"null":null}]}' },
            { type: 'from-the-future', what: 'unknown' },
        ];
        const console = await Console.open(site, {
            before: each =>
                intercept(each, '/mcp', request => {
                    const { id, method } = message(request) ?? {};
                    return (
                        method === 'tools/call' && {
                            body: { jsonrpc: '2.0', id, result: { content } },
                        }
                    );
                }),
        });
        await console.connected();
        const shown = await console.call('fail');
        for (const words of ['inside', 'from-the-future', 'No link', 'null']) {
            assert(shown.includes(words), `${words} in ${shown}`);
        }
        assert.equal(await console.find('#tool audio').count(), 1);
        const links = console.find('#tool .result a');
        assert.deepEqual(await links.evaluateAll(all => all.map(({ href }) => href)), [
            'https://example.org/a',
        ]);
        assert.equal(await console.find('#tool img').count(), 0);
    },

    async copies_a_result() {
        const permissions = ['clipboard-read', 'clipboard-write'];
        const console = await Console.open(site, { permissions });
        await console.connected();
        await console.call('add', { a: '1', b: '2' });
        await console.find('#tool .result').getByRole('button', { name: 'Copy' }).click();
        await console.find('#tool .result').getByRole('button', { name: 'Copied' }).waitFor();
        const copied = await console.page.evaluate('navigator.clipboard.readText()');
        assert.equal(copied, '{"sum":3}');
    },

    ...Object.fromEntries(
        ['streamable', 'stateless', 'sse', 'hyphenated'].map(door => [
            `connects_again_after_a_restart_through_${door}`,
            async () => {
                const own = await new Daemon().start();
                const console = await Console.open(await siteOf(own), {
                    expects: ['Failed to load', 'net::'],
                });
                try {
                    await console.connect(door);
                    await own.stop();
                    await console.find('#status[data-state=waiting]').waitFor();
                    await console.until('a countdown', () =>
                        /^Reconnecting in/.test(document.querySelector('#status').innerText),
                    );
                    await console.picture(`waiting-${door}`);
                    await own.start(own.port);
                    await console.connected();
                    assert.match(await console.call('add', { a: '1', b: '1' }), /sum: 2/);
                } finally {
                    await own.stop();
                }
            },
        ]),
    ),

    ...Object.fromEntries(
        ['streamable', 'hyphenated'].map(door => [
            `a_broadcast_is_shown_through_${door}`,
            async () => {
                const console = await Console.open();
                await console.connect(door);
                await console.find('#tab-server').click();
                await console.find('#broadcast-text').fill('The <b>cellar</b> is wet');
                await console.find('#broadcast').getByRole('button', { name: 'Send' }).click();
                await console.find('#notices', { hasText: 'The <b>cellar</b> is wet' }).waitFor();
                await console.find('#broadcast-said', { hasText: /^Sent to [1-9]/ }).waitFor();
            },
        ]),
    ),

    async markup_executes_nothing() {
        const name = '<img src=x onerror=window.hacked=1>';
        const console = await Console.open(site, {
            before: each =>
                intercept(each, '/mcp', async (request, route) => {
                    if (message(request)?.method !== 'tools/list') return undefined;
                    const body = await (await route.fetch()).json();
                    const field = { [name]: { type: 'string', description: name, default: name } };
                    const inputSchema = { type: 'object', properties: field };
                    body.result.tools.push({ name, title: name, description: name, inputSchema });
                    return { body };
                }),
        });
        await console.connected();
        await console.find('#tool-list .name', { hasText: name }).click();
        await console.press();
        await console.result();
        assert.match(await console.call('markup'), /<img src=x onerror=/);
        await console.find('#tab-setup').click();
        assert.match(await console.find('#instructions').innerText(), /<img src=x/);
        assert.equal(await console.find('img').count(), 0);
        assert.equal(await console.find('#name').innerText(), 'Browser <b>suite</b>');
    },

    async a_token_is_used_and_left_nowhere() {
        const shown = [];
        const console = await Console.open(`${site}?token=${SECRET}#x`, {
            // The server under test knows no tokens; what is shown to it is looked at and left out.
            before: ({ page }) =>
                page.route('**', async route => {
                    const { authorization, ...headers } = await route.request().allHeaders();
                    shown.push([new URL(route.request().url()).pathname, authorization]);
                    await route.continue({ headers });
                }),
        });
        await console.connected();
        await console.call('add', { a: '1', b: '1' });
        assert.equal(console.page.url(), `${site}#x`);
        const asked = shown.filter(([path]) => /mcp|health|api|metrics/.test(path));
        assert(asked.length > 4);
        for (const [path, given] of asked) assert.equal(given, `Bearer ${SECRET}`, path);
        await holdsNoSecret(console, SECRET);
        const next = 'slimcp_the_second_one';
        await console.find('#show-settings').click();
        await console.find('#token').fill(next);
        await console.find('#settings [type=submit]').click();
        await console.connected();
        assert.equal(shown.findLast(([path]) => path.endsWith('/mcp'))[1], `Bearer ${next}`);
        await holdsNoSecret(console, next);
        assert.equal(await console.find('#token').inputValue(), '');
    },

    async a_server_that_asks_for_a_token_is_no_riddle() {
        const console = await Console.open(site, {
            expects: ['401'],
            before: each =>
                each.page.route(/\/mcp$/, async route => {
                    const { authorization, ...headers } = await route.request().allHeaders();
                    if (authorization) return route.continue({ headers });
                    return route.fulfill({
                        status: 401,
                        json: { error: { code: -32001, message: 'no' } },
                    });
                }),
        });
        await console.find('#problem', { hasText: 'This server asks for a token.' }).waitFor();
        await console.picture('token');
        await console.page.keyboard.type(SECRET);
        await console.page.keyboard.press('Enter');
        await console.connected();
        assert(!(await console.find('#problem').isVisible()));
    },

    async the_server_view_is_for_those_who_may_see_it() {
        const allowed = await Console.open();
        await allowed.connected();
        await allowed.find('#tab-server').click();
        const tiles = allowed.find('#tiles .tile');
        await tiles.filter({ hasText: 'Sessions' }).filter({ hasText: /[1-9]/ }).waitFor();
        assert.equal(await tiles.count(), 6);
        const sessions = allowed.find('#sessions tbody tr');
        await sessions.filter({ hasText: 'streamable' }).filter({ hasText: 'open' }).first().waitFor();
        let answered;
        const refused = await Console.open(site, {
            expects: ['403'],
            before: each => {
                answered = each.page.waitForResponse(/metrics$/);
                return intercept(each, '/metrics', () => ({ status: 403, body: {} }));
            },
        });
        await refused.connected();
        await (await answered).finished();
        await refused.page.evaluate(() => new Promise(requestAnimationFrame));
        assert(!(await refused.find('#tab-server').isVisible()));
    },

    async the_server_is_asked_only_while_somebody_looks() {
        const console = await Console.open();
        let looks = 0;
        console.page.on('request', request => (looks += request.url().endsWith('/health') ? 1 : 0));
        await console.connected();
        await console.find('#tab-setup').click();
        assert.equal(looks, 0);
        await console.find('#tab-server').click();
        await console.find('#tiles .tile').first().waitFor();
        assert(looks > 0);
    },

    async metrics_become_limits_and_charts() {
        let calls = 0;
        const text = () =>
            `slimcp_calls_total ${(calls += 30)}\nslimcp_sessions_max 50\n` +
            `slimcp_request_duration_seconds_sum{door="mcp"} ${calls / 100}\n` +
            `slimcp_request_duration_seconds_sum{door="operations"} 1e9\n` +
            `slimcp_request_duration_seconds_count{door="mcp"} ${calls}\n`;
        const console = await Console.open(site, {
            before: each =>
                intercept(each, '/metrics', () => ({ type: 'text/plain', body: text() })),
        });
        await console.connected();
        await console.find('#tab-server').click();
        await console.find('.tile', { hasText: 'of 50' }).locator('meter').waitFor();
        await console.find('.tile', { hasText: '10.0 ms' }).waitFor();
    },

    async snippets_are_offered() {
        const clients = [
            { client: 'one', label: 'First', place: 'a file', text: 'url = "<b>"' },
            { client: 'two', label: 'Second', place: 'a terminal', text: 'second add' },
        ];
        const doors = [{ method: 'GET', path: '/sse', kind: 'sse' }];
        const console = await Console.open(site, {
            before: each => intercept(each, '/api', () => ({ body: { clients, doors } })),
        });
        await console.connected();
        await console.find('#tab-setup').click();
        await console.find('#snippet', { hasText: 'url = "<b>"' }).waitFor();
        await console.find('#client').selectOption({ label: 'Second' });
        assert.equal(await console.find('#snippet').innerText(), 'second add');
        assert.equal(await console.find('#snippet-place').innerText(), 'a terminal');
        assert.match(await console.find('#doors').innerText(), /GET\s+\/sse\s+sse/);
    },

    async the_log_is_bounded_filtered_and_paused() {
        const notifications = Array.from({ length: 700 }, (_, number) => ({
            jsonrpc: '2.0',
            method: 'notifications/message',
            params: { data: `number ${number}` },
        }));
        const console = await Console.open(site, {
            before: each =>
                intercept(each, '/mcp', request => {
                    const { id, params } = message(request) ?? {};
                    const all = [...notifications, { jsonrpc: '2.0', id, result: { content: [] } }];
                    const body = all.map(each => `data: ${JSON.stringify(each)}\n\n`).join('');
                    return params?.name === 'fail' && { type: 'text/event-stream', body };
                }),
        });
        await console.connected();
        await console.call('fail');
        const lines = console.find('#log > li');
        await lines.filter({ hasText: 'number 699' }).first().waitFor();
        assert.equal(await lines.count(), 500);
        await console.find('#needle').fill('number 69');
        assert.equal(await console.find('#log > li:visible').count(), 10);
        await console.find('#needle').fill('');
        await console.find('#kinds').selectOption('out');
        assert.equal(await console.find('#log > li.in:visible').count(), 0);
        await console.find('#kinds').selectOption('all');
        await console.find('#pause').click();
        await console.find('#clear').click();
        await console.call('add', { a: '1', b: '1' });
        await console.find('#pause', { hasText: 'Resume (' }).waitFor();
        assert.equal(await lines.count(), 0);
        await console.find('#pause').click();
        await lines.first().waitFor();
        await lines.first().locator('summary').click();
        assert.match(await lines.first().locator('pre').innerText(), /tools\/call/);
    },

    async a_change_of_the_tools_is_followed() {
        let changes = 0;
        const console = await Console.open(site, {
            before: each =>
                intercept(each, '/mcp', async (request, route) => {
                    const { id, method } = message(request) ?? {};
                    if (method === 'tools/list' && changes) {
                        const body = await (await route.fetch()).json();
                        body.result.tools = [
                            { name: 'brand-new', inputSchema: { type: 'object' } },
                        ];
                        return { body };
                    }
                    if (method !== 'tools/call') return undefined;
                    changes++;
                    const news = { jsonrpc: '2.0', method: 'notifications/tools/list_changed' };
                    const answer = { jsonrpc: '2.0', id, result: { content: [] } };
                    const body = [news, answer]
                        .map(each => `data: ${JSON.stringify(each)}\n\n`)
                        .join('');
                    return { type: 'text/event-stream', body };
                }),
        });
        await console.connected();
        await console.choose('fail');
        await console.press();
        await console.find('#tool-list .name', { hasText: 'brand-new' }).waitFor();
        assert.equal(await console.find('#tool-list li').count(), 1);
    },

    async works_below_the_prefix_of_a_proxy() {
        const proxy = await startFront({ upstream: site, prefix: '/box/' });
        try {
            const console = await Console.open(proxy.url);
            for (const door of ['streamable', 'sse']) {
                await console.connect(door);
                assert.match(await console.call('add', { a: '2', b: '2' }), /sum: 4/);
            }
            await disconnects(console);
        } finally {
            proxy.stop();
        }
    },

    async a_server_elsewhere_that_refuses_is_explained() {
        const console = await Console.open(site, { expects: ['CORS', 'net::', '403'] });
        await console.connected();
        await console.find('#show-settings').click();
        const elsewhere = await new Daemon().start();
        await console.find('#server-url').fill(`127.0.0.1:${elsewhere.port}/mcp`);
        await console.find('#settings [type=submit]').click();
        const origin = new URL(site).origin;
        await console
            .find('#problem', { hasText: `has to list ${origin} in its origins` })
            .waitFor();
        await elsewhere.stop();
    },

    async pages_of_older_front_ends_begin_as_those_did() {
        const table = [
            ['sse-demo.html', 'plain'],
            ['demo-sse.html', 'hyphenated'],
            ['mcp_sse_example.html', 'underscored'],
        ];
        for (const [path, door] of table) {
            const console = await Console.open(site + path, { expects: ['404'] });
            assert.equal(await console.find('#door').inputValue(), door);
            assert.equal(await console.find('#server-url').inputValue(), site);
        }
    },

    async the_keyboard_is_enough() {
        const console = await Console.open();
        const { keyboard } = console.page;
        await console.connected();
        await console.find('#tool-list .name', { hasText: 'add' }).waitFor();
        await keyboard.press('/');
        await keyboard.type('sho');
        assert.equal(await console.find('#tool-list li:visible').count(), 1);
        await keyboard.press('Tab');
        await keyboard.press('Enter');
        await console.find('#tool h2', { hasText: 'Show what arrives' }).waitFor();
        await keyboard.press('Tab');
        await keyboard.type('two');
        await keyboard.press('Shift+Enter');
        await keyboard.type('lines');
        await keyboard.press('Tab');
        await keyboard.type('2');
        await keyboard.press('Enter');
        assert.match(await console.result(), /text=two\nlines\ncount=2/);
        await console.find('#tab-tools').focus();
        await keyboard.press('ArrowLeft');
        assert.equal(await console.find('#tab-setup').getAttribute('aria-selected'), 'true');
    },

    ...Object.fromEntries(
        ['light', 'dark'].map(colorScheme => [
            `is_${colorScheme}_and_readable_for_all`,
            async () => {
                const console = await Console.open(site, { colorScheme });
                await console.connected();
                await console.call('show', { text: 'x', count: '1' });
                await console.picture(`tools-${colorScheme}`);
                const isDark = () =>
                    console.page.evaluate(() =>
                        getComputedStyle(document.body)
                            .backgroundColor.match(/\d+/g)
                            .every(part => part < 60),
                    );
                assert.equal(await isDark(), colorScheme === 'dark');
                for (const tab of ['tools', 'server', 'setup']) {
                    await console.find(`#tab-${tab}`).click();
                    await console.find(`#${tab}`).waitFor();
                    await console.picture(`${tab}-${colorScheme}`);
                    assert.deepEqual(await violations(console), []);
                }
                await console.find('#theme').click();
                assert.equal(await isDark(), colorScheme !== 'dark');
                await console.page.reload();
                assert.equal(await isDark(), colorScheme !== 'dark');
            },
        ]),
    ),

    async fits_on_a_phone() {
        const { defaultBrowserType, ...phone } = devices['iPhone SE'];
        const console = await Console.open(site, phone);
        await console.connected();
        await console.picture('phone');
        await console.choose('show');
        await console.fill({ text: 'x'.repeat(20), count: '1' });
        await console.press();
        await console.result();
        assert(!(await isTooWide(console)), 'the result is too wide');
        await console.picture('phone-tool');
        await console.find('#tool').getByRole('button', { name: 'All tools' }).click();
        await console.find('#search').waitFor();
        for (const tab of ['events', 'server', 'setup', 'tools']) {
            await console.find(`#tab-${tab}`).click();
            await console.find(`#${tab}`).waitFor();
            await console.picture(`phone-${tab}`);
            assert(!(await isTooWide(console)), `${tab} is too wide`);
            assert.deepEqual(await violations(console), []);
        }
        await console.find('#show-settings').click();
        assert(!(await isTooWide(console)), 'the settings are too wide');
        await console.picture('phone-settings');
    },
};

async function holdsNoSecret({ page, context }, secret) {
    const places = await page.evaluate(() => ({
        page: document.documentElement.outerHTML,
        text: document.documentElement.innerText,
        title: document.title,
        address: location.href,
        stored: JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie]),
        history: JSON.stringify(history.state),
        inputs: [...document.querySelectorAll('input, textarea')].map(({ value }) => value).join(),
    }));
    places.cookies = JSON.stringify(await context.cookies());
    for (const [place, text] of Object.entries(places)) {
        assert(!text?.includes(secret), `the token is in the ${place}`);
    }
}

// ---- running ----

const opened = [];
const fronts = [];

/** Where the console of a daemon is: there, or before it as long as it serves none. */
async function siteOf({ url }) {
    const response = await fetch(url);
    if (response.headers.get('Content-Type')?.startsWith('text/html')) return url;
    const front = await startFront({ upstream: url, own: true });
    fronts.push(front);
    return front.url;
}

async function run(check) {
    let timer;
    const late = new Promise((_, reject) => {
        timer = setTimeout(() => reject(new Error('it takes too long')), 4 * PATIENCE);
    });
    try {
        await Promise.race([check(), late]);
        for (const console of opened) await console.close();
    } finally {
        clearTimeout(timer);
        for (const { context } of opened.splice(0)) await context?.close().catch(() => {});
    }
}

mkdirSync(pictures, { recursive: true });
const daemon = await new Daemon().start();
const site = await siteOf(daemon);
const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ARGUMENTS });
let failed = 0;
let passed = 0;
for (const [name, check] of Object.entries(checks)) {
    if (wanted.length && !wanted.some(word => name.includes(word))) continue;
    try {
        await run(check);
        passed++;
        console.log(`ok ${name}`);
    } catch (error) {
        failed++;
        console.log(
            `not ok ${name}: ${String(error?.message ?? error)
                .replace(/\s+/g, ' ')
                .slice(0, 600)}`,
        );
    }
}
await browser.close();
for (const front of fronts) front.stop();
await daemon.stop();
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
