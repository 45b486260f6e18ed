// The stdio fixture without a gateway: the same server on the SDK's own HTTP, on a port of the
// kernel's choice, which is printed. So one can tell what the gateway spoils from what the fixture
// has not: CONFORMANCE_URL=http://127.0.0.1:PORT/mcp tests/conformance/run
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { make } from './stdio.mjs';

const require = createRequire(new URL('../../target/servers/', import.meta.url));
const { createMcpHandler, isLegacyRequest } = require('@modelcontextprotocol/server');
const {
    NodeStreamableHTTPServerTransport, localhostHostValidation, localhostOriginValidation,
    toNodeHandler, toWebRequest,
} = require('@modelcontextprotocol/node');

const isAllowed = [localhostHostValidation(), localhostOriginValidation()];
const modern = toNodeHandler(createMcpHandler(make, { legacy: 'reject' }));
const sessions = new Map();

/** One server per session, which begins with a request that has none. */
async function legacy(request, response, body) {
    let transport = sessions.get(request.headers['mcp-session-id']);
    if (!transport) {
        if (request.headers['mcp-session-id']) {
            response.writeHead(404).end();
            return;
        }
        transport = new NodeStreamableHTTPServerTransport({
            sessionIdGenerator: randomUUID,
            onsessioninitialized: id => sessions.set(id, transport),
            onsessionclosed: id => sessions.delete(id),
        });
        await make().connect(transport);
    }
    await transport.handleRequest(request, response, body);
}

const server = createServer(async (request, response) => {
    if (!isAllowed.every(check => check(request, response))) {
        return;
    }
    const chunks = [];
    for await (const chunk of request) {
        chunks.push(chunk);
    }
    let body;
    try {
        body = chunks.length > 0 ? JSON.parse(Buffer.concat(chunks)) : undefined;
    } catch {
        response.writeHead(400).end();
        return;
    }
    const isLegacy = await isLegacyRequest(await toWebRequest(request, body), body);
    await (isLegacy ? legacy : modern)(request, response, body);
});
server.listen(0, '127.0.0.1', () => {
    console.log(`http://127.0.0.1:${server.address().port}/mcp`);
});
