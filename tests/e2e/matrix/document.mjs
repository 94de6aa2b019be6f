// Prints the matrix as docs/compatibility.md; --write puts it there, --print shows it on the terminal.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { repoRoot } from '../fixtures.mjs';
import { cases } from './cases.mjs';
import { faultOf } from './faults.mjs';
import { cells, clients, upstreams } from './table.mjs';

export const file = join(repoRoot, 'docs/compatibility.md');

const titles = {
  'openai-chat': 'OpenAI Chat Completions', 'openai-completions': 'OpenAI Completions (legacy)', 'openai-responses': 'OpenAI Responses',
  anthropic: 'Anthropic Messages', gemini: 'Gemini', ollama: 'Ollama',
};

/** The sign of a cell, and the note that explains it. */
function mark(cell) {
  const { verdict } = cell;
  const fault = faultOf(cell);
  if (fault) return ['fault', fault[3]];
  if (verdict.absent) return ['-', null];
  if (verdict.reject) return ['reject', verdict.reject];
  if (verdict.drop) return ['drop', `without \`${verdict.drop.join('`, `')}\`${verdict.why ? `: ${verdict.why}` : ''}`];
  return ['yes', null];
}

const row = (list) => `| ${list.join(' | ')} |`;

/** One table a client: cases down, upstreams across, numbered notes below it. */
function section(client) {
  const columns = Object.keys(upstreams);
  const notes = [];
  const lines = Object.keys(cases).map((name) => row([name, ...columns.map((upstream) => {
    const [sign, note] = mark(cells.find((c) => c.client === client && c.upstream === upstream && c.name === name));
    if (note === null) return sign;
    if (!notes.includes(note)) notes.push(note);
    return `${sign} ${notes.indexOf(note) + 1}`;
  })]));
  return [
    `## ${titles[client]} clients`, '',
    row(['', ...columns.map((u) => titles[u])]), row(['---', ...columns.map(() => '---')]), ...lines, '',
    ...notes.map((note, i) => `${i + 1}. ${note}`), ...(notes.length > 0 ? [''] : []),
  ];
}

export function document() {
  return [
    '# Compatibility', '',
    '<!-- Written by tests/e2e/matrix/document.mjs from the table the tests follow; change that table, then run it with --write. -->', '',
    'What a client of one format can ask of an upstream of another. Every cell is tested, whole and streamed, against a strict upstream and with a',
    'strict reader (`make test-matrix`).', '',
    '- **yes**: carried in full, both ways',
    '- **drop**: answered without what is named; the answer says so in `X-LLM-Mux-Dropped`',
    '- **reject**: refused with status 400 in the client\'s own error shape, before anything is sent',
    '- **fault**: known to be wrong at present',
    '- **-**: the client\'s format has no words for it, or its own vendor refuses it', '',
    'There is no Completions upstream: clients of that format are answered by the others. Column heads name upstreams.', '',
    ...Object.keys(clients).flatMap(section),
  ].join('\n').trimEnd().concat('\n');
}

/** Whether the file is what the table says. */
export const isFresh = () => readFileSync(file, 'utf8') === document();

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  if (process.argv.includes('--write')) writeFileSync(file, document());
  else process.stdout.write(document());
}
