// Splice proof: same format in and out, only the model value (and stream_options) changes on the way to the upstream,
// and the upstream's bytes reach the client as they came.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, before, describe } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { checkAntEvents } from './sdks.mjs';
import { answers, clientRequests, exchanges, noFixtures, streams } from './fixtures.mjs';
import { clientKey, noBinary, startServer } from './harness.mjs';
import { test } from './timed.mjs';

const skip = noBinary || noFixtures;
const sides = {
  'openai-chat': { type: 'openai', path: '/v1/chat/completions', target: 'gpt-4o-spliced-elsewhere', base: '/v1' },
  anthropic: { type: 'anthropic', path: '/v1/messages', target: 'claude-spliced-elsewhere', base: '' },
};
const whole = {
  'openai-chat': '{"id":"chatcmpl-1","object":"chat.completion","created":1700000000,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"ok","refusal":null},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}',
  anthropic: '{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[{"type":"text","text":"ok"}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":1,"output_tokens":1}}',
};
const chunk = (delta, finish) => `data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,"model":"m","choices":[{"index":0,"delta":${delta},"logprobs":null,"finish_reason":${finish}}]}\n\n`;
const event = (type, rest) => `event: ${type}\ndata: {"type":"${type}"${rest}}\n\n`;
const streamed = {
  'openai-chat': `${chunk('{"role":"assistant","content":"ok"}', 'null')}${chunk('{}', '"stop"')}data: [DONE]\n\n`,
  anthropic: event('message_start', ',"message":{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":1,"output_tokens":1}}')
    + event('content_block_start', ',"index":0,"content_block":{"type":"text","text":""}') + event('content_block_delta', ',"index":0,"delta":{"type":"text_delta","text":"ok"}')
    + event('content_block_stop', ',"index":0') + event('message_delta', ',"delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":1}') + event('message_stop', ''),
};

/** An upstream that keeps the last request's bytes and answers what the test put into `reply`. */
async function recorder() {
  const state = { reply: null, seen: null };
  const server = createServer(async (req, res) => {
    const parts = [];
    for await (const part of req) parts.push(part);
    state.seen = { path: req.url, headers: req.headers, body: Buffer.concat(parts) };
    const { bytes, stream, cuts } = state.reply;
    res.writeHead(200, { 'content-type': stream ? 'text/event-stream; charset=utf-8' : 'application/json' });
    for (let at = 0, i = 0; at < bytes.length && !res.destroyed; i++) {
      const size = cuts ? cuts[i % cuts.length] : bytes.length;
      res.write(bytes.subarray(at, at + size));
      at += size;
      await turn();
    }
    res.end();
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { state, origin: `http://127.0.0.1:${server.address().port}`, close: () => { server.closeAllConnections(); return new Promise((r) => server.close(r)); } };
}

/** Begin and end of the value of a top-level key in the bytes of a JSON object, found without parsing the rest; or null. */
export function topLevelValue(bytes, key) {
  const text = bytes.toString('latin1');
  const token = /"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\],:]|[^\s{}[\],:"]+/gs;
  let depth = 0;
  let name = null;
  let begin = null;
  let last = null;
  for (let m = token.exec(text); m; m = token.exec(text)) {
    const [t] = m;
    if (begin !== null && depth === 1 && (t === ',' || t === '}')) return [begin, last];
    if (t === '{' || t === '[') depth += 1;
    else if (t === '}' || t === ']') depth -= 1;
    if (t === ',' && depth === 1) name = null;
    else if (name === null && depth === 1 && t[0] === '"') name = t;
    else if (t === ':' && depth === 1 && name === `"${key}"`) begin = -1;
    else if (begin === -1) begin = m.index;
    if (t === ':' && depth === 1) name ??= '';
    last = m.index + t.length;
  }
  return null;
}

const withModel = (bytes, model) => {
  const [begin, end] = topLevelValue(bytes, 'model');
  return Buffer.concat([bytes.subarray(0, begin), Buffer.from(JSON.stringify(model)), bytes.subarray(end)]);
};

const inserted = /"stream_options"\s*:\s*\{\s*"include_usage"\s*:\s*true\s*\}/;

/** The bytes without a stream_options member that the gateway put in, at the begin or at the end of the object. */
const withoutStreamOptions = (bytes) => {
  const text = bytes.toString('latin1');
  const found = inserted.exec(text);
  if (!found) return bytes;
  const before = text.slice(0, found.index);
  const rest = text.slice(found.index + found[0].length);
  const cut = rest.startsWith(',') ? before + rest.slice(1) : before.replace(/,$/, '') + rest;
  return Buffer.from(cut, 'latin1');
};

const unique = (list, key) => [...new Map(list.map((item) => [key(item), item])).values()];

/** Every recorded request of a format, from upstream recordings and from clients. */
function requests(format) {
  const { path } = sides[format];
  const recorded = exchanges(format).filter((row) => row.requestFile)
    .map((row) => ({ name: `upstream/${row.requestFile}`, path: row.url_path, headers: {}, body: row.request() }));
  const captured = clientRequests(path, ...(format === 'anthropic' ? [`${path}/count_tokens`] : ['/chat/completions']))
    .map((r) => ({ ...r, name: `clients/${r.name}`, path: r.path.startsWith('/v1') ? r.path : `/v1${r.path}` }));
  return unique([...recorded, ...captured], (r) => r.name);
}

test('the finder of values finds', () => {
  const of = (text, key) => {
    const found = topLevelValue(Buffer.from(text), key);
    return found && text.slice(...found);
  };
  assert.equal(of('{"a":{"model":"x"},"b":"model","model" : "y" , "c":["model",{"model":1}]}', 'model'), '"y"');
  assert.equal(of('{ "stream":true}', 'stream'), 'true');
  assert.equal(of('{"m":[1,{"x":2}],"n":1}', 'm'), '[1,{"x":2}]');
  assert.equal(of('{"a":"model"}', 'model'), null);
  assert.equal(withoutStreamOptions(Buffer.from('{"stream_options":{"include_usage":true},"a":1}')).toString(), '{"a":1}');
  assert.equal(withoutStreamOptions(Buffer.from('{"a":1,"stream_options":{"include_usage":true}}')).toString(), '{"a":1}');
});

for (const [format, side] of Object.entries(sides))
  describe(`splice ${format}`, { skip }, () => {
    const all = skip ? [] : requests(format);
    const names = [...new Set(all.map((r) => JSON.parse(r.body).model))];
    let up;
    let server;
    before(async () => {
      up = await recorder();
      server = await startServer({
        'api-keys': [clientKey],
        'disable-auth': false,
        providers: [{
          type: side.type, name: 'recorder', 'base-url': `${up.origin}${side.base}`, 'api-key': 'sk-recorder',
          models: [{ name: 'replayed' }, { name: side.target }, ...names.map((name) => ({ name: side.target, alias: name }))],
        }],
      });
    });
    after(async () => {
      await server?.stop('SIGKILL');
      await up?.close();
    });

    const send = (path, body, headers = {}) => fetch(`${server.baseURL}${path}`, {
      method: 'POST', body,
      headers: { 'content-type': 'application/json', authorization: `Bearer ${clientKey}`, ...(format === 'anthropic' ? { 'anthropic-version': '2023-06-01' } : {}), ...headers },
    });

    for (const r of all)
      test(`request ${r.name}`, async () => {
        const parsed = JSON.parse(r.body);
        const counting = r.path.includes('count_tokens');
        const text = counting ? '{"input_tokens":5}' : (parsed.stream === true ? streamed : whole)[format];
        up.state.reply = { bytes: Buffer.from(text), stream: parsed.stream === true && !counting };
        up.state.seen = null;
        const beta = r.headers['anthropic-beta'];
        const answer = await send(r.path, r.body, beta ? { 'anthropic-beta': beta } : {});
        const got = await answer.text();
        assert.equal(answer.status, 200, got);
        assert.ok(up.state.seen, 'the upstream was asked');
        const want = withModel(r.body, side.target);
        const needs = format === 'openai-chat' && parsed.stream === true && parsed.stream_options?.include_usage !== true;
        const sent = needs && !parsed.stream_options ? withoutStreamOptions(up.state.seen.body) : up.state.seen.body;
        if (needs) assert.equal(JSON.parse(up.state.seen.body).stream_options?.include_usage, true, 'OC-12');
        if (needs && parsed.stream_options) {
          const [begin, end] = topLevelValue(sent, 'stream_options');
          const [b, e] = topLevelValue(want, 'stream_options');
          assert.ok(Buffer.concat([sent.subarray(0, begin), sent.subarray(end)]).equals(Buffer.concat([want.subarray(0, b), want.subarray(e)])));
        } else assert.ok(sent.equals(want), difference(sent, want));
        for (const token of (beta ?? '').split(',').filter(Boolean))
          assert.ok((up.state.seen.headers['anthropic-beta'] ?? '').includes(token.trim()), `anthropic-beta ${token}`);
        if (!counting) assert.equal(got, text);
      });

    const ask = (stream) => JSON.stringify({
      model: 'replayed', messages: [{ role: 'user', content: 'hi' }],
      ...(format === 'anthropic' ? { max_tokens: 1000 } : {}), ...(stream ? { stream: true } : {}),
      ...(stream && format === 'openai-chat' ? { stream_options: { include_usage: true } } : {}),
    });

    for (const s of skip ? [] : streams(format))
      for (const [how, cuts] of [['whole', null], ['in pieces', [1, 2, 3, 500, 7, 64, 1, 4000]]])
        test(`stream ${s.name}, ${how}`, async () => {
          const bytes = s.bytes();
          up.state.reply = { bytes, stream: true, cuts };
          const answer = await send(side.path, ask(true));
          assert.equal(answer.status, 200);
          const got = Buffer.from(await answer.arrayBuffer());
          if (s.name.includes('spliced-message-start') || s.name.includes('duplicate-message-start')) return checkRestarted(got, bytes);
          assert.match(answer.headers.get('content-type'), /^text\/event-stream/);
          assert.ok(got.equals(bytes), difference(got, bytes));
          return undefined;
        });

    for (const s of skip ? [] : answers(format).filter((a) => !a.shows.includes('in-body-error') && !(a.url_path ?? '').includes('count_tokens')))
      test(`answer ${s.name}`, async () => {
        const bytes = s.bytes();
        up.state.reply = { bytes, stream: false };
        const answer = await send(side.path, ask(false));
        const got = Buffer.from(await answer.arrayBuffer());
        assert.equal(answer.status, 200, got.toString());
        assert.ok(got.equals(bytes), difference(got, bytes));
      });
  });

/** A stream that began twice (AN-35) reaches the client as one legal stream that holds the second answer. */
function checkRestarted(got, sent) {
  const events = [...got.toString().matchAll(/^data: (.*)$/gm)].map((m) => JSON.parse(m[1])).filter((e) => e.type !== 'ping');
  checkAntEvents(events);
  const second = [...sent.toString().matchAll(/^data: (.*)$/gm)].map((m) => JSON.parse(m[1]));
  const calls = (list) => list.filter((e) => e.content_block?.type === 'tool_use').map((e) => e.content_block.id);
  assert.ok(calls(events).includes(calls(second).at(-1)), 'the call of the second try arrives');
}

/** Words about the first place where two byte strings differ. */
function difference(got, want) {
  let at = 0;
  while (at < got.length && got[at] === want[at]) at += 1;
  const near = (b) => JSON.stringify(b.subarray(Math.max(0, at - 40), at + 60).toString());
  return `differs at byte ${at} of ${want.length} (got ${got.length}): got ${near(got)}, want ${near(want)}`;
}
