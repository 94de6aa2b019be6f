/* test_options_types.c: the types that files alone can fill: maps of objects that layers complete
 * (workflows.md 1.4, D1), numbers, any value, texts and commands with their places; and what is
 * said of wrong ones (workflows.md 1.10). */
#include <math.h>

#include "config_help.h"
#include "data/document.h"

struct leaf {
	struct option_place place;
	struct slice name;
	struct option_strings backends;
	int mode; /* -1: not said */
	int64_t least;
};
struct node {
	struct option_place place;
	struct slice name, command;
	struct option_strings args;
	int64_t timeout_ms, retries;
	double heat;
	struct option_map env;
	int feeds; /* auto, true, false */
	OPTION_OBJECTS(struct leaf) leaves;
	OPTION_OBJECTS(struct leaf) list;
};
struct flag {
	struct option_place place;
	struct slice name;
	bool is_required;
};
struct typed {
	OPTION_OBJECTS(struct node) nodes;
	OPTION_OBJECTS(struct flag) flags;
	const struct json *any;
	struct option_text text;
	struct option_command command;
	double number;
	struct option_strings names;
};

static const char *const modes[] = {"first", "parallel", "fallback", NULL};
static const char *const feeds[] = {"auto", "true", "false", NULL};

#define LEAF(member) offsetof(struct leaf, member)
static const struct option_row leaf_rows[] = {
	{.key = OPTION_NAME_KEY, .type = OPTION_STRING, .offset = LEAF(name), .help = "Name"},
	{.key = "backends",
		.type = OPTION_STRING_LIST,
		.offset = LEAF(backends),
		.is_required = true,
		.help = "Backends"},
	{.key = "mode",
		.type = OPTION_ENUM,
		.offset = LEAF(mode),
		.values = modes,
		.is_exact = true,
		.help = "Mode"},
	{.key = "least", .type = OPTION_INT, .offset = LEAF(least), .min = 1, .help = "Least"},
};
static const struct option_table leaf_table = {
	.rows = leaf_rows,
	.row_count = 4,
	.struct_size = sizeof(struct leaf),
	.shorthand = "backends",
};

#define NODE(member) offsetof(struct node, member)
static const struct option_row node_rows[] = {
	{.key = OPTION_NAME_KEY, .type = OPTION_STRING, .offset = NODE(name), .help = "Name"},
	{.key = "command", .type = OPTION_STRING, .offset = NODE(command), .help = "Command"},
	{.key = "args",
		.type = OPTION_STRING_LIST,
		.offset = NODE(args),
		.keeps_empty = true,
		.help = "Arguments"},
	{.key = "more_args",
		.type = OPTION_STRING_LIST,
		.offset = NODE(args),
		.appends = true,
		.help = "Further arguments"},
	{.key = "timeout",
		.type = OPTION_DURATION,
		.offset = NODE(timeout_ms),
		.unit = "s",
		.min = 1,
		.doubtful = 10000,
		.help = "Timeout"},
	{.key = "max_retries",
		.type = OPTION_INT,
		.offset = NODE(retries),
		.default_text = "3",
		.help = "Retries"},
	{.key = "heat", .type = OPTION_NUMBER, .offset = NODE(heat), .max = 2, .help = "Heat"},
	{.key = "env",
		.type = OPTION_SECRET_MAP,
		.offset = NODE(env),
		.keeps_empty = true,
		.help = "Environment"},
	{.key = "feeds",
		.type = OPTION_ENUM,
		.offset = NODE(feeds),
		.default_text = "auto",
		.values = feeds,
		.help = "Feeds"},
	{.key = "leaves",
		.type = OPTION_OBJECT_MAP,
		.offset = NODE(leaves),
		.nested = &leaf_table,
		.help = "Leaves"},
	{.key = "list",
		.type = OPTION_OBJECT_LIST,
		.offset = NODE(list),
		.nested = &leaf_table,
		.help = "List"},
};
static const struct option_table node_table = {
	.rows = node_rows,
	.row_count = sizeof node_rows / sizeof *node_rows,
	.struct_size = sizeof(struct node),
};

static const struct option_row flag_rows[] = {
	{.key = OPTION_NAME_KEY,
		.type = OPTION_STRING,
		.offset = offsetof(struct flag, name),
		.help = "Name"},
	{.key = "required",
		.type = OPTION_BOOL,
		.offset = offsetof(struct flag, is_required),
		.help = "Required"},
};
static const struct option_table flag_table = {
	.rows = flag_rows,
	.row_count = 2,
	.struct_size = sizeof(struct flag),
	.listed = "required",
};

#define AT(member) offsetof(struct typed, member)
static const struct option_row typed_rows[] = {
	{.key = "nodes",
		.type = OPTION_OBJECT_MAP,
		.offset = AT(nodes),
		.nested = &node_table,
		.help = "Nodes"},
	{.key = "flags",
		.type = OPTION_OBJECT_MAP,
		.offset = AT(flags),
		.nested = &flag_table,
		.help = "Flags"},
	{.key = "any", .type = OPTION_JSON, .offset = AT(any), .help = "Any"},
	{.key = "text", .type = OPTION_TEXT, .offset = AT(text), .help = "Text"},
	{.key = "run", .type = OPTION_COMMAND, .offset = AT(command), .help = "Command"},
	{.key = "number",
		.type = OPTION_NUMBER,
		.offset = AT(number),
		.default_text = "0.5",
		.help = "Number"},
	{.key = "names", .type = OPTION_STRING_LIST, .offset = AT(names), .help = "Names"},
};
static const struct option_table typed_table = {
	.rows = typed_rows,
	.row_count = sizeof typed_rows / sizeof *typed_rows,
	.struct_size = sizeof(struct typed),
};
static const struct option_table *const tables[] = {&typed_table};

struct layers {
	struct arena arena;
	struct option_set set;
	struct buf report;
	size_t errors;
};

/* Reads the layers, in TOML, one on top of the other. */
static const struct typed *load(struct layers *f, const char *const *texts) {
	arena_init(&f->arena, NULL, 0);
	options_init(&f->set, &f->arena, tables, 1, NULL);
	buf_init(&f->report, 0);
	f->errors = 0;
	struct problems problems = {0};
	for (size_t i = 0; texts[i]; i++) {
		const char *file = arena_printf(&f->arena, "%zu.toml", i).data;
		problems_init(&problems, &f->arena, file, slice_of(texts[i]));
		struct json *tree = toml_parse(&f->arena, slice_of(texts[i]), &problems);
		if (tree) {
			options_apply_tree(&f->set, tree, &problems);
		}
		bool is_last = texts[i + 1] == NULL;
		if (is_last) {
			options_check_required(&f->set, options_report_missing, &problems);
		}
		problems_print(&problems, false, &f->report);
		f->errors += problems.error_count;
	}
	buf_append_byte(&f->report, '\0');
	return f->set.targets[0];
}

static void unload(struct layers *f) {
	buf_finish(&f->report);
	arena_finish(&f->arena);
}

static void expect_show(struct layers *f, const char *pointer, const char *expected) {
	struct buf out;
	buf_init(&out, 0);
	options_show(&f->set, true, true, &out);
	struct json *shown = json_parse(&f->arena, buf_slice(&out), NULL, NULL);
	struct json *wanted = json_parse(&f->arena, slice_of(expected), NULL, NULL);
	assert_non_null(shown);
	assert_non_null(wanted);
	const struct json *found = json_at(shown, slice_of(pointer));
	if (!found || !json_equal(found, wanted)) {
		fail_msg("%s is %.*s, not %s", pointer, SLICE_FMT(json_raw(found)), expected);
	}
	buf_finish(&out);
}

/* Pairs of layers and what is in force. */
static void test_layers(void **state) {
	(void)state;
	static const struct {
		const char *layers[4];
		const char *nodes;
	} cases[] = {
		/* deep: the command stays, the timeout comes */
		{{"[nodes.a]\ncommand='x'\n", "[nodes.a]\ntimeout=7\n"},
			"{'a':{'command':'x','timeout':'7s','max_retries':3,'feeds':'auto'}}"},
		/* an explicit default wins over an earlier value */
		{{"[nodes.a]\nmax_retries=9\n", "[nodes.a]\nmax-retries=3\n"},
			"{'a':{'max_retries':3,'feeds':'auto'}}"},
		/* lists replace, maps merge by key, a list of pairs replaces */
		{{"[nodes.a]\nargs=['1','2']\nenv={A='',B='b'}\n",
			 "[nodes.a]\nargs=[]\nenv={B='c',C='d'}\n"},
			"{'a':{'env':{'A':'','B':'...','C':'...'},'max_retries':3,'feeds':'auto'}"
			"}"},
		{{"[nodes.a]\nenv={A='1',B='2'}\n", "[nodes.a]\nenv=[['C','${X}']]\n"},
			"{'a':{'env':{'C':'${X}'},'max_retries':3,'feeds':'auto'}}"},
		/* additions come behind, wherever they stand */
		{{"[nodes.a]\nmore_args=['2']\nargs=['1']\n", "[nodes.a]\nmore_args=['3']\n"},
			"{'a':{'args':['1','2','3'],'max_retries':3,'feeds':'auto'}}"},
		/* maps in maps, shorthand */
		{{"[nodes.a.leaves]\nx=['p','q']\ny='r'\n",
			 "[nodes.a.leaves.x]\nmode='fallback'\nleast=2\n"},
			"{'a':{'leaves':{'x':{'backends':['p','q'],'mode':'fallback','least':2},"
			"'y':{'backends':['r']}},'max_retries':3,'feeds':'auto'}}"},
		/* lists in maps replace */
		{{"[[nodes.a.list]]\nbackends=['p']\n[[nodes.a.list]]\nbackends='q'\n",
			 "[nodes.a]\nlist=[['z']]\n"},
			"{'a':{'list':[{'backends':['z']}],'max_retries':3,'feeds':'auto'}}"},
		/* new names of a later file come first, in their order */
		{{"[nodes.b]\n[nodes.a]\n", "[nodes.d]\n[nodes.a]\n[nodes.c]\n", ""},
			"{'d':{'max_retries':3,'feeds':'auto'},'c':{'max_retries':3,'feeds':'auto'}"
			","
			"'b':{'max_retries':3,'feeds':'auto'},'a':{'max_retries':3,'feeds':'auto'}"
			"}"},
		/* booleans where words are true and false; numbers; suffixes always */
		{{"[nodes.a]\nfeeds=true\nheat=1\ntimeout='250ms'\n",
			 "[nodes.a]\nfeeds=false\nheat=0.25\n"},
			"{'a':{'timeout':'250ms','max_retries':3,'heat':0.25,'feeds':'false'}}"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct layers f;
		load(&f, cases[i].layers);
		if (f.errors > 0) {
			fail_msg("%s", f.report.data);
		}
		char *wanted = arena_strdup(&f.arena, slice_of(cases[i].nodes));
		for (char *at = wanted; *at; at++) {
			*at = *at == '\'' ? '"' : *at;
		}
		expect_show(&f, "/nodes/value", wanted);
		unload(&f);
	}
}

static void test_order(void **state) {
	(void)state;
	struct layers f;
	const char *const texts[] = {
		"[nodes.b]\n[nodes.a]\n", "[nodes.d]\n[nodes.a]\n[nodes.c]\n", NULL};
	const struct typed *typed = load(&f, texts);
	static const char *const order[] = {"d", "c", "b", "a"};
	assert_int_equal(typed->nodes.len, 4);
	for (size_t i = 0; i < 4; i++) {
		assert_true(slice_is(typed->nodes.items[i].name, order[i]));
	}
	assert_string_equal(typed->nodes.items[3].place.file, "1.toml");
	assert_int_equal(typed->nodes.items[3].place.line, 2);
	assert_string_equal(typed->nodes.items[2].place.file, "0.toml");
	unload(&f);
}

/* What is read is told with its place, and what is not given says so. */
static void test_values(void **state) {
	(void)state;
	struct layers f;
	const char *const texts[] = {"names = []\n"
				     "text = '{{ a }}'\n"
				     "run = ['echo',\n"
				     "  'b']\n"
				     "any = {k = [1, 'x']}\n"
				     "flags = ['p', 'q']\n"
				     "[nodes.'odd name'.leaves]\n"
				     "x = ['p',\n"
				     "  'q']\n",
		NULL};
	const struct typed *typed = load(&f, texts);
	assert_int_equal(f.errors, 0);
	assert_non_null(typed->names.items);
	assert_int_equal(typed->names.len, 0);
	assert_true(slice_is(typed->text.text, "{{ a }}"));
	assert_int_equal(typed->text.place.line, 2);
	assert_int_equal(typed->text.place.column, 8);
	assert_true(json_string_is(typed->text.node, "{{ a }}"));
	assert_null(typed->command.text.text.data);
	assert_int_equal(typed->command.list.len, 2);
	assert_int_equal(typed->command.list.items[1].place.line, 4);
	assert_true(json_is(json_at(typed->any, SLICE("/k/1")), JSON_STRING));
	assert_true(typed->number > 0.49 && typed->number < 0.51);
	assert_int_equal(typed->flags.len, 2);
	assert_true(typed->flags.items[0].is_required && typed->flags.items[1].is_required);
	assert_true(slice_is(typed->flags.items[1].name, "q"));
	const struct node *node = &typed->nodes.items[0];
	assert_true(isnan(node->heat));
	assert_null(node->args.items);
	assert_int_equal(node->leaves.items[0].mode, -1);
	assert_int_equal(node->leaves.items[0].least, 0);
	assert_int_equal(node->leaves.items[0].backends.places[1].line, 9);
	assert_int_equal(node->leaves.items[0].backends.places[1].column, 3);
	const struct option_source *origin =
		options_origin(&f.set, SLICE("nodes.\"odd name\".leaves.x"));
	assert_non_null(origin);
	assert_int_equal(origin->place.line, 8);
	assert_null(options_origin(&f.set, SLICE("nodes.other")));
	unload(&f);
}

/* Each line of workflows.md 1.10, as far as one file can show it; all in one pass. */
static void test_problems(void **state) {
	(void)state;
	static const struct {
		const char *text;
		const char *said[3];
	} cases[] = {
		{"[nodes.a]\ncomand = 'x'\n",
			{"0.toml:2:1: error: unknown key `comand` in [nodes.a]\n"
			 "  comand = 'x'\n  ^\n",
				"did you mean `command`?"}},
		{"[nodes.a]\nzzzzzzzz = 1\n", {"unknown key `zzzzzzzz` in [nodes.a]",
						      "allowed: command, args, more_args, timeout, "
						      "max_retries, heat, env, "
						      "feeds, leaves, list"}},
		{"zzzzzzzz = 1\n", {"unknown key `zzzzzzzz`",
					   "allowed: nodes, flags, any, text, run, number, names"}},
		{"[nodes.a]\n'(name)' = 'x'\n", {"unknown key `(name)` in [nodes.a]"}},
		{"[nodes.a.leaves.x]\nbackends=['b']\nmode = 'paralel'\n",
			{"0.toml:3:8: error: `nodes.a.leaves.x.mode` must be one of first, "
			 "parallel, "
			 "fallback, not `paralel`",
				"did you mean `parallel`?"}},
		{"[nodes.a.leaves.x]\nbackends=['b']\nmode = 'Parallel'\n",
			{"must be one of first, parallel, fallback, not `Parallel`",
				"did you mean `parallel`?"}},
		{"[nodes.a]\nmax_retries = 'three'\n",
			{"0.toml:2:15: error: `nodes.a.max_retries` must be a whole number, not a "
			 "string (`three`)"}},
		{"[nodes.a]\ncommand = 5\n",
			{"`nodes.a.command` must be a text, not a number (`5`)"}},
		{"[nodes.a]\nheat = 'hot'\n",
			{"`nodes.a.heat` must be a number, not a string (`hot`)"}},
		{"[nodes.a]\nheat = 2.5\n", {"`nodes.a.heat` must be from 0 to 2, not 2.5"}},
		{"[nodes.a]\nheat = nan\n", {"`nodes.a.heat` must be a number"}},
		{"[nodes.a]\nenv = {K = 5}\n", {"`nodes.a.env.K` must be a text, not a number"}},
		{"[nodes.a]\nenv = [['K']]\n", {"[name, text] pairs"}},
		{"[nodes.a]\nenv = [['K', 'v', 'w']]\n", {"[name, text] pairs"}},
		{"[nodes]\na = 'x'\n",
			{"0.toml:2:5: error: `nodes.a` must be a mapping of keys to values, not a "
			 "string (`x`)"}},
		{"nodes = ['a']\n", {"`nodes` must be a mapping of names to tables, not an array"}},
		{"flags = ['a', 5]\n", {"`flags` must be a text, not a number (`5`)"}},
		{"flags = ['a', 'a']\n", {"`flags.a` is given twice"}},
		{"[nodes.a]\nmax_retries = 1\nmax-retries = 2\n",
			{"0.toml:3:1: error: `nodes.a.max_retries` is given twice"}},
		{"[nodes.a.leaves.x]\nmode = 'first'\n",
			{"0.toml:1:17: error: [nodes.a.leaves.x] needs `backends`"}},
		{"[nodes.a.leaves]\nx = []\n", {"[nodes.a.leaves.x] needs `backends`"}},
		{"[nodes.a]\nlist = [{mode = 'first'}]\n", {"`nodes.a.list[0]` needs `backends`"}},
		{"[nodes.a]\ntimeout = 120000\n", {"0.toml:2:11: warning: `nodes.a.timeout` counts "
						   "in seconds: 120000 of them "
						   "is 33h20m"}},
		{"[nodes.a]\nx = 1\ny = 2\n[nodes.b]\ntimeout = 'soon'\n",
			{"2:1: error: unknown key `x`", "3:1: error: unknown key `y`",
				"5:11: error: `nodes.b.timeout` must be a duration"}},
		{"[nodes.'']\n", {"has the name ``, which is empty"}},
		{"[nodes.a]\ncommand = 2024-01-02\n",
			{"2:11: error: `nodes.a.command` must be a text, not a date (`2024-01-02`)",
				"put it in quotes"}},
		{"names = [10:00:00]\n", {"`names` must be a text, not a date (`10:00:00`)"}},
		{"[nodes.a]\ntimeout = 2024-01-02T03:04:05Z\n",
			{"must be a duration such as 30s, not a date"}},
		{"[nodes.a]\nmax_retries = 2024-01-02\n", {"must be a whole number, not a date"}},
		{"run = [1]\n", {"`run` must be a text, not a number (`1`)"}},
		{"text = {}\n", {"`text` must be a text, not an object"}},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct layers f;
		const char *const texts[] = {cases[i].text, NULL};
		load(&f, texts);
		for (size_t k = 0; k < 3 && cases[i].said[k]; k++) {
			if (!strstr(f.report.data, cases[i].said[k])) {
				fail_msg("%s\nsays\n%s\nnot %s", cases[i].text, f.report.data,
					cases[i].said[k]);
			}
		}
		unload(&f);
	}
	struct layers f;
	const char *const fine[] = {
		"[nodes.a]\ntimeout = 9999\n[nodes.b]\ntimeout = '20000s'\n", NULL};
	load(&f, fine);
	assert_string_equal(f.report.data, "");
	unload(&f);
}

/* A secret of the wrong type stays out of the message and of the excerpt. */
static void test_secrets(void **state) {
	(void)state;
	struct layers f;
	const char *const texts[] = {"[nodes.a]\nenv = {PASSWORD = ['hunter2-hunter2']}\n", NULL};
	load(&f, texts);
	assert_int_equal(f.errors, 1);
	assert_null(strstr(f.report.data, "hunter2"));
	unload(&f);
	const char *const good[] = {"[nodes.a]\nenv = {T = 'hunter2-hunter2-hunter2'}\n", NULL};
	load(&f, good);
	assert_int_equal(f.errors, 0);
	for (int as_json = 0; as_json < 2; as_json++) {
		struct buf out;
		buf_init(&out, 0);
		options_show(&f.set, as_json, true, &out);
		buf_append_byte(&out, '\0');
		assert_null(strstr(out.data, "hunter2-h"));
		assert_non_null(strstr(out.data, "hunt...ter2"));
		assert_non_null(strstr(out.data, "0.toml:2"));
		buf_finish(&out);
	}
	unload(&f);
}

static void test_schema(void **state) {
	(void)state;
	struct layers f;
	const char *const texts[] = {"", NULL};
	load(&f, texts);
	struct buf out, help;
	buf_init(&out, 0);
	buf_init(&help, 0);
	options_schema(&f.set, "title", &out);
	struct json *schema = json_parse(&f.arena, buf_slice(&out), NULL, NULL);
	assert_non_null(schema);
	static const struct {
		const char *pointer, *value;
	} cases[] = {
		{"/properties/nodes/type", "\"object\""},
		{"/properties/nodes/additionalProperties/properties/command/type", "\"string\""},
		{"/properties/nodes/additionalProperties/properties/heat/type", "\"number\""},
		{"/properties/nodes/additionalProperties/properties/feeds/enum",
			"[\"auto\",\"true\",true,\"false\",false]"},
		{"/properties/nodes/additionalProperties/properties/leaves/additionalProperties/"
		 "type",
			"[\"object\",\"string\",\"array\"]"},
		{"/properties/nodes/additionalProperties/properties/list/items/required",
			"[\"backends\"]"},
		{"/properties/flags/type", "[\"object\",\"array\"]"},
		{"/properties/run/type", "[\"string\",\"array\"]"},
		{"/properties/number/default", "0.5"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const struct json *found = json_at(schema, slice_of(cases[i].pointer));
		struct json *wanted = json_parse(&f.arena, slice_of(cases[i].value), NULL, NULL);
		if (!found || !json_equal(found, wanted)) {
			fail_msg("%s is not %s", cases[i].pointer, cases[i].value);
		}
	}
	assert_null(
		json_at(schema, SLICE("/properties/nodes/additionalProperties/properties/(name)")));
	options_help(&f.set, &help);
	buf_append_byte(&help, '\0');
	assert_non_null(strstr(help.data, "        mode (one of first, parallel, fallback)\n"));
	assert_null(strstr(help.data, "(name)"));
	buf_finish(&help);
	buf_finish(&out);
	unload(&f);
}

int test_options_types(void);
int test_options_types(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_layers),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_problems),
		cmocka_unit_test(test_secrets),
		cmocka_unit_test(test_schema),
	};
	return cmocka_run_group_tests_name("config/options_types", tests, NULL, NULL);
}
