/* openai_chat_build.c: canonical requests for OpenAI Chat upstreams: everything but the messages
 * (formats.md 3.1, OC-1..OC-15). */
#include "formats/openai_chat_build.h"
#include "formats/build_common.h"

/* OC-4, 4.6 */
static const struct name_rule tool_name_rule = {"_-", 64};

struct slice openai_chat_tool_name(struct openai_chat_builder *b, struct slice name) {
	return names_to_upstream(&b->built->names, b->arena, &tool_name_rule, name);
}

void openai_chat_reject(struct openai_chat_builder *b, const char *param, const char *message) {
	if (!b->has_failed) {
		b->has_failed = true;
		error_set_param(b->error, ERROR_INVALID_REQUEST, param, "%s", message);
	}
}

static void drop(
	struct openai_chat_builder *b, const char *rule, const char *field, const char *reason) {
	chat_drop(b->losses, rule, field, reason);
}

static void put_text(struct openai_chat_builder *b, const char *key, struct slice text) {
	if (text.data != NULL) {
		json_put_string(&b->w, key, text);
	}
}

static void put_raw(struct openai_chat_builder *b, const char *key, struct slice raw) {
	if (raw.data != NULL) {
		json_put_raw(&b->w, key, raw);
	}
}

static void put_flag(struct openai_chat_builder *b, const char *key, enum tristate flag) {
	if (flag != TRI_UNSET) {
		json_put_bool(&b->w, key, flag == TRI_TRUE);
	}
}

/* ---- strictness of schemas (OC-10) ---- */

static bool lists(const struct json *names, const struct json *member, struct arena *arena) {
	json_each (name, names) {
		if (slice_eq(json_string(name, arena), json_key(member, arena))) {
			return true;
		}
	}
	return false;
}

/* Every object forbids other properties and requires all of its own. Depth is bounded by the JSON
 * parser. */
static bool obeys_strict(const struct json *schema, struct arena *arena) {
	const struct json *properties = json_get(schema, "properties");
	if (json_is(properties, JSON_OBJECT)) {
		if (!json_is(json_get(schema, "additionalProperties"), JSON_FALSE)) {
			return false;
		}
		json_each (member, properties) {
			if (!lists(json_get(schema, "required"), member, arena)) {
				return false;
			}
		}
	}
	json_each (child, schema) {
		bool is_container = child->type == JSON_OBJECT || child->type == JSON_ARRAY;
		if (is_container && !obeys_strict(child, arena)) {
			return false;
		}
	}
	return true;
}

/* A foreign schema is called strict only when it is one. */
static bool may_be_strict(struct openai_chat_builder *b, struct slice schema) {
	const struct json *tree = json_parse(b->arena, schema, NULL, NULL);
	return json_is(json_get(tree, "properties"), JSON_OBJECT) && obeys_strict(tree, b->arena);
}

/* ---- tools ---- */

static void write_custom_format(struct openai_chat_builder *b, const struct chat_tool *tool) {
	put_raw(b, "format", tool->custom_format);
}

static void write_function(struct openai_chat_builder *b, const struct chat_tool *tool) {
	struct json_writer *w = &b->w;
	bool is_wrapped = tool->kind == CHAT_TOOL_CUSTOM;
	json_put_cstr(w, "type", "function");
	json_write_key(w, "function");
	json_begin_object(w);
	json_put_string(w, "name", openai_chat_tool_name(b, tool->name));
	put_text(b, "description", tool->description);
	if (is_wrapped) {
		chat_alter(b->losses, "OC-4", "tools", "a custom tool went as a function {input}");
		json_put_raw(w, "parameters",
			SLICE("{\"type\":\"object\",\"properties\":{\"input\":{\"type\":\"string\"}"
			      "},"
			      "\"required\":[\"input\"],\"additionalProperties\":false}"));
	} else {
		json_put_raw(w, "parameters",
			tool->schema.data ? tool->schema
					  : SLICE("{\"type\":\"object\",\"properties\":{}}"));
	}
	bool is_strict = tool->strict == TRI_TRUE && (b->is_own || may_be_strict(b, tool->schema));
	if (is_strict || (tool->strict == TRI_FALSE && b->is_own)) {
		json_put_bool(w, "strict", is_strict);
	}
	json_end_object(w);
}

static void write_tool(struct openai_chat_builder *b, const struct chat_tool *tool) {
	struct json_writer *w = &b->w;
	json_begin_object(w);
	if (tool->kind == CHAT_TOOL_CUSTOM && !openai_chat_wraps_custom(b)) {
		json_put_cstr(w, "type", "custom");
		json_write_key(w, "custom");
		json_begin_object(w);
		json_put_string(w, "name", openai_chat_tool_name(b, tool->name));
		put_text(b, "description", tool->description);
		write_custom_format(b, tool);
		json_end_object(w);
	} else {
		write_function(b, tool);
	}
	json_end_object(w);
	if (tool->cache.is_set) {
		drop(b, "OC-14", "tools.cache_control",
			"cache marks are not sent to this upstream");
	}
}

/* IR-14: tools that a provider runs go to that provider only. NM-2, NM-3: what has no name, or one
 * that came before, cannot be called. */
static bool is_sent(struct openai_chat_builder *b, const struct chat_tool *tool) {
	const struct chat_request *r = b->request;
	if (tool->kind == CHAT_TOOL_SERVER) {
		bool is_own = tool->provider == FORMAT_OPENAI_CHAT;
		if (!is_own) {
			drop(b, "IR-14", "tools", "a tool that another provider runs");
		}
		return is_own;
	}
	if (tool->name.len == 0) {
		drop(b, "NM-2", "tools", "a tool without a name");
		return false;
	}
	if (chat_request_find_tool(r, tool->name) != tool) {
		drop(b, "NM-3", "tools", "a second tool of the same name");
		return false;
	}
	return true;
}

static bool sends_tools(struct openai_chat_builder *b) {
	for (size_t i = 0; i < b->request->tools.len; i++) {
		if (is_sent(b, &b->request->tools.items[i])) {
			return true;
		}
	}
	return false;
}

static void write_tools(struct openai_chat_builder *b) {
	const struct chat_request *r = b->request;
	if (!sends_tools(b)) {
		return;
	}
	json_write_key(&b->w, "tools");
	json_begin_array(&b->w);
	for (size_t i = 0; i < r->tools.len; i++) {
		const struct chat_tool *tool = &r->tools.items[i];
		if (!is_sent(b, tool)) {
			continue;
		}
		if (tool->kind == CHAT_TOOL_SERVER) {
			json_write_raw(&b->w, tool->raw);
		} else {
			write_tool(b, tool);
		}
	}
	json_end_array(&b->w);
}

static void write_tool_reference(
	struct openai_chat_builder *b, struct slice name, enum chat_tool_kind kind) {
	const char *type =
		kind == CHAT_TOOL_CUSTOM && !openai_chat_wraps_custom(b) ? "custom" : "function";
	json_begin_object(&b->w);
	json_put_cstr(&b->w, "type", type);
	json_write_key(&b->w, type);
	json_begin_object(&b->w);
	json_put_string(&b->w, "name", openai_chat_tool_name(b, name));
	json_end_object(&b->w);
	json_end_object(&b->w);
}

static void write_allowed(struct openai_chat_builder *b, const struct chat_tool_choice *choice) {
	json_begin_object(&b->w);
	json_put_cstr(&b->w, "type", "allowed_tools");
	json_write_key(&b->w, "allowed_tools");
	json_begin_object(&b->w);
	json_put_cstr(&b->w, "mode", choice->allowed_required ? "required" : "auto");
	json_write_key(&b->w, "tools");
	json_begin_array(&b->w);
	for (size_t i = 0; i < choice->allowed_count; i++) {
		const struct chat_tool *tool =
			chat_request_find_tool(b->request, choice->allowed[i]);
		write_tool_reference(b, choice->allowed[i], tool ? tool->kind : CHAT_TOOL_FUNCTION);
	}
	json_end_array(&b->w);
	json_end_object(&b->w);
	json_end_object(&b->w);
}

static void write_named(struct openai_chat_builder *b, const struct chat_tool_choice *choice) {
	const struct chat_tool *tool = chat_request_find_tool(b->request, choice->name);
	if (tool == NULL || (tool->kind == CHAT_TOOL_SERVER && !is_sent(b, tool))) {
		openai_chat_reject(b, "tool_choice",
			"the tool that is forced does not exist at this upstream");
		return;
	}
	write_tool_reference(b, choice->name, tool->kind);
}

/* OC-11: refused when there are no tools. */
static void write_tool_choice(struct openai_chat_builder *b) {
	const struct chat_tool_choice *choice = &b->request->tool_choice;
	static const char *const words[] = {[CHAT_TOOL_CHOICE_AUTO] = "auto",
		[CHAT_TOOL_CHOICE_NONE] = "none",
		[CHAT_TOOL_CHOICE_REQUIRED] = "required"};
	if (!sends_tools(b)) {
		if (choice->mode == CHAT_TOOL_CHOICE_NAMED) {
			openai_chat_reject(b, "tool_choice",
				"the tool that is forced does not exist at this upstream");
		} else if (choice->mode != CHAT_TOOL_CHOICE_UNSET) {
			drop(b, "OC-11", "tool_choice", "there are no tools to choose from");
		}
		return;
	}
	if (choice->mode != CHAT_TOOL_CHOICE_UNSET) {
		json_write_key(&b->w, "tool_choice");
	}
	switch (choice->mode) {
	case CHAT_TOOL_CHOICE_UNSET:
		break;
	case CHAT_TOOL_CHOICE_NAMED:
		write_named(b, choice);
		break;
	case CHAT_TOOL_CHOICE_ALLOWED:
		write_allowed(b, choice);
		break;
	default:
		json_write_cstr(&b->w, words[choice->mode]);
		break;
	}
	put_flag(b, "parallel_tool_calls", b->request->parallel_tool_calls);
}

/* ---- lengths, sampling ---- */

/* OC-7 */
static void write_max_tokens(struct openai_chat_builder *b) {
	if (b->request->has_max_output_tokens) {
		bool is_new = b->is_official || b->is_reasoning;
		json_put_int(&b->w, is_new ? "max_completion_tokens" : "max_tokens",
			b->request->max_output_tokens);
	}
}

static void write_sampling(struct openai_chat_builder *b) {
	const struct chat_request *r = b->request;
	const struct {
		const char *name;
		struct slice raw;
	} numbers[] = {
		{"temperature", r->temperature.raw},
		{"top_p", r->top_p.raw},
		{"presence_penalty", r->presence_penalty.raw},
		{"frequency_penalty", r->frequency_penalty.raw},
		{"logit_bias", r->logit_bias},
	};
	bool is_allowed = build_may_sample(r, b->target); /* OC-8 */
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
		if (numbers[i].raw.data != NULL && !is_allowed) {
			drop(b, "OC-8", numbers[i].name, "the model refuses it");
		} else {
			put_raw(b, numbers[i].name, numbers[i].raw);
		}
	}
	if (is_allowed) {
		put_flag(b, "logprobs", r->logprobs);
		if (r->has_top_logprobs) {
			json_put_int(&b->w, "top_logprobs", r->top_logprobs);
		}
	} else if (r->logprobs == TRI_TRUE) {
		drop(b, "OC-8", "logprobs", "the model refuses it");
	}
	put_raw(b, "seed", r->seed.raw);
	if (r->has_n) {
		json_put_int(&b->w, "n", r->n);
	}
}

/* OC-15 */
static void write_compat_sampling(struct openai_chat_builder *b) {
	const struct {
		const char *name;
		struct slice raw;
	} numbers[] = {
		{"top_k", b->request->top_k.raw},
		{"min_p", b->request->min_p.raw},
		{"repetition_penalty", b->request->repeat_penalty.raw},
	};
	/* OpenAI's models refuse them behind proxies and on other clouds too. */
	bool is_refused = b->is_official || strcmp(b->target->family->vendor, "openai") == 0;
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
		if (numbers[i].raw.data != NULL && is_refused) {
			drop(b, "OC-15", numbers[i].name, "OpenAI does not know it");
		} else {
			put_raw(b, numbers[i].name, numbers[i].raw);
		}
	}
}

/* OC-8, 4.10: four at most, none for some models; the others are enforced here (E-47). */
static void write_stop(struct openai_chat_builder *b) {
	const struct chat_request *r = b->request;
	size_t sent = r->stop_count < 4 ? r->stop_count : 4;
	if (model_has(b->target->family, MODEL_REFUSES_STOP)) {
		sent = 0;
	}
	if (sent < r->stop_count) {
		chat_alter(
			b->losses, "E-47", "stop", "enforced here, the upstream does not take it");
		b->built->stop = r->stop + sent;
		b->built->stop_count = r->stop_count - sent;
	}
	if (sent == 0) {
		return;
	}
	json_write_key(&b->w, "stop");
	json_begin_array(&b->w);
	for (size_t i = 0; i < sent; i++) {
		json_write_string(&b->w, r->stop[i]);
	}
	json_end_array(&b->w);
}

/* ---- reasoning ---- */

/* True when the client used a compatible host's own spelling, which goes out as it was written. */
static bool has_own_spelling(const struct openai_chat_builder *b) {
	static const char *const names[] = {
		"reasoning", "thinking", "enable_thinking", "thinking_budget"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		if (chat_ext_get(&b->request->ext, FORMAT_OPENAI_CHAT, names[i]).data != NULL) {
			return !b->is_official;
		}
	}
	return false;
}

/* OC-9 */
static void write_reasoning(struct openai_chat_builder *b) {
	const struct chat_reasoning *reasoning = &b->request->reasoning;
	struct slice effort = reasoning->effort;
	if (effort.data == NULL && reasoning->mode == CHAT_REASONING_OFF) {
		effort = SLICE("none");
	} else if (effort.data == NULL && reasoning->has_budget && reasoning->budget_tokens >= 0) {
		effort = slice_of(model_budget_to_effort(reasoning->budget_tokens));
	}
	if (effort.data == NULL || has_own_spelling(b)) {
		return;
	}
	bool is_unknown = b->target->family->vendor[0] == '\0';
	bool is_asked = b->is_own && reasoning->effort.data != NULL;
	if (b->is_reasoning) {
		const char *known = model_clamp_effort(b->target->family, effort);
		if (known == NULL) {
			drop(b, "OC-9", "reasoning_effort", "the model knows no such effort");
			return;
		}
		if (!slice_is(effort, known)) {
			chat_alter(b->losses, "OC-9", "reasoning_effort",
				"the nearest effort the model knows");
		}
		json_put_cstr(&b->w, "reasoning_effort", known);
	} else if (is_unknown && is_asked) {
		json_put_string(&b->w, "reasoning_effort", effort);
	} else if (!slice_is(effort, "none")) {
		drop(b, "OC-9", "reasoning_effort", "the model is not known to reason");
	}
}

/* ---- structured output (OC-10) ---- */

static void write_json_schema(
	struct openai_chat_builder *b, const struct chat_response_format *format) {
	static const struct name_rule rule = {"_-", 64};
	struct json_writer *w = &b->w;
	struct slice name = format->name;
	if (name.len == 0 || !name_fits(&rule, name)) {
		name = SLICE("response");
	}
	json_put_cstr(w, "type", "json_schema");
	json_write_key(w, "json_schema");
	json_begin_object(w);
	json_put_string(w, "name", name);
	put_text(b, "description", format->description);
	put_raw(b, "schema", format->schema);
	if (b->is_own) {
		put_flag(b, "strict", format->strict);
	} else {
		json_put_bool(w, "strict", may_be_strict(b, format->schema));
	}
	json_end_object(w);
}

static void write_response_format(struct openai_chat_builder *b) {
	const struct chat_response_format *format = &b->request->response_format;
	if (!format->is_set || (format->kind == CHAT_RESPONSE_TEXT && !b->is_own)) {
		return;
	}
	json_write_key(&b->w, "response_format");
	json_begin_object(&b->w);
	if (format->kind == CHAT_RESPONSE_TEXT) {
		json_put_cstr(&b->w, "type", "text");
	} else if (format->kind == CHAT_RESPONSE_JSON_OBJECT ||
		   (b->target->quirks & QUIRK_NO_JSON_SCHEMA)) {
		/* the schema went into the system text (messages) */
		json_put_cstr(&b->w, "type", "json_object");
	} else {
		write_json_schema(b, format);
	}
	json_end_object(&b->w);
}

/* ---- the rest ---- */

static struct slice service_tier(const struct openai_chat_builder *b) {
	struct slice tier = b->request->service_tier;
	return b->is_own ? tier : build_openai_tier(tier);
}

static void write_stream(struct openai_chat_builder *b) {
	const struct chat_request *r = b->request;
	if (!b->target->stream) {
		return;
	}
	json_put_bool(&b->w, "stream", true);
	if (b->target->quirks & QUIRK_NO_STREAM_OPTIONS) { /* E-88 */
		return;
	}
	json_write_key(&b->w, "stream_options"); /* OC-12 */
	json_begin_object(&b->w);
	json_put_bool(&b->w, "include_usage", true);
	put_flag(b, "include_obfuscation", r->include_obfuscation);
	json_end_object(&b->w);
}

static void write_account_fields(struct openai_chat_builder *b) {
	const struct chat_request *r = b->request;
	struct slice tier = service_tier(b);
	put_text(b, "service_tier", tier);
	if (r->service_tier.data != NULL && tier.data == NULL) {
		drop(b, "4.10", "service_tier", "the upstream has no such tier");
	}
	if (b->is_own) { /* OC-13 */
		put_raw(b, "metadata", r->metadata);
		put_text(b, "user", r->end_user_id);
	} else if (r->metadata.data != NULL || r->end_user_id.data != NULL) {
		drop(b, "OC-13", "metadata", "it may hold ids of the client's user");
	}
	put_flag(b, "store", r->store);
	put_text(b, "safety_identifier", r->safety_identifier);
	put_text(b, "prompt_cache_key", r->cache_key);
}

static void write_output_fields(struct openai_chat_builder *b) {
	const struct chat_request *r = b->request;
	put_text(b, "verbosity", r->verbosity);
	put_raw(b, "modalities", r->modalities);
	put_raw(b, "audio", r->audio_out);
	put_raw(b, "prediction", r->prediction);
	put_raw(b, "web_search_options", r->web_search);
}

/* IR-1: fields only cc knows go back out; those of compatible hosts not to OpenAI itself, which
 * refuses what it does not know. */
static void write_ext(struct openai_chat_builder *b) {
	static const char *const dialect[] = {"reasoning", "thinking", "enable_thinking",
		"thinking_budget", "chat_template_kwargs", "extra_body", "provider", "transforms",
		"route", "cache_control"};
	const struct chat_exts *exts = &b->request->ext;
	for (size_t i = 0; i < exts->len; i++) {
		const struct chat_ext *ext = &exts->items[i];
		char name[64];
		bool is_foreign = ext->format != FORMAT_OPENAI_CHAT;
		bool is_dialect = false;
		for (size_t d = 0; d < sizeof dialect / sizeof *dialect; d++) {
			is_dialect = is_dialect || slice_is(ext->name, dialect[d]);
		}
		size_t len = ext->name.len < sizeof name - 1 ? ext->name.len : sizeof name - 1;
		memcpy(name, ext->name.data, len);
		name[len] = '\0';
		if (is_foreign || (is_dialect && b->is_official)) {
			drop(b, "IR-1", name,
				is_foreign ? "only the client's format knows it"
					   : "OpenAI itself does not know it");
		} else if (chat_ext_get(exts, FORMAT_OPENAI_CHAT, name).data == ext->json.data) {
			json_write_key_slice(&b->w, ext->name);
			json_write_raw(&b->w, ext->json);
		}
	}
}

/* The fields after the messages, in a fixed order (E-80). */
static const struct {
	const char *rules;
	void (*write)(struct openai_chat_builder *b);
} passes[] = {
	{"OC-4, IR-14, NM-1", write_tools},
	{"OC-11, 4.3", write_tool_choice},
	{"OC-7", write_max_tokens},
	{"OC-8", write_sampling},
	{"OC-15", write_compat_sampling},
	{"OC-8, E-47", write_stop},
	{"OC-9", write_reasoning},
	{"OC-10", write_response_format},
	{"US-4", write_output_fields},
	{"OC-13, 4.10", write_account_fields},
	{"IR-1", write_ext},
	{"OC-12", write_stream},
};

bool openai_chat_build_request(const struct chat_request *request,
	const struct format_target *target, struct format_built *built, struct chat_losses *losses,
	struct error *error) {
	struct openai_chat_builder b = {
		.request = request,
		.target = target,
		.built = built,
		.losses = losses,
		.error = error,
		.arena = request->arena,
		.is_own = request->client_format == FORMAT_OPENAI_CHAT,
		.is_official = (target->quirks & QUIRK_OFFICIAL) != 0,
		.is_reasoning = model_has(target->family, MODEL_IS_REASONING),
	};
	built->body.allow_refs = true;
	json_writer_init(&b.w, &built->body, false);
	json_begin_object(&b.w);
	json_put_string(&b.w, "model", target->model);
	openai_chat_build_messages(&b);
	for (size_t i = 0; i < sizeof passes / sizeof *passes; i++) {
		passes[i].write(&b);
	}
	json_end_object(&b.w);
	if (!b.has_failed && built->body.failed) {
		b.has_failed = true;
		error_set(error, ERROR_TOO_LARGE, "the request for the upstream is too large");
	}
	return !b.has_failed;
}
