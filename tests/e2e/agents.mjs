// Real agents, as a person installs them: where they lie, and how one run of each is bounded in time and left without a trace.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { binary, cleanHome } from './harness.mjs';

const modules = fileURLToPath(new URL('agents/node_modules', import.meta.url));
const runLimit = 240_000;
const codexTarget = { x64: 'x86_64-unknown-linux-musl', arm64: 'aarch64-unknown-linux-musl' }[process.arch];
const opencodePackage = { x64: 'opencode-linux-x64-baseline', arm64: 'opencode-linux-arm64' }[process.arch];

/** Telemetry, update checks and everything else that would look beyond this machine, switched off. */
const quiet = { DISABLE_TELEMETRY: '1', DO_NOT_TRACK: '1', NO_UPDATE_NOTIFIER: '1', NO_COLOR: '1', CI: '1' };

const parsed = (line) => {
  try {
    return JSON.parse(line);
  } catch {
    return {};
  }
};
const claudeDelta = (e) => (e.event?.delta?.type === 'text_delta' ? e.event.delta.text : undefined);

/**
 * Each agent: its name for `llm-mux with`, its program and where npm put it, the format it speaks, and how it is asked.
 * `say(prompt)` are the words of one run, `stream(prompt)` of one that prints its events, `use(prompt)` of one that may use its
 * tools without asking. `text(event)` is the piece of the answer that an event holds; `comesWhole` where there is but one piece.
 * `tool(command)` is the call that runs a shell command. The files of `home` are there before it starts.
 */
export const agents = {
  'claude-code': {
    program: 'claude', file: `@anthropic-ai/claude-code-linux-${process.arch}/claude`, format: 'anthropic',
    env: { CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1', DISABLE_AUTOUPDATER: '1', CLAUDE_CODE_MAX_RETRIES: '1' },
    say: (prompt) => ['-p', prompt],
    stream: (prompt) => ['-p', '--output-format', 'stream-json', '--include-partial-messages', '--verbose', prompt],
    text: claudeDelta,
    use: (prompt) => ['-p', '--allowedTools', 'Bash', '--', prompt],
    tool: (command) => ['Bash', { command }],
  },
  codex: {
    program: 'codex', file: `@openai/codex-linux-${process.arch}/vendor/${codexTarget}/bin/codex`, format: 'openai-responses',
    say: (prompt) => ['exec', '--skip-git-repo-check', '-c', 'analytics.enabled=false', prompt],
    stream: (prompt) => ['exec', '--json', '--skip-git-repo-check', '-c', 'analytics.enabled=false', prompt],
    text: (e) => (e.type === 'item.completed' && e.item.type === 'agent_message' ? e.item.text : undefined),
    comesWhole: true,
    use: (prompt) => ['exec', '--skip-git-repo-check', '-c', 'analytics.enabled=false', '--dangerously-bypass-approvals-and-sandbox', prompt],
    tool: (cmd) => ['exec_command', { cmd }],
  },
  'gemini-cli': {
    program: 'gemini', file: '@google/gemini-cli/bundle/gemini.js', format: 'gemini',
    env: { GEMINI_CLI_TRUST_WORKSPACE: 'true', GEMINI_CLI_NO_RELAUNCH: 'true' },
    home: { 'project/.gemini/settings.json': { privacy: { usageStatisticsEnabled: false }, general: { enableAutoUpdate: false, enableAutoUpdateNotification: false } } },
    say: (prompt) => ['-p', prompt],
    stream: (prompt) => ['-p', prompt, '-o', 'stream-json'],
    text: (e) => (e.type === 'message' && e.role === 'assistant' ? e.content : undefined),
    use: (prompt) => ['--yolo', '-p', prompt],
    tool: (command) => ['run_shell_command', { command }],
  },
  'qwen-code': {
    program: 'qwen', file: '@qwen-code/qwen-code/cli.js', format: 'openai-chat',
    home: { '.qwen/settings.json': { privacy: { usageStatisticsEnabled: false }, general: { disableAutoUpdate: true } } },
    say: (prompt) => ['-p', prompt],
    stream: (prompt) => ['-p', prompt, '--output-format', 'stream-json', '--include-partial-messages'],
    text: claudeDelta,
    use: (prompt) => ['--yolo', '-p', prompt],
    tool: (command) => ['run_shell_command', { command }],
  },
  opencode: {
    program: 'opencode', file: `${opencodePackage}/bin/opencode`, format: 'openai-chat',
    env: { OPENCODE_DISABLE_AUTOUPDATE: 'true', OPENCODE_DISABLE_LSP_DOWNLOAD: 'true', OPENCODE_DISABLE_MODELS_FETCH: 'true', OPENCODE_DISABLE_DEFAULT_PLUGINS: 'true' },
    say: (prompt) => ['run', prompt],
    stream: (prompt) => ['run', '--format', 'json', prompt],
    text: (e) => (e.type === 'text' ? e.part.text : undefined),
    comesWhole: true,
    use: (prompt) => ['run', prompt],
    tool: (command) => ['bash', { command, description: 'Writes a file' }],
  },
};

/** The pieces of an answer in the order they were printed. */
export const piecesOf = ({ text }, stdout) => stdout.split('\n').map(parsed).map(text).filter((piece) => piece !== undefined);

/** false when the agent is there, else the words to skip with. */
export const missing = ({ file }) => (existsSync(join(modules, file)) ? false : `NO AGENTS: ${dirname(file)} was not installed (scripts/setup test brings it, where npm can be reached)`);

/** Every agent under way: none outlives the tests, nor does what it started. */
const running = new Set();
const endGroup = (child) => {
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // The whole group has ended already.
  }
};
process.on('exit', () => running.forEach(endGroup));

/** A clean home in which the agent is on PATH: {home, cwd, env, remove()}. */
export function placeAgent(name) {
  const agent = agents[name];
  const place = cleanHome();
  const bin = join(place.home, 'bin');
  const cwd = join(place.home, 'project');
  for (const dir of [bin, cwd]) mkdirSync(dir);
  symlinkSync(join(modules, agent.file), join(bin, agent.program));
  for (const [path, content] of Object.entries(agent.home ?? {})) {
    mkdirSync(dirname(join(place.home, path)), { recursive: true });
    writeFileSync(join(place.home, path), JSON.stringify(content));
  }
  const env = { ...place.env, ...quiet, ...agent.env, PATH: `${bin}:${dirname(process.execPath)}:${place.env.PATH}` };
  return { home: place.home, cwd, env, remove: place.remove };
}

/** Runs the program, in a group of its own that ends with it; gives {code, signal, stdout, stderr}. */
export async function runGroup(args, { cwd, env }) {
  const child = spawn(binary, args, { cwd, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  running.add(child);
  const out = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr']) child[stream].setEncoding('utf8').on('data', (d) => { out[stream] += d; });
  const timer = setTimeout(() => endGroup(child), runLimit);
  const closed = once(child, 'close');
  const [code, signal] = await once(child, 'exit');
  clearTimeout(timer);
  endGroup(child);
  await closed;
  running.delete(child);
  return { code, signal, ...out };
}

/** Runs `llm-mux with AGENT WORDS` in a clean home; gives {code, signal, stdout, stderr, cwd, remove()}. */
export async function runAgent(name, words, { server, key, model }) {
  const place = placeAgent(name);
  const env = { ...place.env, LLM_MUX_CLIENT_KEY: key };
  const done = await runGroup(['with', '--url', server.baseURL, '--model', model, name, ...words], { cwd: place.cwd, env });
  return { ...done, cwd: place.cwd, remove: place.remove };
}
