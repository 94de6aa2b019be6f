// Sections 8.1 to 8.5 of the runner's specification: what is printed where, and the commands beside run.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { binary } from '../harness.mjs';
import { alive, ask, configToml, events as eventsOf, flow, lab, query, shell, sleepMarker, stub, test, until } from './lab.mjs';

const echo = { backends: { e: { command: 'echo' } }, roles: { r: { backends: ['e'] }, reviewer: { backends: ['e'] } } };

// ---------------------------------------------------------------- modes

test('output modes: json: every line parses, exactly one Result, last; events in order', async (t) => {
  const place = lab(t, { config: echo, workflows: { w: flow({ a: shell('echo x'), skipped: shell('true', { if: 'false' }), b: query('r', 'say {{ steps.a.output }}') }) } });
  const { events, result } = await place.json(0, 'w', 'arg=1');
  const types = events.map((e) => e.type);
  assert.equal(types[0], 'WorkflowStart');
  assert.deepEqual([events[0].name, events[0].steps], ['w', 3]);
  assert.equal(events[0].args.arg, '1');
  const started = events.filter((e) => e.type === 'StepStart');
  assert.deepEqual(started.filter((e) => e.name !== 'skipped').map((e) => e.name), ['a', 'b']);
  assert.ok(started.every((e) => e.total === 3 && e.index >= 1));
  const complete = events.filter((e) => e.type === 'StepComplete');
  assert.ok(complete.some((e) => e.name === 'b' && e.success === true && e.status === 'ok' && e.backend === 'e' && Number.isInteger(e.duration_ms)), JSON.stringify(complete));
  assert.ok(events.some((e) => e.type === 'StepSkipped' && e.name === 'skipped'));
  const end = events.find((e) => e.type === 'WorkflowComplete');
  assert.equal(end.success, true);
  assert.ok(Number.isInteger(end.duration_ms) && Number.isInteger(end.steps_completed));
  assert.deepEqual([result.success, result.output, typeof result.run_id], [true, 'say x', 'string']);
  assert.equal(result.run_id, events[0].run_id);
  assert.equal(result.steps.a.output, 'x');
});

test('output modes: json: a failed run ends with one Result as well, and tells the error', async (t) => {
  const place = lab(t, { workflows: { w: flow({ a: shell('echo why >&2; exit 3'), b: shell('true') }) } });
  const { events, result } = await place.json(1, 'w');
  assert.equal(result.success, false);
  const error = events.find((e) => e.type === 'StepError');
  assert.equal(error.name, 'a');
  assert.match(JSON.stringify(error.error), /why/);
  assert.equal(error.kind, 'execution');
  assert.ok(events.some((e) => e.type === 'WorkflowError' || (e.type === 'WorkflowComplete' && e.success === false)));
});

test('output modes: json: a run that is refused ends with one Result, too', async (t) => {
  const place = lab(t, { workflows: { w: 'args = ["x"]\n[[steps]]\nname = "s"\ntype = "shell"\nrun = "true"\n' } });
  const { result } = await place.json(2, 'w');
  assert.equal(result.success, false);
});

test('output modes: json: whatever refuses it, one Result is the end', async (t) => {
  const place = lab(t, { workflows: { broken: 'name = "broken\n', cycle: flow({ a: shell('true', { depends_on: ['b'] }), b: shell('true', { depends_on: ['a'] }) }), ok: flow({ s: shell('true') }) }, files: { '.llm-mux/workflows/own.toml': flow({ s: shell('true') }) } });
  for (const args of [['no-such-workflow'], ['broken'], ['cycle'], ['own'], ['ok', '--team', 'nope'], ['ok', '--resume', 'nope']]) {
    const { result, events } = await place.json(2, ...args);
    assert.equal(result.success, false, args.join(' '));
    assert.ok(events.some((e) => e.type === 'WorkflowError' && e.error), `${args}: ${JSON.stringify(events)}`);
  }
  const late = lab(t, { config: 'broken = = \n', workflows: { ok: flow({ s: shell('true') }) } });
  assert.equal((await late.json(2, 'ok')).result.success, false);
});

test('output modes: json: a time limit and an interruption end with one Result', async (t) => {
  const seconds = sleepMarker();
  const place = lab(t, { workflows: { w: flow({ s: shell(`sleep ${seconds}`) }, { timeout: '500ms' }), i: flow({ s: shell(`sleep ${seconds}`) }) } });
  assert.equal((await place.json(124, 'w')).result.success, false);
  const running = place.start('run', 'i', '--output', 'json');
  await until(() => alive(seconds).length > 0, 'the sleep');
  running.child.kill('SIGINT');
  const done = await running.exited;
  assert.equal(done.code, 130);
  assert.equal(eventsOf(done.stdout).result.success, false);
});

test('output modes: a plan in JSON mode is JSON', async (t) => {
  const place = lab(t, { config: echo, workflows: { w: flow({ a: shell('echo x'), b: query('r', 'say {{ steps.a.output }}') }) } });
  const done = await place.cli('run', 'w', '--dry-run', '--output', 'json');
  assert.equal(done.code, 0);
  const lines = done.stdout.trim().split('\n');
  const whole = () => JSON.parse(done.stdout);
  assert.doesNotThrow(() => (lines.every((l) => JSON.parse(l)) ? null : whole()));
  assert.match(done.stdout, /"a"/);
});

test('output modes: the file of --output-file has the text alone, also in JSON mode and after a failure', async (t) => {
  const place = lab(t, { workflows: { w: flow({ s: shell('echo the text') }), bad: flow({ s: shell('exit 1') }) } });
  await place.json(0, 'w', '--output-file', 'out.txt');
  assert.equal(place.read('out.txt').trimEnd(), 'the text');
  const done = await place.cli('run', 'w', '--output-file', '/dev/full');
  assert.equal(done.code, 1, 'a text that could not be written is no success');
});

test('output modes: json: attempts that are repeated say so; parallel backends progress', async (t) => {
  const place = lab(t, { workflows: { w: flow({ s: shell('[ -e once ] || { touch once; exit 1; }', { retries: 1, retry_delay: 1 }), p: query('both', 'x') }) }, config: { backends: { e: { command: 'echo' }, f: { command: 'echo' } }, roles: { both: { backends: ['e', 'f'], execution: 'parallel' } } } });
  const { events } = await place.json(0, 'w');
  const error = events.find((e) => e.type === 'StepError');
  assert.deepEqual([error.name, error.attempt, error.will_retry], ['s', 1, true]);
  assert.ok(error.retry_in_ms >= 1);
  const progress = events.filter((e) => e.type === 'ParallelProgress');
  assert.ok(progress.length > 0);
  assert.deepEqual(progress.at(-1).backends, ['e', 'f']);
  assert.equal(progress.at(-1).completed, 2);
  assert.equal(progress.at(-1).step, 'p');
});

test('output modes: jsonl is json; an unknown mode is a mistake of usage', async (t) => {
  const place = lab(t, { workflows: { w: flow({ s: shell('echo x') }) } });
  const done = await place.run(0, 'w', '--output', 'jsonl');
  assert.equal(JSON.parse(done.stdout.trim().split('\n').at(-1)).type, 'Result');
  const wrong = await place.run(2, 'w', '--output', 'jsn');
  assert.match(wrong.stderr, /jsn/);
  assert.match(wrong.stderr, /json/);
});

test('output modes: quiet: only the final text on stdout, once, nothing on stderr', async (t) => {
  const place = lab(t, { workflows: { w: flow({ a: shell('echo noise; echo noise >&2'), b: shell('echo the end') }) } });
  for (const flag of [['--quiet'], ['--output', 'quiet']]) {
    const done = await place.run(0, 'w', ...flag);
    assert.deepEqual([done.stdout, done.stderr], ['the end\n', '']);
  }
  const bad = lab(t, { workflows: { w: flow({ a: shell('echo why >&2; exit 1') }) } });
  const failed = await bad.run(1, 'w', '--quiet');
  assert.equal(failed.stdout, '');
  assert.match(failed.stderr, /why/);
});

test('output modes: console: progress on stderr, the final text once on stdout', async (t) => {
  const place = lab(t, { workflows: { w: flow({ a: shell('echo one'), b: shell('echo the end') }) } });
  const done = await place.run(0, 'w');
  assert.equal(done.stdout, 'the end\n');
  assert.match(done.stderr, /\bw\b[^\n]*2 steps/);
  assert.match(done.stderr, /\[1\/2\] a\.\.\. (✓|ok) \(\d/);
  assert.match(done.stderr, /\[2\/2\] b\.\.\. (✓|ok) \(\d/);
  assert.match(done.stderr, /\/\S+/);
  assert.doesNotMatch(done.stderr, /\x1b\[/);
});

test('output modes: console: a failure has a block with kind, command, code and the end of stderr', async (t) => {
  const place = lab(t, { workflows: { w: flow({ a: shell('echo early >&2; echo "late words" >&2; exit 9') }) } });
  const done = await place.run(1, 'w');
  for (const words of ['execution', 'exit 9', '9', 'late words', '--resume']) assert.ok(done.stderr.includes(words), `${words}:\n${done.stderr}`);
});

test('output modes: marks are plain in a locale that is not UTF-8', async (t) => {
  const place = lab(t, { workflows: { w: flow({ a: shell('true'), b: shell('exit 1') }) }, env: { LANG: 'C' } });
  const done = await place.run(1, 'w');
  assert.match(done.stderr, /\ba\.\.\. ok/);
  assert.match(done.stderr, /\bb\.\.\. FAIL/);
  assert.doesNotMatch(done.stderr, /[✓✗]/);
});

test('final text: output of the workflow, else generate_report, synthesize, final, else the last with text', async (t) => {
  const steps = { a: shell('echo of a'), last: shell('true', { depends_on: [] }) };
  const cases = [[{ ...steps }, {}, 'of a'], [{ final: shell('echo f'), b: shell('echo b') }, {}, 'f'], [{ final: shell('echo f'), synthesize: shell('echo s'), generate_report: shell('echo g'), z: shell('echo z') }, {}, 'g'], [{ final: shell('echo f'), b: shell('echo b') }, { output: 'b' }, 'b'], [{ b: shell('echo b') }, { output: 'so: {{ steps.b.output }}' }, 'so: b']];
  for (const [these, top, want] of cases) assert.equal(await lab(t, { workflows: { w: flow(these, top) } }).text('w'), want);
});

test('--output-file: the final text, parents made; - is standard output', async (t) => {
  const place = lab(t, { workflows: { w: flow({ s: shell('echo the text') }) } });
  await place.run(0, 'w', '--output-file', 'deep/er/out.log');
  assert.equal(place.read('deep/er/out.log').trimEnd(), 'the text');
  assert.equal((await place.run(0, 'w', '--quiet', '--output-file', '-')).stdout, 'the text\n');
});

test('a reader that goes away is a quiet end', async (t) => {
  const place = lab(t, { workflows: { w: flow({ s: shell('yes | head -c 300000') }) } });
  const done = spawnSync('sh', ['-c', `"$0" run w --quiet | head -c 10 >/dev/null`, binary], { cwd: place.dir, env: place.env, encoding: 'utf8' });
  assert.doesNotMatch(done.stderr, /[Bb]roken pipe|EPIPE|error/);
});

// ---------------------------------------------------------------- lists

test('lists on stdout: backends | wc -l works, each list is on standard output', async (t) => {
  const place = lab(t, { config: { ...echo, backends: { e: { command: 'echo' }, off: { command: 'x', enabled: false }, h: { command: 'http://127.0.0.1:1/v1', api_key: 'sk-secret-of-the-list-1' } }, teams: { own: { description: 'mine', detect: ['m'] } }, ecosystems: { eco: { description: 'all', knowledge: ['k'], projects: { p: { path: '/tmp/p', depends_on: ['q'] }, q: { path: '/tmp/q' } } } } } });
  const count = spawnSync('sh', ['-c', '"$0" backends 2>/dev/null | wc -l', binary], { cwd: place.dir, env: place.env, encoding: 'utf8' });
  assert.equal(count.stdout.trim(), '3');
  for (const [command, words] of [['backends', ['e', 'cli', 'echo', 'http']], ['roles', ['r', 'e', 'first']], ['teams', ['own', 'mine', 'm']], ['ecosystems', ['eco', 'p', '/tmp/p', 'q']]]) {
    const done = await place.cli(command);
    assert.equal(done.code, 0);
    for (const word of words) assert.ok(done.stdout.includes(word), `${command}: ${word}`);
    assert.ok(!(done.stdout + done.stderr).includes('sk-secret-of-the-list-1'));
    const json = JSON.parse((await place.cli(command, '--output', 'json')).stdout);
    assert.ok(Array.isArray(json) && json.length > 0, command);
  }
});

test('lists on stdout: empty ones print a line', async (t) => {
  const place = lab(t);
  for (const command of ['backends', 'roles', 'ecosystems']) {
    const done = await place.cli(command);
    assert.equal(done.code, 0);
    assert.ok(done.stdout.trim() !== '' || done.stderr.trim() !== '', command);
  }
});

// ---------------------------------------------------------------- doctor, init, context

test('doctor: a missing program is a failed check with exit 1', async (t) => {
  const place = lab(t, { config: { backends: { gone: { command: 'no-such-program-7' }, here: { command: 'echo' } } } });
  const done = await place.cli('doctor', '--offline');
  assert.equal(done.code, 1);
  assert.match(done.stdout, /(✗|fail)[^\n]*gone[^]*no-such-program-7/);
  assert.match(done.stdout, /(✓|ok)[^\n]*here/);
});

test('doctor: a missing Claude key is a failed check with a hint', async (t) => {
  const place = lab(t, { config: { backends: { c: { type: 'claude-api', api_key_env: 'CLAUDE_KEY_OF_TEST' } } } });
  const done = await place.cli('doctor', '--offline');
  assert.equal(done.code, 1);
  assert.match(done.stdout, /(✗|fail)[^\n]*\bc\b[^]*CLAUDE_KEY_OF_TEST/);
  assert.match(done.stdout, /CLAUDE_KEY_OF_TEST is not set[^]*-> /);
  const set = await place.cliWith({ env: { CLAUDE_KEY_OF_TEST: 'sk-ant-planted-for-doctor' } }, 'doctor', '--offline');
  assert.equal(set.code, 0, set.stdout);
  assert.ok(!(set.stdout + set.stderr).includes('sk-ant-planted-for-doctor'));
});

test('doctor: unit warnings, unset variables, wrong workflows and memory are looked at', async (t) => {
  const place = lab(t, { config: { backends: { slow: { command: 'echo', timeout: 120000 }, h: { command: 'http://127.0.0.1:1/v1', api_key: '${NOT_SET_IN_DOCTOR}' } } }, workflows: { bad: flow({ s: query('no_such_role', 'x') }) } });
  const { stdout, stderr } = await place.cli('doctor', '--offline');
  const text = stdout + stderr;
  assert.match(text, /second/);
  assert.match(text, /NOT_SET_IN_DOCTOR/);
  assert.match(text, /bad/);
});

test('init: refuses to overwrite, --force works, the result validates', async (t) => {
  const place = lab(t);
  const bin = join(place.home, 'bin');
  mkdirSync(bin);
  place.script('claude', 'echo hello');
  const env = { PATH: `${join(place.home, 'fakes')}:${place.env.PATH}` };
  const own = join(place.configDir, 'config.toml');
  const kept = configToml({ backends: { mine: { command: 'echo' } } });
  place.configure(kept);
  const first = await place.cliWith({ env }, 'init', '--global');
  assert.equal(first.code, 0, first.stderr);
  assert.equal(readFileSync(own, 'utf8'), kept);
  const forced = await place.cliWith({ env }, 'init', '--global', '--force');
  assert.equal(forced.code, 0, forced.stderr);
  const list = await place.cliWith({ env }, 'backends');
  assert.equal(list.code, 0, list.stderr);
  assert.match(list.stdout, /claude/);
  assert.equal((await place.cliWith({ env }, 'roles')).code, 0);
  assert.match((await place.cliWith({ env }, 'roles')).stdout, /default/);
});

test('init: --project writes into the project, by its kind', async (t) => {
  const place = lab(t, { config: echo, files: { 'Cargo.toml': '', 'src/main.rs': 'fn main() {}\n', 'src/lib.rs': '' } });
  const done = await place.cli('init', '--project');
  assert.equal(done.code, 0, done.stderr);
  assert.ok(existsSync(place.path('.llm-mux/config.toml')));
  const roles = await place.cli('roles', '--trust');
  assert.equal(roles.code, 0, roles.stderr);
  assert.match(roles.stdout, /rust/);
});

test('context flag: the text of the files is in the prompt, named', async (t) => {
  const place = lab(t, { config: echo, files: { 'one.md': 'first context\n', 'two.md': 'second context\n', 'three.md': 'third context' }, workflows: { w: flow({ s: query('r', 'the question') }) } });
  const text = await place.text('w', '--context', 'one.md,two.md', '--context', 'three.md');
  assert.match(text, /one\.md[^]*first context[^]*two\.md[^]*second context[^]*third context[^]*the question$/);
  const missing = await place.cli('run', 'w', '--context', 'nowhere.md');
  assert.equal(missing.code, 2);
  assert.match(missing.stderr, /nowhere\.md/);
});

test('context command: proposes a team and roles, asks before it writes', async (t) => {
  const place = lab(t, { config: echo, files: { 'go.mod': 'module x\n', 'main.go': 'package main\n' } });
  const done = await place.cli('context', '--yes');
  assert.equal(done.code, 0, done.stderr);
  assert.ok(place.has('.llm-mux/config.toml') && place.has('.llm-mux/context.md'));
  assert.match(done.stdout + place.read('.llm-mux/config.toml'), /go/);
});

// ---------------------------------------------------------------- ask

test('ask: a role, a backend, a prompt by a pipe', async (t) => {
  const place = lab(t, { config: echo });
  assert.equal((await place.cli('ask', '--role', 'r', 'hello there')).stdout, 'hello there\n');
  assert.equal((await place.cli('ask', '-b', 'e', 'hello')).stdout, 'hello\n');
  const piped = await place.cliWith({ input: 'from the pipe' }, 'ask', '--role', 'r', '-');
  assert.equal(piped.stdout, 'from the pipe\n');
  const wrong = await place.cli('ask', '--role', 'reviewr', 'x');
  assert.equal(wrong.code, 2);
  assert.match(wrong.stderr, /did you mean .?reviewer/);
});

test('ask: a failure is exit 1 with the reason', async (t) => {
  const place = lab(t, { config: { backends: { bad: { command: 'sh', args: ['-c', 'echo reason >&2; exit 1'], max_retries: 0 } } } });
  const done = await place.cli('ask', '-b', 'bad', 'x');
  assert.equal(done.code, 1);
  assert.match(done.stderr, /reason/);
});

test('--stream: pieces as they come, as events in JSON mode, the final text once', async (t) => {
  const chunk = (delta, finish = null) => `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`;
  const http = await stub(t, 'chat', () => ({ headers: { 'content-type': 'text/event-stream' }, body: `${chunk({ role: 'assistant', content: 'piece ' })}${chunk({ content: 'by piece' })}${chunk({}, 'stop')}data: [DONE]\n\n` }));
  const place = lab(t, { config: { backends: { h: { command: http.origin, model: 'm' } } }, workflows: { w: flow({ s: ask('h', 'x') }) } });
  const { events, result } = await place.json(0, 'w', '--stream');
  assert.equal(events.filter((e) => e.type === 'StepOutput').map((e) => e.chunk).join(''), 'piece by piece');
  assert.equal(result.output, 'piece by piece');
});
