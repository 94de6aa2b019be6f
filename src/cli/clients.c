/* clients.c: the table of clients. docs/clients/ explains each; facts were read from the programs
 * themselves or from their makers' documentation. */
#include "cli/clients.h"

#include <string.h>

/* ---- agents and command-line tools ---- */

/* The Bearer key spares Claude Code's question whether an API key may be used; with both it warns
 * of a conflict. Every family of models is answered by the chosen one, background calls too. */
static const struct client_variable claude_code_variables[] = {
	{"ANTHROPIC_BASE_URL", "{origin}"},
	{"ANTHROPIC_AUTH_TOKEN", "{key}"},
	{"ANTHROPIC_API_KEY", NULL},
	{"ANTHROPIC_MODEL", "{model}"},
	{"ANTHROPIC_DEFAULT_OPUS_MODEL", "{model}"},
	{"ANTHROPIC_DEFAULT_SONNET_MODEL", "{model}"},
	{"ANTHROPIC_DEFAULT_HAIKU_MODEL", "{model}"},
	{"CLAUDE_CODE_ENABLE_GATEWAY_MODEL_DISCOVERY", "1"},
	{NULL, NULL},
};

static const struct client_variable key_only[] = {
	{CLIENT_KEY_VARIABLE, "{key}"},
	{NULL, NULL},
};
static const char *const codex_arguments[] = {
	"--config=model_provider=\"llm-mux\"",
	"--config=model_providers.llm-mux.name=\"llm-mux\"",
	"--config=model_providers.llm-mux.base_url=\"{origin}/v1\"",
	"--config=model_providers.llm-mux.env_key=\"" CLIENT_KEY_VARIABLE "\"",
	"--config=model_providers.llm-mux.wire_api=\"responses\"",
	"--config=model=\"{model}\"",
	NULL,
};

static const struct client_variable gemini_cli_variables[] = {
	{"GOOGLE_GEMINI_BASE_URL", "{origin}"},
	{"GEMINI_API_KEY", "{key}"},
	{"GEMINI_MODEL", "{model}"},
	{"GEMINI_CLI_HOME", "{home}"},
	{NULL, NULL},
};

static const struct client_variable qwen_code_variables[] = {
	{"OPENAI_BASE_URL", "{origin}/v1"},
	{"OPENAI_API_KEY", "{key}"},
	{"OPENAI_MODEL", "{model}"},
	{NULL, NULL},
};
static const char *const qwen_code_arguments[] = {"--auth-type=openai", NULL};

static const struct client_variable opencode_variables[] = {
	{CLIENT_KEY_VARIABLE, "{key}"},
	{"OPENCODE_CONFIG_CONTENT", "{snippet}"},
	{NULL, NULL},
};

static const struct client_variable copilot_variables[] = {
	{"COPILOT_PROVIDER_TYPE", "openai"},
	{"COPILOT_PROVIDER_BASE_URL", "{origin}/v1"},
	{"COPILOT_PROVIDER_API_KEY", "{key}"},
	{"COPILOT_PROVIDER_WIRE_API", "completions"},
	{"COPILOT_MODEL", "{model}"},
	{NULL, NULL},
};

static const struct client_variable aider_variables[] = {
	{"OPENAI_API_BASE", "{origin}/v1"},
	{"OPENAI_API_KEY", "{key}"},
	{"AIDER_MODEL", "{model}"},
	{NULL, NULL},
};

static const struct client_variable open_webui_variables[] = {
	{"OPENAI_API_BASE_URL", "{origin}/v1"},
	{"OPENAI_API_KEY", "{key}"},
	{"ENABLE_OLLAMA_API", "false"},
	{NULL, NULL},
};

static const char *const continue_arguments[] = {"--config={file}", NULL};

/* ---- libraries ---- */

static const struct client_variable openai_variables[] = {
	{"OPENAI_BASE_URL", "{origin}/v1"},
	{"OPENAI_API_KEY", "{key}"},
	{NULL, NULL},
};
static const struct client_variable anthropic_variables[] = {
	{"ANTHROPIC_BASE_URL", "{origin}"},
	{"ANTHROPIC_API_KEY", "{key}"},
	{NULL, NULL},
};
static const struct client_variable google_genai_variables[] = {
	{"GOOGLE_GEMINI_BASE_URL", "{origin}"},
	{"GEMINI_API_KEY", "{key}"},
	{"GOOGLE_API_KEY", NULL},
	{NULL, NULL},
};
static const struct client_variable ollama_variables[] = {
	{"OLLAMA_HOST", "{origin}"},
	{"OLLAMA_API_KEY", "{key}"},
	{NULL, NULL},
};
/* The Python and the JavaScript packages read different names. */
static const struct client_variable langchain_variables[] = {
	{"OPENAI_API_BASE", "{origin}/v1"},
	{"OPENAI_BASE_URL", "{origin}/v1"},
	{"OPENAI_API_KEY", "{key}"},
	{"ANTHROPIC_API_URL", "{origin}"},
	{"ANTHROPIC_BASE_URL", "{origin}"},
	{"ANTHROPIC_API_KEY", "{key}"},
	{NULL, NULL},
};

/* ---- the table ---- */

const struct client client_table[] = {
	{.name = "claude-code",
		.title = "Claude Code",
		.program = "claude",
		.install = "npm install -g @anthropic-ai/claude-code",
		.variables = claude_code_variables,
		.api = "/v1/messages",
		.note = "Without --model it asks for Claude models by its own names."},
	{.name = "codex",
		.title = "Codex CLI",
		.program = "codex",
		.install = "npm install -g @openai/codex",
		.variables = key_only,
		.arguments = codex_arguments,
		.snippet = {.place = "~/.codex/config.toml",
			.comment = "#",
			.text = "model = \"{model}\"\n"
				"model_provider = \"llm-mux\"\n"
				"\n"
				"[model_providers.llm-mux]\n"
				"name = \"llm-mux\"\n"
				"base_url = \"{origin}/v1\"\n"
				"env_key = \"" CLIENT_KEY_VARIABLE "\"\n"
				"wire_api = \"responses\"\n"},
		.api = "/v1/responses",
		.note = "Without --model it asks for a GPT model of its own choice."},
	{.name = "gemini-cli",
		.title = "Gemini CLI",
		.program = "gemini",
		.install = "npm install -g @google/gemini-cli",
		.variables = gemini_cli_variables,
		.snippet = {.place = "~/.gemini/settings.json",
			.comment = "//",
			.own = ".gemini/settings.json",
			.is_shared = true,
			.text = "{\"security\": {\"auth\": {\"selectedType\": "
				"\"gemini-api-key\"}}}\n"},
		.api = "/v1beta/models/MODEL:streamGenerateContent",
		.note = "Without the settings it answers \"Invalid auth method selected\".\n"
			"Without --model it asks for Gemini models by its own names."},
	{.name = "qwen-code",
		.title = "Qwen Code",
		.program = "qwen",
		.install = "npm install -g @qwen-code/qwen-code",
		.variables = qwen_code_variables,
		.arguments = qwen_code_arguments,
		.needs_model = true,
		.api = "/v1/chat/completions",
		.note = "It ends with exit code 0 when the API refused it."},
	{.name = "opencode",
		.title = "opencode",
		.program = "opencode",
		.install = "npm install -g opencode-ai",
		.variables = opencode_variables,
		.snippet = {.place = "~/.config/opencode/opencode.json",
			.comment = "//",
			.text = "{\n"
				"  \"$schema\": \"https://opencode.ai/config.json\",\n"
				"  \"model\": \"llm-mux/{model}\",\n"
				"  \"small_model\": \"llm-mux/{model}\",\n"
				"  \"provider\": {\n"
				"    \"llm-mux\": {\n"
				"      \"npm\": \"@ai-sdk/openai-compatible\",\n"
				"      \"options\": {\n"
				"        \"baseURL\": \"{origin}/v1\",\n"
				"        \"apiKey\": \"{env:" CLIENT_KEY_VARIABLE "}\"\n"
				"      },\n"
				"      \"models\": {\n"
				"        \"{model}\": {}\n"
				"      }\n"
				"    }\n"
				"  }\n"
				"}\n"},
		.needs_model = true,
		.api = "/v1/chat/completions",
		.note = "It knows the models that its configuration names, no others."},
	{.name = "copilot",
		.title = "GitHub Copilot CLI",
		.program = "copilot",
		.install = "npm install -g @github/copilot",
		.variables = copilot_variables,
		.needs_model = true,
		.api = "/v1/chat/completions",
		.note = "COPILOT_OFFLINE=true keeps it from GitHub's servers."},
	{.name = "aider",
		.title = "Aider",
		.program = "aider",
		.install = "python -m pip install aider-install && aider-install",
		.variables = aider_variables,
		.model_prefix = "openai/",
		.needs_model = true,
		.api = "/v1/chat/completions",
		.note = "`openai/` before the model's name is Aider's word for the OpenAI API."},
	{.name = "continue",
		.title = "Continue",
		.program = "cn",
		.install = "npm install -g @continuedev/cli",
		.arguments = continue_arguments,
		.snippet = {.place = "~/.continue/config.yaml",
			.comment = "#",
			.own = "config.yaml",
			.text = "name: llm-mux\n"
				"version: 0.0.1\n"
				"schema: v1\n"
				"models:\n"
				"  - name: \"llm-mux {model}\"\n"
				"    provider: openai\n"
				"    model: \"{model}\"\n"
				"    apiBase: \"{origin}/v1\"\n"
				"    apiKey: \"{key}\"\n"
				"    roles: [chat, edit, apply]\n"},
		.needs_model = true,
		.api = "/v1/chat/completions",
		.note = "Add an entry for each further model."},
	{.name = "cline",
		.title = "Cline",
		.snippet = {.place = "Cline's settings (the gear in its panel)",
			.is_menu = true,
			.comment = "#",
			.text = "API Provider:  OpenAI Compatible\n"
				"Base URL:      {origin}/v1\n"
				"API Key:       {key}\n"
				"Model ID:      {model}\n"},
		.needs_model = true,
		.api = "/v1/chat/completions"},
	{.name = "cursor",
		.title = "Cursor",
		.snippet = {.place = "Cursor Settings > Models > API Keys",
			.is_menu = true,
			.comment = "#",
			.text = "OpenAI API Key:            {key}\n"
				"Override OpenAI Base URL:  {origin}/v1\n"
				"Add Custom Model:          {model}\n"},
		.needs_model = true,
		.api = "/v1/chat/completions",
		.note = "Cursor's own servers make the calls: they reach a public https address\n"
			"(--url https://llm.example.org), not this machine's 127.0.0.1."},
	{.name = "open-webui",
		.title = "Open WebUI",
		.program = "open-webui",
		.install = "pip install open-webui",
		.variables = open_webui_variables,
		.api = "/v1/chat/completions",
		.note = "It keeps what it was first started with: later changes are made under\n"
			"Admin Panel > Settings > Connections."},
	{.name = "langchain",
		.title = "LangChain",
		.variables = langchain_variables,
		.api = "/v1/chat/completions, /v1/messages"},
	{.name = "ai-sdk",
		.title = "Vercel AI SDK",
		.snippet = {.place = "your program",
			.comment = "//",
			.text = "import { createOpenAICompatible } from "
				"\"@ai-sdk/openai-compatible\";\n"
				"\n"
				"const mux = createOpenAICompatible({\n"
				"  name: \"llm-mux\",\n"
				"  baseURL: \"{origin}/v1\",\n"
				"  apiKey: process.env." CLIENT_KEY_VARIABLE ",\n"
				"  supportsStructuredOutputs: true,\n"
				"});\n"
				"const model = mux(\"{model}\");\n"},
		.variables = key_only,
		.needs_model = true,
		.api = "/v1/chat/completions"},
	{.name = "openai",
		.title = "OpenAI SDKs",
		.variables = openai_variables,
		.api = "/v1/chat/completions, /v1/responses"},
	{.name = "anthropic",
		.title = "Anthropic SDKs",
		.variables = anthropic_variables,
		.api = "/v1/messages"},
	{.name = "google-genai",
		.title = "Google Gen AI SDKs",
		.variables = google_genai_variables,
		.api = "/v1beta/models/MODEL:generateContent"},
	{.name = "ollama",
		.title = "Ollama's SDKs and tools",
		.variables = ollama_variables,
		.api = "/api/chat",
		.note = "The JavaScript SDK reads no variable: new Ollama({ host: \"...\" })."},
	{.name = NULL},
};

static const char *next_name(const void *data, size_t index) {
	(void)data;
	return client_table[index].name;
}

const struct client *client_find(const char *name, const char **near) {
	*near = NULL;
	for (const struct client *client = client_table; client->name; client++) {
		if (strcmp(client->name, name) == 0) {
			return client;
		}
	}
	*near = command_nearest(name, next_name, NULL);
	return NULL;
}

const struct client *client_named(const struct command_context *context) {
	const char *name = context->arguments[0], *near;
	const struct client *client = client_find(name, &near);
	if (!client) {
		command_fail(context, COMMAND_USAGE,
			near ? "no client '%s' is known; did you mean '%s'?"
			     : "no client '%s' is known; llm-mux env lists them",
			name, near);
	}
	return client;
}
