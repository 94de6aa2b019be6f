/* whole.c: what the dialects' encoders share: the encoder of whole answers (fold the events, write
 * the body at the end), and raw JSON on one line. */
#include "formats/formats_internal.h"

struct whole_encoder {
	struct chat_sink sink;
	const struct format *format;
	struct format_encoder_options options;
	struct chat_fold fold;
};

static void on_event(struct chat_sink *sink, const struct chat_event *event) {
	struct whole_encoder *whole = (struct whole_encoder *)sink;
	chat_sink_send(&whole->fold.sink, event);
	if (event->type == CHAT_EVENT_END && !whole->fold.response.has_error) {
		whole->format->encode_response(&whole->fold.response, &whole->options);
	}
}

static void release(void *data) {
	struct whole_encoder *whole = data;
	chat_fold_finish(&whole->fold);
}

struct chat_sink *format_whole_encoder_create(
	const struct format *format, const struct format_encoder_options *options) {
	struct whole_encoder *whole = ARENA_NEW(options->arena, struct whole_encoder);
	whole->sink.on_event = on_event;
	whole->format = format;
	whole->options = *options;
	chat_fold_init(&whole->fold, options->arena, 0);
	arena_on_finish(options->arena, release, whole);
	return &whole->sink;
}

struct slice format_one_line(struct arena *arena, struct slice raw) {
	if (slice_find_byte(raw, '\n') == SIZE_MAX && slice_find_byte(raw, '\r') == SIZE_MAX) {
		return raw;
	}
	char *copy = arena_strdup(arena, raw);
	for (size_t i = 0; i < raw.len; i++) {
		copy[i] = copy[i] == '\n' || copy[i] == '\r' ? ' ' : copy[i];
	}
	return slice_make(copy, raw.len);
}
