// Section 7 of the runner's specification: edits in every format, all of them or none, and exactly what was there when it fails.
import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, statSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { flow, lab, query, test, tree } from './lab.mjs';

const files = { 'a.txt': 'one\ntwo\nthree\n', 'sub/b.txt': 'alpha\nbeta\n' };
const source = (place) => tree(place.dir).filter((f) => !f.startsWith('.llm-mux/'));

/** A lab where a backend replies with `reply` and a step applies it. */
function applying(t, reply, { step = {}, given = files, extra = {}, output, config = {}, prompt = 'please mend' } = {}) {
  const place = lab(t, { files: given });
  const model = place.canned('model', ...(Array.isArray(reply) ? reply : [reply]));
  place.configure({ ...config, backends: { model: { command: model.command } }, roles: { mender: { backends: ['model'] } } });
  place.workflow('w', flow({ fix: query('mender', prompt), apply: { type: 'apply', source: 'fix', ...step }, ...extra }, output ? { output } : {}));
  return { place, model };
}
const json = (value) => JSON.stringify(value);
const fence = (text, tag = '') => `\`\`\`${tag}\n${text}\n\`\`\``;

test('apply old/new: replaced, everything else byte for byte', async (t) => {
  const { place } = applying(t, json({ edits: [{ path: 'a.txt', old: 'two', new: '2' }] }));
  await place.run(0, 'w');
  assert.equal(place.read('a.txt'), 'one\n2\nthree\n');
  assert.equal(place.read('sub/b.txt'), files['sub/b.txt']);
});

test('apply old/new: ambiguous is an error with the lines', async (t) => {
  const { place } = applying(t, json([{ path: 'a.txt', old: 'x', new: 'y' }]), { given: { 'a.txt': 'x\nmiddle\nx\n' } });
  const done = await place.run(1, 'w');
  assert.match(done.stderr, /a\.txt[^]*\b1\b[^]*\b3\b/);
  assert.equal(place.read('a.txt'), 'x\nmiddle\nx\n');
});

test('apply old/new: absent shows the closest region', async (t) => {
  const { place } = applying(t, json([{ path: 'a.txt', old: 'one\ntvo\nthree', new: 'x' }]));
  const done = await place.run(1, 'w');
  assert.match(done.stderr, /a\.txt/);
  assert.match(done.stderr, /two/);
  assert.equal(place.read('a.txt'), files['a.txt']);
});

const matching = [
  ['blanks at the end of lines do not matter', 'f(a) {  \n\treturn a;\n}\n', { old: 'f(a) {\n\treturn a;  \n}', new: 'f(b) {\n\treturn b;\n}' }, 'f(b) {\n\treturn b;\n}\n'],
  ['another indentation is carried over', 'if x:\n        first()\n        second()\n', { old: 'first()\nsecond()', new: 'first()\nthird()' }, 'if x:\n        first()\n        third()\n'],
  ['empty lines do not matter', 'a\n\nb\nc\n', { old: 'a\nb', new: 'A\nB' }, /^A\n\n?B\nc\n$/],
  ['count: all of them', 'x y x\n', { old: 'x', new: 'z', count: 2 }, 'z y z\n'],
  ['CRLF stays CRLF', 'one\r\ntwo\r\n', { old: 'one\ntwo', new: 'one\n2' }, 'one\r\n2\r\n'],
  ['no newline at the end stays so', 'one\ntwo', { old: 'two', new: '2' }, 'one\n2'],
  ['a byte order mark stays', '\ufeffone\n', { old: 'one', new: '1' }, '\ufeff1\n'],
];
for (const [what, before, edit, after] of matching)
  test(`apply old/new: ${what}`, async (t) => {
    const { place } = applying(t, json([{ path: 'f', ...edit }]), { given: { f: before } });
    await place.run(0, 'w');
    if (after instanceof RegExp) assert.match(place.read('f'), after);
    else assert.equal(place.read('f'), after);
  });

test('apply old/new: an empty old creates, never overwrites; equal texts change nothing; modes stay', async (t) => {
  const made = applying(t, json([{ path: 'new/deep.txt', old: '', new: 'fresh\n' }]));
  await made.place.run(0, 'w');
  assert.equal(made.place.read('new/deep.txt'), 'fresh\n');
  const over = applying(t, json([{ path: 'a.txt', old: '', new: 'fresh\n' }]));
  await over.place.run(1, 'w');
  assert.equal(over.place.read('a.txt'), files['a.txt']);
  const same = applying(t, json([{ path: 'a.txt', old: 'two', new: 'two' }]));
  await same.place.run(0, 'w');
  assert.equal(same.place.read('a.txt'), files['a.txt']);
  const mode = applying(t, json([{ path: 'a.txt', old: 'two', new: '2' }]));
  chmodSync(mode.place.path('a.txt'), 0o750);
  await mode.place.run(0, 'w');
  assert.equal(statSync(mode.place.path('a.txt')).mode & 0o777, 0o750);
});

test('apply old/new: several edits of one file are made in order on one copy', async (t) => {
  const { place } = applying(t, json([{ path: 'a.txt', old: 'one', new: 'uno' }, { path: 'a.txt', old: 'uno\ntwo', new: 'uno\ndos' }]));
  await place.run(0, 'w');
  assert.equal(place.read('a.txt'), 'uno\ndos\nthree\n');
});

// ---------------------------------------------------------------- diffs

const numbered = Array.from({ length: 30 }, (_, n) => `line ${n + 1}`).join('\n');

test('apply diff: a drift of three lines is found', async (t) => {
  const { place } = applying(t, '--- a/n.txt\n+++ b/n.txt\n@@ -7,3 +7,3 @@\n line 10\n-line 11\n+line eleven\n line 12\n', { given: { 'n.txt': `${numbered}\n` } });
  await place.run(0, 'w');
  assert.equal(place.read('n.txt'), `${numbered}\n`.replace('line 11', 'line eleven'));
});

test('apply diff: a new file, a deletion, a rename', async (t) => {
  const { place } = applying(t, `diff --git a/new.txt b/new.txt
new file mode 100644
--- /dev/null
+++ b/new.txt
@@ -0,0 +1,2 @@
+first
+second
diff --git a/a.txt b/a.txt
deleted file mode 100644
--- a/a.txt
+++ /dev/null
@@ -1,3 +0,0 @@
-one
-two
-three
diff --git a/sub/b.txt b/sub/c.txt
similarity index 50%
rename from sub/b.txt
rename to sub/c.txt
--- a/sub/b.txt
+++ b/sub/c.txt
@@ -1,2 +1,2 @@
 alpha
-beta
+gamma
`);
  await place.run(0, 'w');
  assert.deepEqual(source(place), ['new.txt', 'sub/c.txt']);
  assert.equal(place.read('new.txt'), 'first\nsecond\n');
  assert.equal(place.read('sub/c.txt'), 'alpha\ngamma\n');
});

test('apply diff: CRLF is kept, empty context lines and removed lines that begin with -- count', async (t) => {
  const { place } = applying(t, '--- a/q.sql\n+++ b/q.sql\n@@ -1,4 +1,4 @@\n select\n\n--- old comment\n+-- new comment\n from t;\n', { given: { 'q.sql': 'select\r\n\r\n-- old comment\r\nfrom t;\r\n' } });
  await place.run(0, 'w');
  assert.equal(place.read('q.sql'), 'select\r\n\r\n-- new comment\r\nfrom t;\r\n');
});

test('apply diff: without prefixes, in a fence, without numbers', async (t) => {
  const { place } = applying(t, `Here it is:\n${fence('--- a.txt\n+++ a.txt\n@@\n one\n-two\n+2\n three', 'diff')}\nDone.`);
  await place.run(0, 'w');
  assert.equal(place.read('a.txt'), 'one\n2\nthree\n');
});

test('apply diff: context that is nowhere, or twice far away, is an error', async (t) => {
  const nowhere = applying(t, '--- a/a.txt\n+++ b/a.txt\n@@ -1,2 +1,2 @@\n zero\n-two\n+2\n');
  await nowhere.place.run(1, 'w');
  const twice = applying(t, '--- a/n.txt\n+++ b/n.txt\n@@ -15,2 +15,2 @@\n x\n-y\n+z\n', { given: { 'n.txt': `x\ny\n${numbered}\nx\ny\n` } });
  await twice.place.run(1, 'w');
  assert.equal(twice.place.read('n.txt'), `x\ny\n${numbered}\nx\ny\n`);
});

// ---------------------------------------------------------------- formats

const wanted = 'one\n2\nthree\n';
const formats = [
  ['unified diff with prefixes', '--- a/a.txt\n+++ b/a.txt\n@@ -1,3 +1,3 @@\n one\n-two\n+2\n three\n'],
  ['git diff with mode lines', 'diff --git a/a.txt b/a.txt\nold mode 100644\nnew mode 100644\nindex 123..456\n--- a/a.txt\n+++ b/a.txt\n@@ -1,3 +1,3 @@\n one\n-two\n+2\n three\n'],
  ['{"edits": [...]} with path', json({ edits: [{ path: 'a.txt', old: 'two', new: '2' }] })],
  ['{"edits": [...]} with file and other keys', json({ why: 'because', edits: [{ file: 'a.txt', old: 'two', new: '2', note: 'x' }] })],
  ['an array of edits', json([{ path: 'a.txt', old: 'two', new: '2' }])],
  ['one edit', json({ path: 'a.txt', old: 'two', new: '2' })],
  ['content', json({ path: 'a.txt', content: wanted })],
  ['a diff as the value', json({ path: 'a.txt', diff: '@@ -1,3 +1,3 @@\n one\n-two\n+2\n three\n' })],
  ['a fence of JSON, not the first fence', `First ${fence('echo no JSON', 'sh')} then ${fence(json([{ path: 'a.txt', old: 'two', new: '2' }]), 'json')}`],
  ['two fences of JSON', `${fence(json({ path: 'a.txt', old: 'two', new: '2' }), 'json')}\nand\n${fence(json({ path: 'sub/b.txt', old: 'beta', new: 'BETA' }), 'json')}`],
  ['search and replace', 'a.txt\n<<<<<<< SEARCH\ntwo\n=======\n2\n>>>>>>> REPLACE\n'],
  ['search and replace in a fence', `a.txt\n${fence('<<<<<<< SEARCH\ntwo\n=======\n2\n>>>>>>> REPLACE')}\n`],
  ['a whole file in a fence, path in the info string', fence('one\n2\nthree', 'text path=a.txt')],
  ['a whole file in a fence, path in the line before', `a.txt\n${fence('one\n2\nthree')}`],
];
for (const [what, reply] of formats)
  test(`apply formats: ${what}`, async (t) => {
    const { place } = applying(t, reply);
    await place.run(0, 'w');
    assert.equal(place.read('a.txt'), wanted);
  });

test('apply formats: delete and rename_to', async (t) => {
  const { place } = applying(t, json([{ path: 'a.txt', delete: true }, { path: 'sub/b.txt', rename_to: 'moved/b.txt' }]));
  await place.run(0, 'w');
  assert.deepEqual(source(place), ['moved/b.txt']);
});

test('apply formats: kinds may be mixed over different files', async (t) => {
  const { place } = applying(t, `--- a/a.txt\n+++ b/a.txt\n@@ -1,3 +1,3 @@\n one\n-two\n+2\n three\n\nand\n\nsub/b.txt\n<<<<<<< SEARCH\nbeta\n=======\nBETA\n>>>>>>> REPLACE\n`);
  await place.run(0, 'w');
  assert.deepEqual([place.read('a.txt'), place.read('sub/b.txt')], [wanted, 'alpha\nBETA\n']);
});

test('apply formats: none is an error that shows the beginning and what was tried', async (t) => {
  const { place } = applying(t, 'I would rather not change anything here.');
  const done = await place.run(1, 'w');
  assert.match(done.stderr, /no edits/i);
  assert.match(done.stderr, /rather not change/);
  assert.match(done.stderr, /diff/);
});

test('apply formats: edits of the workflow itself, templated; every spelling of source', async (t) => {
  const place = lab(t, { files, workflows: { w: flow({ a: { type: 'apply', edits: [{ path: '{{ args.f }}', old: 'two', new: '{{ args.x }}' }] } }) } });
  await place.run(0, 'w', 'f=a.txt', 'x=2');
  assert.equal(place.read('a.txt'), wanted);
  for (const spelled of ['steps.fix', 'steps.fix.output', 'steps.fix.edits', 'steps.fix.outputs.model', '{{ steps.fix.output }}']) {
    const one = applying(t, json({ edits: [{ path: 'a.txt', old: 'two', new: '2' }] }), { step: { source: spelled } });
    await one.place.run(0, 'w');
    assert.equal(one.place.read('a.txt'), wanted, spelled);
  }
});

// ---------------------------------------------------------------- all or nothing

test('apply atomic: the second edit is bad, the first file is unchanged', async (t) => {
  const { place } = applying(t, json([{ path: 'a.txt', old: 'two', new: '2' }, { path: 'sub/b.txt', old: 'not there', new: 'x' }]));
  await place.run(1, 'w');
  assert.equal(place.read('a.txt'), files['a.txt']);
  assert.deepEqual(source(place), Object.keys(files));
});

for (const [what, path] of [['..', '../x'], ['.. inside', 'sub/../../x'], ['absolute', null], ['.git', '.git/hooks/pre-commit'], ['.llm-mux', '.llm-mux/config.toml'], ['a trailing slash', 'dir/'], ['empty', ''], ['NUL', 'a\0b'], ['a link out', 'link/x'], ['a link to a file outside', 'filelink']])
  test(`path escape: ${what} is rejected, nothing written`, async (t) => {
    const { place } = applying(t, '');
    mkdirSync(join(place.home, 'outside'));
    symlinkSync(join(place.home, 'outside'), place.path('link'));
    symlinkSync(join(place.home, 'outside/target'), place.path('filelink'));
    const target = path ?? join(place.home, 'outside/absolute');
    const model = place.canned('model2', json([{ path: 'a.txt', old: 'two', new: '2' }, { path: target, content: 'evil' }]));
    place.configure({ backends: { model: { command: model.command } }, roles: { mender: { backends: ['model'] } } });
    const before = tree(place.home).filter((f) => !/project\/\.llm-mux\/state|fakes|^state/.test(f));
    await place.run(1, 'w');
    assert.equal(place.read('a.txt'), files['a.txt']);
    assert.deepEqual(tree(place.home).filter((f) => !/project\/\.llm-mux\/state|fakes|^state/.test(f)), before);
  });

test('path escape: allow_paths and deny_paths', async (t) => {
  const both = json([{ path: 'a.txt', old: 'two', new: '2' }, { path: 'sub/b.txt', old: 'beta', new: 'x' }]);
  for (const step of [{ allow_paths: ['*.txt'], deny_paths: ['sub/**'] }, { allow_paths: ['a.*'] }]) {
    const { place } = applying(t, both, { step });
    const done = await place.run(1, 'w');
    assert.match(done.stderr, /sub\/b\.txt/);
    assert.equal(place.read('a.txt'), files['a.txt']);
  }
});

// ---------------------------------------------------------------- rollback, verify

const edit = json([{ path: 'a.txt', old: 'two', new: '2' }, { path: 'made/new.txt', content: 'new\n' }]);

test('rollback: an uncommitted change survives a failed verify byte for byte', async (t) => {
  const { place } = applying(t, edit, { step: { verify: 'false', rollback_on_failure: true } });
  const { execFileSync } = await import('node:child_process');
  const git = (...args) => execFileSync('git', args, { cwd: place.dir, env: { ...place.env, GIT_CONFIG_NOSYSTEM: '1' }, encoding: 'utf8' });
  git('init', '-q');
  git('add', '.');
  git('-c', 'user.name=t', '-c', 'user.email=t@example.org', 'commit', '-qm', 'one');
  const dirty = 'one  \r\ntwo\nthree, not committed\x01';
  place.write('a.txt', dirty);
  chmodSync(place.path('a.txt'), 0o640);
  await place.run(1, 'w');
  assert.equal(place.read('a.txt'), dirty);
  assert.equal(statSync(place.path('a.txt')).mode & 0o777, 0o640);
  assert.ok(!existsSync(place.path('made')), 'a directory it made is still there');
});

test('rollback: without it the edits stay, and the error says where the backups are', async (t) => {
  const { place } = applying(t, edit, { step: { verify: 'echo broken things >&2; exit 3' } });
  const done = await place.run(1, 'w');
  assert.equal(place.read('a.txt'), wanted);
  assert.match(done.stderr, /broken things/);
  assert.match(done.stderr, /backup/);
  const where = /(\/\S*backup\S*)/.exec(done.stderr);
  assert.ok(where, done.stderr);
});

test('rollback: rollback = "none" leaves the edits', async (t) => {
  const { place } = applying(t, edit, { step: { verify: 'false', rollback: 'none' } });
  await place.run(1, 'w');
  assert.equal(place.read('a.txt'), wanted);
});

test('rollback: rollback = "git" restores a clean file, and never costs an uncommitted change', async (t) => {
  const { execFileSync } = await import('node:child_process');
  for (const dirty of [null, 'one, not committed\ntwo\nthree\n']) {
    const { place } = applying(t, edit, { step: { verify: 'false', rollback: 'git' } });
    for (const args of [['init', '-q'], ['add', '.'], ['-c', 'user.name=t', '-c', 'user.email=t@example.org', 'commit', '-qm', 'one']]) execFileSync('git', args, { cwd: place.dir, env: place.env });
    if (dirty) place.write('a.txt', dirty);
    await place.run(1, 'w');
    assert.equal(place.read('a.txt'), dirty ?? files['a.txt']);
    assert.ok(!existsSync(place.path('made')));
  }
});

test('verify retry: the backend is called again with stderr, a good second answer passes', async (t) => {
  const { place, model } = applying(t, [json([{ path: 'a.txt', old: 'two', new: 'wrong' }]), json([{ path: 'a.txt', old: 'two', new: '2' }])], {
    step: { verify: "grep -q '^2$' a.txt || { echo 'there is no line 2' >&2; exit 5; }", verify_retries: 2, rollback_on_failure: true }, output: '{{ steps.apply.data.attempts }} {{ steps.apply.data.verify.exit_code }}',
  });
  assert.equal(await place.text('w'), '2 0');
  assert.equal(place.read('a.txt'), wanted);
  assert.equal(model.calls(), 2);
  const again = model.prompts()[1];
  for (const words of ['please mend', 'there is no line 2', 'grep -q', 'wrong', '5']) assert.ok(again.includes(words), `${words} in:\n${again}`);
});

test('verify retry: a reply without edits, or that does not match, uses one retry and is told', async (t) => {
  const { place, model } = applying(t, ['no idea', json([{ path: 'a.txt', old: 'absent', new: 'x' }]), json([{ path: 'a.txt', old: 'two', new: '2' }])], { step: { verify: 'true', verify_retries: 2 } });
  await place.run(0, 'w');
  assert.equal(model.calls(), 3);
  assert.match(model.prompts()[2], /absent|not found/);
});

test('verify retry: at most verify_retries times, then restored and told why', async (t) => {
  const { place, model } = applying(t, json([{ path: 'a.txt', old: 'two', new: 'wrong' }]), { step: { verify: 'echo still wrong >&2; exit 1', verify_retries: 2, rollback_on_failure: true } });
  const done = await place.run(1, 'w');
  assert.equal(model.calls(), 3);
  assert.match(done.stderr, /still wrong/);
  assert.equal(place.read('a.txt'), files['a.txt']);
});

test('verify retry: the prompt may be one\'s own template', async (t) => {
  const { place, model } = applying(t, [json([{ path: 'a.txt', old: 'two', new: 'wrong' }]), json([{ path: 'a.txt', old: 'two', new: '2' }])], {
    step: { verify: "grep -q '^2$' a.txt || { echo OUT; echo ERR >&2; exit 7; }", verify_retries: 1, verify_retry_prompt: 'S={{ error.stderr | trim }} O={{ error.stdout | trim }} C={{ error.exit_code }} E={{ source.output | length > 5 }} P={{ original }}' },
  });
  await place.run(0, 'w');
  assert.match(model.prompts()[1], /^S=ERR O=OUT C=7 E=true P=please mend/);
});

test('verify template: {{ team.verify }} and "team" run the command of the team', async (t) => {
  for (const verify of ['{{ team.verify }}', '{{ team.verify | safe }}', 'team']) {
    const { place } = applying(t, edit, { step: { verify }, config: { teams: { own: { detect: ['a.txt'], verify: 'touch team-verified; grep -q 2 a.txt' } } } });
    const done = await place.cli('run', 'w');
    assert.equal(done.code, 0, `${verify}: ${done.stderr}`);
    assert.ok(place.has('team-verified'), verify);
  }
});

test('verify timeout: rolled back', async (t) => {
  const { sleepMarker, alive, until } = await import('./lab.mjs');
  const seconds = sleepMarker();
  const { place } = applying(t, edit, { step: { verify: `sleep ${seconds}`, verify_timeout: 300, rollback_on_failure: true } });
  const done = await place.run(1, 'w');
  assert.match(done.stderr, /300 ?ms|0\.3 ?s|time/);
  assert.equal(place.read('a.txt'), files['a.txt']);
  await until(() => alive(seconds).length === 0, 'the end of verify');
});

test('apply result: output, data, diff, backend', async (t) => {
  const { place } = applying(t, edit, { step: { verify: 'true' }, output: '{{ steps.apply.backend }}|{{ steps.apply.data.files | map(attribute="path") | join(",") }}|{{ steps.apply.data.files[0].added }}{{ steps.apply.data.files[0].removed }}|{{ steps.apply.data.files[1].action }}|{{ steps.apply.output != "" }}|{{ steps.apply.diff }}' });
  const [backend, paths, counts, action, has, diff] = (await place.text('w')).split('|');
  assert.deepEqual([backend, paths, counts, has], ['apply', 'a.txt,made/new.txt', '11', 'true']);
  assert.match(action, /creat|add|new/);
  assert.match(diff, /-two\n\+2\n/);
});

test('apply result: backups are gone after success, kept with --keep-backups', async (t) => {
  for (const [args, kept] of [[[], false], [['--keep-backups'], true]]) {
    const { place } = applying(t, edit);
    await place.run(0, 'w', ...args);
    const copies = place.written(['fakes', 'config']).filter(([f, text]) => text === files['a.txt'] && !f.startsWith('project/a.txt'));
    assert.equal(copies.length > 0, kept, copies.map(([f]) => f).join());
  }
});

test('apply: a directory is no file to write', async (t) => {
  const { place } = applying(t, json([{ path: 'sub', content: 'x' }]));
  await place.run(1, 'w');
  assert.ok(statSync(place.path('sub')).isDirectory());
});
