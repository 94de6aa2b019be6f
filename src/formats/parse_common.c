/* parse_common.c: readers of plain request fields. */
#include "formats/parse_common.h"

bool parse_refuse(
	struct error *error, const char *name, const struct json *node, const char *wanted) {
	return error_set_param(error, ERROR_INVALID_REQUEST, name,
		"'%s' must be %s, but it is of type %s", name, wanted, json_type_name(node));
}

bool parse_text(struct error *error, const struct json *node, const char *name, struct arena *arena,
	struct slice *to) {
	*to = json_string(node, arena);
	return to->data != NULL || parse_refuse(error, name, node, "a string");
}

bool parse_number(
	struct error *error, const struct json *node, const char *name, struct chat_number *to) {
	if (!json_double(node, &to->value)) {
		return parse_refuse(error, name, node, "a number"); /* E-86 */
	}
	to->raw = json_raw(node);
	return true;
}

bool parse_flag(struct error *error, const struct json *node, const char *name, enum tristate *to) {
	bool value;
	if (!json_bool(node, &value)) {
		return parse_refuse(error, name, node, "true or false");
	}
	*to = value ? TRI_TRUE : TRI_FALSE;
	return true;
}

bool parse_strings(struct error *error, const struct json *node, const char *name,
	struct arena *arena, struct slice **list, size_t *count) {
	*count = 0;
	if (json_is(node, JSON_STRING)) {
		*list = ARENA_NEW(arena, struct slice);
		(*list)[(*count)++] = json_string(node, arena);
		return true;
	}
	if (!json_is(node, JSON_ARRAY)) {
		return parse_refuse(error, name, node, "a string or a list of strings");
	}
	*list = ARENA_ARRAY(arena, struct slice, node->count + 1);
	json_each (item, node) {
		if (!parse_text(error, item, name, arena, &(*list)[(*count)++])) {
			return false;
		}
	}
	return true;
}

bool parse_count(struct error *error, const struct json *node, const char *name, int64_t least,
	int64_t most, int64_t *to) {
	if (!json_int64(node, to) || *to < least || *to > most) {
		return error_set_param(error, ERROR_INVALID_REQUEST, name,
			"'%s' must be a whole number from %lld to %lld", name, (long long)least,
			(long long)most); /* E-85 */
	}
	return true;
}

bool parse_stream_options(
	struct error *error, const struct json *node, struct chat_request *request) {
	if (!json_is(node, JSON_OBJECT)) {
		return parse_refuse(error, "stream_options", node, "an object");
	}
	if (!request->stream) {
		return error_set_param(error, ERROR_INVALID_REQUEST, "stream_options",
			"'stream_options' is only allowed when 'stream' is true");
	}
	request->has_stream_options = true;
	const struct json *usage = json_get_value(node, "include_usage");
	const struct json *padding = json_get_value(node, "include_obfuscation");
	return (!usage || parse_flag(error, usage, "stream_options.include_usage",
				  &request->include_usage)) &&
	       (!padding || parse_flag(error, padding, "stream_options.include_obfuscation",
				    &request->include_obfuscation));
}

enum chat_builtin parse_builtin(struct slice server_type) {
	static const struct {
		struct slice prefix; /* dated or numbered behind it */
		enum chat_builtin builtin;
	} types[] = {
		{SLICE_INIT("web_search"), CHAT_BUILTIN_WEB_SEARCH},
		{SLICE_INIT("code_interpreter"), CHAT_BUILTIN_CODE_EXECUTION},
		{SLICE_INIT("code_execution"), CHAT_BUILTIN_CODE_EXECUTION},
		{SLICE_INIT("web_fetch"), CHAT_BUILTIN_URL_FETCH},
	};
	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		if (slice_starts_with(server_type, types[i].prefix)) {
			return types[i].builtin;
		}
	}
	return CHAT_BUILTIN_NONE;
}
