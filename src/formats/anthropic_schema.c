/* anthropic_schema.c: JSON Schemas as the Messages API takes them (formats.md AN-9, 4.7). */
#include "formats/anthropic.h"

static const char *const combinators[] = {"anyOf", "oneOf", "allOf", NULL};

static bool is_one_of(const struct json *member, const char *const *names) {
	for (; *names; names++) {
		if (json_key_is(member, *names)) {
			return true;
		}
	}
	return false;
}

static void put_member(struct json_writer *w, struct arena *arena, const struct json *member) {
	json_write_key_slice(w, json_key(member, arena));
	json_write_node(w, member);
}

/* The bytes of a finished buffer, moved into the arena. */
static struct slice take(struct arena *arena, struct buf *out) {
	struct slice copy = arena_dup(arena, buf_slice(out));
	buf_finish(out);
	return copy;
}

/* ---- AN-9: tool input ---- */

static void put_properties(struct json_writer *w, struct arena *arena, const struct json *schema) {
	json_each (member, json_get(schema, "properties")) {
		put_member(w, arena, member);
	}
}

static struct slice flatten(struct anthropic_build *b, const struct json *schema) {
	struct buf out = {0};
	struct json_writer w;
	json_writer_init(&w, &out, false);
	json_begin_object(&w);
	json_put_cstr(&w, "type", "object");
	json_write_key(&w, "properties");
	json_begin_object(&w);
	put_properties(&w, b->arena, schema);
	for (const char *const *name = combinators; *name; name++) {
		json_each (branch, json_get(schema, *name)) {
			put_properties(&w, b->arena, branch);
		}
	}
	json_end_object(&w);
	/* What any branch alone requires is not required of all: only `required` of the schema
	 * itself and of allOf stay. */
	json_write_key(&w, "required");
	json_begin_array(&w);
	json_each (name, json_get(schema, "required")) {
		json_write_node(&w, name);
	}
	json_each (branch, json_get(schema, "allOf")) {
		json_each (name, json_get(branch, "required")) {
			json_write_node(&w, name);
		}
	}
	json_end_array(&w);
	json_each (member, schema) {
		if (!is_one_of(member, combinators) && !json_key_is(member, "type") &&
			!json_key_is(member, "properties") && !json_key_is(member, "required")) {
			put_member(&w, b->arena, member);
		}
	}
	json_end_object(&w);
	return take(b->arena, &out);
}

static struct slice with_object_type(
	struct anthropic_build *b, struct slice text, const struct json *schema) {
	const struct json *type = json_get(schema, "type");
	struct json_edit edit = {.begin = 1, .end = 1, .with = SLICE("\"type\":\"object\"")};
	if (type) {
		edit = json_edit_replace(text, type, SLICE("\"object\""));
	} else if (schema->count > 0) {
		edit.with = SLICE("\"type\":\"object\",");
	}
	struct buf out = {0};
	json_splice(text, &edit, 1, &out);
	return take(b->arena, &out);
}

struct slice anthropic_tool_schema(struct anthropic_build *b, struct slice text) {
	static const struct slice empty = SLICE_INIT("{\"type\":\"object\",\"properties\":{}}");
	const struct json *schema = text.data ? json_parse(b->arena, text, NULL, NULL) : NULL;
	if (!json_is(schema, JSON_OBJECT)) {
		return empty; /* E-92 */
	}
	/* The text may carry white space around the object. */
	text = json_raw(schema);
	for (const char *const *name = combinators; *name; name++) {
		if (json_get(schema, *name)) {
			chat_alter(b->losses, "AN-9", "tools.input_schema",
				"a combinator at the top level was merged into one object");
			return flatten(b, schema);
		}
	}
	return json_string_is(json_get(schema, "type"), "object")
		       ? text
		       : with_object_type(b, text, schema);
}

/* ---- 4.7: structured outputs ---- */

static const char *const refused_keywords[] = {"minimum", "maximum", "exclusiveMinimum",
	"exclusiveMaximum", "multipleOf", "minLength", "maxLength", "pattern", "maxItems",
	"uniqueItems", "minProperties", "maxProperties", "not", NULL};
static const char *const known_formats[] = {"date-time", "time", "date", "duration", "email",
	"hostname", "uri", "ipv4", "ipv6", "uuid", NULL};
/* Keywords whose value is one schema, a list of schemas, or a map of schemas. */
static const char *const holds_schema[] = {"items", "additionalItems", "contains", NULL};
static const char *const holds_list[] = {"anyOf", "oneOf", "allOf", "prefixItems", NULL};
static const char *const holds_map[] = {"properties", "$defs", "definitions", NULL};

static bool is_refused(const struct json *member, struct arena *arena) {
	if (json_key_is(member, "minItems")) {
		int64_t count;
		return !json_int64(member, &count) || count > 1;
	}
	if (json_key_is(member, "format")) {
		struct slice format = json_string(member, arena);
		for (const char *const *name = known_formats; *name; name++) {
			if (slice_is(format, *name)) {
				return false;
			}
		}
		return true;
	}
	return is_one_of(member, refused_keywords);
}

static void put_schema(struct anthropic_build *b, struct json_writer *w, const struct json *schema);

static void put_keyword(
	struct anthropic_build *b, struct json_writer *w, const struct json *member) {
	json_write_key_slice(w, json_key(member, b->arena));
	if (is_one_of(member, holds_schema)) {
		put_schema(b, w, member);
	} else if (is_one_of(member, holds_list) && member->type == JSON_ARRAY) {
		json_begin_array(w);
		json_each (item, member) {
			put_schema(b, w, item);
		}
		json_end_array(w);
	} else if (is_one_of(member, holds_map) && member->type == JSON_OBJECT) {
		json_begin_object(w);
		json_each (item, member) {
			json_write_key_slice(w, json_key(item, b->arena));
			put_schema(b, w, item);
		}
		json_end_object(w);
	} else {
		json_write_node(w, member);
	}
}

/* The description, with what could not stay as keywords in words. */
static void put_description(
	struct anthropic_build *b, struct json_writer *w, const struct json *schema) {
	struct buf text = {0};
	buf_append(&text, json_string(json_get(schema, "description"), b->arena));
	json_each (member, schema) {
		if (is_refused(member, b->arena)) {
			struct slice key = json_key(member, b->arena), value = json_raw(member);
			buf_printf(&text, "%s%.*s: %.*s", text.len ? "; " : "", SLICE_FMT(key),
				SLICE_FMT(value));
			chat_alter(b->losses, "AN-24", "response_format.schema",
				"bounds were moved into descriptions");
		}
	}
	if (text.len > 0) {
		json_put_string(w, "description", buf_slice(&text));
	}
	buf_finish(&text);
}

static void put_schema(
	struct anthropic_build *b, struct json_writer *w, const struct json *schema) {
	if (schema->type != JSON_OBJECT) {
		json_write_node(w, schema);
		return;
	}
	bool is_object = json_string_is(json_get(schema, "type"), "object") ||
			 json_get(schema, "properties");
	json_begin_object(w);
	json_each (member, schema) {
		if (!is_refused(member, b->arena) && !json_key_is(member, "description") &&
			!(is_object && json_key_is(member, "additionalProperties"))) {
			put_keyword(b, w, member);
		}
	}
	put_description(b, w, schema);
	if (is_object) {
		json_put_bool(w, "additionalProperties", false);
	}
	json_end_object(w);
}

struct slice anthropic_output_schema(struct anthropic_build *b, struct slice text) {
	const struct json *schema = json_parse(b->arena, text, NULL, NULL);
	if (!json_is(schema, JSON_OBJECT)) {
		return text;
	}
	struct buf out = {0};
	struct json_writer w;
	json_writer_init(&w, &out, false);
	put_schema(b, &w, schema);
	return take(b->arena, &out);
}
