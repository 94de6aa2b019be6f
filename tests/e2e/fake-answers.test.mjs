// The cases of the matrix straight to the fake, each client format to its own upstream: what is asked there can be answered, and the
// program is the only thing between that can go wrong.
import assert from 'node:assert/strict';
import { after, before, describe } from 'node:test';
import { formats, startFake } from './fake/server.mjs';
import { cases } from './matrix/cases.mjs';
import { Cell } from './matrix/cell.mjs';
import { upstreams, verdict, waysOf } from './matrix/table.mjs';
import { test } from './timed.mjs';
import { request } from './wire.mjs';

/** What needs a gateway between to come out well: [client, case]. */
const needsGateway = [
  ['openai-chat', 'image in a tool result'],
  ['openai-responses', 'error within the answer'],
  ['gemini', 'image in a tool result'],
];

describe('straight to the fake', () => {
  let up;
  let server;
  before(async () => {
    up = await startFake({ ours: false });
    server = { host: '127.0.0.1', port: up.port };
  });
  after(() => up.close());
  const keyOf = (name) => up.fake[formats.find((f) => f.name === name).key];

  for (const name of Object.keys(upstreams)) {
    const cell = (what) => ({ client: name, upstream: name, name: what, verdict: verdict(name, name, what) });
    for (const what of Object.keys(cases).filter((c) => !cases[c].gateway && !cell(c).verdict.absent && !cell(c).verdict.reject))
      for (const way of waysOf(name, what)) {
        // A whole answer that breaks off is no answer: only a gateway makes an error of it.
        if (needsGateway.some(([n, c]) => n === name && c === what) || (what === 'error within the answer' && !way.stream)) continue;
        test(`${name}: ${what}, ${way.title}`, async () => {
          up.fake.reset();
          const run = new Cell({ server, fake: up.fake, cell: { ...cell(what), verdict: {} }, way, key: keyOf(name), direct: true });
          await cases[what].run(run, {});
          assert.equal(run.rejections(), '');
        });
      }
  }

  const get = (name, path, options = {}) => request(server, {
    path, ...options,
    headers: { 'user-agent': 'test', ...(name === 'gemini' ? { 'x-goog-api-key': keyOf(name) } : { authorization: `Bearer ${keyOf(name)}` }), ...options.headers },
  });
  const post = (name, path, body) => get(name, path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });

  test('lists and counts', async () => {
    const models = (await get('gemini', '/v1beta/models')).json.models.map((m) => m.name);
    assert.ok(models.includes('models/gemini-2.5-pro'));
    assert.equal((await get('gemini', '/v1beta/models/gemini-2.5-pro')).json.inputTokenLimit, 1048576);
    const contents = [{ role: 'user', parts: [{ text: 'hi' }] }];
    assert.ok((await post('gemini', '/v1beta/models/gemini-2.5-pro:countTokens', { contents })).json.totalTokens > 0);
    assert.deepEqual((await get('ollama', '/api/tags')).json.models.map((m) => m.name).includes('llama3.2:latest'), true);
    assert.deepEqual((await post('ollama', '/api/show', { model: 'qwen3-vl' })).json.capabilities, ['completion', 'tools', 'vision', 'thinking']);
    assert.match((await get('ollama', '/api/version')).json.version, /^0\.\d+\.\d+$/);
    assert.equal((await get('ollama', '/api/ps')).json.models.length, 1);
    const counted = (await post('openai-responses', '/v1/responses/input_tokens', { model: 'gpt-4o', input: 'hi' })).json;
    assert.deepEqual([counted.object, counted.input_tokens > 0], ['response.input_tokens', true]);
    assert.equal((await post('openai-responses', '/v1/responses/compact', { model: 'gpt-4o', input: 'hi' })).json.object, 'response.compaction');
  });

  test('embeddings', async () => {
    const vectors = (await post('openai-embeddings', '/v1/embeddings', { model: 'text-embedding-3-small', input: ['a', 'bcd'] })).json.data;
    assert.deepEqual(vectors.map((v) => [v.index, v.embedding[0]]), [[0, 1], [1, 3]]);
    const packed = (await post('openai-embeddings', '/v1/embeddings', { model: 'text-embedding-3-small', input: 'abcd', encoding_format: 'base64', dimensions: 2 })).json.data[0].embedding;
    assert.deepEqual(Buffer.from(packed, 'base64').readFloatLE(0), 4);
    assert.deepEqual((await post('ollama', '/api/embed', { model: 'nomic-embed-text', input: ['a', 'bcd'] })).json.embeddings.map((v) => v[0]), [1, 3]);
    assert.equal((await post('ollama', '/api/embeddings', { model: 'nomic-embed-text', prompt: 'abc' })).json.embedding[0], 3);
    const requests = ['a', 'bcd'].map((text) => ({ model: 'models/gemini-embedding-001', content: { parts: [{ text }] } }));
    assert.deepEqual((await post('gemini', '/v1beta/models/gemini-embedding-001:batchEmbedContents', { requests })).json.embeddings.map((e) => e.values[0]), [1, 3]);
    assert.equal((await post('gemini', '/v1beta/models/gemini-embedding-001:embedContent', { content: requests[1].content })).json.embedding.values[0], 3);
  });

  test('keys, models, paths and methods are checked', async () => {
    const contents = [{ role: 'user', parts: [{ text: 'hi' }] }];
    const wrong = await post('gemini', '/v1beta/models/gemini-2.5-pro:generateContent?key=x', { contents });
    assert.deepEqual([wrong.status, wrong.json.error.status], [400, 'INVALID_ARGUMENT'], 'the key belongs in a header');
    const none = await request(server, { path: '/v1beta/models', headers: { 'user-agent': 'x' } });
    assert.match(none.json.error.message, /API key not valid/);
    const unknown = await post('gemini', '/v1beta/models/gemini-9:generateContent', { contents });
    assert.deepEqual([unknown.status, unknown.json.error.status], [404, 'NOT_FOUND']);
    assert.equal((await post('ollama', '/api/chat', { model: 'x', messages: [{ role: 'user', content: 'hi' }] })).json.error, "model 'x' not found");
    assert.equal((await get('ollama', '/api/tags', { headers: { authorization: 'Bearer other' } })).status, 401);
    assert.equal((await get('ollama', '/api/tags', { headers: { 'anthropic-version': '2023-06-01' } })).status, 400, 'a header of another API');
    assert.equal((await post('openai-responses', '/v1/responses', { model: 'gpt-none', input: 'hi' })).json.error.code, 'model_not_found');
    assert.equal((await get('openai-responses', '/v1/responses')).status, 405);
    assert.equal((await get('gemini', '/v1beta/none')).json.error.code, 404);
  });
});
