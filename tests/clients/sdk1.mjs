// The official TypeScript SDK, generation 1 (npm @modelcontextprotocol/sdk):
// sdk1.mjs sse|http [example]
import { fileURLToPath } from 'node:url';
import { require, run } from './harness.mjs';

const { Client } = require('@modelcontextprotocol/sdk/client/index.js');
const { SSEClientTransport } = require('@modelcontextprotocol/sdk/client/sse.js');
const { StreamableHTTPClientTransport } =
    require('@modelcontextprotocol/sdk/client/streamableHttp.js');
const types = require('@modelcontextprotocol/sdk/types.js');

const schemas = {
    'notifications/message': types.LoggingMessageNotificationSchema,
    'notifications/prompts/list_changed': types.PromptListChangedNotificationSchema,
    'notifications/resources/updated': types.ResourceUpdatedNotificationSchema,
    'notifications/tools/list_changed': types.ToolListChangedNotificationSchema,
    'elicitation/create': types.ElicitRequestSchema,
    'roots/list': types.ListRootsRequestSchema,
    'sampling/createMessage': types.CreateMessageRequestSchema,
};

export const sdk = {
    name: 'sdk1',
    isModern: false,
    transports: { sse: SSEClientTransport, http: StreamableHTTPClientTransport },
    client: (_mode, capabilities = {}) =>
        new Client({ name: 'sdk1', version: '1' }, { capabilities }),
    call: (client, parameters, options) => client.callTool(parameters, undefined, options),
    hear: (client, method, handler) => client.setNotificationHandler(schemas[method], handler),
    answer: (client, method, handler) => client.setRequestHandler(schemas[method], handler),
};

if (process.argv[1] === fileURLToPath(import.meta.url)) {
    await run(sdk);
}
