/* builtins.h: what the files of built-in filters, tests, functions and methods share; private to
 * them. Each function of a row reads its arguments with a template_reader, charges its loops with
 * template_spend and fails with template_fail. */
#ifndef LLMMUX_TEMPLATE_BUILTINS_H
#define LLMMUX_TEMPLATE_BUILTINS_H

#include "template/template_internal.h"

/* ---- arguments.c ---- */
/* The filtered value; fails when it is undefined and the render is strict. */
struct value builtin_subject(struct template_reader *reader);
/* Its text: a string's own bytes, anything else as it prints. */
struct slice builtin_subject_text(struct template_reader *reader);
/* What it iterates over; NULL (after failing) when it cannot be. The items are charged. */
const struct value_list *builtin_subject_items(struct template_reader *reader);
struct slice builtin_text(struct template_reader *reader, struct value value);
/* Fails when the argument is absent; does not take it. */
void builtin_require(struct template_reader *reader, size_t index, const char *name);
/* A count that must not be negative (nor, with a floor of 1, zero). */
size_t builtin_take_count(struct template_reader *reader, size_t index, const char *name,
	int64_t otherwise, int64_t floor);
/* Fails: "filter join: MESSAGE". Always false. */
bool builtin_fail(struct template_reader *reader, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
bool builtin_fail_memory(struct template_run *run);

/* ---- results ---- */
/* A buffer that ends where a render's output would. */
void builtin_buf(struct template_run *run, struct buf *text);
/* The buffer's text as a value; frees the buffer. False (after failing) when it was too much. */
bool builtin_return_text(struct template_run *run, struct buf *text, struct value *out);
bool builtin_push(struct template_run *run, struct value_list *list, struct value item);
/* A path of attributes: "a.b.0". */
struct value builtin_attribute(struct template_run *run, struct value value, struct slice path);
/* Orders as `sort` does: text without regard to case unless asked for. */
int builtin_compare(
	struct template_run *run, struct value a, struct value b, bool is_case_sensitive);
/* Sorts stably by the keys, which stand beside the items; charged. */
struct builtin_sortable {
	struct value key, item;
	size_t number;
};
bool builtin_sort(struct template_run *run, struct builtin_sortable *items, size_t count,
	bool is_case_sensitive, bool is_reverse);
/* Debug form over several lines, as `pprint` and `debug` show it. */
bool builtin_print_debug(struct value value, struct arena *arena, unsigned depth, struct buf *out);

/* ---- unicode.c: letters of the scripts that have cases, by tables of our own, so that no locale
 * decides ---- */
/* Takes one code point off the front of well-formed text. */
uint32_t unicode_next(struct slice *rest);
uint32_t unicode_upper(uint32_t code);
uint32_t unicode_lower(uint32_t code);
bool unicode_is_space(uint32_t code);
bool unicode_is_upper(uint32_t code);
bool unicode_is_lower(uint32_t code);
bool unicode_append(struct buf *out, uint32_t code);
/* Cuts white space (or the characters of `set`, when it has any) from both ends. */
struct slice unicode_trim(struct slice text, struct slice set);
/* Whole texts; a sharp s becomes SS. */
bool unicode_append_upper(struct buf *out, struct slice text);
bool unicode_append_lower(struct buf *out, struct slice text);

/* ---- the rows ---- */
#define BUILTIN_FUNCTION(name)                                                                     \
	bool name(struct template_run *run, const struct value_arguments *arguments,               \
		struct value *out)
/* filters_text.c */
BUILTIN_FUNCTION(filter_upper);
BUILTIN_FUNCTION(filter_lower);
BUILTIN_FUNCTION(filter_title);
BUILTIN_FUNCTION(filter_capitalize);
BUILTIN_FUNCTION(filter_trim);
BUILTIN_FUNCTION(filter_replace);
BUILTIN_FUNCTION(filter_split);
BUILTIN_FUNCTION(filter_lines);
BUILTIN_FUNCTION(filter_indent);
BUILTIN_FUNCTION(filter_truncate);
BUILTIN_FUNCTION(filter_wordwrap);
BUILTIN_FUNCTION(filter_basename);
BUILTIN_FUNCTION(filter_dirname);
BUILTIN_FUNCTION(filter_string);
/* filters_escape.c */
BUILTIN_FUNCTION(filter_escape);
BUILTIN_FUNCTION(filter_safe);
BUILTIN_FUNCTION(filter_shell_escape);
BUILTIN_FUNCTION(filter_urlencode);
BUILTIN_FUNCTION(filter_b64encode);
BUILTIN_FUNCTION(filter_b64decode);
BUILTIN_FUNCTION(filter_sha256);
BUILTIN_FUNCTION(filter_tokens);
BUILTIN_FUNCTION(filter_pprint);
/* filters_format.c */
BUILTIN_FUNCTION(filter_format);
/* filters_time.c */
BUILTIN_FUNCTION(filter_strftime);
/* filters_number.c */
BUILTIN_FUNCTION(filter_abs);
BUILTIN_FUNCTION(filter_int);
BUILTIN_FUNCTION(filter_float);
BUILTIN_FUNCTION(filter_bool);
BUILTIN_FUNCTION(filter_round);
BUILTIN_FUNCTION(filter_sum);
/* filters_list.c */
BUILTIN_FUNCTION(filter_first);
BUILTIN_FUNCTION(filter_last);
BUILTIN_FUNCTION(filter_length);
BUILTIN_FUNCTION(filter_join);
BUILTIN_FUNCTION(filter_list);
BUILTIN_FUNCTION(filter_reverse);
BUILTIN_FUNCTION(filter_batch);
BUILTIN_FUNCTION(filter_slice);
BUILTIN_FUNCTION(filter_chain);
BUILTIN_FUNCTION(filter_zip);
BUILTIN_FUNCTION(filter_default);
/* filters_order.c */
BUILTIN_FUNCTION(filter_sort);
BUILTIN_FUNCTION(filter_unique);
BUILTIN_FUNCTION(filter_min);
BUILTIN_FUNCTION(filter_max);
BUILTIN_FUNCTION(filter_groupby);
BUILTIN_FUNCTION(filter_dictsort);
/* filters_select.c */
BUILTIN_FUNCTION(filter_map);
BUILTIN_FUNCTION(filter_select);
BUILTIN_FUNCTION(filter_reject);
BUILTIN_FUNCTION(filter_selectattr);
BUILTIN_FUNCTION(filter_rejectattr);
BUILTIN_FUNCTION(filter_attr);
/* filters_data.c */
BUILTIN_FUNCTION(filter_items);
BUILTIN_FUNCTION(filter_to_entries);
BUILTIN_FUNCTION(filter_json);
BUILTIN_FUNCTION(filter_fromjson);
BUILTIN_FUNCTION(filter_jsonpath);
BUILTIN_FUNCTION(filter_regex_replace);
BUILTIN_FUNCTION(filter_regex_search);
BUILTIN_FUNCTION(filter_keys);
BUILTIN_FUNCTION(filter_values);
/* tests.c, used by methods too */
BUILTIN_FUNCTION(test_startingwith);
BUILTIN_FUNCTION(test_endingwith);

#endif
