// Crash proof: the program is killed before its N-th change of a file, for every N of a run of six steps, and the run is gone on
// with: same outputs, no paid call again whose answer was on the record, no half-applied edit (workflows.md 5.13, 7.5).
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { binary, cleanHome, noBinary, sanitized } from './harness.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const compiler = process.env.CC ?? 'cc';
const work = mkdtempSync(join(tmpdir(), 'llm-mux-crash-'));
const shim = join(work, 'kill_at_write.so');
after(() => rmSync(work, { recursive: true, force: true }));

/** Answers by what is asked, and counts each prompt. */
let asked = new Map();
const answers = [
  [/^PLAN/, 'the plan'],
  [/^EDIT/, JSON.stringify({ edits: [{ path: 'a.txt', old: 'one', new: 'ONE' }, { path: 'b.txt', old: 'two', new: 'TWO' }, { path: 'new/c.txt', content: 'three\n' }] })],
  [/^ITEM (\S+)/, (name) => `about ${name}`],
];
const fake = http.createServer((request, response) => {
  let body = '';
  request.on('data', (chunk) => (body += chunk));
  request.on('end', () => {
    const prompt = JSON.parse(body).messages.at(-1).content;
    const key = prompt.split('\n')[0];
    asked.set(key, (asked.get(key) ?? 0) + 1);
    const found = answers.map(([pattern, text]) => [pattern.exec(key), text]).find(([match]) => match);
    const text = typeof found[1] === 'function' ? found[1](found[0][1]) : found[1];
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ id: 'x', object: 'chat.completion', created: 1, model: 'm', choices: [{ index: 0, message: { role: 'assistant', content: text }, finish_reason: 'stop' }], usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 } }));
  });
});

const workflow = `
name = "six"

[[steps]]
name = "start"
type = "shell"
run = "echo begun"

[[steps]]
name = "plan"
type = "query"
backend = "fake"
prompt = "PLAN {{ steps.start.output }}"

[[steps]]
name = "edit"
type = "query"
backend = "fake"
prompt = "EDIT by {{ steps.plan.output }}"

[[steps]]
name = "apply"
type = "apply"
source = "steps.edit"
verify = "grep -q ONE a.txt && grep -q TWO b.txt"

[[steps]]
name = "each"
type = "query"
backend = "fake"
for_each = "['x', 'y', 'z']"
prompt = "ITEM {{ item }}"
depends_on = ["apply"]

[[steps]]
name = "report"
type = "shell"
run = "cat a.txt b.txt new/c.txt; printf '%s\\\\n' {{ steps.each.output }}"
`;
const finalText = 'ONE\nTWO\nthree\nabout x\nabout y\nabout z\n';
const originals = { 'a.txt': 'one\n', 'b.txt': 'two\n' };

const home = cleanHome();
after(() => home.remove());

before(async () => {
  if (noBinary) return;
  execFileSync(compiler, ['-shared', '-fPIC', '-O1', '-o', shim, join(here, 'runner/kill_at_write.c'), '-ldl']);
  fake.listen(0, '127.0.0.1');
  await once(fake, 'listening');
  const config = join(home.env.XDG_CONFIG_HOME, 'llm-mux');
  mkdirSync(config, { recursive: true });
  writeFileSync(join(config, 'config.toml'), `[backends.fake]\ncommand = "http://127.0.0.1:${fake.address().port}/v1"\nmodel = "m"\n`);
});
after(() => fake.close());

function freshProject(name) {
  const dir = join(work, name);
  mkdirSync(dir);
  for (const [file, text] of Object.entries(originals)) writeFileSync(join(dir, file), text);
  writeFileSync(join(dir, 'six.toml'), workflow);
  return dir;
}

/** Runs the program; the shim kills it before change `killAt` when there is one. */
async function run(dir, args, extra = {}) {
  const child = spawn(binary, ['-C', dir, 'run', './six.toml', '--quiet', ...args], {
    cwd: dir,
    env: { ...home.env, LD_PRELOAD: shim, ...(sanitized ? { ASAN_OPTIONS: `${home.env.ASAN_OPTIONS ?? ''}:verify_asan_link_order=0:detect_leaks=0` } : {}), ...extra },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk) => (stdout += chunk));
  child.stderr.on('data', (chunk) => (stderr += chunk));
  const [code, signal] = await once(child, 'close');
  return { code, signal, stdout, stderr };
}

/** What each paid call asks, by its name on the record. */
const promptOf = { plan: 'PLAN begun', edit: 'EDIT by the plan', 'each/1': 'ITEM x', 'each/2': 'ITEM y', 'each/3': 'ITEM z' };

/** The prompts whose answers stand on the record, by their first lines. */
function recorded(dir) {
  const state = join(dir, '.llm-mux/state');
  const prompts = new Set();
  if (!existsSync(state)) return { prompts, hasRun: false };
  const runs = readdirSync(state).filter((name) => name.startsWith('six-') && existsSync(join(state, name, 'journal.ndjson')));
  let hasRun = false;
  for (const name of runs) {
    const lines = readFileSync(join(state, name, 'journal.ndjson'), 'utf8').split('\n');
    for (const line of lines.slice(0, -1)) {
      const entry = JSON.parse(line);
      if (entry.type === 'start') hasRun = true;
      if (entry.type !== 'call') continue;
      assert.ok(promptOf[entry.key], `call ${entry.key}`);
      prompts.add(promptOf[entry.key]);
    }
  }
  return { prompts, hasRun };
}

const read = (dir, name) => (existsSync(join(dir, name)) ? readFileSync(join(dir, name), 'utf8') : undefined);

test('SIGKILL before every change of a file of a run of six steps, then --resume', { skip: noBinary, timeout: 900_000 }, async (t) => {
  const countFile = join(work, 'count');
  const reference = freshProject('reference');
  const whole = await run(reference, [], { KILL_COUNT_FILE: countFile });
  assert.equal(whole.code, 0, whole.stderr);
  assert.equal(whole.stdout, finalText);
  const total = Number(readFileSync(countFile, 'utf8'));
  assert.ok(total > 30, `${total} changes`);
  assert.deepEqual([...asked.values()], [1, 1, 1, 1, 1]);

  // Under a sanitizer every third point: the same code, and each start takes long.
  const step = sanitized ? 3 : 1;
  for (let at = 1; at <= total; at += step) {
    const dir = freshProject(`kill-${at}`);
    asked = new Map();
    const killed = await run(dir, [], { KILL_AT_WRITE: String(at) });
    const where = `killed before change ${at} of ${total}`;
    if (killed.signal !== 'SIGKILL') {
      // Runs differ by a few changes; the last points may lie behind the end.
      assert.equal(killed.code, 0, `${where}: ${killed.stderr}`);
      continue;
    }
    // Each file is whole, of before or of after.
    assert.ok(['one\n', 'ONE\n'].includes(read(dir, 'a.txt')), where);
    assert.ok(['two\n', 'TWO\n'].includes(read(dir, 'b.txt')), where);
    assert.ok([undefined, 'three\n'].includes(read(dir, 'new/c.txt')), where);
    const { prompts, hasRun } = recorded(dir);
    const first = asked;
    asked = new Map();
    const resumed = await run(dir, hasRun ? ['--resume', 'last'] : []);
    assert.equal(resumed.code, 0, `${where}: ${resumed.stderr}`);
    assert.equal(resumed.stdout, finalText, where);
    for (const prompt of prompts) assert.equal(asked.get(prompt) ?? 0, 0, `${where}: ${prompt} was on the record and is asked again`);
    const twice = [...asked.keys()].filter((prompt) => first.has(prompt));
    assert.ok(twice.length <= 1, `${where}: asked twice: ${twice.join(', ')}`);
    assert.equal(read(dir, 'a.txt'), 'ONE\n', where);
    assert.equal(read(dir, 'new/c.txt'), 'three\n', where);
    const strays = readdirSync(dir).filter((name) => !['.llm-mux', 'a.txt', 'b.txt', 'new', 'six.toml'].includes(name));
    assert.deepEqual(strays, [], where);
    rmSync(dir, { recursive: true });
  }
  t.diagnostic(`${total} changes of files, killed before each ${step === 1 ? 'one' : `${step}rd`}`);
});
