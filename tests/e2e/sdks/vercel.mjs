// Vercel's AI SDK with each of the providers that speak a format of ours.
import assert from 'node:assert/strict';
import { createAnthropic } from '@ai-sdk/anthropic';
import { createGoogleGenerativeAI } from '@ai-sdk/google';
import { createOpenAI } from '@ai-sdk/openai';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { Output, generateText, jsonSchema, streamText, tool } from 'ai';
import { clientKey } from '../harness.mjs';
import { messagesOf, thinkingOf } from './words.mjs';

// It prints a warning for each model it does not know.
globalThis.AI_SDK_LOG_WARNINGS = false;

/** A provider: the format it speaks, how a model is made, and how it is told to think. */
const providers = {
  'ai-openai-responses': {
    format: 'openai-responses', model: (url, apiKey) => createOpenAI({ baseURL: `${url}/v1`, apiKey }).responses,
    options: (q) => ({ openai: { store: false, ...(q.think ? { reasoningEffort: 'medium', reasoningSummary: 'auto', forceReasoning: true } : {}) } }),
  },
  'ai-openai-chat': { format: 'openai-chat', model: (url, apiKey) => createOpenAI({ baseURL: `${url}/v1`, apiKey }).chat, options: () => ({}), hidesThoughts: true },
  'ai-anthropic': {
    format: 'anthropic', model: (url, apiKey) => createAnthropic({ baseURL: `${url}/v1`, apiKey }),
    // By itself it asks models whose names it does not know for a call to a made-up tool instead of a schema.
    options: (q) => ({ anthropic: { structuredOutputMode: 'outputFormat', ...(q.think ? { thinking: { type: 'enabled', budgetTokens: 2000 } } : {}) } }),
  },
  'ai-google': {
    format: 'gemini', model: (url, apiKey) => createGoogleGenerativeAI({ baseURL: `${url}/v1beta`, apiKey }),
    options: (q) => (q.think ? { google: { thinkingConfig: thinkingOf(q.model, 'low') } } : {}),
  },
  'ai-compatible': {
    format: 'openai-chat',
    model: (url, apiKey) => createOpenAICompatible({ name: 'mux', baseURL: `${url}/v1`, apiKey, includeUsage: true, supportsStructuredOutputs: true }),
    options: (q) => (q.think ? { mux: { reasoningEffort: 'medium' } } : {}),
  },
};

const messages = (m) => {
  if ('user' in m) return [{ role: 'user', content: m.image ? [{ type: 'text', text: m.user }, { type: 'image', image: m.image, mediaType: 'image/png' }] : m.user }];
  if (!m.results) return m.messages;
  const content = m.results.map((r) => ({
    type: 'tool-result', toolCallId: r.id, toolName: r.name, output: { type: r.error ? 'error-text' : 'text', value: r.text },
  }));
  return [{ role: 'tool', content }, ...(m.text ? [{ role: 'user', content: m.text }] : [])];
};

const toolsOf = (q) => Object.fromEntries(q.tools.map((t) => [t.name, tool({ description: t.description, inputSchema: jsonSchema(t.parameters) })]));
const choice = (c) => (typeof c === 'string' ? c : { type: 'tool', toolName: c.name });

const params = (q, model, options) => ({
  model, maxRetries: 0, messages: messagesOf(q).flatMap(messages), providerOptions: options(q), abortSignal: q.signal,
  ...(q.system ? { system: q.system } : {}),
  ...(q.tools ? { tools: toolsOf(q) } : {}),
  ...(q.choice ? { toolChoice: choice(q.choice) } : {}),
  ...(q.schema ? { output: Output.object({ schema: jsonSchema(q.schema) }) } : {}),
  ...(q.stops ? { stopSequences: q.stops } : {}),
  ...(q.max ? { maxOutputTokens: q.max } : {}),
  ...q.extra,
});

async function answerOf(result) {
  const [text, thinking, calls, finish, usage, response] = await Promise.all(
    [result.text, result.reasoningText, result.toolCalls, result.finishReason, result.usage, result.response]);
  for (const c of calls) assert.ok(!c.invalid, `an invalid call: ${c.error}`);
  return {
    raw: response, text, thinking: thinking ?? '', finish, messages: response.messages,
    calls: calls.map((c) => ({ id: c.toolCallId, name: c.toolName, args: JSON.stringify(c.input) })),
    usage: { input: usage.inputTokens, cached: usage.inputTokenDetails?.cacheReadTokens ?? 0, written: 0, output: usage.outputTokens, total: usage.totalTokens },
  };
}

function vercelClient(name, { format, model, options, hidesThoughts = false }) {
  return (baseURL, apiKey = clientKey) => ({
    name, format, hidesThoughts,
    async ask(q, each) {
      const asked = params(q, model(baseURL, apiKey)(q.model), options);
      if (!q.stream) return answerOf(await generateText(asked));
      const result = streamText({ ...asked, onError: () => {} });
      let count = 0;
      for await (const part of result.fullStream) {
        if (part.type === 'error') throw part.error;
        if (part.type === 'abort') throw new Error('aborted');
        if (part.type.endsWith('-delta')) await each?.(part, (count += 1), result);
      }
      return answerOf(result);
    },
    replay: (a) => ({ messages: a.messages }),
    failure: (e) => ({ status: e.statusCode, message: `${e.message} ${e.responseBody ?? ''}`, retryAfter: e.responseHeaders?.['retry-after'] }),
    finishes: { stop: 'stop', length: 'length', tools: 'tool-calls' },
  });
}

export const vercelClients = Object.fromEntries(Object.entries(providers).map(([name, provider]) => [name, vercelClient(name, provider)]));
