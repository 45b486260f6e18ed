// HTTP, server-sent events and the metrics text: bytes to values.

/** Most characters of one line of a stream; a server that sends more is broken. */
const LINE_CHARACTERS_MAX = 32 << 20;

/** An answer that is not what was asked for: by HTTP status or by JSON-RPC code. */
class Refusal extends Error {
    constructor(message, { status, code, data, body } = {}) {
        super(message);
        Object.assign(this, { status, code, data, body });
    }

    /** Whether asking again is of no use: nothing changes until somebody does something. */
    get isFinal() {
        return this.status >= 400 && this.status < 500 && ![408, 429].includes(this.status);
    }
}

/** Where requests go, and with which token; it leaves this object in one header only. */
class Server {
    #token;

    constructor(base, token) {
        this.base = base;
        this.#token = token;
    }

    /** Whether a token is shown. */
    get hasToken() {
        return Boolean(this.#token);
    }

    /** The same text without the token, should it be in there. */
    mask(text) {
        return this.#token ? text.replaceAll(this.#token, '•••') : text;
    }

    /** Asks, and throws a `Refusal` unless it goes well. `body` becomes JSON. */
    async ask(path, { method = 'GET', headers = {}, body, signal, accept, keepalive } = {}) {
        headers = { ...headers, Accept: accept ?? 'application/json' };
        if (this.#token) headers.Authorization = `Bearer ${this.#token}`;
        if (body !== undefined) headers['Content-Type'] = 'application/json';
        const options = {
            method,
            headers,
            signal,
            keepalive,
            cache: 'no-store',
            credentials: 'omit',
        };
        const request = { ...options, body: body && JSON.stringify(body) };
        const response = await fetch(new URL(path, this.base), request).catch(error => {
            if (error.name === 'AbortError') throw error;
            throw new Refusal('The server cannot be reached.');
        });
        if (!response.ok) throw await refusal(response);
        return response;
    }

    /** Asks for JSON. */
    async askJson(path, options) {
        return (await this.ask(path, options)).json();
    }

    /** Opens a stream of events. */
    async listen(path, { headers, signal }) {
        const response = await this.ask(path, { headers, signal, accept: 'text/event-stream' });
        if (!isStream(response)) throw new Refusal(`${path} is no event stream.`, { status: 404 });
        return response;
    }
}

/** Whether a response is a stream of events. */
const isStream = response =>
    (response.headers.get('Content-Type') ?? '').startsWith('text/event-stream');

/** What a refused response says of itself. */
async function refusal(response) {
    const text = await response.text().catch(() => '');
    const body = parseJson(text);
    const error = body?.error ?? body;
    const said = [error?.message, error].find(each => typeof each === 'string');
    const about = said ?? (text.startsWith('<') ? '' : text.slice(0, 300));
    const status = response.status;
    return new Refusal(about || `The server answers ${status}.`, {
        status,
        code: error?.code,
        body,
    });
}

/** The value of a JSON text; `undefined` if it is none. */
function parseJson(text) {
    try {
        return JSON.parse(text);
    } catch {
        return undefined;
    }
}

/** Yields `{ event, data, id }` for each event and `{ comment }` for each comment of a response. */
async function* readEvents(response) {
    const reader = response.body.getReader();
    const decoder = new TextDecoder();
    const parser = new EventParser();
    try {
        for (;;) {
            const { done, value } = await reader.read();
            if (done) return;
            yield* parser.push(decoder.decode(value, { stream: true }));
        }
    } finally {
        reader.cancel().catch(() => {});
    }
}

/** Server-sent events, in pieces of any size. `EventSource` would do, but sends no headers. */
class EventParser {
    #rest = '';
    #afterReturn = false;
    #event = '';
    #data = [];
    #id = '';

    /** Everything that is complete with this piece. */
    push(text) {
        // A line end may be cut in two.
        if (this.#afterReturn && text.startsWith('\n')) text = text.slice(1);
        if (text) this.#afterReturn = text.endsWith('\r');
        const lines = (this.#rest + text).split(/\r\n|\r|\n/);
        this.#rest = lines.pop();
        if (this.#rest.length > LINE_CHARACTERS_MAX) throw new Refusal('A line has no end.');
        return lines.flatMap(line => this.#line(line));
    }

    #line(line) {
        if (line === '') return this.#end();
        if (line.startsWith(':')) return [{ comment: line.slice(1) }];
        const [, field, value] = line.match(/^([^:]*):? ?([^]*)$/);
        if (field === 'event') this.#event = value;
        if (field === 'data') this.#data.push(value);
        if (field === 'id' && !value.includes('\0')) this.#id = value;
        return [];
    }

    #end() {
        const { length } = this.#data;
        const event = {
            event: this.#event || 'message',
            data: this.#data.join('\n'),
            id: this.#id,
        };
        this.#event = '';
        this.#data = [];
        return length ? [event] : [];
    }
}

/** Prometheus text to `Map { name => [{ labels, value }] }`. */
function parseMetrics(text) {
    const metrics = new Map();
    for (const line of text.split('\n')) {
        const [, name, inner, value] = line.match(/^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? +(\S+)/) ?? [];
        if (!name) continue;
        const labels = {};
        for (const [, key, label] of (inner ?? '').matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)) {
            labels[key] = label.replace(/\\(.)/g, (_, c) => (c === 'n' ? '\n' : c));
        }
        if (!metrics.has(name)) metrics.set(name, []);
        metrics.get(name).push({ labels, value: Number(value.replace('Inf', 'Infinity')) });
    }
    return metrics;
}
