/* gateway.c: the gateway on one loop, and the road of an exchange through it. */
#include <stdlib.h>

#include "base/mem.h"
#include "gateway/gateway_internal.h"

static struct gateway_call *call_of(struct http_exchange *exchange) {
	return http_exchange_data(exchange);
}

static struct gateway_call *call_create(
	struct gateway_loop *gateway, struct http_exchange *exchange) {
	struct arena *arena = http_exchange_arena(exchange);
	struct gateway_call *call = ARENA_NEW(arena, struct gateway_call);
	const struct http_request *http = http_exchange_request(exchange);
	call->gateway = gateway;
	call->exchange = exchange;
	call->http = http;
	call->arena = arena;
	call->family = gateway_family(http->path, &http->headers);
	call->request_id = gateway_request_id(arena, &http->headers);
	http_exchange_set_data(exchange, call);
	return call;
}

/* Host and Origin: whether a browser may be made to send this. False after an answer. */
static bool pass_guard(struct gateway_call *call) {
	const struct config *config = call->gateway->config;
	struct slice origin = http_headers_get(&call->http->headers, "origin");
	struct error error;
	if (!gateway_check_host(config, call->http->host, &error)) {
		gateway_fail(call, &error);
		return false;
	}
	call->origin = gateway_check_origin(config, origin, call->http->host);
	if (call->origin == GATEWAY_ORIGIN_FOREIGN) {
		error_set(&error, ERROR_PERMISSION,
			"pages of the origin \"%.*s\" may not use this server; to allow it, add it "
			"to cors.allowed-origins in the configuration",
			(int)(origin.len < 100 ? origin.len : 100), origin.data);
		gateway_fail(call, &error);
		return false;
	}
	return true;
}

/* False after an answer. */
static bool find_route(struct gateway_call *call) {
	struct slice path = call->http->path, method = call->http->method;
	struct error error;
	call->route = gateway_route_find(method, path, &call->allow);
	if (call->route) {
		return true;
	}
	if (call->allow && slice_is(method, "OPTIONS")) {
		gateway_reply_options(call);
	} else if (call->allow) {
		error_set(&error, ERROR_METHOD, "%.*s takes %s, not %.*s",
			(int)(path.len < 200 ? path.len : 200), path.data, call->allow,
			(int)(method.len < 20 ? method.len : 20), method.data);
		gateway_fail(call, &error);
	} else {
		error_set(&error, ERROR_NOT_FOUND, "there is nothing at %.*s",
			(int)(path.len < 200 ? path.len : 200), path.data);
		strcpy(error.code, "not_found");
		gateway_fail(call, &error);
	}
	return false;
}

static void on_head(struct http_exchange *exchange, void *context) {
	struct gateway_loop *gateway = context;
	struct gateway_call *call = call_create(gateway, exchange);
	struct error error;
	if (!pass_guard(call) || !find_route(call)) {
		return;
	}
	if (!call->route->by_header) {
		call->family = call->route->family;
	}
	if (!call->route->is_open && !gateway_check_key(&gateway->keys, call->http, &error)) {
		gateway_fail(call, &error);
		return;
	}
	if (call->route->on_head) {
		call->route->on_head(call);
	}
}

static void on_body(struct http_exchange *exchange, struct slice body, void *context) {
	struct gateway_call *call = call_of(exchange);
	(void)context;
	call->route->on_body(call, body);
}

static void on_writable(struct http_exchange *exchange, void *context) {
	(void)context;
	gateway_answer_writable(call_of(exchange));
}

static void on_error(struct http_exchange *exchange, const struct error *error, void *context) {
	(void)context;
	gateway_fail(call_of(exchange), error);
}

static void on_done(struct http_exchange *exchange, bool is_aborted, void *context) {
	struct gateway_call *call = call_of(exchange);
	(void)context;
	gateway_log_access(call, is_aborted);
	gateway_answer_finish(call);
}

static void encode_head_error(const struct error *error, struct buf *out, void *context) {
	(void)context;
	format_encode_error(FAMILY_OPENAI, error, (struct slice){0}, out);
}

/* ---- life ---- */

/* Options are not negative; an int is enough for about 24 days. */
static unsigned to_unsigned(int64_t value) {
	return value > INT32_MAX ? (unsigned)INT32_MAX : (unsigned)value;
}

static void fill_limits(struct http_server_limits *limits, const struct config *config) {
	const struct config_limits *from = &config->limits;
	*limits = (struct http_server_limits){
		.header_bytes = (size_t)from->header_bytes,
		.body_bytes = (size_t)from->request_bytes,
		.decoded_bytes = (size_t)from->decoded_bytes,
		.max_connections = to_unsigned(from->connections),
		.header_timeout_ms = to_unsigned(config->timeouts.header_ms),
		.body_timeout_ms = to_unsigned(config->timeouts.body_ms),
		.keepalive_timeout_ms = to_unsigned(config->timeouts.keep_alive_ms),
	};
}

struct gateway_loop *gateway_loop_create(
	const struct gateway_options *options, struct error *error) {
	struct gateway_loop *gateway = mem_calloc(1, sizeof *gateway);
	gateway->loop = options->loop;
	gateway->log = options->log;
	gateway->mux_loop = options->mux_loop;
	gateway->store = options->store;
	gateway->mux = mux_loop_mux(options->mux_loop);
	gateway->config = mux_config(gateway->mux);
	buf_init(&gateway->scratch, 0);
	gateway_keys_init(&gateway->keys, gateway->config);

	const struct config_tls *tls = &gateway->config->tls;
	struct http_server_options server = {
		.host = options->host,
		.port = options->port,
		.reuse_port = options->reuse_port,
		.tls_cert = tls->is_enabled ? tls->cert.data : NULL,
		.tls_key = tls->is_enabled ? tls->key.data : NULL,
		.log = options->log,
		.handler =
			{
				.on_head = on_head,
				.on_body = on_body,
				.on_writable = on_writable,
				.on_error = on_error,
				.on_done = on_done,
				.encode_head_error = encode_head_error,
				.context = gateway,
			},
	};
	fill_limits(&server.limits, gateway->config);
	gateway->server = http_server_create(gateway->loop, &server, error);
	if (!gateway->server) {
		gateway_loop_destroy(gateway);
		return NULL;
	}
	return gateway;
}

uint16_t gateway_loop_port(const struct gateway_loop *gateway) {
	return http_server_port(gateway->server);
}

void gateway_loop_drain(struct gateway_loop *gateway, void (*drained)(void *data), void *data) {
	http_server_drain(gateway->server, drained, data);
}

void gateway_loop_destroy(struct gateway_loop *gateway) {
	if (!gateway) {
		return;
	}
	http_server_destroy(gateway->server);
	gateway_keys_finish(&gateway->keys);
	buf_finish(&gateway->scratch);
	free(gateway);
}
