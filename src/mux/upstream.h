/* upstream.h: the upstream backend, shared by upstream.c (the backend), upstream_call.c (a call),
 * upstream_redirect.c, upstream_error.c (what a refusal means) and payload.c (rules about bodies).
 */
#ifndef LLMMUX_MUX_UPSTREAM_H
#define LLMMUX_MUX_UPSTREAM_H

#include "mux/mux_internal.h"
#include "providers/provider.h"

struct upstream {
	struct backend base;
	struct mux *mux;
	const struct provider *provider;
	const struct format *format;
	const struct config_provider *settings;
	struct slice base_url; /* NUL-terminated */
	const char *urls[PROVIDER_OP_TOTAL];
	uint32_t quirks;
	struct http_header *headers; /* of the configuration */
	size_t header_count;
	struct client_timeouts timeouts;
	struct pool pool;
	size_t model_count;
	unsigned max_redirects;   /* followed; 0: an error that says where to go */
	bool quotes_answers;      /* an answer that makes no sense is shown, its beginning */
	bool has_literal_headers; /* "$Name" in `headers` is no header of the client */
};

/* The backend without models: `settings` and what it points to live as long, everything else is in
 * the arena. */
struct upstream *upstream_make(struct mux *mux, struct arena *arena,
	const struct config_provider *settings, struct slice base_url, struct error *error);

/* The calls of the backend kind (backend.h), in upstream_call.c. */
struct backend_call *upstream_submit(
	struct backend *backend, const struct backend_request *request);
void upstream_pause(struct backend_call *call);
void upstream_resume(struct backend_call *call);
void upstream_release(struct backend_call *call);

/* What an answer with a status of 300 or more means to the caller. */
void upstream_read_error(const struct upstream *upstream, int status,
	const struct http_headers *headers, struct slice body, struct error *error);
/* Says where an error happened, and that a refused credential is ours (ER-3, ER-4). */
void upstream_label_error(
	const struct upstream *upstream, const struct account *account, struct error *error);

/* Where an answer with such a status sends its request on to, in the arena; NULL for one that does
 * not, or not as the same request. *is_same_origin: credentials may go there. */
const char *upstream_redirect(int status, const struct http_headers *headers, const char *from,
	struct arena *arena, bool *is_same_origin);

/* Applies the payload rules (gateway.md 2.6) to a body about to be sent; its bytes may be replaced.
 * False when the body is too large for that. */
bool payload_apply(const struct upstream *upstream, struct slice model, struct buf *body,
	struct arena *arena, struct error *error);

#endif
