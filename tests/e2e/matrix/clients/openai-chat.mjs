// Questions as a Chat Completions client sends them (formats.md 2.1).
export * as checker from '../../check/openai-chat.mjs';

export const name = 'openai-chat';
export const can = ['system', 'turns', 'tools', 'choice', 'image', 'resultImage', 'pdf', 'schema', 'think', 'stops', 'usage', 'audio', 'imageUrl', 'sampling', 'laterSystem', 'callIds', 'freeIds', 'repeatedIds'];
export const sampling = ['temperature', 'seed', 'presence_penalty', 'frequency_penalty'];
export const finishes = { stop: 'stop', length: 'length', tool_calls: 'tool_calls', stop_sequence: 'stop', refusal: 'content_filter', content_filter: 'content_filter', 'refusal-part': 'stop' };

const image = (url) => ({ type: 'image_url', image_url: { url } });
const parts = (t) => [
  { type: 'text', text: t.user },
  ...(t.image ? [image(`data:${t.imageType ?? 'image/png'};base64,${t.image}`)] : []),
  ...(t.imageUrl ? [image(t.imageUrl)] : []),
  ...(t.pdf ? [{ type: 'file', file: { filename: 'paper.pdf', file_data: `data:application/pdf;base64,${t.pdf}` } }] : []),
  ...(t.audio ? [{ type: 'input_audio', input_audio: { data: t.audio, format: 'wav' } }] : []),
];

function message(t) {
  if ('user' in t) {
    const list = parts(t);
    return [{ role: 'user', content: list.length > 1 ? list : t.user }];
  }
  if ('system' in t) return [{ role: 'system', content: t.system }];
  if ('assistant' in t) return [{ role: 'assistant', content: t.assistant }];
  if (t.results) return t.results.map((r) => ({ role: 'tool', tool_call_id: r.id, content: r.image ? [{ type: 'text', text: r.text }, image(`data:image/png;base64,${r.image}`)] : r.text }));
  const calls = t.answer.calls.map((c) => ({ id: c.id, type: 'function', function: { name: c.name, arguments: c.args || '{}' } }));
  return [{
    role: 'assistant', content: t.answer.text || null,
    ...(t.answer.thinking ? { reasoning_content: t.answer.thinking } : {}),
    ...(calls.length > 0 ? { tool_calls: calls } : {}),
  }];
}

export const build = (q, { model, stream }) => ({
  path: '/v1/chat/completions',
  body: {
    model,
    messages: [...(q.system ? [{ role: 'system', content: q.system }] : []), ...q.turns.flatMap(message)],
    ...(q.tools ? { tools: q.tools.map((t) => ({ type: 'function', function: t })) } : {}),
    ...(q.choice ? { tool_choice: { type: 'function', function: { name: q.choice } } } : {}),
    ...(q.schema ? { response_format: { type: 'json_schema', json_schema: { name: 'answer', strict: true, schema: q.schema } } } : {}),
    ...(q.think ? { reasoning_effort: 'medium' } : {}),
    ...(q.max ? { max_completion_tokens: q.max } : {}),
    ...(q.stops ? { stop: q.stops } : {}),
    ...q.sampling,
    ...(stream ? { stream: true } : {}),
    ...(stream && q.usage ? { stream_options: { include_usage: true } } : {}),
  },
  asked: { usage: Boolean(stream && q.usage) },
});

export const usage = (total) => ({ input: total.input, cached: total.cached, output: total.output });
