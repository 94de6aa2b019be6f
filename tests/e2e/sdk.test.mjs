// Official SDKs through the built program against the strict fake: both client formats x both upstream formats.
// After every case the fake must have refused nothing: a sloppy translation fails even when an answer came back.
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe } from 'node:test';
import { anthropicClient, clients, openaiClient, png, pngSize } from './sdks.mjs';
import { thought, unicodeText } from './fake/plan.mjs';
import { startFake } from './fake/server.mjs';
import { clientKey, configFor, noBinary, startServer } from './harness.mjs';
import { test } from './timed.mjs';

const upstreams = {
  openai: { plain: 'gpt-4o', thinks: 'deepseek-reasoner', format: 'openai-chat' },
  anthropic: { plain: 'claude-sonnet-4-5', thinks: 'claude-sonnet-4-5', format: 'anthropic' },
};
const city = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] };
const twoTools = [{ name: 'look', description: 'Looks.', parameters: city }, { name: 'see', description: 'Sees.', parameters: city }];
const closed = {
  type: 'object', properties: { city: { type: 'string' }, size: { type: 'integer' } }, required: ['city', 'size'], additionalProperties: false,
};
const fitting = '{"city":"text","size":7}';
const ask = (scenario, text = 'hello') => `[[fake:${scenario}]] ${text}`;

/** A fresh server and fake for one test, so that what one failure leaves behind cannot reach the next. */
async function fresh(t, extra = {}) {
  const up = await startFake({ forbidden: [clientKey] });
  t.after(() => up.close());
  const server = await startServer(configFor(up, extra));
  t.after(() => server.stop('SIGKILL'));
  return { up, server };
}

const refusedNothing = (fake) => assert.deepEqual(fake.rejections.map((e) => `${e.path}: ${e.rejection}\n${e.body.slice(0, 2000)}`), []);

for (const [clientName, makeClient] of Object.entries(clients))
  for (const [upName, models] of Object.entries(upstreams)) {
    const same = clientName === upName;
    const kind = `${clientName} client, ${upName} upstream`;

    describe(kind, { skip: noBinary }, () => {
      let up;
      let server;
      let client;
      before(async () => {
        up = await startFake({ forbidden: [clientKey] });
        server = await startServer(configFor(up));
        client = makeClient(server.baseURL);
      });
      after(async () => {
        await server?.stop('SIGKILL');
        await up?.close();
      });
      beforeEach(() => up.fake.reset());
      afterEach(() => refusedNothing(up.fake));
      const model = models.plain;

      test('lists the models', async () => {
        const names = await client.models();
        for (const name of [...up.fake.models['openai-chat'], ...up.fake.models.anthropic]) assert.ok(names.includes(name), name);
      });

      for (const stream of [false, true]) {
        const way = stream ? 'stream' : 'whole';

        test(`plain, ${way}`, async () => {
          const a = await client.ask({ model, stream, text: ask('echo', 'größe 😀 "quoted" \\ \u0001') });
          assert.equal(a.text, `echo: ${ask('echo', 'größe 😀 "quoted" \\ \u0001')}`);
          assert.equal(a.finish, client.finishes.stop);
          assert.equal(a.calls.length, 0);
          const [entry] = up.fake.entries;
          assert.equal(up.fake.entries.length, 1);
          assert.equal(entry.format, models.format);
          assert.match(entry.headers['user-agent'], /^llm-mux\//, 'the program names itself');
        });

        test(`system text, ${way}`, async () => {
          const a = await client.ask({ model, stream, system: 'You are kind.', text: ask('system') });
          assert.equal(a.text, 'system: You are kind.');
        });

        test(`provider://model, ${way}`, async () => {
          const a = await client.ask({ model: `fake-${upName}://${model}`, stream, text: ask('echo') });
          assert.match(a.text, /^echo/);
          assert.equal(up.fake.entries[0].model, model);
        });

        test(`tool round trip with two parallel calls, ${way}`, async () => {
          const q = { model, stream, tools: twoTools };
          const first = await client.ask({ ...q, text: ask('two-tools') });
          assert.equal(first.finish, client.finishes.tools);
          assert.deepEqual(first.calls.map((c) => [c.name, JSON.parse(c.args).city]), [['look', 'Paris'], ['see', 'Oslo 😀']]);
          assert.equal(new Set(first.calls.map((c) => c.id)).size, 2);
          const results = first.calls.map((c, k) => ({ id: c.id, text: `result ${k}` }));
          const second = await client.ask({ ...q, messages: [{ user: ask('two-tools') }, client.replay(first), { results }] });
          assert.match(second.text, /^results: \S+=result 0; \S+=result 1$/);
          assert.equal(second.finish, client.finishes.stop);
        });

        // Parsed arguments are doubles in JavaScript: the digits can only be seen in text, on either side.
        if (stream || (clientName === 'openai' && upName === 'openai'))
          test(`big integers in arguments survive (E-77), ${way}`, async () => {
            const first = await client.ask({ model, stream, tools: twoTools, text: ask('two-tools') });
            const text = clientName === 'openai'
              ? first.calls[1].args
              : first.events.filter((e) => e.delta?.type === 'input_json_delta').map((e) => e.delta.partial_json).join('');
            assert.match(text, /12345678901234567890/);
          });

        test(`text before calls, results with an error and a question, ${way}`, async () => {
          const q = { model, stream, tools: twoTools };
          const first = await client.ask({ ...q, text: ask('text-tools') });
          assert.equal(first.text, 'I will look that up.');
          assert.equal(first.calls.length, 2);
          const results = [{ id: first.calls[1].id, text: 'broken', error: true }, { id: first.calls[0].id, text: 'fine' }];
          const second = await client.ask({ ...q, messages: [{ user: ask('text-tools') }, client.replay(first), { results }] });
          assert.match(second.text, /fine/);
          assert.match(second.text, /broken/);
        });

        test(`a tool without arguments (E-12), ${way}`, async () => {
          for (const scenario of ['zero-tool', 'zero-tool:braces']) {
            const q = { model, stream, tools: [{ name: 'now', parameters: { type: 'object', properties: {} } }] };
            const first = await client.ask({ ...q, text: ask(scenario) });
            assert.deepEqual(first.calls.map((c) => c.name), ['now']);
            // A spliced answer keeps the upstream's bytes, and the SDK's user sees the empty text.
            if (!(same && clientName === 'openai' && scenario === 'zero-tool')) assert.equal(first.calls[0].args, '{}');
            const again = { ...first, calls: [{ ...first.calls[0], args: first.calls[0].args || '{}' }] };
            const second = await client.ask({ ...q, messages: [{ user: ask(scenario) }, client.replay(again), { results: [{ id: first.calls[0].id, text: 'noon' }] }] });
            assert.equal(second.text, 'results: noon');
          }
        });

        test(`one call at a time when asked, ${way}`, async () => {
          const a = await client.ask({ model, stream, tools: twoTools, parallel: false, text: ask('two-tools') });
          assert.equal(a.calls.length, 1);
        });

        test(`image in, ${way}`, async () => {
          const a = await client.ask({ model, stream, text: ask('image'), image: png });
          assert.equal(a.text, `saw: image/png ${pngSize}`);
        });

        test(`JSON schema output, ${way}`, async () => {
          const a = await client.ask({ model, stream, schema: closed, strict: true, text: ask('schema') });
          assert.equal(a.text, fitting);
          const parsed = JSON.parse(a.text);
          assert.deepEqual([parsed.city, parsed.size], ['text', 7]);
        });

        test(`unicode cut anywhere on the wire (E-1), ${way}`, async () => {
          assert.equal((await client.ask({ model, stream, text: ask('unicode') })).text, unicodeText);
        });

        test(`usage with cache tokens (US-1), ${way}`, async () => {
          const { usage } = await client.ask({ model, stream, usage: true, text: ask('cache-usage') });
          if (clientName === 'openai') assert.deepEqual([usage.input, usage.cached, usage.output, usage.total], [1000, 600, 50, 1050]);
          else if (upName === 'anthropic') assert.deepEqual([usage.input, usage.cached, usage.written, usage.output], [300, 600, 100, 50]);
          else assert.deepEqual([usage.input, usage.cached, usage.output], [400, 600, 50]);
        });

        test(`length stop, ${way}`, async () => {
          const a = await client.ask({ model, stream, max: 64, text: ask('length') });
          assert.equal(a.finish, client.finishes.length);
          assert.equal(a.text, 'This text is cut off because');
        });

        test(`stop sequence, ${way}`, async () => {
          const a = await client.ask({ model, stream, stops: ['END'], text: ask('stop-sequence') });
          assert.equal(a.text, 'one two ');
          if (clientName === 'openai') assert.equal(a.finish, 'stop');
          else if (upName === 'anthropic') assert.deepEqual([a.finish, a.stopSequence], ['stop_sequence', 'END']);
          else assert.equal(a.finish, 'end_turn');
        });

        test(`refusal (E-100), ${way}`, async () => {
          const a = await client.ask({ model, stream, text: ask('refusal') });
          assert.equal(a.refusal ?? a.text, 'I cannot help with that.');
          if (clientName === 'anthropic') assert.equal(a.finish, 'refusal');
          else if (upName === 'anthropic') assert.equal(a.finish, 'content_filter');
          else assert.equal(a.finish, 'stop');
        });

        test(`thinking is shown, ${way}`, async () => {
          const a = await client.ask({ model: models.thinks, stream, think: true, text: ask('think') });
          assert.equal(a.text, 'The answer is four.');
          assert.equal(a.thinking, thought);
          if (same && clientName === 'anthropic') assert.equal(up.fake.signed.text(a.blocks[0].signature), thought, 'the exact signature');
        });

        test(`thinking over a tool loop, ${way}`, async () => {
          const q = { model: models.thinks, stream, think: true, tools: twoTools };
          const first = await client.ask({ ...q, text: ask('think-tools') });
          assert.equal(first.calls.length, 2);
          assert.equal(first.thinking, thought);
          const results = first.calls.map((c) => ({ id: c.id, text: 'fine' }));
          const messages = [{ user: ask('think-tools') }, client.replay(first), { results }];
          const second = await client.ask({ ...q, messages });
          assert.match(second.text, /^results:/);
          const third = await client.ask({ ...q, messages: [...messages, client.replay(second), { user: ask('echo', 'and now?') }] });
          assert.match(third.text, /^echo/);
          if (same && clientName === 'anthropic') {
            const sent = JSON.parse(up.fake.entries[1].body).messages[1].content[0];
            assert.deepEqual(sent, first.blocks[0], 'the thinking block goes back as it came');
          }
        });

        test(`model names in answers, ${way}`, async () => {
          const a = await client.ask({ model, stream, text: ask('echo') });
          const said = (stream && clientName === 'openai' ? a.raw[0] : a.raw).model;
          assert.equal(said, model);
        });
      }

      test('usage is not sent when it was not asked for (CC-11)', async () => {
        const a = await client.ask({ model, stream: true, text: ask('cache-usage') });
        if (clientName === 'openai') {
          assert.equal(a.usage, null);
          // A spliced stream keeps the upstream's bytes, null usage too; a translated one has no such key.
          if (!same) assert.ok(a.raw.every((chunk) => !('usage' in chunk)));
        } else assert.ok(a.usage.input > 0);
        if (upName === 'openai') assert.equal(JSON.parse(up.fake.entries[0].body).stream_options?.include_usage, true, 'OC-12: the gateway asks for itself');
      });

      test('odd but legal streams: CRLF, comments, BOM, halves of a pair, no end marker, repeats', async () => {
        for (const [scenario, want] of [
          ['crlf', unicodeText], ['surrogates', 'ok😀 😀 x'], ['no-end', 'complete but for the end marker'], ['duplicate', 'once only'],
        ]) {
          const a = await client.ask({ model, stream: true, repeats: true, text: ask(scenario) });
          assert.equal(a.text, want, scenario);
        }
      });

      test('tool choice of every kind', async () => {
        for (const choice of ['auto', 'none', 'required', { name: 'see' }]) {
          up.fake.reset();
          await client.ask({ model, tools: twoTools, choice, text: ask('echo') });
          const sent = JSON.parse(up.fake.entries[0].body).tool_choice;
          const named = typeof choice === 'object';
          const want = upName === 'openai'
            ? (named ? { type: 'function', function: { name: 'see' } } : choice)
            : (named ? { type: 'tool', name: 'see' } : { type: { auto: 'auto', none: 'none', required: 'any' }[choice] });
          assert.deepEqual(sent, want);
        }
      });

      test('cache marks, user id and sampling of the client go where they can', async () => {
        const extra = clientName === 'openai'
          ? { temperature: 1.5, top_p: 0.9, presence_penalty: 0.5, frequency_penalty: 0.5, seed: 7, user: 'someone', n: 1, logit_bias: { 50256: -100 } }
          : { temperature: 0.5, top_k: 40, metadata: { user_id: 'someone' }, service_tier: 'auto', system: [{ type: 'text', text: 'Be kind.', cache_control: { type: 'ephemeral' } }] };
        const a = await client.ask({ model, text: ask('echo'), extra });
        assert.match(a.text, /^echo/);
      });

      if (clientName === 'anthropic') test('image in a tool result', async () => {
        const first = await client.ask({ model, tools: twoTools, text: ask('two-tools') });
        const results = first.calls.map((c) => ({ id: c.id, text: 'see the picture', image: png }));
        const second = await client.ask({ model, tools: twoTools, messages: [{ user: ask('two-tools') }, client.replay(first), { results, text: 'what is it?' }] });
        assert.ok(second.text !== '');
        assert.ok(up.fake.entries[1].body.includes(png), 'the picture reached the upstream');
      });

      if (clientName === 'anthropic') test('count_tokens', async () => {
        const counted = await client.sdk.messages.countTokens({ model, messages: [{ role: 'user', content: 'How many tokens is this?' }] });
        assert.ok(Number.isInteger(counted.input_tokens) && counted.input_tokens > 0);
        if (upName === 'anthropic') {
          assert.equal(up.fake.entries[0].path, '/v1/messages/count_tokens');
          assert.equal(counted.input_tokens, 10 + JSON.stringify([{ role: 'user', content: 'How many tokens is this?' }]).length);
        }
      });
    });

    describe(`${kind}: failures`, { skip: noBinary }, () => {
      /** Upstream status -> what the client sees: [statuses, type] by client format (formats.md 4.8, design.md 6). */
      const failures = {
        400: { openai: [[400], 'invalid_request_error'], anthropic: [[400], 'invalid_request_error'] },
        401: { openai: [[502], 'server_error'], anthropic: [[502], 'api_error'] },
        403: { openai: [[502], 'server_error'], anthropic: [[502], 'api_error'] },
        404: { openai: [[404], 'invalid_request_error'], anthropic: [[404], 'not_found_error'] },
        413: { openai: [[413], 'invalid_request_error'], anthropic: [[413], 'request_too_large'] },
        429: { openai: [[429], 'rate_limit_error'], anthropic: [[429], 'rate_limit_error'] },
        500: { openai: [[500], 'server_error'], anthropic: [[500], 'api_error'] },
        529: { openai: [same ? [503, 529] : [503], 'server_error'], anthropic: [[529], 'overloaded_error'] },
      };
      const typeOf = (e) => (clientName === 'openai' ? e.type : e.error?.error?.type);

      for (const [status, byClient] of Object.entries(failures))
        for (const stream of [false, true])
          test(`upstream ${status}${stream ? ' to a stream' : ''}`, async (t) => {
            const { up, server } = await fresh(t);
            const [wanted, type] = byClient[clientName];
            await assert.rejects(makeClient(server.baseURL).ask({ model: models.plain, stream, text: ask(`error-${status}`) }), (e) => {
              assert.ok(wanted.includes(e.status), `status ${e.status}: ${e.message}`);
              assert.equal(typeOf(e), type);
              for (const secret of [up.fake.openaiKey, up.fake.anthropicKey, clientKey]) assert.ok(!e.message.includes(secret), 'no key in a message');
              if (status === '429') assert.equal(e.headers.get('retry-after'), '7');
              if (!['401', '403'].includes(status)) assert.match(e.message, /fake|Overloaded/, 'the upstream tells why');
              return true;
            });
            refusedNothing(up.fake);
          });

      test('the context is too long (ER-5)', async (t) => {
        const { server } = await fresh(t);
        await assert.rejects(makeClient(server.baseURL).ask({ model: models.plain, text: ask('error-context') }), (e) => {
          assert.equal(e.status, 400);
          if (clientName === 'openai') assert.ok(e.code === 'context_length_exceeded' || /context length/.test(e.message), e.message);
          else assert.match(e.message, /prompt is too long/);
          return true;
        });
      });

      test('an error in the middle of a stream raises', async (t) => {
        const { server } = await fresh(t);
        let seen = 0;
        await assert.rejects(
          makeClient(server.baseURL).ask({ model: models.plain, stream: true, text: ask('midstream-error') }, () => { seen += 1; }),
          (e) => /broke in the middle/.test(e.message) && seen > 0,
        );
      });

      for (const scenario of ['truncated', 'reset'])
        test(`a stream that is cut (${scenario}) raises`, async (t) => {
          const { server } = await fresh(t);
          let seen = 0;
          await assert.rejects(
            makeClient(server.baseURL).ask({ model: models.plain, stream: true, text: ask(scenario) }, () => { seen += 1; }),
            (e) => e.code !== 'ERR_ASSERTION' && seen > 0,
          );
        });

      for (const scenario of ['truncated', 'reset', 'error-json-200', 'html:502', 'html:200'])
        test(`a whole answer that is none (${scenario}) is an error status`, async (t) => {
          const { server } = await fresh(t);
          await assert.rejects(makeClient(server.baseURL).ask({ model: models.plain, text: ask(scenario) }), (e) => {
            assert.ok(e.status >= 500, `status ${e.status}: ${e.message}`);
            assert.ok(!/<html|secret-html-body/.test(e.message), 'no HTML reaches the client (ER-1)');
            return true;
          });
        });

      for (const scenario of ['error-first', 'error-json-200', 'html:502', 'html:200'])
        test(`a stream that fails before its first event (${scenario}) is an error status`, async (t) => {
          const { server } = await fresh(t);
          await assert.rejects(makeClient(server.baseURL).ask({ model: models.plain, stream: true, text: ask(scenario) }), (e) => {
            assert.ok(e.status >= 500, `status ${e.status}: ${e.message}`);
            return true;
          });
        });

      for (const stream of [true, false])
        test(`a client that leaves ${stream ? 'a stream' : 'while it waits'} closes its upstream`, async (t) => {
          const { up, server } = await fresh(t);
          const client = makeClient(server.baseURL);
          if (stream) {
            let at = null;
            await client.ask({ model: models.plain, stream, text: ask('endless:100') }, (_, n, s) => {
              if (n < 6 || at !== null) return;
              at = up.fake.entries[0].events;
              s.controller.abort();
            }).catch(() => {});
            await up.fake.entries[0].closed;
            assert.ok(up.fake.entries[0].closedEarly);
            assert.ok(up.fake.entries[0].eventsAtClose - at < 5, `${up.fake.entries[0].eventsAtClose - at} more events were written`);
            return;
          }
          const leave = new AbortController();
          const params = { model: models.plain, max_tokens: 100, messages: [{ role: 'user', content: ask('stall-head') }] };
          const call = clientName === 'openai'
            ? client.sdk.chat.completions.create(params, { signal: leave.signal })
            : client.sdk.messages.create(params, { signal: leave.signal });
          call.catch(() => {});
          await up.fake.whenGated(1);
          leave.abort();
          await up.fake.entries[0].closed;
          assert.ok(up.fake.entries[0].closedEarly);
        });
    });
  }

describe('across the formats', { skip: noBinary }, () => {
  test('no foreign signature reaches Anthropic (AN-20)', async (t) => {
    const { up, server } = await fresh(t);
    const client = anthropicClient(server.baseURL);
    const q = { think: true, tools: twoTools };
    const first = await client.ask({ ...q, model: 'deepseek-reasoner', text: ask('think-tools') });
    assert.equal(first.blocks[0].type, 'thinking');
    const results = first.calls.map((c) => ({ id: c.id, text: 'fine' }));
    const messages = [{ user: ask('think-tools') }, client.replay(first), { results }];
    const second = await client.ask({ ...q, model: 'claude-sonnet-4-5', messages });
    assert.match(second.text, /^results:/);
    refusedNothing(up.fake);
  });

  test('Anthropic signatures and thinking do not reach an OpenAI upstream', async (t) => {
    const { up, server } = await fresh(t);
    const client = anthropicClient(server.baseURL);
    const first = await client.ask({ model: 'claude-sonnet-4-5', think: true, tools: twoTools, text: ask('think-tools') });
    const results = first.calls.map((c) => ({ id: c.id, text: 'fine' }));
    const second = await client.ask({ model: 'gpt-4o', tools: twoTools, messages: [{ user: ask('think-tools') }, client.replay(first), { results }] });
    assert.match(second.text, /^results:/);
    assert.ok(!up.fake.entries[1].body.includes(first.blocks[0].signature));
    refusedNothing(up.fake);
  });

  /** Conversations the Chat Completions side allows and Anthropic does not: each must arrive mended. */
  const call = (id, name = 'look', args = '{}') => ({ id, type: 'function', function: { name, arguments: args } });
  const calls = (...list) => ({ role: 'assistant', content: null, tool_calls: list });
  const tool = (id, content = 'fine') => ({ role: 'tool', tool_call_id: id, content });
  const user = (content) => ({ role: 'user', content });
  const tools = (...names) => ({ tools: names.map((name) => ({ type: 'function', function: { name, parameters: city } })) });
  const crooked = {
    'two users in a row (AN-4)': { messages: [user('a'), user(ask('echo'))] },
    'assistant first (AN-4)': { messages: [{ role: 'assistant', content: 'hi' }, user(ask('echo'))] },
    'system in the middle (AN-3)': { messages: [user('a'), { role: 'assistant', content: 'b' }, { role: 'system', content: 'be brief' }, user(ask('echo'))] },
    'developer first': { messages: [{ role: 'developer', content: 'be brief' }, user(ask('echo'))] },
    'empty and blank texts (AN-5)': { messages: [user('a'), { role: 'assistant', content: '' }, user([{ type: 'text', text: ' ' }, { type: 'text', text: ask('echo') }])] },
    'results in another order (E-43)': { ...tools('look', 'see'), messages: [user(ask('echo')), calls(call('a'), call('b', 'see')), tool('b'), tool('a'), user('go on')] },
    'result missing (AN-13)': { ...tools('look'), messages: [user(ask('echo')), calls(call('a'), call('b')), tool('a'), user('go on')] },
    'orphan result (AN-14)': { ...tools('look'), messages: [user(ask('echo')), tool('zzz'), user('go on')] },
    'the same id in two turns (E-51)': { ...tools('look'), messages: [user(ask('echo')), calls(call('call_0')), tool('call_0'), calls(call('call_0')), tool('call_0')] },
    'ids with odd letters (AN-7)': { ...tools('look'), messages: [user(ask('echo')), calls(call('call|x:1.fc')), tool('call|x:1.fc')] },
    'arguments that are no object (AN-11)': { ...tools('look'), messages: [user(ask('echo')), calls(call('a', 'look', '"text"'), call('b', 'look', ''), call('c', 'look', '{"city":')), tool('a'), tool('b'), tool('c')] },
    'history with tools but no tools (AN-23)': { messages: [user(ask('echo')), calls(call('a')), tool('a'), user('go on')] },
    'a tool without parameters (E-92)': { tools: [{ type: 'function', function: { name: 'look' } }, { type: 'function', function: { name: 'see', parameters: {} } }], messages: [user(ask('echo'))] },
    'a strict tool with bounds (AN-9)': { tools: [{ type: 'function', function: { name: 'look', strict: true, parameters: { type: 'object', properties: { n: { type: 'integer', minimum: 1, maximum: 9 } }, required: ['n'], additionalProperties: false } } }], messages: [user(ask('echo'))] },
    'an open schema with bounds (AN-24)': { response_format: { type: 'json_schema', json_schema: { name: 'x', schema: { type: 'object', properties: { n: { type: 'integer', minimum: 1 }, when: { type: 'string', format: 'custom' } } } } }, messages: [user(ask('schema'))] },
    'json_object (AN-24)': { response_format: { type: 'json_object' }, messages: [user(ask('echo', 'as json'))] },
    'a forced tool with effort (AN-18)': { ...tools('look'), tool_choice: 'required', reasoning_effort: 'high', messages: [user(ask('echo'))] },
    'effort with a small limit (RE-4)': { reasoning_effort: 'high', max_tokens: 100, messages: [user(ask('echo'))] },
    'the limit over the model (AN-1)': { max_tokens: 1000000, messages: [user(ask('echo'))] },
    'blank stop sequences (AN-27)': { stop: ['\n', 'END'], messages: [user(ask('echo'))] },
    'the deprecated functions': { functions: [{ name: 'look', parameters: city }], function_call: 'auto', messages: [user(ask('echo'))] },
    'an image whose type lies (E-60)': { messages: [user([{ type: 'text', text: ask('image') }, { type: 'image_url', image_url: { url: `data:image/jpeg;base64,${png}` } }])] },
    'base64 with line ends (E-61)': { messages: [user([{ type: 'text', text: ask('image') }, { type: 'image_url', image_url: { url: `data:image/png;base64,${png.slice(0, 40)}\n${png.slice(40)}` } }])] },
    'a PDF': { messages: [user([{ type: 'text', text: ask('echo') }, { type: 'file', file: { filename: 'a.pdf', file_data: `data:application/pdf;base64,${Buffer.from('%PDF-1.4 x').toString('base64')}` } }])] },
    'a name on a message': { messages: [{ ...user(ask('echo')), name: 'Ann' }] },
  };
  for (const [what, body] of Object.entries(crooked))
    test(`mended on the way to Anthropic: ${what}`, async (t) => {
      const { up, server } = await fresh(t);
      const a = await openaiClient(server.baseURL).sdk.chat.completions.create({ model: 'claude-sonnet-4-5', ...body });
      refusedNothing(up.fake);
      assert.notEqual(a.choices[0].message.content, null);
    });

  test('tool names Anthropic refuses are mapped there and back (NM-1, E-53)', async (t) => {
    const { up, server } = await fresh(t);
    const { sdk } = openaiClient(server.baseURL);
    const names = ['files.read/now', `mcp__server__${'x'.repeat(150)}`];
    const body = { model: 'claude-sonnet-4-5', tools: names.map((name) => ({ type: 'function', function: { name, parameters: city } })) };
    const first = await sdk.chat.completions.create({ ...body, messages: [user(ask('two-tools'))] });
    const asked = first.choices[0].message;
    assert.deepEqual(asked.tool_calls.map((c) => c.function.name), names);
    const second = await sdk.chat.completions.create({ ...body, messages: [user(ask('two-tools')), asked, ...asked.tool_calls.map((c) => tool(c.id))] });
    assert.match(second.choices[0].message.content, /^results:/);
    refusedNothing(up.fake);
  });

  /** What an Anthropic client may send and Chat Completions does not know. */
  const antUse = (id, name = 'look') => ({ type: 'tool_use', id, name, input: {} });
  const antResult = (id, extra = {}) => ({ type: 'tool_result', tool_use_id: id, content: 'fine', ...extra });
  const antTools = { tools: [{ name: 'look', input_schema: city }] };
  const alien = {
    'system blocks with cache marks': { system: [{ type: 'text', text: 'a', cache_control: { type: 'ephemeral', ttl: '1h' } }, { type: 'text', text: 'b' }], messages: [user(ask('echo'))] },
    'results with text and picture': { ...antTools, messages: [user(ask('echo')), { role: 'assistant', content: [antUse('a'), antUse('b')] }, user([antResult('a', { content: [{ type: 'text', text: 'x' }, { type: 'image', source: { type: 'base64', media_type: 'image/png', data: png } }] }), antResult('b', { is_error: true }), { type: 'text', text: 'go on' }])] },
    'a result without content': { ...antTools, messages: [user(ask('echo')), { role: 'assistant', content: [antUse('a')] }, user([{ type: 'tool_result', tool_use_id: 'a' }])] },
    'long tool names and ids': { tools: [{ name: 'x'.repeat(100), input_schema: city }], messages: [user(ask('echo')), { role: 'assistant', content: [antUse('i'.repeat(90), 'x'.repeat(100))] }, user([antResult('i'.repeat(90))])] },
    'sampling and marks': { temperature: 0.3, top_k: 5, stop_sequences: ['never said', 'nor this'], metadata: { user_id: '{"device_id":"x"}' }, service_tier: 'auto', cache_control: { type: 'ephemeral' }, messages: [user(ask('echo'))] },
    'documents': { messages: [user([{ type: 'document', source: { type: 'base64', media_type: 'application/pdf', data: Buffer.from('%PDF-1.4 x').toString('base64') }, title: 'A' }, { type: 'document', source: { type: 'text', media_type: 'text/plain', data: 'hello' } }, { type: 'text', text: ask('echo') }])] },
    'an image by address': { messages: [user([{ type: 'image', source: { type: 'url', url: 'https://example.com/a.png' } }, { type: 'text', text: ask('echo') }])] },
    'thinking and redacted thinking in the history': { messages: [user('x'), { role: 'assistant', content: [{ type: 'thinking', thinking: 't', signature: 'AAAA' }, { type: 'redacted_thinking', data: 'BBBB' }, { type: 'text', text: 'y' }] }, user(ask('echo'))] },
    'any tool, one at a time': { ...antTools, tool_choice: { type: 'any', disable_parallel_tool_use: true }, messages: [user(ask('echo'))] },
    'an output schema': { output_config: { format: { type: 'json_schema', schema: closed } }, messages: [user(ask('schema'))] },
    'a search result': { messages: [user([{ type: 'search_result', source: 'https://example.com', title: 'T', content: [{ type: 'text', text: 'found' }] }, { type: 'text', text: ask('echo') }])] },
    'tool_choice auto and none': { ...antTools, tool_choice: { type: 'none' }, messages: [user(ask('echo'))] },
  };
  for (const [what, body] of Object.entries(alien))
    for (const model of ['gpt-4o', 'gpt-5', 'deepseek-chat'])
      test(`carried to Chat Completions (${model}): ${what}`, async (t) => {
        const { up, server } = await fresh(t);
        const a = await anthropicClient(server.baseURL).sdk.messages.create({ model, max_tokens: 500, ...body });
        refusedNothing(up.fake);
        assert.equal(a.stop_reason, 'end_turn');
      });

  for (const model of ['gpt-5', 'o4-mini', 'claude-opus-4-8', 'claude-opus-5-5', 'claude-3-5-haiku-20241022'])
    test(`what a model family refuses is left out: ${model}`, async (t) => {
      const { up, server } = await fresh(t);
      const chat = openaiClient(server.baseURL).sdk.chat.completions;
      const claude = anthropicClient(server.baseURL).sdk.messages;
      const anthropicUp = model.startsWith('claude');
      // The other format, so that the request is translated: a spliced one is the client's own affair.
      if (anthropicUp) await chat.create({ model, temperature: 0.4, top_p: 0.5, reasoning_effort: 'high', messages: [user(ask('echo'))] });
      else await claude.create({ model, max_tokens: 3000, temperature: 0.4, top_p: 0.5, stop_sequences: [], messages: [user(ask('echo'))] });
      refusedNothing(up.fake);
    });

  test('200 requests at once, all kinds mixed', async (t) => {
    const { up, server } = await fresh(t);
    const both = Object.values(clients).map((make) => make(server.baseURL));
    const cases = [['echo', /^echo/], ['unicode', /^Grüße/], ['two-tools', null], ['cache-usage', /^counted$/], ['crlf', /^Grüße/]];
    const asks = Array.from({ length: 200 }, (_, i) => {
      const client = both[i % 2];
      const model = Object.values(upstreams)[(i >> 1) % 2].plain;
      const [scenario, want] = cases[i % cases.length];
      const q = { model, stream: (i >> 2) % 2 === 1, text: ask(scenario, `number ${i}`), ...(want ? {} : { tools: twoTools }) };
      return client.ask(q).then((a) => {
        if (want) assert.match(a.text, want);
        else assert.equal(a.calls.length, 2);
        if (scenario === 'echo') assert.ok(a.text.endsWith(`number ${i}`), 'each gets its own answer');
      });
    });
    await Promise.all(asks);
    assert.equal(up.fake.entries.length, 200);
    refusedNothing(up.fake);
  });
});
