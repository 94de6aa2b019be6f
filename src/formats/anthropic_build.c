/* anthropic_build.c: the canonical request into a Messages request (formats.md 3.2): turns,
 * choices, then the body. */
#include "formats/anthropic.h"

/* ---- system, messages ---- */

static void put_system(struct anthropic_build *b, struct json_writer *w) {
	size_t count = 0;
	const struct chat_part *last = NULL;
	for (size_t i = 0; i < b->system.len; i++) {
		if (b->system.items[i].text.len > 0) {
			last = &b->system.items[i];
			count++;
		}
	}
	if (count == 0) {
		return;
	}
	json_write_key(w, "system");
	if (count == 1 && !last->cache.is_set &&
		(!b->is_same_format || b->request->system_is_string)) {
		json_write_string(w, last->text);
		return;
	}
	json_begin_array(w);
	for (size_t i = 0; i < b->system.len; i++) {
		if (b->system.items[i].text.len > 0) {
			anthropic_put_text(w, b->system.items[i].text, &b->system.items[i]);
		}
	}
	json_end_array(w);
}

static bool put_messages(struct anthropic_build *b, struct json_writer *w) {
	static const char *const roles[] = {"user", "assistant", "system"};
	json_write_key(w, "messages");
	json_begin_array(w);
	for (size_t t = 0; t < b->turns.len; t++) {
		const struct turn *turn = &b->turns.items[t];
		const struct chat_part *first = &turn->parts.items[0];
		json_begin_object(w);
		json_put_cstr(w, "role", roles[turn->role]);
		json_write_key(w, "content");
		if (turn->parts.len == 1 && first->kind == CHAT_PART_TEXT && !first->cache.is_set &&
			!first->citations.data && first->ext.len == 0) {
			json_write_string(w, first->text);
		} else {
			json_begin_array(w);
			for (size_t i = 0; i < turn->parts.len; i++) {
				if (!anthropic_put_part(b, w, &turn->parts.items[i])) {
					return false;
				}
			}
			json_end_array(w);
		}
		json_end_object(w);
	}
	json_end_array(w);
	return true;
}

/* ---- the rest of the top level ---- */

/* AN-18, AN-19 */
static void put_sampling(struct anthropic_build *b, struct json_writer *w) {
	const struct chat_request *r = b->request;
	const struct model_family *family = b->target->family;
	struct chat_number temperature = r->temperature, top_p = r->top_p, top_k = r->top_k;
	if (model_has(family, MODEL_REFUSES_SAMPLING)) {
		if (temperature.raw.data || top_p.raw.data || top_k.raw.data) {
			chat_drop(b->losses, "AN-19", "temperature, top_p, top_k",
				"the model refuses sampling");
		}
		return;
	}
	if (anthropic_is_thinking(b)) {
		if (temperature.raw.data && temperature.value != 1) {
			chat_drop(b->losses, "AN-18", "temperature", "thinking needs the default");
			temperature.raw = (struct slice){0};
		}
		if (top_k.raw.data) {
			chat_drop(b->losses, "AN-18", "top_k", "not with thinking");
			top_k.raw = (struct slice){0};
		}
		if (top_p.raw.data && top_p.value < 0.95) {
			chat_drop(b->losses, "AN-18", "top_p", "thinking needs at least 0.95");
			top_p.raw = (struct slice){0};
		}
	}
	if (temperature.raw.data && (temperature.value > 1 || temperature.value < 0)) {
		chat_alter(b->losses, "AN-19", "temperature", "clamped to 0..1");
		temperature.raw = temperature.value > 1 ? SLICE("1") : SLICE("0");
	}
	if (temperature.raw.data && top_p.raw.data &&
		model_has(family, MODEL_ONE_OF_TEMPERATURE_TOP_P)) {
		chat_drop(b->losses, "AN-19", "top_p", "not together with temperature");
		top_p.raw = (struct slice){0};
	}
	if (temperature.raw.data) {
		json_put_raw(w, "temperature", temperature.raw);
	}
	if (top_p.raw.data) {
		json_put_raw(w, "top_p", top_p.raw);
	}
	if (top_k.raw.data) {
		json_put_raw(w, "top_k", top_k.raw);
	}
}

static void put_stop(struct anthropic_build *b, struct json_writer *w) {
	const struct chat_request *r = b->request;
	size_t kept = 0;
	for (size_t i = 0; i < r->stop_count; i++) {
		kept += slice_trim(r->stop[i]).len > 0;
	}
	if (kept < r->stop_count) {
		chat_drop(b->losses, "AN-27", "stop", "white space is no stop sequence here");
	}
	if (kept == 0) {
		return;
	}
	json_write_key(w, "stop_sequences");
	json_begin_array(w);
	for (size_t i = 0; i < r->stop_count; i++) {
		if (slice_trim(r->stop[i]).len > 0) {
			json_write_string(w, r->stop[i]);
		}
	}
	json_end_array(w);
}

static void put_thinking_config(struct anthropic_build *b, struct json_writer *w) {
	static const char *const types[] = {
		[CHAT_REASONING_OFF] = "disabled",
		[CHAT_REASONING_ON] = "enabled",
		[CHAT_REASONING_ADAPTIVE] = "adaptive",
		[CHAT_REASONING_BETWEEN_TOOLS] = "between_tools",
	};
	const struct chat_reasoning *r = &b->reasoning;
	if (r->mode == CHAT_REASONING_UNSET) {
		return;
	}
	json_write_key(w, "thinking");
	json_begin_object(w);
	json_put_cstr(w, "type", types[r->mode]);
	if (r->mode == CHAT_REASONING_ON) {
		json_put_int(w, "budget_tokens", r->budget_tokens);
	}
	if (r->display.data && anthropic_is_thinking(b)) {
		json_put_string(w, "display", r->display);
	}
	json_end_object(w);
}

static void put_output_config(struct anthropic_build *b, struct json_writer *w) {
	const struct chat_response_format *format = &b->request->response_format;
	bool has_format =
		format->is_set && format->kind == CHAT_RESPONSE_JSON_SCHEMA &&
		(b->is_same_format || model_has(b->target->family, MODEL_HAS_STRUCTURED_OUTPUT));
	struct slice effort = b->has_effort ? slice_of(b->effort) : (struct slice){0};
	if (b->is_own_reasoning && b->request->reasoning.effort.data) {
		effort = b->request->reasoning.effort;
	}
	if (!has_format && !effort.data) {
		return;
	}
	json_write_key(w, "output_config");
	json_begin_object(w);
	if (effort.data) {
		json_put_string(w, "effort", effort);
	}
	if (has_format) {
		json_write_key(w, "format");
		json_begin_object(w);
		json_put_cstr(w, "type", "json_schema");
		json_put_raw(w, "schema",
			b->is_same_format ? format->schema
					  : anthropic_output_schema(b, format->schema));
		json_end_object(w);
	}
	json_end_object(w);
}

/* AN-25 */
static void put_metadata(struct anthropic_build *b, struct json_writer *w) {
	const struct chat_request *r = b->request;
	if (b->is_same_format && r->metadata.data) {
		json_put_raw(w, "metadata", r->metadata);
	} else if (r->end_user_id.len > 0) {
		json_write_key(w, "metadata");
		json_begin_object(w);
		json_put_string(w, "user_id", r->end_user_id);
		json_end_object(w);
	}
	if (!r->service_tier.data) {
		return;
	}
	if (b->is_same_format) {
		json_put_string(w, "service_tier", r->service_tier);
	} else if (slice_is(r->service_tier, "auto")) {
		json_put_cstr(w, "service_tier", "auto");
	} else if (slice_is(r->service_tier, "default")) {
		json_put_cstr(w, "service_tier", "standard_only");
	} else {
		chat_drop(b->losses, "AN-25", "service_tier", "no such tier here");
	}
}

/* ---- what is left behind ---- */

static void note_dropped(struct anthropic_build *b) {
	const struct chat_request *r = b->request;
	const struct {
		bool is_there;
		const char *field;
	} fields[] = {
		{r->presence_penalty.raw.data != NULL, "presence_penalty"},
		{r->frequency_penalty.raw.data != NULL, "frequency_penalty"},
		{r->repeat_penalty.raw.data != NULL, "repetition_penalty"},
		{r->min_p.raw.data != NULL, "min_p"},
		{r->seed.raw.data != NULL, "seed"},
		{r->logit_bias.data != NULL, "logit_bias"},
		{r->logprobs == TRI_TRUE, "logprobs"},
		{r->has_top_logprobs, "top_logprobs"},
		{r->verbosity.data != NULL, "verbosity"},
		{r->prediction.data != NULL, "prediction"},
		{r->store == TRI_TRUE, "store"},
		{r->modalities.data != NULL, "modalities"},
		{r->audio_out.data != NULL, "audio"},
		{r->safety_identifier.data != NULL, "safety_identifier"},
		{r->cache_key.data != NULL, "prompt_cache_key"},
		{r->metadata.data != NULL && !b->is_same_format, "metadata"},
	};
	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
		if (fields[i].is_there) {
			chat_drop(b->losses, "AN-19", fields[i].field,
				"the Messages API has no such field");
		}
	}
	for (size_t i = 0; i < r->ext.len; i++) {
		if (r->ext.items[i].format != FORMAT_ANTHROPIC) {
			chat_drop(b->losses, "IR-1", arena_strdup(b->arena, r->ext.items[i].name),
				"only the client's own API knows it");
		}
	}
}

/* Top-level extras; dotted names belong to objects that are written elsewhere. */
static void put_top_exts(struct anthropic_build *b, struct json_writer *w) {
	for (size_t i = 0; i < b->request->ext.len; i++) {
		const struct chat_ext *ext = &b->request->ext.items[i];
		if (ext->format == FORMAT_ANTHROPIC &&
			slice_find_byte(ext->name, '.') == SIZE_MAX) {
			json_write_key_slice(w, ext->name);
			json_write_raw(w, ext->json);
		}
	}
}

static bool write_body(struct anthropic_build *b) {
	struct json_writer w;
	json_writer_init(&w, &b->built->body, false);
	json_begin_object(&w);
	json_put_string(&w, "model", b->target->model);
	if (b->request->op == CHAT_OP_CHAT) {
		json_put_int(&w, "max_tokens", b->max_tokens);
	}
	put_system(b, &w);
	if (!put_messages(b, &w)) {
		return false;
	}
	anthropic_put_tools(b, &w);
	put_thinking_config(b, &w);
	put_output_config(b, &w);
	if (b->request->op == CHAT_OP_CHAT) {
		put_sampling(b, &w);
		put_stop(b, &w);
		put_metadata(b, &w);
		put_top_exts(b, &w);
		if (b->target->stream) {
			json_put_bool(&w, "stream", true);
		}
	}
	json_end_object(&w);
	return !b->built->body.failed ||
	       error_set(b->error, ERROR_TOO_LARGE, "the request for the upstream is too large");
}

bool anthropic_build_request(const struct chat_request *request, const struct format_target *target,
	struct format_built *built, struct chat_losses *losses, struct error *error) {
	struct anthropic_build b = {
		.request = request,
		.target = target,
		.built = built,
		.losses = losses,
		.error = error,
		.arena = request->arena,
		.is_same_format = request->client_format == FORMAT_ANTHROPIC,
		.is_own_reasoning =
			request->client_format == FORMAT_ANTHROPIC && !request->is_overridden,
		.system = {0},
	};
	if (!anthropic_check_request(&b)) {
		return false;
	}
	for (size_t i = 0; i < request->system.len; i++) {
		*ARENA_PUSH(b.arena, &b.system) = request->system.items[i];
	}
	built->body.allow_refs = true;
	built->betas = request->betas;
	built->beta_count = b.is_same_format ? request->beta_count : 0;
	anthropic_reserve_names(&b);
	anthropic_make_turns(&b);
	anthropic_choose(&b);
	note_dropped(&b);
	return write_body(&b);
}
