/* test_run_apply.c: apply steps in whole runs: source, verification, restoring, asking again
 * (workflows.md 7). */
#include "workflow/run_help.h"

#include <sys/stat.h>
#include <unistd.h>

#include "workflow/journal.h"

int test_run_apply(void);

/* The first edits are wrong; told what the verification said, right ones come. */
static const char config[] =
	"[backends.fixer]\ntype = \"mock\"\n"
	"replies = [{match = \"must be three\", text = '''\n"
	"{\"edits\": [{\"path\": \"x.txt\", \"old\": \"one\", \"new\": \"three\"}]}'''}, "
	"{text = '''\n"
	"{\"edits\": [{\"path\": \"x.txt\", \"old\": \"one\", \"new\": \"two\"}, "
	"{\"path\": \"new.txt\", \"content\": \"n\"}]}'''}]\n"
	"[backends.lost]\ntype = \"mock\"\n"
	"replies = [{match = \"What went wrong\", text = '''\n"
	"{\"edits\": [{\"path\": \"x.txt\", \"old\": \"one\", \"new\": \"two\"}]}'''}, "
	"{text = '''\n"
	"{\"edits\": [{\"path\": \"x.txt\", \"old\": \"absent\", \"new\": \"two\"}]}'''}]\n"
	"[backends.prose]\ntype = \"mock\"\nreplies = [{text = \"I would rather not.\"}]\n"
	"[roles.fixer]\nbackends = [\"fixer\"]\n";

static int begin(void **state) {
	static struct run_fixture fixture;
	run_fixture_begin(&fixture, config);
	run_fixture_write(&fixture, "x.txt", "one\n");
	*state = &fixture;
	return 0;
}

static int end(void **state) {
	run_fixture_end(*state);
	return 0;
}

#define FIX(backend)                                                                               \
	"name = \"test\"\n[[steps]]\nname = \"fix\"\ntype = \"query\"\nbackend = \"" backend       \
	"\"\nprompt = \"mend it\"\n[[steps]]\nname = \"put\"\ntype = \"apply\"\n"

static void assert_text(struct run_fixture *f, const char *name, const char *text) {
	const char *found = run_fixture_read(f, name);
	assert_non_null(found);
	assert_string_equal(found, text);
}

static void edits_of_an_answer_are_applied(void **state) {
	struct run_fixture *f = *state;
	run_fixture_do(f, FIX("fixer") "source = \"fix\"\n");
	assert_end(f, RUN_OK);
	assert_text(f, "x.txt", "two\n");
	assert_text(f, "new.txt", "n");
	const struct step_result *result = run_fixture_result(f, "put");
	assert_true(slice_is(result->backend, "apply"));
	assert_contains(result->output, "applied edits to 2 files");
	assert_contains(result->diff, "-one\n+two\n");
	assert_int_equal(json_get(result->data, "files")->count, 2);
}

static void any_form_of_source_is_understood(void **state) {
	struct run_fixture *f = *state;
	static const char *const sources[] = {"steps.fix", "steps.fix.output", "steps.fix.edits",
		"steps.fix.outputs.fixer", "steps.fix.data"};
	for (size_t i = 0; i < sizeof sources / sizeof *sources; i++) {
		run_fixture_write(f, "x.txt", "one\n");
		unlink(arena_printf(&f->arena, "%s/new.txt", f->dir).data);
		run_fixture_do(
			f, arena_printf(&f->arena, "%ssource = \"%s\"\n", FIX("fixer"), sources[i])
				   .data);
		assert_end(f, RUN_OK);
		assert_text(f, "x.txt", "two\n");
	}
}

static void inline_edits_are_templates(void **state) {
	struct run_fixture *f = *state;
	run_fixture_do(f,
		"name = \"test\"\n"
		"[[steps]]\nname = \"word\"\ntype = \"shell\"\nrun = \"printf 'a\\\"b'\"\n"
		"[[steps]]\nname = \"put\"\ntype = \"apply\"\n"
		"edits = [{path = \"x.txt\", old = \"one\", new = \"{{ steps.word }}\"}]\n");
	assert_end(f, RUN_OK);
	assert_text(f, "x.txt", "a\"b\n");
}

static void a_failed_verification_asks_again(void **state) {
	struct run_fixture *f = *state;
	run_fixture_do(f,
		FIX("fixer") "source = \"steps.fix\"\nverify_retries = 2\n"
			     "verify = '''test -e new.txt && touch seen\n"
			     "grep three x.txt || { echo 'must be three' >&2; exit 4; }'''\n");
	assert_end(f, RUN_OK);
	assert_text(f, "x.txt", "three\n");
	assert_null(run_fixture_read(f, "new.txt"));  /* of the first edits: restored */
	assert_non_null(run_fixture_read(f, "seen")); /* and they had been there */
	const struct step_result *result = run_fixture_result(f, "put");
	int64_t attempts = 0;
	assert_true(json_int64(json_get(result->data, "attempts"), &attempts));
	assert_int_equal(attempts, 2);
	assert_int_equal(json_get(result->data, "verify")->count, 3);
	assert_contains(buf_slice(&f->events), "retry put: the verification");
}

static void a_prompt_of_ones_own_sees_the_failure(void **state) {
	struct run_fixture *f = *state;
	run_fixture_do(f,
		FIX("fixer") "source = \"steps.fix\"\nverify_retries = 1\n"
			     "verify = \"grep three x.txt || { echo three >&2; exit 4; }\"\n"
			     "verify_retry_prompt = \"{{ original }} {{ error.exit_code }} "
			     "must be {{ error.stderr }} {{ source.output }}\"\n");
	assert_end(f, RUN_OK);
	assert_text(f, "x.txt", "three\n");
}

static void edits_that_do_not_match_are_asked_again(void **state) {
	struct run_fixture *f = *state;
	run_fixture_do(f, FIX("lost") "source = \"steps.fix\"\nverify_retries = 1\n");
	assert_end(f, RUN_OK);
	assert_text(f, "x.txt", "two\n");
}

static void without_retries_they_fail(void **state) {
	struct run_fixture *f = *state;
	run_fixture_do(f, FIX("lost") "source = \"steps.fix\"\n");
	assert_end(f, RUN_FAILED);
	assert_text(f, "x.txt", "one\n");
	run_fixture_do(f, FIX("prose") "source = \"steps.fix\"\nverify_retries = 2\n");
	assert_end(f, RUN_FAILED);
	assert_error(f, "put", FAILURE_PARSE, "no edits found");
}

static void a_failure_restores_exactly(void **state) {
	struct run_fixture *f = *state;
	const char *path = arena_printf(&f->arena, "%s/x.txt", f->dir).data;
	struct stat before;
	struct stat after;
	assert_int_equal(chmod(path, 0750), 0);
	assert_int_equal(stat(path, &before), 0);
	run_fixture_do(f, FIX("fixer") "source = \"steps.fix\"\nrollback_on_failure = true\n"
				       "verify = \"echo why >&2; exit 7\"\n");
	assert_end(f, RUN_FAILED);
	assert_error(f, "put", FAILURE_VERIFICATION, "why");
	assert_int_equal(run_fixture_result(f, "put")->error.exit_code, 7);
	assert_text(f, "x.txt", "one\n");
	assert_null(run_fixture_read(f, "new.txt"));
	assert_int_equal(stat(path, &after), 0);
	assert_int_equal(before.st_mode, after.st_mode);
}

static void without_rollback_the_edits_stay(void **state) {
	struct run_fixture *f = *state;
	run_fixture_do(f, FIX("fixer") "source = \"steps.fix\"\nverify = \"exit 1\"\n");
	assert_error(f, "put", FAILURE_VERIFICATION, "left in place");
	assert_text(f, "x.txt", "two\n");
}

static void git_rolls_back_clean_files_alone(void **state) {
	struct run_fixture *f = *state;
	static const char toml[] = FIX("fixer") "source = \"steps.fix\"\nrollback = \"git\"\n"
						"verify = \"exit 1\"\n";
	run_fixture_do(f, "name = \"test\"\n[[steps]]\nname = \"a\"\n"
			  "run = '''git init -q . && git add x.txt && git -c user.name=n "
			  "-c user.email=e commit -qm m'''\n");
	assert_end(f, RUN_OK);
	run_fixture_do(f, toml);
	assert_error(f, "put", FAILURE_VERIFICATION, "exited with code 1");
	assert_text(f, "x.txt", "one\n");
	assert_null(run_fixture_read(f, "new.txt"));
	run_fixture_write(f, "x.txt", "one\nmine\n");
	run_fixture_do(f, toml);
	assert_error(f, "put", FAILURE_EXECUTION, "not committed");
	assert_text(f, "x.txt", "one\nmine\n");
}

static void the_team_may_verify(void **state) {
	struct run_fixture *f = *state;
	struct runner_team team = {.name = SLICE("t"), .verify = SLICE("grep three x.txt")};
	f->options.team = &team;
	run_fixture_do(f, FIX("fixer") "source = \"steps.fix\"\nverify = \"team\"\n");
	assert_error(f, "put", FAILURE_VERIFICATION, "grep three x.txt");
	run_fixture_write(f, "x.txt", "one\n");
	unlink(arena_printf(&f->arena, "%s/new.txt", f->dir).data);
	team.verify = SLICE("grep two x.txt");
	run_fixture_run(f);
	assert_end(f, RUN_OK);
}

static void a_verification_has_its_limit(void **state) {
	struct run_fixture *f = *state;
	run_fixture_do(f, FIX("fixer") "source = \"steps.fix\"\nrollback = \"backup\"\n"
				       "verify = \"sleep 600\"\nverify_timeout = 100\n");
	assert_error(f, "put", FAILURE_VERIFICATION, "limit of 100ms");
	assert_text(f, "x.txt", "one\n");
}

static void the_limit_of_the_step_restores(void **state) {
	struct run_fixture *f = *state;
	run_fixture_do(f, FIX("fixer") "source = \"steps.fix\"\ntimeout = \"200ms\"\n"
				       "verify = \"sleep 600\"\n");
	assert_error(f, "put", FAILURE_TIMEOUT, "its time limit of 200ms");
	assert_text(f, "x.txt", "one\n");
}

static void unsafe_paths_write_nothing(void **state) {
	struct run_fixture *f = *state;
	run_fixture_do(f, "name = \"test\"\n[[steps]]\nname = \"put\"\ntype = \"apply\"\n"
			  "edits = [{path = \"ok.txt\", content = \"1\"}, "
			  "{path = \"../out.txt\", content = \"2\"}]\n");
	assert_end(f, RUN_FAILED);
	assert_error(f, "put", FAILURE_EXECUTION, "../out.txt");
	assert_null(run_fixture_read(f, "ok.txt"));
}

static void edits_wait_for_consent(void **state) {
	struct run_fixture *f = *state;
	f->answer = "no";
	run_fixture_do(f, FIX("fixer") "source = \"steps.fix\"\nconfirm = \"diff\"\n");
	assert_end(f, RUN_FAILED);
	assert_contains(buf_slice(&f->questions), "-one\n+two\n");
	assert_text(f, "x.txt", "one\n");
	f->answer = "y";
	run_fixture_run(f);
	assert_end(f, RUN_OK);
	assert_text(f, "x.txt", "two\n");
	run_fixture_write(f, "x.txt", "one\n");
	unlink(arena_printf(&f->arena, "%s/new.txt", f->dir).data);
	f->answer = NULL;
	run_fixture_run(f);
	assert_error(f, "put", FAILURE_CANCELLED, "--yes");
	f->options.takes_defaults = true;
	run_fixture_run(f);
	assert_end(f, RUN_OK);
}

/* Cancelled or released at every event: the files are as before, or the step was done. */
static void whenever_it_is_cancelled_nothing_is_half_done(void **state) {
	struct run_fixture *f = *state;
	for (size_t at = 1; at < 12; at++) {
		for (unsigned way = 0; way < 3; way++) {
			run_fixture_write(f, "x.txt", "one\n");
			unlink(arena_printf(&f->arena, "%s/new.txt", f->dir).data);
			f->cancel_at = way < 2 ? at : 0;
			f->cancels_now = way == 1;
			f->release_at = way == 2 ? at : 0;
			run_fixture_do(f,
				FIX("fixer") "source = \"steps.fix\"\nverify_retries = 1\n"
					     "verify = \"grep three x.txt || "
					     "{ echo 'must be three' >&2; exit 4; }\"\n");
			if (f->run == NULL) {
				loop_run(f->loop); /* what the release left under way */
			}
			const char *text = run_fixture_read(f, "x.txt");
			bool is_whole = strcmp(text, "one\n") == 0 || strcmp(text, "three\n") == 0;
			if (!is_whole || run_fixture_read(f, "new.txt") != NULL) {
				fail_msg("event %zu, way %u: %s\n%.*s", at, way, text,
					SLICE_FMT(buf_slice(&f->events)));
			}
		}
	}
}

int test_run_apply(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(edits_of_an_answer_are_applied),
		TEST(any_form_of_source_is_understood),
		TEST(inline_edits_are_templates),
		TEST(a_failed_verification_asks_again),
		TEST(a_prompt_of_ones_own_sees_the_failure),
		TEST(edits_that_do_not_match_are_asked_again),
		TEST(without_retries_they_fail),
		TEST(a_failure_restores_exactly),
		TEST(without_rollback_the_edits_stay),
		TEST(git_rolls_back_clean_files_alone),
		TEST(the_team_may_verify),
		TEST(a_verification_has_its_limit),
		TEST(the_limit_of_the_step_restores),
		TEST(unsafe_paths_write_nothing),
		TEST(edits_wait_for_consent),
		TEST(whenever_it_is_cancelled_nothing_is_half_done),
	};
	return cmocka_run_group_tests_name("run_apply", tests, NULL, NULL);
}
