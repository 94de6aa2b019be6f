// Renders plans as the Responses API puts them on the wire: the whole object, and the exact sequence of events (formats.md 2.3).
import { errorBody } from './openai-chat.mjs';

const created = 1735689600;

const usageOf = (plan) => {
  const { uncached, read, write5m, write1h, output, reasoning } = plan.usage;
  const input = uncached + read + write5m + write1h;
  return {
    input_tokens: input,
    input_tokens_details: { cached_tokens: read, cache_write_tokens: 0 },
    output_tokens: output,
    output_tokens_details: { reasoning_tokens: reasoning },
    total_tokens: input + output,
  };
};

/** The response object around its output: echoes come from the request (RS-8). */
function frameOf(plan, extra) {
  const asked = plan.asked?.echo ?? {};
  return {
    id: plan.id, object: 'response', created_at: created, status: 'in_progress', background: false, completed_at: null, error: null, incomplete_details: null,
    instructions: asked.instructions ?? null, max_output_tokens: asked.max_output_tokens ?? null, max_tool_calls: asked.max_tool_calls ?? null,
    model: plan.model, output: [], parallel_tool_calls: asked.parallel_tool_calls ?? true, previous_response_id: asked.previous_response_id ?? null,
    prompt_cache_key: asked.prompt_cache_key ?? null,
    reasoning: { effort: asked.reasoning?.effort ?? null, summary: asked.reasoning?.summary ?? null },
    safety_identifier: asked.safety_identifier ?? null, service_tier: 'default', store: asked.store ?? true, temperature: asked.temperature ?? 1,
    text: { format: asked.text?.format ?? { type: 'text' }, verbosity: asked.text?.verbosity ?? 'medium' },
    tool_choice: asked.tool_choice ?? 'auto', tools: asked.tools ?? [], top_logprobs: 0, top_p: asked.top_p ?? 1, truncation: 'disabled', usage: null,
    user: asked.user ?? null, metadata: asked.metadata ?? {},
    ...extra,
  };
}

/** The finished items of a plan, in order. */
function itemsOf(plan) {
  const items = [];
  const id = (prefix) => `${prefix}_${plan.id.slice(5)}_${items.length}`;
  if (plan.thinking)
    items.push({
      id: id('rs'), type: 'reasoning', summary: [{ type: 'summary_text', text: plan.thinking.join('') }],
      ...(plan.signature ? { encrypted_content: plan.signature } : {}),
    });
  if (plan.text.length > 0) {
    const said = plan.text.join('');
    const part = plan.finish === 'refusal' ? { type: 'refusal', refusal: said } : { type: 'output_text', annotations: [], logprobs: [], text: said };
    items.push({ id: id('msg'), type: 'message', status: plan.finish === 'length' ? 'incomplete' : 'completed', content: [part], role: 'assistant' });
  }
  for (const call of plan.calls)
    items.push({ id: id('fc'), type: 'function_call', status: 'completed', arguments: call.args.join('') || (call.rawEmpty ? '' : '{}'), call_id: call.id, name: call.name });
  return items;
}

const ending = (plan) => (plan.finish === 'length'
  ? { status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' } }
  : { status: 'completed', completed_at: created + 1 });

/** The whole answer. */
export const whole = (plan) => frameOf(plan, { ...ending(plan), output: itemsOf(plan), usage: usageOf(plan) });

const frame = (data) => `event: ${data.type}\ndata: ${JSON.stringify(data)}\n\n`;

/** The events of one item: [opened, ...body, done]. */
function eventsOf(item, plan, index) {
  const at = { item_id: item.id, output_index: index };
  if (item.type === 'reasoning') {
    const summary = { ...at, summary_index: 0 };
    const part = item.summary[0];
    return [
      // The proof in `added` is only a stub (OR-31).
      { type: 'response.output_item.added', output_index: index, item: { ...item, summary: [], ...(item.encrypted_content ? { encrypted_content: 'c3R1Yg==' } : {}) } },
      { type: 'response.reasoning_summary_part.added', ...summary, part: { type: 'summary_text', text: '' } },
      ...plan.thinking.map((delta) => ({ type: 'response.reasoning_summary_text.delta', ...summary, delta, obfuscation: 'x' })),
      { type: 'response.reasoning_summary_text.done', ...summary, text: part.text },
      { type: 'response.reasoning_summary_part.done', ...summary, part },
      { type: 'response.output_item.done', output_index: index, item },
    ];
  }
  if (item.type === 'message') {
    const content = { ...at, content_index: 0 };
    const [part] = item.content;
    const refused = part.type === 'refusal';
    const deltas = plan.text.map((delta) => (refused
      ? { type: 'response.refusal.delta', ...content, delta }
      : { type: 'response.output_text.delta', ...content, delta, logprobs: [], obfuscation: 'x' }));
    return [
      { type: 'response.output_item.added', output_index: index, item: { ...item, status: 'in_progress', content: [] } },
      { type: 'response.content_part.added', ...content, part: refused ? { type: 'refusal', refusal: '' } : { ...part, text: '' } },
      ...deltas,
      refused ? { type: 'response.refusal.done', ...content, refusal: part.refusal } : { type: 'response.output_text.done', ...content, text: part.text, logprobs: [] },
      { type: 'response.content_part.done', ...content, part },
      { type: 'response.output_item.done', output_index: index, item },
    ];
  }
  const call = plan.calls.find((c) => c.id === item.call_id);
  return [
    { type: 'response.output_item.added', output_index: index, item: { ...item, status: 'in_progress', arguments: '' } },
    ...call.args.map((delta) => ({ type: 'response.function_call_arguments.delta', ...at, delta, obfuscation: 'x' })),
    { type: 'response.function_call_arguments.done', ...at, arguments: item.arguments },
    { type: 'response.output_item.done', output_index: index, item },
  ];
}

/** The stream as a list of {kind, bytes}: kind is head, body, finish or end. */
export function stream(plan) {
  const out = [];
  const put = (kind, { type, ...data }) => out.push({ kind, bytes: frame({ type, sequence_number: out.length, ...data }) });
  put('head', { type: 'response.created', response: frameOf(plan, {}) });
  put('head', { type: 'response.in_progress', response: frameOf(plan, {}) });
  itemsOf(plan).forEach((item, index) => {
    // The first item is open before anything of it can be cut.
    eventsOf(item, plan, index).forEach((event, k) => put(index === 0 && k === 0 ? 'head' : 'body', event));
  });
  const end = { type: `response.${ending(plan).status}`, response: whole(plan) };
  put('finish', end);
  if (plan.duplicate) put('finish', end);
  return out;
}

/** Thinking is proved by encrypted content where the caller asked for it. */
export function seal(plan, signed) {
  if (plan.thinking && plan.asked.encrypted) plan.signature = signed.issue(plan.thinking.join(''));
}

/** One text delta of the given (raw, already escaped) JSON string content; the first content part is open. */
export const textEvent = (escaped, plan) =>
  `event: response.output_text.delta\ndata: {"type":"response.output_text.delta","sequence_number":${plan.sent ?? 0},"item_id":"msg_${plan.id.slice(5)}_0","output_index":0,"content_index":0,"delta":"${escaped}","logprobs":[]}\n\n`;

/** As the live API was seen to do it: a nested error event, then response.failed (RS-25). */
export function errorEvent(status, message, plan) {
  const { error } = errorBody(status, message);
  const failed = frameOf(plan, { status: 'failed', error: { code: error.code ?? 'server_error', message } });
  return frame({ type: 'error', sequence_number: plan.sent ?? 0, error: { ...error, code: error.code ?? 'server_error' } })
    + frame({ type: 'response.failed', sequence_number: (plan.sent ?? 0) + 1, response: failed });
}

export const endlessHead = (plan) => {
  const events = stream({ ...plan, text: ['x'], calls: [], thinking: null });
  const before = events.findIndex((e) => e.bytes.startsWith('event: response.output_text.delta'));
  return events.slice(0, before).map((e) => e.bytes);
};

export const callId = (n) => `call_fake${String(n).padStart(4, '0')}`;
export const messageId = (n) => `resp_fake${String(n).padStart(6, '0')}`;
