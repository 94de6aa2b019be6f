// Section 3 of the runner's specification, and replies that are data (2.6, 2.7): who is asked, and what comes of the answers.
import assert from 'node:assert/strict';
import { ask, chatReply, flow, lab, query, shell, stub, test } from './lab.mjs';

/** A lab with canned backends by name: {replies: {a: [...]}, roles, steps or workflow, ...}. */
function cast(t, replies, { roles = {}, steps, top, config = {}, ...options } = {}) {
  const place = lab(t, { ...options, workflows: { w: flow(steps, top) } });
  const fakes = Object.fromEntries(Object.entries(replies).map(([name, list]) => [name, place.canned(name, ...list)]));
  const backends = Object.fromEntries(Object.entries(fakes).map(([name, f]) => [name, { command: f.command, max_retries: 0, ...(config.backends?.[name] ?? {}) }]));
  place.configure({ ...config, backends: { ...config.backends, ...backends }, roles });
  return { place, ...fakes };
}

const broken = { err: 'it broke', code: 1 };

test('first: when A answers B is not called', async (t) => {
  const { place, a, b } = cast(t, { a: ['from a'], b: ['from b'] }, { roles: { r: { backends: ['a', 'b'] } }, steps: { s: query('r', 'x') } });
  assert.equal(await place.text('w'), 'from a');
  assert.deepEqual([a.calls(), b.calls()], [1, 0]);
});

test('first: when the program of A is missing B is used', async (t) => {
  const { place, b } = cast(t, { b: ['from b'] }, { roles: { r: { backends: ['a', 'b'] } }, steps: { s: query('r', 'x') }, config: { backends: { a: { command: 'no-such-program-7' } } } });
  assert.equal(await place.text('w'), 'from b');
  assert.equal(b.calls(), 1);
});

test('first: any other failure of A is final (D2), unless first_falls_over', async (t) => {
  const build = (config) => cast(t, { a: [broken], b: ['from b'] }, { roles: { r: { backends: ['a', 'b'] } }, steps: { s: query('r', 'x') }, config });
  const strict = build({});
  await strict.place.run(1, 'w');
  assert.equal(strict.b.calls(), 0);
  const over = build({ defaults: { first_falls_over: true } });
  assert.equal(await over.place.text('w'), 'from b');
});

test('fallback: A fails, B answers, failed_backends tells of A', async (t) => {
  const { place, a, b } = cast(t, { a: [broken], b: ['from b'] }, {
    roles: { r: { backends: ['a', 'b'], execution: 'fallback' } }, steps: { s: query('r', 'x') },
    top: { output: '{{ steps.s.output }}|{{ steps.s.backend }}|{{ steps.s.backends | join("+") }}|{{ steps.s.failed_backends.a }}|{{ steps.s.outputs | length }}' },
  });
  const [output, backend, backends, failed, length] = (await place.text('w')).split('|');
  assert.deepEqual([output, backend, backends, length], ['from b', 'b', 'b', '1']);
  assert.match(failed, /it broke|exit code 1/);
  assert.deepEqual([a.calls(), b.calls()], [1, 1]);
});

test('fallback: each backend has its own retries; all failed lists every one of them', async (t) => {
  const { place, a, b } = cast(t, { a: [{ err: 'error 503', code: 1 }], b: [{ err: 'beyond repair', code: 3 }] }, {
    roles: { r: { backends: ['a', 'b'], execution: 'fallback' } }, steps: { s: query('r', 'x') },
  });
  place.configure({ backends: { a: { command: a.command, max_retries: 2, retry_delay: 1 }, b: { command: b.command, max_retries: 2, retry_delay: 1 } }, roles: { r: { backends: ['a', 'b'], execution: 'fallback' } } });
  const done = await place.run(1, 'w');
  assert.deepEqual([a.calls(), b.calls()], [3, 1]);
  assert.match(done.stderr, /^ *a: network.*3 attempts.*error 503/m);
  assert.match(done.stderr, /^ *b: execution.*3.*1 attempt.*beyond repair/m);
});

const both = { r: { backends: ['a', 'b'], execution: 'parallel' } };

test('parallel: outputs for both, in the order of the role whoever is first, as blocks', async (t) => {
  const place = lab(t, { workflows: { w: flow({ s: query('r', 'x') }) } });
  // a ends only after b has ended.
  const a = place.script('a', `until [ -e '${place.home}/b-ended' ]; do sleep 0.02; done; echo 'from a'`);
  const b = place.script('b', `echo 'from b'; touch '${place.home}/b-ended'`);
  place.configure({ backends: { b: { command: b }, a: { command: a } }, roles: both });
  assert.equal(await place.text('w'), '=== a ===\nfrom a\n\n=== b ===\nfrom b');
});

test('parallel: one failure of two is success, told in failed_backends', async (t) => {
  const { place } = cast(t, { a: [broken], b: ['from b'] }, { roles: both, steps: { s: query('r', 'x') }, top: { output: '{{ steps.s.output }}|{{ steps.s.backend }}|{{ steps.s.failed_backends | items | length }}' } });
  assert.equal(await place.text('w'), '=== b ===\nfrom b|b|1');
});

test('parallel: a step that says parallel = true, or execution, overrides the role', async (t) => {
  for (const step of [{ parallel: true }, { execution: 'parallel' }]) {
    const { place, a, b } = cast(t, { a: ['1'], b: ['2'] }, { roles: { r: { backends: ['a', 'b'] } }, steps: { s: query('r', 'x', step) } });
    await place.run(0, 'w');
    assert.deepEqual([a.calls(), b.calls()], [1, 1]);
  }
});

test('parallel: backends of a step without a role', async (t) => {
  const { place } = cast(t, { a: ['1'], b: ['2'] }, { steps: { s: { type: 'query', backends: ['b', 'a'], parallel: true, prompt: 'x' } } });
  assert.equal(await place.text('w'), '=== b ===\n2\n\n=== a ===\n1');
});

test('parallel: cancel_rest ends the others once enough have answered', async (t) => {
  const place = lab(t, { workflows: { w: flow({ s: query('r', 'x') }) } });
  const { sleepMarker, alive, until } = await import('./lab.mjs');
  const seconds = sleepMarker();
  place.configure({ backends: { slow: { command: place.script('slow', `sleep ${seconds}`), kill_grace_ms: 50 }, quick: { command: 'echo' } }, roles: { r: { backends: ['slow', 'quick'], execution: 'parallel', cancel_rest: true } } });
  assert.equal(await place.text('w'), '=== quick ===\nx');
  await until(() => alive(seconds).length === 0, 'the end of the slow one');
});

test('min_success: one of three succeeds, two are needed: the step fails and lists the reasons', async (t) => {
  const { place, c } = cast(t, { a: [broken], b: [{ err: 'no cheese', code: 4 }], c: ['ok'] }, { roles: { r: { backends: ['a', 'b', 'c'], execution: 'parallel', min_success: 2 } }, steps: { s: query('r', 'x') } });
  const done = await place.run(1, 'w');
  assert.match(done.stderr, /a: .*it broke/);
  assert.match(done.stderr, /b: .*no cheese/);
  assert.equal(c.calls(), 1);
});

test('min_success: the step overrides the role; more than there are is found before anything runs', async (t) => {
  const roles = { r: { backends: ['a', 'b'], execution: 'parallel', min_success: 1 } };
  const two = cast(t, { a: [broken], b: ['ok'] }, { roles, steps: { s: query('r', 'x', { min_success: 2 }) } });
  await two.place.run(1, 'w');
  const three = cast(t, { a: ['ok'], b: ['ok'] }, { roles, steps: { s: query('r', 'x', { min_success: 3 }) } });
  const done = await three.place.run(2, 'w');
  assert.match(done.stderr, /min_success/);
  assert.equal(three.a.calls(), 0);
});

test('disabled skipped: a disabled backend is never called, in no mode', async (t) => {
  for (const execution of ['first', 'fallback', 'parallel']) {
    const { place, a, b } = cast(t, { a: ['from a'], b: ['from b'] }, { roles: { r: { backends: ['a', 'b'], execution } }, steps: { s: query('r', 'x') } });
    place.configure({ backends: { a: { command: a.command, enabled: false }, b: { command: b.command } }, roles: { r: { backends: ['a', 'b'], execution } } });
    assert.match(await place.text('w'), /from b/);
    assert.deepEqual([a.calls(), b.calls()], [0, 1]);
  }
});

test('disabled skipped: nobody left is an error that lists them', async (t) => {
  const { place, a } = cast(t, { a: ['x'] }, { roles: { r: { backends: ['a'] } }, steps: { s: query('r', 'x') } });
  place.configure({ backends: { a: { command: a.command, enabled: false } }, roles: { r: { backends: ['a'] } } });
  const done = await place.cli('run', 'w');
  assert.ok([1, 2].includes(done.code), done.stderr);
  assert.match(done.stderr, /a\b.*disabled/);
  assert.equal(a.calls(), 0);
});

test('outputs forms: every form of the table in 3.3', async (t) => {
  const forms = {
    '{{ steps.s.outputs.a }}': 'text of a', '{{ steps.s.outputs["b"] }}': '{"n": 2}', '{{ steps.s.outputs[0] }}': 'text of a', '{{ steps.s.outputs | join("+") }}': 'text of a+{"n": 2}',
    '{% for r in steps.s.outputs %}{{ r }};{% endfor %}': 'text of a;{"n": 2};', '{% for r in steps.s.outputs %}{{ r.backend }}={{ r.text }};{% endfor %}': 'a=text of a;b={"n": 2};',
    '{{ steps.s.outputs[1].data.n }}': '2', '{% for n, x in steps.s.outputs | items %}{{ n }}:{{ x }};{% endfor %}': 'a:text of a;b:{"n": 2};',
    '{% for n, x in steps.s.outputs | dictsort %}{{ n }};{% endfor %}': 'a;b;', '{{ steps.s.outputs | length }}': '2', '{{ (steps.s.outputs | json | fromjson).a }}': 'text of a',
    '{{ steps.s.outputs == steps.s.output or (steps.s.outputs ~ "") == steps.s.output }}': 'true', '{{ steps.s.outputs[0].duration_ms is number }}': 'true',
  };
  const { place } = cast(t, { a: ['text of a'], b: ['{"n": 2}'] }, { roles: both, steps: { s: query('r', 'x') }, top: { output: Object.keys(forms).join('\n') } });
  assert.deepEqual((await place.text('w')).split('\n'), Object.values(forms));
});

test('roles: one of the workflow itself wins over that of the configuration', async (t) => {
  const { place } = cast(t, { a: ['from a'], b: ['from b'] }, { roles: { r: { backends: ['a'] } }, steps: { s: query('r', 'x') } });
  place.workflow('w', `${flow({ s: query('r', 'x') })}\n[roles.r]\nbackends = ["b"]\n`);
  assert.equal(await place.text('w'), 'from b');
});

// ---------------------------------------------------------------- data

const extraction = [
  ['text around an array', 'Here you are: [{"a":1}] as asked.', [{ a: 1 }]],
  ['a json fence wins over earlier braces', 'Not {"this": 1}\n```json\n{"that": 2}\n```', { that: 2 }],
  ['the tag in capitals, with words after it', '```JSON title=x\n[3]\n```', [3]],
  ['a fence that does not parse is passed over', '```json\n{oops\n```\n```\n{"b": 1}\n```', { b: 1 }],
  ['an untagged fence', 'so:\n```\n{"c": [1, 2]}\n```\nbye', { c: [1, 2] }],
  ['braces that are no JSON first', 'use {braces} like {"d": "}"} here', { d: '}' }],
  ['the whole text, a scalar', '  42 ', 42],
  ['a header line is skipped', '=== claude ===\n{"e": null}', { e: null }],
  ['the last of equal keys', '{"f": 1, "f": 2}', { f: 2 }],
];
for (const [what, text, want] of extraction)
  test(`JSON extraction: ${what}`, async (t) => {
    const { place } = cast(t, { a: [text] }, { steps: { s: ask('a', 'x') }, top: { output: '{{ steps.s.data | json }}' } });
    assert.deepEqual(JSON.parse(await place.text('w')), want);
  });

test('JSON extraction: none leaves .data undefined', async (t) => {
  const { place } = cast(t, { a: ['no data, only {words'] }, { steps: { s: ask('a', 'x') }, top: { output: '{{ steps.s.data is defined }}' } });
  assert.equal(await place.text('w'), 'false');
});

const schema = { type: 'object', required: ['findings'], properties: { findings: { type: 'array', items: { type: 'object', required: ['line'], properties: { line: { type: 'integer' } } } } } };

test('schema failure: what is missing is named by its pointer; the raw text is kept', async (t) => {
  const { place } = cast(t, { a: ['{"findings": [{"line": 1}, {"line": "two"}]}'] }, { steps: { s: ask('a', 'x', { output_schema: schema, continue_on_error: true }) }, top: { output: '{{ steps.s.error.kind }}|{{ steps.s.error }}|{{ steps.s.output }}' } });
  const [kind, message, output] = (await place.text('w')).split('|');
  assert.equal(kind, 'parse_error');
  assert.match(message, /\/findings\/1\/line/);
  assert.match(message, /integer/);
  assert.match(message, /string/);
  assert.match(output, /two/);
  const missing = cast(t, { a: ['{"other": 1}'] }, { steps: { s: ask('a', 'x', { output_schema: schema }) } });
  assert.match((await missing.place.run(1, 'w')).stderr, /findings/);
});

test('schema failure: in parallel a bad reply counts as failed, one good one is enough', async (t) => {
  const { place } = cast(t, { a: ['no JSON at all'], b: ['{"findings": []}'] }, { roles: both, steps: { s: query('r', 'x', { output_schema: schema, min_success: 1 }) }, top: { output: '{{ steps.s.backends | join(",") }} {{ steps.s.data | json }} {{ steps.s.failed_backends.a is defined }}' } });
  assert.equal(await place.text('w'), 'b {"findings":[]} true');
});

test('schema failure: the shorthand for a schema, and the prompt that asks for it', async (t) => {
  const { place, a } = cast(t, { a: ['{"findings": 3}'] }, { steps: { s: ask('a', 'Look.', { output_schema: { type: 'object', properties: { findings: 'array' } } }) } });
  await place.run(1, 'w');
  const [prompt] = a.prompts();
  assert.match(prompt, /^Look\.\n\n/);
  assert.match(prompt, /```json\n\{[^]*"findings"[^]*\n```/);
});

test('schema repair: bad then good, two calls, the second with the reply and what was wrong', async (t) => {
  const { place, a } = cast(t, { a: ['{"findings": "nothing worth it"}', '{"findings": []}'] }, { steps: { s: ask('a', 'Look.', { output_schema: schema, retries: 1, retry_delay: 1 }) }, top: { output: '{{ steps.s.data | json }} {{ steps.s.attempts }}' } });
  assert.equal(await place.text('w'), '{"findings":[]} 2');
  assert.equal(a.calls(), 2);
  assert.ok(a.prompts()[1].includes('nothing worth it'));
  assert.match(a.prompts()[1], /\/findings/);
});

test('schema repair: an HTTP backend may be told the format, and the answer is checked all the same', async (t) => {
  const http = await stub(t, 'chat', (_, n) => chatReply(n === 0 ? 'sorry' : '{"findings": []}'));
  const place = lab(t, { config: { backends: { h: { command: http.origin, model: 'm' } } }, workflows: { w: flow({ s: ask('h', 'x', { output_schema: schema, retries: 1, retry_delay: 1 }) }, { output: '{{ steps.s.data | json }}' }) } });
  assert.equal(await place.text('w'), '{"findings":[]}');
  assert.deepEqual(http.broken, []);
  assert.equal(http.requests.length, 2);
});

test('output_format: json asks for JSON in the answer', async (t) => {
  const { place } = cast(t, { a: ['only words'] }, { steps: { s: ask('a', 'x', { output_format: 'json' }) } });
  await place.run(1, 'w');
});

test('a program that prints JSON lines: the last message of the agent is the answer', async (t) => {
  const lines = [{ type: 'thread.started', thread_id: 't' }, { type: 'item.completed', item: { id: 'i0', type: 'agent_message', text: 'first thought' } }, { type: 'item.completed', item: { id: 'i1', type: 'agent_message', text: 'the answer' } }, { type: 'turn.completed', usage: { input_tokens: 5, cached_input_tokens: 0, output_tokens: 2 } }];
  const { place, a } = cast(t, { a: [`${lines.map((l) => JSON.stringify(l)).join('\n')}\n`] }, { steps: { s: ask('a', 'x') } });
  place.configure({ backends: { a: { command: a.command, args: ['exec', '--json'] } } });
  assert.equal(await place.text('w'), 'the answer');
});

test('a program that prints JSON: the value is .data, json_path says where the text is', async (t) => {
  const { place, a } = cast(t, { a: ['{"result": {"text": "inner"}, "n": 3}'] }, { steps: { s: ask('a', 'x') } });
  place.configure({ backends: { a: { command: a.command, json: true, json_path: 'result.text' } } });
  assert.equal(await place.text('w'), 'inner');
});

test('max retries of a step: shell and query both, in the templates', async (t) => {
  const { place, a } = cast(t, { a: [broken, 'ok'] }, { steps: { s: ask('a', 'x', { retries: 2, retry_delay: 1, retry_on: ['execution'] }), n: shell('echo {{ steps.s.attempts }}') } });
  assert.equal(await place.text('w'), '2');
  assert.equal(a.calls(), 2);
});
