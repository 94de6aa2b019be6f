// The fake Ollama upstream is itself tested: recorded traffic, and one good or bad request for every rule.
import * as ollama from './fake/ollama.mjs';
import { pdf, png } from './media.mjs';
import { captured, recorded, rules } from './rules/recorded.mjs';

recorded(ollama, { formats: ['ollama'], elsewhere: {} });
captured(ollama, { paths: ['/api/chat', '/api/generate', '/api/embed', '/api/show'] });

// ---------------------------------------------------------------- one request for every rule

const user = (content, extra = {}) => ({ role: 'user', content, ...extra });
const call = (name = 'look', extra = {}) => ({ function: { name, arguments: {} }, ...extra });
const calls = (...list) => ({ role: 'assistant', content: '', tool_calls: list });
const result = (tool_name = 'look', extra = {}) => ({ role: 'tool', content: 'fine', tool_name, ...extra });
const tool = (extra = {}) => ({ type: 'function', function: { name: 'look', parameters: { type: 'object', properties: {} }, ...extra } });
const ask = (extra = {}) => ({ model: 'qwen3-vl', messages: [user('hi')], ...extra });
const chat = (...messages) => ask({ messages, tools: [tool()] });
const set = (options) => ask({ options });
const generate = (extra, model = 'llama3.2') => [{ model, prompt: 'hi', ...extra }, { call: { generate: true } }];

const good = {
  plain: ask(),
  'system, assistant, user': ask({ messages: [{ role: 'system', content: 'kind' }, user('x'), { role: 'assistant', content: 'y' }, user('z')] }),
  'two users in a row': ask({ messages: [user('x'), user('y')] }),
  'parallel calls and results in order (OU-2)': chat(user('x'), calls(call(), call()), result(), result()),
  'calls told apart by id': chat(user('x'), calls(call('look', { id: '1' }), call('see', { id: '2' })), result('see', { tool_call_id: '2' }), result('look', { tool_call_id: '1' })),
  'result without call': chat(user('x'), result()),
  'call without result': chat(user('x'), calls(call()), user('never mind')),
  'one result of two': chat(user('x'), calls(call(), call()), result()),
  'call at the end': chat(user('x'), calls(call())),
  'thinking replayed (OU-3)': ask({ messages: [user('x'), { role: 'assistant', content: 'y', thinking: 'hm' }, user('z')] }),
  image: ask({ messages: [user('x', { images: [png] })] }),
  'an image alone': ask({ messages: [user('', { images: [png] })] }),
  'schema output (OU-5)': ask({ format: { type: 'object', properties: {} } }),
  'JSON output': ask({ format: 'json' }),
  'options (OU-4)': set({ temperature: 0.5, top_k: 40, num_predict: 100, stop: ['x'], seed: 7, min_p: 0.1, num_ctx: 8192 }),
  think: ask({ think: true }),
  'think level of gpt-oss': ask({ model: 'gpt-oss:20b', think: 'high' }),
  'no thinking of a model without': ask({ model: 'llama3.2', think: false }),
  'keep alive as a duration, a number, null': ask({ keep_alive: '5m' }),
  generate: generate({ system: 'kind', stream: false }),
  'fill in the middle': generate({ suffix: 'x' }, 'codellama'),
  embed: [{ model: 'nomic-embed-text', input: ['a', 'b'], truncate: true }, { op: 'embed' }],
  'embed one, the old way': [{ model: 'nomic-embed-text', prompt: 'a' }, { op: 'embedOne' }],
  show: [{ model: 'llama3.2' }, { op: 'show' }],
  'show by its old name': [{ name: 'llama3.2', verbose: true }, { op: 'show' }],
};

const bad = {
  ...Object.fromEntries(['temperature', 'max_tokens', 'stop', 'tool_choice', 'parallel_tool_calls', 'response_format', 'reasoning_effort', 'system', 'n', 'metadata', 'user']
    .map((field) => [`field of another API: ${field} (OU-4, OU-5)`, ask({ [field]: 1 })])),
  'no model': { messages: [user('x')] },
  'no messages': ask({ messages: [] }),
  'role developer (OU-1)': ask({ messages: [{ role: 'developer', content: 'x' }, user('y')] }),
  'role function': ask({ messages: [user('x'), { role: 'function', content: 'y', name: 'look' }] }),
  'parts for content (OU-1)': ask({ messages: [user([{ type: 'text', text: 'x' }])] }),
  'null for content': chat(user('x'), { ...calls(call()), content: null }, result()),
  'user with nothing': ask({ messages: [user('')] }),
  'assistant with nothing': ask({ messages: [user('x'), { role: 'assistant', content: '' }, user('y')] }),
  'half a surrogate pair': ask({ messages: [user('\ud83d')] }),
  'name on a message': ask({ messages: [user('x', { name: 'a' })] }),
  'image as a data URL (OU-1)': ask({ messages: [user('x', { images: [`data:image/png;base64,${png}`] })] }),
  'image as a url (OU-1)': ask({ messages: [user('x', { images: ['https://x.example/a.png'] })] }),
  'pdf as an image (4.9)': ask({ messages: [user('x', { images: [pdf] })] }),
  'image for a model that cannot see': ask({ model: 'llama3.2', messages: [user('x', { images: [png] })] }),
  'arguments as text (OU-2)': chat(user('x'), calls({ function: { name: 'look', arguments: '{}' } }), result()),
  'call in the shape of OpenAI': chat(user('x'), calls({ id: '1', type: 'function', name: 'look', arguments: {} }), result()),
  'result without a tool name (OU-2)': chat(user('x'), calls(call()), { role: 'tool', content: 'fine', tool_call_id: '1' }),
  'result named by the call id': chat(user('x'), calls(call('look', { id: '1' })), result('1', { tool_call_id: '1' })),
  'result of an unknown id': chat(user('x'), calls(call('look', { id: '1' })), result('look', { tool_call_id: '2' })),
  'empty list of tools': ask({ tools: [] }),
  'tool in the shape of Anthropic': ask({ tools: [{ name: 'look', input_schema: {} }] }),
  'flat tool': ask({ tools: [{ type: 'function', name: 'look', parameters: { type: 'object' } }] }),
  'tool twice': ask({ tools: [tool(), tool()] }),
  'strict on a tool': ask({ tools: [tool({ strict: true })] }),
  'parameters without type': ask({ tools: [tool({ parameters: {} })] }),
  'tools for a model without': ask({ model: 'gemma3', tools: [tool()] }),
  'thinking of a model without (OU-3)': ask({ model: 'llama3.2', think: true }),
  'level of a model without levels (OU-3)': ask({ think: 'high' }),
  'unknown level': ask({ model: 'gpt-oss:20b', think: 'minimal' }),
  'thought replayed to a model without': ask({ model: 'llama3.2', messages: [user('x'), { role: 'assistant', content: 'y', thinking: 'hm' }, user('z')] }),
  'unknown option': set({ max_tokens: 5 }),
  'temperature as text': set({ temperature: '1' }),
  'fraction of a token': set({ num_predict: 1.5 }),
  'stop as text': set({ stop: 'x' }),
  'format in the shape of OpenAI (OU-5)': ask({ format: 'json_schema' }),
  'stream as text': ask({ stream: 'true' }),
  'keep alive without a unit': ask({ keep_alive: '5' }),
  'top_logprobs alone': ask({ top_logprobs: 3 }),
  'generate with messages': generate({ messages: [user('x')] }),
  'generate without prompt': [{ model: 'llama3.2' }, { call: { generate: true } }],
  'suffix for a model without': generate({ suffix: 'x' }),
  'embed without input': [{ model: 'nomic-embed-text' }, { op: 'embed' }],
  'embed in the shape of OpenAI': [{ model: 'nomic-embed-text', input: 'a', encoding_format: 'float' }, { op: 'embed' }],
  'show without a name': [{ verbose: true }, { op: 'show' }],
};

rules(ollama, good, bad);
