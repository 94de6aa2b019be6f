// `render` against npm's minijinja-js, the engine whose behaviour workflows.md 6 takes as the reference: a generated corpus of templates must give
// the same text, or a failure of the same kind in the same line, but for the classes of tests/jinja/classes.txt.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { Environment } from 'minijinja-js';
import { repoRoot } from './fixtures.mjs';
import { noBinary, runBinary } from './harness.mjs';
import { corpus } from './jinja/corpus.mjs';

const COUNT = 2000;

const kinds = {
  'syntax error': 'SyntaxError', 'undefined value': 'UndefinedError', 'invalid operation': 'InvalidOperation', 'unknown filter': 'UnknownFilter', 'unknown test': 'UnknownTest',
  'unknown function': 'UnknownFunction', 'unknown method': 'UnknownMethod', 'missing argument': 'MissingArgument', 'too many arguments': 'TooManyArguments', 'cannot unpack': 'CannotUnpack',
};

function reference({ template, context, strict }, filters = {}) {
  const environment = new Environment();
  environment.undefinedBehavior = strict ? 'strict' : 'lenient';
  for (const [name, filter] of Object.entries(filters)) environment.addFilter(name, filter);
  try {
    return { output: environment.renderStr(template, context) };
  } catch (error) {
    const message = String(error.message ?? error).split('\n')[0];
    const kind = Object.keys(kinds).find((words) => message.startsWith(words));
    return { error: { kind: kinds[kind] ?? message, line: Number(/<string>:(\d+)/.exec(message)?.[1] ?? 0), message } };
  } finally {
    environment.free();
  }
}

async function ours(cases) {
  const results = [];
  for (const strict of [true, false]) {
    const input = cases.filter((one) => one.strict === strict).map(({ template, context }) => JSON.stringify({ template, context })).join('\n');
    const run = await runBinary(['render', '--lines', ...(strict ? [] : ['--lenient']), '-'], { input });
    results.push(...run.stdout.trimEnd().split('\n').map((line) => JSON.parse(line)));
  }
  return results;
}

const agree = (a, b) => (a.error && b.error ? a.error.kind === b.error.kind && a.error.line === b.error.line : a.output !== undefined && a.output === b.output);
const message = (result) => result.error?.message ?? '';

/** The filters that workflows.md 6.4 replaces, as it says they are: with them the reference must agree, too. */
const isEmpty = (value) => value === undefined || value === null || value === '';
const filters = {
  default: (value, other) => (isEmpty(value) ? other ?? '' : value),
  d: (value, other) => (isEmpty(value) ? other ?? '' : value),
};

/** The class of a difference, and what is left of it once the replaced filters are as ours: undefined when nothing explains it. */
function classify(one, mine, theirs) {
  const uses = /\|d(efault)?\(/.test(one.template);
  const replaced = uses ? reference(one, filters) : theirs;
  if (uses && agree(mine, replaced)) return 'default-of-empty';
  return Object.keys(classes).find((key) => classes[key](one, mine, replaced));
}

/** By name: whether the difference is of that class. The rules stand in tests/jinja/classes.txt. */
const classes = {
  'newer-builtin': (one, a, b) => /^unknown filter: filter (zip|urlencode|format)\b/.test(message(b)),
  'join': (one) => /\|join\b/.test(one.template),
  'strict-undefined': (one, a) => one.strict && a.error?.kind === 'UndefinedError',
  'lists-not-iterators': (one, a, b) => /<iterator>|&lt;iterator&gt;/i.test(b.output ?? '') || /\|chain\b/.test(one.template),
  'first-last-of-nothing': (one, a, b) => /cannot get (first|last) item from value/.test(message(b)),
  'stable-reverse': (one) => /reverse=true/.test(one.template),
  'loops-over-text': (one) => /loop\.(rev|last|length)/.test(one.template),
  'lines-of-any': (one, a, b) => /\|lines\b/.test(one.template) && /value is not a string/.test(message(b)),
};

/** What a human reads: name, rule, and how often it was seen. */
function listed() {
  const text = readFileSync(join(repoRoot, 'tests/jinja/classes.txt'), 'utf8');
  return text.split('\n').filter((line) => line && !line.startsWith('#')).map((line) => line.split(/\s+/)[0]);
}

describe('jinja differential', { skip: noBinary }, () => {
  test(`${COUNT} templates agree with minijinja but for listed classes`, async () => {
    const cases = corpus(COUNT);
    const mine = await ours(cases);
    assert.equal(mine.length, COUNT);
    const seen = new Map();
    const unexplained = [];
    let agreed = 0;
    cases.forEach((one, i) => {
      const theirs = reference(one);
      if (agree(mine[i], theirs)) {
        agreed++;
        return;
      }
      const name = classify(one, mine[i], theirs);
      if (name) seen.set(name, (seen.get(name) ?? 0) + 1);
      else unexplained.push({ ...one, context: undefined, ours: mine[i], theirs });
    });
    console.error(`# jinja differential: ${agreed} of ${COUNT} agree; ${[...seen].map(([name, count]) => `${name} ${count}`).join(', ')}; ${unexplained.length} unexplained`);
    assert.deepEqual(unexplained.slice(0, Number(process.env.SHOW ?? 5)), []);
    assert.deepEqual([...seen.keys()].sort(), listed().sort(), 'the classes that were seen are the classes that are listed');
    assert.ok(agreed >= COUNT * 0.8, `only ${agreed} of ${COUNT} agree`);
  });
});
