// Questions as a Messages client sends them (formats.md 2.4).
export * as checker from '../../check/anthropic.mjs';

export const name = 'anthropic';
export const can = ['system', 'turns', 'tools', 'choice', 'image', 'resultImage', 'pdf', 'schema', 'think', 'stops', 'usage', 'imageUrl', 'sampling', 'callIds'];
export const sampling = ['temperature', 'top_k'];
export const finishes = { stop: 'end_turn', length: 'max_tokens', tool_calls: 'tool_use', stop_sequence: 'stop_sequence', refusal: 'refusal', content_filter: 'refusal', 'refusal-part': 'refusal' };
export const headers = { 'anthropic-version': '2023-06-01' };

const text = (t) => ({ type: 'text', text: t });
const image = (data, type = 'image/png') => ({ type: 'image', source: { type: 'base64', media_type: type, data } });

function message(t) {
  if ('user' in t) {
    const more = [
      ...(t.image ? [image(t.image, t.imageType)] : []),
      ...(t.imageUrl ? [{ type: 'image', source: { type: 'url', url: t.imageUrl } }] : []),
      ...(t.pdf ? [{ type: 'document', source: { type: 'base64', media_type: 'application/pdf', data: t.pdf }, title: 'paper.pdf' }] : []),
    ];
    return { role: 'user', content: more.length > 0 ? [text(t.user), ...more] : t.user };
  }
  if ('assistant' in t) return { role: 'assistant', content: t.assistant };
  if (t.results) return { role: 'user', content: t.results.map((r) => ({ type: 'tool_result', tool_use_id: r.id, content: r.image ? [text(r.text), image(r.image)] : r.text })) };
  return { role: 'assistant', content: t.answer.blocks };
}

export const build = (q, { model, stream }) => ({
  path: '/v1/messages',
  body: {
    model,
    max_tokens: q.max ?? (q.think ? 4000 : 1000),
    ...(q.system ? { system: q.system } : {}),
    messages: q.turns.map(message),
    ...(q.tools ? { tools: q.tools.map(({ parameters, ...t }) => ({ ...t, input_schema: parameters })) } : {}),
    ...(q.choice ? { tool_choice: { type: 'tool', name: q.choice } } : {}),
    ...(q.schema ? { output_config: { format: { type: 'json_schema', schema: q.schema } } } : {}),
    ...(q.think ? { thinking: { type: 'enabled', budget_tokens: 2000 } } : {}),
    ...(q.stops ? { stop_sequences: q.stops } : {}),
    ...q.sampling,
    ...(stream ? { stream: true } : {}),
  },
  asked: {},
});

/** Here alone the input count leaves out what a cache held (US-1). */
export const usage = (total) => ({ input: total.input - total.cached - total.written, cached: total.cached, written: total.written, output: total.output });
