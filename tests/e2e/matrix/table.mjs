// The matrix as data: which client formats reach which upstream formats, and what becomes of each case on the way.
// Everything passes but for the rows below, each derived from the reference; where an upstream can carry a thing, no row says otherwise.
import { cases } from './cases.mjs';
import * as anthropic from './clients/anthropic.mjs';
import * as gemini from './clients/gemini.mjs';
import * as ollama from './clients/ollama.mjs';
import * as chat from './clients/openai-chat.mjs';
import * as completions from './clients/openai-completions.mjs';
import * as responses from './clients/openai-responses.mjs';

export const clients = Object.fromEntries([chat, completions, responses, anthropic, gemini, ollama].map((c) => [c.name, c]));

/** How a client can ask: whole or streamed, and whatever else its format knows. `cannot` names what such a question cannot hold. */
const ordinary = [{ title: 'whole', stream: false }, { title: 'stream', stream: true }];
export const waysOf = (client, name) => [...ordinary, ...(clients[client].ways ?? [])].filter((way) => !(cases[name].needs ?? []).some((n) => way.cannot?.includes(n)));

/** How a provider of each format is configured, and the models to ask: one for all, one that thinks. There is no completions upstream. */
export const upstreams = {
  'openai-chat': { provider: (up) => ({ type: 'openai', 'base-url': up.openaiBase, 'api-keys': [up.fake.openaiKey] }), plain: 'gpt-4o', thinks: 'deepseek-reasoner' },
  'openai-responses': { provider: (up) => ({ type: 'openai', wire: 'responses', 'base-url': up.openaiBase, 'api-keys': [up.fake.openaiKey] }), plain: 'gpt-4.1', thinks: 'gpt-5-mini' },
  anthropic: { provider: (up) => ({ type: 'anthropic', 'base-url': up.origin, 'api-keys': [up.fake.anthropicKey] }), plain: 'claude-sonnet-4-5', thinks: 'claude-sonnet-4-5' },
  gemini: { provider: (up) => ({ type: 'gemini', 'base-url': up.origin, 'api-keys': [up.fake.geminiKey] }), plain: 'gemini-2.5-flash', thinks: 'gemini-3-flash-preview' },
  ollama: { provider: (up) => ({ type: 'ollama', 'base-url': up.origin, 'api-keys': [up.fake.ollamaKey] }), plain: 'qwen3-vl', thinks: 'qwen3-vl' },
};

const any = null;
const penalties = ['presence_penalty', 'frequency_penalty'];

/**
 * What does not simply pass: [clients, upstreams, case, verdict, rule, why]. null means all; drop lists fields, reject gives the
 * reason, and `asks` where it is the upstream of the same format that refuses.
 */
const rows = [
  [['anthropic', 'openai-responses'], ['openai-chat'], 'thinking, signature and replay', { drop: ['messages.thinking', 'reasoning_effort'] }, 'OC-3, OC-9', 'the model always thinks and takes no effort, and forgets what it thought once a tool loop is over'],
  [['ollama'], ['openai-chat'], 'thinking, signature and replay', { drop: ['messages.thinking'] }, 'OC-3', 'the model forgets what it thought once a tool loop is over'],
  [['gemini'], ['openai-chat'], 'thinking, signature and replay', { drop: ['reasoning_effort'] }, 'OC-9', 'the model always thinks and takes no effort'],
  [['openai-chat', 'openai-responses', 'anthropic', 'ollama'], ['gemini'], 'thinking, signature and replay', { drop: ['messages.thinking'] }, 'GM-9', 'the model signs its calls, not its thoughts, and takes only what is signed'],
  [['anthropic', 'openai-responses', 'gemini'], ['openai-chat'], 'thinking and a forced tool', { drop: ['reasoning_effort'] }, 'OC-9', 'the model always thinks and takes no effort'],
  [any, ['anthropic'], 'thinking and a forced tool', { drop: ['thinking'] }, 'AN-18', 'the model does not think where it must call'],
  [['anthropic', 'openai-responses', 'gemini'], ['openai-chat'], 'thinking and a temperature', { drop: ['reasoning_effort'] }, 'OC-9', 'the model always thinks and takes no effort'],
  [any, ['anthropic', 'openai-responses'], 'thinking and a temperature', { drop: ['temperature'] }, 'AN-18, OC-8', 'not beside thinking'],
  [any, ['ollama'], 'PDF in', { drop: ['messages.file'] }, '4.9', 'a note stands in its place'],
  [['anthropic'], ['gemini'], 'PDF in', { drop: ['messages.document.title'] }, '4.9', 'files have no title there'],
  [any, ['ollama', 'gemini'], 'image by address', { reject: 'an address the upstream cannot fetch' }, 'OU-1, GM-18'],
  [['openai-responses'], ['openai-responses'], 'audio in', { reject: 'audio the upstream cannot take', asks: true }, 'OR-2', 'the upstream says so itself'],
  [any, ['anthropic', 'openai-responses', 'ollama'], 'audio in', { reject: 'audio the upstream cannot take' }, '4.9, AN-16, OR-2'],
  [['openai-chat', 'openai-completions'], ['anthropic', 'openai-responses'], 'sampling', { drop: ['seed', ...penalties] }, 'AN-19, OR-10'],
  [['openai-chat', 'openai-completions'], ['gemini'], 'sampling', { drop: penalties }, 'GM-16', 'the model takes none'],
  [['anthropic'], ['openai-chat', 'openai-responses'], 'sampling', { drop: ['top_k'] }, 'OC-15'],
  [['gemini'], ['openai-chat'], 'sampling', { drop: ['top_k'] }, 'OC-15'],
  [['gemini'], ['anthropic'], 'sampling', { drop: ['seed'] }, 'AN-19'],
  [['gemini'], ['openai-responses'], 'sampling', { drop: ['top_k', 'seed'] }, 'OR-10'],
  [['ollama'], ['openai-chat'], 'sampling', { drop: ['top_k'] }, 'OC-15'],
  [['ollama'], ['anthropic'], 'sampling', { drop: ['seed', ...penalties] }, 'AN-19'],
  [['ollama'], ['openai-responses'], 'sampling', { drop: ['top_k', 'seed', ...penalties] }, 'OR-10'],
  [['ollama'], ['gemini'], 'sampling', { drop: penalties }, 'GM-16', 'the model takes none'],
  [['openai-responses'], ['anthropic'], 'sampling', { drop: ['top_p'] }, 'AN-19', 'newer models take one of temperature and top_p'],
];

const matches = (list, name) => list === any || list.includes(name);

/** The verdict of one cell: {absent: reason}, {reject: reason}, {drop: fields} or {pass: true}, with the rule it stands on. */
export function verdict(client, upstream, name) {
  const missing = (cases[name].needs ?? []).filter((n) => !clients[client].can.includes(n));
  if (missing.length > 0) return { absent: 'the client format cannot say it', rule: '2' };
  if (cases[name].foreign && client === upstream) return { absent: 'the vendor refuses it in its own format', rule: '2' };
  const row = rows.find(([c, u, k]) => k === name && matches(c, client) && matches(u, upstream));
  return row ? { ...row[3], rule: row[4], why: row[5] ?? null } : { pass: true, rule: cases[name].rule };
}

/** Every cell: {client, upstream, name, verdict}. */
export const cells = Object.keys(clients).flatMap((client) =>
  Object.keys(upstreams).flatMap((upstream) => Object.keys(cases).map((name) => ({ client, upstream, name, verdict: verdict(client, upstream, name) }))));
