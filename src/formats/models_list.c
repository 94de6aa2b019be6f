/* models_list.c: model lists and single models in the shapes of the families (gateway.md 4.4,
 * formats.md GC-11); those of Ollama are in ollama_lists.c. */
#include "base/clock.h"
#include "data/json.h"
#include "formats/formats_internal.h"

static bool model_can(const struct format_model *model, enum model_capability capability) {
	return (model->capabilities & (uint32_t)capability) != 0;
}

static struct slice name_of(const struct format_model *model) {
	return model->display_name.len > 0 ? model->display_name : model->id;
}

static void put_known(struct json_writer *w, const char *key, int64_t count) {
	if (count > 0) {
		json_put_int(w, key, count);
	}
}

/* ---- OpenAI: what is known beside the four fields, under the names other hosts use ---- */

struct word {
	uint32_t capabilities; /* any of them */
	const char *text;
};

static void put_words(struct json_writer *w, const char *key, const struct word *words,
	size_t count, const struct format_model *model) {
	json_write_key(w, key);
	json_begin_array(w);
	for (size_t i = 0; i < count; i++) {
		if (model->capabilities & words[i].capabilities) {
			json_write_cstr(w, words[i].text);
		}
	}
	json_end_array(w);
}

static void put_capabilities(struct json_writer *w, const struct format_model *model) {
	static const struct word inputs[] = {
		{UINT32_MAX, "text"},
		{MODEL_SEES_IMAGES, "image"},
		{MODEL_READS_PDF, "file"},
		{MODEL_HEARS_AUDIO, "audio"},
		{MODEL_SEES_VIDEO, "video"},
	};
	static const struct word outputs[] = {
		{MODEL_CAN_CHAT, "text"},
		{MODEL_MAKES_IMAGES, "image"},
		{MODEL_SPEAKS, "audio"},
		{MODEL_EMBEDS, "embeddings"},
	};
	static const struct word abilities[] = {
		{MODEL_CAN_CHAT, "completion"},
		{MODEL_CALLS_TOOLS, "tools"},
		{MODEL_THINKS, "thinking"},
		{MODEL_SEES_IMAGES, "vision"},
		{MODEL_HEARS_AUDIO, "audio"},
		{MODEL_READS_PDF, "pdf"},
		{MODEL_EMBEDS, "embedding"},
	};
	if (model->capabilities == 0) {
		return;
	}
	put_words(w, "input_modalities", inputs, sizeof inputs / sizeof *inputs, model);
	put_words(w, "output_modalities", outputs, sizeof outputs / sizeof *outputs, model);
	put_words(w, "capabilities", abilities, sizeof abilities / sizeof *abilities, model);
}

static void write_openai_model(struct json_writer *w, const struct format_model *model) {
	json_begin_object(w);
	json_put_string(w, "id", model->id);
	json_put_cstr(w, "object", "model");
	json_put_int(w, "created", model->created_s);
	json_put_string(w, "owned_by", model->owned_by.data ? model->owned_by : SLICE("llm-mux"));
	if (model->display_name.len > 0) {
		json_put_string(w, "display_name", model->display_name);
	}
	put_known(w, "context_length", model->context_tokens);
	put_known(w, "max_completion_tokens", model->max_output_tokens);
	put_capabilities(w, model);
	json_end_object(w);
}

/* ---- Anthropic ---- */

/* "capabilities" stays out: its many switches are not all known here, and its readers ask for each.
 */
static void write_anthropic_model(struct json_writer *w, const struct format_model *model) {
	char created[CLOCK_TEXT_MAX];
	clock_format_rfc3339(model->created_s * 1000, created);
	json_begin_object(w);
	json_put_cstr(w, "type", "model");
	json_put_string(w, "id", model->id);
	json_put_string(w, "display_name", name_of(model));
	json_put_cstr(w, "created_at", created);
	put_known(w, "max_input_tokens", model->context_tokens);
	put_known(w, "max_tokens", model->max_output_tokens);
	json_end_object(w);
}

/* ---- Gemini (GC-11) ---- */

static void put_methods(struct json_writer *w, const struct format_model *model) {
	bool chats = model->capabilities == 0 || !model_can(model, MODEL_EMBEDS);
	json_write_key(w, "supportedGenerationMethods");
	json_begin_array(w);
	if (chats) {
		json_write_cstr(w, "generateContent");
		json_write_cstr(w, "countTokens");
		json_write_cstr(w, "streamGenerateContent");
	} else {
		json_write_cstr(w, "embedContent");
		json_write_cstr(w, "batchEmbedContents");
	}
	json_end_array(w);
}

static void write_gemini_model(struct json_writer *w, const struct format_model *model) {
	json_begin_object(w);
	json_write_key(w, "name");
	json_begin_string(w);
	json_write_string_part(w, SLICE("models/"));
	json_write_string_part(w, model->id);
	json_end_string(w);
	json_put_string(w, "baseModelId", model->id);
	json_put_cstr(w, "version", "001");
	json_put_string(w, "displayName", name_of(model));
	json_put_string(w, "description", name_of(model));
	put_known(w, "inputTokenLimit", model->context_tokens);
	put_known(w, "outputTokenLimit", model->max_output_tokens);
	put_methods(w, model);
	if (model->capabilities != 0) {
		json_put_bool(w, "thinking", model_can(model, MODEL_THINKS));
	}
	json_end_object(w);
}

/* ---- lists ---- */

static void write_model(
	struct json_writer *w, enum api_family family, const struct format_model *model) {
	switch (family) {
	case FAMILY_ANTHROPIC:
		write_anthropic_model(w, model);
		break;
	case FAMILY_GEMINI:
		write_gemini_model(w, model);
		break;
	case FAMILY_OPENAI:
	case FAMILY_OLLAMA: /* has lists of its own */
		write_openai_model(w, model);
		break;
	}
}

static void write_id(struct json_writer *w, const char *key, const struct format_model *model) {
	if (model != NULL) {
		json_put_string(w, key, model->id);
	} else {
		json_put_null(w, key);
	}
}

void format_encode_models(enum api_family family, const struct format_list *list, struct buf *out) {
	struct json_writer w;
	bool is_openai = family == FAMILY_OPENAI;
	if (family == FAMILY_OLLAMA) {
		ollama_encode_tags(list, out);
		return;
	}
	json_writer_init(&w, out, false);
	json_begin_object(&w);
	if (is_openai) {
		json_put_cstr(&w, "object", "list");
	}
	json_write_key(&w, family == FAMILY_GEMINI ? "models" : "data");
	json_begin_array(&w);
	for (size_t i = 0; i < list->count; i++) {
		write_model(&w, family, &list->models[i]);
	}
	json_end_array(&w);
	if (family == FAMILY_ANTHROPIC) {
		json_put_bool(&w, "has_more", list->has_more);
		write_id(&w, "first_id", list->count ? &list->models[0] : NULL);
		write_id(&w, "last_id", list->count ? &list->models[list->count - 1] : NULL);
	} else if (family == FAMILY_GEMINI && list->next_page.data != NULL) {
		json_put_string(&w, "nextPageToken", list->next_page);
	}
	json_end_object(&w);
}

void format_encode_model(
	enum api_family family, const struct format_model *model, struct buf *out) {
	struct json_writer w;
	if (family == FAMILY_OLLAMA) {
		ollama_encode_show(model, out);
		return;
	}
	json_writer_init(&w, out, false);
	write_model(&w, family, model);
}
