// The official TypeScript SDK, generation 1 (npm @modelcontextprotocol/sdk): sdk1.mjs sse|http
import { checksOf } from './checks.mjs';
import { require, run } from './harness.mjs';

const { Client } = require('@modelcontextprotocol/sdk/client/index.js');
const { SSEClientTransport } = require('@modelcontextprotocol/sdk/client/sse.js');
const { StreamableHTTPClientTransport } =
    require('@modelcontextprotocol/sdk/client/streamableHttp.js');
const { LoggingMessageNotificationSchema, ToolListChangedNotificationSchema } =
    require('@modelcontextprotocol/sdk/types.js');

const schemas = {
    'notifications/message': LoggingMessageNotificationSchema,
    'notifications/tools/list_changed': ToolListChangedNotificationSchema,
};

const sdk = {
    name: 'sdk1',
    isModern: false,
    transports: { sse: SSEClientTransport, http: StreamableHTTPClientTransport },
    client: () => new Client({ name: 'sdk1', version: '1' }),
    call: (client, parameters, options) => client.callTool(parameters, undefined, options),
    hear: (client, method, handler) => client.setNotificationHandler(schemas[method], handler),
};

await run(sdk, checksOf);
