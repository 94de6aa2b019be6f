/* demo_sample.c: a value that fits a JSON schema, for the demo's tool calls and structured answers.
 *
 * Takes const, default, enum and examples as they are; otherwise the smallest value of the type:
 * objects get their required properties, arrays one item. */
#include "mux/demo.h"

/* Schemas may refer to themselves. */
#define SAMPLE_DEPTH 12

struct sampler {
	const struct json *root;
	struct arena *arena;
	struct json_writer w;
};

/* Texts by `format`. */
static const struct {
	const char *format, *text;
} texts[] = {
	{"date", "2026-01-02"},
	{"date-time", "2026-01-02T03:04:05Z"},
	{"time", "03:04:05Z"},
	{"duration", "PT1S"},
	{"email", "demo@example.com"},
	{"hostname", "example.com"},
	{"ipv4", "192.0.2.1"},
	{"ipv6", "2001:db8::1"},
	{"uri", "https://example.com/"},
	{"uuid", "00000000-0000-4000-8000-000000000000"},
};

static void sample(struct sampler *s, const struct json *schema, unsigned depth);

/* The value a schema names outright; NULL when it names none. */
static const struct json *named_value(const struct json *schema) {
	static const char *const keys[] = {"const", "default", "enum", "examples"};
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		const struct json *value = json_get(schema, keys[i]);
		if (value != NULL && i >= 2) {
			value = json_is(value, JSON_ARRAY) ? json_item(value, 0) : NULL;
		}
		if (value != NULL) {
			return value;
		}
	}
	return NULL;
}

/* What a schema hands over to: its $ref within the document, or its first choice. */
static const struct json *followed(const struct sampler *s, const struct json *schema) {
	static const char *const choices[] = {"anyOf", "oneOf", "allOf"};
	struct slice ref = json_string(json_get(schema, "$ref"), s->arena);
	if (slice_starts_with(ref, SLICE("#"))) {
		return json_at(s->root, slice_from(ref, 1));
	}
	if (json_get(schema, "type") != NULL || json_get(schema, "properties") != NULL) {
		return NULL;
	}
	for (size_t i = 0; i < sizeof choices / sizeof *choices; i++) {
		const struct json *list = json_get(schema, choices[i]);
		if (json_is(list, JSON_ARRAY) && list->child != NULL) {
			return list->child;
		}
	}
	return NULL;
}

/* The type word: of a list the first that is not "null". */
static struct slice type_of(const struct sampler *s, const struct json *schema) {
	const struct json *type = json_get(schema, "type");
	if (json_is(type, JSON_ARRAY)) {
		json_each (item, type) {
			if (!json_string_is(item, "null")) {
				return json_string(item, s->arena);
			}
		}
		return SLICE("null");
	}
	if (type != NULL) {
		return json_string(type, s->arena);
	}
	if (json_get(schema, "properties") != NULL) {
		return SLICE("object");
	}
	return json_get(schema, "items") != NULL ? SLICE("array") : SLICE("string");
}

static void sample_object(struct sampler *s, const struct json *schema, unsigned depth) {
	const struct json *properties = json_get(schema, "properties");
	json_begin_object(&s->w);
	json_each (required, json_get(schema, "required")) {
		struct slice name = json_string(required, s->arena);
		if (name.data == NULL) {
			continue;
		}
		json_write_key_slice(&s->w, name);
		sample(s, json_get_slice(properties, name), depth + 1);
	}
	json_end_object(&s->w);
}

static void sample_array(struct sampler *s, const struct json *schema, unsigned depth) {
	const struct json *first = json_item(json_get(schema, "prefixItems"), 0);
	json_begin_array(&s->w);
	sample(s, first != NULL ? first : json_get(schema, "items"), depth + 1);
	json_end_array(&s->w);
}

static void sample_string(struct sampler *s, const struct json *schema) {
	const struct json *format = json_get(schema, "format");
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		if (json_string_is(format, texts[i].format)) {
			json_write_cstr(&s->w, texts[i].text);
			return;
		}
	}
	int64_t least = 0, most = INT64_MAX;
	json_int64(json_get(schema, "minLength"), &least);
	json_int64(json_get(schema, "maxLength"), &most);
	json_begin_string(&s->w);
	for (int64_t len = 0; len < most && (len < 4 || (len < least && len < 1024)); len++) {
		json_write_string_part(&s->w, slice_sub(SLICE("demo"), (size_t)len % 4, 1));
	}
	json_end_string(&s->w);
}

static void sample_number(struct sampler *s, const struct json *schema) {
	double least = 1, most;
	if (json_double(json_get(schema, "exclusiveMinimum"), &least)) {
		least += 1;
	} else {
		json_double(json_get(schema, "minimum"), &least);
	}
	if (json_double(json_get(schema, "maximum"), &most) && most < least) {
		least = most;
	}
	json_write_double(&s->w, least);
}

static void sample(struct sampler *s, const struct json *schema, unsigned depth) {
	const struct json *value = json_is(schema, JSON_OBJECT) ? named_value(schema) : NULL;
	const struct json *next = json_is(schema, JSON_OBJECT) ? followed(s, schema) : NULL;
	if (depth > SAMPLE_DEPTH) {
		json_write_null(&s->w);
		return;
	}
	if (value != NULL) {
		json_write_node(&s->w, value);
		return;
	}
	if (next != NULL) {
		sample(s, next, depth + 1);
		return;
	}
	struct slice type = type_of(s, schema);
	if (slice_is(type, "object")) {
		sample_object(s, schema, depth);
	} else if (slice_is(type, "array")) {
		sample_array(s, schema, depth);
	} else if (slice_is(type, "integer") || slice_is(type, "number")) {
		sample_number(s, schema);
	} else if (slice_is(type, "boolean")) {
		json_write_bool(&s->w, true);
	} else if (slice_is(type, "null")) {
		json_write_null(&s->w);
	} else {
		sample_string(s, schema);
	}
}

void demo_sample(struct slice schema, struct arena *arena, struct buf *out) {
	struct sampler s = {.arena = arena};
	s.root = schema.len > 0 ? json_parse(arena, schema, NULL, NULL) : NULL;
	json_writer_init(&s.w, out, false);
	if (json_is(s.root, JSON_OBJECT) && s.root->child != NULL) {
		sample(&s, s.root, 0);
	} else {
		json_begin_object(&s.w);
		json_end_object(&s.w);
	}
}
