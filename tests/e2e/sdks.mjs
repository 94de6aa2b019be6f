// Every client behind one small face, so that one table of cases runs over every combination.
// Each answer is checked against the rules of its format (formats.md section 2) before it is handed on.
//
// A question in words all formats share:
// {model, text | messages, system, tools: [{name, parameters}], choice, parallel, image, schema, stops, think, max, stream, usage, signal, extra}.
// A message is {user: text, image?} | {say, thinking?, calls: [...], raw?} | {results: [{id, name, text, error?, image?}], text?}.
// An answer is {text, thinking, calls: [{id, name, args}], finish, usage: {input, cached, written, output}, raw}.
//
// A client is {name, format, sdk, ask(question, each), replay(answer) -> message, models?() -> names, failure(error) ->
// {status, message, retryAfter}, finishes: {stop, length, tools}}. retryAfter is undefined where the SDK does not tell.
import { anthropicClient } from './sdks/anthropic.mjs';
import { googleClient } from './sdks/google-genai.mjs';
import { ollamaClient } from './sdks/ollama.mjs';
import { openaiClient } from './sdks/openai-chat.mjs';
import { responsesClient } from './sdks/openai-responses.mjs';
import { vercelClients } from './sdks/vercel.mjs';

export { antParams, anthropicClient, checkAntEvents } from './sdks/anthropic.mjs';
export { ccParams, openaiClient } from './sdks/openai-chat.mjs';
export { png, pngSize } from './media.mjs';

/** The two whose formats sdk.test.mjs looks at in depth. */
export const clients = { openai: openaiClient, anthropic: anthropicClient };

/** All of them, by name: make(baseURL, apiKey). */
export const allClients = {
  openai: openaiClient,
  'openai-responses': responsesClient,
  anthropic: anthropicClient,
  'google-genai': googleClient,
  ollama: ollamaClient,
  ...vercelClients,
};
