/* gemini_answer.c: pieces of a Gemini answer, which whole answers and streams share
 * (formats.md 2.5, 4.1, 4.4, E-94). */
#include "formats/gemini.h"
#include "formats/json_repair.h"

/* ---- usage ---- */

static int64_t known(int64_t count) {
	return count > 0 ? count : 0;
}

static void put_positive(struct json_writer *w, const char *key, int64_t value) {
	if (value > 0) {
		json_put_int(w, key, value);
	}
}

void gemini_put_usage(struct json_writer *w, const struct chat_usage *usage, int64_t input_estimate,
	int64_t output_estimate) {
	int64_t input = chat_usage_input_total(usage), tools = known(usage->tool_use_prompt);
	int64_t prompt = input >= 0 ? input - tools : input_estimate;
	int64_t output = usage->output_total >= 0 ? usage->output_total : output_estimate;
	int64_t thoughts = known(usage->reasoning);
	json_write_key(w, "usageMetadata");
	json_begin_object(w);
	json_put_int(w, "promptTokenCount", prompt);
	if (output >= 0) { /* early chunks do not count the answer yet */
		json_put_int(w, "candidatesTokenCount", output > thoughts ? output - thoughts : 0);
	}
	json_put_int(w, "totalTokenCount", prompt + tools + known(output));
	put_positive(w, "thoughtsTokenCount", thoughts);
	put_positive(w, "cachedContentTokenCount", usage->cache_read);
	put_positive(w, "toolUsePromptTokenCount", tools);
	json_end_object(w);
}

/* ---- finish ---- */

const char *gemini_finish_word(enum chat_finish_reason reason, struct slice native) {
	static const char *const words[CHAT_FINISH_COUNT] = {
		[CHAT_FINISH_STOP] = "STOP",
		[CHAT_FINISH_STOP_SEQUENCE] = "STOP",
		[CHAT_FINISH_LENGTH] = "MAX_TOKENS",
		[CHAT_FINISH_TOOL_CALLS] = "STOP",
		[CHAT_FINISH_CONTENT_FILTER] = "SAFETY",
		[CHAT_FINISH_REFUSAL] = "SAFETY",
		[CHAT_FINISH_PAUSE] = "STOP",
		[CHAT_FINISH_OTHER] = "OTHER",
	};
	static const char *const filters[] = {"RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT",
		"SPII", "IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION", "LANGUAGE"};
	for (size_t i = 0; i < sizeof filters / sizeof *filters; i++) {
		if (reason == CHAT_FINISH_CONTENT_FILTER && slice_is(native, filters[i])) {
			return filters[i];
		}
	}
	return words[reason];
}

void gemini_put_blocked(struct json_writer *w, struct slice native, struct slice message) {
	static const char *const reasons[] = {
		"OTHER", "BLOCKLIST", "PROHIBITED_CONTENT", "IMAGE_SAFETY"};
	const char *reason = "SAFETY";
	for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++) {
		reason = slice_is(native, reasons[i]) ? reasons[i] : reason;
	}
	json_write_key(w, "promptFeedback");
	json_begin_object(w);
	json_put_cstr(w, "blockReason", reason);
	if (message.len > 0) {
		json_put_string(w, "blockReasonMessage", message);
	}
	json_end_object(w);
}

/* ---- parts ---- */

void gemini_put_text(
	struct json_writer *w, struct slice text, bool is_thought, struct slice signature) {
	json_begin_object(w);
	json_put_string(w, "text", text);
	if (is_thought) {
		json_put_bool(w, "thought", true);
	}
	if (signature.len > 0) {
		json_put_string(w, "thoughtSignature", signature);
	}
	json_end_object(w);
}

void gemini_put_call(struct json_writer *w, struct arena *arena, struct slice id, struct slice name,
	struct slice args, struct slice signature) {
	json_begin_object(w);
	json_write_key(w, "functionCall");
	json_begin_object(w);
	if (id.len > 0) {
		json_put_string(w, "id", id);
	}
	json_put_string(w, "name", name);
	json_put_raw(w, "args", json_repair_object(arena, args));
	json_end_object(w);
	if (signature.len > 0) {
		json_put_string(w, "thoughtSignature", signature);
	}
	json_end_object(w);
}

void gemini_put_image(struct json_writer *w, struct slice media_type, struct slice data) {
	bool is_data = media_type.data != NULL;
	json_begin_object(w);
	json_write_key(w, is_data ? "inlineData" : "fileData");
	json_begin_object(w);
	if (is_data) {
		json_put_string(w, "mimeType", media_type);
	}
	json_put_string(w, is_data ? "data" : "fileUri", data);
	json_end_object(w);
	json_end_object(w);
}

/* ---- sources ---- */

void gemini_add_source(struct gemini_sources *sources, struct arena *arena, struct slice citation,
	int64_t begin, int64_t end) {
	struct arena scratch;
	arena_init(&scratch, NULL, 0);
	const struct json *tree = json_parse(&scratch, citation, NULL, NULL);
	const struct json *own = json_get_value(tree, "url_citation"); /* cc's shape */
	const struct json *url = json_get_value(own ? own : tree, "url");
	const struct json *title = json_get_value(own ? own : tree, "title");
	if (json_is(url, JSON_STRING)) {
		struct gemini_source *source = ARENA_PUSH(arena, sources);
		source->url = arena_dup(arena, json_raw(url));
		source->title = json_is(title, JSON_STRING) ? arena_dup(arena, json_raw(title))
							    : SLICE("\"\"");
		source->begin = begin;
		source->end = end;
	}
	arena_finish(&scratch);
}

void gemini_put_sources(struct json_writer *w, const struct gemini_sources *sources) {
	if (sources->len == 0) {
		return;
	}
	json_write_key(w, "groundingMetadata");
	json_begin_object(w);
	json_write_key(w, "groundingChunks");
	json_begin_array(w);
	for (size_t i = 0; i < sources->len; i++) {
		json_begin_object(w);
		json_write_key(w, "web");
		json_begin_object(w);
		json_put_raw(w, "uri", sources->items[i].url);
		json_put_raw(w, "title", sources->items[i].title);
		json_end_object(w);
		json_end_object(w);
	}
	json_end_array(w);
	json_write_key(w, "groundingSupports");
	json_begin_array(w);
	for (size_t i = 0; i < sources->len; i++) {
		json_begin_object(w);
		json_write_key(w, "segment");
		json_begin_object(w);
		json_put_int(w, "startIndex", sources->items[i].begin);
		json_put_int(w, "endIndex", sources->items[i].end);
		json_end_object(w);
		json_write_key(w, "groundingChunkIndices");
		json_begin_array(w);
		json_write_uint(w, i);
		json_end_array(w);
		json_end_object(w);
	}
	json_end_array(w);
	json_end_object(w);
}

/* ---- log probabilities (E-94) ---- */

static void put_cc_token(struct json_writer *w, struct arena *arena, const struct json *chosen) {
	struct slice token = json_string(json_get(chosen, "token"), arena);
	const struct json *probability = json_get(chosen, "logProbability");
	json_put_string(w, "token", token);
	json_put_raw(w, "logprob",
		json_is(probability, JSON_NUMBER) ? json_raw(probability) : SLICE("0"));
	json_write_key(w, "bytes");
	json_begin_array(w);
	for (size_t i = 0; i < token.len; i++) {
		json_write_int(w, (unsigned char)token.data[i]);
	}
	json_end_array(w);
}

bool gemini_read_logprobs(const struct json *result, struct buf *out) {
	const struct json *chosen = json_get(result, "chosenCandidates");
	const struct json *top = json_first(json_get(result, "topCandidates"));
	struct arena arena;
	struct json_writer w;
	if (json_first(chosen) == NULL) {
		return false;
	}
	arena_init(&arena, NULL, 0);
	json_writer_init(&w, out, false);
	json_begin_object(&w);
	json_write_key(&w, "content");
	json_begin_array(&w);
	json_each (token, chosen) {
		json_begin_object(&w);
		put_cc_token(&w, &arena, token);
		json_write_key(&w, "top_logprobs");
		json_begin_array(&w);
		json_each (other, json_get(top, "candidates")) {
			json_begin_object(&w);
			put_cc_token(&w, &arena, other);
			json_end_object(&w);
		}
		json_end_array(&w);
		json_end_object(&w);
		top = top ? top->next : NULL;
	}
	json_end_array(&w);
	json_end_object(&w);
	arena_finish(&arena);
	return true;
}

static void put_token(struct json_writer *w, const struct json *entry) {
	const struct json *token = json_get(entry, "token"), *value = json_get(entry, "logprob");
	json_begin_object(w);
	json_put_raw(w, "token", json_is(token, JSON_STRING) ? json_raw(token) : SLICE("\"\""));
	json_put_raw(
		w, "logProbability", json_is(value, JSON_NUMBER) ? json_raw(value) : SLICE("0"));
	json_end_object(w);
}

void gemini_put_logprobs(struct json_writer *w, struct arena *arena, struct slice entries) {
	struct slice text = arena_printf(arena, "[%.*s]", SLICE_FMT(entries));
	const struct json *list = json_parse(arena, text, NULL, NULL);
	if (json_first(list) == NULL) {
		return;
	}
	json_write_key(w, "logprobsResult");
	json_begin_object(w);
	json_write_key(w, "topCandidates");
	json_begin_array(w);
	json_each (entry, list) {
		json_begin_object(w);
		json_write_key(w, "candidates");
		json_begin_array(w);
		json_each (other, json_get(entry, "top_logprobs")) {
			put_token(w, other);
		}
		json_end_array(w);
		json_end_object(w);
	}
	json_end_array(w);
	json_write_key(w, "chosenCandidates");
	json_begin_array(w);
	json_each (entry, list) {
		put_token(w, entry);
	}
	json_end_array(w);
	json_end_object(w);
}
