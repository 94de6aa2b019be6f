// Sections 5.1 and 5.4 of the runner's specification: which file a name is, and what may be given to it.
import assert from 'node:assert/strict';
import { flow, lab, shell, test } from './lab.mjs';

const says = (word) => flow({ s: shell(`echo ${word}`) });

test('workflow lookup: the project shadows the user, the user the built-in', async (t) => {
  const place = lab(t);
  const listed = async () => /^hunt +(\S+)/m.exec((await place.cli('workflows')).stdout)[1];
  assert.equal(await listed(), 'built-in');
  place.workflow('hunt', says('user'));
  assert.equal(await listed(), 'user');
  assert.equal(await place.text('hunt'), 'user');
  place.write('.llm-mux/workflows/hunt.toml', says('project'));
  assert.equal(await listed(), 'project');
  assert.equal(await place.text('hunt', '--trust'), 'project');
});

test('workflow lookup: a name with / or .toml is a path', async (t) => {
  const place = lab(t, { files: { 'flows/own.toml': says('by path'), 'here.toml': says('beside') } });
  assert.equal(await place.text('flows/own.toml', '--trust'), 'by path');
  assert.equal(await place.text('./flows/own.toml', '--trust'), 'by path');
  assert.equal(await place.text('here.toml', '--trust'), 'beside');
  assert.equal(await place.text(place.path('here.toml'), '--trust'), 'beside');
});

test('workflow lookup: what is not found lists directories, a suggestion and a hint', async (t) => {
  const place = lab(t, { workflows: { release: says('x') } });
  for (const command of ['run', 'validate', 'graph']) {
    const done = await place.cli(command, 'relaese');
    assert.equal(done.code, 2, `${command}: ${done.stderr}`);
    assert.match(done.stderr, /did you mean .?release/);
    assert.match(done.stderr, /config\/llm-mux\/workflows/);
    assert.match(done.stderr, /\.llm-mux\/workflows/);
    assert.match(done.stderr, /llm-mux workflows/);
  }
});

test('workflow lookup: workflows as JSON have name, source and what they shadow', async (t) => {
  const place = lab(t, { workflows: { hunt: says('x') } });
  const list = JSON.parse((await place.cli('workflows', '--output', 'json')).stdout);
  const hunt = list.find((w) => w.name === 'hunt');
  assert.equal(hunt.source, 'user');
  for (const name of ['hunt', 'audit', 'diff', 'fix', 'review', 'review-pr']) assert.ok(list.some((w) => w.name === name), name);
});

// ---------------------------------------------------------------- arguments

const tool = `
output = "{{ args.issue }}|{{ args.branch }}|{{ args.count }}|{{ args.fast }}"
[args.issue]
required = true
description = "the number of the issue"
[args.branch]
default = "fix/{{ args.issue }}"
[args.count]
type = "int"
default = 3
[args.fast]
type = "bool"
default = false
[[steps]]
name = "s"
type = "shell"
run = "touch ran"
`;

test('args: a missing required one is exit 2, nothing ran, its description is shown', async (t) => {
  const place = lab(t, { workflows: { w: `${tool}\n[args.other]\nrequired = true\ndescription = "something else"\n`.replace(/(\[\[steps[^]*?ran"\n)([^]*)/, '$2$1') } });
  const done = await place.run(2, 'w');
  for (const words of ['issue', 'the number of the issue', 'other', 'something else', 'llm-mux run w']) assert.ok(done.stderr.includes(words), `${words}:\n${done.stderr}`);
  assert.ok(!place.has('ran'));
});

test('args: a default is rendered with an earlier argument', async (t) => {
  const place = lab(t, { workflows: { w: tool } });
  assert.equal(await place.text('w', 'issue=7'), '7|fix/7|3|false');
});

test('args: types and choices are checked, all before the start', async (t) => {
  const place = lab(t, { workflows: { w: tool, c: 'args.colour = { choices = ["red", "green"], required = true }\n[[steps]]\nname = "s"\ntype = "shell"\nrun = "touch ran"\n' } });
  assert.match((await place.run(2, 'w', 'issue=7', 'count=many')).stderr, /count[^]*many/);
  assert.match((await place.run(2, 'w', 'issue=7', 'fast=perhaps')).stderr, /fast[^]*perhaps/);
  const colour = await place.run(2, 'c', 'colour=gren');
  assert.match(colour.stderr, /red/);
  assert.match(colour.stderr, /did you mean .?green/);
  assert.ok(!place.has('ran'));
});

test('args: the short list form means required strings', async (t) => {
  const place = lab(t, { workflows: { w: 'args = ["one", "two"]\noutput = "{{ args.one }} {{ args.two }}"\n[[steps]]\nname = "s"\ntype = "shell"\nrun = "true"\n' } });
  assert.match((await place.run(2, 'w', 'one=1')).stderr, /two/);
  assert.equal(await place.text('w', '1', '2'), '1 2');
});

const forms = [['issue=a b=c'], ['--issue', 'a b=c'], ['--issue=a b=c'], ['--', 'a b=c']];
for (const form of forms)
  test(`arg forms: ${form.join(' ')}`, async (t) => {
    const place = lab(t, { workflows: { w: tool } });
    assert.equal(await place.text('w', ...form), 'a b=c|fix/a b=c|3|false');
  });

test('arg forms: positional ones fill what was not given by name, in the order declared', async (t) => {
  const place = lab(t, { workflows: { w: tool } });
  assert.equal(await place.text('w', '12'), '12|fix/12|3|false');
  assert.equal(await place.text('w', 'branch=main', '12', '5'), '12|main|5|false');
});

test('arg forms: a flag alone is true; flags of the program count anywhere before --', async (t) => {
  const place = lab(t, { workflows: { w: tool } });
  assert.equal(await place.text('w', 'issue=1', '--fast'), '1|fix/1|3|true');
  const quiet = await place.run(0, 'w', 'issue=1', '--quiet', 'count=4');
  assert.deepEqual([quiet.stdout, quiet.stderr], ['1|fix/1|4|false\n', '']);
});

test('arg forms: an argument that is not declared is accepted, warned of with a suggestion', async (t) => {
  const place = lab(t, { workflows: { w: tool, free: flow({ s: shell('echo {{ args.anything }}') }) } });
  const done = await place.run(0, 'w', 'issue=1', 'brnch=x');
  assert.match(done.stderr, /brnch[^]*branch/);
  const free = await place.run(0, 'free', 'anything=goes');
  assert.equal(free.stdout, 'goes\n');
});

test('arg forms: positions have names of their own, and @file reads a file for type = "file"', async (t) => {
  const place = lab(t, { files: { 'in.txt': 'the content' }, workflows: { w: flow({ s: shell('echo {{ args.arg0 }}-{{ args.arg1 }}') }), f: 'args.body = { type = "file", required = true }\n[[steps]]\nname = "s"\ntype = "shell"\nrun = "echo {{ args.body }}"\n' } });
  assert.equal(await place.text('w', 'x', 'y'), 'x-y');
  assert.equal(await place.text('f', 'body=@in.txt'), 'the content');
});
