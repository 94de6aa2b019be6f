/* json_escape.h: escaping for the writer, with invalid UTF-8 replaced; private to data/json*.c.
 * (json_escape of json.h takes its text to be valid UTF-8.) */
#ifndef LLMMUX_DATA_JSON_ESCAPE_H
#define LLMMUX_DATA_JSON_ESCAPE_H

#include "data/json.h"

/* As json_escape, invalid UTF-8 replaced by U+FFFD (one per maximal subpart). */
bool json_escape_repaired(struct slice text, struct buf *out);
/* The same for text that comes in parts: a sequence cut by the end of a part waits in `pending`. */
bool json_escape_part(struct json_pending *pending, struct slice text, struct buf *out);
/* After the last part: what still waits becomes U+FFFD. */
bool json_escape_finish(struct json_pending *pending, struct buf *out);

#endif
