// Runs the test files one after the other, prints what failed and what was skipped, and one line of counts.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { noFixtures } from './fixtures.mjs';
import { binary, noBinary } from './harness.mjs';

const here = fileURLToPath(new URL('.', import.meta.url));
const major = Number(process.versions.node.split('.')[0]);
if (major < 20) {
  console.error(`e2e: node ${process.versions.node} is too old, 20 or newer is needed (scripts/setup brings one)`);
  process.exit(2);
}
if (!existsSync(join(here, 'node_modules/openai'))) {
  console.error('e2e: the npm packages are missing: run scripts/setup, or `npm ci` in tests/e2e');
  process.exit(2);
}

const asked = process.argv.slice(2);
const all = ['', 'runner'].flatMap((folder) => readdirSync(join(here, folder)).map((f) => join(folder, f))).filter((f) => f.endsWith('.test.mjs')).sort();
// By name or its beginning; `runner` is all of the folder, `runner/apply` a file of it.
const files = asked.length > 0 ? all.filter((f) => asked.some((a) => f.startsWith(a) || f.startsWith(basename(a)) || f === relative(here, a))) : all;
if (files.length === 0) {
  console.error(`e2e: no test file matches ${asked.join(' ')}`);
  process.exit(2);
}
if (noFixtures) console.error(`e2e: WARNING: ${noFixtures}`);
if (noBinary) console.error(`e2e: WARNING: ${noBinary}`);
else console.error(`e2e: testing ${binary}`);

const dir = mkdtempSync(join(tmpdir(), 'llm-mux-e2e-'));
const tap = join(dir, 'out.tap');
const args = ['--test', '--test-concurrency=1', '--test-reporter=tap', `--test-reporter-destination=${tap}`, ...files];
const child = spawn(process.execPath, args, { cwd: here, stdio: 'inherit', env: { ...process.env, LLM_MUX_BIN: binary, NODE_NO_WARNINGS: '1' } });
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
const code = await new Promise((resolve) => child.on('close', (c) => resolve(c ?? 1)));
const text = existsSync(tap) ? readFileSync(tap, 'utf8') : '';
rmSync(dir, { recursive: true });

const count = (what) => Number(new RegExp(`^# ${what} (\\d+)$`, 'm').exec(text)?.[1] ?? 0);
const skipped = report(text);
const failed = count('fail') + count('cancelled');
console.log(`e2e: ${count('pass')} passed, ${failed} failed, ${skipped} skipped`);
process.exit(failed > 0 || code !== 0 || text === '' ? 1 : 0);

/** Prints each failed test with its reason, and each skipped test or suite; gives the number of the skipped. */
function report(output) {
  const lines = output.split('\n');
  let count = 0;
  lines.forEach((line, i) => {
    const known = /^\s*(ok|not ok) \d+ - (.*) # TODO ?(.*)$/.exec(line);
    if (known) {
      console.log(`${known[1] === 'ok' ? 'MENDED, take the mark off' : 'KNOWN DEFECT'}: ${known[2]}: ${known[3]}`);
      return;
    }
    const skip = /^\s*ok \d+ - (.*) # SKIP ?(.*)$/.exec(line);
    if (skip) {
      count += 1;
      console.log(`SKIPPED ${skip[1]}: ${skip[2]}`);
    }
    const found = /^(\s*)not ok \d+ - (.*)$/.exec(line);
    if (!found) return;
    const end = lines.findIndex((l, k) => k > i && l === `${found[1]}  ...`);
    const details = lines.slice(i + 1, end);
    if (details.some((l) => l.includes('subtestsFailed'))) return;
    console.log(`FAILED  ${found[2]}`);
    for (const l of details.filter((d) => !/duration_ms|node:internal|failureType|^\s*(---|type:|code: 'ERR_TEST)/.test(d)).slice(0, 40)) console.log(`        ${l.trim()}`);
  });
  return count;
}
