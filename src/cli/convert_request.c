/* convert_request.c: `convert request`: a client's request as the body an upstream gets. */
#include "base/file.h"
#include "cli/convert.h"
#include "providers/provider.h"

/* How the vendor of the format takes it; other hosts are said to be one by the configuration. */
static uint32_t quirks_of(const struct format *format) {
	for (const struct provider *const *row = provider_all(); *row; row++) {
		if ((*row)->format == format->id) {
			char url[128];
			snprintf(url, sizeof url, "https://%s", (*row)->official_host);
			return provider_quirks(*row, slice_of(url));
		}
	}
	return QUIRK_OFFICIAL;
}

static bool parse(struct convert *convert, struct slice body, struct chat_request *request,
	struct error *error) {
	struct format_parse parse = {.body = body, .op = CHAT_OP_CHAT, .arena = &convert->arena};
	parse.tree = json_parse(&convert->arena, body, NULL, error);
	if (!parse.tree) {
		return false;
	}
	if (!json_is(parse.tree, JSON_OBJECT)) {
		return error_set(error, ERROR_INVALID_REQUEST,
			"a request is a JSON object, and this is %s", json_type_name(parse.tree));
	}
	return convert->from->parse_request(&parse, request, error);
}

static bool build(struct convert *convert, const struct chat_request *request,
	struct format_built *built, struct error *error) {
	struct slice model = convert->model.len > 0 ? convert->model : request->model;
	const struct format_target target = {
		.model = model,
		.family = model_family_of(model),
		.quirks = quirks_of(convert->to),
		.stream = request->stream,
	};
	if (model.len == 0) {
		return error_set(error, ERROR_INVALID_REQUEST,
			"the request names no model; say it with --model");
	}
	built->body.allow_refs = true;
	if (convert->from == convert->to) {
		return format_splice_request(convert->from, request, &target, &built->body, error);
	}
	if (!convert->to->build_request) {
		return error_set(error, ERROR_NOT_SUPPORTED,
			"no upstream speaks %s, so there is no request to build for one",
			convert->to->name);
	}
	return format_build_request(convert->to, request, &target, built, &convert->losses, error);
}

static void print(const struct buf *body, FILE *out) {
	char piece[16 * 1024], last = '\n';
	size_t at = 0, count;
	while ((count = buf_copy_out(body, at, piece, sizeof piece)) > 0) {
		fwrite(piece, 1, count, out);
		last = piece[count - 1];
		at += count;
	}
	if (last != '\n') {
		fputc('\n', out);
	}
}

int convert_request(struct convert *convert) {
	struct buf body = {0};
	struct format_built built = {0};
	struct chat_request request = {
		.arena = &convert->arena, .client_format = convert->from->id};
	struct error error = {0};
	int code = COMMAND_OK;
	if (!file_read(convert->path, CONVERT_INPUT_MAX, &body, &error)) {
		code = command_fail(convert->context, COMMAND_FAILED, "%s", error.message);
	} else if (!parse(convert, buf_slice(&body), &request, &error) ||
		   !build(convert, &request, &built, &error)) {
		code = convert_fail(convert, &error);
	} else {
		print(&built.body, convert->context->out);
	}
	buf_finish(&built.body);
	buf_finish(&body);
	return code;
}
