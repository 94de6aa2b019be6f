/* upstream_error.c: what a refusal of an upstream means to the caller. */
#include "mux/upstream.h"

/* ER-4: a host may quote our key, or a header of the configuration, in whatever form it has. */
static void mask_secret(char *text, struct slice secret) {
	if (secret.len < LOG_SECRET_MIN) {
		return;
	}
	struct slice rest = slice_of(text);
	for (size_t at; (at = slice_find(rest, secret)) != SIZE_MAX;) {
		memset(text + (rest.data - text) + at, '*', secret.len);
		rest = slice_from(rest, at + secret.len);
	}
}

void upstream_label_error(
	const struct upstream *upstream, const struct account *account, struct error *error) {
	/* ER-3: the caller's own credential was fine, so it must not look as if it were not. */
	if (error->kind == ERROR_AUTHENTICATION || error->kind == ERROR_PERMISSION ||
		error->kind == ERROR_UPSTREAM_CREDENTIAL) {
		const struct error told = *error;
		error_set(error, ERROR_UPSTREAM_CREDENTIAL,
			account->key.len > 0 ? "the upstream refuses the credential of %s: %s"
					     : "the upstream of %s wants a credential: %s",
			account->label, told.message);
		memcpy(error->native_type, told.native_type, sizeof error->native_type);
		memcpy(error->request_id, told.request_id, sizeof error->request_id);
	}
	error_set_where(error, "%s", account->label);
	mask_secret(error->message, account->key);
	for (size_t i = 0; i < upstream->header_count; i++) {
		mask_secret(error->message, upstream->headers[i].value);
	}
	error_mask_secrets(error->message);
}

void upstream_read_error(const struct upstream *upstream, int status,
	const struct http_headers *headers, struct slice body, struct error *error) {
	if (status < 400) {
		error_set(error, ERROR_UPSTREAM_PROTOCOL,
			"%s answers with a redirect (status %d): set its base-url to where it "
			"leads",
			upstream->base.name, status);
	} else {
		error_clear(error);
		error->retry_after_ms = -1;
		upstream->format->parse_error(status, headers, body, error);
	}
}
