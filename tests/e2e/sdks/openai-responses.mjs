// The SDK openai, Responses (formats.md 2.3).
import assert from 'node:assert/strict';
import OpenAI from 'openai';
import { clientKey } from '../harness.mjs';
import { collect, failureOf, messagesOf } from './words.mjs';

const text = (t) => ({ type: 'input_text', text: t });
const image = (data) => ({ type: 'input_image', image_url: `data:image/png;base64,${data}` });

const items = (m) => {
  if ('user' in m) return [{ role: 'user', content: m.image ? [text(m.user), image(m.image)] : m.user }];
  if (m.results) {
    const results = m.results.map((r) => ({ type: 'function_call_output', call_id: r.id, output: r.image ? [text(r.text), image(r.image)] : r.text }));
    return m.text ? [...results, { role: 'user', content: m.text }] : results;
  }
  return m.items;
};

const tool = (t) => ({ type: 'function', strict: false, ...t });
const choice = (c) => (typeof c === 'string' ? c : { type: 'function', name: c.name });

export const responsesParams = (q) => ({
  model: q.model,
  input: messagesOf(q).flatMap(items),
  store: false,
  include: ['reasoning.encrypted_content'],
  ...(q.system ? { instructions: q.system } : {}),
  ...(q.tools ? { tools: q.tools.map(tool) } : {}),
  ...(q.choice ? { tool_choice: choice(q.choice) } : {}),
  ...(q.parallel !== undefined ? { parallel_tool_calls: q.parallel } : {}),
  ...(q.schema ? { text: { format: { type: 'json_schema', name: 'answer', schema: q.schema, ...(q.strict ? { strict: true } : {}) } } } : {}),
  ...(q.think ? { reasoning: { effort: 'medium', summary: 'auto' } } : {}),
  ...(q.max ? { max_output_tokens: q.max } : {}),
  ...(q.stream ? { stream: true } : {}),
  ...q.extra,
});

const fields = [
  'id', 'created_at', 'status', 'error', 'incomplete_details', 'instructions', 'max_output_tokens', 'model', 'output', 'parallel_tool_calls', 'previous_response_id',
  'reasoning', 'store', 'temperature', 'text', 'tool_choice', 'tools', 'top_p', 'truncation', 'usage', 'user', 'metadata',
];

function checkUsage(u) {
  for (const key of ['input_tokens', 'output_tokens', 'total_tokens']) assert.ok(Number.isInteger(u[key]), `RS-12 ${key}`);
  assert.ok(Number.isInteger(u.input_tokens_details.cached_tokens) && Number.isInteger(u.output_tokens_details.reasoning_tokens), 'RS-12 details');
}

const prefixes = { message: 'msg_', reasoning: 'rs_', function_call: 'fc_', custom_tool_call: 'ctc_' };

function checkResponse(r) {
  assert.equal(r.object, 'response');
  for (const key of fields) assert.ok(key in r, `response.${key} must be there`);
  assert.ok(r.id.startsWith('resp_') && r.id.length <= 64, 'RS-10');
  const ids = r.output.map((i) => i.id);
  assert.equal(new Set(ids).size, ids.length, 'RS-10: ids are unique');
  for (const item of r.output) {
    assert.ok(item.id.startsWith(prefixes[item.type]) && item.id.length <= 64, `RS-10: ${item.type} ${item.id}`);
    if (item.type === 'function_call') assert.notEqual(item.id, item.call_id, 'RS-10');
    if (item.type === 'message') assert.equal(item.status, r.status === 'incomplete' ? item.status : 'completed');
  }
}

function answerOf(r) {
  checkResponse(r);
  assert.notEqual(r.status, 'failed', `failed: ${r.error?.message}`);
  checkUsage(r.usage);
  const of = (type) => r.output.filter((i) => i.type === type);
  const parts = of('message').flatMap((m) => m.content);
  const calls = of('function_call').map((c) => ({ id: c.call_id, name: c.name, args: c.arguments }));
  const u = r.usage;
  return {
    raw: r, calls, text: parts.filter((p) => p.type === 'output_text').map((p) => p.text).join(''),
    refusal: parts.find((p) => p.type === 'refusal')?.refusal ?? null,
    thinking: of('reasoning').flatMap((i) => [...i.summary, ...(i.content ?? [])]).map((p) => p.text).join(''),
    finish: r.status === 'completed' ? (calls.length > 0 ? 'calls' : 'completed') : r.incomplete_details.reason,
    usage: { input: u.input_tokens, cached: u.input_tokens_details.cached_tokens, written: 0, output: u.output_tokens, total: u.total_tokens },
  };
}

const ends = /^response\.(completed|incomplete|failed)$/;

/** The sequence of events (RS-20 to RS-24): numbered, items opened before they are written to, closed before the next. */
function checkEvents(events) {
  assert.deepEqual(events.slice(0, 2).map((e) => e.type), ['response.created', 'response.in_progress']);
  assert.deepEqual(events.map((e) => e.sequence_number), events.map((_, i) => i), 'sequence numbers from 0, without gaps');
  assert.match(events.at(-1).type, ends, 'RS-24');
  assert.equal(events.filter((e) => ends.test(e.type)).length, 1, 'RS-24: one end');
  assert.ok(events.every((e) => !('response' in e) || e.response.id === events[0].response.id), 'one id');
  let open = null;
  let written = '';
  const done = [];
  for (const e of events) {
    if (e.type === 'response.output_item.added') {
      assert.equal(open, null, 'RS-21: one open item');
      assert.equal(e.output_index, done.length, 'RS-21');
      [open, written] = [e.item, ''];
    } else if (e.type === 'response.output_item.done') {
      assert.equal(e.item.id, open.id);
      if (e.item.type === 'function_call') assert.equal(e.item.arguments, written, 'RS-20: arguments in full');
      if (e.item.type === 'message') assert.equal(e.item.content.map((p) => p.text ?? p.refusal).join(''), written, 'RS-20: text in full');
      done.push(e.item);
      open = null;
    } else if (e.type.endsWith('.delta')) {
      assert.equal(e.item_id, open?.id, 'RS-22: a delta belongs to the open item');
      written += e.delta;
    }
  }
  assert.equal(open, null, 'every item is closed');
  assert.deepEqual(events.at(-1).response.output, done, 'RS-20: the end repeats the items');
}

/** The SDK openai on /v1/responses. */
export function responsesClient(baseURL, apiKey = clientKey) {
  const sdk = new OpenAI({ baseURL: `${baseURL}/v1`, apiKey, maxRetries: 0, timeout: 60_000 });
  return {
    name: 'openai-responses', format: 'openai-responses', sdk,
    async ask(q, each) {
      const answer = await sdk.responses.create(responsesParams(q), { signal: q.signal });
      if (!q.stream) return answerOf(answer);
      const events = await collect(answer, each);
      const last = events.at(-1);
      if (last?.type === 'response.failed') throw Object.assign(new Error(last.response.error.message), { events });
      assert.ok(ends.test(last?.type), 'the stream ended without its last event');
      checkEvents(events);
      return { ...answerOf(last.response), events };
    },
    /** Every item goes back; what is not stored is known by no id (OR-3). */
    replay: (a) => ({ items: a.raw.output.map(({ id, status, ...item }) => (item.type === 'reasoning' ? { id, ...item } : item)) }),
    models: async () => (await sdk.models.list()).data.map((m) => m.id),
    failure: failureOf,
    finishes: { stop: 'completed', length: 'max_output_tokens', tools: 'calls' },
  };
}
