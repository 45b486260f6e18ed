// Seven of the sixteen clients of sixteen.py, which says when to go: a line on stdin.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { base, call, connect, KINDS, report, text } from '../clients/harness.mjs';
import { sdk as sdk1 } from '../clients/sdk1.mjs';
import { sdk as sdk2 } from '../clients/sdk2.mjs';

const ROUNDS = 10;
const AT_ONCE = 4;
const KIND_OF_EACH = [
    [sdk1, 'sse'], [sdk1, 'http'], [sdk2, 'sse'], [sdk2, 'http'],
    [sdk2, 'modern'], [sdk2, 'modern'], [sdk2, 'modern'],
];

const suites = KIND_OF_EACH.map(([sdk, kind], index) =>
    ({ sdk, ...KINDS[kind], name: `${sdk.name}-${kind}-${index}`, failed: 0 }));

/** Whether it was answered, and how often it was told something. */
async function ask(suite, connection, tag, isCancelled) {
    const expected = `${suite.name} ${tag}`;
    const abort = new AbortController();
    const heard = [];
    const onprogress = ({ message }) => {
        heard.push(message);
        if (isCancelled) {
            abort.abort('enough');
        }
    };
    const options = { onprogress, signal: abort.signal };
    const given = { name: suite.name, tag };
    const result = await call(suite, connection, 'who', given, options).catch(error => {
        assert(isCancelled, error);
    });
    heard.push(...(result ? [text(result)] : []));
    assert(heard.every(said => said === expected), `${expected} heard ${heard}`);
    return { isAnswered: Boolean(result), told: heard.length };
}

async function hearsOnlyItsOwn(suite, connection) {
    let answered = 0;
    let told = 0;
    for (let number = 0; number < ROUNDS; number += 1) {
        const calls = Array.from({ length: AT_ONCE }, (_, index) =>
            ask(suite, connection, `${number}-${index}`, index === 1));
        for (const each of await Promise.all(calls)) {
            answered += each.isAnswered ? 1 : 0;
            told += each.told;
        }
    }
    assert(answered >= ROUNDS * (AT_ONCE - 1), `${answered} were answered`);
    // SDKs drop progress that arrives in one read with the result.
    assert(told > answered, `it was told something ${told} times`);
    await connection.transport.terminateSession?.();
    await connection.client.close();
}

const connections = await Promise.all(
    suites.map(suite => connect(suite, new URL('/servers/who', base))));
await once(process.stdin, 'data');
await Promise.all(suites.map((suite, index) =>
    report(suite, `${suite.name}.hears_only_its_own`, () =>
        hearsOnlyItsOwn(suite, connections[index]))));
process.exit(suites.some(({ failed }) => failed > 0) ? 1 : 0);
