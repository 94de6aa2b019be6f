// Cells where the program does not do yet what the table says. Such a cell must fail: once it passes, its row here is out of date.

/** [client, upstream, case, what is wrong, rule]. */
export const faults = [];

export const faultOf = ({ client, upstream, name }) => faults.find(([c, u, n]) => c === client && u === upstream && n === name) ?? null;
