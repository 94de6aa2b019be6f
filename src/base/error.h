/* error.h: the one error type of the program. HTTP error bodies and retry classes both come from
 * its table. */
#ifndef LLMMUX_BASE_ERROR_H
#define LLMMUX_BASE_ERROR_H

#include <stdarg.h>

#include "base/slice.h"

/* What went wrong, seen from the caller (design.md section 4, formats.md 4.8). */
enum error_kind {
	ERROR_NONE = 0,
	ERROR_INVALID_REQUEST,
	ERROR_CONTEXT_TOO_LONG,
	ERROR_AUTHENTICATION, /* the caller's credential */
	ERROR_BILLING,
	ERROR_PERMISSION,
	ERROR_NOT_FOUND,
	ERROR_METHOD, /* 405 */
	ERROR_CONFLICT,
	ERROR_TOO_LARGE,
	ERROR_UNPROCESSABLE,
	ERROR_RATE_LIMIT,
	ERROR_QUOTA,
	ERROR_CANCELLED, /* the caller left: 499, never sent */
	ERROR_INTERNAL,
	ERROR_NOT_SUPPORTED,       /* 501: the meaning cannot be carried to this upstream */
	ERROR_NETWORK,             /* could not reach the upstream */
	ERROR_UPSTREAM_PROTOCOL,   /* the upstream's bytes make no sense, or were cut */
	ERROR_UPSTREAM_CREDENTIAL, /* the upstream refuses our credential (ER-3): 502 */
	ERROR_UNAVAILABLE,         /* no account or backend can serve now */
	ERROR_TIMEOUT,
	ERROR_OVERLOADED,
	ERROR_CONFIGURATION,
	ERROR_TEMPLATE,
	ERROR_VERIFICATION,
	ERROR_KIND_COUNT
};

/* One row per kind. */
struct error_kind_info {
	const char *name;      /* "rate_limit": logs, events, configuration */
	int http_status;       /* default status */
	bool is_retryable;     /* another account or a later try may succeed */
	bool is_account_fault; /* says something about the account, not about the request */
};
/* Never NULL: an unknown number gets the row of ERROR_INTERNAL. */
const struct error_kind_info *error_kind_info(enum error_kind kind);

#define ERROR_MESSAGE_MAX 1024
#define ERROR_FIELD_MAX 128

/* A value: no ownership, may be copied. Zeroed = no error. Strings are cut at their size with "..."
 */
struct error {
	enum error_kind kind;
	int http_status;        /* what a caller gets; 0 = the kind's default */
	int64_t retry_after_ms; /* -1 unknown. error_set gives -1 */
	int retry_hint;         /* x-should-retry: 1 true, -1 false, 0 not said */
	char message[ERROR_MESSAGE_MAX];
	char code[ERROR_FIELD_MAX]; /* the dialect's machine code, e.g. "context_length_exceeded" */
	char native_type[ERROR_FIELD_MAX]; /* the upstream's own type word */
	char param[ERROR_FIELD_MAX];       /* the request field at fault */
	char where[ERROR_FIELD_MAX * 2];   /* file:line:col, backend, account label */
	char request_id[ERROR_FIELD_MAX];  /* the upstream's */
};

/* Fills *error (NULL is accepted) and returns false, so that `return error_set(...)` reads well. */
bool error_set(struct error *error, enum error_kind kind, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* As error_set, naming the request field at fault. */
bool error_set_param(struct error *error, enum error_kind kind, const char *param,
	const char *format, ...) __attribute__((format(printf, 4, 5)));
/* As error_set from errno: "<text>: <strerror>". */
bool error_set_errno(struct error *error, enum error_kind kind, int number, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
/* Fills error->where alone (NULL is accepted). */
void error_set_where(struct error *error, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* Back to no error (NULL is accepted). */
void error_clear(struct error *error);
/* The status to answer with. */
int error_status(const struct error *error);
/* The kind that fits an upstream's HTTP status when its body says nothing better. */
enum error_kind error_kind_from_status(int status);
/* Replaces anything that looks like a key or a token (sk-..., AIza..., Bearer ..., user:pass@) by a
 * mask, in place (ER-4). */
void error_mask_secrets(char *text);

#endif
