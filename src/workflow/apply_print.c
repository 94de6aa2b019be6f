/* apply_print.c: a plan as one unified diff in git's form, and as JSON (workflows.md 7.8). */
#include "workflow/apply.h"
#include "workflow/diff.h"

/* A name as git writes it: quoted when it holds a quote or a backslash. (Control characters are
 * refused in paths.) */
static void append_name(const char *prefix, const char *path, struct buf *out) {
	if (!strpbrk(path, "\"\\")) {
		buf_printf(out, "%s%s", prefix, path);
		return;
	}
	buf_printf(out, "\"%s", prefix);
	for (const char *c = path; *c; c++) {
		if (*c == '"' || *c == '\\') {
			buf_append_byte(out, '\\');
		}
		buf_append_byte(out, *c);
	}
	buf_append_byte(out, '"');
}

/* "--- a/x", with the tab that ends a name with blanks. */
static void append_side(
	const char *sign, const char *prefix, const char *path, bool is_there, struct buf *out) {
	buf_append_str(out, sign);
	if (is_there) {
		append_name(prefix, path, out);
		buf_append_str(out, strchr(path, ' ') ? "\t\n" : "\n");
	} else {
		buf_append_str(out, "/dev/null\n");
	}
}

static void append_headers(const struct apply_file *file, const char *new_path, struct buf *out) {
	buf_append_str(out, "diff --git ");
	append_name("a/", file->path, out);
	buf_append_byte(out, ' ');
	append_name("b/", new_path, out);
	buf_append_byte(out, '\n');
	if (!file->before.data) {
		buf_append_str(out, "new file mode 100644\n");
	} else if (!file->after.data) {
		buf_printf(out, "deleted file mode 100%o\n", file->mode & 0777);
	} else if (file->new_path) {
		buf_append_str(out, "rename from ");
		append_name("", file->path, out);
		buf_append_str(out, "\nrename to ");
		append_name("", file->new_path, out);
		buf_append_byte(out, '\n');
	}
}

static void append_body(
	const struct apply_file *file, const char *new_path, bool colour, struct buf *out) {
	if (slice_eq(file->before, file->after)) {
		return;
	}
	if (diff_is_binary(file->before) || diff_is_binary(file->after)) {
		buf_append_str(out, "Binary files differ\n");
		return;
	}
	append_side("--- ", "a/", file->path, file->before.data != NULL, out);
	append_side("+++ ", "b/", new_path, file->after.data != NULL, out);
	if (colour) {
		buf_append_str(out, "\x1b[0m");
	}
	struct diff diff;
	diff_init(&diff, file->before, file->after);
	diff_print_hunks(&diff, colour, out);
	diff_finish(&diff);
}

void apply_plan_diff(const struct apply_plan *plan, bool colour, struct buf *out) {
	for (size_t i = 0; i < plan->count; i++) {
		const struct apply_file *file = &plan->files[i];
		const char *new_path = file->new_path ? file->new_path : file->path;
		if (colour) {
			buf_append_str(out, "\x1b[1m");
		}
		append_headers(file, new_path, out);
		append_body(file, new_path, colour, out);
		if (colour) {
			buf_append_str(out, "\x1b[0m");
		}
	}
}

void apply_plan_to_json(const struct apply_plan *plan, struct buf *out) {
	struct json_writer w;
	json_writer_init(&w, out, false);
	json_begin_array(&w);
	for (size_t i = 0; i < plan->count; i++) {
		const struct apply_file *file = &plan->files[i];
		json_begin_object(&w);
		json_put_cstr(&w, "path", file->path);
		json_put_cstr(&w, "action", file->action);
		if (file->new_path) {
			json_put_cstr(&w, "new_path", file->new_path);
		}
		json_put_int(&w, "added", (int64_t)file->added);
		json_put_int(&w, "removed", (int64_t)file->removed);
		json_end_object(&w);
	}
	json_end_array(&w);
}
