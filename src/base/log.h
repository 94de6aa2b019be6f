/* log.h: one line per record, text or JSON, secrets masked, never blocks the caller.
 *
 * Records are formatted into a bounded ring; a writer thread puts them on the sink. When the ring
 * is full a record is dropped and counted, and the count is logged when there is room again. */
#ifndef LLMMUX_BASE_LOG_H
#define LLMMUX_BASE_LOG_H

#include <stdarg.h>

#include "base/slice.h"

enum log_level {
	LOG_DEBUG,
	LOG_INFO,
	LOG_WARN,
	LOG_ERROR
};
enum log_format {
	LOG_TEXT,
	LOG_JSON
};

struct log; /* opaque; shared by threads */

struct log_options {
	enum log_level level;
	enum log_format format;
	int fd;            /* sink, not closed; -1: discard */
	size_t ring_bytes; /* 0 = 1 MiB */
};

/* NULL (which discards) when the system gives no thread. */
struct log *log_create(const struct log_options *options);
/* Flushes what is queued and frees. Accepts NULL. */
void log_destroy(struct log *log);
/* Records below the level are dropped before they are formatted. Any thread; a NULL log has no
 * level that is enabled. */
void log_set_level(struct log *log, enum log_level level);
bool log_enabled(const struct log *log, enum log_level level);
/* Waits until everything queued so far was written. */
void log_flush(struct log *log);

/* Values that must never appear (API keys): masked wherever they stand in a record. Copied. Shorter
 * ones are ignored: masking every "x" would make the log useless. What looks like a key is masked
 * anyway (error_mask_secrets). Any thread. */
#define LOG_SECRET_MIN 6
void log_add_secret(struct log *log, struct slice secret);

/* A field of a record. */
enum log_field_kind {
	LOG_FIELD_TEXT,
	LOG_FIELD_INT,
	LOG_FIELD_MS /* microseconds, printed as ms */
};
struct log_field {
	const char *name;
	enum log_field_kind kind;
	struct slice text;
	int64_t number;
};
#define LOG_TEXT_FIELD(n, s) ((struct log_field){.name = (n), .kind = LOG_FIELD_TEXT, .text = (s)})
#define LOG_INT_FIELD(n, v) ((struct log_field){.name = (n), .kind = LOG_FIELD_INT, .number = (v)})
#define LOG_MS_FIELD(n, us) ((struct log_field){.name = (n), .kind = LOG_FIELD_MS, .number = (us)})

/* Message plus fields: `2026-01-02T03:04:05.678Z info  message key=value key="two words"`, or one
 * JSON object. A NULL log discards. Control characters in values are escaped. */
void log_record(struct log *log, enum log_level level, struct slice message,
	const struct log_field *fields, size_t count);
void log_printf(struct log *log, enum log_level level, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
#define log_debug(log, ...) log_printf((log), LOG_DEBUG, __VA_ARGS__)
#define log_info(log, ...) log_printf((log), LOG_INFO, __VA_ARGS__)
#define log_warn(log, ...) log_printf((log), LOG_WARN, __VA_ARGS__)
#define log_error(log, ...) log_printf((log), LOG_ERROR, __VA_ARGS__)

/* Masks a secret for display: first 4 + "..." + last 4 when longer than 8, less of shorter ones
 * (gateway.md section 10). */
void log_mask(struct slice secret, char *out, size_t size);

#endif
