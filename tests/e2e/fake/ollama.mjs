// Ollama's native API as a strict server sees it: refuses what the server refuses, and what it would silently ignore.
import { Refusal, also, any, anyObject, base64, bool, fail, int, list, map, nullable, num, object, sniff, str, strOr } from './check.mjs';
import { rawJson } from './raw.mjs';

export const name = 'ollama';
export const key = 'ollamaKey';
export const ground = /^\/api\//;
/** A stream is one JSON object a line. */
export const framing = 'lines';

/** What each model can do; a bare name means its tag `latest`. */
const abilities = {
  'llama3.2': ['completion', 'tools'],
  'qwen3-vl': ['completion', 'tools', 'vision', 'thinking'],
  'gpt-oss:20b': ['completion', 'tools', 'thinking', 'levels'],
  gemma3: ['completion', 'vision'],
  codellama: ['completion', 'insert'],
  'nomic-embed-text': ['embedding'],
};
export const catalogue = Object.keys(abilities).flatMap((model) => (model.includes(':') ? [model] : [model, `${model}:latest`]));
const can = (model, what) => abilities[model.replace(/:latest$/, '')]?.includes(what) ?? true;

export const routes = [
  { method: 'POST', path: /^\/api\/chat$/, op: 'chat' },
  { method: 'POST', path: /^\/api\/generate$/, op: 'chat', call: () => ({ generate: true }) },
  { method: 'POST', path: /^\/api\/embed$/, op: 'embed' },
  { method: 'POST', path: /^\/api\/embeddings$/, op: 'embedOne' },
  { method: 'POST', path: /^\/api\/show$/, op: 'show' },
  { method: 'GET', path: /^\/api\/tags$/, op: 'tags' },
  { method: 'GET', path: /^\/api\/ps$/, op: 'ps' },
  { method: 'GET', path: /^\/api\/version$/, op: 'version' },
];

// ---------------------------------------------------------------- shapes

const image = (v, p) => {
  const seen = sniff(base64(v, p));
  if (!seen?.startsWith('image/')) fail(p, `Failed to load image or audio file: ${seen ?? 'unknown format'}`);
};
const toolCall = object({ function: object({ name: str({ min: 1 }), arguments: anyObject }, { index: int({ min: 0 }) }) }, { id: str({ min: 1 }), type: str({ values: ['function'] }) });
const roles = {
  system: object({ role: any, content: str() }),
  user: object({ role: any, content: str() }, { images: list(image) }),
  assistant: object({ role: any }, { content: str(), thinking: str(), tool_calls: list(toolCall, { min: 1 }) }),
  tool: object({ role: any, content: str() }, { tool_name: str({ min: 1 }), tool_call_id: str({ min: 1 }), images: list(image) }),
};
const message = (v, p, c) => {
  anyObject(v, p);
  if (!Object.hasOwn(roles, v.role ?? '')) fail(`${p}.role`, `invalid role: ${v.role}`);
  roles[v.role](v, p, c);
};
const parameters = also(anyObject, (v, p) => {
  if (v.type !== 'object') fail(p, 'the parameters of a function are an object');
});
const tool = object({ type: str({ values: ['function'] }), function: object({ name: str({ min: 1 }) }, { description: str(), parameters }) });
const real = num();
const options = object({}, {
  ...Object.fromEntries(['num_ctx', 'num_predict', 'num_keep', 'num_batch', 'num_gpu', 'main_gpu', 'num_thread', 'top_k', 'repeat_last_n', 'seed', 'mirostat'].map((k) => [k, int()])),
  ...Object.fromEntries(['temperature', 'top_p', 'min_p', 'typical_p', 'repeat_penalty', 'presence_penalty', 'frequency_penalty', 'mirostat_tau', 'mirostat_eta', 'tfs_z'].map((k) => [k, real])),
  ...Object.fromEntries(['penalize_newline', 'use_mmap', 'use_mlock', 'numa', 'low_vram'].map((k) => [k, bool])),
  stop: list(str({ min: 1 })),
});
const duration = nullable((v, p) => {
  if (typeof v === 'number') return;
  str({ re: /^-?(\d+(\.\d+)?(ns|us|ms|s|m|h))+$/, hint: 'time: invalid duration' })(v, p);
});
const format = strOr(str({ values: ['', 'json'] }), anyObject);
const think = (v, p) => {
  if (typeof v === 'boolean') return;
  str({ values: ['low', 'medium', 'high', 'max'], hint: 'invalid think value' })(v, p);
};
const shared = { stream: bool, format, options, keep_alive: duration, think, truncate: bool, shift: bool, logprobs: bool, top_logprobs: int({ min: 0, max: 20 }) };
const model = str({ min: 1 });
const shapes = {
  chat: object({ model, messages: list(message, { min: 1 }) }, { ...shared, tools: list(tool) }),
  generate: object({ model, prompt: str() }, {
    ...shared, suffix: str(), images: list(image), system: str(), template: str(), context: list(int()), raw: bool,
  }),
  embed: object({ model, input: strOr(str(), list(str(), { min: 1 })) }, { truncate: bool, dimensions: int({ min: 1 }), keep_alive: duration, options }),
  embedOne: object({ model, prompt: str() }, { keep_alive: duration, options }),
  show: object({}, { model, name: model, verbose: bool, system: str(), template: str(), options: map(any) }),
};

// ---------------------------------------------------------------- rules between fields

/** A result that answers a call names the tool called (OU-2): by id where both have one, else by the tool's name, in order. */
function checkConversation(messages) {
  let open = [];
  messages.forEach((m, i) => {
    const p = `messages[${i}]`;
    if (m.role === 'tool') {
      const k = open.findIndex((c) => (m.tool_call_id !== undefined && c.id !== undefined ? c.id === m.tool_call_id : c.function.name === (m.tool_name ?? c.function.name)));
      // The server takes results that answer nothing, and does not miss any.
      if (k < 0 && open.length === 0) return;
      if (k < 0) fail(p, `no call before fits the result of ${m.tool_name}`);
      if (open[k].function.name !== m.tool_name) fail(p, `the result names ${m.tool_name ?? 'no tool'}, the call was to ${open[k].function.name}`);
      open.splice(k, 1);
      return;
    }
    open = m.role === 'assistant' ? [...(m.tool_calls ?? [])] : [];
    if (m.role === 'assistant' && !m.content && !m.thinking && open.length === 0) fail(p, 'an assistant message with nothing in it');
    if (m.role === 'user' && m.content === '' && !(m.images?.length > 0)) fail(p, 'a user message with nothing in it');
  });
}

function checkModel(body) {
  const needs = [
    ['tools', body.tools?.length > 0], ['thinking', body.think !== undefined && body.think !== false], ['insert', body.suffix !== undefined && body.suffix !== ''],
  ];
  for (const [what, asked] of needs)
    if (asked && !can(body.model, what)) fail('', what === 'tools' ? `registry.ollama.ai/library/${body.model} does not support tools` : `"${body.model}" does not support ${what}`);
  if (typeof body.think === 'string' && !can(body.model, 'levels')) fail('', `think value "${body.think}" is not supported for this model`);
}

/**
 * Refuses (throws Refusal) what the server refuses. `ours` adds what it would take and quietly get wrong: results under
 * another name than the call's, messages with nothing in them, images and replayed thoughts for a model that has no use for them.
 */
export function validate(body, { op = 'chat', call = {}, ours = true } = {}) {
  const shape = call.generate ? 'generate' : op;
  if (Array.isArray(body.tools) && body.tools.length === 0 && ours) fail('tools', 'an empty list of tools');
  shapes[shape](body, '');
  if (op === 'show' && (body.model === undefined) === (body.name === undefined)) fail('model', 'model is required');
  if (op !== 'chat') return;
  checkModel(body);
  if (body.top_logprobs !== undefined && body.logprobs !== true) fail('top_logprobs', 'top_logprobs needs logprobs');
  if (!ours || call.generate) return;
  checkConversation(body.messages);
  if (!can(body.model, 'vision') && body.messages.some((m) => m.images?.length > 0)) fail('messages', `"${body.model}" cannot see images`);
  if (!can(body.model, 'thinking') && body.messages.some((m) => m.thinking !== undefined)) fail('messages', `"${body.model}" does not think`);
  const names = (body.tools ?? []).map((t) => t.function.name);
  const twice = names.find((n, i) => names.indexOf(n) !== i);
  if (twice !== undefined) fail('tools', `Duplicate tool name '${twice}'`);
}

/** Refuses the call by its headers alone: the key or none. */
export function validateHeaders(headers, wanted) {
  if (headers.authorization !== undefined && headers.authorization !== `Bearer ${wanted}`) throw new Refusal('', 'unauthorized', { status: 401 });
  for (const alien of ['x-api-key', 'anthropic-version', 'anthropic-beta', 'x-goog-api-key'])
    if (headers[alien] !== undefined) throw new Refusal('', `a header of another API was sent: ${alien}`);
}

export const errorBody = (status, message) => ({ error: message });
export const noModel = (wanted) => new Refusal('', `model '${wanted}' not found`, { status: 404 });
export const tooLong = ['input length exceeds maximum context length', {}];

// ---------------------------------------------------------------- reading a valid request

const imagesOf = (images) => (images ?? []).map((data) => {
  const bytes = Buffer.from(data, 'base64');
  return { type: sniff(bytes), size: bytes.length, name: null };
});
const resultOf = (m, k) => ({ id: m.tool_call_id ?? `${m.tool_name}#${k}`, name: m.tool_name ?? null, text: m.content, error: m.content.startsWith('Error: ') });
const isSchema = (v) => v !== null && typeof v === 'object';

/** What the scenarios need to know of a request, in words all formats share. */
export function read(body, call) {
  const messages = call.generate
    ? [...(body.system ? [{ role: 'system', content: body.system }] : []), { role: 'user', content: body.prompt, images: body.images }]
    : body.messages;
  const tail = messages.findLastIndex((m) => m.role !== 'tool');
  return {
    model: body.model,
    stream: body.stream !== false,
    system: messages.filter((m) => m.role === 'system').map((m) => m.content).join('\n'),
    userText: messages.findLast((m) => m.role === 'user' && m.content !== '')?.content ?? '',
    results: messages.slice(tail + 1).map(resultOf),
    images: messages.flatMap((m) => imagesOf(m.images)),
    files: [],
    tools: (body.tools ?? []).map((t) => t.function.name),
    choice: null,
    parallel: true,
    schema: isSchema(body.format) ? body.format : null,
    stops: body.options?.stop ?? [],
    thinking: body.think !== undefined && body.think !== false,
    maxTokens: body.options?.num_predict,
    usageWanted: true,
    history: {
      said: messages.filter((m) => m.role === 'user' || m.role === 'assistant').map((m) => [m.role, m.content ?? '']).filter(([, text]) => text !== ''),
      calls: messages.flatMap((m) => m.tool_calls ?? []).map((c) => ({ id: c.id ?? null, name: c.function.name, args: c.function.arguments })),
      results: messages.filter((m) => m.role === 'tool').map(resultOf),
      thoughts: messages.filter((m) => m.thinking).map((m) => m.thinking),
    },
  };
}

// ---------------------------------------------------------------- rendering a plan

const finishReasons = { stop: 'stop', length: 'length', tool_calls: 'stop', refusal: 'stop', stop_sequence: 'stop' };
const created = '2025-01-01T00:00:00.123456789Z';

const metrics = (plan) => {
  const { uncached, read: hit, write5m, write1h, output } = plan.usage;
  return {
    total_duration: 3722518334, load_duration: 1534053125, prompt_eval_count: uncached + hit + write5m + write1h, prompt_eval_duration: 179676000,
    eval_count: output, eval_duration: 2006086000,
  };
};
const callsOf = (plan) => plan.calls.map((c, index) => ({ id: c.id, function: { index, name: c.name, arguments: rawJson(c.args.join('') || '{}') } }));

/** One object of an answer: its content under the name each call has for it. */
function answerOf(plan, { content = '', thinking, calls }, rest) {
  const shown = plan.call?.generate
    ? { response: content, ...(thinking === undefined ? {} : { thinking }) }
    : { message: { role: 'assistant', content, ...(thinking === undefined ? {} : { thinking }), ...(calls ? { tool_calls: calls } : {}) } };
  return { model: plan.model, created_at: created, ...shown, ...rest };
}
const last = (plan, parts) => answerOf(plan, parts, { done: true, done_reason: finishReasons[plan.finish], ...metrics(plan) });

/** The whole answer. */
export const whole = (plan) => last(plan, {
  content: plan.text.join(''),
  ...(plan.thinking ? { thinking: plan.thinking.join('') } : {}),
  ...(plan.calls.length > 0 ? { calls: callsOf(plan) } : {}),
});

/** The stream as a list of {kind, bytes}: kind is head, body, finish or end. Exact sequence of the reference (2.6). */
export function stream(plan, stringify) {
  const out = [];
  const put = (kind, data) => out.push({ kind, bytes: `${stringify(data)}\n` });
  const body = (parts) => put('body', answerOf(plan, parts, { done: false }));
  for (const t of plan.thinking ?? []) body({ thinking: t });
  for (const t of plan.text) body({ content: t });
  for (const call of callsOf(plan)) body({ calls: [call] });
  put('finish', last(plan, {}));
  if (plan.duplicate) put('finish', last(plan, {}));
  return out;
}

export const streamType = () => 'application/x-ndjson';

/** One text line of the given (raw, already escaped) JSON string content. */
export const textEvent = (escaped, plan) => (plan.call?.generate
  ? `{"model":${JSON.stringify(plan.model)},"created_at":"${created}","response":"${escaped}","done":false}\n`
  : `{"model":${JSON.stringify(plan.model)},"created_at":"${created}","message":{"role":"assistant","content":"${escaped}"},"done":false}\n`);

export const errorEvent = (status, message) => `${JSON.stringify(errorBody(status, message))}\n`;

export const endlessHead = () => [];

// ---------------------------------------------------------------- answers that need no scenario

const detailsOf = (wanted) => ({ parent_model: '', format: 'gguf', family: wanted.split(/[:\d]/)[0], families: null, parameter_size: '8.0B', quantization_level: 'Q4_K_M' });
const entry = (wanted) => ({
  name: wanted, model: wanted, modified_at: created, size: 4661224676, digest: Buffer.from(wanted).toString('hex').padEnd(64, '0').slice(0, 64), details: detailsOf(wanted),
});
const vector = (text) => [text.length, 0.5, -0.25];

export const answers = {
  tags: ({ models }) => ({ models: models.filter((m) => m.includes(':')).map(entry) }),
  ps: ({ models }) => ({ models: models.filter((m) => m.includes(':')).slice(0, 1).map((m) => ({ ...entry(m), expires_at: created, size_vram: 4661224676, context_length: 4096 })) }),
  version: () => ({ version: '0.12.6' }),
  show: ({ body }) => {
    const wanted = body.model ?? body.name;
    return {
      license: 'none', modelfile: '# fake', parameters: '', template: '{{ .Prompt }}', details: detailsOf(wanted), modified_at: created,
      model_info: { 'general.architecture': 'fake', 'general.basename': wanted, 'fake.context_length': 32768, 'fake.embedding_length': 3 },
      capabilities: (abilities[wanted.replace(/:latest$/, '')] ?? ['completion']).filter((a) => a !== 'levels'),
    };
  },
  embed: ({ body }) => ({ model: body.model, embeddings: [body.input].flat().map(vector), total_duration: 14143917, load_duration: 1019500, prompt_eval_count: [body.input].flat().length }),
  embedOne: ({ body }) => ({ embedding: vector(body.prompt) }),
};

export const callId = (n) => `call_fake${String(n).padStart(4, '0')}`;
export const messageId = (n) => `fake${n}`;
