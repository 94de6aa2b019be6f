/* json_repair.h: lenient mending of tool arguments that are not quite JSON (formats.md E-13). */
#ifndef LLMMUX_FORMATS_JSON_REPAIR_H
#define LLMMUX_FORMATS_JSON_REPAIR_H

#include "base/arena.h"

/* Closes open strings and brackets of a cut text and drops a trailing comma or a key without a
 * value. The text itself when it is valid; empty when mending does not make it so. */
struct slice json_repair(struct arena *arena, struct slice text);
/* The arguments of a call for a dialect that takes nothing but an object (AC-6, GC-6, OU-2): mended
 * when they are not whole, "{}" when there is no object in them. */
struct slice json_repair_object(struct arena *arena, struct slice args);

#endif
