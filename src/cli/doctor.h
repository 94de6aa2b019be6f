/* doctor.h: what the files of the command `doctor` share: findings, and the groups of checks. */
#ifndef LLMMUX_CLI_DOCTOR_H
#define LLMMUX_CLI_DOCTOR_H

#include "cli/command.h"

enum doctor_status {
	DOCTOR_OK,
	DOCTOR_WARN, /* works, but look at it */
	DOCTOR_FAIL, /* does not work */
	DOCTOR_SKIP  /* was not looked at */
};

struct doctor_finding {
	enum doctor_status status;
	const char *check; /* "port" */
	const char *message;
	const char *hint; /* how to mend it; NULL */
};

struct doctor {
	struct command_context *context;
	struct arena arena;
	struct config *config;     /* NULL: it was refused */
	bool is_offline, verifies; /* --verify: backends are asked a prompt */
	int64_t skew_ms;           /* a provider's clock minus ours; 0: none said */
	struct {
		struct doctor_finding *items;
		size_t len, cap;
	} findings;
};

/* Adds a finding; what looks like a key in it is masked. */
void doctor_say(struct doctor *doctor, enum doctor_status status, const char *check,
	const char *hint, const char *format, ...) __attribute__((format(printf, 5, 6)));
/* A formatted text in the arena, for hints. */
const char *doctor_text(struct doctor *doctor, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* doctor_local.c: what this machine alone tells. Sets doctor->config. */
void doctor_check_config(struct doctor *doctor);
void doctor_check_files(struct doctor *doctor);
void doctor_check_port(struct doctor *doctor);
void doctor_check_tls(struct doctor *doctor);
void doctor_check_certificates(struct doctor *doctor);
void doctor_check_limits(struct doctor *doctor);
void doctor_check_clock(struct doctor *doctor);

/* doctor_proxy.c: the proxies in force, and servers of this machine behind them. */
void doctor_check_proxy(struct doctor *doctor);
/* The scheme, host and port of a proxy's URL; never its user and password. */
const char *doctor_proxy_host(struct doctor *doctor, struct slice url);

/* doctor_providers.c: each provider and key, asked for its list of models. */
void doctor_check_providers(struct doctor *doctor);

/* doctor_runner.c: what workflows depend on. */
void doctor_check_backends(struct doctor *doctor);
void doctor_check_surroundings(struct doctor *doctor);
void doctor_check_workflows(struct doctor *doctor);
void doctor_check_places(struct doctor *doctor);
void doctor_check_programs(struct doctor *doctor);

/* doctor_port.c: "nginx (process 12)": who listens on the port, when /proc tells; else NULL. In the
 * arena. */
const char *doctor_port_owner(struct arena *arena, unsigned port);

#endif
