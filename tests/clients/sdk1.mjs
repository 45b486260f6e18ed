// The official TypeScript SDK, generation 1 (npm @modelcontextprotocol/sdk): sdk1.mjs sse|http
import { require, run } from './checks.mjs';

const { Client } = require('@modelcontextprotocol/sdk/client/index.js');
const { SSEClientTransport } = require('@modelcontextprotocol/sdk/client/sse.js');
const { StreamableHTTPClientTransport } =
    require('@modelcontextprotocol/sdk/client/streamableHttp.js');

await run({
    transports: { sse: SSEClientTransport, http: StreamableHTTPClientTransport },
    client: () => new Client({ name: 'sdk1', version: '1' }),
    call: (client, parameters, options) => client.callTool(parameters, undefined, options),
});
