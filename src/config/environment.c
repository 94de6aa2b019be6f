/* environment.c: the layer of environment variables: LLM_MUX_*, and `.env` of the configuration
 * directory (and of no other place) for what the process does not have. */
#include "base/file.h"
#include "config/check.h"
#include "config/config_internal.h"

#define DOTENV_MAX (1024 * 1024)
#define ENDPOINT_PREFIX "LLM_MUX_ENDPOINT_"

static void put_variable(struct config_loader *loader, struct slice name, struct slice value,
	const char *source, uint32_t line) {
	if (map_get(&loader->variables, name)) {
		return; /* never over one that is set already */
	}
	struct config_variable *variable = ARENA_NEW(&loader->scratch, struct config_variable);
	variable->name = arena_strdup(&loader->config->arena, name);
	variable->value = arena_dup(&loader->scratch, value);
	variable->source = source;
	variable->line = line;
	map_put(&loader->variables, name, variable);
}

const struct config_variable *config_variable(
	const struct config_loader *loader, const char *name) {
	const struct config_variable *found = map_get(&loader->variables, slice_of(name));
	return found && slice_trim(found->value).len > 0 ? found : NULL;
}

/* ---- .env: NAME=value, optional `export`, 'raw' and "escaped" quotes, # comments ---- */

static bool is_name(struct slice text) {
	for (size_t i = 0; i < text.len; i++) {
		char byte = text.data[i];
		bool is_letter =
			(byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || byte == '_';
		if (!is_letter && (i == 0 || byte < '0' || byte > '9')) {
			return false;
		}
	}
	return text.len > 0;
}

/* The inside of a quoted value; false when the quote is not closed, or something follows it. */
static bool unquote(struct arena *arena, struct slice text, struct slice *out) {
	char quote = text.data[0];
	char *copy = arena_strdup(arena, text);
	size_t len = 0, at = 1;
	for (; at < text.len && text.data[at] != quote; at++) {
		char byte = text.data[at];
		if (byte == '\\' && quote == '"' && at + 1 < text.len) {
			byte = text.data[++at];
			byte = byte == 'n' ? '\n' : byte == 't' ? '\t' : byte == 'r' ? '\r' : byte;
		}
		copy[len++] = byte;
	}
	struct slice rest = slice_trim(slice_from(text, at + 1));
	*out = slice_make(copy, len);
	return at < text.len && (rest.len == 0 || rest.data[0] == '#');
}

static bool parse_value(struct arena *arena, struct slice text, struct slice *out) {
	text = slice_trim(text);
	if (text.len > 0 && (text.data[0] == '"' || text.data[0] == '\'')) {
		return unquote(arena, text, out);
	}
	for (size_t i = 0; i < text.len; i++) {
		bool is_comment = text.data[i] == '#' &&
				  (i == 0 || text.data[i - 1] == ' ' || text.data[i - 1] == '\t');
		if (is_comment) {
			text = slice_sub(text, 0, i);
		}
	}
	*out = slice_trim(text);
	return true;
}

static void parse_line(struct config_loader *loader, struct config_layer *layer, struct slice line,
	uint32_t number) {
	line = slice_trim(line);
	if (line.len == 0 || line.data[0] == '#') {
		return;
	}
	if (slice_starts_with(line, SLICE("export "))) {
		line = slice_trim(slice_from(line, 7));
	}
	size_t equals = slice_find_byte(line, '=');
	struct slice name = slice_trim(slice_sub(line, 0, equals == SIZE_MAX ? line.len : equals));
	struct slice value;
	if (equals == SIZE_MAX || !is_name(name) ||
		!parse_value(&loader->scratch, slice_from(line, equals + 1), &value)) {
		/* The excerpt is left out: the line may hold a secret. */
		problems_warn(&layer->problems, number, 0, "not NAME=value; the line is ignored");
		return;
	}
	put_variable(loader, name, value, layer->name, number);
}

static void read_dotenv(struct config_loader *loader) {
	if (!loader->dir) {
		return;
	}
	const char *path = file_join(&loader->config->arena, loader->dir, ".env");
	if (!file_exists(path)) {
		return;
	}
	struct config_layer *layer = config_layer_new(loader, path, (struct slice){0});
	struct buf text;
	struct error error;
	buf_init(&text, 0);
	if (!file_read(path, DOTENV_MAX, &text, &error)) {
		problems_warn(&layer->problems, 0, 0, "%s; the file is ignored", error.message);
		buf_finish(&text);
		return;
	}
	struct slice rest = buf_slice(&text), line;
	if (slice_starts_with(rest, SLICE("\xef\xbb\xbf"))) {
		rest = slice_from(rest, 3);
	}
	for (uint32_t number = 1; rest.data && slice_split(&rest, '\n', &line); number++) {
		parse_line(loader, layer, line, number);
	}
	buf_finish(&text);
	if (file_is_exposed(path)) {
		problems_warn(&layer->problems, 0, 0, "others can read this file");
		problems_hint(&layer->problems, "chmod 600 %s", path);
	}
}

void config_read_variables(struct config_loader *loader) {
	map_init(&loader->variables);
	for (char *const *at = loader->request->environment; at && *at; at++) {
		struct slice pair = slice_of(*at);
		size_t equals = slice_find_byte(pair, '=');
		if (equals != SIZE_MAX && equals > 0) {
			put_variable(loader, slice_sub(pair, 0, equals),
				slice_from(pair, equals + 1), "environment", 0);
		}
	}
	read_dotenv(loader);
}

/* ---- options ---- */

struct applying {
	struct config_loader *loader;
	struct config_layer *layer;
	const struct option_row *last; /* whose variable was found */
	struct {
		const char **items;
		size_t len, cap;
	} names; /* of all options, for suggestions */
};

static void apply_variable(void *context, const struct option_row *row, const char *name) {
	struct applying *applying = context;
	*ARENA_PUSH(&applying->loader->scratch, &applying->names) = name;
	const struct config_variable *variable = config_variable(applying->loader, name);
	/* The first name of a row wins over its old ones. */
	if (!variable || applying->last == row) {
		return;
	}
	applying->last = row;
	options_apply_text(&applying->loader->config->options, row, variable->value,
		variable->source, variable->name, &applying->layer->problems);
}

static void apply_endpoint(struct applying *applying, const struct config_variable *variable) {
	struct config *config = applying->loader->config;
	const char *wrong = check_http_url(slice_trim(variable->value));
	if (wrong) {
		problems_add(&applying->layer->problems, 0, 0, "`%s` %s", variable->name, wrong);
		return;
	}
	struct option_pair *pair = ARENA_PUSH(&config->arena, &config->endpoint_env);
	pair->key = slice_of(variable->name + strlen(ENDPOINT_PREFIX));
	pair->value = arena_dup(&config->arena, slice_trim(variable->value));
	pair->place.file = variable->source;
}

/* Stricter than problems_nearest, which looks for what a wrong word means: this one may be right.
 */
static bool is_slip(struct slice word, struct slice name) {
	size_t limit = word.len / 3 + 1 > 3 ? 3 : word.len / 3 + 1;
	if (word.len <= limit) {
		limit = word.len > 1 ? 1 : 0;
	}
	return slice_distance(word, name, limit) <= limit;
}

/* A variable of our prefix that is nearly an option's is a slip; others may belong to someone. */
static void check_name(struct applying *applying, const struct config_variable *variable) {
	struct slice name = slice_of(variable->name);
	for (const char **known = applying->names.items; *known; known++) {
		if (slice_is(name, *known)) {
			return;
		}
	}
	struct slice word = slice_from(name, strlen("LLM_MUX_"));
	const char *nearest = NULL;
	for (const char **known = applying->names.items; *known && !nearest; known++) {
		nearest = is_slip(word, slice_of(*known + strlen("LLM_MUX_"))) ? *known : NULL;
	}
	if (nearest) {
		problems_warn(&applying->layer->problems, 0, 0, "no option is set by `%s`",
			variable->name);
		problems_hint(&applying->layer->problems, "did you mean `%s`?", nearest);
	}
}

void config_apply_variables(struct config_loader *loader) {
	struct applying applying = {
		.loader = loader,
		.layer = config_layer_new(loader, "environment", (struct slice){0}),
	};
	options_each_env(&loader->config->options, apply_variable, &applying);
	*ARENA_PUSH(&loader->scratch, &applying.names) = NULL;
	size_t at = 0;
	for (const struct map_entry *entry; (entry = map_next(&loader->variables, &at));) {
		const struct config_variable *variable = entry->value;
		if (!slice_starts_with(entry->key, SLICE("LLM_MUX_"))) {
			continue;
		}
		if (!slice_starts_with(entry->key, SLICE(ENDPOINT_PREFIX))) {
			check_name(&applying, variable);
		} else if (slice_trim(variable->value).len > 0) {
			apply_endpoint(&applying, variable);
		}
	}
}
