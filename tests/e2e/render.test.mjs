// The command `render`, as people use it: files, includes, contexts, places of errors.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { noBinary, runBinary } from './harness.mjs';

describe('render', { skip: noBinary }, () => {
  let dir;
  const write = (name, text) => {
    writeFileSync(join(dir, name), text);
    return join(dir, name);
  };
  const render = (args, input = '') => runBinary(['render', ...args], { input, cwd: dir });

  before(() => {
    dir = mkdtempSync(join(tmpdir(), 'llm-mux-render-'));
    mkdirSync(join(dir, 'in'));
    write('context.json', JSON.stringify({ name: "it's", html: '<b>', list: [1, 2] }));
  });
  after(() => rmSync(dir, { recursive: true }));

  test('a file with its context, and standard input', async () => {
    const file = write('hello.txt', 'Hello {{ name|upper }}!\n');
    assert.deepEqual(await render(['--context', 'context.json', file]).then((r) => [r.code, r.stdout, r.stderr]), [0, "Hello IT'S!\n", '']);
    assert.equal((await render(['-'], '{{ 1 + 1 }}')).stdout, '2\n');
  });

  test('a wrong template is exit 1, with kind, place, line and caret', async () => {
    const file = write('bad.txt', 'one\n{{ missing.field }}\n');
    const run = await render([file]);
    assert.equal(run.code, 1);
    assert.equal(run.stdout, '');
    assert.match(run.stderr, /^error: UndefinedError: .*\n --> .*bad\.txt:2:4\n/);
    assert.match(run.stderr, /\{\{ missing\.field \}\}\n.*\^\^/);
    assert.match((await render(['-'], '{% if %}')).stderr, /^error: SyntaxError: .*\n --> <stdin>:1:\d+\n/);
    assert.equal((await render(['--lenient', '-'], '[{{ missing }}]')).stdout, '[]\n');
  });

  test('includes come from the directory of the template, or the one that is named, and from nowhere else', async () => {
    write('in/part.txt', 'part {{ name }}');
    write('outside.txt', 'secret');
    const file = write('in/main.txt', "{% include 'part.txt' %}");
    assert.equal((await render(['--context', 'context.json', file])).stdout, "part it's\n");
    assert.equal((await render(['--context', 'context.json', '--template-dir', 'in', '-'], "{% include 'part.txt' %}")).stdout, "part it's\n");
    symlinkSync(join(dir, 'outside.txt'), join(dir, 'in/link.txt'));
    for (const name of ['../outside.txt', 'link.txt', '/etc/passwd', 'none.txt', '']) {
      const run = await render(['--template-dir', 'in', '-'], `{% include ${JSON.stringify(name)} %}`);
      assert.equal(run.code, 1, name);
      assert.doesNotMatch(run.stdout + run.stderr, /secret|root:/);
    }
  });

  test('names ending in .html escape, --shell quotes', async () => {
    assert.equal((await render(['--context', 'context.json', write('page.html', '{{ html }}')])).stdout, '&lt;b&gt;\n');
    assert.equal((await render(['--context', 'context.json', '--shell', '-'], "echo {{ name }} '{{ name }}' \"{{ html }}\"")).stdout, "echo 'it'\\''s' 'it'\\''s' \"<b>\"\n");
    const refused = await render(['--context', 'context.json', '--shell', '-'], 'echo $(({{ name }} + 1))');
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /^error: ShellQuoting: /);
  });

  test('a line a template, a line a result', async () => {
    const run = await render(['--lines', '-'], '{"template":"{{ a }}","context":{"a":1}}\n{"template":"x{{ b }}"}\n\n{"template":"é"}\n');
    assert.equal(run.code, 1);
    const [first, second, third] = run.stdout.trimEnd().split('\n').map((line) => JSON.parse(line));
    assert.deepEqual(first, { output: '1' });
    assert.deepEqual([second.error.kind, second.error.line, second.error.column], ['UndefinedError', 1, 5]);
    assert.deepEqual(third, { output: 'é' });
    assert.equal((await render(['--lines', '-'], '{"context":{}}')).code, 2);
    assert.match((await render(['--lines', '-'], '{}\n{')).stderr, /line 1: /);
  });

  test('what is no context is refused as a usage error', async () => {
    write('list.json', '[1]');
    write('broken.json', '{');
    for (const [name, words] of [['list.json', /an object of names/], ['broken.json', /broken\.json/], ['none.json', /none\.json/]]) {
      const run = await render(['--context', name, '-'], 'x');
      assert.equal(run.code, 2, name);
      assert.match(run.stderr, words);
    }
  });
});
