/* provider.h: a service that can answer, as one const profile: where, in which format, with which
 * credential. */
#ifndef LLMMUX_PROVIDERS_PROVIDER_H
#define LLMMUX_PROVIDERS_PROVIDER_H

#include "formats/format.h"

enum provider_op {
	PROVIDER_OP_CHAT,
	PROVIDER_OP_STREAM,   /* a streamed chat, where it has a path of its own; else as CHAT */
	PROVIDER_OP_GENERATE, /* a text continued, where it has a path of its own; else as CHAT */
	PROVIDER_OP_COUNT,
	PROVIDER_OP_EMBED,
	PROVIDER_OP_COMPACT, /* RS-29 */
	PROVIDER_OP_MODELS,
	PROVIDER_OP_TOTAL
};

enum provider_auth {
	PROVIDER_AUTH_BEARER,        /* Authorization: Bearer KEY */
	PROVIDER_AUTH_X_API_KEY,     /* x-api-key: KEY */
	PROVIDER_AUTH_X_GOOG_API_KEY /* x-goog-api-key: KEY (GM-1) */
};

/* A model the profile lists when the configuration lists none. */
struct provider_model {
	const char *id;
	const char *display_name;
};

/* What is known of a host that speaks the dialect with a difference. */
struct provider_host {
	const char *host; /* exact, or a suffix that begins with "." */
	uint32_t quirks;  /* enum format_quirk */
};

/* One upstream call about to be made. */
struct provider_call {
	enum provider_op op;
	const char *url;                         /* of provider_url_for */
	struct slice key;                        /* absent: no credential is sent */
	const struct http_header *extra_headers; /* of the configuration */
	size_t extra_header_count;
	bool extra_is_literal; /* a value "$Name" of theirs stands for itself */
	const struct http_headers
		*client_headers; /* of the client, for what is passed on; may be NULL */
	enum format_id client_format;
	const struct format_built *built; /* betas; may be NULL */
	bool stream;
	struct arena *arena;
	/* out */
	struct http_headers headers;
};

struct provider {
	const char *type;  /* as config_provider_type.name: "openai", "claude" */
	const char *alias; /* another spelling of the type, or NULL: "anthropic" */
	/* The profile of the same service asked in Responses (`wire: responses`); NULL = it is not.
	 */
	const struct provider *responses;
	const char *vendor; /* as model_family.vendor: whose models it can be asked for unlisted */
	const char *title;
	enum format_id format;
	enum provider_auth auth;
	const char *official_host;         /* a base URL of this host gets QUIRK_OFFICIAL */
	uint32_t quirks;                   /* enum format_quirk of other hosts */
	const struct provider_host *hosts; /* hosts with quirks of their own; may be NULL */
	size_t host_count;
	/* Behind the base URL; "{model}" stands for the model's name; NULL = no such call. */
	const char *paths[PROVIDER_OP_TOTAL];
	bool base_url_has_version; /* the base URL ends in /v1 (openai); else a given /v1 or /v1beta
				      is cut off */
	const struct http_header *headers; /* always sent */
	size_t header_count;
	const char *const *passed_headers; /* of a client of the same API family, sent on when it
					      has them (RT-5); ends with NULL */
	/* What headers of an answer begin with that a client of the same API family gets (RT-6);
	 * ends with NULL */
	const char *const *returned_headers;
	const struct provider_model *models;
	size_t model_count;
	/* Optional: adds or changes headers (e.g. anthropic-beta). */
	void (*prepare)(const struct provider *provider, struct provider_call *call);
};

/* By type name or alias; NULL when there is none. */
const struct provider *provider_find(struct slice type);
/* All profiles; NULL-terminated. */
const struct provider *const *provider_all(void);
/* The URL of an operation below a base URL, in the arena, "{model}" still in it; NULL when the
 * provider has no such call. */
const char *provider_url(const struct provider *provider, enum provider_op op,
	struct slice base_url, struct arena *arena);
/* That URL for one call: "{model}" is replaced by the percent-encoded name ('/' stays). The URL
 * itself when there is none in it; NULL for a name with a segment that leads elsewhere ("..").
 */
const char *provider_url_for(const char *url, struct slice model, struct arena *arena);
/* Fills the headers: content type, accept, credential, the profile's, those of the client that are
 * passed on (RT-5), the configuration's (they replace others of that name; a value "$Name" copies
 * that header of the client, gateway.md 2.2). A client's credential is never passed on, not even by
 * "$Authorization" (RT-4). */
void provider_prepare(const struct provider *provider, struct provider_call *call);
/* Copies the headers of an answer that a client of that format gets (RT-6: the rate limits, in the
 * same API family) into the arena: at most PROVIDER_MAX_RETURNED, long values are left out. */
#define PROVIDER_MAX_RETURNED 24
void provider_return_headers(const struct provider *provider, enum format_id client_format,
	const struct http_headers *answer, struct arena *arena, struct http_headers *returned);
/* The quirks of a base URL's host: official or not. */
uint32_t provider_quirks(const struct provider *provider, struct slice base_url);

#endif
