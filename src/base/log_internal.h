/* log_internal.h: what log.c (ring and thread) and log_render.c (text and JSON) share. */
#ifndef LLMMUX_BASE_LOG_INTERNAL_H
#define LLMMUX_BASE_LOG_INTERNAL_H

#include "base/buf.h"
#include "base/log.h"

/* A record as it lies in the ring, followed by the message and `field_count` packed fields. */
struct log_packed {
	uint32_t size; /* of everything, this header included */
	uint32_t message_len;
	uint32_t field_count;
	uint32_t level;
	int64_t wall_ms;
};
/* Followed by the name and the text. */
struct log_packed_field {
	uint32_t kind;
	uint32_t name_len, text_len;
	uint32_t unused; /* no padding with chance bytes */
	int64_t number;
};

/* Appends one line for a packed record (whole, contiguous). `scratch` is for masking. */
void log_render(enum log_format format, const struct slice *secrets, size_t secret_count,
	const char *packed, struct buf *scratch, struct buf *out);

#endif
