/* turns.h: a conversation as turns of alternating roles, with every tool call answered right behind
 * its turn: what the dialects with content blocks or parts want (formats.md AN-3, AN-4,
 * AN-12..AN-14, GM-3..GM-5). */
#ifndef LLMMUX_FORMATS_TURNS_H
#define LLMMUX_FORMATS_TURNS_H

#include "formats/format.h"

enum turn_role {
	TURN_USER,
	TURN_ASSISTANT,
	TURN_SYSTEM
};

struct turn {
	enum turn_role role;
	struct chat_parts parts; /* copies: passes may change them */
};

/* What a dialect's rules are called, for the losses. */
struct turn_rules {
	const char *reminder, *missing, *orphan;
};

struct turns {
	struct turn *items;
	size_t len, cap;
	struct arena *arena;
	struct chat_losses *losses;
	const struct turn_rules *rules;
};

/* A new last turn; the pointer holds until the next push. */
struct turn *turns_push(struct turns *turns, enum turn_role role);
/* A new first turn. */
struct turn *turns_push_first(struct turns *turns, enum turn_role role);
void turns_add_part(struct turns *turns, struct chat_parts *parts, const struct chat_part *part);
void turns_add_text(struct turns *turns, struct chat_parts *parts, struct slice text);

/* System text after the first turn, where it stands, as a reminder in a user turn. */
void turns_add_reminder(struct turns *turns, const struct chat_message *message);
/* A user's, assistant's or tool's message. */
void turns_add_message(struct turns *turns, const struct chat_message *message);
/* Every call is answered at the head of the user turn right behind it, in call order, by one
 * result: the missing ones are made, those without a call become text. Turns of one role must have
 * been merged. */
void turns_pair_results(struct turns *turns);
/* Neighbours of one role become one; system turns stay. */
void turns_merge(struct turns *turns);
/* E-48: a conversation of nothing but system text: the last of it speaks as the user. */
void turns_speak_system_as_user(struct turns *turns, struct chat_parts *system);
size_t turn_count_calls(const struct turn *turn);

#endif
