// The SDK @google/genai on the Gemini API (formats.md 2.5).
import assert from 'node:assert/strict';
import { GoogleGenAI } from '@google/genai';
import { clientKey } from '../harness.mjs';
import { collect, messagesOf, thinkingOf } from './words.mjs';

const blob = (data) => ({ inlineData: { mimeType: 'image/png', data } });

const contentOf = (m) => {
  if ('user' in m) return { role: 'user', parts: [{ text: m.user }, ...(m.image ? [blob(m.image)] : [])] };
  if (m.results) {
    const results = m.results.map((r) => ({ functionResponse: { ...(r.sentId ? { id: r.sentId } : {}), name: r.name, response: r.error ? { error: r.text } : { output: r.text } } }));
    return { role: 'user', parts: [...results, ...(m.text ? [{ text: m.text }] : [])] };
  }
  return m.content;
};

const modes = { auto: 'AUTO', none: 'NONE', required: 'ANY' };
const choosing = (c) => ({ functionCallingConfig: typeof c === 'string' ? { mode: modes[c] } : { mode: 'ANY', allowedFunctionNames: [c.name] } });

export const geminiParams = (q) => ({
  model: q.model,
  contents: messagesOf(q).map(contentOf),
  config: {
    ...(q.system ? { systemInstruction: q.system } : {}),
    ...(q.tools ? { tools: [{ functionDeclarations: q.tools.map(({ parameters, ...t }) => ({ ...t, parametersJsonSchema: parameters })) }] } : {}),
    ...(q.choice ? { toolConfig: choosing(q.choice) } : {}),
    ...(q.schema ? { responseMimeType: 'application/json', responseJsonSchema: q.schema } : {}),
    ...(q.stops ? { stopSequences: q.stops } : {}),
    ...(q.think ? { thinkingConfig: thinkingOf(q.model, 'LOW') } : {}),
    ...(q.max ? { maxOutputTokens: q.max } : {}),
    ...(q.signal ? { abortSignal: q.signal } : {}),
    ...q.extra,
  },
});

/** Rules of one answer or of one chunk; only the last says why it ended (GC-4, GC-8). */
function check(r, isLast) {
  assert.ok(r.responseId && r.modelVersion && r.usageMetadata, 'GC-4: id, model and usage in every chunk');
  const [c] = r.candidates;
  assert.equal(c.index ?? 0, 0);
  assert.equal(Boolean(c.finishReason), isLast, 'GC-4: finishReason once, at the end');
  for (const p of c.content?.parts ?? []) {
    assert.ok(['text', 'functionCall', 'inlineData'].filter((k) => p[k] !== undefined).length === 1, 'one of the kinds in a part');
    if (p.functionCall) assert.ok(p.functionCall.name && !Array.isArray(p.functionCall.args), 'GC-6: the call comes whole');
  }
}

function answerOf(chunks) {
  chunks.forEach((r, i) => check(r, i === chunks.length - 1));
  assert.equal(new Set(chunks.map((r) => r.responseId)).size, 1, 'GC-4: one id');
  const parts = chunks.flatMap((r) => r.candidates[0].content?.parts ?? []);
  const last = chunks.at(-1);
  const u = last.usageMetadata;
  return {
    raw: chunks.length === 1 ? last : chunks, parts, finish: last.candidates[0].finishReason,
    text: parts.filter((p) => p.text && !p.thought).map((p) => p.text).join(''),
    thinking: parts.filter((p) => p.text && p.thought).map((p) => p.text).join(''),
    calls: parts.filter((p) => p.functionCall).map(({ functionCall: f }, k) => ({ id: f.id ?? `${f.name}#${k}`, sentId: f.id, name: f.name, args: JSON.stringify(f.args ?? {}) })),
    usage: { input: u.promptTokenCount, cached: u.cachedContentTokenCount ?? 0, written: 0, output: (u.candidatesTokenCount ?? 0) + (u.thoughtsTokenCount ?? 0), total: u.totalTokenCount },
  };
}

/** What a program keeps of an answer: its parts as they came, without empty ones and without thoughts nobody signed. */
const replayOf = (a) => {
  const merged = [];
  for (const p of a.parts) {
    const before = merged.at(-1);
    const isText = p.text !== undefined && !p.thought;
    if (p.thought || (p.text === '' && !p.thoughtSignature)) continue;
    if (isText && before?.text !== undefined && !before.thoughtSignature) merged[merged.length - 1] = { ...before, ...p, text: before.text + p.text };
    else merged.push(p);
  }
  return { content: { role: 'model', parts: merged } };
};

export function googleClient(baseURL, apiKey = clientKey) {
  const sdk = new GoogleGenAI({ apiKey, httpOptions: { baseUrl: baseURL, timeout: 60_000 } });
  return {
    name: 'google-genai', format: 'gemini', sdk,
    async ask(q, each) {
      if (!q.stream) return answerOf([await sdk.models.generateContent(geminiParams(q))]);
      const chunks = await collect(await sdk.models.generateContentStream(geminiParams(q)), each);
      assert.ok(chunks.length > 0, 'a stream has chunks or raises');
      return answerOf(chunks);
    },
    replay: replayOf,
    async models() {
      const names = [];
      for await (const m of await sdk.models.list()) names.push(m.name.replace(/^models\//, ''));
      return names;
    },
    failure: (e) => ({ status: e.status, message: e.message, retryAfter: undefined }),
    finishes: { stop: 'STOP', length: 'MAX_TOKENS', tools: 'STOP' },
  };
}
