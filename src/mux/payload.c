/* payload.c: the configuration's rules about the bodies upstreams get (gateway.md 2.6): all
 * payload.default rules, then all payload.override rules, as edits of the bytes about to be sent.
 */
#include "data/json_path.h"
#include "mux/upstream.h"

/* As payload rules call the upstream's dialect. */
static const char *protocol_of(const struct upstream *upstream) {
	static const char *const names[FORMAT_COUNT] = {
		[FORMAT_OPENAI_CHAT] = "openai",
		[FORMAT_OPENAI_COMPLETIONS] = "openai",
		[FORMAT_OPENAI_RESPONSES] = "responses",
		[FORMAT_ANTHROPIC] = "claude",
		[FORMAT_GEMINI] = "gemini",
		[FORMAT_OLLAMA] = "ollama",
	};
	return upstream->quirks & QUIRK_CODEX         ? "codex"
	       : upstream->quirks & QUIRK_CODE_ASSIST ? "antigravity"
						      : names[upstream->format->id];
}

static bool rule_matches(
	const struct config_payload_rule *rule, const char *protocol, struct slice model) {
	for (size_t i = 0; i < rule->models.len; i++) {
		const struct config_payload_model *entry = &rule->models.items[i];
		struct slice wanted = slice_ieq(entry->protocol, SLICE("anthropic"))
					      ? SLICE("claude")
					      : entry->protocol;
		if (slice_glob(entry->name, model, false) &&
			(wanted.len == 0 || slice_ieq(wanted, slice_of(protocol)))) {
			return true;
		}
	}
	return false;
}

struct payload_work {
	const struct upstream *upstream;
	struct slice model;
	struct buf *body;
	struct arena *arena;
	bool is_flat; /* the body's bytes are its own, in one piece */
	struct error *error;
};

static bool flatten(struct payload_work *work) {
	struct buf flat;
	size_t total = buf_total(work->body);
	char *bytes = arena_try_alloc(work->arena, total + 1);
	if (bytes == NULL) {
		return error_set(work->error, ERROR_TOO_LARGE,
			"the request is too large for the payload rules of the configuration");
	}
	buf_copy_out(work->body, 0, bytes, total);
	buf_init(&flat, 0);
	buf_append(&flat, slice_make(bytes, total));
	buf_finish(work->body);
	*work->body = flat;
	work->is_flat = true;
	return true;
}

/* Puts one value in its place. */
static bool apply_one(
	struct payload_work *work, const struct option_pair *pair, enum json_path_use use) {
	static const char *const sections[] = {
		[JSON_PATH_DEFAULT] = "payload.default", [JSON_PATH_OVERRIDE] = "payload.override"};
	static const char *const outcomes[] = {
		[JSON_PATH_EDITED] = "set",
		[JSON_PATH_EXISTS] = "left, the request has it:",
		[JSON_PATH_BLOCKED] = "left, it has no place in the request:",
	};
	struct arena scratch;
	struct json_edit edit;
	if (!work->is_flat && !flatten(work)) {
		return false;
	}
	struct slice text = buf_slice(work->body);
	arena_init(&scratch, NULL, 0);
	const struct json *tree = json_parse(&scratch, text, NULL, work->error);
	if (tree == NULL) {
		arena_finish(&scratch);
		return false;
	}
	enum json_path_result result =
		json_path_edit(text, tree, pair->key, pair->value, use, &scratch, &edit);
	if (result == JSON_PATH_EDITED) {
		struct buf edited;
		buf_init(&edited, 0);
		json_splice(text, &edit, 1, &edited);
		buf_finish(work->body);
		*work->body = edited;
	}
	arena_finish(&scratch);
	log_debug(work->upstream->mux->log, "%s (%s:%u) %s %.*s for %.*s of %s", sections[use],
		pair->place.file, (unsigned)pair->place.line, outcomes[result],
		SLICE_FMT(pair->key), SLICE_FMT(work->model), work->upstream->base.name);
	return true;
}

static bool apply_rules(struct payload_work *work, const struct config_payload_rule *rules,
	size_t count, enum json_path_use use) {
	const char *protocol = protocol_of(work->upstream);
	for (size_t i = 0; i < count; i++) {
		if (!rule_matches(&rules[i], protocol, work->model)) {
			continue;
		}
		for (size_t p = 0; p < rules[i].params.len; p++) {
			if (!apply_one(work, &rules[i].params.items[p], use)) {
				return false;
			}
		}
	}
	return true;
}

bool payload_apply(const struct upstream *upstream, struct slice model, struct buf *body,
	struct arena *arena, struct error *error) {
	const struct config *config = upstream->mux->config;
	struct payload_work work = {
		.upstream = upstream, .model = model, .body = body, .arena = arena, .error = error};
	return apply_rules(&work, config->payload_defaults.items, config->payload_defaults.len,
		       JSON_PATH_DEFAULT) &&
	       apply_rules(&work, config->payload_overrides.items, config->payload_overrides.len,
		       JSON_PATH_OVERRIDE);
}
