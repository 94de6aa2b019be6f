// Section 4 of the runner's specification: what store steps write, what later workflows and the memory command read.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ask, flow, lab, shell, test } from './lab.mjs';

/** A lab inside the project `p` of the ecosystem `eco`, with a store step that is given `data`. */
function within(t, data, { step = {}, top, ...options } = {}) {
  const place = lab(t, { workflows: { w: flow({ s: { type: 'store', prompt: typeof data === 'string' ? data : JSON.stringify(data), ...step } }, top) }, ...options });
  place.configure({ ecosystems: { eco: { projects: { p: { path: place.dir }, q: { path: '/nowhere/q' } } } } });
  return place;
}

async function rows(place, what, ...args) {
  const done = await place.cli('memory', what, '--json', ...args);
  assert.equal(done.code, 0, done.stderr);
  return JSON.parse(done.stdout);
}

/** Asks the database itself: its tables are promised to other programs. */
function sql(place, text) {
  const out = execFileSync('sqlite3', ['-json', join(place.configDir, 'memory/eco.db'), text], { encoding: 'utf8' });
  return out.trim() === '' ? [] : JSON.parse(out);
}

const fact = { project: 'p', fact: 'f', source: 'code', confidence: 0.5, category: 'c' };

test('store rows: the text of a fact is "p: f"; a second run updates its confidence, one row stays', async (t) => {
  const place = within(t, { facts: [fact] });
  await place.run(0, 'w');
  const [first] = await rows(place, 'facts');
  assert.equal(first.fact, 'p: f');
  assert.equal(first.confidence, 0.5);
  assert.match(first.created_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+(Z|\+00:00)$/);
  place.workflow('w', flow({ s: { type: 'store', prompt: JSON.stringify({ facts: [{ ...fact, confidence: 0.9 }] }) } }));
  await place.run(0, 'w');
  const again = await rows(place, 'facts');
  assert.equal(again.length, 1);
  assert.equal(again[0].confidence, 0.9);
  assert.equal(again[0].created_at, first.created_at);
  assert.ok(existsSync(join(place.configDir, 'memory/eco.db')), 'the database is not where the specification puts it');
});

test('store rows: evidence with quotes is valid JSON metadata; both spellings of relationships', async (t) => {
  const evidence = 'he said "yes" \\ and left\n';
  const place = within(t, { relationships: [{ from: 'p', to: 'q', type: 'uses', evidence }, { from_entity: 'q', to_entity: 'p', relationship_type: 'serves', context: 'http' }] });
  await place.run(0, 'w');
  const all = await rows(place, 'relationships');
  const uses = all.find((r) => r.relationship_type === 'uses');
  const metadata = typeof uses.metadata === 'string' ? JSON.parse(uses.metadata) : uses.metadata;
  assert.equal(metadata.evidence, evidence);
  const serves = all.find((r) => r.relationship_type === 'serves');
  assert.deepEqual([serves.from_project, serves.to_project], ['q', 'p']);
});

test('store rows: defaults of facts, confidence outside of [0, 1] is clamped with a warning', async (t) => {
  const place = within(t, { facts: [{ fact: 'short', source: 's' }, { fact: 'too sure', source: 's', confidence: 7 }] });
  const done = await place.run(0, 'w');
  assert.match(done.stderr, /confidence/);
  const all = await rows(place, 'facts');
  assert.deepEqual(all.map((f) => [f.fact, f.confidence]).sort(), [['p: short', 1], ['p: too sure', 1]]);
});

test('store rows: JSON in prose, patterns, findings; an open finding is updated', async (t) => {
  const place = within(t, `Sure:\n\`\`\`json\n${JSON.stringify({ patterns: [{ pattern_type: 'naming', description: 'snake case' }], findings: [{ category: 'bug', description: 'off by one', location: 'a.c:3', severity: 'low' }] })}\n\`\`\``);
  await place.run(0, 'w');
  const [pattern] = await rows(place, 'facts');
  assert.equal(pattern.category, 'naming');
  assert.match(pattern.fact, /snake case/);
  place.workflow('w', flow({ s: { type: 'store', prompt: JSON.stringify({ findings: [{ category: 'bug', description: 'off by one', location: 'a.c:3', severity: 'high' }] }) } }));
  await place.run(0, 'w');
  const found = await rows(place, 'findings');
  assert.equal(found.length, 1);
  assert.deepEqual([found[0].severity, found[0].status, found[0].project], ['high', 'open', 'p']);
});

test('store rows: an array at the top is sorted by the keys of its elements; counts in output and data', async (t) => {
  const place = within(t, [fact, { from: 'p', to: 'q', type: 'uses' }, { entity_type: 'gem', entity_name: 'pg', source: 'Gemfile' }], { top: { output: '{{ steps.s.data | json }}|{{ steps.s.backend }}|{{ steps.s.output }}' } });
  const [data, backend, output] = (await place.text('w')).split('|');
  const { facts, relationships, entities, skipped } = JSON.parse(data);
  assert.deepEqual([facts, relationships, entities, skipped, backend], [1, 1, 1, 0, 'store']);
  assert.match(output, /1[^]*eco\.db/);
});

const tables = {
  facts: 'id ecosystem fact source source_type category confidence created_at updated_at',
  project_relationships: 'id ecosystem from_project to_project relationship_type metadata created_at',
  findings: 'id ecosystem project category severity description location workflow_run_id status created_at updated_at',
  workflow_runs: 'id ecosystem project workflow_name success duration_ms failed_step error_message output_dir created_at',
  entities: 'id ecosystem project entity_type entity_name created_at',
  entity_properties: 'id entity_id property_name property_value source source_type confidence valid_from valid_to created_at',
};

test('store rows: tables and columns are those of the specification; every run is a row', async (t) => {
  const place = within(t, { facts: [fact] });
  await place.run(0, 'w');
  place.workflow('bad', flow({ one: shell('true'), two: shell('exit 1') }));
  await place.run(1, 'bad');
  for (const [table, columns] of Object.entries(tables)) {
    const found = sql(place, `pragma table_info(${table})`).map((c) => c.name);
    for (const column of columns.split(' ')) assert.ok(found.includes(column), `${table}.${column} is missing: ${found}`);
  }
  const runs = sql(place, 'select ecosystem, project, workflow_name, success, failed_step from workflow_runs order by id');
  assert.deepEqual(runs, [
    { ecosystem: 'eco', project: 'p', workflow_name: 'w', success: 1, failed_step: null },
    { ecosystem: 'eco', project: 'p', workflow_name: 'bad', success: 0, failed_step: 'two' },
  ]);
});

const entity = (version) => ({ entities: [{ entity_type: 'service', entity_name: 'api', source: 'code', properties: { version, port: 80, tls: true, deps: ['a', { b: 1 }], none: null } }] });

test('store entity history: a changed value closes the old row, one is current', async (t) => {
  const place = within(t, entity('1.0'));
  await place.run(0, 'w');
  await place.run(0, 'w');
  place.workflow('w', flow({ s: { type: 'store', prompt: JSON.stringify(entity('2.0')) } }));
  await place.run(0, 'w');
  const properties = sql(place, 'select property_name as name, property_value as value, valid_to from entity_properties order by id');
  const versions = properties.filter((p) => p.name === 'version');
  assert.deepEqual(versions.map((v) => [v.value, v.valid_to === null]), [['1.0', false], ['2.0', true]]);
  const of = (name) => properties.filter((p) => p.name === name).map((p) => p.value);
  assert.deepEqual([of('port'), of('tls'), of('none')], [['80'], ['true'], []]);
  assert.deepEqual(JSON.parse(of('deps')[0]), ['a', { b: 1 }]);
});

test('store skip count: an element without source is warned of and counted', async (t) => {
  const place = within(t, { facts: [fact, { project: 'p', fact: 'no source' }] }, { top: { output: '{{ steps.s.data.facts }} {{ steps.s.data.skipped }}' } });
  const done = await place.run(0, 'w');
  assert.equal(done.stdout, '1 1\n');
  assert.match(done.stderr, /facts[^]*1[^]*source/);
});

test('store skip count: nothing stored is success with a warning', async (t) => {
  const place = within(t, { unknown: [] });
  assert.match((await place.run(0, 'w')).stderr, /warning|nothing/i);
});

test('store failures: strict with one bad element stores nothing', async (t) => {
  const place = within(t, { facts: [fact, { fact: 'no source' }] }, { step: { strict: true } });
  const done = await place.run(1, 'w');
  assert.match(done.stderr, /source/);
  const list = await place.cli('memory', 'facts', '--json');
  assert.deepEqual(list.stdout.trim() === '' ? [] : JSON.parse(list.stdout), []);
});

test('store failures: without an ecosystem it is refused before any call, with a hint', async (t) => {
  const place = lab(t, {});
  const a = place.canned('a', 'x');
  place.configure({ backends: { a: { command: a.command } } });
  place.workflow('w', flow({ first: shell('touch ran'), q: ask('a', 'x'), s: { type: 'store', prompt: '{{ steps.q.output }}' } }));
  const done = await place.run(2, 'w');
  assert.match(done.stderr, /ecosystem/);
  assert.match(done.stderr, /--ecosystem/);
  assert.ok(!place.has('ran'));
  assert.equal(a.calls(), 0);
});

test('store failures: text without JSON fails the step', async (t) => {
  assert.match((await within(t, 'no data here').run(1, 'w')).stderr, /JSON/);
});

test('facts read back: the next workflow prints them, filtered', async (t) => {
  const place = within(t, { facts: [fact, { ...fact, fact: 'g', category: 'dependency' }], entities: entity('3').entities, relationships: [{ from: 'p', to: 'q', type: 'uses' }], findings: [{ category: 'bug', description: 'd' }] });
  place.workflow('read', flow({ s: shell('true') }, {
    output: '{% for f in ecosystem.facts | selectattr("category", "eq", "dependency") %}{{ f.fact }}{% endfor %}|{{ ecosystem.facts | length }}|{{ ecosystem.entities | length }}|{{ ecosystem.relationships[0].relationship_type }}|{{ ecosystem.findings[0].description }}',
  }));
  await place.run(0, 'w');
  assert.equal(await place.text('read'), 'p: g|2|1|uses|d');
});

test('facts read back: memory search finds words, forget removes, runs lists every run', async (t) => {
  const place = within(t, { facts: [{ fact: 'the invoices are rounded at night', source: 's' }, { fact: 'something else', source: 's' }] });
  await place.run(0, 'w');
  const search = await rows(place, 'search', 'invoices');
  assert.equal(search.length, 1);
  assert.equal((await rows(place, 'runs')).length, 1);
  const [row] = await rows(place, 'facts');
  const forgotten = await place.cli('memory', 'forget', String(row.id));
  const named = forgotten.code === 0 ? forgotten : await place.cli('memory', 'forget', `fact:${row.id}`);
  assert.equal(named.code, 0, `${forgotten.stderr}\n${named.stderr}`);
  assert.equal((await rows(place, 'facts')).length, 1);
});

test('discover: facts of configuration and manifests; again only with --force', async (t) => {
  const place = lab(t, { files: { 'Cargo.toml': '[package]\nname = "x"\n[dependencies]\nserde = "1"\n', 'README.md': '# X\n\nA small thing that counts.\n' } });
  place.configure({ ecosystems: { eco: { knowledge: ['known'], projects: { p: { path: place.dir, type: 'rust', description: 'counts' } } } } });
  assert.equal((await place.cli('discover')).code, 0);
  const texts = (await rows(place, 'facts')).map((f) => f.fact).join('\n');
  for (const part of ['serde', 'A small thing that counts.', 'known', 'counts', 'rust']) assert.ok(texts.includes(part), `${part} in ${texts}`);
  const again = await place.cli('discover');
  assert.equal(again.code, 1);
  assert.match(again.stderr, /--force/);
  assert.equal((await place.cli('discover', '--force')).code, 0);
});

test('store failures: a name of an ecosystem that would be a path is refused', async (t) => {
  const place = lab(t, { config: { ecosystems: { '../evil': { projects: {} } } }, workflows: { w: flow({ s: { type: 'store', prompt: JSON.stringify({ facts: [fact] }) } }) } });
  const done = await place.cli('run', 'w', '--ecosystem', '../evil');
  assert.notEqual(done.code, 0);
  assert.ok(!place.written(['config']).some(([f]) => f.includes('evil')));
});
