// The official TypeScript SDKs against stdio servers behind the gateway:
// typescript.mjs sdk1|sdk2 sse|http|modern
//
// Goes through all servers, and then through all of them at once at /mcp. Environment as in
// ../clients/harness.mjs, and FOLDER, where the servers work.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { SERVERS } from './servers.mjs';
import { base, call, connect, KINDS, MODERN, report, seconds, text, until } from
    '../clients/harness.mjs';

const [, , sdkName, kindName] = process.argv;
const { sdk } = await import(`../clients/${sdkName}.mjs`);
const kind = KINDS[kindName];
const me = `${sdkName}-${kindName}`;
const folder = process.env.FOLDER;
const suite = { sdk, ...kind, name: me, failed: 0 };
const isModern = kind.revision === MODERN;

// ---- a client that answers ----

/** What every client here says when it is asked. */
const ANSWERS = {
    'elicitation/create': { action: 'accept', content: { name: `Ada of ${me}` } },
    'sampling/createMessage': {
        role: 'assistant', model: 'a parrot', content: { type: 'text', text: `Polly of ${me}` },
    },
    'roots/list': { roots: [{ uri: `file:///home/${me}`, name: me }] },
};

/** Connects to `path`; `asked` has what it was asked, `heard` every notification by its method. */
async function open(path, answers = ANSWERS) {
    const capabilities = { elicitation: {}, sampling: {}, roots: {} };
    const client = sdk.client(kind.mode, capabilities);
    const connection = await connect(suite, new URL(path, base), { client });
    connection.asked = [];
    for (const [method, answer] of Object.entries(answers)) {
        sdk.answer(client, method, request => {
            connection.asked.push({ method, params: request.params ?? request });
            return answer;
        });
    }
    return connection;
}

async function close({ client, transport }) {
    if (transport.sessionId && transport.terminateSession) {
        await transport.terminateSession();
    }
    await client.close();
}

const use = (connection, name, given, options) => call(suite, connection, name, given, options);

/** What `method` told since now. */
async function hear({ client }, method) {
    const heard = [];
    await sdk.hear(client, method, ({ params }) => heard.push(params));
    return heard;
}

/** Fails one way or the other: servers differ in which. */
async function fails(work) {
    const failed = await work.then(({ isError }) => isError === true, () => true);
    assert.equal(failed, true);
}

/** Runs `check` while the client hears of changes: with a handshake it always does. */
async function listening({ client }, filter, check) {
    const subscription = isModern ? await client.listen(filter) : undefined;
    if (!isModern) {
        for (const uri of filter.resourceSubscriptions ?? []) {
            await client.subscribeResource({ uri });
        }
    }
    await check();
    if (!isModern) {
        for (const uri of filter.resourceSubscriptions ?? []) {
            await client.unsubscribeResource({ uri });
        }
    }
    await subscription?.close();
}

async function countsWithProgress(connection, name, given, expected) {
    const seen = [];
    const onprogress = ({ progress, total }) => seen.push(`${progress}/${total}`);
    const result = await use(connection, name, given, { onprogress });
    // SDKs drop progress that arrives in one read with the result.
    assert(seen.length >= expected.length - 1, `${seen}`);
    assert.deepEqual(seen, expected.slice(0, seen.length));
    return text(result);
}

// ---- checks: servers of the world ----

const everything = {
    async lists_what_there_is(connection) {
        const { client } = connection;
        const names = (await client.listTools()).tools.map(({ name }) => name);
        for (const name of ['echo', 'get-sum', 'trigger-elicitation-request']) {
            assert(names.includes(name), `${names}`);
        }
        const { prompts } = await client.listPrompts();
        assert(prompts.some(({ name }) => name === 'completable-prompt'));
        const { resourceTemplates } = await client.listResourceTemplates();
        assert.equal(resourceTemplates.length, 2);
    },

    async calls(connection) {
        assert.equal(text(await use(connection, 'echo', { message: me })), `Echo: ${me}`);
        assert.match(text(await use(connection, 'get-sum', { a: 2, b: 3 })), /\b5\b/);
        const weather = await use(connection, 'get-structured-content', { location: 'Chicago' });
        assert.equal(typeof weather.structuredContent.temperature, 'number');
        const image = await use(connection, 'get-tiny-image');
        assert(image.content.some(({ type }) => type === 'image'));
    },

    async sees_progress(connection) {
        const given = { duration: 0.5, steps: 5 };
        const said = await countsWithProgress(
            connection, 'trigger-long-running-operation', given,
            [1, 2, 3, 4, 5].map(step => `${step}/5`));
        assert.match(said, /completed/);
    },

    async cancels(connection) {
        const abort = new AbortController();
        const given = { duration: 20, steps: 20 };
        const answer = use(connection, 'trigger-long-running-operation', given, {
            signal: abort.signal, onprogress: () => abort.abort('enough'),
        });
        await assert.rejects(answer);
        assert.equal(text(await use(connection, 'echo', { message: 'still' })), 'Echo: still');
    },

    async fills_in_a_form(connection) {
        connection.asked.length = 0;
        const said = text(await use(connection, 'trigger-elicitation-request'));
        assert.match(said, new RegExp(`Ada of ${me}`));
        assert.deepEqual(connection.asked.map(({ method }) => method), ['elicitation/create']);
    },

    async speaks_for_a_model(connection) {
        connection.asked.length = 0;
        const given = { prompt: `I am ${me}`, maxTokens: 10 };
        const said = text(await use(connection, 'trigger-sampling-request', given));
        assert.match(said, new RegExp(`Polly of ${me}`));
        assert.match(JSON.stringify(connection.asked), new RegExp(`I am ${me}`));
    },

    async reads_resources(connection) {
        const { client } = connection;
        const { resources } = await client.listResources();
        const [first] = resources;
        const [file] = (await client.readResource({ uri: first.uri })).contents;
        assert(file.text.length > 0);
        const uri = 'demo://resource/dynamic/text/7';
        const [made] = (await client.readResource({ uri })).contents;
        assert.match(made.text, /^Resource 7/);
        const unknown = client.readResource({ uri: 'demo://resource/dynamic/text/none' });
        await assert.rejects(unknown);
    },

    async fills_in_prompts(connection) {
        const { client } = connection;
        const given = { name: 'args-prompt', arguments: { city: 'Bonn', state: 'NRW' } };
        const { messages } = await client.getPrompt(given);
        assert.match(messages[0].content.text, /Bonn/);
        await assert.rejects(client.getPrompt({ name: 'no-such-prompt' }), { code: -32602 });
    },

    async completes(connection) {
        const { client } = connection;
        const prompt = { type: 'ref/prompt', name: 'completable-prompt' };
        const department = { name: 'department', value: 'S' };
        const { completion } = await client.complete({ ref: prompt, argument: department });
        assert.deepEqual(completion.values, ['Sales', 'Support']);
        const chosen = await client.complete({
            ref: prompt, argument: { name: 'name', value: '' },
            context: { arguments: { department: 'Sales' } },
        });
        assert.deepEqual(chosen.completion.values, ['David', 'Eve', 'Frank']);
        const template =
            { type: 'ref/resource', uri: 'demo://resource/dynamic/text/{resourceId}' };
        const id = { name: 'resourceId', value: '7' };
        const found = await client.complete({ ref: template, argument: id });
        assert.deepEqual(found.completion.values, ['7']);
    },

    async learns_what_is_wrong(connection) {
        await fails(use(connection, 'get-sum', { a: 'two' }));
        await assert.rejects(use(connection, 'no-such-tool'), { code: -32602 });
    },
};

/** One child for each session: what is switched on there nobody else hears. */
const own = {
    ...(isModern ? {} : {
        async hears_of_its_own_resource(connection) {
            const uri = 'demo://resource/dynamic/text/1';
            const updated = await hear(connection, 'notifications/resources/updated');
            await connection.client.subscribeResource({ uri });
            await use(connection, 'toggle-subscriber-updates');
            await until('news of the resource', () => updated.length > 0);
            assert.equal(updated[0].uri, uri);
            await use(connection, 'toggle-subscriber-updates');
            await connection.client.unsubscribeResource({ uri });
        },

        async hears_its_own_log(connection) {
            const heard = await hear(connection, 'notifications/message');
            await connection.client.setLoggingLevel('debug');
            await use(connection, 'toggle-simulated-logging');
            await until('a message', () => heard.length > 0);
            await use(connection, 'toggle-simulated-logging');
        },
    }),

    calls: everything.calls,
    fills_in_a_form: everything.fills_in_a_form,
};

const filesystem = {
    async writes_and_reads(connection) {
        const path = join(folder, 'files', `${me}.txt`);
        await use(connection, 'write_file', { path, content: `by ${me}\n` });
        assert.equal(readFileSync(path, 'utf8'), `by ${me}\n`);
        assert.match(text(await use(connection, 'read_text_file', { path })), new RegExp(me));
        const edits = [{ oldText: 'by', newText: 'of' }];
        await use(connection, 'edit_file', { path, edits });
        assert.equal(readFileSync(path, 'utf8'), `of ${me}\n`);
        const listed = await use(connection, 'list_directory', { path: join(folder, 'files') });
        assert.match(text(listed), new RegExp(`${me}.txt`));
    },

    async stays_where_it_may_be(connection) {
        await fails(use(connection, 'read_text_file', { path: '/etc/hostname' }));
        await fails(use(connection, 'read_text_file', { path: join(folder, 'files', 'none') }));
    },
};

const memory = {
    async remembers(connection) {
        const entity = { name: me, entityType: 'client', observations: ['is here'] };
        const updated = await hear(connection, 'notifications/resources/updated');
        const uri = 'memory://knowledge-graph';
        // It reads its file, changes that and writes it, and so forgets what others add meanwhile.
        const isKept = async () => {
            await use(connection, 'create_entities', { entities: [entity] });
            const found = await use(connection, 'search_nodes', { query: me });
            return found.structuredContent.entities.some(({ name }) => name === me);
        };
        await listening(connection, { resourceSubscriptions: [uri] }, async () => {
            await until('it is kept', isKept);
            await until('news of the graph', () => updated.some(each => each.uri === uri));
        });
        const [graph] = (await connection.client.readResource({ uri })).contents;
        assert(JSON.parse(graph.text).entities.length > 0);
        assert.match(readFileSync(join(folder, 'memory.jsonl'), 'utf8'), /"entityType":"client"/);
    },
};

const time = {
    async tells_the_time(connection) {
        const told = await use(connection, 'get_current_time', { timezone: 'Etc/UTC' });
        const { datetime } = JSON.parse(text(told));
        assert(Math.abs(Date.parse(datetime) - Date.now()) < seconds(60), datetime);
        const given = {
            source_timezone: 'Europe/Berlin', time: '12:30', target_timezone: 'Asia/Tokyo',
        };
        assert.match(text(await use(connection, 'convert_time', given)), /T(19|20):30/);
        await fails(use(connection, 'get_current_time', { timezone: 'Nowhere/None' }));
    },
};

const git = {
    async reads_the_history(connection) {
        const repo_path = join(folder, 'repository');
        const log = text(await use(connection, 'git_log', { repo_path, max_count: 5 }));
        assert.match(log, /plant a tree/);
        assert.match(text(await use(connection, 'git_status', { repo_path })), /clean/);
        await fails(use(connection, 'git_log', { repo_path: '/' }));
    },
};

// ---- checks: servers of ours ----

const ours = {
    async is_told_who_it_is(connection) {
        const { client } = connection;
        assert.match(client.getServerVersion().name, /^ours-/);
        assert.equal(client.getInstructions(), 'Be kind.');
    },

    async echoes_any_text(connection) {
        for (const said of ['hello', 'Grüße 🦀\u2028\n\r\n"\\\u0000', 'x'.repeat(50_000)]) {
            assert.equal(text(await use(connection, 'echo', { text: said })), said);
        }
    },

    async sees_progress(connection) {
        const expected = [1, 2, 3, 4, 5].map(number => `${number}/5`);
        const said = await countsWithProgress(connection, 'count', { to: 5 }, expected);
        assert.equal(said, 'counted 5');
    },

    async keeps_answers_apart(connection) {
        const said = Array.from({ length: 20 }, (_, index) => `${me} ${index}`);
        const answers = await Promise.all(
            said.map(each => use(connection, 'echo', { text: each })));
        assert.deepEqual(answers.map(text), said);
    },

    async cancels(connection, server) {
        const marker = join(folder, `${me}-${server}-cancelled`);
        const abort = new AbortController();
        const answer = use(connection, 'wait', { marker }, { signal: abort.signal });
        answer.catch(() => {});
        const says = word => existsSync(marker) && readFileSync(marker, 'utf8') === word;
        await until('it waits', () => says('started'));
        abort.abort('enough');
        await assert.rejects(answer);
        await until('it is cancelled', () => says('cancelled'));
    },

    async learns_what_failed(connection) {
        const result = await use(connection, 'fail');
        assert.equal(result.isError, true);
        assert.match(text(result), /the cellar is flooded/);
        await assert.rejects(use(connection, 'no-such-tool'), { code: -32602 });
    },

    async fills_in_a_form(connection) {
        connection.asked.length = 0;
        assert.equal(text(await use(connection, 'ask_name')), `Hello, Ada of ${me}!`);
        const [{ params }] = connection.asked;
        assert.equal(params.message, 'What is your name?');
        assert.deepEqual(params.requestedSchema.required, ['name']);
        assert.equal(connection.asked.length, 1);
    },

    async declines_a_form(_, server) {
        const answers = { 'elicitation/create': { action: 'decline' } };
        const connection = await open(`/servers/${server}`, answers);
        assert.equal(text(await use(connection, 'ask_name')), 'Nobody: decline');
        await close(connection);
    },

    async reads_resources({ client }) {
        const { resources } = await client.listResources();
        assert.deepEqual(resources.map(({ uri }) => uri), ['memo://note']);
        const [note] = (await client.readResource({ uri: 'memo://note' })).contents;
        assert.equal(note.text, 'remember the milk');
        const unknown = client.readResource({ uri: 'memo://nothing/here' });
        await assert.rejects(unknown, ({ code }) => isModern
            ? code === -32602 : code === -32002 || code === -32602);
    },

    async fills_in_prompts({ client }) {
        const given = { name: 'greet', arguments: { name: me } };
        const { messages } = await client.getPrompt(given);
        assert.equal(messages[0].content.text, `Greet ${me}.`);
    },
};

/** What the server in Rust has not. */
const more = {
    async reads_what_a_template_stands_for({ client }) {
        const { resourceTemplates } = await client.listResourceTemplates();
        assert.equal(resourceTemplates[0].uriTemplate, 'memo://notes/{name}');
        const { contents } = await client.readResource({ uri: `memo://notes/${me}` });
        assert.equal(contents[0].text, `remember ${me}`);
    },

    async completes({ client }) {
        const { completion } = await client.complete({
            ref: { type: 'ref/prompt', name: 'greet' }, argument: { name: 'name', value: 'a' },
        });
        assert.deepEqual(completion.values, ['ada', 'alan']);
    },

    async is_told_of_changes(connection, server) {
        const { client } = connection;
        const told = await hear(connection, 'notifications/tools/list_changed');
        const isListed = async () =>
            (await client.listTools()).tools.some(({ name }) => name === me);
        await listening(connection, { toolsListChanged: true }, async () => {
            for (const exists of [true, false]) {
                const before = told.length;
                await use(connection, 'extra', { name: me, exists });
                await until(`the tool is ${exists ? 'there' : 'gone'} (${server})`, async () =>
                    told.length > before && await isListed() === exists);
            }
        });
    },
};

/** What the server in TypeScript offers. */
const most = {
    async hears_of_a_resource(connection) {
        const updated = await hear(connection, 'notifications/resources/updated');
        const uri = `memo://notes/${me}`;
        await use(connection, 'touch', { uri });
        await listening(connection, { resourceSubscriptions: [uri] }, async () => {
            await use(connection, 'touch', { uri: 'memo://note' });
            await use(connection, 'touch', { uri });
            await until('news of the resource', () => updated.length > 0);
        });
        await use(connection, 'touch', { uri });
        assert.deepEqual(updated.map(each => each.uri), [uri]);
    },

    async hears_log_messages(connection) {
        const heard = await hear(connection, 'notifications/message');
        const said = ['info cellar: too cold', 'info cellar: too wet'];
        for (const [level, expected] of [['error', []], ['info', said]]) {
            heard.length = 0;
            let _meta;
            if (isModern) {
                _meta = { 'io.modelcontextprotocol/logLevel': level };
            } else {
                await connection.client.setLoggingLevel(level);
            }
            await use(connection, 'grumble', {}, { _meta });
            await until('the messages come', () => heard.length >= expected.length);
            const words = heard.map(each => `${each.level} ${each.logger}: ${each.data}`);
            assert.deepEqual(words, expected);
        }
    },
};

const CHECKS = {
    everything, own, filesystem, memory, time, git,
    python: { ...ours, ...more }, typescript: { ...ours, ...more, ...most }, rust: ours,
};

// ---- checks: all of them at /mcp ----

/** They all have the same tools. */
const OURS = SERVERS.map(([server]) => server).filter(name => /^(py|ts|rs)-/.test(name));

const merged = {
    async lists_every_tool({ client }) {
        // They are more than a page; one of the SDKs goes on by itself.
        const names = [];
        let cursor;
        do {
            const page = await client.listTools({ cursor });
            names.push(...page.tools.map(({ name }) => name));
            cursor = page.nextCursor;
        } while (cursor);
        // Those that one server has alone keep their names.
        for (const name of ['get_current_time', 'git_log', 'write_file', 'create_entities']) {
            assert(names.includes(name), `${name} is not among ${names}`);
        }
        for (const server of OURS) {
            assert(names.includes(`${server}_echo`), `${server}_echo is not among ${names}`);
        }
        assert.equal(new Set(names).size, names.length);
        assert(names.every(name => name.length <= 64));
    },

    async calls_across_servers(connection) {
        const told = await use(connection, 'get_current_time', { timezone: 'Etc/UTC' });
        assert.match(text(told), /UTC/);
        const said = await Promise.all(OURS.map(server =>
            use(connection, `${server}_echo`, { text: `${me} ${server}` })));
        assert.deepEqual(said.map(text), OURS.map(server => `${me} ${server}`));
    },

    async is_asked_across_servers(connection) {
        for (const server of ['ts-handshake', 'ts-stateless']) {
            const said = text(await use(connection, `${server}_ask_name`));
            assert.equal(said, `Hello, Ada of ${me}!`);
        }
    },

    async reads_across_servers({ client }) {
        const uri = 'demo://resource/dynamic/text/7';
        const [made] = (await client.readResource({ uri })).contents;
        assert.match(made.text, /^Resource 7/);
        const [note] = (await client.readResource({ uri: 'memo://note' })).contents;
        assert.equal(note.text, 'remember the milk');
        const graph = await client.readResource({ uri: 'memory://knowledge-graph' });
        assert.equal(graph.contents.length, 1);
    },

    async fills_in_prompts_across_servers({ client }) {
        const given = { name: 'everything_args-prompt', arguments: { city: 'Bonn' } };
        assert.match((await client.getPrompt(given)).messages[0].content.text, /Bonn/);
        const greet = { name: 'ts-dual_greet', arguments: { name: me } };
        const { messages } = await client.getPrompt(greet);
        assert.equal(messages[0].content.text, `Greet ${me}.`);
    },
};

// ---- all of them ----

/** Every check on one connection, each reported with the server's name in front. */
async function go(server, path, checks) {
    let connection;
    await report(suite, `${server}.connects`, async () => {
        connection = await open(path);
    });
    if (!connection) {
        return;
    }
    for (const [name, check] of Object.entries(checks)) {
        await report(suite, `${server}.${name}`, () => check(connection, server));
    }
    await report(suite, `${server}.closes`, () => close(connection));
}

for (const [server, checks] of SERVERS) {
    await go(server, `/servers/${server}`, CHECKS[checks]);
}
await go('all', '/', merged);
process.exit(suite.failed === 0 ? 0 : 1);
