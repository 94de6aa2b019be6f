/* retry.c: what kind of failure an attempt ended with, whether another may do better, and when
 * (workflows.md 2.2, 2.4). */
#include "mux/role_internal.h"

const char *const role_failure_names[] = {
	[ROLE_FAILURE_NONE] = "none",
	[ROLE_FAILURE_TIMEOUT] = "timeout",
	[ROLE_FAILURE_RATE_LIMIT] = "rate_limit",
	[ROLE_FAILURE_NETWORK] = "network",
	[ROLE_FAILURE_UNAVAILABLE] = "unavailable",
	[ROLE_FAILURE_PARSE] = "parse_error",
	[ROLE_FAILURE_AUTH] = "auth_error",
	[ROLE_FAILURE_CONFIG] = "config_error",
	[ROLE_FAILURE_EXECUTION] = "execution",
	[ROLE_FAILURE_CANCELLED] = "cancelled",
	NULL,
};

/* What a kind of error says when no HTTP status says more. */
static const enum role_failure by_kind[ERROR_KIND_COUNT] = {
	[ERROR_NONE] = ROLE_FAILURE_NONE,
	[ERROR_INVALID_REQUEST] = ROLE_FAILURE_CONFIG,
	[ERROR_CONTEXT_TOO_LONG] = ROLE_FAILURE_CONFIG,
	[ERROR_AUTHENTICATION] = ROLE_FAILURE_AUTH,
	[ERROR_BILLING] = ROLE_FAILURE_CONFIG,
	[ERROR_PERMISSION] = ROLE_FAILURE_AUTH,
	[ERROR_NOT_FOUND] = ROLE_FAILURE_CONFIG,
	[ERROR_METHOD] = ROLE_FAILURE_CONFIG,
	[ERROR_CONFLICT] = ROLE_FAILURE_CONFIG,
	[ERROR_TOO_LARGE] = ROLE_FAILURE_EXECUTION,
	[ERROR_UNPROCESSABLE] = ROLE_FAILURE_PARSE,
	[ERROR_RATE_LIMIT] = ROLE_FAILURE_RATE_LIMIT,
	[ERROR_QUOTA] = ROLE_FAILURE_RATE_LIMIT,
	[ERROR_CANCELLED] = ROLE_FAILURE_CANCELLED,
	[ERROR_INTERNAL] = ROLE_FAILURE_NETWORK,
	[ERROR_NOT_SUPPORTED] = ROLE_FAILURE_CONFIG,
	[ERROR_NETWORK] = ROLE_FAILURE_NETWORK,
	[ERROR_UPSTREAM_PROTOCOL] = ROLE_FAILURE_PARSE,
	[ERROR_UPSTREAM_CREDENTIAL] = ROLE_FAILURE_AUTH,
	[ERROR_UNAVAILABLE] = ROLE_FAILURE_UNAVAILABLE,
	[ERROR_TIMEOUT] = ROLE_FAILURE_TIMEOUT,
	[ERROR_OVERLOADED] = ROLE_FAILURE_RATE_LIMIT,
	[ERROR_CONFIGURATION] = ROLE_FAILURE_CONFIG,
	[ERROR_TEMPLATE] = ROLE_FAILURE_CONFIG,
	[ERROR_VERIFICATION] = ROLE_FAILURE_PARSE,
};

static enum role_failure by_status(int status) {
	switch (status) {
	case 401:
	case 403:
		return ROLE_FAILURE_AUTH;
	case 408:
	case 504:
		return ROLE_FAILURE_TIMEOUT;
	case 429:
	case 529:
		return ROLE_FAILURE_RATE_LIMIT;
	default:
		return status >= 500 ? ROLE_FAILURE_NETWORK : ROLE_FAILURE_CONFIG;
	}
}

enum role_failure role_failure_of(const struct error *error, const struct mux_report *report) {
	enum role_failure by_words = (unsigned)error->kind < ERROR_KIND_COUNT ? by_kind[error->kind]
									      : ROLE_FAILURE_CONFIG;
	if (report->command != NULL && report->command->exit_code > 0 &&
		error->kind == ERROR_INTERNAL) {
		return ROLE_FAILURE_EXECUTION;
	}
	if (report->was_cut) {
		return ROLE_FAILURE_NETWORK;
	}
	/* What a body says of rates and keys is truer than its status. */
	if (by_words == ROLE_FAILURE_RATE_LIMIT || by_words == ROLE_FAILURE_AUTH) {
		return by_words;
	}
	if (report->upstream_status >= 300) {
		return by_status(report->upstream_status);
	}
	return by_words;
}

void role_failure_set_kind(enum role_failure failure, struct error *error) {
	static const enum error_kind kinds[ROLE_FAILURE_COUNT] = {
		[ROLE_FAILURE_NONE] = ERROR_NONE,
		[ROLE_FAILURE_TIMEOUT] = ERROR_TIMEOUT,
		[ROLE_FAILURE_RATE_LIMIT] = ERROR_RATE_LIMIT,
		[ROLE_FAILURE_NETWORK] = ERROR_NETWORK,
		[ROLE_FAILURE_UNAVAILABLE] = ERROR_UNAVAILABLE,
		[ROLE_FAILURE_PARSE] = ERROR_UPSTREAM_PROTOCOL,
		[ROLE_FAILURE_AUTH] = ERROR_UPSTREAM_CREDENTIAL,
		[ROLE_FAILURE_CONFIG] = ERROR_CONFIGURATION,
		[ROLE_FAILURE_EXECUTION] = ERROR_INTERNAL,
		[ROLE_FAILURE_CANCELLED] = ERROR_CANCELLED,
	};
	/* A server's own failure is ERROR_INTERNAL too, and that of a program to others. */
	if (error->kind == ERROR_INTERNAL || by_kind[error->kind] != failure) {
		error->kind = kinds[failure];
	}
}

bool role_failure_is_retried(enum role_failure failure, const struct runner_backend *settings) {
	switch (failure) {
	case ROLE_FAILURE_NETWORK:
		return true;
	case ROLE_FAILURE_RATE_LIMIT:
		return settings->retries_rate_limit;
	case ROLE_FAILURE_TIMEOUT:
		return settings->retries_timeout;
	default:
		return false;
	}
}

uint64_t retry_backoff_ms(uint64_t base_ms, unsigned attempt, uint32_t jitter) {
	uint64_t wait_ms = base_ms < RETRY_MAX_WAIT_MS ? base_ms : RETRY_MAX_WAIT_MS;
	for (unsigned i = 0; i < attempt && wait_ms < RETRY_MAX_WAIT_MS; i++) {
		wait_ms *= 2;
	}
	wait_ms = wait_ms < RETRY_MAX_WAIT_MS ? wait_ms : RETRY_MAX_WAIT_MS;
	return wait_ms + wait_ms * jitter / 4 / RETRY_JITTER_ONE;
}

uint64_t retry_wait_ms(const struct error *error, const struct runner_backend *settings,
	unsigned attempt, uint32_t jitter) {
	if (error->retry_after_ms >= 0) {
		return error->retry_after_ms < RETRY_MAX_SERVER_WAIT_MS
			       ? (uint64_t)error->retry_after_ms
			       : RETRY_MAX_SERVER_WAIT_MS;
	}
	uint64_t base_ms = settings->retry_delay_ms > 0 ? (uint64_t)settings->retry_delay_ms : 0;
	return retry_backoff_ms(base_ms, attempt, jitter);
}
