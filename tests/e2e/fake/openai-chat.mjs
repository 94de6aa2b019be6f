// OpenAI Chat Completions as a strict server sees it: refuses what the real API refuses, or more; renders plans on the wire.
import {
  Refusal, allRequired, also, any, anyObject, base64, bool, closedObjects, constant, fail, imageData, int, list, map,
  nullable, num, object, sniff, str, strOr, tagged,
} from './check.mjs';

export const name = 'openai-chat';
export const key = 'openaiKey';
export const catalogue = ['gpt-4o', 'gpt-4o-mini', 'gpt-4.1', 'gpt-5', 'o4-mini', 'deepseek-chat', 'deepseek-reasoner', 'compat-chat'];
export const routes = [
  { method: 'POST', path: /^\/v1\/chat\/completions$/, op: 'chat' },
  { method: 'GET', path: /^\/v1\/models$/, op: 'models', when: (headers) => headers['anthropic-version'] === undefined },
];

// ---------------------------------------------------------------- what the models can do

const isReasoning = (model) => /^(o\d|gpt-([5-9]|\d\d))/.test(model) && !/^gpt-5[^/]*-chat/.test(model);
/** Other hosts that speak this format take a few fields OpenAI refuses. */
const isCompat = (model) => /^(deepseek|qwen|kimi|glm|grok|compat)/.test(model);
const noSystem = (model) => /^o1-(mini|preview)/.test(model);
const noStop = (model) => /^(o3|o4|gpt-([5-9]|\d\d))/.test(model) && isReasoning(model);

// ---------------------------------------------------------------- shapes

const ident = str({ re: /^[a-zA-Z0-9_-]{1,64}$/ });
const breakpoint = { prompt_cache_breakpoint: object({ mode: constant('explicit') }) };
const text = object({ type: any, text: str({ min: 1 }) }, breakpoint);
const dataUrl = /^data:([^;,]+);base64,(.*)$/s;

const imageUrl = (v, p) => {
  const found = dataUrl.exec(v);
  if (found) imageData(found[1], found[2], p);
  else if (!/^https?:\/\//.test(v)) fail(p, `Invalid image_url. Expected a valid URL or a base64 data URL`, { code: 'invalid_image_url' });
};
const image = object({
  type: any,
  image_url: object({ url: also(str({ min: 1 }), imageUrl) }, { detail: str({ values: ['auto', 'low', 'high'] }) }),
}, breakpoint);
const audio = object({
  type: any,
  input_audio: also(object({ data: str(), format: str({ values: ['wav', 'mp3'] }) }), (v, p) => {
    const bytes = base64(v.data, `${p}.data`);
    if (v.format === 'wav' && sniff(bytes) !== 'audio/wav') fail(p, 'The data provided is not a valid wav file');
  }),
}, breakpoint);
const file = object({
  type: any,
  file: also(object({}, { file_data: str({ min: 1 }), file_id: str({ min: 1 }), filename: str({ min: 1 }) }), (v, p) => {
    if ((v.file_data === undefined) === (v.file_id === undefined)) fail(p, 'exactly one of file_data and file_id is required');
    if (v.file_data === undefined) return;
    if (v.filename === undefined) fail(`${p}.filename`, 'Missing required parameter');
    const found = dataUrl.exec(v.file_data);
    if (!found) fail(`${p}.file_data`, 'Expected a base64-encoded data URL');
    base64(found[2], `${p}.file_data`);
  }),
}, breakpoint);
const refusal = object({ type: any, refusal: str({ min: 1 }) });

const plain = strOr(str(), list(tagged('type', { text }), { min: 1 }));
const functionCall = object({ name: ident, arguments: str() });
const toolCall = tagged('type', {
  function: object({ id: str({ min: 1, max: 64 }), type: any, function: functionCall }),
  custom: object({ id: str({ min: 1, max: 64 }), type: any, custom: object({ name: ident, input: str() }) }),
});
const messageShapes = {
  system: object({ role: any, content: plain }, { name: ident }),
  developer: object({ role: any, content: plain }, { name: ident }),
  user: object({ role: any, content: strOr(str(), list(tagged('type', { text, image_url: image, input_audio: audio, file }), { min: 1 })) }, { name: ident }),
  assistant: (v, p, c) =>
    object({ role: any }, {
      name: ident,
      content: nullable(strOr(str(), list(tagged('type', { text, refusal }), { min: 1 }))),
      refusal: nullable(str()),
      audio: nullable(object({ id: str({ min: 1 }) })),
      annotations: list(anyObject),
      function_call: nullable(functionCall),
      tool_calls: list(toolCall, { min: 1 }),
      ...(c.compat ? { reasoning_content: nullable(str()) } : {}),
    })(v, p, c),
  tool: object({ role: any, tool_call_id: str({ min: 1, max: 64 }), content: plain }),
  function: object({ role: any, name: ident, content: nullable(str()) }),
};
const message = tagged('role', messageShapes);

const parameters = also(anyObject, (v, p) => {
  if (v.type !== 'object') fail(p, `schema must be a JSON Schema of 'type: "object"', got 'type: "${v.type ?? 'None'}"'.`, { code: 'invalid_function_parameters' });
});
const functionTool = also(object({ name: ident }, { description: str(), parameters, strict: nullable(bool) }), (v, p) => {
  if (v.strict !== true) return;
  closedObjects(v.parameters ?? {}, `${p}.parameters`);
  allRequired(v.parameters ?? {}, `${p}.parameters`);
});
const grammar = object({ syntax: str({ values: ['lark', 'regex'] }), definition: str() });
const customTool = object({ name: ident }, {
  description: str(),
  format: tagged('type', { text: object({ type: any }), grammar: object({ type: any, grammar }) }),
});
const tool = tagged('type', {
  function: object({ type: any, function: functionTool }),
  custom: object({ type: any, custom: customTool }),
});
const toolChoice = strOr(str({ values: ['none', 'auto', 'required'] }), tagged('type', {
  function: object({ type: any, function: object({ name: ident }) }),
  custom: object({ type: any, custom: object({ name: ident }) }),
  allowed_tools: object({ type: any, allowed_tools: object({ mode: str({ values: ['auto', 'required'] }), tools: list(anyObject, { min: 1 }) }) }),
}));
const jsonSchema = also(object({ name: ident }, { description: str(), schema: anyObject, strict: nullable(bool) }), (v, p) => {
  if (v.strict !== true) return;
  if (v.schema?.type !== 'object') fail(`${p}.schema`, "schema must be a JSON Schema of 'type: \"object\"'");
  closedObjects(v.schema, `${p}.schema`);
  allRequired(v.schema, `${p}.schema`);
});
const penalty = nullable(num({ min: -2, max: 2 }));

const fields = {
  audio: nullable(anyObject),
  frequency_penalty: penalty,
  function_call: strOr(str({ values: ['none', 'auto'] }), object({ name: ident })),
  functions: list(object({ name: ident }, { description: str(), parameters: anyObject }), { min: 1, max: 128 }),
  logit_bias: nullable(map(num({ min: -100, max: 100 }))),
  logprobs: nullable(bool),
  max_completion_tokens: nullable(int({ min: 1 })),
  max_tokens: nullable(int({ min: 1 })),
  metadata: nullable(map(str({ max: 512 }), { max: 16 })),
  modalities: nullable(list(str({ values: ['text', 'audio'] }), { min: 1 })),
  moderation: nullable(object({ model: str() }, { policy: nullable(anyObject) })),
  n: nullable(int({ min: 1, max: 128 })),
  parallel_tool_calls: bool,
  prediction: nullable(object({ type: constant('content'), content: plain })),
  presence_penalty: penalty,
  prompt_cache_key: nullable(str()),
  prompt_cache_options: object({}, { mode: str({ values: ['implicit', 'explicit'] }), ttl: str({ values: ['30m'] }) }),
  prompt_cache_retention: nullable(str({ values: ['in_memory', 'in-memory', '24h'] })),
  reasoning_effort: nullable(str({ values: ['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max'] })),
  response_format: tagged('type', {
    text: object({ type: any }),
    json_object: object({ type: any }),
    json_schema: object({ type: any, json_schema: jsonSchema }),
  }),
  safety_identifier: nullable(str({ max: 64 })),
  seed: nullable(int()),
  service_tier: nullable(str({ values: ['auto', 'default', 'flex', 'scale', 'priority'] })),
  stop: nullable(strOr(str({ min: 1 }), list(str({ min: 1 }), { min: 1, max: 4 }))),
  store: nullable(bool),
  stream: nullable(bool),
  stream_options: nullable(object({}, { include_usage: bool, include_obfuscation: bool })),
  temperature: nullable(num({ min: 0, max: 2 })),
  tool_choice: toolChoice,
  tools: list(tool, { min: 1, max: 128 }),
  top_logprobs: nullable(int({ min: 0, max: 20 })),
  top_p: nullable(num({ min: 0, max: 1 })),
  user: str(),
  verbosity: nullable(str({ values: ['low', 'medium', 'high'] })),
  web_search_options: object({}, { search_context_size: str({ values: ['low', 'medium', 'high'] }), user_location: nullable(anyObject) }),
};
const required = { model: str({ min: 1 }), messages: list(message, { min: 1 }) };
const shape = object(required, fields);
/** What compatible hosts know beyond it (formats.md 2.1, OC-15). */
const compatShape = object(required, { ...fields, top_k: nullable(int()), min_p: nullable(num()), repetition_penalty: nullable(num()) });

// ---------------------------------------------------------------- rules between fields

const set = (v) => v !== undefined && v !== null;

function checkConversation(messages) {
  let open = null;
  messages.forEach((m, i) => {
    const p = `messages.[${i}]`;
    if (m.role === 'tool') {
      if (!open) fail(`${p}.role`, "messages with role 'tool' must be a response to a preceeding message with 'tool_calls'.");
      if (!open.has(m.tool_call_id)) fail(`${p}.tool_call_id`, `'tool_call_id' of '${m.tool_call_id}' not found in 'tool_calls' of previous message.`);
      if (open.get(m.tool_call_id)) fail(`${p}.tool_call_id`, `Duplicate value for 'tool_call_id' of '${m.tool_call_id}'`);
      open.set(m.tool_call_id, true);
      return;
    }
    closeCalls(open, p);
    open = null;
    if (m.role === 'function' && !(messages[i - 1]?.function_call || messages[i - 1]?.role === 'function'))
      fail(`${p}.role`, "messages with role 'function' must be a response to a preceeding message with 'function_call'.");
    if (m.role !== 'assistant') return;
    if (!set(m.content) && !m.tool_calls && !set(m.function_call) && !set(m.refusal) && !set(m.audio))
      fail(`${p}.content`, "Invalid value for 'content': expected a string, got null.");
    if (!m.tool_calls) return;
    open = new Map();
    for (const call of m.tool_calls) {
      if (open.has(call.id)) fail(`${p}.tool_calls`, `Duplicate tool call id '${call.id}'`);
      open.set(call.id, false);
    }
  });
  closeCalls(open, 'messages');
}

function closeCalls(open, p) {
  const missing = [...(open ?? [])].filter(([, done]) => !done).map(([id]) => id);
  if (missing.length > 0)
    fail(p, `An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. The following tool_call_ids did not have response messages: ${missing.join(', ')}`);
}

function checkTools(body) {
  const names = (body.tools ?? []).map((t) => (t.function ?? t.custom).name);
  const twice = names.find((n, i) => names.indexOf(n) !== i);
  if (twice !== undefined) fail('tools', `Duplicate tool name '${twice}'`);
  if (!body.tools) {
    for (const key of ['tool_choice', 'parallel_tool_calls'])
      if (key in body) fail(key, `Invalid value for '${key}': '${key}' is only allowed when 'tools' are specified.`);
  }
  if (body.function_call && !body.functions) fail('function_call', "'function_call' is only allowed when 'functions' are specified.");
  if (body.functions && body.tools) fail('functions', "'functions' and 'tools' cannot both be given");
  const named = body.tool_choice?.function?.name ?? body.tool_choice?.custom?.name;
  if (named !== undefined && !names.includes(named)) fail('tool_choice', `Invalid value: Tool choice '${named}' not found in 'tools' parameter.`);
  for (const t of body.tool_choice?.allowed_tools?.tools ?? [])
    if (!names.includes(t.function?.name ?? t.custom?.name ?? t.name)) fail('tool_choice', 'an allowed tool was not found in tools');
}

const unsupported = (key, message) => fail(key, message, { code: 'unsupported_parameter' });

function checkModel(body) {
  const { model } = body;
  body.messages.forEach((m, i) => {
    if (noSystem(model) && (m.role === 'system' || m.role === 'developer'))
      fail(`messages[${i}].role`, `Unsupported value: 'messages[${i}].role' does not support '${m.role}' with this model.`, { code: 'unsupported_value' });
    if (isCompat(model) && m.role === 'developer')
      fail(`messages[${i}].role`, "unknown role 'developer', expected one of system, user, assistant, tool");
  });
  if (isReasoning(model)) {
    if (set(body.max_tokens)) unsupported('max_tokens', "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.");
    for (const key of ['temperature', 'top_p', 'n'])
      if (set(body[key]) && body[key] !== 1) fail(key, `Unsupported value: '${key}' does not support ${body[key]} with this model. Only the default (1) value is supported.`, { code: 'unsupported_value' });
    for (const key of ['presence_penalty', 'frequency_penalty'])
      if (set(body[key]) && body[key] !== 0) unsupported(key, `Unsupported parameter: '${key}' is not supported with this model.`);
    for (const key of ['logit_bias', 'logprobs', 'top_logprobs'])
      if (set(body[key])) unsupported(key, `Unsupported parameter: '${key}' is not supported with this model.`);
    if (noStop(model) && set(body.stop)) unsupported('stop', "Unsupported parameter: 'stop' is not supported with this model.");
  } else if (set(body.reasoning_effort) && !isCompat(model)) {
    unsupported('reasoning_effort', 'Unrecognized request argument supplied: reasoning_effort');
  }
}

/** Refuses (throws Refusal) what the API refuses. */
export function validate(body) {
  const compat = isCompat(typeof body.model === 'string' ? body.model : '');
  (compat ? compatShape : shape)(body, '', { compat });
  if (set(body.max_tokens) && set(body.max_completion_tokens))
    fail('max_tokens', 'Setting \'max_tokens\' and \'max_completion_tokens\' at the same time is not supported.');
  if (set(body.stream_options) && body.stream !== true)
    fail('stream_options', "The 'stream_options' parameter is only allowed when 'stream' is enabled.");
  if (set(body.top_logprobs) && body.logprobs !== true)
    fail('top_logprobs', "'top_logprobs' is only allowed when 'logprobs' is enabled.");
  if ((body.modalities?.includes('audio') ?? false) !== set(body.audio)) fail('audio', "'audio' and the audio modality need each other");
  if (body.response_format?.type === 'json_object' && !/json/i.test(JSON.stringify(body.messages)))
    fail('messages', "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'.");
  checkConversation(body.messages);
  checkTools(body);
  checkModel(body);
}

/** Refuses the call by its headers alone. */
export function validateHeaders(headers, key) {
  if (headers.authorization === undefined)
    throw new Refusal('', "You didn't provide an API key.", { status: 401, code: null });
  if (headers.authorization !== `Bearer ${key}`)
    throw new Refusal('', 'Incorrect API key provided.', { status: 401, code: 'invalid_api_key' });
  for (const alien of ['x-api-key', 'anthropic-version', 'anthropic-beta', 'x-goog-api-key'])
    if (headers[alien] !== undefined) throw new Refusal('', `a header of another API was sent: ${alien}`);
}

// ---------------------------------------------------------------- reading a valid request

const errorTypes = { 401: 'invalid_request_error', 403: 'permission_error', 429: 'rate_limit_error', 500: 'server_error', 502: 'server_error', 503: 'server_error', 529: 'server_error' };

export const errorBody = (status, message, extra = {}) => ({
  error: { message, type: extra.type ?? errorTypes[status] ?? 'invalid_request_error', param: extra.param ?? null, code: extra.code ?? null },
});

export const noModel = (model) =>
  new Refusal('', `The model \`${model}\` does not exist or you do not have access to it.`, { status: 404, code: 'model_not_found' });
export const tooLong = [
  "This model's maximum context length is 128000 tokens. However, your messages resulted in 128001 tokens.",
  { code: 'context_length_exceeded', param: 'messages' },
];

const parts = (content) => (Array.isArray(content) ? content : []);
const textIn = (content) => (typeof content === 'string' ? content : parts(content).filter((b) => b.type === 'text').map((b) => b.text).join(''));

const imagesIn = (m) => parts(m.content).filter((b) => b.type === 'image_url').map((b) => {
  const found = dataUrl.exec(b.image_url.url);
  return found ? { type: found[1], size: Buffer.from(found[2], 'base64').length } : { type: 'url', size: 0 };
});
const filesIn = (m) => parts(m.content).filter((b) => b.type === 'file' || b.type === 'input_audio').map((b) => {
  if (b.type === 'input_audio') return { type: `audio/${b.input_audio.format}`, size: Buffer.from(b.input_audio.data, 'base64').length, name: null };
  const found = dataUrl.exec(b.file.file_data ?? '');
  return { type: found?.[1] ?? 'id', size: found ? Buffer.from(found[2], 'base64').length : 0, name: b.file.filename ?? null };
});
const resultOf = (m) => ({ id: m.tool_call_id, text: textIn(m.content), error: textIn(m.content).startsWith('Error: ') });
const choiceOf = (choice) => {
  if (choice === undefined) return null;
  if (typeof choice === 'string') return { mode: choice, names: [] };
  return choice.allowed_tools
    ? { mode: choice.allowed_tools.mode, names: choice.allowed_tools.tools.map((t) => (t.function ?? t.custom ?? t).name) }
    : { mode: 'required', names: [(choice.function ?? choice.custom).name] };
};

/** What the scenarios need to know of a request, in words all formats share. */
export function read(body) {
  const { messages } = body;
  const tail = messages.findLastIndex((m) => m.role !== 'tool');
  // Images of a tool result follow the results in a user message of their own (OC-5).
  const imagesOnly = messages.at(-1).role === 'user' && parts(messages.at(-1).content).length > 0
    && parts(messages.at(-1).content).every((b) => b.type === 'image_url') && messages.at(-2)?.role === 'tool';
  const end = imagesOnly ? messages.slice(0, -1).findLastIndex((m) => m.role !== 'tool') : tail;
  return {
    model: body.model,
    stream: body.stream === true,
    system: messages.filter((m) => m.role === 'system' || m.role === 'developer').map((m) => textIn(m.content)).join('\n'),
    userText: textIn(messages.findLast((m) => m.role === 'user' && textIn(m.content) !== '')?.content ?? ''),
    results: messages.slice(end + 1).filter((m) => m.role === 'tool').map(resultOf),
    images: messages.flatMap(imagesIn),
    files: messages.flatMap(filesIn),
    choice: choiceOf(body.tool_choice),
    tools: (body.tools ?? []).map((t) => (t.function ?? t.custom).name),
    parallel: body.parallel_tool_calls !== false,
    schema: body.response_format?.json_schema?.schema ?? null,
    stops: noStop(body.model) ? null : [body.stop ?? []].flat(),
    thinking: isCompat(body.model),
    maxTokens: body.max_completion_tokens ?? body.max_tokens,
    usageWanted: body.stream_options?.include_usage === true,
    history: {
      said: messages.filter((m) => m.role === 'user' || m.role === 'assistant').map((m) => [m.role, textIn(m.content)]).filter(([, text]) => text !== ''),
      calls: messages.flatMap((m) => m.tool_calls ?? []).map((c) => ({ id: c.id, name: (c.function ?? c.custom).name, args: c.function ? JSON.parse(c.function.arguments || '{}') : c.custom.input })),
      results: messages.filter((m) => m.role === 'tool').map(resultOf),
      thoughts: messages.map((m) => m.reasoning_content).filter(Boolean),
    },
  };
}

// ---------------------------------------------------------------- rendering a plan

const finishReasons = { stop: 'stop', length: 'length', tool_calls: 'tool_calls', refusal: 'stop', stop_sequence: 'stop' };

const usageOf = (plan) => {
  const { uncached, read: hit, write5m, write1h, output, reasoning } = plan.usage;
  const prompt = uncached + hit + write5m + write1h;
  return {
    prompt_tokens: prompt,
    completion_tokens: output,
    total_tokens: prompt + output,
    prompt_tokens_details: { cached_tokens: hit, audio_tokens: 0 },
    completion_tokens_details: { reasoning_tokens: reasoning, audio_tokens: 0, accepted_prediction_tokens: 0, rejected_prediction_tokens: 0 },
  };
};

const created = 1735689600;
const wholeArgs = (call) => call.rawEmpty ? '' : (call.args.join('') || '{}');

/** The whole answer. */
export function whole(plan) {
  const said = plan.text.join('');
  const refused = plan.finish === 'refusal';
  return {
    id: plan.id, object: 'chat.completion', created, model: plan.model,
    choices: [{
      index: 0,
      message: {
        role: 'assistant',
        content: refused || plan.text.length === 0 ? null : said,
        refusal: refused ? said : null,
        annotations: [],
        ...(plan.thinking ? { reasoning_content: plan.thinking.join('') } : {}),
        ...(plan.calls.length > 0
          ? { tool_calls: plan.calls.map((c) => ({ id: c.id, type: 'function', function: { name: c.name, arguments: wholeArgs(c) } })) }
          : {}),
      },
      logprobs: null,
      finish_reason: finishReasons[plan.finish],
    }],
    usage: usageOf(plan),
    service_tier: 'default',
    system_fingerprint: 'fp_fake',
  };
}

const frame = (data) => `data: ${JSON.stringify(data)}\n\n`;

/** Pieces of all calls, those of the second between those of the first: what real hosts do with parallel calls. */
function interleave(calls) {
  const out = calls.map((c, k) => ({ index: k, id: c.id, type: 'function', function: { name: c.name, arguments: '' } }));
  const longest = Math.max(0, ...calls.map((c) => c.args.length));
  for (let i = 0; i < longest; i++)
    calls.forEach((c, k) => {
      if (i < c.args.length) out.push({ index: k, function: { arguments: c.args[i] } });
    });
  return out;
}

/** The stream as a list of {kind, bytes}: kind is head, body, finish or end. Exact sequence of the reference (2.1). */
export function stream(plan) {
  const out = [];
  const base = { id: plan.id, object: 'chat.completion.chunk', created, model: plan.model, service_tier: 'default', system_fingerprint: 'fp_fake' };
  const late = plan.usageWanted ? { usage: null } : {};
  const put = (kind, delta, finish = null) =>
    out.push({ kind, bytes: frame({ ...base, choices: [{ index: 0, delta, logprobs: null, finish_reason: finish }], ...late }) });
  put('head', { role: 'assistant', content: '', refusal: null });
  if (plan.duplicate) put('head', { role: 'assistant', content: '', refusal: null });
  for (const t of plan.thinking ?? []) put('body', { reasoning_content: t });
  for (const t of plan.text) put('body', plan.finish === 'refusal' ? { refusal: t } : { content: t });
  for (const piece of interleave(plan.calls)) put('body', { tool_calls: [piece] });
  put('finish', {}, finishReasons[plan.finish]);
  if (plan.duplicate) put('finish', {}, finishReasons[plan.finish]);
  if (plan.usageWanted) out.push({ kind: 'finish', bytes: frame({ ...base, choices: [], usage: usageOf(plan) }) });
  out.push({ kind: 'end', bytes: 'data: [DONE]\n\n' });
  return out;
}

/** One content delta of the given (raw, already escaped) JSON string content. */
export const textEvent = (escaped, plan) =>
  `data: {"id":"${plan.id}","object":"chat.completion.chunk","created":${created},"model":${JSON.stringify(plan.model)},"choices":[{"index":0,"delta":{"content":"${escaped}"},"logprobs":null,"finish_reason":null}]}\n\n`;

export const errorEvent = (status, message) => frame(errorBody(status, message));

export const endlessHead = (plan) => stream({ ...plan, text: [], calls: [], thinking: null }).filter((e) => e.kind === 'head').map((e) => e.bytes);

/** Answers that need no scenario, by operation. */
export const answers = {
  models: ({ models }) => ({ object: 'list', data: models.map((id) => ({ id, object: 'model', created, owned_by: 'fake' })) }),
};

export const callId = (n) => `call_fake${String(n).padStart(4, '0')}`;
export const messageId = (n) => `chatcmpl-fake${String(n).padStart(6, '0')}`;
