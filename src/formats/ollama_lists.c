/* ollama_lists.c: the models of this gateway as an Ollama server tells of its own (OL-8, OL-9).
 * What a remote model does not have (a file, its digest, a quantization) gets stable values. */
#include <stdio.h>

#include "base/clock.h"
#include "base/encoding.h"
#include "formats/ollama_internal.h"

#define DEFAULT_CONTEXT_TOKENS 128000
#define DEFAULT_OUTPUT_TOKENS 16384
#define ARCHITECTURE_MAX 32

/* Editors look the model's context length up under this word: what the name begins with. */
static struct slice architecture_of(struct slice id, char text[ARCHITECTURE_MAX]) {
	size_t len = 0;
	for (size_t i = id.len; i > 0; i--) {
		if (id.data[i - 1] == '/') {
			id = slice_from(id, i);
			break;
		}
	}
	for (size_t i = 0; i < id.len && len < ARCHITECTURE_MAX; i++) {
		char byte = id.data[i];
		char low = byte >= 'A' && byte <= 'Z' ? (char)(byte - 'A' + 'a') : byte;
		if (low < 'a' || low > 'z') {
			break;
		}
		text[len++] = low;
	}
	return len > 0 ? slice_make(text, len) : SLICE("llama");
}

/* Names have a tag: "gpt-5:latest". */
static void put_name(struct json_writer *w, const char *key, struct slice id) {
	json_write_key(w, key);
	json_begin_string(w);
	json_write_string_part(w, id);
	if (slice_find_byte(id, ':') == SIZE_MAX) {
		json_write_string_part(w, SLICE(OLLAMA_DEFAULT_TAG));
	}
	json_end_string(w);
}

static void put_time(struct json_writer *w, const char *key, int64_t seconds) {
	char text[CLOCK_TEXT_MAX];
	clock_format_rfc3339(seconds * 1000, text);
	json_put_cstr(w, key, text);
}

static void put_details(struct json_writer *w, struct slice architecture) {
	json_write_key(w, "details");
	json_begin_object(w);
	json_put_cstr(w, "parent_model", "");
	json_put_cstr(w, "format", "gguf");
	json_put_string(w, "family", architecture);
	json_write_key(w, "families");
	json_begin_array(w);
	json_write_string(w, architecture);
	json_end_array(w);
	json_put_cstr(w, "parameter_size", "0B");
	json_put_cstr(w, "quantization_level", "Q4_0");
	json_end_object(w);
}

/* Nothing is known of many models: they are taken for what most are. */
static void put_capabilities(struct json_writer *w, const struct format_model *model) {
	static const struct {
		uint32_t capability;
		const char *word;
	} words[] = {
		{MODEL_CAN_CHAT, "completion"},
		{MODEL_CALLS_TOOLS, "tools"},
		{MODEL_SEES_IMAGES, "vision"},
		{MODEL_THINKS, "thinking"},
		{MODEL_EMBEDS, "embedding"},
	};
	uint32_t capabilities = model->capabilities != 0
					? model->capabilities
					: (uint32_t)(MODEL_CAN_CHAT | MODEL_CALLS_TOOLS);
	json_write_key(w, "capabilities");
	json_begin_array(w);
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		if ((capabilities & words[i].capability) != 0) {
			json_write_cstr(w, words[i].word);
		}
	}
	json_end_array(w);
}

static void write_tag(struct json_writer *w, const struct format_model *model) {
	char text[ARCHITECTURE_MAX], digest[2 * SHA256_LEN + 1];
	uint8_t hash[SHA256_LEN];
	sha256(model->id, hash);
	hex_encode(hash, sizeof hash, digest);
	json_begin_object(w);
	put_name(w, "name", model->id);
	put_name(w, "model", model->id);
	put_time(w, "modified_at", model->created_s);
	json_put_int(w, "size", 0);
	json_put_cstr(w, "digest", digest);
	put_details(w, architecture_of(model->id, text));
	put_capabilities(w, model);
	json_end_object(w);
}

bool ollama_parse_tags(struct slice body, struct arena *arena, struct slice **ids, size_t *count) {
	const struct json *list = json_get(json_parse(arena, body, NULL, NULL), "models");
	if (!json_is(list, JSON_ARRAY)) {
		return false;
	}
	*count = 0;
	*ids = ARENA_ARRAY(arena, struct slice, list->count + 1);
	json_each (item, list) {
		const struct json *model = json_get_value(item, "model");
		struct slice id = json_string(model ? model : json_get(item, "name"), arena);
		if (id.len > 0) {
			(*ids)[(*count)++] = arena_dup(arena, id);
		}
	}
	return true;
}

void ollama_encode_tags(const struct format_list *list, struct buf *out) {
	struct json_writer w;
	json_writer_init(&w, out, false);
	json_begin_object(&w);
	json_write_key(&w, "models");
	json_begin_array(&w);
	for (size_t i = 0; i < list->count; i++) {
		write_tag(&w, &list->models[i]);
	}
	json_end_array(&w);
	json_end_object(&w);
}

static void put_model_info(
	struct json_writer *w, const struct format_model *model, int64_t context) {
	char text[ARCHITECTURE_MAX], key[ARCHITECTURE_MAX + 32];
	struct slice architecture = architecture_of(model->id, text);
	json_write_key(w, "model_info");
	json_begin_object(w);
	json_put_string(w, "general.architecture", architecture);
	json_put_string(w, "general.basename", model->id);
	json_put_int(w, "general.file_type", 2);
	json_put_int(w, "general.parameter_count", 0);
	json_put_int(w, "general.quantization_version", 2);
	json_put_int(w, "general.context_length", context);
	if (!slice_is(architecture, "llama")) {
		json_put_int(w, "llama.context_length", context); /* some editors know no other */
	}
	int len = snprintf(key, sizeof key, "%.*s.context_length", SLICE_FMT(architecture));
	json_write_key_slice(w, slice_make(key, (size_t)len));
	json_write_int(w, context);
	json_end_object(w);
}

void ollama_encode_show(const struct format_model *model, struct buf *out) {
	char text[ARCHITECTURE_MAX];
	struct json_writer w;
	int64_t context =
		model->context_tokens > 0 ? model->context_tokens : DEFAULT_CONTEXT_TOKENS;
	int64_t output =
		model->max_output_tokens > 0 ? model->max_output_tokens : DEFAULT_OUTPUT_TOKENS;
	char parameters[96];
	snprintf(parameters, sizeof parameters, "num_ctx %lld\nnum_predict %lld",
		(long long)context, (long long)output);
	json_writer_init(&w, out, false);
	json_begin_object(&w);
	json_put_cstr(&w, "license", "");
	json_write_key(&w, "modelfile");
	json_begin_string(&w);
	json_write_string_part(&w, SLICE("FROM "));
	json_write_string_part(&w, model->id);
	json_write_string_part(&w, SLICE("\n"));
	json_end_string(&w);
	json_put_cstr(&w, "parameters", parameters);
	json_put_cstr(&w, "template", "{{ .Prompt }}");
	put_details(&w, architecture_of(model->id, text));
	put_model_info(&w, model, context);
	put_capabilities(&w, model);
	put_time(&w, "modified_at", model->created_s);
	json_end_object(&w);
}
