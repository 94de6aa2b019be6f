/* splice.c: same format in and out: the client's bytes with the fewest edits, and the sink that
 * hands on an answer's own bytes (formats.md 7.2). */
#include "formats/gemini.h"
#include "formats/openai_responses_build.h"

#define INCLUDE_USAGE SLICE("{\"include_usage\":true}")

/* OC-12: a streamed cc answer tells its usage only when asked. */
static bool stream_options_edit(const struct chat_request *request,
	const struct format_target *target, struct json_edit *edit) {
	const struct json *options = json_get(request->tree, "stream_options");
	struct slice body = request->body;
	if (target->quirks & QUIRK_NO_STREAM_OPTIONS) { /* E-88 */
		if (options != NULL) {
			*edit = json_edit_remove(body, request->tree, options);
		}
		return options != NULL;
	}
	if (options == NULL) {
		size_t at = (size_t)(request->tree->raw - body.data) + 1;
		*edit = (struct json_edit){
			at, at, SLICE("\"stream_options\":{\"include_usage\":true},")};
		return true;
	}
	if (!json_is(options, JSON_OBJECT)) {
		*edit = json_edit_replace(body, options, INCLUDE_USAGE);
		return true;
	}
	const struct json *include = json_get(options, "include_usage");
	if (include != NULL) {
		*edit = json_edit_replace(body, include, SLICE("true"));
		return include->type != JSON_TRUE;
	}
	size_t at = (size_t)(options->raw - body.data) + 1;
	*edit = (struct json_edit){at, at,
		options->child ? SLICE("\"include_usage\":true,")
			       : SLICE("\"include_usage\":true")};
	return true;
}

bool format_can_splice(const struct format *format, const struct chat_request *request) {
	return request->client_format == format->id && !request->is_mended &&
	       !request->is_overridden &&
	       (format->can_splice == NULL || format->can_splice(request));
}

bool format_splice_request(const struct format *format, const struct chat_request *request,
	const struct format_target *target, struct buf *out, struct error *error) {
	if (target->quirks & QUIRK_CODEX) { /* OR-20: more than a few edits */
		return format_check_state(request, error) &&
		       openai_responses_codex_body(
			       request->tree, target, request->arena, out, error);
	}
	if (target->quirks & QUIRK_CODE_ASSIST) {
		return gemini_wrap_body(request, target, out) ||
		       error_set(error, ERROR_TOO_LARGE,
			       "the request does not fit its buffer inside the envelope");
	}
	struct json_edit edits[2];
	size_t count = 0;
	struct buf name;
	struct json_writer w;
	buf_init(&name, 0);
	json_writer_init(&w, &name, false);
	json_write_string(&w, target->model);

	const struct json *model = json_get(request->tree, "model");
	if (model != NULL && !slice_eq(json_string(model, request->arena), target->model)) {
		edits[count++] = json_edit_replace(request->body, model, buf_slice(&name));
	}
	if (format->id == FORMAT_OPENAI_CHAT && request->stream &&
		stream_options_edit(request, target, &edits[count])) {
		count++;
	}
	if (count == 2 && edits[0].begin > edits[1].begin) {
		struct json_edit first = edits[1];
		edits[1] = edits[0];
		edits[0] = first;
	}
	bool ok = json_splice(request->body, edits, count, out);
	buf_finish(&name);
	return ok || error_set(error, ERROR_TOO_LARGE,
			     "the request does not fit its buffer after renaming the model");
}

/* ---- answers ---- */

/* Passes WIRE on. An answer that has none (a whole body where a stream was asked for, or an error
 * before or after the wire) goes through the dialect's own encoder. */
struct splice_encoder {
	struct chat_sink sink;
	const struct format *format;
	struct format_encoder_options options;
	struct chat_sink *encoder; /* made when first needed */
	/* A start whose wire bytes may still come: the head may be let go before the first of them
	 * (the hold time), and the answer must not begin twice. */
	struct chat_event start;
	bool has_start, has_wire, is_at_boundary;
};

/* The bytes so far end where another event may follow. */
static bool is_boundary(const struct splice_encoder *s, struct slice bytes) {
	if (s->format->framing == FRAMING_LINES) {
		return slice_ends_with(bytes, SLICE("\n"));
	}
	return slice_ends_with(bytes, SLICE("\n\n")) || slice_ends_with(bytes, SLICE("\r\n\r\n")) ||
	       slice_ends_with(bytes, SLICE("\r\r"));
}

/* One frame comes at a time; comments are none. */
static bool is_numbered(struct slice bytes) {
	return slice_starts_with(bytes, SLICE("data:")) || slice_contains(bytes, SLICE("\ndata:"));
}

static struct chat_sink *encoder_of(struct splice_encoder *s) {
	if (s->encoder == NULL) {
		s->encoder = s->format->encoder_create(&s->options);
	}
	return s->encoder;
}

static void keep_start(struct splice_encoder *s, const struct chat_event *event) {
	struct arena *arena = s->options.arena;
	s->start = *event;
	s->has_start = true;
	struct slice *texts[] = {&s->start.start.id, &s->start.start.model,
		&s->start.start.service_tier, &s->start.start.fingerprint};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		*texts[i] = texts[i]->data ? arena_dup(arena, *texts[i]) : *texts[i];
	}
}

/* An event of an answer without wire bytes. */
static void encode(struct splice_encoder *s, const struct chat_event *event) {
	struct chat_sink *encoder = encoder_of(s);
	if (s->has_start) {
		s->has_start = false;
		chat_sink_send(encoder, &s->start);
	}
	chat_sink_send(encoder, event);
}

static void splice_on_event(struct chat_sink *sink, const struct chat_event *event) {
	struct splice_encoder *s = (struct splice_encoder *)sink;
	switch (event->type) {
	case CHAT_EVENT_WIRE:
		s->has_wire = true;
		s->is_at_boundary = is_boundary(s, event->text);
		s->options.spliced.events += s->format->numbers_events && is_numbered(event->text);
		buf_append(s->options.out, event->text);
		break;
	case CHAT_EVENT_ERROR:
		if (!s->has_wire) {
			encode(s, event);
		} else if (!event->error.is_on_wire && s->options.is_stream) {
			if (!s->is_at_boundary) {
				bool is_line = s->format->framing == FRAMING_LINES;
				buf_append_str(s->options.out, is_line ? "\n" : "\n\n");
			}
			chat_sink_send(encoder_of(s), event);
		}
		break;
	case CHAT_EVENT_PING:
		break;
	case CHAT_EVENT_START:
		if (!s->has_wire) {
			keep_start(s, event);
		} else {
			s->options.spliced.id = arena_dup(s->options.arena, event->start.id);
			s->options.spliced.model = arena_dup(s->options.arena, event->start.model);
		}
		break;
	default:
		if (!s->has_wire) {
			encode(s, event);
		}
		break;
	}
}

struct chat_sink *format_splice_encoder_create(
	const struct format *format, const struct format_encoder_options *options) {
	struct splice_encoder *s = ARENA_NEW(options->arena, struct splice_encoder);
	*s = (struct splice_encoder){
		.sink = {splice_on_event}, .format = format, .options = *options};
	return &s->sink;
}
