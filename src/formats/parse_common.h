/* parse_common.h: readers of plain request fields in the words of the OpenAI dialects' errors. Each
 * gives false with ERROR_INVALID_REQUEST and the field's name. */
#ifndef LLMMUX_FORMATS_PARSE_COMMON_H
#define LLMMUX_FORMATS_PARSE_COMMON_H

#include "chat/request.h"

/* "'NAME' must be WANTED, but it is of type ...": always false. */
bool parse_refuse(
	struct error *error, const char *name, const struct json *node, const char *wanted);
/* A string, decoded in the arena. */
bool parse_text(struct error *error, const struct json *node, const char *name, struct arena *arena,
	struct slice *to);
bool parse_number(
	struct error *error, const struct json *node, const char *name, struct chat_number *to);
bool parse_flag(struct error *error, const struct json *node, const char *name, enum tristate *to);
/* A string, or a list of strings. */
bool parse_strings(struct error *error, const struct json *node, const char *name,
	struct arena *arena, struct slice **list, size_t *count);
/* A whole number within the bounds (E-85). */
bool parse_count(struct error *error, const struct json *node, const char *name, int64_t least,
	int64_t most, int64_t *to);

/* `stream_options`, behind `stream`. */
bool parse_stream_options(
	struct error *error, const struct json *node, struct chat_request *request);

/* IR-14: what a server tool of that type word is to other providers: "web_search_20250305",
 * "code_interpreter", "web_fetch_20250910" ... */
enum chat_builtin parse_builtin(struct slice server_type);

#endif
