/* response_cache.c: answers in files named by what was asked. */
#include "workflow/response_cache.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/encoding.h"
#include "base/file.h"

#define CACHE_MAX_FILE ((size_t)64 * 1024 * 1024)

static struct slice variable(char *const *environment, const char *name) {
	struct slice wanted = slice_of(name);
	for (; environment != NULL && *environment != NULL; environment++) {
		struct slice entry = slice_of(*environment);
		if (slice_starts_with(entry, wanted) && entry.data[wanted.len] == '=') {
			return slice_from(entry, wanted.len + 1);
		}
	}
	return slice_make(NULL, 0);
}

const char *response_cache_dir(char *const *environment, struct arena *arena) {
	struct slice cache = variable(environment, "XDG_CACHE_HOME");
	struct slice home = variable(environment, "HOME");
	if (cache.len > 0 && cache.data[0] == '/') {
		return arena_printf(arena, "%.*s/llm-mux/responses", SLICE_FMT(cache)).data;
	}
	return home.len > 0
		       ? arena_printf(arena, "%.*s/.cache/llm-mux/responses", SLICE_FMT(home)).data
		       : NULL;
}

/* ---- keys ---- */

/* Lengths before the texts, so that no two questions look the same. */
static void put_text(struct buf *out, struct slice text) {
	buf_printf(out, "%zu:", text.len);
	buf_append(out, text);
}

static void put_backend(struct buf *out, const struct runner_backend *backend) {
	const struct slice texts[] = {backend->command, backend->model, backend->base_url,
		backend->system, backend->json_path};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		put_text(out, texts[i]);
	}
	for (size_t i = 0; i < backend->args.len; i++) {
		put_text(out, backend->args.items[i]);
	}
	buf_printf(out, "%d,%lld,%d,%.17g;", (int)backend->kind, (long long)backend->max_tokens,
		backend->json, isnan(backend->temperature) ? -1.0 : backend->temperature);
}

void response_cache_key(const struct runner_config *runner, const struct role_plan *plan,
	struct slice question, char key[RESPONSE_CACHE_KEY]) {
	struct buf text;
	uint8_t hash[SHA256_LEN];
	buf_init(&text, 0);
	put_text(&text, question);
	for (size_t i = 0; i < plan->backend_count; i++) {
		const struct runner_backend *backend =
			runner != NULL ? runner_find_backend(runner, plan->backends[i]) : NULL;
		put_text(&text, plan->backends[i]);
		if (backend != NULL) {
			put_backend(&text, backend);
		}
	}
	sha256(buf_slice(&text), hash);
	hex_encode(hash, sizeof hash, key);
	buf_finish(&text);
}

static const char *path_of(const char *dir, const char *key, struct arena *arena) {
	return arena_printf(arena, "%s/%s.json", dir, key).data;
}

/* ---- files ---- */

const struct step_result *response_cache_find(const char *dir, const char *key, int64_t max_age_ms,
	const struct workflow_step *step, struct arena *arena) {
	struct error error = {0};
	struct buf text;
	int64_t stored_at_ms = 0;
	buf_init(&text, 0);
	const struct json *json =
		file_read(path_of(dir, key, arena), CACHE_MAX_FILE, &text, &error)
			? json_parse(arena, arena_dup(arena, buf_slice(&text)), NULL, &error)
			: NULL;
	buf_finish(&text);
	if (json == NULL || !json_int64(json_get(json, "stored_at_ms"), &stored_at_ms)) {
		return NULL;
	}
	int64_t age_ms = clock_wall_ms() - stored_at_ms;
	if (age_ms < 0 || (max_age_ms > 0 && age_ms >= max_age_ms)) {
		return NULL;
	}
	struct step_result *result = ARENA_NEW(arena, struct step_result);
	return result_from_json(step, json_get(json, "result"), arena, result, &error) &&
			       result->status == STEP_OK
		       ? result
		       : NULL;
}

static bool holds_secret(struct slice text, struct runner_secrets *secrets, struct arena *arena) {
	return secrets != NULL && runner_secrets_mask(secrets, text, arena).data != text.data;
}

bool response_cache_put(const char *dir, const char *key, const struct step_result *result,
	struct runner_secrets *secrets, struct arena *arena, struct error *error) {
	struct buf text;
	buf_init(&text, CACHE_MAX_FILE);
	buf_printf(&text, "{\"stored_at_ms\":%lld,\"result\":", (long long)clock_wall_ms());
	result_to_json(result, arena, &text);
	buf_append_byte(&text, '}');
	bool is_kept =
		text.failed || holds_secret(buf_slice(&text), secrets, arena) ||
		(file_make_dir(dir, 0700, error) &&
			file_write_atomic(path_of(dir, key, arena), buf_slice(&text), 0600, error));
	buf_finish(&text);
	return is_kept;
}

bool response_cache_clear(const char *dir, size_t *removed, struct error *error) {
	*removed = 0;
	DIR *directory = opendir(dir);
	if (directory == NULL) {
		return errno == ENOENT || error_set_errno(error, ERROR_PERMISSION, errno,
						  "while clearing the response cache %s", dir);
	}
	const struct dirent *entry;
	bool is_cleared = true;
	while ((entry = readdir(directory)) != NULL) {
		if (!slice_ends_with(slice_of(entry->d_name), SLICE(".json"))) {
			continue;
		}
		if (unlinkat(dirfd(directory), entry->d_name, 0) == 0) {
			(*removed)++;
		} else {
			is_cleared = error_set_errno(error, ERROR_PERMISSION, errno,
				"while removing %s from the response cache", entry->d_name);
		}
	}
	closedir(directory);
	return is_cleared;
}
