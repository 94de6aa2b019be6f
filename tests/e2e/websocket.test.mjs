// The Responses API over one WebSocket: events as messages, several answers after and beside each other, errors that
// leave the socket usable, and what ends it.
import assert from 'node:assert/strict';
import { after, before, describe } from 'node:test';
import { startFake } from './fake/server.mjs';
import { clientKey, configFor, noBinary, startServer } from './harness.mjs';
import { test } from './timed.mjs';
import { frame, openSocket } from './websocket.mjs';
import { request } from './wire.mjs';

const skip = noBinary;
const auth = { authorization: `Bearer ${clientKey}` };
const ended = (m) => ['response.completed', 'response.failed', 'response.incomplete', 'response.cancelled', 'error'].includes(m.type);
const textOf = (messages) => messages.filter((m) => m.type === 'response.output_text.delta').map((m) => m.delta).join('');

describe('Responses over a WebSocket', { skip }, () => {
  let up, server;
  before(async () => {
    up = await startFake();
    server = await startServer(configFor(up));
  });
  after(async () => {
    await server?.stop();
    await up?.close();
  });

  for (const [what, message] of Object.entries({
    flat: { type: 'response.create', model: 'demo/echo', input: 'flat words' },
    nested: { type: 'response.create', response: { model: 'demo/echo', input: 'nested words', stream: false } },
  }))
    test(`a request that is ${what} gets the events of a stream`, async () => {
      const socket = await openSocket(server, '/v1/responses', auth);
      socket.send(message);
      const events = await socket.until(ended);
      assert.equal(events[0].type, 'response.created');
      assert.equal(events.at(-1).type, 'response.completed');
      assert.match(textOf(events), new RegExp(`${what} words`));
      assert.deepEqual(events.map((e) => e.sequence_number), events.map((_, i) => i));
      assert.deepEqual([...new Set(events.map((e) => e.response_id))], [events[0].response.id]);
      assert.equal(await socket.close(), 1000);
    });

  test('the events are those of the HTTP stream', async () => {
    const body = { model: 'demo/echo', input: 'the same' };
    const http = await request(server, { method: 'POST', path: '/v1/responses', headers: auth, body: JSON.stringify({ ...body, stream: true }) });
    const socket = await openSocket(server, '/v1/responses', auth);
    socket.send({ type: 'response.create', ...body });
    const events = await socket.until(ended);
    const types = [...http.text.matchAll(/^event: (.*)$/gm)].map((m) => m[1]);
    assert.deepEqual(events.map((e) => e.type), types);
    await socket.close();
  });

  test('answers follow each other, and build on each other', async () => {
    const socket = await openSocket(server, '/v1/responses', auth);
    socket.send({ type: 'response.create', model: 'demo/echo', input: 'first', store: true });
    const first = (await socket.until(ended)).at(-1);
    socket.send({ type: 'response.create', model: 'demo/echo', input: 'second', previous_response_id: first.response.id });
    const second = (await socket.until(ended)).at(-1);
    assert.equal(second.type, 'response.completed');
    assert.equal(second.response.previous_response_id, first.response.id);
    assert.ok(second.response.usage.input_tokens > first.response.usage.input_tokens, 'the first turn is part of the second');
    await socket.close();
  });

  test('a conversation that is stored nowhere goes on on its socket, and there alone', async () => {
    const socket = await openSocket(server, '/v1/responses', auth);
    const ask = { type: 'response.create', model: 'demo/echo', store: false };
    socket.send({ ...ask, input: 'first' });
    const first = (await socket.until(ended)).at(-1);
    socket.send({ ...ask, input: 'second', previous_response_id: first.response.id });
    const second = (await socket.until(ended)).at(-1);
    assert.equal(second.type, 'response.completed');
    assert.ok(second.response.usage.input_tokens > first.response.usage.input_tokens, 'the first turn is part of the second');
    const other = await openSocket(server, '/v1/responses', auth);
    other.send({ ...ask, input: 'third', previous_response_id: first.response.id });
    const [refused] = await other.until(ended);
    assert.deepEqual([refused.type, refused.status, refused.error.code], ['error', 400, 'previous_response_not_found']);
    assert.equal((await request(server, { path: `/v1/responses/${first.response.id}`, headers: auth })).status, 404);
    await Promise.all([socket.close(), other.close()]);
  });

  test('generate: false warms up without an upstream', async () => {
    const socket = await openSocket(server, '/v1/responses', auth);
    socket.send({ type: 'response.create', model: 'demo/echo', input: 'remember me', store: false, generate: false });
    const events = await socket.until(ended);
    assert.equal(events[0].type, 'response.created');
    const warm = events.at(-1);
    assert.deepEqual([warm.type, warm.response.output, warm.response.usage.output_tokens], ['response.completed', [], 0]);
    socket.send({ type: 'response.create', model: 'demo/echo', input: 'go on', store: false, previous_response_id: warm.response.id });
    assert.equal((await socket.until(ended)).at(-1).type, 'response.completed');
    socket.send({ type: 'response.create', model: 'no/such-model', input: 'x', generate: false });
    assert.equal((await socket.until(ended)).at(-1).status, 404);
    await socket.close();
  });

  test('answers run beside each other, each event names its own', async () => {
    const socket = await openSocket(server, '/v1/responses', auth);
    const words = ['alpha', 'beta', 'gamma'];
    for (const word of words) socket.send({ type: 'response.create', model: 'demo/echo', input: word });
    const all = [];
    for (let done = 0; done < words.length; done += 1) all.push(...await socket.until(ended));
    const ids = [...new Set(all.map((e) => e.response_id))];
    assert.equal(ids.length, 3);
    const texts = ids.map((id) => textOf(all.filter((e) => e.response_id === id))).sort();
    texts.forEach((text, i) => assert.match(text, new RegExp(words[i])));
    await socket.close();
  });

  test('at most sixteen at once', async () => {
    const socket = await openSocket(server, '/v1/responses', auth);
    for (let i = 0; i < 17; i += 1) socket.send({ type: 'response.create', model: 'demo/slow', input: 'one two three four' });
    const refused = await socket.next((m) => m.type === 'error');
    assert.equal(refused.status, 429);
    assert.equal(refused.error.code, 'rate_limit_exceeded');
    await socket.close();
  });

  test('an error is an event, and the socket stays usable', async () => {
    const socket = await openSocket(server, '/v1/responses', auth);
    const cases = [
      ['{"type":', 400], ['[]', 400], ['{}', 400], [{ type: 'response.dance' }, 400],
      [{ type: 'response.create', input: 'no model' }, 400],
      [{ type: 'response.create', model: 'no/such-model', input: 'x' }, 404],
      [{ type: 'response.cancel', response_id: 'resp_none' }, 404],
      [{ type: 'response.create', model: 'demo/error-429', input: 'x' }, 429],
    ];
    for (const [message, status] of cases) {
      socket.send(message);
      const [event] = await socket.until(ended);
      assert.equal(event.type, 'error', JSON.stringify(event));
      assert.equal(event.status, status, JSON.stringify(event));
      assert.equal(typeof event.error.message, 'string');
    }
    socket.send({ type: 'response.create', model: 'demo/echo', input: 'still here' });
    assert.equal((await socket.until(ended)).at(-1).type, 'response.completed');
    await socket.close();
  });

  test('an error after the first event is response.failed (RS-25)', async () => {
    const socket = await openSocket(server, '/v1/responses', auth);
    socket.send({ type: 'response.create', model: 'demo/midstream-error', input: 'x' });
    const events = await socket.until(ended);
    assert.equal(events[0].type, 'response.created');
    assert.equal(events.at(-1).type, 'response.failed');
    await socket.close();
  });

  test('response.cancel ends a response, and that alone', async () => {
    const socket = await openSocket(server, '/v1/responses', auth);
    const slow = { type: 'response.create', model: 'demo/slow', input: 'one two three four five six seven eight' };
    socket.send(slow);
    socket.send(slow);
    const ids = [(await socket.next((m) => m.type === 'response.created')).response.id, (await socket.next((m) => m.type === 'response.created')).response.id];
    socket.send({ type: 'response.cancel', response_id: ids[0] });
    const cancelled = await socket.next((m) => m.type === 'response.cancelled');
    assert.equal(cancelled.response.id, ids[0]);
    assert.equal(cancelled.response.status, 'cancelled');
    const rest = await socket.until((m) => m.type === 'response.completed');
    assert.equal(rest.at(-1).response.id, ids[1]);
    await socket.close();
  });

  test('a client that leaves cancels its upstream', async () => {
    const socket = await openSocket(server, '/v1/responses', auth);
    socket.send({ type: 'response.create', model: 'demo/slow', input: 'one two three four five six seven eight nine ten' });
    await socket.next((m) => m.type === 'response.output_text.delta');
    socket.raw.destroy();
    await server.waitFor(/status=499 model=demo\/slow/);
  });

  test('an upstream of the same dialect: its own events, passed on', async () => {
    const name = 'gpt-4.1';
    const own = await startServer(configFor(up, {
      providers: [{ type: 'openai', name: 'same', wire: 'responses', 'base-url': up.openaiBase, 'api-keys': [up.fake.openaiKey], models: [{ name }] }],
    }));
    const ask = { model: name, input: [{ role: 'user', content: 'text' }] };
    const http = await request(own, { method: 'POST', path: '/v1/responses', headers: auth, body: JSON.stringify({ ...ask, stream: true }) });
    assert.equal(http.status, 200, http.text);
    const socket = await openSocket(own, '/v1/responses', auth);
    socket.send({ type: 'response.create', response: ask });
    const events = await socket.until(ended);
    assert.deepEqual(events.map((e) => e.type), [...http.text.matchAll(/^event: (.*)$/gm)].map((m) => m[1]));
    assert.deepEqual([...new Set(events.map((e) => e.response_id))], [events[0].response.id]);
    assert.equal(events.at(-1).type, 'response.completed');
    await socket.close();
    await own.stop();
  });

  test('handshakes that are none, and those who may not', async () => {
    const fails = (headers, status) => assert.rejects(openSocket(server, '/v1/responses', headers), (e) => e.status === status);
    await fails({}, 401);
    await fails({ ...auth, origin: 'https://evil.example' }, 403);
    await fails({ ...auth, host: 'evil.example' }, 403);
    await fails({ ...auth, 'sec-websocket-version': '8' }, 426);
    await fails({ ...auth, 'sec-websocket-key': 'short' }, 400);
    const plain = await request(server, { path: '/v1/responses', headers: auth });
    assert.deepEqual([plain.status, plain.headers.upgrade, plain.headers['sec-websocket-version']], [426, 'websocket', '13']);
  });

  test('frames that break the rules close the socket, the server lives on', async () => {
    for (const [bytes, code] of [[Buffer.from([0x81, 1, 120]), 1002], [frame(1, Buffer.from([0xff])), 1007], [frame(3, ''), 1002]]) {
      const socket = await openSocket(server, '/v1/responses', auth);
      socket.raw.write(bytes);
      assert.equal(await socket.closed, code);
    }
    assert.equal((await request(server, { path: '/healthz' })).status, 200);
  });

  test('a server that stops says so', async () => {
    const own = await startServer({});
    const socket = await openSocket(own, '/v1/responses');
    own.child.kill('SIGTERM');
    assert.equal(await socket.closed, 1001);
    assert.deepEqual(await own.exited, { code: 0, signal: null });
    await own.stop();
  });
});
