// Sessions: one for each way to talk to a server. All of them have the same outside, `Session`.
//
//     connect -> connecting -> connected -> waiting -> connecting -> ...
//                                      `-> closed (by the user, or by a refusal that is final)

/** The revision that is asked for. */
const REVISION = '2025-11-25';

/** Milliseconds before each further attempt to connect again; the last one repeats. */
const BACK_OFF = [500, 1000, 2000, 4000, 8000, 15000, 30000];

/** Pages of a list that are read; a server that has more is going round in circles. */
const PAGES_MAX = 100;

/**
 * What a session tells the page: `state(state, detail)`, `log(kind, label, value)`, `beat()`,
 * `notice(text)`, `changed()` when the tools are others.
 */
class Session {
    /** `connecting`, `connected`, `waiting` or `closed`. */
    state = 'closed';
    /** The session's id, where the door has sessions. */
    id = '';
    /** What the server says of itself. */
    about = {};
    /** Calls by the id of their request. */
    pending = new Map();
    #lastId = 0;
    #end = new AbortController();
    #wake = () => {};

    constructor(server, listener) {
        this.server = server;
        this.listener = listener;
    }

    /** Aborts whatever belongs to this session. */
    get signal() {
        return this.#end.signal;
    }

    setState(state, detail) {
        this.state = state;
        this.listener.state(state, detail);
    }

    /** Stays connected until the user or a final refusal ends it. */
    async run() {
        let failures = 0;
        let wasConnected = false;
        while (!this.signal.aborted) {
            this.setState('connecting');
            const why = await this.stay(() => {
                failures = 0;
                wasConnected = true;
                this.setState('connected');
            }).catch(error => error);
            if (this.signal.aborted) return;
            if (why && (why.isFinal || !wasConnected)) return this.close(why);
            await this.#backOff(BACK_OFF[Math.min(failures++, BACK_OFF.length - 1)], why);
        }
    }

    async #backOff(milliseconds, why) {
        this.setState('waiting', { until: Date.now() + milliseconds, why });
        await new Promise(resolve => {
            this.#wake = resolve;
            setTimeout(resolve, milliseconds);
            this.signal.addEventListener('abort', resolve);
        });
    }

    /** Tries again now instead of later. */
    hurry() {
        this.#wake();
    }

    /** Ends the session, with a reason if it was not the user. */
    close(why) {
        if (this.signal.aborted) return;
        this.leave?.();
        this.#end.abort();
        this.abandon('The connection was closed.');
        this.setState('closed', why);
    }

    /** Nobody will answer what is asked so far. */
    abandon(why) {
        for (const call of this.pending.values()) call.reject(new Refusal(why));
        this.pending.clear();
    }

    /** Sends a request; `call` may have `onprogress`, and learns its `id`. */
    request(method, params = {}, call = {}) {
        const id = call.id = ++this.#lastId;
        if (call.onprogress) params = { ...params, _meta: { progressToken: id } };
        return new Promise((resolve, reject) => {
            this.pending.set(id, { ...call, method, tool: params.name, resolve, reject });
            this.dispatch({ jsonrpc: '2.0', id, method, params }, call)
                .catch(error => this.settle(id, ({ reject }) => reject(error)));
        });
    }

    /** Sends a notification. */
    notify(method, params) {
        return this.dispatch({ jsonrpc: '2.0', method, ...params && { params } });
    }

    dispatch(message, call) {
        this.listener.log('out', describe(message), message);
        return this.send(message, call);
    }

    settle(id, how) {
        const call = this.pending.get(id);
        this.pending.delete(id);
        if (call) how(call);
    }

    /** Takes a JSON-RPC message of the server. */
    receive(message, label = describe(message)) {
        if (Array.isArray(message)) return message.forEach(each => this.receive(each));
        this.listener.log(message?.error ? 'error' : 'in', label, message);
        if (message?.method && message.id !== undefined) this.#answer(message);
        else if (message?.method) this.hear(message);
        else this.settle(message?.id, call => conclude(call, message));
    }

    /** Servers may ask as well; this page can answer that it is alive. */
    #answer({ id, method }) {
        const error = { code: -32601, message: `The console does not know ${method}.` };
        const answer = method === 'ping' ? { result: {} } : { error };
        this.dispatch({ jsonrpc: '2.0', id, ...answer }).catch(() => {});
    }

    /** Takes a notification. */
    hear({ method, params = {} }) {
        if (method === 'notifications/progress') {
            this.pending.get(params.progressToken)?.onprogress?.(params);
        } else if (method === 'notifications/message') {
            this.listener.notice(textOf(params.data));
        } else if (method === 'notifications/tools/list_changed') {
            this.listener.changed();
        }
    }

    /** Cancels a call: tells the server, and waits no longer. */
    cancel(call) {
        const params = { requestId: call.id, reason: 'Cancelled in the console' };
        this.notify('notifications/cancelled', params).catch(() => {});
        this.settle(call.id, ({ reject }) => reject(new Refusal('Cancelled.')));
    }

    async initialize() {
        const clientInfo = { name: 'slimcp-console', version: '1' };
        const params = { protocolVersion: REVISION, capabilities: {}, clientInfo };
        this.about = await this.request('initialize', params);
        await this.notify('notifications/initialized');
    }

    async listTools() {
        const tools = [];
        let cursor;
        for (let page = 0; page < PAGES_MAX; page++) {
            const answer = await this.request('tools/list', cursor ? { cursor } : {});
            tools.push(...answer.tools ?? []);
            cursor = answer.nextCursor;
            if (!cursor) break;
        }
        return tools;
    }

    callTool(name, parameters, call) {
        return this.request('tools/call', { name, arguments: parameters }, call);
    }
}

/** What a message is, in a few words. */
function describe(message) {
    if (Array.isArray(message)) return `batch of ${message.length}`;
    if (message?.method) return message.method;
    return `${message?.error ? 'error' : 'result'} ${message?.id ?? ''}`;
}

function conclude(call, { result, error }) {
    if (error) call.reject(new Refusal(error.message ?? 'Error', error));
    else call.resolve(result ?? {});
}

/** Anything as a short text. */
const textOf = value => typeof value === 'string' ? value : JSON.stringify(value) ?? '';

/** Streamable HTTP: each request has its own answer, and a stream waits for what is unasked. */
class StreamableSession extends Session {
    #lastEvent = '';

    get #headers() {
        if (!this.id) return {};
        const revision = this.about.protocolVersion;
        return {
            'Mcp-Session-Id': this.id,
            ...revision && { 'MCP-Protocol-Version': revision },
        };
    }

    async stay(connected) {
        const isNew = !this.id;
        if (isNew) await this.initialize();
        try {
            const headers = this.#resuming(this.#lastEvent);
            const response = await this.server.listen('mcp', { headers, signal: this.signal });
            connected();
            await this.#read(response, id => this.#lastEvent = id);
        } catch (error) {
            if (error.status === 405) return this.#withoutStream(connected);
            if (error.status !== 404 || isNew) throw error;
            this.#forget();
        }
    }

    /** A server may have nothing to say unasked. */
    #withoutStream(connected) {
        connected();
        return new Promise(resolve => this.signal.addEventListener('abort', resolve));
    }

    /** The server knows the session no more: it has restarted, or has waited for too long. */
    #forget() {
        this.id = this.#lastEvent = '';
        this.abandon('The server has forgotten the session.');
    }

    #resuming(event) {
        return { ...this.#headers, ...event && { 'Last-Event-ID': event } };
    }

    async #read(response, seen) {
        for await (const { data, comment, id } of readEvents(response)) {
            this.listener.beat(comment);
            if (id) seen(id);
            if (data) this.receive(parseJson(data));
        }
    }

    async send(message) {
        const response = await this.server.ask('mcp', {
            method: 'POST',
            headers: this.#headers,
            body: message,
            signal: this.signal,
            accept: 'application/json, text/event-stream',
        });
        this.id = response.headers.get('Mcp-Session-Id') ?? this.id;
        if (isStream(response)) await this.#answers(response, message.id);
        else if (response.status === 200) this.receive(await response.json());
    }

    /** Reads answers off the stream of a POST; one that breaks is continued where it broke. */
    async #answers(response, id) {
        let event = '';
        for (const pause of BACK_OFF) {
            await this.#read(response, seen => event = seen).catch(() => {});
            if (!this.pending.has(id) || !event) break;
            await new Promise(resolve => setTimeout(resolve, pause));
            const headers = this.#resuming(event);
            response = await this.server.listen('mcp', { headers, signal: this.signal });
        }
        this.settle(id, ({ reject }) => reject(new Refusal('The stream ended without an answer.')));
    }

    leave() {
        if (!this.id) return;
        this.server.ask('mcp', { method: 'DELETE', headers: this.#headers }).catch(() => {});
    }
}

/** What every session on one long stream has in common: it is greeted, and answered there. */
class StreamSession extends Session {
    #lastEvent = '';

    async stay(connected) {
        const headers = this.#lastEvent ? { 'Last-Event-ID': this.#lastEvent } : {};
        const response = await this.server.listen(this.path, { headers, signal: this.signal });
        // A resumed stream goes on without a greeting; a new session begins with one.
        if (this.#lastEvent) connected();
        let greeting;
        for await (const { event, data, comment, id } of readEvents(response)) {
            this.listener.beat(comment);
            if (id) this.#lastEvent = id;
            if (data === undefined) continue;
            const value = parseJson(data) ?? data;
            const greeted = this.greeted(event, value);
            if (greeted) {
                this.#begin(greeted);
                greeting = this.greet().then(connected);
                greeting.catch(() => response.body.cancel().catch(() => {}));
            }
            if (greeted || !this.take(event, value)) this.#show(event, value);
        }
        await greeting;
    }

    #begin(id) {
        if (this.id) this.abandon('The server has begun a new session.');
        this.id = id;
    }

    #show(event, value) {
        const isBeat = event === 'heartbeat' || value?.type === 'heartbeat';
        if (isBeat) return this.listener.beat(event);
        const type = event === 'message' ? value?.type ?? event : event;
        this.listener.log(/error/.test(type) ? 'error' : 'in', type, value);
        if (value?.method?.startsWith?.('notifications/')) {
            this.hear(value);
        } else if (!this.isGreeting(event, value)) {
            this.listener.notice(textOf(value?.result?.message ?? value?.message ?? value));
        }
    }

    async post(path, body) {
        await this.server.ask(path, { method: 'POST', body, signal: this.signal });
    }

    greet() {
        return this.initialize();
    }
}

/** HTTP+SSE of 2024-11-05: the first event says where messages go. */
class SseSession extends StreamSession {
    path = 'sse';
    #endpoint;

    isGreeting(event) {
        return event === 'endpoint';
    }

    greeted(event, value) {
        if (event !== 'endpoint') return '';
        const { base } = this.server;
        // A proxy in front of the server may have a prefix that the server does not know.
        const isBelow = !value.startsWith('/') || value.startsWith(base.pathname);
        const url = new URL(isBelow ? value : value.slice(1), base);
        if (url.origin !== base.origin) return '';
        this.#endpoint = url;
        return [...url.searchParams.values()].pop() ?? url.pathname;
    }

    take(event, value) {
        return takeStandard(this, event, value);
    }

    send(message) {
        return this.post(this.#endpoint, message);
    }
}

/** Takes a JSON-RPC message off a stream, if it is one. */
function takeStandard(session, event, value) {
    if (event !== 'message' || value?.jsonrpc === undefined) return false;
    session.receive(value);
    return true;
}

/** `/mcp/sse` in the dialect with underscores. */
class UnderscoredSession extends StreamSession {
    path = 'mcp/sse';

    isGreeting(event) {
        return ['endpoint', 'connected', 'mcp-notification'].includes(event);
    }

    greeted(event, value) {
        return event === 'connected' ? value?.connection_id : '';
    }

    take(event, value) {
        if (event === 'mcp_response') {
            this.receive(value, `${event} ${value?.id ?? ''}`);
        } else if (event === 'error' && this.pending.has(value?.id)) {
            this.receive({ id: value.id, error: value }, event);
        } else {
            return takeStandard(this, event, value);
        }
        return true;
    }

    send(message) {
        return this.post('mcp/sse/message', { ...message, connection_id: this.id });
    }
}

/** `/mcp/sse` in the dialect with hyphens; answers may come with a method in place of an id. */
class HyphenatedSession extends StreamSession {
    path = 'mcp/sse';

    isGreeting(event, value) {
        return ['endpoint', 'connected'].includes(event) || Boolean(value?.result?.connectionId);
    }

    greeted(event, value) {
        return event === 'mcp-notification' && value?.result?.connectionId;
    }

    /** This dialect knows no handshake. */
    async greet() {}

    take(event, value) {
        if (!['mcp-response', 'mcp-error', 'tool-result'].includes(event)) return false;
        const id = value?.id ?? this.#asked(value?.method);
        const progress = value?.metadata?.progress;
        this.listener.log(value?.error ? 'error' : 'in', `${event} ${value?.method ?? ''}`, value);
        if (progress !== undefined && value.result === undefined) {
            const { total, message } = value.metadata;
            this.pending.get(id)?.onprogress?.({ progress, total, message });
        } else {
            this.settle(id, call => conclude(call, value));
        }
        return true;
    }

    /** The oldest request of this method, or call of this tool. */
    #asked(name) {
        const isAsked = ([, { method, tool }]) => [method, tool].includes(name);
        return [...this.pending].find(isAsked)?.[0];
    }

    send(message) {
        return this.post('mcp/sse/send', { connectionId: this.id, message });
    }
}

/** The REST view: no session, no stream; a call ends with its request. */
class RestSession extends Session {
    async stay(connected) {
        await this.server.ask('mcp/tools');
        connected();
        return new Promise(resolve => this.signal.addEventListener('abort', resolve));
    }

    async listTools() {
        return (await this.#ask('mcp/tools')).tools ?? [];
    }

    async callTool(name, parameters, call) {
        call.abort = new AbortController();
        const signal = AbortSignal.any([call.abort.signal, this.signal]);
        const options = { method: 'POST', body: parameters, signal };
        return this.#ask(`mcp/tools/${encodeURIComponent(name)}`, options).catch(error => {
            throw error.name === 'AbortError' ? new Refusal('Cancelled.') : error;
        });
    }

    cancel(call) {
        call.abort.abort();
    }

    async #ask(path, options = {}) {
        const label = `${options.method ?? 'GET'} /${path}`;
        this.listener.log('out', label, options.body ?? '');
        const answer = await this.server.askJson(path, options);
        this.listener.log('in', `200 /${path}`, answer);
        return answer;
    }
}

/** `/events`: events come as they are, and tools are called through REST. */
class PlainSession extends RestSession {
    async stay(connected) {
        const response = await this.server.listen('events', { signal: this.signal });
        for await (const { data, comment } of readEvents(response)) {
            this.listener.beat(comment);
            if (data !== undefined) this.#take(parseJson(data) ?? data, connected);
        }
    }

    #take(value, connected) {
        if (value?.type === 'heartbeat') return this.listener.beat(value.type);
        if (value?.jsonrpc) return this.receive(value);
        this.listener.log(value?.type === 'error' ? 'error' : 'in', value?.type ?? 'event', value);
        if (value?.type === 'connection') connected();
        else this.listener.notice(textOf(value?.content ?? value?.message ?? value));
    }
}

/** The ways in, by their value in the page's list. */
const DOORS = {
    streamable: StreamableSession,
    sse: SseSession,
    underscored: UnderscoredSession,
    hyphenated: HyphenatedSession,
    plain: PlainSession,
    rest: RestSession,
};
