/* registry.c: which backend answers for a model name, and what the model is called there.
 *
 * A name is resolved in this order (gateway.md 4.2):
 *   1. routing.aliases, any case, up to five steps; a loop ends it
 *   2. a listed model: every backend that lists it, in order of configuration
 *      (with or without Ollama's ":latest")
 *   3. BACKEND://model: that backend, listed or not
 *   4. an unlisted one: the backends without a list of their own whose vendor makes the model's
 *      family (claude-* -> claude, gpt-* -> openai), else the only backend without a list
 *   5. "MODEL(high)": the name before it, and what it says about thinking (RE-6); asked before 3
 * and 4 take the whole name for an unlisted one
 *   6. ERROR_NOT_FOUND with names that look alike */
#include <stdlib.h>

#include "mux/mux_internal.h"

struct registry_entry {
	struct mux_model model;
	struct {
		struct target *items;
		size_t len, cap;
	} targets;
};

#define NAME_SHOWN 120 /* bytes of an unknown model's name in a message */

/* The name in lower case, in `out`; absent, which is nobody's name, when it is longer than any. */
static struct slice lower(struct slice name, char out[CONFIG_ALIAS_MAX]) {
	if (name.len > CONFIG_ALIAS_MAX) {
		return (struct slice){0};
	}
	for (size_t i = 0; i < name.len; i++) {
		char c = name.data[i];
		out[i] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
	}
	return slice_make(out, name.len);
}

void registry_init(struct registry *registry, struct arena *arena, const struct config *config) {
	*registry = (struct registry){.arena = arena, .config = config};
	map_init(&registry->models);
	map_init(&registry->aliases);
	for (size_t i = 0; i < config->aliases.len; i++) {
		struct option_pair *pair = &config->aliases.items[i];
		char key[CONFIG_ALIAS_MAX];
		map_put(&registry->aliases, lower(pair->key, key), pair);
	}
}

void registry_add(struct registry *registry, struct backend *backend, struct slice visible,
	struct slice upstream_name, bool forces_name, const struct mux_model *facts) {
	struct registry_entry *entry = map_get(&registry->models, visible);
	if (entry == NULL) {
		entry = ARENA_NEW(registry->arena, struct registry_entry);
		entry->model = *facts;
		entry->model.id = arena_dup(registry->arena, visible);
		map_put(&registry->models, visible, entry);
	}
	struct target *target = ARENA_PUSH(registry->arena, &entry->targets);
	target->backend = backend;
	target->model = arena_dup(registry->arena, upstream_name);
	target->forces_name = forces_name;
}

static int compare_models(const void *a, const void *b) {
	return slice_compare(((const struct mux_model *)a)->id, ((const struct mux_model *)b)->id);
}

void registry_seal(
	struct registry *registry, struct backend *const *backends, size_t backend_count) {
	registry->backends = backends;
	registry->backend_count = backend_count;
	registry->list = ARENA_ARRAY(registry->arena, struct mux_model, registry->models.count);
	const struct map_entry *entry;
	for (size_t at = 0; (entry = map_next(&registry->models, &at)) != NULL;) {
		registry->list[registry->list_count++] =
			((const struct registry_entry *)entry->value)->model;
	}
	if (registry->list_count > 0) {
		qsort(registry->list, registry->list_count, sizeof *registry->list, compare_models);
	}
}

void registry_finish(struct registry *registry) {
	map_finish(&registry->models, NULL);
	map_finish(&registry->aliases, NULL);
}

/* Follows the aliases. A chain that is too long or comes back ends at the name it started with. */
static struct slice follow_aliases(const struct registry *registry, struct slice name) {
	struct slice at = name;
	for (unsigned steps = 0; registry->aliases.count > 0; steps++) {
		char key[CONFIG_ALIAS_MAX];
		const struct option_pair *pair = map_get(&registry->aliases, lower(at, key));
		if (pair == NULL || slice_eq(pair->value, at)) {
			return at;
		}
		if (steps == REGISTRY_MAX_ALIAS_STEPS) {
			return name;
		}
		at = pair->value;
	}
	return at;
}

/* Splits "backend://model"; false when the name has no such form. */
static bool split_pinned(struct slice name, struct slice *backend, struct slice *model) {
	size_t at = slice_find(name, SLICE("://"));
	if (at == SIZE_MAX || at == 0) {
		return false;
	}
	*backend = slice_sub(name, 0, at);
	*model = slice_from(name, at + strlen("://"));
	return true;
}

static struct backend *find_backend(const struct registry *registry, struct slice name) {
	for (size_t i = 0; i < registry->backend_count; i++) {
		if (slice_ieq(slice_of(registry->backends[i]->name), name)) {
			return registry->backends[i];
		}
	}
	return NULL;
}

static const struct target *listed_target(
	const struct registry *registry, const struct backend *backend, struct slice model) {
	const struct registry_entry *entry = map_get(&registry->models, model);
	for (size_t i = 0; entry != NULL && i < entry->targets.len; i++) {
		if (entry->targets.items[i].backend == backend) {
			return &entry->targets.items[i];
		}
	}
	return NULL;
}

/* A route of one target made for this request. */
static bool route_to(const struct target *to, struct arena *arena, struct route *route) {
	struct target *target = ARENA_NEW(arena, struct target);
	*target = *to;
	*route = (struct route){.targets = target, .count = 1};
	return true;
}

static bool resolve_pinned(const struct registry *registry, struct backend *backend,
	struct slice model, struct arena *arena, struct route *route) {
	const struct target *listed = listed_target(registry, backend, model);
	if (listed != NULL) {
		return route_to(listed, arena, route);
	}
	struct target target = {.backend = backend};
	return model.len > 0 && backend->kind->takes_model(backend, model, &target.model) &&
	       route_to(&target, arena, route);
}

/* Backends without a list that take the name: those of the vendor when `vendor` is given. */
static size_t open_targets(const struct registry *registry, const char *vendor, struct slice model,
	struct target *targets) {
	size_t count = 0;
	for (size_t i = 0; i < registry->backend_count; i++) {
		struct backend *backend = registry->backends[i];
		struct slice upstream_name;
		if (!backend->is_open ||
			(vendor != NULL && (backend->vendor == NULL ||
						   strcmp(vendor, backend->vendor) != 0)) ||
			!backend->kind->takes_model(backend, model, &upstream_name)) {
			continue;
		}
		targets[count++] = (struct target){.backend = backend, .model = upstream_name};
	}
	return count;
}

static size_t open_backends(const struct registry *registry) {
	size_t count = 0;
	for (size_t i = 0; i < registry->backend_count; i++) {
		count += registry->backends[i]->is_open ? 1 : 0;
	}
	return count;
}

static bool resolve_unlisted(const struct registry *registry, struct slice model,
	struct arena *arena, struct route *route) {
	struct target *targets = ARENA_ARRAY(arena, struct target, registry->backend_count);
	const char *vendor = model_family_of(model)->vendor;
	size_t count = 0;
	if (model.len == 0) {
		return false;
	}
	if (vendor != NULL && vendor[0] != '\0') {
		count = open_targets(registry, vendor, model, targets);
	}
	if (count == 0 && open_backends(registry) == 1) {
		count = open_targets(registry, NULL, model, targets);
	}
	*route = (struct route){.targets = targets, .count = count};
	return count > 0;
}

/* ---- names that look alike ---- */

struct suggestion {
	struct slice id;
	size_t distance;
};

/* The nearest names, nearest first. */
static size_t suggest(const struct registry *registry, struct slice name,
	struct suggestion best[REGISTRY_MAX_SUGGESTIONS]) {
	char wanted_text[CONFIG_ALIAS_MAX], id_text[CONFIG_ALIAS_MAX];
	struct slice wanted = lower(slice_sub(name, 0, NAME_SHOWN), wanted_text);
	size_t limit = wanted.len / 3 + 1, count = 0;
	for (size_t i = 0; i < registry->list_count; i++) {
		struct slice id = registry->list[i].id;
		size_t distance = slice_distance(wanted, lower(id, id_text), limit);
		if (distance > limit && (wanted.len < 3 || !slice_icontains(id, wanted))) {
			continue;
		}
		if (count == REGISTRY_MAX_SUGGESTIONS && best[count - 1].distance <= distance) {
			continue;
		}
		size_t at = count < REGISTRY_MAX_SUGGESTIONS ? count++ : count - 1;
		for (; at > 0 && best[at - 1].distance > distance; at--) {
			best[at] = best[at - 1];
		}
		best[at] = (struct suggestion){id, distance};
	}
	return count;
}

bool registry_not_found(const struct registry *registry, struct slice name, struct error *error) {
	struct suggestion best[REGISTRY_MAX_SUGGESTIONS] = {0};
	size_t count = suggest(registry, name, best);
	struct buf text;
	buf_init(&text, 0);
	struct slice shown = slice_sub(name, 0, NAME_SHOWN);
	buf_printf(&text, "The model '%.*s%s' does not exist here.", SLICE_FMT(shown),
		shown.len < name.len ? "..." : "");
	for (size_t i = 0; i < count; i++) {
		buf_printf(&text, "%s%.*s",
			i == 0           ? " Did you mean "
			: i + 1 == count ? " or "
					 : ", ",
			SLICE_FMT(best[i].id));
	}
	buf_append_str(&text, count > 0 ? "?" : " GET /v1/models lists those that do.");
	error_set_param(error, ERROR_NOT_FOUND, "model", "%.*s", SLICE_FMT(buf_slice(&text)));
	memcpy(error->code, "model_not_found", sizeof "model_not_found");
	buf_finish(&text);
	return false;
}

/* ---- the public face ---- */

static bool is_listed(const struct registry *registry, struct slice model) {
	struct slice backend_name, pinned;
	if (map_get(&registry->models, model) != NULL) {
		return true;
	}
	const struct backend *backend = split_pinned(model, &backend_name, &pinned)
						? find_backend(registry, backend_name)
						: NULL;
	return backend != NULL && listed_target(registry, backend, pinned) != NULL;
}

/* Ollama's clients add a tag to names and leave it out as they like: the listed name of the same
 * model, or the name itself. */
static struct slice find_tagged(const struct registry *registry, struct slice name) {
	static const struct slice tag = SLICE_INIT(OLLAMA_DEFAULT_TAG);
	if (slice_ends_with(name, tag)) {
		struct slice bare = slice_sub(name, 0, name.len - tag.len);
		return is_listed(registry, bare) ? bare : name;
	}
	char text[CONFIG_ALIAS_MAX];
	if (slice_find_byte(name, ':') != SIZE_MAX || name.len + tag.len > sizeof text) {
		return name;
	}
	memcpy(text, name.data, name.len);
	memcpy(text + name.len, tag.data, tag.len);
	const struct registry_entry *entry =
		map_get(&registry->models, slice_make(text, name.len + tag.len));
	return entry != NULL ? entry->model.id : name;
}

/* Follows aliases and takes suffixes off until the name is a listed one or has no more of them.
 * `value` gets the first suffix, which counts; it stays absent when there was none. */
static struct slice find_name(
	const struct registry *registry, struct slice name, struct slice *value) {
	struct slice model = follow_aliases(registry, name), shorter, inner;
	*value = (struct slice){0};
	for (unsigned steps = 0; steps < REGISTRY_MAX_ALIAS_STEPS && !is_listed(registry, model) &&
				 suffix_split(model, &shorter, &inner);
		steps++) {
		*value = value->data == NULL ? inner : *value;
		model = follow_aliases(registry, shorter);
	}
	return is_listed(registry, model) ? model : find_tagged(registry, model);
}

static bool find_route(const struct registry *registry, struct slice model, struct arena *arena,
	struct route *route) {
	const struct registry_entry *entry = map_get(&registry->models, model);
	struct slice backend_name, pinned;
	if (entry != NULL) {
		*route = (struct route){entry->targets.items, entry->targets.len, NULL};
		return true;
	}
	if (split_pinned(model, &backend_name, &pinned)) {
		struct backend *backend = find_backend(registry, backend_name);
		return backend != NULL && resolve_pinned(registry, backend, pinned, arena, route);
	}
	return resolve_unlisted(registry, model, arena, route);
}

bool registry_resolve(const struct registry *registry, struct slice name, struct arena *arena,
	struct route *route, struct error *error) {
	struct slice value;
	struct slice model = find_name(registry, name, &value);
	if (!find_route(registry, model, arena, route)) {
		return registry_not_found(registry, name, error);
	}
	if (value.data != NULL) {
		struct chat_reasoning *reasoning = ARENA_NEW(arena, struct chat_reasoning);
		if (!suffix_read(value, reasoning)) {
			return error_set_param(error, ERROR_INVALID_REQUEST, "model",
				"the model name ends in (%.*s), which says nothing about thinking: "
				"it may be none, auto, minimal, low, medium, high, xhigh, max or a "
				"number of tokens",
				SLICE_FMT(slice_sub(value, 0, NAME_SHOWN)));
		}
		route->reasoning = reasoning;
	}
	return true;
}

const struct mux_model *registry_find(const struct registry *registry, struct slice name) {
	struct slice value, backend_name, pinned;
	struct slice model = find_name(registry, name, &value);
	const struct registry_entry *entry = map_get(&registry->models, model);
	if (entry == NULL && is_listed(registry, model) &&
		split_pinned(model, &backend_name, &pinned)) {
		entry = map_get(&registry->models, pinned);
	}
	return entry != NULL ? &entry->model : NULL;
}
