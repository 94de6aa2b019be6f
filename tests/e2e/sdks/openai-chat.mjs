// The SDK openai, Chat Completions (formats.md 2.1).
import assert from 'node:assert/strict';
import OpenAI from 'openai';
import { clientKey } from '../harness.mjs';
import { failureOf, messagesOf } from './words.mjs';

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

/** The SDK openai on /v1/chat/completions. */
export function openaiClient(baseURL, apiKey = clientKey) {
  const sdk = new OpenAI({ baseURL: `${baseURL}/v1`, apiKey, maxRetries: 0, timeout: 60_000 });
  return {
    name: 'openai', format: 'openai-chat', sdk,
    async ask(q, each) {
      const params = ccParams(q);
      const answer = await sdk.chat.completions.create(params, { signal: q.signal });
      return q.stream ? ccStream(answer, q, each) : ccWhole(answer);
    },
    /** The assistant's answer as the next message of the conversation. */
    replay: (a) => ({ say: a.text, calls: a.calls }),
    models: async () => (await sdk.models.list()).data.map((m) => m.id),
    failure: failureOf,
    finishes: { stop: 'stop', length: 'length', tools: 'tool_calls' },
  };
}
