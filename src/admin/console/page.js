// The page: connecting, what is known of the connection, tabs and colours.

/** Pages of older front-ends that this one stands in for, and the way in that each of them used. */
const OLDER_PAGES = {
    'sse-demo.html': 'plain',
    'demo-sse.html': 'hyphenated',
    'mcp_sse_example.html': 'underscored',
};

/** Seconds without a sign of life after which something may be wrong. */
const BEAT_AGE_MAX = 60;

const TABS = ['tools', 'events', 'server', 'setup'];

const page = { session: undefined, token: '', messages: 0, since: 0, beat: 0 };

/** Takes the token out of the address, before anything else can see it there. */
function takeToken() {
    const url = new URL(location.href);
    page.token = url.searchParams.get('token') ?? '';
    url.searchParams.delete('token');
    // Clients that can show no header come in by a path with the token.
    const secret = url.pathname.match(/^\/t\/([^/]+)(\/.*)$/);
    if (secret) {
        page.token = decodeURIComponent(secret[1]);
        url.pathname = secret[2];
    }
    if (url.href !== location.href) history.replaceState(null, '', url);
}

function start() {
    takeToken();
    find('server-url').value = new URL('.', location.href).href;
    const older = OLDER_PAGES[location.pathname.split('/').pop()];
    if (older) find('door').value = older;
    page.tools = new Tools();
    page.events = new Events();
    page.server = new ServerView();
    page.setup = new SetupView();
    startConnection();
    startTabs();
    startTheme();
    setInterval(showAges, 1000);
    addEventListener('online', () => page.session?.hurry());
    addEventListener('pagehide', () => page.session?.leave?.());
    connect();
}

function startConnection() {
    find('settings').addEventListener('submit', event => {
        event.preventDefault();
        connect();
    });
    find('disconnect').addEventListener('click', () => page.session.close());
    find('hurry').addEventListener('click', () => page.session?.hurry());
    find('show-settings').addEventListener('click', () => showSettings(find('settings').hidden));
    find('forget').addEventListener('click', () => {
        page.token = '';
        showToken();
    });
    find('session').addEventListener('click', async () => {
        if (page.session?.id) notice((await copy(page.session.id)) ? 'Copied.' : 'Not copied.');
    });
}

/** Whether there is a session, be it on its way. */
const isOpen = () => page.session && page.session.state !== 'closed';

/** The address of the server; whoever pastes the address of a door means its server. */
function readBase() {
    const text = find('server-url').value.trim();
    const url = new URL(/^https?:\/\//i.test(text) ? text : `http://${text}`);
    url.search = url.hash = '';
    url.pathname = url.pathname.replace(/\/(mcp\/sse|mcp|sse|events)?\/?$/, '/');
    return url;
}

function connect() {
    page.session?.close();
    const field = find('token');
    if (field.value) page.token = field.value.trim();
    field.value = '';
    showToken();
    let base;
    try {
        base = readBase();
    } catch {
        return showProblem('This is not the address of a server.');
    }
    const server = new Server(base, page.token);
    const Door = DOORS[find('door').value];
    page.messages = 0;
    page.session = new Door(server);
    page.session.listener = listenerFor(page.session);
    page.session.run();
}

/** What a session tells. A session that has been replaced talks to nobody. */
function listenerFor(session) {
    const isCurrent = () => session === page.session;
    return {
        state: (state, detail) => isCurrent() && showState(state, detail),
        log: (kind, label, value) => isCurrent() && logMessage(kind, label, value),
        beat: comment => isCurrent() && hearBeat(comment),
        notice: text => isCurrent() && notice(masked(text)),
        changed: () => isCurrent() && page.tools.load(session),
    };
}

/** A text that may be shown, copied and sent to others: without token and session. */
function masked(text) {
    const { id = '', server } = page.session;
    const known = server.mask(text);
    return id.length > 8 ? known.replaceAll(id, shortened(id)) : known;
}

const shortened = id => (id.length > 8 ? `${id.slice(0, 6)}…` : id);

function logMessage(kind, label, value) {
    page.messages++;
    page.events.add(kind, masked(label), masked(textOf(value)));
}

function hearBeat(comment) {
    page.beat = Date.now();
    if (comment !== undefined) page.events.add('beat', 'heartbeat', comment.trim());
}

// ---- the state of the connection ----

const STATES = {
    connecting: 'Connecting …',
    connected: 'Connected',
    waiting: 'Connection lost',
    closed: 'Not connected',
};

function showState(state, detail) {
    const { session } = page;
    const status = find('status');
    status.dataset.state = state;
    write(status, STATES[state]);
    const words = [STATES[state], detail?.message, detail?.why?.message].filter(Boolean).join(': ');
    page.events.add(detail?.message ? 'error' : 'note', masked(words), '');
    for (const id of ['disconnect', 'show-settings']) find(id).hidden = !isOpen();
    find('hurry').hidden = state !== 'waiting';
    page.until = detail?.until;
    page.since = state === 'connected' ? page.since || Date.now() : 0;
    page.beat = state === 'connected' ? Date.now() : page.beat;
    showAges();
    if (state === 'connected') welcome(session);
    if (state === 'closed') goodbye(detail);
}

function welcome(session) {
    showProblem('');
    showSettings(false);
    const { name, title, version = '' } = session.about.serverInfo ?? {};
    showName(title ?? name, version);
    write(find('instructions'), session.about.instructions ?? '');
    find('about').hidden = !session.about.instructions;
    page.tools.load(session);
    if (session === page.welcomed) return;
    page.welcomed = session;
    page.server.begin(session.server);
    page.setup.load(session.server);
    if (!name) nameByHealth(session);
}

/** Ways in without a handshake leave the name to the health check. */
async function nameByHealth(session) {
    const { name, version } = await session.server.askJson('health').catch(() => ({}));
    if (session === page.session) showName(name, version);
}

function showName(name = 'slimcp', version = '') {
    write(find('name'), name);
    write(find('version'), version);
    document.title = `${name} · slimcp console`;
}

function goodbye(why) {
    page.server.begin(undefined);
    showSettings(true);
    if (!why) return;
    if (why.status !== 401) return showProblem(explain(why));
    showProblem(
        page.token ? 'The server does not know this token.' : 'This server asks for a token.',
    );
    find('token').focus();
}

/** Adds what may help. */
function explain(why) {
    const isForeign = page.session.server.base.origin !== location.origin;
    if (why.status) return why.message;
    const foreign = ` A server elsewhere has to list ${location.origin} in its origins.`;
    return `${why.message} Is it running?${isForeign ? foreign : ''}`;
}

function showProblem(text) {
    write(find('problem'), text);
    find('problem').hidden = !text;
}

function showSettings(is) {
    find('settings').hidden = !is;
    find('show-settings').setAttribute('aria-expanded', String(is));
}

function showToken() {
    find('token').placeholder = page.token ? 'in use, kept in memory' : 'none';
    find('forget').hidden = !page.token;
}

/** What grows older by itself. */
function showAges() {
    const { session, since, beat, until, messages } = page;
    const now = Date.now();
    const isConnected = session?.state === 'connected';
    const id = session?.id ?? '';
    write(find('session'), id ? shortened(id) : 'none');
    find('session').disabled = !id;
    write(find('messages'), String(messages));
    write(find('since'), isConnected && since ? duration(now - since) : '–');
    const age = Math.floor((now - beat) / 1000);
    write(find('beat'), isConnected ? `${duration(now - beat)} ago` : '–');
    find('beat').classList.toggle('late', isConnected && age > BEAT_AGE_MAX);
    if (session?.state !== 'waiting') return;
    const left = Math.max(1, Math.ceil((until - now) / 1000));
    write(find('status'), `Reconnecting in ${left} s`);
}

// ---- tabs ----

function startTabs() {
    for (const name of TABS) {
        find(`tab-${name}`).addEventListener('click', () => selectTab(name));
    }
    find('tabs').addEventListener('keydown', event => {
        const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
        if (!step) return;
        const tabs = TABS.filter(name => find(`tab-${name}`).checkVisibility());
        const place = tabs.findIndex(name => event.target.id === `tab-${name}`);
        selectTab(tabs.at((place + step) % tabs.length)).focus();
    });
    // Where there is room, the events stand beside the rest and have no tab.
    matchMedia('(min-width: 1100px)').addEventListener('change', event => {
        if (event.matches && page.tab === 'events') selectTab('tools');
    });
    addEventListener('keydown', event => {
        if (event.key !== '/' || /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName)) return;
        event.preventDefault();
        selectTab('tools');
        find('search').focus();
    });
    selectTab('tools');
}

function selectTab(wanted) {
    page.tab = wanted;
    for (const name of TABS) {
        const tab = find(`tab-${name}`);
        tab.setAttribute('aria-selected', String(name === wanted));
        tab.tabIndex = name === wanted ? 0 : -1;
        find(name).classList.toggle('selected', name === wanted);
    }
    page.server.setShown(wanted === 'server');
    return find(`tab-${wanted}`);
}

// ---- colours ----

function startTheme() {
    const root = document.documentElement;
    const dark = matchMedia('(prefers-color-scheme: dark)');
    const isDark = () => (root.dataset.theme ?? (dark.matches ? 'dark' : 'light')) === 'dark';
    const button = find('theme');
    const show = () => button.setAttribute('aria-pressed', String(isDark()));
    try {
        // Only the choice of colours is ever stored.
        const chosen = localStorage.getItem('slimcp-theme');
        if (chosen) root.dataset.theme = chosen;
    } catch {
        // A browser that stores nothing follows the system's colours.
    }
    button.addEventListener('click', () => {
        root.dataset.theme = isDark() ? 'light' : 'dark';
        show();
        try {
            localStorage.setItem('slimcp-theme', root.dataset.theme);
        } catch {
            // The choice lasts as long as the page.
        }
    });
    dark.addEventListener('change', show);
    show();
}

document.addEventListener('DOMContentLoaded', start);
