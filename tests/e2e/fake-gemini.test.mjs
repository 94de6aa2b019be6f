// The fake Gemini upstream is itself tested: recorded traffic, and one good or bad request for every rule.
import * as gemini from './fake/gemini.mjs';
import { png } from './media.mjs';
import { captured, recorded, rules } from './rules/recorded.mjs';

recorded(gemini, {
  formats: ['gemini', 'gemini-vertex'],
  pathOf: (row) => `/v1beta/${/models\/[^/]+$/.exec(row.url_path)[0]}`,
  elsewhere: {
    'rubyllm.chat-error-handling-with-gemini-gemini-2-5-flash-raises-appropriate-auth-error.0.request.json': 'wrong key (400), headers were not recorded',
    'pydai.multimodal-tool-returns.multimodal-tool-return-matrix-tool-return-content-url-image-.3.request.json': 'the image host forbids robots',
    'rubyllm.chat-real-error-scenarios-vertexai-gemini-2-5-flash-handles-context-length-exceeded-.1.request.json': 'too long, but the recorder replaced the text by a placeholder',
    'pydai.google.google-vertexai-count-tokens-forwards-native-tools.0.request.json': 'Vertex counts flat bodies with generationConfig, the Gemini API only inside generateContentRequest',
    'rubyllm.chat-with-schema-with-vertexai-gemini-3-flash-preview-allows-removing-schema-mid-con.2.request.json': 'Vertex takes a part with nothing in it',
  },
});

captured(gemini, {
  paths: ['gemini-2.5-pro', 'gemini-2.5-flash', 'gemini-3.5-flash', 'gemini-3.5-flash-lite', 'demo', 'gemini-embedding-001'].flatMap((model) =>
    ['generateContent', 'streamGenerateContent', 'countTokens', 'batchEmbedContents'].map((method) => `/v1beta/models/${model}:${method}`)),
});

// ---------------------------------------------------------------- one request for every rule

const user = (...parts) => ({ role: 'user', parts: parts.map((p) => (typeof p === 'string' ? { text: p } : p)) });
const bot = (...parts) => ({ ...user(...parts), role: 'model' });
const call = (name = 'look', extra = {}) => ({ functionCall: { name, args: {}, ...extra } });
const result = (name = 'look', extra = {}) => ({ functionResponse: { name, response: { output: 'fine' }, ...extra } });
const object = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] };
const declare = (extra = {}) => ({ name: 'look', parametersJsonSchema: object, ...extra });
const tools = (...declarations) => ({ tools: [{ functionDeclarations: declarations.length > 0 ? declarations : [declare()] }] });
const ask = (extra = {}) => ({ contents: [user('hi')], ...extra });
const chat = (...contents) => ({ contents, ...tools() });
const config = (generationConfig, extra = {}) => ask({ generationConfig, ...extra });
const think = (thinkingConfig) => config({ thinkingConfig });
const on = (model, body, extra = {}) => [body, { call: { model }, ...extra }];
const parameters = (schema) => ask(tools({ name: 'look', parameters: { type: 'OBJECT', properties: { a: schema } } }));
const signed = { text: (s) => ({ Y2FsbA: 'functionCall look', dGV4dA: 'text' })[s] };
const image = { inlineData: { mimeType: 'image/png', data: png } };
const loop = (...parts) => chat(user('hi'), bot(...parts), user(...parts.filter((p) => p.functionCall).map((p) => result(p.functionCall.name))));
const json = { responseMimeType: 'application/json', responseJsonSchema: object };

const good = {
  plain: ask(),
  'a lone turn without role (2.5)': ask({ contents: [{ parts: [{ text: 'hi' }] }] }),
  'snake_case names': ask({ system_instruction: { parts: [{ text: 'kind' }] }, generation_config: { max_output_tokens: 5, thinking_config: { include_thoughts: true } } }),
  'null for absent': ask({ tools: null }),
  system: ask({ systemInstruction: { parts: [{ text: 'a' }, { text: 'b' }] } }),
  'parallel calls and results (GM-4, GM-5)': loop(call(), call()),
  'calls told apart by id': chat(user('x'), bot(call('look', { id: '1' }), call('see', { id: '2' })), user(result('see', { id: '2' }), result('look', { id: '1' }))),
  'results and a question': chat(user('x'), bot(call()), user(result(), 'and now?')),
  'prefill (GM-3)': ask({ contents: [user('x'), bot('The')] }),
  'image, pdf, text, audio inline (GM-18)': ask({ contents: [user(image, { inlineData: { mimeType: 'application/pdf', data: 'JVBERi0xLjQK' } }, { inlineData: { mimeType: 'audio/mp3', data: 'AAAA' } })] }),
  'file of the Files API': ask({ contents: [user({ fileData: { fileUri: 'https://generativelanguage.googleapis.com/v1beta/files/abc', mimeType: 'image/png' } })] }),
  'media in a result of Gemini 3 (GM-6)': on('gemini-3-pro-preview', chat(user('x'), bot({ ...call(), thoughtSignature: 'Y2FsbA' }), user(result('look', { parts: [image] })))),
  'a call signed as it came (GM-8)': on('gemini-3-pro-preview', loop({ ...call(), thoughtSignature: 'Y2FsbA' }, call()), { signed }),
  'the sentinel for a call nobody signed (GM-8)': on('gemini-3-pro-preview', loop({ ...call(), thoughtSignature: 'skip_thought_signature_validator' }, call()), { signed }),
  'an unsigned call of an older turn': on('gemini-3-pro-preview', chat(user('x'), bot(call()), user(result()), bot('y'), user('z')), { signed }),
  'an unsigned call on 2.5': on('gemini-2.5-pro', loop(call()), { signed }),
  'a signature on an empty text': on('gemini-3-pro-preview', ask({ contents: [user('x'), bot({ text: 'y' }, { text: '', thoughtSignature: 'dGV4dA' }), user('z')] }), { signed }),
  'a signed thought': ask({ contents: [user('x'), bot({ text: 'hm', thought: true, thoughtSignature: 'dGV4dA' }, 'y'), user('z')] }),
  'OpenAPI parameters (4.7)': parameters({ type: 'STRING', format: 'enum', enum: ['a'], nullable: true }),
  'OpenAPI anyOf without type': parameters({ anyOf: [{ type: 'STRING' }, { type: 'INTEGER' }] }),
  'tool without parameters (GM-11)': ask(tools({ name: 'now', description: 'Tells the time.' })),
  'forced function (GM-13)': ask({ ...tools(), toolConfig: { functionCallingConfig: { mode: 'ANY', allowedFunctionNames: ['look'] } } }),
  'search alone': on('gemini-2.5-pro', ask({ tools: [{ googleSearch: {} }] })),
  'search with functions on Gemini 3 (GM-12)': on('gemini-3-pro-preview', ask({ tools: [...tools().tools, { googleSearch: {} }], toolConfig: { includeServerSideToolInvocations: true } })),
  'budget of 2.5 (GM-14)': on('gemini-2.5-pro', think({ includeThoughts: true, thinkingBudget: 128 })),
  'dynamic budget': on('gemini-2.5-pro', think({ thinkingBudget: -1 })),
  'thinking off on flash': on('gemini-2.5-flash', think({ thinkingBudget: 0 })),
  'thinking off on flash-lite': on('gemini-2.5-flash-lite', think({ thinkingBudget: 0 })),
  'level of Gemini 3': on('gemini-3-pro-preview', think({ includeThoughts: true, thinkingLevel: 'HIGH' })),
  'JSON schema output (GM-17)': config(json),
  'JSON with functions on Gemini 3': on('gemini-3-pro-preview', config(json, tools())),
  'five stop sequences (GM-16)': config({ stopSequences: ['1', '2', '3', '4', '5'] }),
  'penalties on 2.0': on('gemini-2.0-flash', config({ presencePenalty: 0.5 })),
  'logprobs': config({ responseLogprobs: true, logprobs: 3 }),
  'count, flat': [ask(), { op: 'count' }],
  'count, a whole request': [{ generateContentRequest: { model: 'models/gemini-2.5-pro', ...ask(tools()) } }, { op: 'count' }],
  'embed': [{ content: { parts: [{ text: 'a' }] }, outputDimensionality: 64 }, { op: 'embed' }],
  'embed many': [{ requests: [{ model: 'models/m', content: { parts: [{ text: 'a' }] } }] }, { op: 'embedBatch', call: { model: 'm' } }],
};

const bad = {
  'unknown field': ask({ max_tokens: 5 }),
  'unknown field of the configuration': config({ maxTokens: 5 }),
  'field of OpenAI': ask({ messages: [] }),
  'the model in the body': ask({ model: 'models/gemini-2.5-pro' }),
  'metadata and user (GM-20)': ask({ metadata: {} }),
  'both spellings of one field': ask({ generationConfig: {}, generation_config: {} }),
  'both spellings deep inside': config({ topP: 1, top_p: 1 }),
  'no contents': { systemInstruction: { parts: [{ text: 'x' }] } },
  'empty contents (GM-3)': ask({ contents: [] }),
  'one object for contents': ask({ contents: user('x') }),
  'no role among several turns': ask({ contents: [user('x'), { parts: [{ text: 'y' }] }] }),
  'role assistant': ask({ contents: [user('x'), { role: 'assistant', parts: [{ text: 'y' }] }, user('z')] }),
  'role system': ask({ contents: [{ role: 'system', parts: [{ text: 'y' }] }, user('z')] }),
  'role function (GM-5)': chat(user('x'), bot(call()), { role: 'function', parts: [result()] }),
  'two users in a row (GM-3)': ask({ contents: [user('x'), user('y')] }),
  'no parts': ask({ contents: [user()] }),
  'a part with nothing in it': ask({ contents: [user({})] }),
  'a part with two things in it': ask({ contents: [user({ text: 'x', ...image })] }),
  'empty text': ask({ contents: [user('')] }),
  'half a surrogate pair': ask({ contents: [user('\ud83d')] }),
  'content as a string': ask({ contents: [{ role: 'user', parts: 'x' }] }),
  'system as a string': ask({ systemInstruction: 'x' }),
  'empty system text': ask({ systemInstruction: { parts: [{ text: '' }] } }),
  'system on Gemma (GM-2)': on('gemma-3-27b-it', ask({ systemInstruction: { parts: [{ text: 'x' }] } })),
  'call first (GM-3)': chat(bot(call()), user(result())),
  'call at the end (GM-4)': chat(user('x'), bot(call())),
  'no result (GM-4)': chat(user('x'), bot(call()), user('never mind')),
  'one result of two': chat(user('x'), bot(call(), call()), user(result())),
  'a result too many': chat(user('x'), bot(call()), user(result(), result())),
  'a result without a call': chat(user(result())),
  'a result under another name (GM-5)': chat(user('x'), bot(call()), user(result('see'))),
  'a result named by the call id': chat(user('x'), bot(call('look', { id: 'call_1' })), user(result('call_1', { id: 'call_1' }))),
  'a result of an unknown id': chat(user('x'), bot(call('look', { id: '1' })), user(result('look', { id: '2' }))),
  'results in two turns': chat(user('x'), bot(call(), call()), user(result()), user(result())),
  'response as text (GM-5)': chat(user('x'), bot(call()), user({ functionResponse: { name: 'look', response: 'fine' } })),
  'response as a list': chat(user('x'), bot(call()), user({ functionResponse: { name: 'look', response: [] } })),
  'no name in a response': chat(user('x'), bot(call()), user({ functionResponse: { response: {} } })),
  'args as text': chat(user('x'), bot({ functionCall: { name: 'look', args: '{}' } }), user(result())),
  'a call of the user': chat(user(call()), user(result())),
  'media in a result of 2.5 (GM-6)': on('gemini-2.5-pro', chat(user('x'), bot(call()), user(result('look', { parts: [image] })))),
  'unsigned call in the current loop of Gemini 3 (GM-8)': on('gemini-3-pro-preview', loop(call()), { signed }),
  'only the second parallel call is signed (E-69)': on('gemini-3-pro-preview', loop(call(), { ...call(), thoughtSignature: 'Y2FsbA' }), { signed }),
  'foreign signature (E-64)': on('gemini-2.5-pro', loop({ ...call(), thoughtSignature: 'AAAA' }), { signed }),
  'signature on another part than it came with (GM-8)': on('gemini-2.5-pro', ask({ contents: [user('x'), bot({ text: 'y', thoughtSignature: 'Y2FsbA' }), user('z')] }), { signed }),
  'signature that is no base64': loop({ ...call(), thoughtSignature: 'a b' }),
  'unsigned thought (GM-9)': ask({ contents: [user('x'), bot({ text: 'hm', thought: true }, 'y'), user('z')] }),
  'both schema spellings of a tool (GM-10)': ask(tools(declare({ parameters: { type: 'OBJECT', properties: { a: { type: 'STRING' } } } }))),
  '$schema (GM-10, E-90)': ask(tools(declare({ parametersJsonSchema: { ...object, $schema: 'x' } }))),
  'additionalProperties in parameters (E-90)': parameters({ type: 'OBJECT', properties: {}, additionalProperties: false }),
  'const in parameters': parameters({ type: 'STRING', const: 'x' }),
  '$ref in parameters': parameters({ $ref: '#/$defs/x' }),
  'list of types in parameters (E-91)': parameters({ type: ['STRING', 'NULL'] }),
  'no type in parameters': parameters({ description: 'x' }),
  'number in an enum': parameters({ type: 'INTEGER', enum: [1] }),
  'empty word in an enum': parameters({ type: 'STRING', enum: [''] }),
  'format not known': parameters({ type: 'STRING', format: 'uri' }),
  'array without items': parameters({ type: 'ARRAY' }),
  'required but not a property': parameters({ type: 'OBJECT', properties: {}, required: ['x'] }),
  'UPPER type in a JSON schema': ask(tools(declare({ parametersJsonSchema: { type: 'OBJECT', properties: {} } }))),
  'parameters that are no object (E-92)': ask(tools(declare({ parametersJsonSchema: { type: 'string' } }))),
  'parameters without properties (GM-11)': ask(tools({ name: 'now', parameters: { type: 'OBJECT', properties: {} } })),
  'function name with a space (GM-11)': ask(tools(declare({ name: 'a b' }))),
  'function name that begins with a digit': ask(tools(declare({ name: '1a' }))),
  'function name too long': ask(tools(declare({ name: 'a'.repeat(65) }))),
  'function twice': ask(tools(declare(), declare())),
  'tool in the shape of OpenAI': ask({ tools: [{ type: 'function', function: { name: 'look' } }] }),
  'search with functions before Gemini 3 (GM-12)': on('gemini-2.5-pro', ask({ tools: [...tools().tools, { googleSearch: {} }] })),
  'search with functions, not enabled': on('gemini-3-pro-preview', ask({ tools: [...tools().tools, { googleSearch: {} }] })),
  'tool choice without tools': ask({ toolConfig: { functionCallingConfig: { mode: 'AUTO' } } }),
  'allowed names with AUTO (GM-13)': ask({ ...tools(), toolConfig: { functionCallingConfig: { mode: 'AUTO', allowedFunctionNames: ['look'] } } }),
  'allowed name not declared': ask({ ...tools(), toolConfig: { functionCallingConfig: { mode: 'ANY', allowedFunctionNames: ['see'] } } }),
  'tool choice in the shape of OpenAI': ask({ ...tools(), tool_choice: 'auto' }),
  'budget and level (GM-14)': think({ thinkingBudget: 1024, thinkingLevel: 'LOW' }),
  'level on 2.5': on('gemini-2.5-pro', think({ thinkingLevel: 'LOW' })),
  'budget on Gemini 3': on('gemini-3-pro-preview', think({ thinkingBudget: 1024 })),
  'MEDIUM on 3 pro': on('gemini-3-pro-preview', think({ thinkingLevel: 'MEDIUM' })),
  'MINIMAL on 3.1 pro': on('gemini-3.1-pro-preview', think({ thinkingLevel: 'MINIMAL' })),
  'thinking off on pro': on('gemini-2.5-pro', think({ thinkingBudget: 0 })),
  'budget below the range of pro': on('gemini-2.5-pro', think({ thinkingBudget: 127 })),
  'budget above the range of flash': on('gemini-2.5-flash', think({ thinkingBudget: 24577 })),
  'budget below the range of flash-lite': on('gemini-2.5-flash-lite', think({ thinkingBudget: 511 })),
  'thinking on 2.0': on('gemini-2.0-flash', think({ includeThoughts: true })),
  'six stop sequences (GM-16)': config({ stopSequences: ['1', '2', '3', '4', '5', '6'] }),
  'empty stop sequence': config({ stopSequences: [''] }),
  'nine candidates': config({ candidateCount: 9 }),
  'penalty on 2.5': on('gemini-2.5-pro', config({ presencePenalty: 0.5 })),
  'seed over 32 bits': config({ seed: 2 ** 31 }),
  'logprobs alone': config({ logprobs: 3 }),
  'logprobs over 20': config({ responseLogprobs: true, logprobs: 21 }),
  'temperature over two': config({ temperature: 2.1 }),
  'temperature as text': config({ temperature: '1' }),
  'no output tokens': config({ maxOutputTokens: 0 }),
  'schema without JSON (GM-17)': config({ responseJsonSchema: object }),
  'both schemas': config({ ...json, responseSchema: { type: 'OBJECT', properties: { a: { type: 'STRING' } } } }),
  'JSON with functions on 2.5 (GM-17)': on('gemini-2.5-pro', config(json, tools())),
  'file of another host (GM-18)': ask({ contents: [user({ fileData: { fileUri: 'https://x.example/a.png', mimeType: 'image/png' } })] }),
  'image as a data URL': ask({ contents: [user({ inlineData: { mimeType: 'image/png', data: `data:image/png;base64,${png}` } })] }),
  'image that is not its type': ask({ contents: [user({ inlineData: { mimeType: 'image/jpeg', data: png } })] }),
  'image type not taken': ask({ contents: [user({ inlineData: { mimeType: 'image/svg+xml', data: 'AAAA' } })] }),
  'base64 with a line break (E-61)': ask({ contents: [user({ inlineData: { mimeType: 'image/png', data: `${png.slice(0, 20)}\n${png.slice(20)}` } })] }),
  'safety threshold unknown': ask({ safetySettings: [{ category: 'HARM_CATEGORY_HARASSMENT', threshold: 'none' }] }),
  'service tier of another API (GM-20)': ask({ serviceTier: 'default' }),
  'count with both forms': [{ ...ask(), generateContentRequest: { model: 'models/m', ...ask() } }, { op: 'count' }],
  'count of a model without prefix': [{ generateContentRequest: { model: 'm', ...ask() } }, { op: 'count' }],
  'count, flat, with more than contents': [ask({ systemInstruction: { parts: [{ text: 'x' }] } }), { op: 'count' }],
  'embed without content': [{ model: 'models/m' }, { op: 'embed' }],
  'embed many of another model': [{ requests: [{ model: 'models/other', content: { parts: [{ text: 'a' }] } }] }, { op: 'embedBatch', call: { model: 'm' } }],
};

rules(gemini, good, bad);
