// Logs of runs: output.handlers and output.log (workflows.md 8.6, 10).
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { binary, cleanHome, noBinary } from './harness.mjs';

const home = cleanHome();
const work = mkdtempSync(join(tmpdir(), 'llm-mux-log-'));
after(() => {
  home.remove();
  rmSync(work, { recursive: true, force: true });
});

async function runIn(name, config) {
  const dir = join(work, name);
  mkdirSync(join(dir, '.llm-mux'), { recursive: true });
  writeFileSync(join(dir, '.llm-mux/config.toml'), config);
  writeFileSync(join(dir, 'two.toml'), '[[steps]]\nname = "one"\ntype = "shell"\nrun = "echo first"\n\n[[steps]]\nname = "two"\ntype = "shell"\nrun = "exit 3"\n');
  const child = spawn(binary, ['-C', dir, 'run', './two.toml'], { env: home.env, stdio: ['ignore', 'pipe', 'pipe'] });
  let stderr = '';
  child.stderr.on('data', (chunk) => (stderr += chunk));
  child.stdout.resume();
  const [code] = await once(child, 'close');
  return { dir, code, stderr };
}

const logs = (dir) => (existsSync(join(dir, '.llm-mux/logs')) ? readdirSync(join(dir, '.llm-mux/logs')).filter((name) => name.endsWith('.log')) : []);

test('handlers = ["console", "log"]: the same lines in a file named by the run', { skip: noBinary }, async () => {
  const { dir, code, stderr } = await runIn('both', '[output]\nhandlers = ["console", "log"]\n');
  assert.equal(code, 1);
  assert.match(stderr, /one/);
  const names = logs(dir);
  assert.equal(names.length, 1);
  const text = readFileSync(join(dir, '.llm-mux/logs', names[0]), 'utf8');
  assert.match(text, /\bone\b/);
  assert.match(text, /\btwo\b/);
  assert.match(text, /exit(ed with)? code 3|code 3/);
  // eslint-disable-next-line no-control-regex
  assert.doesNotMatch(text, /\x1b/);
});

test('handlers = ["log"]: the console says only what failed', { skip: noBinary }, async () => {
  const { dir, stderr } = await runIn('log-only', '[output]\nhandlers = ["log"]\n');
  assert.equal(logs(dir).length, 1);
  assert.doesNotMatch(stderr, /\[1\/2\]/);
  assert.match(stderr, /two/);
});

test('without the handler there is no log', { skip: noBinary }, async () => {
  const { dir } = await runIn('none', '');
  assert.deepEqual(logs(dir), []);
});

test('retain_days removes old logs, and nothing else', { skip: noBinary }, async () => {
  const config = '[output]\nhandlers = ["log"]\n[output.log]\nretain_days = 2\n';
  const { dir } = await runIn('retain', config);
  const folder = join(dir, '.llm-mux/logs');
  const old = new Date(Date.now() - 3 * 24 * 3600 * 1000);
  const [first] = logs(dir);
  for (const name of [first, 'notes.txt']) {
    writeFileSync(join(folder, name), 'x');
    utimesSync(join(folder, name), old, old);
  }
  await runIn('retain', config);
  assert.equal(logs(dir).includes(first), false);
  assert.equal(logs(dir).length, 1);
  assert.ok(existsSync(join(folder, 'notes.txt')));
});
