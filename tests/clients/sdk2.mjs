// The official TypeScript SDK, generation 2 (npm @modelcontextprotocol/client):
// sdk2.mjs sse|http|auto|modern [example]
import { fileURLToPath } from 'node:url';
import { MODERN, require, run } from './harness.mjs';

const { Client, SSEClientTransport, StreamableHTTPClientTransport } =
    require('@modelcontextprotocol/client');

// `auto` asks for the newest revision first and falls back to `initialize`.
const modes = { legacy: 'legacy', auto: 'auto', [MODERN]: { pin: MODERN } };

export const sdk = {
    name: 'sdk2',
    isModern: true,
    transports: { sse: SSEClientTransport, http: StreamableHTTPClientTransport },
    client: (mode, capabilities = {}) =>
        new Client(
            { name: 'sdk2', version: '1' },
            { versionNegotiation: { mode: modes[mode] }, capabilities },
        ),
    call: (client, parameters, options) => client.callTool(parameters, options),
    hear: (client, method, handler) => client.setNotificationHandler(method, handler),
    answer: (client, method, handler) => client.setRequestHandler(method, handler),
};

if (process.argv[1] === fileURLToPath(import.meta.url)) {
    await run(sdk);
}
