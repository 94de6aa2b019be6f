// Section 2 of the runner's specification, the programs: how they are called, what becomes of their output, how they end.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { alive, ask, flow, lab, query, shell, sleepMarker, test, until } from './lab.mjs';

/** One backend `b` and a workflow `w` that asks it once. */
const one = (t, backend, { prompt = 'hello', step = {}, ...options } = {}) =>
  lab(t, { config: { backends: { b: { max_retries: 0, ...backend } } }, workflows: { w: { s: ask('b', prompt, step) } }, ...options });
/** A dollar of the shell is written twice in a configuration. */
const sh = (body) => ({ command: 'sh', args: ['-c', body.replaceAll('$', '$$$$'), 'sh'] });

test('CLI prompt as argument: echo gives back the prompt, whatever stands in it', async (t) => {
  const prompt = 'a  b\n$HOME `x` "q" \'s\' \\ * ü 漢 🎉';
  const place = one(t, { command: 'echo' }, { prompt });
  assert.equal(await place.text('w'), prompt);
});

test('CLI prompt as argument: the prompt is the last argument, one argument, after the configured ones', async (t) => {
  const place = lab(t, { workflows: { w: { s: ask('b', 'two words') } } });
  const b = place.canned('b', 'x');
  place.configure({ backends: { b: { command: b.command, args: ['-p', '--'] } } });
  await place.run(0, 'w');
  assert.deepEqual(b.argv(0), ['-p', '--', 'two words']);
});

test('CLI prompt by stdin: 1 MiB comes back from cat', async (t) => {
  const text = 'line of text, ü\n'.repeat(Math.ceil((1 << 20) / 17));
  const place = one(t, { command: 'cat' }, { files: { big: text } });
  place.workflow('w', flow({ read: shell('cat big'), s: ask('b', '{{ steps.read.output }}') }));
  assert.equal(await place.text('w'), text.trimEnd());
});

test('CLI prompt by stdin: stdin = true gives no argument, false never writes stdin', async (t) => {
  const place = lab(t, { config: { backends: { yes: { command: 'sh', args: ['-c', 'echo "$#:$(cat)"', 'sh'], stdin: true }, no: { command: 'sh', args: ['-c', 'echo "$#:$1:$(cat)"', 'sh'], stdin: false } } }, workflows: { yes: { s: ask('yes', 'short') }, no: { s: ask('no', 'short') } } });
  assert.equal(await place.text('yes'), '0:short');
  assert.equal(await place.text('no'), '1:short:');
});

test('{prompt} placeholder: replaced in place, nothing appended', async (t) => {
  const place = lab(t, { workflows: { w: { s: ask('b', 'the prompt') } } });
  const b = place.canned('b', 'x');
  place.configure({ backends: { b: { command: b.command, args: ['-m', '{prompt}', 'tail', '--x={prompt}'] } } });
  await place.run(0, 'w');
  assert.deepEqual(b.argv(0), ['-m', 'the prompt', 'tail', '--x=the prompt']);
});

test('{prompt_file} placeholder: a private file that is gone afterwards', async (t) => {
  const place = one(t, { command: 'sh', args: ['-c', 'stat -c %a "$1"; cat "$1"; echo; echo "$1" >path; echo "$#"', 'sh', '{prompt_file}'] });
  assert.equal(await place.text('w'), '600\nhello\n1');
  assert.ok(!existsSync(place.read('path').trim()));
});

test('CLAUDECODE removed: unless the backend sets it', async (t) => {
  const place = lab(t, {
    config: { backends: { plain: sh('echo "[${CLAUDECODE-unset}]"'), own: { ...sh('echo "[${CLAUDECODE-unset}]"'), env: { CLAUDECODE: 'mine' } } } },
    workflows: { w: flow({ a: ask('plain', 'p'), b: ask('own', 'p') }, { output: '{{ steps.a.output }}{{ steps.b.output }}' }) },
    env: { CLAUDECODE: '1' },
  });
  assert.equal(await place.text('w'), '[unset][mine]');
});

test('backend cwd: -C is where the backend and the steps work', async (t) => {
  const place = lab(t, { config: { backends: { b: sh('pwd') } }, workflows: { w: flow({ a: ask('b', 'p'), b: shell('pwd') }, { output: '{{ steps.a.output }}\n{{ steps.b.output }}' }) }, files: { 'elsewhere/x': '' } });
  const there = place.path('elsewhere');
  assert.equal(await place.text('w', '-C', there), `${there}\n${there}`);
  const missing = await place.cli('run', 'w', '-C', place.path('nowhere'));
  assert.equal(missing.code, 2);
  assert.match(missing.stderr, /nowhere/);
});

test('awkward output: 5000 lines of stderr after stdout was closed', async (t) => {
  const place = one(t, sh('echo done; exec >&-; i=0; while [ $i -lt 5000 ]; do echo "line $i of noise" >&2; i=$((i+1)); done'));
  assert.equal(await place.text('w'), 'done');
});

test('awkward output: a byte that is no UTF-8 becomes U+FFFD, with a warning', async (t) => {
  const place = one(t, sh("printf 'a\\377b\\n'"));
  const done = await place.run(0, 'w');
  assert.equal(done.stdout, 'a\ufffdb\n');
  assert.match(done.stderr, /UTF-8/i);
});

test('awkward output: exactly one line end is taken off, everything else stays', async (t) => {
  const place = one(t, sh("printf '\\n a\\r\\nb \\n\\n'"));
  place.workflow('w', flow({ s: ask('b', 'p'), n: shell("printf %s {{ steps.s.output }} | od -An -c | tr -d ' \\n'") }));
  assert.equal(await place.text('w'), '\\na\\r\\nb\\n');
});

test('awkward output: empty output is success with a warning', async (t) => {
  const place = one(t, { command: 'true' });
  const done = await place.run(0, 'w');
  assert.equal(done.stdout.trim(), '');
  assert.match(done.stderr, /warning[^]*(empty|nothing)|(empty|nothing)/i);
});

test('awkward output: a grandchild that holds the pipe does not hold the run', async (t) => {
  const seconds = sleepMarker();
  const place = one(t, sh(`sleep ${seconds} & echo here`));
  assert.equal(await place.text('w'), 'here');
  await until(() => alive(seconds).length === 0, 'the end of the grandchild');
});

test('timeout kills tree: no process of the group is left', async (t) => {
  const seconds = sleepMarker();
  const place = one(t, { ...sh(`sleep ${seconds} & (trap '' TERM; sleep ${seconds}) & wait`), timeout: 1, kill_grace_ms: 100 });
  const done = await place.run(1, 'w');
  assert.match(done.stderr, /timeout|timed out|time limit/i);
  await until(() => alive(seconds).length === 0, 'the end of every sleep');
});

test('timeout kills tree: what was said before the limit is kept', async (t) => {
  const place = one(t, { ...sh(`echo partial words; sleep ${sleepMarker()}`), timeout: 1, kill_grace_ms: 100 });
  await place.run(1, 'w');
  assert.ok(place.written(['fakes', 'config']).some(([, text]) => text.includes('partial words')), 'nothing written holds the partial output');
});

test('exit by signal: the error says 137', async (t) => {
  const place = one(t, sh('kill -9 $$'));
  assert.match((await place.run(1, 'w')).stderr, /137/);
});

test('exit code: the error of a failing program has its code and its first words', async (t) => {
  const place = one(t, sh('echo "the disk is made of cheese" >&2; exit 7'));
  const done = await place.run(1, 'w');
  assert.match(done.stderr, /\b7\b/);
  assert.match(done.stderr, /made of cheese/);
  const falsy = one(t, { command: 'false' });
  assert.match((await falsy.run(1, 'w')).stderr, /\bb\b[^]*\b1\b/);
});

test('spawn failure: unavailable, named, not retried', async (t) => {
  const place = one(t, { command: 'no-such-program-7', max_retries: 3, retry_delay: 100000 });
  const done = await place.run(1, 'w');
  assert.match(done.stderr, /unavailable/);
  assert.match(done.stderr, /no-such-program-7/);
});

test('output cap: endless output is killed, and the limit named', async (t) => {
  const marker = sleepMarker();
  const place = one(t, { ...sh(`yes ${marker}`), max_output_bytes: 100000 });
  const done = await place.run(1, 'w');
  assert.match(done.stderr, /100000|100 ?k|97\.\d KiB/i);
  assert.match(done.stderr, /max_output_bytes/);
  await until(() => alive(marker).length === 0, 'the end of yes');
});

// ---------------------------------------------------------------- classification and retries

test('CLI failure text: 429 twice, then an answer', async (t) => {
  const place = lab(t, { workflows: { w: { s: ask('b', 'x') } } });
  const b = place.canned('b', { err: 'HTTP 429 Too Many Requests', code: 1 }, { err: 'Rate limit reached', code: 1 }, 'finally');
  place.configure({ backends: { b: { command: b.command, retry_delay: 1 } } });
  assert.equal(await place.text('w'), 'finally');
  assert.equal(b.calls(), 3);
  assert.deepEqual(new Set(b.prompts()), new Set(['x']));
});

for (const [text, kind] of [
  ['Error: not logged in', 'auth'], ['Invalid API key · Please run /login', 'auth'], ['got 401', 'auth'], ['Unauthorized', 'auth'],
])
  test(`CLI failure text: "${text}" is ${kind}, one attempt`, async (t) => {
    const place = lab(t, { workflows: { w: flow({ s: ask('b', 'x', { continue_on_error: true }) }, { output: '{{ steps.s.error.kind }}' }) } });
    const b = place.canned('b', { err: text, code: 1 });
    place.configure({ backends: { b: { command: b.command, retry_delay: 1 } } });
    assert.equal(await place.text('w'), 'auth_error');
    assert.equal(b.calls(), 1);
  });

for (const [text, kind, calls] of [
  ['ECONNREFUSED 127.0.0.1', 'network', 3], ['upstream said 503', 'network', 3], ['RESOURCE_EXHAUSTED: quota', 'rate_limit', 3], ['model is overloaded', 'rate_limit', 3],
  ['line 4290: no such file', 'execution', 1], ['port 50312 is odd', 'execution', 1], ['something else', 'execution', 1],
])
  test(`CLI failure text: "${text}" is ${kind}, ${calls} attempts`, async (t) => {
    const place = lab(t, { workflows: { w: flow({ s: ask('b', 'x', { continue_on_error: true }) }, { output: '{{ steps.s.error.kind }}' }) } });
    const b = place.canned('b', { err: text, code: 1 });
    place.configure({ backends: { b: { command: b.command, retry_delay: 1, max_retries: 2 } } });
    assert.equal(await place.text('w'), kind);
    assert.equal(b.calls(), calls);
  });

test('CLI failure text: the end of stdout counts too, and the table can be extended', async (t) => {
  const place = lab(t, { workflows: { w: flow({ s: ask('b', 'x', { continue_on_error: true }), o: ask('o', 'x', { continue_on_error: true }) }, { output: '{{ steps.s.error.kind }} {{ steps.o.error.kind }}' }) } });
  const b = place.canned('b', { text: 'I am too many requests away', code: 1 });
  const o = place.canned('o', { err: 'come back tomorrow', code: 1 });
  place.configure({ backends: { b: { command: b.command, retry_delay: 1, max_retries: 1 }, o: { command: o.command, retry_delay: 1, max_retries: 1, rate_limit_patterns: ['come back tomorrow'] } } });
  assert.equal(await place.text('w'), 'rate_limit rate_limit');
  assert.equal(b.calls(), 2);
  assert.equal(o.calls(), 2);
});

test('CLI failure text: a wait longer than the step has left fails at once and says so', async (t) => {
  const place = lab(t, { workflows: { w: { s: ask('b', 'x', { timeout: '20s' }) } } });
  const b = place.canned('b', { err: 'rate limit: try again in 250s', code: 1 }, 'never');
  place.configure({ backends: { b: { command: b.command } } });
  const done = await place.run(1, 'w');
  assert.equal(b.calls(), 1);
  assert.match(done.stderr, /250/);
});

// ---------------------------------------------------------------- caps

/** A backend that says when it begins and ends: how many ran at once can be read from the order of its lines. */
const counting = (place) => place.script('counting', `
log='${join(place.home, 'fakes/order')}'
echo + >>"$log"
n=$(grep -c + "$log"); m=$(grep -c - "$log")
echo $((n - m)) >>'${join(place.home, 'fakes/at-once')}'
sleep 0.05
echo - >>"$log"
echo ok`);
const most = (place) => Math.max(...readFileSync(join(place.home, 'fakes/at-once'), 'utf8').trim().split('\n').map(Number));

test('global cap: max_concurrent = 2, six calls, never more than two at once', async (t) => {
  const place = lab(t, { workflows: { w: flow(Object.fromEntries([1, 2, 3, 4, 5, 6].map((n) => [`s${n}`, ask(n % 2 ? 'a' : 'b', 'p', { depends_on: [] })])), { max_parallel: 6 }) } });
  const command = counting(place);
  const backends = { a: { command }, b: { command } };
  place.configure({ defaults: { max_concurrent: 2 }, backends });
  await place.run(0, 'w');
  assert.ok(most(place) <= 2, `${most(place)} at once`);
});

test('global cap: without it more than two do run at once, and a cap of one backend is its own', async (t) => {
  const six = flow(Object.fromEntries([1, 2, 3].map((n) => [`s${n}`, ask('b', 'p', { depends_on: [] })])), { max_parallel: 6 });
  const free = lab(t, { workflows: { w: six } });
  // Each of the three waits until all three are there: proof that nothing holds them back.
  free.configure({ backends: { b: { command: free.script('meet', `touch '${free.home}/fakes/here.'$$; i=0; while [ $(ls '${free.home}/fakes' | grep -c here) -lt 3 ]; do i=$((i+1)); [ $i -gt 600 ] && exit 1; sleep 0.05; done; echo met`) } } });
  await free.run(0, 'w');
  const capped = lab(t, { workflows: { w: six } });
  capped.configure({ backends: { b: { command: counting(capped), max_concurrent: 1 } } });
  await capped.run(0, 'w');
  assert.equal(most(capped), 1);
});

test('global cap: a parallel role counts as many calls as it has backends', async (t) => {
  const place = lab(t, { workflows: { w: { s: query('r', 'p') } } });
  const command = counting(place);
  const names = ['a', 'b', 'c', 'd'];
  place.configure({ defaults: { max_concurrent: 2 }, backends: Object.fromEntries(names.map((n) => [n, { command }])), roles: { r: { backends: names, execution: 'parallel' } } });
  await place.run(0, 'w');
  assert.ok(most(place) <= 2);
});

test('command wrapper: the command is one quoted last argument', async (t) => {
  const place = lab(t, { workflows: { w: flow({ a: shell("echo 'it is' \"here\"") }) } });
  const wrapper = place.script('wrapper', 'printf "%s|" "$#" "$1"; exec sh -c "$2"');
  place.configure({ defaults: { command_wrapper: `${wrapper} --run` } });
  assert.equal(await place.text('w'), '2|--run|it is here');
});

test('default timeout: defaults.timeout is that of backends without one', async (t) => {
  const place = lab(t, { config: { defaults: { timeout: '1s' }, backends: { b: { ...sh(`sleep ${sleepMarker()}`), max_retries: 0, kill_grace_ms: 50 } } }, workflows: { w: flow({ s: ask('b', 'p', { continue_on_error: true }) }, { output: '{{ steps.s.error.kind }}' }) } });
  assert.equal(await place.text('w'), 'timeout');
});

test('retry switches off: a program that is too slow is not asked again, unless retry_timeout', async (t) => {
  for (const [retry, calls] of [[false, 1], [true, 2]]) {
    const place = lab(t, { workflows: { w: { s: ask('b', 'p') } } });
    const log = join(place.home, 'fakes', 'calls');
    writeFileSync(place.script('slow', `echo x >>'${log}'; exec sleep ${sleepMarker()}`), '', { flag: 'a' });
    place.configure({ backends: { b: { command: place.script('slow', `echo x >>'${log}'; exec sleep ${sleepMarker()}`), timeout: 1, max_retries: 1, retry_delay: 1, retry_timeout: retry, kill_grace_ms: 50 } } });
    await place.run(1, 'w');
    assert.equal(readFileSync(log, 'utf8').trim().split('\n').length, calls);
    assert.ok(readdirSync(join(place.home, 'fakes')).includes('slow'));
  }
});
