/* schema_check.c: checking an instance: every violation with its place, or just yes or no. */
#include <stdio.h>
#include <stdlib.h>

#include "data/json_number.h"
#include "data/schema_internal.h"

/* A $ref may lead around in a circle without looking deeper into the instance. */
#define MAX_DEPTH 600
#define SHOWN_MAX 80

/* Where we are in the instance: a chain on the C stack, written out only for a violation. */
struct schema_frame {
	const struct schema_frame *parent; /* NULL: the whole */
	const struct json *node;
	size_t index;
	unsigned depth;
};

/* Which members or elements some keyword has looked at, for unevaluated*. */
struct schema_seen {
	bool *flags; /* by number of the child; NULL: nobody asks */
	size_t count;
};

struct schema_run {
	struct arena *arena;
	struct schema_violations *violations; /* NULL: only whether */
};

static bool check_schema(struct schema_run *run, const struct schema *schema,
	const struct json *instance, const struct schema_frame *frame, struct schema_seen *seen);

/* ---- violations ---- */

static const char *pointer_of(struct arena *arena, const struct schema_frame *frame) {
	if (!frame->parent) {
		return "";
	}
	const char *before = pointer_of(arena, frame->parent);
	return schema_pointer(arena, before,
		frame->node->key ? json_key(frame->node, arena)
				 : arena_printf(arena, "%zu", frame->index));
}

/* Records a violation and returns false. */
static bool fail(struct schema_run *run, const struct check *check,
	const struct schema_frame *frame, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
static bool fail(struct schema_run *run, const struct check *check,
	const struct schema_frame *frame, const char *format, ...) {
	if (!run->violations) {
		return false;
	}
	if (run->violations->len >= SCHEMA_MAX_VIOLATIONS) {
		run->violations->is_cut = true;
		return false;
	}
	va_list args;
	va_start(args, format);
	struct schema_violation *violation = ARENA_PUSH(run->arena, run->violations);
	violation->message = arena_vprintf(run->arena, format, args).data;
	va_end(args);
	violation->pointer = pointer_of(run->arena, frame);
	violation->keyword = check->keyword->name;
	violation->where = check->schema->is_short
				   ? check->schema->where
				   : schema_pointer(run->arena, check->schema->where,
					     slice_of(check->keyword->name));
	return false;
}

/* A value as a message shows it: JSON, cut to a length that is read at a glance. */
static const char *shown(struct arena *arena, const struct json *value) {
	struct slice raw = json_raw(value);
	if (raw.len <= SHOWN_MAX) {
		return arena_strdup(arena, raw);
	}
	size_t end = SHOWN_MAX;
	while (end > 0 && ((unsigned char)raw.data[end] & 0xc0) == 0x80) {
		end--;
	}
	return arena_printf(arena, "%.*s...", (int)end, raw.data).data;
}

/* The same check without recording, for keywords that only count successes. */
static bool holds(struct schema_run *run, const struct schema *schema, const struct json *instance,
	const struct schema_frame *frame, struct schema_seen *seen) {
	struct schema_run silent = {run->arena, NULL};
	return check_schema(&silent, schema, instance, frame, seen);
}

/* ---- what was looked at ---- */

static struct schema_seen seen_new(
	struct schema_run *run, const struct schema *schema, const struct json *instance) {
	struct schema_seen seen = {NULL, 0};
	if (schema->tracks && instance->count > 0) {
		seen.count = instance->count;
		seen.flags = arena_alloc(run->arena, seen.count * sizeof *seen.flags);
	}
	return seen;
}

static void seen_mark(struct schema_seen *seen, size_t number) {
	if (seen->flags && number < seen->count) {
		seen->flags[number] = true;
	}
}

static void seen_merge(struct schema_seen *seen, const struct schema_seen *more) {
	for (size_t i = 0; i < seen->count && more->flags; i++) {
		seen->flags[i] |= more->flags[i];
	}
}

/* A subschema of the same instance: what it looked at counts when it holds. */
static bool check_in_place(struct schema_run *run, const struct schema *schema,
	const struct json *instance, const struct schema_frame *frame, struct schema_seen *seen,
	bool is_silent) {
	struct schema_seen more = seen_new(run, schema, instance);
	bool is_valid = is_silent ? holds(run, schema, instance, frame, &more)
				  : check_schema(run, schema, instance, frame, &more);
	if (is_valid) {
		seen_merge(seen, &more);
	}
	return is_valid;
}

static bool check_child(struct schema_run *run, const struct schema *schema,
	const struct json *child, size_t index, const struct schema_frame *frame) {
	struct schema_frame at = {frame, child, index, frame->depth + 1};
	struct schema_seen seen = seen_new(run, schema, child);
	return check_schema(run, schema, child, &at, &seen);
}

/* ---- any type ---- */

static unsigned types_of(const struct json *instance) {
	switch (instance->type) {
	case JSON_NULL:
		return SCHEMA_TYPE_NULL;
	case JSON_TRUE:
	case JSON_FALSE:
		return SCHEMA_TYPE_BOOLEAN;
	case JSON_OBJECT:
		return SCHEMA_TYPE_OBJECT;
	case JSON_ARRAY:
		return SCHEMA_TYPE_ARRAY;
	case JSON_STRING:
		return SCHEMA_TYPE_STRING;
	default:
		return SCHEMA_TYPE_NUMBER |
		       (json_number_is_whole(instance) ? SCHEMA_TYPE_INTEGER : 0u);
	}
}

static bool check_type(struct schema_run *run, const struct check *check,
	const struct json *instance, const struct schema_frame *frame, struct schema_seen *seen) {
	(void)seen;
	if (types_of(instance) & check->types) {
		return true;
	}
	char expected[96] = "";
	size_t len = 0;
	for (const struct schema_type_name *row = schema_type_names; row->name; row++) {
		if ((check->types & row->type) && len < sizeof expected) {
			len += (size_t)snprintf(expected + len, sizeof expected - len, "%s%s",
				len > 0 ? " or " : "", row->name);
		}
	}
	return fail(run, check, frame, "must be %s, is %s: %s", expected, json_type_name(instance),
		shown(run->arena, instance));
}

static bool check_enum(struct schema_run *run, const struct check *check,
	const struct json *instance, const struct schema_frame *frame, struct schema_seen *seen) {
	(void)seen;
	json_each (value, check->value) {
		if (json_equal(value, instance)) {
			return true;
		}
	}
	return fail(run, check, frame, "must be one of %s, is %s", shown(run->arena, check->value),
		shown(run->arena, instance));
}

static bool check_const(struct schema_run *run, const struct check *check,
	const struct json *instance, const struct schema_frame *frame, struct schema_seen *seen) {
	(void)seen;
	return json_equal(check->value, instance) ||
	       fail(run, check, frame, "must be %s, is %s", shown(run->arena, check->value),
		       shown(run->arena, instance));
}

/* ---- numbers ---- */

static bool check_bound(struct schema_run *run, const struct check *check,
	const struct json *instance, const struct schema_frame *frame, struct schema_seen *seen) {
	(void)seen;
	static const char *const words[] = {
		[KEYWORD_MINIMUM] = "at least",
		[KEYWORD_MAXIMUM] = "at most",
		[KEYWORD_EXCLUSIVE_MINIMUM] = "more than",
		[KEYWORD_EXCLUSIVE_MAXIMUM] = "less than",
	};
	if (instance->type != JSON_NUMBER) {
		return true;
	}
	int order = json_number_compare(instance, check->value);
	enum keyword_id id = check->keyword->id;
	bool is_within = id == KEYWORD_MINIMUM             ? order >= 0
			 : id == KEYWORD_MAXIMUM           ? order <= 0
			 : id == KEYWORD_EXCLUSIVE_MINIMUM ? order > 0
							   : order < 0;
	return is_within || fail(run, check, frame, "must be %s %s, is %s", words[id],
				    shown(run->arena, check->value), shown(run->arena, instance));
}

static bool check_multiple(struct schema_run *run, const struct check *check,
	const struct json *instance, const struct schema_frame *frame, struct schema_seen *seen) {
	(void)seen;
	bool is_multiple;
	if (instance->type != JSON_NUMBER) {
		return true;
	}
	if (!json_number_is_multiple(instance, check->value, &is_multiple)) {
		return fail(run, check, frame, "cannot tell whether %s is a multiple of %s",
			shown(run->arena, instance), shown(run->arena, check->value));
	}
	return is_multiple || fail(run, check, frame, "must be a multiple of %s, is %s",
				      shown(run->arena, check->value), shown(run->arena, instance));
}

/* ---- sizes ---- */

static size_t count_characters(struct slice text) {
	size_t count = 0;
	for (size_t i = 0; i < text.len; i++) {
		count += ((unsigned char)text.data[i] & 0xc0) != 0x80;
	}
	return count;
}

static bool check_size(struct schema_run *run, const struct check *check,
	const struct json *instance, const struct schema_frame *frame, struct schema_seen *seen) {
	(void)seen;
	static const struct {
		enum keyword_id minimum, maximum;
		enum json_type type;
		const char *unit;
	} rows[] = {
		{KEYWORD_MIN_LENGTH, KEYWORD_MAX_LENGTH, JSON_STRING, "characters"},
		{KEYWORD_MIN_ITEMS, KEYWORD_MAX_ITEMS, JSON_ARRAY, "elements"},
		{KEYWORD_MIN_PROPERTIES, KEYWORD_MAX_PROPERTIES, JSON_OBJECT, "members"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		bool is_minimum = check->keyword->id == rows[i].minimum;
		if ((!is_minimum && check->keyword->id != rows[i].maximum) ||
			instance->type != rows[i].type) {
			continue;
		}
		uint64_t size = instance->type == JSON_STRING
					? count_characters(json_string(instance, run->arena))
					: instance->count;
		if (is_minimum ? size < check->count : size > check->count) {
			return fail(run, check, frame, "must have at %s %llu %s, has %llu",
				is_minimum ? "least" : "most", (unsigned long long)check->count,
				rows[i].unit, (unsigned long long)size);
		}
	}
	return true;
}

static bool check_pattern(struct schema_run *run, const struct check *check,
	const struct json *instance, const struct schema_frame *frame, struct schema_seen *seen) {
	(void)seen;
	if (instance->type != JSON_STRING) {
		return true;
	}
	enum regex_result result =
		regex_search(check->regex, json_string(instance, run->arena), 0, NULL);
	return result == REGEX_MATCH ||
	       fail(run, check, frame,
		       result == REGEX_LIMIT ? "the pattern %s is too expensive for %s"
					     : "must match the pattern %s, is %s",
		       shown(run->arena, check->value), shown(run->arena, instance));
}

static bool check_unique(struct schema_run *run, const struct check *check,
	const struct json *instance, const struct schema_frame *frame, struct schema_seen *seen) {
	(void)seen;
	if (instance->type != JSON_ARRAY || check->value->type != JSON_TRUE) {
		return true;
	}
	size_t first = 0;
	json_each (a, instance) {
		size_t second = first + 1;
		for (const struct json *b = a->next; b; b = b->next, second++) {
			if (a->type == b->type && json_equal(a, b)) {
				return fail(run, check, frame,
					"must have different elements; %zu and %zu are equal: %s",
					first, second, shown(run->arena, a));
			}
		}
		first++;
	}
	return true;
}

/* ---- objects ---- */

static bool require(struct schema_run *run, const struct check *check, const struct json *names,
	const struct json *instance, const struct schema_frame *frame, const char *because) {
	bool is_valid = true;
	json_each (name, names) {
		struct slice text = json_string(name, run->arena);
		if (!json_get_slice(instance, text)) {
			is_valid = fail(run, check, frame, "must have the member `%.*s`%s",
				SLICE_FMT(text), because);
		}
	}
	return is_valid;
}

static bool check_required(struct schema_run *run, const struct check *check,
	const struct json *instance, const struct schema_frame *frame, struct schema_seen *seen) {
	(void)seen;
	return instance->type != JSON_OBJECT ||
	       require(run, check, check->value, instance, frame, "");
}

static bool check_dependent_required(struct schema_run *run, const struct check *check,
	const struct json *instance, const struct schema_frame *frame, struct schema_seen *seen) {
	(void)seen;
	bool is_valid = true;
	for (size_t i = 0; i < check->many.len && instance->type == JSON_OBJECT; i++) {
		const struct named_schema *named = &check->many.items[i];
		if (json_get_slice(instance, named->name)) {
			struct slice because = arena_printf(
				run->arena, ", because it has `%.*s`", SLICE_FMT(named->name));
			is_valid &=
				require(run, check, named->names, instance, frame, because.data);
		}
	}
	return is_valid;
}

static bool check_dependent_schemas(struct schema_run *run, const struct check *check,
	const struct json *instance, const struct schema_frame *frame, struct schema_seen *seen) {
	bool is_valid = true;
	for (size_t i = 0; i < check->many.len && instance->type == JSON_OBJECT; i++) {
		const struct named_schema *named = &check->many.items[i];
		if (json_get_slice(instance, named->name)) {
			is_valid &=
				check_in_place(run, named->schema, instance, frame, seen, false);
		}
	}
	return is_valid;
}

static const struct named_schema *find_named(const struct check *check, struct slice name) {
	for (size_t i = 0; check && i < check->many.len; i++) {
		if (slice_eq(check->many.items[i].name, name)) {
			return &check->many.items[i];
		}
	}
	return NULL;
}

static bool any_pattern_matches(const struct check *check, struct slice name) {
	for (size_t i = 0; check && i < check->many.len; i++) {
		if (regex_search(check->many.items[i].regex, name, 0, NULL) == REGEX_MATCH) {
			return true;
		}
	}
	return false;
}

static bool check_properties(struct schema_run *run, const struct check *check,
	const struct json *instance, const struct schema_frame *frame, struct schema_seen *seen) {
	bool is_valid = true;
	size_t number = 0;
	for (const struct json *member = instance->type == JSON_OBJECT ? instance->child : NULL;
		member; member = member->next, number++) {
		const struct named_schema *named = find_named(check, json_key(member, run->arena));
		if (named) {
			seen_mark(seen, number);
			is_valid &= check_child(run, named->schema, member, number, frame);
		}
	}
	return is_valid;
}

static bool check_pattern_properties(struct schema_run *run, const struct check *check,
	const struct json *instance, const struct schema_frame *frame, struct schema_seen *seen) {
	bool is_valid = true;
	size_t number = 0;
	for (const struct json *member = instance->type == JSON_OBJECT ? instance->child : NULL;
		member; member = member->next, number++) {
		struct slice name = json_key(member, run->arena);
		for (size_t i = 0; i < check->many.len; i++) {
			const struct named_schema *named = &check->many.items[i];
			if (regex_search(named->regex, name, 0, NULL) == REGEX_MATCH) {
				seen_mark(seen, number);
				is_valid &= check_child(run, named->schema, member, number, frame);
			}
		}
	}
	return is_valid;
}

/* A member or element that no schema may take: the message that tells which. */
static bool fail_extra(struct schema_run *run, const struct check *check, const struct json *child,
	size_t number, const struct schema_frame *frame) {
	struct schema_frame at = {frame, child, number, frame->depth + 1};
	return fail(run, check, &at,
		child->key ? "is a member that is not allowed"
			   : "is an element that is not allowed");
}

/* What is left over is checked against the one schema of the keyword. */
static bool check_rest(struct schema_run *run, const struct check *check, const struct json *child,
	size_t number, const struct schema_frame *frame, struct schema_seen *seen) {
	seen_mark(seen, number);
	return check->one->is_never ? fail_extra(run, check, child, number, frame)
				    : check_child(run, check->one, child, number, frame);
}

static bool check_additional_properties(struct schema_run *run, const struct check *check,
	const struct json *instance, const struct schema_frame *frame, struct schema_seen *seen) {
	const struct check *properties = schema_sibling(check->schema, KEYWORD_PROPERTIES);
	const struct check *patterns = schema_sibling(check->schema, KEYWORD_PATTERN_PROPERTIES);
	bool is_valid = true;
	size_t number = 0;
	for (const struct json *member = instance->type == JSON_OBJECT ? instance->child : NULL;
		member; member = member->next, number++) {
		struct slice name = json_key(member, run->arena);
		if (!find_named(properties, name) && !any_pattern_matches(patterns, name)) {
			is_valid &= check_rest(run, check, member, number, frame, seen);
		}
	}
	return is_valid;
}

static bool check_property_names(struct schema_run *run, const struct check *check,
	const struct json *instance, const struct schema_frame *frame, struct schema_seen *seen) {
	(void)seen;
	bool is_valid = true;
	size_t number = 0;
	for (const struct json *member = instance->type == JSON_OBJECT ? instance->child : NULL;
		member; member = member->next, number++) {
		/* The name as an instance of its own: the key's bytes with their quotes. */
		struct json name = {.raw = member->key - 1,
			.raw_len = (size_t)member->key_len + 2,
			.type = JSON_STRING,
			.has_escape = member->key_has_escape};
		struct schema_frame at = {frame, member, number, frame->depth + 1};
		struct schema_seen none = {NULL, 0};
		is_valid &= check_schema(run, check->one, &name, &at, &none);
	}
	return is_valid;
}

/* ---- arrays ---- */

static bool check_prefix_items(struct schema_run *run, const struct check *check,
	const struct json *instance, const struct schema_frame *frame, struct schema_seen *seen) {
	bool is_valid = true;
	size_t number = 0;
	for (const struct json *item = instance->type == JSON_ARRAY ? instance->child : NULL;
		item && number < check->many.len; item = item->next, number++) {
		seen_mark(seen, number);
		is_valid &= check_child(run, check->many.items[number].schema, item, number, frame);
	}
	return is_valid;
}

static bool check_items(struct schema_run *run, const struct check *check,
	const struct json *instance, const struct schema_frame *frame, struct schema_seen *seen) {
	const struct check *prefix = schema_sibling(check->schema, KEYWORD_PREFIX_ITEMS);
	size_t skipped = prefix ? prefix->many.len : 0, number = 0;
	bool is_valid = true;
	for (const struct json *item = instance->type == JSON_ARRAY ? instance->child : NULL; item;
		item = item->next, number++) {
		if (number >= skipped) {
			is_valid &= check_rest(run, check, item, number, frame, seen);
		}
	}
	return is_valid;
}

static bool check_contains(struct schema_run *run, const struct check *check,
	const struct json *instance, const struct schema_frame *frame, struct schema_seen *seen) {
	if (instance->type != JSON_ARRAY) {
		return true;
	}
	const struct check *min = schema_sibling(check->schema, KEYWORD_MIN_CONTAINS);
	const struct check *max = schema_sibling(check->schema, KEYWORD_MAX_CONTAINS);
	uint64_t least = min ? min->count : 1, found = 0;
	size_t number = 0;
	json_each (item, instance) {
		struct schema_frame at = {frame, item, number, frame->depth + 1};
		struct schema_seen of_item = seen_new(run, check->one, item);
		if (holds(run, check->one, item, &at, &of_item)) {
			seen_mark(seen, number);
			found++;
		}
		number++;
	}
	if (found < least) {
		return fail(run, check, frame,
			"must have at least %llu elements of the kind `contains` asks for, has "
			"%llu",
			(unsigned long long)least, (unsigned long long)found);
	}
	if (max && found > max->count) {
		return fail(run, max, frame,
			"must have at most %llu elements of the kind `contains` asks for, has %llu",
			(unsigned long long)max->count, (unsigned long long)found);
	}
	return true;
}

/* ---- combinations ---- */

static bool check_ref(struct schema_run *run, const struct check *check,
	const struct json *instance, const struct schema_frame *frame, struct schema_seen *seen) {
	struct schema_frame deeper = *frame;
	deeper.depth++;
	if (deeper.depth > MAX_DEPTH) {
		return fail(run, check, frame, "the schema leads around in a circle");
	}
	return check_in_place(run, check->one, instance, &deeper, seen, false);
}

static bool check_all_of(struct schema_run *run, const struct check *check,
	const struct json *instance, const struct schema_frame *frame, struct schema_seen *seen) {
	bool is_valid = true;
	for (size_t i = 0; i < check->many.len; i++) {
		is_valid &= check_in_place(
			run, check->many.items[i].schema, instance, frame, seen, false);
	}
	return is_valid;
}

/* How many of the alternatives hold; all are tried, for what they look at. */
static size_t count_holding(struct schema_run *run, const struct check *check,
	const struct json *instance, const struct schema_frame *frame, struct schema_seen *seen) {
	size_t count = 0;
	for (size_t i = 0; i < check->many.len; i++) {
		count += check_in_place(
			run, check->many.items[i].schema, instance, frame, seen, true);
	}
	return count;
}

static bool check_any_of(struct schema_run *run, const struct check *check,
	const struct json *instance, const struct schema_frame *frame, struct schema_seen *seen) {
	return count_holding(run, check, instance, frame, seen) > 0 ||
	       fail(run, check, frame, "is valid for none of the %zu alternatives: %s",
		       check->many.len, shown(run->arena, instance));
}

static bool check_one_of(struct schema_run *run, const struct check *check,
	const struct json *instance, const struct schema_frame *frame, struct schema_seen *seen) {
	size_t count = count_holding(run, check, instance, frame, seen);
	return count == 1 ||
	       fail(run, check, frame,
		       "must be valid for exactly one of the %zu alternatives, is for %zu: %s",
		       check->many.len, count, shown(run->arena, instance));
}

static bool check_not(struct schema_run *run, const struct check *check,
	const struct json *instance, const struct schema_frame *frame, struct schema_seen *seen) {
	(void)seen;
	struct schema_seen of_its_own = seen_new(run, check->one, instance);
	return !holds(run, check->one, instance, frame, &of_its_own) ||
	       fail(run, check, frame, "must not be what `not` describes: %s",
		       shown(run->arena, instance));
}

static bool check_if(struct schema_run *run, const struct check *check, const struct json *instance,
	const struct schema_frame *frame, struct schema_seen *seen) {
	bool holds_if = check_in_place(run, check->one, instance, frame, seen, true);
	const struct check *branch =
		schema_sibling(check->schema, holds_if ? KEYWORD_THEN : KEYWORD_ELSE);
	return !branch || check_in_place(run, branch->one, instance, frame, seen, false);
}

static bool check_unevaluated(struct schema_run *run, const struct check *check,
	const struct json *instance, const struct schema_frame *frame, struct schema_seen *seen) {
	enum json_type type =
		check->keyword->id == KEYWORD_UNEVALUATED_ITEMS ? JSON_ARRAY : JSON_OBJECT;
	bool is_valid = true;
	size_t number = 0;
	for (const struct json *child = instance->type == type ? instance->child : NULL; child;
		child = child->next, number++) {
		if (seen->flags && !seen->flags[number]) {
			is_valid &= check_rest(run, check, child, number, frame, seen);
		}
	}
	return is_valid;
}

/* ---- the walk ---- */

static bool check_schema(struct schema_run *run, const struct schema *schema,
	const struct json *instance, const struct schema_frame *frame, struct schema_seen *seen) {
	if (schema->is_never) {
		static const struct keyword never = {.name = "false"};
		struct check check = {.keyword = &never, .schema = schema};
		return fail(run, &check, frame, "nothing is allowed here");
	}
	bool is_valid = true;
	for (size_t i = 0; i < schema->checks.len; i++) {
		const struct check *check = &schema->checks.items[i];
		if (check->keyword->check &&
			!check->keyword->check(run, check, instance, frame, seen)) {
			is_valid = false;
			if (!run->violations) {
				return false;
			}
		}
	}
	return is_valid;
}

bool schema_check(const struct schema *schema, const struct json *instance, struct arena *arena,
	struct schema_violations *violations) {
	struct schema_run run = {arena, violations};
	struct schema_frame frame = {NULL, instance, 0, 0};
	struct schema_seen seen = seen_new(&run, schema, instance);
	return check_schema(&run, schema, instance, &frame, &seen);
}

/* ---- the table: one row per keyword, in the order in which they are checked ---- */

const struct keyword schema_keywords[] = {
	{"$ref", KEYWORD_REF, SHAPE_REFERENCE, check_ref},
	{"type", KEYWORD_TYPE, SHAPE_TYPES, check_type},
	{"enum", KEYWORD_ENUM, SHAPE_LIST, check_enum},
	{"const", KEYWORD_CONST, SHAPE_ANY, check_const},
	{"minimum", KEYWORD_MINIMUM, SHAPE_NUMBER, check_bound},
	{"maximum", KEYWORD_MAXIMUM, SHAPE_NUMBER, check_bound},
	{"exclusiveMinimum", KEYWORD_EXCLUSIVE_MINIMUM, SHAPE_NUMBER, check_bound},
	{"exclusiveMaximum", KEYWORD_EXCLUSIVE_MAXIMUM, SHAPE_NUMBER, check_bound},
	{"multipleOf", KEYWORD_MULTIPLE_OF, SHAPE_POSITIVE, check_multiple},
	{"minLength", KEYWORD_MIN_LENGTH, SHAPE_COUNT, check_size},
	{"maxLength", KEYWORD_MAX_LENGTH, SHAPE_COUNT, check_size},
	{"pattern", KEYWORD_PATTERN, SHAPE_PATTERN, check_pattern},
	{"minItems", KEYWORD_MIN_ITEMS, SHAPE_COUNT, check_size},
	{"maxItems", KEYWORD_MAX_ITEMS, SHAPE_COUNT, check_size},
	{"uniqueItems", KEYWORD_UNIQUE_ITEMS, SHAPE_BOOL, check_unique},
	{"minContains", KEYWORD_MIN_CONTAINS, SHAPE_COUNT, NULL},
	{"maxContains", KEYWORD_MAX_CONTAINS, SHAPE_COUNT, NULL},
	{"minProperties", KEYWORD_MIN_PROPERTIES, SHAPE_COUNT, check_size},
	{"maxProperties", KEYWORD_MAX_PROPERTIES, SHAPE_COUNT, check_size},
	{"required", KEYWORD_REQUIRED, SHAPE_STRING_LIST, check_required},
	{"dependentRequired", KEYWORD_DEPENDENT_REQUIRED, SHAPE_STRING_LISTS,
		check_dependent_required},
	{"properties", KEYWORD_PROPERTIES, SHAPE_SCHEMA_MAP, check_properties},
	{"patternProperties", KEYWORD_PATTERN_PROPERTIES, SHAPE_PATTERN_MAP,
		check_pattern_properties},
	{"additionalProperties", KEYWORD_ADDITIONAL_PROPERTIES, SHAPE_SCHEMA,
		check_additional_properties},
	{"propertyNames", KEYWORD_PROPERTY_NAMES, SHAPE_SCHEMA, check_property_names},
	{"dependentSchemas", KEYWORD_DEPENDENT_SCHEMAS, SHAPE_SCHEMA_MAP, check_dependent_schemas},
	{"prefixItems", KEYWORD_PREFIX_ITEMS, SHAPE_SCHEMA_LIST, check_prefix_items},
	{"items", KEYWORD_ITEMS, SHAPE_SCHEMA, check_items},
	{"contains", KEYWORD_CONTAINS, SHAPE_SCHEMA, check_contains},
	{"allOf", KEYWORD_ALL_OF, SHAPE_SCHEMA_LIST, check_all_of},
	{"anyOf", KEYWORD_ANY_OF, SHAPE_SCHEMA_LIST, check_any_of},
	{"oneOf", KEYWORD_ONE_OF, SHAPE_SCHEMA_LIST, check_one_of},
	{"not", KEYWORD_NOT, SHAPE_SCHEMA, check_not},
	{"if", KEYWORD_IF, SHAPE_SCHEMA, check_if},
	{"then", KEYWORD_THEN, SHAPE_SCHEMA, NULL},
	{"else", KEYWORD_ELSE, SHAPE_SCHEMA, NULL},
	{"unevaluatedItems", KEYWORD_UNEVALUATED_ITEMS, SHAPE_SCHEMA, check_unevaluated},
	{"unevaluatedProperties", KEYWORD_UNEVALUATED_PROPERTIES, SHAPE_SCHEMA, check_unevaluated},
	{"$defs", KEYWORD_DEFS, SHAPE_SCHEMA_MAP, NULL},
	{"definitions", KEYWORD_DEFS, SHAPE_SCHEMA_MAP, NULL},
	{"$id", KEYWORD_ID, SHAPE_STRING, NULL},
	{"$anchor", KEYWORD_ANCHOR, SHAPE_STRING, NULL},
	{"$schema", KEYWORD_ANNOTATION, SHAPE_ANY, NULL},
	{"$comment", KEYWORD_ANNOTATION, SHAPE_ANY, NULL},
	{"title", KEYWORD_ANNOTATION, SHAPE_ANY, NULL},
	{"description", KEYWORD_ANNOTATION, SHAPE_ANY, NULL},
	{"default", KEYWORD_ANNOTATION, SHAPE_ANY, NULL},
	{"examples", KEYWORD_ANNOTATION, SHAPE_ANY, NULL},
	{"deprecated", KEYWORD_ANNOTATION, SHAPE_ANY, NULL},
	{"readOnly", KEYWORD_ANNOTATION, SHAPE_ANY, NULL},
	{"writeOnly", KEYWORD_ANNOTATION, SHAPE_ANY, NULL},
	{"format", KEYWORD_ANNOTATION, SHAPE_ANY, NULL},
	{"contentEncoding", KEYWORD_ANNOTATION, SHAPE_ANY, NULL},
	{"contentMediaType", KEYWORD_ANNOTATION, SHAPE_ANY, NULL},
	{"contentSchema", KEYWORD_ANNOTATION, SHAPE_ANY, NULL},
	{NULL, KEYWORD_ANNOTATION, SHAPE_ANY, NULL},
};
