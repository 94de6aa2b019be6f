// What the runner's specification asks beyond its checklist: sections 1.1, 5.2, 5.3, 8.6 and 11.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { alive, ask, flow, lab, query, shell, sleepMarker, terminal, test, tree, until } from './lab.mjs';

const echo = { backends: { e: { command: 'echo' } }, roles: { r: { backends: ['e'] } } };

// ---------------------------------------------------------------- the files

test('old directory: .llmux/config.toml is not read, and warned of', async (t) => {
  const place = lab(t, { files: { '.llmux/config.toml': '[teams.old]\ndetect = []\n' } });
  const done = await place.cli('teams');
  assert.equal(done.code, 0);
  assert.doesNotMatch(done.stdout, /^old /m);
  assert.match(done.stderr, /\.llmux/);
});

test('XDG_CONFIG_HOME: only an absolute path counts', async (t) => {
  const place = lab(t);
  const home = join(place.home, '.config/llm-mux');
  const { mkdirSync, writeFileSync } = await import('node:fs');
  mkdirSync(home, { recursive: true });
  writeFileSync(join(home, 'config.toml'), '[teams.of_home]\ndetect = []\n');
  const relative = await place.cliWith({ env: { XDG_CONFIG_HOME: 'relative' } }, 'teams');
  assert.match(relative.stdout, /of_home/);
  assert.doesNotMatch((await place.cli('teams')).stdout, /of_home/);
});

test('--config FILE: only that file is read', async (t) => {
  const place = lab(t, { config: { teams: { user: { detect: [] } } }, files: { 'own.toml': '[teams.own]\ndetect = []\n' } });
  const done = await place.cli('--config', 'own.toml', 'teams');
  assert.match(done.stdout, /^own /m);
  assert.doesNotMatch(done.stdout, /^user /m);
});

// ---------------------------------------------------------------- keys of workflows

test('include: shared steps and macros', async (t) => {
  const place = lab(t, { config: echo, files: {
    'flows/w.toml': `include = ["shared.toml", "words.jinja"]\n${flow({ s: query('r', '{{ words.greet(steps.common.output) }}') })}`,
    'flows/shared.toml': flow({ common: shell('echo you') }), 'flows/words.jinja': '{% macro greet(who) %}hello {{ who }}{% endmacro %}',
  } });
  assert.equal(await place.text('flows/w.toml', '--trust'), 'hello you');
});

test('save_as: a text of a step is kept under a name, in the directory of the run and nowhere else', async (t) => {
  const place = lab(t, { workflows: { w: flow({ s: shell('echo kept', { save_as: 'notes/one.md' }) }), out: flow({ s: shell('touch ran', { save_as: '../../../../one.md' }) }) } });
  await place.run(0, 'w');
  const kept = tree(place.home).filter((f) => f.endsWith('one.md'));
  assert.equal(kept.length, 1);
  assert.ok(kept[0].startsWith('project/.llm-mux/state/w-'), kept[0]);
  assert.equal(readFileSync(join(place.home, kept[0]), 'utf8').trimEnd(), 'kept');
  assert.match((await place.run(2, 'out')).stderr, /save_as/);
  assert.ok(!place.has('ran'));
});

test('max_prompt_tokens: a prompt that is too long is not sent', async (t) => {
  const place = lab(t);
  const b = place.canned('b', 'x');
  place.configure({ backends: { b: { command: b.command } } });
  place.workflow('w', flow({ s: ask('b', 'word '.repeat(500), { max_prompt_tokens: 50 }) }));
  const done = await place.run(1, 'w');
  assert.match(done.stderr, /max_prompt_tokens/);
  assert.equal(b.calls(), 0);
});

test('system and context of a step', async (t) => {
  const place = lab(t, { files: { 'note.md': 'the noted thing' } });
  const b = place.canned('b', 'x');
  place.configure({ backends: { b: { command: b.command } } });
  place.workflow('w', flow({ s: ask('b', 'the question', { context: ['note.md'], system: 'Be brief.' }) }));
  await place.run(0, 'w');
  assert.match(b.prompts()[0], /note\.md[^]*the noted thing[^]*the question/);
});

test('confirm: the diff is shown, and without a terminal nothing is written unless --yes', async (t) => {
  const place = lab(t, { files: { a: 'one\n' }, workflows: { w: flow({ s: { type: 'apply', edits: [{ path: 'a', old: 'one', new: 'two' }], confirm: 'diff' } }) } });
  const refused = await place.cli('run', 'w');
  assert.notEqual(refused.code, 0);
  assert.equal(place.read('a'), 'one\n');
  assert.match(refused.stderr, /--yes|terminal/);
  await place.run(0, 'w', '--yes');
  assert.equal(place.read('a'), 'two\n');
});

test('confirm: on a terminal the diff is shown, and no means no', async (t) => {
  for (const [key, after] of [['n\n', 'one\n'], ['y\n', 'two\n']]) {
    const place = lab(t, { files: { a: 'one\n' }, workflows: { w: flow({ s: { type: 'apply', edits: [{ path: 'a', old: 'one', new: 'two' }], confirm: 'diff' } }) } });
    const { screen } = await terminal(place, [[/-one\r?\n[^\n]*\+two[^]*\?/, key]], ['run', 'w', '--no-color']);
    assert.equal(place.read('a'), after, screen);
  }
});

test('parallel default: defaults.parallel is that of query steps', async (t) => {
  const place = lab(t, { config: { defaults: { parallel: true }, backends: { a: { command: 'echo' }, b: { command: 'echo' } }, roles: { r: { backends: ['a', 'b'] } } }, workflows: { w: flow({ s: query('r', 'x') })} });
  assert.equal(await place.text('w'), '=== a ===\nx\n\n=== b ===\nx');
});

test('parallel default: a step that says false wins over it', async (t) => {
  const place = lab(t, { config: { defaults: { parallel: true }, backends: { a: { command: 'echo' }, b: { command: 'echo' } }, roles: { r: { backends: ['a', 'b'] } } }, workflows: { off: flow({ s: query('r', 'x', { parallel: false }) }) } });
  assert.equal(await place.text('off'), 'x');
});

test('role default: without any backend the demo answers, plainly labelled', async (t) => {
  const place = lab(t, { workflows: { w: flow({ s: query('default', 'x') }) } });
  const done = await place.run(0, 'w');
  assert.match(done.stdout, /demo/);
  assert.match(done.stderr, /warning[^\n]*no backend is configured[^\n]*llm-mux init/);
});

// ---------------------------------------------------------------- mock and test

test('mock: a backend of canned replies, by match and by turn', async (t) => {
  const place = lab(t, { config: '[roles.r]\nbackends = ["m"]\n[backends.m]\ntype = "mock"\n[[backends.m.replies]]\nmatch = "apple"\ntext = "a fruit"\n[[backends.m.replies]]\ntext = "else"\n', workflows: { w: flow({ a: query('r', 'apple?'), b: query('r', 'pear?') }, { output: '{{ steps.a.output }}|{{ steps.b.output }}' }) } });
  assert.equal(await place.text('w'), 'a fruit|else');
});

test('test mode: cases pass, fail and say why; the real backend is not asked', async (t) => {
  const place = lab(t);
  const b = place.canned('b', 'never');
  place.configure({ backends: { b: { command: b.command } }, roles: { r: { backends: ['b'] } } });
  place.workflow('w', flow({ q: query('r', 'say {{ args.x }}'), s: shell('echo "got {{ steps.q.output }}"; touch made-here') }));
  const cases = (want) => `[[cases]]\nname = "the only one"\nargs = { x = "it" }\nreplies.r = "hi"\n[cases.expect]\nstatus = "ok"\noutput = { contains = "${want}" }\nsteps.q = { prompt = { equals = "say it" } }\ncalls.r = 1\n`;
  place.workflow('w.test', cases('got hi'));
  const good = await place.cli('test', 'w');
  assert.equal(good.code, 0, good.stdout + good.stderr);
  assert.match(good.stdout, /1 passed, 0 failed/);
  place.workflow('w.test', cases('got bye'));
  const bad = await place.cli('test', 'w');
  assert.equal(bad.code, 1);
  assert.match(bad.stdout + bad.stderr, /the only one[^]*got bye[^]*got hi/);
  assert.equal(b.calls(), 0);
  assert.ok(!place.has('made-here'));
});

// ---------------------------------------------------------------- ends

test('no process survives: a time limit of the run, of a step in a loop, of verify, a SIGTERM', async (t) => {
  const seconds = sleepMarker();
  const spread = `sleep ${seconds} & (sleep ${seconds}; true) & setsid sleep 0.1; sleep ${seconds}`;
  const place = lab(t, { workflows: {
    loop: flow({ s: shell(spread, { for_each: '[1, 2, 3]', parallel_items: 3, timeout: 400 }) }), whole: flow({ s: shell(spread) }, { timeout: '500ms' }), long: flow({ s: shell(spread) }),
  } });
  await place.run(1, 'loop');
  await until(() => alive(seconds).length === 0, 'the end after the limit of a step');
  await place.run(124, 'whole');
  await until(() => alive(seconds).length === 0, 'the end after the limit of the run');
  const running = place.start('run', 'long');
  await until(() => alive(seconds).length >= 3, 'the sleeps');
  running.child.kill('SIGTERM');
  assert.equal((await running.exited).code, 143);
  assert.equal(alive(seconds).length, 0);
});

test('two runs at once keep apart: own directories, own state', async (t) => {
  const place = lab(t, { workflows: { w: flow({ s: shell('touch here.{{ args.n }}; until [ -e here.1 ] && [ -e here.2 ]; do sleep 0.02; done; echo {{ args.n }}') }) } });
  const [one, two] = [place.start('run', 'w', 'n=1'), place.start('run', 'w', 'n=2')];
  assert.deepEqual([(await one.exited).stdout, (await two.exited).stdout], ['1\n', '2\n']);
  assert.equal(JSON.parse((await place.cli('runs', '--output', 'json')).stdout).length, 2);
});

test('a run that goes on elsewhere cannot be resumed at the same time', async (t) => {
  const place = lab(t, { workflows: { w: flow({ s: shell('touch here; until [ -e go ]; do sleep 0.02; done') }) } });
  const running = place.start('run', 'w');
  await until(() => place.has('here'), 'the step');
  const [{ id, run_id: runId }] = JSON.parse((await place.cli('runs', '--output', 'json')).stdout);
  const second = await place.cli('run', 'w', '--resume', id ?? runId);
  place.write('go', '');
  assert.equal((await running.exited).code, 0);
  assert.equal(second.code, 2, second.stderr);
});

test('an unreadable state directory, a full disk of words: errors are told, outputs are not lost', async (t) => {
  const place = lab(t, { files: { '.llm-mux/state': 'a file where a directory should be' }, workflows: { w: flow({ s: shell('echo x') }) } });
  const done = await place.cli('run', 'w');
  assert.notEqual(done.code, 0);
  assert.match(done.stderr, /\.llm-mux\/state/);
  assert.ok(readFileSync(place.path('.llm-mux/state'), 'utf8').startsWith('a file'));
});

test('a large workflow: 2000 steps validate, and a for_each of 300 items runs', async (t) => {
  const place = lab(t, { workflows: { many: flow(Object.fromEntries(Array.from({ length: 2000 }, (_, n) => [`s${n}`, shell(n ? `echo {{ steps.s${n - 1}.output }}` : 'echo x')]))), items: flow({ s: shell('echo {{ item }}', { for_each: 'range(300)', parallel_items: 8 }) }) } });
  assert.equal((await place.cli('validate', 'many')).code, 0);
  assert.equal((await place.text('items')).split('\n').length, 300);
});

test('a workflow that names itself a path, a step that names a file: nothing is written outside', async (t) => {
  const place = lab(t, { workflows: { w: `name = "../../evil"\n[[steps]]\nname = "s"\ntype = "shell"\nrun = "echo x"\n` } });
  await place.cli('run', 'w');
  assert.ok(!tree(place.home).some((f) => /(^|\/)evil/.test(f) && !/state\/[^/]*evil/.test(f)), tree(place.home).join('\n'));
});
