// The gateway over HTTP/2, plain by prior knowledge and over TLS by ALPN: node's own client, curl's relatives, and the
// same answers as over HTTP/1.1.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import http2 from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe } from 'node:test';
import { startFake } from './fake/server.mjs';
import { clientKey, configFor, noBinary, startServer } from './harness.mjs';
import { test } from './timed.mjs';
import { request as request1 } from './wire.mjs';

const skip = noBinary;
const chat = (more = {}) => JSON.stringify({ model: 'demo/echo', messages: [{ role: 'user', content: 'hello there' }], ...more });

/** One request on a session. Gives {status, headers, text}; rejects when the stream is reset. */
function request(session, { method = 'GET', path = '/', headers = {}, body } = {}) {
  return new Promise((resolve, reject) => {
    const stream = session.request({ ':method': method, ':path': path, authorization: `Bearer ${clientKey}`, ...headers });
    let head, text = '';
    stream.setEncoding('utf8').on('data', (part) => { text += part; });
    stream.on('response', (found) => { head = found; });
    stream.on('error', reject);
    stream.on('close', () => (head ? resolve({ status: head[':status'], headers: head, text }) : reject(new Error('closed without an answer'))));
    stream.end(body);
  });
}

const post = (session, body, path = '/v1/chat/completions') =>
  request(session, { method: 'POST', path, body, headers: { 'content-type': 'application/json' } });

/** What a whole answer says, without what differs from call to call. */
const steady = (text) => text.replace(/"(id|created)":("[^"]*"|\d+)/g, '"$1":0');

function suite(what, open) {
  describe(what, { skip }, () => {
    let server, session;
    before(async () => { ({ server, session } = await open()); });
    after(async () => {
      session?.close();
      await server?.stop();
    });

    test('whole answers are those of HTTP/1.1', async () => {
      const answer = await post(session, chat());
      assert.equal(answer.status, 200);
      assert.equal(answer.headers['content-type'], 'application/json');
      assert.match(answer.headers.date, /GMT$/);
      assert.match(answer.headers['x-request-id'], /^req_/);
      assert.equal(answer.headers.connection, undefined);
      assert.match(JSON.parse(answer.text).choices[0].message.content, /hello there/);
    });
    test('streams come as events, in pieces', async () => {
      const answer = await post(session, chat({ stream: true }));
      assert.equal(answer.headers['content-type'], 'text/event-stream');
      assert.equal(answer.headers['transfer-encoding'], undefined);
      assert.match(answer.text, /^data: \{.*\n\n(?:data: .*\n\n)*data: \[DONE\]\n\n$/s);
    });
    test('fifty calls at once on one connection', async () => {
      const answers = await Promise.all(Array.from({ length: 50 }, (_, i) => post(session, chat({ stream: i % 2 === 0 }))));
      assert.deepEqual([...new Set(answers.map((a) => a.status))], [200]);
    });
    test('a large body goes through the windows', async () => {
      const long = 'w'.repeat(2_000_000);
      const answer = await post(session, chat({ messages: [{ role: 'user', content: long }] }));
      assert.equal(answer.status, 200);
      assert.ok(JSON.parse(answer.text).choices[0].message.content.length > 1_000_000);
    });
    test('HEAD has no body', async () => {
      const answer = await request(session, { method: 'HEAD', path: '/healthz' });
      assert.deepEqual([answer.status, answer.text, answer.headers['content-length']], [200, '', '15']);
    });
    test('errors have their status and their format', async () => {
      const wrong = await post(session, '{"model":');
      assert.equal(wrong.status, 400);
      assert.equal(JSON.parse(wrong.text).error.type, 'invalid_request_error');
      const nobody = await request(session, { path: '/v1/models', headers: { authorization: 'Bearer wrong' } });
      assert.equal(nobody.status, 401);
      assert.equal((await request(session, { path: '/nothing/here' })).status, 404);
      assert.equal((await request(session, { path: '/v1/chat/completions' })).status, 405);
    });
    test('the guard of browsers stands', async () => {
      const foreign = await request(session, { path: '/healthz', headers: { origin: 'https://evil.example' } });
      assert.equal(foreign.status, 403);
      const rebound = await request(session, { path: '/healthz', headers: { ':authority': 'evil.example' } });
      assert.equal(rebound.status, 403);
    });
  });
}

suite('HTTP/2 by prior knowledge', async () => {
  const server = await startServer({ 'api-keys': [clientKey], 'disable-auth': false });
  return { server, session: http2.connect(server.baseURL) };
});

suite('HTTP/2 over TLS', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'llm-mux-h2-'));
  const [key, cert] = [join(dir, 'key.pem'), join(dir, 'cert.pem')];
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '1', '-subj', '/CN=localhost',
    '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1', '-keyout', key, '-out', cert], { stdio: 'ignore' });
  const server = await startServer({ 'api-keys': [clientKey], 'disable-auth': false, tls: { enable: true, cert, key } });
  const ca = readFileSync(cert);
  rmSync(dir, { recursive: true });
  const session = http2.connect(server.baseURL, { ca });
  await once(session, 'connect');
  assert.equal(session.alpnProtocol, 'h2');
  return { server, session };
});

describe('HTTP/2 and what is behind it', { skip }, () => {
  let up, server;
  before(async () => {
    up = await startFake();
    server = await startServer(configFor(up));
  });
  after(async () => {
    await server?.stop();
    await up?.close();
  });

  test('an answer of an upstream is byte for byte that of HTTP/1.1', async () => {
    const body = JSON.stringify({ model: up.fake.models.anthropic[0], max_tokens: 50, messages: [{ role: 'user', content: 'text' }] });
    const session = http2.connect(server.baseURL);
    const headers = { 'content-type': 'application/json', authorization: `Bearer ${clientKey}`, 'anthropic-version': '2023-06-01' };
    const two = await request(session, { method: 'POST', path: '/v1/messages', body, headers });
    const one = await request1(server, { method: 'POST', path: '/v1/messages', body, headers });
    assert.equal(two.status, one.status);
    assert.equal(steady(two.text), steady(one.text));
    session.close();
  });

  test('a server that is told to stop lets streams end, and says goodbye', async () => {
    const own = await startServer({});
    const session = http2.connect(own.baseURL);
    session.on('error', () => {});
    const stream = session.request({ ':method': 'POST', ':path': '/v1/chat/completions', 'content-type': 'application/json' });
    stream.end(JSON.stringify({ model: 'demo/slow', stream: true, messages: [{ role: 'user', content: 'one two three' }] }));
    await once(stream, 'response');
    own.child.kill('SIGTERM');
    let text = '';
    for await (const part of stream.setEncoding('utf8')) text += part;
    assert.match(text, /data: \[DONE\]/);
    assert.deepEqual(await own.exited, { code: 0, signal: null });
    await own.stop();
  });

  test('h2load finds nothing amiss', (t) => {
    const found = spawnSync('h2load', ['-n', '2000', '-c', '5', '-m', '50', `${server.baseURL}/healthz`], { encoding: 'utf8' });
    if (found.error) return t.skip('h2load is not installed');
    assert.match(found.stdout, /requests: 2000 total, 2000 started, 2000 done, 2000 succeeded, 0 failed, 0 errored, 0 timeout/);
  });
});
