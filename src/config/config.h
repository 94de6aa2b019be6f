/* config.h: the gateway's configuration as one immutable, reference-counted snapshot.
 *
 *   defaults < CFGDIR/config.yaml < CFGDIR/config.toml < environment (.env below it) < command line
 *              └ or only the file of --config ┘
 *
 * Nothing changes after config_load: a reload makes another snapshot, and a request keeps the one
 * it began with (gateway.md 2.4). All texts are NUL-terminated slices in the snapshot's arena; an
 * option that was not given is an empty slice. Durations are milliseconds, sizes bytes. */
#ifndef LLMMUX_CONFIG_CONFIG_H
#define LLMMUX_CONFIG_CONFIG_H

#include <stdatomic.h>

#include "config/options.h"

#define CONFIG_DEFAULT_PORT 8317
#define CONFIG_ALIAS_MAX 256 /* bytes of a name in routing.aliases */
#define CONFIG_FILE_MAX (10 * 1024 * 1024)

enum config_log_format {
	CONFIG_LOG_TEXT,
	CONFIG_LOG_JSON
};

/* What a service speaks, where it speaks more than one dialect. */
enum config_wire {
	CONFIG_WIRE_CHAT,
	CONFIG_WIRE_RESPONSES
};

/* A kind of provider entry (`type:`). The registry of profiles is on a higher floor; this is what
 * validation has to know of it. */
struct config_provider_type {
	const char *name;  /* the provider id when the entry has no name of its own: "claude" */
	const char *alias; /* another spelling of the type, or NULL: "anthropic" */
	const char *default_base_url;
	const char *key_env, *base_url_env; /* "ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL" */
	/* Other names of the two, which count when the first are not set; may be NULL. */
	const char *other_key_env, *other_base_url_env;
	bool needs_no_key; /* also at its default base URL */
	bool has_wires;    /* `wire` may say which dialect is spoken */
	bool needs_name;   /* an entry with a base URL of its own must be named (gateway.md 2.2) */
};
/* Ends with a row whose name is NULL. */
extern const struct config_provider_type config_provider_types[];

/* providers[].api-keys[] */
struct config_key {
	struct option_place place;
	struct slice key;
	struct slice proxy_url; /* "direct" or "none": no proxy; empty: the provider's */
};

/* providers[].models[]: the visible id is the alias, else the name (gateway.md 2.2). */
struct config_model {
	struct option_place place;
	struct slice name;  /* what the upstream is asked for */
	struct slice alias; /* empty: none */
	bool forces_name;   /* answers say the name the client asked for */
};

struct config_provider {
	struct option_place place;
	const struct config_provider_type *type;
	struct slice id;       /* lower case: the name, else the type's name. Unique */
	struct slice name;     /* as shown; never empty */
	struct slice base_url; /* never empty; no "/" at the end */
	bool has_own_base_url; /* not the type's default */
	int wire;              /* enum config_wire */
	bool is_enabled;
	bool is_from_environment; /* made of OPENAI_API_KEY and the like */
	struct slice proxy_url;   /* for keys without one; empty: the global one */
	OPTION_OBJECTS(struct config_key) api_keys; /* empty: a local server without keys */
	struct option_map headers; /* a value "$Name" copies that header of the client's request */
	OPTION_OBJECTS(struct config_model) models; /* empty: the provider's own list */
	struct option_strings excluded_models;      /* globs, see config_model_is_excluded */

	/* As written, before it was checked and moved into the members above. */
	struct slice type_text, single_key;
};

/* payload.default[], payload.override[] (gateway.md 2.6): values for the bodies upstreams get. */
struct config_payload_model {
	struct option_place place;
	struct slice name;     /* glob on the upstream's model */
	struct slice protocol; /* "claude"; empty: every one */
};
struct config_payload_rule {
	struct option_place place;
	OPTION_OBJECTS(struct config_payload_model) models; /* one of them has to match */
	struct option_map params; /* dotted path (data/json_path.h) -> JSON */
};

struct config_tls {
	bool is_enabled;
	struct slice cert, key; /* paths of PEM files */
};

/* Beyond a limit: an error in the caller's format (design.md section 4). */
struct config_limits {
	int64_t header_bytes;
	int64_t request_bytes;  /* body as received: max-request-size */
	int64_t decoded_bytes;  /* body after Content-Encoding */
	int64_t response_bytes; /* a non-stream upstream answer: max-response-size */
	int64_t json_depth;
	int64_t sse_line_bytes;
	int64_t tool_argument_bytes;
	int64_t open_parts;
	int64_t connections; /* per loop thread */
	int64_t fan_out;     /* upstream calls made of one request */
};

struct config_timeouts {
	/* towards upstreams */
	int64_t connect_ms;
	int64_t first_byte_ms; /* until the response headers */
	int64_t idle_ms;       /* between bytes */
	int64_t total_ms;      /* 0: none */
	/* towards clients */
	int64_t header_ms;     /* until a request's head is whole */
	int64_t body_ms;       /* between bytes of a request body */
	int64_t keep_alive_ms; /* idle connection */
	int64_t drain_ms;      /* open requests after SIGTERM */
	int64_t hold_ms; /* the head of a stream waits for its first event at most this long */
	int64_t ping_ms; /* silence in a stream before a keep-alive comment; 0: none */
};

/* A line for the start-up output; never holds a secret. */
struct config_note {
	bool is_warning;
	const char *text;
};

struct config {
	struct arena arena;
	atomic_uint references;

	/* server */
	struct slice host; /* "127.0.0.1" */
	int64_t port;      /* 0: any free port */
	int64_t threads;   /* 0: one per core, at most 8 */
	bool is_insecure;  /* `insecure`: allows an open server on a non-loopback address */
	struct config_tls tls;
	struct option_strings allowed_hosts;   /* further names accepted in Host */
	struct option_strings allowed_origins; /* cors.allowed-origins */

	/* clients */
	struct option_strings api_keys; /* plain or "sha256:<64 hex>" */
	bool is_auth_disabled;
	bool allows_localhost_without_key;

	bool finds_ollama;           /* discover-ollama */
	struct slice ollama_version; /* what /api/version says (OL-10) */

	/* logging */
	bool is_debug;
	int log_format; /* enum config_log_format */

	/* counting tokens */
	bool counts_locally;      /* count requests ask no upstream (E-106) */
	struct slice tokens_file; /* vocabularies; empty: where the program is */

	/* upstreams */
	struct slice proxy_url;
	int64_t request_retry;     /* extra rounds after the first (gateway.md 5.6) */
	int64_t bootstrap_retries; /* other accounts tried before the first event (6.3) */
	int64_t max_retry_wait_ms; /* longest wait for a cooling account between rounds */
	struct config_limits limits;
	struct config_timeouts timeouts;
	struct {
		int64_t bytes; /* 0: none are kept */
		int64_t ttl_ms;
	} signatures;         /* signature-cache */
	int64_t stored_bytes; /* of answers kept for `previous_response_id`; 0: none */
	int64_t stored_ttl_ms;
	OPTION_OBJECTS(struct config_provider) providers; /* enabled and disabled, in order */
	OPTION_OBJECTS(struct config_payload_rule) payload_defaults;
	OPTION_OBJECTS(struct config_payload_rule) payload_overrides;
	struct option_map aliases;   /* routing.aliases */
	struct option_map endpoints; /* "provider.name" -> URL; ask config_endpoint */

	/* how it came to be */
	struct option_set options;
	struct option_strings files; /* files that were read, in the order of merging */
	struct {
		struct config_note *items;
		size_t len, cap;
	} notes;
	struct option_map endpoint_env; /* "OPENAI_BASE" -> URL, from LLM_MUX_ENDPOINT_* */
};

/* One option given on the command line; it wins over everything. */
struct config_setting {
	const char *key;   /* "port" */
	const char *value; /* "9000" */
	const char *label; /* "--port", for problems */
};

struct config_request {
	const char *path; /* --config: only this file, by its ending; NULL: the two of `dir` */
	const char *dir;  /* configuration directory; NULL: file_config_dir's */
	char *const *environment; /* "NAME=value", ends with NULL, like environ; NULL: empty */
	const struct config_setting *settings;
	size_t setting_count;
	/* Further tables of upper floors (the core rows are always there). */
	const struct option_table *const *tables;
	size_t table_count;
};

/* Loads, merges, validates. Problems and warnings of all files are printed into `report` (compiler
 * style; colour when asked), whether or not it succeeds. NULL with *error set (ERROR_CONFIGURATION,
 * the first problem) when anything is wrong; no file at all is not wrong unless `path` names it.
 * The caller owns one reference. */
struct config *config_load(
	const struct config_request *request, bool colour, struct buf *report, struct error *error);
/* One more reference; returns the configuration. */
struct config *config_ref(struct config *config);
/* Accepts NULL. The last one frees. */
void config_unref(struct config *config);

/* The struct that a table of config_request.tables filled; NULL when it was not given. */
const void *config_section(const struct config *config, const struct option_table *table);
/* An override of a provider's URL by name ("base", "token", ...): the environment's
 * LLM_MUX_ENDPOINT_<PROVIDER>_<NAME>, else endpoints.<provider>.<name>, else an absent slice. */
struct slice config_endpoint(const struct config *config, const char *provider, const char *name);
/* True when a request needs a client key: keys are configured and disable-auth is off. */
bool config_needs_key(const struct config *config);
/* True when the host is 127.0.0.0/8, ::1 or localhost. */
bool config_host_is_loopback(struct slice host);
/* An entry for an Ollama on this machine, in *entry; false when none is looked for: by
 * discover-ollama, because the configuration names its providers, or because Ollama's place is
 * taken (by OLLAMA_HOST, or by our own port). */
bool config_local_ollama(const struct config *config, struct config_provider *entry);
/* Takes such an entry into a snapshot that nobody else holds yet, and notes it. */
void config_adopt(struct config *config, const struct config_provider *entry);
/* gateway.md 2.5: case-insensitive, `*` anywhere. */
bool config_model_is_excluded(const struct config_provider *provider, struct slice model);

/* ---- for `config show`, `config schema`, `init`, help ---- */
/* The core rows with their defaults, and those of `tables` (as in config_request), without a
 * snapshot: for schema, template and help. */
void config_options_init(struct option_set *set, struct arena *arena,
	const struct option_table *const *tables, size_t table_count);
extern const struct option_table config_core_table;

#endif
