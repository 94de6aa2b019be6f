// OpenAI embeddings as a strict server sees them: the same host, key and errors as Chat Completions.
import { fail, int, list, object, str } from './check.mjs';

export { callId, errorBody, messageId, noModel, tooLong, validateHeaders } from './openai-chat.mjs';

export const name = 'openai-embeddings';
export const key = 'openaiKey';
export const catalogue = ['text-embedding-3-small', 'text-embedding-3-large', 'text-embedding-ada-002'];
export const routes = [{ method: 'POST', path: /^\/v1\/embeddings$/, op: 'embed' }];

const tokens = list(int({ min: 0 }), { min: 1, max: 8192 });
const input = (v, p, c) => {
  if (typeof v === 'string') return str({ min: 1 })(v, p);
  if (!Array.isArray(v) || v.length === 0 || v.length > 2048) fail(p, "'$.input' is invalid: expected a string or 1 to 2048 of them");
  if (typeof v[0] === 'number') return tokens(v, p, c);
  return list(typeof v[0] === 'string' ? str({ min: 1 }) : tokens)(v, p, c);
};
const shape = object({ model: str({ min: 1 }), input }, {
  encoding_format: str({ values: ['float', 'base64'] }), dimensions: int({ min: 1 }), user: str(),
});

/** Refuses (throws Refusal) what the API refuses. */
export function validate(body) {
  shape(body, '');
  if (body.dimensions !== undefined && body.model === 'text-embedding-ada-002') fail('dimensions', 'This model does not support specifying dimensions.');
}

const listed = (v) => (typeof v === 'string' || typeof v[0] === 'number' ? [v] : v);

/** A vector that tells its input apart: its length, then zeros. */
function vector(one, { dimensions = 3, encoding_format: encoding }) {
  const values = Float32Array.from({ length: dimensions }, (_, i) => (i === 0 ? one.length : 0));
  return encoding === 'base64' ? Buffer.from(values.buffer).toString('base64') : [...values];
}

export const answers = {
  embed: ({ body }) => ({
    object: 'list',
    data: listed(body.input).map((one, index) => ({ object: 'embedding', index, embedding: vector(one, body) })),
    model: body.model,
    usage: { prompt_tokens: listed(body.input).length, total_tokens: listed(body.input).length },
  }),
};
