/* errors.c: error bodies of the API families, out (formats.md 4.8). */
#include <stdio.h>

#include "formats/formats_internal.h"

#include "base/buf.h"
#include "data/json.h"

/* formats.md 4.8; where the gateway's table differs, this one counts (design.md 6). */
static const struct {
	const char *openai_type, *openai_code; /* code NULL = null */
	const char *anthropic_type;
	const char *gemini_status;
} rows[ERROR_KIND_COUNT] = {
	[ERROR_NONE] = {"server_error", NULL, "api_error", "INTERNAL"},
	[ERROR_INVALID_REQUEST] = {"invalid_request_error", NULL, "invalid_request_error",
		"INVALID_ARGUMENT"},
	[ERROR_CONTEXT_TOO_LONG] = {"invalid_request_error", "context_length_exceeded",
		"invalid_request_error", "INVALID_ARGUMENT"},
	[ERROR_AUTHENTICATION] = {"invalid_request_error", "invalid_api_key",
		"authentication_error", "UNAUTHENTICATED"},
	[ERROR_BILLING] = {"insufficient_quota", "billing", "billing_error", "RESOURCE_EXHAUSTED"},
	[ERROR_PERMISSION] = {"permission_error", "insufficient_permissions", "permission_error",
		"PERMISSION_DENIED"},
	[ERROR_NOT_FOUND] = {"invalid_request_error", "model_not_found", "not_found_error",
		"NOT_FOUND"},
	[ERROR_METHOD] = {"invalid_request_error", "method_not_allowed", "invalid_request_error",
		"INVALID_ARGUMENT"},
	[ERROR_CONFLICT] = {"conflict_error", NULL, "conflict_error", "ABORTED"},
	[ERROR_TOO_LARGE] = {"invalid_request_error", "request_too_large", "request_too_large",
		"INVALID_ARGUMENT"},
	[ERROR_UNPROCESSABLE] = {"invalid_request_error", NULL, "invalid_request_error",
		"INVALID_ARGUMENT"},
	[ERROR_RATE_LIMIT] = {"rate_limit_error", "rate_limit_exceeded", "rate_limit_error",
		"RESOURCE_EXHAUSTED"},
	[ERROR_QUOTA] = {"insufficient_quota", "insufficient_quota", "rate_limit_error",
		"RESOURCE_EXHAUSTED"},
	[ERROR_CANCELLED] = {"server_error", "cancelled", "api_error", "CANCELLED"},
	[ERROR_INTERNAL] = {"server_error", "internal_server_error", "api_error", "INTERNAL"},
	[ERROR_NOT_SUPPORTED] = {"invalid_request_error", "unsupported", "invalid_request_error",
		"UNIMPLEMENTED"},
	[ERROR_NETWORK] = {"server_error", "upstream_error", "api_error", "UNAVAILABLE"},
	[ERROR_UPSTREAM_PROTOCOL] = {"server_error", "upstream_error", "api_error", "UNAVAILABLE"},
	[ERROR_UPSTREAM_CREDENTIAL] = {"server_error", "upstream_error", "api_error",
		"UNAVAILABLE"},
	[ERROR_UNAVAILABLE] = {"server_error", "service_unavailable", "overloaded_error",
		"UNAVAILABLE"},
	[ERROR_TIMEOUT] = {"server_error", "timeout", "timeout_error", "DEADLINE_EXCEEDED"},
	[ERROR_OVERLOADED] = {"server_error", "overloaded", "overloaded_error", "UNAVAILABLE"},
	[ERROR_CONFIGURATION] = {"server_error", "internal_server_error", "api_error", "INTERNAL"},
	[ERROR_TEMPLATE] = {"server_error", "internal_server_error", "api_error", "INTERNAL"},
	[ERROR_VERIFICATION] = {"server_error", "internal_server_error", "api_error", "INTERNAL"},
};

int format_error_status(enum api_family family, const struct error *error) {
	int status = error_status(error);
	if (error->kind == ERROR_OVERLOADED || status == 529) {
		return family == FAMILY_ANTHROPIC ? 529 : 503;
	}
	if (status == 422 && family == FAMILY_OLLAMA) {
		return 400;
	}
	return status;
}

/* The upstream's own code says more than ours, but not about a credential that is not the
 * client's (ER-3). */
static const char *openai_code(const struct error *error) {
	if (error->code[0] != '\0' && error->kind != ERROR_UPSTREAM_CREDENTIAL &&
		error->kind != ERROR_CONTEXT_TOO_LONG) {
		return error->code;
	}
	return rows[error->kind].openai_code;
}

void format_encode_openai_error(
	const struct error *error, struct slice request_id, struct buf *out) {
	struct json_writer w;
	(void)request_id; /* a header alone says it in this family */
	json_writer_init(&w, out, false);
	json_begin_object(&w);
	json_write_key(&w, "error");
	json_begin_object(&w);
	json_put_cstr(&w, "message", error->message);
	json_put_cstr(&w, "type", rows[error->kind].openai_type);
	json_put_cstr(&w, "param", error->param[0] != '\0' ? error->param : NULL);
	json_put_cstr(&w, "code", openai_code(error));
	json_end_object(&w);
	json_end_object(&w);
}

void format_encode_anthropic_error(
	const struct error *error, struct slice request_id, struct buf *out) {
	struct json_writer w;
	json_writer_init(&w, out, false);
	json_begin_object(&w);
	json_put_cstr(&w, "type", "error");
	json_write_key(&w, "error");
	json_begin_object(&w);
	json_put_cstr(&w, "type", rows[error->kind].anthropic_type);
	json_write_key(&w, "message");
	json_begin_string(&w);
	/* ER-5: clients compact when they read these words */
	struct slice words = SLICE("prompt is too long");
	struct slice message = slice_of(error->message);
	if (error->kind == ERROR_CONTEXT_TOO_LONG && !slice_icontains(message, words)) {
		json_write_string_part(&w, SLICE("prompt is too long: "));
	}
	json_write_string_part(&w, message);
	json_end_string(&w);
	json_end_object(&w);
	if (request_id.len > 0) {
		json_put_string(&w, "request_id", request_id);
	}
	json_end_object(&w);
}

/* RetryInfo, where clients look for it (ER-6). */
static void put_retry_info(struct json_writer *w, int64_t retry_after_ms) {
	char delay[32];
	snprintf(delay, sizeof delay, "%lld.%03llds", (long long)(retry_after_ms / 1000),
		(long long)(retry_after_ms % 1000));
	json_write_key(w, "details");
	json_begin_array(w);
	json_begin_object(w);
	json_put_cstr(w, "@type", "type.googleapis.com/google.rpc.RetryInfo");
	json_put_cstr(w, "retryDelay", delay);
	json_end_object(w);
	json_end_array(w);
}

void format_encode_gemini_error(
	const struct error *error, struct slice request_id, struct buf *out) {
	struct json_writer w;
	(void)request_id; /* a header alone says it in this family */
	json_writer_init(&w, out, false);
	json_begin_object(&w);
	json_write_key(&w, "error");
	json_begin_object(&w);
	json_put_int(&w, "code", format_error_status(FAMILY_GEMINI, error));
	json_put_cstr(&w, "message", error->message);
	json_put_cstr(&w, "status", rows[error->kind].gemini_status);
	if (error->retry_after_ms > 0) {
		put_retry_info(&w, error->retry_after_ms);
	}
	json_end_object(&w);
	json_end_object(&w);
}

void format_encode_ollama_error(
	const struct error *error, struct slice request_id, struct buf *out) {
	struct json_writer w;
	(void)request_id;
	json_writer_init(&w, out, false);
	json_begin_object(&w);
	json_put_cstr(&w, "error", error->message);
	json_end_object(&w);
}

void format_encode_error(enum api_family family, const struct error *error, struct slice request_id,
	struct buf *out) {
	switch (family) {
	case FAMILY_OPENAI:
		format_encode_openai_error(error, request_id, out);
		break;
	case FAMILY_ANTHROPIC:
		format_encode_anthropic_error(error, request_id, out);
		break;
	case FAMILY_GEMINI:
		format_encode_gemini_error(error, request_id, out);
		break;
	case FAMILY_OLLAMA:
		format_encode_ollama_error(error, request_id, out);
		break;
	}
}
