// The ways in: what each transport and each older dialect makes of a session.

/** Streamable HTTP: each request has its own answer, and a stream waits for what is unasked. */
class StreamableSession extends Session {
    #lastEvent = '';

    get #headers() {
        if (!this.id) return {};
        const revision = this.about.protocolVersion;
        return { 'Mcp-Session-Id': this.id, ...(revision && { 'MCP-Protocol-Version': revision }) };
    }

    async stay(connected) {
        const isNew = !this.id;
        if (isNew) await this.initialize();
        try {
            const headers = this.#resuming(this.#lastEvent);
            const response = await this.server.listen('mcp', { headers, signal: this.signal });
            connected();
            await this.read(response, id => (this.#lastEvent = id));
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
        return { ...this.#headers, ...(event && { 'Last-Event-ID': event }) };
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
            if (response) await this.read(response, seen => (event = seen)).catch(() => {});
            if (!this.pending.has(id) || !event) break;
            await new Promise(resolve => setTimeout(resolve, pause));
            const options = { headers: this.#resuming(event), signal: this.signal };
            response = await this.server.listen('mcp', options).catch(error => {
                if (error.isFinal) throw error;
            });
        }
        this.settle(id, ({ reject }) => reject(new Refusal('The stream ended without an answer.')));
    }

    leave() {
        if (!this.id) return;
        // The page may be on its way out.
        const options = { method: 'DELETE', headers: this.#headers, keepalive: true };
        this.server.ask('mcp', options).catch(() => {});
    }
}

/** The revision without sessions. */
const STATELESS = '2026-07-28';

/** Where a message says what it is of. */
const META = 'io.modelcontextprotocol/';

/** 2026-07-28: every request says of itself what it is, and one that does not end listens. */
class StatelessSession extends Session {
    async stay(connected) {
        const about = await this.request('server/discover');
        const serverInfo = about._meta?.[`${META}serverInfo`];
        this.about = { ...about, serverInfo, protocolVersion: STATELESS };
        const notifications = { toolsListChanged: true };
        await this.request('subscriptions/listen', { notifications }, { onopen: connected });
    }

    dispatch(message, call) {
        const meta = {
            ...message.params._meta,
            [`${META}protocolVersion`]: STATELESS,
            [`${META}clientInfo`]: CLIENT,
            [`${META}clientCapabilities`]: {},
            [`${META}logLevel`]: 'info',
        };
        const params = { ...message.params, _meta: meta };
        return super.dispatch({ ...message, params }, call);
    }

    async send(message, call) {
        const { id, method, params } = message;
        call.abort = new AbortController();
        const response = await this.server.ask('mcp', {
            method: 'POST',
            headers: {
                'MCP-Protocol-Version': STATELESS,
                'Mcp-Method': method,
                ...(params.name && { 'Mcp-Name': params.name }),
            },
            body: message,
            signal: AbortSignal.any([call.abort.signal, this.signal]),
            accept: 'application/json, text/event-stream',
        });
        call.onopen?.();
        if (isStream(response)) await this.read(response);
        else this.receive(await response.json());
        this.settle(id, ({ reject }) => reject(new Refusal('The stream ended without an answer.')));
    }

    /** Whoever hangs up has cancelled. */
    cancel(call) {
        this.settle(call.id, ({ reject }) => reject(new Refusal('Cancelled.')));
        call.abort?.abort();
    }
}

/** What every session on one long stream has in common: it is greeted, and answered there. */
class StreamSession extends Session {
    #lastEvent = '';
    #isGreeted = false;

    async stay(connected) {
        const event = this.#isGreeted && this.#lastEvent;
        const headers = event ? { 'Last-Event-ID': event } : {};
        const response = await this.server.listen(this.path, { headers, signal: this.signal });
        // A resumed stream goes on without a greeting; a new session begins with one.
        if (event) connected();
        let greeting;
        for await (const { event, data, comment, id } of readEvents(response)) {
            this.listener.beat(comment);
            if (id) this.#lastEvent = id;
            if (data === undefined) continue;
            const value = parseJson(data) ?? data;
            const greeted = this.greeted(event, value);
            if (greeted) this.#begin(greeted);
            if (greeted || !this.take(event, value)) this.#show(event, value);
            if (greeted) greeting = this.#answerGreeting(connected);
        }
        if (!this.#isGreeted) this.abandon('The stream ended.');
        await greeting;
    }

    #begin(id) {
        if (this.id) this.abandon('The server has begun a new session.');
        this.id = id;
        this.#isGreeted = false;
    }

    #answerGreeting(connected) {
        const greeting = this.greet().then(() => {
            this.#isGreeted = true;
            connected();
        });
        // It is awaited when the stream has ended, which may be never.
        greeting.catch(error => this.close(error));
        return greeting;
    }

    #show(event, value) {
        const isBeat = event === 'heartbeat' || value?.type === 'heartbeat';
        if (isBeat) return this.listener.beat(event);
        const type = event === 'message' ? (value?.type ?? event) : event;
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
        try {
            const answer = await this.server.askJson(path, options);
            this.listener.log('in', `200 /${path}`, answer);
            return answer;
        } catch (error) {
            const { status = '', body = error.message } = error;
            this.listener.log('error', `${status} /${path}`, body);
            // A tool that has failed has a result as well, whatever its status.
            if (body?.content) return body;
            throw error;
        }
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
    stateless: StatelessSession,
    sse: SseSession,
    underscored: UnderscoredSession,
    hyphenated: HyphenatedSession,
    plain: PlainSession,
    rest: RestSession,
};
