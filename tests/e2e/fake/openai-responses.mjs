// OpenAI Responses as a strict server sees it: refuses what the real API refuses, or more. What it answers is in openai-responses-answer.mjs.
import {
  Refusal, allRequired, also, any, anyObject, base64, bool, closedObjects, constant, fail, imageData, int, list, map, nullable, num, object,
  str, strOr, tagged,
} from './check.mjs';
import { callId, whole } from './openai-responses-answer.mjs';

export { callId, endlessHead, errorEvent, messageId, seal, stream, textEvent, whole } from './openai-responses-answer.mjs';
export { errorBody, noModel, tooLong, validateHeaders } from './openai-chat.mjs';

export const name = 'openai-responses';
export const key = 'openaiKey';
export const catalogue = ['gpt-4o', 'gpt-4o-mini', 'gpt-4.1', 'gpt-5', 'gpt-5-mini', 'o4-mini'];
export const ground = /^\/v1\/responses/;
export const routes = [
  { method: 'POST', path: /^\/v1\/responses$/, op: 'chat' },
  { method: 'POST', path: /^\/v1\/responses\/input_tokens$/, op: 'count' },
  { method: 'POST', path: /^\/v1\/responses\/compact$/, op: 'compact' },
];

const isReasoning = (model) => /^(o\d|gpt-([5-9]|\d\d))/.test(model) && !/^gpt-5[^/]*-chat/.test(model);
const isPlain = (model) => /^(chatgpt-)?(gpt-[34]|4o)/.test(model);
/** From gpt-5.1 on, sampling is taken while no effort is spent (OC-8). */
const maySample = (body) => /^gpt-5\.\d/.test(body.model) && body.reasoning?.effort === 'none';

// ---------------------------------------------------------------- shapes

const toolName = str({ re: /^[a-zA-Z0-9_-]{1,64}$/ });
const callRef = str({ min: 1, max: 64 });
const status = nullable(str({ values: ['in_progress', 'completed', 'incomplete'] }));
const prefixed = (prefix) => str({ re: new RegExp(`^${prefix}_`), max: 64, hint: `Expected an ID that begins with '${prefix}'` });
const breakpoint = { prompt_cache_breakpoint: object({ mode: constant('explicit') }) };
const dataUrl = /^data:([^;,]+);base64,(.*)$/s;

const text = (v, p, c) => {
  if (c.ours && v === '') fail(p, 'an empty text');
  str()(v, p);
};
const inputText = object({ type: any, text }, breakpoint);
const inputImage = also(object({ type: any }, {
  image_url: nullable(str({ min: 1 })), file_id: nullable(str({ min: 1 })), detail: str({ values: ['low', 'high', 'auto', 'original'] }), ...breakpoint,
}), (v, p) => {
  if ((v.image_url == null) === (v.file_id == null)) fail(p, 'exactly one of image_url and file_id is required');
  if (v.image_url == null) return;
  const found = dataUrl.exec(v.image_url);
  if (found) imageData(found[1], found[2], `${p}.image_url`);
  else if (!/^https?:\/\//.test(v.image_url)) fail(`${p}.image_url`, 'Expected a valid URL or a base64 data URL');
});
const inputFile = also(object({ type: any }, {
  file_data: str({ min: 1 }), file_url: str({ re: /^https?:\/\// }), file_id: nullable(str({ min: 1 })), filename: str({ min: 1 }), detail: str({ values: ['low', 'high'] }),
  ...breakpoint,
}), (v, p) => {
  if ([v.file_data, v.file_url, v.file_id].filter((x) => x != null).length !== 1) fail(p, 'exactly one of file_data, file_url and file_id is required');
  const extension = /\.([a-z0-9]+)$/i.exec(v.filename ?? v.file_url ?? '')?.[1];
  if (/^(mp3|wav|mp4|png|jpe?g|gif|webp)$/i.test(extension ?? '')) fail(p, 'The file type you uploaded is not supported. Please try again with a pdf', { code: 'unsupported_file' });
  if (v.file_data === undefined) return;
  if (v.filename === undefined) fail(`${p}.filename`, 'Missing required parameter');
  const found = dataUrl.exec(v.file_data);
  if (!found) fail(`${p}.file_data`, 'Expected a base64-encoded data URL');
  if (/^(audio|video|image)\//.test(found[1])) fail(p, 'The file type you uploaded is not supported. Please try again with a pdf', { code: 'unsupported_file' });
  const bytes = base64(found[2], `${p}.file_data`);
  if (found[1] === 'application/pdf' && bytes.subarray(0, 4).toString('latin1') !== '%PDF') fail(`${p}.file_data`, 'The file is not a valid PDF');
});
const inputParts = { input_text: inputText, input_image: inputImage, input_file: inputFile };
const outputText = object({ type: any, text }, { annotations: list(anyObject), logprobs: list(anyObject) });
const refusal = object({ type: any, refusal: str({ min: 1 }) });

const inputContent = strOr(text, list(tagged('type', inputParts), { min: 1 }));
const assistantContent = strOr(text, list(tagged('type', { output_text: outputText, refusal }), { min: 1 }));
const message = (v, p, c) => {
  const assistant = v.role === 'assistant';
  object(
    { role: str({ values: ['user', 'system', 'developer', 'assistant'] }), content: assistant ? assistantContent : inputContent },
    { type: constant('message'), id: prefixed('msg'), status, ...(assistant ? { phase: nullable(str({ values: ['commentary', 'final_answer'] })) } : {}) },
  )(v, p, c);
};
const output = strOr(str(), list(tagged('type', inputParts), { min: 1 }));

const items = {
  message,
  reasoning: object({ type: any, summary: list(object({ type: constant('summary_text'), text: str() })) }, {
    id: prefixed('rs'), encrypted_content: nullable(str({ min: 1 })), status, content: list(object({ type: constant('reasoning_text'), text: str() })),
  }),
  function_call: object({ type: any, call_id: callRef, name: toolName, arguments: str() }, { id: prefixed('fc'), status, namespace: str(), caller: anyObject }),
  function_call_output: object({ type: any, call_id: callRef, output }, { id: nullable(str()), status }),
  custom_tool_call: object({ type: any, call_id: callRef, name: toolName, input: str() }, { id: prefixed('ctc'), status, namespace: str() }),
  custom_tool_call_output: object({ type: any, call_id: callRef, output }, { id: nullable(str()), status }),
  item_reference: object({ id: str({ min: 1 }) }, { type: any }),
};
const otherItem = /^((local_)?shell_call(_output)?|apply_patch_call(_output)?|computer_call(_output)?|(web|file)_search_call|code_interpreter_call|image_generation_call|mcp_(list_tools|approval_request|approval_response|call)|tool_search_(call|output)|additional_tools|program(_output)?|compaction(_trigger)?)$/;
const item = (v, p, c) => {
  anyObject(v, p);
  if (v.type === undefined) return message(v, p, c);
  return tagged('type', items, (type) => (otherItem.test(type) ? anyObject : undefined))(v, p, c);
};

const parameters = also(anyObject, (v, p) => {
  if (v.type !== 'object') fail(p, `schema must be a JSON Schema of 'type: "object"', got 'type: "${v.type ?? 'None'}"'.`, { code: 'invalid_function_parameters' });
});
const strictly = (schema, p) => {
  closedObjects(schema, p);
  allRequired(schema, p);
};
const functionTool = also(object({ type: any, name: toolName }, {
  description: nullable(str()), parameters: nullable(parameters), strict: nullable(bool), defer_loading: bool, output_schema: nullable(anyObject),
}), (v, p, c) => {
  // The API sees to the `required` of recorded schemas itself; a gateway sends what already obeys.
  if (v.strict === true && c.ours) strictly(v.parameters ?? {}, `${p}.parameters`);
});
const grammar = object({ type: constant('grammar'), syntax: str({ values: ['lark', 'regex'] }), definition: str() });
const customTool = object({ type: any, name: toolName }, { description: str(), format: tagged('type', { text: object({ type: any }), grammar }), defer_loading: bool });
const serverTool = /^(web_search(_preview)?(_\d{4}_\d{2}_\d{2})?|file_search|code_interpreter|computer(_use_preview)?|image_generation|mcp|local_shell|shell|apply_patch|tool_search|programmatic_tool_calling)$/;
const tool = tagged('type', {
  function: functionTool,
  custom: customTool,
  namespace: (v, p, c) => object({ type: any, name: toolName, tools: list(tool, { min: 1 }) }, { description: str() })(v, p, c),
}, (type) => (serverTool.test(type) ? anyObject : undefined));
const toolChoice = strOr(str({ values: ['none', 'auto', 'required'] }), tagged('type', {
  function: object({ type: any, name: toolName }),
  custom: object({ type: any, name: toolName }),
  allowed_tools: object({ type: any, mode: str({ values: ['auto', 'required'] }), tools: list(anyObject, { min: 1 }) }),
  mcp: object({ type: any, server_label: str() }, { name: nullable(str()) }),
}, (type) => (serverTool.test(type) ? object({ type: any }) : undefined)));
const format = tagged('type', {
  text: object({ type: any }),
  json_object: object({ type: any }),
  json_schema: also(object({ type: any, name: toolName, schema: anyObject }, { description: str(), strict: nullable(bool) }), (v, p) => {
    if (v.strict !== true) return;
    if (v.schema.type !== 'object') fail(`${p}.schema`, "schema must be a JSON Schema of 'type: \"object\"'");
    strictly(v.schema, `${p}.schema`);
  }),
});
const includable = [
  'file_search_call.results', 'web_search_call.results', 'web_search_call.action.sources', 'message.input_image.image_url', 'computer_call_output.output.image_url',
  'code_interpreter_call.outputs', 'reasoning.encrypted_content', 'message.output_text.logprobs',
];

const countFields = {
  model: str({ min: 1 }),
  input: strOr(text, list(item)),
  instructions: nullable(str()),
  conversation: nullable(strOr(str(), object({ id: str() }))),
  parallel_tool_calls: nullable(bool),
  previous_response_id: nullable(prefixed('resp')),
  reasoning: nullable(object({}, {
    effort: nullable(str({ values: ['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max'] })),
    summary: nullable(str({ values: ['auto', 'concise', 'detailed'] })),
    generate_summary: nullable(str({ values: ['auto', 'concise', 'detailed'] })),
    context: nullable(str()),
    mode: nullable(str()),
  })),
  text: object({}, { format, verbosity: nullable(str({ values: ['low', 'medium', 'high'] })) }),
  tool_choice: toolChoice,
  tools: list(tool),
  truncation: nullable(str({ values: ['auto', 'disabled'] })),
};
const fields = {
  ...countFields,
  background: nullable(bool),
  /** Sent by Codex to the real API. */
  client_metadata: nullable(map(str())),
  context_management: nullable(list(anyObject)),
  include: nullable(list(str({ values: includable }))),
  max_output_tokens: nullable(int({ min: 16 })),
  max_tool_calls: nullable(int({ min: 1 })),
  metadata: nullable(map(str({ max: 512 }), { max: 16 })),
  moderation: nullable(anyObject),
  prompt: nullable(object({ id: str() }, { version: nullable(str()), variables: nullable(anyObject) })),
  prompt_cache_key: nullable(str()),
  prompt_cache_options: nullable(anyObject),
  prompt_cache_retention: nullable(str({ values: ['in_memory', 'in-memory', '24h'] })),
  safety_identifier: nullable(str({ max: 64 })),
  service_tier: nullable(str({ values: ['auto', 'default', 'flex', 'scale', 'priority'] })),
  store: nullable(bool),
  stream: nullable(bool),
  stream_options: nullable(object({}, { include_obfuscation: bool })),
  temperature: nullable(num({ min: 0, max: 2 })),
  top_logprobs: nullable(int({ min: 0, max: 20 })),
  top_p: nullable(num({ min: 0, max: 1 })),
  user: nullable(str()),
};
const { model, ...beside } = fields;
const shapes = {
  chat: object({ model }, beside),
  count: object({}, countFields),
  compact: object({ model }, { input: countFields.input, instructions: countFields.instructions, previous_response_id: countFields.previous_response_id }),
};

// ---------------------------------------------------------------- rules between fields

const set = (v) => v !== undefined && v !== null;
const itemsOf = (body) => (Array.isArray(body.input) ? body.input : []);
const isCall = (i) => i.type === 'function_call' || i.type === 'custom_tool_call';
const isOutput = (i) => i.type === 'function_call_output' || i.type === 'custom_tool_call_output';

function checkPairs(input, continues) {
  const open = new Map();
  input.forEach((i, n) => {
    if (isCall(i)) {
      if (open.has(i.call_id)) fail(`input[${n}]`, `Duplicate call_id ${i.call_id}`);
      open.set(i.call_id, { answered: false, kind: i.type });
    } else if (isOutput(i)) {
      const call = open.get(i.call_id);
      if (!call && continues) return;
      if (!call || `${call.kind}_output` !== i.type) fail(`input[${n}]`, `No tool call found for function call output with call_id ${i.call_id}.`);
      if (call.answered) fail(`input[${n}]`, `Duplicate output for call_id ${i.call_id}`);
      call.answered = true;
    }
  });
  for (const [id, call] of open) if (!call.answered) fail('input', `No tool output found for function call ${id}.`);
}

/** What a reasoning item belongs to follows it at once (OR-5); with an id of its own, that item needs its id too. */
function checkReasoning(body, input, { ours, signed }) {
  input.forEach((i, n) => {
    if (i.type !== 'reasoning') return;
    const next = input[n + 1];
    const alone = !next || isOutput(next) || ((next.type ?? 'message') === 'message' && next.role !== 'assistant');
    const stranger = i.id && next && (next.type ?? 'message') === 'message' && !next.id;
    if (alone || stranger) fail('input', `Item '${i.id ?? n}' of type 'reasoning' was provided without its required following item.`);
    if (ours && body.store === false && !set(i.encrypted_content)) fail(`input[${n}]`, 'Items are not persisted when `store` is set to false: a reasoning item needs its encrypted_content');
    if (signed && set(i.encrypted_content) && signed.text(i.encrypted_content) === undefined)
      fail('input', 'The encrypted content could not be verified.', { code: 'invalid_encrypted_content' });
  });
  if (!ours || body.store !== false) return;
  input.forEach((i, n) => {
    if (isCall(i) && i.id !== undefined) fail(`input[${n}].id`, 'Items are not persisted when `store` is set to false: leave the id out');
  });
}

const flat = (tools) => tools.flatMap((t) => (t.type === 'namespace' ? flat(t.tools) : [t]));

function checkTools(body) {
  const tools = flat(body.tools ?? []);
  const names = tools.filter((t) => t.name).map((t) => t.name);
  const twice = names.find((n, i) => names.indexOf(n) !== i);
  if (twice !== undefined) fail('tools', `Duplicate tool name '${twice}'`);
  const choice = body.tool_choice;
  if (choice === undefined || choice === 'auto' || choice === 'none') return;
  if (tools.length === 0) fail('tool_choice', `Tool choice '${JSON.stringify(choice)}' must be specified with 'tools' parameter.`);
  const wanted = choice.type === 'allowed_tools' ? choice.tools.map((t) => t.name).filter(Boolean) : (choice.type === 'function' || choice.type === 'custom' ? [choice.name] : []);
  for (const n of wanted) if (!names.includes(n)) fail('tool_choice', `Tool choice '${n}' not found in 'tools' parameter.`);
}

const unsupported = (field) => fail(field, `Unsupported parameter: '${field}' is not supported with this model.`, { code: 'unsupported_parameter' });

function checkModel(body) {
  if (isReasoning(body.model)) {
    if (maySample(body)) return;
    for (const field of ['temperature', 'top_p']) if (set(body[field]) && body[field] !== 1) unsupported(field);
    if (set(body.top_logprobs) && body.top_logprobs > 0) unsupported('top_logprobs');
    return;
  }
  if (!isPlain(body.model)) return;
  for (const field of ['effort', 'summary']) if (set(body.reasoning?.[field])) unsupported(`reasoning.${field}`);
}

/**
 * Refuses (throws Refusal) what the API refuses. `ours` adds what the API takes and this gateway does not send: ids and bare
 * reasoning where nothing is stored (OR-3, OR-5), strict schemas that do not obey (OR-10), empty texts.
 */
export function validate(body, { op = 'chat', signed = null, ours = true } = {}) {
  shapes[op](body, '', { ours });
  const continues = set(body.previous_response_id) || set(body.conversation);
  if (body.input === undefined && !continues && !set(body.prompt)) fail('input', "One of 'input', 'previous_response_id', 'prompt' or 'conversation' must be provided.");
  if (Array.isArray(body.input) && body.input.length === 0 && !continues) fail('input', 'input must not be empty');
  if (set(body.previous_response_id) && set(body.conversation)) fail('conversation', 'previous_response_id and conversation are mutually exclusive');
  const input = itemsOf(body);
  checkPairs(input, continues);
  checkReasoning(body, input, { ours, signed });
  checkTools(body);
  if (op === 'compact') return;
  if (body.text?.format?.type === 'json_object' && !/json/i.test(JSON.stringify([body.input, body.instructions])))
    fail('input', "Response input messages must contain the word 'json' in some form to use 'text.format' of type 'json_object'.");
  if (body.model !== undefined) checkModel(body);
  if (op !== 'chat') return;
  if (set(body.stream_options) && body.stream !== true) fail('stream_options', "The 'stream_options' parameter is only allowed when 'stream' is enabled.");
  if (body.background === true && body.store === false) fail('background', 'Background mode requires store to be true');
  if (set(body.top_logprobs) && body.top_logprobs > 0 && !body.include?.includes('message.output_text.logprobs'))
    fail('top_logprobs', "'top_logprobs' needs 'message.output_text.logprobs' in include");
}

// ---------------------------------------------------------------- reading a valid request

const partsOf = (content) => (Array.isArray(content) ? content : []);
const textIn = (content) => (typeof content === 'string' ? content : partsOf(content).filter((b) => /^(input|output)_text$/.test(b.type)).map((b) => b.text).join(''));
const media = (b) => {
  const found = dataUrl.exec(b.image_url ?? b.file_data ?? '');
  return found ? { type: found[1], size: Buffer.from(found[2], 'base64').length, name: b.filename ?? null } : { type: 'url', size: 0, name: null };
};
const mediaIn = (input, type) => input.flatMap((i) => [...partsOf(i.content), ...partsOf(i.output)]).filter((b) => b.type === type).map(media);
const resultOf = (i) => {
  const said = textIn(i.output);
  return { id: i.call_id, text: said, error: said.startsWith('Error: ') };
};

/** What the scenarios need to know of a request, in words all formats share. */
export function read(body) {
  const input = typeof body.input === 'string' ? [{ role: 'user', content: body.input }] : itemsOf(body);
  const messages = input.filter((i) => (i.type ?? 'message') === 'message');
  const above = messages.filter((m) => m.role === 'system' || m.role === 'developer').map((m) => textIn(m.content));
  const tail = input.findLastIndex((i) => !isOutput(i));
  const choice = body.tool_choice;
  return {
    model: body.model,
    stream: body.stream === true,
    system: [body.instructions, ...above].filter(Boolean).join('\n'),
    userText: textIn(messages.findLast((m) => m.role === 'user' && textIn(m.content) !== '')?.content ?? ''),
    results: input.slice(tail + 1).map(resultOf),
    images: mediaIn(input, 'input_image'),
    files: mediaIn(input, 'input_file'),
    tools: flat(body.tools ?? []).filter((t) => t.name).map((t) => t.name),
    choice: choice === undefined ? null : typeof choice === 'string' ? { mode: choice, names: [] } : { mode: choice.mode ?? 'required', names: [choice.name ?? choice.tools.map((t) => t.name)].flat() },
    parallel: body.parallel_tool_calls !== false,
    schema: body.text?.format?.schema ?? null,
    stops: null,
    thinking: set(body.reasoning?.summary),
    encrypted: body.include?.includes('reasoning.encrypted_content') === true,
    maxTokens: body.max_output_tokens,
    usageWanted: true,
    echo: body,
    history: {
      said: messages.filter((m) => m.role === 'user' || m.role === 'assistant').map((m) => [m.role, textIn(m.content)]).filter(([, t]) => t !== ''),
      calls: input.filter(isCall).map((i) => ({ id: i.call_id, name: i.name, args: i.type === 'function_call' ? JSON.parse(i.arguments || '{}') : i.input })),
      results: input.filter(isOutput).map(resultOf),
      thoughts: input.filter((i) => i.type === 'reasoning' && i.encrypted_content).map((i) => i.encrypted_content),
    },
  };
}

// ---------------------------------------------------------------- answers that need no scenario

export const answers = {
  count: ({ body }) => ({ object: 'response.input_tokens', input_tokens: 10 + JSON.stringify(body.input ?? '').length }),
  compact: ({ body }) => ({
    id: 'resp_fakecompact', object: 'response.compaction', created_at: 1735689600,
    output: [{ id: 'cmp_fake', type: 'compaction', encrypted_content: Buffer.from(callId(0)).toString('base64') }],
    usage: whole({ id: 'resp_x', model: body.model, text: [], calls: [], finish: 'stop', usage: { uncached: 12, read: 0, write5m: 0, write1h: 0, output: 7, reasoning: 0 } }).usage,
  }),
};
