/* ollama_build.c: canonical requests for Ollama upstreams (formats.md 3.6, OU-1..OU-5). */
#include "formats/ollama_build.h"

void ollama_reject(struct ollama_builder *b, const char *param, const char *message) {
	if (!b->has_failed) {
		b->has_failed = true;
		error_set_param(b->error, ERROR_INVALID_REQUEST, param, "%s", message);
	}
}

void ollama_put_raw(struct ollama_builder *b, const char *key, struct slice raw) {
	if (raw.data != NULL) {
		json_put_raw(&b->w, key, raw);
	}
}

static void put_own(struct ollama_builder *b, const char *key) {
	ollama_put_raw(b, key, chat_ext_get(&b->request->ext, FORMAT_OLLAMA, key));
}

/* ---- tools (4.3, OU-5) ---- */

static bool is_allowed(const struct chat_tool_choice *choice, struct slice name) {
	for (size_t i = 0; i < choice->allowed_count; i++) {
		if (slice_eq(choice->allowed[i], name)) {
			return true;
		}
	}
	return choice->mode != CHAT_TOOL_CHOICE_ALLOWED;
}

static bool is_sent(struct ollama_builder *b, const struct chat_tool *tool) {
	if (tool->kind == CHAT_TOOL_SERVER) {
		chat_drop(b->losses, "IR-14", "tools", "a tool that another provider runs");
		return false;
	}
	if (tool->name.len == 0) {
		chat_drop(b->losses, "NM-2", "tools", "a tool without a name");
		return false;
	}
	if (chat_request_find_tool(b->request, tool->name) != tool) {
		chat_drop(b->losses, "NM-3", "tools", "a second tool of the same name");
		return false;
	}
	return is_allowed(&b->request->tool_choice, tool->name);
}

static void write_tool(struct ollama_builder *b, const struct chat_tool *tool) {
	struct json_writer *w = &b->w;
	struct slice schema =
		tool->schema.data ? tool->schema : SLICE("{\"type\":\"object\",\"properties\":{}}");
	if (tool->kind == CHAT_TOOL_CUSTOM) {
		chat_alter(b->losses, "E-110", "tools.custom", "sent as a function of one text");
		schema = FORMAT_CUSTOM_TOOL_SCHEMA;
	}
	json_begin_object(w);
	json_put_cstr(w, "type", "function");
	json_write_key(w, "function");
	json_begin_object(w);
	json_put_string(w, "name", tool->name);
	if (tool->description.len > 0) {
		json_put_string(w, "description", tool->description);
	}
	json_put_raw(w, "parameters", schema);
	json_end_object(w);
	json_end_object(w);
}

static void write_tools(struct ollama_builder *b) {
	const struct chat_request *r = b->request;
	bool is_open = false;
	if (r->tool_choice.mode == CHAT_TOOL_CHOICE_NONE) {
		if (r->tools.len > 0) {
			chat_alter(b->losses, "OU-5", "tool_choice", "the tools were left out");
		}
		return;
	}
	for (size_t i = 0; i < r->tools.len; i++) {
		if (!is_sent(b, &r->tools.items[i])) {
			continue;
		}
		if (!is_open) {
			json_write_key(&b->w, "tools");
			json_begin_array(&b->w);
			is_open = true;
		}
		write_tool(b, &r->tools.items[i]);
	}
	if (is_open) {
		json_end_array(&b->w);
	}
	if (r->parallel_tool_calls != TRI_UNSET && r->tools.len > 0) {
		chat_drop(
			b->losses, "OU-5", "parallel_tool_calls", "the upstream does not know it");
	}
}

/* ---- thinking, structure, options ---- */

/* OU-3, 4.5: levels for the models that have them, else on or off. */
static const char *think_level(const struct ollama_builder *b) {
	struct slice effort = b->request->reasoning.effort;
	int64_t budget = b->request->reasoning.budget_tokens;
	if (effort.data == NULL && b->request->reasoning.has_budget && budget > 0) {
		effort = slice_of(model_budget_to_effort(budget));
	}
	static const struct {
		const char *effort, *level;
	} levels[] = {{"minimal", "low"}, {"low", "low"}, {"medium", "medium"}, {"high", "high"},
		{"xhigh", "high"}, {"max", "high"}};
	bool has_levels = slice_icontains(b->target->model, SLICE("gpt-oss"));
	bool is_own = b->request->client_format == FORMAT_OLLAMA;
	if (is_own && slice_is(effort, "max")) {
		return "max";
	}
	for (size_t i = 0; (has_levels || is_own) && i < sizeof levels / sizeof *levels; i++) {
		if (slice_is(effort, levels[i].effort)) {
			return levels[i].level;
		}
	}
	return NULL;
}

static void write_think(struct ollama_builder *b) {
	const struct chat_reasoning *reasoning = &b->request->reasoning;
	bool is_off = reasoning->mode == CHAT_REASONING_OFF ||
		      slice_is(reasoning->effort, "none") ||
		      (reasoning->has_budget && reasoning->budget_tokens == 0);
	bool is_wanted = reasoning->mode != CHAT_REASONING_UNSET || reasoning->effort.data != NULL;
	const char *level = think_level(b);
	if (is_off) {
		json_put_bool(&b->w, "think", false);
	} else if (is_wanted && level != NULL) {
		json_put_cstr(&b->w, "think", level);
	} else if (is_wanted) {
		json_put_bool(&b->w, "think", true);
	}
}

static void write_format(struct ollama_builder *b) {
	const struct chat_response_format *format = &b->request->response_format;
	if (!format->is_set || format->kind == CHAT_RESPONSE_TEXT) {
		return;
	}
	if (format->kind == CHAT_RESPONSE_JSON_SCHEMA && format->schema.data != NULL) {
		json_put_raw(&b->w, "format", format->schema);
	} else {
		json_put_cstr(&b->w, "format", "json");
	}
}

static void write_stop(struct ollama_builder *b) {
	const struct chat_request *r = b->request;
	if (r->stop_count == 0) {
		return;
	}
	json_write_key(&b->w, "stop");
	json_begin_array(&b->w);
	for (size_t i = 0; i < r->stop_count; i++) {
		json_write_string(&b->w, r->stop[i]);
	}
	json_end_array(&b->w);
}

/* OL-1: the options only Ollama knows, as they were written. */
static void write_own_options(struct ollama_builder *b) {
	static const struct slice prefix = SLICE_INIT(OLLAMA_OPTION_PREFIX);
	const struct chat_exts *exts = &b->request->ext;
	for (size_t i = 0; i < exts->len; i++) {
		const struct chat_ext *ext = &exts->items[i];
		if (ext->format == FORMAT_OLLAMA && slice_starts_with(ext->name, prefix)) {
			json_write_key_slice(&b->w, slice_from(ext->name, prefix.len));
			json_write_raw(&b->w, ext->json);
		}
	}
}

/* OU-4 */
static void write_options(struct ollama_builder *b) {
	const struct chat_request *r = b->request;
	const struct {
		const char *name;
		struct slice raw;
	} numbers[] = {
		{"temperature", r->temperature.raw},
		{"top_p", r->top_p.raw},
		{"top_k", r->top_k.raw},
		{"min_p", r->min_p.raw},
		{"seed", r->seed.raw},
		{"repeat_penalty", r->repeat_penalty.raw},
		{"presence_penalty", r->presence_penalty.raw},
		{"frequency_penalty", r->frequency_penalty.raw},
	};
	json_write_key(&b->w, "options");
	json_begin_object(&b->w);
	if (r->has_max_output_tokens) {
		json_put_int(&b->w, "num_predict", r->max_output_tokens);
	}
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
		ollama_put_raw(b, numbers[i].name, numbers[i].raw);
	}
	write_stop(b);
	write_own_options(b);
	json_end_object(&b->w);
}

static void write_logprobs(struct ollama_builder *b) {
	const struct chat_request *r = b->request;
	if (r->logprobs != TRI_UNSET) {
		json_put_bool(&b->w, "logprobs", r->logprobs == TRI_TRUE);
	}
	if (r->has_top_logprobs) {
		json_put_int(&b->w, "top_logprobs", r->top_logprobs);
	}
}

/* ---- what cannot go ---- */

static void drop_foreign(struct ollama_builder *b) {
	const struct chat_request *r = b->request;
	const struct {
		const char *field;
		bool is_set;
	} fields[] = {
		{"logit_bias", r->logit_bias.data != NULL},
		{"metadata", r->metadata.data != NULL || r->end_user_id.data != NULL},
		{"service_tier", r->service_tier.data != NULL},
		{"prediction", r->prediction.data != NULL},
		{"modalities", r->modalities.data != NULL},
		{"audio", r->audio_out.data != NULL},
		{"web_search_options", r->web_search.data != NULL},
		{"verbosity", r->verbosity.data != NULL},
		{"store", r->store == TRI_TRUE},
	};
	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
		if (fields[i].is_set) {
			chat_drop(b->losses, "IR-1", fields[i].field,
				"Ollama has nothing of the kind");
		}
	}
	for (size_t i = 0; i < r->ext.len; i++) {
		if (r->ext.items[i].format != FORMAT_OLLAMA) {
			chat_drop(b->losses, "IR-1", arena_strdup(b->arena, r->ext.items[i].name),
				"only the client's format knows it");
		}
	}
	if (r->has_n && r->n > 1) {
		ollama_reject(b, "n", "this upstream gives one answer a request (E-40)");
	}
	bool is_named = r->tool_choice.mode == CHAT_TOOL_CHOICE_NAMED;
	if (is_named && chat_request_find_tool(r, r->tool_choice.name) == NULL) {
		ollama_reject(b, "tool_choice", "the tool that is forced is not in 'tools'");
	}
}

bool ollama_build_request(const struct chat_request *request, const struct format_target *target,
	struct format_built *built, struct chat_losses *losses, struct error *error) {
	struct ollama_builder b = {
		.request = request,
		.target = target,
		.losses = losses,
		.error = error,
		.arena = request->arena,
	};
	bool is_generate = request->is_generate;
	built->body.allow_refs = true;
	json_writer_init(&b.w, &built->body, false);
	json_begin_object(&b.w);
	json_put_string(&b.w, "model", target->model);
	(is_generate ? ollama_build_prompt : ollama_build_messages)(&b);
	if (!is_generate) {
		write_tools(&b);
	}
	write_think(&b);
	write_format(&b);
	write_options(&b);
	write_logprobs(&b);
	json_put_bool(&b.w, "stream", target->stream);
	static const char *const own[] = {
		"keep_alive", "truncate", "shift", "template", "context", "raw"};
	for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
		put_own(&b, own[i]);
	}
	json_end_object(&b.w);
	drop_foreign(&b);
	if (!b.has_failed && built->body.failed) {
		b.has_failed = true;
		error_set(error, ERROR_TOO_LARGE, "the request for the upstream is too large");
	}
	return !b.has_failed;
}

const struct chat_request *ollama_mend(
	const struct chat_request *request, const struct error *error, struct chat_losses *losses) {
	bool is_it = slice_icontains(slice_of(error->message), SLICE("does not support thinking"));
	if (!is_it || error->kind != ERROR_INVALID_REQUEST) {
		return NULL;
	}
	struct chat_request *mended = ARENA_NEW(request->arena, struct chat_request);
	*mended = *request;
	mended->is_mended = true;
	mended->reasoning.mode = CHAT_REASONING_UNSET;
	mended->reasoning.effort = (struct slice){0};
	mended->reasoning.has_budget = false;
	chat_drop(losses, "OU-3", "think", "the model does not support thinking");
	return mended;
}
