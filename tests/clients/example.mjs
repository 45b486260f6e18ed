// What both generations of the TypeScript SDK have to do against examples/conformance, which has
// resources, prompts, and tools that ask their client something. Environment as in harness.mjs.
import assert from 'node:assert/strict';
import { base, call, connect, MODERN, text, until } from './harness.mjs';

const PNG = /^\x89PNG/;
const decoded = data => Buffer.from(data, 'base64').toString('latin1');

// ---- answering ----

/** What a client that can be asked anything declares. */
const CAPABILITIES = { elicitation: {}, sampling: {}, roots: {} };

/** Runs `check` with a client that answers with `answers`, and returns what it was asked. */
async function answering(suite, answers, check) {
    const client = suite.sdk.client(suite.mode, CAPABILITIES);
    const asked = [];
    for (const [method, answer] of Object.entries(answers)) {
        suite.sdk.answer(client, method, request => {
            asked.push(request);
            return typeof answer === 'function' ? answer(request.params) : answer;
        });
    }
    const connection = await connect(suite, base, { client });
    await check(connection);
    await client.close();
    return asked;
}

/** Calls a tool that asks once, with one answer. */
async function askedOnce(suite, method, answer, name, parameters) {
    let result;
    const [request, ...more] = await answering(suite, { [method]: answer }, async connection => {
        result = await call(suite, connection, name, parameters);
    });
    assert(request && more.length === 0, `it was asked ${more.length + (request ? 1 : 0)} times`);
    return { params: request.params, said: text(result) };
}

const accepts = content => ({ 'elicitation/create': { action: 'accept', content } });
const says = said => ({
    'sampling/createMessage': {
        role: 'assistant', model: 'a parrot', content: { type: 'text', text: said },
    },
});
const has = (...paths) => ({
    'roots/list': { roots: paths.map(path => ({ uri: `file://${path}`, name: path })) },
});

// ---- checks: everywhere ----

const shared = {
    async negotiates_the_revision_it_asked_for({ revision }, { client, version }) {
        assert.equal(client.getNegotiatedProtocolVersion?.() ?? version, revision);
    },

    async is_given_every_kind_of_content(suite, connection) {
        const contentOf = async name => (await call(suite, connection, name)).content;
        const [said] = await contentOf('test_simple_text');
        assert.equal(said.text, 'This is a simple text response for testing.');
        const [image] = await contentOf('test_image_content');
        assert.match(decoded(image.data), PNG);
        const [audio] = await contentOf('test_audio_content');
        assert.equal(audio.mimeType, 'audio/wav');
        assert.match(decoded(audio.data), /^RIFF/);
        const [embedded] = await contentOf('test_embedded_resource');
        assert.equal(embedded.resource.text, 'This is an embedded resource content.');
        const types = (await contentOf('test_multiple_content_types')).map(({ type }) => type);
        assert.deepEqual(types, ['text', 'image', 'resource']);
    },

    async learns_that_a_tool_failed(suite, connection) {
        const result = await call(suite, connection, 'test_error_handling');
        assert.equal(result.isError, true);
        assert.notEqual(text(result), '');
    },

    async sees_progress_in_order(suite, connection) {
        const seen = [];
        const onprogress = ({ progress, total }) => seen.push(`${progress}/${total}`);
        await call(suite, connection, 'test_tool_with_progress', {}, { onprogress });
        // SDKs drop progress that arrives in one read with the result.
        assert.deepEqual(seen, ['0/100', '50/100', '100/100'].slice(0, Math.max(seen.length, 2)));
    },

    async reads_resources(_, { client }) {
        const { resources } = await client.listResources();
        const uris = resources.map(({ uri }) => uri);
        for (const name of ['static-text', 'static-binary', 'watched-resource']) {
            assert(uris.includes(`test://${name}`), `${uris}`);
        }
        const read = async uri => (await client.readResource({ uri })).contents[0];
        const said = await read('test://static-text');
        assert.equal(said.text, 'This is the content of the static text resource.');
        const binary = await read('test://static-binary');
        assert.equal(binary.mimeType, 'image/png');
        assert.match(decoded(binary.blob), PNG);
    },

    async reads_what_a_template_stands_for(_, { client }) {
        const { resourceTemplates } = await client.listResourceTemplates();
        const uris = resourceTemplates.map(({ uriTemplate }) => uriTemplate);
        assert(uris.includes('test://template/{id}/data'), `${uris}`);
        const { contents } = await client.readResource({ uri: 'test://template/a-1/data' });
        assert.equal(contents[0].uri, 'test://template/a-1/data');
        assert.equal(JSON.parse(contents[0].text).id, 'a-1');
    },

    async learns_that_a_resource_is_unknown({ revision }, { client }) {
        const uri = 'test://nothing/here';
        await assert.rejects(client.readResource({ uri }), error => {
            if (revision === MODERN) {
                assert.equal(error.data.uri, uri);
            }
            assert.equal(error.code, revision === MODERN ? -32602 : -32002);
            return true;
        });
    },

    async fills_in_prompts(_, { client }) {
        const { prompts } = await client.listPrompts();
        const listed = prompts.find(({ name }) => name === 'test_prompt_with_arguments');
        assert.deepEqual(listed.arguments.map(({ name, required }) => [name, required]),
            [['arg1', true], ['arg2', true]]);
        const get = async (name, parameters) =>
            (await client.getPrompt({ name, arguments: parameters })).messages;
        const [simple] = await get('test_simple_prompt');
        assert.equal(simple.content.text, 'This is a simple prompt for testing.');
        const [filled] = await get('test_prompt_with_arguments', { arg1: 'Grüße', arg2: '"\n' });
        assert.equal(filled.content.text, `Prompt with arguments: arg1='Grüße', arg2='"\n'`);
        const resourceUri = 'test://static-text';
        const [embedded] = await get('test_prompt_with_embedded_resource', { resourceUri });
        assert.equal(embedded.content.resource.uri, resourceUri);
        const [image] = await get('test_prompt_with_image');
        assert.match(decoded(image.content.data), PNG);
    },

    async learns_that_a_prompt_is_unknown(_, { client }) {
        await assert.rejects(client.getPrompt({ name: 'no-such-prompt' }), { code: -32602 });
    },

    async is_helped_to_complete(_, { client }) {
        const { completion } = await client.complete({
            ref: { type: 'ref/prompt', name: 'test_prompt_with_arguments' },
            argument: { name: 'arg1', value: 'test' },
        });
        assert(Array.isArray(completion.values), `${completion.values}`);
    },
};

// ---- checks: revisions with a handshake ----

/** The user's answer to the form of `test_elicitation`. */
const USER = { username: 'ada', email: 'ada@example.com' };

const legacy = {
    async hears_log_messages_at_the_level_it_asked_for(suite, connection) {
        const heard = [];
        await suite.sdk.hear(connection.client, 'notifications/message', ({ params }) => {
            heard.push(`${params.level} ${params.data}`);
        });
        await connection.client.setLoggingLevel('error');
        await call(suite, connection, 'test_tool_with_logging');
        assert.deepEqual(heard, []);
        await connection.client.setLoggingLevel('info');
        await call(suite, connection, 'test_tool_with_logging');
        await until('the messages come', () => heard.length >= 3);
        assert.deepEqual(heard, [
            'info Tool execution started', 'info Tool processing data',
            'info Tool execution completed',
        ]);
    },

    async fills_in_a_form(suite) {
        const answer = { action: 'accept', content: USER };
        const { params, said } = await askedOnce(
            suite, 'elicitation/create', answer, 'test_elicitation', { message: 'Who?' });
        assert.equal(params.message, 'Who?');
        assert.deepEqual(params.requestedSchema.required, ['username', 'email']);
        assert.match(said, /^User response: accept.*ada@example\.com/s);
    },

    async declines_and_cancels_a_form(suite) {
        for (const action of ['decline', 'cancel']) {
            const { said } = await askedOnce(
                suite, 'elicitation/create', { action }, 'test_elicitation', { message: 'Who?' });
            assert.match(said, new RegExp(`^User response: ${action}`));
        }
    },

    async is_given_defaults_and_choices(suite) {
        const answer = { action: 'accept', content: {} };
        const defaults = await askedOnce(
            suite, 'elicitation/create', answer, 'test_elicitation_sep1034_defaults');
        const { properties } = defaults.params.requestedSchema;
        const values = Object.values(properties).map(({ default: value }) => value);
        assert.deepEqual(values, ['John Doe', 30, 95.5, 'active', true]);
        assert.match(defaults.said, /^Elicitation completed: action=accept/);
        const choices = await askedOnce(
            suite, 'elicitation/create', answer, 'test_elicitation_sep1330_enums');
        const { titledSingle, legacyEnum } = choices.params.requestedSchema.properties;
        assert.equal(titledSingle.oneOf[1].title, 'Second Option');
        assert.deepEqual(legacyEnum.enumNames, ['Option One', 'Option Two', 'Option Three']);
    },

    async speaks_for_a_model(suite) {
        const { params, said } = await askedOnce(
            suite, 'sampling/createMessage', says('Polly')['sampling/createMessage'],
            'test_sampling', { prompt: 'Who are you?' });
        assert.equal(params.messages[0].content.text, 'Who are you?');
        assert.equal(said, 'LLM response: Polly');
    },

    async is_not_asked_what_it_cannot_answer(suite, connection) {
        const answer = call(suite, connection, 'test_sampling', { prompt: 'Who are you?' });
        const failed = await answer.then(({ isError }) => isError, () => true);
        assert.equal(failed, true);
    },

    async fails_to_answer_and_the_tool_learns_it(suite) {
        const answers = { 'elicitation/create': () => Promise.reject(new Error('no screen')) };
        await answering(suite, answers, async connection => {
            const answer = call(suite, connection, 'test_elicitation', { message: 'Who?' });
            const failed = await answer.then(({ isError }) => isError, () => true);
            assert.equal(failed, true);
        });
    },

    async answers_many_at_once(suite) {
        const answers = {
            'elicitation/create': ({ message }) =>
                ({ action: 'accept', content: { username: message, email: 'x@example.com' } }),
        };
        await answering(suite, answers, async connection => {
            const names = Array.from({ length: 5 }, (_, index) => `user-${index}`);
            const results = await Promise.all(names.map(message =>
                call(suite, connection, 'test_elicitation', { message })));
            results.forEach((result, index) => assert(text(result).includes(names[index])));
        });
    },

    async is_told_of_changes(suite, connection) {
        await hearsOf(suite, connection, 'tools');
        await hearsOf(suite, connection, 'prompts');
    },

    async hears_of_a_resource_that_it_subscribed_to(suite, connection) {
        const { client } = connection;
        const updated = await noteUpdates(suite, connection);
        await call(suite, connection, 'test_trigger_resource_change');
        await client.subscribeResource({ uri: WATCHED });
        await call(suite, connection, 'test_trigger_resource_change');
        await until('news of the resource', () => updated.length > 0);
        await client.unsubscribeResource({ uri: WATCHED });
        await call(suite, connection, 'test_trigger_resource_change');
        // News come in order: nothing is under way any more.
        await hearsOf(suite, connection, 'tools');
        assert.deepEqual(updated, [WATCHED]);
    },

    async names_its_roots(suite) {
        const { said } = await ask(suite, 'list_roots', has('/srv/a', '/srv/b'));
        assert.match(said, /Found 2 root/);
    },
};

/** The resource that changes when `test_trigger_resource_change` is called. */
const WATCHED = 'test://watched-resource';

/** The URIs of resources that change from now on. */
async function noteUpdates(suite, { client }) {
    const updated = [];
    await suite.sdk.hear(client, 'notifications/resources/updated', ({ params }) => {
        updated.push(params.uri);
    });
    return updated;
}

/** Has the example tell that its tools or prompts changed, and waits until it did. */
async function hearsOf(suite, connection, what) {
    let count = 0;
    await suite.sdk.hear(connection.client, `notifications/${what}/list_changed`, () => {
        count += 1;
    });
    await call(suite, connection, `test_trigger_${what.slice(0, -1)}_change`);
    await until(`news of ${what}`, () => count > 0);
}

// ---- checks: 2026-07-28 ----

const ask = (suite, what, answers) => {
    let result;
    return answering(suite, answers, async connection => {
        result = await call(suite, connection, `test_input_required_result_${what}`);
    }).then(asked => ({ asked, said: text(result), failed: result.isError ?? false }));
};

const stateless = {
    async hears_log_messages_at_the_level_it_asked_for(suite, connection) {
        const heard = [];
        await suite.sdk.hear(connection.client, 'notifications/message', ({ params }) => {
            heard.push(params.level);
        });
        const at = level => ({ _meta: { 'io.modelcontextprotocol/logLevel': level } });
        await call(suite, connection, 'test_logging_tool');
        await call(suite, connection, 'test_logging_tool', {}, at('emergency'));
        assert.deepEqual(heard, []);
        await call(suite, connection, 'test_logging_tool', {}, at('debug'));
        assert.notEqual(heard.length, 0);
    },

    async fills_in_a_form(suite) {
        const { asked, said } = await ask(suite, 'elicitation', accepts({ name: 'Ada' }));
        assert.deepEqual(asked.map(({ params }) => params.message), ['What is your name?']);
        assert.equal(said, 'Hello, Ada!');
    },

    async declines_and_cancels_a_form(suite) {
        for (const action of ['decline', 'cancel']) {
            const { asked, said } =
                await ask(suite, 'elicitation', { 'elicitation/create': { action } });
            assert.equal(asked.length, 1);
            assert.doesNotMatch(said, /Ada|undefined|null/);
        }
    },

    async speaks_for_a_model(suite) {
        const { asked, said } = await ask(suite, 'sampling', says('Paris'));
        assert.equal(asked[0].params.messages[0].content.text, 'What is the capital of France?');
        assert.match(said, /Paris/);
    },

    async names_its_roots(suite) {
        const { said } = await ask(suite, 'list_roots', has('/srv/a', '/srv/b'));
        assert.match(said, /Found 2 root/);
    },

    async is_asked_three_things_at_once(suite) {
        const answers = { ...accepts({ name: 'Ada' }), ...says('Good day'), ...has('/srv/a') };
        const { asked, failed } = await ask(suite, 'multiple_inputs', answers);
        const methods = asked.map(({ method }) => method).sort();
        assert.deepEqual(methods, ['elicitation/create', 'roots/list', 'sampling/createMessage']);
        assert.equal(failed, false);
    },

    async is_asked_in_two_rounds(suite) {
        const answers = {
            'elicitation/create': ({ requestedSchema }) => ({
                action: 'accept',
                content: 'name' in requestedSchema.properties ? { name: 'Ada' } : { color: 'red' },
            }),
        };
        const { asked, failed } = await ask(suite, 'multi_round', answers);
        const rounds = asked.map(({ params }) => params.message.split(':')[0]);
        assert.deepEqual(rounds, ['Step 1', 'Step 2']);
        assert.equal(failed, false);
    },

    async brings_back_the_state_it_was_given(suite) {
        const { said } = await ask(suite, 'request_state', accepts({ ok: true }));
        assert.match(said, /state-ok/);
    },

    async fills_in_the_form_of_a_prompt(suite) {
        await answering(suite, accepts({ context: 'a cellar' }), async ({ client }) => {
            const name = 'test_input_required_result_prompt';
            const { messages } = await client.getPrompt({ name });
            assert.match(messages[0].content.text, /a cellar/);
        });
    },

    async learns_what_it_would_have_to_be_able_to(suite, connection) {
        await assert.rejects(call(suite, connection, 'test_missing_capability'), error => {
            assert.equal(error.code, -32021);
            assert.deepEqual(error.data.requiredCapabilities, { sampling: {} });
            return true;
        });
    },

    async answers_many_at_once(suite) {
        let count = 0;
        const answers = {
            'elicitation/create': () => {
                count += 1;
                return { action: 'accept', content: { name: `user-${count}` } };
            },
        };
        await answering(suite, answers, async connection => {
            const results = await Promise.all(Array.from({ length: 5 }, () =>
                call(suite, connection, 'test_input_required_result_elicitation')));
            const expected = Array.from({ length: 5 }, (_, index) => `Hello, user-${index + 1}!`);
            assert.deepEqual(results.map(text).sort(), expected);
        });
    },

    async hears_of_changes_while_it_listens(suite, connection) {
        const filter = { toolsListChanged: true, promptsListChanged: true };
        const subscription = await connection.client.listen(filter);
        assert.deepEqual(subscription.honoredFilter, filter);
        await hearsOf(suite, connection, 'tools');
        await hearsOf(suite, connection, 'prompts');
        await subscription.close();
    },

    async hears_of_a_resource_while_it_listens(suite, connection) {
        const updated = await noteUpdates(suite, connection);
        await call(suite, connection, 'test_trigger_resource_change');
        const filter = { resourceSubscriptions: [WATCHED], toolsListChanged: true };
        const subscription = await connection.client.listen(filter);
        assert.deepEqual(subscription.honoredFilter, filter);
        await call(suite, connection, 'test_trigger_resource_change');
        await until('news of the resource', () => updated.length > 0);
        await hearsOf(suite, connection, 'tools');
        assert.deepEqual(updated, [WATCHED]);
        await subscription.close();
    },

    async hears_only_of_what_it_listens_to(suite, connection) {
        const heard = [];
        for (const what of ['tools', 'prompts']) {
            await suite.sdk.hear(
                connection.client, `notifications/${what}/list_changed`, () => heard.push(what));
        }
        const subscription = await connection.client.listen({ promptsListChanged: true });
        await call(suite, connection, 'test_trigger_tool_change');
        await call(suite, connection, 'test_trigger_prompt_change');
        await until('news of prompts', () => heard.length > 0);
        assert.deepEqual(heard, ['prompts']);
        await subscription.close();
    },
};

/** Every check for the kind of connection that `suite` has. */
export const checksOf = ({ revision }) => ({
    ...shared,
    ...(revision === MODERN ? stateless : legacy),
    ends: (_, { client }) => client.close(),
});
