// design.md 3: what a cloned project brings along counts only after the user has trusted that exact content, by whatever name it goes.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { flow, lab, shell, test } from './lab.mjs';

const marks = flow({ s: shell('echo ran | tee ran.txt') });

async function refused(place, ...words) {
  const done = await place.run(2, ...words);
  assert.match(done.stderr, /is not trusted as it is now/);
  assert.equal(place.has('ran.txt'), false);
}

test('trust: a link in .llm-mux/workflows that leads out of it needs trust', async (t) => {
  const place = lab(t, { files: { 'evil.toml': marks, '.llm-mux/workflows/.keep': '' } });
  symlinkSync('../../evil.toml', place.path('.llm-mux/workflows/link.toml'));
  await refused(place, 'link');
  await refused(place, './.llm-mux/workflows/link.toml');
  await refused(place, '-C', '.llm-mux/workflows', './link.toml');
  await place.cli('trust');
  assert.equal(await place.text('link'), 'ran');
});

test('trust: nor do links in the place of the directories help', async (t) => {
  for (const [link, to] of [['.llm-mux', 'stuff'], ['.llm-mux/workflows', '../stuff/workflows']]) {
    const place = lab(t, { files: { 'stuff/workflows/w.toml': marks } });
    if (link !== '.llm-mux') mkdirSync(place.path('.llm-mux'));
    symlinkSync(to, place.path(link));
    await refused(place, 'w');
  }
});

test('trust: every file that a workflow of the project is made of counts, wherever it lies', async (t) => {
  const parts = {
    'shared.toml': flow({ shared: shell('echo shared') }),
    'named.toml': flow({ named: shell('echo named') }),
    '.llm-mux/workflows/prompt.txt': 'Hello {{ words.one() }}',
    '.llm-mux/workflows/words.jinja': '{% macro one() %}word{% endmacro %}',
    '.llm-mux/workflows/command.sh': 'echo included',
  };
  const place = lab(t, { files: {
    ...parts,
    '.llm-mux/workflows/w.toml': flow({
      q: { type: 'query', backend: 'demo/echo', prompt_file: 'prompt.txt' },
      n: { type: 'workflow', workflow: '../../named.toml' },
      i: shell('{% include "command.sh" %}'),
    }, { include: ['words.jinja', '../../shared.toml'] }),
  } });
  await refused(place, 'w');
  assert.equal((await place.cli('trust')).code, 0);
  assert.equal(await place.text('w'), 'included');
  for (const [name, text] of Object.entries(parts)) {
    place.write(name, `${text}\n`);
    await refused(place, 'w');
    place.write(name, text);
  }
  assert.equal(await place.text('w'), 'included');
  assert.equal((await place.cli('trust', '--remove')).code, 0);
  assert.match((await place.cli('trust', '--list')).stdout, /no file is trusted yet/);
});

test('trust: named pipes in the place of a project\'s files are refused, not waited for', async (t) => {
  const place = lab(t, { files: { '.llm-mux/workflows/.keep': '', '.llm-mux/state/run/.keep': '', 'own.toml': flow({ s: shell('echo own') }) } });
  for (const name of ['.llm-mux/config.toml', '.llm-mux/workflows/pipe.toml', '.llm-mux/state/run/journal.jsonl', 'README.md'])
    execFileSync('mkfifo', [place.path(name)]);
  for (const words of [['workflows'], ['validate'], ['validate', 'pipe'], ['plan', 'pipe'], ['graph', 'pipe'], ['run', 'pipe'], ['run', './own.toml'], ['runs'],
    ['runs', 'show', 'run'], ['backends'], ['roles'], ['teams'], ['memory', 'facts'], ['context'], ['trust'], ['test', 'pipe'], ['ask', 'x'], ['config', 'show'], ['discover'], ['doctor']]) {
    const done = await place.cli(...words); // it ends, which is the point
    assert.ok(done.code <= 2, `${words.join(' ')}: ${done.code}`);
  }
  const done = await place.cli('run', 'pipe');
  assert.match(done.stderr, /is not a regular file/);
});

test('trust: links do not lead what a run writes out of the project', async (t) => {
  for (const link of ['.llm-mux/state', '.llm-mux/logs', '.llm-mux']) {
    const place = lab(t, { config: { output: { handlers: ['console', 'log'] } }, files: { 'own.toml': flow({ s: shell('echo own') }) } });
    const away = join(place.home, 'away');
    mkdirSync(away);
    if (link !== '.llm-mux') mkdirSync(place.path('.llm-mux'));
    symlinkSync(away, place.path(link));
    const done = await place.run(2, './own.toml');
    assert.match(done.stderr, /leads out of the project/);
    assert.deepEqual(readdirSync(away), []);
    assert.equal((await place.cli('runs', 'clean')).code, 1);
    rmSync(place.path(link));
    assert.equal(await place.text('./own.toml'), 'own');
  }
});

test('trust: init and context write nothing behind links that leave the project', async (t) => {
  for (const link of ['.llm-mux', '.llm-mux/workflows']) {
    const place = lab(t);
    const away = join(place.home, 'away');
    mkdirSync(away);
    writeFileSync(join(away, 'config.toml'), '# mine\n');
    if (link !== '.llm-mux') mkdirSync(place.path('.llm-mux'));
    symlinkSync(away, place.path(link));
    const done = await place.cli('init', '--project', '--force');
    assert.equal(done.code, 1, done.stderr);
    assert.match(done.stderr, /leads out of the project/);
    if (link === '.llm-mux') assert.equal((await place.cli('context', '--yes', '--force')).code, 1);
    assert.deepEqual(readdirSync(away), ['config.toml']);
    assert.equal(readFileSync(join(away, 'config.toml'), 'utf8'), '# mine\n');
  }
});

test('trust: links do not lead files of elsewhere into what models are told', async (t) => {
  const place = lab(t, { config: { teams: { all: { detect: ['*'], context: ['GUIDE.md', '../beside.md'] } }, ecosystems: {} }, files: {
    'own.toml': flow({ q: { type: 'query', backend: 'demo/echo', prompt: 'x' } }), 'docs/READ.md': 'inside the project\n', 'docs/GUIDE.md': 'the guide',
  } });
  writeFileSync(join(place.home, 'private.md'), 'private words\n');
  writeFileSync(join(place.home, 'beside.md'), 'beside it\n');
  symlinkSync('../private.md', place.path('README.md'));
  symlinkSync('../private.md', place.path('GUIDE.md'));
  const told = async () => `${(await place.cli('context')).stdout}${await place.text('./own.toml')}`;
  assert.doesNotMatch(await told(), /private words/);
  assert.match((await place.run(0, './own.toml')).stderr, /GUIDE.md. is left out: it is a link that leads out of the project/);
  for (const name of ['README.md', 'GUIDE.md']) rmSync(place.path(name));
  symlinkSync('docs/READ.md', place.path('README.md'));
  symlinkSync('docs/GUIDE.md', place.path('GUIDE.md'));
  assert.match(await told(), /inside the project[^]*the guide[^]*beside it/);
});

test('runs clean: days, and a week when nothing is said', async (t) => {
  const place = lab(t, { files: { 'own.toml': flow({ s: shell('echo own') }) } });
  await place.run(0, './own.toml');
  for (const [words, code, removed] of [[[], 0, 0], [['--older-than', '7d'], 0, 0], [['--older-than', '12h'], 0, 0], [['--older-than', '1h2d'], 2], [['--older-than', 'd'], 2], [['--older-than', '0d'], 0, 1]]) {
    const done = await place.cli('runs', 'clean', ...words);
    assert.equal(done.code, code, `${words.join(' ')}: ${done.stderr}`);
    if (code === 0) assert.match(done.stderr, new RegExp(`removed ${removed} run`));
  }
});

test('runs: what a record says moves no cursor', async (t) => {
  const place = lab(t);
  const step = { type: 'step', at: 2, step: 'a', result: { status: 'ok', output: 'x\u001b[2Jy\u009b31mz', backend: '\u001b[1m' } };
  const start = { type: 'start', workflow: 'w\u001b]0;t\u0007', hash: 'x', started_at_ms: 1, steps: -5 };
  for (const [id, words] of [['one', step.result.output], ['two', 'other\u001b[2J']])
    place.write(`.llm-mux/state/${id}/journal.ndjson`, `${JSON.stringify(start)}\n${JSON.stringify({ ...step, ...step.result, result: { ...step.result, output: words }, output: words })}\n`);
  for (const words of [['runs'], ['runs', 'show', 'one'], ['runs', 'diff', 'one', 'two']]) {
    const done = await place.cli(...words);
    assert.doesNotMatch(done.stdout + done.stderr, /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/, words.join(' '));
    assert.ok(done.stdout.length > 10, `${words.join(' ')}: ${done.stderr}`);
    assert.doesNotMatch(done.stdout, /1844674407/);
  }
});

test('trust: what is shown cannot hide or turn around what it says', async (t) => {
  const place = lab(t, { files: { '.llm-mux/workflows/w.toml': flow({ s: shell('echo \u202e\u2066safe\u009b8m; rm -rf é') }) } });
  const { stdout } = await place.cli('trust', '--dry-run');
  assert.match(stdout, /echo \?{6}safe\?\?8m; rm -rf é/);
});

test('names of files move no cursor either', async (t) => {
  const name = '\u001b[2Jw';
  const place = lab(t, { files: { [`.llm-mux/workflows/${name}.toml`]: marks, [`.llm-mux/workflows/bad${name}.toml`]: 'x = 1\n', [`${name}.c`]: '' } });
  for (const words of [['context'], ['validate'], ['workflows'], ['trust', '--dry-run'], ['validate', name], ['validate', `bad${name}`], ['graph', name]]) {
    const done = await place.cli(...words);
    assert.doesNotMatch(done.stdout + done.stderr, /\u001b/, words.join(' '));
    assert.match(done.stdout + done.stderr, /\?\[2Jw/, words.join(' '));
  }
});
