/* yaml.c: YAML 1.2 by libfyaml's event parser into the common tree.
 *
 * Composing is done here, on an own stack: so depth is bounded whatever the input, every value has
 * its mark as it stands in the file (before aliases are followed), aliases share their subtree and
 * are counted, and duplicate keys and merge keys are ours to report.
 *
 *   stack:  mapping (key read, waiting for value) ◄─ sequence ◄─ mapping ...
 */
#include <libfyaml.h>
#include <stdlib.h>

#include "base/encoding.h"
#include "base/map.h"
#include "data/document_internal.h"
#include "data/yaml_internal.h"

/* Nodes that aliases and merge keys may add to those of the file. */
#define YAML_ALIAS_NODES_MAX 100000

struct yaml_merge {
	struct document_node *from;
	uint32_t line, column;
};

struct yaml_frame {
	struct document_node *node;
	bool is_mapping, has_key, is_merge;
	struct slice key;
	uint32_t key_line, key_column;
	struct {
		struct yaml_merge *items;
		size_t len, cap;
	} merges;
};

struct yaml {
	struct document_builder builder;
	struct problems *problems;
	struct arena *arena;
	struct map anchors; /* name -> document_node; one still open has no entry */
	struct yaml_frame stack[JSON_MAX_DEPTH];
	size_t depth;
	struct {
		struct slice *items;
		size_t len, cap;
	} open_anchors; /* by depth: the anchor of each open collection, or absent */
	struct document_node *root;
	size_t documents;
	size_t alias_nodes;
	bool has_stopped;      /* a problem after which nothing sensible can follow */
	uint32_t line, column; /* of the last event with a mark */
	struct slice text;     /* the source */
	size_t last_end;       /* offset behind the last scalar */
	struct buf block;      /* text of the block scalar at hand */
};

/* ---- places and texts of events ---- */

static void take_mark(struct yaml *yaml, const struct fy_mark *mark) {
	if (mark && mark->line >= 0 && mark->column >= 0) {
		yaml->line = (uint32_t)mark->line + 1;
		yaml->column = (uint32_t)mark->column + 1;
	}
}

static struct slice token_text(struct fy_token *token) {
	size_t len = 0;
	const char *text = token ? fy_token_get_text(token, &len) : NULL;
	return text ? slice_make(text, len) : slice_make("", 0);
}

/* Spaces before the entries of the collection that a block scalar stands in. */
static size_t parent_indent(const struct yaml *yaml) {
	if (yaml->depth == 0) {
		return 0;
	}
	const struct yaml_frame *frame = &yaml->stack[yaml->depth - 1];
	uint32_t column = frame->node->json.column;
	if (frame->is_mapping && frame->has_key && frame->key_column < column) {
		column = frame->key_column;
	}
	return column > 0 ? column - 1 : 0;
}

static struct slice block_text(struct yaml *yaml, struct fy_token *token) {
	const struct fy_mark *start = fy_token_start_mark(token), *end = fy_token_end_mark(token);
	buf_reset(&yaml->block, 1 << 16);
	if (start && end && start->input_pos <= end->input_pos) {
		struct slice body =
			slice_sub(yaml->text, start->input_pos, end->input_pos - start->input_pos);
		size_t line_end = start->input_pos;
		while (line_end > yaml->last_end &&
			(yaml->text.data[line_end - 1] == '\n' ||
				yaml->text.data[line_end - 1] == '\r')) {
			line_end--;
		}
		size_t line = line_end;
		while (line > yaml->last_end && yaml->text.data[line - 1] != '\n' &&
			yaml->text.data[line - 1] != '\r') {
			line--;
		}
		yaml_block_text(slice_sub(yaml->text, line, line_end - line), body,
			parent_indent(yaml), &yaml->block);
	}
	struct slice text = buf_slice(&yaml->block);
	return text.data ? text : slice_make("", 0);
}

static struct slice scalar_text(struct yaml *yaml, struct fy_token *token) {
	enum fy_scalar_style style = token ? fy_token_scalar_style(token) : FYSS_PLAIN;
	if (style == FYSS_LITERAL || style == FYSS_FOLDED) {
		return block_text(yaml, token);
	}
	return token_text(token);
}

static void stop(struct yaml *yaml) {
	yaml->has_stopped = true;
}

/* ---- tags ---- */

enum yaml_tag {
	YAML_TAG_NONE,
	YAML_TAG_STR,
	YAML_TAG_INT,
	YAML_TAG_FLOAT,
	YAML_TAG_BOOL,
	YAML_TAG_NULL,
	YAML_TAG_SEQ,
	YAML_TAG_MAP
};

static enum yaml_tag find_tag(struct yaml *yaml, struct fy_token *token) {
	static const char *const names[] = {
		[YAML_TAG_STR] = "tag:yaml.org,2002:str",
		[YAML_TAG_INT] = "tag:yaml.org,2002:int",
		[YAML_TAG_FLOAT] = "tag:yaml.org,2002:float",
		[YAML_TAG_BOOL] = "tag:yaml.org,2002:bool",
		[YAML_TAG_NULL] = "tag:yaml.org,2002:null",
		[YAML_TAG_SEQ] = "tag:yaml.org,2002:seq",
		[YAML_TAG_MAP] = "tag:yaml.org,2002:map",
	};
	if (!token) {
		return YAML_TAG_NONE;
	}
	struct slice text = token_text(token);
	if (text.len == 0 || slice_is(text, "!")) {
		return YAML_TAG_STR; /* the non-specific tag */
	}
	for (enum yaml_tag tag = YAML_TAG_STR; tag <= YAML_TAG_MAP; tag++) {
		if (slice_is(text, names[tag])) {
			return tag;
		}
	}
	struct slice shown = text;
	const char *core = "tag:yaml.org,2002:";
	bool is_core = slice_starts_with(text, slice_of(core));
	if (is_core) {
		shown = slice_from(text, strlen(core));
	}
	problems_add(yaml->problems, yaml->line, yaml->column, "the tag `%s%.*s` is not supported",
		is_core ? "!!" : "", SLICE_FMT(shown));
	return YAML_TAG_NONE;
}

/* ---- scalars ---- */

static struct document_node *typed_scalar(
	struct yaml *yaml, struct slice text, const struct yaml_scalar *scalar) {
	struct document_node *node =
		document_node_new(&yaml->builder, scalar->type, yaml->line, yaml->column);
	struct slice raw = arena_printf(yaml->arena, "%s%.*s%.*s", scalar->small,
		SLICE_FMT(scalar->whole), SLICE_FMT(scalar->rest));
	if (scalar->is_out_of_range) {
		problems_add(yaml->problems, yaml->line, yaml->column,
			"the integer %.*s does not fit into 64 bits", SLICE_FMT(text));
	}
	document_node_set_raw(&yaml->builder, node, raw);
	return node;
}

static bool tag_fits(enum yaml_tag tag, const struct yaml_scalar *scalar) {
	bool is_whole = scalar->type == JSON_NUMBER && scalar->rest.len == 0;
	switch (tag) {
	case YAML_TAG_INT:
		return is_whole;
	case YAML_TAG_FLOAT:
		return scalar->type == JSON_NUMBER;
	case YAML_TAG_BOOL:
		return scalar->type == JSON_TRUE || scalar->type == JSON_FALSE;
	case YAML_TAG_NULL:
		return scalar->type == JSON_NULL;
	default:
		return false;
	}
}

static struct document_node *make_scalar(
	struct yaml *yaml, const struct fy_event *event, struct slice text, bool is_plain) {
	enum yaml_tag tag = find_tag(yaml, event->scalar.tag);
	struct yaml_scalar scalar = {.type = JSON_STRING};
	if (tag == YAML_TAG_NONE ? is_plain : tag != YAML_TAG_STR) {
		yaml_scalar_type(text, &scalar);
		if (tag != YAML_TAG_NONE && !tag_fits(tag, &scalar)) {
			problems_add(yaml->problems, yaml->line, yaml->column,
				"this value does not fit its tag");
		}
	}
	if (scalar.type != JSON_STRING) {
		return typed_scalar(yaml, text, &scalar);
	}
	struct document_node *node =
		document_node_new(&yaml->builder, JSON_STRING, yaml->line, yaml->column);
	document_node_set_string(&yaml->builder, node, text);
	return node;
}

/* ---- keys ---- */

static void set_key(struct yaml *yaml, struct slice text, bool is_merge) {
	struct yaml_frame *frame = &yaml->stack[yaml->depth - 1];
	char *copy = arena_try_alloc(yaml->arena, text.len + 1);
	if (!copy) {
		problems_add(yaml->problems, 0, 0, "the document needs more memory than the limit");
		stop(yaml);
		return;
	}
	if (text.len) {
		memcpy(copy, text.data, text.len);
	}
	copy[text.len] = '\0';
	frame->key = slice_make(copy, text.len);
	frame->key_line = yaml->line;
	frame->key_column = yaml->column;
	frame->is_merge = is_merge;
	frame->has_key = true;
}

static bool waits_for_key(const struct yaml *yaml) {
	return yaml->depth > 0 && yaml->stack[yaml->depth - 1].is_mapping &&
	       !yaml->stack[yaml->depth - 1].has_key;
}

static void refuse_key(struct yaml *yaml) {
	problems_add(yaml->problems, yaml->line, yaml->column,
		"a mapping or a list cannot be a key here, only a text");
	problems_hint(yaml->problems, "quote the text if it begins with `{` or `[`");
	stop(yaml);
}

/* ---- finished mappings ---- */

static struct slice raw_key(const struct json *member) {
	return slice_make(member->key, member->key_len);
}

static int by_key(const void *a, const void *b) {
	const struct json *const *left = a, *const *right = b;
	int order = slice_compare(raw_key(*left), raw_key(*right));
	if (order != 0) {
		return order;
	}
	const struct document_node *l = document_node_of(*left), *r = document_node_of(*right);
	if (l->key_line != r->key_line) {
		return l->key_line < r->key_line ? -1 : 1;
	}
	return l->key_column < r->key_column ? -1 : l->key_column > r->key_column;
}

/* The members of a mapping sorted by key; NULL beyond the arena's cap. */
static const struct json **sort_members(struct yaml *yaml, const struct json *mapping) {
	const struct json **sorted =
		arena_try_alloc(yaml->arena, sizeof *sorted * (mapping->count + (size_t)1));
	if (!sorted) {
		problems_add(yaml->problems, 0, 0, "the document needs more memory than the limit");
		stop(yaml);
		return NULL;
	}
	size_t count = 0;
	json_each (member, mapping) {
		sorted[count++] = member;
	}
	qsort(sorted, count, sizeof *sorted, by_key);
	return sorted;
}

static void check_duplicates(struct yaml *yaml, const struct json *mapping) {
	if (mapping->count < 2) {
		return;
	}
	const struct json **sorted = sort_members(yaml, mapping);
	for (size_t i = 1; sorted && i < mapping->count; i++) {
		if (slice_eq(raw_key(sorted[i - 1]), raw_key(sorted[i]))) {
			const struct document_node *first = document_node_of(sorted[i - 1]);
			const struct document_node *again = document_node_of(sorted[i]);
			problems_add(yaml->problems, again->key_line, again->key_column,
				"the key `%.*s` stands here twice, first in line %u",
				SLICE_FMT(raw_key(sorted[i])), first->key_line);
		}
	}
}

static bool count_alias_nodes(struct yaml *yaml, size_t weight, uint32_t line, uint32_t column) {
	if (weight > YAML_ALIAS_NODES_MAX - yaml->alias_nodes) {
		problems_add(yaml->problems, line, column,
			"aliases expand this document by more than %d values",
			YAML_ALIAS_NODES_MAX);
		stop(yaml);
		return false;
	}
	yaml->alias_nodes += weight;
	return true;
}

/* Appends the members of a mapping that `seen` does not hold yet. */
static void merge_members(struct yaml *yaml, struct yaml_frame *frame,
	const struct yaml_merge *merge, struct map *seen) {
	if (!json_is(&merge->from->json, JSON_OBJECT)) {
		problems_add(yaml->problems, merge->line, merge->column,
			"`<<` takes a mapping or a list of mappings");
		return;
	}
	json_each (member, &merge->from->json) {
		const struct document_node *from = document_node_of(member);
		if (map_get(seen, raw_key(member))) {
			continue;
		}
		if (!count_alias_nodes(yaml, from->weight, merge->line, merge->column)) {
			return;
		}
		struct document_node *copy = document_node_copy(&yaml->builder, from);
		if (!copy) {
			stop(yaml);
			return;
		}
		copy->json.key = member->key;
		copy->json.key_len = member->key_len;
		copy->json.key_has_escape = member->key_has_escape;
		copy->key_line = from->key_line;
		copy->key_column = from->key_column;
		map_put(seen, raw_key(member), copy);
		document_node_append(frame->node, copy);
	}
}

/* Merge keys (yaml.org/type/merge.html): the mapping's own keys win, then the earlier source. */
static void apply_merges(struct yaml *yaml, struct yaml_frame *frame) {
	if (frame->merges.len == 0) {
		return;
	}
	struct map seen;
	map_init(&seen);
	json_each (member, &frame->node->json) {
		map_put(&seen, raw_key(member), frame->node);
	}
	for (size_t i = 0; i < frame->merges.len && !yaml->has_stopped; i++) {
		struct yaml_merge merge = frame->merges.items[i];
		if (!json_is(&merge.from->json, JSON_ARRAY)) {
			merge_members(yaml, frame, &merge, &seen);
			continue;
		}
		for (struct json *item = merge.from->json.child; item; item = item->next) {
			struct yaml_merge one = {document_node_of(item), merge.line, merge.column};
			merge_members(yaml, frame, &one, &seen);
		}
	}
	map_finish(&seen, NULL);
}

/* ---- composing ---- */

/* Puts a whole value where it belongs: document, list, or behind the key that waits for it. */
static void place(struct yaml *yaml, struct document_node *node) {
	if (!node) {
		stop(yaml);
		return;
	}
	if (yaml->depth == 0) {
		yaml->root = node;
		return;
	}
	struct yaml_frame *frame = &yaml->stack[yaml->depth - 1];
	if (!frame->is_mapping) {
		document_node_append(frame->node, node);
		return;
	}
	frame->has_key = false;
	if (frame->is_merge) {
		*ARENA_PUSH(yaml->arena, &frame->merges) =
			(struct yaml_merge){node, frame->key_line, frame->key_column};
		return;
	}
	document_node_set_key(&yaml->builder, node, frame->key, frame->key_line, frame->key_column);
	document_node_append(frame->node, node);
}

static void keep_anchor(struct yaml *yaml, struct slice name, struct document_node *node) {
	if (name.data && node) {
		map_put(&yaml->anchors, name, node);
	}
}

static void on_scalar(struct yaml *yaml, const struct fy_event *event) {
	struct fy_token *value = event->scalar.value;
	bool is_plain = !value || fy_token_scalar_style(value) == FYSS_PLAIN;
	struct slice text = scalar_text(yaml, value);
	if (!utf8_valid(text, NULL)) {
		problems_add(yaml->problems, yaml->line, yaml->column,
			"an escape in this text is wrong");
		stop(yaml);
		return;
	}
	bool is_key = waits_for_key(yaml);
	if (is_key && is_plain && text.len == 0 && !event->scalar.tag) {
		problems_add(yaml->problems, yaml->line, yaml->column, "a key is missing here");
		stop(yaml);
		return;
	}
	struct document_node *node = make_scalar(yaml, event, text, is_plain);
	if (event->scalar.anchor) {
		keep_anchor(yaml, token_text(event->scalar.anchor), node);
	}
	if (is_key) {
		set_key(yaml, text, is_plain && !event->scalar.tag && slice_is(text, "<<"));
	} else {
		place(yaml, node);
	}
}

static void on_alias(struct yaml *yaml, const struct fy_event *event) {
	struct slice name = token_text(event->alias.anchor);
	for (size_t i = 0; i < yaml->depth; i++) {
		if (slice_eq(yaml->open_anchors.items[i], name) && name.len) {
			problems_add(yaml->problems, yaml->line, yaml->column,
				"the alias `*%.*s` stands inside the value it names",
				SLICE_FMT(name));
			stop(yaml);
			return;
		}
	}
	const struct document_node *anchor = map_get(&yaml->anchors, name);
	if (!anchor) {
		problems_add(yaml->problems, yaml->line, yaml->column,
			"there is no anchor `&%.*s` before this alias", SLICE_FMT(name));
		stop(yaml);
		return;
	}
	if (waits_for_key(yaml)) {
		if (anchor->json.type == JSON_OBJECT || anchor->json.type == JSON_ARRAY) {
			refuse_key(yaml);
			return;
		}
		struct slice text = anchor->json.type == JSON_STRING
					    ? json_string(&anchor->json, yaml->arena)
					    : json_raw(&anchor->json);
		set_key(yaml, text, false);
		return;
	}
	if (!count_alias_nodes(yaml, anchor->weight, yaml->line, yaml->column)) {
		return;
	}
	struct document_node *copy = document_node_copy(&yaml->builder, anchor);
	if (copy) {
		copy->json.line = yaml->line;
		copy->json.column = yaml->column;
	}
	place(yaml, copy);
}

static void on_begin(
	struct yaml *yaml, bool is_mapping, struct fy_token *anchor, struct fy_token *tag) {
	if (waits_for_key(yaml)) {
		refuse_key(yaml);
		return;
	}
	if (yaml->depth == JSON_MAX_DEPTH) {
		problems_add(yaml->problems, yaml->line, yaml->column,
			"nested deeper than %d levels", JSON_MAX_DEPTH);
		stop(yaml);
		return;
	}
	enum yaml_tag kind = find_tag(yaml, tag);
	if (kind != YAML_TAG_NONE && kind != (is_mapping ? YAML_TAG_MAP : YAML_TAG_SEQ)) {
		problems_add(yaml->problems, yaml->line, yaml->column,
			"this value does not fit its tag");
	}
	struct document_node *node = document_node_new(
		&yaml->builder, is_mapping ? JSON_OBJECT : JSON_ARRAY, yaml->line, yaml->column);
	if (!node) {
		stop(yaml);
		return;
	}
	struct slice name = anchor ? arena_dup(yaml->arena, token_text(anchor)) : (struct slice){0};
	if (yaml->open_anchors.len <= yaml->depth) {
		(void)ARENA_PUSH(yaml->arena, &yaml->open_anchors);
	}
	yaml->open_anchors.items[yaml->depth] = name;
	yaml->stack[yaml->depth++] = (struct yaml_frame){.node = node, .is_mapping = is_mapping};
}

static void on_end(struct yaml *yaml) {
	struct yaml_frame *frame = &yaml->stack[yaml->depth - 1];
	if (frame->is_mapping) {
		check_duplicates(yaml, &frame->node->json);
		apply_merges(yaml, frame);
	}
	yaml->depth--;
	keep_anchor(yaml, yaml->open_anchors.items[yaml->depth], frame->node);
	place(yaml, frame->node);
}

/* libfyaml marks quoted texts and aliases behind their first character. */
static bool has_sign_before_mark(const struct fy_event *event) {
	if (event->type == FYET_ALIAS) {
		return true;
	}
	if (event->type != FYET_SCALAR || !event->scalar.value) {
		return false;
	}
	enum fy_scalar_style style = fy_token_scalar_style(event->scalar.value);
	return style == FYSS_SINGLE_QUOTED || style == FYSS_DOUBLE_QUOTED;
}

static void on_event(struct yaml *yaml, struct fy_event *event) {
	take_mark(yaml, fy_event_start_mark(event));
	if (has_sign_before_mark(event) && yaml->column > 1) {
		yaml->column--;
	}
	switch (event->type) {
	case FYET_DOCUMENT_START:
		if (++yaml->documents > 1) {
			problems_add(yaml->problems, yaml->line, yaml->column,
				"a second document begins here; only one is allowed in a file");
			stop(yaml);
		}
		break;
	case FYET_MAPPING_START:
		on_begin(yaml, true, event->mapping_start.anchor, event->mapping_start.tag);
		break;
	case FYET_SEQUENCE_START:
		on_begin(yaml, false, event->sequence_start.anchor, event->sequence_start.tag);
		break;
	case FYET_MAPPING_END:
	case FYET_SEQUENCE_END:
		on_end(yaml);
		break;
	case FYET_SCALAR:
		on_scalar(yaml, event);
		if (event->scalar.value) {
			yaml->last_end = fy_token_end_mark(event->scalar.value)->input_pos;
		}
		break;
	case FYET_ALIAS:
		on_alias(yaml, event);
		break;
	default:
		break;
	}
}

/* ---- the parser ---- */

/* The first error of libfyaml; what it reports after it follows from it. */
static void take_diagnosis(struct problems *problems, struct fy_diag *diag) {
	void *at = NULL;
	for (struct fy_diag_error *found; (found = fy_diag_errors_iterate(diag, &at));) {
		if (found->type != FYET_ERROR) {
			continue;
		}
		problems_add(problems, found->line > 0 ? (uint32_t)found->line : 0,
			found->column > 0 ? (uint32_t)found->column : 0, "%s", found->msg);
		return;
	}
	problems_add(problems, 0, 0, "not valid YAML");
}

/* libfyaml takes these as text; they are never meant. */
static bool check_bytes(struct slice text, struct problems *problems) {
	size_t bad = 0;
	const char *what = NULL;
	if (!utf8_valid(text, &bad)) {
		bool is_utf16 = slice_starts_with(text, SLICE("\xff\xfe")) ||
				slice_starts_with(text, SLICE("\xfe\xff"));
		what = is_utf16 ? "the file is UTF-16; save it as UTF-8" : "not valid UTF-8";
	}
	for (size_t i = 0; !what && i < text.len; i++) {
		unsigned char byte = (unsigned char)text.data[i];
		if ((byte < 0x20 && byte != '\t' && byte != '\n' && byte != '\r') || byte == 0x7f) {
			what = "a control character is not allowed here";
			bad = i;
		}
	}
	if (what) {
		uint32_t line = 0, column = 0;
		json_position(text, text.data + bad, &line, &column);
		problems_add(problems, line, column, "%s", what);
	}
	return !what;
}

static void run(struct yaml *yaml, struct slice text) {
	struct fy_diag_cfg diag_options;
	fy_diag_cfg_default(&diag_options);
	diag_options.fp = NULL;
	diag_options.colorize = false;
	diag_options.level = FYET_ERROR;
	struct fy_diag *diag = fy_diag_create(&diag_options);
	struct fy_parse_cfg options = {
		.flags = FYPCF_QUIET | FYPCF_COLLECT_DIAG | FYPCF_DISABLE_DEPTH_LIMIT |
			 /* a closing bracket at the left margin, as everyone writes it */
			 FYPCF_SLOPPY_FLOW_INDENTATION | FYPCF_DEFAULT_VERSION_1_2 |
			 FYPCF_JSON_NONE,
		.diag = diag,
	};
	struct fy_parser *parser = NULL;
	if (diag) {
		fy_diag_set_collect_errors(diag, true);
		parser = fy_parser_create(&options);
	}
	if (!parser || fy_parser_set_string(parser, text.data, text.len) != 0) {
		problems_add(yaml->problems, 0, 0, "the YAML parser could not be started");
		stop(yaml);
	}
	bool has_ended = false;
	while (!yaml->has_stopped && !has_ended) {
		struct fy_event *event = fy_parser_parse(parser);
		if (!event) {
			take_diagnosis(yaml->problems, diag);
			stop(yaml);
			break;
		}
		has_ended = event->type == FYET_STREAM_END;
		on_event(yaml, event);
		fy_parser_event_free(parser, event);
	}
	if (parser) {
		fy_parser_destroy(parser);
	}
	if (diag) {
		fy_diag_destroy(diag);
	}
}

struct json *yaml_parse(struct arena *arena, struct slice text, struct problems *problems) {
	if (slice_starts_with(text, SLICE("\xef\xbb\xbf"))) {
		text = slice_from(text, 3);
	}
	size_t errors = problems->error_count;
	if (!check_bytes(text, problems)) {
		return NULL;
	}
	struct yaml *yaml = ARENA_NEW(arena, struct yaml);
	yaml->arena = arena;
	yaml->problems = problems;
	yaml->text = text;
	buf_init(&yaml->block, 0);
	document_builder_init(&yaml->builder, arena, problems);
	map_init(&yaml->anchors);
	struct json *tree = NULL;
	if (slice_trim(text).len > 0) {
		run(yaml, text);
	}
	if (!yaml->has_stopped && problems->error_count == errors) {
		struct document_node *root = yaml->root;
		if (!root || (root->json.type == JSON_NULL && yaml->documents <= 1)) {
			root = document_node_new(&yaml->builder, JSON_OBJECT, 1, 1);
		}
		tree = document_node_finish(&yaml->builder, root);
	}
	map_finish(&yaml->anchors, NULL);
	document_builder_finish(&yaml->builder);
	buf_finish(&yaml->block);
	return tree;
}
