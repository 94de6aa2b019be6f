/* models_list.c: model lists and single models in the shapes of the families (gateway.md 4.4). */
#include "base/clock.h"
#include "data/json.h"
#include "formats/format.h"

static void write_openai_model(struct json_writer *w, const struct format_model *model) {
	json_begin_object(w);
	json_put_string(w, "id", model->id);
	json_put_cstr(w, "object", "model");
	json_put_int(w, "created", model->created_s);
	json_put_string(w, "owned_by", model->owned_by.data ? model->owned_by : SLICE("llm-mux"));
	json_end_object(w);
}

static void write_anthropic_model(struct json_writer *w, const struct format_model *model) {
	char created[CLOCK_TEXT_MAX];
	clock_format_rfc3339(model->created_s * 1000, created);
	json_begin_object(w);
	json_put_cstr(w, "type", "model");
	json_put_string(w, "id", model->id);
	json_put_string(
		w, "display_name", model->display_name.len ? model->display_name : model->id);
	json_put_cstr(w, "created_at", created);
	json_end_object(w);
}

static void write_model(
	struct json_writer *w, enum api_family family, const struct format_model *model) {
	if (family == FAMILY_ANTHROPIC) {
		write_anthropic_model(w, model);
	} else {
		write_openai_model(w, model);
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
	json_writer_init(&w, out, false);
	json_begin_object(&w);
	if (family != FAMILY_ANTHROPIC) {
		json_put_cstr(&w, "object", "list");
	}
	json_write_key(&w, "data");
	json_begin_array(&w);
	for (size_t i = 0; i < list->count; i++) {
		write_model(&w, family, &list->models[i]);
	}
	json_end_array(&w);
	if (family == FAMILY_ANTHROPIC) {
		json_put_bool(&w, "has_more", list->has_more);
		write_id(&w, "first_id", list->count ? &list->models[0] : NULL);
		write_id(&w, "last_id", list->count ? &list->models[list->count - 1] : NULL);
	}
	json_end_object(&w);
}

void format_encode_model(
	enum api_family family, const struct format_model *model, struct buf *out) {
	struct json_writer w;
	json_writer_init(&w, out, false);
	write_model(&w, family, model);
}
