// The documents: every console block in docs/ and README.md is run and must print what it shows; every client has its page; links lead somewhere.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { describe } from 'node:test';
import { repoRoot } from './fixtures.mjs';
import { noBinary, runBinary } from './harness.mjs';
import { test } from './timed.mjs';

const documents = ['README.md', 'CONTRIBUTING.md', ...readdirSync(join(repoRoot, 'docs'), { recursive: true }).filter((f) => f.endsWith('.md')).map((f) => join('docs', f))];
const read = (path) => readFileSync(join(repoRoot, path), 'utf8');

/** [{command: [...words], output}] of a document's console blocks. */
const consoleBlocks = (text) => [...text.matchAll(/^```console\n([^]*?)^```$/gm)].flatMap(([, block]) =>
  block.split(/^\$ /m).slice(1).map((entry) => {
    const end = entry.indexOf('\n');
    return { command: entry.slice(0, end).split(' '), output: entry.slice(end + 1) };
  }));

describe('documents', { skip: noBinary }, () => {
  for (const path of documents)
    for (const { command, output } of consoleBlocks(read(path)))
      test(`${path}: ${command.join(' ')}`, async () => {
        assert.equal(command[0], 'llm-mux');
        const done = await runBinary(command.slice(1));
        assert.equal(done.code, 0, done.stderr);
        assert.equal(done.stdout, output);
      });

  test('every client has a page that shows what env prints, and the index names it', async () => {
    const { stdout } = await runBinary(['env']);
    const names = stdout.trim().split('\n').slice(1).map((line) => line.split(' ')[0]);
    const index = read('docs/clients/README.md');
    for (const name of names) {
      const shown = consoleBlocks(read(`docs/clients/${name}.md`)).filter((b) => b.command[1] === 'env' && b.command[2] === name);
      assert.ok(shown.length > 0, `docs/clients/${name}.md shows no "llm-mux env ${name}"`);
      assert.ok(index.includes(`](${name}.md)`), `the index does not name ${name}`);
    }
    const pages = readdirSync(join(repoRoot, 'docs/clients')).filter((f) => f !== 'README.md').map((f) => f.replace(/\.md$/, ''));
    assert.deepEqual(pages.sort(), names.sort());
    assert.ok(read('README.md').includes('](docs/clients/README.md)'));
  });

  for (const path of documents)
    test(`${path}: its links lead somewhere`, () => {
      for (const [, target] of read(path).matchAll(/\]\(([^)#\s]+)[^)]*\)/g)) {
        if (/^[a-z]+:/.test(target)) continue;
        const file = join(repoRoot, dirname(path), target);
        assert.ok(!relative(repoRoot, file).startsWith('..') && existsSync(file), `${target} is not there`);
      }
    });
});
