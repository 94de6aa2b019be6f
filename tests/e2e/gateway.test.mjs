// The program as a server: keys, hosts, routes, limits, demo models, configuration, signals, secrets.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';
import { after, before, describe } from 'node:test';
import { gzipSync, deflateSync } from 'node:zlib';
import { clients } from './sdks.mjs';
import { startFake } from './fake/server.mjs';
import { clientKey, configFor, noBinary, runBinary, cleanHome, sanitized, startServer, yaml } from './harness.mjs';
import { test } from './timed.mjs';
import { Raw, errorType, refused, request } from './wire.mjs';

const skip = noBinary;
const families = {
  openai: { path: '/v1/chat/completions', model: 'gpt-4o', headers: {}, body: (model, content) => ({ model, messages: [{ role: 'user', content }] }) },
  anthropic: { path: '/v1/messages', model: 'claude-sonnet-4-5', headers: { 'anthropic-version': '2023-06-01' }, body: (model, content) => ({ model, max_tokens: 100, messages: [{ role: 'user', content }] }) },
};
const json = { 'content-type': 'application/json' };
const bearer = { authorization: `Bearer ${clientKey}` };

/** A POST of the family's own request (or of these bytes). */
const post = (server, family, { model = families[family].model, content = 'hi', body, headers = {}, ...rest } = {}) =>
  request(server, {
    method: 'POST', path: families[family].path, ...rest, headers: { ...json, ...bearer, ...families[family].headers, ...headers },
    ...(rest.pieces ? {} : { body: body ?? JSON.stringify(families[family].body(model, content)) }),
  });

/** A server and a fake for a whole describe block: the getters work inside its tests. */
function shared(extra = {}) {
  const it = {};
  before(async () => {
    it.up = await startFake({ forbidden: [clientKey] });
    it.server = await startServer(configFor(it.up, extra));
  });
  after(async () => {
    await it.server?.stop('SIGKILL');
    await it.up?.close();
  });
  return it;
}

async function fresh(t, extra = {}, options = {}) {
  const up = await startFake({ forbidden: [clientKey], ...options.fake });
  t.after(() => up.close());
  const server = await startServer(configFor(up, extra), options);
  t.after(() => server.stop('SIGKILL'));
  return { up, server };
}

describe('client keys', { skip }, () => {
  const it = shared();
  for (const [family, { path }] of Object.entries(families)) {
    const ways = {
      'Authorization: Bearer': { headers: { authorization: `Bearer ${clientKey}` } },
      'Authorization: bearer': { headers: { authorization: `bearer ${clientKey}` } },
      'x-api-key': { headers: { 'x-api-key': clientKey } },
      'x-goog-api-key': { headers: { 'x-goog-api-key': clientKey } },
      '?key=': { path: `${path}?key=${clientKey}` },
    };
    for (const [way, how] of Object.entries(ways)) {
      test(`${family}: ${way} is taken`, async () => {
        const r = await post(it.server, family, { ...how, headers: { authorization: undefined, ...how.headers } });
        assert.equal(r.status, 200, r.text);
      });
      test(`${family}: a wrong key by ${way} is refused`, async () => {
        const wrong = JSON.parse(JSON.stringify(how).replaceAll(clientKey, 'wrong-key-0123456789'));
        const r = await post(it.server, family, { ...wrong, headers: { authorization: undefined, ...wrong.headers } });
        assert.equal(r.status, 401, r.text);
        assert.equal(errorType(family, r.json), family === 'anthropic' ? 'authentication_error' : 'invalid_request_error');
        if (family === 'openai') assert.equal(r.json.error.code, 'invalid_api_key');
        assert.ok(!r.text.includes('wrong-key-0123456789'));
      });
    }
    test(`${family}: no key is refused, a beginning of the key too`, async () => {
      for (const authorization of [undefined, 'Bearer ', `Bearer ${clientKey.slice(0, -1)}`, `Bearer ${clientKey}x`])
        assert.equal((await post(it.server, family, { headers: { authorization } })).status, 401, String(authorization));
    });
  }
  test('the lists need a key, the health pages do not', async () => {
    for (const path of ['/v1/models', '/v1/models/gpt-4o']) assert.equal((await request(it.server, { path })).status, 401, path);
    for (const path of ['/', '/healthz', '/readyz']) assert.equal((await request(it.server, { path })).status, 200, path);
  });
  test('disable-auth opens the API', async (t) => {
    const { server } = await fresh(t, { 'disable-auth': true });
    assert.equal((await post(server, 'openai', { headers: { authorization: undefined } })).status, 200);
  });
});

describe('Host and Origin', { skip }, () => {
  const it = shared();
  for (const origin of ['http://evil.example', 'https://localhost.evil.example', 'null'])
    test(`Origin ${origin} is refused`, async () => {
      const r = await post(it.server, 'openai', { headers: { origin } });
      assert.equal(r.status, 403, r.text);
      assert.equal(r.headers['access-control-allow-origin'], undefined);
      assert.equal(it.up.fake.entries.length, 0, 'nothing went up');
    });
  for (const host of ['evil.example', 'evil.example:8317', '127.0.0.1.evil.example', ''])
    test(`Host '${host}' is refused (rebinding)`, async () => {
      const r = await post(it.server, 'openai', { headers: { host } });
      assert.ok([400, 403, 421].includes(r.status), `${r.status}`);
    });
  test('loopback names are taken', async () => {
    for (const host of [`127.0.0.1:${it.server.port}`, `localhost:${it.server.port}`, '[::1]:8317', 'LOCALHOST'])
      assert.equal((await post(it.server, 'openai', { headers: { host } })).status, 200, host);
  });
  test('a preflight from elsewhere gets no permission', async () => {
    const r = await request(it.server, { method: 'OPTIONS', path: '/v1/chat/completions', headers: { origin: 'http://evil.example', 'access-control-request-method': 'POST' } });
    assert.equal(r.headers['access-control-allow-origin'], undefined);
  });
});

describe('routes', { skip }, () => {
  const it = shared();
  test('X-Request-Id is echoed when it is sane, else made', async () => {
    const of = async (id) => (await post(it.server, 'openai', { headers: id === undefined ? {} : { 'x-request-id': id } })).headers['x-request-id'];
    assert.equal(await of('trace-0123.abc_DEF'), 'trace-0123.abc_DEF');
    const [one, two] = [await of(), await of()];
    assert.ok(one && two && one !== two);
    const long = 'x'.repeat(2000);
    assert.notEqual(await of(long), long);
    assert.ok((await post(it.server, 'anthropic')).headers['request-id'], 'Anthropic clients read request-id (RT-6)');
  });
  test('/ says what it is, /healthz and /readyz say that it lives', async () => {
    assert.match((await request(it.server)).text, /Ollama is running/);
    assert.equal((await request(it.server, { path: '/healthz' })).json.status, 'ok');
    assert.equal((await request(it.server, { path: '/readyz' })).status, 200);
  });
  test('HEAD has the head of GET and no body', async () => {
    for (const path of ['/', '/healthz', '/v1/models']) {
      const [head, get] = [await request(it.server, { method: 'HEAD', path, headers: bearer }), await request(it.server, { path, headers: bearer })];
      assert.deepEqual([head.status, head.text, head.headers['content-length']], [200, '', get.headers['content-length']], path);
    }
  });
  test('/v1/models in both shapes: the anthropic-version header alone decides (RT-1)', async () => {
    const openai = (await request(it.server, { path: '/v1/models', headers: { ...bearer, 'user-agent': 'claude-cli/2.0' } })).json;
    assert.equal(openai.object, 'list');
    const ids = openai.data.map((m) => m.id);
    for (const name of ['gpt-4o', 'claude-sonnet-4-5']) assert.ok(ids.includes(name), name);
    assert.ok(openai.data.every((m) => m.object === 'model' && typeof m.owned_by === 'string'));
    const anthropic = (await request(it.server, { path: '/v1/models?limit=1000', headers: { ...bearer, 'anthropic-version': '2023-06-01' } })).json;
    assert.equal(anthropic.has_more, false);
    assert.deepEqual(anthropic.data.map((m) => m.id).sort(), [...ids].sort());
    assert.ok(anthropic.data.every((m) => m.type === 'model' && m.display_name && !Number.isNaN(Date.parse(m.created_at))));
    assert.deepEqual([anthropic.first_id, anthropic.last_id], [anthropic.data[0].id, anthropic.data.at(-1).id]);
  });
  test('/v1/models/{id}, with slashes too', async () => {
    const get = (id, headers = {}) => request(it.server, { path: `/v1/models/${id}`, headers: { ...bearer, ...headers } });
    assert.equal((await get('gpt-4o')).json.id, 'gpt-4o');
    assert.equal((await get('claude-sonnet-4-5', { 'anthropic-version': '2023-06-01' })).json.type, 'model');
    for (const id of ['demo/echo', 'demo%2Fecho']) assert.equal((await get(id)).json.id, 'demo/echo', id);
    const missing = await get('gpt-none');
    assert.deepEqual([missing.status, errorType('openai', missing.json)], [404, 'invalid_request_error']);
    assert.equal(errorType('anthropic', (await get('gpt-none', { 'anthropic-version': '2023-06-01' })).json), 'not_found_error');
  });
  test('a wrong method is 405 with Allow, in the family of the path', async () => {
    for (const [method, path, allow, family] of [['GET', '/v1/chat/completions', /POST/, 'openai'], ['PUT', '/v1/messages', /POST/, 'anthropic'], ['POST', '/v1/models', /GET/, 'openai'], ['DELETE', '/healthz', /GET/, 'openai']]) {
      const r = await request(it.server, { method, path, headers: { ...bearer, 'content-length': 0 } });
      assert.equal(r.status, 405, `${method} ${path}`);
      assert.match(r.headers.allow ?? '', allow);
      errorType(family, r.json);
    }
  });
  test('an unknown path is 404 with a JSON body', async () => {
    for (const path of ['/v1/nothing', '/v2/chat/completions', '/v1/messages/', '/%00', '/v1/../etc/passwd']) {
      const r = await request(it.server, { path, headers: bearer });
      assert.ok([400, 404].includes(r.status), `${path}: ${r.status}`);
      assert.ok(r.json.error, path);
    }
  });
  for (const [family, near] of [['openai', 'gpt-4o'], ['anthropic', 'claude-sonnet-4-5']])
    test(`${family}: a misspelt model is 404 and names near ones`, async () => {
      const r = await post(it.server, family, { model: family === 'openai' ? 'gpt-4oo' : 'claude-sonet-4-5' });
      assert.equal(r.status, 404);
      assert.equal(errorType(family, r.json), family === 'openai' ? 'invalid_request_error' : 'not_found_error');
      if (family === 'openai') assert.equal(r.json.error.code, 'model_not_found');
      assert.ok(r.json.error.message.includes(near), r.json.error.message);
    });
  for (const family of Object.keys(families))
    test(`${family}: bad bodies are 400 in its own shape`, async () => {
      const good = families[family].body(families[family].model, 'hi');
      const bad = {
        'no body': '', 'not JSON': '{', 'a list': '[]', 'text': '"x"', 'null': 'null', 'two values': '{}{}', 'no model': JSON.stringify({ ...good, model: undefined }),
        'model is a number': JSON.stringify({ ...good, model: 5 }), 'no messages': JSON.stringify({ ...good, messages: undefined }), 'messages is text': JSON.stringify({ ...good, messages: 'x' }),
        'invalid UTF-8': Buffer.concat([Buffer.from('{"model":"'), Buffer.from([0xff, 0xfe]), Buffer.from('"}')]),
        'invalid UTF-8 in a text': Buffer.from(JSON.stringify(families[family].body(families[family].model, 'a@b')).replace('a@b', 'a\xffb'), 'latin1'),
        'depth 257': JSON.stringify({ ...good, x: 0 }).replace('"x":0', `"x":${'['.repeat(257)}${']'.repeat(257)}`),
        'depth 100000': JSON.stringify({ ...good, x: 0 }).replace('"x":0', `"x":${'['.repeat(100000)}${']'.repeat(100000)}`),
        'depth 100000 never closed': '{"a":'.repeat(100000),
        'a control in a string': JSON.stringify(good).replace('hi', 'h\ti').replace('h\\ti', 'h\ti'),
        'a trailing comma': '{"model":"gpt-4o",}',
      };
      for (const [what, body] of Object.entries(bad)) {
        const r = await post(it.server, family, { body });
        assert.equal(r.status, 400, `${what}: ${r.status} ${r.text.slice(0, 300)}`);
        assert.equal(errorType(family, r.json), 'invalid_request_error', what);
      }
      assert.equal((await request(it.server, { path: '/healthz' })).status, 200, 'still alive');
    });
  test('a byte order mark and a missing content type are taken (RT-3)', async () => {
    const body = Buffer.from(`\ufeff${JSON.stringify(families.openai.body('gpt-4o', 'hi'))}`);
    assert.equal((await post(it.server, 'openai', { body, headers: { 'content-type': undefined } })).status, 200);
  });
  test('numbers of 20 digits and odd spellings reach the upstream as written (E-77, E-78)', async () => {
    it.up.fake.reset();
    const body = '{"model":"gpt-4o","messages":[{"role":"user","content":"hi"}],"seed":12345678901234567890,"temperature":1.0e0}';
    assert.equal((await post(it.server, 'openai', { body })).status, 200);
    assert.match(it.up.fake.entries[0].body, /"seed":12345678901234567890,"temperature":1\.0e0/);
  });
});

describe('limits and encodings', { skip }, () => {
  const limit = 52_428_800;
  const it = shared();
  /** A request of exactly this many bytes; the scenario answers shortly. */
  const sized = (family, size) => {
    const frame = JSON.stringify(families[family].body(families[family].model, '[[fake:length]]@@'));
    return frame.replace('@@', 'x'.repeat(size - frame.length + 2));
  };
  for (const family of Object.keys(families)) {
    test(`${family}: 52,428,800 bytes pass`, async () => {
      const body = sized(family, limit);
      assert.equal(Buffer.byteLength(body), limit);
      const r = await post(it.server, family, { body });
      assert.equal(r.status, 200, r.text.slice(0, 300));
    });
    test(`${family}: one byte more is 413, told by length`, async () => {
      const raw = new Raw(it.server).send(`POST ${families[family].path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${clientKey}\r\nContent-Length: ${limit + 1}\r\n\r\n{`);
      await raw.until(/^HTTP\/1\.1 413[^]*\r\n\r\n[^]*\}/m);
      const answer = JSON.parse(raw.text.slice(raw.text.indexOf('\r\n\r\n')));
      raw.destroy();
      assert.equal(errorType(family, answer), family === 'anthropic' ? 'request_too_large' : 'invalid_request_error');
    });
    test(`${family}: one byte more is 413, found while reading`, async () => {
      const raw = new Raw(it.server).send(`POST ${families[family].path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${clientKey}\r\nTransfer-Encoding: chunked\r\n\r\n`);
      const body = sized(family, limit + 1);
      for (let at = 0; at < body.length && raw.statuses.length === 0 && !raw.ended; at += 1 << 20) {
        const part = body.slice(at, at + (1 << 20));
        await new Promise((resolve) => raw.socket.write(`${part.length.toString(16)}\r\n${part}\r\n`, resolve));
      }
      await raw.send('0\r\n\r\n').until(/^HTTP\/1\.1 413/m);
      raw.destroy();
    });
    for (const [name, pack] of [['gzip', gzipSync], ['deflate', deflateSync]])
      test(`${family}: a ${name} body is read, a bomb is 413, a broken one 400`, async () => {
        const good = JSON.stringify(families[family].body(families[family].model, 'packed'));
        const headers = { 'content-encoding': name };
        const r = await post(it.server, family, { body: pack(good), headers });
        assert.equal(r.status, 200, r.text);
        assert.match(r.text, /echo: packed/);
        const peak = it.server.status('VmRSS');
        const bomb = await post(it.server, family, { body: pack(Buffer.alloc(300 << 20, ' ')), headers });
        assert.equal(bomb.status, 413);
        assert.equal(errorType(family, bomb.json), family === 'anthropic' ? 'request_too_large' : 'invalid_request_error');
        if (!sanitized) assert.ok(it.server.status('VmHWM') - peak < 250 << 10, 'the bomb did not unfold');
        assert.equal((await post(it.server, family, { body: pack(good).subarray(0, -6), headers })).status, 400);
        assert.equal((await post(it.server, family, { body: Buffer.from('no gzip'), headers })).status, 400);
      });
    test(`${family}: an unknown content encoding is refused`, async () => {
      assert.ok([400, 415].includes((await post(it.server, family, { headers: { 'content-encoding': 'x-unknown' } })).status));
    });
  }
  test('a chunked upload in odd pieces', async () => {
    const body = JSON.stringify(families.openai.body('gpt-4o', 'in pieces ü'));
    const bytes = Buffer.from(body);
    const pieces = Array.from({ length: Math.ceil(bytes.length / 3) }, (_, i) => bytes.subarray(i * 3, i * 3 + 3));
    const r = await post(it.server, 'openai', { pieces });
    assert.match(r.text, /echo: in pieces ü/);
  });

  for (const [client, model] of [['openai', 'claude-sonnet-4-5'], ['anthropic', 'gpt-4o']])
    test(`a 10 MiB image is translated from ${client} within twice its size`, async (t) => {
      const { up, server } = await fresh(t);
      const picture = Buffer.alloc(7_864_320, 0x5a);
      Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]).copy(picture);
      const data = picture.toString('base64');
      assert.equal(data.length, 10 << 20);
      const part = client === 'openai'
        ? { type: 'image_url', image_url: { url: `data:image/png;base64,${data}` } }
        : { type: 'image', source: { type: 'base64', media_type: 'image/png', data } };
      assert.equal((await post(server, client, { model, content: 'warm up' })).status, 200);
      const before = server.status('VmRSS');
      server.resetPeak();
      const r = await post(server, client, { model, content: [{ type: 'text', text: '[[fake:image]]' }, part] });
      assert.match(r.text, /saw: image\/png 7864320/);
      const grown = server.status('VmHWM') - before;
      t.diagnostic(`VmHWM grew by ${grown} kB for a body of ${10 << 10} kB`);
      if (!sanitized) assert.ok(grown <= 2 * (10 << 10) + 4096, `VmHWM grew by ${grown} kB`);
      assert.deepEqual(up.fake.rejections, []);
    });
});

describe('demo models', { skip }, () => {
  const it = {};
  before(async () => { it.server = await startServer({}); });
  after(() => it.server?.stop('SIGKILL'));
  test('are listed and labelled', async () => {
    const { data } = (await request(it.server, { path: '/v1/models' })).json;
    for (const name of ['echo', 'think', 'tool', 'slow', 'midstream-error', 'truncated', 'error-401', 'error-404', 'error-429', 'error-500', 'error-529']) {
      const row = data.find((m) => m.id === `demo/${name}`);
      assert.ok(row, `demo/${name}`);
      assert.match(row.owned_by, /demo/);
    }
  });
  for (const [name, make] of Object.entries(clients)) {
    const ask = (q, each) => make(it.server.baseURL, 'no-key').ask(q, each);
    for (const stream of [false, true]) {
      test(`${name}: echo${stream ? ', stream' : ''}`, async () => {
        const a = await ask({ model: 'demo/echo', stream, text: 'a red bicycle 😀' });
        assert.match(a.text, /a red bicycle 😀/);
        assert.match(a.text, /demo/i, 'an answer says where it comes from');
        const again = await ask({ model: 'demo/echo', stream, text: 'a red bicycle 😀' });
        assert.equal(a.text, again.text, 'the same question, the same answer');
      });
      test(`${name}: think${stream ? ', stream' : ''}`, async () => {
        const a = await ask({ model: 'demo/think', stream, think: true, text: 'why?' });
        assert.ok(a.thinking.length > 0 && a.text.length > 0);
      });
      test(`${name}: tool${stream ? ', stream' : ''}`, async () => {
        const tools = [{ name: 'weather', description: 'Tells the weather.', parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] } }];
        const client = make(it.server.baseURL, 'no-key');
        const a = await client.ask({ model: 'demo/tool', stream, tools, text: 'call the weather tool' });
        assert.equal(a.calls[0]?.name, 'weather');
        assert.equal(typeof JSON.parse(a.calls[0].args), 'object');
        const b = await client.ask({ model: 'demo/tool', stream, tools, messages: [{ user: 'call the weather tool' }, client.replay(a), { results: a.calls.map((c) => ({ id: c.id, text: 'sunny' })) }] });
        assert.equal(b.calls.length, 0);
        assert.ok(b.text.length > 0);
      });
      for (const [status, wanted] of [[401, 401], [404, 404], [429, 429], [500, 500], [529, name === 'openai' ? 503 : 529]])
        test(`${name}: error-${status}${stream ? ', stream' : ''}`, async () => {
          const model = `demo/error-${status}`;
          await assert.rejects(ask({ model, stream, text: 'x' }), (e) => {
            assert.equal(e.status, wanted, e.message);
            if (status === 429) assert.ok(Number(e.headers.get('retry-after')) > 0);
            return true;
          });
        });
    }
    for (const model of ['demo/midstream-error', 'demo/truncated'])
      test(`${name}: ${model} raises in a stream`, async () => {
        let seen = 0;
        await assert.rejects(ask({ model, stream: true, text: 'x' }, () => { seen += 1; }), (e) => e.code !== 'ERR_ASSERTION' && seen > 0);
      });
  }
});

describe('configuration', { skip }, () => {
  test('a first run without any file works', async (t) => {
    const server = await startServer(null);
    t.after(() => server.stop('SIGKILL'));
    const r = await post(server, 'openai', { model: 'demo/echo' });
    assert.equal(r.status, 200, r.text);
  });
  test('keys in the environment are picked up, said, and not shown', async (t) => {
    const up = await startFake();
    t.after(() => up.close());
    const server = await startServer(null, { env: { OPENAI_API_KEY: up.fake.openaiKey, OPENAI_BASE_URL: up.openaiBase, ANTHROPIC_API_KEY: up.fake.anthropicKey, ANTHROPIC_BASE_URL: up.origin } });
    t.after(() => server.stop('SIGKILL'));
    assert.match(server.stderr, /OPENAI_API_KEY/);
    assert.match(server.stderr, /ANTHROPIC_API_KEY/);
    assert.ok(!server.stderr.includes(up.fake.openaiKey) && !server.stderr.includes(up.fake.anthropicKey));
    for (const [family, { model }] of Object.entries(families)) {
      const r = await post(server, family, { model });
      assert.equal(r.status, 200, r.text);
    }
  });
  test('an alias with force-mapping is what answers say; another one is not', async (t) => {
    const up = await startFake({ forbidden: [clientKey] });
    t.after(() => up.close());
    const config = configFor(up);
    config.providers[0].models = [{ name: 'gpt-4o', alias: 'shown', 'force-mapping': true }, { name: 'gpt-4o-mini', alias: 'plain' }];
    config.providers[1].models = [{ name: 'claude-sonnet-4-5', alias: 'mine', 'force-mapping': true }];
    const server = await startServer(config);
    t.after(() => server.stop('SIGKILL'));
    for (const family of Object.keys(families))
      for (const [model, said] of [['shown', 'shown'], ['mine', 'mine'], ['plain', 'gpt-4o-mini']])
        for (const stream of [false, true]) {
          const r = await post(server, family, { body: JSON.stringify({ ...families[family].body(model, 'hi'), stream }) });
          const names = [...r.text.matchAll(/"model":"([^"]*)"/g)].map((m) => m[1]);
          assert.ok(names.length > 0 && names.every((n) => n.startsWith(said)), `${family} ${model} ${stream}: ${names}`);
        }
  });
  test('.env counts in the configuration directory only', async (t) => {
    const place = cleanHome();
    t.after(place.remove);
    const port = async () => /port: (\d+)/.exec((await runBinary(['config', 'show', 'port'], { env: place.env, cwd: place.home })).stdout)?.[1];
    writeFileSync(join(place.home, '.env'), 'LLM_MUX_PORT=1111\n', { mode: 0o600 });
    assert.equal(await port(), '8317', 'not that of the working directory or the home');
    mkdirSync(join(place.env.XDG_CONFIG_HOME, 'llm-mux'), { mode: 0o700 });
    writeFileSync(join(place.env.XDG_CONFIG_HOME, 'llm-mux/.env'), 'LLM_MUX_PORT=2222\n', { mode: 0o600 });
    assert.equal(await port(), '2222');
  });
  test('a base URL of Anthropic may end in /v1', async (t) => {
    const up = await startFake();
    t.after(() => up.close());
    const server = await startServer({ providers: [{ type: 'anthropic', name: 'a', 'base-url': `${up.origin}/v1/`, 'api-key': up.fake.anthropicKey, models: [{ name: 'claude-sonnet-4-5' }] }] });
    t.after(() => server.stop('SIGKILL'));
    assert.equal((await post(server, 'anthropic')).status, 200);
  });
  test('aliases, excluded models, extra headers', async (t) => {
    const up = await startFake();
    t.after(() => up.close());
    const config = configFor(up);
    config.providers[0] = { ...config.providers[0], models: [{ name: 'gpt-4o', alias: 'big' }, { name: 'gpt-4o-mini' }, { name: 'gpt-5' }], 'excluded-models': ['GPT-4o-*'], headers: { 'x-extra': 'yes' } };
    const server = await startServer({ ...config, routing: { aliases: { usual: 'big' } } });
    t.after(() => server.stop('SIGKILL'));
    for (const model of ['big', 'usual']) assert.equal((await post(server, 'openai', { model })).status, 200, model);
    assert.deepEqual(up.fake.entries.map((e) => [e.model, e.headers['x-extra']]), [['gpt-4o', 'yes'], ['gpt-4o', 'yes']]);
    assert.equal((await post(server, 'openai', { model: 'gpt-4o-mini' })).status, 404);
    const ids = (await request(server, { path: '/v1/models', headers: bearer })).json.data.map((m) => m.id);
    assert.ok(ids.includes('big') && ids.includes('gpt-5') && !ids.includes('gpt-4o-mini'));
  });
  test('a key that is refused before the first event gives way to the next', async (t) => {
    const up = await startFake();
    t.after(() => up.close());
    const config = configFor(up);
    config.providers = config.providers.map(({ 'api-key': key, ...p }) => ({ ...p, 'api-keys': [{ key: 'sk-refused-000000' }, { key }] }));
    const server = await startServer(config);
    t.after(() => server.stop('SIGKILL'));
    for (const [name, make] of Object.entries(clients))
      for (const stream of [false, true, false, true])
        assert.match((await make(server.baseURL).ask({ model: families[name].model, stream, text: 'hi' })).text, /^echo/);
    assert.ok(!server.stderr.includes('sk-refused-000000'));
  });
  for (const [what, text, wanted] of [
    ['broken YAML', 'port: 8317\nproviders: [\n', /config\.yaml:\d+:\d+/],
    ['a tab for space', 'routing:\n\taliases: {}\n', /config\.yaml:2:\d+/],
    ['an unknown key', 'debug: true\nprot: 8317\n', /config\.yaml:2:1[^]*port/],
    ['a wrong type', 'debug: maybe so\n', /config\.yaml:1:8/],
    ['an unknown provider type', 'providers:\n  - type: opnai\n    name: x\n', /config\.yaml:2:\d+[^]*openai/],
    ['a key twice', 'debug: true\ndebug: false\n', /config\.yaml:2:1/],
  ])
    test(`${what} is refused with its place, exit 2`, async () => {
      await assert.rejects(startServer(text), (e) => {
        assert.match(e.message, /"code":2\b/);
        assert.match(e.message, wanted);
        return true;
      });
    });
  test('an address for everyone without keys is refused', async () => {
    await assert.rejects(startServer({ host: '0.0.0.0', 'disable-auth': true }), /"code":[12]\b/);
  });
  test('a port in use is named, exit 1', async (t) => {
    const server = await startServer({});
    t.after(() => server.stop('SIGKILL'));
    const place = cleanHome();
    t.after(place.remove);
    const second = await runBinary(['serve', '--port', String(server.port)], { env: place.env });
    assert.equal(second.code, 1, second.stderr);
    assert.ok(second.stderr.includes(String(server.port)), second.stderr);
    assert.equal((await request(server, { path: '/healthz' })).status, 200, 'the first one goes on');
  });
});

describe('signals', { skip }, () => {
  const openStreams = (server, n) => Array.from({ length: n }, (_, i) => {
    const family = i % 2 ? 'anthropic' : 'openai';
    const { body, model } = families[family];
    return post(server, family, { body: JSON.stringify({ ...body(Math.floor(i / 2) % 2 ? model : families[i % 2 ? 'openai' : 'anthropic'].model, '[[fake:gated]]'), stream: true }) });
  });
  /** The text of a stream of either format: its pieces may be cut anywhere. */
  const textOf = (stream) => [...stream.matchAll(/^data: (\{.*)$/gm)].map((m) => JSON.parse(m[1]))
    .map((e) => e.choices?.[0]?.delta.content ?? e.delta?.text ?? '').join('');
  test('TERM under 100 open streams: they finish, new ones are refused, exit 0', async (t) => {
    const { up, server } = await fresh(t, { server: { 'drain-timeout': '60s' } });
    const open = openStreams(server, 100);
    await up.fake.whenGated(100);
    server.child.kill('SIGTERM');
    await refused(server);
    assert.equal(server.exit, undefined, 'it waits for its streams');
    up.fake.release();
    const done = await Promise.all(open);
    for (const [i, r] of done.entries()) {
      assert.equal(r.status, 200);
      assert.ok(i % 2 ? r.text.includes('event: message_stop') : r.text.endsWith('data: [DONE]\n\n'), r.text.slice(-200));
      assert.match(textOf(r.text), /release$/, 'the end of the text came');
    }
    assert.deepEqual(await server.exited, { code: 0, signal: null });
  });
  test('a second signal ends it at once', async (t) => {
    const { up, server } = await fresh(t, { server: { 'drain-timeout': '60s' } });
    const open = openStreams(server, 4).map((p) => p.catch(() => {}));
    await up.fake.whenGated(4);
    server.child.kill('SIGTERM');
    await refused(server);
    assert.equal(server.exit, undefined);
    server.child.kill('SIGTERM');
    assert.deepEqual(await server.exited, { code: 143, signal: null });
    await Promise.all(open);
  });
  test('TERM without work ends it with exit 0, INT too', async (t) => {
    for (const signal of ['SIGTERM', 'SIGINT']) {
      const { server } = await fresh(t);
      assert.deepEqual(await server.stop(signal), { code: 0, signal: null });
    }
  });
});

describe('what is written down', { skip }, () => {
  test('no key, no prompt, no answer in the log, even with debug', async (t) => {
    const { up, server } = await fresh(t, { debug: true });
    const prompt = 'planted-prompt-4711';
    for (const family of Object.keys(families)) {
      for (const scenario of ['echo', 'error-401', 'error-400', 'html:502', 'midstream-error', 'truncated']) {
        await post(server, family, { content: `[[fake:${scenario}]] ${prompt}` }).catch(() => {});
        const { body, model } = families[family];
        await post(server, family, { body: JSON.stringify({ ...body(model, `[[fake:${scenario}]] ${prompt}`), stream: true }) }).catch(() => {});
      }
      await post(server, family, { path: `${families[family].path}?key=${clientKey}`, content: prompt, headers: { authorization: undefined } });
      await post(server, family, { headers: { authorization: 'Bearer planted-wrong-key-4712' } });
      await post(server, family, { body: `{"model": "${prompt}` });
    }
    await request(server, { path: `/v1/models?auth_token=${clientKey}` });
    const { code } = await server.stop();
    assert.equal(code, 0);
    const said = server.stderr + server.stdout;
    for (const secret of [clientKey, up.fake.openaiKey, up.fake.anthropicKey, prompt, 'planted-wrong-key-4712', 'secret-html-body'])
      assert.ok(!said.includes(secret), `${secret} was written: ${said.split('\n').find((l) => l.includes(secret))}`);
  });
  test('rate limits of an upstream go to clients of its own family (RT-6)', async (t) => {
    const limits = { 'x-ratelimit-remaining-requests': '9', 'anthropic-ratelimit-tokens-reset': '2030-01-01T00:00:00Z', 'x-should-retry': 'false', 'retry-after': '3', 'set-cookie': 'a=b' };
    const limiting = http.createServer((req, res) => {
      req.resume().on('end', () => res.writeHead(429, { 'content-type': 'application/json', ...limits }).end('{"type":"error","error":{"type":"rate_limit_error","message":"slow"}}'));
    });
    await new Promise((resolve) => limiting.listen(0, '127.0.0.1', resolve));
    t.after(() => limiting.close());
    const server = await startServer({
      providers: ['openai', 'anthropic'].map((type) => ({ type, name: `${type}-x`, 'api-key': 'planted-key', 'base-url': `http://127.0.0.1:${limiting.address().port}/v1`, models: [`${type}-m`] })),
    });
    t.after(() => server.stop('SIGKILL'));
    for (const type of ['openai', 'anthropic'])
      for (const family of Object.keys(families)) {
        const { headers, status } = await post(server, family, { model: `${type}-m` });
        assert.equal(status, 429);
        assert.equal(headers['x-ratelimit-remaining-requests'], type === 'openai' && family === 'openai' ? '9' : undefined);
        assert.equal(headers['anthropic-ratelimit-tokens-reset'], type === 'anthropic' && family === 'anthropic' ? '2030-01-01T00:00:00Z' : undefined);
        assert.equal(headers['x-should-retry'], 'false');
        assert.equal(headers['retry-after'], '3');
        assert.equal(headers['set-cookie'], undefined);
      }
  });
  test('no secret of the configuration reaches stderr or a client, even when an upstream quotes it', async (t) => {
    const quoting = http.createServer((req, res) => {
      req.resume().on('end', () => {
        const told = { type: 'error', error: { type: 'api_error', message: `I was sent ${JSON.stringify(req.headers)} by ${req.headers.authorization}` } };
        res.writeHead(Number(/\d+/.exec(req.url)?.[0] ?? 500), { 'content-type': 'application/json' }).end(JSON.stringify(told));
      });
    });
    await new Promise((resolve) => quoting.listen(0, '127.0.0.1', resolve));
    t.after(() => quoting.close());
    const place = `127.0.0.1:${quoting.address().port}`;
    const secrets = ['planted-client-4720', 'planted-key-4721', 'planted-key-4722', 'planted-proxy-4723', 'planted-base-4724', 'planted-header-4725', 'planted-global-4726',
      Buffer.from('user:planted-base-4724').toString('base64')];
    const entry = (type, name, rest) => ({ type, name, 'api-keys': ['planted-key-4721'], headers: { 'X-Planted': 'planted-header-4725' }, models: [name], ...rest });
    const config = {
      'api-keys': ['planted-client-4720'], debug: true, 'request-retry': 0, 'proxy-url': 'http://user:planted-global-4726@127.0.0.1:1',
      providers: [
        ...[400, 401, 500].flatMap((status) => ['openai', 'anthropic'].map((type) => entry(type, `${type}-${status}`, { 'base-url': `http://${place}/${status}/v1`, 'proxy-url': 'direct' }))),
        entry('anthropic', 'walled', { 'base-url': `http://user:planted-base-4724@${place}/500`, 'proxy-url': 'direct' }),
        entry('openai', 'proxied', { 'base-url': `http://${place}/v1`, 'api-keys': [{ key: 'planted-key-4722', 'proxy-url': 'http://user:planted-proxy-4723@127.0.0.1:1' }] }),
        entry('openai', 'global', { 'base-url': `http://${place}/v1` }),
      ],
    };
    for (const format of ['text', 'json']) {
      const server = await startServer({ ...config, 'log-format': format });
      const said = [];
      for (const { models: [model] } of config.providers)
        for (const family of Object.keys(families))
          for (const stream of [false, true]) {
            const r = await post(server, family, { headers: { authorization: 'Bearer planted-client-4720' }, body: JSON.stringify({ ...families[family].body(model, 'x'), stream }) });
            assert.ok(r.status >= 400, `${model}: ${r.status}`);
            said.push(JSON.stringify(r.headers) + r.text);
          }
      await server.stop();
      said.push(server.stderr, server.stdout);
      for (const secret of secrets)
        assert.ok(!said.some((text) => text.includes(secret)), `${secret}: ${said.join('\n').split('\n').find((l) => l.includes(secret))}`);
    }
    for (const command of [['config', 'show'], ['config', 'validate'], ['doctor', '--offline'], ['models']]) {
      const home = cleanHome();
      t.after(home.remove);
      const file = join(home.home, 'config.yaml');
      writeFileSync(file, yaml(config));
      const { stdout, stderr } = await runBinary(['--config', file, ...command], { env: home.env });
      for (const secret of secrets) assert.ok(!(stdout + stderr).includes(secret), `${command}: ${secret}`);
    }
  });
  test('one access line for each request: model, account, status, tokens, times', async (t) => {
    const { server } = await fresh(t);
    for (let i = 0; i < 3; i++) await post(server, 'openai', { headers: { 'x-request-id': `trace-${i}` } });
    await server.stop();
    const lines = (server.stderr + server.stdout).split('\n').filter((l) => l.includes('gpt-4o') && /\b200\b/.test(l));
    assert.equal(lines.length, 3, server.stderr);
    for (const [i, line] of lines.entries()) {
      assert.ok(line.includes(`trace-${i}`), line);
      assert.match(line, /\bmodel=gpt-4o\b.*\baccount=fake-openai#1\b.*\bin=[1-9]\d*\b.*\bout=[1-9]\d*\b.*\bfirst_ms=[\d.]+\b.*\btotal_ms=[\d.]+\b/);
    }
  });
});
