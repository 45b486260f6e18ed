// The tools: a list to choose from, and a panel for each that has been chosen. A panel stays while
// its tool does, so that a call goes on while somebody looks at another one.

/** Browsers open six connections to a server: one for events, and one to cancel must be left. */
const CALLS_MAX = 4;

class Tools {
    #panels = new Map();
    #tools = [];
    #calls = 0;
    #turn = 0;
    #chosen;

    constructor() {
        this.list = find('tool-list');
        this.place = find('tool');
        find('search').addEventListener('input', () => this.#filter());
    }

    /** Reads the list of a session, which may be another one by the time it is there. */
    async load(session) {
        this.session = session;
        const turn = ++this.#turn;
        try {
            const tools = await session.listTools();
            if (turn === this.#turn) this.#show(tools);
        } catch (error) {
            if (turn === this.#turn && session.state === 'connected') this.#say(error.message);
        }
    }

    #say(text) {
        const note = find('tools-note');
        write(note, text);
        note.hidden = !text;
    }

    #show(tools) {
        this.#tools = tools.map(tool => ({ tool, item: this.#item(tool) }));
        const known = new Set(tools.map(tool => JSON.stringify(tool)));
        for (const key of this.#panels.keys()) if (!known.has(key)) this.#panels.delete(key);
        this.list.replaceChildren(...this.#tools.map(({ item }) => item));
        write(find('tool-count'), String(tools.length));
        this.#filter();
        const name = this.#chosen ?? (matchMedia('(min-width: 700px)').matches && tools[0]?.name);
        const again = tools.find(tool => tool.name === name);
        if (again) this.#choose(again);
        else this.#close();
    }

    #item(tool) {
        const about = make('span.about', {}, tool.description ?? '');
        const button = make(
            'button',
            { type: 'button', onclick: () => this.#open(tool) },
            make('span.name', {}, tool.name),
            about,
        );
        return make('li', {}, button);
    }

    #filter() {
        const wanted = find('search').value.toLowerCase();
        for (const { tool, item } of this.#tools) {
            const text = `${tool.name} ${tool.title ?? ''} ${tool.description ?? ''}`;
            item.hidden = !text.toLowerCase().includes(wanted);
        }
        const isNone = this.#tools.every(({ item }) => item.hidden);
        const none = this.#tools.length ? 'No tool matches.' : 'This server offers you no tools.';
        this.#say(isNone ? none : '');
    }

    #open(tool) {
        this.#choose(tool);
        find('tools').classList.add('chosen');
        this.place.querySelector('h2').focus();
    }

    /** Back to the list, where it and the tool do not fit side by side. */
    #back() {
        find('tools').classList.remove('chosen');
        this.list.querySelector('[aria-current]')?.focus();
    }

    #close() {
        this.#back();
        this.#chosen = undefined;
        this.place.replaceChildren();
    }

    #choose(tool) {
        this.#chosen = tool.name;
        for (const { tool: each, item } of this.#tools) {
            const button = item.firstChild;
            if (each.name === tool.name) button.setAttribute('aria-current', 'true');
            else button.removeAttribute('aria-current');
        }
        const key = JSON.stringify(tool);
        if (!this.#panels.has(key)) this.#panels.set(key, new Panel(tool, this));
        const { element } = this.#panels.get(key);
        if (this.place.firstChild === element) return;
        element.querySelector('.back').onclick = () => this.#back();
        this.place.replaceChildren(element);
    }

    /** Calls a tool, if there is room for one more call. */
    async call(name, parameters, call) {
        if (this.session?.state !== 'connected') throw new Refusal('Connect first.');
        if (this.#calls >= CALLS_MAX) {
            throw new Refusal(`${CALLS_MAX} calls are running; a browser has room for no more.`);
        }
        this.#calls++;
        try {
            return await this.session.callTool(name, parameters, call);
        } finally {
            this.#calls--;
        }
    }

    cancel(call) {
        this.session.cancel(call);
    }
}

/** What a tool says of itself, as small labels. */
function labels({ annotations = {} }) {
    const { readOnlyHint, destructiveHint, idempotentHint, openWorldHint } = annotations;
    return [
        readOnlyHint === true && ['reads only', 'Says that it changes nothing.'],
        !readOnlyHint &&
            destructiveHint === true && ['may destroy', 'May destroy something.', 'warn'],
        !readOnlyHint &&
            idempotentHint === true && ['repeatable', 'A second call changes no more.'],
        openWorldHint === true && ['goes outside', 'Reaches beyond the server.'],
    ]
        .filter(Boolean)
        .map(([text, title, kind = 'plain']) => make(`span.label.${kind}`, { title }, text));
}

/** One tool: what it is, its form, its progress and its last result. */
class Panel {
    #tool;
    #tools;
    #call;

    constructor(tool, tools) {
        this.#tool = tool;
        this.#tools = tools;
        this.form = new Form(tool.inputSchema);
        this.#build();
    }

    #build() {
        const { name, description = '' } = this.#tool;
        const title = this.#tool.title ?? this.#tool.annotations?.title;
        this.start = make('button.primary', { type: 'submit' }, 'Call');
        this.stop = make(
            'button',
            { type: 'button', hidden: true, onclick: () => this.#cancel() },
            'Cancel',
        );
        this.bar = make('progress', { 'aria-label': `Progress of ${name}` });
        this.said = make('p.said');
        this.said.setAttribute('role', 'status');
        this.progress = make('div.progress', { hidden: true }, this.bar, this.said);
        this.result = make('section.result', { hidden: true });
        this.result.setAttribute('aria-label', 'Result');
        this.result.setAttribute('aria-live', 'polite');
        const head = make(
            'header',
            {},
            make('button.back.quiet', { type: 'button' }, '‹ All tools'),
            make('h2', { tabIndex: -1 }, title ?? name),
            make('p.labels', {}, ...(title ? [make('code', {}, name)] : []), ...labels(this.#tool)),
            make('p.description', {}, description),
        );
        const actions = make('div.actions', {}, this.start, this.stop, this.form.toggle);
        const form = make(
            'form',
            { noValidate: true, onsubmit: event => this.#submit(event) },
            this.form.element,
            actions,
        );
        form.addEventListener('keydown', event => this.#key(event, form));
        this.element = make('article', {}, head, form, this.progress, this.result);
    }

    /** Enter sends a line, Shift and Enter begin a new one; in JSON it takes Ctrl. */
    #key(event, form) {
        const { single } = event.target.dataset ?? {};
        const isSent = event.ctrlKey || event.metaKey || (single === '' && !event.shiftKey);
        if (event.key !== 'Enter' || !isSent || event.isComposing) return;
        event.preventDefault();
        form.requestSubmit();
    }

    async #submit(event) {
        event.preventDefault();
        if (this.#call) return;
        const parameters = this.form.read();
        if (!parameters) return;
        const call = (this.#call = { onprogress: progress => this.#advance(progress) });
        this.#running(true);
        const begin = performance.now();
        const took = () => `${Math.round(performance.now() - begin)} ms`;
        try {
            const result = await this.#tools.call(this.#tool.name, parameters, call);
            const title = result.isError ? 'The tool reports an error' : 'Result';
            this.#finish(title, took(), showResult(result), result.isError, () => copyOf(result));
        } catch (error) {
            this.#finish('No result', took(), showError(error), true, () => error.message);
        }
        this.#running(false);
    }

    #running(is) {
        if (!is) this.#call = undefined;
        this.start.disabled = is;
        this.stop.hidden = !is;
        this.stop.disabled = false;
        this.progress.hidden = !is;
        this.bar.removeAttribute('value');
        write(this.said, is ? 'Running …' : '');
    }

    #advance({ progress, total, message }) {
        if (total > 0) {
            this.bar.max = total;
            this.bar.value = progress;
        }
        const count = total > 0 ? `${progress} of ${total}` : String(progress);
        write(this.said, message ? `${count} · ${message}` : count);
    }

    #cancel() {
        this.stop.disabled = true;
        this.#tools.cancel(this.#call);
    }

    #finish(title, took, parts, isError, text) {
        this.result.classList.toggle('failed', Boolean(isError));
        const head = make(
            'header',
            {},
            make('h3', {}, title),
            make('span.muted', {}, took),
            copyButton(text),
        );
        this.result.replaceChildren(head, ...parts);
        this.result.hidden = false;
        head.scrollIntoView({ block: 'nearest' });
    }
}
