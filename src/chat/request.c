/* request.c: building and asking canonical requests; loss records; media helpers. */
#include "chat/request.h"

#include "base/encoding.h"

static void record_loss(struct chat_losses *losses, struct chat_loss loss) {
	if (losses == NULL) {
		return;
	}
	for (size_t i = 0; i < losses->len; i++) {
		const struct chat_loss *known = &losses->items[i];
		if (known->is_altered == loss.is_altered && strcmp(known->rule, loss.rule) == 0 &&
			strcmp(known->field, loss.field) == 0 &&
			strcmp(known->reason, loss.reason) == 0) {
			return;
		}
	}
	if (losses->len > CHAT_MAX_LOSSES) {
		return;
	}
	if (losses->len == CHAT_MAX_LOSSES) {
		loss = (struct chat_loss){.rule = "IR-5",
			.field = "(more)",
			.reason = "what else was left out or changed is not listed"};
	}
	loss.rule = arena_strdup(losses->arena, slice_of(loss.rule));
	loss.field = arena_strdup(losses->arena, slice_of(loss.field));
	loss.reason = arena_strdup(losses->arena, slice_of(loss.reason));
	*ARENA_PUSH(losses->arena, losses) = loss;
}

void chat_drop(
	struct chat_losses *losses, const char *rule, const char *field, const char *reason) {
	record_loss(losses, (struct chat_loss){.rule = rule, .field = field, .reason = reason});
}

void chat_alter(
	struct chat_losses *losses, const char *rule, const char *field, const char *reason) {
	record_loss(losses,
		(struct chat_loss){
			.rule = rule, .field = field, .reason = reason, .is_altered = true});
}

struct chat_part *chat_parts_push(
	struct arena *arena, struct chat_parts *parts, enum chat_part_kind kind) {
	struct chat_part *part = ARENA_PUSH(arena, parts);
	part->kind = kind;
	return part;
}

struct chat_message *chat_request_push(struct chat_request *request, enum chat_role role) {
	struct chat_message *message = ARENA_PUSH(request->arena, &request->messages);
	message->role = role;
	return message;
}

struct chat_tool *chat_request_push_tool(struct chat_request *request) {
	return ARENA_PUSH(request->arena, &request->tools);
}

void chat_ext_add(struct arena *arena, struct chat_exts *exts, enum format_id format,
	struct slice name, struct slice json) {
	*ARENA_PUSH(arena, exts) = (struct chat_ext){.format = format, .name = name, .json = json};
}

struct slice chat_ext_get(const struct chat_exts *exts, enum format_id format, const char *name) {
	for (size_t i = exts->len; i > 0; i--) {
		const struct chat_ext *ext = &exts->items[i - 1];
		if (ext->format == format && slice_is(ext->name, name)) {
			return ext->json;
		}
	}
	return (struct slice){0};
}

struct slice chat_parts_text(
	struct arena *arena, const struct chat_parts *parts, const char *separator) {
	struct slice gap = slice_of(separator), only = SLICE("");
	size_t total = 0, count = 0;
	for (size_t i = 0; i < parts->len; i++) {
		if (parts->items[i].kind == CHAT_PART_TEXT) {
			only = parts->items[i].text;
			total += only.len + (count++ > 0 ? gap.len : 0);
		}
	}
	if (count <= 1) {
		return only;
	}
	char *text = arena_alloc(arena, total + 1), *at = text;
	for (size_t i = 0; i < parts->len; i++) {
		if (parts->items[i].kind != CHAT_PART_TEXT) {
			continue;
		}
		if (at != text || total == 0) {
			memcpy(at, gap.data, gap.len);
			at += gap.len;
		}
		struct slice piece = parts->items[i].text;
		if (piece.len > 0) {
			memcpy(at, piece.data, piece.len);
			at += piece.len;
		}
	}
	return slice_make(text, (size_t)(at - text));
}

bool chat_args_are_valid(struct slice args) {
	return json_is_valid(args) && !slice_starts_with(args, SLICE("\xef\xbb\xbf"));
}

bool chat_parts_all_text(const struct chat_parts *parts) {
	for (size_t i = 0; i < parts->len; i++) {
		if (parts->items[i].kind != CHAT_PART_TEXT) {
			return false;
		}
	}
	return true;
}

const struct chat_tool *chat_request_find_tool(
	const struct chat_request *request, struct slice name) {
	for (size_t i = 0; i < request->tools.len; i++) {
		if (slice_eq(request->tools.items[i].name, name)) {
			return &request->tools.items[i];
		}
	}
	return NULL;
}

/* E-59: a data URL without base64 holds percent-encoded bytes. */
static bool reencode_percent(struct arena *arena, struct slice text, struct slice *data) {
	struct buf bytes, base64;
	buf_init(&bytes, 0);
	buf_init(&base64, 0);
	bool ok = percent_decode(text, false, &bytes) &&
		  base64_encode(buf_slice(&bytes), false, &base64);
	if (ok) {
		*data = arena_dup(arena, buf_slice(&base64));
	}
	buf_finish(&bytes);
	buf_finish(&base64);
	return ok;
}

bool chat_split_data_url(
	struct arena *arena, struct slice url, struct slice *media_type, struct slice *data) {
	if (!slice_istarts_with(url, SLICE("data:"))) {
		return false;
	}
	struct slice rest = slice_from(url, 5);
	size_t comma = slice_find_byte(rest, ',');
	if (comma == SIZE_MAX) {
		return false;
	}
	struct slice params = slice_sub(rest, 0, comma), type, part;
	struct slice body = slice_from(rest, comma + 1);
	bool is_base64 = false;
	slice_split(&params, ';', &type);
	while (slice_split(&params, ';', &part)) {
		is_base64 = is_base64 || slice_ieq(slice_trim(part), SLICE("base64"));
	}
	type = slice_trim(type);
	*media_type = type.len > 0 ? type : SLICE("text/plain");
	if (is_base64) {
		*data = body;
		return true;
	}
	return reencode_percent(arena, body, data);
}

/* What files of a type begin with; `second` stands at offset 8 (RIFF containers). */
static const struct {
	struct slice first, second;
	const char *media_type;
} signatures[] = {
	{SLICE_INIT("\x89PNG\r\n\x1a\n"), {0}, "image/png"},
	{SLICE_INIT("\xff\xd8\xff"), {0}, "image/jpeg"},
	{SLICE_INIT("GIF8"), {0}, "image/gif"},
	{SLICE_INIT("RIFF"), SLICE_INIT("WEBP"), "image/webp"},
	{SLICE_INIT("RIFF"), SLICE_INIT("WAVE"), "audio/wav"},
	{SLICE_INIT("%PDF-"), {0}, "application/pdf"},
	{SLICE_INIT("ID3"), {0}, "audio/mp3"},
};

struct slice chat_sniff_media_type(struct slice base64) {
	struct slice found = {0};
	struct buf head;
	buf_init(&head, 0);
	if (base64_decode(slice_sub(base64, 0, 24), &head)) {
		struct slice bytes = buf_slice(&head);
		for (size_t i = 0; i < sizeof signatures / sizeof *signatures; i++) {
			if (slice_starts_with(bytes, signatures[i].first) &&
				slice_starts_with(slice_from(bytes, 8), signatures[i].second)) {
				found = slice_of(signatures[i].media_type);
				break;
			}
		}
	}
	buf_finish(&head);
	return found;
}
