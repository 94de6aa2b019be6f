/* options.c: sets of option tables: rows by key, their values and where those came from. */
#include "config/options.h"

#include "base/map.h"
#include "config/options_internal.h"

#define ALLOWED_SHOWN 100 /* keys of a section that a hint lists */

bool option_has_value(enum option_type type) {
	return type != OPTION_LATER && type != OPTION_IGNORED;
}

bool option_takes_text(const struct option_row *row) {
	switch (row->type) {
	case OPTION_MAP:
	case OPTION_SECRET_MAP:
	case OPTION_TREE:
	case OPTION_JSON_MAP:
	case OPTION_OBJECT_LIST:
	case OPTION_OBJECT_MAP:
	case OPTION_JSON:
	case OPTION_TEXT:
	case OPTION_COMMAND:
	case OPTION_LATER:
	case OPTION_IGNORED:
		return false;
	default:
		return !row->is_file_only;
	}
}

bool option_key_eq(struct slice a, struct slice b) {
	if (a.len != b.len) {
		return false;
	}
	for (size_t i = 0; i < a.len; i++) {
		char x = a.data[i] == '_' ? '-' : a.data[i];
		char y = b.data[i] == '_' ? '-' : b.data[i];
		if (x != y) {
			return false;
		}
	}
	return true;
}

static bool row_has_name(const struct option_row *row, struct slice key) {
	if (option_key_eq(key, slice_of(row->key))) {
		return true;
	}
	for (const char *const *old = row->old_names; old && *old; old++) {
		if (option_key_eq(key, slice_of(*old))) {
			return true;
		}
	}
	return false;
}

const struct option_row *option_table_find(const struct option_table *table, struct slice key) {
	for (size_t i = 0; i < table->row_count; i++) {
		if (!option_is_name(&table->rows[i]) && row_has_name(&table->rows[i], key)) {
			return &table->rows[i];
		}
	}
	return NULL;
}

static void finish_origins(void *origins) {
	map_finish(origins, NULL);
}

void options_init(struct option_set *set, struct arena *arena,
	const struct option_table *const *tables, size_t table_count, void *const *targets) {
	*set = (struct option_set){.arena = arena, .tables = tables, .table_count = table_count};
	set->targets = ARENA_ARRAY(arena, void *, table_count);
	set->sources = ARENA_ARRAY(arena, struct option_source *, table_count);
	set->origins = ARENA_NEW(arena, struct map);
	map_init(set->origins);
	arena_on_finish(arena, finish_origins, set->origins);
	for (size_t t = 0; t < table_count; t++) {
		set->targets[t] = targets && targets[t]
					  ? targets[t]
					  : arena_alloc(arena, tables[t]->struct_size);
		set->sources[t] = ARENA_ARRAY(arena, struct option_source, tables[t]->row_count);
		for (size_t r = 0; r < tables[t]->row_count; r++) {
			set->sources[t][r].place.file = "default";
		}
		option_read_defaults(arena, tables[t], set->targets[t]);
	}
}

const struct option_row *options_find(const struct option_set *set, struct slice key) {
	for (size_t t = 0; t < set->table_count; t++) {
		const struct option_row *row = option_table_find(set->tables[t], key);
		if (row) {
			return row;
		}
	}
	return NULL;
}

static bool locate(
	const struct option_set *set, const struct option_row *row, size_t *table, size_t *number) {
	for (size_t t = 0; t < set->table_count; t++) {
		const struct option_row *rows = set->tables[t]->rows;
		if (row >= rows && row < rows + set->tables[t]->row_count) {
			*table = t;
			*number = (size_t)(row - rows);
			return true;
		}
	}
	return false;
}

void *options_value(const struct option_set *set, const struct option_row *row) {
	size_t table, number;
	return locate(set, row, &table, &number) ? option_at(row, set->targets[table]) : NULL;
}

const struct option_source *options_source(
	const struct option_set *set, const struct option_row *row) {
	size_t table, number;
	return locate(set, row, &table, &number) ? &set->sources[table][number] : NULL;
}

const struct option_source *options_origin(const struct option_set *set, struct slice path) {
	return map_get(set->origins, path);
}

static void visit_env_name(struct option_set const *set, const struct option_row *row,
	const char *key, options_env_visit *visit, void *context) {
	char *name = arena_strdup(set->arena, arena_printf(set->arena, "LLM_MUX_%s", key));
	for (char *at = name; *at; at++) {
		if (*at == '-' || *at == '.') {
			*at = '_';
		} else if (*at >= 'a' && *at <= 'z') {
			*at = (char)(*at - 'a' + 'A');
		}
	}
	visit(context, row, name);
}

void options_each_env(const struct option_set *set, options_env_visit *visit, void *context) {
	for (size_t t = 0; t < set->table_count; t++) {
		for (size_t r = 0; r < set->tables[t]->row_count; r++) {
			const struct option_row *row = &set->tables[t]->rows[r];
			if (!option_takes_text(row)) {
				continue;
			}
			visit_env_name(set, row, row->key, visit, context);
			for (const char *const *old = row->old_names; old && *old; old++) {
				visit_env_name(set, row, *old, visit, context);
			}
		}
	}
}

/* ---- applying ---- */

struct walk {
	struct option_set *set;
	struct problems *problems;
	bool **seen; /* per table, per row: given in this file */
};

bool options_apply_text(struct option_set *set, const struct option_row *row, struct slice text,
	const char *source, const char *label, struct problems *problems) {
	size_t table, number;
	if (!locate(set, row, &table, &number)) {
		return false;
	}
	if (row->type != OPTION_STRING && row->type != OPTION_SECRET) {
		text = slice_trim(text);
	}
	struct option_reader reader = {
		.arena = set->arena,
		.problems = problems,
		.place = {.file = source},
		.label = label,
	};
	if (!option_read_text(&reader, row, text, option_at(row, set->targets[table]))) {
		return false;
	}
	set->sources[table][number] =
		(struct option_source){.place = reader.place, .is_set = true, .name = label};
	return true;
}

static void apply_row(struct walk *walk, const struct option_row *row, const struct json *member) {
	size_t table, number;
	uint32_t line, column;
	document_key_position(member, &line, &column);
	if (!locate(walk->set, row, &table, &number)) {
		return;
	}
	if (walk->seen[table][number]) {
		problems_add(walk->problems, line, column, "`%s` is given twice", row->key);
		return;
	}
	walk->seen[table][number] = true;
	if (row->type == OPTION_LATER || row->type == OPTION_IGNORED) {
		problems_warn(walk->problems, line, column, "`%s` %s", row->key,
			row->type == OPTION_LATER ? "is not used by this version" : row->help);
		return;
	}
	if (member->type == JSON_NULL) {
		return; /* `key:` alone: as if not there */
	}
	struct option_reader reader = {
		.arena = walk->set->arena,
		.problems = walk->problems,
		.place = {.file = walk->problems->file,
			.line = member->line,
			.column = member->column},
		.label = row->key,
		.is_layered = row->type == OPTION_OBJECT_MAP,
		.origins = walk->set->origins,
	};
	if (option_read_json(&reader, row, member, option_at(row, walk->set->targets[table]))) {
		reader.place.line = line;
		reader.place.column = column;
		walk->set->sources[table][number] =
			(struct option_source){.place = reader.place, .is_set = true};
	}
}

static bool lies_below(const char *key, struct slice path) {
	struct slice whole = slice_of(key);
	return whole.len > path.len && whole.data[path.len] == '.' &&
	       option_key_eq(slice_sub(whole, 0, path.len), path);
}

/* True when some row lies below this path. */
static bool is_section(const struct option_set *set, struct slice path) {
	for (size_t t = 0; t < set->table_count; t++) {
		for (size_t r = 0; r < set->tables[t]->row_count; r++) {
			const struct option_row *row = &set->tables[t]->rows[r];
			if (lies_below(row->key, path)) {
				return true;
			}
			for (const char *const *old = row->old_names; old && *old; old++) {
				if (lies_below(*old, path)) {
					return true;
				}
			}
		}
	}
	return false;
}

/* The keys of a section, once each; of a long one, where they are told. */
static void hint_at_allowed(struct walk *walk, const char *const *candidates) {
	struct buf allowed;
	size_t count = 0;
	buf_init(&allowed, 0);
	for (size_t i = 0; candidates[i]; i++) {
		bool is_new = true;
		for (size_t k = 0; k < i && is_new; k++) {
			is_new = strcmp(candidates[i], candidates[k]) != 0;
		}
		if (is_new) {
			buf_printf(&allowed, "%s%s", count++ ? ", " : "", candidates[i]);
		}
	}
	if (count > ALLOWED_SHOWN) {
		problems_hint(walk->problems, "llm-mux help options lists what there is");
	} else if (count > 0) {
		problems_hint(walk->problems, "allowed: %.*s", SLICE_FMT(buf_slice(&allowed)));
	}
	buf_finish(&allowed);
}

/* What might be meant: the same word in another section, else a near one of this section. */
static void hint_at_key(struct walk *walk, struct slice section, struct slice word) {
	const char *candidates[512];
	size_t count = 0;
	const char *elsewhere = NULL;
	for (size_t t = 0; t < walk->set->table_count; t++) {
		for (size_t r = 0; r < walk->set->tables[t]->row_count; r++) {
			struct slice key = slice_of(walk->set->tables[t]->rows[r].key);
			size_t dot = SIZE_MAX;
			for (size_t i = 0; i < key.len; i++) {
				dot = key.data[i] == '.' ? i : dot;
			}
			if (dot != SIZE_MAX && option_key_eq(slice_from(key, dot + 1), word)) {
				elsewhere = key.data;
			}
			bool is_known = option_has_value(walk->set->tables[t]->rows[r].type);
			if (!slice_starts_with(key, section) || !is_known || count + 1 >= 512) {
				continue;
			}
			struct slice rest = slice_from(key, section.len);
			size_t next = slice_find_byte(rest, '.');
			candidates[count++] = arena_strdup(walk->problems->arena,
				slice_sub(rest, 0, next == SIZE_MAX ? rest.len : next));
		}
	}
	candidates[count] = NULL;
	const char *nearest = elsewhere ? NULL : problems_nearest(word, candidates);
	const char *meant = elsewhere ? elsewhere
			    : nearest ? arena_printf(walk->problems->arena, "%.*s%s",
						SLICE_FMT(section), nearest)
						.data
				      : NULL;
	const struct option_row *row = meant ? options_find(walk->set, slice_of(meant)) : NULL;
	/* What stands behind misspelt api-keys are some all the same. */
	walk->problems->items[walk->problems->len - 1].is_secret =
		row && option_is_secret(row->type);
	if (meant) {
		problems_hint(walk->problems, "did you mean `%s`?", meant);
	} else {
		hint_at_allowed(walk, candidates);
	}
}

static void refuse_key(
	struct walk *walk, const struct json *member, struct slice section, struct slice path) {
	const struct option_set *elsewhere = walk->set->elsewhere;
	uint32_t line, column;
	document_key_position(member, &line, &column);
	if (elsewhere && (options_find(elsewhere, path) || is_section(elsewhere, path))) {
		problems_add(walk->problems, line, column,
			"`%.*s` belongs into the user's own configuration, not here",
			SLICE_FMT(path));
		return;
	}
	problems_add(walk->problems, line, column, "unknown key `%.*s`", SLICE_FMT(path));
	hint_at_key(walk, section, slice_from(path, section.len));
}

static void apply_section(struct walk *walk, struct slice section, const struct json *object) {
	struct arena *arena = walk->problems->arena;
	json_each (member, object) {
		struct slice name = json_key(member, arena);
		struct slice path =
			arena_printf(arena, "%.*s%.*s", SLICE_FMT(section), SLICE_FMT(name));
		const struct option_row *row = options_find(walk->set, path);
		if (row) {
			apply_row(walk, row, member);
			continue;
		}
		if (is_section(walk->set, path)) {
			if (member->type == JSON_OBJECT) {
				apply_section(walk, arena_printf(arena, "%.*s.", SLICE_FMT(path)),
					member);
			} else if (member->type != JSON_NULL) {
				problems_add(walk->problems, member->line, member->column,
					"`%.*s` is a section: its keys go below it",
					SLICE_FMT(path));
			}
		} else if (!slice_is(path, "$schema")) {
			refuse_key(walk, member, section, path);
		}
	}
}

void options_apply_tree(
	struct option_set *set, const struct json *tree, struct problems *problems) {
	if (!json_is(tree, JSON_OBJECT)) {
		problems_add(problems, tree->line, tree->column,
			"a configuration is a mapping of keys to values, not a %s",
			json_type_name(tree));
		return;
	}
	struct walk walk = {.set = set, .problems = problems};
	walk.seen = ARENA_ARRAY(problems->arena, bool *, set->table_count);
	for (size_t t = 0; t < set->table_count; t++) {
		walk.seen[t] = ARENA_ARRAY(problems->arena, bool, set->tables[t]->row_count);
	}
	apply_section(&walk, SLICE(""), tree);
}

/* ---- what is required ---- */

struct missing {
	struct arena *arena;
	const struct map *origins;
	options_missing *report;
	void *context;
};

static bool was_refused(const struct missing *missing, const char *path) {
	const struct option_source *source = map_get(missing->origins, slice_of(path));
	return source && !source->is_set;
}

static void check_named(const struct missing *missing, const struct option_row *row,
	const struct option_objects *map, const char *path) {
	const struct option_table *table = row->nested;
	for (size_t i = 0; i < map->len; i++) {
		char *item = (char *)map->items + i * table->struct_size;
		const char *own =
			option_path_join(missing->arena, path, option_name_of(table, item)).data;
		if (was_refused(missing, own)) {
			continue;
		}
		for (size_t r = 0; r < table->row_count; r++) {
			const struct option_row *inner = &table->rows[r];
			const void *at = option_at(inner, item);
			const char *key =
				arena_printf(missing->arena, "%s.%s", own, inner->key).data;
			if (inner->is_required && option_is_empty(inner, at) &&
				!was_refused(missing, key)) {
				missing->report(missing->context, (struct option_place *)item, own,
					inner->key);
			}
			if (inner->type == OPTION_OBJECT_MAP) {
				check_named(missing, inner, at, key);
			}
		}
	}
}

void options_check_required(const struct option_set *set, options_missing *report, void *context) {
	struct arena scratch;
	arena_init(&scratch, NULL, 0);
	const struct missing missing = {
		.arena = &scratch, .origins = set->origins, .report = report, .context = context};
	for (size_t t = 0; t < set->table_count; t++) {
		for (size_t r = 0; r < set->tables[t]->row_count; r++) {
			const struct option_row *row = &set->tables[t]->rows[r];
			if (row->type == OPTION_OBJECT_MAP) {
				check_named(
					&missing, row, option_at(row, set->targets[t]), row->key);
			}
		}
	}
	arena_finish(&scratch);
}

void options_report_missing(
	void *context, const struct option_place *place, const char *path, const char *key) {
	problems_add(context, place->line, place->column, "[%s] needs `%s`", path, key);
}
