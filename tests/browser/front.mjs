// A reverse proxy as people have one: everything below a prefix goes to the server, without the
// prefix. With `own` it answers with the page's sources itself, so that they can be worked on
// without building.
//
//   node tests/browser/front.mjs http://127.0.0.1:8000   serves the sources before that server
import { readFileSync } from 'node:fs';
import http from 'node:http';

const root = new URL('../../', import.meta.url);
const read = path => readFileSync(new URL(path, root), 'utf8');
const PAGES = ['', 'sse-demo.html', 'demo-sse.html', 'mcp_sse_example.html'];

/** The scripts of the page, in the order in which they are joined. */
export function scripts() {
    const [, list] = read('build.rs').match(/SCRIPTS[^=]*= \[([^\]]*)\]/);
    const names = [...list.matchAll(/"(.*?)"/g)].map(([, name]) => name);
    return names.map(name => read(`src/admin/console/${name}`)).join('\n');
}

/** The header fields of the page, less the compression. */
function fields() {
    const text = read('src/admin/console.rs').match(/FIELDS[^=]*= \[([^]*?)\n\];/)[1];
    const joined = text.replace(/\\\n\s*/g, '');
    const pairs = [...joined.matchAll(/"([\w-]+)",\s*"([^"]*)"/g)].map(([, ...pair]) => pair);
    return Object.fromEntries(pairs.filter(([name]) => name !== 'Content-Encoding'));
}

function ownAnswer(path) {
    if (PAGES.includes(path)) return ['text/html', read('src/admin/console/index.html')];
    if (path === 'console.css') return ['text/css', read('src/admin/console/console.css')];
    return path === 'console.js' ? ['text/javascript', scripts()] : undefined;
}

/** Starts it on a free port (or `port`) and returns its address. */
export async function startFront({ upstream, prefix = '/', own = false, port = 0 }) {
    const server = http.createServer((request, response) => {
        const path = request.url.slice(prefix.length);
        const answer = own && ownAnswer(path.split('?')[0]);
        if (!request.url.startsWith(prefix)) return response.writeHead(404).end();
        if (!answer) return forward(upstream, `/${path}`, request, response);
        response.writeHead(200, { ...fields(), 'Content-Type': `${answer[0]}; charset=utf-8` });
        response.end(answer[1]);
    });
    await new Promise(resolve => server.listen(port, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${server.address().port}${prefix}`;
    return { url, stop: () => (server.closeAllConnections(), server.close()) };
}

function forward(upstream, path, request, response) {
    const { method } = request;
    const { host } = new URL(upstream);
    const headers = { ...request.headers, host };
    // The page's own origin; the server does not know the one of the proxy.
    if (headers.origin) headers.origin = new URL(upstream).origin;
    const onward = http.request(new URL(path, upstream), { method, headers }, answer => {
        response.writeHead(answer.statusCode, answer.headers);
        response.flushHeaders();
        answer.pipe(response);
        answer.on('error', () => response.destroy());
    });
    onward.on('error', () =>
        response.headersSent ? response.destroy() : response.writeHead(502).end(),
    );
    response.on('close', () => onward.destroy());
    request.pipe(onward);
}

if (process.argv[1] === new URL(import.meta.url).pathname) {
    const front = await startFront({ upstream: process.argv[2], own: true, port: 8080 });
    console.log(front.url);
}
