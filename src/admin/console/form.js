// A form from a JSON Schema: fields for plain values, JSON for the rest. What it does not know it
// leaves to the server, which has the last word anyway.

/** How a value is entered: `choice`, `string`, `number` or `json`. */
function kindOf(schema) {
    if (schema.enum || 'const' in schema) return 'choice';
    const types = [schema.type ?? []].flat().filter(type => type !== 'null');
    const kinds = { boolean: 'choice', string: 'string', integer: 'number', number: 'number' };
    return (types.length === 1 && kinds[types[0]]) || 'json';
}

/** The values of a choice. */
function choices(schema) {
    if ('const' in schema) return [schema.const];
    return schema.enum ?? [true, false];
}

/** Follows a `$ref` into the definitions of the same schema. */
function resolve(schema, root) {
    const path = schema?.$ref?.match(/^#\/(.+)/)?.[1].split('/');
    const found = path?.reduce((inner, key) => inner?.[key], root);
    return found ? { ...found, ...schema, $ref: undefined } : (schema ?? {});
}

/** What a field's text means: `{ value }`, `{ problem }`, or `{}` if there is nothing to send. */
function readField(schema, isRequired, text) {
    const kind = kindOf(schema);
    if (text === '') return isRequired ? { problem: 'A value is needed.' } : {};
    const value =
        kind === 'string'
            ? text
            : kind === 'choice'
              ? choices(schema)[Number(text)]
              : kind === 'number'
                ? Number(text)
                : parseJson(text);
    if (value === undefined) return { problem: 'This is not JSON.' };
    const problem = fault(schema, kind, value);
    return problem ? { problem } : { value };
}

/** What is wrong with a value, if anything. */
function fault(schema, kind, value) {
    if (kind === 'number') return numberFault(schema, value);
    if (kind === 'string') return stringFault(schema, value);
    const type = [schema.type ?? []].flat();
    if (kind !== 'json' || !type.length) return '';
    const is = Array.isArray(value) ? 'array' : value === null ? 'null' : typeof value;
    return type.includes(is) ? '' : `This has to be: ${type.join(', ')}.`;
}

function numberFault(schema, value) {
    const { minimum, maximum, exclusiveMinimum, exclusiveMaximum } = schema;
    const isWhole = [schema.type].flat().includes('integer');
    if (!Number.isFinite(value)) return 'This is not a number.';
    if (isWhole && !Number.isInteger(value)) return 'This has to be a whole number.';
    if (isWhole && !Number.isSafeInteger(value)) return 'Browsers would round a number so large.';
    if (value < minimum) return `At least ${minimum}.`;
    if (value > maximum) return `At most ${maximum}.`;
    if (value <= exclusiveMinimum) return `More than ${exclusiveMinimum}.`;
    if (value >= exclusiveMaximum) return `Less than ${exclusiveMaximum}.`;
    return '';
}

function stringFault({ minLength, maxLength, pattern }, value) {
    const { length } = [...value];
    if (length < minLength) return `At least ${minLength} characters.`;
    if (length > maxLength) return `At most ${maxLength} characters.`;
    return pattern && !isMatch(pattern, value) ? `This has to match ${pattern}` : '';
}

/** A pattern that this browser cannot read is the server's business. */
function isMatch(pattern, value) {
    try {
        return new RegExp(pattern, 'u').test(value);
    } catch {
        return true;
    }
}

/** What a field takes, for people. */
function hint(schema) {
    const { minimum, maximum, maxLength } = schema;
    const type = [schema.type ?? []].flat().join(' or ');
    const range = [
        minimum !== undefined && `from ${minimum}`,
        maximum !== undefined && `to ${maximum}`,
        maxLength !== undefined && `at most ${maxLength} characters`,
    ];
    const isJson = kindOf(schema) === 'json' ? 'as JSON' : '';
    return [type, isJson, ...range].filter(Boolean).join(' ');
}

/** The form of one tool. */
class Form {
    static #count = 0;
    #fields = [];
    #isRaw = false;

    constructor(schema) {
        this.id = `form-${Form.#count++}`;
        const required = schema?.required ?? [];
        for (const [name, inner] of Object.entries(schema?.properties ?? {})) {
            this.#fields.push(this.#field(name, resolve(inner, schema), required.includes(name)));
        }
        this.#build();
    }

    #build() {
        this.raw = make('textarea.code', { rows: 6, spellcheck: false, id: `${this.id}-raw` });
        this.rawProblem = make('p.problem', { hidden: true, id: `${this.id}-raw-problem` });
        this.rawProblem.setAttribute('role', 'alert');
        this.raw.setAttribute('aria-label', 'Arguments as JSON');
        this.raw.setAttribute('aria-describedby', this.rawProblem.id);
        this.rawPart = make('div.field', { hidden: true }, this.raw, this.rawProblem);
        const isEmpty = !this.#fields.length;
        const note = make('p.muted', { hidden: !isEmpty }, 'This tool takes no arguments.');
        this.plainPart = make('div.fields', {}, note, ...this.#fields.map(({ part }) => part));
        this.element = make('div', {}, this.plainPart, this.rawPart);
        this.toggle = make(
            'button.quiet',
            { type: 'button', 'aria-pressed': 'false', onclick: () => this.#switch() },
            'Edit as JSON',
        );
    }

    #field(name, schema, isRequired) {
        const id = `${this.id}-${this.#fields.length}`;
        const input = inputOf(schema, isRequired);
        const problem = make('p.problem', { id: `${id}-problem`, hidden: true });
        const about = make('p.muted', { id: `${id}-about` }, schema.description ?? '');
        input.id = id;
        input.setAttribute('aria-describedby', `${about.id} ${problem.id}`);
        if (isRequired) input.setAttribute('aria-required', 'true');
        const label = make(
            'label',
            { htmlFor: id },
            make('code', {}, name),
            make('span.muted', {}, hint(schema)),
            ...(isRequired ? [make('span.required', {}, 'required')] : []),
        );
        about.hidden = !schema.description;
        const field = { name, schema, isRequired, input, problem };
        input.addEventListener('input', () => field.problem.hidden || this.#check(field));
        return { ...field, part: make('div.field', {}, label, about, input, problem) };
    }

    #check({ schema, isRequired, input, problem }) {
        const read = readField(schema, isRequired, input.value);
        return complain(input, problem, read.problem) ? read : undefined;
    }

    /** The arguments; `undefined` if something is wrong, which the form then shows. */
    read() {
        if (this.#isRaw) return this.#readRaw();
        const read = this.#fields.map(field => [field.name, this.#check(field)]);
        const wrong = read.findIndex(([, each]) => !each);
        if (wrong >= 0) {
            this.#fields[wrong].input.focus();
            return undefined;
        }
        const given = read.filter(([, each]) => 'value' in each);
        return Object.fromEntries(given.map(([name, { value }]) => [name, value]));
    }

    #readRaw() {
        const value = parseJson(this.raw.value.trim() || '{}');
        const isObject = value && typeof value === 'object' && !Array.isArray(value);
        const problem = isObject ? '' : 'The arguments have to be a JSON object.';
        if (complain(this.raw, this.rawProblem, problem)) return value;
        this.raw.focus();
        return undefined;
    }

    /** Between fields and JSON; what has been entered comes along. */
    #switch() {
        const value = this.#isRaw ? this.#readRaw() : this.#given();
        if (!value) return;
        this.#isRaw = !this.#isRaw;
        if (this.#isRaw) this.raw.value = JSON.stringify(value, null, 2);
        else this.#fill(value);
        this.rawPart.hidden = !this.#isRaw;
        this.plainPart.hidden = this.#isRaw;
        this.toggle.setAttribute('aria-pressed', String(this.#isRaw));
        if (this.#isRaw) this.raw.focus();
    }

    /** What is entered so far, right or not yet. */
    #given() {
        const read = this.#fields.map(({ name, schema, input }) => [
            name,
            readField(schema, false, input.value).value,
        ]);
        return Object.fromEntries(read);
    }

    #fill(values) {
        for (const { name, schema, input } of this.#fields) {
            input.value = textFor(schema, values[name]);
        }
    }
}

/** Shows what is wrong with an input, or that nothing is. */
function complain(input, place, problem = '') {
    write(place, problem);
    place.hidden = !problem;
    input.setAttribute('aria-invalid', String(Boolean(problem)));
    return !problem;
}

/** A value as its field shows it. */
function textFor(schema, value) {
    if (value === undefined) return '';
    const kind = kindOf(schema);
    if (kind === 'choice') {
        const place = choices(schema).findIndex(each => textOf(each) === textOf(value));
        return place < 0 ? '' : String(place);
    }
    return kind === 'json' ? JSON.stringify(value, null, 2) : textOf(value);
}

/** The element for a value of this schema. */
function inputOf(schema, isRequired) {
    const kind = kindOf(schema);
    const [example] = schema.examples ?? [];
    const placeholder = example === undefined ? '' : textOf(example);
    const autocomplete = 'off';
    const makers = {
        choice: () => choiceInput(schema, isRequired),
        number: () => make('input', { inputMode: 'decimal', placeholder, autocomplete }),
        string: () => make('textarea', { rows: 1, placeholder, autocomplete }),
        json: () => make('textarea.code', { rows: 3, placeholder, spellcheck: false }),
    };
    const input = makers[kind]();
    if (kind === 'string') input.dataset.single = '';
    if ('default' in schema) input.value = textFor(schema, schema.default);
    return input;
}

function choiceInput(schema, isRequired) {
    const options = choices(schema).map((value, place) =>
        make('option', { value: String(place) }, textOf(value)),
    );
    const none = make('option', { value: '' }, isRequired ? 'choose' : 'not set');
    return make('select', {}, none, ...options);
}
