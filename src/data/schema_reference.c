/* schema_reference.c: names within a schema document: $id, $anchor, and where a $ref leads.
 *
 * RFC 3986 section 5 for URIs, RFC 6901 for pointers. Nothing is ever fetched. */
#include <stdio.h>

#include "data/schema_internal.h"

const char *schema_pointer(struct arena *arena, const char *pointer, struct slice token) {
	struct buf out;
	buf_init(&out, 0);
	buf_append_str(&out, pointer);
	buf_append_byte(&out, '/');
	for (size_t i = 0; i < token.len; i++) {
		char c = token.data[i];
		if (c == '~' || c == '/') {
			buf_append_str(&out, c == '~' ? "~0" : "~1");
		} else {
			buf_append_byte(&out, c);
		}
	}
	const char *text = arena_strdup(arena, buf_slice(&out));
	buf_finish(&out);
	return text;
}

/* ---- URIs ---- */

/* The length of "scheme:"; 0 when there is none. */
static size_t scheme_length(struct slice uri) {
	for (size_t i = 0; i < uri.len; i++) {
		char c = uri.data[i];
		if (c == ':') {
			return i > 0 ? i + 1 : 0;
		}
		bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
		if (!is_letter &&
			(i == 0 || !((c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.'))) {
			return 0;
		}
	}
	return 0;
}

/* The length of "scheme://authority"; of "scheme:" when there is no authority. */
static size_t root_length(struct slice uri) {
	size_t scheme = scheme_length(uri);
	struct slice rest = slice_from(uri, scheme);
	if (!slice_starts_with(rest, SLICE("//"))) {
		return scheme;
	}
	size_t slash = slice_find_byte(slice_from(rest, 2), '/');
	return slash == SIZE_MAX ? uri.len : scheme + 2 + slash;
}

/* RFC 3986 5.2.4: a path without `.` and `..` segments. */
static void append_path(struct slice path, struct buf *out) {
	size_t floor = out->len;
	struct slice rest = path, segment;
	bool is_first = true, ends_open = false;
	while (slice_split(&rest, '/', &segment)) {
		bool is_last = !rest.data;
		ends_open = false;
		if (slice_is(segment, ".") || slice_is(segment, "..")) {
			if (segment.len == 2) {
				while (out->len > floor && out->data[out->len - 1] != '/') {
					out->len--;
				}
				out->len -= out->len > floor; /* its slash */
			}
			ends_open = is_last;
		} else {
			if (!is_first) {
				buf_append_byte(out, '/');
			}
			buf_append(out, segment);
		}
		is_first = false;
	}
	if (ends_open) {
		buf_append_byte(out, '/');
	}
}

/* `reference` (without fragment) against `base`. */
static const char *resolve_uri(struct arena *arena, struct slice base, struct slice reference) {
	if (reference.len == 0) {
		return arena_strdup(arena, base);
	}
	if (scheme_length(reference) > 0 || base.len == 0) {
		return arena_strdup(arena, reference);
	}
	struct buf out;
	buf_init(&out, 0);
	size_t scheme = scheme_length(base), root = root_length(base);
	if (slice_starts_with(reference, SLICE("//"))) {
		buf_append(&out, slice_sub(base, 0, scheme));
		buf_append(&out, reference);
	} else if (reference.data[0] == '/') {
		buf_append(&out, slice_sub(base, 0, root));
		append_path(reference, &out);
	} else {
		struct buf path;
		buf_init(&path, 0);
		size_t last = base.len;
		while (last > root && base.data[last - 1] != '/') {
			last--;
		}
		buf_append(&out, slice_sub(base, 0, root));
		buf_append(&path, slice_sub(base, root, last - root));
		if (path.len == 0 && root > scheme) {
			buf_append_byte(&path, '/');
		}
		buf_append(&path, reference);
		append_path(buf_slice(&path), &out);
		buf_finish(&path);
	}
	const char *text = arena_strdup(arena, buf_slice(&out));
	buf_finish(&out);
	return text;
}

/* Cuts "#fragment" off; the fragment is absent when there is none. */
static struct slice cut_fragment(struct slice *uri) {
	size_t hash = slice_find_byte(*uri, '#');
	if (hash == SIZE_MAX) {
		return slice_make(NULL, 0);
	}
	struct slice fragment = slice_from(*uri, hash + 1);
	*uri = slice_sub(*uri, 0, hash);
	return fragment;
}

static int hex_digit(char c) {
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
				      : -1;
}

static struct slice percent_decode(struct arena *arena, struct slice text) {
	char *out = arena_alloc(arena, text.len + 1);
	size_t len = 0;
	for (size_t i = 0; i < text.len; i++) {
		int high =
			text.data[i] == '%' && i + 2 < text.len ? hex_digit(text.data[i + 1]) : -1;
		int low = high >= 0 ? hex_digit(text.data[i + 2]) : -1;
		if (low >= 0) {
			out[len++] = (char)(high * 16 + low);
			i += 2;
		} else {
			out[len++] = text.data[i];
		}
	}
	return slice_make(out, len);
}

/* ---- the index ---- */

const char *schema_base_of(
	struct schema_compiler *compiler, const struct json *node, const char *around) {
	const struct json *id = json_get(node, "$id");
	if (!json_is(id, JSON_STRING)) {
		return around;
	}
	struct slice uri = json_string(id, compiler->arena);
	cut_fragment(&uri);
	return resolve_uri(compiler->arena, slice_of(around), uri);
}

static bool add_place(
	struct schema_compiler *compiler, const char *name, const struct schema_place *place) {
	struct schema_place *copy = ARENA_NEW(compiler->arena, struct schema_place);
	*copy = *place;
	struct schema_place *other = map_put(&compiler->places, slice_of(name), copy);
	return !other || other->node == place->node ||
	       schema_refuse(compiler, place->where, "`%s` is the name of two schemas", name);
}

static bool index_schema(
	struct schema_compiler *compiler, const struct schema_place *around, unsigned depth);

static bool index_child(struct schema_compiler *compiler, const struct schema_place *around,
	const struct json *node, const char *where, unsigned depth) {
	return index_schema(compiler, &(struct schema_place){node, around->base, where}, depth + 1);
}

/* The schemas in the value of one keyword. */
static bool index_value(struct schema_compiler *compiler, const struct schema_place *around,
	const struct json *value, enum keyword_shape shape, const char *where, unsigned depth) {
	size_t number = 0;
	switch (shape) {
	case SHAPE_SCHEMA:
		return index_child(compiler, around, value, where, depth);
	case SHAPE_SCHEMA_LIST:
	case SHAPE_SCHEMA_MAP:
	case SHAPE_PATTERN_MAP:
		json_each (child, value) {
			struct slice token =
				value->type == JSON_OBJECT
					? json_key(child, compiler->arena)
					: arena_printf(compiler->arena, "%zu", number++);
			if (!index_child(compiler, around, child,
				    schema_pointer(compiler->arena, where, token), depth)) {
				return false;
			}
		}
		return true;
	default:
		return true;
	}
}

#define INDEX_MAX_DEPTH 256

static bool index_schema(
	struct schema_compiler *compiler, const struct schema_place *around, unsigned depth) {
	const struct json *node = around->node;
	if (!json_is(node, JSON_OBJECT)) {
		return true;
	}
	if (depth > INDEX_MAX_DEPTH) {
		return schema_refuse(compiler, around->where, "schemas nest too deep");
	}
	struct schema_place place = {
		node, schema_base_of(compiler, node, around->base), around->where};
	const struct json *anchor = json_get(node, "$anchor");
	bool has_id = json_is(json_get(node, "$id"), JSON_STRING);
	if (has_id && !add_place(compiler, place.base, &place)) {
		return false;
	}
	if (json_is(anchor, JSON_STRING)) {
		struct slice name = json_string(anchor, compiler->arena);
		struct slice full =
			arena_printf(compiler->arena, "%s#%.*s", place.base, SLICE_FMT(name));
		if (!add_place(compiler, full.data, &place)) {
			return false;
		}
	}
	if (json_get(node, "$dynamicRef") || json_get(node, "$dynamicAnchor")) {
		return schema_refuse(compiler, around->where,
			"$dynamicRef and $dynamicAnchor are not supported");
	}
	compiler->tracks |= json_get(node, "unevaluatedItems") != NULL ||
			    json_get(node, "unevaluatedProperties") != NULL;
	for (const struct keyword *keyword = schema_keywords; keyword->name; keyword++) {
		const struct json *value = json_get(node, keyword->name);
		if (value && !index_value(compiler, &place, value, keyword->shape,
				     schema_pointer(
					     compiler->arena, place.where, slice_of(keyword->name)),
				     depth)) {
			return false;
		}
	}
	return true;
}

bool schema_index(struct schema_compiler *compiler) {
	struct schema_place root = {compiler->root, "", ""};
	return add_place(compiler, "", &root) && index_schema(compiler, &root, 0);
}

/* ---- references ---- */

/* Follows a pointer from a schema resource; the base changes at every $id on the way. */
static const struct schema_place *follow(
	struct schema_compiler *compiler, const struct schema_place *from, struct slice pointer) {
	struct schema_place *place = ARENA_NEW(compiler->arena, struct schema_place);
	*place = *from;
	struct slice rest = slice_from(pointer, 1), token;
	while (place->node && slice_split(&rest, '/', &token)) {
		place->base = schema_base_of(compiler, place->node, place->base);
		/* One step of a pointer is a pointer too. */
		struct slice step = arena_printf(compiler->arena, "/%.*s", SLICE_FMT(token));
		place->node = json_at(place->node, step);
		place->where =
			arena_printf(compiler->arena, "%s%.*s", place->where, SLICE_FMT(step)).data;
	}
	return place->node ? place : NULL;
}

const struct schema_place *schema_resolve(
	struct schema_compiler *compiler, const struct schema_place *from, struct slice reference) {
	struct slice uri = reference;
	struct slice fragment = percent_decode(compiler->arena, cut_fragment(&uri));
	const char *target = resolve_uri(compiler->arena, slice_of(from->base), uri);
	const struct schema_place *resource = map_get(&compiler->places, slice_of(target));
	const struct schema_place *place = resource;
	if (resource && fragment.len > 0 && fragment.data[0] == '/') {
		place = follow(compiler, resource, fragment);
	} else if (fragment.len > 0) {
		struct slice full =
			arena_printf(compiler->arena, "%s#%.*s", target, SLICE_FMT(fragment));
		place = map_get(&compiler->places, full);
	}
	if (!place) {
		schema_refuse(compiler, from->where, "`$ref`: `%.*s` leads nowhere%s",
			SLICE_FMT(reference), resource ? "" : " (other documents are not fetched)");
	}
	return place;
}
