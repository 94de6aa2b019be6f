// Sections 5.13, 8.1, 8.6 and 11 of the runner's specification: plans, resuming, signals, the cache, cost.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { alive, ask, chatReply, flow, lab, query, shell, sleepMarker, stub, terminal, test, tree, until } from './lab.mjs';

// ---------------------------------------------------------------- dry run

test('dry run: plan and prompts are printed, no call, no command, no file', async (t) => {
  const place = lab(t, { files: { 'a.txt': 'one\n' } });
  const b = place.canned('b', 'x');
  place.configure({ backends: { b: { command: b.command } }, roles: { r: { backends: ['b'] } } });
  place.workflow('w', flow({ first: shell('touch ran {{ args.x }}'), ask_it: query('r', 'what about {{ args.x }}?'), late: query('r', '{{ steps.ask_it.output }}'), edit: { type: 'apply', edits: [{ path: 'a.txt', old: 'one', new: 'two' }] } }));
  const before = tree(place.home).filter((f) => !f.startsWith('state/'));
  for (const args of [['run', 'w', 'x=7', '--dry-run'], ['plan', 'w', 'x=7']]) {
    const done = await place.cli(...args);
    assert.equal(done.code, 0, done.stderr);
    const text = done.stdout + done.stderr;
    for (const words of ['first', 'ask_it', 'late', 'edit', "touch ran '7'", 'what about 7?', 'token']) assert.ok(text.includes(words), `${args[0]}: ${words}\n${text}`);
    assert.match(text, /-one\n[\s|]*\+two/);
    assert.deepEqual(tree(place.home).filter((f) => !f.startsWith('state/')), before);
  }
  assert.equal(b.calls(), 0);
  assert.equal(place.read('a.txt'), 'one\n');
});

test('dry run: a missing argument or a wrong workflow is still exit 2', async (t) => {
  const place = lab(t, { workflows: { w: 'args = ["x"]\n[[steps]]\nname = "s"\ntype = "shell"\nrun = "true"\n' } });
  assert.equal((await place.cli('plan', 'w')).code, 2);
  assert.equal((await place.cli('run', 'w', '--dry-run')).code, 2);
});

// ---------------------------------------------------------------- resume

/** Three steps; the third waits for a file. */
function three(t) {
  const place = lab(t);
  const fakes = [1, 2].map((n) => place.canned(`b${n}`, `answer ${n}`));
  place.configure({ backends: { b1: { command: fakes[0].command }, b2: { command: fakes[1].command } } });
  place.workflow('w', flow({ one: ask('b1', 'q {{ args.x }}'), two: ask('b2', '{{ steps.one.output }}'), three: shell('echo x >>thirds; until [ -e go ]; do sleep 0.02; done; echo "{{ steps.one.output }}+{{ steps.two.output }} {{ args.x }}"') }));
  return { place, calls: () => fakes.map((f) => f.calls()) };
}

test('resume: killed in step three of three, only that one runs again', async (t) => {
  const { place, calls } = three(t);
  const running = place.start('run', 'w', 'x=arg');
  await until(() => place.has('thirds') && place.read('thirds') === 'x\n', 'the third step');
  running.child.kill('SIGKILL');
  await running.exited;
  place.write('go', '');
  assert.equal(await place.text('w', '--resume', 'last'), 'answer 1+answer 2 arg');
  assert.deepEqual(calls(), [1, 1]);
  assert.equal(place.read('thirds'), 'x\nx\n');
});

test('resume: by id after a failure, which names the command', async (t) => {
  const place = lab(t);
  const b = place.canned('b', 'answer');
  place.configure({ backends: { b: { command: b.command } } });
  place.workflow('w', flow({ one: ask('b', 'q'), two: shell('[ -e go ] && echo done') }));
  const failed = await place.run(1, 'w');
  const [, id] = /--resume (\S+)/.exec(failed.stderr);
  place.write('go', '');
  assert.equal(await place.text('w', '--resume', id), 'done');
  assert.equal(b.calls(), 1);
  assert.match((await place.run(2, 'w', '--resume', 'no-such-run')).stderr, /no-such-run/);
});

test('resume: refused when the workflow has changed, unless forced', async (t) => {
  const place = lab(t);
  const b = place.canned('b', 'answer');
  place.configure({ backends: { b: { command: b.command } } });
  place.workflow('w', flow({ one: ask('b', 'q'), two: shell('exit 1') }));
  await place.run(1, 'w');
  place.workflow('w', flow({ one: ask('b', 'q'), two: shell('echo changed') }));
  const refused = await place.run(2, 'w', '--resume', 'last');
  assert.match(refused.stderr, /changed/);
  assert.match(refused.stderr, /--force-resume/);
  assert.equal(await place.text('w', '--resume', 'last', '--force-resume'), 'changed');
  assert.equal(b.calls(), 1);
});

test('resume: items of a for_each one by one', async (t) => {
  const place = lab(t);
  const b = place.canned('b', 'ok', 'ok', { err: 'no', code: 1 }, 'ok');
  place.configure({ backends: { b: { command: b.command, max_retries: 0 } } });
  place.workflow('w', flow({ s: ask('b', 'item {{ item }}', { for_each: '[1, 2, 3, 4]' }) }));
  await place.run(1, 'w');
  await place.run(0, 'w', '--resume', 'last');
  assert.deepEqual(b.prompts(), ['item 1', 'item 2', 'item 3', 'item 3', 'item 4']);
});

test('resume: killed while edits were verified, no half of them stays in the tree', async (t) => {
  const place = lab(t, { files: { 'a.txt': 'one\n', 'b.txt': 'one\n' } });
  place.workflow('w', flow({ s: { type: 'apply', edits: [{ path: 'a.txt', old: 'one', new: 'two' }, { path: 'b.txt', old: 'one', new: 'two' }], verify: 'echo x >>verified; until [ -e go ]; do sleep 0.02; done', rollback_on_failure: true }, n: shell('cat a.txt b.txt') }));
  const running = place.start('run', 'w');
  await until(() => place.has('verified'), 'verify');
  running.child.kill('SIGKILL');
  await running.exited;
  place.write('go', '');
  assert.equal(await place.text('w', '--resume', 'last'), 'two\ntwo');
  assert.deepEqual([place.read('a.txt'), place.read('b.txt')], ['two\n', 'two\n']);
});

test('resume: a sub-workflow and a group go on where they were', async (t) => {
  const place = lab(t);
  const b = place.canned('b', 'inner answer', 'member answer', 'too many');
  place.configure({ backends: { b: { command: b.command } } });
  place.workflow('inner', flow({ i: ask('b', 'inner'), j: shell('echo {{ steps.i.output }}; [ -e go ]') }));
  place.workflow('w', `${flow({ sub: { type: 'workflow', workflow: 'inner' }, end: shell('echo {{ steps.sub.output }} {{ groups.g.outputs.m }}', { depends_on: ['sub', 'g'] }) }, { output: 'end' })}\n[[groups]]\nname = "g"\ndepends_on = ["sub"]\n[[groups.steps]]\nname = "m"\ntype = "query"\nbackend = "b"\nprompt = "member"\n`);
  await place.run(1, 'w');
  place.write('go', '');
  assert.equal(await place.text('w', '--resume', 'last'), 'inner answer member answer');
  assert.equal(b.calls(), 2);
});

test('runs: list, show, diff and clean', async (t) => {
  const place = lab(t, { workflows: { w: flow({ s: shell('echo {{ args.x }}') }) } });
  await place.run(0, 'w', 'x=1');
  await place.run(0, 'w', 'x=2');
  const list = JSON.parse((await place.cli('runs', '--output', 'json')).stdout);
  assert.equal(list.length, 2);
  const ids = list.map((r) => r.id ?? r.run_id);
  assert.match((await place.cli('runs', 'show', ids[0])).stdout, /\bs\b/);
  const diff = await place.cli('runs', 'diff', ids[1], ids[0]);
  assert.match(diff.stdout, /-.*1[^]*\+.*2/);
  assert.equal((await place.cli('runs', 'clean', '--older-than', '12h')).code, 0);
  assert.equal(JSON.parse((await place.cli('runs', 'list', '--output', 'json')).stdout).length, 2);
  assert.equal((await place.cli('runs', 'clean', '--older-than', '0s')).code, 0);
  assert.equal(JSON.parse((await place.cli('runs', 'list', '--output', 'json')).stdout).length, 0);
});

test('runs: clean by days', async (t) => {
  const place = lab(t);
  const young = await place.cli('runs', 'clean', '--older-than', '7d');
  assert.equal(young.code, 0, young.stderr);
});

// ---------------------------------------------------------------- signals

/** A run whose shell step and backend sleep under one marker. Gives the running program once both sleep. */
async function sleeping(t, { grace = 100, trap = '' } = {}) {
  const seconds = sleepMarker();
  const place = lab(t, { config: { backends: { b: { command: 'sh', args: ['-c', `${trap} sleep ${seconds} & sleep ${seconds}; sleep ${seconds}`], kill_grace_ms: grace } } } });
  place.workflow('w', flow({ first: shell('echo done'), q: ask('b', 'x', { depends_on: ['first'] }), s: shell(`sleep ${seconds} & sleep ${seconds}`, { depends_on: ['first'] }), never: shell('touch never') }));
  const running = place.start('run', 'w');
  await until(() => alive(seconds).filter((id) => readFileSync(join('/proc', id, 'comm'), 'utf8') === 'sleep\n').length >= 4, 'four sleeps');
  return { place, running, seconds };
}

for (const [signal, code] of [['SIGINT', 130], ['SIGTERM', 143]])
  test(`Ctrl-C: ${signal} once: children gone, state saved, exit ${code}, and how to go on`, async (t) => {
    const { place, running, seconds } = await sleeping(t);
    running.child.kill(signal);
    const done = await running.exited;
    assert.deepEqual([done.code, done.signal], [code, null], done.stderr);
    assert.equal(alive(seconds).length, 0, 'a child outlived the run');
    assert.match(done.stderr, /--resume/);
    assert.ok(!place.has('never'));
    const [run] = JSON.parse((await place.cli('runs', '--output', 'json')).stdout);
    assert.match(JSON.stringify(run), /cancel|interrupt/);
  });

test('Ctrl-C: twice: no grace is waited for', async (t) => {
  // A grace of many minutes: without the second signal the run would not end within the limit of the test.
  const { running, seconds } = await sleeping(t, { grace: 900_000, trap: "trap '' TERM INT;" });
  running.child.kill('SIGINT');
  await until(() => /interrupt|cancel|again|\^C|stop/i.test(running.out.stderr) || running.child.exitCode !== null, 'a word about the first signal');
  running.child.kill('SIGINT');
  const done = await running.exited;
  assert.equal(done.code, 130, done.stderr);
  await until(() => alive(seconds).length === 0, 'the end of the children');
});

test('Ctrl-C: twice: the exit code is 130 also then', async (t) => {
  const { running } = await sleeping(t, { grace: 900_000, trap: "trap '' TERM INT;" });
  running.child.kill('SIGINT');
  await until(() => /--resume/.test(running.out.stderr) || running.child.exitCode !== null, 'how to go on');
  running.child.kill('SIGINT');
  assert.equal((await running.exited).code, 130);
});

test('Ctrl-C: an interrupted run can be resumed', async (t) => {
  const { place, calls } = three(t);
  const running = place.start('run', 'w', 'x=arg');
  await until(() => place.has('thirds') && place.read('thirds') === 'x\n', 'the third step');
  running.child.kill('SIGINT');
  assert.equal((await running.exited).code, 130);
  place.write('go', '');
  await place.run(0, 'w', '--resume', 'last');
  assert.deepEqual(calls(), [1, 1]);
});

test('Ctrl-C: an apply step that was being verified is restored', async (t) => {
  const seconds = sleepMarker();
  const place = lab(t, { files: { 'a.txt': 'one\n' }, workflows: { w: flow({ a: { type: 'apply', edits: [{ path: 'a.txt', old: 'one', new: 'two' }], verify: `sleep ${seconds}`, rollback_on_failure: true } }) } });
  const running = place.start('run', 'w');
  await until(() => alive(seconds).length > 0 && place.read('a.txt') === 'two\n', 'verify');
  running.child.kill('SIGINT');
  assert.equal((await running.exited).code, 130);
  assert.equal(place.read('a.txt'), 'one\n');
  assert.equal(alive(seconds).length, 0);
});

test('Ctrl-C: typed on a terminal while a question waits', async (t) => {
  const place = lab(t, { workflows: { w: flow({ s: { type: 'input', prompt: 'Your name?' } }) } });
  const { code, screen } = await terminal(place, [[/Your name\?/, '\x03']], ['run', 'w']);
  assert.equal(code, 130, screen);
  assert.match(screen, /--resume/);
});

// ---------------------------------------------------------------- cache

test('cache: the same prompt twice is one call; another prompt, --no-cache and cache clear ask again', async (t) => {
  const place = lab(t);
  const b = place.canned('b', 'first', 'second', 'third', 'fourth');
  place.configure({ backends: { b: { command: b.command } } });
  place.workflow('w', flow({ s: ask('b', 'about {{ args.x }}', { cache: true }) }));
  assert.equal(await place.text('w', 'x=1'), 'first');
  assert.equal(await place.text('w', 'x=1'), 'first');
  assert.equal(b.calls(), 1);
  assert.equal(await place.text('w', 'x=2'), 'second');
  assert.equal(await place.text('w', 'x=1', '--no-cache'), 'third');
  assert.equal((await place.cli('cache', 'clear')).code, 0);
  await place.run(0, 'w', 'x=1');
  assert.equal(b.calls(), 4);
});

test('cache: without the key nothing is kept; a failure is not kept', async (t) => {
  const place = lab(t);
  const b = place.canned('b', { err: 'broken', code: 1 }, 'well', 'again');
  place.configure({ backends: { b: { command: b.command, max_retries: 0 } } });
  place.workflow('w', flow({ s: ask('b', 'x', { cache: true }) }));
  place.workflow('plain', flow({ s: ask('b', 'x') }));
  await place.run(1, 'w');
  assert.equal(await place.text('w'), 'well');
  assert.equal(await place.text('w'), 'well');
  assert.equal(await place.text('plain'), 'again');
  assert.equal(b.calls(), 3);
});

// ---------------------------------------------------------------- cost

async function priced(t) {
  const http = await stub(t, 'chat', () => chatReply('x', { usage: { prompt_tokens: 1000, completion_tokens: 500, total_tokens: 1500 } }));
  const place = lab(t, { config: { backends: { h: { command: http.origin, model: 'own-model', max_tokens: 1000 } }, pricing: { 'own-model': { input: 2, output: 10 } } }, workflows: { w: flow({ a: ask('h', 'one'), b: ask('h', 'two {{ steps.a.output }}') }) } });
  return { http, place };
}

test('cost: with a price set it is in the Result', async (t) => {
  const { place } = await priced(t);
  const { result } = await place.json(0, 'w');
  // 2 calls x (1000 x 2 + 500 x 10) / 1,000,000 USD
  const costs = [...JSON.stringify(result).matchAll(/"cost(?:_usd)?":([0-9.e-]+)/g)].map((m) => Number(m[1]));
  assert.ok(costs.some((c) => Math.abs(c - 0.014) < 1e-9), JSON.stringify(result));
});

test('cost: --max-cost stops before the call that would cost more', async (t) => {
  const { http, place } = await priced(t);
  const done = await place.cli('run', 'w', '--max-cost', '0.000001');
  assert.equal(done.code, 1, done.stderr);
  assert.match(done.stderr, /cost/);
  assert.equal(http.requests.length, 0);
  await place.run(0, 'w', '--max-cost', '5');
  assert.equal(http.requests.length, 2);
  assert.equal((await place.cli('run', 'w', '--max-cost', 'much')).code, 2);
});

// ---------------------------------------------------------------- test mode

test('test mode: a workflow against declared replies, no model is asked', async (t) => {
  const place = lab(t);
  const b = place.canned('b', 'never asked');
  place.configure({ backends: { b: { command: b.command } } });
  place.workflow('w', flow({ q: ask('b', 'say {{ args.x }}'), s: shell('echo "got {{ steps.q.output }}"') }));
  const guide = readdirSync(join(place.configDir, 'workflows'));
  assert.deepEqual(guide, ['w.toml']);
  const none = await place.cli('test', 'w');
  assert.equal(none.code, 2, none.stderr);
  assert.match(none.stderr, /w\.test\.toml/);
  assert.equal(b.calls(), 0);
});
