// Answers of Chat Completions as its strictest client reads them (formats.md 2.1).
import { blank, has, isCount, isObject, isText, must, parse, sse, usageOf } from './base.mjs';

const reasons = ['stop', 'length', 'tool_calls', 'content_filter', 'function_call'];

function readUsage(u) {
  has(u, ['prompt_tokens', 'completion_tokens', 'total_tokens'], '4.4', 'usage');
  for (const k of ['prompt_tokens', 'completion_tokens', 'total_tokens']) must(isCount(u[k]), '4.4', `usage.${k} is ${u[k]}`);
  must(u.total_tokens === u.prompt_tokens + u.completion_tokens, '4.4', 'total_tokens is not the sum');
  const cached = u.prompt_tokens_details?.cached_tokens ?? 0;
  const written = u.prompt_tokens_details?.cache_write_tokens ?? 0;
  must(cached + written <= u.prompt_tokens, 'US-1', 'more tokens were cached than sent');
  return usageOf({ input: u.prompt_tokens, cached, written, output: u.completion_tokens, reasoning: u.completion_tokens_details?.reasoning_tokens });
}

function head(v, object, rule) {
  has(v, ['id', 'object', 'created', 'model', 'choices'], rule, 'answer');
  must(v.object === object, rule, `object is ${v.object}`);
  must(isText(v.id) && isText(v.model), rule, 'id and model are texts');
  must(Number.isInteger(v.created) && v.created < 1e11, 'E-95', `created is not in seconds: ${v.created}`);
}

/** A whole answer. */
export function whole(v) {
  head(v, 'chat.completion', 'CC-4');
  must(v.choices.length > 0, 'CC-4', 'no choices');
  const [c] = v.choices;
  has(c, ['index', 'message', 'finish_reason', 'logprobs'], 'CC-4', 'choices[0]');
  has(c.message, ['role', 'content', 'refusal'], 'CC-4', 'message');
  must(c.index === 0 && c.message.role === 'assistant', 'CC-4', 'index 0, role assistant');
  must(reasons.includes(c.finish_reason), '4.1', `finish_reason ${c.finish_reason}`);
  const calls = c.message.tool_calls ?? [];
  must(c.message.tool_calls === undefined || calls.length > 0, 'E-98', 'an empty list of tool calls');
  const says = typeof c.message.content === 'string';
  must(says || c.message.content === null, 'CC-4', 'content is a text or null');
  if (calls.length === 0 && c.message.refusal === null) must(says, 'CC-4', 'content is null without calls or a refusal');
  must(c.finish_reason !== 'tool_calls' || calls.length > 0, 'OC-27', 'tool_calls without calls');
  for (const call of calls) {
    has(call, ['id', 'type', 'function'], 'CC-5', 'tool call');
    must(isText(call.id) && isText(call.function.name), 'CC-5', 'a call has an id and a name');
    must(typeof call.function.arguments === 'string', 'CC-5', 'arguments are a text');
  }
  return {
    ...blank(), raw: [v], id: v.id, model: v.model, text: c.message.content ?? '', thinking: c.message.reasoning_content ?? '', refusal: c.message.refusal,
    calls: calls.map((t) => ({ id: t.id, name: t.function.name, args: t.function.arguments })), finish: c.finish_reason, usage: v.usage ? readUsage(v.usage) : null,
    signatures: calls.map((t) => t.extra_content?.google?.thought_signature).filter(Boolean),
  };
}

/** One delta into the answer. */
function addDelta(out, choice) {
  has(choice, ['index', 'delta', 'finish_reason'], 'CC-12', 'choice');
  must(isObject(choice.delta), 'E-97', 'delta is an object');
  const { delta } = choice;
  must(out.finish === null, 'E-21', 'a choice goes on after its finish_reason');
  out.text += delta.content ?? '';
  out.thinking += delta.reasoning_content ?? '';
  if (delta.refusal) out.refusal = (out.refusal ?? '') + delta.refusal;
  for (const piece of delta.tool_calls ?? []) addCall(out, piece);
  if (choice.finish_reason !== null) {
    must(reasons.includes(choice.finish_reason), '4.1', `finish_reason ${JSON.stringify(choice.finish_reason)}`);
    out.finish = choice.finish_reason;
  }
}

function addCall(out, piece) {
  must(isCount(piece.index) && piece.index <= out.calls.length, 'CC-13', `call index ${piece.index} after ${out.calls.length} calls`);
  const known = out.calls[piece.index];
  if (known === undefined) {
    must(isText(piece.id) && piece.type === 'function' && isText(piece.function?.name), 'CC-13', 'the first piece has id, type and the whole name');
    must(typeof piece.function.arguments === 'string', 'CC-5', 'arguments are a text');
    out.calls.push({ id: piece.id, name: piece.function.name, args: piece.function.arguments });
    if (piece.extra_content?.google?.thought_signature) out.signatures.push(piece.extra_content.google.thought_signature);
    return;
  }
  must(piece.id === undefined && piece.type === undefined && piece.function?.name === undefined, 'CC-13', 'id, type and name come once');
  must(typeof piece.function?.arguments === 'string', 'CC-5', 'arguments are a text');
  known.args += piece.function.arguments;
}

/** The error object of a body or of an event. */
function readError(v) {
  has(v.error, ['message', 'type', 'param', 'code'], 'CC-15', 'error');
  must(isText(v.error.message) && isText(v.error.type), 'CC-15', 'an error has a message and a type');
  return { type: v.error.type, code: v.error.code, message: v.error.message };
}

/** A stream. `asked`: usage was asked for; spliced: null usage of the upstream may have stayed. */
export function stream(text, { usage = false, spliced = false } = {}) {
  const out = blank();
  const events = sse(text);
  let done = false;
  for (const { event, data } of events) {
    must(!done, 'E-9', 'something follows [DONE]');
    must(event === null, 'CC-17', `an event line: ${event}`);
    must(out.error === null || data === '[DONE]', 'CC-15', 'something follows the error');
    if (data === '[DONE]') {
      done = true;
      continue;
    }
    const chunk = parse(data, 'CC-17');
    if (chunk.error) {
      out.error = readError(chunk);
      continue;
    }
    addChunk(out, chunk, { usage, spliced });
  }
  if (out.error) return out;
  must(done, 'E-9', '[DONE] is missing');
  must(out.finish !== null, 'CC-12', 'no finish_reason came');
  must(!usage || out.usage !== null, 'CC-11', 'usage was asked for and did not come');
  must(out.finish !== 'tool_calls' || out.calls.length > 0, 'OC-27', 'tool_calls without calls');
  return out;
}

function addChunk(out, chunk, { usage, spliced }) {
  head(chunk, 'chat.completion.chunk', 'CC-4');
  if (out.raw.length > 0) {
    const [first] = out.raw;
    for (const k of ['id', 'created', 'model']) must(chunk[k] === first[k], 'CC-6', `${k} changes within the stream`);
  } else must(chunk.choices[0]?.delta?.role === 'assistant', 'CC-12', 'the first chunk names the role');
  out.raw.push(chunk);
  out.id = chunk.id;
  out.model = chunk.model;
  must(out.usage === null, 'CC-11', 'something follows the usage');
  if (chunk.choices.length === 0) {
    must(usage && isObject(chunk.usage), 'CC-11', 'a chunk without choices is there only for usage that was asked for');
    must(out.finish !== null, 'CC-11', 'usage comes after the finish');
    out.usage = readUsage(chunk.usage);
    return;
  }
  if (usage) must(chunk.usage === null, 'CC-11', 'every chunk but the last has null usage');
  else must(spliced ? chunk.usage == null : !('usage' in chunk), 'CC-11', 'usage was not asked for');
  for (const choice of chunk.choices) addDelta(out, choice);
}

/** An error answer. */
export const failure = (status, headers, v) => ({ status, ...readError(v) });
