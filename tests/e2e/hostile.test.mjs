// Clients and upstreams that break the rules: each gets its answer, and the program lives on.
import assert from 'node:assert/strict';
import net from 'node:net';
import { after, afterEach, before, describe } from 'node:test';
import { clients } from './sdks.mjs';
import { startFake } from './fake/server.mjs';
import { clientKey, configFor, noBinary, sanitized, startServer } from './harness.mjs';
import { test } from './timed.mjs';
import { Raw, errorType, request } from './wire.mjs';

const skip = noBinary;
const body = '{"model":"demo/echo","messages":[{"role":"user","content":"hi"}]}';
const line = 'POST /v1/chat/completions HTTP/1.1\r\n';
const host = 'Host: localhost\r\n';
const length = `Content-Length: ${body.length}\r\n`;
const chunked = 'Transfer-Encoding: chunked\r\n';
const inChunks = `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;
const health = `GET /healthz HTTP/1.1\r\n${host}\r\n`;

describe('hostile HTTP', { skip }, () => {
  let server;
  before(async () => { server = await startServer({ server: { 'header-timeout': '500ms', 'body-timeout': '500ms' } }); });
  after(() => server?.stop('SIGKILL'));
  afterEach(async () => assert.equal((await request(server, { path: '/healthz' })).status, 200, 'still alive'));

  test('the pattern of these cases is good when nothing is wrong', async () => {
    const raw = new Raw(server).send(`${line}${host}${length}\r\n${body}`);
    await raw.until(/^HTTP\/1\.1 200 /);
    raw.destroy();
    const pieces = new Raw(server).send(`${line}${host}${chunked}\r\n${inChunks}`);
    await pieces.until(/^HTTP\/1\.1 200 /);
    pieces.destroy();
  });

  /** Each is answered once with such a status (or not at all), and the connection is closed. */
  const refusals = {
    'length and chunked': [`${line}${host}${length}${chunked}\r\n${inChunks}${health}`, [400]],
    'chunked and length': [`${line}${host}${chunked}${length}\r\n${inChunks}${health}`, [400]],
    'two lengths': [`${line}${host}${length}Content-Length: 5\r\n\r\n${body}${health}`, [400]],
    'two equal lengths': [`${line}${host}${length}${length}\r\n${body}${health}`, [400]],
    'a list of lengths': [`${line}${host}Content-Length: ${body.length}, ${body.length}\r\n\r\n${body}${health}`, [400]],
    'a length with a sign': [`${line}${host}Content-Length: +${body.length}\r\n\r\n${body}`, [400]],
    'a negative length': [`${line}${host}Content-Length: -1\r\n\r\n${body}`, [400]],
    'a length that overflows': [`${line}${host}Content-Length: 18446744073709551617\r\n\r\n${body}`, [400, 413]],
    'a length in hex': [`${line}${host}Content-Length: 0x10\r\n\r\n${body}`, [400]],
    'bare LF in the head': [`${line.replace('\r', '')}${host.replace('\r', '')}\n`, [400]],
    'bare LF after one field': [`${line}${host}X-A: b\nX-C: d\r\n${length}\r\n${body}`, [400]],
    'bare CR in a value': [`${line}${host}X-A: b\rX-C: d\r\n${length}\r\n${body}`, [400]],
    'a NUL in a value': [`${line}${host}X-A: b\0c\r\n${length}\r\n${body}`, [400]],
    'a folded field': [`${line}${host}X-A: b\r\n c\r\n${length}\r\n${body}`, [400]],
    'a space before the colon': [`${line}${host}Content-Length : ${body.length}\r\n\r\n${body}${health}`, [400]],
    'a field without a name': [`${line}${host}: b\r\n${length}\r\n${body}`, [400]],
    'no colon': [`${line}${host}nonsense\r\n\r\n`, [400]],
    'a head of 65 KB in one field': [`${line}${host}X-A: ${'x'.repeat(66_560)}\r\n${length}\r\n${body}`, [400, 431]],
    'a head of 65 KB in many fields': [`${line}${host}${'X-A: yyyyyyyyyyyyyyyyyyyyyyyyyy\r\n'.repeat(2100)}${length}\r\n${body}`, [400, 431]],
    'a request line of 65 KB': [`GET /${'x'.repeat(66_560)} HTTP/1.1\r\n${host}\r\n`, [400, 414, 431]],
    'no Host': [`${line}${length}\r\n${body}`, [400]],
    'two Hosts': [`${line}${host}Host: localhost:1\r\n${length}\r\n${body}`, [400]],
    'a chunk size that overflows': [`${line}${host}${chunked}\r\nfffffffffffffffff\r\n${body}`, [400, 413]],
    'a chunk size of 16 digits': [`${line}${host}${chunked}\r\nffffffffffffffff\r\n${body}`, [400, 413]],
    'a chunk size that is none': [`${line}${host}${chunked}\r\nxyz\r\n${body}\r\n0\r\n\r\n`, [400]],
    'a negative chunk size': [`${line}${host}${chunked}\r\n-1\r\n${body}\r\n0\r\n\r\n`, [400]],
    'a chunk longer than said': [`${line}${host}${chunked}\r\n5\r\n${body}\r\n0\r\n\r\n${health}`, [400]],
    'a chunk line that never ends': [`${line}${host}${chunked}\r\n5;${'x'.repeat(70_000)}`, [400, 413, 431]],
    'chunk lines with bare LF': [`${line}${host}${chunked}\r\n${body.length.toString(16)}\n${body}\n0\n\n${health}`, [400]],
    'an unknown transfer coding': [`${line}${host}Transfer-Encoding: gzip, chunked\r\n\r\n${inChunks}${health}`, [400, 501]],
    'chunked not last': [`${line}${host}Transfer-Encoding: chunked, identity\r\n\r\n${inChunks}${health}`, [400, 501]],
    'chunked spelt oddly': [`${line}${host}Transfer-Encoding: xchunked\r\n\r\n${inChunks}${health}`, [400, 501]],
    'two transfer codings': [`${line}${host}${chunked}${chunked}\r\n${inChunks}${health}`, [400, 501]],
    'an unknown version': [`GET /healthz HTTP/1.2\r\n${host}\r\n`, [400, 505]],
    'HTTP 0.9': ['GET /healthz\r\n', [400, 505]],
    'a method with odd letters': [`G{T /healthz HTTP/1.1\r\n${host}\r\n`, [400, 405, 501]],
    'two spaces in the request line': [`GET  /healthz HTTP/1.1\r\n${host}\r\n`, [400]],
    'TLS on the plain port': ['\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', [400]],
    'garbage': ['\xff\xfe\xfd\xfc\r\n\r\n\r\n', [400]],
    'a tunnel': [`CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n`, [400, 403, 404, 405, 421, 501]],
  };
  for (const [what, [bytes, statuses]] of Object.entries(refusals))
    test(`refused: ${what}`, async () => {
      const raw = new Raw(server).send(Buffer.from(bytes, 'latin1'));
      await raw.closed;
      assert.ok(raw.statuses.length <= 1, `answered once: ${raw.statuses}`);
      if (raw.statuses.length === 1) assert.ok(statuses.includes(raw.statuses[0]), `status ${raw.statuses[0]}`);
      else assert.ok(raw.error, 'closed without an answer only by a reset');
    });

  test('good requests in a pipeline are answered in order, garbage after them ends it', async () => {
    const raw = new Raw(server).send(`${health}${line}${host}${length}\r\n${body}${health}not http at all\r\n\r\n`);
    await raw.closed;
    assert.deepEqual(raw.statuses, [200, 200, 200, 400]);
  });
  test('a connection serves many requests one after the other', async () => {
    const raw = new Raw(server);
    for (let i = 1; i <= 20; i++) {
      raw.send(i % 2 ? health : `${line}${host}${length}\r\n${body}`);
      await raw.until(new RegExp(`(?:HTTP/1\\.1 200[^]*){${i}}`));
    }
    raw.destroy();
    assert.equal(raw.statuses.length, 20);
  });
  test('Connection: close is obeyed, HTTP/1.0 too', async () => {
    for (const bytes of [`GET /healthz HTTP/1.1\r\n${host}Connection: close\r\n\r\n`, `GET /healthz HTTP/1.0\r\n${host}\r\n`]) {
      const raw = new Raw(server).send(bytes);
      assert.match(await raw.closed, /200/);
    }
  });
  test('Expect: 100-continue gets its continue', async () => {
    const raw = new Raw(server).send(`${line}${host}${length}Expect: 100-continue\r\n\r\n`);
    await raw.until(/^HTTP\/1\.1 100 /);
    await raw.send(body).until(/HTTP\/1\.1 200 /);
    raw.destroy();
  });
  test('a slow head is closed', async () => {
    for (const bytes of [`GET /healthz HTTP/1.1\r\nX-Slow: `, 'GET /hea']) {
      const raw = new Raw(server).send(bytes);
      await raw.closed;
      assert.ok(raw.statuses.every((s) => s === 408), String(raw.statuses));
    }
  });
  test('a head that drips is closed all the same', async () => {
    const raw = new Raw(server).send(`GET /healthz HTTP/1.1\r\n${host}`);
    const drip = setInterval(() => raw.send('X-Drip: x\r\n'), 50);
    await raw.closed.finally(() => clearInterval(drip));
    assert.ok(!raw.statuses.includes(200));
  });
  test('a slow body is closed', async () => {
    const raw = new Raw(server).send(`${line}${host}${length}\r\n${body.slice(0, 10)}`);
    await raw.closed;
    assert.ok(raw.statuses.every((s) => s === 408), String(raw.statuses));
  });
  test('a body cut short by the client leaves nothing behind', async () => {
    const raw = new Raw(server).send(`${line}${host}Content-Length: 5000\r\n\r\n${body}`);
    raw.socket.end();
    await raw.closed;
    assert.ok(!raw.statuses.includes(200));
  });
  test('200 half-open connections do not stop the others', async () => {
    const half = Array.from({ length: 200 }, () => new Raw(server).send('POST /v1/'));
    assert.equal((await request(server, { path: '/healthz' })).status, 200);
    await Promise.all(half.map((raw) => raw.closed));
  });
});

describe('hostile upstreams', { skip }, () => {
  const combos = [];
  for (const client of Object.keys(clients)) for (const [up, model] of [['openai', 'gpt-4o'], ['anthropic', 'claude-sonnet-4-5']]) combos.push([client, up, model]);
  async function fresh(t, extra = {}) {
    const up = await startFake({ forbidden: [clientKey] });
    t.after(() => up.close());
    const server = await startServer(configFor(up, extra));
    t.after(() => server.stop('SIGKILL'));
    return { up, server };
  }
  const ask = (server, client, q, each) => clients[client](server.baseURL).ask(q, each);
  const error = (e) => e.code !== 'ERR_ASSERTION';

  for (const [client, upName, model] of combos) {
    const pair = `${client} client, ${upName} upstream`;
    for (const stream of [false, true])
      test(`${pair}: silence before the head is 504${stream ? ', stream' : ''}`, async (t) => {
        const { up, server } = await fresh(t, { 'first-byte-timeout': '400ms' });
        await assert.rejects(ask(server, client, { model, stream, text: '[[fake:stall-head]]' }), (e) => e.status === 504);
        assert.ok(up.fake.entries.every((e) => e.scenario === 'stall-head'));
        await up.fake.entries[0].closed;
      });
    test(`${pair}: silence in the middle raises`, async (t) => {
      const { up, server } = await fresh(t, { 'idle-timeout': '400ms' });
      let seen = 0;
      await assert.rejects(ask(server, client, { model, stream: true, text: '[[fake:stall-mid]]' }, () => { seen += 1; }), error);
      assert.ok(seen > 0);
      await up.fake.entries[0].closed;
      assert.ok(up.fake.entries[0].closedEarly, 'the upstream was let go');
    });
    test(`${pair}: a line of 3 MB passes`, async (t) => {
      const { server } = await fresh(t);
      const a = await ask(server, client, { model, stream: true, text: '[[fake:huge-line:3000000]]' });
      assert.equal(a.text.length, 3_000_001);
    });
    test(`${pair}: a line of 1 GB is refused without being kept`, async (t) => {
      const { up, server } = await fresh(t);
      await ask(server, client, { model, stream: true, text: 'warm up' });
      const before = server.status('VmRSS');
      await assert.rejects(ask(server, client, { model, stream: true, text: '[[fake:huge-line:1073741824]]' }), error);
      await up.fake.entries.at(-1).closed;
      assert.ok(up.fake.entries.at(-1).closedEarly);
      if (!sanitized) assert.ok(server.status('VmHWM') - before < 80 << 10, 'memory stays bounded');
      assert.match((await ask(server, client, { model, stream: true, text: 'alive' })).text, /alive/);
    });
    test(`${pair}: invalid UTF-8 does not reach a translated stream`, async (t) => {
      const { server } = await fresh(t);
      const a = await ask(server, client, { model, stream: true, text: '[[fake:bad-utf8]]' });
      assert.match(a.text, /^oka\ufffd+\(b$/);
    });
    test(`${pair}: repeated events arrive once`, async (t) => {
      const { server } = await fresh(t);
      assert.equal((await ask(server, client, { model, stream: true, repeats: true, text: '[[fake:duplicate]]' })).text, 'once only');
    });
    test(`${pair}: an HTML page is an error without HTML`, async (t) => {
      const { server } = await fresh(t);
      for (const stream of [false, true])
        for (const scenario of ['html:502', 'html:500', 'html:200'])
          await assert.rejects(ask(server, client, { model, stream, text: `[[fake:${scenario}]]` }), (e) => e.status >= 500 && !/<h1>|secret-html-body/.test(e.message), scenario);
    });
    test(`${pair}: an upstream that is not there is 502`, async (t) => {
      const up = await startFake();
      const config = configFor(up);
      await up.close();
      const server = await startServer(config);
      t.after(() => server.stop('SIGKILL'));
      for (const stream of [false, true])
        await assert.rejects(ask(server, client, { model, stream, text: 'x' }), (e) => e.status === 502, `stream ${stream}`);
    });
  }

  test('an upstream that speaks no HTTP is 502', async (t) => {
    const server = net.createServer((socket) => {
      socket.on('error', () => {});
      socket.end('SSH-2.0-OpenSSH_9.2\r\n');
    });
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    t.after(() => server.close());
    const origin = `http://127.0.0.1:${server.address().port}`;
    const gate = await startServer({ providers: [{ type: 'openai', name: 'x', 'base-url': `${origin}/v1`, 'api-key': 'k', models: [{ name: 'gpt-4o' }] }] });
    t.after(() => gate.stop('SIGKILL'));
    const r = await request(gate, { method: 'POST', path: '/v1/chat/completions', body: JSON.stringify({ model: 'gpt-4o', messages: [{ role: 'user', content: 'x' }] }) });
    assert.equal(r.status, 502);
    assert.equal(errorType('openai', r.json), 'server_error');
  });
});
