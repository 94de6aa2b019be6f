// The SDK @anthropic-ai/sdk, Messages (formats.md 2.4).
import assert from 'node:assert/strict';
import Anthropic from '@anthropic-ai/sdk';
import { clientKey } from '../harness.mjs';
import { collect, failureOf, messagesOf, objectOf } from './words.mjs';

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
  const calls = (m.calls ?? []).map((c) => ({ type: 'tool_use', id: c.id, name: c.name, input: objectOf(c.args) }));
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
    name: 'anthropic', format: 'anthropic', sdk,
    async ask(q, each) {
      const { stream: _, ...params } = antParams(q);
      const options = { signal: q.signal };
      if (!q.stream) return antWhole(await sdk.messages.create(params, options));
      const stream = sdk.messages.stream(params, options);
      const events = await collect(stream, each);
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
    failure: failureOf,
    finishes: { stop: 'end_turn', length: 'max_tokens', tools: 'tool_use' },
  };
}
