// Answers of the Messages API as its strictest client reads them (formats.md 2.4).
import { blank, has, isCount, isObject, isText, must, parse, sse, usageOf } from './base.mjs';

const reasons = ['end_turn', 'max_tokens', 'stop_sequence', 'tool_use', 'pause_turn', 'refusal', 'model_context_window_exceeded', 'compaction'];

const readUsage = (u) => {
  has(u, ['input_tokens', 'output_tokens'], 'AC-15', 'usage');
  for (const k of ['input_tokens', 'output_tokens']) must(isCount(u[k]), 'AC-15', `usage.${k} is ${u[k]}`);
  return usageOf({
    input: u.input_tokens, cached: u.cache_read_input_tokens ?? 0, written: u.cache_creation_input_tokens ?? 0, output: u.output_tokens,
    reasoning: u.output_tokens_details?.thinking_tokens,
  });
};

function head(m) {
  has(m, ['id', 'type', 'role', 'model', 'content', 'stop_reason', 'stop_sequence', 'usage'], 'AC-4', 'message');
  must(m.type === 'message' && m.role === 'assistant', 'AC-4', 'type message, role assistant');
  must(isText(m.id) && isText(m.model) && Array.isArray(m.content), 'AC-4', 'id, model and content');
}

/** A finished block into the answer. */
function addBlock(out, b) {
  if (b.type === 'text') {
    must(b.text !== '', 'AC-5', 'an empty text block');
    out.text += b.text;
  } else if (b.type === 'thinking') {
    must(typeof b.signature === 'string', 'AC-8', 'thinking without a signature');
    out.thinking += b.thinking;
    out.signatures.push(b.signature);
  } else if (b.type === 'redacted_thinking') {
    must(isText(b.data), 'E-70', 'redacted thinking without data');
    out.signatures.push(b.data);
  } else if (b.type === 'tool_use') {
    must(isText(b.id) && isText(b.name), 'AC-6', 'a call has an id and a name');
    must(isObject(b.input), 'AC-6', 'input is an object');
    out.calls.push({ id: b.id, name: b.name, args: b.args ?? JSON.stringify(b.input) });
  }
}

const isThought = (type) => type === 'thinking' || type === 'redacted_thinking';

/** Thinking comes before text and calls; server tools may stand anywhere, and thinking between them. */
function checkOrder(types) {
  const own = types.some((t) => !['text', 'tool_use', 'thinking', 'redacted_thinking'].includes(t));
  const first = types.findIndex((t) => !isThought(t));
  must(own || first < 0 || !types.slice(first).some(isThought), 'AC-5', `thinking after other content: ${types.join(', ')}`);
}

function checkReason(reason, calls) {
  must(reasons.includes(reason), 'AC-16', `stop_reason ${reason}`);
  if (calls.length > 0) must(['tool_use', 'max_tokens', 'pause_turn', 'refusal'].includes(reason), 'AC-16', `calls, and stop_reason ${reason}`);
  else must(reason !== 'tool_use', 'AC-16', 'tool_use without a call');
}

/** A whole answer. */
export function whole(m) {
  head(m);
  const out = { ...blank(), raw: [m], id: m.id, model: m.model, blocks: m.content, finish: m.stop_reason, stopSequence: m.stop_sequence, usage: readUsage(m.usage) };
  checkOrder(m.content.map((b) => b.type));
  for (const b of m.content) addBlock(out, b);
  checkReason(m.stop_reason, out.calls);
  return out;
}

const readError = (v) => {
  must(v.type === 'error' && isObject(v.error), 'AC-17', 'an error is {type: error, error}');
  must(isText(v.error.type) && isText(v.error.message), 'AC-17', 'an error has a type and a message');
  return { type: v.error.type, code: null, message: v.error.message };
};

const deltaOf = { text_delta: 'text', thinking_delta: 'thinking', signature_delta: 'thinking', input_json_delta: 'tool_use', citations_delta: 'text' };

/** The state of one stream: at most one open block, numbered without gaps (AC-10). */
class Blocks {
  open = null;

  done = [];

  start(e) {
    must(this.open === null, 'AC-10', `block ${e.index} starts while another is open`);
    must(e.index === this.done.length, 'AC-10', `block ${e.index} after ${this.done.length} blocks`);
    const b = e.content_block;
    has(b, ['type'], 'AC-10', 'content_block');
    if (b.type === 'tool_use') must(isObject(b.input) && Object.keys(b.input).length === 0, 'AC-14', 'a call starts with an empty input');
    this.open = { ...structuredClone(b), args: '', signed: false };
  }

  delta(e) {
    must(this.open !== null && e.index === this.done.length, 'AC-10', `a delta for block ${e.index}, which is not open`);
    const { delta: d } = e;
    const kind = deltaOf[d.type];
    const b = this.open;
    if (kind === undefined) return;
    must(b.type === kind || (kind === 'tool_use' && /_tool_use$/.test(b.type)), 'AC-10', `${d.type} in a block of type ${b.type}`);
    must(!b.signed, 'AC-13', 'something follows the signature');
    if (d.type === 'text_delta') b.text += d.text;
    else if (d.type === 'thinking_delta') b.thinking += d.thinking;
    else if (d.type === 'input_json_delta') b.args += d.partial_json;
    else if (d.type === 'signature_delta') {
      must(typeof d.signature === 'string', 'AC-13', 'a signature is a text');
      b.signature = d.signature;
      b.signed = true;
    }
  }

  stop(e) {
    must(this.open !== null && e.index === this.done.length, 'AC-10', `a stop for block ${e.index}, which is not open`);
    const b = this.open;
    if (b.type === 'thinking') must(b.signed, 'AC-13', 'a thinking block without its signature');
    if (b.type === 'tool_use') {
      b.args ||= '{}';
      b.input = parse(b.args, 'AC-14');
    }
    this.done.push(b);
    this.open = null;
  }
}

/** A stream. */
export function stream(text) {
  const out = blank();
  const blocks = new Blocks();
  const state = { started: null, delta: null, stopped: false };
  for (const { event, data } of sse(text)) {
    must(event !== null, 'AC-11', 'an event without its name');
    const e = parse(data, 'AC-11');
    must(e.type === event, 'AC-11', `event ${event} holds ${e.type}`);
    must(!state.stopped && out.error === null, 'AC-17', `${e.type} after the end`);
    must(state.started || e.type === 'message_start' || e.type === 'error', 'AC-10', `${e.type} before message_start`);
    out.raw.push(e);
    step(out, blocks, state, e);
  }
  if (out.error) return out;
  must(state.stopped, 'AC-10', 'message_stop is missing');
  checkOrder(blocks.done.map((b) => b.type));
  for (const b of blocks.done) addBlock(out, b);
  checkReason(out.finish, out.calls);
  const told = Object.fromEntries(Object.entries(state.delta.usage).filter(([, v]) => v !== null));
  out.usage = readUsage({ ...state.started.usage, ...told });
  out.blocks = blocks.done.map(({ args: _, signed: __, ...b }) => b);
  return out;
}

function step(out, blocks, state, e) {
  switch (e.type) {
    case 'message_start':
      must(!state.started, 'AC-12', 'a second message_start');
      head(e.message);
      must(e.message.content.length === 0 && e.message.stop_reason === null, 'AC-10', 'message_start is empty and has no stop_reason');
      readUsage(e.message.usage);
      state.started = e.message;
      [out.id, out.model] = [e.message.id, e.message.model];
      break;
    case 'ping': break;
    case 'content_block_start':
      must(!state.delta, 'AC-10', 'a block after message_delta');
      blocks.start(e);
      break;
    case 'content_block_delta': blocks.delta(e); break;
    case 'content_block_stop': blocks.stop(e); break;
    case 'message_delta':
      must(blocks.open === null, 'AC-10', 'message_delta while a block is open');
      has(e, ['delta', 'usage'], 'AC-15', 'message_delta');
      has(e.delta, ['stop_reason', 'stop_sequence'], 'AC-16', 'message_delta.delta');
      must(e.delta.stop_reason !== null, 'AC-16', 'stop_reason is null');
      must(isCount(e.usage.output_tokens), 'AC-15', 'message_delta has the output tokens');
      state.delta = e;
      [out.finish, out.stopSequence] = [e.delta.stop_reason, e.delta.stop_sequence];
      break;
    case 'message_stop':
      must(state.delta, 'AC-10', 'message_stop before message_delta');
      state.stopped = true;
      break;
    case 'error': out.error = readError(e); break;
    default: must(false, 'AN-30', `unknown event ${e.type}`);
  }
}

/** An error answer. */
export function failure(status, headers, v) {
  must(headers?.['request-id'] !== undefined, 'RT-6', 'the request-id header is missing');
  return { status, ...readError(v) };
}
