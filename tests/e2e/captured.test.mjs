// What real clients sent, as they sent it, asked of every upstream of another format: the strict fakes take each request that
// arrives. Towards their own format requests keep their bytes (splice.test.mjs and the unit tests of the formats).
import assert from 'node:assert/strict';
import { after, before, describe } from 'node:test';
import { startFake } from './fake/server.mjs';
import { clientRequests, noFixtures } from './fixtures.mjs';
import { clientKey, noBinary, startServer } from './harness.mjs';
import { upstreams } from './matrix/table.mjs';
import { test } from './timed.mjs';
import { request } from './wire.mjs';

const paths = (path) =>
  ['/v1/chat/completions', '/v1/completions', '/v1/responses', '/v1/messages', '/v1/messages/count_tokens', '/api/chat', '/api/generate'].includes(path)
  || /^\/v1beta\/models\/[^/]+:(generateContent|streamGenerateContent|countTokens)$/.test(path);

const formatOf = (path) =>
  path.startsWith('/v1beta/') ? 'gemini' : path.startsWith('/api/') ? 'ollama' : path.startsWith('/v1/messages') ? 'anthropic' : path === '/v1/responses' ? 'openai-responses' : path === '/v1/completions' ? 'openai-completions' : 'openai-chat';

/** The captured request for another model, which stands in the body or in a Gemini path. */
function aimed(captured, model) {
  const body = JSON.parse(captured.body);
  const path = captured.path.replace(/(\/models\/)[^/:?]+(:)/, `$1${model}$2`);
  return { path, body: JSON.stringify('model' in body ? { ...body, model } : body) };
}

describe('captured requests', { skip: noBinary || noFixtures }, () => {
  let up;
  let server;
  before(async () => {
    up = await startFake({ forbidden: [clientKey] });
    up.fake.ours = false;
    server = await startServer({
      'api-keys': [clientKey],
      providers: Object.entries(upstreams).map(([name, u]) => ({ name: `up-${name}`, ...u.provider(up), models: [{ name: u.plain }] })),
    });
  });
  after(async () => {
    await server?.stop('SIGKILL');
    await up?.close();
  });

  for (const captured of clientRequests(paths).filter((c) => c.method === 'POST'))
    for (const [upstream, { plain }] of Object.entries(upstreams).filter(([name]) => name !== formatOf(captured.path.split('?')[0])))
      test(`${captured.name} -> ${upstream}`, async () => {
        up.fake.reset();
        const { path, body } = aimed(captured, plain);
        const answer = await request(server, {
          method: 'POST', path, body,
          headers: {
            'content-type': 'application/json', authorization: `Bearer ${clientKey}`,
            'anthropic-version': captured.headers['anthropic-version'], 'anthropic-beta': captured.headers['anthropic-beta'],
          },
        });
        assert.deepEqual(up.fake.rejections.map((e) => e.rejection), [], 'the fake refused something');
        assert.equal(answer.status, 200, answer.text);
      });
});
