// Answers of Gemini as its strictest client reads them (formats.md 2.5).
import { blank, has, isCount, isObject, isText, must, parse, sse, usageOf } from './base.mjs';

const reasons = [
  'STOP', 'MAX_TOKENS', 'SAFETY', 'RECITATION', 'LANGUAGE', 'OTHER', 'BLOCKLIST', 'PROHIBITED_CONTENT', 'SPII', 'MALFORMED_FUNCTION_CALL', 'IMAGE_SAFETY',
  'IMAGE_PROHIBITED_CONTENT', 'IMAGE_RECITATION', 'IMAGE_OTHER', 'NO_IMAGE', 'UNEXPECTED_TOOL_CALL', 'TOO_MANY_TOOL_CALLS',
];
const statuses = [
  'INVALID_ARGUMENT', 'FAILED_PRECONDITION', 'UNAUTHENTICATED', 'RESOURCE_EXHAUSTED', 'PERMISSION_DENIED', 'NOT_FOUND', 'ABORTED', 'CANCELLED', 'INTERNAL',
  'UNIMPLEMENTED', 'UNAVAILABLE', 'DEADLINE_EXCEEDED',
];

function readUsage(u, whole) {
  has(u, whole ? ['promptTokenCount', 'candidatesTokenCount', 'totalTokenCount'] : ['promptTokenCount', 'totalTokenCount'], 'E-102', 'usageMetadata');
  for (const [k, v] of Object.entries(u)) if (/TokenCount$/.test(k)) must(isCount(v), '4.4', `usageMetadata.${k} is ${v}`);
  const thoughts = u.thoughtsTokenCount ?? 0;
  return usageOf({ input: u.promptTokenCount + (u.toolUsePromptTokenCount ?? 0), cached: u.cachedContentTokenCount ?? 0, output: (u.candidatesTokenCount ?? 0) + thoughts, reasoning: thoughts });
}

const held = ['text', 'inlineData', 'fileData', 'functionCall', 'functionResponse', 'executableCode', 'codeExecutionResult', 'toolCall', 'toolResponse'];

function addPart(out, p, { thinking }) {
  must(isObject(p) && held.filter((k) => k in p).length === 1, '2.5', `a part holds exactly one thing: ${JSON.stringify(p).slice(0, 200)}`);
  if (p.thoughtSignature !== undefined) {
    must(isText(p.thoughtSignature), 'GC-8', 'a signature is a text');
    out.signatures.push(p.thoughtSignature);
  }
  if (p.thought) {
    must(thinking, 'GC-8', 'a thought that was not asked for');
    out.thinking += p.text;
  } else if (p.text !== undefined) {
    must(typeof p.text === 'string', '2.5', 'text is a text');
    out.text += p.text;
  } else if (p.functionCall) {
    must(isText(p.functionCall.name), 'GC-6', 'a call has a name');
    must(p.functionCall.args === undefined || isObject(p.functionCall.args), 'GC-6', 'args are an object');
    out.calls.push({ id: p.functionCall.id ?? null, name: p.functionCall.name, args: JSON.stringify(p.functionCall.args ?? {}) });
  }
  out.parts.push(p);
}

/** One GenerateContentResponse into the answer. */
function addChunk(out, v, asked, whole) {
  must(isObject(v), 'GC-4', 'a chunk is an object');
  has(v, ['usageMetadata', 'modelVersion', 'responseId'], 'GC-4', 'chunk');
  const [first] = out.raw;
  if (first) for (const k of ['modelVersion', 'responseId']) must(v[k] === first[k], 'GC-4', `${k} changes within the stream`);
  out.raw.push(v);
  [out.id, out.model] = [v.responseId, v.modelVersion];
  must(isText(out.id) && isText(out.model), 'GC-4', 'responseId and modelVersion are texts');
  out.usage = readUsage(v.usageMetadata, whole);
  if (v.promptFeedback?.blockReason) {
    must(!v.candidates?.length, 'GC-10', 'a blocked prompt has no candidates');
    out.finish = v.promptFeedback.blockReason;
    return;
  }
  must(Array.isArray(v.candidates) && v.candidates.length > 0, 'GC-4', 'no candidates');
  const [c] = v.candidates;
  must(out.finish === null || (c.content?.parts ?? []).every((p) => p.text === ''), 'GC-4', 'content after finishReason');
  has(c, ['content'], '2.5', 'candidate');
  must(c.content.role === 'model', '2.5', `role ${c.content.role}`);
  must((c.index ?? 0) === 0, '2.5', `candidate index ${c.index}`);
  for (const p of c.content.parts ?? []) addPart(out, p, asked);
  if (c.finishReason === undefined) return;
  must(reasons.includes(c.finishReason), '4.1', `finishReason ${c.finishReason}`);
  must(out.finish === null, 'GC-4', 'a second finishReason');
  out.finish = c.finishReason;
}

/** A whole answer. `asked.thinking`: includeThoughts was set. */
export function whole(v, asked = {}) {
  const out = { ...blank(), parts: [] };
  addChunk(out, v, asked, !v.promptFeedback?.blockReason);
  must(out.finish !== null, 'GC-4', 'finishReason is missing');
  return out;
}

const readError = (v) => {
  must(isObject(v) && isObject(v.error), 'GC-9', 'an error is {error}');
  must(isCount(v.error.code) && isText(v.error.message) && statuses.includes(v.error.status), 'GC-9', `code, message and status: ${JSON.stringify(v.error)}`);
  return { type: v.error.status, code: v.error.code, message: v.error.message, details: v.error.details };
};

/** The chunks of a JSON array as the wire has it: `[`, objects split by `,`, `]`, nothing else (GC-5). */
function arrayOf(text) {
  must(text.startsWith('[') && text.trimEnd().endsWith(']'), 'GC-5', 'the stream is not one JSON array');
  const list = parse(text, 'GC-5');
  must(Array.isArray(list) && list.length > 0, 'GC-5', 'the array is empty');
  must(list.length === 1 || text.includes('\r\n,') || text.includes(',\r\n'), 'GC-5', 'the chunks are not split by ",\\r\\n"');
  return list;
}

/** A stream: server-sent events, or one array when `asked.array`. */
export function stream(text, asked = {}) {
  const out = { ...blank(), parts: [] };
  const chunks = asked.array ? arrayOf(text) : sse(text).map(({ event, data }) => {
    must(event === null, 'GC-4', `an event line: ${event}`);
    must(data !== '[DONE]', 'GC-4', '[DONE] does not belong here');
    return parse(data, 'GC-4');
  });
  must(chunks.length > 0, 'GC-4', 'nothing came');
  for (const chunk of chunks) {
    must(out.error === null, 'GC-9', 'something follows the error');
    if (chunk.error) out.error = readError(chunk);
    else addChunk(out, chunk, asked, false);
  }
  if (out.error) return out;
  must(out.finish !== null, 'GC-4', 'finishReason is missing');
  if (out.raw.at(-1).candidates) {
    must(out.raw.at(-1).candidates[0].finishReason !== undefined, 'GC-4', 'finishReason is not in the last chunk');
    readUsage(out.raw.at(-1).usageMetadata, true);
  }
  return out;
}

/** An error answer; in a stream that is no event stream it may be the one element of an array. */
export function failure(status, headers, v) {
  const body = Array.isArray(v) && v.length === 1 ? v[0] : v;
  const error = readError(body);
  must(error.code === status, 'GC-9', `code ${error.code} in an answer of status ${status}`);
  return { status, ...error };
}
