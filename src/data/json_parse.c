/* json_parse.c: the JSON parser: one pass, no recursion, one node per value. */
#include <stdio.h>

#include "data/json.h"
#include "data/json_scan.h"

#define NODES_FIRST_MIN 8
#define NODES_CHUNK_MAX 64       /* 4 KiB: small enough to share an arena block */
#define SOURCE_BYTES_PER_NODE 64 /* a guess for the size of the first chunk */

/* An open container keeps its parent in `next`, which it needs for itself only when closed: so the
 * path back to the root costs no stack at any depth. */
struct parser {
	struct arena *arena;               /* NULL: only check; nodes come from `recycled` */
	struct json *recycled;             /* one node per level, max_depth + 1 of them */
	struct json *free_node, *free_end; /* the rest of the current chunk */
	size_t chunk;                      /* nodes in the next chunk */
	const char *at, *end;
	struct json *open;  /* innermost open container */
	struct json **tail; /* where the next node is linked */
	unsigned depth, max_depth;
	bool check_utf8;
	/* The failure, when a function returned false or NULL. */
	const char *expected; /* what should have stood at `at`; NULL with message */
	const char *message;
	enum error_kind kind;
};

static bool fail_expected(struct parser *p, const char *at, const char *expected) {
	p->at = at;
	p->expected = expected;
	p->kind = ERROR_INVALID_REQUEST;
	return false;
}

static bool fail_message(struct parser *p, const char *at, enum error_kind kind, const char *text) {
	p->at = at;
	p->message = text;
	p->kind = kind;
	return false;
}

/* ---- nodes ---- */

static bool more_nodes(struct parser *p) {
	size_t count = p->chunk;
	struct json *nodes = arena_try_alloc(p->arena, count * sizeof *nodes);
	while (!nodes && count > 1) {
		count /= 2;
		nodes = arena_try_alloc(p->arena, count * sizeof *nodes);
	}
	if (!nodes) {
		return fail_message(p, p->at, ERROR_TOO_LARGE,
			"the JSON has more values than memory is allowed for");
	}
	p->free_node = nodes;
	p->free_end = nodes + count;
	p->chunk = count * 2 < NODES_CHUNK_MAX ? count * 2 : NODES_CHUNK_MAX;
	return true;
}

/* The next node, linked as the last child of the open container. */
static inline struct json *add_node(struct parser *p) {
	struct json *node;
	if (!p->arena) {
		node = &p->recycled[p->depth];
	} else {
		if (p->free_node == p->free_end && !more_nodes(p)) {
			return NULL;
		}
		node = p->free_node++;
	}
	*p->tail = node;
	*node = (struct json){.raw = p->at};
	if (p->open) {
		p->open->count++;
	}
	return node;
}

/* ---- tokens ---- */

static inline const char *skip_space(const char *at, const char *end) {
	while (at < end && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t')) {
		at++;
	}
	return at;
}

/* Passes the backslash escape at `at`; NULL when it is none. */
static const char *skip_escape(struct parser *p, const char *at) {
	const char *end = p->end;
	if (end - at < 2) {
		fail_expected(p, end, "an escape character");
		return NULL;
	}
	switch (at[1]) {
	case '"':
	case '\\':
	case '/':
	case 'b':
	case 'f':
	case 'n':
	case 'r':
	case 't':
		return at + 2;
	case 'u':
		if (end - at >= 6 && json_hex4(at + 2) >= 0) {
			return at + 6;
		}
		fail_message(p, at, ERROR_INVALID_REQUEST, "\\u needs four hexadecimal digits");
		return NULL;
	default:
		fail_expected(p, at + 1, "an escape character");
		return NULL;
	}
}

/* Passes the string whose opening quote is at p->at; p->at is then behind the closing one. */
static inline bool scan_string(struct parser *p, bool *has_escape) {
	const char *at = p->at + 1, *end = p->end;
	bool escaped = false;
	for (;;) {
		at = json_find_special(at, end, p->check_utf8);
		if (at == end) {
			return fail_expected(p, end, "'\"' at the end of the string");
		}
		unsigned char c = (unsigned char)*at;
		if (c == '"') {
			*has_escape = escaped;
			p->at = at + 1;
			return true;
		}
		if (c == '\\') {
			escaped = true;
			at = skip_escape(p, at);
			if (!at) {
				return false;
			}
			continue;
		}
		if (c < 0x20) {
			return fail_expected(p, at, "an escape for a control character");
		}
		do {
			size_t len = json_utf8_sequence(at, end, NULL);
			if (len == 0) {
				return fail_message(p, at, ERROR_INVALID_REQUEST,
					"the string is not valid UTF-8");
			}
			at += len;
		} while (at < end && (unsigned char)*at >= 0x80);
	}
}

static inline bool is_digit(const char *at, const char *end) {
	return at < end && *at >= '0' && *at <= '9';
}

static inline const char *skip_digits(const char *at, const char *end) {
	while (is_digit(at, end)) {
		at++;
	}
	return at;
}

static bool scan_number(struct parser *p) {
	const char *at = p->at, *end = p->end;
	at += *at == '-';
	if (!is_digit(at, end)) {
		return fail_expected(p, at, "a digit");
	}
	/* A second digit after a leading 0 is left for the caller, who expects a comma there. */
	at = *at == '0' ? at + 1 : skip_digits(at, end);
	if (at < end && *at == '.') {
		if (!is_digit(++at, end)) {
			return fail_expected(p, at, "a digit");
		}
		at = skip_digits(at, end);
	}
	if (at < end && (*at == 'e' || *at == 'E')) {
		at++;
		at += at < end && (*at == '+' || *at == '-');
		if (!is_digit(at, end)) {
			return fail_expected(p, at, "a digit");
		}
		at = skip_digits(at, end);
	}
	p->at = at;
	return true;
}

static bool scan_word(struct parser *p, const char *word, size_t len) {
	if ((size_t)(p->end - p->at) < len || memcmp(p->at, word, len) != 0) {
		return fail_expected(p, p->at, "a value");
	}
	p->at += len;
	return true;
}

/* ---- structure ---- */

static bool open_container(struct parser *p, struct json *node, enum json_type type) {
	if (p->depth >= p->max_depth) {
		return fail_message(p, p->at, ERROR_INVALID_REQUEST,
			"arrays and objects are nested too deeply");
	}
	node->type = (uint8_t)type;
	node->next = p->open;
	p->open = node;
	p->tail = &node->child;
	p->depth++;
	p->at++;
	return true;
}

static inline void close_container(struct parser *p) {
	struct json *node = p->open;
	p->at++;
	node->raw_len = (size_t)(p->at - node->raw);
	p->open = node->next;
	node->next = NULL;
	p->tail = &node->next;
	p->depth--;
}

/* Parses the value at p->at into the node; a container is only opened. */
static inline bool parse_value(struct parser *p, struct json *node) {
	bool is_good;
	if (p->at == p->end) {
		return fail_expected(p, p->at, "a value");
	}
	node->raw = p->at;
	switch (*p->at) {
	case '"':
		node->type = JSON_STRING;
		is_good = scan_string(p, &node->has_escape);
		break;
	case '{':
		return open_container(p, node, JSON_OBJECT);
	case '[':
		return open_container(p, node, JSON_ARRAY);
	case 't':
		node->type = JSON_TRUE;
		is_good = scan_word(p, "true", 4);
		break;
	case 'f':
		node->type = JSON_FALSE;
		is_good = scan_word(p, "false", 5);
		break;
	case 'n':
		node->type = JSON_NULL;
		is_good = scan_word(p, "null", 4);
		break;
	case '-':
	case '0' ... '9':
		node->type = JSON_NUMBER;
		is_good = scan_number(p);
		break;
	default:
		return fail_expected(p, p->at, "a value");
	}
	node->raw_len = (size_t)(p->at - node->raw);
	p->tail = &node->next;
	return is_good;
}

/* Parses `"key" :` and the white space behind it. */
static inline bool parse_key(struct parser *p, struct json *node) {
	const char *key = p->at + 1;
	bool has_escape;
	if (!scan_string(p, &has_escape)) {
		return false;
	}
	size_t len = (size_t)(p->at - 1 - key);
	if (len > UINT32_MAX) {
		return fail_message(p, key, ERROR_TOO_LARGE, "a key is longer than 4 GiB");
	}
	node->key = key;
	node->key_len = (uint32_t)len;
	node->key_has_escape = has_escape;
	p->at = skip_space(p->at, p->end);
	if (p->at == p->end || *p->at != ':') {
		return fail_expected(p, p->at, "':'");
	}
	p->at = skip_space(p->at + 1, p->end);
	return true;
}

/* Parses one member of the open object or one item of the open array. */
static inline bool parse_child(struct parser *p) {
	bool is_object = p->open->type == JSON_OBJECT;
	if (is_object && (p->at == p->end || *p->at != '"')) {
		return fail_expected(p, p->at, p->open->count ? "a key" : "a key or '}'");
	}
	struct json *node = add_node(p);
	return node && (!is_object || parse_key(p, node)) && parse_value(p, node);
}

static inline bool is_closer(const struct parser *p) {
	return p->at < p->end && *p->at == (p->open->type == JSON_OBJECT ? '}' : ']');
}

/* Parses the text's one value and everything in it. */
static bool parse_all(struct parser *p) {
	p->at = skip_space(p->at, p->end);
	struct json *root = add_node(p);
	if (!root || !parse_value(p, root)) {
		return false;
	}
	while (p->open) {
		p->at = skip_space(p->at, p->end);
		if (is_closer(p)) {
			close_container(p);
			continue;
		}
		if (p->open->count > 0) {
			if (p->at == p->end || *p->at != ',') {
				return fail_expected(p, p->at,
					p->open->type == JSON_OBJECT ? "',' or '}'" : "',' or ']'");
			}
			p->at = skip_space(p->at + 1, p->end);
		}
		if (!parse_child(p)) {
			return false;
		}
	}
	p->at = skip_space(p->at, p->end);
	return p->at == p->end || fail_expected(p, p->at, "the end of the text");
}

/* ---- the public face ---- */

void json_position(struct slice text, const char *at, uint32_t *line, uint32_t *column) {
	const char *from = text.data, *newline;
	uint32_t lines = 1, columns = 1;
	if (slice_starts_with(text, SLICE("\xEF\xBB\xBF")) && at >= from + 3) {
		from += 3;
	}
	while (from < at && (newline = memchr(from, '\n', (size_t)(at - from)))) {
		lines++;
		from = newline + 1;
	}
	for (; from < at; from++) {
		columns += !json_is_continuation(*from);
	}
	*line = lines;
	*column = columns;
}

/* One short description of the byte found; never more of a text that may be private. */
static const char *describe_found(const struct parser *p, char out[32]) {
	if (p->at == p->end) {
		return "the end of the text";
	}
	unsigned char c = (unsigned char)*p->at;
	if (c == '"') {
		return "'\"'";
	}
	snprintf(out, 32, c > 0x20 && c < 0x7f ? "\"%c\"" : "byte 0x%02X", c);
	return out;
}

static void report(const struct parser *p, struct slice text, struct error *error) {
	uint32_t line, column;
	char found[32];
	json_position(text, p->at, &line, &column);
	size_t offset = (size_t)(p->at - text.data);
	if (p->message) {
		error_set(error, p->kind, "invalid JSON at line %u, column %u (offset %zu): %s",
			line, column, offset, p->message);
	} else {
		error_set(error, p->kind,
			"invalid JSON at line %u, column %u (offset %zu): expected %s, found %s",
			line, column, offset, p->expected, describe_found(p, found));
	}
}

static void parser_init(struct parser *p, struct slice text, const struct json_limits *limits) {
	if (slice_starts_with(text, SLICE("\xEF\xBB\xBF"))) {
		text = slice_from(text, 3);
	}
	*p = (struct parser){
		.at = text.data,
		.end = text.data + text.len,
		.max_depth = limits && limits->max_depth ? limits->max_depth : JSON_MAX_DEPTH,
		.check_utf8 = !limits || !limits->skip_utf8_check,
	};
}

struct json *json_parse(struct arena *arena, struct slice text, const struct json_limits *limits,
	struct error *error) {
	if (!text.data) {
		text = SLICE("");
	}
	struct parser p;
	struct json *root = NULL;
	parser_init(&p, text, limits);
	p.arena = arena;
	p.tail = &root;
	p.chunk = text.len / SOURCE_BYTES_PER_NODE;
	p.chunk = p.chunk < NODES_FIRST_MIN ? NODES_FIRST_MIN : p.chunk;
	p.chunk = p.chunk > NODES_CHUNK_MAX ? NODES_CHUNK_MAX : p.chunk;
	if (!parse_all(&p)) {
		report(&p, text, error);
		return NULL;
	}
	return root;
}

bool json_is_valid(struct slice text) {
	if (!text.data) {
		return false;
	}
	struct parser p;
	struct json recycled[JSON_MAX_DEPTH + 1], *root = NULL;
	parser_init(&p, text, NULL);
	p.recycled = recycled;
	p.tail = &root;
	return parse_all(&p);
}
