// What examples/conformance is, as a stdio server with the official TypeScript SDK, to be hosted:
// stdio.mjs dual|handshake
//
// `dual` speaks every revision, `handshake` those before 2026-07-28 only. Tools are written once:
// what they ask is a request with a handshake, and an answer with questions without. Requests carry
// the key that the question has to have should the gateway ask in its place.
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const require = createRequire(new URL('../../target/servers/', import.meta.url));
const {
    MissingRequiredClientCapabilityError, ProtocolError, ResourceNotFoundError, Server,
    createRequestStateCodec, inputRequired,
} = require('@modelcontextprotocol/server');
const { StdioServerTransport, serveStdio } = require('@modelcontextprotocol/server/stdio');

const PIXEL = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx' +
    '0gAAAABJRU5ErkJggg==';
const SILENCE = 'UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAACABAAZGF0YQIAAAA=';
const INVALID_PARAMS = -32602;
const PAUSE = 50;

const says = text => ({ content: [{ type: 'text', text }] });
const image = { type: 'image', data: PIXEL, mimeType: 'image/png' };
const resource = (uri, mimeType, text) =>
    ({ type: 'resource', resource: { uri, mimeType, text } });
const object = (properties = {}, required = []) => ({ type: 'object', properties, required });

// ---- asking ----

/** Nobody else could have signed what a client brings back: one key for all servers here. */
const codec = createRequestStateCodec({ key: randomBytes(32), ttlSeconds: 600 });

const isModern = ({ mcpReq }) => mcpReq.envelope !== undefined;

const form = (message, requestedSchema) =>
    ({ method: 'elicitation/create', params: { mode: 'form', message, requestedSchema } });
const sample = (text, maxTokens) => ({
    method: 'sampling/createMessage',
    params: { messages: [{ role: 'user', content: { type: 'text', text } }], maxTokens },
});
const ROOTS = { method: 'roots/list', params: {} };
const NAME = form('What is your name?', object({ name: { type: 'string' } }, ['name']));
const CAPITAL = sample('What is the capital of France?', 100);

/** A request to the client, which has the key that it shall have as a question. */
function request({ mcpReq }, key, { method, params }) {
    const _meta = { 'io.slimcp/inputKey': key };
    return mcpReq.send({ method, params: { ...params, _meta } });
}

/**
 * Asks `questions` and goes on with `then`, which gets the answers by the same keys. With `state`
 * the client has to bring something back.
 */
async function ask(context, questions, then, { state } = {}) {
    const { mcpReq } = context;
    const keys = Object.keys(questions);
    if (!isModern(context)) {
        const answers = await Promise.all(keys.map(key => request(context, key, questions[key])));
        return then(Object.fromEntries(keys.map((key, index) => [key, answers[index]])));
    }
    const answers = mcpReq.inputResponses ?? {};
    if (keys.every(key => answers[key])) {
        return then(answers);
    }
    const requestState = state && await codec.mint(state);
    return inputRequired({ inputRequests: questions, ...(requestState && { requestState }) });
}

/** Who the client is, where it says so: with a handshake it is the gateway that did. */
const capabilitiesOf = ({ mcpReq }) =>
    mcpReq.envelope?.['io.modelcontextprotocol/clientCapabilities'] ?? {};

async function askWhatIsPossible(context) {
    const askName = () => ask(context, { user_name: NAME }, greet);
    const askCapital = () => ask(context, { capital_question: CAPITAL }, speak('capital_question'));
    if (isModern(context)) {
        return capabilitiesOf(context).sampling ? askCapital() : askName();
    }
    return askCapital().catch(askName);
}

const greet = ({ user_name: { action, content } }) =>
    says(action === 'accept' ? `Hello, ${content.name}!` : 'Hello, whoever you are!');
const speak = key => answers => says(`${answers[key].content.text}`);

const confirm = context => ask(
    context, { confirm: form('Please confirm.', object({ ok: { type: 'boolean' } }, ['ok'])) },
    () => says('state-ok: confirmed'), { state: 'confirm' });

const askThreeThings = context => ask(
    context,
    { user_name: NAME, greeting: sample('Generate a greeting', 50), client_roots: ROOTS },
    ({ greeting, client_roots: { roots } }) =>
        says(`${greeting.content.text} (${roots.length} root(s))`),
    { state: 'three' });

/** Two rounds; what the first one heard is in the state of the second. */
async function askTwice(context) {
    const colors = object({ color: { type: 'string' } }, ['color']);
    const step1 = { step1: form('Step 1: What is your name?', NAME.params.requestedSchema) };
    const step2 = { step2: form('Step 2: What is your favorite color?', colors) };
    const second = name => ask(context, step2, ({ step2: { content } }) =>
        says(`${name} likes ${content?.color}.`), { state: `named ${name}` });
    const state = isModern(context) ? context.mcpReq.requestState() : undefined;
    return state?.startsWith('named ')
        ? second(state.slice('named '.length))
        : ask(
            context, step1, ({ step1: { content } }) => second(content?.name), { state: 'asked' });
}

async function elicitation(context, message, requestedSchema, shown) {
    return ask(context, { form: form(message, requestedSchema) }, ({ form: { action, content } }) =>
        says(`${shown(action)}, content=${JSON.stringify(content ?? {})}`));
}

async function needsSampling(context) {
    if (!isModern(context)) {
        await request(context, 'model', CAPITAL);
    } else if (!capabilitiesOf(context).sampling) {
        throw new MissingRequiredClientCapabilityError({ requiredCapabilities: { sampling: {} } });
    }
    return says('The client has a model.');
}

// ---- tools ----

async function withProgress({ mcpReq }) {
    for (const progress of [0, 50, 100]) {
        const progressToken = mcpReq._meta?.progressToken;
        if (progressToken !== undefined) {
            const params = { progressToken, progress, total: 100 };
            await mcpReq.notify({ method: 'notifications/progress', params });
        }
        await sleep(PAUSE);
    }
    return says('All done.');
}

async function withLogging({ mcpReq }) {
    for (const word of ['execution started', 'processing data', 'execution completed']) {
        await mcpReq.log('info', `Tool ${word}`);
        await sleep(PAUSE);
    }
    return says('Logged three messages.');
}

const names = values => Object.entries(values);
const DEFAULTS = object({
    name: { type: 'string', default: 'John Doe' },
    age: { type: 'integer', default: 30 },
    score: { type: 'number', default: 95.5 },
    status: { type: 'string', enum: ['active', 'inactive', 'pending'], default: 'active' },
    verified: { type: 'boolean', default: true },
});
const OPTIONS = ['option1', 'option2', 'option3'];
const titled = values => names(values).map(([value, title]) => ({ const: value, title }));
const CHOICES = object({
    untitledSingle: { type: 'string', enum: OPTIONS },
    titledSingle: {
        type: 'string',
        oneOf: titled({ value1: 'First Option', value2: 'Second Option', value3: 'Third Option' }),
    },
    legacyEnum: {
        type: 'string', enum: ['opt1', 'opt2', 'opt3'],
        enumNames: ['Option One', 'Option Two', 'Option Three'],
    },
    untitledMulti: {
        type: 'array', minItems: 1, maxItems: 3, items: { type: 'string', enum: OPTIONS },
    },
    titledMulti: {
        type: 'array', minItems: 1, maxItems: 3,
        items: {
            anyOf:
                titled({ value1: 'First Choice', value2: 'Second Choice', value3: 'Third Choice' }),
        },
    },
});
const USER = object({
    username: { type: 'string', description: "User's response" },
    email: { type: 'string', description: "User's email address" },
}, ['username', 'email']);

const one = (name, schema = { type: 'string' }) => object({ [name]: schema }, [name]);
const schema2020 = JSON.parse(readFileSync(
    new URL('../../examples/conformance/schema_2020_12.json', import.meta.url), 'utf8'));

/** What each tool says, by its name; the first one can be called without arguments. */
const TOOLS = {
    test_simple_text: () => says('This is a simple text response for testing.'),
    test_image_content: () => ({ content: [image] }),
    test_audio_content: () =>
        ({ content: [{ type: 'audio', data: SILENCE, mimeType: 'audio/wav' }] }),
    test_embedded_resource: () => ({
        content: [resource(
            'test://embedded-resource', 'text/plain', 'This is an embedded resource content.')],
    }),
    test_multiple_content_types: () => ({
        content: [
            { type: 'text', text: 'Multiple content types test:' }, image,
            resource('test://mixed-content-resource', 'application/json',
                '{"test":"data","value":123}'),
        ],
    }),
    test_error_handling: () =>
        ({ ...says('This tool intentionally returns an error for testing'), isError: true }),
    test_tool_with_progress: withProgress,
    test_tool_with_logging: withLogging,
    test_logging_tool: async ({ mcpReq }) => {
        await mcpReq.log('info', 'A message of test_logging_tool');
        return says('Logged.');
    },
    test_reconnection: async () => {
        await sleep(2 * PAUSE);
        return says('The client has come back.');
    },
    json_schema_2020_12_tool: () => says('The arguments fit.'),
    test_custom_header: (_, { value }) => says(value),
    test_missing_capability: needsSampling,
    test_streaming_elicitation: context =>
        ask(context, { go_on: form('Go on?', object()) }, ({ go_on: { action } }) => says(action)),
    test_sampling: (context, { prompt }) =>
        ask(context, { model: sample(prompt, 100) }, ({ model }) =>
            says(`LLM response: ${model.content.text}`)),
    test_elicitation: (context, { message }) =>
        elicitation(context, message, USER, action => `User response: ${action}`),
    test_elicitation_sep1034_defaults: context => elicitation(
        context, 'Please review.', DEFAULTS, action => `Elicitation completed: action=${action}`),
    test_elicitation_sep1330_enums: context => elicitation(
        context, 'Please choose.', CHOICES, action => `Elicitation completed: action=${action}`),
    test_input_required_result_elicitation: context => ask(context, { user_name: NAME }, greet),
    test_input_required_result_sampling: context =>
        ask(context, { capital_question: CAPITAL }, speak('capital_question')),
    test_input_required_result_list_roots: context =>
        ask(context, { client_roots: ROOTS }, ({ client_roots: { roots } }) =>
            says(`Found ${roots.length} root(s)`)),
    test_input_required_result_multiple_inputs: askThreeThings,
    test_input_required_result_multi_round: askTwice,
    test_input_required_result_request_state: confirm,
    test_input_required_result_tampered_state: confirm,
    test_input_required_result_capabilities: askWhatIsPossible,
};
const SCHEMAS = {
    json_schema_2020_12_tool: schema2020,
    test_custom_header: one('value', { type: 'string', 'x-mcp-header': 'Value' }),
    test_sampling: one('prompt'),
    test_elicitation: one('message'),
};

// ---- resources and prompts ----

const text = (uri, said, mimeType = 'text/plain') => ({ uri, mimeType, text: said });
const WATCHED = 'test://watched-resource';
const RESOURCES = {
    'test://static-text': uri => text(uri, 'This is the content of the static text resource.'),
    'test://static-binary': uri => ({ uri, mimeType: 'image/png', blob: PIXEL }),
    [WATCHED]: uri => text(uri, 'This is the content of the watched resource.'),
};

function read({ uri }) {
    const id = uri.match(/^test:\/\/template\/([^/]+)\/data$/)?.[1];
    if (id !== undefined) {
        const data = JSON.stringify({ id, templateTest: true, data: `Data for ID: ${id}` });
        return { contents: [text(uri, data, 'application/json')] };
    }
    if (!RESOURCES[uri]) {
        throw new ResourceNotFoundError(uri);
    }
    return { contents: [RESOURCES[uri](uri)] };
}

const user = content => ({ role: 'user', content });
const userSays = said => user({ type: 'text', text: said });
const PROMPTS = {
    test_simple_prompt: [[], () => [userSays('This is a simple prompt for testing.')]],
    test_prompt_with_arguments: [['arg1', 'arg2'], ({ arg1, arg2 }) =>
        [userSays(`Prompt with arguments: arg1='${arg1}', arg2='${arg2}'`)]],
    test_prompt_with_embedded_resource: [['resourceUri'], ({ resourceUri }) => [
        user(resource(resourceUri, 'text/plain', 'Embedded resource content for testing.')),
        userSays('Please process the embedded resource above.'),
    ]],
    test_prompt_with_image: [[], () => [user(image), userSays('Please analyze the image above.')]],
    test_input_required_result_prompt: [[], (_, context) => ask(
        context,
        { user_context: form('What context should the prompt use?', one('context')) },
        ({ user_context: { content } }) =>
            ({ messages: [userSays(`Prompt with context: ${content?.context}`)] }))],
};

async function getPrompt({ name, arguments: given = {} }, context) {
    if (!PROMPTS[name]) {
        throw new ProtocolError(INVALID_PARAMS, `no prompt ${name}`);
    }
    const made = await PROMPTS[name][1](given, context);
    return Array.isArray(made) ? { messages: made } : made;
}

// ---- the server ----

export function make() {
    const server = new Server({ name: 'conformance-stdio', version: '1.0.0' }, {
        capabilities: {
            tools: { listChanged: true }, prompts: { listChanged: true },
            resources: { subscribe: true, listChanged: true }, logging: {}, completions: {},
        },
        requestState: { verify: codec.verify },
    });
    // A list changes when it does: whoever hosts this may compare it with what it was.
    const more = { tool: false, prompt: false };
    const change = (what, tell) => {
        more[what] = !more[what];
        return tell().then(() => says('Told.'));
    };
    const tools = {
        ...TOOLS,
        test_trigger_tool_change: () => change('tool', () => server.sendToolListChanged()),
        test_trigger_prompt_change: () => change('prompt', () => server.sendPromptListChanged()),
        test_trigger_resource_change: () =>
            server.sendResourceUpdated({ uri: WATCHED }).then(() => says('Told.')),
    };
    const list = {
        'tools/list': () => ({
            tools: [...Object.keys(tools), ...(more.tool ? ['one_more'] : [])].map(name =>
                ({ name, description: `Is ${name}.`, inputSchema: SCHEMAS[name] ?? object() })),
        }),
        'prompts/list': () => ({
            prompts: [...names(PROMPTS), ...(more.prompt ? [['one_more', [[]]]] : [])].map(
                ([name, [taken]]) => ({
                    name, description: `Is ${name}.`,
                    arguments: taken.map(each => ({ name: each, required: true })),
                })),
        }),
        'resources/list': () => ({
            resources: Object.keys(RESOURCES).map(uri => {
                const { mimeType } = RESOURCES[uri](uri);
                return { uri, name: uri.replace('test://', ''), mimeType };
            }),
        }),
        'resources/templates/list': () => ({
            resourceTemplates: [{
                uriTemplate: 'test://template/{id}/data', name: 'Data by id',
                mimeType: 'application/json',
            }],
        }),
    };
    const answer = (method, handler) =>
        server.setRequestHandler(method, ({ params }, context) => handler(params ?? {}, context));
    names(list).forEach(([method, handler]) => answer(method, handler));
    answer('tools/call', ({ name, arguments: given = {} }, context) => {
        if (!tools[name]) {
            throw new ProtocolError(INVALID_PARAMS, `no tool ${name}`);
        }
        return tools[name](context, given);
    });
    answer('resources/read', read);
    answer('prompts/get', getPrompt);
    answer('resources/subscribe', () => ({}));
    answer('resources/unsubscribe', () => ({}));
    answer('completion/complete', () =>
        ({ completion: { values: ['test', 'trial'], total: 2, hasMore: false } }));
    return server;
}

const serve = {
    dual: () => serveStdio(make),
    handshake: () => make().connect(new StdioServerTransport()),
};
if (process.argv[1] === fileURLToPath(import.meta.url)) {
    await serve[process.argv[2]]();
}
