// Questions as a client of Ollama's native API sends them (formats.md 2.6).
export * as checker from '../../check/ollama.mjs';

export const name = 'ollama';
export const can = ['system', 'turns', 'tools', 'image', 'resultImage', 'schema', 'think', 'stops', 'usage', 'sampling', 'laterSystem', 'freeNames'];
export const sampling = ['temperature', 'top_k', 'seed', 'presence_penalty', 'frequency_penalty'];
const cannot = ['turns', 'tools'];
/** The other call takes one prompt and answers in a field of another name. */
export const ways = [{ title: 'generate, whole', stream: false, generate: true, cannot }, { title: 'generate, stream', stream: true, generate: true, cannot }];
export const finishes = { stop: 'stop', length: 'length', tool_calls: 'stop', stop_sequence: 'stop', refusal: 'stop', content_filter: 'stop', 'refusal-part': 'stop' };

function message(t) {
  if ('user' in t) return [{ role: 'user', content: t.user, ...(t.image ? { images: [t.image] } : {}) }];
  if ('system' in t) return [{ role: 'system', content: t.system }];
  if ('assistant' in t) return [{ role: 'assistant', content: t.assistant }];
  if (t.results) return t.results.map((r) => ({ role: 'tool', content: r.text, tool_name: r.name, ...(r.id ? { tool_call_id: r.id } : {}), ...(r.image ? { images: [r.image] } : {}) }));
  const calls = t.answer.calls.map((c) => ({ ...(c.id ? { id: c.id } : {}), function: { name: c.name, arguments: JSON.parse(c.args) } }));
  return [{
    role: 'assistant', content: t.answer.text,
    ...(t.answer.thinking ? { thinking: t.answer.thinking } : {}),
    ...(calls.length > 0 ? { tool_calls: calls } : {}),
  }];
}

/** The parts of a question to /api/generate. */
const prompt = (q) => {
  const [t] = q.turns;
  return { ...(q.system ? { system: q.system } : {}), prompt: t.user, ...(t.image ? { images: [t.image] } : {}) };
};

export function build(q, { model, stream, generate = false }) {
  const options = { ...(q.max ? { num_predict: q.max } : {}), ...(q.stops ? { stop: q.stops } : {}), ...q.sampling };
  return {
    path: generate ? '/api/generate' : '/api/chat',
    body: {
      model,
      ...(generate ? prompt(q) : { messages: [...(q.system ? [{ role: 'system', content: q.system }] : []), ...q.turns.flatMap(message)] }),
      ...(q.tools ? { tools: q.tools.map((t) => ({ type: 'function', function: t })) } : {}),
      ...(q.schema ? { format: q.schema } : {}),
      ...(q.think ? { think: true } : {}),
      ...(Object.keys(options).length > 0 ? { options } : {}),
      // A stream is what this API does unless told otherwise.
      ...(stream ? {} : { stream: false }),
    },
    asked: { generate },
  };
}

export const usage = (total) => ({ input: total.input, output: total.output });
