// Cells where the program does not do yet what the table says. Such a cell must fail: once it passes, its row here is out of date.

/** [client, upstream, case, what is wrong, rule, ways]; without ways it is wrong in every way. */
export const faults = [];

/** The fault of a cell, asked in one way or in any. */
export const faultOf = ({ client, upstream, name }, way = null) =>
  faults.find(([c, u, n, , , ways]) => c === client && u === upstream && n === name && (way === null || (ways ?? [way.title]).includes(way.title))) ?? null;
