// Sections 5.6 to 5.12 of the runner's specification: conditions, failures, limits, questions to a person, groups, what a step leaves behind.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { alive, ask, flow, inline, lab, shell, sleepMarker, terminal, test, until } from './lab.mjs';

/** A lab with the workflow `w`; its final text is the template `output`. */
const of = (t, steps, output, options = {}) => lab(t, { ...options, workflows: { ...options.workflows, w: flow(steps, { ...(output ? { output } : {}), ...options.top }) } });

test('if false: the step is skipped, with a reason, and what depends on it runs', async (t) => {
  const place = of(t, { a: shell('touch a', { if: 'false' }), b: shell('echo ran', { depends_on: ['a'] }) },
    '{{ steps.a.skipped }}|{{ steps.a.status }}|{{ steps.a.output }}|{{ steps.a.failed }}|{{ steps.a.skip_reason != "" }}|{{ steps.b.output }}');
  assert.match(await place.text('w'), /^true\|skipped\|\|false\|true\|ran$/);
  assert.ok(!place.has('a'));
});

const conditions = [
  ['', true], ['   ', true], ['true', true], ['{{ true }}', true], ["args.mode == 'fast'", false], ['args.nothing', false], ['nothing_at_all', false], ['not nothing_at_all', true],
  ["steps.before.output == 'x'", true], ["{{ steps.before.output == 'y' }}", false], ['steps.before.output and 1 < 2', true], ["'x' in steps.before.output", true], ['steps.skipped_one.output', false],
  ['steps.skipped_one.anything', false], ["steps.before.exit_code == 0", true],
];
for (const [condition, runs] of conditions)
  test(`if: ${JSON.stringify(condition)} is ${runs}`, async (t) => {
    const place = of(t, { before: shell('echo x'), skipped_one: shell('true', { if: 'false' }), s: shell('echo ran', { if: condition }) }, '{{ steps.s.output }}');
    assert.equal(await place.text('w'), runs ? 'ran' : '');
  });

test('if: a field of an undefined value is an error', async (t) => {
  const place = of(t, { s: shell('touch ran', { if: 'nothing.at_all' }) });
  await place.run(1, 'w');
  assert.ok(!place.has('ran'));
});

test('failure handler: it runs, and the exit code stays 1', async (t) => {
  const place = of(t, { a: shell('echo why >&2; exit 3'), handler: shell('echo {{ steps.a.error.exit_code }} {{ steps.a.error }} >handled', { if: 'steps.a.failed' }), other: shell('touch other') });
  await place.run(1, 'w');
  assert.equal(place.read('handled').trim(), '3 why');
  assert.ok(!place.has('other'));
});

test('failure handler: it does not run when all is well; always runs either way', async (t) => {
  const steps = (code) => ({ a: shell(`exit ${code}`), handler: shell('touch handled', { if: 'steps.a.failed' }), last: shell('touch last', { always: true }) });
  const well = of(t, steps(0));
  await well.run(0, 'w');
  assert.deepEqual([well.has('handled'), well.has('last')], [false, true]);
  const ill = of(t, steps(1));
  await ill.run(1, 'w');
  assert.deepEqual([ill.has('handled'), ill.has('last')], [true, true]);
});

test('continue_on_error: of a step, exit 0 and the next ones run', async (t) => {
  const place = of(t, { a: shell('echo partial; echo bad >&2; exit 2', { continue_on_error: true }), b: shell('echo on') }, '{{ steps.a.failed }}|{{ steps.a.output }}|{{ steps.a.error }}|{{ steps.b.output }}');
  assert.equal(await place.text('w'), 'true|partial|bad|on');
});

test('continue_on_error: of the workflow, and a step that says no', async (t) => {
  const place = of(t, { a: shell('exit 2'), b: shell('touch b') }, null, { top: { continue_on_error: true } });
  await place.run(0, 'w');
  assert.ok(place.has('b'));
  const strict = of(t, { a: shell('exit 2', { continue_on_error: false }), b: shell('touch b') }, null, { top: { continue_on_error: true } });
  await strict.run(1, 'w');
  assert.ok(!strict.has('b'));
});

test('continue_on_error: also an error that a step raises, such as a template', async (t) => {
  const place = of(t, { a: shell('echo {{ args.missing }}', { continue_on_error: true }), b: shell('echo {{ steps.a.error.kind }}') });
  assert.equal(await place.text('w'), 'template_error');
});

test('step retries: a shell step that fails twice, then is well', async (t) => {
  const place = of(t, { s: shell('echo x >>tries; [ $(wc -l <tries) -ge 3 ] && echo well', { retries: 2, retry_delay: 1 }) }, '{{ steps.s.output }} {{ steps.s.attempts }}');
  assert.equal(await place.text('w'), 'well 3');
  const few = of(t, { s: shell('echo x >>tries; [ $(wc -l <tries) -ge 3 ] && echo well', { retries: 1, retry_delay_ms: 1 }) });
  await few.run(1, 'w');
  assert.equal(few.read('tries'), 'x\nx\n');
});

test('step retries: retry_on and fail_on decide by class; auth is never retried', async (t) => {
  for (const [extra, err, calls] of [[{}, '503', 3], [{ fail_on: ['network'] }, '503', 1], [{ retry_on: ['timeout'] }, '503', 1], [{ retry_on: ['execution'] }, 'odd', 3], [{ retry_on: ['auth_error'] }, 'not logged in', 1]]) {
    const place = of(t, { s: ask('b', 'x', { retries: 2, retry_delay: 1, ...extra }) });
    const b = place.canned('b', { err, code: 1 });
    place.configure({ backends: { b: { command: b.command, max_retries: 0 } } });
    await place.cli('run', 'w');
    assert.equal(b.calls(), calls, JSON.stringify(extra));
  }
});

test('shell timeout ms: the group is killed, the limit told', async (t) => {
  const seconds = sleepMarker();
  const place = of(t, { s: shell(`sleep ${seconds} & sleep ${seconds}`, { timeout: 200 }) });
  const done = await place.run(1, 'w');
  assert.match(done.stderr, /200 ?ms|0\.2 ?s/);
  await until(() => alive(seconds).length === 0, 'the end of every sleep');
});

test('query timeout: "1s" with a slow backend is of class timeout', async (t) => {
  const seconds = sleepMarker();
  const place = of(t, { s: ask('b', 'x', { timeout: '1s', continue_on_error: true }) }, '{{ steps.s.error.kind }}', { config: { backends: { b: { command: 'sh', args: ['-c', `sleep ${seconds}`], max_retries: 0, kill_grace_ms: 50 } } } });
  assert.equal(await place.text('w'), 'timeout');
  await until(() => alive(seconds).length === 0, 'the end of the sleep');
});

test('query timeout: it bounds all retries together', async (t) => {
  const place = of(t, { s: ask('b', 'x', { timeout: '1500ms', retries: 50, retry_delay: 400 }) });
  const b = place.canned('b', { err: 'error 503', code: 1 });
  place.configure({ backends: { b: { command: b.command, max_retries: 50, retry_delay: 400 } } });
  await place.run(1, 'w');
  assert.ok(b.calls() < 10, `${b.calls()} calls`);
});

test('workflow timeout: exit 124, nothing left', async (t) => {
  const seconds = sleepMarker();
  const place = of(t, { s: shell(`sleep ${seconds}`), n: shell('touch n') }, null, { top: { timeout: '700ms' } });
  await place.run(124, 'w');
  await until(() => alive(seconds).length === 0, 'the end of the sleep');
  assert.ok(!place.has('n'));
});

test('legacy seconds: timeout = 180 of a query is a warning, and not 180 ms', async (t) => {
  const place = of(t, { s: ask('b', 'x', { timeout: 180 }) }, null, { config: { backends: { b: { command: 'sh', args: ['-c', 'sleep 0.6; echo late'] } } } });
  const check = await place.cli('validate', 'w');
  assert.equal(check.code, 0);
  assert.match(check.stderr, /warning[^]*180[^]*second/);
  assert.equal(await place.text('w'), 'late');
  const shellStep = of(t, { s: shell('sleep 20', { timeout: 180 }) });
  assert.doesNotMatch((await shellStep.cli('validate', 'w')).stderr, /second/);
  await shellStep.run(1, 'w');
});

// ---------------------------------------------------------------- input

const asking = { confirm: { type: 'input', prompt: 'Go on with {{ args.what }}?', options: ['y', 'n'] }, act: shell('echo acted', { if: "steps.confirm.output == 'y'" }) };

test('input: an answer on a terminal is stored, any case', async (t) => {
  const place = of(t, asking, 'answer={{ steps.confirm.output }} {{ steps.act.output }}');
  const { code, screen } = await terminal(place, [[/Go on with it\?/, 'Y\n']], ['run', 'w', 'what=it']);
  assert.equal(code, 0, screen);
  assert.match(screen, /answer=y acted/);
});

test('input: a wrong answer is asked again, three times', async (t) => {
  const place = of(t, asking, 'answer={{ steps.confirm.output }}');
  const again = await terminal(place, [[/Go on with it\?/, 'perhaps\n'], [/perhaps[^]*y/, 'n\n']], ['run', 'w', 'what=it']);
  assert.equal(again.code, 0, again.screen);
  assert.match(again.screen, /answer=n/);
});

test('input: without a terminal --yes takes the first option, default wins over it, else it fails clearly', async (t) => {
  const place = of(t, asking, '{{ steps.confirm.output }}|{{ steps.act.output }}');
  assert.equal(await place.text('w', 'what=it', '--yes'), 'y|acted');
  const refused = await place.run(1, 'w', 'what=it');
  assert.match(refused.stderr, /terminal/);
  assert.match(refused.stderr, /--yes|--answer/);
  assert.equal(await place.text('w', 'what=it', '--answer', 'confirm=n'), 'n|');
  const preset = of(t, { ...asking, confirm: { ...asking.confirm, default: 'n' } }, '{{ steps.confirm.output }}');
  assert.equal(await preset.text('w', 'what=it'), 'n');
});

test('input: an answer for no step, or one that is no option, is a mistake', async (t) => {
  const place = of(t, asking);
  assert.match((await place.run(2, 'w', 'what=it', '--answer', 'confrim=y')).stderr, /confrim/);
  const wrong = await place.cli('run', 'w', 'what=it', '--answer', 'confirm=maybe');
  assert.ok([1, 2].includes(wrong.code));
  assert.match(wrong.stderr, /maybe/);
});

// ---------------------------------------------------------------- groups

const group = (members, extra = {}) => `[[groups]]\nname = "g"\n${Object.entries(extra).map(([k, v]) => `${k} = ${inline(v)}\n`).join('')}${Object.entries(members).map(([name, s]) => `[[groups.steps]]\nname = "${name}"\n${Object.entries(s).map(([k, v]) => `${k} = ${inline(v)}\n`).join('')}`).join('')}`;

test('groups: depends on a group waits for both members; outputs by name, in order', async (t) => {
  const meet = (mine, other) => `touch ${mine}; until [ -e ${other} ]; do sleep 0.02; done; echo from-${mine}`;
  const place = lab(t, { workflows: { w: `output = "{{ steps.after.output }}|{{ groups.g.outputs.two }}|{{ groups.g.outputs[0] }}|{{ groups.g.outputs | join('+') }}|{{ groups.g.failed }}"\n${flow({ after: shell('echo {{ steps.one.output }}', { depends_on: ['g'] }) })}\n${group({ one: shell(meet('one', 'two')), two: shell(meet('two', 'one')) }, { parallel: true })}` } });
  assert.equal(await place.text('w'), 'from-one|from-two|from-one|from-one+from-two|false');
});

test('groups: parallel = false chains the members; defaults of the group hold for them', async (t) => {
  const place = lab(t, { workflows: { w: group({ one: shell('sleep 0.1; echo one >>order'), bad: shell('exit 1'), two: shell('echo two >>order') }, { parallel: false, continue_on_error: true }) } });
  await place.run(0, 'w');
  assert.equal(place.read('order'), 'one\ntwo\n');
});

test('groups: failed is true after a hard failure', async (t) => {
  const place = lab(t, { workflows: { w: `${flow({ h: shell('echo {{ groups.g.failed }} >handled', { always: true, depends_on: ['g'] }) })}\n${group({ one: shell('exit 1') })}` } });
  await place.run(1, 'w');
  assert.equal(place.read('handled'), 'true\n');
});

// ---------------------------------------------------------------- what a step leaves

test('step fields: those of a shell step', async (t) => {
  const fields = {
    output: 'out', stdout: 'out', stderr: 'err', exit_code: '0', failed: 'false', skipped: 'false', status: 'ok', backend: 'shell', attempts: '1', 'duration_ms is number': 'true', 'started_at is defined': 'true', 'finished_at is defined': 'true', 'output.text': 'out',
  };
  const place = of(t, { s: shell('echo out; echo err >&2') }, Object.keys(fields).map((f) => `{{ (steps.s.${f}) ${/^std/.test(f) ? '| trim' : ''} }}`).join('|'));
  assert.deepEqual((await place.text('w')).split('|'), Object.values(fields));
});

test('step fields: printing a step prints its output; an unfailed error is false', async (t) => {
  const place = of(t, { s: shell('echo out'), 'my-step': shell('echo dashed') }, '{{ steps.s }}|{% if steps.s.error %}yes{% else %}no{% endif %}|{{ steps["my-step"].output }}|{{ steps.my_step.output }}');
  assert.equal(await place.text('w'), 'out|no|dashed|dashed');
});

test('step fields: those of an error', async (t) => {
  const place = of(t, { s: shell('echo out; echo "first line" >&2; exit 5', { continue_on_error: true, retries: 1, retry_delay: 1 }), b: ask('b', 'x', { continue_on_error: true }) },
    '{{ steps.s.error.kind }}|{{ steps.s.error.exit_code }}|{{ steps.s.error.stderr | trim }}|{{ steps.s.error.stdout | trim }}|{{ steps.s.error.attempt }}|{{ steps.s.error.max_attempts }}|{{ steps.s.error.message }}|{{ "exit 5" in steps.s.error.command }}|{{ steps.b.error.backend }}|{{ steps.b.error.kind }}',
    { config: { backends: { b: { command: 'sh', args: ['-c', 'echo oh >&2; exit 9'], max_retries: 0 } } } });
  assert.equal(await place.text('w'), 'execution|5|first line|out|2|2|first line|true|b|execution');
});

test('step fields: an error without a word on stderr tells the code, a signal 128 more', async (t) => {
  const place = of(t, { a: shell('exit 4', { continue_on_error: true }), b: shell('kill -9 $$', { continue_on_error: true }) }, '{{ steps.a.error }}|{{ steps.b.error.exit_code }}');
  const [a, b] = (await place.text('w')).split('|');
  assert.match(a, /\b4\b/);
  assert.equal(b, '137');
});

test('shell step: stdin is empty, environment of workflow and step, cwd, list form without a shell', async (t) => {
  const place = of(t, {
    stdin: shell('cat; echo end'), env: shell('echo "$A $B"', { env: { B: 'step' } }), cwd: shell('pwd', { cwd: 'sub' }), list: shell(['printf', '%s,', '$HOME', 'a b', '*']), given: shell('cat', { stdin: 'given {{ args.x }}' }), other: shell('echo ${0##*/}', { shell: 'bash' }),
  }, '{{ steps.stdin.output }}|{{ steps.env.output }}|{{ steps.cwd.output }}|{{ steps.list.output }}|{{ steps.given.output }}', { top: { env: { A: 'flow', B: 'flow' } }, files: { 'sub/x': '' } });
  assert.equal(await place.text('w', 'x=1'), `end|flow step|${place.path('sub')}|$HOME,a b,*,|given 1`);
});

test('shell step: arguments in the environment, outputs as files, whatever stands in them', async (t) => {
  const value = 'a\'b"c$(touch pwned)\n d';
  const place = of(t, { first: shell('printf %s "$V"', { env: { V: value } }), s: shell('printf "%s\\n" "$LLM_MUX_ARG_NAME"; cat "$LLM_MUX_STEP_FIRST"') });
  assert.equal((await place.text('w', `name=${value}`)), `${value}\n${value}`);
  assert.ok(!place.has('pwned'));
});

test('data access: steps.x.files from JSON drives for_each', async (t) => {
  const place = of(t, { list: shell(`echo '{"files": ["a b", "c"], "n": {"deep": 1}}'`), each: shell('echo "<"{{ item }}">"', { for_each: 'steps.list.files' }), deep: shell('echo {{ steps.list.n.deep }} {{ steps.list.data.n.deep }}') }, '{{ steps.each.output }}|{{ steps.deep.output }}');
  assert.equal(await place.text('w'), '<a b>\n<c>|1 1');
});

test('sub-workflow: its outputs can be reached, with arguments', async (t) => {
  const place = lab(t, { workflows: {
    inner: `output = "{{ steps.i.output }}!"\n[args.who]\nrequired = true\n[[steps]]\nname = "i"\ntype = "shell"\nrun = "echo hello {{ args.who }}"\n`,
    w: flow({ sub: { workflow: 'inner', with: { who: '{{ args.name }}' } }, after: shell('echo {{ steps.sub.output }}') }),
  } });
  assert.equal(await place.text('w', 'name=you'), 'hello you!');
});

test('sub-workflow: a cycle is refused, and so is a missing argument', async (t) => {
  const place = lab(t, { workflows: { a: flow({ s: { workflow: 'b' } }), b: flow({ s: { workflow: 'a' } }), inner: 'args = ["who"]\n[[steps]]\nname = "i"\ntype = "shell"\nrun = "touch ran"\n', c: flow({ s: { workflow: 'inner' } }) } });
  const done = await place.cli('validate', 'a');
  assert.equal(done.code, 1);
  assert.match(done.stderr, /a -> b -> a/);
  assert.equal((await place.cli('run', 'a')).code, 2);
  const missing = await place.cli('run', 'c');
  assert.notEqual(missing.code, 0);
  assert.match(missing.stderr, /who/);
  assert.ok(!place.has('ran'));
});

test('inferred types: steps without type work, with a warning', async (t) => {
  const place = of(t, { s: { run: 'echo x' }, q: { prompt: '{{ steps.s.output }}', backend: 'e' } }, null, { config: { backends: { e: { command: 'echo' } } } });
  const done = await place.run(0, 'w');
  assert.equal(done.stdout, 'x\n');
  assert.match((await place.cli('validate', 'w')).stderr, /warning[^]*type/);
});

test('run files: one for each step, in a directory for the owner alone', async (t) => {
  const place = of(t, { a: shell('echo text of a'), 'b-c': shell('echo x', { for_each: '["1", "2"]' }) });
  await place.run(0, 'w');
  const files = place.written().filter(([f]) => /(a|b-c[^/]*)\.txt$/.test(f));
  assert.ok(files.some(([f, text]) => f.endsWith('/a.txt') && text.includes('text of a')), JSON.stringify(files));
  const { statSync } = await import('node:fs');
  const dir = join(place.home, files[0][0], '..');
  assert.equal((statSync(dir).mode & 0o777).toString(8), '700');
  assert.ok(readFileSync(join(place.home, files[0][0]), 'utf8').length > 0);
});

test('prompt_file: the prompt comes from a file beside the workflow', async (t) => {
  const place = lab(t, { config: { backends: { e: { command: 'echo' } }, roles: { r: { backends: ['e'] } } }, files: { 'flows/w.toml': flow({ s: { type: 'query', role: 'r', prompt_file: 'ask.md' } }), 'flows/ask.md': 'from the file, {{ args.x }}\n' } });
  assert.equal(await place.text('flows/w.toml', 'x=1', '--trust'), 'from the file, 1');

});
