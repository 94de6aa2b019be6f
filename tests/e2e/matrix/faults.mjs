// Cells where the program does not do yet what the table says. Such a cell must fail: once it passes, its row here is out of date.

const unpaired = ['openai-chat', 'openai-responses', 'anthropic', 'gemini'].flatMap((format) =>
  ['a call nobody answered', 'one answer of two is missing', 'a result nobody asked for'].map((name) =>
    [format, format, name, 'a spliced request keeps calls and results that do not pair', '7.2, E-41, E-42, E-46', ['whole', 'stream']]));

/** [client, upstream, case, what is wrong, rule, ways]; without ways it is wrong in every way. */
export const faults = [
  ...unpaired,
];

/** The fault of a cell, asked in one way or in any. */
export const faultOf = ({ client, upstream, name }, way = null) =>
  faults.find(([c, u, n, , , ways]) => c === client && u === upstream && n === name && (way === null || (ways ?? [way.title]).includes(way.title))) ?? null;
