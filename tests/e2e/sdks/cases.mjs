// The cases that every client must pass against every upstream, whatever formats the two speak.
import assert from 'node:assert/strict';
import { afterEach, beforeEach } from 'node:test';
import { thought } from '../fake/plan.mjs';
import { png, pngSize } from '../media.mjs';
import { test } from '../timed.mjs';

const city = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] };
const twoTools = [{ name: 'look', description: 'Looks.', parameters: city }, { name: 'see', description: 'Sees.', parameters: city }];
const closed = {
  type: 'object', properties: { city: { type: 'string' }, size: { type: 'integer' } }, required: ['city', 'size'], additionalProperties: false,
};
const ask = (scenario, text = 'hello') => `[[fake:${scenario}]] ${text}`;
const odd = 'größe 😀 "quoted" \\ end';

/** What the fake is asked must be what its format allows. */
export const refusedNothing = (fake) => assert.deepEqual(fake.rejections.map((e) => `${e.path}: ${e.rejection}\n${e.body.slice(0, 2000)}`), []);

const result = (c, text) => ({ ...c, text });

/** A question that needs tools, its two calls answered, and the answer to that. */
async function roundTrip(client, q, scenario) {
  const question = { user: ask(scenario) };
  const first = await client.ask({ ...q, tools: twoTools, messages: [question] });
  assert.equal(first.finish, client.finishes.tools);
  assert.deepEqual(first.calls.map((c) => [c.name, JSON.parse(c.args).city]), [['look', 'Paris'], ['see', 'Oslo 😀']]);
  assert.equal(new Set(first.calls.map((c) => c.id)).size, 2);
  const results = first.calls.map((c, k) => result(c, `result ${k}`));
  const second = await client.ask({ ...q, tools: twoTools, messages: [question, client.replay(first), { results }] });
  assert.match(second.text, /^results: \S+=.*\bresult 0\b.*; \S+=.*\bresult 1\b/);
  assert.equal(second.finish, client.finishes.stop);
  return { first, second };
}

/**
 * Declares the cases. `at()` gives {client, up} when a case runs; the upstream speaks `format` and has one model that is `plain`
 * and one that `thinks`. Straight to the fake (`straight`), the cases show what the client does when nothing stands between.
 */
export function cases(at, { format, plain, thinks, straight = false }) {
  beforeEach(() => at().up.fake.reset());
  afterEach(() => refusedNothing(at().up.fake));

  test('lists the models', async () => {
    const { client } = at();
    if (!client.models) return;
    const names = await client.models();
    assert.ok(names.length > 0);
    for (const name of straight ? [] : [plain, thinks]) assert.ok(names.some((n) => n.replace(/:latest$/, '') === name), `${name} is missing`);
  });

  for (const stream of [false, true]) {
    const way = stream ? 'stream' : 'whole';

    test(`plain, ${way}`, async () => {
      const { client, up } = at();
      const a = await client.ask({ model: plain, stream, usage: true, system: 'You are kind.', text: ask('echo', odd) });
      assert.equal(a.text, `echo: ${ask('echo', odd)}`);
      assert.equal(a.finish, client.finishes.stop);
      assert.deepEqual([a.calls.length, a.thinking], [0, '']);
      assert.ok(a.usage.input > 0 && a.usage.output > 0, 'usage');
      const [entry] = up.fake.entries;
      assert.deepEqual([up.fake.entries.length, entry.format, entry.model], [1, format, plain]);
      assert.equal(entry.seen.system, 'You are kind.');
      assert.equal(entry.seen.stream, stream);
    });

    test(`tool round trip with two parallel calls, ${way}`, () => roundTrip(at().client, { model: plain, stream }, 'two-tools'));

    if (thinks !== plain)
      test(`tool round trip of a model that thinks unasked (GM-8), ${way}`, () => roundTrip(at().client, { model: thinks, stream }, 'two-tools'));

    test(`text before calls, ${way}`, async () => {
      const { first } = await roundTrip(at().client, { model: plain, stream }, 'text-tools');
      assert.equal(first.text, 'I will look that up.');
    });

    test(`image in, ${way}`, async () => {
      const a = await at().client.ask({ model: plain, stream, text: ask('image'), image: png });
      assert.equal(a.text, `saw: image/png ${pngSize}`);
    });

    test(`JSON schema output, ${way}`, async () => {
      const a = await at().client.ask({ model: plain, stream, schema: closed, strict: true, text: ask('schema') });
      assert.deepEqual(JSON.parse(a.text), { city: 'text', size: 7 });
    });

    test(`thinking, ${way}`, async () => {
      const { client } = at();
      const a = await client.ask({ model: thinks, stream, think: true, text: ask('think') });
      assert.equal(a.text, 'The answer is four.');
      if (!client.hidesThoughts) assert.equal(a.thinking, thought);
    });

    test(`thinking over a tool loop, ${way}`, async () => {
      const { first } = await roundTrip(at().client, { model: thinks, stream, think: true }, 'think-tools');
      if (!at().client.hidesThoughts) assert.equal(first.thinking, thought);
    });

    test(`the length limit is told, ${way}`, async () => {
      const { client } = at();
      const a = await client.ask({ model: plain, stream, max: 64, text: ask('length') });
      assert.deepEqual([a.finish, a.text], [client.finishes.length, 'This text is cut off because']);
    });

    for (const [status, wanted] of Object.entries({ 400: [400], 404: [404], 429: [429], 500: [500], 503: [503, 529] }))
      test(`upstream ${status} before the first byte, ${way}`, async () => {
        const { client } = at();
        await assert.rejects(client.ask({ model: plain, stream, text: ask(`error-${status}`) }), (e) => {
          const { status: seen, message, retryAfter } = client.failure(e);
          assert.ok(wanted.includes(seen), `status ${seen}: ${message}`);
          assert.match(message, /fake/, 'the upstream tells why');
          if (status === '429' && retryAfter !== undefined) assert.equal(retryAfter, '7');
          return true;
        });
      });

    test(`a client that leaves closes its upstream, ${way}`, async () => {
      const { client, up } = at();
      const leave = new AbortController();
      const call = client.ask({ model: plain, stream, signal: leave.signal, text: ask(stream ? 'endless:100' : 'stall-head') }, (_, n) => {
        if (n === 6) leave.abort();
      }).catch(() => {});
      if (!stream) {
        await up.fake.whenGated(1);
        leave.abort();
      }
      await call;
      await up.fake.entries[0].closed;
      assert.ok(up.fake.entries[0].closedEarly);
    });
  }

  if (straight) return;

  for (const status of [401, 403])
    test(`the gateway's own key is refused (${status}): the client is not told to log in (ER-3)`, async () => {
      const { client } = at();
      await assert.rejects(client.ask({ model: plain, text: ask(`error-${status}`) }), (e) => client.failure(e).status === 502);
    });

  for (const scenario of ['midstream-error', 'truncated', 'reset'])
    test(`a stream that breaks (${scenario}) raises`, async () => {
      const { client } = at();
      let seen = 0;
      await assert.rejects(
        client.ask({ model: plain, stream: true, text: ask(scenario) }, () => { seen += 1; }),
        (e) => e.code !== 'ERR_ASSERTION' && seen > 0,
      );
    });
}
