/* log.c: the ring between those who log and the one thread that writes.
 *
 *     callers ── copy under a lock ──► [ ring ] ── writer: mask, render, write ──► sink
 *
 * tail and head count bytes since the beginning; what lies between them is queued. Callers write
 * behind head, the writer reads from tail without the lock: the two never meet. */
#include "base/log.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log_internal.h"
#include "base/mem.h"
#include "base/vec.h"

#define RING_DEFAULT ((size_t)1024 * 1024)
#define RING_MIN ((size_t)1024)
/* The writer puts out what it rendered at the latest when it is this much. */
#define WRITE_STEP ((size_t)64 * 1024)
/* After a write the writer rests this long, so that a busy gateway pays one wake-up and one write
 * for many records. A lone record, a warning and a flush do not wait. */
#define REST_MS 25

struct log {
	_Atomic int level;
	enum log_format format;
	int fd;
	pthread_t writer;

	pthread_mutex_t lock;   /* of what follows */
	pthread_cond_t queued;  /* for the writer */
	pthread_cond_t written; /* for log_flush */
	char *ring;
	size_t size;
	uint64_t head, tail;
	uint64_t dropped, reported; /* records */
	bool is_writer_asleep, is_closing;
	bool is_urgent; /* the writer must not rest on what is queued */

	pthread_mutex_t secrets_lock; /* of the list */
	VEC(struct slice) secrets;
};

static void ring_put(struct log *log, const void *data, size_t len) {
	size_t at = (size_t)(log->head % log->size);
	size_t first = len < log->size - at ? len : log->size - at;
	if (len > 0) {
		memcpy(log->ring + at, data, first);
		memcpy(log->ring, (const char *)data + first, len - first);
	}
	log->head += len;
}

static void ring_get(const struct log *log, uint64_t from, char *to, size_t len) {
	size_t at = (size_t)(from % log->size);
	size_t first = len < log->size - at ? len : log->size - at;
	memcpy(to, log->ring + at, first);
	memcpy(to + first, log->ring, len - first);
}

static void write_out(int fd, struct buf *out) {
	struct slice left = buf_slice(out);
	while (left.len > 0) {
		ssize_t written = write(fd, left.data, left.len);
		if (written >= 0) {
			left = slice_from(left, (size_t)written);
		} else if (errno == EAGAIN) {
			/* Somebody made the terminal or pipe non-blocking: wait here. */
			poll(&(struct pollfd){.fd = fd, .events = POLLOUT}, 1, -1);
		} else if (errno != EINTR) {
			break; /* the sink is gone; there is nobody to tell */
		}
	}
	buf_reset(out, 2 * WRITE_STEP);
}

static void render(struct log *log, const char *packed, struct buf *scratch, struct buf *out) {
	pthread_mutex_lock(&log->secrets_lock);
	log_render(log->format, log->secrets.items, log->secrets.len, packed, scratch, out);
	pthread_mutex_unlock(&log->secrets_lock);
}

static void render_dropped(struct log *log, uint64_t count, struct buf *scratch, struct buf *out) {
	static const char message[] = "log ring was full, records were dropped";
	static const char name[] = "count";
	char packed[sizeof(struct log_packed) + sizeof message + sizeof(struct log_packed_field) +
		    sizeof name];
	struct log_packed record = {
		.size = sizeof packed,
		.message_len = sizeof message - 1,
		.field_count = 1,
		.level = LOG_WARN,
		.wall_ms = clock_wall_ms(),
	};
	struct log_packed_field field = {
		.kind = LOG_FIELD_INT, .name_len = sizeof name - 1, .number = (int64_t)count};
	char *at = packed;
	at = mempcpy(at, &record, sizeof record);
	at = mempcpy(at, message, sizeof message - 1);
	at = mempcpy(at, &field, sizeof field);
	memcpy(at, name, sizeof name - 1);
	render(log, packed, scratch, out);
}

/* Renders the records between tail and head; the ring's space is given back per written step. */
static void write_queued(
	struct log *log, uint64_t head, struct buf *record, struct buf *scratch, struct buf *out) {
	uint64_t tail = log->tail; /* only this thread changes it */
	while (tail < head) {
		struct log_packed packed;
		ring_get(log, tail, (char *)&packed, sizeof packed);
		record->len = 0;
		ring_get(log, tail, buf_reserve(record, packed.size), packed.size);
		render(log, record->data, scratch, out);
		tail += packed.size;
		if (out->len >= WRITE_STEP || tail == head) {
			write_out(log->fd, out);
			pthread_mutex_lock(&log->lock);
			log->tail = tail;
			pthread_cond_broadcast(&log->written);
			pthread_mutex_unlock(&log->lock);
		}
	}
}

/* Waits for something to write; the lock is held. */
static void wait_for_records(struct log *log, uint64_t rested_at_ms) {
	while (log->head == log->tail && log->dropped == log->reported && !log->is_closing) {
		log->is_writer_asleep = true;
		pthread_cond_wait(&log->queued, &log->lock);
		log->is_writer_asleep = false;
	}
	uint64_t now_ms;
	while (!log->is_urgent && !log->is_closing &&
		(now_ms = clock_monotonic_ms()) < rested_at_ms) {
		int64_t until_ms = clock_wall_ms() + (int64_t)(rested_at_ms - now_ms);
		struct timespec until = {
			.tv_sec = until_ms / 1000, .tv_nsec = until_ms % 1000 * 1000000};
		pthread_cond_timedwait(&log->queued, &log->lock, &until);
	}
	log->is_urgent = false;
}

static void *run_writer(void *data) {
	struct log *log = data;
	struct buf record, scratch, out;
	uint64_t rested_at_ms = 0;
	buf_init(&record, 0);
	buf_init(&scratch, 0);
	buf_init(&out, 0);
	pthread_mutex_lock(&log->lock);
	for (;;) {
		wait_for_records(log, rested_at_ms);
		uint64_t head = log->head, dropped = log->dropped;
		uint64_t unreported = dropped - log->reported;
		bool is_last = head == log->tail && unreported == 0;
		pthread_mutex_unlock(&log->lock);
		if (is_last) {
			break;
		}
		write_queued(log, head, &record, &scratch, &out);
		if (unreported > 0) {
			render_dropped(log, unreported, &scratch, &out);
			write_out(log->fd, &out);
		}
		rested_at_ms = clock_monotonic_ms() + REST_MS;
		pthread_mutex_lock(&log->lock);
		log->reported = dropped;
		pthread_cond_broadcast(&log->written);
	}
	buf_finish(&record);
	buf_finish(&scratch);
	buf_finish(&out);
	return NULL;
}

/* Signals are for the loops' threads. */
static bool start_writer(struct log *log) {
	sigset_t all, before;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	bool is_started = pthread_create(&log->writer, NULL, run_writer, log) == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return is_started;
}

static void free_log(struct log *log) {
	pthread_mutex_destroy(&log->lock);
	pthread_mutex_destroy(&log->secrets_lock);
	pthread_cond_destroy(&log->queued);
	pthread_cond_destroy(&log->written);
	for (size_t i = 0; i < log->secrets.len; i++) {
		char *secret = (char *)(uintptr_t)log->secrets.items[i].data;
		explicit_bzero(secret, log->secrets.items[i].len);
		free(secret);
	}
	VEC_FINISH(&log->secrets);
	free(log->ring);
	free(log);
}

struct log *log_create(const struct log_options *options) {
	struct log *log = mem_calloc(1, sizeof *log);
	log->level = (int)options->level;
	log->format = options->format;
	log->fd = options->fd;
	log->size = options->ring_bytes ? options->ring_bytes : RING_DEFAULT;
	if (log->size < RING_MIN) {
		log->size = RING_MIN;
	}
	pthread_mutex_init(&log->lock, NULL);
	pthread_mutex_init(&log->secrets_lock, NULL);
	pthread_cond_init(&log->queued, NULL);
	pthread_cond_init(&log->written, NULL);
	if (log->fd < 0) {
		return log; /* discards: neither ring nor thread */
	}
	log->ring = mem_alloc(log->size);
	if (!start_writer(log)) {
		free_log(log);
		return NULL;
	}
	return log;
}

void log_destroy(struct log *log) {
	if (log == NULL) {
		return;
	}
	if (log->fd >= 0) {
		pthread_mutex_lock(&log->lock);
		log->is_closing = true;
		pthread_cond_signal(&log->queued);
		pthread_mutex_unlock(&log->lock);
		pthread_join(log->writer, NULL);
	}
	free_log(log);
}

void log_set_level(struct log *log, enum log_level level) {
	if (log != NULL) {
		atomic_store_explicit(&log->level, (int)level, memory_order_relaxed);
	}
}

bool log_enabled(const struct log *log, enum log_level level) {
	return log != NULL && log->fd >= 0 &&
	       (int)level >= atomic_load_explicit(&log->level, memory_order_relaxed);
}

void log_flush(struct log *log) {
	if (log == NULL || log->fd < 0) {
		return;
	}
	pthread_mutex_lock(&log->lock);
	uint64_t head = log->head, dropped = log->dropped;
	log->is_urgent |= log->tail < head;
	pthread_cond_signal(&log->queued);
	while (log->tail < head || log->reported < dropped) {
		pthread_cond_wait(&log->written, &log->lock);
	}
	pthread_mutex_unlock(&log->lock);
}

/* Masking a short secret first would leave the rest of a longer one that contains it. */
static void add_longest_first(struct log *log, struct slice secret) {
	(void)VEC_PUSH(&log->secrets);
	size_t at = log->secrets.len - 1;
	while (at > 0 && log->secrets.items[at - 1].len < secret.len) {
		log->secrets.items[at] = log->secrets.items[at - 1];
		at--;
	}
	log->secrets.items[at] = slice_make(mem_dup(secret.data, secret.len), secret.len);
}

void log_add_secret(struct log *log, struct slice secret) {
	if (log == NULL || secret.len < LOG_SECRET_MIN) {
		return;
	}
	pthread_mutex_lock(&log->secrets_lock);
	bool is_known = false;
	for (size_t i = 0; i < log->secrets.len && !is_known; i++) {
		is_known = slice_eq(log->secrets.items[i], secret);
	}
	if (!is_known) {
		add_longest_first(log, secret);
	}
	pthread_mutex_unlock(&log->secrets_lock);
}

static size_t packed_size(
	struct slice message, const struct log_field *fields, size_t count, size_t max) {
	size_t size = sizeof(struct log_packed) + message.len;
	for (size_t i = 0; i < count && size <= max; i++) {
		size += sizeof(struct log_packed_field) + strlen(fields[i].name);
		size += fields[i].kind == LOG_FIELD_TEXT ? fields[i].text.len : 0;
	}
	return size;
}

static void pack(struct log *log, const struct log_packed *record, struct slice message,
	const struct log_field *fields) {
	ring_put(log, record, sizeof *record);
	ring_put(log, message.data, message.len);
	for (size_t i = 0; fields != NULL && i < record->field_count; i++) {
		struct slice text =
			fields[i].kind == LOG_FIELD_TEXT ? fields[i].text : (struct slice){NULL, 0};
		struct log_packed_field field = {
			.kind = (uint32_t)fields[i].kind,
			.name_len = (uint32_t)strlen(fields[i].name),
			.text_len = (uint32_t)text.len,
			.number = fields[i].number,
		};
		ring_put(log, &field, sizeof field);
		ring_put(log, fields[i].name, field.name_len);
		ring_put(log, text.data, text.len);
	}
}

void log_record(struct log *log, enum log_level level, struct slice message,
	const struct log_field *fields, size_t count) {
	if (!log_enabled(log, level)) {
		return;
	}
	count = fields != NULL ? count : 0;
	size_t size = packed_size(message, fields, count, log->size);
	struct log_packed record = {
		.size = (uint32_t)size,
		.message_len = (uint32_t)message.len,
		.field_count = (uint32_t)count,
		.level = (uint32_t)level,
		.wall_ms = clock_wall_ms(),
	};
	pthread_mutex_lock(&log->lock);
	if (size > log->size - (size_t)(log->head - log->tail) || size > UINT32_MAX) {
		log->dropped++;
	} else {
		pack(log, &record, message, fields);
	}
	bool is_urgent = level >= LOG_WARN || log->head - log->tail > log->size / 2;
	log->is_urgent |= is_urgent;
	if (log->is_writer_asleep || is_urgent) {
		pthread_cond_signal(&log->queued);
	}
	pthread_mutex_unlock(&log->lock);
}

void log_printf(struct log *log, enum log_level level, const char *format, ...) {
	char fixed[512];
	va_list args;
	if (!log_enabled(log, level)) {
		return;
	}
	va_start(args, format);
	int len = vsnprintf(fixed, sizeof fixed, format, args);
	va_end(args);
	char *text = fixed;
	if (len >= (int)sizeof fixed) {
		text = mem_alloc((size_t)len + 1);
		va_start(args, format);
		vsnprintf(text, (size_t)len + 1, format, args);
		va_end(args);
	}
	log_record(log, level, slice_make(text, len > 0 ? (size_t)len : 0), NULL, 0);
	if (text != fixed) {
		free(text);
	}
}
