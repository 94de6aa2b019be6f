/* json_path.h: dotted paths into a JSON text, and the edit that puts a value where one leads.
 *
 *   generationConfig.thinkingConfig.includeThoughts    members by name
 *   tools.0.name    stop.-1                            elements by number; -1 is behind the last
 *   metadata.a\.b                                      `\` takes the next byte as it is */
#ifndef LLMMUX_DATA_JSON_PATH_H
#define LLMMUX_DATA_JSON_PATH_H

#include "data/json.h"

/* NULL when the path is fine, else what is wrong with it, to follow its name. */
const char *json_path_problem(struct slice path);

enum json_path_use {
	JSON_PATH_DEFAULT, /* only where nothing is */
	JSON_PATH_OVERRIDE /* whatever is there */
};
enum json_path_result {
	JSON_PATH_EDITED,
	JSON_PATH_EXISTS, /* DEFAULT: there is something, which stays */
	JSON_PATH_BLOCKED /* leads nowhere: an element far behind the last, or, for DEFAULT, below a
			     value that holds none */
};
/* The edit of `text`, whose tree is `root`, that makes `value` (JSON) stand at the path. What is
 * missing on the way is made: objects, and arrays for "-1" and "0". The edit's bytes live in the
 * arena. */
enum json_path_result json_path_edit(struct slice text, const struct json *root, struct slice path,
	struct slice value, enum json_path_use use, struct arena *arena, struct json_edit *edit);

#endif
