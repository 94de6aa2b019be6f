/* names.h: tool names and call ids that an upstream does not take, renamed and mapped back
 * (formats.md 4.6). */
#ifndef LLMMUX_FORMATS_NAMES_H
#define LLMMUX_FORMATS_NAMES_H

#include "formats/format.h"

/* What an upstream takes: [A-Za-z0-9] and `extra`, at most `limit` bytes. */
struct name_rule {
	const char *extra; /* "_-" */
	size_t limit;
};
/* Not empty, and within the rule. */
bool name_fits(const struct name_rule *rule, struct slice name);

/* NM-1: the upstream's spelling of a client's name; the same one every time within a request,
 * unique in the map (collisions get a hash), deterministic over requests. A name that fits and is
 * not taken stays as it is. Every name asked for is entered in the map. */
struct slice names_to_upstream(struct format_name_map *map, struct arena *arena,
	const struct name_rule *rule, struct slice client_name);
/* As names_to_upstream, for an upstream whose names begin with a letter or '_' (GM-11); the rule's
 * extra letters have '_' among them. */
struct slice names_to_identifier(struct format_name_map *map, struct arena *arena,
	const struct name_rule *rule, struct slice client_name);
/* Keeps an upstream's name from being given to any of the client's (E-93). */
void names_reserve(struct format_name_map *map, struct arena *arena, struct slice upstream_name);
/* The client's spelling of a name that comes back; the name itself when it is not in the map. */
struct slice names_to_client(const struct format_name_map *map, struct slice upstream_name);

#endif
