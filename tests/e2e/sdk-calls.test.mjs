// What the SDKs offer beside one question and its answer: lists, counts, conversations the server keeps, helpers that run tools, retries.
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe } from 'node:test';
import OpenAI from 'openai';
import { startFake } from './fake/server.mjs';
import { clientKey, noBinary, startServer } from './harness.mjs';
import { upstreams } from './matrix/table.mjs';
import { refusedNothing } from './sdks/cases.mjs';
import { allClients } from './sdks.mjs';
import { test } from './timed.mjs';

const ask = (scenario, text = 'hello') => `[[fake:${scenario}]] ${text}`;
const city = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'], additionalProperties: true };
const formats = Object.keys(upstreams);
/** A model as the upstream of that format calls it, whatever the others call theirs. */
const modelOf = (format, kind = 'plain') => `up-${format}://${upstreams[format][kind]}`;

describe('calls of the SDKs', { skip: noBinary }, () => {
  let up;
  let server;
  let sdk;
  before(async () => {
    up = await startFake({ forbidden: [clientKey] });
    const providers = Object.entries(upstreams).map(([format, u]) => ({
      name: `up-${format}`, ...u.provider(up), models: [...new Set([u.plain, u.thinks])].map((name) => ({ name })),
    }));
    server = await startServer({ 'api-keys': [clientKey], providers });
    sdk = Object.fromEntries(['openai', 'anthropic', 'google-genai', 'ollama'].map((name) => [name, allClients[name](server.baseURL).sdk]));
  });
  after(async () => {
    await server?.stop('SIGKILL');
    await up?.close();
  });
  beforeEach(() => up.fake.reset());
  afterEach(() => refusedNothing(up.fake));

  for (const format of formats) {
    const model = modelOf(format);

    test(`openai: completions, the old way, to ${format}`, async () => {
      const whole = await sdk.openai.completions.create({ model, prompt: ask('echo'), max_tokens: 50 });
      assert.equal(whole.choices[0].text, `echo: ${ask('echo')}`);
      let text = '';
      for await (const chunk of await sdk.openai.completions.create({ model, prompt: ask('echo'), stream: true })) text += chunk.choices[0]?.text ?? '';
      assert.equal(text, `echo: ${ask('echo')}`);
    });

    test(`openai: chat helpers that stream and run tools, to ${format}`, async () => {
      const cities = [];
      const tool = (name) => ({ type: 'function', function: { name, parameters: city, parse: JSON.parse, function: (args) => { cities.push(args.city); return `seen ${args.city}`; } } });
      const runner = sdk.openai.chat.completions.runTools({ model, stream: true, messages: [{ role: 'user', content: ask('two-tools') }], tools: [tool('look'), tool('see')] });
      assert.match(await runner.finalContent(), /^results: .*seen Paris.*seen Oslo/);
      assert.deepEqual(cities, ['Paris', 'Oslo 😀']);
    });

    test(`openai: a streamed response gathered by the SDK, to ${format}`, async () => {
      const stream = sdk.openai.responses.stream({ model, input: ask('text-tools'), tools: [{ type: 'function', name: 'look', parameters: city, strict: false }] });
      const final = await stream.finalResponse();
      assert.equal(final.output_text, 'I will look that up.');
      assert.deepEqual(final.output.filter((i) => i.type === 'function_call').map((i) => JSON.parse(i.arguments).city)[0], 'Paris');
    });

    if (format === 'openai-responses')
      test('openai: a conversation that the upstream keeps goes on there (RS-3)', async () => {
        const first = await sdk.openai.responses.create({ model, input: ask('echo', 'the first words') });
        await sdk.openai.responses.create({ model, input: ask('echo', 'and then'), previous_response_id: first.id });
        assert.equal(JSON.parse(up.fake.entries.at(-1).body).previous_response_id, first.id);
      });
    else test(`openai: a conversation that the gateway keeps, to ${format}`, async () => {
      const first = await sdk.openai.responses.create({ model, input: ask('echo', 'the first words') });
      const again = await sdk.openai.responses.retrieve(first.id);
      assert.equal(again.output_text, first.output_text);
      const second = await sdk.openai.responses.create({ model, input: ask('echo', 'and then'), previous_response_id: first.id });
      assert.equal(second.previous_response_id, first.id);
      assert.deepEqual(up.fake.entries.at(-1).seen.history.said.map(([role]) => role), ['user', 'assistant', 'user']);
      await sdk.openai.responses.delete(first.id);
      await assert.rejects(sdk.openai.responses.retrieve(first.id), { status: 404 });
    });

    test(`anthropic: the stream helper's events and count_tokens, to ${format}`, async () => {
      const params = { model, max_tokens: 1000, messages: [{ role: 'user', content: ask('echo', 'größe 😀') }] };
      let text = '';
      const stream = sdk.anthropic.messages.stream(params).on('text', (piece) => { text += piece; });
      assert.equal(await stream.finalText(), text);
      assert.equal(text, `echo: ${ask('echo', 'größe 😀')}`);
      const { input_tokens: counted } = await sdk.anthropic.messages.countTokens({ model, messages: params.messages });
      assert.ok(counted > 5 && counted < 200, `${counted} tokens`);
    });

    test(`google-genai: a chat and countTokens, to ${format}`, async () => {
      const chat = sdk['google-genai'].chats.create({ model });
      assert.equal((await chat.sendMessage({ message: ask('echo', 'one') })).text, `echo: ${ask('echo', 'one')}`);
      let text = '';
      for await (const chunk of await chat.sendMessageStream({ message: ask('echo', 'two') })) text += chunk.text ?? '';
      assert.equal(text, `echo: ${ask('echo', 'two')}`);
      assert.deepEqual(up.fake.entries.at(-1).seen.history.said.map(([role]) => role), ['user', 'assistant', 'user']);
      const { totalTokens } = await sdk['google-genai'].models.countTokens({ model, contents: 'How many tokens is this?' });
      assert.ok(totalTokens > 3 && totalTokens < 200, `${totalTokens} tokens`);
    });

    test(`ollama: generate and show, to ${format}`, async () => {
      const { response, done } = await sdk.ollama.generate({ model, prompt: ask('system'), system: 'Be kind.', stream: false });
      assert.deepEqual([response, done], ['system: Be kind.', true]);
      let text = '';
      for await (const part of await sdk.ollama.generate({ model, prompt: ask('echo'), stream: true })) text += part.response;
      assert.equal(text, `echo: ${ask('echo')}`);
      const shown = await sdk.ollama.show({ model });
      assert.ok(shown.capabilities.includes('completion') && shown.model_info['general.architecture'], 'OL-9');
    });
  }

  test('ollama: version and what is loaded (OL-10)', async () => {
    assert.match((await sdk.ollama.version()).version, /^\d+\.\d+\.\d+/);
    assert.ok(Array.isArray((await sdk.ollama.ps()).models));
  });

  test('one model, shown by each SDK', async () => {
    const model = upstreams.anthropic.plain;
    assert.equal((await sdk.openai.models.retrieve(model)).id, model);
    assert.equal((await sdk.anthropic.models.retrieve(model)).id, model);
    assert.equal((await sdk['google-genai'].models.get({ model })).name, `models/${model}`);
    await assert.rejects(sdk.openai.models.retrieve('no-such-model'), { status: 404 });
    await assert.rejects(sdk.anthropic.models.retrieve('no-such-model'), { status: 404 });
    await assert.rejects(sdk['google-genai'].models.get({ model: 'no-such-model' }), { status: 404 });
  });

  test('a model whose name has a slash, asked for by every SDK (RT-2)', async () => {
    for (const [name, make] of Object.entries(allClients)) {
      const a = await make(server.baseURL).ask({ model: 'demo/echo', text: 'hello' });
      assert.match(a.text, /hello/, name);
    }
  });

  test('an SDK that retries comes through once the upstream does', async () => {
    const patient = new OpenAI({ baseURL: `${server.baseURL}/v1`, apiKey: clientKey, maxRetries: 2 });
    up.fake.script('error-400', 'error-500', 'echo');
    await assert.rejects(patient.chat.completions.create({ model: modelOf('anthropic'), messages: [{ role: 'user', content: 'x' }] }), { status: 400 });
    const a = await patient.chat.completions.create({ model: modelOf('anthropic'), messages: [{ role: 'user', content: 'x' }] });
    assert.equal(a.choices[0].message.content, 'echo: x');
  });

  test('a wrong key is refused in each SDK\'s own words', async () => {
    for (const name of Object.keys(allClients)) {
      const client = allClients[name](server.baseURL, 'wrong-key-0123456789');
      await assert.rejects(client.ask({ model: modelOf('anthropic'), text: ask('echo') }), (e) => {
        const { status, message } = client.failure(e);
        assert.equal(status, 401, `${name}: ${message}`);
        assert.ok(message.length > 10 && !message.includes('wrong-key'), `${name}: ${message}`);
        return true;
      });
    }
    assert.equal(up.fake.entries.length, 0);
  });
});
