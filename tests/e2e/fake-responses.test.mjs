// The fake Responses and embeddings upstreams are themselves tested: recorded traffic, and one good or bad request for every rule.
import * as embeddings from './fake/openai-embeddings.mjs';
import * as responses from './fake/openai-responses.mjs';
import { pdf, png } from './media.mjs';
import { captured, recorded, rules } from './rules/recorded.mjs';

recorded(responses, {
  formats: ['openai-responses', 'openai-responses-compat'],
  pathOf: (row) => row.url_path.replace(/^.*\/responses/, '/v1/responses'),
  unknown: ['gpt-5.2-proo'],
  elsewhere: {
    'rubyllm.error-handles-invalid-api-keys-gracefully.0.request.json': 'wrong key (401), headers were not recorded',
    'pydai.deepseek-responses.deepseek-responses-replay-own-reasoning-history.0.request.json': 'DeepSeek takes ids of any prefix',
    'pydai.deepseek-responses.deepseek-responses-text-multi-turn.1.request.json': 'DeepSeek takes ids of any prefix',
  },
});

captured(responses, {
  paths: ['/v1/responses', '/v1/responses/input_tokens'],
  // A field of the product's own backend, which the built-in provider adds.
  refused: [[/^codex\/(builtin-provider|ws426)/, /internal_chat_message_metadata_passthrough/]],
});
captured(embeddings, { paths: ['/v1/embeddings'] });

// ---------------------------------------------------------------- one request for every rule

const user = (content) => ({ role: 'user', content });
const bot = (content, extra = {}) => ({ type: 'message', role: 'assistant', content, ...extra });
const said = (text) => [{ type: 'output_text', text, annotations: [] }];
const call = (id, extra = {}) => ({ type: 'function_call', call_id: id, name: 'look', arguments: '{}', ...extra });
const result = (id, extra = {}) => ({ type: 'function_call_output', call_id: id, output: 'fine', ...extra });
const proof = (extra = {}) => ({ type: 'reasoning', summary: [], encrypted_content: 'good', ...extra });
const object = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'], additionalProperties: false };
const tool = (extra = {}) => ({ type: 'function', name: 'look', parameters: object, strict: false, ...extra });
const ask = (extra = {}) => ({ model: 'gpt-4o', input: 'hi', ...extra });
const chat = (...input) => ask({ input, tools: [tool()] });
const part = (p) => ask({ input: [user([p])] });
const format = (extra = {}) => ask({ text: { format: { type: 'json_schema', name: 'x', schema: object, ...extra } } });
const file = `data:application/pdf;base64,${pdf}`;
const image = `data:image/png;base64,${png}`;
const signed = { text: (s) => ({ good: 'thought' })[s] };
const think = { model: 'gpt-5', store: false, include: ['reasoning.encrypted_content'] };

const good = {
  plain: ask(),
  items: ask({ input: [user('hi'), bot(said('hello')), user('and?')] }),
  'a message without type': ask({ input: [{ role: 'assistant', content: 'x' }, user('y')] }),
  'developer in the middle': ask({ instructions: 'kind', input: [user('x'), { type: 'message', role: 'developer', content: [{ type: 'input_text', text: 'y' }] }] }),
  'parallel calls and results (OR-3)': chat(user('x'), call('a'), call('b'), result('b'), result('a')),
  'an item id of its own prefix': chat(user('x'), call('a', { id: 'fc_1', status: 'completed' }), result('a')),
  'media in a result': chat(user('x'), call('a'), result('a', { output: [{ type: 'input_text', text: 'see' }, { type: 'input_image', image_url: image, detail: 'auto' }] })),
  'image by data and by url (OR-2)': ask({ input: [user([{ type: 'input_image', image_url: image }, { type: 'input_image', image_url: 'https://x.example/a.png' }])] }),
  'pdf by data and by url': ask({ input: [user([{ type: 'input_file', filename: 'a.pdf', file_data: file }, { type: 'input_file', file_url: 'https://x.example/a.pdf' }])] }),
  'refusal replayed': ask({ input: [user('x'), bot([{ type: 'refusal', refusal: 'no' }]), user('y')] }),
  'reasoning before its item (OR-5)': [chat(user('x'), proof(), call('a'), result('a')), { signed }],
  'reasoning before its message': ask({ ...think, input: [user('x'), proof(), bot(said('y')), user('z')] }),
  'reasoning with ids on both': ask({ input: [user('x'), proof({ id: 'rs_1' }), bot(said('y'), { id: 'msg_1', status: 'completed' }), user('z')] }),
  'custom tool': ask({ tools: [{ type: 'custom', name: 'patch', format: { type: 'grammar', syntax: 'lark', definition: 'x' } }], input: [user('x'), { type: 'custom_tool_call', call_id: 'a', name: 'patch', input: 'y' }, { type: 'custom_tool_call_output', call_id: 'a', output: 'z' }] }),
  'namespace of tools (RS-5)': ask({ tools: [{ type: 'namespace', name: 'ns', description: 'x', tools: [tool()] }] }),
  'server tools': ask({ tools: [{ type: 'web_search' }, { type: 'code_interpreter', container: { type: 'auto' } }], tool_choice: { type: 'web_search' } }),
  'named tool (4.3)': ask({ tools: [tool()], tool_choice: { type: 'function', name: 'look' } }),
  'allowed tools': ask({ tools: [tool()], tool_choice: { type: 'allowed_tools', mode: 'required', tools: [{ type: 'function', name: 'look' }] } }),
  'tool without parameters': ask({ tools: [{ type: 'function', name: 'now', parameters: null, strict: null }] }),
  'strict tool that obeys': ask({ tools: [tool({ strict: true })] }),
  'schema output (OR-7)': format({ strict: true }),
  'JSON output': ask({ input: 'Answer as JSON', text: { format: { type: 'json_object' } } }),
  'effort and summary (OR-8)': ask({ ...think, reasoning: { effort: 'high', summary: 'auto' } }),
  'sampling without effort on gpt-5.1 (OC-8)': ask({ model: 'gpt-5.1', temperature: 0.5, reasoning: { effort: 'none' } }),
  'input continued by id': ask({ input: [result('a')], previous_response_id: 'resp_1' }),
  'no input but a conversation': { model: 'gpt-4o', conversation: 'conv_1' },
  'sixteen tokens (OR-6)': ask({ max_output_tokens: 16 }),
  'logprobs': ask({ top_logprobs: 2, include: ['message.output_text.logprobs'] }),
  'obfuscation off in a stream': ask({ stream: true, stream_options: { include_obfuscation: false } }),
  count: [{ model: 'gpt-4o', input: 'hi', instructions: 'x' }, { op: 'count' }],
  compact: [ask(), { op: 'compact' }],
};

const bad = {
  ...Object.fromEntries(['messages', 'max_tokens', 'stop', 'n', 'seed', 'frequency_penalty', 'presence_penalty', 'logit_bias', 'response_format', 'reasoning_effort', 'system', 'modalities']
    .map((field) => [`field of another API: ${field} (OR-10)`, ask({ [field]: 1 })])),
  'no model': { input: 'hi' },
  'no input': { model: 'gpt-4o' },
  'empty list of input': ask({ input: [] }),
  'empty text': ask({ input: '' }),
  'half a surrogate pair': ask({ input: '\ud83d' }),
  'unknown role': ask({ input: [{ role: 'tool', content: 'x' }] }),
  'unknown item': ask({ input: [{ type: 'tool_result', call_id: 'a' }] }),
  'unknown field of a message': ask({ input: [{ ...user('x'), name: 'a' }] }),
  'input_text of the assistant (OR-2)': ask({ input: [user('x'), bot([{ type: 'input_text', text: 'y' }]), user('z')] }),
  'output_text of the user': part({ type: 'output_text', text: 'y' }),
  'text in the shape of chat': part({ type: 'text', text: 'y' }),
  'image in the shape of chat': part({ type: 'image_url', image_url: { url: image } }),
  'image url as an object': part({ type: 'input_image', image_url: { url: image } }),
  'image with nothing': part({ type: 'input_image' }),
  'image that is not its type': part({ type: 'input_image', image_url: image.replace('png', 'jpeg') }),
  'audio (OR-2)': part({ type: 'input_audio', input_audio: { data: 'AAAA', format: 'wav' } }),
  'file without a name': part({ type: 'input_file', file_data: file }),
  'file as bare base64': part({ type: 'input_file', filename: 'a.pdf', file_data: pdf }),
  'file that is no pdf': part({ type: 'input_file', filename: 'a.pdf', file_data: 'data:application/pdf;base64,AAAA' }),
  'file of two sources': part({ type: 'input_file', filename: 'a.pdf', file_data: file, file_url: 'https://x.example/a.pdf' }),
  'audio as a file': part({ type: 'input_file', file_url: 'https://x.example/a.mp3' }),
  'call without result (OR-4)': chat(user('x'), call('a')),
  'one result of two': chat(user('x'), call('a'), call('b'), result('a')),
  'result without call': chat(user('x'), result('a')),
  'two results for one call': chat(user('x'), call('a'), result('a'), result('a')),
  'call id twice': chat(user('x'), call('a'), result('a'), call('a'), result('a')),
  'call id too long (OR-4)': chat(user('x'), call('a'.repeat(65)), result('a'.repeat(65))),
  'empty call id (RS-4)': chat(user('x'), call(''), result('')),
  'arguments as an object': chat(user('x'), call('a', { arguments: {} }), result('a')),
  'output as an object': chat(user('x'), call('a'), result('a', { output: {} })),
  'item id of another prefix (OR-3)': chat(user('x'), call('a', { id: 'toolu_1' }), result('a')),
  'item id where nothing is stored (OR-3)': { ...chat(user('x'), call('a', { id: 'fc_1' }), result('a')), store: false },
  'reasoning at the end (E-71)': chat(user('x'), proof()),
  'reasoning before a user message': chat(user('x'), proof(), user('y')),
  'reasoning before a result': chat(user('x'), call('a'), proof(), result('a')),
  'reasoning with id before a message without': ask({ input: [user('x'), proof({ id: 'rs_1' }), bot(said('y')), user('z')] }),
  'reasoning without proof where nothing is stored': ask({ ...think, input: [user('x'), { type: 'reasoning', summary: [] }, bot(said('y')), user('z')] }),
  'foreign proof (E-72)': [chat(user('x'), proof({ encrypted_content: 'gw1.abc' }), call('a'), result('a')), { signed }],
  'reasoning without summary': chat(user('x'), { type: 'reasoning', encrypted_content: 'good' }, call('a'), result('a')),
  'tool in the shape of chat (OR-10)': ask({ tools: [{ type: 'function', function: { name: 'look' } }] }),
  'tool in the shape of Anthropic': ask({ tools: [{ name: 'look', input_schema: object }] }),
  'tool without name': ask({ tools: [{ type: 'function', parameters: object }] }),
  'tool name with a dot': ask({ tools: [tool({ name: 'a.b' })] }),
  'tool name too long': ask({ tools: [tool({ name: 'a'.repeat(65) })] }),
  'tool twice': ask({ tools: [tool(), tool()] }),
  'unknown kind of tool': ask({ tools: [{ type: 'googleSearch' }] }),
  'parameters without type': ask({ tools: [tool({ parameters: {} })] }),
  'strict tool left open': ask({ tools: [tool({ strict: true, parameters: { type: 'object', properties: {} } })] }),
  'strict tool with an optional property': ask({ tools: [tool({ strict: true, parameters: { ...object, required: [] } })] }),
  'forced tool without tools': ask({ tool_choice: 'required' }),
  'unknown tool forced': ask({ tools: [tool()], tool_choice: { type: 'function', name: 'see' } }),
  'tool choice in the shape of chat': ask({ tools: [tool()], tool_choice: { type: 'function', function: { name: 'look' } } }),
  'schema in the shape of chat (OR-7)': ask({ text: { format: { type: 'json_schema', json_schema: { name: 'x', schema: object } } } }),
  'schema without name': ask({ text: { format: { type: 'json_schema', schema: object } } }),
  'schema name with a space': format({ name: 'a b' }),
  'strict schema left open': format({ strict: true, schema: { type: 'object', properties: {} } }),
  'JSON output without the word (OR-7)': ask({ text: { format: { type: 'json_object' } } }),
  'effort on a plain model': ask({ reasoning: { effort: 'high' } }),
  'temperature on a reasoning model (OR-11)': ask({ model: 'gpt-5', temperature: 0.5 }),
  'top_p on a reasoning model': ask({ model: 'o4-mini', top_p: 0.5 }),
  'unknown effort': ask({ model: 'gpt-5', reasoning: { effort: 'extreme' } }),
  'unknown include': ask({ include: ['everything'] }),
  'fifteen tokens (OR-6)': ask({ max_output_tokens: 15 }),
  'temperature below zero': ask({ temperature: -1 }),
  'temperature as text': ask({ temperature: '1' }),
  'stream as text (E-87)': ask({ stream: 'true' }),
  'stream_options without stream': ask({ stream_options: { include_obfuscation: false } }),
  'include_usage': ask({ stream: true, stream_options: { include_usage: true } }),
  'top_logprobs without include': ask({ top_logprobs: 2 }),
  'metadata too long': ask({ metadata: { a: 'x'.repeat(513) } }),
  'background without a store': ask({ background: true, store: false }),
  'previous id of another prefix': ask({ previous_response_id: 'chatcmpl-1' }),
  'count with sampling': [ask({ temperature: 1 }), { op: 'count' }],
  'compact with tools': [ask({ tools: [tool()] }), { op: 'compact' }],
};

rules(responses, good, bad);

const embed = (extra = {}) => ({ model: 'text-embedding-3-small', input: 'a', ...extra });
rules(embeddings, {
  'one text': embed(), texts: embed({ input: ['a', 'b'] }), tokens: embed({ input: [1, 2] }), 'lists of tokens': embed({ input: [[1], [2]] }),
  'base64, cut': embed({ encoding_format: 'base64', dimensions: 8 }),
}, {
  'no input': { model: 'text-embedding-3-small' },
  'empty text': embed({ input: '' }),
  'empty list': embed({ input: [] }),
  'texts and tokens mixed': embed({ input: ['a', 1] }),
  'field of Ollama': embed({ truncate: true }),
  'unknown encoding': embed({ encoding_format: 'hex' }),
  'dimensions on a model without': embed({ model: 'text-embedding-ada-002', dimensions: 8 }),
});
