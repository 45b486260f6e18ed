// What every session with a server has in common, whatever door it came in by (doors.js).
//
//     connect -> connecting -> connected -> waiting -> connecting -> ...
//                                      `-> closed (by the user, or by a refusal that is final)

/** The revision that is asked for. */
const REVISION = '2025-11-25';

/** Who asks. */
const CLIENT = { name: 'slimcp-console', version: '1' };

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

    /** `listener` has to be set before `run`. */
    constructor(server) {
        this.server = server;
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
        // First our end of the streams: one that the server ends is a failure to the browser.
        this.#end.abort();
        this.leave?.();
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
        const id = (call.id = ++this.#lastId);
        if (call.onprogress) params = { ...params, _meta: { progressToken: id } };
        return new Promise((resolve, reject) => {
            this.pending.set(id, { ...call, method, tool: params.name, resolve, reject });
            this.dispatch({ jsonrpc: '2.0', id, method, params }, call).catch(error =>
                this.settle(id, ({ reject }) => reject(error)),
            );
        });
    }

    /** Sends a notification. */
    notify(method, params) {
        return this.dispatch({ jsonrpc: '2.0', method, ...(params && { params }) });
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

    /** Takes the messages of a stream. */
    async read(response, seen) {
        for await (const { data, comment, id } of readEvents(response)) {
            this.listener.beat(comment);
            if (id) seen?.(id);
            if (data) this.receive(parseJson(data));
        }
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
        const params = { protocolVersion: REVISION, capabilities: {}, clientInfo: CLIENT };
        this.about = await this.request('initialize', params);
        await this.notify('notifications/initialized');
    }

    async listTools() {
        const tools = [];
        let cursor;
        for (let page = 0; page < PAGES_MAX; page++) {
            const answer = await this.request('tools/list', cursor ? { cursor } : {});
            tools.push(...(answer.tools ?? []));
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
const textOf = value => (typeof value === 'string' ? value : (JSON.stringify(value) ?? ''));
