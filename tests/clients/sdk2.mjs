// The official TypeScript SDK, generation 2 (npm @modelcontextprotocol/client): sdk2.mjs sse|http
import { require, run } from './checks.mjs';

const { Client, SSEClientTransport, StreamableHTTPClientTransport } =
    require('@modelcontextprotocol/client');

await run({
    transports: { sse: SSEClientTransport, http: StreamableHTTPClientTransport },
    client: () => new Client({ name: 'sdk2', version: '1' }),
    // Asks for the newest revision first and falls back to `initialize`.
    clientAuto: () =>
        new Client({ name: 'sdk2', version: '1' }, { versionNegotiation: { mode: 'auto' } }),
    call: (client, parameters, options) => client.callTool(parameters, options),
});
