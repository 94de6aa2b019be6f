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
	return result_text(result_of(object)->output);
}

static struct value step_outputs(const struct value_object *object, struct arena *arena) {
	const struct step_result *result = result_of(object);
	return result_outputs(result->outputs.items, result->outputs.len, result->outputs_are_named,
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
	return result_text(result_of(object)->skip_reason);
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
	return result_text(result_of(object)->backend);
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
			result_text(result->failed_backends.items[i].error));
	}
	return value_of_map(map);
}

static struct value step_data(const struct value_object *object, struct arena *arena) {
	return result_data(result_of(object)->data, arena);
}

static struct value step_exit_code(const struct value_object *object, struct arena *arena) {
	(void)arena;
	const struct step_result *result = result_of(object);
	return result->exit_code >= 0 ? value_int(result->exit_code) : value_none();
}

#define STEP_TEXT(name, member)                                                                    \
	static struct value name(const struct value_object *object, struct arena *arena) {         \
		(void)arena;                                                                       \
		return result_text(result_of(object)->member);                                     \
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
	return result_text(result_of(object)->step->name);
}

static const struct result_field step_fields[] = {
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
static const struct result_field pending_fields[] = {
	{"name", step_name},
	{"status", step_status},
	{NULL, NULL},
};

static bool step_get(const struct value_object *object, struct arena *arena, struct value key,
	struct value *out) {
	const struct step_result *result = result_of(object);
	if (!has_ended(result)) {
		return result_get_field(pending_fields, object, arena, key, out);
	}
	if (result_get_field(step_fields, object, arena, key, out)) {
		return out->type != VALUE_UNDEFINED;
	}
	return result_data_member(result->data, arena, key, out);
}

static struct value step_plain(const struct value_object *object, struct arena *arena) {
	return has_ended(result_of(object)) ? step_output(object, arena) : value_undefined();
}

static const char *const *step_names(const struct value_object *object, struct arena *arena) {
	(void)object;
	return result_field_names(step_fields, arena);
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
			return value_undefined(); /* no room: rather nothing than a part */
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
	return result_outputs(entries, count, true, text, arena);
}

static struct value group_output(const struct value_object *object, struct arena *arena) {
	size_t count;
	struct slice text;
	group_entries(group_of(object), arena, &count, &text);
	return result_text(text);
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

static const struct result_field group_fields[] = {
	{"outputs", group_outputs},
	{"output", group_output},
	{"failed", group_failed},
	{"name", group_name},
	{NULL, NULL},
};

static bool group_get(const struct value_object *object, struct arena *arena, struct value key,
	struct value *out) {
	return result_get_field(group_fields, object, arena, key, out);
}

static const char *const *group_names(const struct value_object *object, struct arena *arena) {
	(void)object;
	return result_field_names(group_fields, arena);
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
