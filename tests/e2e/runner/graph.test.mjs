// Section 5.5 of the runner's specification: what waits for what, what runs beside what, and how it is drawn and checked.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { alive, ask, flow, lab, query, shell, sleepMarker, test, until } from './lab.mjs';

test('graph errors: validate prints the whole path of a cycle', async (t) => {
  const place = lab(t, { workflows: { w: flow({ a: shell('true', { depends_on: ['b'] }), b: shell('true', { depends_on: ['a'] }) }) } });
  const done = await place.cli('validate', 'w');
  assert.equal(done.code, 1);
  assert.match(done.stderr, /a -> b -> a|b -> a -> b/);
  assert.equal((await place.cli('run', 'w')).code, 2);
});

test('graph errors: a cycle through a template is one too', async (t) => {
  const place = lab(t, { workflows: { w: flow({ a: shell('echo {{ steps.c.output }}'), b: shell('true', { depends_on: ['a'] }), c: shell('true', { if: "steps.b.output == ''" }) }) } });
  const done = await place.cli('validate', 'w');
  assert.equal(done.code, 1);
  assert.match(done.stderr, /a -> (b -> c|c -> b) -> a|b -> (a -> c|c -> a) -> b|c -> (a -> b|b -> a) -> c/);
});

test('graph errors: an unknown dependency has a place and a suggestion', async (t) => {
  const place = lab(t, { workflows: { w: flow({ check_queue: shell('true'), b: shell('true', { depends_on: ['check_qeue'] }) }) } });
  const done = await place.cli('validate', 'w');
  assert.equal(done.code, 1);
  assert.match(done.stderr, /w\.toml:\d+:\d+[^]*check_qeue[^]*did you mean .?check_queue/);
});

test('graph errors: two steps of one name, a step with a wrong name, a workflow without steps', async (t) => {
  const place = lab(t, { workflows: { two: '[[steps]]\nname="a"\ntype="shell"\nrun="true"\n[[steps]]\nname="a"\ntype="shell"\nrun="true"\n', odd: flow({ 'a b': shell('true') }), none: 'name = "none"\n' } });
  for (const [name, words] of [['two', /two\.toml:6:\d+[^]*`a`/], ['odd', /a b/], ['none', /step/]]) {
    const done = await place.cli('validate', name);
    assert.equal(done.code, 1, name);
    assert.match(done.stderr, words);
  }
});

// ---------------------------------------------------------------- order

/** Steps that write their name into a file as they begin and end. */
const trace = (name, more = '') => `echo '+${name}' >>order; ${more} echo '-${name}' >>order`;
const order = (place) => place.read('order').trim().split('\n');
const sh = (body) => ({ command: 'sh', args: ['-c', body.replaceAll('$', '$$'), 'sh'] });
const rendezvous = (mine, other) => `touch ${mine}; until [ -e ${other} ]; do sleep 0.02; done;`;

test('implicit dep: a reference without depends_on runs after what it names', async (t) => {
  const place = lab(t, { config: { backends: { e: sh('sleep 0.1; echo said >>order; echo word'), f: sh('echo asked >>order; echo "$1"') } }, workflows: { w: flow({ late: ask('f', 'got {{ steps.early.output }}'), early: ask('e', 'x') }, { output: '{{ steps.late.output }}' }) } });
  assert.equal(await place.text('w'), 'got word');
  assert.deepEqual(order(place), ['said', 'asked']);
});

test('implicit dep: steps["name"], if, for_each and source count as well; a comment does not', async (t) => {
  const place = lab(t, { workflows: { w: flow({
    by_index: shell(trace('by_index', 'true {{ steps["the-first"].output }};'), { depends_on: [] }),
    by_if: shell(trace('by_if'), { depends_on: [], if: "steps['the-first'].output == 'x'" }),
    by_items: shell(trace('by_items', 'true {{ item }};'), { depends_on: [], for_each: 'steps.the_first.output' }),
    free: shell(trace('free', '{# steps["the-first"].output #}'), { depends_on: [] }),
    'the-first': shell(`until [ -e order ]; do sleep 0.02; done; echo '+first' >>order; echo x; sleep 0.1; echo '-first' >>order`, { depends_on: [] }),
  }, { max_parallel: 8 }) } });
  await place.run(0, 'w');
  const seen = order(place);
  assert.ok(seen.indexOf('+free') < seen.indexOf('+first'), `${seen}`);
  for (const name of ['by_index', 'by_if', 'by_items']) assert.ok(seen.indexOf(`+${name}`) > seen.indexOf('-first'), `${name}: ${seen}`);
});

test('parallel queries: two without dependencies meet; --jobs 1 runs one after the other', async (t) => {
  const build = () => lab(t, {
    config: { backends: { a: sh(`${rendezvous('a-here', 'b-here')} echo met`), b: sh(`${rendezvous('b-here', 'a-here')} echo met`) } },
    workflows: { w: flow({ one: ask('a', 'x', { timeout: '40s' }), two: ask('b', 'x', { timeout: '40s' }) }) },
  });
  await build().run(0, 'w');
  const one = lab(t, { config: { backends: { a: sh('echo +a >>order; sleep 0.1; echo -a >>order'), b: sh('echo +b >>order; echo -b >>order') } }, workflows: { w: flow({ one: ask('a', 'x'), two: ask('b', 'x') }) } });
  await one.run(0, 'w', '--jobs', '1');
  assert.deepEqual(order(one), ['+a', '-a', '+b', '-b']);
});

const diamond = (limit) => flow({
  top: shell('true', { depends_on: [] }),
  left: shell(`${rendezvous('left-here', 'right-here')} echo left`, { depends_on: ['top'], timeout: limit }),
  right: shell(`${rendezvous('right-here', 'left-here')} echo right`, { depends_on: ['top'], timeout: limit }),
  bottom: shell('echo {{ steps.left.output }}{{ steps.right.output }}', { depends_on: ['left', 'right'] }),
});

test('parallel proof: the branches of a diamond meet by default', async (t) => {
  const place = lab(t, { workflows: { w: diamond('40s') } });
  assert.equal(await place.text('w'), 'leftright');
});

test('parallel proof: with --jobs 1 they run into the time limit of the step', async (t) => {
  const place = lab(t, { workflows: { w: diamond('1500ms') } });
  const done = await place.run(1, 'w', '--jobs', '1');
  assert.match(done.stderr, /left[^]*time/);
  assert.ok(!place.has('right-here'), 'the second branch was started all the same');
});

test('parallel proof: branches of queries meet too, and max_parallel = 1 keeps them apart', async (t) => {
  const backends = { a: sh(`${rendezvous('a-here', 'b-here')} echo met`), b: sh(`${rendezvous('b-here', 'a-here')} echo met`) };
  const steps = { top: shell('true'), left: ask('a', '{{ steps.top.output }}', { timeout: '40s' }), right: ask('b', '{{ steps.top.output }}', { timeout: '40s' }), bottom: shell('echo {{ steps.left.output }}{{ steps.right.output }}') };
  assert.equal(await lab(t, { config: { backends }, workflows: { w: flow(steps) } }).text('w'), 'metmet');
  const apart = lab(t, { config: { backends }, workflows: { w: flow({ ...steps, left: { ...steps.left, timeout: '1500ms' } }, { max_parallel: 1 }) } });
  await apart.run(1, 'w');
});

test('order of shell steps: without depends_on that of the file', async (t) => {
  const names = ['e', 'd', 'c', 'b', 'a'];
  const place = lab(t, { workflows: { w: flow(Object.fromEntries(names.map((n) => [n, shell(trace(n, 'sleep 0.02;'))]))) } });
  await place.run(0, 'w');
  assert.deepEqual(order(place), names.flatMap((n) => [`+${n}`, `-${n}`]));
});

test('order of shell steps: an empty depends_on starts at once, a query waits for the shell steps before it', async (t) => {
  const place = lab(t, { config: { backends: { q: sh('echo +query >>order; echo x') } }, workflows: { w: flow({ slow: shell(`${rendezvous('slow-here', 'free-here')} ${trace('slow')}`), q: ask('q', 'x'), free: shell(rendezvous('free-here', 'slow-here'), { depends_on: [] }) }) } });
  await place.run(0, 'w');
  assert.deepEqual(order(place), ['+slow', '-slow', '+query']);
});

test('a failed step: nothing new starts, running ones finish, the rest is skipped with a reason', async (t) => {
  const place = lab(t, { workflows: { w: flow({
    bad: shell(`until [ -e long-here ]; do sleep 0.02; done; exit 3`, { depends_on: [] }),
    long: shell(`touch long-here; sleep 0.3; touch finished`, { depends_on: [] }),
    after: shell('touch after', { depends_on: ['long'] }),
    done: shell('true', { depends_on: ['long', 'bad'], always: true, run: 'echo {{ steps.after.status }}/{{ steps.bad.status }}/{{ steps.long.status }} >statuses' }),
  }) } });
  await place.run(1, 'w');
  assert.ok(place.has('finished'));
  assert.ok(!place.has('after'));
  assert.equal(place.read('statuses').trim(), 'skipped/failed/ok');
});

test('a failed step: fail_fast cancels what runs', async (t) => {
  const seconds = sleepMarker();
  const place = lab(t, { workflows: { w: flow({ bad: shell('until [ -e long-here ]; do sleep 0.02; done; exit 3', { depends_on: [] }), long: shell(`touch long-here; sleep ${seconds}`, { depends_on: [] }) }, { fail_fast: true }) } });
  await place.run(1, 'w');
  await until(() => alive(seconds).length === 0, 'the end of the long step');
});

test('min_deps_success: enough of the dependencies are enough', async (t) => {
  const place = lab(t, { workflows: { w: flow({ a: shell('exit 1', { continue_on_error: true }), b: shell('true'), c: shell('touch c', { depends_on: ['a', 'b'], min_deps_success: 1 }), d: shell('touch d', { depends_on: ['a', 'b'], min_deps_success: 2, continue_on_error: true }) }) } });
  await place.cli('run', 'w');
  assert.ok(place.has('c'));
  assert.ok(!place.has('d'));
});

// ---------------------------------------------------------------- drawing and checking

const drawn = flow({ a: shell('true'), b: shell('echo {{ steps.a.output }}', { depends_on: [] }), c: shell('true', { depends_on: ['b'] }) });

test('graph: DOT output has all edges, implicit ones dashed', async (t) => {
  const place = lab(t, { workflows: { w: drawn } });
  const { code, stdout } = await place.cli('graph', 'w', '--format', 'dot');
  assert.equal(code, 0);
  assert.match(stdout, /^(strict )?digraph/);
  const edges = [...stdout.matchAll(/"?(\w+)"? -> "?(\w+)"?(.*)/g)].map(([, from, to, rest]) => [from, to, /dashed/.test(rest)]);
  assert.deepEqual(edges.filter(([f, to]) => `${f}${to}` === 'ab'), [['a', 'b', true]]);
  assert.deepEqual(edges.filter(([f, to]) => `${f}${to}` === 'bc'), [['b', 'c', false]]);
});

test('graph: text and mermaid name every step', async (t) => {
  const place = lab(t, { workflows: { w: drawn } });
  for (const format of ['text', 'mermaid']) {
    const { code, stdout } = await place.cli('graph', 'w', '--format', format);
    assert.equal(code, 0);
    for (const name of ['a', 'b', 'c']) assert.match(stdout, new RegExp(`\\b${name}\\b`));
  }
  const wrong = await place.cli('graph', 'w', '--format', 'dto');
  assert.equal(wrong.code, 2);
  assert.match(wrong.stderr, /dot/);
});

const findings = [
  ['an undefined role', { s: query('reviwer', 'x') }, /reviwer[^]*did you mean .?reviewer/],
  ['an undefined backend', { s: ask('ech', 'x') }, /ech[^]*did you mean .?echo/],
  ['a template that does not parse', { s: shell('echo {{ 1 + }}') }, /expression/],
  ['an unclosed block', { s: shell('{% if true %}x') }, /endif|if/],
  ['an expression that does not parse', { s: shell('x', { if: 'args.a ==' }) }, /\bif\b/],
  ['an unknown filter', { s: shell('echo {{ "a" | uper }}') }, /uper[^]*did you mean .?upper/],
  ['an unknown test', { s: shell('echo x', { if: 'args.a is definde' }) }, /definde[^]*did you mean .?defined/],
  ['an unknown step', { first: shell('true'), s: shell('echo {{ steps.frist.output }}') }, /frist[^]*did you mean .?first/],
  ['a shell step without run', { s: { type: 'shell' } }, /run/],
  ['a query without prompt', { s: { type: 'query', role: 'reviewer' } }, /prompt/],
  ['a query without role', { s: { type: 'query', prompt: 'x' } }, /role|backend/],
  ['an apply step without source', { s: { type: 'apply' } }, /source|edits/],
  ['a type that is none', { s: { type: 'shel', run: 'x' } }, /did you mean .?shell/],
];
for (const [what, steps, words] of findings)
  test(`validate depth: ${what} is found without running`, async (t) => {
    const place = lab(t, { config: { backends: { echo: { command: 'sh', args: ['-c', 'touch ran'] } }, roles: { reviewer: { backends: ['echo'] } } }, workflows: { w: flow(steps, { args: {} }) } });
    const done = await place.cli('validate', 'w');
    assert.equal(done.code, 1, done.stderr);
    assert.match(done.stderr, /w\.toml:\d+:\d+/);
    assert.match(done.stderr, words);
    assert.ok(!place.has('ran'));
  });

test('validate depth: verify = "team" without a team is found before anything is asked', async (t) => {
  const place = lab(t, { config: { backends: { echo: { command: 'sh', args: ['-c', 'touch ran'] } } }, workflows: { w: flow({ q: ask('echo', 'x'), s: { type: 'apply', source: 'q', verify: 'team' } }) } });
  const done = await place.cli('run', 'w');
  assert.ok(!place.has('ran'));
  assert.equal(done.code, 2);
});

test('validate depth: all findings in one go, warnings fail with --strict alone', async (t) => {
  const place = lab(t, { workflows: { many: flow({ a: query('r', '{{ steps.z.output }}'), b: shell('{{ x | nope }}') }), warned: 'args = { used = {}, unused = {} }\n[[steps]]\nname = "s"\ntype = "shell"\nrun = "echo {{ args.used }} {{ args.undeclared }}"\n' } });
  const many = await place.cli('validate', 'many');
  assert.equal(many.code, 1);
  for (const words of [/\br\b/, /steps\.z|`z`/, /nope/]) assert.match(many.stderr, words);
  const warned = await place.cli('validate', 'warned');
  assert.equal(warned.code, 0, warned.stderr);
  assert.match(warned.stderr, /undeclared/);
  assert.match(warned.stderr, /unused/);
  assert.equal((await place.cli('validate', '--strict', 'warned')).code, 1);
});

test('validate depth: without a name all workflows; as JSON one array', async (t) => {
  const place = lab(t, { workflows: { good: flow({ s: shell('true') }), bad: flow({ s: { type: 'shell' } }) } });
  const all = await place.cli('validate');
  assert.equal(all.code, 1);
  assert.match(all.stdout, /good\.toml: ok/);
  assert.match(all.stderr, /bad\.toml/);
  const json = await place.cli('validate', '--output', 'json');
  assert.equal(json.code, 1);
  assert.ok(Array.isArray(JSON.parse(json.stdout)));
});

test('SIGKILL of the runner: no process of a child\'s group survives it', async (t) => {
  const seconds = sleepMarker();
  const place = lab(t, { config: { backends: { b: sh(`sleep ${seconds} & sleep ${seconds}`) } }, workflows: { w: flow({ s: shell(`sleep ${seconds} & sleep ${seconds}`, { depends_on: [] }), q: ask('b', 'x', { depends_on: [] }) }) } });
  const running = place.start('run', 'w');
  await until(() => alive(seconds).filter((id) => readFileSync(join('/proc', id, 'comm'), 'utf8').trim() === 'sleep').length === 4, 'four sleeps');
  running.child.kill('SIGKILL');
  await running.exited;
  await until(() => alive(seconds).length === 0, 'the end of every sleep');
});
