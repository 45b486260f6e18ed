// What both generations of the TypeScript SDK have to do against the server, on both transports.
//
// Environment: SLIMCP_URL (base URL), SLOWNESS (factor for all waiting), ENDED (file that takes the
// addresses of closed HTTP+SSE sessions; they are gone only after the resume window, so `run` looks
// at them last).
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

// The SDKs live outside the repository's tree, where `import` does not look.
export const require = createRequire(new URL('../../target/clients/', import.meta.url));

const base = new URL(process.env.SLIMCP_URL ?? 'http://127.0.0.1:8000');
const slowness = Number(process.env.SLOWNESS ?? 1);
const seconds = count => count * 1000 * slowness;
const TOOLS = ['add', 'count', 'echo', 'fail', 'slow', 'system-info'];
const NEWEST_LEGACY = '2025-11-25';

/** Runs every check of `sdk` on the transport named on the command line and exits. */
export async function run(sdk) {
    const kind = process.argv[2];
    assert(kind in sdk.transports, 'usage: sse|http');
    const directory = mkdtempSync(join(tmpdir(), 'slimcp-clients-'));
    const suite = { sdk, kind, directory, failed: 0 };
    let connection;
    await report(suite, 'connects', async () => {
        connection = await connect(suite, base);
    });
    if (connection) {
        await runConnected(suite, connection);
    }
    rmSync(directory, { recursive: true });
    process.exit(suite.failed === 0 ? 0 : 1);
}

async function runConnected(suite, connection) {
    for (const [name, check] of Object.entries({ ...shared, ...perTransport[suite.kind] })) {
        await report(suite, name, () => check(suite, connection));
    }
    if (suite.sdk.clientAuto) {
        await report(suite, 'negotiates_by_itself', () => negotiatesByItself(suite));
    }
    await report(suite, 'ends', () => end(suite, connection));
}

async function report(suite, name, check) {
    const line = await within(seconds(30), check()).then(
        () => `ok ${name}`,
        error => `not ok ${name}: ${String(error?.message ?? error).replaceAll('\n', ' ')}`,
    );
    suite.failed += line.startsWith('not') ? 1 : 0;
    console.log(line);
}

// ---- connections ----

/** What went over the wire: the SDKs take it as their `fetch`. */
class Wire {
    /** `{ method, url, headers, status }` of every HTTP request, in order. */
    requests = [];
    lastEventId = undefined;

    constructor({ resumes = false } = {}) {
        this.resumes = resumes;
    }

    fetch = async (url, init = {}) => {
        const headers = new Headers(init.headers);
        const request = { method: init.method ?? 'GET', url: String(url), headers };
        const isStream = request.method === 'GET';
        this.requests.push(request);
        if (this.resumes && isStream && this.lastEventId) {
            headers.set('Last-Event-ID', this.lastEventId);
        }
        const response = await fetch(url, { ...init, headers });
        request.status = response.status;
        return this.resumes && isStream ? this.watchIds(response) : response;
    };

    /** Notes the id of every complete event that passes; half an event was not received. */
    watchIds(response) {
        let text = '';
        const decoder = new TextDecoder();
        const watch = new TransformStream({
            transform: (chunk, out) => {
                text += decoder.decode(chunk, { stream: true });
                const events = text.split('\n\n');
                text = events.pop();
                for (const event of events) {
                    this.lastEventId = event.match(/^id: ?(.*)$/m)?.[1] ?? this.lastEventId;
                }
                out.enqueue(chunk);
            },
        });
        const { status, headers } = response;
        return new Response(response.body.pipeThrough(watch), { status, headers });
    }

    posts = () => this.requests.filter(({ method }) => method === 'POST');
    resumptions = () => this.requests.filter(({ headers }) => headers.has('last-event-id'));
}

async function connect(suite, url, { wire = new Wire(), client = suite.sdk.client() } = {}) {
    const path = { sse: '/sse', http: '/mcp' }[suite.kind];
    const transport = new suite.sdk.transports[suite.kind](new URL(path, url), {
        fetch: wire.fetch,
    });
    const connection = { client, transport, wire, version: undefined };
    const setProtocolVersion = transport.setProtocolVersion.bind(transport);
    transport.setProtocolVersion = version => {
        connection.version = version;
        setProtocolVersion(version);
    };
    await within(seconds(15), client.connect(transport));
    return connection;
}

/** `cutter.py` in front of the server. */
class Cutter {
    static async start() {
        const script = new URL('cutter.py', import.meta.url).pathname;
        const child = spawn('python3', [script, base.port], { stdio: ['pipe', 'pipe', 'inherit'] });
        const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
        const cutter = new Cutter();
        cutter.url = new URL(`http://127.0.0.1:${(await lines.next()).value}`);
        cutter.cut = async () => {
            child.stdin.write('cut\n');
            assert.notEqual((await lines.next()).value, '0', 'there was nothing to cut');
        };
        cutter.stop = () => child.stdin.end();
        return cutter;
    }
}

// ---- waiting ----

function within(milliseconds, promise) {
    let timer;
    const late = new Promise((_, reject) => {
        timer = setTimeout(() => reject(new Error(`nothing in ${milliseconds} ms`)), milliseconds);
    });
    return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

async function until(what, condition) {
    const deadline = Date.now() + seconds(10);
    while (!condition()) {
        assert(Date.now() < deadline, `waited too long: ${what}`);
        await sleep(20);
    }
}

// ---- calls ----

const text = result => result.content.map(item => item.text ?? '').join('\n');

function call({ sdk }, { client }, name, parameters = {}, options = {}) {
    const patience = { timeout: seconds(20), ...options };
    return sdk.call(client, { name, arguments: parameters }, patience);
}

/** Calls `count` and demands every line once; `onProgress` learns how many came so far. */
async function countCompletely(suite, connection, to, onProgress = () => {}) {
    const seen = [];
    const onprogress = progress => {
        seen.push(progress);
        onProgress(seen.length);
    };
    const result = await call(suite, connection, 'count', { to }, { onprogress });
    assert.match(text(result), new RegExp(`done ${to}$`));
    const numbers = seen.map(({ progress }) => progress);
    assert.deepEqual(numbers, [...new Set(numbers)].sort((a, b) => a - b), 'progress must rise');
    const lines = seen.map(({ message }) => message).filter(message => /^\d+$/.test(message));
    assert.deepEqual(lines, Array.from({ length: to }, (_, index) => String(index + 1)));
}

/** Starts `slow` and waits until its process runs. */
async function startSlow(suite, connection, name) {
    const marker = join(suite.directory, name);
    const abort = new AbortController();
    const options = { signal: abort.signal, onprogress: () => {} };
    const answer = call(suite, connection, 'slow', { marker }, options);
    // The rejection is awaited later; until then it must not count as unhandled.
    answer.catch(() => {});
    await until('slow starts', () => existsSync(marker) && readFileSync(marker, 'utf8') !== '');
    return { marker, abort, answer };
}

async function isTerminated(marker) {
    await until('TERM arrives', () => readFileSync(marker, 'utf8').includes('terminated'));
    const processId = parseInt(readFileSync(marker, 'utf8'));
    await until('process is gone', () => !existsSync(`/proc/${processId}`));
}

// ---- checks: both transports ----

const shared = {
    async negotiates_the_revision_it_asked_for(_, { version }) {
        assert.equal(version, NEWEST_LEGACY);
    },

    async lists_tools(_, { client }) {
        const { tools } = await client.listTools();
        const names = tools.map(({ name }) => name);
        assert.deepEqual(TOOLS.filter(name => !names.includes(name)), []);
        const { inputSchema } = tools.find(({ name }) => name === 'count');
        assert.deepEqual(inputSchema.required, ['to']);
        assert.equal(inputSchema.properties.to.maximum, 60);
    },

    async echoes_any_text(suite, connection) {
        for (const said of ['hello', '', 'Grüße 🦀\u2028\n\r\n"\\\u0000', 'x'.repeat(50_000)]) {
            assert.equal(text(await call(suite, connection, 'echo', { text: said })), said);
        }
    },

    async reports_system_info(suite, connection) {
        const result = await call(suite, connection, 'system-info');
        assert(!result.isError && text(result).length > 0);
        assert(Object.keys(result.structuredContent).length > 0);
    },

    async adds_with_structured_content(suite, connection) {
        const result = await call(suite, connection, 'add', { a: 2.5, b: -4 });
        assert.deepEqual(result.structuredContent, { sum: -1.5 });
        assert.deepEqual(JSON.parse(text(result)), { sum: -1.5 });
    },

    async sees_progress_in_order(suite, connection) {
        await countCompletely(suite, connection, 8);
    },

    async learns_why_a_tool_failed(suite, connection) {
        const result = await call(suite, connection, 'fail');
        assert.equal(result.isError, true);
        assert.match(text(result), /the cellar is flooded/);
    },

    async learns_which_argument_is_wrong(suite, connection) {
        const wrong = await call(suite, connection, 'add', { a: 1, b: 'two' });
        assert.equal(wrong.isError, true);
        assert.match(text(wrong), /\bb\b/);
        const high = await call(suite, connection, 'count', { to: 61 });
        assert.equal(high.isError, true);
        assert.match(text(high), /\bto\b.*60/s);
    },

    async unknown_tool_is_invalid_params(suite, connection) {
        await assert.rejects(call(suite, connection, 'no-such-tool'), { code: -32602 });
    },

    async cancels_and_the_process_is_gone(suite, connection) {
        const { marker, abort, answer } = await startSlow(suite, connection, 'cancelled');
        abort.abort('enough');
        await assert.rejects(answer);
        await isTerminated(marker);
        await call(suite, connection, 'echo', { text: 'still here' });
    },

    async pings(_, { client }) {
        await client.ping({ timeout: seconds(5) });
    },

    async keeps_answers_apart(suite, connection) {
        const said = Array.from({ length: 20 }, (_, index) => `number ${index}`);
        const [, ...answers] = await Promise.all([
            countCompletely(suite, connection, 5),
            ...said.map(text => call(suite, connection, 'echo', { text })),
        ]);
        assert.deepEqual(answers.map(text), said);
    },
};

async function negotiatesByItself(suite) {
    const client = suite.sdk.clientAuto();
    const connection = await connect(suite, base, { client });
    assert.equal(text(await call(suite, connection, 'echo', { text: 'auto' })), 'auto');
    await end(suite, connection);
}

// ---- checks: one transport ----

/** Runs `check` on a connection that can be cut, and ends the connection. */
async function withCutter(suite, wire, check) {
    const cutter = await Cutter.start();
    const connection = await connect(suite, cutter.url, { wire });
    try {
        await check(connection, cutter);
    } finally {
        await end(suite, connection);
        cutter.stop();
    }
}

/** Cuts the stream at the third of forty lines. */
const countAcrossCut = (suite, connection, cutter) =>
    countCompletely(suite, connection, 40, count => count === 3 && cutter.cut());

const perTransport = {
    http: {
        async misses_nothing_when_cut_in_mid_call(suite) {
            const wire = new Wire();
            await withCutter(suite, wire, async (connection, cutter) => {
                await countAcrossCut(suite, connection, cutter);
                assert.notEqual(wire.resumptions().length, 0, 'it never resumed');
            });
        },

        async misses_nothing_when_cut_twice(suite) {
            await withCutter(suite, new Wire(), (connection, cutter) =>
                countCompletely(
                    suite, connection, 40,
                    count => (count === 3 || count === 25) && cutter.cut(),
                ));
        },

        // Generation 1 resumes every stream that closes without a result, a cancelled call's too.
        // Given an empty stream it opens a second listening one; and so on for ever, should the
        // server let that one replace the first. A refusal or 204 is what makes it rest.
        async leaves_a_cancelled_call_alone(suite) {
            const connection = await connect(suite, base);
            const { abort, marker } = await startSlow(suite, connection, 'left alone');
            const before = connection.wire.requests.length;
            abort.abort('enough');
            await isTerminated(marker);
            await sleep(seconds(5));
            const after = connection.wire.requests.slice(before);
            const gets = after.filter(({ method }) => method === 'GET');
            const statuses = gets.map(({ status }) => status);
            assert(gets.length <= 2 && !statuses.includes(200), `came back: ${statuses}`);
            await end(suite, connection);
        },
    },

    sse: {
        // Both generations replace the headers that EventSource prepares when it reconnects, and
        // with them goes Last-Event-ID. With the header given back nothing may be missing.
        async misses_nothing_when_cut_in_mid_call(suite) {
            const wire = new Wire({ resumes: true });
            await withCutter(suite, wire, async (connection, cutter) => {
                const [post] = wire.posts();
                await countAcrossCut(suite, connection, cutter);
                assert.notEqual(wire.resumptions().length, 0, 'it never resumed');
                await call(suite, connection, 'echo', { text: 'on the same session' });
                assert.equal(wire.posts().at(-1).url, post.url);
            });
        },

        // As they are, they come back to a new session, on which they never said `initialize`.
        // The call in flight is lost to them, everything after it must work.
        async goes_on_after_a_cut_without_last_event_id(suite) {
            const wire = new Wire();
            await withCutter(suite, wire, async (connection, cutter) => {
                await cutter.cut();
                await until('it reconnects', () =>
                    wire.requests.filter(({ status }) => status === 200).length >= 2);
                await sleep(seconds(0.5));
                assert.equal(text(await call(suite, connection, 'echo', { text: 'back' })), 'back');
                await countCompletely(suite, connection, 5);
            });
        },
    },
};

// ---- ends ----

const ends = {
    async http(suite, { client, transport, wire }) {
        const { sessionId } = transport;
        assert.match(sessionId, /^[\x21-\x7e]+$/);
        await transport.terminateSession();
        assert([200, 204].includes(wire.requests.at(-1).status), 'DELETE: 200 or 204');
        const response = await fetch(new URL('/mcp', base), {
            method: 'POST',
            headers: {
                accept: 'application/json, text/event-stream',
                'content-type': 'application/json',
                'mcp-session-id': sessionId,
            },
            body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list' }),
        });
        await response.text();
        assert.equal(response.status, 404);
        await client.close();
    },

    async sse(_, { client, wire }) {
        const address = new URL(wire.posts().at(-1).url);
        address.port = base.port;
        await client.close();
        if (process.env.ENDED) {
            appendFileSync(process.env.ENDED, `${address}\n`);
        }
    },
};

const end = (suite, connection) => ends[suite.kind](suite, connection);
