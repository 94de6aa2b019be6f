/* openai_responses_build.c: canonical requests for Responses upstreams: everything but tools and
 * input items (formats.md 3.5, OR-1..OR-11). */
#include "formats/openai_responses_build.h"

#include "formats/build_common.h"

void openai_responses_reject(
	struct openai_responses_builder *b, const char *param, const char *message) {
	if (!b->has_failed) {
		b->has_failed = true;
		error_set_param(b->error, ERROR_INVALID_REQUEST, param, "%s", message);
	}
}

static void drop(struct openai_responses_builder *b, const char *rule, const char *field,
	const char *reason) {
	chat_drop(b->losses, rule, field, reason);
}

static void put_text(struct openai_responses_builder *b, const char *key, struct slice text) {
	if (text.data != NULL) {
		json_put_string(&b->w, key, text);
	}
}

static void put_raw(struct openai_responses_builder *b, const char *key, struct slice raw) {
	if (raw.data != NULL) {
		json_put_raw(&b->w, key, raw);
	}
}

static struct slice own_ext(const struct openai_responses_builder *b, const char *name) {
	return chat_ext_get(&b->request->ext, FORMAT_OPENAI_RESPONSES, name);
}

/* ---- lengths, sampling ---- */

/* OR-6. A probe for one token gets 16: what is over is cut where answers are bounded. */
#define LEAST_MAX_TOKENS 16

static void write_max_tokens(struct openai_responses_builder *b) {
	int64_t most = b->request->max_output_tokens;
	if (!b->request->has_max_output_tokens) {
		return;
	}
	if (most < LEAST_MAX_TOKENS) {
		chat_alter(b->losses, "OR-6", "max_output_tokens", "raised to the least allowed");
		most = LEAST_MAX_TOKENS;
	}
	json_put_int(&b->w, "max_output_tokens", most);
}

static void write_sampling(struct openai_responses_builder *b) {
	const struct chat_request *r = b->request;
	const struct {
		const char *name;
		struct slice raw;
	} numbers[] = {{"temperature", r->temperature.raw}, {"top_p", r->top_p.raw}};
	bool is_allowed = build_may_sample(b->request, b->target) || b->is_own;
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
		if (numbers[i].raw.data != NULL && !is_allowed) {
			drop(b, "OR-11", numbers[i].name, "the model refuses it");
		} else {
			put_raw(b, numbers[i].name, numbers[i].raw);
		}
	}
	if (r->has_top_logprobs && is_allowed) {
		json_put_int(&b->w, "top_logprobs", r->top_logprobs);
	} else if (r->logprobs == TRI_TRUE && !is_allowed) {
		drop(b, "OR-11", "logprobs", "the model refuses it");
	}
}

/* OR-10: not in this API; stop sequences are enforced here (E-47). */
static void drop_foreign(struct openai_responses_builder *b) {
	const struct chat_request *r = b->request;
	const struct {
		const char *name;
		bool is_set;
	} fields[] = {
		{"top_k", r->top_k.raw.data != NULL},
		{"min_p", r->min_p.raw.data != NULL},
		{"presence_penalty", r->presence_penalty.raw.data != NULL},
		{"frequency_penalty", r->frequency_penalty.raw.data != NULL},
		{"repetition_penalty", r->repeat_penalty.raw.data != NULL},
		{"seed", r->seed.raw.data != NULL},
		{"logit_bias", r->logit_bias.data != NULL},
		{"n", r->has_n && r->n > 1},
		{"modalities", r->modalities.data != NULL},
		{"audio", r->audio_out.data != NULL},
		{"prediction", r->prediction.data != NULL},
	};
	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
		if (fields[i].is_set) {
			drop(b, "OR-10", fields[i].name, "the Responses API does not know it");
		}
	}
	if (r->stop_count > 0) {
		chat_alter(
			b->losses, "E-47", "stop", "enforced here, the upstream does not take it");
		b->built->stop = r->stop;
		b->built->stop_count = r->stop_count;
	}
}

/* ---- reasoning (OR-8) ---- */

static struct slice asked_effort(const struct chat_reasoning *reasoning) {
	if (reasoning->effort.data != NULL) {
		return reasoning->effort;
	}
	if (reasoning->mode == CHAT_REASONING_OFF) {
		return SLICE("none");
	}
	if (reasoning->has_budget && reasoning->budget_tokens >= 0) {
		return slice_of(model_budget_to_effort(reasoning->budget_tokens));
	}
	return (struct slice){0};
}

/* The effort as the model spells it; absent = none is sent. */
static struct slice chosen_effort(struct openai_responses_builder *b) {
	struct slice effort = asked_effort(&b->request->reasoning);
	bool is_unknown = b->target->family->vendor[0] == '\0';
	if (effort.data == NULL || b->is_own) {
		return effort;
	}
	if (!b->is_reasoning) {
		if (!is_unknown && !slice_is(effort, "none")) {
			drop(b, "OR-8", "reasoning.effort", "the model is not known to reason");
		}
		return is_unknown && !slice_is(effort, "none") ? effort : (struct slice){0};
	}
	const char *known = model_clamp_effort(b->target->family, effort);
	if (known == NULL) {
		drop(b, "OR-8", "reasoning.effort", "the model knows no such effort");
	} else if (!slice_is(effort, known)) {
		chat_alter(b->losses, "OR-8", "reasoning.effort",
			"the nearest effort the model knows");
	}
	return slice_of(known);
}

/* RE-5: who shows thinking gets summaries; an own client asks for them itself. */
static struct slice chosen_summary(const struct openai_responses_builder *b) {
	const struct chat_reasoning *reasoning = &b->request->reasoning;
	if (b->is_own || reasoning->summary.data != NULL) {
		return reasoning->summary;
	}
	bool is_shown =
		b->request->client_format == FORMAT_OPENAI_CHAT ||
		reasoning->include_text == TRI_TRUE ||
		(reasoning->mode != CHAT_REASONING_UNSET && reasoning->mode != CHAT_REASONING_OFF);
	return b->is_reasoning && is_shown && reasoning->mode != CHAT_REASONING_OFF &&
			       reasoning->include_text != TRI_FALSE
		       ? SLICE("auto")
		       : (struct slice){0};
}

static void write_reasoning(struct openai_responses_builder *b) {
	struct slice effort = chosen_effort(b), summary = chosen_summary(b);
	struct slice context = own_ext(b, "reasoning.context"), mode = own_ext(b, "reasoning.mode");
	if (!effort.data && !summary.data && !context.data && !mode.data) {
		return;
	}
	json_write_key(&b->w, "reasoning");
	json_begin_object(&b->w);
	put_text(b, "effort", effort);
	put_text(b, "summary", summary);
	put_raw(b, "context", context);
	put_raw(b, "mode", mode);
	json_end_object(&b->w);
}

/* ---- text (OR-7) ---- */

static void write_schema(
	struct openai_responses_builder *b, const struct chat_response_format *format) {
	static const struct name_rule rule = {"_-", 64};
	bool is_named = name_fits(&rule, format->name);
	json_put_cstr(&b->w, "type", "json_schema");
	json_put_string(&b->w, "name", is_named ? format->name : SLICE("response"));
	put_text(b, "description", format->description);
	put_raw(b, "schema", format->schema);
	if (format->strict != TRI_UNSET || !b->is_own) {
		/* RS-7: absent would mean strict here */
		json_put_bool(&b->w, "strict", format->strict == TRI_TRUE);
	}
}

static void write_format(
	struct openai_responses_builder *b, const struct chat_response_format *format) {
	json_write_key(&b->w, "format");
	json_begin_object(&b->w);
	if (format->kind == CHAT_RESPONSE_JSON_SCHEMA) {
		write_schema(b, format);
	} else {
		json_put_cstr(&b->w, "type",
			format->kind == CHAT_RESPONSE_JSON_OBJECT ? "json_object" : "text");
	}
	json_end_object(&b->w);
}

static void write_text(struct openai_responses_builder *b) {
	const struct chat_request *r = b->request;
	struct slice own_format = own_ext(b, "text.format");
	bool has_format = r->response_format.is_set &&
			  (b->is_own || r->response_format.kind != CHAT_RESPONSE_TEXT);
	if (!has_format && own_format.data == NULL && r->verbosity.data == NULL) {
		return;
	}
	json_write_key(&b->w, "text");
	json_begin_object(&b->w);
	if (has_format) {
		write_format(b, &r->response_format);
	} else {
		put_raw(b, "format", own_format);
	}
	put_text(b, "verbosity", r->verbosity);
	json_end_object(&b->w);
}

/* ---- what is kept, and for whom ---- */

/* OR-8, OR-11 */
static void write_include(struct openai_responses_builder *b) {
	bool wants_logprobs =
		b->request->logprobs == TRI_TRUE && build_may_sample(b->request, b->target);
	bool wants_reasoning = b->is_stateless && b->is_reasoning;
	if (b->is_own) {
		put_raw(b, "include", b->request->include);
	} else if (wants_logprobs || wants_reasoning) {
		json_write_key(&b->w, "include");
		json_begin_array(&b->w);
		if (wants_reasoning) {
			json_write_cstr(&b->w, "reasoning.encrypted_content");
		}
		if (wants_logprobs) {
			json_write_cstr(&b->w, "message.output_text.logprobs");
		}
		json_end_array(&b->w);
	}
}

/* OR-9: nobody could refer to what is stored of a translated request. */
static void write_store(struct openai_responses_builder *b) {
	if (!b->is_own) {
		json_put_bool(&b->w, "store", false);
	} else if (b->request->store != TRI_UNSET) {
		json_put_bool(&b->w, "store", b->request->store == TRI_TRUE);
	}
}

static struct slice service_tier(const struct openai_responses_builder *b) {
	struct slice tier = b->request->service_tier;
	bool is_openai = b->is_own || b->request->client_format == FORMAT_OPENAI_CHAT;
	return is_openai ? tier : build_openai_tier(tier); /* 4.10 */
}

static void write_account_fields(struct openai_responses_builder *b) {
	const struct chat_request *r = b->request;
	bool is_openai = b->is_own || r->client_format == FORMAT_OPENAI_CHAT;
	if (is_openai) { /* as OC-13 */
		put_raw(b, "metadata", r->metadata);
		put_text(b, "user", r->end_user_id);
	} else if (r->metadata.data != NULL || r->end_user_id.data != NULL) {
		drop(b, "OC-13", "metadata", "it may hold ids of the client's user");
	}
	put_text(b, "safety_identifier", r->safety_identifier);
	put_text(b, "prompt_cache_key", r->cache_key);
	struct slice tier = service_tier(b);
	put_text(b, "service_tier", tier);
	if (tier.data == NULL && r->service_tier.data != NULL) {
		drop(b, "4.10", "service_tier", "the upstream has no such tier");
	}
}

static void write_state(struct openai_responses_builder *b) {
	put_text(b, "previous_response_id", b->request->previous_response_id);
	put_text(b, "truncation", b->request->truncation);
}

static void write_stream(struct openai_responses_builder *b) {
	if (!b->target->stream) {
		return;
	}
	json_put_bool(&b->w, "stream", true);
	if (b->request->include_obfuscation != TRI_UNSET) {
		json_write_key(&b->w, "stream_options");
		json_begin_object(&b->w);
		json_put_bool(
			&b->w, "include_obfuscation", b->request->include_obfuscation == TRI_TRUE);
		json_end_object(&b->w);
	}
}

/* IR-1: fields only this dialect knows go back out; those with a dot are parts of others, or what
 * is left of one that was read. */
static void write_ext(struct openai_responses_builder *b) {
	const struct chat_exts *exts = &b->request->ext;
	for (size_t i = 0; i < exts->len; i++) {
		const struct chat_ext *ext = &exts->items[i];
		if (slice_ends_with(ext->name, SLICE("."))) {
			continue;
		}
		if (ext->format != FORMAT_OPENAI_RESPONSES) {
			const char *name = arena_strdup(b->arena, slice_sub(ext->name, 0, 64));
			drop(b, "IR-1", name, "only the client's format knows it");
		} else if (slice_find_byte(ext->name, '.') == SIZE_MAX &&
			   !slice_is(ext->name, "tool_choice") &&
			   own_ext(b, arena_strdup(b->arena, ext->name)).data == ext->json.data) {
			json_write_key_slice(&b->w, ext->name);
			json_write_raw(&b->w, ext->json);
		}
	}
}

/* The fields behind the model, in a fixed order (E-80); a count takes the first ones alone. */
static const struct {
	const char *rules;
	void (*write)(struct openai_responses_builder *b);
	bool is_counted;
} passes[] = {
	{"OR-1..OR-5", openai_responses_build_input, true},
	{"OR-10, 4.3, IR-14", openai_responses_build_tools, true},
	{"OR-8", write_reasoning, true},
	{"OR-7", write_text, true},
	{"RS-3", write_state, true},
	{"OR-6", write_max_tokens, false},
	{"OR-11", write_sampling, false},
	{"OR-10, E-47", drop_foreign, false},
	{"OR-8, OR-11", write_include, false},
	{"OR-9", write_store, false},
	{"OC-13, 4.10", write_account_fields, false},
	{"IR-1", write_ext, false},
	{"2.3", write_stream, false},
};

/* The ChatGPT flavour: the body is built as for everybody, then changed. */
static bool make_codex(struct openai_responses_builder *b) {
	size_t total = buf_total(&b->built->body);
	char *flat = arena_try_alloc(b->arena, total + 1);
	if (flat == NULL) {
		return error_set(
			b->error, ERROR_TOO_LARGE, "the request for the upstream is too large");
	}
	buf_copy_out(&b->built->body, 0, flat, total);
	const struct json *tree = json_parse(b->arena, slice_make(flat, total), NULL, b->error);
	buf_finish(&b->built->body);
	b->built->body.allow_refs = true;
	return tree != NULL &&
	       openai_responses_codex_body(tree, b->target, b->arena, &b->built->body, b->error);
}

bool openai_responses_build_request(const struct chat_request *request,
	const struct format_target *target, struct format_built *built, struct chat_losses *losses,
	struct error *error) {
	struct openai_responses_builder b = {
		.request = request,
		.target = target,
		.built = built,
		.losses = losses,
		.error = error,
		.arena = request->arena,
		.is_own = request->client_format == FORMAT_OPENAI_RESPONSES,
		.is_reasoning = model_has(target->family, MODEL_IS_REASONING),
	};
	b.is_stateless =
		!b.is_own || request->store == TRI_FALSE || (target->quirks & QUIRK_CODEX) != 0;
	built->body.allow_refs = true;
	json_writer_init(&b.w, &built->body, false);
	json_begin_object(&b.w);
	json_put_string(&b.w, "model", target->model);
	for (size_t i = 0; i < sizeof passes / sizeof *passes; i++) {
		if (passes[i].is_counted || request->op != CHAT_OP_COUNT) {
			passes[i].write(&b);
		}
	}
	json_end_object(&b.w);
	if (!b.has_failed && built->body.failed) {
		b.has_failed = true;
		error_set(error, ERROR_TOO_LARGE, "the request for the upstream is too large");
	}
	bool is_codex = (target->quirks & QUIRK_CODEX) && request->op == CHAT_OP_CHAT;
	return !b.has_failed && (!is_codex || make_codex(&b));
}
