/* values_entries.c: what the objects of results are made of: fields by name, an error, one output,
 * and the ordered collection of outputs (workflows.md 3.3, 5.7, 5.10). */
#include "workflow/values.h"

/* ---- fields ---- */

bool result_get_field(const struct result_field *fields, const struct value_object *object,
	struct arena *arena, struct value key, struct value *out) {
	if (key.type != VALUE_STRING) {
		return false;
	}
	for (const struct result_field *field = fields; field->name != NULL; field++) {
		if (slice_is(key.string, field->name)) {
			*out = field->get(object, arena);
			return true;
		}
	}
	return false;
}

const char *const *result_field_names(const struct result_field *fields, struct arena *arena) {
	size_t count = 0;
	while (fields[count].name != NULL) {
		count++;
	}
	const char **names = ARENA_ARRAY(arena, const char *, count + 1);
	for (size_t i = 0; i < count; i++) {
		names[i] = fields[i].name;
	}
	return names;
}

struct value result_text(struct slice text) {
	return value_string(text.data != NULL ? text : SLICE(""));
}

static struct value text_or_undefined(struct slice text) {
	return text.data != NULL ? value_string(text) : value_undefined();
}

struct value result_data(const struct json *data, struct arena *arena) {
	return data != NULL ? value_from_json(arena, data) : value_undefined();
}

/* What is no field is a member of the data (5.10: steps.fix.action). */
bool result_data_member(
	const struct json *data, struct arena *arena, struct value key, struct value *out) {
	const struct json *found = NULL;
	if (key.type == VALUE_STRING) {
		found = json_get_slice(data, key.string);
	} else if (key.type == VALUE_INT && json_is(data, JSON_ARRAY)) {
		int64_t at = key.integer < 0 ? key.integer + (int64_t)data->count : key.integer;
		found = at >= 0 ? json_item(data, (size_t)at) : NULL;
	}
	if (found == NULL) {
		return false;
	}
	*out = value_from_json(arena, found);
	return true;
}

/* ---- error ---- */

struct error_object {
	struct value_object object;
	const struct step_error *error; /* NULL: there is none */
};

static const struct step_error *error_of(const struct value_object *object) {
	return ((const struct error_object *)object)->error;
}

static struct value error_plain(const struct value_object *object, struct arena *arena) {
	(void)arena;
	const struct step_error *error = error_of(object);
	return result_text(error != NULL ? error->message : SLICE(""));
}

static struct value error_get_kind(const struct value_object *object, struct arena *arena) {
	(void)arena;
	const struct step_error *error = error_of(object);
	return result_text(error != NULL ? slice_of(failure_class_names[error->class]) : SLICE(""));
}

#define ERROR_TEXT(name, member)                                                                   \
	static struct value name(const struct value_object *object, struct arena *arena) {         \
		(void)arena;                                                                       \
		const struct step_error *error = error_of(object);                                 \
		return result_text(error != NULL ? error->member : SLICE(""));                     \
	}
ERROR_TEXT(error_get_command, command)
ERROR_TEXT(error_get_stdout, out)
ERROR_TEXT(error_get_stderr, err)
ERROR_TEXT(error_get_backend, backend)

static struct value error_get_exit_code(const struct value_object *object, struct arena *arena) {
	(void)arena;
	const struct step_error *error = error_of(object);
	return error != NULL && error->exit_code >= 0 ? value_int(error->exit_code) : value_none();
}

static struct value error_get_http_status(const struct value_object *object, struct arena *arena) {
	(void)arena;
	const struct step_error *error = error_of(object);
	return error != NULL && error->http_status > 0 ? value_int(error->http_status)
						       : value_none();
}

#define ERROR_COUNT(name, member)                                                                  \
	static struct value name(const struct value_object *object, struct arena *arena) {         \
		(void)arena;                                                                       \
		const struct step_error *error = error_of(object);                                 \
		return value_int(error != NULL ? (int64_t)error->member : 0);                      \
	}
ERROR_COUNT(error_get_attempt, attempt)
ERROR_COUNT(error_get_max_attempts, max_attempts)
ERROR_COUNT(error_get_duration_ms, duration_ms)

static const struct result_field error_fields[] = {
	{"kind", error_get_kind},
	{"message", error_plain},
	{"text", error_plain},
	{"command", error_get_command},
	{"exit_code", error_get_exit_code},
	{"http_status", error_get_http_status},
	{"stdout", error_get_stdout},
	{"stderr", error_get_stderr},
	{"attempt", error_get_attempt},
	{"max_attempts", error_get_max_attempts},
	{"duration_ms", error_get_duration_ms},
	{"backend", error_get_backend},
	{NULL, NULL},
};

static bool error_get(const struct value_object *object, struct arena *arena, struct value key,
	struct value *out) {
	return result_get_field(error_fields, object, arena, key, out);
}

static const char *const *error_names(const struct value_object *object, struct arena *arena) {
	(void)object;
	return result_field_names(error_fields, arena);
}

static const struct value_object_kind error_kind = {
	.name = "error",
	.get = error_get,
	.plain = error_plain,
	.names = error_names,
};

struct value results_error_value(const struct step_error *error, struct arena *arena) {
	struct error_object *object = ARENA_NEW(arena, struct error_object);
	object->object.kind = &error_kind;
	object->error = error;
	return value_object(&object->object);
}

/* ---- one entry of `outputs` ---- */

struct entry_object {
	struct value_object object;
	const struct step_output *entry;
};

static const struct step_output *entry_of(const struct value_object *object) {
	return ((const struct entry_object *)object)->entry;
}

static struct value entry_text(const struct value_object *object, struct arena *arena) {
	(void)arena;
	return result_text(entry_of(object)->text);
}

static struct value entry_name(const struct value_object *object, struct arena *arena) {
	(void)arena;
	return text_or_undefined(entry_of(object)->name);
}

static struct value entry_data(const struct value_object *object, struct arena *arena) {
	return result_data(entry_of(object)->data, arena);
}

static struct value entry_model(const struct value_object *object, struct arena *arena) {
	(void)arena;
	return result_text(entry_of(object)->model);
}

static struct value entry_duration(const struct value_object *object, struct arena *arena) {
	(void)arena;
	return value_int((int64_t)entry_of(object)->duration_ms);
}

static struct value entry_item(const struct value_object *object, struct arena *arena) {
	(void)arena;
	return entry_of(object)->item;
}

static struct value entry_failed(const struct value_object *object, struct arena *arena) {
	(void)arena;
	return value_bool(entry_of(object)->is_failed);
}

static struct value entry_skipped(const struct value_object *object, struct arena *arena) {
	(void)arena;
	return value_bool(entry_of(object)->is_skipped);
}

static struct value entry_error(const struct value_object *object, struct arena *arena) {
	(void)arena;
	return result_text(entry_of(object)->error);
}

static const struct result_field entry_fields[] = {
	{"text", entry_text},
	{"output", entry_text},
	{"name", entry_name},
	{"backend", entry_name},
	{"data", entry_data},
	{"model", entry_model},
	{"duration_ms", entry_duration},
	{"item", entry_item},
	{"failed", entry_failed},
	{"skipped", entry_skipped},
	{"error", entry_error},
	{NULL, NULL},
};

static bool entry_get(const struct value_object *object, struct arena *arena, struct value key,
	struct value *out) {
	return result_get_field(entry_fields, object, arena, key, out) ||
	       result_data_member(entry_of(object)->data, arena, key, out);
}

static const char *const *entry_names(const struct value_object *object, struct arena *arena) {
	(void)object;
	return result_field_names(entry_fields, arena);
}

static const struct value_object_kind entry_kind = {
	.name = "output",
	.get = entry_get,
	.plain = entry_text,
	.names = entry_names,
};

static struct value entry_value(const struct step_output *entry, struct arena *arena) {
	struct entry_object *object = ARENA_NEW(arena, struct entry_object);
	object->object.kind = &entry_kind;
	object->entry = entry;
	return value_object(&object->object);
}

/* ---- `outputs` ---- */

struct outputs_object {
	struct value_object object;
	const struct step_output *entries;
	size_t count;
	struct slice text; /* what it prints as */
};

static const struct outputs_object *outputs_of(const struct value_object *object) {
	return (const struct outputs_object *)object;
}

static struct value outputs_plain(const struct value_object *object, struct arena *arena) {
	(void)arena;
	return result_text(outputs_of(object)->text);
}

static bool outputs_get(const struct value_object *object, struct arena *arena, struct value key,
	struct value *out) {
	const struct outputs_object *outputs = outputs_of(object);
	const struct step_output *found = NULL;
	if (key.type == VALUE_INT) {
		int64_t count = (int64_t)outputs->count;
		int64_t at = key.integer < 0 ? key.integer + count : key.integer;
		found = at >= 0 && at < count ? &outputs->entries[at] : NULL;
	} else if (key.type == VALUE_STRING) {
		for (size_t i = 0; i < outputs->count && found == NULL; i++) {
			found = slice_eq(outputs->entries[i].name, key.string) &&
						outputs->entries[i].name.data != NULL
					? &outputs->entries[i]
					: NULL;
		}
	}
	if (found == NULL) {
		/* a number that is none of its own must not find a character of the text */
		*out = value_undefined();
		return key.type == VALUE_INT;
	}
	*out = entry_value(found, arena);
	return true;
}

static struct value outputs_list(const struct value_object *object, struct arena *arena) {
	const struct outputs_object *outputs = outputs_of(object);
	struct value_list *list = value_list_new(arena);
	for (size_t i = 0; i < outputs->count; i++) {
		if (!value_list_push(arena, list, entry_value(&outputs->entries[i], arena))) {
			return value_undefined(); /* no room: rather nothing than a part */
		}
	}
	return value_of_list(list);
}

static struct value outputs_map(const struct value_object *object, struct arena *arena) {
	const struct outputs_object *outputs = outputs_of(object);
	struct value_map *map = value_map_new(arena);
	for (size_t i = 0; i < outputs->count; i++) {
		if (!value_map_put(arena, map, value_string(outputs->entries[i].name),
			    result_text(outputs->entries[i].text))) {
			return value_undefined();
		}
	}
	return value_of_map(map);
}

static const char *const *outputs_names(const struct value_object *object, struct arena *arena) {
	const struct outputs_object *outputs = outputs_of(object);
	const char **names = ARENA_ARRAY(arena, const char *, outputs->count + 1);
	size_t count = 0;
	for (size_t i = 0; i < outputs->count; i++) {
		if (outputs->entries[i].name.data != NULL) {
			names[count++] = arena_strdup(arena, outputs->entries[i].name);
		}
	}
	return names;
}

static const struct value_object_kind named_outputs_kind = {
	.name = "outputs",
	.get = outputs_get,
	.plain = outputs_plain,
	.list = outputs_list,
	.map = outputs_map,
	.names = outputs_names,
};

/* Items of a for_each have no names: a list and no map. */
static const struct value_object_kind item_outputs_kind = {
	.name = "outputs",
	.get = outputs_get,
	.plain = outputs_plain,
	.list = outputs_list,
};

struct value result_outputs(const struct step_output *entries, size_t count, bool are_named,
	struct slice text, struct arena *arena) {
	struct outputs_object *object = ARENA_NEW(arena, struct outputs_object);
	object->object.kind = are_named ? &named_outputs_kind : &item_outputs_kind;
	object->entries = entries;
	object->count = count;
	object->text = text;
	return value_object(&object->object);
}
