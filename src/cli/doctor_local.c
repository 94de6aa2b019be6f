/* doctor_local.c: the checks of `doctor` that need nothing but this machine. */
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "cli/doctor.h"
#include "net/server.h"
#include "net/tls.h"

#define FILES_FEW 1024                        /* open files: a stream takes two */
#define CLOCK_FIRST_MS INT64_C(1735689600000) /* 2025: this program is younger */
#define CLOCK_SKEW_MS (5 * 60 * 1000)

/* ---- the configuration ---- */

/* A warning of the report, "FILE:L:C: warning: TEXT", becomes a finding; the hint of it, which
 * follows after the lines of the excerpt, its hint. */
static void say_warnings(struct doctor *doctor, struct slice report) {
	static const struct slice hint_mark = SLICE_INIT("  hint: ");
	struct slice line;
	bool is_warning = false;
	while (report.len > 0 && slice_split(&report, '\n', &line)) {
		size_t at = slice_find(line, SLICE(": warning: "));
		struct doctor_finding *last =
			doctor->findings.len > 0 ? &doctor->findings.items[doctor->findings.len - 1]
						 : NULL;
		if (at != SIZE_MAX && line.data[0] != ' ') {
			is_warning = true;
			doctor_say(doctor, DOCTOR_WARN, "configuration", NULL, "%.*s: %.*s",
				SLICE_FMT(slice_sub(line, 0, at)),
				SLICE_FMT(slice_from(line, at + strlen(": warning: "))));
		} else if (is_warning && last && slice_starts_with(line, hint_mark)) {
			last->hint = arena_strdup(&doctor->arena, slice_from(line, hint_mark.len));
		}
	}
}

void doctor_check_config(struct doctor *doctor) {
	const struct command_context *context = doctor->context;
	const struct config_setting debug = {"debug", "true", "--debug"};
	struct runner_request request;
	command_runner_request(context, COMMAND_PROJECT_SHOWN, &request);
	request.config.settings = &debug;
	request.config.setting_count = context->is_debug ? 1 : 0;
	struct buf report = {0};
	struct error error = {0};
	struct config *config = runner_config_load(&request, false, &report, &error);
	doctor->config = config;
	if (!config) {
		doctor_say(doctor, DOCTOR_FAIL, "configuration",
			doctor_text(doctor, "llm-mux config validate%s%s shows every problem",
				context->config_path ? " " : "",
				context->config_path ? context->config_path : ""),
			"%s%s%s", error.where, error.where[0] ? ": " : "", error.message);
	} else if (config->files.len == 0) {
		doctor_say(doctor, DOCTOR_OK, "configuration", "llm-mux init writes one",
			"no file: the defaults and the environment hold");
	}
	for (size_t i = 0; config && i < config->files.len; i++) {
		doctor_say(doctor, DOCTOR_OK, "configuration", NULL, "%.*s",
			SLICE_FMT(config->files.items[i]));
	}
	for (size_t i = 0; config && i < config->notes.len; i++) {
		doctor_say(doctor, config->notes.items[i].is_warning ? DOCTOR_WARN : DOCTOR_OK,
			"configuration", NULL, "%s", config->notes.items[i].text);
	}
	say_warnings(doctor, buf_slice(&report));
	buf_finish(&report);
}

/* Modes of the configuration's directory and of .env; those of the files are told by loading. */
void doctor_check_files(struct doctor *doctor) {
	const char *dir = file_config_dir(&doctor->arena);
	struct stat info;
	if (!dir || stat(dir, &info) != 0) {
		return;
	}
	if ((info.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
		doctor_say(doctor, DOCTOR_FAIL, "files", doctor_text(doctor, "chmod 700 %s", dir),
			"others can write into %s and so change the configuration", dir);
	}
	const char *env = file_join(&doctor->arena, dir, ".env");
	if (file_exists(env) && file_is_exposed(env)) {
		doctor_say(doctor, DOCTOR_WARN, "files", doctor_text(doctor, "chmod 600 %s", env),
			"others can read %s, which may hold keys", env);
	}
}

/* ---- the machine ---- */

void doctor_check_port(struct doctor *doctor) {
	const struct config *config = doctor->config;
	if (!config) {
		return;
	}
	unsigned port = (unsigned)config->port;
	struct error error;
	if (http_probe_port(config->host.data, (uint16_t)port, &error)) {
		doctor_say(doctor, DOCTOR_OK, "port", NULL,
			port ? "%s port %u is free" : "%s, any free port", config->host.data, port);
		return;
	}
	const char *owner = doctor_port_owner(&doctor->arena, port);
	if (owner && strncmp(owner, "llm-mux ", 8) == 0) {
		doctor_say(doctor, DOCTOR_OK, "port", NULL, "%s listens on port %u already", owner,
			port);
	} else if (owner) {
		doctor_say(doctor, DOCTOR_FAIL, "port",
			"stop it, or set another port: `port:` in the configuration, "
			"LLM_MUX_PORT, or serve --port",
			"port %u of %s is taken by %s", port, config->host.data, owner);
	} else {
		doctor_say(doctor, DOCTOR_FAIL, "port",
			strcmp(error.param, "port") == 0
				? "ports below 1024 need root: set a higher `port:`"
				: "set `host:` to an address of this machine, or another `port:`",
			"%s", error.message);
	}
}

void doctor_check_limits(struct doctor *doctor) {
	struct rlimit files;
	if (getrlimit(RLIMIT_NOFILE, &files) != 0) {
		return;
	}
	/* serve raises its soft limit to the hard one */
	unsigned long long most = files.rlim_max;
	if (most < FILES_FEW) {
		doctor_say(doctor, DOCTOR_WARN, "limits",
			"raise it: `ulimit -n 65536`, or LimitNOFILE= of the service",
			"%llu open files: some %llu streams at once", most, most / 2);
		return;
	}
	doctor_say(doctor, DOCTOR_OK, "limits", NULL, "%llu open files", most);
}

/* What clients are shown: the server's own certificate and key. */
void doctor_check_tls(struct doctor *doctor) {
	const struct config_tls *tls = doctor->config ? &doctor->config->tls : NULL;
	if (!tls || !tls->is_enabled) {
		return;
	}
	struct error error;
	struct tls_context *loaded = tls_context_create(tls->cert.data, tls->key.data, &error);
	if (!loaded) {
		doctor_say(doctor, DOCTOR_FAIL, "tls",
			"set `tls.cert` and `tls.key` to PEM files that belong together", "%s",
			error.message);
		return;
	}
	tls_context_destroy(loaded);
	if (file_is_exposed(tls->key.data)) {
		doctor_say(doctor, DOCTOR_WARN, "tls",
			doctor_text(doctor, "chmod 600 %s", tls->key.data),
			"others can read the key %s", tls->key.data);
		return;
	}
	doctor_say(doctor, DOCTOR_OK, "tls", NULL, "%s", tls->cert.data);
}

static bool has_https(const struct config *config) {
	for (size_t i = 0; i < config->providers.len; i++) {
		if (config->providers.items[i].is_enabled &&
			slice_istarts_with(
				config->providers.items[i].base_url, SLICE("https://"))) {
			return true;
		}
	}
	return false;
}

void doctor_check_certificates(struct doctor *doctor) {
	/* Where systems keep their authorities; the environment comes first, as in OpenSSL. */
	static const char *const places[] = {
		"/etc/ssl/certs/ca-certificates.crt",
		"/etc/pki/tls/certs/ca-bundle.crt",
		"/etc/ssl/ca-bundle.pem",
		"/etc/ssl/cert.pem",
	};
	const char *file = getenv("SSL_CERT_FILE"), *dir = getenv("SSL_CERT_DIR");
	if (!doctor->config || !has_https(doctor->config)) {
		return;
	}
	if (file || dir) {
		bool is_good = (file && access(file, R_OK) == 0) || (dir && access(dir, R_OK) == 0);
		doctor_say(doctor, is_good ? DOCTOR_OK : DOCTOR_FAIL, "certificates",
			is_good ? NULL
				: "SSL_CERT_FILE or SSL_CERT_DIR name what cannot be read: mend or "
				  "unset them",
			"%s", file ? file : dir);
		return;
	}
	for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
		if (access(places[i], R_OK) == 0) {
			doctor_say(doctor, DOCTOR_OK, "certificates", NULL, "%s", places[i]);
			return;
		}
	}
	doctor_say(doctor, DOCTOR_FAIL, "certificates",
		"install them: apt-get install ca-certificates",
		"no certificate authorities are installed, so no https provider can be trusted");
}

/* ---- the clock ---- */

void doctor_check_clock(struct doctor *doctor) {
	char text[CLOCK_TEXT_MAX];
	int64_t now = clock_wall_ms();
	static const char hint[] = "set the time: timedatectl set-ntp true";
	clock_format_rfc3339(now, text);
	if (now < CLOCK_FIRST_MS) {
		doctor_say(doctor, DOCTOR_FAIL, "clock", hint,
			"%s is in the past: certificates will be refused", text);
	} else if (doctor->skew_ms > CLOCK_SKEW_MS || doctor->skew_ms < -CLOCK_SKEW_MS) {
		doctor_say(doctor, DOCTOR_WARN, "clock", hint,
			"%s is %lld s %s of what a provider says", text,
			(long long)(llabs(doctor->skew_ms) / 1000),
			doctor->skew_ms > 0 ? "behind" : "ahead");
	} else {
		doctor_say(doctor, DOCTOR_OK, "clock", NULL, "%s", text);
	}
}
