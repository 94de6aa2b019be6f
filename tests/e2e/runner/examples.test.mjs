// Section 9 of the runner's specification: the shipped examples and the built-in workflows, run with fakes, checked by its "then" column.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { repoRoot } from '../fixtures.mjs';
import { configToml, lab, test } from './lab.mjs';

const folder = join(repoRoot, 'examples/workflows');
const example = (name) => readFileSync(join(folder, `${name}.toml`), 'utf8');
const names = readdirSync(folder).filter((f) => f.endsWith('.toml') && f !== 'config.toml').map((f) => f.replace('.toml', ''));

/** A lab with examples installed, the role `default` a canned backend, in a project of an ecosystem. */
function stage(t, installed, replies, { files = {}, config = {}, roles = {}, env = {} } = {}) {
  const place = lab(t, { files, env });
  const model = place.canned('model', ...replies);
  for (const name of installed) place.workflow(name, example(name));
  place.configure({
    backends: { model: { command: model.command, max_retries: 0 }, ...config.backends },
    roles: { default: { backends: ['model'] }, ...roles },
    ecosystems: { shop: { description: 'all of it', knowledge: ['prices are cents'], projects: { site: { path: place.dir, type: 'ruby', depends_on: ['billing'] }, billing: { path: '/nowhere/billing' } } } },
    ...(config.teams ? { teams: config.teams } : {}),
  });
  return { place, model };
}

const git = (place, ...args) => execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@example.org', ...args], { cwd: place.dir, env: { ...place.env, GIT_CONFIG_NOSYSTEM: '1' }, encoding: 'utf8' });
function repository(place) {
  git(place, 'init', '-q');
  git(place, 'add', '.');
  git(place, 'commit', '-qm', 'first');
}
const sql = (place, text) => JSON.parse(execFileSync('sqlite3', ['-json', join(place.configDir, 'memory/shop.db'), text], { encoding: 'utf8' }) || '[]');
const json = JSON.stringify;

test('examples: every one validates without a warning, and so does their configuration', async (t) => {
  const { place } = stage(t, names, ['x'], { config: { backends: Object.fromEntries(['claude', 'codex', 'gemini'].map((n) => [n, { command: 'echo' }])) } });
  for (const name of names) {
    const done = await place.cli('validate', '--strict', name);
    assert.equal(done.code, 0, done.stderr);
    assert.equal(done.stderr, '');
  }
  place.configure(readFileSync(join(folder, 'config.toml'), 'utf8'));
  assert.equal((await place.cli('backends')).stderr, '');
  const readme = readFileSync(join(folder, 'README.md'), 'utf8');
  for (const name of names) assert.ok(readme.includes(`(${name}.toml)`), `README.md does not tell of ${name}`);
});

// ---------------------------------------------------------------- E1, E2

const purposes = { facts: [{ project: 'site', fact: 'sells things', source: 'README', confidence: 0.9 }] };
const relationships = { relationships: [{ from: 'site', to: 'billing', type: 'calls', evidence: 'it says "pay"' }] };
const conventions = { facts: [{ project: 'site', fact: 'money is cents', source: 'README', category: 'convention' }] };

test('examples E1: discover-ecosystem: overlapping questions, the third sees the first, rows in the memory', async (t) => {
  const { place } = stage(t, ['discover-ecosystem'], ['unused']);
  // The two first questions meet: each waits until the other was asked.
  const command = place.script('meeting', `
here='${place.home}/fakes'
meet() { touch "$here/$1"; until [ -e "$here/$2" ]; do sleep 0.02; done; }
for prompt; do :; done
case $prompt in
*"What is each of these"*) printf %s "$prompt" >"$here/first"; meet one two; echo '${json(purposes)}';;
*"Which of these projects"*) printf %s "$prompt" >"$here/second"; meet two one; echo 'Sure: ${json(relationships)}';;
*"Which conventions"*) printf %s "$prompt" >"$here/third"; echo '${json(conventions)}';;
*) exit 9;;
esac`);
  place.configure(configToml({ backends: { model: { command } }, roles: { default: { backends: ['model'] } } }) + configToml({ ecosystems: { shop: { projects: { site: { path: place.dir, type: 'ruby', depends_on: ['billing'] }, billing: { path: '/nowhere/billing' } } } } }));
  await place.run(0, 'discover-ecosystem');
  const prompt = (name) => readFileSync(join(place.home, 'fakes', name), 'utf8');
  assert.match(prompt('first'), /- site \(ruby\): not described yet/);
  assert.match(prompt('first'), /- billing: not described yet/);
  assert.match(prompt('second'), /site, billing\?/);
  assert.match(prompt('third'), /sells things/);
  assert.deepEqual(sql(place, 'select fact from facts order by fact').map((r) => r.fact), ['site: money is cents', 'site: sells things']);
  assert.equal(JSON.parse(sql(place, 'select metadata from project_relationships')[0].metadata).evidence, 'it says "pay"');
});

test('examples E1: a bare 180 is read as seconds, with a warning', async (t) => {
  const { place } = stage(t, [], ['x']);
  place.workflow('old', example('discover-ecosystem').replaceAll('"180s"', '180'));
  const done = await place.cli('validate', 'old');
  assert.equal(done.code, 0);
  assert.equal([...done.stderr.matchAll(/warning[^\n]*180[^\n]*second/g)].length, 3, done.stderr);
});

test('examples E2: discover-entities: a changed version closes the old row, under the current project', async (t) => {
  const reply = (version) => json({ entities: [{ entity_type: 'library', entity_name: 'rails', source: 'Gemfile.lock', properties: { version } }] });
  const { place } = stage(t, ['discover-entities'], [reply('7.0'), reply('7.1')]);
  await place.run(0, 'discover-entities');
  await place.run(0, 'discover-entities');
  assert.deepEqual(sql(place, 'select project, entity_name from entities'), [{ project: 'site', entity_name: 'rails' }]);
  assert.deepEqual(sql(place, 'select property_value as v, valid_to is null as current from entity_properties order by id'), [{ v: '7.0', current: 0 }, { v: '7.1', current: 1 }]);
});

// ---------------------------------------------------------------- E3, E4

const learned = json({
  entities: [{ entity_type: 'service', entity_name: 'mailer', source: 'pr-123', properties: { purpose: 'mails' } }],
  relationships: [{ from_entity: 'site', to_entity: 'mailer', relationship_type: 'calls', context: 'pr-123' }],
  patterns: [{ pattern_type: 'error-handling', description: 'errors are values', files_involved: ['a.rb'] }],
});

test('examples E3: learn-from-pr: refused without pr and outside of an ecosystem, else all is remembered', async (t) => {
  const { place, model } = stage(t, ['learn-from-pr'], [{ match: 'What does this change teach', text: learned }, { match: 'Tell in three sentences', text: 'It taught much.' }]);
  place.script('gh', 'echo "gh $*"; echo called >>"$HOME/gh-calls"');
  place.env.PATH = `${join(place.home, 'fakes')}:${place.env.PATH}`;
  assert.match((await place.run(2, 'learn-from-pr')).stderr, /pr\b[^]*the number of the pull request/);
  mkdirSync(join(place.home, 'elsewhere'));
  const outside = await place.run(2, 'learn-from-pr', 'pr=123', '-C', join(place.home, 'elsewhere'));
  assert.match(outside.stderr, /ecosystem/);
  assert.ok(!readdirSync(place.home).includes('gh-calls') && model.calls() === 0, 'something was called');

  assert.equal(await place.text('learn-from-pr', 'pr=123'), 'It taught much.');
  const [prompt] = model.prompts();
  assert.match(prompt, /gh pr diff 123/);
  assert.match(prompt, /"source": "pr-123"/);
  assert.equal(sql(place, 'select count(*) as n from entities')[0].n, 1);
  assert.deepEqual(sql(place, 'select from_project, to_project, relationship_type from project_relationships'), [{ from_project: 'site', to_project: 'mailer', relationship_type: 'calls' }]);
  assert.equal(sql(place, "select fact from facts where category = 'error-handling'").length, 1);
});

test('examples E4: query-knowledge: memory and tables are in the prompt, a name of a file never runs', async (t) => {
  const { place, model } = stage(t, ['query-knowledge', 'discover-entities'], [{ match: 'List services', text: json({ entities: [{ entity_type: 'service', entity_name: "o'mailer", source: 'x', properties: { port: 25 } }] }) }, { match: 'who mails', text: 'the mailer' }]);
  await place.run(0, 'discover-entities');
  assert.equal(await place.text('query-knowledge', 'question=who mails?'), 'the mailer');
  assert.match(model.prompts()[1], /service o'mailer: \{"port":"25"\}/);
  for (const db of ['it\'s "my" $(touch pwned).db', '`touch pwned`.db', '";touch pwned;".db']) {
    execFileSync('sqlite3', [place.path(db), 'create table invoices (id integer)']);
    assert.equal(await place.text('query-knowledge', 'question=who mails?', `db=${db}`), 'the mailer');
    assert.match(model.prompts().at(-1), /"name":"invoices"/);
  }
  assert.ok(!place.has('pwned'));
});

// ---------------------------------------------------------------- E5, E6

test('examples E5: perf-analysis: three questions at once, the summary after all; a reply without findings has a pointer', async (t) => {
  const { place } = stage(t, ['perf-analysis'], ['unused'], { files: { 'a.rb': 'x' } });
  repository(place);
  const command = place.script('meeting', `
here='${place.home}/fakes'
for prompt; do :; done
case $prompt in
*"Rank these"*) ls "$here" | grep -c '^kind'; printf %s "$prompt" | grep -c 'problem of';;
*) kind=$(printf %s "$prompt" | head -n 1 | cut -d ' ' -f 4); touch "$here/kind-$kind"; until [ "$(ls "$here" | grep -c '^kind')" -ge 3 ]; do sleep 0.02; done; echo "{\\"findings\\": [{\\"file\\": \\"a.rb\\", \\"problem\\": \\"problem of $kind\\"}]}";;
esac`);
  place.configure({ backends: { model: { command } }, roles: { default: { backends: ['model'] } } });
  assert.equal(await place.text('perf-analysis'), '3\n3');

  const bad = stage(t, ['perf-analysis'], [{ match: 'slow code', text: '{"nothing": true}' }, { match: 'Look for', text: '{"findings": []}' }]);
  repository2(bad.place);
  const done = await bad.place.run(1, 'perf-analysis');
  assert.match(done.stderr, /compute[^]*findings/);
});
function repository2(place) {
  place.write('a.rb', 'x');
  repository(place);
}

const report = "# Report\n\nIt's the \"pool\"; '; touch pwned; ' $(touch pwned)\n`touch pwned`";
const alertReplies = [{ match: 'Whose logs', text: json({ service: "web'; touch pwned; '" }) }, { match: 'Find the cause', text: "cause: '; touch pwned; '" }, { match: 'Write a report', text: report }];

function alert(t, text = example('investigate-5xx-alert')) {
  const { place, model } = stage(t, [], alertReplies);
  place.workflow('investigate-5xx-alert', text);
  place.script('kubectl', 'printf "%s|" "$@"; echo');
  place.env.PATH = `${join(place.home, 'fakes')}:${place.env.PATH}`;
  return { place, model };
}

test('examples E6: investigate-5xx-alert: words of a model never run, the report is raw, the text is the report', async (t) => {
  const { place, model } = alert(t);
  assert.equal(await place.text('investigate-5xx-alert', 'cluster=c1'), report);
  assert.ok(!place.has('pwned'), 'a model\'s words were executed');
  assert.equal(place.read('5xx-c1.md'), `${report}\n`);
  assert.equal(model.calls(), 3);
  assert.match(model.prompts()[1], /deployment\/web'; touch pwned; '\|--since\|30m/);
  assert.match(model.prompts()[1], /logs of web'; touch pwned; ':/);
});

test('examples E6: the name that dangles is found, with the step that is meant', async (t) => {
  const { place } = alert(t, example('investigate-5xx-alert').replace('depends_on = ["check_pods", "check_queue_status"', 'depends_on = ["check_pods", "check_sidekiq_status"'));
  const done = await place.cli('validate', 'investigate-5xx-alert');
  assert.equal(done.code, 1);
  assert.match(done.stderr, /check_sidekiq_status[^]*did you mean .?check_queue_status/);
  await place.run(2, 'investigate-5xx-alert', 'cluster=c1');
});

// ---------------------------------------------------------------- E7 to E11

test('examples E7: review: the diff is in the prompt, the text on stdout once', async (t) => {
  const { place, model } = stage(t, ['review'], ['Looks fine.\n'], { files: { 'a.txt': 'one\n' } });
  repository(place);
  await place.run(0, 'review');
  assert.equal(model.calls(), 0, 'asked without a change');
  place.write('a.txt', 'two\n');
  const done = await place.run(0, 'review');
  assert.equal(done.stdout, 'Looks fine.\n');
  assert.match(model.prompts()[0], /-one\n\+two/);
});

const edits = (text) => json({ edits: [{ path: 'a.txt', old: 'one', new: text }] });

test('examples E8: fix: the first reply fails, the tree is restored, asked again with stderr, the second passes', async (t) => {
  const { place, model } = stage(t, ['fix'], [{ match: 'Find the cause', text: 'a.txt says one' }, edits('wrong'), edits('wrong'), edits('two')], { files: { 'a.txt': 'one\n' } });
  // Replies are given by turn: the analysis is the first turn, so the second of the list is the first with edits.
  const check = place.script('check', 'cat a.txt >>"$HOME/seen"; grep -q two a.txt || { echo "still no two" >&2; exit 1; }');
  await place.run(0, 'fix', 'issue=one should be two', `verify=${check}`);
  assert.equal(place.read('a.txt'), 'two\n');
  assert.equal(readFileSync(join(place.home, 'seen'), 'utf8').trim().split('\n').at(-1), 'two');
  const again = model.prompts().filter((p) => p.includes('still no two'));
  assert.ok(again.length >= 1);
  assert.ok(again[0].includes('one should be two'));
});

test('examples E9: analyze: one of three fails, the run succeeds; an argument that is not declared is warned of', async (t) => {
  const { place } = stage(t, ['analyze'], ['unused'], { files: { 'a file.c': 'int x;\n' } });
  const [claude, codex, gemini] = [['claude', 'from claude'], ['codex', { err: 'broken', code: 1 }], ['gemini', 'from gemini']].map(([n, r]) => place.canned(n, r));
  place.configure({ backends: Object.fromEntries(Object.entries({ claude, codex, gemini }).map(([n, f]) => [n, { command: f.command, max_retries: 0 }])) });
  assert.equal(await place.text('analyze', 'a file.c'), '=== claude ===\nfrom claude\n\n=== gemini ===\nfrom gemini');
  assert.match(codex.prompts()[0], /int x;/);
  place.workflow('undeclared', example('analyze').replace(/\[args\.file\][^[]*/, ''));
  const done = await place.cli('validate', 'undeclared');
  assert.equal(done.code, 0);
  assert.match(done.stderr, /warning[^\n]*`?file`?[^\n]*not declared/);
});

test('examples E10: count-lines: names with spaces work, an empty list succeeds', async (t) => {
  const { place } = stage(t, ['count-lines'], ['unused'], { files: { 'a b.txt': '1\n2\n', "it's $(touch pwned).txt": '1\n' } });
  assert.equal(await place.text('count-lines', 'pattern=*.txt'), "2 ./a b.txt\n1 ./it's $(touch pwned).txt");
  assert.ok(!place.has('pwned'));
  assert.equal(await place.text('count-lines', 'pattern=*.none'), '');
});

test('examples E11: bug-hunt and discover: the ecosystem is in the prompt, findings and facts are remembered', async (t) => {
  const { place, model } = stage(t, ['bug-hunt', 'discover'], [{ match: 'Look for bugs', text: json({ findings: [{ category: 'bug', description: 'off by one', location: 'a.rb:3', severity: 'high' }] }) }, { match: 'new colleague', text: `\`\`\`json\n${json({ facts: [{ fact: 'tests run by rake', source: 'Rakefile' }] })}\n\`\`\`` }], { files: { 'a.rb': 'x' } });
  repository(place);
  await place.run(0, 'bug-hunt');
  await place.run(0, 'discover');
  assert.match(model.prompts()[0], /- prices are cents\n- site is a ruby project and needs billing\n- billing\n/);
  assert.match(model.prompts()[0], /a\.rb/);
  assert.deepEqual(sql(place, 'select project, category, description, severity, status from findings'), [{ project: 'site', category: 'bug', description: 'off by one', severity: 'high', status: 'open' }]);
  assert.deepEqual(sql(place, 'select fact from facts'), [{ fact: 'site: tests run by rake' }]);
});

// ---------------------------------------------------------------- E12

const builtIns = ['hunt', 'audit', 'diff', 'fix', 'review', 'review-pr'];

test('examples E12: the built-in workflows validate', async (t) => {
  const { place } = stage(t, [], ['x'], { config: { teams: { own: { detect: ['.'], verify: 'true' } } } });
  for (const name of builtIns) {
    const done = await place.cli('validate', name);
    assert.equal(done.code, 0, done.stderr);
    assert.equal(done.stderr, '', name);
  }
});

for (const [name, args] of [['hunt', []], ['audit', []], ['diff', []], ['review', []], ['review-pr', ['pr=7']]])
  test(`examples E12: ${name} runs with a fake`, async (t) => {
    const { place, model } = stage(t, [], ['{"findings": [], "summary": "nothing to say", "facts": []}'], { files: { 'a.txt': 'the first line\n', 'Makefile': 'all:\n' } });
    place.script('gh', 'echo "the pull request $*"');
    place.env.PATH = `${join(place.home, 'fakes')}:${place.env.PATH}`;
    repository(place);
    place.write('a.txt', 'the second line\n');
    const done = await place.run(0, name, ...args);
    assert.notEqual(done.stdout.trim(), '');
    assert.ok(model.calls() > 0, 'nobody was asked');
  });

test('examples E12: fix runs with a fake: edits, verified by the team', async (t) => {
  const { place, model } = stage(t, [], [json({ edits: [{ path: 'a.txt', old: 'one', new: 'two' }], cause: 'x', files: ['a.txt'], analysis: 'x' })], { files: { 'a.txt': 'one\n' }, config: { teams: { own: { detect: ['a.txt'], verify: 'touch verified; grep -q two a.txt' } } } });
  repository(place);
  await place.run(0, 'fix', 'issue=one should be two', '--yes');
  assert.equal(place.read('a.txt'), 'two\n');
  assert.ok(place.has('verified'));
  assert.ok(model.prompts().some((p) => p.includes('one should be two')));
});
