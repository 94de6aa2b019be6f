// Edits are shown and confirmed before they are made: --confirm (workflows.md 11, rank 14).
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { binary, cleanHome, noBinary } from './harness.mjs';

const home = cleanHome();
const work = mkdtempSync(join(tmpdir(), 'llm-mux-confirm-'));
const script = '/usr/bin/script';
after(() => {
  home.remove();
  rmSync(work, { recursive: true, force: true });
});

function project(name) {
  const dir = join(work, name);
  mkdirSync(dir);
  writeFileSync(join(dir, 'a.txt'), 'one\n');
  writeFileSync(join(dir, 'edit.toml'), `[[steps]]\nname = "edit"\ntype = "apply"\nedits = [{ path = "a.txt", old = "one", new = "two" }]\n`);
  return dir;
}

async function start(program, args, input) {
  const child = spawn(program, args, { env: home.env, stdio: ['pipe', 'pipe', 'pipe'] });
  let output = '';
  let answered = false;
  const take = (chunk) => {
    output += chunk;
    // The answer is given once the question stands there.
    if (input && !answered && /\[y\/n\]|\(y\/n\)|y\/N/i.test(output)) {
      answered = true;
      child.stdin.write(input);
    }
  };
  child.stdout.on('data', take);
  child.stderr.on('data', take);
  if (!input) child.stdin.end();
  const [code] = await once(child, 'close');
  return { code, output };
}

const args = (dir, ...more) => ['-C', dir, 'run', './edit.toml', ...more];
const text = (dir) => readFileSync(join(dir, 'a.txt'), 'utf8');

test('--confirm without a terminal: nothing is edited, and it says what to do', { skip: noBinary }, async () => {
  const dir = project('nobody');
  const { code, output } = await start(binary, args(dir, '--confirm'));
  assert.equal(code, 1);
  assert.match(output, /--yes/);
  assert.equal(text(dir), 'one\n');
});

test('--confirm with --yes edits unseen', { skip: noBinary }, async () => {
  const dir = project('yes');
  const { code, output } = await start(binary, args(dir, '--confirm', '--yes'));
  assert.equal(code, 0, output);
  assert.equal(text(dir), 'two\n');
});

for (const [answer, code, content] of [['y\n', 0, 'two\n'], ['n\n', 1, 'one\n']])
  test(`--confirm on a terminal, answered ${answer.trim()}: the diff is shown first`, { skip: noBinary || (existsSync(script) ? false : 'no script here') }, async () => {
    const dir = project(`answer-${answer.trim()}`);
    const command = [binary, ...args(dir, '--confirm')].map((word) => `'${word}'`).join(' ');
    const done = await start(script, ['-qec', command, '/dev/null'], answer);
    assert.equal(done.code, code, done.output);
    assert.match(done.output, /-one/);
    assert.match(done.output, /\+two/);
    assert.equal(text(dir), content);
  });
