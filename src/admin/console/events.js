// The log of everything that goes out and comes in: bounded, and drawn once per frame at most.

/** Lines that are kept; older ones leave. */
const LINES_MAX = 500;

/** Characters of one line that are kept. */
const LINE_CHARACTERS_KEPT = 20000;

const ARROWS = { in: '←', out: '→', error: '←', beat: '♥', note: '·' };
const SPOKEN = { in: 'received', out: 'sent', error: 'error', beat: 'heartbeat', note: 'note' };

class Events {
    #lines = [];
    #fresh = [];
    #isDrawing = false;
    #isPaused = false;

    constructor() {
        this.list = find('log');
        this.pause = find('pause');
        this.pause.addEventListener('click', () => this.#setPaused(!this.#isPaused));
        find('clear').addEventListener('click', () => this.#clear());
        for (const id of ['kinds', 'needle']) {
            find(id).addEventListener('input', () => this.#filter());
        }
        find('log-tools').append(copyButton(() => this.#text()));
    }

    /** Adds a line. */
    add(kind, label, text) {
        const left = text.length - LINE_CHARACTERS_KEPT;
        const kept = left > 0 ? `${text.slice(0, -left)} … and ${left} characters` : text;
        this.#fresh.push({ kind, label, text: kept, time: new Date() });
        if (this.#fresh.length > LINES_MAX) this.#fresh.shift();
        if (this.#isPaused) this.#tellPaused();
        else this.#plan();
    }

    #plan() {
        if (this.#isDrawing) return;
        this.#isDrawing = true;
        // A page in the background draws no frames; its lines wait in their bounded list.
        requestAnimationFrame(() => this.#draw());
    }

    #draw() {
        this.#isDrawing = false;
        if (this.#isPaused) return;
        const fresh = this.#fresh.splice(0);
        const isAtEnd = this.list.scrollTop + this.list.clientHeight > this.list.scrollHeight - 40;
        for (const line of fresh) {
            line.element = lineElement(line);
            line.element.hidden = !this.#isWanted(line);
        }
        this.#lines.push(...fresh);
        const old = this.#lines.splice(0, Math.max(0, this.#lines.length - LINES_MAX));
        for (const { element } of old) element.remove();
        this.list.append(...fresh.slice(-LINES_MAX).map(({ element }) => element));
        if (isAtEnd) this.list.scrollTop = this.list.scrollHeight;
        find('log-empty').hidden = this.#lines.length > 0;
    }

    #isWanted({ kind, label, text }) {
        const kinds = find('kinds').value;
        const needle = find('needle').value.toLowerCase();
        const isKind = kinds === 'all' || (kinds === 'quiet' ? kind !== 'beat' : kind === kinds);
        return isKind && `${label} ${text}`.toLowerCase().includes(needle);
    }

    #filter() {
        for (const line of this.#lines) line.element.hidden = !this.#isWanted(line);
        this.list.scrollTop = this.list.scrollHeight;
    }

    #setPaused(is) {
        this.#isPaused = is;
        this.pause.setAttribute('aria-pressed', String(is));
        this.#tellPaused();
        this.#plan();
    }

    #tellPaused() {
        const fresh = this.#fresh.length;
        write(this.pause, !this.#isPaused ? 'Pause' : fresh ? `Resume (${fresh})` : 'Resume');
    }

    #clear() {
        this.#lines = [];
        this.#fresh = [];
        this.list.replaceChildren();
        this.#tellPaused();
        find('log-empty').hidden = false;
    }

    #text() {
        const shown = this.#lines.filter(({ element }) => !element.hidden);
        return shown
            .map(
                ({ time, kind, label, text }) =>
                    `${time.toISOString()} ${SPOKEN[kind]} ${label} ${text}`,
            )
            .join('\n');
    }
}

/** The beginning of a text, without what every message begins with. */
const preview = text =>
    text.replace(/^\{"jsonrpc":"2\.0",("id":[^,]*,)?("method":"[^"]*",?)?/, '{').slice(0, 200);

/** A line; the whole text is laid out when somebody opens it. */
function lineElement({ kind, label, text, time }) {
    const clock = time.toTimeString().slice(0, 8);
    const arrow = make('span.arrow', { title: SPOKEN[kind] }, ARROWS[kind]);
    arrow.setAttribute('role', 'img');
    arrow.setAttribute('aria-label', SPOKEN[kind]);
    const summary = make(
        'summary',
        {},
        make('time', {}, clock),
        arrow,
        make('b', {}, label),
        make('span.preview', {}, preview(text)),
    );
    const details = make('details', {}, summary);
    details.addEventListener(
        'toggle',
        () => {
            if (details.childElementCount > 1) return;
            const value = parseJson(text);
            const whole = typeof value === 'object' ? JSON.stringify(value, null, 2) : text;
            details.append(make('pre', { tabIndex: 0 }, whole));
        },
        { once: true },
    );
    return make(`li.${kind}`, {}, details);
}
