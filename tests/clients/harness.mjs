// What the TypeScript clients share: connections whose requests are watched, waiting, named checks.
//
// Environment: SLIMCP_URL (base URL), SLOWNESS (factor for all waiting), ENDED (file that takes the
// addresses of closed HTTP+SSE sessions; they are gone only after the resume window, so `run` looks
// at them last), DAEMON and DROP_INS (process id of the daemon, its `conf.d`).
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

// The SDKs live outside the repository's tree, where `import` does not look.
export const require = createRequire(new URL('../../target/clients/', import.meta.url));

export const base = new URL(process.env.SLIMCP_URL ?? 'http://127.0.0.1:8000');
const slowness = Number(process.env.SLOWNESS ?? 1);
export const seconds = count => count * 1000 * slowness;
export const LEGACY = '2025-11-25';
export const MODERN = '2026-07-28';

/** What the command line can name: transport, how the revision is found, which it has to be. */
export const KINDS = {
    sse: { transport: 'sse', mode: 'legacy', revision: LEGACY },
    http: { transport: 'http', mode: 'legacy', revision: LEGACY },
    auto: { transport: 'http', mode: 'auto', revision: MODERN },
    modern: { transport: 'http', mode: MODERN, revision: MODERN },
};

/**
 * Runs every check for the kind of connection that the command line names, against the daemon or
 * the example, and exits.
 */
export async function run(sdk) {
    const [, , name, server = 'daemon'] = process.argv;
    const { checksOf } = await import({ daemon: './checks.mjs', example: './example.mjs' }[server]);
    const kind = KINDS[name];
    assert(kind && (kind.mode === 'legacy' || sdk.isModern), `one of ${Object.keys(KINDS)}`);
    const directory = mkdtempSync(join(tmpdir(), 'slimcp-clients-'));
    const suite = { sdk, ...kind, name: `${sdk.name}-${name}`, directory, failed: 0 };
    let connection;
    await report(suite, 'connects', async () => {
        connection = await connect(suite, base);
    });
    if (connection) {
        for (const [name, check] of Object.entries(checksOf(suite))) {
            await report(suite, name, () => check(suite, connection));
        }
    }
    rmSync(directory, { recursive: true });
    process.exit(suite.failed === 0 ? 0 : 1);
}

export async function report(suite, name, check) {
    const line = await within(seconds(30), check()).then(
        () => `ok ${name}`,
        error => `not ok ${name}: ${String(error?.message ?? error).replaceAll('\n', ' ')}`,
    );
    suite.failed += line.startsWith('not') ? 1 : 0;
    console.log(line);
}

// ---- connections ----

/** What went over the wire: the SDKs take it as their `fetch`. */
export class Wire {
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

/** Connects as the suite's kind does, or as `differently` says. */
export async function connect(suite, url, differently = {}) {
    const { transport: name, mode, wire, client } = {
        ...suite, wire: new Wire(), client: undefined, ...differently,
    };
    const door = { sse: 'sse', http: 'mcp' }[name];
    const address = new URL(`${String(url).replace(/\/$/, '')}/${door}`);
    const transport = new suite.sdk.transports[name](address, { fetch: wire.fetch });
    const connection = { client: client ?? suite.sdk.client(mode), transport, wire };
    const setProtocolVersion = transport.setProtocolVersion.bind(transport);
    transport.setProtocolVersion = version => {
        connection.version = version;
        setProtocolVersion(version);
    };
    await within(seconds(15), connection.client.connect(transport));
    return connection;
}

/** `cutter.py` in front of the server. */
export class Cutter {
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

export function within(milliseconds, promise) {
    let timer;
    const late = new Promise((_, reject) => {
        timer = setTimeout(() => reject(new Error(`nothing in ${milliseconds} ms`)), milliseconds);
    });
    return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

export async function until(what, condition) {
    const deadline = Date.now() + seconds(10);
    while (!await condition()) {
        assert(Date.now() < deadline, `waited too long: ${what}`);
        await sleep(20);
    }
}

// ---- calls ----

export const text = result => result.content.map(item => item.text ?? '').join('\n');

export function call({ sdk }, { client }, name, parameters = {}, { _meta, ...options } = {}) {
    const request = { name, arguments: parameters, ...(_meta && { _meta }) };
    return sdk.call(client, request, { timeout: seconds(20), ...options });
}

// ---- the daemon ----

/**
 * Puts a tool into the daemon's configuration, or takes it away, and has it reloaded. Other clients
 * do the same at the same time, each with a file of its own.
 */
export function reload(name, isThere) {
    const path = join(process.env.DROP_INS, `${name}.toml`);
    if (isThere) {
        const lines = [`name = "${name}"`, 'description = "Say nothing."', 'command = ["true"]'];
        // At once: another client's reload must not read half of it.
        writeFileSync(`${path}.new`, `[[tool]]\n${lines.join('\n')}\n`);
        renameSync(`${path}.new`, path);
    } else {
        rmSync(path);
    }
    process.kill(Number(process.env.DAEMON), 'SIGHUP');
}
