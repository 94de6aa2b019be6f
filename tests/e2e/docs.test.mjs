// The documents: what pages tell the reader to write and to run is done, in order, and must print what they show (pages.mjs);
// every client has its page; links lead somewhere.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { describe } from 'node:test';
import { repoRoot } from './fixtures.mjs';
import { noBinary, runBinary } from './harness.mjs';
import { blocks, doStep, expected, openPage, stepsOf } from './pages.mjs';
import { test } from './timed.mjs';

const documents = ['README.md', 'CONTRIBUTING.md', ...['examples/README.md'].filter((file) => existsSync(join(repoRoot, file))), ...readdirSync(join(repoRoot, 'docs'), { recursive: true }).filter((f) => f.endsWith('.md')).map((f) => join('docs', f))];
const read = (path) => readFileSync(join(repoRoot, path), 'utf8');

const withoutBlocks = (text) => text.replace(/^(`{3,})[^]*?^\1$/gm, '');
/** The names by which a page's headings are linked. */
const anchors = (page) => new Set([...withoutBlocks(page).matchAll(/^#+ (.*)$/gm)].map(([, title]) => title.toLowerCase().replace(/[^\w\- ]/g, '').replaceAll(' ', '-')));

describe('documents', { skip: noBinary }, () => {
  for (const path of documents.filter((file) => stepsOf(read(file)).some((step) => step.command)))
    test(`${path}: its blocks do what they show`, async () => {
      const place = openPage();
      try {
        for (const step of stepsOf(read(path))) {
          const { code, printed } = await doStep(place, step);
          if (!step.command) continue;
          assert.equal(code, 0, `${step.command}\n${printed}`);
          assert.match(printed, expected(step.output), `what \`${step.command}\` prints is not what the page shows:\n${printed}`);
        }
      } finally {
        place.remove();
      }
    });

  test('the index of examples names every one', () => {
    const dir = join(repoRoot, 'examples/workflows');
    const examples = existsSync(dir) ? readdirSync(dir).filter((file) => file.endsWith('.toml') && !file.endsWith('.test.toml')) : [];
    const index = examples.length > 0 ? read('examples/workflows/README.md') : '';
    assert.deepEqual(examples.filter((file) => !index.includes(`](${file})`)), []);
  });

  test('every client has a page that shows what env prints, and the index names it', async () => {
    const { stdout } = await runBinary(['env']);
    const names = stdout.trim().split('\n').slice(1).map((line) => line.split(' ')[0]);
    const index = read('docs/clients/README.md');
    for (const name of names) {
      const shown = stepsOf(read(`docs/clients/${name}.md`)).filter((step) => step.command?.startsWith(`llm-mux env ${name}`));
      assert.ok(shown.length > 0, `docs/clients/${name}.md shows no "llm-mux env ${name}"`);
      assert.ok(index.includes(`](${name}.md)`), `the index does not name ${name}`);
    }
    const pages = readdirSync(join(repoRoot, 'docs/clients')).filter((f) => f !== 'README.md').map((f) => f.replace(/\.md$/, ''));
    assert.deepEqual(pages.sort(), names.sort());
    assert.ok(read('README.md').includes('](docs/clients/README.md)'));
  });

  for (const path of documents)
    test(`${path}: its links lead somewhere`, () => {
      for (const [, target, anchor] of withoutBlocks(read(path)).matchAll(/\]\(([^)#\s]*)(?:#([^)\s]*))?[^)]*\)/g)) {
        if (/^[a-z]+:/.test(target)) continue;
        const file = target === '' ? join(repoRoot, path) : join(repoRoot, dirname(path), target);
        assert.ok(!relative(repoRoot, file).startsWith('..') && existsSync(file), `${target} is not there`);
        if (anchor) assert.ok(anchors(readFileSync(file, 'utf8')).has(anchor), `${target}#${anchor}: there is no such heading`);
      }
    });
});

/** The text below a heading, down to the next one of its level or above. */
function section(page, heading) {
  const lines = page.split('\n');
  const level = heading.indexOf(' ');
  const begin = lines.indexOf(heading);
  assert.ok(begin >= 0, `no heading "${heading}"`);
  const end = lines.findIndex((line, i) => i > begin && /^#+ /.test(line) && line.indexOf(' ') <= level);
  return lines.slice(begin, end < 0 ? undefined : end).join('\n');
}

/** The cells of all table rows; `\|` is a bar within one. */
const rowsOf = (text) => text.split('\n').filter((line) => line.startsWith('| '))
  .map((line) => line.slice(2, -2).split(/ \| /).map((cell) => cell.replaceAll('\\|', '|').trim()));
const spansOf = (text) => [...withoutBlocks(text).matchAll(/`([^`]+)`/g)].map(([, span]) => span);
/** What a section has a row for: the names in the first cells, `defaults.timeout` also as its parts. */
const explained = (text) => new Set(rowsOf(text).flatMap(([cell]) => spansOf(cell)).flatMap((span) => [span, ...span.split('.')]));

const runnerKeys = ['defaults', 'backends', 'roles', 'teams', 'ecosystems', 'pricing', 'output'];
/** Which section of the guide explains the keys at a path of a schema. */
const places = {
  config: { 'backends': '### Backends', 'backends.replies': '## Testing a workflow', 'roles': '### Roles', 'teams': '### Teams', 'teams.roles': '### Roles', 'ecosystems': '### Ecosystems',
    'ecosystems.projects': '### Ecosystems', 'defaults': '### Defaults, prices, output', 'pricing': '### Defaults, prices, output', 'output': '### Defaults, prices, output', 'output.log': '### Defaults, prices, output' },
  workflow: { '': '### The file', 'args': '### Arguments', 'roles': '### Roles', 'groups': '### Groups' },
};
const stepSections = ['### Keys of every step', '## Types of steps'];

/** [path of the object, key, schema of the key] of every key below; maps and lists stand for their members. */
function* keysOf(schema, path = []) {
  const inner = schema.properties ? schema : schema.items?.properties ? schema.items : schema.additionalProperties;
  for (const [key, value] of Object.entries(inner?.properties ?? {})) {
    yield [path.join('.'), key, value];
    yield* keysOf(value, [...path, key]);
  }
  for (const way of schema.anyOf ?? schema.oneOf ?? []) yield* keysOf(way, path);
}

/** Names of a table of the template engine, as its source lists them. */
const names = (file, table) => {
  const source = read(`src/template/${file}`);
  const rows = source.slice(source.indexOf(`${table}[] = {`)).split('\n};')[0];
  return [...rows.matchAll(/\{"([^"]+)", \w+\}/g)].map(([, name]) => name);
};

describe('the guide to workflows', { skip: noBinary }, () => {
  const guide = read('docs/workflows.md');
  const schemaOf = async (...more) => JSON.parse((await runBinary(['config', 'schema', ...more])).stdout);

  test('explains every key and every word of the configuration', async () => {
    const { properties } = await schemaOf();
    const runner = { properties: Object.fromEntries(runnerKeys.map((key) => [key, properties[key]])) };
    let count = 0;
    for (const [path, key, schema] of keysOf(runner)) {
      if (path === '' || (path === 'output' && key === 'log')) continue;
      const text = section(guide, places.config[path] ?? assert.fail(`no section for ${path}.${key}`));
      assert.ok(explained(text).has(key), `${path}.${key} has no row in "${places.config[path]}"`);
      for (const word of (schema.enum ?? []).filter((value) => typeof value === 'string' && value !== 'true' && value !== 'false'))
        assert.ok(spansOf(text).includes(word), `${path}.${key} = "${word}" is not told in "${places.config[path]}"`);
      count += 1;
    }
    assert.ok(count > 60, `only ${count} keys`);
  });

  test('explains every key and every word of workflow files', async () => {
    let count = 0;
    for (const [path, key, schema] of keysOf(await schemaOf('--workflow'))) {
      if (key === '$schema') continue;
      const headings = path.endsWith('steps') ? stepSections : [places.workflow[path] ?? assert.fail(`no section for ${path}.${key}`)];
      const text = headings.map((heading) => section(guide, heading)).join('\n');
      assert.ok(explained(text).has(key), `${path}.${key} has no row in ${headings}`);
      for (const word of (schema.enum ?? []).filter((value) => typeof value === 'string')) assert.ok(spansOf(text).includes(word), `${path}.${key} = "${word}" is not told in ${headings}`);
      count += 1;
    }
    assert.ok(count > 80, `only ${count} keys`);
  });

  test('explains no key that is not there', async () => {
    const { properties } = await schemaOf();
    const runner = { properties: Object.fromEntries(runnerKeys.map((key) => [key, properties[key]])) };
    const known = new Set([...keysOf(runner), ...keysOf(await schemaOf('--workflow'))].map(([, key]) => key));
    const headings = [...new Set([...Object.values(places.config), ...Object.values(places.workflow), ...stepSections])].filter((heading) => !heading.startsWith('## Test'));
    for (const heading of headings) {
      const text = section(guide, heading);
      const tables = text.split('\n\n').filter((part) => part.startsWith('| key |')).join('\n');
      for (const span of rowsOf(tables).flatMap(([cell]) => spansOf(cell)))
        assert.ok(known.has(span.split('.').at(-1)), `${heading} explains \`${span}\`, and no schema has it`);
    }
  });

  for (const [heading, file, table, least] of [['### Filters', 'filters.c', 'template_filters', 60], ['### Tests', 'tests.c', 'template_tests', 40], ['### Functions and methods', 'functions.c', 'template_functions', 4]])
    test(`names everything of ${file}`, () => {
      const told = new Set(rowsOf(section(guide, heading)).flatMap(([cell]) => spansOf(cell)).map((span) => span.replace(/\(.*/, '')));
      const all = names(file, table);
      assert.ok(all.length >= least, `found only ${all.length} names in ${file}`);
      assert.deepEqual(all.filter((name) => !told.has(name)), []);
    });

  test('gives examples that are true', async () => {
    const rows = ['### Filters', '### Tests', '### Functions and methods'].flatMap((heading) => rowsOf(section(guide, heading))).filter((row) => row[2]?.startsWith('`'));
    const text = (cell) => cell.replace(/^`|`$/g, '');
    const input = rows.map(([, , template]) => JSON.stringify({ template: text(template), context: {} })).join('\n');
    const { stdout } = await runBinary(['render', '--lines', '-'], { input: `${input}\n` });
    const results = stdout.trim().split('\n').map((line) => JSON.parse(line));
    assert.ok(rows.length > 70 && results.length === rows.length);
    rows.forEach(([, , template, gives], i) => assert.equal(results[i].output, text(gives), template));
  });

  test('shows files that are right', async () => {
    const place = openPage();
    const schemas = { workflow: await schemaOf('--workflow'), config: await schemaOf() };
    for (const [name, schema] of Object.entries(schemas)) writeFileSync(join(place.cwd, `${name}.schema.json`), JSON.stringify(schema));
    let count = 0;
    for (const { text } of blocks(guide).filter((block) => block.language === 'toml' && !block.title?.endsWith('.test.toml'))) {
      const isWorkflow = /^\[\[(steps|groups)\]\]$/m.test(text);
      const path = `./${/^name = "(.*)"$/m.exec(text.split('\n[')[0])?.[1] ?? `block-${count}`}.toml`;
      count += 1;
      writeFileSync(join(place.cwd, path), text);
      const done = await runBinary([...(isWorkflow ? ['validate'] : ['config', 'validate']), path], { env: place.env, cwd: place.cwd });
      assert.equal(done.code, 0, `${text}\n${done.stdout}${done.stderr}`);
      assert.doesNotMatch(done.stderr, /warning/, text);
      const checked = await runBinary(['schema', 'check', `${isWorkflow ? 'workflow' : 'config'}.schema.json`, path], { env: place.env, cwd: place.cwd });
      assert.equal(checked.code, 0, `the schema refuses what the program takes:\n${text}\n${checked.stdout}${checked.stderr}`);
    }
    place.remove();
    assert.ok(count > 20, `only ${count} files`);
  });

  test('tells every option of run', async () => {
    const { stdout } = await runBinary(['help', 'run']);
    const own = stdout.slice(stdout.indexOf('\nOptions:'), stdout.indexOf('\nOptions of every command:'));
    const flags = [...own.matchAll(/^ {2}(?:-\w, | {4})(--[\w-]+)/gm)].map(([, flag]) => flag);
    assert.ok(flags.length > 15);
    const told = section(guide, '### Options of run');
    assert.deepEqual(flags.filter((flag) => !spansOf(told).some((span) => span.split(' ')[0] === flag)), []);
  });
});

describe('commands that documents show', { skip: noBinary }, () => {
  /** [words] of each `llm-mux ...` in code, as far as its line or pipe goes. */
  const shown = (page) => [...page.matchAll(/llm-mux((?: +[^\s`|<>&;]+)*)/g)].map(([, words]) => words.trim().split(/ +/).filter(Boolean));
  const helps = new Map();
  const help = async (words) => {
    const key = words.join(' ');
    if (!helps.has(key)) helps.set(key, (await runBinary([...words, '--help'])).stdout);
    return helps.get(key);
  };

  for (const path of documents)
    test(`${path}: its commands and options exist`, async () => {
      const commands = new Set([...(await help([])).matchAll(/^ {2}([a-z]+) {2,}/gm)].map(([, name]) => name));
      assert.ok(commands.size > 20);
      const code = [...blocks(read(path)).filter((block) => ['sh', 'console', 'bash'].includes(block.language)).map((block) => block.text), ...spansOf(read(path))].join('\n');
      for (const words of shown(code)) {
        const at = words.findIndex((word) => commands.has(word));
        const before = at < 0 ? words : words.slice(0, at);
        const unknown = before.find((word) => /^[a-z]+$/.test(word) && !/^(--config|-C|--dir)$/.test(before[before.indexOf(word) - 1] ?? ''));
        assert.ok(unknown === undefined, `there is no command "${unknown}" (llm-mux ${words.join(' ')})`);
        const command = at < 0 ? [] : [words[at]];
        const text = await help(command);
        // Behind a workflow's name stand its arguments, behind that of a client its own.
        const operand = words.findIndex((word, i) => i > at && /^[\w./]/.test(word));
        const own = ['run', 'plan', 'with'].includes(command[0]) && operand > 0 ? words.slice(0, operand) : words;
        for (const flag of own.filter((word) => /^--[a-z]/.test(word)).map((word) => word.replace(/[=[\])].*/, '')))
          assert.ok(new RegExp(`${flag}(?![\\w-])`).test(text), `llm-mux ${command} has no ${flag} (llm-mux ${words.join(' ')})`);
      }
    });

  test('help fits into 80 columns', async () => {
    const pages = [[]];
    for (const words of pages) {
      const text = await help(words);
      assert.deepEqual(text.split('\n').filter((line) => [...line].length > 80), [], `llm-mux ${words.join(' ')} --help`);
      const list = /\nCommands:\n([^]*?)\n\n/.exec(text)?.[1] ?? '';
      pages.push(...[...list.matchAll(/^ {2}([a-z]+) /gm)].map(([, name]) => [...words, name]));
    }
    assert.ok(pages.length > 40);
  });

  test('every command is told somewhere', async () => {
    const all = documents.map(read).join('\n');
    const commands = [...(await help([])).matchAll(/^ {2}([a-z]+) {2,}/gm)].map(([, name]) => name);
    assert.deepEqual(commands.filter((name) => !new RegExp(`\`(?:llm-mux )?${name}\\b|llm-mux ${name}\\b`).test(all)), []);
  });
});
