// Cells where the program does not do yet what the table says. Such a cell must fail: once it passes, its row here is out of date.

const unpaired = ['openai-chat', 'openai-responses', 'anthropic', 'gemini'].flatMap((format) =>
  ['a call nobody answered', 'one answer of two is missing', 'a result nobody asked for'].map((name) =>
    [format, format, name, 'a spliced request keeps calls and results that do not pair', '7.2, E-41, E-42, E-46', ['whole', 'stream']]));

const lying = ['openai-chat', 'openai-responses'].flatMap((upstream) =>
  ['openai-chat', 'openai-responses', 'anthropic', 'gemini'].filter((client) => client !== upstream).map((client) =>
    [client, upstream, 'a picture under another name', 'the media type is not corrected', 'E-60']));
const silent = ['openai-chat', 'openai-responses', 'gemini'].map((client) =>
  [client, 'anthropic', 'thinking and a forced tool', 'thinking that is turned off is not told in X-LLM-Mux-Dropped', 'IR-5, AN-18']);

/** [client, upstream, case, what is wrong, rule, ways]; without ways it is wrong in every way. */
export const faults = [
  ...unpaired,
  ...lying,
  ...silent,
];

/** The fault of a cell, asked in one way or in any. */
export const faultOf = ({ client, upstream, name }, way = null) =>
  faults.find(([c, u, n, , , ways]) => c === client && u === upstream && n === name && (way === null || (ways ?? [way.title]).includes(way.title))) ?? null;
