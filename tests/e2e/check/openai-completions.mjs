// Answers of the legacy Completions API as its strictest client reads them (formats.md 2.2).
import { blank, has, isText, must, parse, sse, usageOf } from './base.mjs';
import { failure } from './openai-chat.mjs';

export { failure };

const reasons = ['stop', 'length', 'content_filter'];

function head(v) {
  has(v, ['id', 'object', 'created', 'model', 'choices'], 'CO-3', 'answer');
  must(v.object === 'text_completion', 'CO-3', `object is ${v.object}`);
  must(isText(v.id) && isText(v.model) && Number.isInteger(v.created), 'CO-3', 'id, model and created');
}

const readUsage = (u) => {
  has(u, ['prompt_tokens', 'completion_tokens', 'total_tokens'], '4.4', 'usage');
  must(u.total_tokens === u.prompt_tokens + u.completion_tokens, '4.4', 'total_tokens is not the sum');
  return usageOf({ input: u.prompt_tokens, cached: u.prompt_tokens_details?.cached_tokens, output: u.completion_tokens, reasoning: u.completion_tokens_details?.reasoning_tokens });
};

/** A whole answer; `texts` holds every choice's text, by index. */
export function whole(v) {
  head(v);
  must(v.choices.length > 0, 'CO-3', 'no choices');
  v.choices.forEach((c, i) => {
    has(c, ['text', 'index', 'logprobs', 'finish_reason'], 'CO-3', 'choice');
    must(c.index === i && typeof c.text === 'string', 'CO-1', `choice ${i} has index ${c.index}`);
    must(reasons.includes(c.finish_reason), '4.1', `finish_reason ${c.finish_reason}`);
  });
  return {
    ...blank(), raw: [v], id: v.id, model: v.model, text: v.choices[0].text, texts: v.choices.map((c) => c.text), finish: v.choices[0].finish_reason,
    usage: v.usage ? readUsage(v.usage) : null,
  };
}

/** A stream; `asked.usage` as in Chat Completions. */
export function stream(text, { usage = false } = {}) {
  const out = { ...blank(), texts: [] };
  const finished = [];
  let done = false;
  for (const { event, data } of sse(text)) {
    must(!done, 'E-9', 'something follows [DONE]');
    must(event === null, 'CC-17', `an event line: ${event}`);
    must(out.error === null || data === '[DONE]', 'CC-15', 'something follows the error');
    if (data === '[DONE]') {
      done = true;
      continue;
    }
    const chunk = parse(data, 'CC-17');
    if (chunk.error) {
      out.error = failure(null, null, chunk);
      continue;
    }
    head(chunk);
    if (out.raw.length > 0) for (const k of ['id', 'created', 'model']) must(chunk[k] === out.raw[0][k], 'CC-6', `${k} changes within the stream`);
    out.raw.push(chunk);
    [out.id, out.model] = [chunk.id, chunk.model];
    must(out.usage === null, 'CC-11', 'something follows the usage');
    if (chunk.choices.length === 0) {
      must(usage, 'CC-11', 'usage was not asked for');
      out.usage = readUsage(chunk.usage);
    }
    for (const c of chunk.choices) {
      has(c, ['text', 'index', 'logprobs', 'finish_reason'], 'CO-4', 'choice');
      must(finished[c.index] === undefined, 'E-21', `choice ${c.index} goes on after its finish_reason`);
      out.texts[c.index] = (out.texts[c.index] ?? '') + c.text;
      if (c.finish_reason === null) continue;
      must(reasons.includes(c.finish_reason), '4.1', `finish_reason ${c.finish_reason}`);
      finished[c.index] = c.finish_reason;
    }
  }
  if (out.error) return out;
  must(done, 'E-9', '[DONE] is missing');
  must(out.texts.length > 0 && out.texts.every((_, i) => finished[i]), 'CO-4', 'a choice has no finish_reason');
  must(!usage || out.usage !== null, 'CC-11', 'usage was asked for and did not come');
  return Object.assign(out, { text: out.texts[0], finish: finished[0] });
}
