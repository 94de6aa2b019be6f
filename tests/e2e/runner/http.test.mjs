// Sections 2.2 to 2.4 of the runner's specification: what goes over HTTP, and what is tried again.
import assert from 'node:assert/strict';
import { anthropicReply, ask, chatReply, flow, lab, messageText, query, stub, test } from './lab.mjs';

const kindFlow = flow({ s: ask('h', 'the prompt', { continue_on_error: true }) }, { output: '{{ steps.s.error.kind }}' });
const okFlow = flow({ s: ask('h', 'the prompt') });

/** A stub and a lab whose backend `h` is it. */
async function chat(t, answer, { backend = {}, workflow = okFlow, path = '/v1' } = {}) {
  const http = await stub(t, 'chat', answer);
  const place = lab(t, { config: { backends: { h: { command: `${http.origin}${path}`, model: 'model-x', ...backend } } }, workflows: { w: workflow } });
  return { http, place };
}

test('HTTP request shape: path, model, one user message, and nothing that was not asked for', async (t) => {
  const { http, place } = await chat(t, () => chatReply('the answer'), { backend: { api_key: 'sk-of-the-test-123456' } });
  assert.equal(await place.text('w'), 'the answer');
  assert.deepEqual(http.broken, []);
  assert.equal(http.requests.length, 1);
  const [request] = http.requests;
  assert.equal(request.path, '/v1/chat/completions');
  assert.equal(request.body.model, 'model-x');
  assert.deepEqual(request.body.messages.map((m) => [m.role, messageText(m)]), [['user', 'the prompt']]);
  assert.deepEqual(Object.keys(request.body).filter((k) => !['model', 'messages', 'stream'].includes(k)), []);
  assert.notEqual(request.body.stream, true);
  assert.equal(request.headers.authorization, 'Bearer sk-of-the-test-123456');
});

test('HTTP request shape: system, max_tokens, temperature and own headers when they are set', async (t) => {
  const { http, place } = await chat(t, () => chatReply('x'), { backend: { system: 'Be brief.', max_tokens: 77, temperature: 0.5, headers: { 'X-Team': 'blue' } } });
  await place.run(0, 'w');
  const [request] = http.requests;
  assert.deepEqual(request.body.messages.map((m) => [m.role, messageText(m)]), [['system', 'Be brief.'], ['user', 'the prompt']]);
  assert.equal(request.body.max_tokens ?? request.body.max_completion_tokens, 77);
  assert.equal(request.body.temperature, 0.5);
  assert.equal(request.headers['x-team'], 'blue');
  assert.equal(request.headers.authorization, undefined);
});

test('HTTP request shape: the model is gpt-4 when none is set; api_key_env wins over api_key', async (t) => {
  const http = await stub(t, 'chat', () => chatReply('x'));
  const place = lab(t, { config: { backends: { h: { command: http.origin, api_key: 'the-weaker-key-000', api_key_env: 'STRONG_ONE' } } }, workflows: { w: okFlow }, env: { STRONG_ONE: 'the-stronger-key-111' } });
  await place.run(0, 'w');
  assert.equal(http.requests[0].body.model, 'gpt-4');
  assert.equal(http.requests[0].headers.authorization, 'Bearer the-stronger-key-111');
});

for (const path of ['', '/', '/v1', '/v1/', '/v1/chat/completions'])
  test(`HTTP URL forms: a base that ends in "${path}"`, async (t) => {
    const { http, place } = await chat(t, () => chatReply('x'), { path });
    await place.run(0, 'w');
    assert.equal(http.requests[0].path, '/v1/chat/completions');
  });

test('HTTP URL forms: another path is kept', async (t) => {
  const { http, place } = await chat(t, () => chatReply('x'), { path: '/api/openai/v2' });
  await place.run(0, 'w');
  assert.equal(http.requests[0].path, '/api/openai/v2/chat/completions');
});

test('HTTP content: null is empty, parts are joined, a body without choices is a parse error that shows its beginning', async (t) => {
  const nothing = await chat(t, () => chatReply(null));
  assert.equal((await nothing.place.run(0, 'w')).stdout.trim(), '');
  const parts = await chat(t, () => chatReply([{ type: 'text', text: 'one ' }, { type: 'text', text: 'two' }]));
  assert.equal(await parts.place.text('w'), 'one two');
  for (const body of ['<html>this is no JSON', { odd: 'no choices here' }]) {
    const bad = await chat(t, () => ({ body }), { backend: { max_retries: 0 }, workflow: kindFlow });
    const done = await bad.place.run(0, 'w');
    assert.equal(done.stdout.trim(), 'parse_error');
    assert.match(done.stderr, /this is no JSON|no choices here/);
  }
});

test('HTTP 429, 401: one retry after Retry-After, in the order of things no sooner than told', async (t) => {
  const { http, place } = await chat(t, (_, n) => (n === 0 ? { status: 429, headers: { 'retry-after': '1' }, body: { error: { message: 'slow down' } } } : chatReply('now')), { backend: { retry_delay: 1 } });
  assert.equal(await place.text('w'), 'now');
  assert.equal(http.requests.length, 2);
  assert.ok(http.requests[1].at - http.requests[0].at >= 999, 'asked again too soon');
  assert.equal(http.requests[0].text, http.requests[1].text, 'not the identical request');
});

test('HTTP 429, 401: the delay in the body counts as well', async (t) => {
  const { http, place } = await chat(t, (_, n) => (n === 0 ? { status: 429, body: { error: { message: 'slow down' }, retry_after: 1 } } : chatReply('now')), { backend: { retry_delay: 1 } });
  assert.equal(await place.text('w'), 'now');
  assert.ok(http.requests[1].at - http.requests[0].at >= 999, 'asked again too soon');
});

test('HTTP 429, 401: a refused key is not tried again, and says its class', async (t) => {
  for (const status of [401, 403]) {
    const { http, place } = await chat(t, () => ({ status, body: { error: { message: 'bad key' } } }), { workflow: kindFlow, backend: { retry_delay: 1 } });
    assert.equal(await place.text('w'), 'auth_error');
    assert.equal(http.requests.length, 1);
  }
});

test('HTTP 4xx: other refusals are errors of the configuration, with status and body', async (t) => {
  const { http, place } = await chat(t, () => ({ status: 404, body: { error: { message: 'the model foo is not known here' } } }), { backend: { retry_delay: 1 } });
  const done = await place.run(1, 'w');
  assert.equal(http.requests.length, 1);
  assert.match(done.stderr, /404/);
  assert.match(done.stderr, /the model foo is not known here/);
});

test('HTTP 500 ×2 then 200: success after two retries, neither sooner than the back-off', async (t) => {
  const delay = 200;
  const { http, place } = await chat(t, (_, n) => (n < 2 ? { status: 500, body: { error: { message: 'oops' } } } : chatReply('well')), { backend: { retry_delay: delay } });
  assert.equal(await place.text('w'), 'well');
  assert.equal(http.requests.length, 3);
  const waits = [1, 2].map((n) => http.requests[n].at - http.requests[n - 1].at);
  // No upper bound: a busy machine may be late, the program never early.
  assert.ok(waits[0] >= delay - 1 && waits[1] >= 2 * delay - 1, `waits ${waits}`);
});

test('HTTP 500 ×2 then 200: after max_retries the last error is told with the number of attempts', async (t) => {
  const { http, place } = await chat(t, () => ({ status: 503, body: { error: { message: 'the lights are out' } } }), { backend: { retry_delay: 1, max_retries: 2 } });
  const done = await place.run(1, 'w');
  assert.equal(http.requests.length, 3);
  assert.match(done.stderr, /the lights are out/);
  assert.match(done.stderr, /\b3\b/);
});

test('retry switches off: retry_timeout = false and a stub that is slow', async (t) => {
  const never = new Promise(() => {});
  const { http, place } = await chat(t, () => never, { backend: { timeout: 1, retry_timeout: false, retry_delay: 1 }, workflow: kindFlow });
  assert.equal(await place.text('w'), 'timeout');
  assert.equal(http.requests.length, 1);
});

test('retry switches off: retry_rate_limit = false and a stub that says 429', async (t) => {
  const { http, place } = await chat(t, () => ({ status: 429, body: { error: { message: 'no' } } }), { backend: { retry_rate_limit: false, retry_delay: 1 }, workflow: kindFlow });
  assert.equal(await place.text('w'), 'rate_limit');
  assert.equal(http.requests.length, 1);
});

test('retry switches off: they are on by their defaults (rate limit yes, timeout no)', async (t) => {
  const limited = await chat(t, (_, n) => (n === 0 ? { status: 429, body: {} } : chatReply('x')), { backend: { retry_delay: 1 } });
  await limited.place.run(0, 'w');
  assert.equal(limited.http.requests.length, 2);
  const late = await chat(t, () => ({ status: 504, body: {} }), { backend: { retry_delay: 1 }, workflow: kindFlow });
  assert.equal(await late.place.text('w'), 'timeout');
  assert.equal(late.http.requests.length, 1);
});

test('HTTP network: a connection refused is retried and classed', async (t) => {
  const place = lab(t, { config: { backends: { h: { command: 'http://127.0.0.1:1/v1', max_retries: 1, retry_delay: 1 } } }, workflows: { w: kindFlow } });
  const done = await place.run(0, 'w');
  assert.equal(done.stdout, 'network\n');
  assert.match(done.stderr, /2 attempts/);
});

test('HTTP redirects: followed, the key not handed to another host', async (t) => {
  const other = await stub(t, 'chat', () => chatReply('from the other'));
  const elsewhere = other.origin.replace('127.0.0.1', 'localhost');
  const { http, place } = await chat(t, () => ({ status: 307, headers: { location: `${elsewhere}/v1/chat/completions` }, body: {} }), { backend: { api_key: 'sk-stays-at-home-1234' } });
  assert.equal(await place.text('w'), 'from the other');
  assert.equal(http.requests[0].headers.authorization, 'Bearer sk-stays-at-home-1234');
  assert.equal(other.requests[0].headers.authorization, undefined);
});

test('HTTP streaming: --stream asks for a stream and puts it together', async (t) => {
  const chunk = (delta, finish = null) => `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`;
  const { http, place } = await chat(t, () => ({ headers: { 'content-type': 'text/event-stream' }, body: `${chunk({ role: 'assistant', content: 'piece ' })}${chunk({ content: 'by piece' })}${chunk({}, 'stop')}data: [DONE]\n\n` }));
  assert.equal(await place.text('w', '--stream'), 'piece by piece');
  assert.equal(http.requests[0].body.stream, true);
});

// ---------------------------------------------------------------- claude-api

async function claude(t, answer, { backend = {}, env = { ANTHROPIC_API_KEY: 'sk-ant-of-the-test-1' }, workflow = okFlow } = {}) {
  const http = await stub(t, 'anthropic', answer);
  const place = lab(t, { config: { backends: { h: { type: 'claude-api', base_url: http.origin, ...backend } } }, workflows: { w: workflow }, env });
  return { http, place };
}

test('claude-api: key, version, max_tokens; text parts joined', async (t) => {
  const { http, place } = await claude(t, () => anthropicReply(['first part', 'second part']));
  assert.equal(await place.text('w'), 'first part\nsecond part');
  assert.deepEqual(http.broken, []);
  const [request] = http.requests;
  assert.equal(request.path, '/v1/messages');
  assert.equal(request.headers['x-api-key'], 'sk-ant-of-the-test-1');
  assert.equal(request.headers['anthropic-version'], '2023-06-01');
  assert.equal(request.body.max_tokens, 8192);
  assert.equal(request.body.model, 'claude-sonnet-4-20250514');
  assert.deepEqual(request.body.messages.map((m) => [m.role, messageText(m)]), [['user', 'the prompt']]);
});

test('claude-api: chosen by api_key_env without a command; system and max_tokens as set', async (t) => {
  const { http, place } = await claude(t, () => anthropicReply('x'), { backend: { type: 'claude-api', api_key_env: 'OTHER_NAME_KEY', system: 'Be kind.', max_tokens: 99 }, env: { OTHER_NAME_KEY: 'sk-ant-other-22' } });
  await place.run(0, 'w');
  assert.equal(http.requests[0].headers['x-api-key'], 'sk-ant-other-22');
  assert.equal(http.requests[0].body.max_tokens, 99);
  const system = http.requests[0].body.system;
  assert.equal(Array.isArray(system) ? system.map((s) => s.text).join('') : system, 'Be kind.');
  const inferred = lab(t, { config: { backends: { k: { api_key_env: 'SOME_KEY' } } } });
  assert.match((await inferred.cli('backends')).stdout, /k\s+claude-api/);
});

test('claude-api: a variable that is not set makes it unavailable, by name', async (t) => {
  const { http, place } = await claude(t, () => anthropicReply('x'), { env: {}, backend: { api_key_env: 'MISSING_CLAUDE_KEY', retry_delay: 100000 } });
  const done = await place.run(1, 'w');
  assert.match(done.stderr, /unavailable/);
  assert.match(done.stderr, /MISSING_CLAUDE_KEY/);
  assert.equal(http.requests.length, 0);
});

test('claude-api: a rate limit is retried (529 too), max_tokens as the reason to stop warns', async (t) => {
  const limited = await claude(t, (_, n) => (n < 2 ? { status: [429, 529][n], body: { type: 'error', error: { type: 'rate_limit_error', message: 'no' } } } : anthropicReply('yes')), { backend: { retry_delay: 1 } });
  assert.equal(await limited.place.text('w'), 'yes');
  assert.equal(limited.http.requests.length, 3);
  const cut = await claude(t, () => anthropicReply('cut', { stop_reason: 'max_tokens' }));
  assert.match((await cut.place.run(0, 'w')).stderr, /max_tokens/);
});

// ---------------------------------------------------------------- usage

test('usage: the tokens of the answers are summed in the Result', async (t) => {
  const http = await stub(t, 'chat', () => chatReply('x'));
  const place = lab(t, { config: { backends: { h: { command: http.origin, model: 'm' } } }, workflows: { w: flow({ a: ask('h', 'one'), b: ask('h', 'two') }) } });
  const { result } = await place.json(0, 'w');
  const text = JSON.stringify(result);
  assert.match(text, /"(prompt_tokens|input_tokens|input)":14\b/);
  assert.match(text, /"(completion_tokens|output_tokens|output)":6\b/);
});

test('usage: of a step, in templates; of a parallel role, the sum', async (t) => {
  const http = await stub(t, 'chat', () => chatReply('x'));
  const place = lab(t, {
    config: { backends: { h: { command: http.origin, model: 'm' }, g: { command: http.origin, model: 'm' } }, roles: { both: { backends: ['h', 'g'], execution: 'parallel' } } },
    workflows: { w: flow({ a: ask('h', 'one'), b: query('both', 'two') }, { output: '{{ steps.a.usage.input_tokens }} {{ steps.b.usage.input_tokens }} {{ steps.a.model }}' }) },
  });
  assert.equal(await place.text('w'), '7 14 fake-model');
});
