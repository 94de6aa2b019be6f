// Answers of the Responses API as its strictest client reads them (formats.md 2.3).
import { blank, has, isCount, isObject, isText, must, parse, sse, usageOf } from './base.mjs';
import { Items } from './openai-responses-items.mjs';

const echoes = [
  'id', 'object', 'created_at', 'status', 'error', 'incomplete_details', 'instructions', 'max_output_tokens', 'model', 'output', 'parallel_tool_calls',
  'previous_response_id', 'reasoning', 'store', 'temperature', 'text', 'tool_choice', 'tools', 'top_p', 'truncation', 'usage', 'user', 'metadata',
];

function readUsage(u) {
  has(u, ['input_tokens', 'input_tokens_details', 'output_tokens', 'output_tokens_details', 'total_tokens'], 'RS-12', 'usage');
  must(isCount(u.input_tokens_details?.cached_tokens), 'RS-12', 'usage.input_tokens_details.cached_tokens');
  must(isCount(u.output_tokens_details?.reasoning_tokens), 'RS-12', 'usage.output_tokens_details.reasoning_tokens');
  must(u.total_tokens === u.input_tokens + u.output_tokens, '4.4', 'total_tokens is not the sum');
  return usageOf({
    input: u.input_tokens, cached: u.input_tokens_details.cached_tokens, written: u.input_tokens_details.cache_write_tokens ?? 0,
    output: u.output_tokens, reasoning: u.output_tokens_details.reasoning_tokens,
  });
}

/** The object around the output. */
function frame(r) {
  has(r, echoes, 'RS-8', 'response');
  must(r.object === 'response' && isText(r.id) && isText(r.model), 'RS-8', 'object, id and model');
  must(r.id.startsWith('resp_') && r.id.length <= 64, 'RS-10', `id ${r.id}`);
  must(Number.isInteger(r.created_at) && r.created_at < 1e11, 'E-95', `created_at ${r.created_at}`);
  must(Array.isArray(r.output) && Array.isArray(r.tools), 'RS-8', 'output and tools are lists');
  must(isObject(r.text?.format), 'RS-8', 'text.format');
  must(isObject(r.reasoning) && 'effort' in r.reasoning && 'summary' in r.reasoning, 'RS-8', 'reasoning.effort and reasoning.summary');
  must(isObject(r.metadata), 'RS-8', 'metadata is an object');
  if (r.error !== null) must(r.status === 'failed', 'RS-11', `an error in a response of status ${r.status}`);
}

const finishes = {
  completed: () => 'completed',
  incomplete: (r) => {
    must(['max_output_tokens', 'content_filter'].includes(r.incomplete_details?.reason), 'RS-11', `incomplete: ${JSON.stringify(r.incomplete_details)}`);
    return `incomplete; ${r.incomplete_details.reason}`;
  },
  failed: (r) => {
    must(isText(r.error?.message) && isText(r.error?.code), 'RS-25', `failed: ${JSON.stringify(r.error)}`);
    return 'failed';
  },
};

/** A finished item into the answer. */
export function addItem(out, i) {
  must(isText(i.id) && i.id.length <= 64, 'RS-10', `item id ${i.id}`);
  if (i.type === 'message') {
    has(i, ['status', 'role', 'content'], 'RS-9', 'message');
    must(i.id.startsWith('msg_'), 'RS-10', `message id ${i.id}`);
    for (const p of i.content) {
      if (p.type === 'output_text') {
        has(p, ['text', 'annotations'], 'RS-9', 'output_text');
        out.text += p.text;
      } else if (p.type === 'refusal') out.refusal = (out.refusal ?? '') + p.refusal;
    }
  } else if (i.type === 'reasoning') {
    has(i, ['summary'], 'RS-9', 'reasoning');
    must(i.id.startsWith('rs_'), 'RS-10', `reasoning id ${i.id}`);
    out.thinking += [...i.summary, ...(i.content ?? [])].map((s) => s.text).join('\n\n');
    if (i.encrypted_content) out.signatures.push(i.encrypted_content);
  } else if (i.type === 'function_call') {
    has(i, ['call_id', 'name', 'arguments'], 'RS-9', 'function_call');
    must(i.id.startsWith('fc_') && i.id !== i.call_id, 'RS-10', `call item id ${i.id}`);
    must(isText(i.call_id) && i.call_id.length <= 64 && isText(i.name), 'RS-10', 'call_id and name');
    must(typeof i.arguments === 'string', 'RS-9', 'arguments are a text');
    out.calls.push({ id: i.call_id, name: i.name, args: i.arguments });
  } else if (i.type === 'custom_tool_call') {
    has(i, ['call_id', 'name', 'input'], 'RS-9', 'custom_tool_call');
    out.calls.push({ id: i.call_id, name: i.name, args: i.input });
  }
}

function addResponse(out, r) {
  frame(r);
  must(Object.hasOwn(finishes, r.status), 'RS-11', `status ${r.status}`);
  out.finish = finishes[r.status](r);
  [out.id, out.model, out.items] = [r.id, r.model, r.output];
  const ids = r.output.map((i) => i.id);
  must(new Set(ids).size === ids.length, 'RS-10', 'two items of one id');
  for (const i of r.output) addItem(out, i);
  if (r.status === 'failed') out.error = { type: null, code: r.error.code, message: r.error.message };
  else out.usage = readUsage(r.usage);
}

/** A whole answer. */
export function whole(r) {
  const out = { ...blank(), raw: [r] };
  addResponse(out, r);
  return out;
}

const terminal = ['response.completed', 'response.incomplete', 'response.failed'];

/** A stream. `asked.spliced`: an upstream of the same format may have sent an error event before response.failed. */
export function stream(text, { spliced = false } = {}) {
  const out = blank();
  const items = new Items();
  let ended = false;
  for (const { event, data } of sse(text)) {
    must(event !== null, 'RS-22', 'an event without its name');
    must(data !== '[DONE]', 'RS-23', '[DONE] does not belong here');
    const e = parse(data, 'RS-22');
    must(e.type === event, 'RS-22', `event ${event} holds ${e.type}`);
    must(!ended, 'RS-24', `${e.type} after the end`);
    must(e.type !== 'error' || spliced, 'RS-25', 'an error event hides response.failed from the SDK');
    must(out.raw.at(-1)?.type !== 'error' || e.type === 'response.failed', 'RS-25', `${e.type} follows an error`);
    must(e.sequence_number === out.raw.length, '2.3', `sequence_number ${e.sequence_number} of event ${out.raw.length}`);
    must((out.raw.length === 0) === (e.type === 'response.created'), 'RS-22', `${e.type} is event ${out.raw.length}`);
    out.raw.push(e);
    if (e.type === 'response.created' || e.type === 'response.in_progress' || e.type === 'response.queued') opening(out, e);
    else if (e.type === 'error') out.error = { type: e.error?.type ?? null, code: e.error?.code ?? e.code, message: e.error?.message ?? e.message };
    else if (terminal.includes(e.type)) {
      ending(out, items, e);
      ended = true;
    } else items.take(e);
  }
  must(ended, 'RS-24', 'no response.completed, incomplete or failed');
  return out;
}

function opening(out, e) {
  frame(e.response);
  must(out.raw.length === 1 || out.raw[0].response.id === e.response.id, 'RS-22', 'the response id changes');
  must(['in_progress', 'queued'].includes(e.response.status) && e.response.output.length === 0 && e.response.usage === null, '2.3', `${e.type} holds an empty response in progress`);
}

/** What must be the same in `done` and at the end: not a proof, which real servers make anew. */
const gist = (i) => [i.id, i.type, i.name, i.call_id, i.arguments ?? i.input, (i.content ?? []).map((p) => p.text ?? p.refusal), (i.summary ?? []).map((p) => p.text)];

/** The last event repeats everything that came before it (RS-20). */
function ending(out, items, e) {
  const { response: r } = e;
  must(e.type === `response.${r.status}`, 'RS-24', `${e.type} with status ${r.status}`);
  must(r.id === out.raw[0].response.id, 'RS-22', 'the response id changes');
  if (r.status !== 'failed') {
    items.closed();
    must(JSON.stringify(r.output.map(gist)) === JSON.stringify(items.done.map(gist)), 'RS-20', 'the output is not what the item events gave');
  }
  addResponse(out, r);
}

/** An error answer. */
export { failure } from './openai-chat.mjs';
