// Elements. Nothing in this page writes markup: elements are made one by one, and whatever a server
// says becomes their text. A tool named with markup is a tool with an odd name.

/** Finds an element of index.html by its id. */
const find = id => document.getElementById(id);

/** Makes an element: `make('p.note', { hidden: true }, 'text', child)`. */
function make(what, properties = {}, ...children) {
    const [tag, ...classes] = what.split('.');
    const element = document.createElement(tag);
    element.className = classes.join(' ');
    for (const [name, value] of Object.entries(properties)) {
        if (value === undefined) continue;
        if (name in element) element[name] = value;
        else element.setAttribute(name, value);
    }
    element.append(...children);
    return element;
}

/** The same for a part of a picture, which takes attributes only. */
function makeSvg(tag, attributes, ...children) {
    const element = document.createElementNS('http://www.w3.org/2000/svg', tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
}

/** Writes a text where it differs: what has not changed is not read aloud again. */
function write(element, text) {
    if (element.textContent !== text) element.textContent = text;
}

/** A button that copies what `text` returns, and says so. */
function copyButton(text, label = 'Copy') {
    return make(
        'button.quiet',
        {
            type: 'button',
            onclick: async event => {
                const button = event.currentTarget;
                button.textContent = (await copy(text())) ? 'Copied' : 'Not copied';
                setTimeout(() => (button.textContent = label), 1500);
            },
        },
        label,
    );
}

/** Puts a text on the clipboard. Without TLS, as in most homes, browsers offer the old way only. */
async function copy(text) {
    try {
        await navigator.clipboard.writeText(text);
        return true;
    } catch {
        const area = make('textarea.unseen', { value: text });
        document.body.append(area);
        area.select();
        const copied = document.execCommand('copy');
        area.remove();
        return copied;
    }
}

/** A message that goes away by itself. */
function notice(text) {
    const list = find('notices');
    while (list.childElementCount > 3) list.firstChild.remove();
    const item = make('p', {}, text.slice(0, 500));
    list.append(item);
    setTimeout(() => item.remove(), 8000);
}

/** Milliseconds as people say them. */
function duration(milliseconds) {
    const seconds = Math.floor(milliseconds / 1000);
    const parts = [
        [86400, 'd'],
        [3600, 'h'],
        [60, 'min'],
        [1, 's'],
    ];
    const first = parts.findIndex(([size]) => seconds >= size);
    if (first < 0) return '0 s';
    const shown = parts.slice(first, first + 2).map(([size, unit], place) => {
        const count = Math.floor(seconds / size);
        return [place ? count % (parts[first][0] / size) : count, unit];
    });
    return shown
        .filter(([count], place) => count || !place)
        .map(part => part.join(' '))
        .join(' ');
}

/** Bytes as people say them. */
function bytes(count) {
    const units = ['B', 'KiB', 'MiB', 'GiB'];
    const power = count < 1 ? 0 : Math.min(3, Math.floor(Math.log2(count) / 10));
    const size = count / 1024 ** power;
    return `${size.toFixed(power && size < 100 ? 1 : 0)} ${units[power]}`;
}
