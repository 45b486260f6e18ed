// The parts of the page that need no browser: bytes to values, and what a form's fields mean.
import assert from 'node:assert/strict';
import vm from 'node:vm';
import { scripts } from './front.mjs';

// Classes of a script do not become properties of its global object; an expression hands them over.
const names =
    'EventParser, parseMetrics, readField, kindOf, hint, textFor, duration, bytes, describe';
const source = `document.addEventListener = () => {}; ${scripts()}; ({ ${names} })`;
const scope = { document: {}, addEventListener() {}, AbortController, URL };
const page = vm.runInNewContext(source, scope);
/** Plain copies: values of another context have other prototypes. */
const plain = value => JSON.parse(JSON.stringify(value));

function parse(...pieces) {
    const parser = new page.EventParser();
    return plain(pieces.flatMap(piece => [...parser.push(piece)]));
}

const STREAM =
    'id: 1\nevent: a\ndata: x\r\ndata:y\r\r: beat\n\ndata\n\nevent: none\n\nid: 2\ndata: é\n\n';
const EVENTS = [
    { event: 'a', data: 'x\ny', id: '1' },
    { comment: ' beat' },
    { event: 'message', data: '', id: '1' },
    { event: 'message', data: 'é', id: '2' },
];

const checks = {
    events_are_read_with_any_line_end() {
        assert.deepEqual(parse(STREAM), EVENTS);
    },

    events_are_read_in_pieces_of_any_size() {
        for (let size = 1; size < STREAM.length; size++) {
            const pieces = STREAM.match(new RegExp(`[^]{1,${size}}`, 'g'));
            assert.deepEqual(parse(...pieces), EVENTS, `pieces of ${size}`);
        }
    },

    half_an_event_is_none() {
        assert.deepEqual(parse('data: x\n'), []);
        assert.deepEqual(parse('data: x\r', '\n\r', '\n'), [
            { event: 'message', data: 'x', id: '' },
        ]);
    },

    metrics_are_read_with_their_labels() {
        const text = [
            '# HELP a Help.',
            '# TYPE a counter',
            'a 1',
            'b{x="1",le="+Inf"} 2.5 1700000000',
            'b{x="a\\"}\\\\\\n"} +Inf',
            'broken',
            '',
        ].join('\n');
        assert.deepEqual(plain([...page.parseMetrics(text).keys()]), ['a', 'b']);
        const [first, second] = page.parseMetrics(text).get('b');
        assert.deepEqual(plain(first), { labels: { x: '1', le: '+Inf' }, value: 2.5 });
        assert.equal(second.labels.x, 'a"}\\\n');
        assert.equal(second.value, Infinity);
    },

    fields_mean_values_or_problems() {
        const integer = { type: 'integer', minimum: 2, maximum: 5 };
        const table = [
            [{ type: 'string' }, true, '', { problem: 'A value is needed.' }],
            [{ type: 'string' }, false, '', {}],
            [{ type: 'string' }, false, ' a ', { value: ' a ' }],
            [{ type: 'string', maxLength: 2 }, true, '🦀🦀', { value: '🦀🦀' }],
            [{ type: 'string', maxLength: 1 }, true, 'ab', { problem: 'At most 1 characters.' }],
            [{ type: 'string', pattern: '^a+$' }, true, 'b', { problem: 'This has to match ^a+$' }],
            [{ type: 'string', pattern: '(' }, true, 'b', { value: 'b' }],
            [integer, true, '5', { value: 5 }],
            [integer, true, '6', { problem: 'At most 5.' }],
            [integer, true, '1', { problem: 'At least 2.' }],
            [integer, true, '2.5', { problem: 'This has to be a whole number.' }],
            [integer, true, 'two', { problem: 'This is not a number.' }],
            [{ type: ['integer', 'null'] }, true, '7', { value: 7 }],
            [{ type: 'number', exclusiveMinimum: 0 }, true, '0', { problem: 'More than 0.' }],
            [{ type: 'boolean' }, true, '0', { value: true }],
            [{ type: 'boolean' }, true, '1', { value: false }],
            [{ enum: ['a', 7, null] }, true, '1', { value: 7 }],
            [{ const: 'only' }, true, '0', { value: 'only' }],
            [{ type: 'object' }, true, '{"a":[1]}', { value: { a: [1] } }],
            [{ type: 'object' }, true, '[1]', { problem: 'This has to be: object.' }],
            [{ type: 'array' }, true, '[1', { problem: 'This is not JSON.' }],
            [{}, true, '"any"', { value: 'any' }],
        ];
        for (const [schema, isRequired, text, expected] of table) {
            const read = plain(page.readField(schema, isRequired, text));
            assert.deepEqual(read, expected, `${JSON.stringify(schema)} of ${text}`);
        }
    },

    large_integers_are_refused_instead_of_rounded() {
        const { problem } = page.readField({ type: 'integer' }, true, '9007199254740993');
        assert.match(problem, /round/);
    },

    values_come_back_to_their_fields() {
        const table = [
            [{ type: 'boolean' }, false],
            [{ enum: ['a', 7] }, 7],
            [{ type: 'string' }, 'x'],
            [{ type: 'number' }, 1.5],
            [{ type: 'array' }, [1, 'a']],
        ];
        for (const [schema, value] of table) {
            const text = page.textFor(schema, value);
            assert.deepEqual(plain(page.readField(schema, true, text).value), value);
        }
    },

    numbers_are_said_as_people_do() {
        const said = [0, 999, 1000, 61_000, 3_600_000, 93_784_000].map(page.duration);
        assert.deepEqual(said, ['0 s', '0 s', '1 s', '1 min 1 s', '1 h', '1 d 2 h']);
        const sizes = [0, 1023, 1024, 1536, 8 << 20, 3 * 2 ** 30].map(page.bytes);
        assert.deepEqual(sizes, ['0 B', '1023 B', '1.0 KiB', '1.5 KiB', '8.0 MiB', '3.0 GiB']);
    },
};

let failed = 0;
for (const [name, check] of Object.entries(checks)) {
    try {
        check();
        console.log(`ok ${name}`);
    } catch (error) {
        failed++;
        console.log(`not ok ${name}: ${String(error.message).replaceAll('\n', ' ')}`);
    }
}
process.exit(failed ? 1 : 0);
