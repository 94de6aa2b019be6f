// Documents that are run: what a reader would do with a page's blocks, done in a clean home, and compared with what the page shows.
//
//   ```toml title=hello.toml     a block with a title is written to that file (~/ is the home)
//   ```console                   its lines after `$ ` are run, one after the other; what stands below each is what is printed
//
// A line may end in a backslash and go on after `> `. In the output, `...` stands for anything within a line, and a line
// of its own for any lines. A command must succeed; a page that shows a failure says so: `$ llm-mux run x || echo "exit code $?"`.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { binary, cleanHome } from './harness.mjs';

const commandLimit = 60_000;

/** Every fenced block: {language, title, text, line}; fences may be longer than three backticks. */
export const blocks = (page) => [...page.matchAll(/^(`{3,})([\w-]*)[ \t]*([^\n]*)\n([^]*?)^\1$/gm)].map(([, , language, info, text]) => ({
  language, text, title: /(?:^|\s)title=(\S+)/.exec(info)?.[1],
}));

/** [{command, output}] of a console block; `command` is what a shell is given. */
export const consoleEntries = (text) => text.split(/^\$ /m).slice(1).map((entry) => {
  const lines = entry.split('\n');
  let count = 1;
  while (lines[count - 1].endsWith('\\') && lines[count]?.startsWith('> ')) count += 1;
  const command = lines.slice(0, count).map((line, i) => (i > 0 ? line.slice(2) : line)).join('\n');
  return { command, output: lines.slice(count).join('\n') };
});

/** The steps of a page in order: {path, text} files and {command, output} commands. */
export const stepsOf = (page) => blocks(page).flatMap((block) => {
  if (block.title) return [{ path: block.title, text: block.text }];
  return block.language === 'console' ? consoleEntries(block.text) : [];
});

const escape = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** What a page shows as a regular expression over what is printed. */
export function expected(output) {
  const lines = output.replace(/\n$/, '').split('\n');
  if (lines.length === 1 && lines[0] === '') return /^$/;
  const parts = lines.map((line) => (line === '...' ? '(?:.*\n)*?' : `${line.split('...').map(escape).join('.*')}\n`));
  return new RegExp(`^${parts.join('')}$`);
}

/** A place for a page: its own empty home, a work directory below it, the program first on the PATH. */
export function openPage() {
  const place = cleanHome();
  const env = { ...place.env, PATH: `${dirname(binary)}:${process.env.PATH}` };
  // Pages speak of ~/.config and the like.
  for (const name of Object.keys(env)) if (name.startsWith('XDG_')) delete env[name];
  const home = mkdtempSync(join(place.home, 'home-'));
  const cwd = join(home, 'work');
  mkdirSync(cwd);
  return { home, cwd, env: { ...env, HOME: home }, remove: place.remove };
}

/** Does one step; gives what a command printed on both streams, and its exit code. */
export async function doStep(place, step) {
  if (step.path) {
    const path = step.path.startsWith('~/') ? join(place.home, step.path.slice(2)) : join(place.cwd, step.path);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, step.text);
    return { code: 0, printed: '' };
  }
  const child = spawn('sh', ['-c', `exec 2>&1\n${step.command}`], { cwd: place.cwd, env: place.env, stdio: ['ignore', 'pipe', 'inherit'], detached: true });
  let printed = '';
  child.stdout.setEncoding('utf8').on('data', (data) => { printed += data; });
  const timer = setTimeout(() => process.kill(-child.pid, 'SIGKILL'), commandLimit);
  const [code, signal] = await once(child, 'close');
  clearTimeout(timer);
  return { code: code ?? signal, printed: printed && !printed.endsWith('\n') ? `${printed}\n` : printed };
}
