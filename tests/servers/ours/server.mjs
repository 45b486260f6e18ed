// A stdio server with the official TypeScript SDK, generation 2 (npm @modelcontextprotocol/server):
// server.mjs dual|stateless|handshake
//
// The same as server.py and ../rmcp. `dual` and `stateless` are `serveStdio`, which makes a server
// when it knows the era; `handshake` is a server that was connected by hand, as most are.
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { setTimeout as sleep } from 'node:timers/promises';

const require = createRequire(new URL('../../../target/servers/', import.meta.url));
const { McpServer, ResourceTemplate, acceptedContent, completable, inputRequired, inputResponse } =
    require('@modelcontextprotocol/server');
const { StdioServerTransport, serveStdio } = require('@modelcontextprotocol/server/stdio');
const { z } = require('zod');

const says = text => ({ content: [{ type: 'text', text }] });
const NAMES = ['ada', 'alan', 'grace'];
const Name = z.object({ name: z.string() });

/** Counts up, fifty numbers a second. */
async function count({ to }, { mcpReq }) {
    for (let number = 1; number <= to; number += 1) {
        await sleep(20);
        const progressToken = mcpReq._meta?.progressToken;
        if (progressToken !== undefined) {
            const params =
                { progressToken, progress: number, total: to, message: `number ${number}` };
            await mcpReq.notify({ method: 'notifications/progress', params });
        }
    }
    // Apart from the result: SDKs drop progress that arrives in one read with it.
    await sleep(50);
    return says(`counted ${to}`);
}

/** Waits until it is cancelled, and writes that into a file. */
async function wait({ marker }, { mcpReq }) {
    writeFileSync(marker, 'started');
    try {
        await sleep(30_000, undefined, { signal: mcpReq.signal });
    } catch (error) {
        writeFileSync(marker, 'cancelled');
        throw error;
    }
    return says('waited');
}

/** Asks a person, in every era: with a handshake the SDK makes a request of it. */
function askName({ mcpReq }) {
    const answer = inputResponse(mcpReq.inputResponses, 'name');
    if (answer.kind === 'missing') {
        const question = { message: 'What is your name?', requestedSchema: Name };
        return inputRequired({ inputRequests: { name: inputRequired.elicit(question) } });
    }
    const name = acceptedContent(mcpReq.inputResponses, 'name', Name)?.name;
    return says(name === undefined ? `Nobody: ${answer.action}` : `Hello, ${name}!`);
}

async function grumble({ mcpReq }) {
    for (const word of ['cold', 'wet']) {
        await mcpReq.log('info', `too ${word}`, 'cellar');
        await sleep(20);
    }
    return says('done');
}

function make() {
    const server = new McpServer(
        { name: 'ours-typescript', version: '1.0.0' },
        { instructions: 'Be kind.', capabilities: { logging: {}, resources: { subscribe: true } } },
    );
    const tool = (name, description, fields, call) =>
        server.registerTool(name, { description, ...fields }, call);
    const takes = fields => ({ inputSchema: z.object(fields) });
    const echo = ({ text }) => says(text);
    const more = new Map();
    tool('echo', 'Say the same.', takes({ text: z.string() }), echo);
    tool('count', 'Count up.', takes({ to: z.number().int() }), count);
    tool('wait', 'Wait until it is cancelled.', takes({ marker: z.string() }), wait);
    tool('fail', 'Fail.', {}, () => ({ ...says('the cellar is flooded'), isError: true }));
    tool('ask_name', 'Ask a person.', {}, askName);
    tool('grumble', 'Write two log messages.', {}, grumble);
    // The SDK tells of the change by itself.
    const change = { name: z.string(), exists: z.boolean() };
    tool('extra', 'Have one more tool, or no more.', takes(change), ({ name, exists }) => {
        if (exists) {
            more.set(name, tool(name, 'Say the same.', takes({ text: z.string() }), echo));
        } else {
            more.get(name)?.remove();
        }
        return says('changed');
    });
    const { server: inner } = server;
    tool('touch', 'Say that a resource has changed.', takes({ uri: z.string() }), async given => {
        await inner.sendResourceUpdated(given);
        return says('touched');
    });
    inner.setRequestHandler('resources/subscribe', () => ({}));
    inner.setRequestHandler('resources/unsubscribe', () => ({}));
    const text = { mimeType: 'text/plain' };
    server.registerResource('note', 'memo://note', text, uri =>
        ({ contents: [{ uri: uri.href, ...text, text: 'remember the milk' }] }));
    const template = new ResourceTemplate('memo://notes/{name}', { list: undefined });
    server.registerResource('notes', template, text, (uri, { name }) =>
        ({ contents: [{ uri: uri.href, ...text, text: `remember ${name}` }] }));
    const name = completable(z.string(), value => NAMES.filter(each => each.startsWith(value)));
    const greet = { description: 'Have somebody greeted.', argsSchema: z.object({ name }) };
    server.registerPrompt('greet', greet, given => {
        const content = { type: 'text', text: `Greet ${given.name}.` };
        return { messages: [{ role: 'user', content }] };
    });
    return server;
}

const [, , era] = process.argv;
const serve = {
    dual: () => serveStdio(make),
    stateless: () => serveStdio(make, { legacy: 'reject' }),
    handshake: () => make().connect(new StdioServerTransport()),
};
await serve[era]();
