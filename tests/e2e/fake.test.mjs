// The fake upstream is itself tested: by the official SDKs, by recorded traffic, and by one bad request for every rule.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import * as anthropic from './fake/anthropic.mjs';
import { Refusal, parseBody, repeatedKey } from './fake/check.mjs';
import * as openai from './fake/openai-chat.mjs';
import { thought, unicodeText } from './fake/plan.mjs';
import { startFake } from './fake/server.mjs';
import { clientRequests, exchanges, noFixtures } from './fixtures.mjs';
import { png } from './media.mjs';

// ---------------------------------------------------------------- recorded traffic

const formats = { anthropic, 'openai-chat': openai, 'openai-chat-compat': openai };

/** Recorded refusals whose reason cannot be seen in the request. */
const reasonElsewhere = {
  'rubyllm.chat-error-handling-with-anthropic-claude-haiku-4-5-raises-appropriate-auth-error.0.request.json': 'wrong key (401), headers were not recorded',
  'rubyllm.chat-error-handling-with-azure-grok-4-1-fast-non-reasoning-raises-appropriate-auth-e.0.request.json': 'wrong key (401), headers were not recorded',
  'rubyllm.chat-error-handling-with-deepseek-deepseek-chat-raises-appropriate-auth-error.0.request.json': 'wrong key (401), headers were not recorded',
  'rubyllm.chat-real-error-scenarios-anthropic-claude-haiku-4-5-handles-context-length-exceeded.0.request.json': 'too long, but the recorder replaced the text by a placeholder',
  'rubyllm.chat-real-error-scenarios-azure-grok-4-1-fast-non-reasoning-handles-context-length-e.0.request.json': 'rate limit',
  'rubyllm.chat-real-error-scenarios-ollama-cloud-gpt-oss-120b-handles-context-length-exceeded-.0.request.json': 'too long, but the recorder replaced the text by a placeholder',
  'rubyllm.chat-real-error-scenarios-openrouter-claude-haiku-4-5-handles-context-length-exceede.0.request.json': 'too long, but the recorder replaced the text by a placeholder',
  'otel.vision.vision-with-events-with-content.2.request.json': 'the image host did not answer',
  'pydai.groq.tool-use-failed-error-with-text.0.request.json': 'what the model answered',
  'pydai.groq.tool-use-failed-error.0.request.json': 'what the model answered',
};

/** Why the fake would refuse this recorded request, or null. */
function verdict(row, catalogue = null) {
  try {
    const body = parseBody(row.request());
    formats[row.format].validate(body, { op: row.url_path.includes('count_tokens') ? 'count' : 'chat' });
    if (catalogue && !catalogue.has(body.model)) return `model ${body.model} is not in the catalogue`;
    return null;
  } catch (e) {
    if (!(e instanceof Refusal)) throw e;
    return e.message;
  }
}

describe('recorded requests', { skip: noFixtures }, () => {
  const rows = exchanges(...Object.keys(formats)).filter((row) => row.requestFile);
  /** Models that answered in some recording. */
  const catalogue = new Set(rows.filter((row) => row.status === 200).map((row) => JSON.parse(row.request()).model));

  for (const row of rows.filter((r) => r.status >= 400))
    test(`refused as recorded (${row.status}): ${row.requestFile}`, () => {
      if (reasonElsewhere[row.requestFile]) assert.equal(verdict(row), null, 'the exception table is out of date');
      else assert.notEqual(verdict(row, catalogue), null);
    });

  for (const row of rows.filter((r) => r.status === 200 && r.format !== 'openai-chat-compat'))
    test(`accepted as recorded: ${row.format}/${row.requestFile}`, () => assert.equal(verdict(row, catalogue), null));

  test('the exception table names only recorded requests', () => {
    const names = new Set(rows.map((row) => row.requestFile));
    assert.deepEqual(Object.keys(reasonElsewhere).filter((n) => !names.has(n)), []);
  });
});

/** Client captures the strict fake refuses, and why that is right. */
const clientRefused = [
  [/^ccr\//, /cache_control|reasoning/],
  [/^langchain-openai\//, /name/],
  [/^anthropic\/cache/, /ttl='1h'/],
  [/^ai-compatible\/object/, /the word 'json'/],
];

describe('requests of real clients', { skip: noFixtures }, () => {
  const all = [
    ...clientRequests('/v1/messages').map((r) => ({ ...r, format: anthropic })),
    ...clientRequests('/v1/messages/count_tokens').map((r) => ({ ...r, format: anthropic, op: 'count' })),
    ...clientRequests('/v1/chat/completions').map((r) => ({ ...r, format: openai })),
  ];
  for (const r of all)
    test(`accepted: ${r.name}`, () => {
      let why = null;
      try {
        r.format.validate(parseBody(r.body), { op: r.op ?? 'chat' });
      } catch (e) {
        why = e;
      }
      const exception = clientRefused.find(([name]) => name.test(r.name));
      if (why && exception) assert.match(why.message, exception[1]);
      else assert.equal(why, null);
    });
});

// ---------------------------------------------------------------- one bad request for every rule

const user = (content) => ({ role: 'user', content });
const bot = (content) => ({ role: 'assistant', content });
const use = (id, input = {}) => ({ type: 'tool_use', id, name: 'look', input });
const result = (id, extra = {}) => ({ type: 'tool_result', tool_use_id: id, content: 'fine', ...extra });
const antTool = { name: 'look', input_schema: { type: 'object', properties: {} } };
const ant = (extra = {}) => ({ model: 'claude-sonnet-4-5', max_tokens: 100, messages: [user('hi')], ...extra });
const loop = (...tail) => ({ tools: [antTool], messages: [user('hi'), bot([use('a'), use('b')]), ...tail] });
const img = (source) => ({ messages: [user([{ type: 'image', source }])] });

const goodAnthropic = {
  plain: ant(),
  'tool loop': ant(loop(user([result('b'), result('a'), { type: 'text', text: 'go on' }]))),
  image: ant(img({ type: 'base64', media_type: 'image/png', data: png })),
  thinking: ant({ max_tokens: 4000, thinking: { type: 'enabled', budget_tokens: 2000 } }),
  prefill: ant({ messages: [user('hi'), bot('The')] }),
};

const badAnthropic = {
  'unknown field': ant({ frequency_penalty: 0 }),
  'unknown nested field': ant({ messages: [{ ...user('hi'), name: 'x' }] }),
  'no max_tokens': { model: 'claude-sonnet-4-5', messages: [user('hi')] },
  'max_tokens is text': ant({ max_tokens: '100' }),
  'max_tokens over the model': ant({ max_tokens: 64001 }),
  'no messages': ant({ messages: [] }),
  'assistant first': ant({ messages: [bot('hi'), user('x')] }),
  'two users in a row': ant({ messages: [user('a'), user('b')] }),
  'two assistants in a row': ant({ messages: [user('a'), bot('b'), bot('c'), user('d')] }),
  'role tool': ant({ messages: [user('a'), { role: 'tool', content: 'x' }] }),
  'system in the messages of a model without it': ant({ messages: [user('a'), { role: 'system', content: 'x' }] }),
  'empty text': ant({ messages: [user([{ type: 'text', text: '' }])] }),
  'blank text': ant({ messages: [user([{ type: 'text', text: ' \n' }])] }),
  'empty content': ant({ messages: [user('')] }),
  'empty list of content': ant({ messages: [user([])] }),
  'half a surrogate pair': ant({ messages: [user('\ud83d')] }),
  'result missing': ant(loop(user([result('a')]))),
  'no result at all': ant(loop(user('never mind'))),
  'call at the end': ant(loop()),
  'orphan result': ant(loop(user([result('a'), result('b'), result('c')]))),
  'result without a call': ant({ tools: [antTool], messages: [user([result('a')])] }),
  'two results for one call': ant(loop(user([result('a'), result('b'), result('b')]))),
  'result after text': ant(loop(user([result('a'), { type: 'text', text: 'x' }, result('b')]))),
  'text before results': ant(loop(user([{ type: 'text', text: 'x' }, result('a'), result('b')]))),
  'call id used twice': ant({ tools: [antTool], messages: [user('x'), bot([use('a')]), user([result('a')]), bot([use('a')]), user([result('a')])] }),
  'call id with a bad letter': ant({ tools: [antTool], messages: [user('x'), bot([use('a|b')]), user([result('a|b')])] }),
  'input is text': ant({ tools: [antTool], messages: [user('x'), bot([use('a', '{}')]), user([result('a')])] }),
  'input is a list': ant({ tools: [antTool], messages: [user('x'), bot([use('a', [])]), user([result('a')])] }),
  'tool history without tools': ant({ messages: loop(user([result('a'), result('b')])).messages }),
  'error without content': ant(loop(user([result('a', { is_error: true, content: '' }), result('b')]))),
  'tool name with a dot': ant({ tools: [{ ...antTool, name: 'a.b' }] }),
  'tool name too long': ant({ tools: [{ ...antTool, name: 'a'.repeat(129) }] }),
  'tool twice': ant({ tools: [antTool, antTool] }),
  'tool without schema': ant({ tools: [{ name: 'look' }] }),
  'schema without type': ant({ tools: [{ name: 'look', input_schema: {} }] }),
  'schema with a top-level anyOf': ant({ tools: [{ name: 'look', input_schema: { type: 'object', anyOf: [] } }] }),
  'tool in the shape of OpenAI': ant({ tools: [{ type: 'function', function: { name: 'look' } }] }),
  'tool_choice without tools': ant({ tool_choice: { type: 'auto' } }),
  'tool_choice of an unknown tool': ant({ tools: [antTool], tool_choice: { type: 'tool', name: 'other' } }),
  'tool_choice as text': ant({ tools: [antTool], tool_choice: 'auto' }),
  'forced tool with thinking': ant({ max_tokens: 4000, tools: [antTool], tool_choice: { type: 'any' }, thinking: { type: 'enabled', budget_tokens: 2000 } }),
  'budget too small': ant({ max_tokens: 4000, thinking: { type: 'enabled', budget_tokens: 1023 } }),
  'budget not below max_tokens': ant({ max_tokens: 2000, thinking: { type: 'enabled', budget_tokens: 2000 } }),
  'budget on an adaptive model': ant({ model: 'claude-opus-5-5', max_tokens: 4000, thinking: { type: 'enabled', budget_tokens: 2000 } }),
  'adaptive on a manual model': ant({ thinking: { type: 'adaptive' } }),
  'thinking on a model without': ant({ model: 'claude-3-5-haiku-20241022', max_tokens: 4000, thinking: { type: 'enabled', budget_tokens: 2000 } }),
  'temperature with thinking': ant({ max_tokens: 4000, temperature: 0.5, thinking: { type: 'enabled', budget_tokens: 2000 } }),
  'top_k with thinking': ant({ max_tokens: 4000, top_k: 5, thinking: { type: 'enabled', budget_tokens: 2000 } }),
  'top_p low with thinking': ant({ max_tokens: 4000, top_p: 0.5, thinking: { type: 'enabled', budget_tokens: 2000 } }),
  'temperature over one': ant({ temperature: 1.1 }),
  'temperature as text': ant({ temperature: '0.5' }),
  'temperature and top_p': ant({ temperature: 0.5, top_p: 0.5 }),
  'sampling on a new model': ant({ model: 'claude-opus-4-8', temperature: 1 }),
  'effort on a model without': ant({ output_config: { effort: 'high' } }),
  'prefill on a new model': ant({ model: 'claude-opus-4-8', messages: [user('hi'), bot('The')] }),
  'prefill that ends in a space': ant({ messages: [user('hi'), bot('The ')] }),
  'five cache marks': ant({ messages: [user(Array.from({ length: 5 }, (_, i) => ({ type: 'text', text: `${i}`, cache_control: { type: 'ephemeral' } })))] }),
  'a long cache mark after a short one': ant({ messages: [user([{ type: 'text', text: 'a', cache_control: { type: 'ephemeral' } }, { type: 'text', text: 'b', cache_control: { type: 'ephemeral', ttl: '1h' } }])] }),
  'cache mark on thinking': ant({ messages: [user('x'), bot([{ type: 'thinking', thinking: 'x', signature: 's', cache_control: { type: 'ephemeral' } }, { type: 'text', text: 'y' }]), user('z')] }),
  'image type not taken': ant(img({ type: 'base64', media_type: 'image/bmp', data: png })),
  'image that is not its type': ant(img({ type: 'base64', media_type: 'image/jpeg', data: png })),
  'image that is no base64': ant(img({ type: 'base64', media_type: 'image/png', data: `${png.slice(0, 20)}\n${png.slice(20)}` })),
  'image as a data URL': ant(img({ type: 'url', url: `data:image/png;base64,${png}` })),
  'image in the shape of OpenAI': ant({ messages: [user([{ type: 'image_url', image_url: { url: 'https://x.example/a.png' } }])] }),
  'empty stop sequence': ant({ stop_sequences: [''] }),
  'blank stop sequence': ant({ stop_sequences: ['\n'] }),
  'stop in the shape of OpenAI': ant({ stop: ['x'] }),
  'system as a message list': ant({ system: [{ role: 'system', content: 'x' }] }),
  'output schema left open': ant({ output_config: { format: { type: 'json_schema', schema: { type: 'object', properties: {} } } } }),
  'output schema with bounds': ant({ output_config: { format: { type: 'json_schema', schema: { type: 'object', properties: { a: { type: 'number', minimum: 1 } }, additionalProperties: false } } } }),
  'structured output on an old model': ant({ model: 'claude-3-7-sonnet-20250219', output_config: { format: { type: 'json_schema', schema: { type: 'object', properties: {}, additionalProperties: false } } } }),
  'thinking without signature': ant({ messages: [user('x'), bot([{ type: 'thinking', thinking: 'x' }, { type: 'text', text: 'y' }]), user('z')] }),
  'empty signature': ant({ messages: [user('x'), bot([{ type: 'thinking', thinking: 'x', signature: '' }, { type: 'text', text: 'y' }]), user('z')] }),
};

const call = (id, args = '{}') => ({ id, type: 'function', function: { name: 'look', arguments: args } });
const calls = (...list) => ({ role: 'assistant', content: null, tool_calls: list });
const tool = (id) => ({ role: 'tool', tool_call_id: id, content: 'fine' });
const ccTool = { type: 'function', function: { name: 'look', parameters: { type: 'object', properties: {} } } };
const cc = (extra = {}) => ({ model: 'gpt-4o', messages: [user('hi')], ...extra });
const ccLoop = (...tail) => cc({ tools: [ccTool], messages: [user('hi'), calls(call('a'), call('b')), ...tail] });
const strict = (schema) => ({ response_format: { type: 'json_schema', json_schema: { name: 'x', strict: true, schema } } });

const goodOpenai = {
  plain: cc(),
  'tool loop': ccLoop(tool('b'), tool('a'), user('go on')),
  'two users in a row': cc({ messages: [user('a'), user('b')] }),
  image: cc({ messages: [user([{ type: 'image_url', image_url: { url: `data:image/png;base64,${png}`, detail: 'low' } }])] }),
  'usage in a stream': cc({ stream: true, stream_options: { include_usage: true } }),
  'reasoning replayed to a compatible host': cc({ model: 'deepseek-chat', messages: [user('a'), { ...bot('b'), reasoning_content: 'c' }, user('d')] }),
};

const badOpenai = {
  'unknown field': cc({ top_k: 1 }),
  'field of Anthropic': cc({ max_tokens: 5, stop_sequences: ['x'] }),
  'unknown message field': cc({ messages: [{ ...user('a'), cache_control: { type: 'ephemeral' } }] }),
  'reasoning replayed to OpenAI': cc({ messages: [user('a'), { ...bot('b'), reasoning_content: 'c' }, user('d')] }),
  'no model': { messages: [user('hi')] },
  'no messages': cc({ messages: [] }),
  'unknown role': cc({ messages: [{ role: 'model', content: 'x' }] }),
  'user without content': cc({ messages: [{ role: 'user' }] }),
  'assistant with nothing': cc({ messages: [user('x'), bot(null)] }),
  'empty text part': cc({ messages: [user([{ type: 'text', text: '' }])] }),
  'part of Anthropic': cc({ messages: [user([{ type: 'image', source: {} }])] }),
  'both token limits': cc({ max_tokens: 5, max_completion_tokens: 5 }),
  'max_tokens on a reasoning model': cc({ model: 'gpt-5', max_tokens: 5 }),
  'max_tokens zero': cc({ max_tokens: 0 }),
  'temperature on a reasoning model': cc({ model: 'gpt-5', temperature: 0.5 }),
  'stop on a reasoning model': cc({ model: 'o4-mini', stop: ['x'] }),
  'effort on a model without reasoning': cc({ reasoning_effort: 'low' }),
  'developer role on a compatible host': cc({ model: 'deepseek-chat', messages: [{ role: 'developer', content: 'x' }, user('y')] }),
  'stream_options without stream': cc({ stream_options: { include_usage: true } }),
  'stream as text': cc({ stream: 'true' }),
  'tool_choice without tools': cc({ tool_choice: 'auto' }),
  'parallel_tool_calls without tools': cc({ parallel_tool_calls: false }),
  'empty tools': cc({ tools: [] }),
  'tool_choice of Anthropic': cc({ tools: [ccTool], tool_choice: { type: 'any' } }),
  'tool_choice of an unknown tool': cc({ tools: [ccTool], tool_choice: { type: 'function', function: { name: 'other' } } }),
  'tool of Anthropic': cc({ tools: [antTool] }),
  'tool twice': cc({ tools: [ccTool, ccTool] }),
  'tool name with a dot': cc({ tools: [{ type: 'function', function: { name: 'a.b' } }] }),
  'tool name too long': cc({ tools: [{ type: 'function', function: { name: 'a'.repeat(65) } }] }),
  'parameters without type': cc({ tools: [{ type: 'function', function: { name: 'look', parameters: {} } }] }),
  'strict tool left open': cc({ tools: [{ type: 'function', function: { name: 'look', strict: true, parameters: { type: 'object', properties: {} } } }] }),
  'result missing': ccLoop(tool('a')),
  'result missing before the user speaks': ccLoop(tool('a'), user('x'), tool('b')),
  'user between results': ccLoop(tool('a'), user([{ type: 'text', text: 'x' }]), tool('b')),
  'orphan result': ccLoop(tool('a'), tool('b'), tool('c')),
  'result twice': ccLoop(tool('a'), tool('b'), tool('b')),
  'result without a call': cc({ tools: [ccTool], messages: [user('x'), tool('a')] }),
  'result list of Anthropic': ccLoop(user([{ type: 'tool_result', tool_use_id: 'a' }])),
  'arguments as an object': ccLoop().messages && cc({ tools: [ccTool], messages: [user('x'), calls(call('a', {})), tool('a')] }),
  'call id too long': cc({ tools: [ccTool], messages: [user('x'), calls(call('a'.repeat(65))), tool('a'.repeat(65))] }),
  'call id twice in a message': cc({ tools: [ccTool], messages: [user('x'), calls(call('a'), call('a')), tool('a')] }),
  'image in a tool message': ccLoop({ ...tool('a'), content: [{ type: 'image_url', image_url: { url: 'https://x.example/a.png' } }] }, tool('b')),
  'image that is not its type': cc({ messages: [user([{ type: 'image_url', image_url: { url: `data:image/gif;base64,${png}` } }])] }),
  'image as bare base64': cc({ messages: [user([{ type: 'image_url', image_url: { url: png } }])] }),
  'file without a name': cc({ messages: [user([{ type: 'file', file: { file_data: 'data:application/pdf;base64,JVBERg==' } }])] }),
  'temperature too high': cc({ temperature: 2.5 }),
  'too many stops': cc({ stop: ['a', 'b', 'c', 'd', 'e'] }),
  'strict output left open': cc(strict({ type: 'object', properties: {} })),
  'strict output not all required': cc(strict({ type: 'object', properties: { a: { type: 'string' } }, additionalProperties: false })),
  'output format without a name': cc({ response_format: { type: 'json_schema', json_schema: { schema: {} } } }),
  'name with a space': cc({ messages: [{ ...user('x'), name: 'a b' }] }),
  'top_logprobs alone': cc({ top_logprobs: 3 }),
  'metadata too long': cc({ metadata: { a: 'x'.repeat(513) } }),
};

describe('rules', () => {
  for (const [name, format, good, bad] of [['anthropic', anthropic, goodAnthropic, badAnthropic], ['openai-chat', openai, goodOpenai, badOpenai]]) {
    for (const [what, body] of Object.entries(good)) test(`${name} takes: ${what}`, () => format.validate(body));
    for (const [what, body] of Object.entries(bad)) test(`${name} refuses: ${what}`, () => assert.throws(() => format.validate(body), Refusal));
  }

  test('a body must be one UTF-8 object without repeated keys', () => {
    for (const bad of ['', '[]', 'null', '{"a":1,"a":2}', '{"x":[{"b":{},"b":1}]}', '\ufeff{}', '{"a":1}x'])
      assert.throws(() => parseBody(Buffer.from(bad)), Refusal, bad);
    assert.throws(() => parseBody(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])), Refusal);
    assert.deepEqual(parseBody(Buffer.from('{"a":{"b":1},"b":["a","a"]}')), { a: { b: 1 }, b: ['a', 'a'] });
    assert.equal(repeatedKey('{"a\\"":1,"a":[{"a":2}],"\\u0061":3}'), 'a');
  });
});

// ---------------------------------------------------------------- signatures

describe('signatures', () => {
  const signed = { text: (s) => ({ good: 'thought' })[s] };
  const turn = (thinking, signature) => [user('x'), bot([{ type: 'thinking', thinking, signature }, use('a')]), user([result('a')])];
  const on = { max_tokens: 4000, tools: [antTool], thinking: { type: 'enabled', budget_tokens: 2000 } };

  test('its own, unchanged, is taken', () => anthropic.validate(ant({ ...on, messages: turn('thought', 'good') }), { signed }));
  test('a foreign one is refused', () => assert.throws(() => anthropic.validate(ant({ ...on, messages: turn('thought', 'gw1.abc') }), { signed }), /signature/));
  test('an edited text is refused', () => assert.throws(() => anthropic.validate(ant({ ...on, messages: turn('thought!', 'good') }), { signed }), /modified/));
  test('a lost one in the current tool loop is refused', () =>
    assert.throws(() => anthropic.validate(ant({ ...on, messages: [user('x'), bot([use('a')]), user([result('a')])] }), { signed }), /Expected `thinking`/));
  test('a lost one of an older turn is not missed', () =>
    anthropic.validate(ant({ ...on, messages: [user('x'), bot([use('a')]), user([result('a')]), bot('y'), user('z')] }), { signed }));
});

// ---------------------------------------------------------------- answers, read by the official SDKs

describe('answers', () => {
  let up;
  let claude;
  let gpt;
  before(async () => {
    up = await startFake();
    claude = new Anthropic({ baseURL: up.origin, apiKey: up.fake.anthropicKey, maxRetries: 0 });
    gpt = new OpenAI({ baseURL: up.openaiBase, apiKey: up.fake.openaiKey, maxRetries: 0 });
  });
  after(() => up.close());

  const ask = (scenario, extra = {}) => ant({ messages: [user(`[[fake:${scenario}]] hello`)], ...extra });
  const askCc = (scenario, extra = {}) => cc({ messages: [user(`[[fake:${scenario}]] hello`)], ...extra });
  const city = { type: 'object', properties: { city: { type: 'string' } } };
  const antTools = [{ name: 'look', input_schema: city }, { name: 'see', input_schema: city }];
  const ccTools = antTools.map((t) => ({ type: 'function', function: { name: t.name, parameters: t.input_schema } }));
  const textOf = (m) => m.content.filter((b) => b.type === 'text').map((b) => b.text).join('');

  test('anthropic: plain, stream, unicode cut anywhere', async () => {
    assert.equal(textOf(await claude.messages.create(ask('echo'))), 'echo: [[fake:echo]] hello');
    assert.equal(textOf(await claude.messages.stream(ask('unicode')).finalMessage()), unicodeText);
    assert.equal(textOf(await claude.messages.stream(ask('crlf')).finalMessage()), unicodeText);
  });

  test('anthropic: parallel tools and the way back', async () => {
    const first = await claude.messages.stream(ask('two-tools', { tools: antTools })).finalMessage();
    assert.deepEqual(first.content.map((b) => [b.type, b.name, b.input.city]), [['tool_use', 'look', 'Paris'], ['tool_use', 'see', 'Oslo 😀']]);
    const back = first.content.map((b) => result(b.id, { content: b.input.city }));
    const second = await claude.messages.create(ask('two-tools', { tools: antTools, messages: [user('[[fake:two-tools]]'), bot(first.content), user(back)] }));
    assert.equal(textOf(second), `results: ${back.map((b) => `${b.tool_use_id}=${b.content}`).join('; ')}`);
  });

  test('anthropic: thinking, its signature, and the replay', async () => {
    const on = { max_tokens: 4000, thinking: { type: 'enabled', budget_tokens: 2000 }, tools: antTools };
    const first = await claude.messages.stream(ask('think-tools', on)).finalMessage();
    assert.equal(first.content[0].thinking, thought);
    const back = first.content.filter((b) => b.type === 'tool_use').map((b) => result(b.id));
    const messages = [user('[[fake:think-tools]]'), bot(first.content), user(back)];
    assert.match(textOf(await claude.messages.create(ask('', { ...on, messages }))), /^results:/);
    const edited = structuredClone(messages);
    edited[1].content[0].signature = 'AAAA';
    await assert.rejects(claude.messages.create(ask('', { ...on, messages: edited })), /signature/);
  });

  test('anthropic: usage, schema, image, stop sequence, count, models', async () => {
    const counted = await claude.messages.stream(ask('cache-usage')).finalMessage();
    assert.deepEqual([counted.usage.input_tokens, counted.usage.cache_read_input_tokens, counted.usage.cache_creation_input_tokens, counted.usage.output_tokens], [300, 600, 100, 50]);
    const schema = { type: 'object', properties: { n: { type: 'integer' } }, required: ['n'], additionalProperties: false };
    assert.equal(textOf(await claude.messages.create(ask('schema', { output_config: { format: { type: 'json_schema', schema } } }))), '{"n":7}');
    const seen = await claude.messages.create(ant({ messages: [user([{ type: 'text', text: '[[fake:image]]' }, { type: 'image', source: { type: 'base64', media_type: 'image/png', data: png } }])] }));
    assert.equal(textOf(seen), `saw: image/png ${Buffer.from(png, 'base64').length}`);
    const stopped = await claude.messages.create(ask('stop-sequence', { stop_sequences: ['END'] }));
    assert.deepEqual([stopped.stop_reason, stopped.stop_sequence], ['stop_sequence', 'END']);
    assert.ok((await claude.messages.countTokens({ model: 'claude-sonnet-4-5', messages: [user('x')] })).input_tokens > 0);
    assert.ok((await claude.models.list()).data.some((m) => m.id === 'claude-sonnet-4-5'));
  });

  test('anthropic: failures', async () => {
    for (const status of [400, 401, 403, 404, 413, 429, 500, 529])
      await assert.rejects(claude.messages.create(ask(`error-${status}`)), (e) => e.status === status && /fake|Overloaded/.test(e.message));
    await assert.rejects(claude.messages.create(ant({ model: 'claude-none' })), (e) => e.status === 404);
    await assert.rejects(new Anthropic({ baseURL: up.origin, apiKey: 'wrong', maxRetries: 0 }).messages.create(ant()), (e) => e.status === 401);
    await assert.rejects(claude.messages.stream(ask('midstream-error')).finalMessage(), /broke in the middle/);
    await assert.rejects(claude.messages.stream(ask('reset')).finalMessage());
    await assert.rejects(claude.messages.stream(ask('truncated')).finalMessage());
  });

  test('openai-chat: plain, stream, unicode cut anywhere, halves of a pair', async () => {
    const plain = await gpt.chat.completions.create(askCc('echo'));
    assert.equal(plain.choices[0].message.content, 'echo: [[fake:echo]] hello');
    for (const [scenario, want] of [['unicode', unicodeText], ['crlf', unicodeText], ['surrogates', 'ok😀 😀 x']])
      assert.equal(await gpt.chat.completions.stream(askCc(scenario)).finalContent(), want);
  });

  test('openai-chat: usage only when asked', async () => {
    const collect = async (extra) => {
      const out = [];
      for await (const chunk of await gpt.chat.completions.create(askCc('cache-usage', { stream: true, ...extra }))) out.push(chunk);
      return out;
    };
    assert.ok((await collect({})).every((c) => !('usage' in c) && c.choices.length === 1));
    const asked = await collect({ stream_options: { include_usage: true } });
    assert.equal(asked.at(-1).usage.prompt_tokens, 1000);
    assert.ok(asked.slice(0, -1).every((c) => c.usage === null));
  });

  test('openai-chat: parallel tools, interleaved, and the way back', async () => {
    const first = await gpt.chat.completions.stream(askCc('two-tools', { tools: ccTools })).finalMessage();
    assert.deepEqual(first.tool_calls.map((c) => [c.function.name, JSON.parse(c.function.arguments).city]), [['look', 'Paris'], ['see', 'Oslo 😀']]);
    const back = first.tool_calls.map((c) => ({ role: 'tool', tool_call_id: c.id, content: c.function.name }));
    const asked = { role: 'assistant', content: null, tool_calls: first.tool_calls.map(({ id, type, function: f }) => ({ id, type, function: { name: f.name, arguments: f.arguments } })) };
    const second = await gpt.chat.completions.create(askCc('', { tools: ccTools, messages: [user('[[fake:two-tools]]'), asked, ...back] }));
    assert.match(second.choices[0].message.content, /^results: .*=look; .*=see$/);
  });

  test('openai-chat: zero-argument tool, schema, image, reasoning, refusal, models', async () => {
    const zero = await gpt.chat.completions.create(askCc('zero-tool', { tools: ccTools }));
    assert.equal(zero.choices[0].message.tool_calls[0].function.arguments, '');
    const schema = { type: 'object', properties: { n: { type: 'integer' } }, required: ['n'], additionalProperties: false };
    const fitted = await gpt.chat.completions.create(askCc('schema', { response_format: { type: 'json_schema', json_schema: { name: 'x', strict: true, schema } } }));
    assert.equal(fitted.choices[0].message.content, '{"n":7}');
    const seen = await gpt.chat.completions.create(cc({ messages: [user([{ type: 'text', text: '[[fake:image]]' }, { type: 'image_url', image_url: { url: `data:image/png;base64,${png}` } }])] }));
    assert.match(seen.choices[0].message.content, /^saw: image\/png \d+$/);
    const thinking = await gpt.chat.completions.create(askCc('think', { model: 'deepseek-reasoner' }));
    assert.equal(thinking.choices[0].message.reasoning_content, thought);
    assert.notEqual((await gpt.chat.completions.create(askCc('refusal'))).choices[0].message.refusal, null);
    assert.ok((await gpt.models.list()).data.some((m) => m.id === 'gpt-4o'));
  });

  test('openai-chat: failures', async () => {
    for (const status of [400, 401, 403, 404, 413, 429, 500])
      await assert.rejects(gpt.chat.completions.create(askCc(`error-${status}`)), (e) => e.status === status && /fake/.test(e.message));
    await assert.rejects(gpt.chat.completions.create(cc({ model: 'gpt-none' })), (e) => e.status === 404 && e.code === 'model_not_found');
    await assert.rejects(new OpenAI({ baseURL: up.openaiBase, apiKey: 'wrong', maxRetries: 0 }).chat.completions.create(cc()), (e) => e.status === 401);
    await assert.rejects(gpt.chat.completions.stream(askCc('midstream-error')).finalMessage(), /broke in the middle/);
    await assert.rejects(gpt.chat.completions.stream(askCc('truncated')).finalMessage());
  });

  test('every stream obeys the order of its format', async () => {
    const post = async (path, body, headers) => (await fetch(`${up.origin}${path}`, { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json', 'user-agent': 'x', ...headers } })).text();
    const types = (text) => [...text.matchAll(/^event: (\S+)$/gm)].map((m) => m[1]);
    const antHeaders = { 'x-api-key': up.fake.anthropicKey, 'anthropic-version': '2023-06-01' };
    const said = await post('/v1/messages', ask('text-tools', { tools: antTools, stream: true }), antHeaders);
    assert.match(types(said).join(' '), /^message_start ping( content_block_start( content_block_delta)+ content_block_stop){3} message_delta message_stop$/);
    assert.equal(types(await post('/v1/messages', ask('no-end', { stream: true }), antHeaders)).at(-1), 'message_delta');
    assert.equal(types(await post('/v1/messages', ask('duplicate', { stream: true }), antHeaders)).filter((t) => t === 'message_start').length, 2);
    const ccHeaders = { authorization: `Bearer ${up.fake.openaiKey}` };
    assert.ok((await post('/v1/chat/completions', askCc('echo', { stream: true }), ccHeaders)).endsWith('data: [DONE]\n\n'));
    assert.ok(!(await post('/v1/chat/completions', askCc('no-end', { stream: true }), ccHeaders)).includes('[DONE]'));
    assert.equal((await post('/v1/chat/completions', askCc('huge-line:3000000', { stream: true }), ccHeaders)).match(/x{3000000}/)?.length, 1);
  });

  test('the log tells what was refused; a close is seen', async () => {
    up.fake.reset();
    await assert.rejects(gpt.chat.completions.create(cc({ top_k: 1 })));
    const log = await (await fetch(`${up.origin}/_fake/log`)).json();
    assert.match(log.rejections[0].reason, /top_k/);
    await fetch(`${up.origin}/_fake/reset`, { method: 'POST' });
    assert.equal(up.fake.entries.length, 0);
    const stream = await gpt.chat.completions.create(askCc('endless:20', { stream: true }));
    let seen = 0;
    for await (const _ of stream) if ((seen += 1) === 3) break;
    const [entry] = up.fake.entries;
    const at = entry.events;
    stream.controller.abort();
    await entry.closed;
    assert.ok(entry.closedEarly && entry.events - at < 5);
    up.fake.script('echo', 'error-429');
    assert.match((await gpt.chat.completions.create(askCc('refusal'))).choices[0].message.content, /^echo/);
    await assert.rejects(gpt.chat.completions.create(askCc('echo')), (e) => e.status === 429 && e.headers.get('retry-after') === '7');
  });

  test('a gated stream waits for its release; headers of another API are refused', async () => {
    const stream = await gpt.chat.completions.create(askCc('gated', { stream: true }));
    await up.fake.whenGated(1);
    up.fake.release();
    const seen = [];
    for await (const chunk of stream) seen.push(chunk.choices[0].delta.content ?? '');
    assert.equal(seen.join(''), 'first words, then the rest after release');
    await assert.rejects(new OpenAI({ baseURL: up.openaiBase, apiKey: up.fake.openaiKey, maxRetries: 0, defaultHeaders: { 'anthropic-version': '2023-06-01' } }).chat.completions.create(cc()), /header of another API/);
    up.fake.forbidden = ['client-secret'];
    await assert.rejects(gpt.chat.completions.create(cc({ user: 'client-secret' })), /must not leave/);
    up.fake.forbidden = [];
  });
});
