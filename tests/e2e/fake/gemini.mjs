// Gemini as a strict server sees it: refuses what the real API refuses, or more; renders plans on the wire.
import {
  Refusal, also, any, anyObject, base64, bool, fail, int, list, map, num, object, sniff, str,
} from './check.mjs';
import { checkJsonSchema, checkOpenApiSchema } from './gemini-schema.mjs';
import { rawJson } from './raw.mjs';

export const name = 'gemini';
export const key = 'geminiKey';
export const catalogue = [
  'gemini-2.0-flash', 'gemini-2.5-pro', 'gemini-2.5-flash', 'gemini-2.5-flash-lite', 'gemini-3-pro-preview', 'gemini-3.1-pro-preview',
  'gemini-3-flash-preview', 'gemma-3-27b-it', 'gemini-embedding-001',
];
export const ground = /^\/v1(?:beta)?\/models\/|^\/v1beta\//;

const modelOf = (found) => ({ model: decodeURIComponent(found[1]) });
const at = (method) => new RegExp(`^/v1beta/models/([^/:]+):${method}$`);
export const routes = [
  { method: 'POST', path: at('generateContent'), op: 'chat', call: (found) => ({ ...modelOf(found), stream: false }) },
  {
    method: 'POST', path: at('streamGenerateContent'), op: 'chat', queries: ['alt'],
    call: (found, address) => {
      const alt = address.searchParams.get('alt');
      if (alt !== null && alt !== 'sse' && alt !== 'json') throw new Refusal('', `Invalid value for alt: ${alt}`);
      return { ...modelOf(found), stream: true, array: alt !== 'sse' };
    },
  },
  { method: 'POST', path: at('countTokens'), op: 'count', call: modelOf },
  { method: 'POST', path: at('embedContent'), op: 'embed', call: modelOf },
  { method: 'POST', path: at('batchEmbedContents'), op: 'embedBatch', call: modelOf },
  { method: 'GET', path: /^\/v1beta\/models$/, op: 'models', queries: ['pageSize', 'pageToken'] },
  { method: 'GET', path: /^\/v1beta\/models\/([^/:]+)$/, op: 'model', call: modelOf },
];

// ---------------------------------------------------------------- what the models can do

/** Facts of model families; the first row that matches the name counts (GM-2, GM-12, GM-14, GM-16, GM-17). */
const families = [
  [/^gemma-/, { system: false, tools: false, json: false }],
  [/^gemini-(1|2\.0)/, {}],
  [/^gemini-2\.5-pro/, { budget: [128, 32768], penalties: false }],
  [/^gemini-2\.5-flash-lite/, { budget: [512, 24576], off: true, penalties: false }],
  [/^gemini-2\.5-flash/, { budget: [0, 24576], off: true, penalties: false }],
  [/^gemini-3-pro/, { levels: ['LOW', 'HIGH'], penalties: false, signs: true, mixed: true, resultMedia: true }],
  [/^gemini-3\.\d+-pro/, { levels: ['LOW', 'MEDIUM', 'HIGH'], penalties: false, signs: true, mixed: true, resultMedia: true }],
  [/^gemini-3/, { levels: ['MINIMAL', 'LOW', 'MEDIUM', 'HIGH'], penalties: false, signs: true, mixed: true, resultMedia: true }],
];
const other = { budget: [0, 32768], off: true, levels: ['MINIMAL', 'LOW', 'MEDIUM', 'HIGH'], mixed: true, resultMedia: true };
const facts = (model) => ({ system: true, tools: true, json: true, penalties: true, ...(families.find(([re]) => re.test(model))?.[1] ?? other) });

// ---------------------------------------------------------------- names of fields

/** Where names are the caller's own, not the API's. */
const free = new Set(['args', 'response', 'parametersJsonSchema', 'responseJsonSchema', 'responseSchema', 'parameters', 'labels']);
const camel = (text) => text.replace(/_([a-z0-9])/g, (_, c) => c.toUpperCase());

/** The body with camelCase names throughout: proto JSON takes either spelling, never both of one field, and null for absent. */
export function canonical(value, path = '') {
  if (Array.isArray(value)) return value.map((v, i) => canonical(v, `${path}[${i}]`));
  if (value === null || typeof value !== 'object') return value;
  const out = {};
  for (const [spelt, inner] of Object.entries(value)) {
    const field = camel(spelt);
    const here = path === '' ? spelt : `${path}.${spelt}`;
    if (Object.hasOwn(out, field)) fail(here, `Invalid value: '${field}' was given in both spellings`);
    if (inner !== null) out[field] = free.has(field) && path !== '' ? inner : canonical(inner, here);
  }
  return out;
}

// ---------------------------------------------------------------- shapes

const word = (...values) => (v, p) => {
  if (typeof v !== 'string' || !values.includes(v.toUpperCase())) fail(p, `Invalid value (Enum), ${JSON.stringify(v)}`);
};
const mediaType = /^(image\/(png|jpeg|webp|heic|heif|gif)|application\/pdf|text\/(plain|html|css|csv|markdown|xml)|audio\/[a-z0-9.-]+|video\/[a-z0-9.-]+)$/;

const blob = also(object({ mimeType: str({ re: mediaType, hint: 'Unsupported MIME type' }), data: str() }, { displayName: str() }), (v, p, c) => {
  // The API takes the URL-safe letters too.
  const bytes = base64(c.ours ? v.data : v.data.replaceAll('-', '+').replaceAll('_', '/'), `${p}.data`);
  const seen = sniff(bytes);
  if (/^(image\/(png|jpeg|webp|gif)|application\/pdf)$/.test(v.mimeType) && seen !== v.mimeType)
    fail(p, `Provided data is not valid: ${v.mimeType} was named, ${seen ?? 'nothing known'} was found`);
});
const fileData = also(object({ fileUri: str({ min: 1 }) }, { mimeType: str(), displayName: str() }), (v, p, c) => {
  const known = !c.ours ? /^https?:|^gs:/ : /^https:\/\/generativelanguage\.googleapis\.com\/v1(beta)?\/files\/|^files\/|^https:\/\/(www\.)?youtube\.com\/|^https:\/\/youtu\.be\/|^gs:\/\//;
  if (!known.test(v.fileUri)) fail(p, 'Invalid or unsupported file uri');
});
const toolName = str({ re: /^[A-Za-z_][A-Za-z0-9_.:-]{0,63}$/, hint: 'Invalid function name. Must start with a letter or an underscore. Must be alphameric, underscores, dots, colons, or dashes, with a maximum length of 64.' });
const resultPart = also(object({}, { inlineData: blob, fileData }), (v, p) => {
  if (Object.keys(v).length !== 1) fail(p, 'a part of a function response holds one of inlineData and fileData');
});

/** Exactly one of these is in a part. */
const data = {
  text: str(),
  inlineData: blob,
  fileData,
  functionCall: object({ name: toolName }, { id: str({ min: 1 }), args: anyObject }),
  functionResponse: object({ name: toolName, response: anyObject }, { id: str({ min: 1 }), parts: list(resultPart), scheduling: str(), willContinue: bool }),
  executableCode: object({ language: str(), code: str() }, { id: str() }),
  codeExecutionResult: object({ outcome: str() }, { id: str(), output: str() }),
  toolCall: anyObject,
  toolResponse: anyObject,
};
const signature = str({ re: /^[A-Za-z0-9+/_-]+={0,2}$/, hint: 'Base64 decoding failed' });
const part = also(object({}, { ...data, thought: bool, thoughtSignature: signature, videoMetadata: anyObject, mediaResolution: anyObject }), (v, p, c) => {
  const held = Object.keys(data).filter((k) => k in v);
  if (held.length !== 1) fail(p, `required oneof field 'data' must have one initialized field, found ${held.length}`);
  if (c.ours && v.text === '' && v.thoughtSignature === undefined) fail(p, 'a text part must not be empty');
  if (v.thought && v.text === undefined) fail(p, 'only text can be a thought');
  if (c.ours && v.thought && v.thoughtSignature === undefined) fail(p, 'a thought without its signature is not taken');
});

const textPart = object({ text: str({ min: 1 }) });
const content = object({ parts: list(part, { min: 1 }), role: (v, p) => { if (v !== 'user' && v !== 'model') fail(p, 'Please use a valid role: user, model.'); } });
const loneContent = object({ parts: list(part, { min: 1 }) }, { role: str({ values: ['user'] }) });
const contents = (v, p, c) => {
  if (!Array.isArray(v)) fail(p, 'Proto field is not repeating, cannot start list');
  if (v.length === 0) fail(p, 'contents is not specified');
  v.forEach((item, i) => (v.length === 1 ? loneContent : content)(item, `${p}[${i}]`, c));
};
const instruction = object({ parts: list(textPart, { min: 1 }) }, { role: str({ values: ['user', 'system'] }) });

const declaration = also(object({ name: toolName }, {
  description: str(), parameters: checkOpenApiSchema, parametersJsonSchema: checkJsonSchema, response: anyObject, responseJsonSchema: anyObject, behavior: str(),
}), (v, p, c) => {
  if (v.parameters !== undefined && v.parametersJsonSchema !== undefined) fail(p, 'parameters and parametersJsonSchema are mutually exclusive');
  if (c.ours && v.parameters && Object.keys(v.parameters.properties ?? {}).length === 0)
    fail(`${p}.parameters.properties`, 'should be non-empty for OBJECT type');
  for (const schema of [v.parameters, v.parametersJsonSchema])
    if (schema !== undefined && String(schema.type).toUpperCase() !== 'OBJECT') fail(`${p}.parameters`, 'functionDeclaration parameters schema should be of type OBJECT');
});
const builtIns = {
  googleSearch: anyObject, googleSearchRetrieval: anyObject, codeExecution: object({}), urlContext: object({}), googleMaps: anyObject,
  fileSearch: anyObject, computerUse: anyObject, enterpriseWebSearch: anyObject,
};
const tool = also(object({}, { functionDeclarations: list(declaration, { max: 512 }), ...builtIns }), (v, p, c) => {
  if (c.ours && v.functionDeclarations?.length === 0) fail(p, 'an empty list of functions');
  if (Object.keys(v).length === 0) fail(p, 'a tool must hold something');
});
const tools = (v, p, c) => (Array.isArray(v) ? list(tool, { min: 1 })(v, p, c) : tool(v, p, c));
const toolConfig = object({}, {
  functionCallingConfig: object({}, { mode: word('AUTO', 'ANY', 'NONE', 'VALIDATED'), allowedFunctionNames: list(toolName, { min: 1 }), streamFunctionCallArguments: bool }),
  retrievalConfig: anyObject,
  includeServerSideToolInvocations: bool,
});
const safety = object({ category: str({ re: /^HARM_CATEGORY_[A-Z_]+$/ }), threshold: str({ re: /^(BLOCK_[A-Z_]+|OFF|HARM_BLOCK_THRESHOLD_UNSPECIFIED)$/ }) });
const generationConfig = object({}, {
  temperature: num({ min: 0, max: 2 }),
  topP: num({ min: 0, max: 1 }),
  topK: int({ min: 1 }),
  candidateCount: int({ min: 1, max: 8 }),
  maxOutputTokens: int({ min: 1 }),
  stopSequences: list(str({ min: 1 }), { max: 5 }),
  responseMimeType: str({ values: ['text/plain', 'application/json', 'text/x.enum'] }),
  responseSchema: checkOpenApiSchema,
  responseJsonSchema: checkJsonSchema,
  responseModalities: list(word('TEXT', 'IMAGE', 'AUDIO')),
  presencePenalty: num({ min: -2, max: 2 }),
  frequencyPenalty: num({ min: -2, max: 2 }),
  seed: int({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
  responseLogprobs: bool,
  logprobs: int({ min: 0, max: 20 }),
  mediaResolution: str({ re: /^MEDIA_RESOLUTION_[A-Z_]+$/ }),
  speechConfig: anyObject,
  imageConfig: anyObject,
  audioTimestamp: bool,
  thinkingConfig: object({}, { includeThoughts: bool, thinkingBudget: int({ min: -1 }), thinkingLevel: word('MINIMAL', 'LOW', 'MEDIUM', 'HIGH') }),
  enableEnhancedCivicAnswers: bool,
});

const fields = {
  systemInstruction: instruction,
  tools,
  toolConfig,
  safetySettings: list(safety),
  generationConfig,
  cachedContent: str({ re: /^cachedContents\// }),
  serviceTier: str({ values: ['standard', 'flex', 'priority'] }),
  store: bool,
  labels: map(str()),
};
const generateShape = object({ contents }, fields);
const innerShape = object({ contents, model: str({ re: /^models\// }) }, fields);
const countShape = also(object({}, { contents, generateContentRequest: innerShape }), (v, p) => {
  if ((v.contents === undefined) === (v.generateContentRequest === undefined)) fail(p, 'exactly one of contents and generateContentRequest is required');
});
const embedFields = { taskType: str(), title: str(), outputDimensionality: int({ min: 1 }) };
const embedContent = object({ parts: list(textPart, { min: 1 }) }, { role: str({ values: ['user'] }) });
const embedShape = object({ content: embedContent }, { model: str({ re: /^models\// }), ...embedFields });
const batchShape = object({ requests: list(object({ content: embedContent, model: str({ re: /^models\// }) }, embedFields), { min: 1, max: 100 }) });
const shapes = { chat: generateShape, count: countShape, embed: embedShape, embedBatch: batchShape };

// ---------------------------------------------------------------- rules between fields

const holding = (item, field) => item.parts.filter((p) => p[field] !== undefined);

function checkConversation(items, known, { ours, signed }) {
  const role = (item) => item.role ?? 'user';
  if (role(items[0]) === 'model' && holding(items[0], 'functionCall').length > 0)
    fail('contents', 'Please ensure that function call turn comes immediately after a user turn or after a function response turn.');
  items.forEach((item, i) => {
    const p = `contents[${i}]`;
    const before = items[i - 1];
    if (ours && before && role(before) === role(item)) fail(p, `two turns of role ${role(item)} in a row`);
    const calls = holding(item, 'functionCall');
    const results = holding(item, 'functionResponse');
    if (calls.length > 0 && role(item) !== 'model') fail(p, 'a functionCall belongs to the model');
    if (results.length > 0 && role(item) !== 'user') fail(p, 'a functionResponse belongs to the user');
    checkResults(before ? holding(before, 'functionCall') : [], results, p);
    if (calls.length > 0 && i === items.length - 1) fail(p, 'a function call turn must be followed by its function responses');
    if (!known.resultMedia && results.some((r) => r.functionResponse.parts?.length > 0)) fail(p, 'Multimodal function responses are not supported by this model');
  });
  checkSignatures(items, known, signed);
}

function checkResults(calls, results, p) {
  if (calls.length !== results.length)
    fail(p, 'Please ensure that the number of function response parts is equal to the number of function call parts of the function call turn.');
  const open = calls.map((c) => c.functionCall);
  for (const { functionResponse: r } of results) {
    const k = open.findIndex((c) => (r.id !== undefined && c.id !== undefined ? c.id === r.id : c.name === r.name));
    if (k < 0) fail(p, `no function call of the turn before fits the response ${r.id ?? r.name}`);
    if (open[k].name !== r.name) fail(p, `the response ${r.id} names ${r.name}, the call was to ${open[k].name}`);
    open.splice(k, 1);
  }
}

/** What no model made: the documented word for a history that has no signature. */
const sentinel = 'skip_thought_signature_validator';

/** A signature goes back on the kind of part it came with, and the current loop must bring those of its first calls (GM-8). */
function checkSignatures(items, known, signed) {
  if (signed)
    items.forEach((item, i) => item.parts.forEach((p, k) => {
      if (p.thoughtSignature === undefined || (p.thoughtSignature === sentinel && p.functionCall)) return;
      const owner = signed.text(p.thoughtSignature);
      if (owner === undefined) fail(`contents[${i}].parts[${k}]`, 'Corrupted thought signature.');
      if (owner !== ownerOf(p)) fail(`contents[${i}].parts[${k}]`, `Thought signature is not valid: it came with ${owner}, not with ${ownerOf(p)}`);
    }));
  if (!known.signs) return;
  const start = items.findLastIndex((item) => (item.role ?? 'user') === 'user' && holding(item, 'functionResponse').length === 0);
  items.slice(start + 1).forEach((item) => {
    const [first] = holding(item, 'functionCall');
    if (first && first.thoughtSignature === undefined)
      fail('contents', `Function call is missing a thought_signature in functionCall parts. This is required for tools to work correctly: ${first.functionCall.name}`);
  });
}

const ownerOf = (p) => (p.functionCall ? `functionCall ${p.functionCall.name}` : 'text');
const listOf = (v) => (Array.isArray(v) ? v : v === undefined ? [] : [v]);
const declarationsOf = (body) => listOf(body.tools).flatMap((t) => t.functionDeclarations ?? []);

function checkTools(body, known) {
  const names = declarationsOf(body).map((d) => d.name);
  const twice = names.find((n, i) => names.indexOf(n) !== i);
  if (twice !== undefined) fail('tools', `Duplicate function declaration found: ${twice}`);
  const built = listOf(body.tools).some((t) => Object.keys(t).some((k) => k in builtIns));
  if (names.length > 0 && !known.tools) fail('tools', 'Function calling is not enabled for this model');
  if (names.length > 0 && built && !known.mixed) fail('tools', 'Tool use with function calling is unsupported');
  if (names.length > 0 && built && body.toolConfig?.includeServerSideToolInvocations !== true)
    fail('toolConfig', 'Please enable tool_config.include_server_side_tool_invocations to use Built-in tools with Function calling.');
  const config = body.toolConfig?.functionCallingConfig;
  if (!config) return;
  if (names.length === 0) fail('toolConfig', 'Function calling config is set without function_declarations.');
  const mode = (config.mode ?? 'AUTO').toUpperCase();
  if (config.allowedFunctionNames && mode !== 'ANY' && mode !== 'VALIDATED') fail('toolConfig', 'Allowed function names should be set only when calling mode is ANY or VALIDATED');
  for (const n of config.allowedFunctionNames ?? [])
    if (!names.includes(n)) fail('toolConfig', `allowed_function_names: ${n} is not declared`);
}

function checkConfig(body, known) {
  const config = body.generationConfig ?? {};
  const json = config.responseMimeType === 'application/json';
  if (config.responseSchema && config.responseJsonSchema) fail('generationConfig', 'response_schema and response_json_schema are mutually exclusive');
  if ((config.responseSchema || config.responseJsonSchema) && !json && config.responseMimeType !== 'text/x.enum')
    fail('generationConfig', 'A response schema needs response_mime_type application/json');
  if (json && !known.json) fail('generationConfig', 'JSON mode is not enabled for this model');
  if (json && declarationsOf(body).length > 0 && !known.mixed)
    fail('generationConfig', "Function calling with a response mime type: 'application/json' is unsupported");
  for (const k of ['presencePenalty', 'frequencyPenalty'])
    if (config[k] !== undefined && !known.penalties) fail(`generationConfig.${k}`, 'Penalty is not enabled for this model');
  if (config.logprobs !== undefined && config.responseLogprobs !== true) fail('generationConfig.logprobs', 'Logprobs needs response_logprobs');
  checkThinking(config.thinkingConfig, known);
}

function checkThinking(config, known) {
  const p = 'generationConfig.thinkingConfig';
  if (!config) return;
  const { thinkingBudget: budget, thinkingLevel: level } = config;
  if (budget !== undefined && level !== undefined) fail(p, 'You can only set only one of thinking budget and thinking level.');
  if (!known.budget && !known.levels) fail(p, 'Thinking is not enabled for this model');
  if (level !== undefined && !known.levels) fail(p, 'Thinking level is not supported for this model.');
  if (level !== undefined && !known.levels.includes(level.toUpperCase())) fail(p, `Thinking level ${level} is not supported for this model.`);
  if (budget === undefined || budget === -1) return;
  if (!known.budget) fail(p, 'Thinking budget is not supported for this model, use thinking level.');
  if (budget === 0 && known.off) return;
  const [low, high] = known.budget;
  if (budget < low || budget > high) fail(p, `The thinking budget ${budget} is invalid. Please choose a value between ${low} and ${high}.`);
}

/**
 * Refuses (throws Refusal) what the API refuses; the body is canonical. `ours` adds what the API takes and this gateway does
 * not send: turns not merged (GM-3), unsigned thoughts (GM-9), empty parameters (GM-11),
 * `$schema` (GM-10), files of any host (GM-18), empty texts and lists.
 */
export function validate(body, { op = 'chat', call = {}, signed = null, ours = true } = {}) {
  shapes[op](body, '', { ours });
  if (op === 'embedBatch')
    for (const r of body.requests)
      if (call.model && r.model !== `models/${call.model}`) fail('requests.model', 'the model of a request must be that of the address');
  if (op === 'embed' || op === 'embedBatch') return;
  const inner = body.generateContentRequest ?? body;
  const known = facts(call.model ?? '');
  if (inner.systemInstruction && !known.system) fail('systemInstruction', `Developer instruction is not enabled for models/${call.model}`);
  checkConversation(inner.contents, known, { ours, signed });
  checkTools(inner, known);
  checkConfig(inner, known);
}

/** Refuses the call by its headers alone. */
export function validateHeaders(headers, wanted) {
  if (headers['x-goog-api-key'] !== wanted) throw new Refusal('', 'API key not valid. Please pass a valid API key.', { status: 400, reason: 'API_KEY_INVALID' });
  for (const alien of ['authorization', 'x-api-key', 'anthropic-version', 'anthropic-beta', 'openai-beta'])
    if (headers[alien] !== undefined) throw new Refusal('', `a header of another API was sent: ${alien}`);
}

// ---------------------------------------------------------------- errors

const statuses = {
  400: 'INVALID_ARGUMENT', 401: 'UNAUTHENTICATED', 402: 'RESOURCE_EXHAUSTED', 403: 'PERMISSION_DENIED', 404: 'NOT_FOUND', 413: 'INVALID_ARGUMENT',
  429: 'RESOURCE_EXHAUSTED', 500: 'INTERNAL', 503: 'UNAVAILABLE', 504: 'DEADLINE_EXCEEDED', 529: 'UNAVAILABLE',
};
const hints = {
  429: [{ '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '7s' }],
};

export const errorBody = (status, message) => ({
  error: { code: status, message, status: statuses[status] ?? 'UNKNOWN', ...(hints[status] ? { details: hints[status] } : {}) },
});
export const noModel = (model) =>
  new Refusal('', `models/${model} is not found for API version v1beta, or is not supported for generateContent.`, { status: 404 });
export const tooLong = ['The input token count (1250074) exceeds the maximum number of tokens allowed (1048576).', {}];

// ---------------------------------------------------------------- reading a valid request

const media = (p) => [p.inlineData, ...(p.functionResponse?.parts ?? []).map((r) => r.inlineData)]
  .filter(Boolean)
  .map((b) => ({ type: b.mimeType, size: Buffer.from(b.data, 'base64').length, name: b.displayName ?? null }));
const textOf = (item) => item.parts.filter((p) => p.text !== undefined && !p.thought).map((p) => p.text).join('');

/** Text of a result: one `output`, `result` or `error` alone is that text, everything else its JSON (GC-3). */
function resultOf({ functionResponse: r }, k) {
  const keys = Object.keys(r.response);
  const lone = keys.length === 1 && ['output', 'result', 'error'].includes(keys[0]) ? r.response[keys[0]] : null;
  return {
    id: r.id ?? `${r.name}#${k}`, name: r.name, error: keys.length === 1 && keys[0] === 'error',
    text: typeof lone === 'string' ? lone : JSON.stringify(lone ?? r.response),
  };
}

/** What the scenarios need to know of a request, in words all formats share. */
export function read(body, call) {
  const { contents: items, generationConfig: config = {} } = body;
  const mode = body.toolConfig?.functionCallingConfig?.mode?.toUpperCase() ?? null;
  const all = items.flatMap((item) => item.parts.flatMap(media));
  const said = items.map((item) => [item.role ?? 'user', textOf(item)]).filter(([, text]) => text !== '');
  return {
    model: call.model,
    stream: call.stream,
    system: (body.systemInstruction?.parts ?? []).map((p) => p.text).join('\n'),
    userText: said.findLast(([role]) => role === 'user')?.[1] ?? '',
    results: holding(items.at(-1), 'functionResponse').map(resultOf),
    images: all.filter((m) => m.type.startsWith('image/')),
    files: all.filter((m) => !m.type.startsWith('image/')),
    tools: declarationsOf(body).map((d) => d.name),
    choice: mode && { mode: { AUTO: 'auto', ANY: 'required', NONE: 'none', VALIDATED: 'auto' }[mode], names: body.toolConfig.functionCallingConfig.allowedFunctionNames ?? [] },
    parallel: true,
    schema: config.responseJsonSchema ?? config.responseSchema ?? null,
    stops: config.stopSequences ?? [],
    thinking: config.thinkingConfig?.includeThoughts === true,
    maxTokens: config.maxOutputTokens,
    usageWanted: true,
    history: {
      said: said.map(([role, text]) => [role === 'model' ? 'assistant' : role, text]),
      calls: items.flatMap((item) => holding(item, 'functionCall')).map((p) => ({ id: p.functionCall.id ?? null, name: p.functionCall.name, args: p.functionCall.args ?? {} })),
      results: items.flatMap((item) => holding(item, 'functionResponse')).map(resultOf),
      thoughts: items.flatMap((item) => item.parts.filter((p) => p.thoughtSignature !== undefined).map((p) => p.thoughtSignature)),
    },
  };
}

// ---------------------------------------------------------------- rendering a plan

const finishReasons = { stop: 'STOP', length: 'MAX_TOKENS', tool_calls: 'STOP', refusal: 'SAFETY', stop_sequence: 'STOP' };

/** A model that thinks signs its first call, or else the end of its text. */
export function seal(plan, signed) {
  const known = facts(plan.model);
  if (!known.signs && !plan.thinking) return;
  plan.signature = signed.issue(plan.calls.length > 0 ? `functionCall ${plan.calls[0].name}` : 'text');
}

const usageOf = (plan) => {
  const { uncached, read: hit, write5m, write1h, output, reasoning } = plan.usage;
  const prompt = uncached + hit + write5m + write1h;
  return {
    promptTokenCount: prompt, candidatesTokenCount: output - reasoning, totalTokenCount: prompt + output,
    ...(hit > 0 ? { cachedContentTokenCount: hit } : {}),
    promptTokensDetails: [{ modality: 'TEXT', tokenCount: prompt }],
    ...(reasoning > 0 ? { thoughtsTokenCount: reasoning } : {}),
  };
};
/** Early chunks do not count the answer yet. */
const earlyUsage = (plan) => {
  const { candidatesTokenCount: _, ...rest } = usageOf(plan);
  return rest;
};

const callParts = (plan) => plan.calls.map((c, k) => ({
  functionCall: { name: c.name, args: rawJson(c.args.join('') || '{}'), ...(facts(plan.model).signs ? { id: c.id } : {}) },
  ...(k === 0 && plan.signature ? { thoughtSignature: plan.signature } : {}),
}));
const signs = (plan) => (plan.signature && plan.calls.length === 0 ? { thoughtSignature: plan.signature } : {});

const answerOf = (plan, parts, finishReason, usageMetadata) => ({
  candidates: [{ content: { ...(parts.length > 0 ? { parts } : {}), role: 'model' }, ...(finishReason ? { finishReason } : {}), index: 0 }],
  usageMetadata, modelVersion: plan.model, responseId: plan.id,
});
const blocked = (plan) => ({
  promptFeedback: { blockReason: 'PROHIBITED_CONTENT' },
  usageMetadata: { promptTokenCount: 12, totalTokenCount: 12 }, modelVersion: plan.model, responseId: plan.id,
});

/** The whole answer. */
export function whole(plan) {
  if (plan.blocked) return blocked(plan);
  const parts = [];
  if (plan.thinking) parts.push({ text: plan.thinking.join(''), thought: true });
  if (plan.text.length > 0) parts.push({ text: plan.text.join(''), ...signs(plan) });
  parts.push(...callParts(plan));
  return answerOf(plan, parts, finishReasons[plan.finish], usageOf(plan));
}

/** Where one chunk ends and the next begins: event streams, or one JSON array (GC-4, GC-5). */
const frame = (plan, text, first = false) => (plan.call?.array ? `${first ? '[' : ',\r\n'}${text}` : `data: ${text}\r\n\r\n`);

/** The stream as a list of {kind, bytes}: kind is head, body, finish or end. Exact sequence of the reference (2.5). */
export function stream(plan, stringify) {
  const out = [];
  const put = (kind, data) => out.push({ kind, bytes: frame(plan, stringify(data), out.length === 0) });
  const body = (...parts) => put('body', answerOf(plan, parts, null, earlyUsage(plan)));
  if (plan.blocked) put('finish', blocked(plan));
  else {
    for (const t of plan.thinking ?? []) body({ text: t, thought: true });
    for (const t of plan.text) body({ text: t });
    for (const p of callParts(plan)) body(p);
    put('finish', answerOf(plan, [{ text: '', ...signs(plan) }], finishReasons[plan.finish], usageOf(plan)));
    if (plan.duplicate) put('finish', answerOf(plan, [{ text: '' }], finishReasons[plan.finish], usageOf(plan)));
  }
  if (plan.call?.array) out.push({ kind: 'end', bytes: ']' });
  return out;
}

export const streamType = (plan) => (plan.call.array ? 'application/json; charset=UTF-8' : 'text/event-stream');

/** One text chunk of the given (raw, already escaped) JSON string content. */
export const textEvent = (escaped, plan) => frame(plan,
  `{"candidates": [{"content": {"parts": [{"text": "${escaped}"}],"role": "model"},"index": 0}],"usageMetadata": {"promptTokenCount": 12,"totalTokenCount": 12},"modelVersion": ${JSON.stringify(plan.model)},"responseId": "${plan.id}"}`);

/** The last thing of a stream; an array is closed after it. */
export const errorEvent = (status, message, plan, first = false) =>
  frame(plan, JSON.stringify(errorBody(status, message)), first) + (plan.call?.array ? ']' : '');

export const endlessHead = () => [];

// ---------------------------------------------------------------- answers that need no scenario

const about = (model) => {
  const embeds = model.includes('embedding');
  return {
    name: `models/${model}`, version: '001', displayName: model, description: `The fake ${model}`, inputTokenLimit: 1048576, outputTokenLimit: 65536,
    supportedGenerationMethods: embeds ? ['embedContent', 'countTokens'] : ['generateContent', 'countTokens', 'createCachedContent', 'batchGenerateContent'],
    ...(embeds ? {} : { temperature: 1, topP: 0.95, topK: 64, maxTemperature: 2, thinking: Boolean(facts(model).budget ?? facts(model).levels) }),
  };
};
const vector = ({ content: c }) => ({ values: [c.parts.map((p) => p.text).join('').length, 0.5, -0.25] });

export const answers = {
  models: ({ models }) => ({ models: models.map(about) }),
  model: ({ model }) => about(model),
  count: ({ body }) => {
    const n = 10 + JSON.stringify(body.contents ?? body.generateContentRequest.contents).length;
    return { totalTokens: n, promptTokensDetails: [{ modality: 'TEXT', tokenCount: n }] };
  },
  embed: ({ body }) => ({ embedding: vector(body) }),
  embedBatch: ({ body }) => ({ embeddings: body.requests.map(vector) }),
};

export const callId = (n) => `fake${String(n).padStart(4, '0')}`;
export const messageId = (n) => `fakeGemini${String(n).padStart(6, '0')}`;
