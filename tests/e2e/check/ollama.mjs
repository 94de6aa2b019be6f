// Answers of Ollama's native API as its strictest client reads them (formats.md 2.6).
import { blank, has, isCount, isObject, isText, must, parse, usageOf } from './base.mjs';

const reasons = ['stop', 'length', 'load', 'unload'];
const moment = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/;
const metrics = ['total_duration', 'load_duration', 'prompt_eval_count', 'prompt_eval_duration', 'eval_count', 'eval_duration'];

/** One object of an answer into the sum; `generate` answers hold their text in `response`. */
function add(out, v, { generate }) {
  has(v, ['model', 'created_at', generate ? 'response' : 'message', 'done'], 'OL-5', 'object');
  must(isText(v.model) && moment.test(v.created_at), 'OL-5', `model ${v.model}, created_at ${v.created_at}`);
  if (out.raw.length > 0) must(v.model === out.raw[0].model, 'OL-5', 'model changes within the stream');
  out.raw.push(v);
  out.model = v.model;
  const said = generate ? { content: v.response, thinking: v.thinking } : v.message;
  if (!generate) must(said.role === 'assistant', 'OL-5', `role ${said.role}`);
  must(typeof said.content === 'string', 'OL-5', 'content is a text');
  must(said.thinking === undefined || typeof said.thinking === 'string', 'OL-5', 'thinking is a text');
  out.text += said.content;
  out.thinking += said.thinking ?? '';
  must(said.tool_calls === undefined || said.tool_calls.length > 0, 'OL-5', 'an empty list of calls');
  for (const call of said.tool_calls ?? []) {
    must(isText(call.function?.name), 'OL-5', 'a call has a name');
    must(isObject(call.function.arguments), 'OL-5', 'arguments are an object');
    if (call.function.index !== undefined) must(call.function.index === out.calls.length, 'OL-5', `call index ${call.function.index} after ${out.calls.length} calls`);
    out.calls.push({ id: call.id ?? null, name: call.function.name, args: JSON.stringify(call.function.arguments) });
  }
}

function finish(out, v) {
  must(v.done === true, 'OL-6', 'done is not true');
  must(reasons.includes(v.done_reason), 'OL-7', `done_reason ${v.done_reason}`);
  out.finish = v.done_reason;
  if (v.done_reason === 'load' || v.done_reason === 'unload') return out;
  for (const k of metrics) must(isCount(v[k]), '2.6', `${k} is ${v[k]}`);
  out.usage = usageOf({ input: v.prompt_eval_count, output: v.eval_count });
  return out;
}

/** A whole answer. */
export function whole(v, asked = {}) {
  const out = blank();
  add(out, v, asked);
  return finish(out, v);
}

const readError = (v) => {
  must(isText(v.error), 'OL-7', `an error is a text: ${JSON.stringify(v)}`);
  return { type: null, code: null, message: v.error };
};

/** A stream: one object a line, the last one done. */
export function stream(text, asked = {}) {
  const out = blank();
  must(text.endsWith('\n'), 'OL-5', 'the last line is not ended');
  const lines = text.slice(0, -1).split('\n');
  lines.forEach((line, i) => {
    must(out.error === null, 'OL-6', 'something follows the error');
    must(line.trim() !== '', 'OL-5', 'an empty line');
    const v = parse(line, 'OL-5');
    if (v.error !== undefined) {
      out.error = readError(v);
      return;
    }
    add(out, v, asked);
    if (i < lines.length - 1) {
      must(v.done === false, 'OL-6', 'done before the last line');
      return;
    }
    must(v.done === true, 'OL-6', 'the stream ends without done: true');
    must((asked.generate ? v.response : v.message.content) === '', 'OL-5', 'the last line has content');
    finish(out, v);
  });
  return out;
}

/** An error answer. */
export const failure = (status, headers, v) => {
  must(Object.keys(v).length === 1, 'OL-7', `an error body holds nothing else: ${JSON.stringify(v)}`);
  return { status, ...readError(v) };
};
