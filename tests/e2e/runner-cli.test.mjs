// The runner at the command line (workflows.md 8): what each mode prints, exit codes, signals and resume, and what a person in a hurry is told.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { binary, cleanHome, noBinary, runBinary } from './harness.mjs';

const skip = noBinary;

/** An OpenAI-compatible server that counts what it is asked; `hold` keeps answers back until it is called. */
class FakeModel {
  async start() {
    this.prompts = [];
    this.held = [];
    this.holds = () => false;
    this.reply = (prompt) => `reply to: ${prompt.split('\n')[0]}`;
    this.waiters = [];
    this.server = createServer((request, response) => {
      let body = '';
      request.on('data', (d) => { body += d; });
      request.on('end', () => this.answer(JSON.parse(body), response));
    });
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    this.url = `http://127.0.0.1:${this.server.address().port}/v1`;
  }

  answer(body, response) {
    const prompt = body.messages.at(-1).content;
    const text = typeof prompt === 'string' ? prompt : prompt.map((p) => p.text).join('');
    this.prompts.push(text);
    for (const wake of this.waiters.splice(0)) wake();
    if (this.holds(text)) {
      this.held.push(response);
      return;
    }
    const usage = { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 };
    if (body.stream) {
      response.setHeader('content-type', 'text/event-stream');
      for (const piece of this.reply(text).split(/(?<= )/))
        response.write(`data: ${JSON.stringify({ id: 'x', object: 'chat.completion.chunk', model: 'm', choices: [{ index: 0, delta: { content: piece } }] })}\n\n`);
      response.write(`data: ${JSON.stringify({ id: 'x', object: 'chat.completion.chunk', model: 'm', choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] })}\n\n`);
      response.write(`data: ${JSON.stringify({ id: 'x', object: 'chat.completion.chunk', model: 'm', choices: [], usage })}\n\n`);
      response.end('data: [DONE]\n\n');
      return;
    }
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ id: 'x', object: 'chat.completion', model: 'm', choices: [{ index: 0, message: { role: 'assistant', content: this.reply(text) }, finish_reason: 'stop' }], usage }));
  }

  /** Resolves once a prompt that fits has come. */
  async asked(re) {
    while (!this.prompts.some((p) => re.test(p))) await new Promise((wake) => this.waiters.push(wake));
  }

  stop() {
    this.server.closeAllConnections();
    this.server.close();
  }
}

const model = new FakeModel();
before(() => model.start());
after(() => model.stop());

/** A home and a project in it: run(args, options), file(name), write(name, text), child(args). */
function project(files = {}, { config } = {}) {
  const place = cleanHome();
  const dir = join(place.home, 'project');
  mkdirSync(join(dir, '.llm-mux/workflows'), { recursive: true });
  const write = (name, text) => {
    mkdirSync(dirname(join(dir, name)), { recursive: true });
    writeFileSync(join(dir, name), text);
  };
  const settings = config ?? `[backends.fake]\ncommand = "${model.url}"\nmodel = "m"\nmax_retries = 0\n[roles.default]\nbackends = ["fake"]\n[pricing.m]\ninput = 1000.0\noutput = 2000.0\n`;
  mkdirSync(join(place.env.XDG_CONFIG_HOME, 'llm-mux'), { mode: 0o700 });
  writeFileSync(join(place.env.XDG_CONFIG_HOME, 'llm-mux/config.toml'), settings, { mode: 0o600 });
  for (const [name, text] of Object.entries(files)) write(name, text);
  return {
    dir,
    env: place.env,
    write,
    file: (name) => readFileSync(join(dir, name), 'utf8'),
    has: (name) => existsSync(join(dir, name)),
    run: (args, { env = {}, input = '' } = {}) => runBinary([...args, '--trust'], { env: { ...place.env, ...env }, cwd: dir, input }),
    child: (args, options = {}) => spawn(binary, [...args, '--trust'], { env: place.env, cwd: dir, stdio: ['ignore', 'pipe', 'pipe'], ...options }),
    remove: place.remove,
  };
}

async function withProject(files, act, options) {
  const place = project(files, options);
  try {
    return await act(place);
  } finally {
    place.remove();
  }
}

const workflow = (steps, head = '') => `name = "w"\n${head}\n${steps}`;
const shell = (name, run, more = '') => `[[steps]]\nname = "${name}"\ntype = "shell"\nrun = ${JSON.stringify(run)}\n${more}\n`;
const query = (name, prompt, more = '') => `[[steps]]\nname = "${name}"\ntype = "query"\nrole = "default"\nprompt = ${JSON.stringify(prompt)}\n${more}\n`;
const W = '.llm-mux/workflows/w.toml';

const lines = (text) => text.trimEnd().split('\n').map((line) => JSON.parse(line));
/** Every line an object with a type; exactly one Result, the last. */
function events(text) {
  const all = lines(text);
  assert.ok(all.every((e) => typeof e.type === 'string'));
  assert.equal(all.filter((e) => e.type === 'Result').length, 1);
  assert.equal(all.at(-1).type, 'Result');
  return all;
}

describe('run: console', { skip }, () => {
  const simple = { [W]: workflow(shell('one', 'echo first') + query('two', 'Say {{ steps.one.output }}')) };

  test('progress on stderr, the final text once on stdout, exit 0', () => withProject(simple, async ({ run }) => {
    const done = await run(['run', 'w']);
    assert.equal(done.code, 0, done.stderr);
    assert.equal(done.stdout, 'reply to: Say first\n');
    assert.match(done.stderr, /^w: 2 steps$/m);
    assert.match(done.stderr, /^\[1\/2\] one\.\.\. ✓ \(\d+(ms|\.\ds)\)$/m);
    assert.match(done.stderr, /^\[2\/2\] two\.\.\. ✓ \(/m);
    assert.match(done.stderr, /^✓ w done: 2 ok in .*, 10 tokens in, 5 out, \$0\.0200$/m);
    const outputs = /^outputs: (.*)$/m.exec(done.stderr)[1];
    assert.equal(readFileSync(join(outputs, 'one.txt'), 'utf8').trim(), 'first');
    assert.ok(!done.stderr.includes('\u001b'), 'colour without a terminal');
  }));

  test('items that failed in a loop that goes on are told', () => withProject({
    [W]: workflow(shell('b', 'test {{ item }} != y || { echo broke >&2; exit 3; }', 'for_each = "[\'x\', \'y\', \'z\']"\ncontinue_on_error = true')),
  }, async ({ run }) => {
    const done = await run(['run', 'w']);
    assert.equal(done.code, 0, done.stderr);
    assert.match(done.stderr, /b\.\.\. ✓ \(.*\) and went on\n {2}error: execution: 1 of 3 items failed: broke\n/);
  }));

  for (const [owner, head, more] of [['step', '', 'timeout = 50'], ['workflow', 'timeout = 50', '']])
    test(`the hint for a time limit names the ${owner}'s`, () => withProject({ [W]: workflow(shell('slow', 'sleep 60', more), head) }, async ({ run }) => {
      const { stderr } = await run(['run', 'w']);
      assert.match(stderr, new RegExp(`hint: .*\`timeout\` of the ${owner}$`, 'm'));
      assert.equal(stderr.match(/hint:/g).length, stderr.match(new RegExp(`of the ${owner}$`, 'gm')).length);
    }));

  test('marks are words in a locale without UTF-8', () => withProject(simple, async ({ run }) => {
    const done = await run(['run', 'w'], { env: { LANG: 'C' } });
    assert.match(done.stderr, /\[1\/2\] one\.\.\. ok \(/);
    assert.ok(/^[\x00-\x7f]*$/.test(done.stderr));
  }));

  test('a failure tells kind, command, exit code, stderr and how to go on; exit 1', () => withProject({
    [W]: workflow(shell('one', 'echo first') + shell('bad', 'echo partly; echo what broke >&2; exit 7') + shell('later', 'echo no')),
  }, async ({ run }) => {
    const done = await run(['run', 'w']);
    assert.equal(done.code, 1);
    assert.match(done.stderr, /^\[2\/3\] bad\.\.\. ✗ /m);
    assert.match(done.stderr, /error: execution: what broke/);
    assert.match(done.stderr, /command: echo partly/);
    assert.match(done.stderr, /exit code 7/);
    assert.match(done.stderr, /^\[3\/3\] later\.\.\. – skipped: step `bad` failed before it$/m);
    assert.match(done.stderr, /^✗ w failed: 1 ok, 1 failed, 1 skipped in /m);
    assert.match(done.stderr, /^to go on from here: llm-mux run w --resume w-/m);
  }));

  test('a retry is told with its attempt and its wait', () => withProject({
    [W]: workflow(shell('flaky', 'test -e again || { touch again; echo not yet >&2; exit 1; }; echo fine', 'retries = 2\nretry_delay = 1')),
  }, async ({ run }) => {
    const done = await run(['run', 'w']);
    assert.equal(done.code, 0);
    assert.match(done.stderr, /\[1\/1\] flaky\.\.\. retry: execution: not yet \(attempt 1 of 3, again in \d+ms\)/);
    assert.equal(done.stdout, 'fine\n');
  }));

  test('several backends: how many answered, and which failed', () => withProject({
    [W]: workflow('[[steps]]\nname = "all"\ntype = "query"\nrole = "both"\nprompt = "x"\n', '[roles.both]\nbackends = ["fake", "openai/none", "demo/echo"]\nexecution = "parallel"'),
  }, async ({ run }) => {
    const done = await run(['run', 'w']);
    assert.equal(done.code, 0, done.stderr);
    assert.match(done.stderr, /all\.\.\. ✓ \(\S+\) {2}2 of 3: fake, demo\/echo, openai\/none failed$/m);
  }));

  test('--quiet prints the text alone, and of a failure what went wrong', () => withProject({
    [W]: workflow(shell('one', 'echo "$1" {{ args.x }}; test {{ args.x }} = good'), '[args.x]\nrequired = true'),
  }, async ({ run }) => {
    const good = await run(['run', 'w', 'x=good', '--quiet']);
    assert.deepEqual([good.code, good.stdout.trim(), good.stderr], [0, 'good', '']);
    const bad = await run(['run', '--output', 'quiet', 'w', 'bad']);
    assert.equal(bad.code, 1);
    assert.equal(bad.stdout, '');
    assert.match(bad.stderr, /^\[1\/1\] one\.\.\. ✗/);
    assert.match(bad.stderr, /exit code 1/);
  }));

  test('--stream shows the text as it comes, on stderr', () => withProject({ [W]: workflow(query('two', 'stream')) }, async ({ run }) => {
    const done = await run(['run', 'w', '--stream']);
    assert.match(done.stderr, /^reply to: stream$/m);
    assert.equal(done.stdout, 'reply to: stream\n');
  }));

  test('--output-file gets the text, with parents made; --context stands before prompts', () => withProject({
    [W]: workflow(query('q', 'the question')), 'a.md': 'aaa', 'b.md': 'bbb',
  }, async ({ run, file }) => {
    model.prompts.length = 0;
    const done = await run(['run', 'w', '--output-file', 'out/deep/text.txt', '--context', 'a.md,b.md']);
    assert.equal(done.code, 0, done.stderr);
    assert.equal(file('out/deep/text.txt'), done.stdout.trimEnd());
    assert.match(model.prompts[0], /a\.md:\n`+\naaa\n`+[^]*b\.md:\n`+\nbbb\n[^]*the question/);
  }));

  test('flags stand anywhere; what is behind -- is the workflow\'s', () => withProject({
    [W]: workflow(shell('one', 'echo {{ args.x }}'), '[args.x]\ndefault = "none"'),
  }, async ({ run }) => {
    for (const args of [['run', 'w', 'x=a', '--quiet'], ['run', '--quiet', 'w', '--x', 'a'], ['run', 'w', '--x=a', '--output', 'quiet'], ['run', 'w', '--quiet', 'a']])
      assert.equal((await run(args)).stdout, 'a\n', args.join(' '));
  }));

  test('flags of the runner may stand before its command, and be given several times', () => withProject({
    [W]: workflow(`[[steps]]\nname = "a"\ntype = "input"\nprompt = "?"\n[[steps]]\nname = "b"\ntype = "input"\nprompt = "?"\n${shell('c', 'echo {{ steps.a.output }} {{ steps.b.output }}')}`),
  }, async ({ run }) => {
    const done = await run(['--answer', 'a=1', '--answer', 'b=2', '--output', 'json', 'run', 'w']);
    assert.equal(done.code, 0, done.stderr);
    assert.equal(events(done.stdout).at(-1).output, '1 2');
  }));

  test('--help behind a name tells what the workflow wants', () => withProject({
    [W]: workflow(shell('one', 'touch ran'), 'description = "does it"\n[args.issue]\nrequired = true\ndescription = "what is wrong"\n[args.deep]\ndefault = "no"'),
  }, async ({ run, has }) => {
    const done = await run(['run', 'w', '--help']);
    assert.equal(done.code, 0, done.stderr);
    assert.match(done.stdout, /^w: does it\n\nUsage: llm-mux run w issue=\.\.\. \[deep=\.\.\.\]\n\nArguments:\n {2}issue {2}what is wrong\n {2}deep {4}\(default: no\)/);
    assert.ok(!has('ran'));
  }));

  test('--verbose shows stderr of steps that succeeded, --trace prompts and outputs', () => withProject({
    [W]: workflow(shell('one', 'echo out; echo noise >&2') + query('two', 'ask this')),
  }, async ({ run }) => {
    assert.doesNotMatch((await run(['run', 'w'])).stderr, /noise|ask this/);
    const verbose = await run(['run', 'w', '--verbose']);
    assert.match(verbose.stderr, /stderr:\n +noise/);
    assert.match(verbose.stderr, /two\.\.\. ✓ .*fake, 10 tokens in, 5 out/);
    assert.match((await run(['run', 'w', '--trace'])).stderr, /prompt:\n +ask this\n +output:\n +reply to: ask this/);
  }));

  test('secrets of environments, and quoted ones, are printed nowhere', () => withProject({
    [W]: workflow(query('q', 'x', 'continue_on_error = true') + shell('one', 'echo {{ args.key }} >/dev/null; echo "{{ args.key }}" >/dev/null; exit 1', 'env = { STEP_SECRET = "of-the-step" }'), '[args.key]\nsecret = true\nrequired = true'),
    'says.sh': 'echo "$OUTER_TOKEN $INNER_SECRET" >&2\nfor i in 1 2 3 4 5 6 7 8; do printf of-the-; /bin/true; printf "process "; done >&2\necho "$OUTER_TOKEN $INNER_SECRET"\nexit 1\n',
  }, async ({ dir, run }) => {
    for (const mode of [[], ['--output', 'json'], ['--debug', '--verbose'], ['--trace'], ['--dry-run']]) {
      const done = await run(['run', 'w', `key=it's "quoted" $here`, '--log-file', join(dir, 'the.log'), ...mode], { env: { OUTER_TOKEN: 'of-the-process' } });
      const log = readFileSync(join(dir, 'the.log'), 'utf8');
      for (const secret of [/of-the-/, /quoted/])
        assert.doesNotMatch(done.stdout + done.stderr + log, secret, mode.join(' '));
      assert.match(done.stdout + done.stderr, /\*\*\*/);
    }
    assert.match(readFileSync(join(dir, 'the.log'), 'utf8'), /fake says on stderr: \*\*\* \*\*\*/);
    const record = await run(['runs', 'show', 'last']);
    assert.doesNotMatch(record.stdout, /of-the-|quoted/);
  }, { config: '[backends.fake]\ncommand = "sh"\nargs = ["says.sh", "{prompt}"]\nenv = { INNER_SECRET = "of-the-backend" }\n[roles.default]\nbackends = ["fake"]\n' }));

  test('a step reads a secret of another from a file, and none stays in the record', () => withProject({
    [W]: workflow(shell('says', 'echo $OUTER_TOKEN; test -z "$V"') + shell('reads', 'cat "$LLM_MUX_STEP_SAYS" >> given') + '[[steps]]\nname = "nested"\ntype = "workflow"\nworkflow = "inner"\n'),
    '.llm-mux/workflows/inner.toml': workflow(shell('says', 'echo $OUTER_TOKEN') + shell('reads', 'cat "$LLM_MUX_STEP_SAYS" >> given')).replace('"w"', '"inner"'),
  }, async ({ dir, run, file }) => {
    const done = await run(['run', 'w'], { env: { OUTER_TOKEN: 'of-the-process' } });
    assert.equal(done.code, 0, done.stderr);
    assert.equal(file('given'), 'of-the-process'.repeat(2));
    const state = join(dir, '.llm-mux/state');
    const kept = readdirSync(state, { recursive: true, withFileTypes: true }).filter((e) => e.isFile());
    assert.ok(kept.some((e) => e.name === 'says.txt'));
    for (const e of kept) assert.ok(!readFileSync(join(e.parentPath ?? e.path, e.name), 'utf8').includes('of-the-process'), e.name);
  }));

  test('a secret argument is printed nowhere', () => withProject({
    [W]: workflow(shell('one', 'echo {{ args.key }} >&2; exit 1'), '[args.key]\nsecret = true\nrequired = true'),
  }, async ({ run }) => {
    for (const mode of ['console', 'json', 'quiet']) {
      const done = await run(['run', 'w', 'key=hush-hush-123', '--output', mode]);
      assert.equal(done.code, 1);
      assert.ok(!(done.stdout + done.stderr).includes('hush-hush'), mode);
    }
  }));
});

describe('run: json', { skip }, () => {
  test('events as 8.3, one compact object a line, one Result', () => withProject({
    [W]: workflow(shell('one', 'echo first') + query('two', 'Say {{ steps.one.output }}') + shell('three', 'echo', 'if = "false"')),
  }, async ({ run }) => {
    const done = await run(['run', 'w', 'a=b', '--output', 'json']);
    assert.equal(done.code, 0, done.stderr);
    const all = events(done.stdout);
    assert.deepEqual(all.map((e) => e.type), ['WorkflowStart', 'StepStart', 'StepComplete', 'StepStart', 'StepComplete', 'StepStart', 'StepSkipped', 'WorkflowComplete', 'Result']);
    assert.deepEqual([all[0].name, all[0].steps, all[0].args.a, all[0].team], ['w', 3, 'b', null]);
    assert.match(all[0].run_id, /^w-/);
    assert.deepEqual([all[1].name, all[1].index, all[1].total], ['one', 1, 3]);
    assert.deepEqual([all[2].success, all[2].status], [true, 'ok']);
    assert.deepEqual([all[4].backend, all[4].usage, all[4].cost], ['fake', { input_tokens: 10, output_tokens: 5 }, 0.02]);
    assert.match(all[6].reason, /condition/);
    assert.deepEqual([all[7].success, all[7].steps_completed], [true, 3]);
    const result = all.at(-1);
    assert.equal(result.run_id, all[0].run_id);
    assert.deepEqual([result.success, result.output], [true, 'reply to: Say first']);
    assert.deepEqual([result.steps.one.output, result.steps.three.status], ['first', 'skipped']);
  }));

  test('a failing step: StepError, WorkflowError, Result; retries say so', () => withProject({
    [W]: workflow(shell('bad', 'echo why >&2; exit 3', 'retries = 1\nretry_delay = 1')),
  }, async ({ run }) => {
    const done = await run(['run', 'w', '--output', 'jsonl']);
    assert.equal(done.code, 1);
    const all = events(done.stdout);
    const errors = all.filter((e) => e.type === 'StepError');
    assert.deepEqual(errors.map((e) => [e.kind, e.will_retry, e.attempt]), [['execution', true, 1], ['execution', false, 2]]);
    assert.equal(typeof errors[0].retry_in_ms, 'number');
    assert.deepEqual([errors[1].exit_code, errors[1].error], [3, 'why']);
    assert.match(all.find((e) => e.type === 'WorkflowError').error, /why/);
    assert.deepEqual([all.at(-1).success, all.at(-1).output], [false, null]);
  }));

  test('what is wrong before anything runs ends in a Result, too', () => withProject({
    [W]: workflow(shell('one', 'echo'), '[args.x]\nrequired = true\ndescription = "what to do"'),
    '.llm-mux/workflows/broken.toml': 'name = "broken"\n[[steps]]\nname = "a"\ntype = "shell"\nrnu = "x"\n',
  }, async ({ run }) => {
    for (const [args, re] of [[['w'], /what to do/], [['nope'], /no workflow `nope`/], [['broken'], /rnu/], [['w', 'x=1', '--team', 'nix'], /nix/], [['w', 'x=1', '--jobs', 'many'], /--jobs/]]) {
      const done = await run(['run', ...args, '--output', 'json']);
      assert.equal(done.code, 2, args.join(' '));
      const all = events(done.stdout);
      assert.match(all[0].error, re);
      assert.deepEqual([all.at(-1).success, all.at(-1).output], [false, null]);
    }
  }));

  test('a wrong command line ends in a Result, too', () => withProject({}, async ({ run }) => {
    for (const args of [['run', '--bogus', 'w', '--output', 'json'], ['run', '--output=jsonl'], ['ask', '--bogus', '--output', 'json'], ['-C', '/nowhere', 'plan', 'w', '--output', 'json']]) {
      const done = await run(args);
      assert.equal(done.code, 2, args.join(' '));
      assert.equal(events(done.stdout).at(-1).success, false);
      assert.notEqual(done.stderr, '');
    }
    assert.equal((await run(['run', '--bogus', 'w'])).stdout, '');
  }));

  test('--stream: StepOutput pieces make up the text', () => withProject({ [W]: workflow(query('two', 'stream me')) }, async ({ run }) => {
    const all = events((await run(['run', 'w', '--output', 'json', '--stream'])).stdout);
    const pieces = all.filter((e) => e.type === 'StepOutput');
    assert.ok(pieces.length > 1);
    assert.equal(pieces.map((e) => e.chunk).join(''), 'reply to: stream me');
    assert.deepEqual([pieces[0].name, pieces[0].backend], ['two', 'fake']);
  }));

  test('--stream: a secret that comes in pieces is masked all the same', () => withProject({ [W]: workflow(query('two', 'x')) }, async ({ run }) => {
    model.reply = () => 'say three word secret now three word';
    try {
      const env = { OUTER_TOKEN: 'three word secret' };
      const pieces = events((await run(['run', 'w', '--output', 'json', '--stream'], { env })).stdout).filter((e) => e.type === 'StepOutput');
      assert.ok(pieces.length > 2);
      assert.equal(pieces.map((e) => e.chunk).join(''), 'say *** now three word');
      const shown = await run(['run', 'w', '--stream'], { env });
      assert.match(shown.stderr, /say \*\*\* now three word/);
      assert.doesNotMatch(shown.stderr, /word secret/);
    } finally {
      model.reply = (prompt) => `reply to: ${prompt.split('\n')[0]}`;
    }
  }));

  test('backends of a parallel role are told as they end', () => withProject({
    [W]: workflow('[[steps]]\nname = "all"\ntype = "query"\nrole = "both"\nprompt = "x"\n', '[roles.both]\nbackends = ["fake", "demo/echo"]\nexecution = "parallel"'),
  }, async ({ run }) => {
    const all = events((await run(['run', 'w', '--output', 'json'])).stdout);
    const last = all.filter((e) => e.type === 'ParallelProgress').at(-1);
    assert.deepEqual([last.step, last.completed, [...last.backends].sort()], ['all', 2, ['demo/echo', 'fake']]);
  }));

  test('a reader that goes away ends the run without a word', () => withProject({
    [W]: workflow(shell('one', 'echo 1') + shell('two', 'sleep 600')),
  }, async ({ child, has }) => {
    const running = child(['run', 'w', '--output', 'json', '--stream']);
    let err = '';
    running.stderr.on('data', (d) => { err += d; });
    await once(running.stdout, 'data');
    running.stdout.destroy();
    // it notices when it writes: a signal ends it in order and makes it write
    running.kill('SIGTERM');
    const [code] = await once(running, 'close');
    assert.notEqual(code, 0);
    assert.doesNotMatch(err, /disk|Broken pipe/);
    assert.ok(has('.llm-mux/state'));
  }));
});

describe('limits and signals', { skip }, () => {
  test('the workflow\'s time limit: exit 124', () => withProject({ [W]: workflow(shell('slow', 'sleep 600'), 'timeout = 200') }, async ({ run }) => {
    const done = await run(['run', 'w']);
    assert.equal(done.code, 124);
    assert.match(done.stderr, /time limit of 200ms/);
    assert.match(done.stderr, /✗ w ran out of time/);
    const json = await run(['run', 'w', '--output', 'json']);
    assert.equal(json.code, 124);
    assert.equal(events(json.stdout).at(-1).success, false);
  }));

  for (const [signal, code] of [['SIGINT', 130], ['SIGTERM', 143]])
    test(`${signal} in the middle: exit ${code}, and --resume asks nothing twice`, () => withProject({
      [W]: workflow(query('one', 'first question') + shell('mark', 'echo {{ steps.one.output }} >> marks; cat marks') + query('two', 'second question {{ args.x }}'), '[args.x]\nrequired = true'),
    }, async ({ child, run, file }) => {
      model.prompts.length = 0;
      model.holds = (prompt) => prompt.startsWith('second');
      const running = child(['run', 'w', 'x=kept']);
      let err = '';
      running.stderr.setEncoding('utf8').on('data', (d) => { err += d; });
      const closed = once(running, 'close');
      await model.asked(/^second/);
      running.kill(signal);
      const [got] = await closed;
      assert.equal(got, code, err);
      assert.match(err, /stopping; once more ends it at once/);
      assert.match(err, /w interrupted: 2 ok, 1 not run to the end/);
      const command = /^to go on from here: llm-mux (run w --resume \S+)$/m.exec(err)[1];
      model.holds = () => false;
      const resumed = await run(command.split(' '));
      assert.equal(resumed.code, 0, resumed.stderr);
      assert.match(resumed.stderr, /\[1\/3\] one\.\.\. ✓ \(done before\)/);
      assert.equal(resumed.stdout, 'reply to: second question kept\n');
      assert.equal(model.prompts.filter((p) => p.startsWith('first')).length, 1);
      assert.equal(file('marks'), 'reply to: first question\n');
    }));

  test('a second Ctrl-C ends it at once', () => withProject({ [W]: workflow(shell('stubborn', 'trap "" TERM INT; touch ready; while :; do sleep 1; done')) }, async ({ child, has, run }) => {
    const running = child(['run', 'w']);
    let err = '';
    running.stderr.setEncoding('utf8').on('data', (d) => { err += d; });
    const closed = once(running, 'close');
    while (!has('ready')) await new Promise((r) => setTimeout(r, 5));
    running.kill('SIGINT');
    while (!/stopping/.test(err)) await once(running.stderr, 'data');
    running.kill('SIGINT');
    assert.equal((await closed)[0], 130);
    const record = JSON.parse((await run(['runs', 'list', '--output', 'json'])).stdout);
    assert.equal(record[0].status, 'cancelled');
  }));

  for (const [signal, code] of [['SIGINT', 130], ['SIGTERM', 143]])
    test(`a second ${signal} while a backend's grace runs ends it at once, by exit ${code}`, () => withProject({
      [W]: workflow(query('q', 'x')),
      'stubborn.sh': 'trap "" TERM INT\ntouch ready\nwhile :; do sleep 1; done\n',
    }, async ({ child, has }) => {
      const running = child(['run', 'w']);
      let err = '';
      running.stderr.setEncoding('utf8').on('data', (d) => { err += d; });
      const closed = once(running, 'close');
      while (!has('ready')) await new Promise((r) => setTimeout(r, 5));
      running.kill(signal);
      while (!/w interrupted/.test(err)) await once(running.stderr, 'data');
      running.kill(signal);
      assert.deepEqual(await closed, [code, null]);
    }, { config: '[backends.fake]\ncommand = "sh"\nargs = ["stubborn.sh", "{prompt}"]\nkill_grace_ms = 900000\n[roles.default]\nbackends = ["fake"]\n' }));

  test('--resume asks for secrets again, and runs again what said one', () => withProject({
    [W]: workflow(shell('says', 'echo 1 >> said; echo {{ args.token }}') + shell('quiet', 'echo 1 >> quiet; : {{ args.token }}') + shell('gives', '[ -e go ] && printf %s {{ steps.says.output }}{{ args.token }}{{ args.other }} > given'), '[args.token]\nsecret = true\nrequired = true\n[args.other]\nrequired = true'),
  }, async ({ run, write, file, has }) => {
    assert.equal((await run(['run', 'w', 'token=hush', 'other=kept'])).code, 1);
    write('go', '');
    const refused = await run(['run', 'w', '--resume', 'last']);
    assert.equal(refused.code, 2);
    assert.match(refused.stderr, /does not keep secrets.*\(token=\.\.\.\)/);
    assert.ok(!has('given'));
    const done = await run(['run', 'w', 'token=hush', '--resume', 'last']);
    assert.equal(done.code, 0, done.stderr);
    assert.equal(file('given'), 'hushhushkept');
    assert.match(done.stderr, /says.*is run again: what it said holds a secret/);
    assert.deepEqual([file('said'), file('quiet')], ['1\n1\n', '1\n']);
  }));

  test('--resume refuses a changed file, --force-resume goes on; unknown runs are refused', () => withProject({ [W]: workflow(shell('one', 'echo 1 >> count') + shell('two', 'test -e fixed')) }, async ({ run, write, file }) => {
    assert.equal((await run(['run', 'w'])).code, 1);
    write(W, workflow(shell('one', 'echo 1 >> count') + shell('two', 'echo now')));
    const refused = await run(['run', 'w', '--resume']);
    assert.equal(refused.code, 2);
    assert.match(refused.stderr, /file has changed.*--force-resume/);
    const forced = await run(['run', 'w', '--resume', 'last', '--force-resume']);
    assert.deepEqual([forced.code, forced.stdout], [0, 'now\n']);
    assert.equal(file('count'), '1\n');
    const unknown = await run(['run', 'w', '--resume', 'w-none']);
    assert.equal(unknown.code, 2);
    assert.match(unknown.stderr, /w-none/);
  }));
});

describe('arguments of a resumed run', { skip }, () => {
  const text = workflow(shell('one', 'true') + shell('two', 'test -e go && printf "%s|" {{ args.list }} {{ args.content }} {{ args.n }}'), '[args.list]\ntype = "list"\n[args.content]\ntype = "file"\n[args.n]\ntype = "int"\ndefault = 7');
  test('are those of before, whatever their type; some can be given anew', () => withProject({ [W]: text, 'c.txt': 'the content' }, async ({ run, write }) => {
    const first = ['run', 'w', 'list=a,b c', 'content=@c.txt'];
    assert.equal((await run(first)).code, 1);
    assert.equal((await run(first)).code, 1);
    write('go', '');
    write('c.txt', 'changed');
    const same = await run(['run', 'w', '--resume', '--quiet']);
    assert.equal(same.code, 0, same.stderr);
    assert.match(same.stdout, /a.*b c.*\|the content\|7\|/);
    const changed = await run(['run', 'w', 'n=9', '--resume', 'last', '--quiet']);
    assert.equal(changed.code, 2); // a file's content is no path: it has to be given again
    assert.match(changed.stderr, /content/);
  }));
});

describe('on a terminal', { skip }, () => {
  /** Runs under a pseudo-terminal; what it wrote, and its exit code. */
  async function terminal(place, args, { input = '', columns = 60 } = {}) {
    const command = `stty cols ${columns} rows 20; exec ${[binary, ...args, '--trust'].map((a) => `'${a}'`).join(' ')}`;
    const child = spawn('script', ['-qec', command, '/dev/null'], { env: { ...place.env, TERM: 'xterm', SHELL: '/bin/sh' }, cwd: place.dir, stdio: ['pipe', 'pipe', 'pipe'] });
    let out = '';
    child.stdout.setEncoding('utf8').on('data', (d) => {
      out += d;
      if (input && /Go on\? \[yes\/no\] $/.test(out)) {
        child.stdin.write(input);
        input = '';
      }
    });
    const [code] = await once(child, 'close');
    return { code, out };
  }
  /** What a terminal shows in the end: enough of one for what is written. */
  function screen(text) {
    const rows = [''];
    let row = 0;
    for (const [token] of text.matchAll(/\u001b\[[?\d;]*[A-Za-z]|\r|\n|[^\u001b\r\n]+/g)) {
      const up = /^\u001b\[(\d+)A$/.exec(token);
      if (up) row -= Number(up[1]);
      else if (token === '\n') rows[++row] ??= '';
      else if (token === '\u001b[J') rows.splice(row, Infinity, '');
      else if (token === '\u001b[K') rows[row] = rows[row].slice(0, rows.fresh ?? undefined);
      else if (token === '\r') rows.fresh = 0;
      else if (token[0] !== '\u001b') {
        rows[row] = rows.fresh === 0 || rows.last !== row ? token : rows[row] + token;
        rows.fresh = undefined;
      }
      rows.last = row;
    }
    return rows;
  }

  test('running steps are redrawn in place and leave one line each', () => withProject({
    [W]: workflow(query('left', 'held left') + query('right', 'held right')),
  }, async (place) => {
    model.prompts.length = 0;
    model.holds = () => true;
    const shown = terminal(place, ['run', 'w']);
    await model.asked(/left/);
    await model.asked(/right/);
    // long enough for some frames, whatever the machine does meanwhile
    setTimeout(() => {
      for (const [i, response] of model.held.splice(0).entries()) {
        response.setHeader('content-type', 'application/json');
        response.end(JSON.stringify({ choices: [{ index: 0, message: { role: 'assistant', content: `text ${i}` }, finish_reason: 'stop' }] }));
      }
    }, 500);
    const { code, out } = await shown;
    model.holds = () => false;
    assert.equal(code, 0, out);
    assert.ok((out.match(/\[1\/2\] left {2}\d/g) ?? []).length >= 2, 'no frames');
    const rows = screen(out);
    assert.equal(rows.filter((r) => /\[1\/2\] left/.test(r)).length, 1, rows.join('\n'));
    assert.equal(rows.filter((r) => /\[2\/2\] right/.test(r)).length, 1, rows.join('\n'));
    assert.ok(out.includes('\u001b[32m'), 'no colour');
    assert.equal((out.match(/\u001b\[\?7l/g) ?? []).length, (out.match(/\u001b\[\?7h/g) ?? []).length, 'wrapping was not restored');
  }));

  test('NO_COLOR and --no-color', () => withProject({ [W]: workflow(shell('one', 'true')) }, async (place) => {
    assert.doesNotMatch((await terminal(place, ['run', 'w', '--no-color'])).out, /\u001b\[3\dm/);
    assert.doesNotMatch((await terminal({ ...place, env: { ...place.env, NO_COLOR: '1' } }, ['run', 'w'])).out, /\u001b\[3\dm/);
  }));

  test('an input step asks, and takes the answer', () => withProject({
    [W]: workflow(`[[steps]]\nname = "sure"\ntype = "input"\nprompt = "Go on?"\noptions = ["yes", "no"]\n${shell('act', 'echo did: {{ steps.sure.output }}')}`),
  }, async (place) => {
    const { code, out } = await terminal(place, ['run', 'w'], { input: 'YES\n' });
    assert.equal(code, 0, out);
    assert.match(out, /did: yes/);
  }));
});

describe('input without a terminal', { skip }, () => {
  const files = { [W]: workflow(`[[steps]]\nname = "sure"\ntype = "input"\nprompt = "Go on?"\noptions = ["yes", "no"]\n${shell('act', 'echo {{ steps.sure.output }}')}`) };
  test('--answer, --yes, or a clear failure', () => withProject(files, async ({ run }) => {
    assert.equal((await run(['run', 'w', '--answer', 'sure=no', '--quiet'])).stdout, 'no\n');
    assert.equal((await run(['run', 'w', '--yes', '--quiet'])).stdout, 'yes\n');
    const none = await run(['run', 'w']);
    assert.equal(none.code, 1);
    assert.match(none.stderr, /--yes|--answer/);
    assert.equal((await run(['run', 'w', '--answer', 'nope=1'])).code, 2);
  }));
});

describe('a person in a hurry', { skip }, () => {
  const cases = [
    ['a typo in a step name', workflow(shell('analyze', 'echo') + shell('b', 'echo {{ steps.anaylze.output }}')), [], 2, /w\.toml:\d+:\d+: error: .*anaylze[^]*did you mean.*analyze/],
    ['a missing argument', workflow(shell('a', 'echo'), '[args.issue]\nrequired = true\ndescription = "what is wrong"'), [], 2, /issue.*what is wrong[^]*usage: llm-mux run w/],
    ['an unknown flag', workflow(shell('a', 'echo'), '[args.x]\n'), ['--verbsoe'], 2, /verbsoe/],
    ['a wrong mode', workflow(shell('a', 'echo')), ['--output', 'xml'], 2, /console, json, jsonl or quiet, not 'xml'/],
    ['an amount that is none', workflow(shell('a', 'echo')), ['--max-cost', 'cheap'], 2, /--max-cost needs an amount/],
    ['a missing file of --context', workflow(shell('a', 'echo')), ['--context', 'gone.md'], 2, /gone\.md/],
    ['a role that is not there', workflow('[[steps]]\nname = "q"\ntype = "query"\nrole = "defualt"\nprompt = "x"\n'), [], 2, /defualt[^]*did you mean `default`/],
  ];
  for (const [name, text, args, code, re] of cases)
    test(name, () => withProject({ [W]: text }, async ({ run, has }) => {
      const done = await run(['run', 'w', ...args]);
      assert.equal(done.code, code, done.stderr);
      assert.match(done.stderr, re);
      assert.equal(done.stdout, '');
      assert.ok(!has('.llm-mux/state'), 'a record was made');
    }));

  test('a wrong workflow name gets a suggestion', () => withProject({ '.llm-mux/workflows/release.toml': 'name = "release"\n' + shell('a', 'echo') }, async ({ run }) => {
    const done = await run(['run', 'relaese']);
    assert.equal(done.code, 2);
    assert.match(done.stderr, /did you mean `release`\?.*llm-mux workflows/);
  }));

  test('a program that is not there is unavailable, named, with a hint', () => withProject({ [W]: workflow(query('q', 'x')) }, async ({ run }) => {
    const done = await run(['run', 'w']);
    assert.equal(done.code, 1);
    assert.match(done.stderr, /error: unavailable: /);
    assert.match(done.stderr, /no-such-program/);
    assert.match(done.stderr, /hint: .*llm-mux doctor/);
  }, { config: '[backends.x]\ncommand = "no-such-program"\n[roles.default]\nbackends = ["x"]\n' }));

  test('a server that is down is a network failure with a hint', () => withProject({ [W]: workflow(query('q', 'x')) }, async ({ run }) => {
    const done = await run(['run', 'w']);
    assert.equal(done.code, 1);
    assert.match(done.stderr, /error: network: /);
    assert.match(done.stderr, /hint: +is the server up\?/);
  }, { config: '[backends.x]\ncommand = "http://127.0.0.1:1/v1"\nmax_retries = 0\n[roles.default]\nbackends = ["x"]\n' }));

  test('an untrusted project is refused without a terminal', () => withProject({ [W]: workflow(shell('a', 'echo')) }, async ({ dir, env }) => {
    const done = await runBinary(['run', 'w'], { env, cwd: dir });
    assert.equal(done.code, 2);
    assert.match(done.stderr, /llm-mux trust/);
  }));

  test('--max-cost stops before the call', () => withProject({ [W]: workflow(query('q', 'expensive question')) }, async ({ run }) => {
    model.prompts.length = 0;
    const done = await run(['run', 'w', '--max-cost', '0.0001']);
    assert.equal(done.code, 1);
    assert.match(done.stderr, /--max-cost/);
    assert.equal(model.prompts.length, 0);
  }));
});

describe('plan', { skip }, () => {
  const files = { [W]: workflow(shell('one', 'touch ran; echo {{ args.x }}') + query('two', 'Say {{ steps.one.output }}') + query('three', 'And {{ args.x }}') + query('four', '{{ steps.two.output }}'), '[args.x]\ndefault = "a b"') };

  test('order, commands, prompts and an estimate; nothing is done', () => withProject(files, async ({ run, has, dir }) => {
    model.prompts.length = 0;
    for (const args of [['plan', 'w'], ['run', 'w', '--dry-run']]) {
      const done = await run(args);
      assert.equal(done.code, 0, done.stderr);
      assert.match(done.stdout, /^ 1\. one \(shell\)\n +\$ touch ran; echo 'a b'$/m);
      assert.match(done.stdout, /^ 2\. at once:\n {2}- two \(query: default\), about \d+ tokens, \$0\.\d+\n +\| Say <output of one>\n {2}- three/m);
      assert.match(done.stdout, /^ 3\. four/m);
      assert.match(done.stdout, /all prompts: about \d+ tokens, \$/);
    }
    assert.equal(model.prompts.length, 0);
    assert.ok(!has('ran'));
    assert.deepEqual(readdirSync(join(dir, '.llm-mux')), ['workflows']);
  }));

  test('what an apply step takes, and tries it with', () => withProject({
    [W]: workflow(query('q', 'edits') + '[[steps]]\nname = "a"\ntype = "apply"\nsource = "q"\nverify = "sh check.sh"\nverify_retries = 2\n'),
  }, async ({ run }) => {
    const done = await run(['plan', 'w']);
    assert.match(done.stdout, /^ 2\. a \(apply\)\n +source: q\n +verify: sh check\.sh\n +retries: at most 2/m);
  }));

  test('a project can be looked at before it is trusted', () => withProject(files, async ({ dir, env }) => {
    const done = await runBinary(['plan', 'w'], { env, cwd: dir });
    assert.equal(done.code, 0, done.stderr);
    assert.match(done.stdout, /touch ran/);
  }));

  test('as JSON', () => withProject(files, async ({ run }) => {
    const result = events((await run(['plan', 'w', '--output', 'json'])).stdout).at(-1);
    assert.deepEqual(result.plan, [['one'], ['two', 'three'], ['four']]);
    assert.equal(result.output, null);
    assert.equal(result.steps.two.prompt, 'Say <output of one>');
  }));
});

describe('ask', { skip }, () => {
  test('an argument, a pipe, and both', () => withProject({}, async ({ run }) => {
    model.reply = (prompt) => `<${prompt}>`;
    try {
      assert.equal((await run(['ask', 'why', 'so'])).stdout, '<why so>\n');
      assert.equal((await run(['ask', '-'], { input: 'piped' })).stdout, '<piped>\n');
      assert.equal((await run(['ask', 'Review:'], { input: 'a diff\n' })).stdout, '<Review:\n\na diff\n>\n');
      assert.equal((await run(['ask', '--stream', 'x y'])).stdout, '<x y>\n');
    } finally {
      model.reply = (prompt) => `reply to: ${prompt.split('\n')[0]}`;
    }
  }));

  test('JSON ends in a Result; errors too', () => withProject({}, async ({ run }) => {
    const good = await run(['ask', 'x', '--output', 'json']);
    assert.equal(good.code, 0);
    const result = events(good.stdout).at(-1);
    assert.deepEqual([result.success, result.output, result.usage], [true, 'reply to: x', { input_tokens: 10, output_tokens: 5 }]);
    const bad = await run(['ask', 'x', '--role', 'nope', '--output', 'json']);
    assert.equal(bad.code, 2);
    assert.equal(events(bad.stdout).at(-1).success, false);
  }));

  test('who is asked: --backend, a model, the demo on a fresh machine', () => withProject({}, async ({ run, has }) => {
    const done = await run(['ask', 'hello']);
    assert.equal(done.code, 0);
    assert.equal(done.stdout, '[demo] hello\n');
    assert.match(done.stderr, /warning: no backend.*llm-mux init/);
    assert.equal((await run(['ask', '-b', 'demo/echo', 'hi'])).stdout, '[demo] hi\n');
    const typo = await run(['ask', '-b', 'fkae', 'hi']);
    assert.deepEqual([typo.code, typo.stdout], [2, '']);
    assert.equal((await run(['ask'])).code, 2);
    assert.ok(!has('.llm-mux/state'));
  }, { config: '' }));

  test('--schema: an answer that does not fit is asked for again, then refused', () => withProject({ 's.json': '{"type":"object","required":["n"]}' }, async ({ run }) => {
    let count = 0;
    model.reply = () => (count++ === 0 ? 'no json' : '{"n": 1}');
    const good = await run(['ask', '--schema', 's.json', 'x']);
    assert.deepEqual([good.code, good.stdout, count], [0, '{"n": 1}\n', 2]);
    model.reply = () => '{"m": 1}';
    const bad = await run(['ask', '--schema', 's.json', 'x']);
    model.reply = (prompt) => `reply to: ${prompt.split('\n')[0]}`;
    assert.deepEqual([bad.code, bad.stdout], [1, '']);
    assert.match(bad.stderr, /`n`/);
  }));
});

describe('test', { skip }, () => {
  const files = {
    [W]: workflow(shell('list', 'cat a.txt') + query('judge', 'Judge {{ steps.list.output }}') + query('again', 'Sum up {{ steps.judge.output }}') + shell('write', 'printf %s {{ steps.again.output }} > out.txt; cat out.txt')),
  };
  const cases = (text) => ({ ...files, '.llm-mux/workflows/w.test.toml': text });
  const good = `[[cases]]
name = "goes well"
files = { "a.txt" = "data" }
replies.judge = "fine"
replies.again = [{ error = "rate_limit" }, "sum; touch pwned"]
[cases.expect]
output = "sum; touch pwned"
steps.list = "ok"
steps.judge = { status = "ok", output = { matches = "^f" }, prompt = { contains = "Judge data" } }
files = { "out.txt" = { contains = "sum" }, "pwned" = false }
calls = { judge = 1, again = 2 }
`;

  test('cases pass, in directories that go with them; nobody is asked', () => withProject(cases(good), async ({ run, has }) => {
    model.prompts.length = 0;
    const done = await run(['test', 'w']);
    assert.equal(done.code, 0, done.stdout + done.stderr);
    assert.match(done.stdout, /^ok {3}goes well \(.*\)\n1 passed, 0 failed\n$/);
    assert.equal(model.prompts.length, 0);
    assert.ok(!has('out.txt') && !has('.llm-mux/state'));
    const json = lines((await run(['test', 'w', '--output', 'json'])).stdout);
    assert.deepEqual(json.map((e) => [e.type, e.success]), [['Case', true], ['Result', true]]);
  }, { config: '[backends.fake]\ncommand = "false"\nmax_retries = 2\n[roles.default]\nbackends = ["fake"]\n' }));

  test('a case that fails says how; exit 1', () => withProject(cases(`[[cases]]
name = "wrong in every way"
files = { "a.txt" = "data" }
replies.default = "same"
[cases.expect]
output = { contains = "other" }
steps = { list = "failed", judge = { output = "different" } }
files = { "none.txt" = true }
calls.default = 3
`), async ({ run }) => {
    const done = await run(['test', 'w']);
    assert.equal(done.code, 1);
    for (const re of [/^FAIL wrong in every way/m, /the final text does not contain "other": "same"/, /step list is `ok`, not `failed`/, /the output of step judge is "same", not "different"/, /there is no file none\.txt/, /`default` was asked 2 times, not 3/])
      assert.match(done.stdout, re);
  }));

  test('a question without a reply fails the step and shows the question', () => withProject(cases('[[cases]]\nname = "bare"\nfiles = { "a.txt" = "data" }\n'), async ({ run }) => {
    const done = await run(['test', 'w']);
    assert.equal(done.code, 1);
    assert.match(done.stdout, /has no reply for: Judge data/);
  }));

  for (const [name, text, re] of [
    ['an unknown key', '[[cases]]\nnmae = "x"\n', /w\.test\.toml:2:1: error: unknown key `nmae`[^]*did you mean `name`/],
    ['an unknown name', '[[cases]]\nreplies.jugde = "x"\n', /w\.test\.toml:2:\d+: error: `jugde` is no query step[^]*did you mean `judge`/],
    ['a wrong status', '[[cases]]\nexpect.steps.judge = "okay"\n', /cannot be `okay`/],
    ['a path that leads out', '[[cases]]\nfiles = { "../x" = "y" }\n', /not in the case's directory/],
    ['no cases', '', /no \[\[cases\]\]/],
  ])
    test(`${name}: exit 2`, () => withProject(cases(text), async ({ run }) => {
      const done = await run(['test', 'w']);
      assert.equal(done.code, 2, done.stdout);
      assert.match(done.stderr, re);
    }));

  test('what has replies needs no configuration, and files are those of the case', () => withProject({
    [W]: workflow(shell('show', 'cat {{ args.file }}') + query('fix', '{{ steps.show.output }}').replace('"default"', '"fixer"') + query('two', 'x').replace('role = "default"', 'backend = "bee"'), '[args.file]\ntype = "file"\nrequired = true'),
    '.llm-mux/workflows/w.test.toml': `[[cases]]
args = { file = "story.txt" }
files = { "story.txt" = "once" }
replies.fixer = "by role"
replies.two = "by step"
[cases.expect]
steps.fix = { output = "by role", prompt = "once" }
steps.two = { output = "by step" }
[[cases]]
name = "where nobody answers"
args = { file = "story.txt" }
files = { "story.txt" = "once" }
[cases.expect]
status = "failed"
steps.fix = { status = "failed", error = { contains = "no reply" } }
calls = { fixer = 1, two = 1 }
`,
  }, async ({ run, write }) => {
    const done = await run(['test', 'w']);
    assert.equal(done.code, 0, done.stdout + done.stderr);
    write('.llm-mux/workflows/w.test.toml', '[[cases]]\nargs = { file = "story.txt" }\nfiles = { "story.txt" = "once" }\nreplies.two = "x"\n');
    const lacks = await run(['test', 'w']);
    assert.equal(lacks.code, 2);
    assert.match(lacks.stderr, /asks the role `fixer`, which is defined neither/);
  }, { config: '' }));

  test('without a file of cases it says where it looked', () => withProject(files, async ({ run }) => {
    const done = await run(['test', 'w']);
    assert.equal(done.code, 2);
    assert.match(done.stderr, /w\.test\.toml.*--case FILE/);
  }));
});

describe('the first minutes', { skip }, () => {
  test('init --project on a bare machine: hello runs at once', async () => {
    const place = cleanHome();
    const dir = join(place.home, 'fresh');
    mkdirSync(dir);
    writeFileSync(join(dir, 'main.go'), 'package main\n');
    const run = (args, env = {}) => runBinary(args, { env: { ...place.env, PATH: '/usr/bin:/bin', ...env }, cwd: dir });
    try {
      const made = await run(['init', '--project']);
      assert.equal(made.code, 0, made.stderr);
      assert.match(made.stdout, /a go project/);
      const hello = await run(['run', 'hello', 'who=Ada']);
      assert.equal(hello.code, 0, hello.stderr);
      assert.match(hello.stdout, /^\[demo\] Greet Ada/);
      assert.equal((await run(['validate'])).code, 0);
      assert.match((await run(['roles'])).stdout, /go_concurrency/);
      const again = await run(['init', '--project']);
      assert.equal(again.code, 0);
      assert.match(again.stdout, /exists and stays as it is/);
      for (const name of ['hunt', 'audit', 'fix', 'review', 'diff'])
        assert.equal((await run(['validate', name])).code, 0, name);
    } finally {
      place.remove();
    }
  });

  test('init writes the programs it finds, and what it writes is valid', async () => {
    const place = cleanHome();
    const bin = join(place.home, 'bin');
    mkdirSync(bin);
    for (const name of ['claude', 'codex']) {
      writeFileSync(join(bin, name), '#!/bin/sh\necho "I am $0"; cat\n');
      chmodSync(join(bin, name), 0o755);
    }
    const run = (args) => runBinary(args, { env: { ...place.env, PATH: `${bin}:/usr/bin:/bin` }, cwd: place.home });
    try {
      const made = await run(['init']);
      assert.equal(made.code, 0, made.stderr);
      assert.match(made.stdout, /found claude: .*\n.*found codex/);
      assert.equal((await run(['config', 'validate'])).code, 0);
      assert.match((await run(['roles'])).stdout, /default +claude, codex +first/);
      assert.match((await run(['ask', 'hello'])).stdout, /I am .*claude/);
      assert.match((await run(['doctor', '--offline', '--output', 'json'])).stdout, /"check": "backend",\s+"status": "ok",\s+"detail": "claude: /);
    } finally {
      place.remove();
    }
  });

  test('init --force mends what cannot be read, and keeps it', () => withProject({}, async ({ env, dir }) => {
    const bin = join(dir, 'bin');
    mkdirSync(bin);
    writeFileSync(join(bin, 'gemini'), '#!/bin/sh\ncat\n', { mode: 0o755 });
    const run = (args) => runBinary(args, { env: { ...env, PATH: `${bin}:/usr/bin:/bin` }, cwd: dir });
    const home = join(env.XDG_CONFIG_HOME, 'llm-mux');
    assert.equal((await run(['run', 'hunt'])).code, 2);
    assert.match((await run(['init'])).stdout, /config\.toml exists and stays/);
    const forced = await run(['init', '--force']);
    assert.deepEqual([forced.code, forced.stderr], [0, '']);
    assert.equal(readFileSync(join(home, 'config.toml.bak'), 'utf8'), 'broken [');
    assert.equal((await run(['config', 'validate'])).code, 0);
  }, { config: 'broken [' }));

  test('context proposes, and writes with --yes', () => withProject({ 'Cargo.toml': '[package]\n', 'src/main.rs': 'fn main() {}\n', 'README.md': '# Thing\n\nDoes things.\n' }, async ({ run, has, file }) => {
    const shown = await run(['context']);
    assert.equal(shown.code, 0, shown.stderr);
    assert.match(shown.stdout, /\[teams\.rust\][^]*Does things\.[^]*src\/ \(1 files\)/);
    assert.ok(!has('.llm-mux/context.md'));
    assert.equal((await run(['context', '--yes'])).code, 0);
    assert.match(file('.llm-mux/context.md'), /Language: rust/);
    assert.equal((await run(['config', 'validate'])).code, 0);
  }));
});
