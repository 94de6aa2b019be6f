/* error.c: the table of error kinds and the filling of errors. */
#include "base/error.h"

#include <stdio.h>

static const struct error_kind_info kinds[ERROR_KIND_COUNT] = {
	/* name, status, retryable, the account's fault */
	[ERROR_NONE] = {"none", 200, false, false},
	[ERROR_INVALID_REQUEST] = {"invalid_request", 400, false, false},
	[ERROR_CONTEXT_TOO_LONG] = {"context_too_long", 400, false, false},
	[ERROR_AUTHENTICATION] = {"authentication", 401, false, false},
	[ERROR_BILLING] = {"billing", 402, true, true},
	[ERROR_PERMISSION] = {"permission", 403, true, true},
	[ERROR_NOT_FOUND] = {"not_found", 404, false, false},
	[ERROR_METHOD] = {"method", 405, false, false},
	[ERROR_CONFLICT] = {"conflict", 409, false, false},
	[ERROR_TOO_LARGE] = {"too_large", 413, false, false},
	[ERROR_UNPROCESSABLE] = {"unprocessable", 422, false, false},
	[ERROR_RATE_LIMIT] = {"rate_limit", 429, true, true},
	[ERROR_QUOTA] = {"quota", 429, true, true},
	[ERROR_CANCELLED] = {"cancelled", 499, false, false},
	[ERROR_INTERNAL] = {"internal", 500, true, false},
	[ERROR_NOT_SUPPORTED] = {"not_supported", 501, false, false},
	[ERROR_NETWORK] = {"network", 502, true, false},
	[ERROR_UPSTREAM_PROTOCOL] = {"upstream_protocol", 502, true, false},
	[ERROR_UPSTREAM_CREDENTIAL] = {"upstream_credential", 502, true, true},
	[ERROR_UNAVAILABLE] = {"unavailable", 503, true, false},
	[ERROR_TIMEOUT] = {"timeout", 504, true, false},
	[ERROR_OVERLOADED] = {"overloaded", 529, true, false},
	[ERROR_CONFIGURATION] = {"configuration", 500, false, false},
	[ERROR_TEMPLATE] = {"template", 500, false, false},
	[ERROR_VERIFICATION] = {"verification", 500, false, false},
};

const struct error_kind_info *error_kind_info(enum error_kind kind) {
	if ((unsigned)kind >= ERROR_KIND_COUNT) {
		kind = ERROR_INTERNAL;
	}
	return &kinds[kind];
}

/* Ends a text that was cut at its buffer's size with "...", not inside a UTF-8 sequence. */
static void mark_cut(char *text, size_t size) {
	size_t at = size - 4;
	while (at > 0 && ((unsigned char)text[at] & 0xC0) == 0x80) {
		at--;
	}
	memcpy(text + at, "...", 4);
}

__attribute__((format(printf, 3, 0))) static void print(
	char *out, size_t size, const char *format, va_list args) {
	int len = vsnprintf(out, size, format, args);
	if (len < 0) {
		out[0] = '\0';
	} else if ((size_t)len >= size) {
		mark_cut(out, size);
	}
}

/* Arguments may point into the error itself ("while ...: <its message>"), so they are printed
 * aside before anything is overwritten. */
__attribute__((format(printf, 4, 0))) static void fill(struct error *error, enum error_kind kind,
	const char *param, const char *format, va_list args) {
	char message[ERROR_MESSAGE_MAX];
	char field[ERROR_FIELD_MAX];
	print(message, sizeof message, format, args);
	if (snprintf(field, sizeof field, "%s", param) >= (int)sizeof field) {
		mark_cut(field, sizeof field);
	}
	error_clear(error);
	error->kind = kind;
	error->retry_after_ms = -1;
	memcpy(error->message, message, strlen(message) + 1);
	memcpy(error->param, field, strlen(field) + 1);
}

bool error_set(struct error *error, enum error_kind kind, const char *format, ...) {
	if (error != NULL) {
		va_list args;
		va_start(args, format);
		fill(error, kind, "", format, args);
		va_end(args);
	}
	return false;
}

bool error_set_param(
	struct error *error, enum error_kind kind, const char *param, const char *format, ...) {
	if (error != NULL) {
		va_list args;
		va_start(args, format);
		fill(error, kind, param != NULL ? param : "", format, args);
		va_end(args);
	}
	return false;
}

bool error_set_errno(
	struct error *error, enum error_kind kind, int number, const char *format, ...) {
	if (error != NULL) {
		char reason[128];
		va_list args;
		va_start(args, format);
		fill(error, kind, "", format, args);
		va_end(args);
		size_t len = strlen(error->message);
		/* The GNU strerror_r: it may or may not use the buffer. */
		const char *text = strerror_r(number, reason, sizeof reason);
		size_t room = sizeof error->message - len;
		if (snprintf(error->message + len, room, ": %s", text) >= (int)room) {
			mark_cut(error->message, sizeof error->message);
		}
	}
	return false;
}

void error_set_where(struct error *error, const char *format, ...) {
	if (error != NULL) {
		char where[sizeof error->where];
		va_list args;
		va_start(args, format);
		print(where, sizeof where, format, args);
		va_end(args);
		memcpy(error->where, where, sizeof where);
	}
}

void error_clear(struct error *error) {
	if (error != NULL) {
		memset(error, 0, sizeof *error);
	}
}

int error_status(const struct error *error) {
	return error->http_status != 0 ? error->http_status
				       : error_kind_info(error->kind)->http_status;
}

enum error_kind error_kind_from_status(int status) {
	/* A 401 of an upstream is about the credential we sent, never about the caller's (ER-3). */
	static const struct {
		int status;
		enum error_kind kind;
	} rows[] = {
		{400, ERROR_INVALID_REQUEST},
		{401, ERROR_UPSTREAM_CREDENTIAL},
		{402, ERROR_BILLING},
		{403, ERROR_PERMISSION},
		{404, ERROR_NOT_FOUND},
		{405, ERROR_METHOD},
		{408, ERROR_TIMEOUT},
		{409, ERROR_CONFLICT},
		{413, ERROR_TOO_LARGE},
		{422, ERROR_UNPROCESSABLE},
		{429, ERROR_RATE_LIMIT},
		{499, ERROR_CANCELLED},
		{501, ERROR_NOT_SUPPORTED},
		{502, ERROR_NETWORK},
		{503, ERROR_UNAVAILABLE},
		{504, ERROR_TIMEOUT},
		/* Cloudflare: could not reach the origin, or it took too long. */
		{521, ERROR_NETWORK},
		{522, ERROR_NETWORK},
		{523, ERROR_NETWORK},
		{524, ERROR_TIMEOUT},
		{529, ERROR_OVERLOADED},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		if (rows[i].status == status) {
			return rows[i].kind;
		}
	}
	if (status >= 400 && status <= 499) {
		return ERROR_INVALID_REQUEST;
	}
	if (status >= 500 && status <= 599) {
		return ERROR_INTERNAL;
	}
	return ERROR_UPSTREAM_PROTOCOL; /* a status that is no error cannot explain one */
}
