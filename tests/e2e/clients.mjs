// The two official SDKs behind one small face, so that one table of cases runs over every combination.
// Every answer is checked against the rules of its format (formats.md 2.1 and 2.4) before it is handed on.
import assert from 'node:assert/strict';
import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import { clientKey } from './harness.mjs';

export { png, pngSize } from './media.mjs';

/**
 * A question in words both formats share:
 * {model, text | messages, system, tools: [{name, parameters}], choice, parallel, image, schema, stops, think, max, stream, usage, extra}.
 * A message is {user: text} | {say, thinking?, calls: [...], raw?} | {results: [{id, text, error?, image?}], text?}.
 * An answer is {text, thinking, calls: [{id, name, args}], finish, usage: {input, cached, written, output}, raw}.
 */
const messagesOf = (q) => q.messages ?? [{ user: q.text, image: q.image }];

// ---------------------------------------------------------------- OpenAI Chat Completions

const ccImage = (data) => ({ type: 'image_url', image_url: { url: `data:image/png;base64,${data}` } });

const ccMessage = (m) => {
  if ('user' in m) return [{ role: 'user', content: m.image ? [{ type: 'text', text: m.user }, ccImage(m.image)] : m.user }];
  if (m.results) {
    const results = m.results.map((r) => ({ role: 'tool', tool_call_id: r.id, content: r.text }));
    return m.text ? [...results, { role: 'user', content: m.text }] : results;
  }
  const calls = (m.calls ?? []).map((c) => ({ id: c.id, type: 'function', function: { name: c.name, arguments: c.args } }));
  return [{ role: 'assistant', content: m.say || null, ...(calls.length > 0 ? { tool_calls: calls } : {}) }];
};

const ccChoice = (choice) => (typeof choice === 'string' ? choice : { type: 'function', function: { name: choice.name } });

export const ccParams = (q) => ({
  model: q.model,
  messages: [...(q.system ? [{ role: 'system', content: q.system }] : []), ...messagesOf(q).flatMap(ccMessage)],
  ...(q.tools ? { tools: q.tools.map((t) => ({ type: 'function', function: t })) } : {}),
  ...(q.choice ? { tool_choice: ccChoice(q.choice) } : {}),
  ...(q.parallel !== undefined ? { parallel_tool_calls: q.parallel } : {}),
  ...(q.schema ? { response_format: { type: 'json_schema', json_schema: { name: 'answer', schema: q.schema, ...(q.strict ? { strict: true } : {}) } } } : {}),
  ...(q.stops ? { stop: q.stops } : {}),
  ...(q.think ? { reasoning_effort: 'medium' } : {}),
  ...(q.max ? { max_completion_tokens: q.max } : {}),
  ...(q.stream ? { stream: true } : {}),
  ...(q.stream && q.usage ? { stream_options: { include_usage: true } } : {}),
  ...q.extra,
});

const ccUsage = (u) => u && {
  input: u.prompt_tokens, cached: u.prompt_tokens_details?.cached_tokens ?? 0, written: 0, output: u.completion_tokens, total: u.total_tokens,
};

function ccWhole(r) {
  assert.equal(r.object, 'chat.completion');
  assert.ok(typeof r.id === 'string' && r.id !== '' && Number.isInteger(r.created) && typeof r.model === 'string', 'CC-4 head');
  const [c] = r.choices;
  assert.equal(c.index, 0);
  for (const key of ['logprobs', 'finish_reason']) assert.ok(key in c, `CC-4 ${key}`);
  for (const key of ['role', 'content', 'refusal']) assert.ok(key in c.message, `CC-4 message.${key}`);
  const calls = c.message.tool_calls ?? [];
  for (const call of calls) assert.equal(typeof call.function.arguments, 'string', 'CC-5');
  if (calls.length === 0 && c.message.refusal === null) assert.equal(typeof c.message.content, 'string', 'CC-4 content');
  return {
    raw: r, text: c.message.content ?? '', refusal: c.message.refusal, thinking: c.message.reasoning_content ?? '', finish: c.finish_reason,
    calls: calls.map((t) => ({ id: t.id, name: t.function.name, args: t.function.arguments })), usage: ccUsage(r.usage),
  };
}

async function ccStream(stream, q, each) {
  const chunks = [];
  const out = { raw: chunks, text: '', refusal: null, thinking: '', calls: [], finish: null, usage: null };
  for await (const chunk of stream) {
    chunks.push(chunk);
    await each?.(chunk, chunks.length, stream);
    assert.equal(chunk.object, 'chat.completion.chunk');
    assert.deepEqual([chunk.id, chunk.created, chunk.model], [chunks[0].id, chunks[0].created, chunks[0].model], 'CC-6');
    if (chunk.choices.length === 0) {
      assert.ok(q.usage && chunk.usage, 'CC-11: a chunk without choices only for usage that was asked for');
      assert.equal(out.usage, null, 'CC-11: usage once');
      out.usage = ccUsage(chunk.usage);
      continue;
    }
    assert.equal(chunk.usage ?? null, null, 'CC-11: usage only in the last chunk');
    assert.equal(out.usage, null, 'CC-11: nothing after usage');
    ccDelta(out, chunk.choices[0], q);
  }
  assert.notEqual(out.finish, null, 'a stream ends with a finish reason or raises');
  return out;
}

function ccDelta(out, choice, q) {
  assert.ok('finish_reason' in choice, 'CC-12');
  const { delta } = choice;
  out.text += delta.content ?? '';
  out.thinking += delta.reasoning_content ?? '';
  if (delta.refusal) out.refusal = (out.refusal ?? '') + delta.refusal;
  for (const piece of delta.tool_calls ?? []) {
    if (piece.id !== undefined) {
      assert.equal(piece.index, out.calls.length, 'calls are counted from 0');
      assert.ok(piece.function.name, 'CC-13: the name comes whole in the first piece');
      out.calls.push({ id: piece.id, name: piece.function.name, args: '' });
    } else assert.ok(!piece.function.name, 'CC-13: the name comes once');
    out.calls[piece.index].args += piece.function.arguments ?? '';
  }
  if (choice.finish_reason) {
    if (!q.repeats) assert.equal(out.finish, null, 'one finish');
    out.finish ??= choice.finish_reason;
  }
}

export function openaiClient(baseURL, apiKey = clientKey) {
  const sdk = new OpenAI({ baseURL: `${baseURL}/v1`, apiKey, maxRetries: 0, timeout: 60_000 });
  return {
    name: 'openai', sdk,
    async ask(q, each) {
      const params = ccParams(q);
      if (!q.stream) return ccWhole(await sdk.chat.completions.create(params));
      return ccStream(await sdk.chat.completions.create(params), q, each);
    },
    /** The assistant's answer as the next message of the conversation. */
    replay: (a) => ({ say: a.text, calls: a.calls }),
    models: async () => (await sdk.models.list()).data.map((m) => m.id),
    finishes: { stop: 'stop', length: 'length', tools: 'tool_calls' },
  };
}

// ---------------------------------------------------------------- Anthropic Messages

const antImage = (data) => ({ type: 'image', source: { type: 'base64', media_type: 'image/png', data } });
const antText = (text) => ({ type: 'text', text });

const antResult = (r) => ({
  type: 'tool_result', tool_use_id: r.id, ...(r.error ? { is_error: true } : {}),
  content: r.image ? [antText(r.text), antImage(r.image)] : r.text,
});

const antMessage = (m) => {
  if ('user' in m) return { role: 'user', content: m.image ? [antText(m.user), antImage(m.image)] : m.user };
  if (m.results) return { role: 'user', content: [...m.results.map(antResult), ...(m.text ? [antText(m.text)] : [])] };
  if (m.blocks) return { role: 'assistant', content: m.blocks };
  const calls = (m.calls ?? []).map((c) => ({ type: 'tool_use', id: c.id, name: c.name, input: JSON.parse(c.args || '{}') }));
  return { role: 'assistant', content: [...(m.say ? [antText(m.say)] : []), ...calls] };
};

const antChoice = (q) => {
  const kind = { auto: { type: 'auto' }, none: { type: 'none' }, required: { type: 'any' } }[q.choice]
    ?? (q.choice ? { type: 'tool', name: q.choice.name } : { type: 'auto' });
  return q.parallel === false ? { ...kind, disable_parallel_tool_use: true } : kind;
};

export const antParams = (q) => ({
  model: q.model,
  max_tokens: q.max ?? (q.think ? 4000 : 1000),
  messages: messagesOf(q).map(antMessage),
  ...(q.system ? { system: q.system } : {}),
  ...(q.tools ? { tools: q.tools.map((t) => ({ name: t.name, ...(t.description ? { description: t.description } : {}), input_schema: t.parameters })) } : {}),
  ...(q.choice || q.parallel !== undefined ? { tool_choice: antChoice(q) } : {}),
  ...(q.schema ? { output_config: { format: { type: 'json_schema', schema: q.schema } } } : {}),
  ...(q.stops ? { stop_sequences: q.stops } : {}),
  ...(q.think ? { thinking: { type: 'enabled', budget_tokens: 2000 } } : {}),
  ...(q.stream ? { stream: true } : {}),
  ...q.extra,
});

function antWhole(r) {
  assert.deepEqual([r.type, r.role], ['message', 'assistant']);
  assert.ok(typeof r.id === 'string' && typeof r.model === 'string' && Array.isArray(r.content), 'head');
  assert.notEqual(r.stop_reason, null);
  assert.ok('stop_sequence' in r && Number.isInteger(r.usage.input_tokens) && Number.isInteger(r.usage.output_tokens), 'usage');
  const kinds = r.content.map((b) => b.type);
  assert.ok(!kinds.slice(Math.max(0, kinds.findIndex((k) => k !== 'thinking'))).includes('thinking'), 'AC-5: thinking first');
  for (const b of r.content) {
    if (b.type === 'text') assert.notEqual(b.text, '', 'AC-5: no empty text');
    if (b.type === 'tool_use') assert.ok(b.input && typeof b.input === 'object' && !Array.isArray(b.input), 'AC-6');
    if (b.type === 'thinking') assert.equal(typeof b.signature, 'string', 'AC-8');
  }
  const of = (type) => r.content.filter((b) => b.type === type);
  const u = r.usage;
  return {
    raw: r, blocks: r.content, text: of('text').map((b) => b.text).join(''), thinking: of('thinking').map((b) => b.thinking).join(''),
    finish: r.stop_reason, stopSequence: r.stop_sequence,
    calls: of('tool_use').map((b) => ({ id: b.id, name: b.name, args: JSON.stringify(b.input) })),
    usage: { input: u.input_tokens, cached: u.cache_read_input_tokens ?? 0, written: u.cache_creation_input_tokens ?? 0, output: u.output_tokens },
  };
}

/** The order of events (AC-10, AC-12, AC-13, AC-16). */
export function checkAntEvents(events) {
  assert.equal(events[0].type, 'message_start');
  assert.equal(events.at(-1).type, 'message_stop');
  let open = null;
  let next = 0;
  let signed = false;
  for (const [i, e] of events.entries()) {
    if (e.type === 'message_start' || e.type === 'message_stop') assert.ok(i === 0 || i === events.length - 1, `AC-12: ${e.type} once`);
    if (e.type === 'content_block_start') {
      assert.deepEqual([open, e.index], [null, next], 'AC-10: one open block, numbered without gaps');
      [open, next, signed] = [e.index, next + 1, false];
    } else if (e.type === 'content_block_delta') {
      assert.equal(e.index, open, 'AC-10: a delta belongs to the open block');
      assert.ok(!signed, 'AC-13: the signature is the last delta');
      signed = e.delta.type === 'signature_delta';
    } else if (e.type === 'content_block_stop') {
      assert.equal(e.index, open, 'AC-10: a stop belongs to the open block');
      open = null;
    } else if (e.type === 'message_delta') {
      assert.equal(open, null, 'all blocks are closed before message_delta');
      if (i === events.length - 2) assert.notEqual(e.delta.stop_reason, null, 'AC-16');
    }
  }
}

export function anthropicClient(baseURL, apiKey = clientKey) {
  const sdk = new Anthropic({ baseURL, apiKey, maxRetries: 0, timeout: 60_000, logLevel: 'off' });
  return {
    name: 'anthropic', sdk,
    async ask(q, each) {
      const { stream: _, ...params } = antParams(q);
      if (!q.stream) return antWhole(await sdk.messages.create(params));
      const stream = sdk.messages.stream(params);
      const events = [];
      for await (const event of stream) {
        events.push(structuredClone(event));
        await each?.(event, events.length, stream);
      }
      const message = await stream.finalMessage();
      checkAntEvents(events);
      return { ...antWhole(message), events };
    },
    replay: (a) => ({ blocks: a.blocks }),
    /** All pages: a list may say has_more (gateway.md 4.4). */
    async models() {
      const names = [];
      for await (const m of sdk.models.list()) names.push(m.id);
      return names;
    },
    finishes: { stop: 'end_turn', length: 'max_tokens', tools: 'tool_use' },
  };
}

export const clients = { openai: openaiClient, anthropic: anthropicClient };
