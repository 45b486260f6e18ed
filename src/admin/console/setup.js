// How to set up other clients: snippets that the server writes, and the list of its doors.

class SetupView {
    constructor() {
        find('client').addEventListener('change', () => this.#choose());
        find('snippet-head').append(copyButton(() => find('snippet').textContent));
    }

    async load(server) {
        this.server = server;
        const api = await server.askJson('api').catch(() => ({}));
        if (server !== this.server) return;
        this.clients = (Array.isArray(api.clients) ? api.clients : []).slice(0, 100);
        const options = this.clients.map(({ client, label }, place) =>
            make('option', { value: String(place) }, label ?? client),
        );
        find('client').replaceChildren(...options);
        find('snippets').hidden = !options.length;
        find('no-snippets').hidden = options.length > 0;
        write(find('mcp-url'), new URL('mcp', server.base).href);
        write(find('sse-url'), new URL('sse', server.base).href);
        this.#showDoors(Array.isArray(api.doors) ? api.doors.slice(0, 100) : []);
        if (options.length) this.#choose();
    }

    #choose() {
        const { place = '', text = '' } = this.clients[find('client').value] ?? {};
        write(find('snippet-place'), place);
        write(find('snippet'), text);
    }

    #showDoors(doors) {
        const rows = doors.map(({ method, path, kind }) =>
            make(
                'tr',
                {},
                make('td', {}, [method].flat().join(' ')),
                make('td', {}, make('code', {}, path ?? '')),
                make('td', {}, kind ?? ''),
            ),
        );
        find('doors').replaceChildren(...rows);
        find('doors-part').hidden = !rows.length;
    }
}
