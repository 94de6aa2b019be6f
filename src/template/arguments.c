/* arguments.c: reads the arguments of built-ins, and what built-ins return. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "template/builtins.h"
#include "template/run.h"

#define MESSAGE_MAX 300

void template_reader_init(struct template_reader *reader, struct template_run *run,
	const char *what, const struct value_arguments *arguments) {
	*reader = (struct template_reader){.run = run, .arguments = arguments, .what = what};
}

static bool fail_kind(
	struct template_reader *reader, enum template_error_kind kind, const char *message) {
	if (!reader->has_failed) {
		template_fail(reader->run, kind, "%s: %s", reader->what, message);
	}
	reader->has_failed = true;
	return false;
}

bool builtin_fail(struct template_reader *reader, const char *format, ...) {
	char message[MESSAGE_MAX];
	va_list args;
	va_start(args, format);
	vsnprintf(message, sizeof message, format, args);
	va_end(args);
	return fail_kind(reader, TEMPLATE_ERROR_INVALID_OPERATION, message);
}

bool builtin_fail_memory(struct template_run *run) {
	return template_fail(run, TEMPLATE_ERROR_LIMIT,
		"a value grew too large: beyond the memory or the output of one render");
}

/* False when it was not given. */
static bool find(
	struct template_reader *reader, size_t index, const char *name, struct value *out) {
	const struct value_arguments *arguments = reader->arguments;
	bool is_positional = index < arguments->count;
	const struct value_pair *named =
		name && arguments->named ? value_map_find_text(arguments->named, slice_of(name))
					 : NULL;
	*out = value_undefined();
	reader->named_taken += named != NULL;
	if (named && is_positional) {
		char message[MESSAGE_MAX];
		snprintf(message, sizeof message, "`%s` is given twice", name);
		fail_kind(reader, TEMPLATE_ERROR_TOO_MANY_ARGUMENTS, message);
		return false;
	}
	if (named) {
		*out = named->value;
	} else if (is_positional) {
		*out = arguments->items[index];
	}
	return named || is_positional;
}

struct value template_take(struct template_reader *reader, size_t index, const char *name) {
	struct value value;
	find(reader, index, name, &value);
	return value;
}

void builtin_require(struct template_reader *reader, size_t index, const char *name) {
	const struct value_map *named = reader->arguments->named;
	bool is_named = named && name && value_map_find_text(named, slice_of(name));
	if (index >= reader->arguments->count && !is_named) {
		char message[MESSAGE_MAX];
		snprintf(message, sizeof message, "the argument `%s` is missing",
			name ? name : "value");
		fail_kind(reader, TEMPLATE_ERROR_MISSING_ARGUMENT, message);
	}
}

struct value template_take_required(
	struct template_reader *reader, size_t index, const char *name) {
	builtin_require(reader, index, name);
	return template_take(reader, index, name);
}

/* Undefined and none count as not given. */
static bool find_given(
	struct template_reader *reader, size_t index, const char *name, struct value *out) {
	struct value value;
	bool is_there = find(reader, index, name, &value);
	*out = value_plain(value, template_run_arena(reader->run));
	return is_there && out->type != VALUE_UNDEFINED && out->type != VALUE_NONE;
}

int64_t template_take_int(
	struct template_reader *reader, size_t index, const char *name, int64_t otherwise) {
	struct value value;
	if (!find_given(reader, index, name, &value)) {
		return otherwise;
	}
	if (value.type == VALUE_INT) {
		return value.integer;
	}
	if (value.type == VALUE_FLOAT && value.number >= -1e15 && value.number <= 1e15) {
		int64_t whole = (int64_t)value.number;
		if (!((double)whole < value.number) && !((double)whole > value.number)) {
			return whole;
		}
	}
	builtin_fail(reader, "`%s` must be a whole number, not %s", name, value_kind_name(value));
	return otherwise;
}

size_t builtin_take_count(struct template_reader *reader, size_t index, const char *name,
	int64_t otherwise, int64_t floor) {
	int64_t count = template_take_int(reader, index, name, otherwise);
	if (count < floor) {
		builtin_fail(reader, "`%s` must be at least %d", name, (int)floor);
		return (size_t)otherwise;
	}
	return (size_t)count;
}

bool template_take_bool(
	struct template_reader *reader, size_t index, const char *name, bool otherwise) {
	struct value value;
	return find_given(reader, index, name, &value)
		       ? value_is_true(value, template_run_arena(reader->run))
		       : otherwise;
}

struct slice template_take_text(
	struct template_reader *reader, size_t index, const char *name, struct slice otherwise) {
	struct value value;
	if (!find_given(reader, index, name, &value)) {
		return otherwise;
	}
	if (value.type != VALUE_STRING) {
		builtin_fail(reader, "`%s` must be text, not %s", name, value_kind_name(value));
		return otherwise;
	}
	return value.string;
}

bool template_reader_done(struct template_reader *reader, size_t max) {
	const struct value_arguments *arguments = reader->arguments;
	if (reader->has_failed) {
		return false;
	}
	if (arguments->count > max) {
		return fail_kind(
			reader, TEMPLATE_ERROR_TOO_MANY_ARGUMENTS, "there are too many arguments");
	}
	if (arguments->named && arguments->named->len > reader->named_taken) {
		return fail_kind(reader, TEMPLATE_ERROR_TOO_MANY_ARGUMENTS,
			"there is a named argument it does not know");
	}
	return true;
}

/* ---- the filtered value ---- */

struct value builtin_subject(struct template_reader *reader) {
	struct value value = template_take_required(reader, 0, NULL);
	bool is_undefined = value.type == VALUE_UNDEFINED && !value.is_silent;
	if (is_undefined && !reader->has_failed && template_run_is_strict(reader->run)) {
		const struct node *at = reader->run->at;
		/* Not within `map`, whose items have no expression of their own. */
		if (at && at->kind == NODE_FILTER &&
			slice_ends_with(slice_of(reader->what), at->call.name)) {
			run_fail_undefined(reader->run, at->call.base);
		}
		fail_kind(reader, TEMPLATE_ERROR_UNDEFINED, "the value is undefined");
	}
	return value;
}

struct slice builtin_text(struct template_reader *reader, struct value value) {
	struct arena *arena = template_run_arena(reader->run);
	value = value_plain(value, arena);
	if (value.type == VALUE_STRING) {
		return value.string;
	}
	struct buf text;
	struct value printed;
	builtin_buf(reader->run, &text);
	value_print(value, arena, &text);
	if (!builtin_return_text(reader->run, &text, &printed)) {
		reader->has_failed = true;
		return SLICE("");
	}
	return printed.string;
}

struct slice builtin_subject_text(struct template_reader *reader) {
	return builtin_text(reader, builtin_subject(reader));
}

const struct value_list *builtin_subject_items(struct template_reader *reader) {
	struct value value = builtin_subject(reader);
	if (reader->has_failed) {
		return NULL;
	}
	const struct value_list *items = value_iterate(value, template_run_arena(reader->run));
	if (!items) {
		builtin_fail(reader, "%s is not iterable", value_kind_name(value));
	} else if (!template_spend(reader->run, items->len)) {
		reader->has_failed = true;
		return NULL;
	}
	return items;
}

/* ---- results ---- */

void builtin_buf(struct template_run *run, struct buf *text) {
	size_t max = template_run_environment(run)->max_output;
	buf_init(text, max ? max : TEMPLATE_MAX_OUTPUT);
}

bool builtin_return_text(struct template_run *run, struct buf *text, struct value *out) {
	char *memory =
		text->failed ? NULL : arena_try_alloc(template_run_arena(run), text->len + 1);
	bool is_there = memory != NULL && template_spend(run, text->len / 64);
	if (memory) {
		if (text->len > 0) {
			memcpy(memory, text->data, text->len);
		}
		memory[text->len] = 0;
		*out = value_string(slice_make(memory, text->len));
	}
	buf_finish(text);
	return is_there || (memory == NULL && builtin_fail_memory(run));
}

bool builtin_push(struct template_run *run, struct value_list *list, struct value item) {
	return value_list_push(template_run_arena(run), list, item) || builtin_fail_memory(run);
}

struct value builtin_attribute(struct template_run *run, struct value value, struct slice path) {
	struct arena *arena = template_run_arena(run);
	struct slice part;
	while (slice_split(&path, '.', &part)) {
		int64_t number;
		struct value next = value_get(value, arena, value_string(part));
		if (next.type == VALUE_UNDEFINED && slice_to_int64(part, &number)) {
			next = value_get(value, arena, value_int(number));
		}
		value = next;
	}
	return value;
}

/* ---- order ---- */

static int compare_folded(struct slice a, struct slice b) {
	while (a.len > 0 && b.len > 0) {
		uint32_t x = unicode_lower(unicode_next(&a)), y = unicode_lower(unicode_next(&b));
		if (x != y) {
			return x < y ? -1 : 1;
		}
	}
	return (a.len > 0) - (b.len > 0);
}

int builtin_compare(
	struct template_run *run, struct value a, struct value b, bool is_case_sensitive) {
	struct arena *arena = template_run_arena(run);
	a = value_plain(a, arena);
	b = value_plain(b, arena);
	if (!is_case_sensitive && a.type == VALUE_STRING && b.type == VALUE_STRING) {
		return compare_folded(a.string, b.string);
	}
	return value_compare(a, b, arena);
}

struct sorting {
	struct template_run *run;
	bool is_case_sensitive, is_reverse;
};

static int compare_sortables(const void *left, const void *right, void *data) {
	const struct builtin_sortable *a = left, *b = right;
	const struct sorting *sorting = data;
	int order = builtin_compare(sorting->run, a->key, b->key, sorting->is_case_sensitive);
	if (order != 0) {
		return sorting->is_reverse ? -order : order;
	}
	return a->number < b->number ? -1 : a->number > b->number;
}

bool builtin_sort(struct template_run *run, struct builtin_sortable *items, size_t count,
	bool is_case_sensitive, bool is_reverse) {
	uint64_t cost = 0, levels = 1;
	for (size_t rest = count; rest > 1; rest /= 2) {
		levels++;
	}
	for (size_t i = 0; i < count; i++) {
		items[i].number = i;
		cost += value_weight(items[i].key);
	}
	struct sorting sorting = {run, is_case_sensitive, is_reverse};
	if (!template_spend(run, cost * levels / 4 + 1)) {
		return false;
	}
	qsort_r(items, count, sizeof *items, compare_sortables, &sorting);
	return true;
}
