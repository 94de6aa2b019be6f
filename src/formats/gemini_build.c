/* gemini_build.c: the canonical request into a generateContent or countTokens request (formats.md
 * 3.3): choices, turns, then the body. */
#include "formats/gemini.h"

/* ---- system, contents ---- */

static void put_system(struct gemini_build *b, struct json_writer *w) {
	size_t kept = 0;
	for (size_t i = 0; i < b->system.len; i++) {
		const struct chat_part *part = &b->system.items[i];
		if (part->text.len == 0) {
			continue;
		}
		if (kept++ == 0) {
			json_write_key(w, "systemInstruction");
			json_begin_object(w);
			if (b->target->quirks & QUIRK_CODE_ASSIST) {
				json_put_cstr(w, "role", "user"); /* GI-4 */
			}
			json_write_key(w, "parts");
			json_begin_array(w);
		}
		json_begin_object(w);
		json_put_string(w, "text", part->text);
		json_end_object(w);
	}
	if (kept > 0) {
		json_end_array(w);
		json_end_object(w);
	}
}

/* Results first, then the media that did not fit into them (GM-6), then the rest. */
static bool put_turn_parts(
	struct gemini_build *b, struct json_writer *w, const struct chat_parts *parts) {
	size_t results = 0;
	while (results < parts->len && parts->items[results].kind == CHAT_PART_TOOL_RESULT) {
		if (!gemini_put_part(b, w, &parts->items[results++])) {
			return false;
		}
	}
	for (size_t i = 0; i < results; i++) {
		if (!gemini_put_result_media(b, w, &parts->items[i])) {
			return false;
		}
	}
	for (size_t i = results; i < parts->len; i++) {
		if (!gemini_put_part(b, w, &parts->items[i])) {
			return false;
		}
	}
	return true;
}

static bool put_contents(struct gemini_build *b, struct json_writer *w) {
	json_write_key(w, "contents");
	json_begin_array(w);
	for (size_t t = 0; t < b->turns.len; t++) {
		const struct turn *turn = &b->turns.items[t];
		json_begin_object(w);
		json_put_cstr(w, "role", turn->role == TURN_ASSISTANT ? "model" : "user");
		json_write_key(w, "parts");
		json_begin_array(w);
		if (!put_turn_parts(b, w, &turn->parts)) {
			return false;
		}
		json_end_array(w);
		json_end_object(w);
	}
	json_end_array(w);
	return true;
}

/* ---- the rest of the top level ---- */

static void put_service_tier(struct gemini_build *b, struct json_writer *w) {
	static const struct {
		const char *theirs, *ours;
	} tiers[] = {{"flex", "flex"}, {"priority", "priority"}, {"standard", "standard"},
		{"default", "standard"}, {"standard_only", "standard"}};
	struct slice tier = b->request->service_tier;
	if (tier.data == NULL || slice_is(tier, "auto")) {
		return;
	}
	for (size_t i = 0; i < sizeof tiers / sizeof *tiers; i++) {
		if (slice_ieq(tier, slice_of(tiers[i].theirs))) {
			json_put_cstr(w, "serviceTier", tiers[i].ours);
			return;
		}
	}
	chat_drop(b->losses, "GM-20", "service_tier", "no such tier here");
}

/* Top-level extras; dotted names belong to objects that are written elsewhere. */
static void put_exts(struct gemini_build *b, struct json_writer *w) {
	bool is_envelope = (b->target->quirks & QUIRK_CODE_ASSIST) != 0;
	for (size_t i = 0; i < b->request->ext.len && b->is_same_format; i++) {
		const struct chat_ext *ext = &b->request->ext.items[i];
		bool is_top =
			ext->format == FORMAT_GEMINI && slice_find_byte(ext->name, '.') == SIZE_MAX;
		if (is_top && !(is_envelope && slice_is(ext->name, "labels"))) { /* GI-4 */
			json_write_key_slice(w, ext->name);
			json_write_raw(w, ext->json);
		}
	}
	if (b->is_same_format && b->request->store != TRI_UNSET) {
		json_put_bool(w, "store", b->request->store == TRI_TRUE);
	}
}

static void note_dropped(struct gemini_build *b) {
	const struct chat_request *r = b->request;
	const struct {
		bool is_there;
		const char *field;
	} fields[] = {
		{r->repeat_penalty.raw.data != NULL, "repetition_penalty"},
		{r->min_p.raw.data != NULL, "min_p"},
		{r->logit_bias.data != NULL, "logit_bias"},
		{r->verbosity.data != NULL, "verbosity"},
		{r->prediction.data != NULL, "prediction"},
		{r->store == TRI_TRUE && !b->is_same_format, "store"},
		{r->audio_out.data != NULL, "audio"},
		{r->safety_identifier.data != NULL, "safety_identifier"},
		{r->cache_key.data != NULL, "prompt_cache_key"},
		{r->metadata.data != NULL, "metadata"},
		{r->end_user_id.data != NULL, "user"},
	};
	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
		if (fields[i].is_there) {
			chat_drop(b->losses, "GM-20", fields[i].field, "Gemini has no such field");
		}
	}
	for (size_t i = 0; i < r->ext.len; i++) {
		if (r->ext.items[i].format != FORMAT_GEMINI) {
			chat_drop(b->losses, "IR-1", arena_strdup(b->arena, r->ext.items[i].name),
				"only the client's own API knows it");
		}
	}
}

/* The members of a generateContent request. */
static bool put_request(struct gemini_build *b, struct json_writer *w) {
	put_system(b, w);
	if (!put_contents(b, w)) {
		return false;
	}
	gemini_put_tools(b, w);
	gemini_put_config(b, w);
	put_service_tier(b, w);
	put_exts(b, w);
	return true;
}

/* Contents alone where there is no more to count (section 6). */
static bool put_count(struct gemini_build *b, struct json_writer *w) {
	if (b->system.len == 0 && b->request->tools.len == 0) {
		return put_contents(b, w);
	}
	json_write_key(w, "generateContentRequest");
	json_begin_object(w);
	struct slice model = b->target->model;
	json_put_string(w, "model", arena_printf(b->arena, "models/%.*s", SLICE_FMT(model)));
	put_system(b, w);
	if (!put_contents(b, w)) {
		return false;
	}
	gemini_put_tools(b, w);
	json_end_object(w);
	return true;
}

static bool write_body(struct gemini_build *b) {
	struct json_writer w;
	bool is_count = b->request->op == CHAT_OP_COUNT, ok;
	bool is_envelope = (b->target->quirks & QUIRK_CODE_ASSIST) != 0;
	json_writer_init(&w, &b->built->body, false);
	json_begin_object(&w);
	if (is_envelope) {
		gemini_begin_envelope(&w, b->request, b->target);
		ok = is_count ? put_contents(b, &w) : put_request(b, &w); /* GI-3 */
		json_end_object(&w);
	} else {
		ok = is_count ? put_count(b, &w) : put_request(b, &w);
	}
	json_end_object(&w);
	if (!ok) {
		return false;
	}
	return !b->built->body.failed ||
	       error_set(b->error, ERROR_TOO_LARGE, "the request for the upstream is too large");
}

bool gemini_build_request(const struct chat_request *request, const struct format_target *target,
	struct format_built *built, struct chat_losses *losses, struct error *error) {
	struct gemini_build b = {
		.request = request,
		.target = target,
		.built = built,
		.losses = losses,
		.error = error,
		.arena = request->arena,
		.is_same_format = request->client_format == FORMAT_GEMINI,
	};
	if (!gemini_check_request(&b)) {
		return false;
	}
	for (size_t i = 0; i < request->system.len; i++) {
		*ARENA_PUSH(b.arena, &b.system) = request->system.items[i];
	}
	built->body.allow_refs = true;
	gemini_choose(&b);
	gemini_make_turns(&b);
	note_dropped(&b);
	return write_body(&b);
}
