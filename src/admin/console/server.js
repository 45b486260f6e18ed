// How the server is, for those who may see it, and messages to everybody. Asked for every few
// seconds, and only while somebody looks.

/** Milliseconds between two looks. */
const LOOK_INTERVAL = 3000;

/** Points of a chart: five minutes. */
const POINTS_MAX = 100;

class ServerView {
    #timer;
    #last;
    #isShown = false;
    #round = 0;

    constructor() {
        this.charts = {
            calls: new Chart('Calls per second', value => value.toFixed(value < 10 ? 1 : 0)),
            time: new Chart('Mean time of a request', value => `${value.toFixed(1)} ms`),
            memory: new Chart('Memory budget in use', bytes),
        };
        find('charts').append(...Object.values(this.charts).map(({ element }) => element));
        document.addEventListener('visibilitychange', () => this.#look());
        find('broadcast').addEventListener('submit', event => this.#broadcast(event));
    }

    /** Begins anew with another server or token; nobody is connected without one. */
    async begin(server) {
        this.server = server;
        this.#last = undefined;
        for (const chart of Object.values(this.charts)) chart.clear();
        find('tab-server').hidden = true;
        const isAllowed = server && (await this.#mayLook(server));
        if (server !== this.server) return;
        find('tab-server').hidden = !isAllowed;
        if (!isAllowed && this.#isShown) selectTab('tools');
        this.#look();
    }

    /** Roles without the right are refused here; older servers know no metrics. */
    #mayLook(server) {
        const ask = server.ask('metrics', { accept: 'text/plain' });
        return ask.then(
            () => true,
            ({ status }) => ![401, 403].includes(status),
        );
    }

    setShown(is) {
        this.#isShown = is;
        this.#look();
    }

    async #look() {
        clearTimeout(this.#timer);
        const round = ++this.#round;
        if (!this.#isShown || document.hidden || !this.server) return;
        const seen = await this.#ask();
        if (round !== this.#round) return;
        if (seen) this.#show(seen);
        this.#timer = setTimeout(() => this.#look(), LOOK_INTERVAL);
    }

    /** What there is; a part that is not there is left out. */
    async #ask() {
        const { server } = this;
        const none = () => undefined;
        const health = await server.askJson('health').catch(none);
        const stats = await server.askJson('mcp/sse/stats').catch(none);
        const text = await server
            .ask('metrics', { accept: 'text/plain' })
            .then(response => response.text())
            .catch(none);
        return health && { health, stats, metrics: parseMetrics(text ?? ''), time: Date.now() };
    }

    #show({ health, stats, metrics, time }) {
        const limit = name => sum(metrics, `slimcp_${name}_max`);
        const { memory = {} } = health;
        find('tiles').replaceChildren(
            tile('Running for', duration(health.uptime_seconds * 1000), health.status),
            tile('Sessions', health.sessions, '', limit('sessions')),
            tile('Connections', health.connections, '', limit('connections')),
            tile('Event streams', health.streams, roles(stats), limit('streams')),
            tile('Calls in flight', health.calls, failures(metrics), limit('calls')),
            tile(
                'Memory budget',
                memory.budget_used_bytes,
                `ceiling ${bytes(memory.ceiling_bytes)}`,
                memory.budget_bytes,
                bytes,
            ),
        );
        this.#draw({ health, metrics, time });
        const behind = find('servers');
        behind.hidden = !health.servers?.length;
        if (!behind.hidden) behind.replaceChildren(...servers(health.servers));
        const list = find('sessions');
        list.hidden = !stats?.sessions?.length;
        if (!list.hidden) list.replaceChildren(...sessions(stats));
    }

    #draw(now) {
        const last = this.#last;
        this.#last = now;
        this.charts.memory.add(now.health.memory?.budget_used_bytes);
        if (!last) return;
        const grown = name => sum(now.metrics, name) - sum(last.metrics, name);
        this.charts.calls.add((grown('slimcp_calls_total') * 1000) / (now.time - last.time));
        const count = grown('slimcp_request_duration_seconds_count');
        this.charts.time.add(
            count && (grown('slimcp_request_duration_seconds_sum') * 1000) / count,
        );
    }

    async #broadcast(event) {
        event.preventDefault();
        const text = find('broadcast-text').value.trim();
        const type = find('broadcast-type').value.trim() || 'mcp-notification';
        const boxes = [...find('broadcast').querySelectorAll('[type=checkbox]:checked')];
        const said = find('broadcast-said');
        if (!text || !this.server) return write(said, 'Write something first.');
        const message = { type, ...payload(text), timestamp: new Date().toISOString() };
        const tokenTypes = boxes.map(({ value }) => value);
        const body = { message, ...(tokenTypes.length && { filter: { tokenTypes } }) };
        try {
            const options = { method: 'POST', body };
            const { queued = 0 } = await this.server.askJson('mcp/sse/broadcast', options);
            write(said, `Sent to ${queued} ${queued === 1 ? 'stream' : 'streams'}.`);
            find('broadcast-text').value = '';
        } catch (error) {
            write(said, error.message);
        }
    }
}

/** What is broadcast: an object as it is, anything else as a message to people. */
function payload(text) {
    const value = parseJson(text);
    const isObject = value && typeof value === 'object' && !Array.isArray(value);
    return { result: isObject ? value : { message: text } };
}

/** The sum of a metric's series, this page's own questions left out; `NaN` if there are none. */
function sum(metrics, name) {
    const series = metrics.get(name)?.filter(({ labels }) => labels.door !== 'operations');
    return series?.reduce((total, { value }) => total + value, 0) ?? NaN;
}

function roles(stats) {
    const counts = Object.entries(stats?.connectionsByType ?? {}).filter(([, count]) => count);
    return counts.map(([role, count]) => `${count} ${role}`).join(', ');
}

function failures(metrics) {
    const [calls, failed] = ['slimcp_calls_total', 'slimcp_calls_failed_total'].map(name =>
        sum(metrics, name),
    );
    return Number.isNaN(calls) ? '' : `${calls} in all, ${failed || 0} failed`;
}

/** A number with what it means, and how much of its limit it is. */
function tile(title, value, note, limit, format = String) {
    const shown = value === undefined ? '–' : typeof value === 'number' ? format(value) : value;
    const of = limit > 0 ? ` of ${format(limit)}` : '';
    const meter = () =>
        make('meter', { max: limit, high: limit * 0.8, optimum: 0, value, 'aria-label': title });
    const parts = limit > 0 ? [meter()] : [];
    return make(
        'div.tile',
        {},
        make('h3', {}, title),
        make('p.value', {}, shown, make('span.muted', {}, of)),
        ...parts,
        make('p.muted', {}, note ?? ''),
    );
}

/** The servers behind this one. */
function servers(servers) {
    const row = it =>
        make(
            'tr',
            { title: it.last_failure ?? '' },
            cell(it.name),
            cell(it.state),
            cell(it.tools ?? '?'),
            cell(it.children),
            cell(it.calls),
            cell(it.calls_total),
            cell(it.failures_total),
        );
    const names = ['Server', 'State', 'Tools', 'Processes', 'Calls now', 'Calls', 'Failures'];
    return [make('h2', {}, 'Servers'), table(names, servers.map(row))];
}

const cell = text => make('td', {}, String(text));

function table(names, rows) {
    const head = names.map(name => make('th', { scope: 'col' }, name));
    const parts = [make('thead', {}, make('tr', {}, ...head)), make('tbody', {}, ...rows)];
    return make('div.wide', { tabIndex: 0 }, make('table', {}, ...parts));
}

/** Who is there, the longest first. */
function sessions({ sessions, sessionsTotal }) {
    const row = it =>
        make(
            'tr',
            {},
            cell(it.id),
            cell(it.principal),
            cell(it.role),
            cell(it.transport),
            cell(it.connected ? 'open' : `idle ${duration(it.idleSeconds * 1000)}`),
            cell(it.calls),
            cell(duration(it.ageSeconds * 1000)),
        );
    const names = ['Session', 'Who', 'Role', 'Transport', 'Stream', 'Calls', 'Age'];
    const oldest = [...sessions].sort((one, other) => other.ageSeconds - one.ageSeconds);
    const more = sessionsTotal - sessions.length;
    return [
        make('h2', {}, 'Sessions'),
        table(names, oldest.map(row)),
        ...(more > 0 ? [make('p.muted', {}, `and ${more} more`)] : []),
    ];
}

/** A line over time, the newest value at the right. */
class Chart {
    #points = [];

    constructor(title, format) {
        this.format = format;
        this.value = make('p.value', {}, '–');
        this.line = makeSvg('path', { class: 'line' });
        this.area = makeSvg('path', { class: 'area' });
        const size = { viewBox: '0 0 100 30', preserveAspectRatio: 'none', 'aria-hidden': 'true' };
        this.top = make('p.muted');
        this.element = make(
            'div.tile',
            {},
            make('h3', {}, title),
            this.value,
            makeSvg('svg', size, this.area, this.line),
            this.top,
        );
    }

    clear() {
        this.#points = [];
        this.#draw();
    }

    add(value) {
        if (!Number.isFinite(value)) return;
        this.#points.push(value);
        if (this.#points.length > POINTS_MAX) this.#points.shift();
        this.#draw();
    }

    #draw() {
        const points = this.#points;
        const top = Math.max(...points, 0);
        const step = 100 / (POINTS_MAX - 1);
        const place = (value, at) => [
            100 - (points.length - 1 - at) * step,
            29 - (top && value / top) * 27,
        ];
        const path = points.map((value, at) =>
            place(value, at)
                .map(n => n.toFixed(2))
                .join(' '),
        );
        const line = path.length > 1 ? `M${path.join('L')}` : '';
        this.line.setAttribute('d', line);
        this.area.setAttribute('d', line && `${line}V30H${place(0, 0)[0].toFixed(2)}Z`);
        write(this.value, points.length ? this.format(points.at(-1)) : '–');
        write(this.top, points.length > 1 ? `at most ${this.format(top)}` : 'wait a moment …');
    }
}
