/* apply_backup.c: the backup's files and its manifest. */
#include "workflow/apply_backup.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/encoding.h"
#include "base/file.h"
#include "workflow/apply_paths.h"

#define MANIFEST "manifest.json"
#define MANIFEST_TEMP "manifest.json.new"
#define MANIFEST_VERSION 1
#define MANIFEST_MAX ((size_t)64 * 1024 * 1024)
#define FILES_DIR "files"

static void sha256_text(struct slice bytes, char out[2 * SHA256_LEN + 1]) {
	uint8_t digest[SHA256_LEN];
	sha256(bytes, digest);
	hex_encode(digest, sizeof digest, out);
}

/* ---- writing ---- */

static void write_entry(struct json_writer *w, const struct backup_entry *entry) {
	json_begin_object(w);
	json_put_cstr(w, "path", entry->path);
	json_put_cstr(w, "temp", entry->temp);
	json_put_bool(w, "existed", entry->existed);
	if (entry->existed) {
		char digest[2 * SHA256_LEN + 1];
		sha256_text(entry->before, digest);
		json_put_int(w, "mode", (int64_t)entry->mode);
		json_put_int(w, "uid", (int64_t)entry->was.st_uid);
		json_put_int(w, "gid", (int64_t)entry->was.st_gid);
		json_put_int(w, "size", (int64_t)entry->before.len);
		json_put_cstr(w, "sha256", digest);
	}
	json_end_object(w);
}

static void write_manifest(const struct backup *backup, struct buf *out) {
	struct json_writer w;
	json_writer_init(&w, out, true);
	json_begin_object(&w);
	json_put_int(&w, "version", MANIFEST_VERSION);
	json_write_key(&w, "directories");
	json_begin_array(&w);
	for (size_t i = 0; i < backup->directories.len; i++) {
		json_write_cstr(&w, backup->directories.items[i]);
	}
	json_end_array(&w);
	json_write_key(&w, "files");
	json_begin_array(&w);
	for (size_t i = 0; i < backup->entries.len; i++) {
		write_entry(&w, &backup->entries.items[i]);
	}
	json_end_array(&w);
	json_end_object(&w);
	buf_append_byte(out, '\n');
}

static const char *file_path(struct arena *arena, const struct backup_entry *entry) {
	return file_join(arena, FILES_DIR, entry->path);
}

static bool copy_entries(
	const struct backup *backup, int dir, struct apply_faults *faults, struct error *error) {
	for (size_t i = 0; i < backup->entries.len; i++) {
		const struct backup_entry *entry = &backup->entries.items[i];
		if (!entry->existed) {
			continue;
		}
		const char *path = file_path(backup->arena, entry);
		struct apply_write_options options = {.temp = entry->temp, .mode = 0600};
		if (!apply_make_parents(dir, path, 0700, faults, error) ||
			!apply_write_file(dir, path, entry->before, &options, faults, error)) {
			return false;
		}
	}
	return true;
}

/* The directory's own entry, in its parent. */
static bool sync_parent(int dir, struct error *error) {
	int parent = openat(dir, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool is_ok = parent >= 0 && fsync(parent) == 0;
	if (!is_ok) {
		error_set_errno(error, ERROR_INTERNAL, errno, "cannot sync the backup's directory");
	}
	if (parent >= 0) {
		close(parent);
	}
	return is_ok;
}

bool backup_write(const struct backup *backup, struct apply_faults *faults, struct error *error) {
	if (!file_make_dir(backup->dir, 0700, error)) {
		return false;
	}
	int dir = apply_open_root(backup->dir, error);
	if (dir < 0) {
		return false;
	}
	struct buf manifest;
	buf_init(&manifest, 0);
	write_manifest(backup, &manifest);
	struct apply_write_options options = {.temp = MANIFEST_TEMP, .mode = 0600};
	bool is_ok = sync_parent(dir, error) && copy_entries(backup, dir, faults, error) &&
		     apply_write_file(dir, MANIFEST, buf_slice(&manifest), &options, faults, error);
	buf_finish(&manifest);
	close(dir);
	return is_ok;
}

/* ---- reading ---- */

static const char *text_of(struct arena *arena, const struct json *object, const char *key) {
	struct slice text = json_string(json_get(object, key), arena);
	return text.data && slice_find_byte(text, '\0') == SIZE_MAX ? arena_strdup(arena, text)
								    : NULL;
}

static bool number_of(const struct json *object, const char *key, int64_t max, int64_t *out) {
	return json_int64(json_get(object, key), out) && *out >= 0 && *out <= max;
}

static bool read_entry(struct backup *backup, const struct json *json) {
	struct backup_entry *entry = ARENA_PUSH(backup->arena, &backup->entries);
	entry->path = text_of(backup->arena, json, "path");
	const char *temp = text_of(backup->arena, json, "temp");
	if (!entry->path || !apply_path_is_plain(slice_of(entry->path)) || !temp ||
		strlen(temp) >= sizeof entry->temp || strchr(temp, '/') || temp[0] == '\0' ||
		!json_bool(json_get(json, "existed"), &entry->existed)) {
		return false;
	}
	memcpy(entry->temp, temp, strlen(temp) + 1);
	if (!entry->existed) {
		return true;
	}
	int64_t mode, uid, gid, size;
	const char *digest = text_of(backup->arena, json, "sha256");
	if (!number_of(json, "mode", 07777, &mode) || !number_of(json, "uid", UINT32_MAX, &uid) ||
		!number_of(json, "gid", UINT32_MAX, &gid) ||
		!number_of(json, "size", (int64_t)APPLY_FILE_MAX, &size) || !digest ||
		strlen(digest) != sizeof entry->sha256 - 1) {
		return false;
	}
	entry->mode = (unsigned)mode;
	entry->was.st_uid = (uid_t)uid;
	entry->was.st_gid = (gid_t)gid;
	entry->size = (size_t)size;
	memcpy(entry->sha256, digest, sizeof entry->sha256);
	return true;
}

static bool read_manifest(struct backup *backup, const struct json *json) {
	int64_t version;
	if (!number_of(json, "version", MANIFEST_VERSION, &version) ||
		!json_is(json_get(json, "files"), JSON_ARRAY) ||
		!json_is(json_get(json, "directories"), JSON_ARRAY)) {
		return false;
	}
	json_each (item, json_get(json, "directories")) {
		struct slice path = json_string(item, backup->arena);
		if (!apply_path_is_plain(path)) {
			return false;
		}
		*ARENA_PUSH(backup->arena, &backup->directories) =
			arena_strdup(backup->arena, path);
	}
	json_each (file, json_get(json, "files")) {
		if (!read_entry(backup, file)) {
			return false;
		}
	}
	return true;
}

enum backup_state backup_read(
	const char *dir, struct arena *arena, struct backup *backup, struct error *error) {
	*backup = (struct backup){.arena = arena, .dir = dir};
	struct buf bytes;
	struct error own = {0};
	buf_init(&bytes, 0);
	const char *path = file_join(arena, dir, MANIFEST);
	if (!file_read_regular(path, MANIFEST_MAX, &bytes, &own)) {
		buf_finish(&bytes);
		if (own.kind == ERROR_NOT_FOUND) {
			return BACKUP_NONE;
		}
		error_set(error, own.kind, "cannot read the backup: %s", own.message);
		return BACKUP_BROKEN;
	}
	struct slice text = arena_dup(arena, buf_slice(&bytes));
	buf_finish(&bytes);
	const struct json *json = json_parse(arena, text, NULL, NULL);
	if (!json || !read_manifest(backup, json)) {
		error_set(error, ERROR_INTERNAL,
			"%s is no manifest of a backup; nothing was restored", path);
		return BACKUP_BROKEN;
	}
	return BACKUP_WHOLE;
}

bool backup_load(const struct backup *backup, const struct backup_entry *entry, struct buf *bytes,
	struct error *error) {
	int dir = apply_open_root(backup->dir, error);
	if (dir < 0) {
		return false;
	}
	struct apply_state state;
	bool is_ok = apply_state_read(dir, file_path(backup->arena, entry), &state, bytes, error);
	close(dir);
	char digest[2 * SHA256_LEN + 1];
	sha256_text(buf_slice(bytes), digest);
	if (is_ok && (!state.exists || bytes->len != entry->size ||
			     strcmp(digest, entry->sha256) != 0)) {
		is_ok = error_set(error, ERROR_INTERNAL,
			"the backup of %s in %s is damaged; the file was left as it is",
			entry->path, backup->dir);
	}
	return is_ok;
}

/* ---- removing ---- */

/* nftw passes no context; failures show when the directory cannot be removed in the end. */
static int remove_one(const char *path, const struct stat *info, int type, struct FTW *ftw) {
	(void)info;
	(void)ftw;
	int status = type == FTW_DP ? rmdir(path) : unlink(path);
	return status != 0 && errno != ENOENT;
}

bool backup_forget(const char *dir, struct apply_faults *faults, struct error *error) {
	struct stat info;
	if (lstat(dir, &info) != 0) {
		return true;
	}
	if (S_ISLNK(info.st_mode)) {
		return error_set(error, ERROR_PERMISSION, "the backup %s is a symbolic link", dir);
	}
	int root = apply_open_root(dir, error);
	if (root < 0) {
		return false;
	}
	/* First of all: from here on there is nothing to restore. */
	bool is_ok = apply_remove_file(root, MANIFEST, NULL, NULL, faults, error) &&
		     apply_remove_file(root, MANIFEST_TEMP, NULL, NULL, faults, error);
	close(root);
	struct arena arena;
	arena_init(&arena, NULL, 0);
	const char *files = file_join(&arena, dir, FILES_DIR);
	if (is_ok && file_exists(files) && nftw(files, remove_one, 16, FTW_DEPTH | FTW_PHYS) != 0) {
		is_ok = error_set_errno(
			error, ERROR_PERMISSION, errno, "cannot remove the backup in %s", dir);
	}
	arena_finish(&arena);
	/* What else lies there is not ours. */
	if (is_ok && rmdir(dir) != 0 && errno != ENOENT && errno != ENOTEMPTY && errno != EEXIST) {
		is_ok = error_set_errno(
			error, ERROR_PERMISSION, errno, "cannot remove the backup in %s", dir);
	}
	return is_ok;
}

bool apply_forget(const char *backup_dir, struct error *error) {
	return backup_forget(backup_dir, NULL, error);
}
