/* schema_openapi.c: between JSON Schema and the OpenAPI subset of Gemini (formats.md 4.7). */
#include "formats/schema_openapi.h"

#include "base/encoding.h"

/* Inlining references can double a schema at every level. */
#define MAX_NODES 20000
#define MAX_VIEWS 32

static bool is_one_of(struct slice key, const char *const *names) {
	for (; *names != NULL; names++) {
		if (slice_is(key, *names)) {
			return true;
		}
	}
	return false;
}

static struct slice take(struct arena *arena, struct buf *out) {
	struct slice copy = arena_dup(arena, buf_slice(out));
	buf_finish(out);
	return copy;
}

static struct slice change_case(struct arena *arena, struct slice word, bool is_upper) {
	char *text = arena_strdup(arena, word);
	for (size_t i = 0; i < word.len; i++) {
		bool is_lower_letter = text[i] >= 'a' && text[i] <= 'z';
		bool is_upper_letter = text[i] >= 'A' && text[i] <= 'Z';
		if (is_upper ? is_lower_letter : is_upper_letter) {
			text[i] = (char)(text[i] ^ 0x20);
		}
	}
	return slice_make(text, word.len);
}

/* ---- OpenAPI subset to JSON Schema ---- */

/* proto JSON takes either spelling: "min_items" is "minItems". */
static struct slice camel_key(struct arena *arena, const struct json *member) {
	struct slice key = json_key(member, arena);
	if (slice_find_byte(key, '_') == SIZE_MAX) {
		return key;
	}
	char *text = arena_alloc(arena, key.len + 1);
	size_t len = 0;
	for (size_t i = 0; i < key.len; i++) {
		bool joins = key.data[i] == '_' && i + 1 < key.len && key.data[i + 1] >= 'a' &&
			     key.data[i + 1] <= 'z';
		text[len++] = joins ? (char)(key.data[++i] ^ 0x20) : key.data[i];
	}
	return slice_make(text, len);
}

static const char *const counts[] = {
	"minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties", NULL};

static void from_openapi(struct arena *arena, struct json_writer *w, const struct json *schema);

static void put_type(
	struct arena *arena, struct json_writer *w, const struct json *type, bool is_nullable) {
	json_write_key(w, "type");
	struct slice word = json_string(type, arena);
	if (word.data == NULL) {
		json_write_node(w, type);
		return;
	}
	word = change_case(arena, word, false);
	if (!is_nullable) {
		json_write_string(w, word);
		return;
	}
	json_begin_array(w);
	json_write_string(w, word);
	json_write_cstr(w, "null");
	json_end_array(w);
}

static void put_list(
	struct arena *arena, struct json_writer *w, const struct json *list, bool is_nullable) {
	json_begin_array(w);
	json_each (item, list) {
		from_openapi(arena, w, item);
	}
	if (is_nullable) {
		json_write_raw(w, SLICE("{\"type\":\"null\"}"));
	}
	json_end_array(w);
}

static void put_member(struct arena *arena, struct json_writer *w, struct slice key,
	const struct json *member, bool is_nullable) {
	if (slice_is(key, "type")) {
		put_type(arena, w, member, is_nullable);
		return;
	}
	json_write_key_slice(w, slice_is(key, "example") ? SLICE("examples") : key);
	if (slice_is(key, "example")) {
		json_begin_array(w);
		json_write_node(w, member);
		json_end_array(w);
	} else if (slice_is(key, "properties") && json_is(member, JSON_OBJECT)) {
		json_begin_object(w);
		json_each (property, member) {
			json_write_key_slice(w, json_key(property, arena));
			from_openapi(arena, w, property);
		}
		json_end_object(w);
	} else if (slice_is(key, "items")) {
		from_openapi(arena, w, member);
	} else if (slice_is(key, "anyOf") && json_is(member, JSON_ARRAY)) {
		put_list(arena, w, member, is_nullable);
	} else {
		int64_t count;
		bool is_count = is_one_of(key, counts) && json_is(member, JSON_STRING) &&
				slice_to_int64(json_string(member, arena), &count);
		if (is_count) {
			json_write_int(w, count);
		} else {
			json_write_node(w, member);
		}
	}
}

static void from_openapi(struct arena *arena, struct json_writer *w, const struct json *schema) {
	if (!json_is(schema, JSON_OBJECT)) {
		json_write_node(w, schema);
		return;
	}
	bool is_nullable = json_is(json_get(schema, "nullable"), JSON_TRUE);
	json_begin_object(w);
	json_each (member, schema) {
		struct slice key = camel_key(arena, member);
		if (!slice_is(key, "nullable") && !slice_is(key, "propertyOrdering")) {
			put_member(arena, w, key, member, is_nullable);
		}
	}
	json_end_object(w);
}

struct slice schema_from_openapi(struct arena *arena, const struct json *schema) {
	if (!json_is(schema, JSON_OBJECT)) {
		return json_raw(schema);
	}
	struct buf out = {0};
	struct json_writer w;
	json_writer_init(&w, &out, false);
	from_openapi(arena, &w, schema);
	return take(arena, &out);
}

/* ---- JSON Schema to the OpenAPI subset ---- */

/* References being put in place, innermost first: one that comes back is recursion. */
struct inlining {
	const struct json *target;
	const struct inlining *outer;
};

struct narrowing {
	struct arena *arena;
	struct json_writer w;
	const struct json *root;
	size_t nodes;
};

/* One schema as the objects it is made of: itself, and what allOf adds to it. */
struct view {
	const struct json *items[MAX_VIEWS];
	size_t count;
	const struct inlining *stack;
	bool is_recursive;
	struct slice name; /* of the recursive reference */
};

static void put_schema(
	struct narrowing *n, const struct json *schema, const struct inlining *stack, bool is_null);

static const struct json *follow(struct narrowing *n, struct slice reference) {
	struct buf decoded = {0};
	const struct json *found = NULL;
	if (slice_starts_with(reference, SLICE("#")) &&
		percent_decode(slice_from(reference, 1), false, &decoded)) {
		found = json_at(n->root, buf_slice(&decoded));
	}
	buf_finish(&decoded);
	return found;
}

static struct slice last_segment(struct slice reference) {
	for (size_t i = reference.len; i > 0; i--) {
		if (reference.data[i - 1] == '/') {
			return slice_from(reference, i);
		}
	}
	return reference;
}

static bool is_open(const struct inlining *stack, const struct json *target) {
	for (; stack != NULL; stack = stack->outer) {
		if (stack->target == target) {
			return true;
		}
	}
	return false;
}

static void collect(struct narrowing *n, struct view *view, const struct json *schema) {
	struct slice reference = json_string(json_get(schema, "$ref"), n->arena);
	if (reference.data != NULL) {
		const struct json *target = follow(n, reference);
		if (is_open(view->stack, target)) {
			view->is_recursive = true;
			view->name = last_segment(reference);
			return;
		}
		struct inlining *inlining = ARENA_NEW(n->arena, struct inlining);
		*inlining = (struct inlining){target, view->stack};
		view->stack = inlining;
		collect(n, view, target);
		return;
	}
	if (!json_is(schema, JSON_OBJECT) || view->count == MAX_VIEWS) {
		return;
	}
	view->items[view->count++] = schema;
	json_each (part, json_get(schema, "allOf")) {
		collect(n, view, part);
	}
}

static const struct json *find(const struct view *view, const char *keyword) {
	for (size_t i = 0; i < view->count; i++) {
		const struct json *found = json_get_value(view->items[i], keyword);
		if (found != NULL) {
			return found;
		}
	}
	return NULL;
}

static bool is_null_type(const struct json *schema) {
	return json_string_is(json_get(schema, "type"), "null");
}

static void put_nullable(struct narrowing *n, bool is_nullable) {
	if (is_nullable) {
		json_put_bool(&n->w, "nullable", true);
	}
}

/* The values of enum or const as strings; returns whether null is among them. */
static bool put_enum(struct narrowing *n, const struct json *values, const struct json *constant) {
	bool has_null = false, has_begun = false;
	for (const struct json *value = constant ? constant : json_first(values); value != NULL;
		value = constant ? NULL : value->next) {
		struct slice text = json_is(value, JSON_STRING) ? json_string(value, n->arena)
								: json_raw(value);
		has_null |= json_is_null(value);
		if (json_is_null(value) || text.len == 0) {
			continue;
		}
		if (!has_begun) {
			json_write_key(&n->w, "enum");
			json_begin_array(&n->w);
			has_begun = true;
		}
		json_write_string(&n->w, text);
	}
	if (has_begun) {
		json_end_array(&n->w);
	}
	return has_null;
}

static const struct json *property(const struct view *view, struct slice name) {
	const struct json *found = NULL;
	for (size_t i = 0; i < view->count && found == NULL; i++) {
		found = json_get_slice(json_get(view->items[i], "properties"), name);
	}
	return found;
}

static bool is_first_of_name(const struct view *view, size_t at, struct slice name) {
	for (size_t i = 0; i < at; i++) {
		if (json_get_slice(json_get(view->items[i], "properties"), name) != NULL) {
			return false;
		}
	}
	return true;
}

static void put_properties(struct narrowing *n, const struct view *view) {
	if (find(view, "properties") == NULL) {
		return;
	}
	json_write_key(&n->w, "properties");
	json_begin_object(&n->w);
	for (size_t i = 0; i < view->count; i++) {
		json_each (member, json_get(view->items[i], "properties")) {
			struct slice name = json_key(member, n->arena);
			if (json_is(member, JSON_FALSE) || !is_first_of_name(view, i, name)) {
				continue;
			}
			json_write_key_slice(&n->w, name);
			put_schema(n, member, view->stack, false);
		}
	}
	json_end_object(&n->w);
}

/* Names without a property are a 400. */
static void put_required(struct narrowing *n, const struct view *view) {
	bool has_begun = false;
	for (size_t i = 0; i < view->count; i++) {
		json_each (item, json_get(view->items[i], "required")) {
			struct slice name = json_string(item, n->arena);
			const struct json *known = name.data ? property(view, name) : NULL;
			if (known == NULL || json_is(known, JSON_FALSE)) {
				continue;
			}
			if (!has_begun) {
				json_write_key(&n->w, "required");
				json_begin_array(&n->w);
				has_begun = true;
			}
			json_write_string(&n->w, name);
		}
	}
	if (has_begun) {
		json_end_array(&n->w);
	}
}

static void put_plain_keywords(struct narrowing *n, const struct view *view) {
	static const char *const plain[] = {"title", "description", "maxItems", "minItems",
		"minProperties", "maxProperties", "minLength", "maxLength", "pattern", "example",
		"propertyOrdering", "default", "minimum", "maximum"};
	for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) {
		const struct json *found = find(view, plain[i]);
		if (found != NULL) {
			json_put_raw(&n->w, plain[i], json_raw(found));
		}
	}
}

static void put_format(struct narrowing *n, const struct view *view, struct slice type) {
	static const struct {
		const char *type, *format;
	} known[] = {{"string", "enum"}, {"string", "date-time"}, {"number", "float"},
		{"number", "double"}, {"integer", "int32"}, {"integer", "int64"}};
	struct slice format = json_string(find(view, "format"), n->arena);
	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		if (slice_is(type, known[i].type) && slice_is(format, known[i].format)) {
			json_put_string(&n->w, "format", format);
		}
	}
}

static struct slice implied_type(const struct view *view) {
	return find(view, "properties")                    ? SLICE("object")
	       : find(view, "items")                       ? SLICE("array")
	       : find(view, "enum") || find(view, "const") ? SLICE("string")
	       : find(view, "additionalProperties")        ? SLICE("object")
							   : SLICE("string");
}

/* The alternatives of anyOf or oneOf; what stands beside them is dropped. */
static void put_alternatives(
	struct narrowing *n, const struct view *view, const struct json *list, bool is_nullable) {
	size_t kept = 0;
	const struct json *only = NULL;
	json_each (item, list) {
		is_nullable |= is_null_type(item);
		if (!is_null_type(item) && !json_is(item, JSON_FALSE)) {
			only = item;
			kept++;
		}
	}
	if (kept == 1) {
		put_schema(n, only, view->stack, is_nullable);
		return;
	}
	json_begin_object(&n->w);
	if (kept == 0) {
		json_put_cstr(&n->w, "type", "STRING");
	} else {
		json_write_key(&n->w, "anyOf");
		json_begin_array(&n->w);
		json_each (item, list) {
			if (!is_null_type(item) && !json_is(item, JSON_FALSE)) {
				put_schema(n, item, view->stack, false);
			}
		}
		json_end_array(&n->w);
	}
	put_nullable(n, is_nullable);
	json_end_object(&n->w);
}

static void put_type_list(struct narrowing *n, const struct json *types, bool is_nullable) {
	json_begin_object(&n->w);
	json_write_key(&n->w, "anyOf");
	json_begin_array(&n->w);
	json_each (item, types) {
		struct slice word = json_string(item, n->arena);
		if (word.data == NULL || slice_is(word, "null")) {
			continue;
		}
		json_begin_object(&n->w);
		json_put_string(&n->w, "type", change_case(n->arena, word, true));
		if (slice_is(word, "array")) {
			json_put_raw(&n->w, "items", SLICE("{\"type\":\"STRING\"}"));
		}
		json_end_object(&n->w);
	}
	json_end_array(&n->w);
	put_nullable(n, is_nullable);
	json_end_object(&n->w);
}

/* A schema of one type. */
static void put_typed(
	struct narrowing *n, const struct view *view, struct slice type, bool is_nullable) {
	const struct json *values = find(view, "enum"), *constant = NULL;
	for (size_t i = 0; i < view->count && constant == NULL; i++) {
		constant = json_get(view->items[i], "const");
	}
	bool has_values = constant != NULL || json_is(values, JSON_ARRAY);
	if (has_values) {
		type = SLICE("string");
	}
	json_begin_object(&n->w);
	json_put_string(&n->w, "type", change_case(n->arena, type, true));
	put_format(n, view, type);
	put_plain_keywords(n, view);
	if (has_values) {
		is_nullable |= put_enum(n, values, constant);
	}
	if (slice_is(type, "array")) {
		const struct json *items = find(view, "items");
		json_write_key(&n->w, "items");
		if (json_is(items, JSON_OBJECT)) {
			put_schema(n, items, view->stack, false);
		} else {
			json_write_raw(&n->w, SLICE("{\"type\":\"STRING\"}"));
		}
	} else if (slice_is(type, "object")) {
		put_properties(n, view);
		put_required(n, view);
	}
	put_nullable(n, is_nullable);
	json_end_object(&n->w);
}

static void put_any_object(struct narrowing *n, struct slice recursive_name, bool is_nullable) {
	json_begin_object(&n->w);
	json_put_cstr(&n->w, "type", "OBJECT");
	if (recursive_name.data != NULL) {
		json_put_string(&n->w, "description",
			arena_printf(n->arena, "recursive %.*s", SLICE_FMT(recursive_name)));
	}
	put_nullable(n, is_nullable);
	json_end_object(&n->w);
}

static void put_schema(struct narrowing *n, const struct json *schema, const struct inlining *stack,
	bool is_nullable) {
	struct view view = {.stack = stack};
	if (++n->nodes <= MAX_NODES) {
		collect(n, &view, schema);
	}
	if (view.is_recursive || view.count == 0) {
		put_any_object(n, view.name, is_nullable);
		return;
	}
	const struct json *type = find(&view, "type"), *any = find(&view, "anyOf");
	any = any ? any : find(&view, "oneOf");
	is_nullable |= json_is(find(&view, "nullable"), JSON_TRUE);
	if (json_is(any, JSON_ARRAY)) {
		put_alternatives(n, &view, any, is_nullable);
		return;
	}
	struct slice word = json_string(type, n->arena);
	size_t others = 0;
	json_each (item, json_is(type, JSON_ARRAY) ? type : NULL) {
		struct slice one = json_string(item, n->arena);
		is_nullable |= slice_is(one, "null");
		if (one.data != NULL && !slice_is(one, "null")) {
			word = one;
			others++;
		}
	}
	if (others > 1) {
		put_type_list(n, type, is_nullable);
		return;
	}
	if (slice_ieq(word, SLICE("null"))) {
		word = (struct slice){0};
		is_nullable = true;
	}
	word = word.len > 0 ? change_case(n->arena, word, false) : implied_type(&view);
	put_typed(n, &view, word, is_nullable);
}

/* ---- what goes to Gemini ---- */

/* GM-11: an object without properties is said by leaving the parameters out. */
static bool says_something(const struct json *schema) {
	const struct json *properties = json_get_value(schema, "properties");
	static const char *const others[] = {"$ref", "anyOf", "oneOf", "allOf",
		"additionalProperties", "patternProperties", NULL};
	if (json_is(properties, JSON_OBJECT) && properties->count > 0) {
		return true;
	}
	for (const char *const *name = others; *name != NULL; name++) {
		const struct json *found = json_get_value(schema, *name);
		if (found != NULL && found->type >= JSON_ARRAY && found->count > 0) {
			return true;
		}
	}
	return json_is(json_get(schema, "$ref"), JSON_STRING);
}

struct slice schema_to_openapi(struct arena *arena, struct slice text, bool is_parameters) {
	const struct json *schema = text.data ? json_parse(arena, text, NULL, NULL) : NULL;
	if (!json_is(schema, JSON_OBJECT) || (is_parameters && !says_something(schema))) {
		return (struct slice){0};
	}
	struct buf out = {0};
	struct narrowing n = {.arena = arena, .root = schema};
	json_writer_init(&n.w, &out, false);
	put_schema(&n, schema, NULL, false);
	return take(arena, &out);
}

struct slice schema_for_gemini(struct arena *arena, struct slice text, bool is_parameters) {
	const struct json *schema = text.data ? json_parse(arena, text, NULL, NULL) : NULL;
	if (!json_is(schema, JSON_OBJECT) || (is_parameters && !says_something(schema))) {
		return (struct slice){0};
	}
	const struct json *dialect = json_get(schema, "$schema"), *type = json_get(schema, "type");
	bool needs_type = is_parameters && !json_string_is(type, "object");
	if (dialect == NULL && !needs_type) {
		return json_raw(schema);
	}
	struct buf out = {0};
	struct json_writer w;
	json_writer_init(&w, &out, false);
	json_begin_object(&w);
	if (needs_type) {
		json_put_cstr(&w, "type", "object");
	}
	json_each (member, schema) {
		bool is_dropped = json_key_is(member, "$schema") ||
				  (needs_type && json_key_is(member, "type"));
		if (!is_dropped) {
			json_write_key_slice(&w, json_key(member, arena));
			json_write_node(&w, member);
		}
	}
	json_end_object(&w);
	return take(arena, &out);
}
