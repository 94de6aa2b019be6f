/* buf.c: a growable byte buffer, with runs of foreign bytes held by reference. */
#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"

#define BUF_FIRST 64
#define UINT64_DIGITS 20
/* Above this a buffer grows by a quarter instead of doubling: a 10 MiB body must not hold 20. */
#define BUF_DOUBLE_MAX ((size_t)1024 * 1024)

void buf_init(struct buf *buf, size_t limit) {
	*buf = (struct buf){.limit = limit};
}

void buf_finish(struct buf *buf) {
	free(buf->data);
	free(buf->refs);
	*buf = (struct buf){.limit = buf->limit, .allow_refs = buf->allow_refs};
}

void buf_reset(struct buf *buf, size_t keep_max) {
	if (buf->cap > keep_max) {
		buf_finish(buf);
		return;
	}
	buf->len = 0;
	buf->ref_count = 0;
	buf->ref_bytes = 0;
	buf->failed = false;
}

/* Room for `more` owned bytes, whatever the limit says. */
static void grow(struct buf *buf, size_t more) {
	size_t needed;
	if (__builtin_add_overflow(buf->len, more, &needed)) {
		needed = SIZE_MAX; /* mem_realloc says what has to be said */
	}
	if (needed <= buf->cap) {
		return;
	}
	size_t step = buf->cap < BUF_DOUBLE_MAX ? buf->cap : buf->cap / 4;
	size_t cap = needed > buf->cap + step ? needed : buf->cap + step;
	if (cap < BUF_FIRST) {
		cap = BUF_FIRST;
	}
	buf->data = mem_realloc(buf->data, cap);
	buf->cap = cap;
}

/* Whether `more` bytes are still allowed; otherwise the buffer has failed for good. */
static bool allow(struct buf *buf, size_t more) {
	size_t total = buf->len + buf->ref_bytes;
	if (buf->limit != 0 && (total > buf->limit || more > buf->limit - total)) {
		buf->failed = true;
	}
	return !buf->failed;
}

char *buf_reserve(struct buf *buf, size_t more) {
	if (!allow(buf, more)) {
		return NULL;
	}
	grow(buf, more);
	/* Nothing reserved in an empty buffer must still not look like a failure. */
	if (buf->data == NULL) {
		grow(buf, 1);
	}
	return buf->data + buf->len;
}

void buf_commit(struct buf *buf, size_t count) {
	buf->len += count;
}

bool buf_append(struct buf *buf, struct slice bytes) {
	char *to = buf_reserve(buf, bytes.len);
	if (to == NULL) {
		return false;
	}
	if (bytes.len > 0) {
		memcpy(to, bytes.data, bytes.len);
		buf->len += bytes.len;
	}
	return true;
}

bool buf_append_str(struct buf *buf, const char *text) {
	return buf_append(buf, slice_of(text));
}

bool buf_append_byte(struct buf *buf, char byte) {
	if (!allow(buf, 1)) {
		return false;
	}
	if (buf->len == buf->cap) {
		grow(buf, 1);
	}
	buf->data[buf->len++] = byte;
	return true;
}

bool buf_append_uint(struct buf *buf, uint64_t number) {
	char text[UINT64_DIGITS], *end = text + sizeof text, *begin = end;
	do {
		*--begin = (char)('0' + number % 10);
		number /= 10;
	} while (number > 0);
	return buf_append(buf, slice_make(begin, (size_t)(end - begin)));
}

bool buf_printf(struct buf *buf, const char *format, ...) {
	va_list args;
	size_t room = buf->cap - buf->len;
	va_start(args, format);
	int len = vsnprintf(room ? buf->data + buf->len : NULL, room, format, args);
	va_end(args);
	if (len < 0 || !allow(buf, (size_t)len)) {
		buf->failed = true;
		return false;
	}
	if ((size_t)len >= room) {
		grow(buf, (size_t)len + 1); /* the NUL byte is not part of the limit */
		va_start(args, format);
		vsnprintf(buf->data + buf->len, (size_t)len + 1, format, args);
		va_end(args);
	}
	buf->len += (size_t)len;
	return true;
}

bool buf_append_ref(struct buf *buf, struct slice bytes) {
	if (!buf->allow_refs || bytes.len < BUF_REF_MIN) {
		return buf_append(buf, bytes);
	}
	if (!allow(buf, bytes.len)) {
		return false;
	}
	if (buf->ref_count == buf->ref_cap) {
		buf->ref_cap = buf->ref_cap ? buf->ref_cap * 2 : 8;
		buf->refs = mem_realloc_array(buf->refs, buf->ref_cap, sizeof *buf->refs);
	}
	buf->refs[buf->ref_count++] = (struct buf_ref){.at = buf->len, .bytes = bytes};
	buf->ref_bytes += bytes.len;
	return true;
}

void buf_consume(struct buf *buf, size_t count) {
	if (count >= buf->len) {
		buf->len = 0;
	} else if (count > 0) {
		memmove(buf->data, buf->data + count, buf->len - count);
		buf->len -= count;
	}
}

size_t buf_total(const struct buf *buf) {
	return buf->len + buf->ref_bytes;
}

struct slice buf_slice(const struct buf *buf) {
	return slice_make(buf->data, buf->len);
}

/* Piece number `index` of the whole content: owned run, reference, owned run, ... */
static struct slice piece(const struct buf *buf, size_t index) {
	size_t ref = index / 2;
	if (index % 2 == 1) {
		return buf->refs[ref].bytes;
	}
	size_t from = ref > 0 ? buf->refs[ref - 1].at : 0;
	size_t to = ref < buf->ref_count ? buf->refs[ref].at : buf->len;
	return slice_sub(buf_slice(buf), from, to - from);
}

int buf_iovec(const struct buf *buf, size_t offset, struct iovec *iov, int max) {
	int count = 0;
	for (size_t i = 0; i <= 2 * buf->ref_count && count < max; i++) {
		struct slice bytes = piece(buf, i);
		if (bytes.len <= offset) {
			offset -= bytes.len;
			continue;
		}
		/* iovec is shared with reads, hence not const. */
		iov[count].iov_base = (char *)(uintptr_t)bytes.data + offset;
		iov[count].iov_len = bytes.len - offset;
		offset = 0;
		count++;
	}
	return count;
}

size_t buf_copy_out(const struct buf *buf, size_t offset, char *to, size_t size) {
	size_t copied = 0;
	for (size_t i = 0; i <= 2 * buf->ref_count && copied < size; i++) {
		struct slice bytes = piece(buf, i);
		if (bytes.len <= offset) {
			offset -= bytes.len;
			continue;
		}
		bytes = slice_sub(bytes, offset, size - copied);
		memcpy(to + copied, bytes.data, bytes.len);
		copied += bytes.len;
		offset = 0;
	}
	return copied;
}
