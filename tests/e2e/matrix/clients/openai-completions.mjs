// Questions as a legacy Completions client sends them (formats.md 2.2): a prompt and nothing more.
export * as checker from '../../check/openai-completions.mjs';

export const name = 'openai-completions';
export const can = ['stops', 'usage', 'sampling'];
export const sampling = ['temperature', 'seed', 'presence_penalty', 'frequency_penalty'];
export const finishes = { stop: 'stop', length: 'length', stop_sequence: 'stop', refusal: 'content_filter', content_filter: 'content_filter', 'refusal-part': 'content_filter' };

export const build = (q, { model, stream }) => ({
  path: '/v1/completions',
  body: {
    model,
    prompt: q.turns[0].user,
    max_tokens: q.max ?? 500,
    ...(q.stops ? { stop: q.stops } : {}),
    ...q.sampling,
    ...(stream ? { stream: true } : {}),
    ...(stream && q.usage ? { stream_options: { include_usage: true } } : {}),
  },
  asked: { usage: Boolean(stream && q.usage) },
});

export const usage = (total) => ({ input: total.input, output: total.output });
