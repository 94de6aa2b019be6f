/* config.c: loading a configuration: layers in their order, then what concerns several options. */
#include "config/config.h"

#include <stdlib.h>

#include "base/file.h"
#include "config/config_internal.h"
#include "config/options_internal.h"

/* ---- layers and problems ---- */

struct config_layer *config_layer_new(
	struct config_loader *loader, const char *name, struct slice text) {
	struct config_layer *layer = ARENA_NEW(&loader->scratch, struct config_layer);
	layer->name = name;
	problems_init(&layer->problems, &loader->scratch, name, text);
	*ARENA_PUSH(&loader->scratch, &loader->layers) = layer;
	return layer;
}

struct problems *config_problems_of(struct config_loader *loader, struct option_place place) {
	for (size_t i = 0; i < loader->layers.len; i++) {
		if (place.file && strcmp(loader->layers.items[i]->name, place.file) == 0) {
			return &loader->layers.items[i]->problems;
		}
	}
	return &config_layer_new(loader, "configuration", (struct slice){0})->problems;
}

void config_refuse(
	struct config_loader *loader, struct option_place place, const char *format, ...) {
	va_list args;
	va_start(args, format);
	struct slice message = arena_vprintf(&loader->scratch, format, args);
	va_end(args);
	problems_add(
		config_problems_of(loader, place), place.line, place.column, "%s", message.data);
}

void config_warn(struct config_loader *loader, struct option_place place, const char *format, ...) {
	va_list args;
	va_start(args, format);
	struct slice message = arena_vprintf(&loader->scratch, format, args);
	va_end(args);
	problems_warn(
		config_problems_of(loader, place), place.line, place.column, "%s", message.data);
}

void config_hint(struct config_loader *loader, struct option_place place, const char *format, ...) {
	va_list args;
	va_start(args, format);
	struct slice hint = arena_vprintf(&loader->scratch, format, args);
	va_end(args);
	problems_hint(config_problems_of(loader, place), "%s", hint.data);
}

void config_note(struct config_loader *loader, bool is_warning, const char *format, ...) {
	va_list args;
	va_start(args, format);
	struct slice text = arena_vprintf(&loader->config->arena, format, args);
	va_end(args);
	*ARENA_PUSH(&loader->config->arena, &loader->config->notes) =
		(struct config_note){.is_warning = is_warning, .text = text.data};
}

static struct option_place place_of(const struct config_loader *loader, const char *key) {
	const struct config *config = loader->config;
	const struct option_row *row = options_find(&config->options, slice_of(key));
	const struct option_source *source = row ? options_source(&config->options, row) : NULL;
	return source ? source->place : (struct option_place){0};
}

/* ---- files ---- */

/* A key itself, not ${NAME}, within a map of objects. */
static bool names_hold_secret(
	const struct option_set *set, const struct option_row *row, const char *file) {
	const struct option_objects *map = options_value(set, row);
	const struct option_table *table = row->nested;
	for (size_t i = 0; i < map->len; i++) {
		const char *item = (const char *)map->items + i * table->struct_size;
		const char *path =
			option_path_join(set->arena, row->key, option_name_of(table, item)).data;
		for (size_t r = 0; r < table->row_count; r++) {
			const struct option_row *inner = &table->rows[r];
			const struct slice *value = (const void *)(item + inner->offset);
			const struct option_source *source =
				inner->type != OPTION_SECRET
					? NULL
					: options_origin(set, arena_printf(set->arena, "%s.%s",
								      path, inner->key));
			if (source && strcmp(source->place.file, file) == 0 && value->len > 0 &&
				!option_is_reference(*value)) {
				return true;
			}
		}
	}
	return false;
}

static bool holds_secret(const struct option_set *set, const char *file) {
	for (size_t t = 0; t < set->table_count; t++) {
		for (size_t r = 0; r < set->tables[t]->row_count; r++) {
			enum option_type type = set->tables[t]->rows[r].type;
			bool may = type == OPTION_SECRET || type == OPTION_SECRET_LIST ||
				   type == OPTION_SECRET_MAP || type == OPTION_OBJECT_LIST;
			bool is_here = strcmp(set->sources[t][r].place.file, file) == 0;
			if ((may && is_here) ||
				(type == OPTION_OBJECT_MAP && is_here &&
					names_hold_secret(set, &set->tables[t]->rows[r], file))) {
				return true;
			}
		}
	}
	return false;
}

struct json *config_parse_file(struct config_loader *loader, const char *path,
	enum document_kind kind, size_t max, bool was_named, struct config_layer **layer) {
	struct config *config = loader->config;
	struct buf bytes;
	struct error error;
	buf_init(&bytes, 0);
	bool was_read = was_named ? file_read(path, max, &bytes, &error)
				  : file_read_regular(path, max, &bytes, &error);
	/* OPTION_JSON, OPTION_TEXT and OPTION_COMMAND keep nodes of the tree. */
	struct slice text = arena_dup(&config->arena, buf_slice(&bytes));
	buf_finish(&bytes);
	*layer = config_layer_new(loader, path, text);
	if (!was_read) {
		problems_add(&(*layer)->problems, 0, 0, "%s", error.message);
		return NULL;
	}
	*ARENA_PUSH(&config->arena, &config->files) = slice_of(path);
	return document_parse(&config->arena, kind, text, &(*layer)->problems);
}

static void load_file(struct config_loader *loader, const char *path, enum document_kind kind) {
	struct config_layer *layer;
	struct json *tree = config_parse_file(loader, path, kind, CONFIG_FILE_MAX, true, &layer);
	if (!tree) {
		return;
	}
	options_apply_tree(&loader->config->options, tree, &layer->problems);
	if (holds_secret(&loader->config->options, path) && file_is_exposed(path)) {
		problems_warn(
			&layer->problems, 0, 0, "others can read this file, and it holds keys");
		problems_hint(&layer->problems, "chmod 600 %s", path);
	}
}

static void load_files(struct config_loader *loader) {
	static const struct {
		const char *name;
		enum document_kind kind;
	} defaults[] = {{"config.yaml", DOCUMENT_YAML}, {"config.toml", DOCUMENT_TOML}};
	struct arena *arena = &loader->config->arena;
	if (loader->request->path) {
		const char *path = file_expand(arena, slice_of(loader->request->path));
		enum document_kind kind;
		if (document_kind_of(path, &kind)) {
			load_file(loader, path, kind);
		} else {
			struct config_layer *layer =
				config_layer_new(loader, path, (struct slice){0});
			problems_add(&layer->problems, 0, 0,
				"the name of a configuration ends with .yaml, .yml, .toml or "
				".json");
		}
		return;
	}
	for (size_t i = 0; loader->dir && i < sizeof defaults / sizeof *defaults; i++) {
		const char *path = file_join(arena, loader->dir, defaults[i].name);
		if (file_exists(path)) {
			load_file(loader, path, defaults[i].kind);
		}
	}
}

static void apply_settings(struct config_loader *loader) {
	struct config_layer *layer = config_layer_new(loader, "command line", (struct slice){0});
	for (size_t i = 0; i < loader->request->setting_count; i++) {
		const struct config_setting *setting = &loader->request->settings[i];
		const struct option_row *row =
			options_find(&loader->config->options, slice_of(setting->key));
		if (row) {
			options_apply_text(&loader->config->options, row, slice_of(setting->value),
				layer->name,
				arena_strdup(&loader->config->arena, slice_of(setting->label)),
				&layer->problems);
		}
	}
}

/* ---- what concerns several options ---- */

bool config_host_is_loopback(struct slice host) {
	if (host.len > 2 && host.data[0] == '[' && host.data[host.len - 1] == ']') {
		host = slice_sub(host, 1, host.len - 2);
	}
	if (slice_ieq(host, SLICE("localhost")) || slice_is(host, "::1")) {
		return true;
	}
	/* 127.0.0.0/8, written as four numbers */
	struct slice rest = host, part;
	int count = 0;
	while (slice_split(&rest, '.', &part)) {
		int64_t number;
		if (part.len > 3 || !slice_to_int64(part, &number) || number < 0 || number > 255 ||
			(count == 0 && number != 127)) {
			return false;
		}
		count++;
	}
	return count == 4;
}

static void check_exposure(struct config_loader *loader) {
	const struct config *config = loader->config;
	if (config->is_insecure || config_host_is_loopback(config->host) ||
		config_needs_key(config)) {
		return;
	}
	struct option_place place = place_of(loader, "host");
	bool has_keys = config->api_keys.len > 0;
	config_refuse(loader, has_keys ? place_of(loader, "disable-auth") : place,
		"the address %.*s can be reached from other machines, and clients need no key",
		SLICE_FMT(config->host));
	problems_hint(
		config_problems_of(loader, has_keys ? place_of(loader, "disable-auth") : place),
		"%s",
		has_keys ? "remove `disable-auth`, or set `insecure: true`"
			 : "set `api-keys`, or `host: 127.0.0.1`, or `insecure: true`");
}

static void check_tls(struct config_loader *loader) {
	const struct config_tls *tls = &loader->config->tls;
	if (tls->is_enabled && (tls->cert.len == 0 || tls->key.len == 0)) {
		config_refuse(
			loader, place_of(loader, "tls.enable"), "tls.cert or tls.key is empty");
	}
}

static void check_origins(struct config_loader *loader) {
	const struct config *config = loader->config;
	for (size_t i = 0; i < config->allowed_origins.len; i++) {
		if (slice_is(config->allowed_origins.items[i], "*") && !config_needs_key(config)) {
			config_refuse(loader, place_of(loader, "cors.allowed-origins"),
				"`*` lets every web page call this server, so clients need keys");
			problems_hint(config_problems_of(
					      loader, place_of(loader, "cors.allowed-origins")),
				"set `api-keys`");
		}
	}
}

static void check_endpoints(struct config_loader *loader) {
	const struct option_map *map = &loader->config->endpoints;
	for (size_t i = 0; i < map->len; i++) {
		if (slice_find_byte(map->items[i].key, '.') == SIZE_MAX) {
			config_refuse(loader, map->items[i].place,
				"endpoints are given as `provider: {name: URL}`");
		}
	}
}

static void check_aliases(struct config_loader *loader) {
	const struct option_map *map = &loader->config->aliases;
	for (size_t i = 0; i < map->len; i++) {
		size_t len = map->items[i].key.len;
		if (len > CONFIG_ALIAS_MAX) {
			config_refuse(loader, map->items[i].place,
				"a name in `routing.aliases` has at most %d bytes, not %zu",
				CONFIG_ALIAS_MAX, len);
		}
	}
}

static bool is_set(const struct config *config, const char *key) {
	const struct option_row *row = options_find(&config->options, slice_of(key));
	return row && options_source(&config->options, row)->is_set;
}

static void refuse_missing(
	void *context, const struct option_place *place, const char *path, const char *key) {
	config_refuse(context, *place, "[%s] needs `%s`", path, key);
}

static void check_all(struct config_loader *loader) {
	struct config *config = loader->config;
	options_check_required(&config->options, refuse_missing, loader);
	if (config->host.len == 0) {
		config->host = SLICE("127.0.0.1");
	}
	/* A body that is not compressed must fit into both. */
	if (!is_set(config, "limits.decoded-body-size") &&
		config->limits.decoded_bytes < config->limits.request_bytes) {
		config->limits.decoded_bytes = config->limits.request_bytes;
	}
	check_exposure(loader);
	check_tls(loader);
	check_origins(loader);
	check_endpoints(loader);
	check_aliases(loader);
	config_finish_providers(loader);
	if (config->is_insecure && !config_host_is_loopback(config->host) &&
		!config_needs_key(config)) {
		config_note(loader, true,
			"anyone who reaches %.*s may use this server (insecure: true)",
			SLICE_FMT(config->host));
	}
}

/* ---- the snapshot ---- */

void config_options_init(struct option_set *set, struct arena *arena,
	const struct option_table *const *tables, size_t table_count) {
	const struct option_table **all =
		ARENA_ARRAY(arena, const struct option_table *, table_count + 1);
	all[0] = &config_core_table;
	for (size_t i = 0; i < table_count; i++) {
		all[i + 1] = tables[i];
	}
	options_init(set, arena, all, table_count + 1, NULL);
}

static struct config *make_snapshot(const struct config_request *request) {
	struct config *config = calloc(1, sizeof *config);
	if (!config) {
		abort();
	}
	atomic_init(&config->references, 1);
	arena_init(&config->arena, NULL, 0);
	size_t count = request->table_count + 1;
	const struct option_table **tables =
		ARENA_ARRAY(&config->arena, const struct option_table *, count);
	void **targets = ARENA_ARRAY(&config->arena, void *, count);
	tables[0] = &config_core_table;
	targets[0] = config;
	for (size_t i = 1; i < count; i++) {
		tables[i] = request->tables[i - 1];
	}
	options_init(&config->options, &config->arena, tables, count, targets);
	return config;
}

/* Prints everything; true when there was no error. */
static bool report_problems(
	struct config_loader *loader, bool colour, struct buf *report, struct error *error) {
	const struct problems *first = NULL;
	for (size_t i = 0; i < loader->layers.len; i++) {
		const struct problems *problems = &loader->layers.items[i]->problems;
		if (report) {
			problems_print(problems, colour, report);
		}
		if (!first && problems->error_count > 0) {
			first = problems;
		}
	}
	if (first) {
		problems_to_error(first, error);
	}
	return !first;
}

struct config *config_load(const struct config_request *request, bool colour, struct buf *report,
	struct error *error) {
	return config_load_extended(request, NULL, colour, report, error);
}

struct config *config_load_extended(const struct config_request *request,
	const struct config_extension *extension, bool colour, struct buf *report,
	struct error *error) {
	struct config_loader loader = {.request = request, .config = make_snapshot(request)};
	struct config *config = loader.config;
	arena_init(&loader.scratch, NULL, 0);
	loader.dir = request->dir ? arena_strdup(&config->arena, slice_of(request->dir))
				  : file_config_dir(&config->arena);
	load_files(&loader);
	if (extension) {
		extension->load(&loader, extension->data);
	}
	config_read_variables(&loader);
	config_apply_variables(&loader);
	apply_settings(&loader);
	check_all(&loader);
	if (extension) {
		extension->check(&loader, extension->data);
	}
	bool is_good = report_problems(&loader, colour, report, error);
	map_finish(&loader.variables, NULL);
	arena_finish(&loader.scratch);
	if (!is_good) {
		config_unref(config);
		return NULL;
	}
	return config;
}

struct config *config_ref(struct config *config) {
	atomic_fetch_add_explicit(&config->references, 1, memory_order_relaxed);
	return config;
}

void config_unref(struct config *config) {
	if (config &&
		atomic_fetch_sub_explicit(&config->references, 1, memory_order_acq_rel) == 1) {
		arena_finish(&config->arena);
		free(config);
	}
}

/* ---- questions ---- */

const void *config_section(const struct config *config, const struct option_table *table) {
	for (size_t i = 0; i < config->options.table_count; i++) {
		if (config->options.tables[i] == table) {
			return config->options.targets[i];
		}
	}
	return NULL;
}

/* "github-copilot" and "token" as "GITHUB_COPILOT_TOKEN". */
static bool is_env_form(struct slice env, const char *provider, const char *name) {
	size_t at = 0;
	const char *const parts[] = {provider, "_", name};
	for (size_t p = 0; p < 3; p++) {
		for (const char *byte = parts[p]; *byte; byte++, at++) {
			char upper =
				*byte >= 'a' && *byte <= 'z' ? (char)(*byte - 'a' + 'A') : *byte;
			bool is_joint = *byte == '-' || *byte == '.' || *byte == ' ';
			if (at >= env.len || env.data[at] != (is_joint ? '_' : upper)) {
				return false;
			}
		}
	}
	return at == env.len;
}

static struct slice find_endpoint(
	const struct config *config, const char *provider, const char *name) {
	for (size_t i = 0; i < config->endpoint_env.len; i++) {
		if (is_env_form(config->endpoint_env.items[i].key, provider, name)) {
			return config->endpoint_env.items[i].value;
		}
	}
	struct slice wanted = slice_of(provider);
	for (size_t i = 0; i < config->endpoints.len; i++) {
		struct slice key = config->endpoints.items[i].key;
		if (slice_istarts_with(key, wanted) && key.len > wanted.len &&
			key.data[wanted.len] == '.' &&
			slice_is(slice_from(key, wanted.len + 1), name)) {
			return config->endpoints.items[i].value;
		}
	}
	return (struct slice){0};
}

struct slice config_endpoint(const struct config *config, const char *provider, const char *name) {
	struct slice found = find_endpoint(config, provider, name);
	for (const struct config_provider_type *type = config_provider_types; type->name; type++) {
		if (!found.data && type->alias && strcmp(type->name, provider) == 0) {
			found = find_endpoint(config, type->alias, name);
		}
	}
	return found;
}

bool config_needs_key(const struct config *config) {
	return config->api_keys.len > 0 && !config->is_auth_disabled;
}

bool config_model_is_excluded(const struct config_provider *provider, struct slice model) {
	for (size_t i = 0; i < provider->excluded_models.len; i++) {
		if (slice_glob(provider->excluded_models.items[i], model, true)) {
			return true;
		}
	}
	return false;
}
