// Questions as a Gemini client sends them (formats.md 2.5). Thoughts are not sent back; what carries a signature is.
export * as checker from '../../check/gemini.mjs';

export const name = 'gemini';
export const can = ['system', 'turns', 'tools', 'choice', 'image', 'resultImage', 'pdf', 'schema', 'think', 'stops', 'usage', 'audio', 'sampling', 'freeNames'];
export const sampling = ['temperature', 'top_k', 'seed'];
/** Without alt=sse a stream is one JSON array (GC-5). */
export const ways = [{ title: 'array', stream: true, array: true }];
export const finishes = { stop: 'STOP', length: 'MAX_TOKENS', tool_calls: 'STOP', stop_sequence: 'STOP', refusal: 'SAFETY', content_filter: 'SAFETY', 'refusal-part': 'SAFETY' };

const inline = (mimeType, data) => ({ inlineData: { mimeType, data } });

/** The parts of an answer as the next turn: pieces of one text joined, thoughts and empty texts left out. */
function replay(parts) {
  const out = [];
  for (const p of parts) {
    if (p.thought || (p.text === '' && !p.thoughtSignature)) continue;
    const before = out.at(-1);
    if (p.text !== undefined && before?.text !== undefined && !before.thoughtSignature) Object.assign(before, { ...p, text: before.text + p.text });
    else out.push({ ...p });
  }
  return out;
}

function content(t) {
  if ('user' in t)
    return {
      role: 'user',
      parts: [{ text: t.user }, ...(t.image ? [inline(t.imageType ?? 'image/png', t.image)] : []), ...(t.pdf ? [inline('application/pdf', t.pdf)] : []), ...(t.audio ? [inline('audio/wav', t.audio)] : [])],
    };
  if ('assistant' in t) return { role: 'model', parts: [{ text: t.assistant }] };
  if (t.answer) return { role: 'model', parts: replay(t.answer.parts) };
  return {
    role: 'user',
    parts: t.results.map((r) => ({
      functionResponse: { name: r.name, response: { output: r.text }, ...(r.id ? { id: r.id } : {}), ...(r.image ? { parts: [inline('image/png', r.image)] } : {}) },
    })),
  };
}

const spelling = { temperature: 'temperature', top_k: 'topK', seed: 'seed' };

export function build(q, { model, stream, array = false }) {
  const generationConfig = {
    ...(q.max ? { maxOutputTokens: q.max } : {}),
    ...(q.stops ? { stopSequences: q.stops } : {}),
    ...(q.schema ? { responseMimeType: 'application/json', responseJsonSchema: q.schema } : {}),
    ...(q.think ? { thinkingConfig: { includeThoughts: true, thinkingLevel: 'HIGH' } } : {}),
    ...Object.fromEntries(Object.entries(q.sampling ?? {}).map(([k, v]) => [spelling[k], v])),
  };
  const functionDeclarations = q.tools?.map(({ parameters, ...t }) => ({ ...t, parametersJsonSchema: parameters }));
  return {
    path: `/v1beta/models/${model}:${stream ? `streamGenerateContent${array ? '' : '?alt=sse'}` : 'generateContent'}`,
    body: {
      contents: q.turns.map(content),
      ...(q.system ? { systemInstruction: { parts: [{ text: q.system }] } } : {}),
      ...(functionDeclarations ? { tools: [{ functionDeclarations }] } : {}),
      ...(q.choice ? { toolConfig: { functionCallingConfig: { mode: 'ANY', allowedFunctionNames: [q.choice] } } } : {}),
      ...(Object.keys(generationConfig).length > 0 ? { generationConfig } : {}),
    },
    asked: { thinking: Boolean(q.think), array },
  };
}

export const usage = (total) => ({ input: total.input, cached: total.cached, output: total.output });
