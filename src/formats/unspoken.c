/* unspoken.c: what a request says that no request of the upstream's dialect can, and so no builder
 * looks at: recorded in one place, that nothing vanishes without a word (IR-1, IR-5). What a
 * builder decides about, it records itself. */
#include <stdio.h>

#include "formats/formats_internal.h"

enum fact {
	FACT_CACHE,
	FACT_CITATIONS,
	FACT_DOCUMENT_TITLE,
	FACT_DOCUMENT_CONTEXT,
	FACT_DOCUMENT_CITATIONS,
	FACT_DETAIL,
	FACT_REDACTED,
	FACT_CALL_SIGNATURE,
	FACT_STRICT_TOOL,
	FACT_TOOL_GRAMMAR,
	FACT_BETAS,
	FACT_OBFUSCATION,
	FACT_STORE,
	FACT_SAFETY_IDENTIFIER,
	FACT_CACHE_KEY,
	FACT_TEXT_SIGNATURE,
	FACT_PHASE,
	FACT_TRUNCATION
};

#define OF(format) (1u << (format))
#define CHAT OF(FORMAT_OPENAI_CHAT)
#define RESPONSES OF(FORMAT_OPENAI_RESPONSES)
#define ANTHROPIC OF(FORMAT_ANTHROPIC)
#define GEMINI OF(FORMAT_GEMINI)
#define OLLAMA OF(FORMAT_OLLAMA)
#define ALL_BUT(formats) ((OF(FORMAT_COUNT) - 1) & ~(formats))

static const struct {
	enum fact fact;
	unsigned upstreams; /* whose builders do not look at it */
	const char *rule, *field, *reason;
} rows[] = {
	{FACT_CACHE, GEMINI | OLLAMA, "4.10", "cache_control", "no cache marks there"},
	{FACT_CITATIONS, ALL_BUT(ANTHROPIC), "IR-1", "messages.citations",
		"only their provider knows them"},
	{FACT_DOCUMENT_TITLE, GEMINI, "4.9", "messages.document.title",
		"files have no title there"},
	{FACT_DOCUMENT_CONTEXT, ALL_BUT(ANTHROPIC), "4.9", "messages.document.context",
		"files have no context there"},
	{FACT_DOCUMENT_CITATIONS, ALL_BUT(ANTHROPIC), "4.9", "messages.document.citations",
		"no citations there"},
	{FACT_DETAIL, OLLAMA, "4.9", "messages.image.detail", "images have no detail there"},
	{FACT_REDACTED, OLLAMA, "E-70", "messages.redacted_thinking",
		"only its provider can read it"},
	{FACT_CALL_SIGNATURE, ALL_BUT(GEMINI), "IR-11", "messages.tool_calls.signature",
		"only its provider can verify it"},
	{FACT_STRICT_TOOL, CHAT | RESPONSES | OLLAMA, "OC-10", "tools.strict",
		"a schema written for another format"},
	{FACT_TOOL_GRAMMAR, CHAT | ANTHROPIC | GEMINI | OLLAMA, "E-110", "tools.custom.format",
		"no grammars there"},
	{FACT_BETAS, ALL_BUT(ANTHROPIC), "RT-5", "betas", "only Anthropic knows them"},
	{FACT_OBFUSCATION, ANTHROPIC | GEMINI | OLLAMA, "IR-5",
		"stream_options.include_obfuscation", "streams have none there"},
	{FACT_STORE, RESPONSES, "RS-3", "store", "answers for this format are not stored there"},
	{FACT_SAFETY_IDENTIFIER, OLLAMA, "IR-5", "safety_identifier", "no such field there"},
	{FACT_CACHE_KEY, OLLAMA, "IR-5", "prompt_cache_key", "no such field there"},
	{FACT_TEXT_SIGNATURE, ALL_BUT(GEMINI), "IR-11", "messages.text.signature",
		"only its provider can verify it"},
	{FACT_PHASE, ALL_BUT(RESPONSES), "RS-28", "messages.phase", "messages have none there"},
	{FACT_TRUNCATION, ALL_BUT(RESPONSES), "RS-3", "truncation", "no such field there"},
};

static void add(unsigned *facts, bool is_so, enum fact fact) {
	*facts |= is_so ? 1u << fact : 0;
}

/* What the parts say; a call's proof counts when it is another dialect's than the upstream's. */
static void look_at_parts(
	const struct chat_parts *parts, enum format_id upstream, unsigned *facts) {
	for (size_t i = 0; i < parts->len; i++) {
		const struct chat_part *part = &parts->items[i];
		bool is_file = part->kind == CHAT_PART_FILE;
		add(facts, part->cache.is_set, FACT_CACHE);
		add(facts, part->citations.data != NULL, FACT_CITATIONS);
		add(facts, is_file && part->title.len > 0, FACT_DOCUMENT_TITLE);
		add(facts, is_file && part->context.len > 0, FACT_DOCUMENT_CONTEXT);
		add(facts, is_file && part->citations_enabled == TRI_TRUE, FACT_DOCUMENT_CITATIONS);
		add(facts, part->detail.len > 0 && !slice_is(part->detail, "auto"), FACT_DETAIL);
		add(facts, part->kind == CHAT_PART_THINKING && part->is_redacted, FACT_REDACTED);
		add(facts, part->kind == CHAT_PART_TEXT && part->signature.len > 0,
			FACT_TEXT_SIGNATURE);
		add(facts,
			part->kind == CHAT_PART_TOOL_CALL && part->signature.len > 0 &&
				part->provider != upstream,
			FACT_CALL_SIGNATURE);
		look_at_parts(&part->parts, upstream, facts);
	}
}

static bool is_grammar(const struct chat_tool *tool) {
	return tool->kind == CHAT_TOOL_CUSTOM &&
	       slice_contains(tool->custom_format, SLICE("\"grammar\""));
}

/* Strictness is only taken over from cc to Responses. */
static bool loses_strict(const struct chat_request *request, enum format_id upstream) {
	return request->client_format != FORMAT_OPENAI_CHAT || upstream != FORMAT_OPENAI_RESPONSES;
}

static unsigned find_facts(const struct chat_request *request, enum format_id upstream) {
	unsigned facts = 0;
	look_at_parts(&request->system, upstream, &facts);
	for (size_t i = 0; i < request->messages.len; i++) {
		look_at_parts(&request->messages.items[i].parts, upstream, &facts);
		add(&facts, request->messages.items[i].phase.len > 0, FACT_PHASE);
	}
	for (size_t i = 0; i < request->tools.len; i++) {
		const struct chat_tool *tool = &request->tools.items[i];
		add(&facts, tool->cache.is_set, FACT_CACHE);
		add(&facts, tool->strict == TRI_TRUE && loses_strict(request, upstream),
			FACT_STRICT_TOOL);
		add(&facts, is_grammar(tool), FACT_TOOL_GRAMMAR);
	}
	add(&facts, request->beta_count > 0, FACT_BETAS);
	add(&facts, request->include_obfuscation != TRI_UNSET, FACT_OBFUSCATION);
	add(&facts, request->store == TRI_TRUE, FACT_STORE);
	add(&facts, request->safety_identifier.len > 0, FACT_SAFETY_IDENTIFIER);
	add(&facts, request->cache_key.len > 0, FACT_CACHE_KEY);
	add(&facts, request->truncation.len > 0, FACT_TRUNCATION);
	return facts;
}

/* IR-1: fields of a tool that only another dialect has. */
static void drop_tool_exts(
	const struct chat_request *request, enum format_id upstream, struct chat_losses *losses) {
	for (size_t t = 0; t < request->tools.len; t++) {
		const struct chat_exts *exts = &request->tools.items[t].ext;
		for (size_t i = 0; i < exts->len; i++) {
			char field[64];
			snprintf(field, sizeof field, "tools.%.*s", SLICE_FMT(exts->items[i].name));
			if (exts->items[i].format != upstream) {
				chat_drop(
					losses, "IR-1", field, "only the client's format knows it");
			}
		}
	}
}

/* Hosts of one dialect differ: OpenAI's own takes grammars, Google's the proof of a Gemini call
 * (CC-8). */
static bool is_taken(enum fact fact, enum format_id upstream, const struct format_target *target) {
	bool is_official = (target->quirks & QUIRK_OFFICIAL) != 0;
	bool is_google = strcmp(target->family->vendor, "google") == 0;
	return upstream == FORMAT_OPENAI_CHAT &&
	       ((fact == FACT_TOOL_GRAMMAR && is_official) ||
		       (fact == FACT_CALL_SIGNATURE && is_google));
}

void format_note_unspoken(const struct chat_request *request, enum format_id upstream,
	const struct format_target *target, struct chat_losses *losses) {
	bool is_same = request->client_format == upstream;
	unsigned facts = find_facts(request, upstream);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		bool is_said =
			(facts >> rows[i].fact & 1) != 0 && (rows[i].upstreams & OF(upstream)) != 0;
		/* A dialect carries what it says itself, but for the proof of another one's. */
		bool is_own = is_same && rows[i].fact != FACT_CALL_SIGNATURE;
		if (is_said && !is_own && !is_taken(rows[i].fact, upstream, target)) {
			chat_drop(losses, rows[i].rule, rows[i].field, rows[i].reason);
		}
	}
	if (!is_same) {
		drop_tool_exts(request, upstream, losses);
	}
}
