/* values.c: results as templates see them: `steps`, `groups`, one step with its fields, the ordered
 * collections of its outputs, its error (workflows.md 3.3, 5.7, 5.9, 5.10).
 *
 *   steps ─ .name ─► step (prints its output) ─ .outputs ─► collection ─ [0], .name ─► entry
 *                      ├ .error ─► error (prints its message, false when there is none)
 *                      └ .other ─► data.other
 *
 * Objects are small, made when asked for, and look into the results: a later result is seen by
 * values that were made before. */
#include "workflow/values.h"

#include <stdio.h>

/* A field of an object: its name and how it is found. */
struct field {
	const char *name;
	struct value (*get)(const struct value_object *object, struct arena *arena);
};

static bool get_field(const struct field *fields, const struct value_object *object,
	struct arena *arena, struct value key, struct value *out) {
	if (key.type != VALUE_STRING) {
		return false;
	}
	for (const struct field *field = fields; field->name != NULL; field++) {
		if (slice_is(key.string, field->name)) {
			*out = field->get(object, arena);
			return true;
		}
	}
	return false;
}

static const char *const *field_names(const struct field *fields, struct arena *arena) {
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

static struct value text_value(struct slice text) {
	return value_string(text.data != NULL ? text : SLICE(""));
}

static struct value text_or_undefined(struct slice text) {
	return text.data != NULL ? value_string(text) : value_undefined();
}

static struct value data_value(const struct json *data, struct arena *arena) {
	return data != NULL ? value_from_json(arena, data) : value_undefined();
}

/* What is no field is a member of the data (5.10: steps.fix.action). */
static bool get_of_data(
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
	return text_value(error != NULL ? error->message : SLICE(""));
}

static struct value error_get_kind(const struct value_object *object, struct arena *arena) {
	(void)arena;
	const struct step_error *error = error_of(object);
	return text_value(error != NULL ? slice_of(failure_class_names[error->class]) : SLICE(""));
}

#define ERROR_TEXT(name, member)                                                                   \
	static struct value name(const struct value_object *object, struct arena *arena) {         \
		(void)arena;                                                                       \
		const struct step_error *error = error_of(object);                                 \
		return text_value(error != NULL ? error->member : SLICE(""));                      \
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

static const struct field error_fields[] = {
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
	return get_field(error_fields, object, arena, key, out);
}

static const char *const *error_names(const struct value_object *object, struct arena *arena) {
	(void)object;
	return field_names(error_fields, arena);
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
	return text_value(entry_of(object)->text);
}

static struct value entry_name(const struct value_object *object, struct arena *arena) {
	(void)arena;
	return text_or_undefined(entry_of(object)->name);
}

static struct value entry_data(const struct value_object *object, struct arena *arena) {
	return data_value(entry_of(object)->data, arena);
}

static struct value entry_model(const struct value_object *object, struct arena *arena) {
	(void)arena;
	return text_value(entry_of(object)->model);
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
	return text_value(entry_of(object)->error);
}

static const struct field entry_fields[] = {
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
	return get_field(entry_fields, object, arena, key, out) ||
	       get_of_data(entry_of(object)->data, arena, key, out);
}

static const char *const *entry_names(const struct value_object *object, struct arena *arena) {
	(void)object;
	return field_names(entry_fields, arena);
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
	return text_value(outputs_of(object)->text);
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
			break;
		}
	}
	return value_of_list(list);
}

static struct value outputs_map(const struct value_object *object, struct arena *arena) {
	const struct outputs_object *outputs = outputs_of(object);
	struct value_map *map = value_map_new(arena);
	for (size_t i = 0; i < outputs->count; i++) {
		if (!value_map_put(arena, map, value_string(outputs->entries[i].name),
			    text_value(outputs->entries[i].text))) {
			break;
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

static struct value outputs_value(const struct step_output *entries, size_t count, bool are_named,
	struct slice text, struct arena *arena) {
	struct outputs_object *object = ARENA_NEW(arena, struct outputs_object);
	object->object.kind = are_named ? &named_outputs_kind : &item_outputs_kind;
	object->entries = entries;
	object->count = count;
	object->text = text;
	return value_object(&object->object);
}

/* ---- one step ---- */

struct step_object {
	struct value_object object;
	const struct step_result *result;
};

static const struct step_result *result_of(const struct value_object *object) {
	return ((const struct step_object *)object)->result;
}

static bool has_ended(const struct step_result *result) {
	return result->status != STEP_PENDING && result->status != STEP_RUNNING;
}

static struct value step_output(const struct value_object *object, struct arena *arena) {
	(void)arena;
	return text_value(result_of(object)->output);
}

static struct value step_outputs(const struct value_object *object, struct arena *arena) {
	const struct step_result *result = result_of(object);
	return outputs_value(result->outputs.items, result->outputs.len, result->outputs_are_named,
		result->output, arena);
}

static struct value step_failed(const struct value_object *object, struct arena *arena) {
	(void)arena;
	return value_bool(result_of(object)->status == STEP_FAILED);
}

static struct value step_skipped(const struct value_object *object, struct arena *arena) {
	(void)arena;
	return value_bool(result_of(object)->status == STEP_SKIPPED);
}

static struct value step_skip_reason(const struct value_object *object, struct arena *arena) {
	(void)arena;
	return text_value(result_of(object)->skip_reason);
}

static struct value step_status(const struct value_object *object, struct arena *arena) {
	(void)arena;
	return value_string(slice_of(step_status_names[result_of(object)->status]));
}

static struct value step_error(const struct value_object *object, struct arena *arena) {
	const struct step_result *result = result_of(object);
	if (result->status == STEP_SKIPPED) {
		return value_undefined(); /* 5.6 */
	}
	return results_error_value(result->has_error ? &result->error : NULL, arena);
}

static struct value step_backend(const struct value_object *object, struct arena *arena) {
	(void)arena;
	return text_value(result_of(object)->backend);
}

static struct value step_backends(const struct value_object *object, struct arena *arena) {
	const struct step_result *result = result_of(object);
	struct value_list *list = value_list_new(arena);
	for (size_t i = 0; i < result->backends.len; i++) {
		value_list_push(arena, list, value_string(result->backends.items[i]));
	}
	return value_of_list(list);
}

static struct value step_failed_backends(const struct value_object *object, struct arena *arena) {
	const struct step_result *result = result_of(object);
	struct value_map *map = value_map_new(arena);
	for (size_t i = 0; i < result->failed_backends.len; i++) {
		value_map_put(arena, map, value_string(result->failed_backends.items[i].name),
			text_value(result->failed_backends.items[i].error));
	}
	return value_of_map(map);
}

static struct value step_data(const struct value_object *object, struct arena *arena) {
	return data_value(result_of(object)->data, arena);
}

static struct value step_exit_code(const struct value_object *object, struct arena *arena) {
	(void)arena;
	const struct step_result *result = result_of(object);
	return result->exit_code >= 0 ? value_int(result->exit_code) : value_none();
}

#define STEP_TEXT(name, member)                                                                    \
	static struct value name(const struct value_object *object, struct arena *arena) {         \
		(void)arena;                                                                       \
		return text_value(result_of(object)->member);                                      \
	}
STEP_TEXT(step_stdout, out)
STEP_TEXT(step_stderr, err)
STEP_TEXT(step_diff, diff)
STEP_TEXT(step_model, model)
STEP_TEXT(step_prompt, prompt)

#define STEP_COUNT(name, member)                                                                   \
	static struct value name(const struct value_object *object, struct arena *arena) {         \
		(void)arena;                                                                       \
		return value_int((int64_t)result_of(object)->member);                              \
	}
STEP_COUNT(step_duration, duration_ms)
STEP_COUNT(step_attempts, attempts)

static struct value step_usage(const struct value_object *object, struct arena *arena) {
	const struct step_usage *usage = &result_of(object)->usage;
	struct value_map *map = value_map_new(arena);
	value_map_put_named(arena, map, "input_tokens", value_int(usage->input_tokens));
	value_map_put_named(arena, map, "output_tokens", value_int(usage->output_tokens));
	value_map_put_named(
		arena, map, "total_tokens", value_int(usage->input_tokens + usage->output_tokens));
	return value_of_map(map);
}

static struct value step_cost(const struct value_object *object, struct arena *arena) {
	(void)arena;
	int64_t cost = result_of(object)->usage.cost_microusd;
	return cost >= 0 ? value_float((double)cost / 1e6) : value_none();
}

static struct value time_value(int64_t wall_ms, struct arena *arena) {
	if (wall_ms == 0) {
		return value_none();
	}
	char text[CLOCK_TEXT_MAX];
	size_t len = clock_format_rfc3339(wall_ms, text);
	return value_string(arena_dup(arena, slice_make(text, len)));
}

static struct value step_started_at(const struct value_object *object, struct arena *arena) {
	return time_value(result_of(object)->started_at_ms, arena);
}

static struct value step_finished_at(const struct value_object *object, struct arena *arena) {
	return time_value(result_of(object)->finished_at_ms, arena);
}

static struct value step_name(const struct value_object *object, struct arena *arena) {
	(void)arena;
	return text_value(result_of(object)->step->name);
}

static const struct field step_fields[] = {
	{"output", step_output},
	{"text", step_output},
	{"outputs", step_outputs},
	{"failed", step_failed},
	{"error", step_error},
	{"duration_ms", step_duration},
	{"backend", step_backend},
	{"backends", step_backends},
	{"failed_backends", step_failed_backends},
	{"data", step_data},
	{"skipped", step_skipped},
	{"skip_reason", step_skip_reason},
	{"status", step_status},
	{"exit_code", step_exit_code},
	{"stdout", step_stdout},
	{"stderr", step_stderr},
	{"diff", step_diff},
	{"model", step_model},
	{"usage", step_usage},
	{"cost", step_cost},
	{"attempts", step_attempts},
	{"started_at", step_started_at},
	{"finished_at", step_finished_at},
	{"prompt", step_prompt},
	{"name", step_name},
	{NULL, NULL},
};

/* Of a step that has not run yet nothing is known but what it is called and how it stands (5.6). */
static const struct field pending_fields[] = {
	{"name", step_name},
	{"status", step_status},
	{NULL, NULL},
};

static bool step_get(const struct value_object *object, struct arena *arena, struct value key,
	struct value *out) {
	const struct step_result *result = result_of(object);
	if (!has_ended(result)) {
		return get_field(pending_fields, object, arena, key, out);
	}
	if (get_field(step_fields, object, arena, key, out)) {
		return out->type != VALUE_UNDEFINED;
	}
	return get_of_data(result->data, arena, key, out);
}

static struct value step_plain(const struct value_object *object, struct arena *arena) {
	return has_ended(result_of(object)) ? step_output(object, arena) : value_undefined();
}

static const char *const *step_names(const struct value_object *object, struct arena *arena) {
	(void)object;
	return field_names(step_fields, arena);
}

static const struct value_object_kind step_kind = {
	.name = "step",
	.get = step_get,
	.plain = step_plain,
	.names = step_names,
};

struct value result_value(const struct step_result *result, struct arena *arena) {
	struct step_object *object = ARENA_NEW(arena, struct step_object);
	object->object.kind = &step_kind;
	object->result = result;
	return value_object(&object->object);
}

/* ---- `steps` ---- */

struct results_object {
	struct value_object object;
	struct run_results *results;
};

static struct run_results *results_of(const struct value_object *object) {
	return ((const struct results_object *)object)->results;
}

static bool steps_get(const struct value_object *object, struct arena *arena, struct value key,
	struct value *out) {
	struct run_results *results = results_of(object);
	const struct workflow_step *step =
		key.type == VALUE_STRING ? workflow_find_step_alias(results->workflow, key.string)
					 : NULL;
	if (step == NULL) {
		return false;
	}
	*out = result_value(&results->items[step->number], arena);
	return true;
}

static struct value steps_map(const struct value_object *object, struct arena *arena) {
	struct run_results *results = results_of(object);
	struct value_map *map = value_map_new(arena);
	for (size_t i = 0; i < results->workflow->steps.len; i++) {
		if (has_ended(&results->items[i]) &&
			!value_map_put(arena, map,
				value_string(results->workflow->steps.items[i].name),
				result_value(&results->items[i], arena))) {
			break;
		}
	}
	return value_of_map(map);
}

static const char *const *steps_names(const struct value_object *object, struct arena *arena) {
	const struct workflow *workflow = results_of(object)->workflow;
	const char **names = ARENA_ARRAY(arena, const char *, workflow->steps.len + 1);
	for (size_t i = 0; i < workflow->steps.len; i++) {
		names[i] = arena_strdup(arena, workflow->steps.items[i].name);
	}
	return names;
}

static const struct value_object_kind steps_kind = {
	.name = "steps",
	.get = steps_get,
	.plain = steps_map,
	.map = steps_map,
	.names = steps_names,
};

struct value results_steps_value(struct run_results *results, struct arena *arena) {
	struct results_object *object = ARENA_NEW(arena, struct results_object);
	object->object.kind = &steps_kind;
	object->results = results;
	return value_object(&object->object);
}

/* ---- `groups` ---- */

struct group_object {
	struct value_object object;
	struct run_results *results;
	const struct workflow_group *group;
};

static const struct group_object *group_of(const struct value_object *object) {
	return (const struct group_object *)object;
}

/* The members' results as entries, by name, and as blocks of text as parallel backends have (3.3).
 */
static const struct step_output *group_entries(
	const struct group_object *group, struct arena *arena, size_t *count, struct slice *text) {
	struct step_output *entries =
		ARENA_ARRAY(arena, struct step_output, group->group->step_count + 1);
	struct output_blocks blocks = {.arena = arena};
	*count = 0;
	for (size_t i = 0; i < group->group->step_count; i++) {
		const struct step_result *result =
			&group->results->items[group->group->first_step + i];
		if (!has_ended(result) || result->status == STEP_SKIPPED) {
			continue;
		}
		entries[(*count)++] = (struct step_output){
			.name = result->step->name,
			.text = result->output,
			.data = result->data,
			.model = result->model,
			.duration_ms = result->duration_ms,
			.is_failed = result->status == STEP_FAILED,
			.error = result->has_error ? result->error.message : SLICE(""),
		};
		output_blocks_add(&blocks, result->step->name, result->output);
	}
	*text = output_blocks_text(&blocks);
	return entries;
}

static struct value group_outputs(const struct value_object *object, struct arena *arena) {
	size_t count;
	struct slice text;
	const struct step_output *entries = group_entries(group_of(object), arena, &count, &text);
	return outputs_value(entries, count, true, text, arena);
}

static struct value group_output(const struct value_object *object, struct arena *arena) {
	size_t count;
	struct slice text;
	group_entries(group_of(object), arena, &count, &text);
	return text_value(text);
}

/* True for a hard failure alone: one that was continued does not count (5.9). */
static struct value group_failed(const struct value_object *object, struct arena *arena) {
	(void)arena;
	const struct group_object *group = group_of(object);
	bool has_failed = false;
	for (size_t i = 0; i < group->group->step_count; i++) {
		const struct step_result *result =
			&group->results->items[group->group->first_step + i];
		has_failed |= result->status == STEP_FAILED && !result->is_continued;
	}
	return value_bool(has_failed);
}

static struct value group_name(const struct value_object *object, struct arena *arena) {
	(void)arena;
	return value_string(group_of(object)->group->name);
}

static const struct field group_fields[] = {
	{"outputs", group_outputs},
	{"output", group_output},
	{"failed", group_failed},
	{"name", group_name},
	{NULL, NULL},
};

static bool group_get(const struct value_object *object, struct arena *arena, struct value key,
	struct value *out) {
	return get_field(group_fields, object, arena, key, out);
}

static const char *const *group_names(const struct value_object *object, struct arena *arena) {
	(void)object;
	return field_names(group_fields, arena);
}

static const struct value_object_kind group_kind = {
	.name = "group",
	.get = group_get,
	.plain = group_output,
	.names = group_names,
};

static struct value group_value(
	struct run_results *results, const struct workflow_group *group, struct arena *arena) {
	struct group_object *object = ARENA_NEW(arena, struct group_object);
	object->object.kind = &group_kind;
	object->results = results;
	object->group = group;
	return value_object(&object->object);
}

static bool groups_get(const struct value_object *object, struct arena *arena, struct value key,
	struct value *out) {
	struct run_results *results = results_of(object);
	for (size_t i = 0; i < results->workflow->groups.len && key.type == VALUE_STRING; i++) {
		const struct workflow_group *group = &results->workflow->groups.items[i];
		if (slice_eq(group->name, key.string)) {
			*out = group_value(results, group, arena);
			return true;
		}
	}
	return false;
}

static struct value groups_map(const struct value_object *object, struct arena *arena) {
	struct run_results *results = results_of(object);
	struct value_map *map = value_map_new(arena);
	for (size_t i = 0; i < results->workflow->groups.len; i++) {
		const struct workflow_group *group = &results->workflow->groups.items[i];
		value_map_put(
			arena, map, value_string(group->name), group_value(results, group, arena));
	}
	return value_of_map(map);
}

static const char *const *groups_names(const struct value_object *object, struct arena *arena) {
	const struct workflow *workflow = results_of(object)->workflow;
	const char **names = ARENA_ARRAY(arena, const char *, workflow->groups.len + 1);
	for (size_t i = 0; i < workflow->groups.len; i++) {
		names[i] = arena_strdup(arena, workflow->groups.items[i].name);
	}
	return names;
}

static const struct value_object_kind groups_kind = {
	.name = "groups",
	.get = groups_get,
	.plain = groups_map,
	.map = groups_map,
	.names = groups_names,
};

struct value results_groups_value(struct run_results *results, struct arena *arena) {
	struct results_object *object = ARENA_NEW(arena, struct results_object);
	object->object.kind = &groups_kind;
	object->results = results;
	return value_object(&object->object);
}
