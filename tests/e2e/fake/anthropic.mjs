// Anthropic Messages as a strict server sees it: refuses what the real API refuses, or more; renders plans on the wire.
import {
  Refusal, also, any, anyObject, base64, bool, closedObjects, constant, eachSchema, fail, imageData, int,
  list, nullable, num, object, str, strOr, tagged,
} from './check.mjs';
import { rawJson } from './raw.mjs';

export const name = 'anthropic';
export const key = 'anthropicKey';
export const catalogue = [
  'claude-3-5-haiku-20241022', 'claude-3-7-sonnet-20250219', 'claude-sonnet-4-5', 'claude-haiku-4-5', 'claude-opus-4-5', 'claude-opus-4-8', 'claude-opus-5-5',
];
export const routes = [
  { method: 'POST', path: /^\/v1\/messages$/, op: 'chat', queries: ['beta'] },
  { method: 'POST', path: /^\/v1\/messages\/count_tokens$/, op: 'count', queries: ['beta'] },
  { method: 'GET', path: /^\/v1\/models$/, op: 'models', queries: ['beta', 'limit', 'after_id'], when: (headers) => headers['anthropic-version'] !== undefined },
];

// ---------------------------------------------------------------- what the models can do

/** Facts of model families; the first row that matches the name counts. */
const families = [
  [/^claude-3-haiku|^claude-3-5/, { max: 8192, thinking: 'none', sampling: 'all', structured: false, system: false }],
  [/^claude-3-7/, { max: 64000, thinking: 'manual', sampling: 'all', structured: false, system: false }],
  [/^claude-(opus-4-0|opus-4-2025|opus-4-1)/, { max: 32000, thinking: 'manual', sampling: 'all', structured: true, system: false }],
  [/^claude-sonnet-4-(0|2025)/, { max: 64000, thinking: 'manual', sampling: 'all', structured: true, system: false }],
  [/^claude-opus-4-5/, { max: 64000, thinking: 'manual', sampling: 'one', structured: true, system: false, efforts: ['low', 'medium', 'high'] }],
  [/^claude-(sonnet|haiku)-4-5/, { max: 64000, thinking: 'manual', sampling: 'one', structured: true, system: false }],
  [/^claude-(opus|sonnet)-4-6/, { max: 128000, thinking: 'both', sampling: 'one', structured: true, system: false, prefill: false, efforts: ['low', 'medium', 'high', 'max'] }],
  [/^claude-opus-4-[78]/, { max: 128000, thinking: 'both', sampling: 'none', structured: true, system: true, prefill: false, efforts: ['low', 'medium', 'high', 'xhigh', 'max'] }],
  [/^claude-(sonnet|opus)-5$/, { max: 128000, thinking: 'both', sampling: 'none', structured: true, system: true, prefill: false, efforts: ['low', 'medium', 'high', 'xhigh', 'max'] }],
  [/^claude-(fable|sonnet|opus|haiku)-5/, { max: 128000, thinking: 'adaptive', sampling: 'none', structured: true, system: true, prefill: false, forced: false, efforts: ['low', 'medium', 'high', 'xhigh', 'max'] }],
];
const other = { max: 64000, thinking: 'both', sampling: 'all', structured: true, system: true, efforts: ['low', 'medium', 'high', 'xhigh', 'max'] };
const facts = (model) => families.find(([re]) => re.test(model))?.[1] ?? other;

// ---------------------------------------------------------------- shapes

const id = str({ re: /^[a-zA-Z0-9_-]+$/, min: 1 });
const toolName = str({ re: /^[a-zA-Z0-9_-]{1,128}$/ });
const cacheControl = nullable(object({ type: constant('ephemeral') }, { ttl: str({ values: ['5m', '1h'] }) }));
const cached = { cache_control: cacheControl };

const textOf = (v, p) => {
  if (v.text === '') fail(p, 'text content blocks must be non-empty');
  if (v.text.trim() === '') fail(p, 'text content blocks must contain non-whitespace text');
};
const text = also(object({ type: any, text: str() }, { ...cached, citations: nullable(list(anyObject)) }), textOf);

const url = str({ re: /^https?:\/\// });
const imageSource = tagged('type', {
  base64: also(object({ type: any, media_type: str(), data: str() }), (v, p) => imageData(v.media_type, v.data, p)),
  url: object({ type: any, url }),
  file: object({ type: any, file_id: id }),
});
const image = object({ type: any, source: imageSource }, { ...cached, transformations: nullable(anyObject) });
const documentSource = tagged('type', {
  base64: also(object({ type: any, media_type: constant('application/pdf'), data: str() }), (v, p) => {
    if (base64(v.data, p).subarray(0, 4).toString('latin1') !== '%PDF') fail(p, 'The PDF specified was not valid.');
  }),
  text: object({ type: any, media_type: constant('text/plain'), data: str({ min: 1 }) }),
  url: object({ type: any, url }),
  file: object({ type: any, file_id: id }),
  content: object({ type: any, content: strOr(str({ min: 1 }), list(tagged('type', { text, image }))) }),
});
const citations = nullable(object({}, { enabled: bool }));
const document = object(
  { type: any, source: documentSource },
  { ...cached, title: nullable(str({ max: 500 })), context: nullable(str()), citations },
);
const searchResult = object(
  { type: any, source: str(), title: str(), content: list(text, { min: 1 }) },
  { ...cached, citations },
);
const toolReference = object({ type: any, tool_name: toolName }, cached);
const caller = { caller: anyObject };

const toolUse = object(
  { type: any, id, name: str({ re: /^[a-zA-Z0-9_-]{1,200}$/ }), input: anyObject },
  { ...cached, ...caller, toolset_name: nullable(str()) },
);
const toolResult = object(
  { type: any, tool_use_id: id },
  {
    ...cached,
    is_error: bool,
    toolset_name: nullable(str()),
    content: strOr(str(), list(tagged('type', {
      text, image, document, search_result: searchResult, tool_reference: toolReference,
    }))),
  },
);
const thinkingBlock = object({ type: any, thinking: str(), signature: str({ min: 1, hint: 'Field required' }) });
const redacted = object({ type: any, data: str({ min: 1 }) });
const serverUse = object({ type: any, id, name: str({ min: 1 }), input: anyObject }, { ...cached, ...caller });
const mcpUse = object({ type: any, id, name: str({ min: 1 }), server_name: str({ min: 1 }), input: anyObject }, cached);
const serverResult = object({ type: any, tool_use_id: id, content: any }, { ...cached, ...caller, is_error: bool });
const upload = object({ type: any, file_id: id }, cached);

const serverResults = (type) =>
  /^(web_search|web_fetch|code_execution|bash_code_execution|text_editor_code_execution|tool_search|mcp|advisor)_tool_result$/.test(type)
    ? serverResult
    : undefined;

const blocks = {
  user: tagged('type', { text, image, document, search_result: searchResult, tool_result: toolResult, container_upload: upload }),
  assistant: tagged('type', {
    text, tool_use: toolUse, thinking: thinkingBlock, redacted_thinking: redacted, server_tool_use: serverUse,
    mcp_tool_use: mcpUse, mcp_tool_result: serverResult, compaction: anyObject, container_upload: upload, fallback: anyObject,
  }, serverResults),
  system: tagged('type', { text, tool_addition: anyObject, tool_removal: anyObject }),
};

const message = also(object({ role: str({ values: ['user', 'assistant', 'system'] }), content: any }), (v, p, c) => {
  strOr(str(), list(blocks[v.role]))(v.content, `${p}.content`, c);
});

const inputSchema = also(anyObject, (v, p) => {
  if (v.type !== 'object') fail(`${p}.type`, 'Field required, must be "object"');
  for (const key of ['anyOf', 'oneOf', 'allOf'])
    if (key in v) fail(p, `input_schema does not support oneOf, allOf, or anyOf at the top level`);
});
const callers = { allowed_callers: list(str()), defer_loading: bool, strict: bool, input_examples: list(anyObject) };
const clientTool = object(
  { name: toolName, input_schema: inputSchema },
  { type: nullable(constant('custom')), description: str(), eager_input_streaming: nullable(bool), ...cached, ...callers },
);
const domains = { allowed_domains: nullable(list(str())), blocked_domains: nullable(list(str())) };
const namedTool = (extra = {}) => object({ type: any, name: str({ min: 1 }) }, { ...cached, ...callers, ...extra });
const typedTools = [
  [/^bash_\d{8}$|^memory_\d{8}$|^code_execution_\d{8}$|^tool_search_tool_(bm25|regex)(_\d{8})?$/, namedTool()],
  [/^text_editor_\d{8}$/, namedTool({ max_characters: nullable(int({ min: 1 })) })],
  [/^(computer|browser)(_toolset)?_\d{8}$/, anyObject],
  [/^web_search_\d{8}$/, namedTool({ ...domains, max_uses: nullable(int({ min: 1 })), user_location: nullable(anyObject) })],
  [/^web_fetch_\d{8}$/, namedTool({ ...domains, max_uses: nullable(int({ min: 1 })), citations, max_content_tokens: nullable(int({ min: 1 })) })],
  [/^advisor_\d{8}$/, namedTool({ model: str(), max_tokens: int({ min: 1 }) })],
  [/^mcp_toolset$/, anyObject],
];
const tool = (v, p, c) => {
  anyObject(v, p);
  const typed = typeof v.type === 'string' && v.type !== 'custom';
  const shape = typed ? typedTools.find(([re]) => re.test(v.type))?.[1] : clientTool;
  if (!shape) fail(`${p}.type`, `'${v.type}' is not a known tool type`);
  shape(v, p, c);
};
const parallel = { disable_parallel_tool_use: bool };
const toolChoice = tagged('type', {
  auto: object({ type: any }, parallel),
  any: object({ type: any }, parallel),
  tool: object({ type: any, name: toolName }, parallel),
  none: object({ type: any }),
});
const display = { display: nullable(str({ values: ['summarized', 'omitted', 'updates'] })) };
const thinkingConfig = tagged('type', {
  enabled: object({ type: any, budget_tokens: int({ min: 1024 }) }, display),
  adaptive: object({ type: any }, display),
  disabled: object({ type: any }),
  between_tools: object({ type: any }),
});
const schemaFormat = object({ type: constant('json_schema'), schema: anyObject });
const outputConfig = object({}, {
  effort: nullable(str({ values: ['low', 'medium', 'high', 'xhigh', 'max'] })),
  format: nullable(schemaFormat),
  task_budget: anyObject,
});
const stopSequence = also(str({ min: 1 }), (v, p) => {
  if (v.trim() === '') fail(p, 'each stop sequence must contain non-whitespace');
});
const mcpServer = object({ type: constant('url'), url, name: str({ min: 1 }) }, {
  authorization_token: nullable(str()), tool_configuration: nullable(anyObject),
});

const counted = {
  required: { model: str({ min: 1 }), messages: list(message, { min: 1 }) },
  optional: {
    system: strOr(str(), list(text)),
    tools: list(tool),
    tool_choice: toolChoice,
    thinking: thinkingConfig,
    output_config: outputConfig,
    output_format: nullable(schemaFormat),
    cache_control: cacheControl,
    context_management: nullable(anyObject),
    mcp_servers: list(mcpServer),
    speed: nullable(str({ values: ['standard', 'fast'] })),
    user_profile_id: str(),
    workspace_id: str(),
  },
};
const countShape = object(counted.required, counted.optional);
const messagesShape = object({ ...counted.required, max_tokens: int({ min: 0 }) }, {
  ...counted.optional,
  stop_sequences: list(stopSequence),
  temperature: num({ min: 0, max: 1 }),
  top_p: num({ min: 0, max: 1 }),
  top_k: int({ min: 0 }),
  stream: bool,
  metadata: object({}, { user_id: nullable(str({ max: 1024 })) }),
  service_tier: str({ values: ['auto', 'standard_only'] }),
  inference_geo: nullable(str()),
  container: nullable(strOr(str(), anyObject)),
  diagnostics: nullable(anyObject),
  fallbacks: list(anyObject),
});

// ---------------------------------------------------------------- rules between fields

const blocksOf = (m) => (typeof m.content === 'string' ? [{ type: 'text', text: m.content }] : m.content);
const only = (m, type) => blocksOf(m).filter((b) => b.type === type);

function checkConversation(body, known, ours) {
  const { messages } = body;
  const first = messages.findIndex((m) => m.role !== 'system');
  if (first < 0 || messages[first].role !== 'user') fail('messages', 'first message must use the "user" role');
  if (messages[0].role === 'system') fail('messages.0.role', 'system messages cannot come first, use the top-level system field');
  const ids = new Set();
  let last = null;
  messages.forEach((m, i) => {
    const p = `messages.${i}`;
    if (m.role === 'system' && !known.system) fail(`${p}.role`, `role 'system' is not supported on this model`);
    if (m.role !== 'system') {
      // The API joins such turns itself (AN-4).
      if (ours && m.role === last) fail(p, `roles must alternate between "user" and "assistant", but found multiple "${m.role}" roles in a row`);
      last = m.role;
    }
    checkMessage(m, i, messages, p);
    for (const call of only(m, 'tool_use')) {
      if (ids.has(call.id)) fail(p, '`tool_use` ids must be unique');
      ids.add(call.id);
    }
  });
  const tail = messages.at(-1);
  if (tail.role === 'assistant') checkPrefill(tail, `messages.${messages.length - 1}`, body, known);
}

function checkMessage(m, i, messages, p) {
  const parts = blocksOf(m);
  const finalAssistant = m.role === 'assistant' && i === messages.length - 1;
  if (parts.length === 0 && !finalAssistant) fail(p, 'all messages must have non-empty content except for the optional final assistant message');
  if (typeof m.content === 'string' && m.content.trim() === '') fail(p, 'text content blocks must be non-empty');
  if (m.role === 'user') checkResults(m, messages.slice(0, i).findLast((o) => o.role !== 'system'), p);
  const calls = only(m, 'tool_use');
  const next = messages.slice(i + 1).find((o) => o.role !== 'system');
  if (calls.length > 0) {
    const given = next ? only(next, 'tool_result').map((b) => b.tool_use_id) : [];
    const missing = calls.map((c) => c.id).filter((call) => !given.includes(call));
    if (missing.length > 0)
      fail(p, `\`tool_use\` ids were found without \`tool_result\` blocks immediately after: ${missing.join(', ')}. Each \`tool_use\` block must have a corresponding \`tool_result\` block in the next message.`);
  }
  const proof = parts.findIndex((b) => b.type === 'thinking' || b.type === 'redacted_thinking');
  const before = parts.slice(0, Math.max(proof, 0));
  if (m.role === 'assistant' && before.length > 0 && before.every((b) => b.type === 'tool_use'))
    fail(`${p}.content.${proof}`, 'thinking blocks cannot follow tool_use blocks');
}

function checkResults(m, previous, p) {
  const parts = blocksOf(m);
  const results = parts.filter((b) => b.type === 'tool_result');
  if (results.length === 0) return;
  const calls = previous?.role === 'assistant' ? only(previous, 'tool_use').map((b) => b.id) : [];
  const seen = new Set();
  for (const [k, b] of parts.entries()) {
    if (b.type !== 'tool_result') {
      if (parts.slice(k).some((o) => o.type === 'tool_result'))
        fail(`${p}.content.${k}`, 'tool_result blocks must come first in the user message');
      break;
    }
    if (!calls.includes(b.tool_use_id))
      fail(`${p}.content.${k}`, `unexpected \`tool_use_id\` found in \`tool_result\` blocks: ${b.tool_use_id}. Each \`tool_result\` block must have a corresponding \`tool_use\` block in the previous message.`);
    if (seen.has(b.tool_use_id)) fail(`${p}.content.${k}`, 'each tool_use must have a single result');
    seen.add(b.tool_use_id);
    if (b.is_error === true && (b.content === undefined || b.content.length === 0))
      fail(`${p}.content.${k}`, 'content cannot be empty if `is_error` is true');
  }
}

function checkPrefill(m, p, body, known) {
  if (known.prefill === false) fail(p, 'This model does not support assistant message prefill. The conversation must end with a user message.');
  if (body.thinking?.type === 'enabled') fail(p, 'When thinking is enabled, the final message may not be from the assistant');
  const end = blocksOf(m).at(-1);
  if (end?.type === 'text' && /\s$/.test(end.text)) fail(p, 'final assistant content cannot end with trailing whitespace');
}

function checkTools(body, known) {
  const { tools = [], tool_choice: choice } = body;
  const names = new Set();
  tools.forEach((t, i) => {
    if (t.name === undefined) return;
    if (names.has(t.name)) fail(`tools.${i}`, 'Tool names must be unique.');
    names.add(t.name);
    if (t.strict === true) {
      if (!known.structured) fail(`tools.${i}.strict`, 'strict tools are not supported on this model');
      checkGrammar(t.input_schema, `tools.${i}.input_schema`);
    }
  });
  const used = body.messages.some((m) => only(m, 'tool_use').length + only(m, 'tool_result').length > 0);
  if (used && tools.length === 0 && !body.mcp_servers)
    fail('tools', 'Requests which include `tool_use` or `tool_result` blocks must define tools');
  if (!choice) return;
  if (tools.length === 0) fail('tool_choice', '`tool_choice` may only be specified while providing `tools`');
  if (choice.type === 'tool' && !names.has(choice.name)) fail('tool_choice', `Tool '${choice.name}' not found in provided tools`);
  const forced = choice.type === 'any' || choice.type === 'tool';
  if (forced && body.thinking?.type === 'enabled') fail('thinking', 'Thinking may not be enabled when tool_choice forces tool use.');
  if (forced && known.forced === false) fail('tool_choice', 'This model does not support forced tool use');
}

/** What the constrained-output compiler takes. */
function checkGrammar(schema, path) {
  const refused = ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf', 'minLength', 'maxLength', 'maxItems', 'uniqueItems', 'minProperties', 'maxProperties', 'not'];
  const formats = ['date-time', 'time', 'date', 'duration', 'email', 'hostname', 'uri', 'ipv4', 'ipv6', 'uuid'];
  closedObjects(schema, path);
  eachSchema(schema, path, (s, p) => {
    for (const key of refused) if (key in s) fail(p, `For '${s.type}' type, property '${key}' is not supported`);
    if (s.minItems > 1) fail(p, "For 'array' type, 'minItems' values other than 0 or 1 are not supported");
    if ('format' in s && !formats.includes(s.format)) fail(p, `format '${s.format}' is not supported`);
  });
}

function checkThinking(body, known, headers) {
  const { thinking: t, max_tokens: max } = body;
  const on = t?.type === 'enabled' || t?.type === 'adaptive' || t?.type === 'between_tools';
  if (t && known.thinking === 'none' && on) fail('thinking', 'This model does not support thinking');
  if (t?.type === 'enabled' && known.thinking === 'adaptive') fail('thinking', '"thinking.type.enabled" is not supported for this model. Use "thinking.type.adaptive" and "output_config.effort".');
  if (t?.type === 'adaptive' && known.thinking === 'manual') fail('thinking', 'adaptive thinking is not supported on this model');
  if (t?.type === 'enabled' && max !== undefined && t.budget_tokens >= max) {
    const interleaved = String(headers?.['anthropic-beta'] ?? '').includes('interleaved-thinking') && body.tools?.length > 0;
    if (!interleaved) fail('max_tokens', '`max_tokens` must be greater than `thinking.budget_tokens`');
  }
  if (t?.type === 'enabled' || t?.type === 'adaptive') {
    if (body.temperature !== undefined && body.temperature !== 1) fail('temperature', '`temperature` may only be set to 1 when thinking is enabled');
    if (body.top_k !== undefined) fail('top_k', '`top_k` must be unset when thinking is enabled');
    if (body.top_p !== undefined && body.top_p < 0.95) fail('top_p', '`top_p` must be greater than or equal to 0.95 or unset when thinking is enabled');
  }
  const effort = body.output_config?.effort;
  if (effort && !known.efforts) fail('output_config.effort', 'This model does not support the effort parameter.');
  if (effort && !known.efforts.includes(effort))
    fail('', `This model does not support effort level '${effort}'. Supported levels: ${known.efforts.join(', ')}.`);
}

function checkSampling(body, known) {
  const given = ['temperature', 'top_p', 'top_k'].filter((k) => body[k] !== undefined);
  if (known.sampling === 'none' && given.length > 0) fail(given[0], `\`${given[0]}\` is not supported on this model`);
  if (known.sampling === 'one' && given.includes('temperature') && given.includes('top_p'))
    fail('', '`temperature` and `top_p` cannot both be specified for this model. Please use only one.');
  if (body.max_tokens > known.max)
    fail('max_tokens', `${body.max_tokens} > ${known.max}, which is the maximum allowed number of output tokens for ${body.model}`);
}

/** Cache marks in reading order: tools, system, messages. */
function cacheMarks(body) {
  const marks = [];
  const look = (item, path) => {
    if (item && typeof item === 'object' && item.cache_control) marks.push([item.cache_control.ttl ?? '5m', path]);
  };
  (body.tools ?? []).forEach((t, i) => look(t, `tools.${i}`));
  if (Array.isArray(body.system)) body.system.forEach((b, i) => look(b, `system.${i}`));
  body.messages.forEach((m, i) => {
    for (const [k, b] of blocksOf(m).entries()) {
      look(b, `messages.${i}.content.${k}`);
      if (Array.isArray(b.content)) b.content.forEach((o, j) => look(o, `messages.${i}.content.${k}.content.${j}`));
    }
  });
  look(body, '');
  return marks;
}

function checkCache(body) {
  const marks = cacheMarks(body);
  if (marks.length > 4) fail('', `A maximum of 4 blocks with cache_control may be provided. Found ${marks.length}.`);
  const short = marks.findIndex(([ttl]) => ttl === '5m');
  const late = marks.find(([ttl, path], i) => short >= 0 && i > short && ttl === '1h' && path !== '');
  if (late) fail(late[1], "a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block");
}

/** Replayed thinking must be what this server signed, and the current tool loop must bring its own back. */
function checkSignatures(body, signed) {
  body.messages.forEach((m, i) => blocksOf(m).forEach((b, k) => {
    const p = `messages.${i}.content.${k}`;
    if (b.type === 'thinking' && signed.text(b.signature) === undefined) fail(p, 'Invalid `signature` in `thinking` block');
    if (b.type === 'thinking' && signed.text(b.signature) !== b.thinking) fail(p, '`thinking` blocks cannot be modified: Invalid `signature` in `thinking` block');
    if (b.type === 'redacted_thinking' && signed.text(b.data) === undefined) fail(p, 'Invalid `data` in `redacted_thinking` block');
  }));
  if (body.thinking?.type !== 'enabled') return;
  const start = body.messages.findLastIndex((m) => m.role === 'user' && blocksOf(m).some((b) => b.type !== 'tool_result'));
  body.messages.forEach((m, i) => {
    if (i <= start || m.role !== 'assistant') return;
    const [head] = blocksOf(m);
    if (only(m, 'tool_use').length > 0 && head.type !== 'thinking' && head.type !== 'redacted_thinking')
      fail(`messages.${i}.content.0.type`, `Expected \`thinking\` or \`redacted_thinking\`, but found \`${head.type}\`. When \`thinking\` is enabled, a final \`assistant\` message must start with a thinking block.`);
  });
}

const betaFields = ['mcp_servers', 'context_management', 'output_format', 'fallbacks'];

/**
 * Refuses (throws Refusal) what the API refuses. `signed` answers text(signature); null accepts every proof.
 * `headers` may be absent when only the body is known; `op` is chat or count;
 * `ours` adds what the API takes and this gateway does not send.
 */
export function validate(body, { headers = null, signed = null, op = 'chat', ours = true } = {}) {
  (op === 'count' ? countShape : messagesShape)(body, '');
  const known = facts(body.model);
  checkConversation(body, known, ours);
  checkTools(body, known);
  checkThinking(body, known, headers);
  checkSampling(body, known);
  checkCache(body);
  if (signed) checkSignatures(body, signed);
  const format = body.output_config?.format ?? body.output_format;
  if (format && !known.structured) fail('output_config.format', 'structured outputs are not supported on this model');
  if (format) checkGrammar(format.schema, 'output_config.format.schema');
  if (headers)
    for (const key of betaFields)
      if (key in body && !headers['anthropic-beta']) fail(key, 'Extra inputs are not permitted');
}

/** Refuses the call by its headers alone. */
export function validateHeaders(headers, key) {
  if (headers['anthropic-version'] === undefined) fail('', 'anthropic-version: header is required');
  if (!['2023-06-01', '2026-10-21'].includes(headers['anthropic-version']))
    fail('', `anthropic-version: "${headers['anthropic-version']}" is not a valid version`);
  const { authorization: bearer, 'x-api-key': plain } = headers;
  if (bearer !== undefined && plain !== undefined) throw new Refusal('', 'two credentials were sent', { status: 401 });
  // The API takes its key either way; the official SDK 1.x sends it as a bearer token.
  if (plain !== key && bearer !== `Bearer ${key}`) throw new Refusal('', 'invalid x-api-key', { status: 401 });
}

// ---------------------------------------------------------------- reading a valid request

const errorTypes = {
  400: 'invalid_request_error', 401: 'authentication_error', 402: 'billing_error', 403: 'permission_error',
  404: 'not_found_error', 409: 'conflict_error', 413: 'request_too_large', 429: 'rate_limit_error', 500: 'api_error', 504: 'timeout_error', 529: 'overloaded_error',
};

export const errorBody = (status, message, extra = {}) => ({
  type: 'error',
  error: { type: extra.type ?? errorTypes[status] ?? 'api_error', message },
  request_id: extra.requestId ?? 'req_fake',
});

export const noModel = (model) => new Refusal('', `model: ${model}`, { status: 404 });
export const tooLong = ['prompt is too long: 200001 tokens > 200000 maximum', {}];

const imagesIn = (parts) => parts.flatMap((b) => {
  if (b.type === 'image') return [b.source.type === 'base64'
    ? { type: b.source.media_type, size: Buffer.from(b.source.data, 'base64').length }
    : { type: b.source.type, size: 0 }];
  return b.type === 'tool_result' && Array.isArray(b.content) ? imagesIn(b.content) : [];
});

const filesIn = (parts) => parts.flatMap((b) => {
  if (b.type === 'document') return [{ type: b.source.media_type ?? b.source.type, size: Buffer.from(b.source.data ?? '', b.source.type === 'base64' ? 'base64' : 'utf8').length, name: b.title ?? null }];
  return b.type === 'tool_result' && Array.isArray(b.content) ? filesIn(b.content) : [];
});
const choices = { auto: 'auto', any: 'required', tool: 'required', none: 'none' };

const textIn = (content) => (typeof content === 'string' ? content : (content ?? []).filter((b) => b.type === 'text').map((b) => b.text).join(''));

const resultOf = (b) => ({ id: b.tool_use_id, text: textIn(b.content), error: b.is_error === true });

/** What the scenarios need to know of a request, in words all formats share. */
export function read(body) {
  const tail = body.messages.at(-1);
  const tools = (body.tools ?? []).filter((t) => t.input_schema);
  return {
    model: body.model,
    stream: body.stream === true,
    system: textIn(body.system),
    userText: textIn(body.messages.findLast((m) => m.role === 'user' && blocksOf(m).some((b) => b.type === 'text'))?.content),
    results: tail.role === 'user' ? only(tail, 'tool_result').map(resultOf) : [],
    images: body.messages.flatMap((m) => imagesIn(blocksOf(m))),
    files: body.messages.flatMap((m) => filesIn(blocksOf(m))),
    choice: body.tool_choice ? { mode: choices[body.tool_choice.type], names: [body.tool_choice.name ?? []].flat() } : null,
    tools: tools.map((t) => t.name),
    parallel: body.tool_choice?.disable_parallel_tool_use !== true,
    schema: (body.output_config?.format ?? body.output_format)?.schema ?? null,
    stops: body.stop_sequences ?? [],
    thinking: body.thinking !== undefined && body.thinking.type !== 'disabled',
    maxTokens: body.max_tokens,
    usageWanted: true,
    history: {
      said: body.messages.filter((m) => m.role !== 'system').map((m) => [m.role, textIn(m.content)]).filter(([, text]) => text !== ''),
      calls: body.messages.flatMap((m) => only(m, 'tool_use')).map((b) => ({ id: b.id, name: b.name, args: b.input })),
      results: body.messages.flatMap((m) => only(m, 'tool_result')).map(resultOf),
      thoughts: body.messages.flatMap((m) => only(m, 'thinking')).map((b) => b.signature),
    },
  };
}

// ---------------------------------------------------------------- rendering a plan

const stopReasons = { stop: 'end_turn', length: 'max_tokens', tool_calls: 'tool_use', refusal: 'refusal', stop_sequence: 'stop_sequence' };

const usageOf = (plan) => ({
  input_tokens: plan.usage.uncached,
  cache_creation_input_tokens: plan.usage.write5m + plan.usage.write1h,
  cache_read_input_tokens: plan.usage.read,
  cache_creation: { ephemeral_5m_input_tokens: plan.usage.write5m, ephemeral_1h_input_tokens: plan.usage.write1h },
  output_tokens: plan.usage.output,
  service_tier: 'standard',
});

/** The whole answer. */
export function whole(plan) {
  const content = [];
  if (plan.thinking) content.push({ type: 'thinking', thinking: plan.thinking.join(''), signature: plan.signature });
  if (plan.text.length > 0) content.push({ type: 'text', text: plan.text.join('') });
  for (const call of plan.calls) content.push({ type: 'tool_use', id: call.id, name: call.name, input: rawJson(call.args.join('') || '{}') });
  return {
    id: plan.id, type: 'message', role: 'assistant', model: plan.model, content,
    stop_reason: stopReasons[plan.finish], stop_sequence: plan.stopSequence ?? null,
    ...(plan.finish === 'refusal' ? { stop_details: { type: 'refusal', category: null, explanation: null } } : {}),
    usage: usageOf(plan),
  };
}

const frame = (data) => `event: ${data.type}\ndata: ${JSON.stringify(data)}\n\n`;

/**
 * The stream as a list of {kind, bytes}: kind is head, body, finish or end, so that a fault can be put between.
 * Follows the exact sequence of the reference (2.4).
 */
export function stream(plan) {
  const out = [];
  const put = (kind, data) => out.push({ kind, bytes: frame(data) });
  const start = {
    type: 'message_start',
    message: { id: plan.id, type: 'message', role: 'assistant', model: plan.model, content: [], stop_reason: null, stop_sequence: null, usage: { ...usageOf(plan), output_tokens: 1 } },
  };
  put('head', start);
  put('head', { type: 'ping' });
  let index = 0;
  const block = (opening, deltas) => {
    put('body', { type: 'content_block_start', index, content_block: opening });
    for (const delta of deltas) put('body', { type: 'content_block_delta', index, delta });
    put('body', { type: 'content_block_stop', index });
    index += 1;
  };
  if (plan.thinking)
    block({ type: 'thinking', thinking: '', signature: '' }, [
      ...plan.thinking.map((t) => ({ type: 'thinking_delta', thinking: t })),
      { type: 'signature_delta', signature: plan.signature },
    ]);
  if (plan.text.length > 0) block({ type: 'text', text: '' }, plan.text.map((t) => ({ type: 'text_delta', text: t })));
  for (const call of plan.calls)
    block({ type: 'tool_use', id: call.id, name: call.name, input: {} }, ['', ...call.args].map((a) => ({ type: 'input_json_delta', partial_json: a })));
  put('finish', {
    type: 'message_delta',
    delta: { stop_reason: stopReasons[plan.finish], stop_sequence: plan.stopSequence ?? null, ...(plan.finish === 'refusal' ? { stop_details: { type: 'refusal', category: null, explanation: null } } : {}) },
    usage: { output_tokens: plan.usage.output },
  });
  put('end', { type: 'message_stop' });
  if (plan.duplicate) out.splice(1, 0, out[0]);
  return out;
}

/** One text delta of the given (raw, already escaped) JSON string content; block 0 is open. */
export const textEvent = (escaped) =>
  `event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"${escaped}"}}\n\n`;

export const errorEvent = (status, message) => frame(errorBody(status, message));

export const endlessHead = (plan) => [
  ...stream({ ...plan, text: [], calls: [], thinking: null }).filter((e) => e.kind === 'head').map((e) => e.bytes),
  frame({ type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } }),
];

const models = (names) => ({
  data: names.map((id) => ({ type: 'model', id, display_name: id, created_at: '2025-01-01T00:00:00Z' })),
  has_more: false, first_id: names[0] ?? null, last_id: names.at(-1) ?? null,
});

/** Answers that need no scenario, by operation. */
export const answers = {
  models: ({ models: names }) => models(names),
  count: ({ body }) => ({ input_tokens: 10 + JSON.stringify(body.messages).length }),
};

export const callId = (n) => `toolu_fake${String(n).padStart(4, '0')}`;
export const messageId = (n) => `msg_fake${String(n).padStart(6, '0')}`;
