/* serve.c: the gateway as a program: threads, start-up lines, signals, the way out.
 *
 *   main thread: loop 0, signals, drain      threads 1..N-1: a loop each
 *
 * Every loop has its listener on the same port (SO_REUSEPORT), its HTTP client and its arena pool.
 * All are made on the main thread before any other starts, so that a failure is one message. */
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/mem.h"
#include "cli/command.h"
#include "gateway/gateway.h"
#include "tokens/tokens.h"

#define SERVE_MAX_THREADS 8
#define SERVE_STACK_BYTES ((size_t)256 * 1024)
/* The most that start-up waits for hosts that are asked for their models; a port that nobody
 * listens on answers at once. */
#define SERVE_DISCOVER_MS 400
/* Larger blocks come from the kernel and go back to it when freed: bodies and long answers do not
 * stay in the heap. */
#define SERVE_MMAP_THRESHOLD (256 * 1024)
#define SERVE_TRIM_THRESHOLD (256 * 1024)

struct server;
struct server_thread {
	struct server *server;
	pthread_t thread;
	bool is_running; /* a thread of its own was started */
	struct loop *loop;
	struct mux_loop *mux_loop;
	struct gateway_loop *gateway;
};

struct server {
	struct command_context *context;
	struct config *config;
	struct log *log;
	struct tokens *tokens; /* NULL: counts are estimates */
	struct mux *mux;
	struct responses_store *store;
	struct server_thread threads[SERVE_MAX_THREADS];
	size_t thread_count;
	size_t undrained; /* loops with open exchanges; of the main thread */
	bool is_draining;
	struct loop_signal *signals[2];
	struct loop_timer drain_timer;
};

/* ---- the process ---- */

static void prepare_process(size_t threads) {
	struct rlimit files;
	mallopt(M_ARENA_MAX, (int)threads);
	mallopt(M_MMAP_THRESHOLD, SERVE_MMAP_THRESHOLD);
	mallopt(M_TRIM_THRESHOLD, SERVE_TRIM_THRESHOLD);
	signal(SIGPIPE, SIG_IGN);
	if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
}

static size_t count_threads(const struct config *config) {
	cpu_set_t cores;
	size_t count = config->threads > 0 ? (size_t)config->threads : 0;
	if (count == 0) {
		/* What this process may run on, not what the machine has. */
		count = sched_getaffinity(0, sizeof cores, &cores) == 0 ? (size_t)CPU_COUNT(&cores)
									: 1;
	}
	return count < 1 ? 1 : count > SERVE_MAX_THREADS ? SERVE_MAX_THREADS : count;
}

static struct log *create_log(const struct config *config) {
	const struct log_options options = {
		.level = config->is_debug ? LOG_DEBUG : LOG_INFO,
		.format = config->log_format == CONFIG_LOG_JSON ? LOG_JSON : LOG_TEXT,
		.fd = STDERR_FILENO,
	};
	struct log *log = log_create(&options);
	for (size_t i = 0; i < config->api_keys.len; i++) {
		log_add_secret(log, config->api_keys.items[i]);
	}
	for (size_t i = 0; i < config->providers.len; i++) {
		const struct config_provider *provider = &config->providers.items[i];
		for (size_t k = 0; k < provider->api_keys.len; k++) {
			log_add_secret(log, provider->api_keys.items[k].key);
		}
	}
	return log;
}

/* ---- start-up lines ---- */

static void print_backend(const struct mux_backend_info *info, void *data) {
	FILE *err = data;
	if (info->is_demo) {
		fprintf(err, "  %-12s built in, offline, for trying things out: %zu models\n",
			info->name, info->models);
		return;
	}
	char where[512];
	snprintf(where, sizeof where, "%s", info->base_url ? info->base_url : info->type);
	error_mask_secrets(where); /* user:password@ */
	fprintf(err, "  %-12s %s, ", info->name, where);
	if (info->keys > 0) {
		fprintf(err, "%zu %s, ", info->keys, info->keys == 1 ? "key" : "keys");
	} else {
		fputs("no key, ", err);
	}
	if (info->models > 0 || !info->takes_any_model) {
		fprintf(err, "%zu %s%s", info->models, info->models == 1 ? "model" : "models",
			info->takes_any_model ? " and " : "");
	}
	fprintf(err, "%s\n", info->takes_any_model ? "any that is asked for" : "");
}

/* Without the vocabularies everything works; that counts are estimates is worth a line. */
static void open_tokens(struct server *server) {
	const struct slice path = server->config->tokens_file;
	struct error error;
	server->tokens = tokens_open(path.len > 0 ? path.data : NULL, &error);
	if (server->tokens == NULL) {
		bool is_usual = path.len == 0 && error.kind == ERROR_NOT_FOUND;
		fprintf(server->context->err, "%s: token counts are estimates: %s\n",
			is_usual ? "note" : "warning", error.message);
	}
}

static void print_start(const struct server *server) {
	const struct config *config = server->config;
	FILE *err = server->context->err;
	fprintf(err, "llm-mux %s\n", command_version_text());
	for (size_t i = 0; i < config->files.len; i++) {
		fprintf(err, "configuration: %.*s\n", SLICE_FMT(config->files.items[i]));
	}
	if (config->files.len == 0) {
		fputs("configuration: none, the defaults (llm-mux init writes one)\n", err);
	}
	for (size_t i = 0; i < config->notes.len; i++) {
		fprintf(err, "%s: %s\n", config->notes.items[i].is_warning ? "warning" : "note",
			config->notes.items[i].text);
	}
	fputs("backends:\n", err);
	mux_each_backend(server->mux, print_backend, err);
	fprintf(err, "client keys: %s\n",
		config_needs_key(config)                ? "needed (api-keys)"
		: config_host_is_loopback(config->host) ? "none needed; only this machine can "
							  "connect"
							: "NONE NEEDED: everyone who reaches this "
							  "address can use it");
}

static void print_listening(const struct server *server, uint16_t port) {
	const struct config *config = server->config;
	FILE *err = server->context->err;
	const char *host = config->host.data;
	bool is_bare_v6 = strchr(host, ':') && host[0] != '[';
	bool is_any = strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0;
	const char *scheme = config->tls.is_enabled ? "https" : "http";
	fprintf(err, "listening on %s://%s%s%s:%u\n", scheme, is_bare_v6 ? "[" : "", host,
		is_bare_v6 ? "]" : "", port);
	fprintf(err,
		"try: curl %s://%s%s%s:%u/v1/chat/completions %s-d "
		"'{\"model\":\"demo/"
		"echo\",\"messages\":[{\"role\":\"user\",\"content\":\"hello\"}]}'\n",
		scheme, is_bare_v6 && !is_any ? "[" : "", is_any ? "127.0.0.1" : host,
		is_bare_v6 && !is_any ? "]" : "", port,
		config_needs_key(config) ? "-H 'Authorization: Bearer KEY' " : "");
	fflush(err);
}

/* ---- the way out ---- */

static void stop_all(struct server *server) {
	for (size_t i = 0; i < server->thread_count; i++) {
		loop_stop(server->threads[i].loop);
	}
}

static void thread_drained_on_main(void *data) {
	struct server *server = data;
	if (server->undrained > 0 && --server->undrained == 0) {
		log_info(server->log, "all requests are finished");
		stop_all(server);
	}
}

static void on_thread_drained(void *data) {
	struct server_thread *thread = data;
	loop_post(thread->server->threads[0].loop, thread_drained_on_main, thread->server);
}

static void drain_thread(void *data) {
	struct server_thread *thread = data;
	if (!thread->gateway) {
		return; /* the grace time was over before this loop got here */
	}
	gateway_loop_drain(thread->gateway, on_thread_drained, thread);
}

static void on_drain_timeout(struct loop_timer *timer) {
	struct server *server = timer->data;
	log_warn(server->log, "the grace time is over: requests still open are cut");
	stop_all(server);
}

static void on_signal(int number, void *data) {
	struct server *server = data;
	if (server->is_draining) {
		_exit(128 + number);
	}
	server->is_draining = true;
	server->undrained = server->thread_count;
	int64_t grace_ms = server->config->timeouts.drain_ms;
	log_info(server->log,
		"%s: no new connections; open requests have %lld s to finish (again: at once)",
		number == SIGINT ? "interrupted" : "terminated", (long long)(grace_ms / 1000));
	loop_timer_start(&server->drain_timer, (uint64_t)grace_ms);
	for (size_t i = 0; i < server->thread_count; i++) {
		loop_post(server->threads[i].loop, drain_thread, &server->threads[i]);
	}
}

/* ---- threads ---- */

static bool create_thread(
	struct server *server, struct server_thread *thread, uint16_t port, struct error *error) {
	thread->server = server;
	thread->loop = loop_create(error);
	if (!thread->loop) {
		return false;
	}
	loop_keep(thread->loop, true);
	thread->mux_loop = mux_loop_create(server->mux, thread->loop, error);
	if (!thread->mux_loop) {
		return false;
	}
	const struct gateway_options options = {
		.mux_loop = thread->mux_loop,
		.loop = thread->loop,
		.log = server->log,
		.host = server->config->host.data,
		.port = port,
		.reuse_port = thread != server->threads,
		.store = server->store,
	};
	thread->gateway = gateway_loop_create(&options, error);
	return thread->gateway != NULL;
}

static bool create_threads(struct server *server, size_t count, struct error *error) {
	uint16_t port = (uint16_t)server->config->port;
	for (size_t i = 0; i < count; i++) {
		struct server_thread *thread = &server->threads[server->thread_count++];
		if (!create_thread(server, thread, port, error)) {
			return false;
		}
		port = gateway_loop_port(thread->gateway);
	}
	return true;
}

static void *run_thread(void *data) {
	struct server_thread *thread = data;
	loop_run(thread->loop);
	return NULL;
}

static bool start_threads(struct server *server, struct error *error) {
	pthread_attr_t attributes;
	sigset_t all, before;
	int failed = 0;
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, SERVE_STACK_BYTES);
	/* Signals are the main thread's. */
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	for (size_t i = 1; i < server->thread_count && failed == 0; i++) {
		struct server_thread *thread = &server->threads[i];
		failed = pthread_create(&thread->thread, &attributes, run_thread, thread);
		thread->is_running = failed == 0;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attributes);
	return failed == 0 ||
	       error_set_errno(error, ERROR_INTERNAL, failed, "cannot start a thread");
}

static void finish(struct server *server) {
	server->undrained = 0; /* what is still posted has nothing left to do */
	stop_all(server);
	for (size_t i = 1; i < server->thread_count; i++) {
		if (server->threads[i].is_running) {
			pthread_join(server->threads[i].thread, NULL);
		}
	}
	for (size_t i = 0; i < 2; i++) {
		if (server->signals[i]) {
			loop_signal_destroy(server->signals[i]);
		}
	}
	for (size_t i = 0; i < server->thread_count; i++) {
		struct server_thread *thread = &server->threads[i];
		gateway_loop_destroy(thread->gateway);
		thread->gateway = NULL;
		mux_loop_destroy(thread->mux_loop);
		loop_destroy(thread->loop);
	}
	mux_destroy(server->mux);
	tokens_close(server->tokens);
	responses_store_destroy(server->store);
	log_destroy(server->log);
	config_unref(server->config);
}

/* ---- the command ---- */

/* Hosts that have to be asked what they serve, and whether there is an Ollama on this machine. */
static void discover(struct server *server, struct arena *arena, struct mux_found *found) {
	struct config_provider local;
	bool is_wanted = config_local_ollama(server->config, &local);
	mux_discover(server->config, is_wanted ? &local : NULL, command_user_agent(),
		SERVE_DISCOVER_MS, arena, found);
	if (is_wanted && mux_found_of(found, local.id) != NULL) {
		config_adopt(server->config, &local);
	}
}

static bool start(struct server *server, struct error *error) {
	struct arena arena;
	struct mux_found found;
	open_tokens(server);
	arena_init(&arena, NULL, 0);
	discover(server, &arena, &found);
	const struct mux_options options = {
		.config = server->config,
		.found = &found,
		.log = server->log,
		.tokens = server->tokens,
		.user_agent = command_user_agent(),
	};
	server->mux = mux_create(&options, error);
	arena_finish(&arena);
	if (!server->mux) {
		return false;
	}
	server->store = responses_store_create(
		(size_t)server->config->stored_bytes, server->config->stored_ttl_ms);
	print_start(server);
	if (!create_threads(server, count_threads(server->config), error)) {
		return false;
	}
	struct loop *loop = server->threads[0].loop;
	loop_timer_init(loop, &server->drain_timer, on_drain_timeout, server);
	server->signals[0] = loop_signal_create(loop, SIGTERM, on_signal, server);
	server->signals[1] = loop_signal_create(loop, SIGINT, on_signal, server);
	return start_threads(server, error);
}

/* What to try when the listener could not be made, by the setting that the error names. */
static const char *start_hint(const struct error *error) {
	static const struct {
		const char *param, *hint;
	} hints[] = {
		{"port", " (llm-mux serve --port N; 0 takes any free one)"},
		{"host", " (llm-mux serve --host ADDRESS; 0.0.0.0 is every address of this "
			 "machine)"},
		{"tls", " (tls.cert and tls.key name two PEM files that belong together)"},
	};
	for (size_t i = 0; i < sizeof hints / sizeof *hints; i++) {
		if (strcmp(error->param, hints[i].param) == 0) {
			return hints[i].hint;
		}
	}
	return "";
}

static int serve_run(struct command_context *context) {
	struct config_setting settings[2];
	size_t count = 0;
	const char *port = command_value(context, "port"), *host = command_value(context, "host");
	if (port) {
		settings[count++] = (struct config_setting){"port", port, "--port"};
	}
	if (host) {
		settings[count++] = (struct config_setting){"host", host, "--host"};
	}
	struct server server = {.context = context};
	server.config = command_load_config(context, settings, count);
	if (!server.config) {
		return COMMAND_USAGE;
	}
	prepare_process(count_threads(server.config));
	server.log = create_log(server.config);
	struct error error;
	int code = COMMAND_OK;
	if (start(&server, &error)) {
		malloc_trim(0);
		print_listening(&server, gateway_loop_port(server.threads[0].gateway));
		loop_run(server.threads[0].loop);
		loop_timer_stop(&server.drain_timer);
	} else {
		/* Once there are threads the configuration is sound, and the machine refuses. */
		bool is_usage = error.kind == ERROR_CONFIGURATION && server.thread_count == 0;
		code = command_fail(context, is_usage ? COMMAND_USAGE : COMMAND_FAILED, "%s%s",
			error.message, start_hint(&error));
	}
	finish(&server);
	return code;
}

static const struct command_option serve_options[] = {
	{'p', "port", "N", "listen on this port; 0: any free one (8317)", NULL},
	{0, "host", "ADDRESS", "listen on this address (127.0.0.1)", NULL},
	{0, NULL, NULL, NULL, NULL},
};

const struct command command_serve = {
	.name = "serve",
	.summary = "start the gateway (also without a command)",
	.details = "Serves /v1/chat/completions, /v1/responses, /v1/messages and /v1/models from\n"
		   "whatever is configured, or found in the environment, and always the demo\n"
		   "models.\n"
		   "SIGTERM and SIGINT let open requests finish; a second one exits at once.",
	.options = serve_options,
	.run = serve_run,
};
