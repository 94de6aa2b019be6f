/* doctor_runner.c: the checks of `doctor` that concern workflows (workflows.md 8.5): backends,
 * roles, team, ecosystem with its memory, workflow files, the directories runs are kept in, and the
 * programs that steps need. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "cli/doctor.h"
#include "mux/role.h"
#include "proc/process.h"
#include "workflow/journal.h"
#include "workflow/memory.h"
#include "workflow/workflow.h"

#define VERIFY_LIMIT_MS 60000

struct backends {
	struct doctor *doctor;
	const struct runner_config *runner;
	struct runner_secrets *secrets;
	struct process_watchdog *watchdog;
	struct loop *loop;
	struct mux *mux;
	struct mux_loop *mux_loop;
	size_t waiting;
};

/* One backend that is asked. */
struct inquiry {
	struct backends *backends;
	const struct runner_backend *backend;
	struct role_probe *probe;
	struct role_call *call;
	struct role_plan plan;
	struct slice name;
	uint64_t started_ms;
	bool is_fine;
};

static const char *const kind_names[] = {
	[RUNNER_BACKEND_CLI] = "program",
	[RUNNER_BACKEND_HTTP] = "API",
	[RUNNER_BACKEND_CLAUDE_API] = "Anthropic API",
	[RUNNER_BACKEND_MOCK] = "mock",
};

/* ---- backends ---- */

static const char *where_of(struct backends *backends, const struct runner_backend *backend) {
	struct doctor *doctor = backends->doctor;
	if (backend->kind != RUNNER_BACKEND_CLI) {
		struct slice url = backend->base_url.len > 0 ? backend->base_url : backend->command;
		return doctor_text(doctor, "%s%s%.*s", kind_names[backend->kind],
			url.len > 0 ? " " : "", SLICE_FMT(url));
	}
	const char *name = arena_strdup(&doctor->arena, backend->command);
	const char *path = process_find_program(&doctor->arena, name, NULL);
	return doctor_text(doctor, "%s", path != NULL ? path : name);
}

static const char *hint_of(struct backends *backends, const struct runner_backend *backend) {
	if (backend->kind == RUNNER_BACKEND_CLI) {
		return doctor_text(backends->doctor,
			"install it, give its path as backends.%.*s.command, or set "
			"enabled = false",
			SLICE_FMT(backend->name));
	}
	return "is its address right, is the server up, is its key set?";
}

static void say_backend(
	struct inquiry *inquiry, const struct error *error, const char *what, uint64_t took_ms) {
	struct backends *backends = inquiry->backends;
	const struct runner_backend *backend = inquiry->backend;
	inquiry->is_fine = error == NULL || error->kind == ERROR_NONE;
	if (!inquiry->is_fine) {
		doctor_say(backends->doctor, DOCTOR_FAIL, "backend", hint_of(backends, backend),
			"%.*s: %s", SLICE_FMT(backend->name), error->message);
	} else if (what != NULL) {
		doctor_say(backends->doctor, DOCTOR_OK, "backend", NULL, "%.*s: %s, %s in %llu ms",
			SLICE_FMT(backend->name), where_of(backends, backend), what,
			(unsigned long long)took_ms);
	} else {
		doctor_say(backends->doctor, DOCTOR_OK, "backend", NULL, "%.*s: %s",
			SLICE_FMT(backend->name), where_of(backends, backend));
	}
}

static void end_inquiry(struct backends *backends) {
	if (--backends->waiting == 0) {
		loop_stop(backends->loop);
	}
}

static void on_probed(void *data, const struct error *error) {
	struct inquiry *inquiry = data;
	uint64_t took_ms = clock_monotonic_ms() - inquiry->started_ms;
	bool is_api = inquiry->backend->kind == RUNNER_BACKEND_HTTP ||
		      inquiry->backend->kind == RUNNER_BACKEND_CLAUDE_API;
	say_backend(inquiry, error, is_api ? "answers" : NULL, took_ms);
	end_inquiry(inquiry->backends);
}

static void on_answered(void *data, const struct role_result *result) {
	struct inquiry *inquiry = data;
	say_backend(inquiry, result->is_success ? NULL : &result->error, "answered a prompt",
		clock_monotonic_ms() - inquiry->started_ms);
	end_inquiry(inquiry->backends);
}

/* A prompt that costs next to nothing. */
static void send_prompt(struct inquiry *inquiry) {
	struct backends *backends = inquiry->backends;
	inquiry->name = inquiry->backend->name;
	inquiry->plan = (struct role_plan){
		.name = arena_strdup(&backends->doctor->arena, inquiry->name),
		.mode = ROLE_FIRST,
		.backends = &inquiry->name,
		.backend_count = 1,
	};
	const struct role_request request = {
		.plan = &inquiry->plan,
		.prompt = SLICE("Answer with the word ok."),
		.arena = &backends->doctor->arena,
		.deadline_ms = loop_now_ms(backends->loop) + VERIFY_LIMIT_MS,
		.cwd = backends->runner->dir,
		.on_done = on_answered,
		.data = inquiry,
	};
	inquiry->call = role_submit(backends->mux_loop, &request);
}

static void inquire(struct inquiry *inquiry) {
	struct backends *backends = inquiry->backends;
	struct doctor *doctor = backends->doctor;
	const char *name = arena_strdup(&doctor->arena, inquiry->backend->name);
	struct error error = {0};
	inquiry->started_ms = clock_monotonic_ms();
	if (!inquiry->backend->is_enabled) {
		doctor_say(doctor, DOCTOR_SKIP, "backend", NULL, "%s: disabled", name);
	} else if (doctor->verifies) {
		backends->waiting++;
		send_prompt(inquiry);
	} else if (doctor->is_offline) {
		role_backend_is_available(backends->mux, name, &doctor->arena, &error);
		say_backend(inquiry, &error, NULL, 0);
	} else {
		backends->waiting++;
		inquiry->probe = role_probe_start(backends->mux_loop, name, on_probed, inquiry);
	}
}

static void say_roles(struct backends *backends, const struct inquiry *inquiries) {
	const struct runner_config *runner = backends->runner;
	struct doctor *doctor = backends->doctor;
	for (size_t i = 0; i < runner->roles.len; i++) {
		const struct runner_role *role = &runner->roles.items[i];
		struct slice usable = {NULL, 0};
		for (size_t b = role->backends.len; b-- > 0;) {
			struct slice name = role->backends.items[b];
			bool is_fine = slice_find_byte(name, '/') != SIZE_MAX;
			for (size_t k = 0; k < runner->backends.len; k++) {
				is_fine |= slice_eq(runner->backends.items[k].name, name) &&
					   inquiries[k].is_fine;
			}
			usable = is_fine ? name : usable;
		}
		if (role->is_built_in && slice_is(usable, RUNNER_LAST_RESORT)) {
			doctor_say(doctor, DOCTOR_SKIP, "role",
				"llm-mux init looks for backends, or write [backends.NAME]",
				"default: no backend is configured, so %s answers workflows",
				RUNNER_LAST_RESORT);
		} else if (usable.len > 0) {
			doctor_say(doctor, DOCTOR_OK, "role", NULL, "%.*s: %.*s%s",
				SLICE_FMT(role->name), SLICE_FMT(usable),
				role->backends.len > 1 ? " and others" : "");
		} else {
			doctor_say(doctor, DOCTOR_FAIL, "role",
				"mend one of its backends, or name another in "
				"its `backends`",
				"%.*s: none of its backends can answer", SLICE_FMT(role->name));
		}
	}
}

static bool start(struct backends *backends, struct error *error) {
	struct doctor *doctor = backends->doctor;
	backends->secrets = runner_secrets_create();
	backends->watchdog = process_watchdog_create(error);
	backends->loop = backends->watchdog != NULL ? loop_create(error) : NULL;
	const struct mux_options options = {
		.config = doctor->config,
		.user_agent = command_user_agent(),
		.environment = doctor->context->environment,
		.secrets = backends->secrets,
		.watchdog = backends->watchdog,
	};
	backends->mux = backends->loop != NULL ? mux_create(&options, error) : NULL;
	backends->mux_loop = backends->mux != NULL
				     ? mux_loop_create(backends->mux, backends->loop, error)
				     : NULL;
	return backends->mux_loop != NULL;
}

void doctor_check_backends(struct doctor *doctor) {
	const struct runner_config *runner =
		doctor->config != NULL ? runner_of(doctor->config) : NULL;
	if (runner == NULL) {
		return;
	}
	struct backends backends = {.doctor = doctor, .runner = runner};
	struct inquiry *inquiries =
		ARENA_ARRAY(&doctor->arena, struct inquiry, runner->backends.len + 1);
	struct error error = {0};
	bool is_started = start(&backends, &error);
	if (!is_started) {
		doctor_say(doctor, DOCTOR_FAIL, "backend", NULL, "%s", error.message);
	}
	for (size_t i = 0; is_started && i < runner->backends.len; i++) {
		inquiries[i].backends = &backends;
		inquiries[i].backend = &runner->backends.items[i];
		inquire(&inquiries[i]);
	}
	if (backends.waiting > 0) {
		loop_run(backends.loop);
	}
	if (is_started) {
		say_roles(&backends, inquiries);
	}
	for (size_t i = 0; i < runner->backends.len; i++) {
		role_probe_release(inquiries[i].probe);
		if (inquiries[i].call != NULL) {
			role_call_release(inquiries[i].call);
		}
	}
	mux_loop_destroy(backends.mux_loop);
	mux_destroy(backends.mux);
	loop_destroy(backends.loop);
	process_watchdog_destroy(backends.watchdog);
	runner_secrets_destroy(backends.secrets);
}

/* ---- where we are ---- */

static void say_memory(struct doctor *doctor, const struct ecosystem_choice *choice) {
	struct error error = {0};
	struct slice name = choice->ecosystem->name;
	struct memory *memory = memory_open(name, true, &doctor->arena, &error);
	if (memory == NULL && error.kind == ERROR_NOT_FOUND) {
		doctor_say(doctor, DOCTOR_OK, "ecosystem", NULL,
			"%.*s; its memory is made by the first store step", SLICE_FMT(name));
	} else if (memory == NULL) {
		doctor_say(doctor, DOCTOR_FAIL, "ecosystem", NULL, "%.*s: %s", SLICE_FMT(name),
			error.message);
	} else if (access(memory_path(memory), W_OK) != 0) {
		doctor_say(doctor, DOCTOR_FAIL, "ecosystem",
			doctor_text(doctor, "chmod u+w %s", memory_path(memory)),
			"%.*s: its memory %s cannot be written", SLICE_FMT(name),
			memory_path(memory));
	} else {
		doctor_say(doctor, DOCTOR_OK, "ecosystem", NULL, "%.*s, memory %s", SLICE_FMT(name),
			memory_path(memory));
	}
	memory_close(memory);
}

void doctor_check_surroundings(struct doctor *doctor) {
	const struct runner_config *runner =
		doctor->config != NULL ? runner_of(doctor->config) : NULL;
	struct error error = {0};
	struct ecosystem_choice choice = {0};
	const struct runner_team *team = NULL;
	static const struct slice none = {NULL, 0};
	if (runner == NULL) {
		return;
	}
	if (team_detect(runner, runner->dir, none, &team, &error) && team != NULL) {
		doctor_say(doctor, DOCTOR_OK, "team", NULL, "%.*s%s", SLICE_FMT(team->name),
			team->is_built_in ? " (built in)" : "");
	} else {
		doctor_say(
			doctor, DOCTOR_SKIP, "team", NULL, "none is detected in %s", runner->dir);
	}
	if (ecosystem_detect(runner, runner->dir, none, none, doctor->context->environment,
		    &doctor->arena, &choice, &error) &&
		choice.ecosystem != NULL) {
		say_memory(doctor, &choice);
	}
}

/* ---- workflows ---- */

struct workflow_visit {
	struct doctor *doctor;
	struct workflow_places places;
	size_t valid;
};

static void check_workflow(void *data, const struct workflow_listing *listing) {
	struct workflow_visit *visit = data;
	struct doctor *doctor = visit->doctor;
	struct problems problems;
	const char *path, *origin;
	struct slice text;
	struct error error = {0};
	if (listing->is_shadowed || !workflow_find(&visit->places, listing->name, &doctor->arena,
					    &path, &origin, &text, &error)) {
		return;
	}
	problems_init(&problems, &doctor->arena, path, text);
	if (workflow_validate(path, origin, text, runner_of(doctor->config), &visit->places,
		    &problems, NULL)) {
		visit->valid++;
		return;
	}
	doctor_say(doctor, DOCTOR_FAIL, "workflow",
		doctor_text(doctor, "llm-mux validate %s", listing->name), "%s: %zu %s",
		listing->name, problems.error_count,
		problems.error_count == 1 ? "error" : "errors");
}

void doctor_check_workflows(struct doctor *doctor) {
	struct workflow_visit visit = {.doctor = doctor};
	if (doctor->config == NULL) {
		return;
	}
	workflow_places_of(runner_of(doctor->config), &doctor->arena, &visit.places);
	workflow_each(&visit.places, &doctor->arena, check_workflow, &visit);
	doctor_say(doctor, DOCTOR_OK, "workflows", NULL, "%zu can be run", visit.valid);
}

/* ---- directories and programs ---- */

/* The directory, or what it would be made in. */
static bool is_writable(struct doctor *doctor, const char *path) {
	char *at = arena_strdup(&doctor->arena, slice_of(path));
	while (!file_exists(at)) {
		char *slash = strrchr(at, '/');
		if (slash == NULL || slash == at) {
			return access("/", W_OK) == 0;
		}
		*slash = '\0';
	}
	return access(at, W_OK | X_OK) == 0;
}

void doctor_check_places(struct doctor *doctor) {
	const char *temporary = getenv("TMPDIR");
	const struct {
		const char *what, *path;
	} places[] = {
		{"temporary files", temporary != NULL ? temporary : "/tmp"},
		{"records of runs",
			doctor->config != NULL
				? journal_state_dir(runner_of(doctor->config), &doctor->arena)
				: NULL},
	};
	for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
		if (places[i].path != NULL) {
			bool is_fine = is_writable(doctor, places[i].path);
			doctor_say(doctor, is_fine ? DOCTOR_OK : DOCTOR_FAIL, "directory",
				is_fine ? NULL : "make it writable for this user",
				is_fine ? "%s: %s" : "%s: %s cannot be written", places[i].what,
				places[i].path);
		}
	}
}

void doctor_check_programs(struct doctor *doctor) {
	static const struct {
		const char *name, *need;
		enum doctor_status lack;
	} programs[] = {
		{"sh", "shell steps need it", DOCTOR_FAIL},
		{"git", "rollback = \"git\" and the built-in workflows need it", DOCTOR_WARN},
	};
	for (size_t i = 0; i < sizeof programs / sizeof *programs; i++) {
		const char *path = process_find_program(&doctor->arena, programs[i].name, NULL);
		doctor_say(doctor, path != NULL ? DOCTOR_OK : programs[i].lack, "program",
			path != NULL ? NULL : programs[i].need, "%s%s",
			path != NULL ? path : programs[i].name,
			path != NULL ? "" : " is not on PATH");
	}
}
