// Questions as a Responses client sends them (formats.md 2.3), one that keeps its own history: store is false, ids are left out.
export * as checker from '../../check/openai-responses.mjs';

export const name = 'openai-responses';
export const can = ['system', 'turns', 'tools', 'choice', 'image', 'resultImage', 'pdf', 'schema', 'think', 'usage', 'audio', 'imageUrl', 'sampling', 'laterSystem', 'callIds', 'freeIds'];
export const sampling = ['temperature', 'top_p'];
export const finishes = {
  stop: 'completed', length: 'incomplete; max_output_tokens', tool_calls: 'completed', stop_sequence: 'completed', refusal: 'completed',
  content_filter: 'incomplete; content_filter', 'refusal-part': 'completed',
};

const image = (url) => ({ type: 'input_image', image_url: url, detail: 'auto' });
const text = (t) => ({ type: 'input_text', text: t });
const parts = (t) => [
  text(t.user),
  ...(t.image ? [image(`data:${t.imageType ?? 'image/png'};base64,${t.image}`)] : []),
  ...(t.imageUrl ? [image(t.imageUrl)] : []),
  ...(t.pdf ? [{ type: 'input_file', filename: 'paper.pdf', file_data: `data:application/pdf;base64,${t.pdf}` }] : []),
  ...(t.audio ? [{ type: 'input_audio', input_audio: { data: t.audio, format: 'wav' } }] : []),
];

function items(t) {
  if ('user' in t) return [{ type: 'message', role: 'user', content: parts(t) }];
  if ('system' in t) return [{ type: 'message', role: 'developer', content: [text(t.system)] }];
  if ('assistant' in t) return [{ type: 'message', role: 'assistant', content: [{ type: 'output_text', text: t.assistant, annotations: [] }] }];
  if (t.results)
    return t.results.map((r) => ({ type: 'function_call_output', call_id: r.id, output: r.image ? [text(r.text), image(`data:image/png;base64,${r.image}`)] : r.text }));
  return t.answer.items.map(({ id: _, status: __, ...item }) => item);
}

export const build = (q, { model, stream }) => ({
  path: '/v1/responses',
  body: {
    model,
    ...(q.system ? { instructions: q.system } : {}),
    input: q.turns.flatMap(items),
    store: false,
    ...(q.tools ? { tools: q.tools.map((t) => ({ type: 'function', ...t, strict: false })) } : {}),
    ...(q.choice ? { tool_choice: { type: 'function', name: q.choice } } : {}),
    ...(q.schema ? { text: { format: { type: 'json_schema', name: 'answer', schema: q.schema, strict: true } } } : {}),
    ...(q.think ? { reasoning: { effort: 'medium', summary: 'auto' }, include: ['reasoning.encrypted_content'] } : {}),
    ...(q.max ? { max_output_tokens: q.max } : {}),
    ...q.sampling,
    ...(stream ? { stream: true } : {}),
  },
  asked: {},
});

export const usage = (total) => ({ input: total.input, cached: total.cached, output: total.output });
