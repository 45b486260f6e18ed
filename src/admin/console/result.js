// What a tool has answered, as people see it.

/** Entries of one level of a JSON tree that are shown at once. */
const TREE_ENTRIES_MAX = 200;

/** Types that are shown as pictures; SVG runs no script inside an <img>. */
const PICTURES = /^image\/(png|jpeg|gif|webp|avif|bmp|svg\+xml)$/;

/** A JSON value as a tree that folds; deeper levels are made when they are opened. */
function tree(value, name, isOpen = true) {
    const key = name === undefined ? [] : [make('span.key', {}, name), ': '];
    if (value === null || typeof value !== 'object') {
        const kind = value === null ? 'null' : typeof value;
        return make('div.leaf', {}, ...key, make(`span.${kind}`, {}, JSON.stringify(value)));
    }
    const entries = Object.entries(value);
    const size = Array.isArray(value) ? `[${entries.length}]` : `{${entries.length}}`;
    const branch = make('details.branch', {}, make('summary', {}, ...key, size));
    const grow = () => {
        if (branch.open && branch.childElementCount === 1) branch.append(...leaves(entries));
    };
    branch.addEventListener('toggle', grow);
    branch.open = isOpen && entries.length > 0;
    grow();
    return branch;
}

function leaves(entries) {
    const shown = entries.slice(0, TREE_ENTRIES_MAX);
    const parts = shown.map(([key, inner]) => tree(inner, key, entries.length <= 20));
    const left = entries.length - shown.length;
    if (left > 0) parts.push(make('div.muted', {}, `and ${left} more`));
    return parts;
}

/** One part of a result. */
function showContent(item) {
    const { type, mimeType = '', data } = item ?? {};
    const source = `data:${mimeType};base64,${data}`;
    if (type === 'text') return showText(item.text);
    if (type === 'image' && PICTURES.test(mimeType)) {
        return make('img', { src: source, alt: `Picture, ${mimeType}` });
    }
    if (type === 'audio' && /^audio\/[\w.+-]+$/.test(mimeType)) {
        return make('audio', { src: source, controls: true });
    }
    if (type === 'resource_link') return showLink(item);
    if (type === 'resource') return showResource(item.resource ?? {});
    return tree(item);
}

/** Text as it is, JSON as a tree. */
function showText(text) {
    const value = /^\s*[[{]/.test(text) ? parseJson(text) : undefined;
    return value === undefined ? make('pre', { tabIndex: 0 }, text) : tree(value);
}

function showLink({ uri = '', name, title, description, mimeType }) {
    const text = title ?? name ?? uri;
    const isWeb = /^https?:\/\//i.test(uri);
    const link = isWeb
        ? make('a', { href: uri, target: '_blank', rel: 'noopener noreferrer' }, text)
        : make('strong', {}, text);
    const about = [uri !== text && uri, mimeType, description].filter(Boolean).join(' · ');
    return make('p.reference', {}, link, make('span.muted', {}, about));
}

function showResource({ uri, text, blob = '', mimeType = '' }) {
    const body =
        text !== undefined
            ? showText(text)
            : PICTURES.test(mimeType)
              ? showContent({ type: 'image', mimeType, data: blob })
              : make(
                    'p.muted',
                    {},
                    `${bytes(blob.length * 0.75)} of ${mimeType || 'unknown type'}`,
                );
    return make('figure', {}, body, make('figcaption.muted', {}, uri ?? ''));
}

/** A whole result of `tools/call`. */
function showResult(result) {
    const content = Array.isArray(result.content) ? result.content : [];
    const structured = result.structuredContent;
    if (!content.length && structured === undefined) return [tree(result)];
    const same = JSON.stringify(structured);
    const isTold = ({ type, text }) => type === 'text' && JSON.stringify(parseJson(text)) === same;
    const parts = structured === undefined ? [] : [tree(structured)];
    const rest = content.filter(item => structured === undefined || !isTold(item ?? {}));
    return [...parts, ...rest.map(showContent)];
}

/** A result as text, for the clipboard. */
function copyOf(result) {
    const texts = (result.content ?? []).filter(({ type }) => type === 'text');
    if (!texts.length) return JSON.stringify(result.structuredContent ?? result, null, 2);
    return texts.map(({ text }) => text).join('\n');
}

/** What went wrong, with the data that came along. */
function showError(error) {
    const code = error.code === undefined ? '' : ` (${error.code})`;
    const data = error.data === undefined ? [] : [tree(error.data)];
    return [make('pre', { tabIndex: 0 }, error.message + code), ...data];
}
