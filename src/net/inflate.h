/* inflate.h: decodes gzip and deflate content (RFC 9110 section 8.4.1) in steps of bounded output.
 */
#ifndef LLMMUX_NET_INFLATE_H
#define LLMMUX_NET_INFLATE_H

#include "base/slice.h"

enum inflate_coding {
	INFLATE_IDENTITY, /* nothing to decode */
	INFLATE_GZIP,
	INFLATE_DEFLATE /* zlib; raw when there is no zlib header */
};

/* Zero it and set the coding. */
struct inflater {
	enum inflate_coding coding;
	struct z_stream_s *stream;
	uint8_t prefix[2]; /* first bytes of a deflate body, which tell zlib from raw */
	size_t prefix_len;
	bool has_bytes; /* some coded byte came */
	bool is_whole;  /* the coded stream reached its end */
	bool is_full;   /* the last step filled its room: there may be more to come out */
};

/* The coding a Content-Encoding names; false when it is none of these. */
bool inflate_find_coding(struct slice name, enum inflate_coding *coding);
/* Takes from *in (advanced) and puts up to `room` bytes (at least 1 KiB) to `out`, *made of them.
 * To be called while *in has bytes or the last step was full. False, with what is wrong with the
 * content in *problem ("is damaged"), when it cannot be decoded. */
bool inflater_step(struct inflater *inflater, struct slice *in, char *out, size_t room,
	size_t *made, const char **problem);
/* False when bytes came but not all. */
bool inflater_ended_well(const struct inflater *inflater);
/* Frees and zeroes; accepts a zeroed one. */
void inflater_finish(struct inflater *inflater);

#endif
