/* gemini_config.c: the "generationConfig" of a Gemini request (formats.md 3.3, GM-14..GM-18). */
#include "formats/gemini.h"
#include "formats/schema_openapi.h"

#define MAX_STOPS 5
#define MAX_LOGPROBS 20

/* ---- sampling ---- */

static void put_number(struct json_writer *w, const char *key, const struct chat_number *number) {
	if (number->raw.data != NULL) {
		json_put_raw(w, key, number->raw);
	}
}

static void put_penalties(struct gemini_build *b, struct json_writer *w) {
	const struct chat_request *r = b->request;
	if (!model_has(b->target->family, MODEL_REFUSES_PENALTIES)) {
		put_number(w, "presencePenalty", &r->presence_penalty);
		put_number(w, "frequencyPenalty", &r->frequency_penalty);
		return;
	}
	if (r->presence_penalty.raw.data) {
		chat_drop(b->losses, "GM-16", "presence_penalty", "the model refuses penalties");
	}
	if (r->frequency_penalty.raw.data) {
		chat_drop(b->losses, "GM-16", "frequency_penalty", "the model refuses penalties");
	}
}

static void put_sampling(struct gemini_build *b, struct json_writer *w) {
	const struct chat_request *r = b->request;
	struct chat_number top_k = r->top_k, seed = r->seed;
	if (top_k.raw.data && top_k.value < 1) {
		chat_drop(b->losses, "GM-16", "top_k", "no limit is said by leaving it out");
		top_k.raw = (struct slice){0};
	}
	if (seed.raw.data && (seed.value < INT32_MIN || seed.value > INT32_MAX ||
				     seed.value != (double)(int64_t)seed.value)) {
		chat_drop(b->losses, "GM-16", "seed", "not a number of 32 bits");
		seed.raw = (struct slice){0};
	}
	put_number(w, "temperature", &r->temperature);
	put_number(w, "topP", &r->top_p);
	put_number(w, "topK", &top_k);
	put_penalties(b, w);
	put_number(w, "seed", &seed);
	if (r->has_n && (r->n > 1 || b->is_same_format)) {
		json_put_int(w, "candidateCount", r->n);
	}
}

static void put_max_tokens(struct gemini_build *b, struct json_writer *w) {
	int64_t most = b->target->family->max_output_tokens, asked = b->request->max_output_tokens;
	if (!b->request->has_max_output_tokens) {
		return;
	}
	if (most > 0 && asked > most) {
		chat_alter(b->losses, "GM-15", "max_tokens", "lowered to the model's maximum");
		asked = most;
	}
	json_put_int(w, "maxOutputTokens", asked > 0 ? asked : 1);
}

/* GM-16: five, none of them empty; the rest is enforced here (E-47). */
static void put_stops(struct gemini_build *b, struct json_writer *w) {
	const struct chat_request *r = b->request;
	size_t sent = 0;
	for (size_t i = 0; i < r->stop_count; i++) {
		if (r->stop[i].len == 0) {
			continue;
		}
		if (sent == MAX_STOPS) {
			if (b->built->stop == NULL) {
				b->built->stop = ARENA_ARRAY(b->arena, struct slice, r->stop_count);
			}
			b->built->stop[b->built->stop_count++] = r->stop[i];
			continue;
		}
		if (sent++ == 0) {
			json_write_key(w, "stopSequences");
			json_begin_array(w);
		}
		json_write_string(w, r->stop[i]);
	}
	if (sent > 0) {
		json_end_array(w);
	}
}

static void put_logprobs(struct gemini_build *b, struct json_writer *w) {
	const struct chat_request *r = b->request;
	int64_t top = r->top_logprobs > MAX_LOGPROBS ? MAX_LOGPROBS : r->top_logprobs;
	if (r->logprobs != TRI_TRUE) {
		return;
	}
	json_put_bool(w, "responseLogprobs", true);
	if (r->has_top_logprobs) {
		json_put_int(w, "logprobs", top);
	}
}

/* ---- structured output (GM-17) ---- */

static void put_output(struct gemini_build *b, struct json_writer *w) {
	const struct chat_response_format *format = &b->request->response_format;
	struct slice own_type =
		chat_ext_get(&b->request->ext, FORMAT_GEMINI, "generationConfig.responseMimeType");
	if (!format->is_set || format->kind == CHAT_RESPONSE_TEXT || b->schema_as_text) {
		return;
	}
	if (!b->is_same_format || own_type.data == NULL) {
		json_put_cstr(w, "responseMimeType", "application/json");
	}
	if (format->kind != CHAT_RESPONSE_JSON_SCHEMA || format->schema.data == NULL) {
		return;
	}
	if (b->is_same_format && format->openapi.data != NULL) {
		json_put_raw(w, "responseSchema", format->openapi);
		return;
	}
	bool is_old = model_has(b->target->family, MODEL_WANTS_OPENAPI);
	struct slice schema = is_old ? schema_to_openapi(b->arena, format->schema, false)
				     : schema_for_gemini(b->arena, format->schema, false);
	if (schema.data != NULL) {
		json_put_raw(w, is_old ? "responseSchema" : "responseJsonSchema", schema);
	}
}

/* ---- thinking (GM-14) ---- */

static void put_thinking(struct gemini_build *b, struct json_writer *w) {
	if (!b->thinking.is_set) {
		return;
	}
	json_write_key(w, "thinkingConfig");
	json_begin_object(w);
	if (b->thinking.level != NULL) {
		json_put_cstr(w, "thinkingLevel", b->thinking.level);
	} else if (b->thinking.has_budget) {
		json_put_int(w, "thinkingBudget", b->thinking.budget_tokens);
	}
	if (b->thinking.shows_thoughts) {
		json_put_bool(w, "includeThoughts", true);
	}
	json_end_object(w);
}

/* ---- media ---- */

/* cc's ["text", "audio"] in this API's letters. */
static void put_modalities(struct gemini_build *b, struct json_writer *w) {
	static const struct {
		const char *theirs, *ours;
	} words[] = {{"text", "TEXT"}, {"image", "IMAGE"}, {"audio", "AUDIO"}};
	const struct json *list = b->request->modalities.data
					  ? json_parse(b->arena, b->request->modalities, NULL, NULL)
					  : NULL;
	bool is_text_alone = json_is(list, JSON_ARRAY) && list->count == 1 &&
			     json_string_is(list->child, "text");
	if (!json_is(list, JSON_ARRAY) || list->count == 0 || is_text_alone) {
		return;
	}
	json_write_key(w, "responseModalities");
	json_begin_array(w);
	json_each (item, list) {
		for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
			if (json_string_is(item, words[i].theirs)) {
				json_write_cstr(w, words[i].ours);
			}
		}
	}
	json_end_array(w);
}

/* 4.9: one level for the request; the highest that was asked for. */
static void put_media_resolution(struct gemini_build *b, struct json_writer *w) {
	bool is_low = false, is_other = false, is_high = false;
	for (size_t t = 0; t < b->turns.len; t++) {
		const struct chat_parts *parts = &b->turns.items[t].parts;
		for (size_t i = 0; i < parts->len; i++) {
			struct slice detail = parts->items[i].detail;
			if (parts->items[i].kind == CHAT_PART_IMAGE) {
				is_low |= slice_is(detail, "low");
				is_high |= slice_is(detail, "high") || slice_is(detail, "original");
				is_other |= detail.len == 0 || slice_is(detail, "auto");
			}
		}
	}
	if (is_high) {
		json_put_cstr(w, "mediaResolution", "MEDIA_RESOLUTION_HIGH");
	} else if (is_low && !is_other) {
		json_put_cstr(w, "mediaResolution", "MEDIA_RESOLUTION_LOW");
	}
}

/* ---- the whole ---- */

/* What else the client's object held, for its own API. */
static void put_exts(struct gemini_build *b, struct json_writer *w) {
	static const struct slice prefix = SLICE_INIT("generationConfig.");
	for (size_t i = 0; i < b->request->ext.len && b->is_same_format; i++) {
		const struct chat_ext *ext = &b->request->ext.items[i];
		struct slice name = slice_from(ext->name, prefix.len);
		if (ext->format == FORMAT_GEMINI && slice_starts_with(ext->name, prefix) &&
			slice_find_byte(name, '.') == SIZE_MAX) {
			json_write_key_slice(w, name);
			json_write_raw(w, ext->json);
		}
	}
}

void gemini_put_config(struct gemini_build *b, struct json_writer *w) {
	struct buf config;
	struct json_writer inner;
	buf_init(&config, 0);
	json_writer_init(&inner, &config, false);
	json_begin_object(&inner);
	put_sampling(b, &inner);
	put_max_tokens(b, &inner);
	put_stops(b, &inner);
	put_logprobs(b, &inner);
	put_output(b, &inner);
	put_thinking(b, &inner);
	put_modalities(b, &inner);
	put_media_resolution(b, &inner);
	put_exts(b, &inner);
	json_end_object(&inner);
	if (config.len > strlen("{}")) {
		json_put_raw(w, "generationConfig", arena_dup(b->arena, buf_slice(&config)));
	}
	buf_finish(&config);
}
