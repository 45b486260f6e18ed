// What both generations of the TypeScript SDK have to do against the daemon, on every transport and
// in every mode. Environment as in harness.mjs.
import assert from 'node:assert/strict';
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
    base, call, connect, Cutter, LEGACY, MODERN, reload, seconds, text, until, Wire, within,
} from './harness.mjs';

const TOOLS = ['add', 'count', 'echo', 'fail', 'grumble', 'slow', 'system-info'];

// ---- calls ----

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

// ---- log messages and news ----

/** What `grumble` says on stderr while the client asks for `level` or more. */
async function grumbles(suite, connection, level) {
    const heard = [];
    await suite.sdk.hear(connection.client, 'notifications/message', ({ params }) => {
        heard.push(`${params.level} ${params.logger}: ${params.data}`);
    });
    let _meta;
    if (suite.revision === LEGACY) {
        await connection.client.setLoggingLevel(level ?? 'error');
    } else if (level) {
        _meta = { 'io.modelcontextprotocol/logLevel': level };
    }
    assert.equal(text(await call(suite, connection, 'grumble', {}, { _meta })), 'done');
    return heard;
}

/** Has a tool added and taken away: after some news each time the list must be another. */
async function seesReloads(suite, connection) {
    const { client } = connection;
    let news = 0;
    await suite.sdk.hear(client, 'notifications/tools/list_changed', () => {
        news += 1;
    });
    // A client may keep a list until it is told that there is another.
    const isListed = async () =>
        (await client.listTools()).tools.some(({ name }) => name === suite.name);
    assert(!await isListed(), 'it is there already');
    for (const isThere of [true, false]) {
        const before = news;
        reload(suite.name, isThere);
        await until(`the tool is ${isThere ? 'listed' : 'gone'}`, async () =>
            news > before && await isListed() === isThere);
    }
}

// ---- checks: everywhere ----

const shared = {
    async negotiates_the_revision_it_asked_for({ revision }, { client, version }) {
        assert.equal(client.getNegotiatedProtocolVersion?.() ?? version, revision);
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

    async hears_log_messages_at_the_level_it_asked_for(suite, connection) {
        const said = ['info grumble: too cold', 'info grumble: too wet'];
        assert.deepEqual(await grumbles(suite, connection, 'debug'), said);
        assert.deepEqual(await grumbles(suite, connection, 'info'), said);
        assert.deepEqual(await grumbles(suite, connection, 'warning'), []);
        assert.deepEqual(await grumbles(suite, connection, undefined), []);
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

// ---- checks: where folders are known, which they are not in builds for routers ----

/** What a tool that knows folders has found; the SDK has held it against the schema. */
async function found(suite, connection, tool, parameters = {}) {
    const { tools } = await connection.client.listTools();
    assert.equal(tools.find(({ name }) => name === tool).outputSchema.type, 'object');
    const result = await call(suite, connection, tool, parameters);
    assert(!result.isError && text(result).length > 0, text(result));
    return result.structuredContent;
}

const knowing = {
    async finds_code_by_what_it_does(suite, connection) {
        const parameters = { query: 'function that parses JSON', limit: 5 };
        const { hits: [hit] } = await found(suite, connection, 'vector-search', parameters);
        assert.match(hit.title, /read_reading$/);
        assert.equal(hit.language, 'python');
        const { contents } = await connection.client.readResource({ uri: hit.uri });
        assert.match(contents[0].text.split('\n')[hit.line - 1], /^def read_reading/);
    },

    async finds_what_notes_say(suite, connection) {
        const parameters = { query: 'the pump hums', limit: 1_000_000 };
        const answer = await found(suite, connection, 'knowledge-search', parameters);
        assert.match(answer.hits[0].title, /Pump/);
        assert.match(answer.hits[0].snippet, /impeller/);
        assert.match(answer.note, /limit is 50/);
        const none = await call(suite, connection, 'knowledge-search', { query: ' ' });
        assert.equal(none.isError, true);
        assert.match(text(none), /query/);
    },

    async lists_decisions(suite, connection) {
        const { decisions } = await found(suite, connection, 'adr-list');
        assert.deepEqual(decisions.map(({ number }) => number), [1, 2]);
        assert.equal(decisions[0].supersededBy, 2);
        assert.deepEqual(decisions[1].supersedes, [1]);
        const accepted = await found(suite, connection, 'adr-list', { status: 'accepted' });
        assert.deepEqual(accepted.decisions, [decisions[1]]);
    },

    async is_told_how_the_index_is(suite, connection) {
        const one = await found(suite, connection, 'task-status', { id: 'insight-index' });
        assert.deepEqual([one.status, one.progress, one.total], ['completed', 4, 4]);
        const { tasks } = await found(suite, connection, 'task-status');
        assert(tasks.some(({ taskId }) => taskId === 'insight-index'));
    },

    async reads_nothing_outside_of_folders(_, { client }) {
        const { resourceTemplates } = await client.listResourceTemplates();
        const patterns = resourceTemplates.map(({ uriTemplate }) => uriTemplate);
        assert.deepEqual(patterns, ['insight://{folder}/{+path}']);
        const ways = ['code/%2e%2e/notes/cellar.md', 'code//etc/passwd', 'code/%00', 'etc/passwd'];
        for (const way of ways) {
            await assert.rejects(client.readResource({ uri: `insight://${way}` }), /not found/i);
        }
    },
};

// ---- checks: revisions with a handshake ----

const legacy = {
    async pings(_, { client }) {
        await client.ping({ timeout: seconds(5) });
    },

    async is_told_that_tools_changed(suite, connection) {
        await seesReloads(suite, connection);
    },
};

// ---- checks: 2026-07-28 ----

/** Runs `check` while the client listens to changes of tools; ends with the listening. */
async function whileListening(connection, check) {
    const subscription = await connection.client.listen({ toolsListChanged: true });
    assert.deepEqual(subscription.honoredFilter, { toolsListChanged: true });
    await check();
    await subscription.close();
    assert.equal(await subscription.closed, 'local');
}

const stateless = {
    async needs_no_session(_, { client, transport, wire }) {
        assert.equal(client.getProtocolEra(), 'modern');
        assert.equal(transport.sessionId, undefined);
        assert.deepEqual(wire.requests.filter(({ method }) => method !== 'POST'), []);
    },

    async is_told_what_the_server_can_do(_, { client }) {
        const { tools, logging } = client.getServerCapabilities();
        assert.deepEqual({ tools, logging }, { tools: { listChanged: true }, logging: {} });
        assert.equal(client.getServerVersion().name, 'client-suite');
        assert.equal(client.getInstructions(), 'Tools that the client suite calls.');
    },

    async hears_of_changes_while_it_listens(suite, connection) {
        await whileListening(connection, () => seesReloads(suite, connection));
    },

    async hears_of_nothing_without_listening(suite, connection) {
        // Not on the shared connection: news of what it just listened to may still be under way.
        const deaf = await connect(suite, base);
        let news = 0;
        await suite.sdk.hear(deaf.client, 'notifications/tools/list_changed', () => {
            news += 1;
        });
        await whileListening(connection, () => seesReloads(suite, connection));
        await end(suite, deaf);
        assert.equal(news, 0);
    },

    async listens_twice_while_it_calls(suite, connection) {
        await whileListening(connection, () =>
            whileListening(connection, () => countCompletely(suite, connection, 5)));
        await countCompletely(suite, connection, 3);
    },

    // Nothing resumes: the connection was the call.
    async loses_the_call_when_cut_and_its_process_is_gone(suite) {
        await withCutter(suite, new Wire(), async (connection, cutter) => {
            const { marker, answer } = await startSlow(suite, connection, 'cut');
            await cutter.cut();
            await assert.rejects(answer);
            await isTerminated(marker);
            await countCompletely(suite, connection, 3);
        });
    },

    async ends_every_call_when_it_leaves(suite) {
        const connection = await connect(suite, base);
        const { marker, answer } = await startSlow(suite, connection, 'left');
        const subscription = await connection.client.listen({ toolsListChanged: true });
        await end(suite, connection);
        assert.notEqual(await subscription.closed, 'graceful');
        await assert.rejects(answer);
        await isTerminated(marker);
    },
};

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

/** What clients that know 2026-07-28 come to on HTTP+SSE, which has none of it. */
const insisting = {
    async falls_back_by_itself(suite) {
        const connection = await connect(suite, base, { mode: 'auto' });
        assert.equal(connection.client.getNegotiatedProtocolVersion(), LEGACY);
        assert.equal(text(await call(suite, connection, 'echo', { text: 'auto' })), 'auto');
        await end(suite, connection);
    },

    async learns_that_it_cannot_insist(suite) {
        await assert.rejects(connect(suite, base, { mode: MODERN }), /did not offer pinned/);
    },
};

// ---- ends ----

const ends = {
    async http(suite, { client, transport, wire }) {
        if (suite.revision === MODERN) {
            await client.close();
            return;
        }
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

const end = (suite, connection) => ends[suite.transport](suite, connection);

/** Every check for the kind of connection that `suite` has. */
export const checksOf = suite => ({
    ...shared,
    ...(process.env.KNOWN ? knowing : {}),
    ...(suite.revision === MODERN ? stateless : { ...legacy, ...perTransport[suite.transport] }),
    ...(suite.transport === 'sse' && suite.sdk.isModern ? insisting : {}),
    ends: end,
});
