/* buf.h: growable byte buffer with a limit. Large inputs may be held by reference instead of
 * copied. */
#ifndef LLMMUX_BASE_BUF_H
#define LLMMUX_BASE_BUF_H

#include <stdarg.h>
#include <sys/uio.h>

#include "base/slice.h"

/* A slice at least this long is recorded, not copied, by buf_append_ref in a buffer that allows it.
 */
#define BUF_REF_MIN 4096

/* A reference: `bytes` stands in the output after the first `at` owned bytes. */
struct buf_ref {
	size_t at;
	struct slice bytes;
};

struct buf {
	char *data; /* owned bytes, malloc'd; NULL until the first append */
	size_t len, cap;
	size_t limit;    /* of len plus referenced bytes; 0 = none but memory */
	bool failed;     /* an append went beyond the limit: contents are not to be used */
	bool allow_refs; /* buf_append_ref may keep references; their owner must outlive the buffer
			  */
	struct buf_ref *refs;
	size_t ref_count, ref_cap;
	size_t ref_bytes;
};

/* Empty, without memory or references. limit 0: none but memory. */
void buf_init(struct buf *buf, size_t limit);
/* Frees; accepts a zeroed buffer; the buffer may be used again (its limit is kept). */
void buf_finish(struct buf *buf);
/* Empties and keeps the memory (frees it when larger than keep_max, so that idle things are small).
 */
void buf_reset(struct buf *buf, size_t keep_max);

/* Makes room for `more` bytes and returns where they go; NULL (and failed) beyond the limit. */
char *buf_reserve(struct buf *buf, size_t more);
/* Says that `count` bytes were written at buf_reserve's place. */
void buf_commit(struct buf *buf, size_t count);

/* Appends; false (and failed, sticky) beyond the limit. */
bool buf_append(struct buf *buf, struct slice bytes);
bool buf_append_str(struct buf *buf, const char *text);
bool buf_append_byte(struct buf *buf, char byte);
/* In decimal digits. */
bool buf_append_uint(struct buf *buf, uint64_t number);
bool buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* As buf_append, but keeps a reference when allowed and bytes.len >= BUF_REF_MIN. */
bool buf_append_ref(struct buf *buf, struct slice bytes);

/* Drops `count` bytes from the front (moves the rest; no references may be held). */
void buf_consume(struct buf *buf, size_t count);
/* Total bytes: owned plus referenced. */
size_t buf_total(const struct buf *buf);
/* The owned bytes; only the whole content when nothing is held by reference. */
struct slice buf_slice(const struct buf *buf);
/* Copies up to `size` bytes of the whole content from `offset` on; returns how many. */
size_t buf_copy_out(const struct buf *buf, size_t offset, char *to, size_t size);
/* Describes the content from `offset` on in at most `max` vectors; returns how many were filled. */
int buf_iovec(const struct buf *buf, size_t offset, struct iovec *iov, int max);

#endif
