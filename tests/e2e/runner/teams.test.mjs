// Sections 3.4 and 4.1, 4.2 of the runner's specification: which team and which ecosystem a directory belongs to.
import assert from 'node:assert/strict';
import { mkdirSync, symlinkSync } from 'node:fs';
import { flow, lab, query, shell, test } from './lab.mjs';

const teamFlow = flow({ s: shell('echo {{ team }}') });

test('team override: the backends of the team are asked, execution stays that of the role', async (t) => {
  const place = lab(t, { workflows: { w: flow({ s: query('r', 'x') }) }, files: { 'mark': '' } });
  const [a, b, c] = ['a', 'b', 'c'].map((n) => place.canned(n, `from ${n}`));
  const backends = { a: { command: a.command }, b: { command: b.command }, c: { command: c.command } };
  place.configure({ backends, roles: { r: { backends: ['a'], execution: 'parallel' } }, teams: { own: { detect: ['mark'], roles: { r: { backends: ['b', 'c'] } } } } });
  assert.equal(await place.text('w'), '=== b ===\nfrom b\n\n=== c ===\nfrom c');
  assert.equal(a.calls(), 0);
  // The short form of the same.
  place.configure({ backends, roles: { r: { backends: ['a'], execution: 'parallel' } }, teams: { own: { detect: ['mark'], roles: { r: ['c'] } } } });
  assert.equal(await place.text('w'), '=== c ===\nfrom c');
});

test('team override: its own execution counts, min_success of the role stays', async (t) => {
  const place = lab(t, { workflows: { w: flow({ s: query('r', 'x') }) }, files: { 'mark': '' } });
  const a = place.canned('a', 'from a');
  const b = place.canned('b', { code: 1, err: 'no' });
  place.configure({ backends: { a: { command: a.command }, b: { command: b.command }, c: { command: a.command } }, roles: { r: { backends: ['a', 'c'], execution: 'parallel', min_success: 2 } }, teams: { own: { detect: ['mark'], roles: { r: { backends: ['a', 'b'], execution: 'parallel' } } } } });
  await place.run(1, 'w');
  assert.equal(a.calls() + b.calls(), 2);
});

test('team detect order: the first declared of two that match, every time', async (t) => {
  const teams = Object.fromEntries(['zulu', 'alpha', 'mike', 'kilo'].map((n) => [n, { detect: ['mark'] }]));
  const place = lab(t, { config: { teams }, workflows: { w: teamFlow }, files: { mark: '' } });
  for (let n = 0; n < 20; n += 1) assert.equal(await place.text('w'), 'zulu');
});

test('team detect order: globs and directories match; those of the project come first', async (t) => {
  const place = lab(t, { config: { teams: { user: { detect: ['*.csproj'] } } }, workflows: { w: teamFlow }, files: { 'App.csproj': '', 'dir/x': '' } });
  assert.equal(await place.text('w'), 'user');
  place.write('.llm-mux/config.toml', '[teams.project]\ndetect = ["dir"]\n');
  assert.equal(await place.text('w'), 'project');
});

test('team detect order: from below, the root of the project is looked at too', async (t) => {
  const place = lab(t, { config: { teams: { own: { detect: ['mark'] } } }, workflows: { w: teamFlow }, files: { mark: '', '.git/HEAD': 'ref: refs/heads/main\n', 'sub/x': '' } });
  assert.equal(await place.text('w', '-C', place.path('sub')), 'own');
});

test('--team: wins over detection', async (t) => {
  const place = lab(t, { config: { teams: { one: { detect: ['mark'] }, two: {} } }, workflows: { w: teamFlow }, files: { mark: '' } });
  assert.equal(await place.text('w', '--team', 'two'), 'two');
});

test('--team: an unknown name is a mistake of usage, with the likely one', async (t) => {
  const place = lab(t, { config: { teams: { backend: {} } }, workflows: { w: flow({ s: shell('touch ran') }) } });
  const done = await place.run(2, 'w', '--team', 'bakend');
  assert.match(done.stderr, /bakend[^]*did you mean .?backend/);
  assert.match(done.stderr, /rust/);
  assert.ok(!place.has('ran'));
});

for (const [file, team] of [['go.mod', 'go'], ['Cargo.toml', 'rust'], ['Gemfile', 'ruby'], ['package.json', 'node'], ['pyproject.toml', 'python'], ['setup.py', 'python'], ['requirements.txt', 'python']])
  test(`built-in team: ${file} without any configuration is ${team}`, async (t) => {
    const place = lab(t, { workflows: { w: teamFlow }, files: { [file]: '' } });
    assert.equal(await place.text('w'), team);
  });

test('built-in team: a configured one of the same name replaces it, configured ones come first', async (t) => {
  const place = lab(t, { config: { teams: { mine: { detect: ['go.mod'] }, rust: { detect: ['Cargo.toml'], verify: 'true' } } }, workflows: { w: flow({ s: shell('echo {{ team }} {{ team.verify }}') }) }, files: { 'go.mod': '' } });
  assert.match(await place.text('w'), /^mine/);
  assert.equal(await place.text('w', '--team', 'rust'), 'rust true');
});

test('built-in team: no team is no error, and an empty, false value', async (t) => {
  const place = lab(t, { workflows: { w: flow({ s: shell('echo "[{{ team }}]{% if team %}yes{% else %}no{% endif %}"') }) } });
  assert.equal(await place.text('w'), '[]no');
});

test('if team: team == "rust" is true in a Rust directory, false elsewhere', async (t) => {
  const workflow = flow({ s: shell('echo rusty', { if: "team == 'rust'" }), e: shell('echo other', { if: "team != 'rust'" }) });
  assert.equal(await lab(t, { workflows: { w: workflow }, files: { 'Cargo.toml': '' } }).text('w'), 'rusty');
  assert.equal(await lab(t, { workflows: { w: workflow }, files: { 'go.mod': '' } }).text('w'), 'other');
});

test('team files: context of a team stands before every prompt', async (t) => {
  const place = lab(t, { config: { backends: { e: { command: 'echo' } }, roles: { r: { backends: ['e'] } }, teams: { own: { detect: ['mark'], context: ['ARCHITECTURE.md'] } } }, workflows: { w: flow({ s: query('r', 'the question') }) }, files: { mark: '', 'ARCHITECTURE.md': 'three floors and a cellar\n' } });
  assert.match(await place.text('w'), /three floors and a cellar[^]*the question/);
});

// ---------------------------------------------------------------- ecosystems

const home = (place) => place.dir;
const shop = (place, extra = {}) => ({
  ecosystems: {
    shop: {
      description: 'All of the shop', knowledge: ['prices are in cents', 'nights are quiet'],
      projects: {
        whole: { path: home(place) },
        api: { path: `${home(place)}/api`, type: 'rust', description: 'The service', depends_on: ['whole'], tags: ['core', 'http'] },
      }, ...extra,
    },
  },
});
const facts = "{{ ecosystem.name }}|{{ ecosystem.description }}|{{ ecosystem.current_project.name }}|{{ ecosystem.current_project.type }}|{{ ecosystem.current_project.tags | join('+') }}|{{ ecosystem.projects | map(attribute='name') | join(', ') }}|{% for k in ecosystem.knowledge %}{{ k }};{% endfor %}";

test('ecosystem: of nested projects the deepest; knowledge, fields, unset ones are empty', async (t) => {
  const place = lab(t, { files: { 'api/src/x': '' }, workflows: { w: flow({ s: shell('true') }, { output: facts }) } });
  place.configure(shop(place));
  assert.equal(await place.text('w', '-C', place.path('api/src')), 'shop|All of the shop|api|rust|core+http|whole, api|prices are in cents;nights are quiet;');
  assert.equal(await place.text('w'), 'shop|All of the shop|whole|||whole, api|prices are in cents;nights are quiet;');
});

test('ecosystem: a name that only begins alike is no match; links are resolved', async (t) => {
  const place = lab(t, { files: { 'api/x': '', 'api-two/x': '' }, workflows: { w: flow({ s: shell('true') }, { output: '{{ ecosystem.current_project.name }}' }), none: flow({ s: shell('echo {{ ecosystem is defined }}') }) } });
  place.configure({ ecosystems: { e: { projects: { api: { path: place.path('api') } } } } });
  assert.equal(await place.text('none', '-C', place.path('api-two')), 'false');
  mkdirSync(place.path('links'));
  symlinkSync(place.path('api'), place.path('links/there'));
  assert.equal(await place.text('w', '-C', place.path('links/there')), 'api');
});

test('ecosystem: ~ and ${VAR} in a path, and both paths in templates', async (t) => {
  const place = lab(t, { workflows: { w: flow({ s: shell('true') }, { output: '{{ ecosystem.current_project.path }}|{{ ecosystem.current_project.raw_path }}' }) }, env: { WHERE_OF_TEST: 'project' } });
  place.configure({ ecosystems: { e: { projects: { p: { path: '~/${WHERE_OF_TEST}' } } } } });
  assert.match(await place.text('w'), /^\/.*\/project\|~\/\$\{WHERE_OF_TEST\}$/);
});

test('ecosystem: --ecosystem and --project force it; unknown ones are mistakes of usage', async (t) => {
  const place = lab(t, { workflows: { w: flow({ s: shell('true') }, { output: '{{ ecosystem.name }} {{ ecosystem.current_project.name }}' }) } });
  place.configure({ ecosystems: { far: { projects: { one: { path: '/nowhere/one' }, two: { path: '/nowhere/two' } } } } });
  assert.equal(await place.text('w', '--ecosystem', 'far', '--project', 'two'), 'far two');
  assert.match((await place.run(2, 'w', '--ecosystem', 'fra')).stderr, /far/);
  assert.match((await place.run(2, 'w', '--ecosystem', 'far', '--project', 'tow')).stderr, /two/);
});

test('ecosystem: a workflow may take it from an argument', async (t) => {
  const place = lab(t, { config: { ecosystems: { a: {}, b: {} } }, workflows: { w: `ecosystem = "{{ args.ecosystem }}"\noutput = "{{ ecosystem.name }}"\n[args.ecosystem]\ndefault = "a"\n[[steps]]\nname = "s"\ntype = "shell"\nrun = "true"\n` } });
  assert.equal(await place.text('w'), 'a');
  assert.equal(await place.text('w', 'ecosystem=b'), 'b');
});

test('ecosystem: a dependency on a project that is not there is warned of', async (t) => {
  const place = lab(t, { config: { ecosystems: { e: { projects: { p: { path: '/tmp', depends_on: ['missing-one'] } } } } } });
  const done = await place.cli('ecosystems');
  assert.equal(done.code, 0);
  assert.match(done.stderr, /missing-one/);
});
