// node's test function with a limit for every test: a hang is one failure, not the end of the run.
import { after, test as plain } from 'node:test';
import { killAll } from './harness.mjs';

const limit = Number(process.env.LLM_MUX_TEST_LIMIT ?? 120_000);

/** test(name, fn) or test(name, options, fn). */
export const test = (name, options, fn = options) => plain(name, { timeout: limit, ...(fn === options ? {} : options) }, fn);

// What a timed-out test left running must not keep the file from ending.
after(killAll);
