/* test_shell_proof.c: no value in a `run` is ever executed or changed (workflows.md 6.6). A
 * generated corpus of shell texts, each with a hole in another context, is filled with hostile
 * values and run by real shells: what a shell prints must be the value, byte for byte, and nothing
 * else may have happened. */
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <spawn.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "template/template_internal.h"

int test_shell_proof(void);

#define HOLE '\x01'
#define SEPARATOR "\x1e"

/* ---- the values ---- */

static const char *const values[] = {
	"",
	"plain",
	"two words",
	"a'b\"c$(x)",
	"'",
	"\"",
	"''",
	"\\",
	"ends in backslash\\",
	"\\\\",
	"\\'",
	"$(touch canary)",
	"`touch canary`",
	"; touch canary;",
	"'; touch canary; '",
	"\"; touch canary; \"",
	"\"$(touch canary)\"",
	"'$(touch canary)'",
	"\\`touch canary\\`",
	"\\$(touch canary)",
	"\ntouch canary\n",
	"a\nb\n\n",
	"\n",
	"} ; touch canary; {",
	") ; touch canary; (",
	")) ; touch canary; ((",
	"$HOME ${HOME} $$ $? $# $0",
	"-n",
	"--help",
	"* ? [a-z]* {a,b}",
	"~ ~root ~/x",
	"!! !$ ^a^b",
	"# not a comment",
	"a #b",
	"|& && || > canary < /dev/null",
	">canary",
	"\t tabs\tand  blanks \t",
	"gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\xa6\x80 \xc3\x81\xc2\x81\xc2\x88",
	"EOF",
	"EOF\ntouch canary\nEOF",
	"\tEOF\ntouch canary\n",
	"EOF ) ; touch canary #",
	"EO\\\nF\ntouch canary",
	"END\ntouch canary",
	"esac; touch canary",
	";; *) touch canary;;",
	"%s %n \\n \\c \\0101 %%",
	"1; touch canary",
	"a[$(touch canary)]",
	"\r\nCR\r\n",
	"\x7f\x02\x1b[31m",
	"=x",
	"x=y",
	"-",
	"[",
	"]",
	"}",
	"{",
	":-x}",
	"[[ x ]]",
};
#define VALUE_COUNT (sizeof values / sizeof values[0])

static struct slice value_at(size_t index) {
	static char longest[3001];
	if (index < VALUE_COUNT) {
		return slice_of(values[index]);
	}
	if (longest[0] == 0) {
		for (size_t i = 0; i + 1 < sizeof longest; i++) {
			longest[i] = "abc'\"$`\\(){};\n \t"[i * 7 % 16];
		}
	}
	return slice_of(longest);
}

/* ---- the corpus: a shell text with a hole, and what it prints ---- */

enum refusal { /* what this context may refuse to hold */
	REFUSES_NOTHING = 0,
	REFUSES_LINES = 1, /* a value with a line break */
	REFUSES_DELIMITER =
		2,          /* a value whose lines begin with a delimiter or tabs, or end in `\\` */
	REFUSES_BRACES = 8, /* bash expands them in backticks within double quotes */
	REFUSES_MOST = 4    /* ${...} in a here-document */
};

struct sample {
	char *text, *printed;
	unsigned refuses;
};

struct corpus {
	struct sample *items;
	size_t len, cap;
};

static void add(struct corpus *corpus, char *text, char *printed, unsigned refuses) {
	if (corpus->len == corpus->cap) {
		corpus->cap = corpus->cap ? corpus->cap * 2 : 64;
		corpus->items = realloc(corpus->items, corpus->cap * sizeof *corpus->items);
		assert_non_null(corpus->items);
	}
	corpus->items[corpus->len++] = (struct sample){text, printed, refuses};
}

static char *join(const char *a, const char *b, const char *c) {
	char *text = NULL;
	assert_true(asprintf(&text, "%s%s%s", a, b, c) >= 0);
	return text;
}

/* Words that hold the value, and what they are: \1 is the hole. H is `h`, U is unset. */
static const struct {
	const char *word, *is;
} words[] = {
	{"\1", "\1"},
	{"pre\1post", "pre\1post"},
	{"\1\1", "\1\1"},
	{"'\1'", "\1"},
	{"'a b \1 c'", "a b \1 c"},
	{"\"\1\"", "\1"},
	{"\"a b \1 c\"", "a b \1 c"},
	{"\"it's \1\"", "it's \1"},
	{"'say \"\1\"'", "say \"\1\""},
	{"'a'\"\1\"\1'\1'", "a\1\1\1"},
	{"$'\1'", "\1"},
	{"$'a\\tb\\'c\1d\\x41\\n.'", "a\tb'c\1dA\n."},
	{"$'\\x4\1'", "\x04\1"},
	{"$'\\\1'", "\\\1"},
	{"\\\1", "\1"},
	{"\"\\\1\"", "\\\1"},
	{"\"\\\\\1\"", "\\\1"},
	{"$\1", "$\1"},
	{"\"$\1\"", "$\1"},
	{"\"\\$\1\"", "$\1"},
	{"\"$$H\"\1", NULL},
	{"$H\1", "h\1"},
	{"\"$H\1\"", "h\1"},
	{"\"${H}\1\"", "h\1"},
	{"\"$1\1\"", "\1"},
	{"\"$#\1\"", "0\1"},
	{"${U:-\1}", "\1"},
	{"\"${U:-\1}\"", "\1"},
	{"\"${U-a \1 b}\"", "a \1 b"},
	{"\"${H:+\1}\"", "\1"},
	{"${H+\"a \1\"}", "a \1"},
	{"\"${U:-\"\1\"}\"", "\1"},
	{"\"${U:-${U2:-\1}}\"", "\1"},
	{"${U:-'\1'}", "\1"},
	{"\"${U:-$H\1}\"", "h\1"},
	{"a\\\nb\1", "ab\1"},
	{"\"a\\\nb\1\"", "ab\1"},
	{"\\'\1\\\"", "'\1\""},
	{"a#\1", "a#\1"},
	{"\"#\1\"", "#\1"},
	{"$((1 + 2))\1", "3\1"},
	{"\"$((1 << 2))\1\"", "4\1"},
	{"\"`echo \\`echo a\\``\1\"", "a\1"},
	{"\"$(echo \"a)\" # it's )\n)\1\"", "a)\1"},
	{"\"$(case a in a) echo \"b)\";; esac)\1\"", "b)\1"},
	{"\"$(case a in (a) echo b; esac)\"'\1'", "b\1"},
	{"~\1", "~\1"},
	{"*\\*\1", NULL},
};

static void add_words(struct corpus *corpus) {
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
		if (words[i].is) {
			add(corpus, join("printf '%s' ", words[i].word, ""),
				join(words[i].is, "", ""), REFUSES_NOTHING);
		}
	}
}

/* Whole commands with a hole. */
static const struct {
	const char *text, *printed;
	unsigned refuses;
} commands[] = {
	{"cat <<'EOF'\nx\1y\nEOF\n", "x\1y\n", REFUSES_DELIMITER},
	{"cat <<'EOF'\n\1\nEOF\n", "\1\n", REFUSES_DELIMITER},
	{"cat <<\"EOF\"\n$H `x` \\ \1\n.\nEOF\n", "$H `x` \\ \1\n.\n", REFUSES_DELIMITER},
	{"cat <<\\EOF\nit's \1\nEOF\n", "it's \1\n", REFUSES_DELIMITER},
	{"cat <<EOF\n\1\nEOF\n", "\1\n", REFUSES_NOTHING},
	{"cat <<EOF\nit's \"$H\1\" \\\\ \\$ \1\nEOF\n", "it's \"h\1\" \\ $ \1\n", REFUSES_NOTHING},
	{"cat <<EOF\n\\\1 $\1\nEOF\n", "\\\1 $\1\n", REFUSES_NOTHING},
	{"cat <<EOF\nE\1\nEOF\n", "E\1\n", REFUSES_NOTHING},
	{"cat <<EOF\nEOF\1\n.\nEOF\n", "EOF\1\n.\n", REFUSES_MOST},
	{"cat <<'EOF'\n\1EOF\n.\nEOF\n", "\1EOF\n.\n", REFUSES_MOST},
	{"cat <<EOF\n\1\1\n\1EOF\n.\nEOF\n", "\1\1\n\1EOF\n.\n", REFUSES_NOTHING},
	{"cat <<-EOF\n\t\1\n\tEOF\n", "\1\n", REFUSES_NOTHING},
	{"cat <<-EOF\n\t.\1\n\t\tEOF\n", ".\1\n", REFUSES_NOTHING},
	{"cat <<-'EOF'\n\t\1\n\tEOF\n", "\1\n", REFUSES_DELIMITER},
	{"cat <<A - <<B\n\1A\nA\n\1B\nB\n", "\1B\n", REFUSES_NOTHING},
	{"cat <<A; cat <<'B'\n\1\nA\n\1\nB\n", "\1\n\1\n", REFUSES_NOTHING},
	{"cat <<EOF; printf '%s' \"\1\"\n\1\nEOF\n", "\1\n\1", REFUSES_NOTHING},
	{"cat <<EOF # \"it's\nx\1\nEOF\nprintf '%s' \1", "x\1\n\1", REFUSES_NOTHING},
	{"cat <<EOF\n${U:-\1}\nEOF\n", "\1\n", REFUSES_MOST},
	{"cat <<EOF\n$(printf '%s.' '\1')\nEOF\n", "\1.\n", REFUSES_DELIMITER},
	{"cat <<EOF\n`printf '%s.' \"\1\"`\nEOF\n", "\1.\n", REFUSES_DELIMITER},
	{"cat <<EOF\n$(cat <<'END'\n\1.\nEND\n)\nEOF\n", "\1.\n", REFUSES_DELIMITER},
	{"# \1\nprintf '%s' ok", "ok", REFUSES_LINES},
	{"printf '%s' ok # it's \1", "ok", REFUSES_LINES},
	{"printf '%s' ok; #\1\n:", "ok", REFUSES_LINES},
	{"v=\1; printf '%s' \"$v\"", "\1", REFUSES_NOTHING},
	{"v='\1' w=\"\1\"; printf '%s' \"$v$w\"", "\1\1", REFUSES_NOTHING},
	{"v=\1 sh -c 'printf %s \"$v\"'", "\1", REFUSES_NOTHING},
	{"case \1 in \1) printf '%s' yes;; *) printf no;; esac", "yes", REFUSES_NOTHING},
	{"case \"\1\" in ('\1') printf '%s' \1;; esac", "\1", REFUSES_NOTHING},
	{"for v in \1 '\1'; do printf '%s' \"$v\"; done", "\1\1", REFUSES_NOTHING},
	{"set -- a\1b \"\1\"; printf '%s' \"$#\" \"$2\"", "2\1", REFUSES_NOTHING},
	{"v=x\1y; printf '%s' \"${v#x\1}\"", "y", REFUSES_NOTHING},
	{"v=x\1y; printf '%s' \"${v%\"\1\"y}\" ${v#\"x\1\"}", "xy", REFUSES_NOTHING},
	{"v=x\1y; printf '%s' \"${v%%'\1'y}\"", "x", REFUSES_MOST},
	{"f() { printf '%s' \"$1\"; }; f \1", "\1", REFUSES_NOTHING},
	{"f() { printf '%s' \"\1\"; }\nf", "\1", REFUSES_NOTHING},
	{"if [ \"\1\" = '\1' ]; then printf '%s' \1; fi", "\1", REFUSES_NOTHING},
	{"printf '%s' \1 | cat", "\1", REFUSES_NOTHING},
	{"printf '%s' \1>&1", "\1", REFUSES_NOTHING},
	{"printf '%s' \"a`printf '%s.' '\1'`b\"", "a\1.b", REFUSES_NOTHING},
	{"printf '%s' \"a`printf '%s.' \\\"\1\\\"`b\"", "a\1.b", REFUSES_NOTHING},
	{"printf '%s' \"`printf '%s.' \\`printf '%s' x\\`'\1'`\"", "x\1.", REFUSES_NOTHING},
	{"printf '%s' \"`printf '%s.' \\\1`\"", "\1.", REFUSES_NOTHING},
	{"printf '%s' \"`printf '%s.' \"\\\\\1\"`\"", "\\\1.", REFUSES_NOTHING},
	{"printf '%s' \"$(printf '%s.' \"$(printf '%s.' \"\1\")\")\"", "\1..", REFUSES_NOTHING},
	{"printf '%s' \"$( (printf '%s.' \"\1\") )\"", "\1.", REFUSES_NOTHING},
};

static void add_commands(struct corpus *corpus) {
	for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
		add(corpus, join(commands[i].text, "", ""), join(commands[i].printed, "", ""),
			commands[i].refuses | (strchr(commands[i].text, '`') ? REFUSES_BRACES : 0));
	}
}

/* What may stand around a command. `adds` is printed behind what the command prints; a backtick
 * takes a level of backslashes. */
static const struct wrapper {
	const char *before, *after, *adds;
	bool is_backtick, is_in_document;
} wrappers[] = {
	{"printf '%s' \"$( ", "\nprintf .)\"", ".", false, false},
	{"IFS=; set -f; printf '%s' $( ", "\nprintf .); set +f; unset IFS", ".", false, false},
	{"printf '%s' \"`", "\nprintf .`\"", ".", true, false},
	{"( ", "\n)", "", false, false},
	{"{ ", "\n}", "", false, false},
	{"if :; then ", "\nelse printf no; fi", "", false, false},
	{"case a in b) printf no;; a) ", "\n;; *) esac", "", false, false},
	{"printf '%s' \"$(case a in b) ;; a) ", "\n;; esac\nprintf .)\"", ".", false, false},
	{"for i in 1; do ", "\ndone", "", false, false},
	{"while :; do ", "\nbreak; done", "", false, false},
	{"g() { ", "\n}; g", "", false, false},
	{": 'it' \"is\" # don't \"$(\n", "\n: `echo '#'`", "", false, false},
	{": \"${U:-$( ", "\n)}\" >/dev/null; printf '%s' \"${U:-$(printf .)}\"", NULL, false,
		false},
	{"printf '%s' \"${U:-$( ", "\nprintf .)}\"", ".", false, false},
	{"cat <<FIN\n$( ", "\nprintf .)\nFIN\n", ".\n", false, true},
	{": $((1 << 2)) \"$((3 + (4)))\" ${H#h} ; ", "", "", false, false},
	{"! : || ", "", "", false, false},
};

static char *escape_once(const char *text) {
	struct buf out = {0};
	for (; *text; text++) {
		if (strchr("\\`$", *text)) {
			buf_append_byte(&out, '\\');
		}
		buf_append_byte(&out, *text);
	}
	buf_append_byte(&out, 0);
	char *escaped = strdup(out.data);
	buf_finish(&out);
	return escaped;
}

static bool has_document(const char *text) {
	return strstr(text, "<<") != NULL;
}

static void wrap(struct corpus *corpus, const struct wrapper *wrapper, struct sample sample) {
	/* Within backticks a double quote in double quotes would need a backslash of its own. */
	if (!wrapper->adds || (wrapper->is_backtick && strchr(sample.text, '"'))) {
		return;
	}
	char *inner = wrapper->is_backtick ? escape_once(sample.text) : strdup(sample.text);
	unsigned refuses = sample.refuses | (wrapper->is_backtick ? REFUSES_BRACES : 0);
	if (wrapper->is_in_document || has_document(inner)) {
		refuses |= REFUSES_DELIMITER;
	}
	add(corpus, join(wrapper->before, inner, wrapper->after),
		join(sample.printed, wrapper->adds, ""), refuses);
	free(inner);
}

/* Returns how many of them are unwrapped. */
static size_t build(struct corpus *corpus) {
	add_words(corpus);
	add_commands(corpus);
	size_t count = corpus->len, wrapper_count = sizeof wrappers / sizeof wrappers[0];
	for (size_t w = 0; w < wrapper_count; w++) {
		/* Every command in some wrappers, every wrapper around some commands. */
		for (size_t i = w % 3; i < count; i += 3) {
			wrap(corpus, &wrappers[w], corpus->items[i]);
		}
	}
	size_t second = corpus->len;
	for (size_t i = count; i < second; i += 4) {
		wrap(corpus, &wrappers[i % wrapper_count], corpus->items[i]);
	}
	return count;
}

static void free_corpus(struct corpus *corpus) {
	for (size_t i = 0; i < corpus->len; i++) {
		free(corpus->items[i].text);
		free(corpus->items[i].printed);
	}
	free(corpus->items);
}

/* ---- filling and running ---- */

/* False when the context refuses the value. */
static bool fill(const char *text, struct slice value, struct buf *out, const char **problem) {
	struct arena arena;
	arena_init(&arena, NULL, 0);
	struct shell_lexer *lexer = shell_lexer_new(&arena);
	struct slice rest = slice_of(text), part;
	bool is_ok = true, is_first = true;
	size_t begin = out->len;
	struct buf own = {0};
	while (is_ok && slice_split(&rest, HOLE, &part)) {
		is_ok = (is_first || shell_emit_value(lexer, value, &own, problem)) &&
			shell_emit_literal(lexer, part, &own, problem);
		is_first = false;
	}
	is_ok = is_ok && shell_finish(lexer, problem);
	buf_append(out, buf_slice(&own));
	buf_finish(&own);
	arena_finish(&arena);
	if (!is_ok) {
		out->len = begin;
	}
	return is_ok;
}

static void expect(const char *printed, struct slice value, struct buf *out) {
	for (; *printed; printed++) {
		if (*printed == HOLE) {
			buf_append(out, value);
		} else {
			buf_append_byte(out, *printed);
		}
	}
}

static bool may_refuse(unsigned refuses, struct slice value) {
	bool has_lines = slice_find_byte(value, '\n') != SIZE_MAX;
	bool has_delimiter = slice_contains(value, SLICE("E")) ||
			     slice_starts_with(value, SLICE("\t")) ||
			     slice_contains(value, SLICE("\n\t")) ||
			     slice_ends_with(value, SLICE("\\")) || value.len > 1000;
	bool has_brace = slice_find_byte(value, '{') != SIZE_MAX;
	return (refuses & REFUSES_MOST) || ((refuses & REFUSES_BRACES) && has_brace) ||
	       ((refuses & REFUSES_LINES) && has_lines) ||
	       ((refuses & REFUSES_DELIMITER) && has_delimiter);
}

/* Runs the script in an empty directory; its output into `out`. */
static void run_shell(const char *shell, const char *script, const char *cwd, struct buf *out) {
	int ends[2];
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	posix_spawn_file_actions_t actions;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addchdir_np(&actions, cwd);
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
	posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
	char name[8];
	snprintf(name, sizeof name, "%s", shell);
	char file[80];
	snprintf(file, sizeof file, "%s", script);
	char *const argv[] = {name, file, NULL};
	char path[4096];
	snprintf(path, sizeof path, "PATH=%s", getenv("PATH"));
	char home[] = "H=h", locale[] = "LC_ALL=C.UTF-8";
	char *const environment[] = {path, home, locale, NULL};
	pid_t pid;
	assert_int_equal(posix_spawnp(&pid, shell, &actions, NULL, argv, environment), 0);
	posix_spawn_file_actions_destroy(&actions);
	close(ends[1]);
	char chunk[65536];
	ssize_t got;
	while ((got = read(ends[0], chunk, sizeof chunk)) > 0) {
		buf_append(out, slice_make(chunk, (size_t)got));
	}
	close(ends[0]);
	int status = 0;
	waitpid(pid, &status, 0);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) != 127);
}

static size_t files_in(const char *path) {
	DIR *directory = opendir(path);
	assert_non_null(directory);
	size_t count = 0;
	struct dirent *entry;
	while ((entry = readdir(directory))) {
		if (entry->d_name[0] != '.') {
			char name[600];
			snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
			unlink(name);
			count++;
		}
	}
	closedir(directory);
	return count;
}

struct proof {
	char directory[64], cwd[80], script[80];
	size_t runs, refusals, failures;
};

static void write_script(const struct proof *proof, struct slice text) {
	FILE *file = fopen(proof->script, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(text.data, 1, text.len, file), text.len);
	assert_int_equal(fclose(file), 0);
}

/* All values in one process; one by one, to tell which, when that goes wrong. */
static bool prove(struct proof *proof, const char *shell, const struct sample *sample, size_t from,
	size_t to, bool tells) {
	struct buf script = {0}, expected = {0}, printed = {0};
	for (size_t i = from; i < to; i++) {
		const char *problem = NULL;
		if (!fill(sample->text, value_at(i), &script, &problem)) {
			assert_non_null(problem);
			if (!may_refuse(sample->refuses, value_at(i))) {
				print_error("refused: %s\n in: %s\n value: %.60s\n", problem,
					sample->text, value_at(i).data);
				proof->failures++;
			}
			proof->refusals++;
			continue;
		}
		buf_append_str(&script, "\nprintf '%s' '" SEPARATOR "'\n");
		expect(sample->printed, value_at(i), &expected);
		buf_append_str(&expected, SEPARATOR);
		proof->runs++;
	}
	write_script(proof, buf_slice(&script));
	run_shell(shell, proof->script, proof->cwd, &printed);
	bool is_right = slice_eq(buf_slice(&printed), buf_slice(&expected));
	is_right = files_in(proof->cwd) == 0 && is_right;
	if (!is_right && tells) {
		print_error("%s ran:\n%.*s\nprinted: %.*s\nexpected: %.*s\n", shell,
			(int)(script.len < 400 ? script.len : 400), script.data,
			(int)(printed.len < 200 ? printed.len : 200), printed.data,
			(int)(expected.len < 200 ? expected.len : 200), expected.data);
	}
	buf_finish(&script);
	buf_finish(&expected);
	buf_finish(&printed);
	return is_right;
}

static void prove_sample(struct proof *proof, const char *shell, const struct sample *sample) {
	if (prove(proof, shell, sample, 0, VALUE_COUNT + 1, false)) {
		return;
	}
	for (size_t i = 0; i <= VALUE_COUNT && proof->failures < 60; i++) {
		proof->failures += !prove(proof, shell, sample, i, i + 1, true);
	}
	proof->failures++;
}

static void no_value_is_executed_or_changed(void **state) {
	(void)state;
	struct proof proof = {.directory = "/tmp/llm-mux-shell-XXXXXX"};
	assert_non_null(mkdtemp(proof.directory));
	snprintf(proof.cwd, sizeof proof.cwd, "%s/cwd", proof.directory);
	snprintf(proof.script, sizeof proof.script, "%s/script", proof.directory);
	assert_int_equal(mkdir(proof.cwd, 0700), 0);
	struct corpus corpus = {0};
	size_t singles = build(&corpus);
	assert_true(corpus.len >= 500);
	assert_true(VALUE_COUNT >= 40);
	bool has_bash = access("/bin/bash", X_OK) == 0;
	/* Under valgrind, which looks at memory only, a part of it does. */
	const char *preloaded = getenv("LD_PRELOAD");
	size_t step = preloaded && strstr(preloaded, "vgpreload") ? 25 : 1;
	for (size_t i = 0; i < corpus.len && proof.failures < 60; i += step) {
		prove_sample(&proof, "sh", &corpus.items[i]);
		/* bash reads many contexts in a way of its own, and takes its time. */
		if (has_bash && (i < singles || i % 5 == 0)) {
			prove_sample(&proof, "bash", &corpus.items[i]);
		}
	}
	print_message(
		"# shell proof: %zu texts x %zu values, %zu runs, %zu refused, %zu failed%s\n",
		corpus.len, VALUE_COUNT + 1, proof.runs, proof.refusals, proof.failures,
		has_bash ? "" : " (without bash)");
	free_corpus(&corpus);
	unlink(proof.script);
	rmdir(proof.cwd);
	rmdir(proof.directory);
	assert_int_equal(proof.failures, 0);
}

int test_shell_proof(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_value_is_executed_or_changed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
