// Cells where the program does not do yet what the table says. Such a cell must fail: once it passes, its row here is out of date.

/** [client, upstream, case, what is wrong, rule]. */
export const faults = [
  ['gemini', 'gemini', 'image in a tool result', 'a spliced request keeps media in function responses, which models before Gemini 3 refuse', 'GM-6, 7.2'],
];

export const faultOf = ({ client, upstream, name }) => faults.find(([c, u, n]) => c === client && u === upstream && n === name) ?? null;
