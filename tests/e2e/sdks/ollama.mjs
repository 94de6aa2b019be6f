// The SDK ollama on Ollama's native API (formats.md 2.6).
import assert from 'node:assert/strict';
import { Ollama } from 'ollama';
import { clientKey } from '../harness.mjs';
import { collect, messagesOf } from './words.mjs';

const messages = (m) => {
  if ('user' in m) return [{ role: 'user', content: m.user, ...(m.image ? { images: [m.image] } : {}) }];
  if (m.results) {
    const results = m.results.map((r) => ({ role: 'tool', content: r.text, tool_name: r.name, ...(r.sentId ? { tool_call_id: r.sentId } : {}) }));
    return m.text ? [...results, { role: 'user', content: m.text }] : results;
  }
  return [m.message];
};

export const ollamaParams = (q) => ({
  model: q.model,
  messages: [...(q.system ? [{ role: 'system', content: q.system }] : []), ...messagesOf(q).flatMap(messages)],
  stream: Boolean(q.stream),
  ...(q.tools ? { tools: q.tools.map((t) => ({ type: 'function', function: t })) } : {}),
  ...(q.schema ? { format: q.schema } : {}),
  ...(q.think ? { think: true } : {}),
  ...(q.stops || q.max ? { options: { ...(q.stops ? { stop: q.stops } : {}), ...(q.max ? { num_predict: q.max } : {}) } } : {}),
  ...q.extra,
});

const metrics = ['total_duration', 'load_duration', 'prompt_eval_count', 'prompt_eval_duration', 'eval_count', 'eval_duration'];

/** Rules of one line: only the last is done and has the metrics (OL-5). */
function check(line, isLast) {
  assert.ok(typeof line.model === 'string' && !Number.isNaN(new Date(line.created_at).getTime()), 'OL-5 head');
  assert.equal(line.message.role, 'assistant');
  assert.equal(typeof line.message.content, 'string', 'OL-5 content');
  assert.equal(line.done, isLast, 'OL-5: done at the end');
  if (isLast) for (const key of metrics) assert.ok(Number.isInteger(line[key]), `OL-5 ${key}`);
  for (const call of line.message.tool_calls ?? []) assert.ok(call.function.name && typeof call.function.arguments === 'object', 'OL-5: arguments are an object');
}

function answerOf(lines) {
  lines.forEach((line, i) => check(line, i === lines.length - 1));
  const last = lines.at(-1);
  if (lines.length > 1) assert.equal(last.message.content, '', 'OL-5: the last line has no text');
  const found = lines.flatMap((line) => line.message.tool_calls ?? []);
  return {
    raw: lines.length === 1 ? last : lines, found, finish: last.done_reason,
    text: lines.map((line) => line.message.content).join(''), thinking: lines.map((line) => line.message.thinking ?? '').join(''),
    calls: found.map((c, k) => ({ id: c.id ?? `${c.function.name}#${k}`, sentId: c.id, name: c.function.name, args: JSON.stringify(c.function.arguments) })),
    usage: { input: last.prompt_eval_count, cached: 0, written: 0, output: last.eval_count },
  };
}

export function ollamaClient(baseURL, apiKey = clientKey) {
  const sdk = new Ollama({ host: baseURL, headers: { authorization: `Bearer ${apiKey}` } });
  return {
    name: 'ollama', format: 'ollama', sdk,
    async ask(q, each) {
      // abort() of a client ends its streams only, and all of them: a question has a client of its own, whose fetch knows the signal.
      const own = new Ollama({ host: baseURL, headers: { authorization: `Bearer ${apiKey}` }, fetch: (url, init) => fetch(url, { ...init, signal: q.signal }) });
      const call = own.chat(ollamaParams(q));
      if (!q.stream) return answerOf([await call]);
      return answerOf(await collect(await call, each));
    },
    replay: (a) => ({
      message: { role: 'assistant', content: a.text, ...(a.thinking ? { thinking: a.thinking } : {}), ...(a.found.length > 0 ? { tool_calls: a.found } : {}) },
    }),
    models: async () => (await sdk.list()).models.map((m) => m.model),
    failure: (e) => ({ status: e.status_code, message: e.error ?? e.message, retryAfter: undefined }),
    finishes: { stop: 'stop', length: 'length', tools: 'stop' },
  };
}
