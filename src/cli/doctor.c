/* doctor.c: the command `doctor`: checks what serve depends on, each with a hint how to mend it. */
#include "cli/doctor.h"
#include "cli/list.h"

#include <string.h>

static const struct {
	const char *word;
	const char *colour;
} statuses[] = {
	[DOCTOR_OK] = {"ok", "\033[32m"},
	[DOCTOR_WARN] = {"warn", "\033[33m"},
	[DOCTOR_FAIL] = {"fail", "\033[31m"},
	[DOCTOR_SKIP] = {"skip", "\033[2m"},
};

/* In the order of the report. The clock comes last: providers say what time it is. */
static void (*const checks[])(struct doctor *doctor) = {
	doctor_check_config,
	doctor_check_files,
	doctor_check_port,
	doctor_check_tls,
	doctor_check_limits,
	doctor_check_certificates,
	doctor_check_proxy,
	doctor_check_providers,
	doctor_check_backends,
	doctor_check_surroundings,
	doctor_check_workflows,
	doctor_check_places,
	doctor_check_programs,
	doctor_check_clock,
};

void doctor_say(struct doctor *doctor, enum doctor_status status, const char *check,
	const char *hint, const char *format, ...) {
	va_list args;
	va_start(args, format);
	char *message = arena_strdup(&doctor->arena, arena_vprintf(&doctor->arena, format, args));
	va_end(args);
	error_mask_secrets(message);
	*ARENA_PUSH(&doctor->arena, &doctor->findings) =
		(struct doctor_finding){status, check, message, hint};
}

const char *doctor_text(struct doctor *doctor, const char *format, ...) {
	va_list args;
	va_start(args, format);
	struct slice text = arena_vprintf(&doctor->arena, format, args);
	va_end(args);
	return text.data;
}

static size_t count(const struct doctor *doctor, enum doctor_status status) {
	size_t found = 0;
	for (size_t i = 0; i < doctor->findings.len; i++) {
		found += doctor->findings.items[i].status == status;
	}
	return found;
}

static void print_table(const struct doctor *doctor) {
	FILE *out = doctor->context->out;
	bool has_colour = command_has_colour(doctor->context, out);
	int width = 0;
	for (size_t i = 0; i < doctor->findings.len; i++) {
		int len = (int)strlen(doctor->findings.items[i].check);
		width = len > width ? len : width;
	}
	for (size_t i = 0; i < doctor->findings.len; i++) {
		const struct doctor_finding *finding = &doctor->findings.items[i];
		fprintf(out, "%s%-4s%s  %-*s  %s\n",
			has_colour ? statuses[finding->status].colour : "",
			statuses[finding->status].word, has_colour ? "\033[0m" : "", width,
			finding->check, finding->message);
		if (finding->hint) {
			fprintf(out, "      %-*s  -> %s\n", width, "", finding->hint);
		}
	}
	size_t failed = count(doctor, DOCTOR_FAIL), warned = count(doctor, DOCTOR_WARN);
	fprintf(out, "\n%zu ok, %zu warning%s, %zu failed\n", count(doctor, DOCTOR_OK), warned,
		warned == 1 ? "" : "s", failed);
}

/* The findings as an array; `text_key` is what each one's text is called. */
static void write_findings(
	const struct doctor *doctor, struct json_writer *w, const char *text_key) {
	json_begin_array(w);
	for (size_t i = 0; i < doctor->findings.len; i++) {
		const struct doctor_finding *finding = &doctor->findings.items[i];
		json_begin_object(w);
		json_put_cstr(w, "check", finding->check);
		json_put_cstr(w, "status", statuses[finding->status].word);
		json_put_cstr(w, text_key, finding->message);
		json_put_cstr(w, "hint", finding->hint);
		json_end_object(w);
	}
	json_end_array(w);
}

static void print_json(const struct doctor *doctor) {
	struct buf out = {0};
	struct json_writer w;
	json_writer_init(&w, &out, true);
	json_begin_object(&w);
	json_write_key(&w, "checks");
	write_findings(doctor, &w, "message");
	json_put_int(&w, "warnings", (int64_t)count(doctor, DOCTOR_WARN));
	json_put_int(&w, "failed", (int64_t)count(doctor, DOCTOR_FAIL));
	json_end_object(&w);
	fprintf(doctor->context->out, "%.*s\n", SLICE_FMT(buf_slice(&out)));
	buf_finish(&out);
}

/* --output json: one list, as the other commands of the runner print it. */
static void print_list(const struct doctor *doctor) {
	struct buf out = {0};
	struct json_writer w;
	json_writer_init(&w, &out, strcmp(command_value(doctor->context, "output"), "json") == 0);
	write_findings(doctor, &w, "detail");
	fprintf(doctor->context->out, "%.*s\n", SLICE_FMT(buf_slice(&out)));
	buf_finish(&out);
}

static int doctor_run(struct command_context *context) {
	struct doctor doctor = {
		.context = context,
		.is_offline = command_has(context, "offline"),
		.verifies = command_has(context, "verify"),
	};
	bool is_list;
	if (!list_wants_json(context, &is_list)) {
		return COMMAND_USAGE;
	}
	arena_init(&doctor.arena, NULL, 0);
	for (size_t i = 0; i < sizeof checks / sizeof *checks; i++) {
		checks[i](&doctor);
	}
	if (is_list) {
		print_list(&doctor);
	} else if (command_has(context, "json")) {
		print_json(&doctor);
	} else {
		print_table(&doctor);
	}
	int code = count(&doctor, DOCTOR_FAIL) > 0 ? COMMAND_FAILED : COMMAND_OK;
	config_unref(doctor.config);
	arena_finish(&doctor.arena);
	return code;
}

static const struct command_option doctor_options[] = {
	{0, "offline", NULL, "ask no provider and no backend", NULL},
	{0, "verify", NULL, "ask every backend a short prompt", NULL},
	{0, "json", NULL, "as one JSON object", NULL},
	{0, "output", "MODE", "console, or json: one list", list_outputs},
	{0, NULL, NULL, NULL, NULL},
};

const struct command command_doctor = {
	.name = "doctor",
	.summary = "check the set-up, with a hint how to mend what is wrong",
	.details =
		"Looks at the configuration, its files, the port, limits, certificates, proxies,\n"
		"and asks every provider for its models with every key; then at what workflows\n"
		"need: backends, roles, the team and ecosystem here, workflow files, directories\n"
		"and programs. Exit code 1 when a check failed.",
	.options = doctor_options,
	.run = doctor_run,
};
