/* document.h: configuration files of any kind (JSON, TOML 1.0, YAML 1.2) into one tree with
 * positions. */
#ifndef LLMMUX_DATA_DOCUMENT_H
#define LLMMUX_DATA_DOCUMENT_H

#include "data/json.h"
#include "data/problems.h"

enum document_kind {
	DOCUMENT_JSON,
	DOCUMENT_TOML,
	DOCUMENT_YAML
};

/* By file name ending; false when none fits. */
bool document_kind_of(const char *path, enum document_kind *kind);

/* Parse to a tree in the arena; NULL after adding every problem found. Each node has line and
 * column. JSON text is kept raw; TOML and YAML values are written as JSON: dates as strings,
 * integers and floats as numbers (inf and nan as strings in TOML; refused in YAML where a number is
 * needed). An empty document is an empty object. */
struct json *document_parse(
	struct arena *arena, enum document_kind kind, struct slice text, struct problems *problems);
struct json *toml_parse(struct arena *arena, struct slice text, struct problems *problems);
/* As toml_parse, with every scalar as {"type":T,"value":"..."}: the toml-test convention. */
struct json *toml_parse_tagged(struct arena *arena, struct slice text, struct problems *problems);
/* YAML 1.2 core schema; anchors, merge keys; duplicate keys and alias bombs refused. */
struct json *yaml_parse(struct arena *arena, struct slice text, struct problems *problems);

/* Where the key of an object member stands (of the value when it has none). Only for nodes of the
 * functions above and of document_merge. */
void document_key_position(const struct json *node, uint32_t *line, uint32_t *column);

/* True for a date or time of TOML, which is a string in the tree. */
bool document_is_date(const struct json *node);

/* Where byte `offset` of a string's decoded text stands in the source text it was parsed from:
 * JSON, TOML (basic, literal, multi-line) and YAML strings, escapes counted. Beyond what can be
 * told, the start of the value. */
void document_string_position(struct slice source, const struct json *string, size_t offset,
	uint32_t *line, uint32_t *column);

/* Deep merge for layers: objects merge, everything else is replaced by `over`. New nodes in the
 * arena. */
struct json *document_merge(struct arena *arena, const struct json *under, const struct json *over);

#endif
