/* json_repair.h: lenient mending of tool arguments that are not quite JSON (formats.md E-13). */
#ifndef LLMMUX_FORMATS_JSON_REPAIR_H
#define LLMMUX_FORMATS_JSON_REPAIR_H

#include "base/arena.h"

/* Closes open strings and brackets of a cut text and drops a trailing comma or a key without a
 * value. The text itself when it is valid; empty when mending does not make it so. */
struct slice json_repair(struct arena *arena, struct slice text);

#endif
